"""Lowering: from equations in normal form to values of the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TypeGuard

import sympy as sp

from symbackprop.calculus.nodes import (
    Access,
    Bracket,
    Delta,
    Func,
    Group,
    Index,
    Node,
    Place,
    Term,
)
from symbackprop.calculus.nodes import Constant as NormalConstant
from symbackprop.calculus.normal import (
    Flat,
    Largest,
    Poly,
    Total,
    rename,
)
from symbackprop.calculus.rewrite import factor
from symbackprop.compile.build import (
    ZERO,
    add,
    both,
    divided,
    guarded,
    negative,
    power,
    quotient,
    select,
    unsigned,
)
from symbackprop.compile.contraction import contract
from symbackprop.compile.plan import (
    Constant,
    Load,
    Map,
    PlanPlace,
    Positions,
    Reduce,
    Scatter,
    Size,
    Value,
)
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
    """

    def __init__(self, tensors: Mapping[str, Tensor], hosts: Iterable[str]) -> None:
        self._tensors = tensors
        self.hosts = set(hosts)

    def value(self, expr: Poly) -> Value:
        """The value of an expression."""
        joint = _factored(expr)
        choice = self._choice(expr)
        if choice is not None and (joint == expr or _is_simple(choice)):
            return choice
        return add(self._term(term) for term in self._joined(joint).terms)

    def _choice(self, expr: Poly) -> Value | None:
        """``[c]·u + [not c]·v`` as one selection between u and v."""
        for term in expr.terms:
            for base, _ in term.factors:
                if isinstance(base, Bracket) and base.relation in (">", "=="):
                    yes = [t for t in expr.terms if base in t.children]
                    no = [t for t in expr.terms if base.negation in t.children]
                    if no:
                        return self._chosen(expr, base, yes, no)
        return None

    def _chosen(self, expr: Poly, base: Bracket, yes: list[Term], no: list[Term]) -> Value:
        chosen = select(
            self._condition(base),
            self.value(_without(yes, base)),
            self.value(_without(no, base.negation)),
        )
        rest = Poly(term for term in expr.terms if term not in (*yes, *no))
        return add([chosen, self.value(rest)]) if rest.terms else chosen

    # --- products -------------------------------------------------------------------

    def _term(self, term: Term) -> Value:
        coefficient = term.coefficient
        above: list[Value] = []
        below: list[Value] = []
        conditions: list[Value] = []
        for base, exponent in term.factors:
            if isinstance(base, Bracket | Delta) and exponent > 0:
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
            case Largest():
                return self._largest(base)
        return Map("number", [self._condition(base)])

    def _function(self, base: Func) -> Value:
        arguments = [self.value(argument) for argument in base.arguments]
        return Map("pow" if base.name == "power" else base.name, arguments)

    def _largest(self, base: Largest) -> Value:
        """The largest of equal values, which have none of the axes, is any of them."""
        body = self.value(base.body)
        over = tuple(index for index in base.indices if index in body.axes)
        return Reduce("max", body, over) if over else body

    def _load(self, access: Access) -> Load:
        places = tuple(self._place(place) for place in access.places)
        return Load(access.name, places, host=access.name in self.hosts)

    def _place(self, place: Place) -> PlanPlace:
        return self._load(place) if isinstance(place, Access) else place

    # --- sums -----------------------------------------------------------------------

    def _total(self, total: Total) -> Value:
        factors = dict(total.body.factors)
        held = [b for b, e in factors.items() if isinstance(b, Bracket | Delta) and e > 0]
        conditions = [self._condition(base) for base in held]
        above: list[Value] = []
        below: list[Value] = []
        sign = 1
        for base, exponent in factors.items():
            if base in held:
                continue
            turned, value = self._oriented(base, exponent, sign < 0)
            sign *= turned
            (above if exponent > 0 else below).append(power(value, abs(exponent)))
        result = _summed(divided(above, below), conditions, total.indices)
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
        assert isinstance(base, Bracket)  # noqa: S101 (callers pass brackets and deltas)
        left, right = self.value(base.left), self.value(base.right)
        if left.host and not right.host:
            return Map(_MIRRORED[base.relation], [right, left])
        return Map(base.relation, [left, right])

    def _same(self, first: Place, second: Place) -> Value:
        places = [self._position(place) for place in (first, second)]
        # A label compared with the positions of an axis reads: label == positions.
        places.sort(key=lambda value: isinstance(value, Positions))
        return Map("==", places)

    def _position(self, place: Place) -> Value:
        if isinstance(place, int):
            return Constant(Fraction(place))
        return Positions(place, whole=True) if isinstance(place, Index) else self._load(place)


def _summed(factors: list[Value], conditions: list[Value], indices: tuple[Index, ...]) -> Value:
    """``Σ_indices Π factors [conditions]``; a sum over labelled rows scatters them."""
    for condition in conditions:
        labels, positions = condition.children
        if not _is_one_hot(labels, positions):
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


def _without(terms: list[Term], base: Bracket) -> Poly:
    return Poly(
        Term(term.coefficient, {b: e for b, e in term.factors if b != base}) for term in terms
    )


def _number(value: sp.Expr) -> Value:
    if value.is_Integer:
        return Constant(Fraction(int(value)))
    return Constant(float(value)) if value.is_number else Size(value)
