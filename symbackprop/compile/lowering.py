"""Lowering: from equations in normal form to values of the plan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import TypeGuard

import sympy as sp

from symbackprop.calculus.nodes import (
    Access,
    Affine,
    Bracket,
    Delta,
    Func,
    Group,
    Index,
    Node,
    Place,
    Term,
    linear,
)
from symbackprop.calculus.nodes import Constant as NormalConstant
from symbackprop.calculus.normal import (
    FirstPlace,
    Flat,
    Poly,
    Search,
    Total,
    denied,
    is_boolean,
    place_of,
    rename,
)
from symbackprop.calculus.ranges import surely_outside, surely_within
from symbackprop.calculus.rewrite import factor
from symbackprop.compile.build import (
    ZERO,
    add,
    both,
    complement,
    divided,
    guarded,
    is_map,
    joined,
    negative,
    power,
    quotient,
    select,
    unsigned,
)
from symbackprop.compile.contraction import contract
from symbackprop.compile.plan import (
    Constant,
    First,
    Load,
    Map,
    Places,
    PlanPlace,
    Positions,
    Put,
    Reduce,
    Scatter,
    Size,
    Spread,
    Value,
    window,
)
from symbackprop.compile.putting import Product, contracted, opened, reread, solved
from symbackprop.compile.stores import Store
from symbackprop.language import PRIMITIVES, Role, Tensor

_MIRRORED = {">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Lowering:
    """Lowers expressions over one table of tensors.

    Parameters
    ----------
    tensors
        Every tensor by name.
    hosts
        The scalars that are plain Python numbers rather than arrays.
    stores
        The tensors that are kept with elements outside their range, by name.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        hosts: Iterable[str],
        stores: Mapping[str, Store] = MappingProxyType({}),
    ) -> None:
        self._tensors = tensors
        self._stores = stores
        self.hosts = set(hosts)
        #: The index of a recurrence, while its equations are lowered.
        self.running: Index | None = None

    def value(self, expr: Poly) -> Value:
        """The value of an expression."""
        joint = _factored(expr)
        choice = self._choice(expr)
        if choice is not None and (joint == expr or _is_simple(choice)):
            return choice
        summands = [self._term(term) for term in self._joined(joint).terms]
        side_by_side = joined(summands)
        if side_by_side is not None and side_by_side.axis != self.running:
            return side_by_side
        return add(summands)

    def _choice(self, expr: Poly) -> Value | None:
        """``[c]·u + [not c]·v`` as one selection between u and v."""
        fails: Node
        for base in dict.fromkeys(base for term in expr.terms for base in term.children):
            if isinstance(base, Bracket) and base.relation in (">", "=="):
                holds, fails = frozenset[Node]((base,)), base.negation
            elif isinstance(base, Group) and (conditions := denied(base)):
                holds, fails = conditions, base
            else:
                continue
            yes = [t for t in expr.terms if holds <= set(t.children)]
            no = [t for t in expr.terms if fails in t.children]
            if yes and no:
                return self._chosen(expr, holds, yes, fails, no)
        return None

    def _chosen(
        self, expr: Poly, holds: frozenset[Node], yes: list[Term], fails: Node, no: list[Term]
    ) -> Value:
        ordered = sorted(holds, key=lambda base: base.key)
        chosen = select(
            both([self._condition(base) for base in ordered]),
            self.value(_without(yes, holds)),
            self.value(_without(no, frozenset((fails,)))),
        )
        rest = Poly(term for term in expr.terms if term not in (*yes, *no))
        return add([chosen, self.value(rest)]) if rest.terms else chosen

    # --- products -------------------------------------------------------------------

    def _term(self, term: Term) -> Value:
        coefficient = term.coefficient
        put = self._put_or_summed(Product(dict(term.factors), ()))
        if put is not None:
            value = quotient(abs(coefficient), [put], [])
            return negative(value) if coefficient < 0 else value
        above: list[Value] = []
        below: list[Value] = []
        conditions: list[Value] = []
        for base, exponent in term.factors:
            if exponent > 0 and is_boolean(base):
                conditions.append(self._condition(base))
                continue
            sign, value = self._oriented(base, exponent, coefficient < 0)
            coefficient *= sign
            (above if exponent > 0 else below).append(power(value, abs(exponent)))
        value = quotient(abs(coefficient), above, below)
        if conditions:
            value = select(both(conditions), value, ZERO)
        return negative(value) if coefficient < 0 else value

    def _oriented(self, base: Node, exponent: Fraction, minus: bool) -> tuple[int, Value]:
        """A factor, and the sign that turning a difference around has left."""
        if isinstance(base, Group) and exponent.denominator == 1:
            sign = (-1) ** int(exponent)
            if self._reads_backwards(base.poly, minus and sign < 0):
                return sign, self.value(-base.poly)
        if isinstance(base, Func) and base.name in PRIMITIVES and PRIMITIVES[base.name].parity:
            (argument,) = base.arguments
            if self._reads_backwards(argument, False):
                sign = PRIMITIVES[base.name].parity ** int(exponent.numerator)
                return sign, self._base(Func(base.name, (-argument,)))
        return 1, self._base(base)

    def _reads_backwards(self, expr: Poly, minus: bool) -> bool:
        """Whether the sum has more minus signs than its opposite, or a target first."""
        below = [term for term in expr.terms if term.coefficient < 0]
        above = [term for term in expr.terms if term.coefficient > 0]
        if minus or len(below) != len(above):
            return len(below) > (0 if minus else len(above))
        return self._has_target(above) and not self._has_target(below)

    def _has_target(self, terms: Iterable[Term]) -> bool:
        names = frozenset[str]().union(*(term.names for term in terms))
        return any(self._tensors[name].role is Role.TARGET for name in names)

    def _base(self, base: Node) -> Value:
        match base:
            case Access():
                return self._load(base)
            case NormalConstant():
                return _number(base.value)
            case Index():
                return Positions(base)
            case Func():
                return self._function(base)
            case Group():
                return self.value(base.poly)
            case Total():
                return self._total(base)
            case FirstPlace():
                return Map("number", [self._first_place(base)])
            case Search():
                return self._largest(base)
        return Map("number", [self._condition(base)])

    def _function(self, base: Func) -> Value:
        arguments = [self.value(argument) for argument in base.arguments]
        return Map("pow" if base.name == "power" else base.name, arguments)

    def _largest(self, base: Search) -> Value:
        """The largest of equal values, which have none of the axes, is any of them."""
        indices, inside = base.open()
        body = self.value(inside)
        over = tuple(index for index in indices if index in body.axes)
        return Reduce("max", body, over) if over else body

    def _first_place(self, base: FirstPlace) -> Value:
        """A whole number; places are counted over all of the indices."""
        indices, inside = base.open()
        body = self.value(inside)
        missing = [index for index in indices if index not in body.axes]
        if missing:
            body = Spread(body, (*body.axes, *missing))
        return First(body, indices)

    # --- elements -------------------------------------------------------------------

    def _load(self, access: Access) -> Value:
        """An element; outside its range it is what a base case says, or 0."""
        shape = self._tensors[access.name].shape
        store = self._stores.get(access.name)
        if store is not None:
            value = store.case(access.places)
            if value is not None:
                return self.value(value)
        name = access.name
        read: list[PlanPlace] = []
        for axis, (place, extent) in enumerate(zip(access.places, shape, strict=True)):
            inside: PlanPlace | None = self._place(place, extent)
            if store is not None and axis == store.axis and not isinstance(inside, Index | Load):
                assert not isinstance(place, Access)  # noqa: S101 (that is a label, a Load)
                inside, name = store.window(place), store.name
            if inside is None:
                return ZERO
            read.append(inside)
        return Load(name, tuple(read), host=access.name in self.hosts)

    def _place(self, place: Place, extent: sp.Expr) -> PlanPlace | None:
        """Where to read along an axis; None outside it."""
        if isinstance(place, Access):
            label = self._load(place)
            return label if isinstance(label, Load) else 0
        if isinstance(place, Index) and place.size == extent:
            return place
        if surely_outside(place, extent):
            return None
        if isinstance(place, int) and surely_within(place, extent):
            return place
        steps, start = linear(place)
        return window(start, steps, extent)

    # --- sums -----------------------------------------------------------------------

    def _total(self, total: Total) -> Value:
        product = contracted(opened(total))
        return self._put_or_summed(product) or self._summed_product(product, [])

    def _put_or_summed(self, product: Product) -> Value | None:
        """A product part of which is put somewhere; None of any other."""
        shapes = {name: tensor.shape for name, tensor in self._tensors.items()}
        fixed = frozenset(() if self.running is None else (self.running,))
        beginnings = {name: store.axis for name, store in self._stores.items() if store.cases}
        product = reread(product, shapes, fixed, beginnings)
        targets = solved(product, fixed)
        if not targets:
            return None
        inner, outer = product.split(targets)
        value = self._summed_product(inner, [])
        over = [index for _, _, window in targets for index in window.axes]
        missing = [index for index in over if index not in value.axes]
        if missing:
            value = Spread(value, (*value.axes, *missing))
        put = Put(unsigned(value), [(index, window) for _, index, window in targets])
        return self._summed_product(outer, [put if unsigned(value) is value else negative(put)])

    def _summed_product(self, product: Product, given: Sequence[Value]) -> Value:
        factors = product.factors
        held = [base for base, e in factors.items() if e > 0 and is_boolean(base)]
        conditions = [self._condition(base) for base in held]
        above: list[Value] = list(given)
        below: list[Value] = []
        sign = 1
        for base, exponent in factors.items():
            if base in held:
                continue
            turned, value = self._oriented(base, exponent, sign < 0)
            sign *= turned
            (above if exponent > 0 else below).append(power(value, abs(exponent)))
        if product.coefficient != 1:
            above.append(Constant(product.coefficient))
        result = _summed(divided(above, below), conditions, product.indices, self.running)
        return negative(result) if sign < 0 else result

    def _joined(self, expr: Poly) -> Poly:
        """``Σ_n u + Σ_n v`` as ``Σ_n (u + v)`` where nothing is contracted."""
        alike: dict[str, list[Term]] = {}
        for term in expr.terms:
            total = Poly([term.scaled(1 / term.coefficient)]).atom
            if isinstance(total, Total) and self._is_plain_sum(total):
                letters = sorted(f"{index.hint}:{index.size}" for index in total.indices)
                if len(set(letters)) == len(letters):
                    alike.setdefault(",".join(letters), []).append(term)
        for terms in alike.values():
            if len(terms) > 1:
                rest = Poly(term for term in expr.terms if term not in terms)
                expr = rest + _joint_total(terms)
        return expr

    def _is_plain_sum(self, total: Total) -> bool:
        value = unsigned(self._total(total))
        return isinstance(value, Reduce) and len(value.over) == len(total.indices)

    # --- conditions -----------------------------------------------------------------

    def _condition(self, base: Node) -> Value:
        if isinstance(base, Delta):
            return self._same(*base.places)
        if isinstance(base, Group):
            conditions = sorted(denied(base), key=lambda inner: inner.key)
            return complement(both([self._condition(inner) for inner in conditions]))
        assert isinstance(base, Bracket)  # noqa: S101 (callers pass conditions)
        left, right = self._sides(base)
        if left.host and not right.host:
            return Map(_MIRRORED[base.relation], [right, left])
        return Map(base.relation, [left, right])

    def _sides(self, base: Bracket) -> list[Value]:
        """Both sides of a relation; a first place is compared with whole numbers."""
        sides = (base.left, base.right)
        firsts = [isinstance(side.atom, FirstPlace) for side in sides]
        values = []
        for side in sides:
            place = place_of(side) if any(firsts) else None
            if isinstance(side.atom, FirstPlace):
                values.append(self._first_place(side.atom))
            elif place is not None:
                values.append(self._position(place))
            else:
                values.append(_counted(self.value(side)))
        return values

    def _same(self, first: Place, second: Place) -> Value:
        places = [self._position(place) for place in (first, second)]
        # A label compared with the positions of an axis reads: label == positions.
        places.sort(key=lambda value: isinstance(value, Positions))
        return Map("==", places)

    def _position(self, place: Place) -> Value:
        if isinstance(place, int):
            return Constant(Fraction(place))
        if isinstance(place, Affine):
            steps, start = linear(place)
            if not steps:
                return Size(sp.sympify(start, strict=True))
            return Places(window(start, steps, sp.Integer(1)))
        return Positions(place, whole=True) if isinstance(place, Index) else self._load(place)


def _summed(
    factors: list[Value],
    conditions: list[Value],
    indices: tuple[Index, ...],
    running: Index | None,
) -> Value:
    """``Σ_indices Π factors [conditions]``; a sum over labelled rows scatters them."""
    for condition in conditions:
        if not is_map(condition, "=="):
            continue
        labels, positions = condition.children
        if not _is_one_hot(labels, positions) or running in positions.axes:
            continue
        rest = [other for other in conditions if other is not condition]
        present = {axis for value in (*factors, *rest) for axis in value.axes}
        rows = set(labels.axes)
        if rows <= present.intersection(indices) and not {*positions.axes} & {*indices, *present}:
            inner = tuple(axis for axis in indices if axis not in rows)
            return Scatter(contract(guarded(factors, rest), inner), labels, positions.axes[0])
    return contract(guarded(factors, conditions), indices)


def _is_one_hot(labels: Value, positions: Value) -> TypeGuard[Load]:
    return isinstance(labels, Load) and isinstance(positions, Positions) and positions.whole


def _counted(side: Value) -> Value:
    """A side of a comparison; positions are compared as the whole numbers they are."""
    return Positions(side.axis, whole=True) if isinstance(side, Positions) else side


def _is_simple(value: Value) -> bool:
    """Whether nothing costly is computed in both branches of a selection."""
    if isinstance(value, Map) and value.operation not in PRIMITIVES:
        return all(map(_is_simple, value.children))
    return isinstance(value, Load | Constant | Size)


# --- preparing expressions -------------------------------------------------------------


def _joint_total(terms: list[Term]) -> Poly:
    """Sums over the same indices as one sum."""
    letters: dict[str, Index] = {}
    body = Poly(())
    for term in terms:
        (total,) = term.children
        assert isinstance(total, Total)  # noqa: S101 (callers have looked)
        opened = total.open()
        inner = Flat(term.coefficient * opened.coefficient, opened.factors).close()
        places: dict[Node, Place] = {i: letters.setdefault(i.hint, i) for i in opened.bound}
        body = body + rename(inner, places)
    joint = Flat(bound=set(letters.values()))
    joint.multiply_poly(body)
    return joint.close()


def _factored(expr: Poly) -> Poly:
    """Common factors in front, unless only a number would come out of unlike terms."""
    if not expr.terms:
        return expr
    first, *others = (set(term.children) for term in expr.terms)
    alike = len({abs(term.coefficient) for term in expr.terms}) == 1
    return factor(expr) if alike or first.intersection(*others) else expr


def _without(terms: list[Term], bases: frozenset[Node]) -> Poly:
    return Poly(
        Term(term.coefficient, {b: e for b, e in term.factors if b not in bases}) for term in terms
    )


def _number(value: sp.Expr) -> Value:
    if value.is_Integer:
        return Constant(Fraction(int(value)))
    if value is sp.oo:
        return Constant(math.inf)
    return Constant(float(value)) if value.is_number else Size(value)
