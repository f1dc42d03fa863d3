"""The normal form that rules and lowering work on.

An expression is a sum of terms; a term is a rational coefficient times powers of
bases; a base is a tensor element, a size, a function value, a delta, a bracket, a
sum over indices, or a bracketed sum of terms::

    Poly  = Term + Term + …
    Term  = coefficient · base^exponent · …
    Total = Σ_{indices} base^exponent · …        (every factor touches a summed index)

Bound indices carry canonical names, chosen from the structure alone, so two
expressions are equal exactly when their keys are: equal terms merge and opposite
ones cancel by themselves. Whoever looks inside a binder opens it with fresh
indices and closes it again, so nothing is ever captured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import attrgetter

import sympy as sp

from symbackprop.calculus.nodes import (
    ONE,
    Access,
    Affine,
    Binder,
    Bracket,
    Constant,
    Delta,
    Extent,
    Func,
    Group,
    Index,
    Node,
    Place,
    Term,
    combined,
    rename_place,
    whole,
)
from symbackprop.calculus.numbering import components, numbered
from symbackprop.calculus.ranges import surely_apart
from symbackprop.language import PRIMITIVES


class Search(Binder):
    """What is found among the values of the body over the bound indices."""

    body: Poly

    def open(self) -> tuple[tuple[Index, ...], Poly]:
        """Fresh indices, and the body written with them."""
        fresh = tuple(index.fresh() for index in self.indices)
        return fresh, rename(self.body, dict(zip(self.indices, fresh, strict=True)))


class Largest(Search):
    """The maximum, its derivative shared by all places where it is attained."""

    sign = "max"


class FirstLargest(Search):
    """The maximum, its derivative that of the first place where it is attained."""

    sign = "firstmax"


class FirstPlace(Search):
    """The first place where the maximum is attained, the last index running fastest."""

    sign = "argmax"


class Total(Binder):
    """The sum of a product over the bound indices, all of its factors connected by them."""

    sign = "Σ"
    body: Term

    def open(self) -> Flat:
        """The product as a flat term over fresh indices."""
        fresh = [index.fresh() for index in self.indices]
        mapping: dict[Node, Place] = dict(zip(self.indices, fresh, strict=True))
        flat = Flat(bound=set(fresh))
        for base, exponent in self.body.factors:
            flat.multiply_renamed(base, mapping, exponent)
        if flat.coefficient == 1 and len(flat.bound) == len(fresh):
            flat.opened = {frozenset(fresh): (dict(flat.factors), self)}
        return flat


class Poly(Node):
    """A sum of terms with different monomials, in the order of their keys."""

    def __init__(self, terms: Iterable[Term]) -> None:
        merged: dict[str, Term] = {}
        for term in terms:
            known = merged.get(term.monomial)
            if known is not None:
                merged[term.monomial] = Term(
                    known.coefficient + term.coefficient, dict(term.factors)
                )
            else:
                merged[term.monomial] = term
        kept = [term for term in merged.values() if term.coefficient is ONE or term.coefficient]
        if len(kept) > 1:
            kept.sort(key=attrgetter("monomial"))
        self.terms = tuple(kept)
        self.key = "+".join([term.key for term in kept]) or "0"

    @property
    def children(self) -> tuple[Node, ...]:
        """The terms."""
        return self.terms

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Poly:
        return Poly(term.renumbered(mapping) for term in self.terms)

    @property
    def constant(self) -> Fraction | None:
        """The rational number this is, or None."""
        if not self.terms:
            return Fraction(0)
        if len(self.terms) == 1 and not self.terms[0].factors:
            return self.terms[0].coefficient
        return None

    @property
    def atom(self) -> Node | None:
        """The single base this is, or None."""
        if len(self.terms) == 1 and self.terms[0].coefficient == 1:
            factors = self.terms[0].factors
            if len(factors) == 1 and factors[0][1] == 1:
                return factors[0][0]
        return None

    def __add__(self, other: Poly) -> Poly:
        return Poly((*self.terms, *other.terms))

    def __neg__(self) -> Poly:
        return Poly(term.scaled(Fraction(-1)) for term in self.terms)

    def __sub__(self, other: Poly) -> Poly:
        return self + -other

    def __mul__(self, other: Poly) -> Poly:
        flat = Flat()
        flat.multiply_poly(self)
        flat.multiply_poly(other)
        return flat.close()

    def power(self, exponent: Fraction) -> Poly:
        """The expression to a rational power."""
        flat = Flat()
        flat.multiply_poly(self, exponent)
        return flat.close()


def number(value: Fraction | int) -> Poly:
    """A rational number as an expression."""
    return Poly([Term(ONE if value == 1 else Fraction(value), {})])


def poly(base: Node) -> Poly:
    """One base as an expression, which the base keeps."""
    known: Poly | None = base.__dict__.get("alone")
    if known is None:
        known = base.__dict__["alone"] = Poly([Term(ONE, {base: ONE})])
    return known


#: Where these are not 0 they are 1, and so is any power.
_IDEMPOTENT = (Bracket, Delta)


@dataclass
class Flat:
    """A product under construction, under one sum over `bound`; sums of power 1 are opened."""

    coefficient: Fraction = ONE
    factors: dict[Node, Fraction] = field(default_factory=dict)
    bound: set[Index] = field(default_factory=set)
    #: Sums that have been opened, by their fresh indices: untouched, they close as they were.
    opened: dict[frozenset[Index], tuple[dict[Node, Fraction], Total]] = field(default_factory=dict)

    def copy(self) -> Flat:
        """An independent copy."""
        return Flat(self.coefficient, dict(self.factors), set(self.bound), dict(self.opened))

    def multiply(self, base: Node, exponent: Fraction = ONE) -> None:
        """Multiply by a power of one base; equal bases merge, idempotent ones stay."""
        known = self.factors.pop(base, None)
        if known is not None:
            exponent = known + exponent
        if isinstance(base, _IDEMPOTENT) and exponent > 0:
            exponent = ONE
            if isinstance(base, Bracket) and base.negation in self.factors:
                self.coefficient = Fraction(0)
        if isinstance(base, Constant) and base.value.is_Integer and exponent.denominator == 1:
            self.coefficient *= Fraction(int(base.value)) ** int(exponent)
        elif exponent is ONE or exponent:
            self.factors[base] = exponent

    def multiply_flat(self, other: Flat) -> None:
        """Multiply by a flat term whose bound indices are different ones."""
        self._multiply_number(other.coefficient, ONE)
        self.bound |= other.bound
        self.opened.update(other.opened)
        for base, exponent in other.factors.items():
            self.multiply(base, exponent)

    def multiply_poly(self, factor: Poly, exponent: Fraction = ONE) -> None:
        """Multiply by a power of an expression, without distributing sums."""
        if len(factor.terms) == 1:
            self.multiply_term(factor.terms[0], exponent)
        elif not factor.terms:
            self.coefficient *= 0 if exponent > 0 else Fraction(1, 0)
        else:
            content, primitive = primitive_part(factor)
            if exponent.denominator != 1 and content < 0:
                content, primitive = -content, -primitive
            self._multiply_number(content, exponent)
            self.multiply(Group(primitive), exponent)

    def multiply_term(self, term: Term, exponent: Fraction = ONE) -> None:
        """Multiply by a power of one term."""
        whole = exponent is ONE or exponent.denominator == 1
        rest = {} if whole else {b: e for b, e in term.factors if not is_positive(b)}
        if rest and (term.coefficient < 0 or len(rest) > 1 or next(iter(rest.values())) != 1):
            # (x²)^½ is |x| and (-x)^½ has no meaning apart: keep such a power whole.
            sign = Fraction(1 if term.coefficient > 0 else -1)
            self._multiply_number(abs(term.coefficient), exponent)
            self.multiply(Group(Poly([Term(sign, rest)])), exponent)
        else:
            self._multiply_number(term.coefficient, exponent)
            rest = {}
        for base, power in term.factors:
            if base in rest:
                continue
            both = power if exponent is ONE else power * exponent
            if isinstance(base, Total) and (both is ONE or both == 1):
                self.multiply_flat(base.open())
            elif isinstance(base, Group) and len(base.poly.terms) == 1:
                self.multiply_poly(base.poly, both)
            else:
                self.multiply(base, both)

    def multiply_renamed(
        self, base: Node, mapping: Mapping[Node, Place], exponent: Fraction = ONE
    ) -> None:
        """Multiply by a power of one base with places replaced."""
        if isinstance(base, Access):  # it stays one, whatever its places are
            self.multiply(base.renumbered(mapping), exponent)
        else:
            self.multiply_poly(rename_base(base, mapping), exponent)

    def _multiply_number(self, value: Fraction, exponent: Fraction) -> None:
        if value is ONE:
            return
        if exponent is ONE and self.coefficient is ONE:
            self.coefficient = value
            return
        if exponent.denominator == 1:
            self.coefficient *= value ** int(exponent)
            return
        for part, sign in ((value.numerator, 1), (value.denominator, -1)):
            root = sp.Integer(part) ** sp.Rational(exponent.numerator, exponent.denominator)
            outside, radical = root.as_coeff_Mul()
            self.coefficient *= Fraction(int(outside.p), int(outside.q)) ** int(sign)
            for base, power in radical.as_powers_dict().items():
                if base != 1:
                    self.multiply(Constant(base), sign * Fraction(int(power.p), int(power.q)))

    def close(self) -> Poly:
        """The canonical expression: components that share summed indices become `Total`s."""
        if not self.coefficient:
            return Poly(())
        inside: list[tuple[Node, Fraction]] = []
        result = Flat(self.coefficient)
        for base, exponent in self.factors.items():
            if base.free.isdisjoint(self.bound):
                result.multiply(base, exponent)
            else:
                inside.append((base, exponent))
        for indices, factors in components(inside, self.bound):
            if factors:
                before, total = self.opened.get(frozenset(indices), (None, None))
                if total is None or before != factors:
                    total = Total(*numbered(indices, factors))
                result.multiply(total)
            else:
                (idle,) = indices
                result.multiply_poly(size_poly(idle.size))
        if result.coefficient == 1 and len(result.factors) == 1:
            ((base, exponent),) = result.factors.items()
            if isinstance(base, Group) and exponent == 1:
                return base.poly
        return Poly([Term(result.coefficient, result.factors)])


def size_poly(extent: sp.Expr | int) -> Poly:
    """A size, or an expression of sizes, as an expression."""
    if isinstance(extent, int) or extent.is_Rational:
        return number(Fraction(str(extent)))
    if extent.is_Add:
        return Poly(term for part in extent.args for term in size_poly(part).terms)
    if extent.is_Mul:
        flat = Flat()
        for part in extent.args:
            flat.multiply_poly(size_poly(part))
        return flat.close()
    if extent.is_Pow and extent.exp.is_Integer:
        return size_poly(extent.base).power(Fraction(int(extent.exp)))
    return poly(Constant(extent))


def place_poly(place: Index | Affine | int) -> Poly:
    """The number of a place, as an expression to calculate with."""
    if isinstance(place, int):
        return number(place)
    if isinstance(place, Index):
        return poly(place)
    total = size_poly(place.offset)
    for index, coefficient in place.terms:
        total = total + size_poly(coefficient) * poly(index)
    return total


def place_of(expr: Poly) -> Index | Affine | int | None:
    """The place that an expression is the number of; None of any other expression."""
    parts = [_moved_by(term) for term in expr.terms]
    moving = [(index, step) for index, step in parts if index is not None and step is not None]
    fixed = [step for index, step in parts if index is None and step is not None]
    if len(moving) + len(fixed) < len(parts):
        return None
    return combined(moving, whole(sp.Add(*fixed)))


def _moved_by(term: Term) -> tuple[Index | None, Extent | None]:
    """The index of a term of a place and its step; no step if the term is of another kind."""
    index = None
    step = sp.Rational(term.coefficient.numerator, term.coefficient.denominator)
    for base, power in term.factors:
        if isinstance(base, Index) and power == 1 and index is None:
            index = base
        elif isinstance(base, Constant) and power.denominator == 1:
            step *= base.value ** int(power)
        else:
            return None, None
    return index, whole(step) if step.is_integer else None


def row_major(indices: Sequence[Index]) -> Index | Affine | int:
    """The place of indices among all their values, the last running fastest: ``V·u + v``."""
    place: Index | Affine | int = 0
    for index in indices:
        place = combined([(place, index.size), (index, 1)])
    return place


#: Up to this size whole coefficients read better than fractions.
_LARGEST_WHOLE = 12


def primitive_part(expr: Poly) -> tuple[Fraction, Poly]:
    """A number and a sum whose product is the expression; the sum is the same for all multiples.

    Its first term is positive, and its coefficients are coprime whole numbers, or, where
    those would be large, at most 1: ``a + b/100`` rather than ``(100a + b)/100``.
    """
    numerators, denominators = zip(
        *((t.coefficient.numerator, t.coefficient.denominator) for t in expr.terms), strict=True
    )
    content = Fraction(int(sp.igcd(0, *numerators)), int(sp.ilcm(1, *denominators)))
    largest_whole = max(abs(term.coefficient) for term in expr.terms) / content
    if largest_whole > _LARGEST_WHOLE:
        content *= largest_whole
    if expr.terms[0].coefficient < 0:
        content = -content
    if content == 1:
        return ONE, expr
    return content, Poly(term.scaled(1 / content) for term in expr.terms)


def is_positive(base: Node) -> bool:
    """Whether a base is greater than 0 whatever its tensors hold."""
    match base:
        case Constant():
            return True
        case Func():
            return base.name in PRIMITIVES and PRIMITIVES[base.name].positive
        case Total():
            return all(is_positive(factor) for factor, _ in base.body.factors)
        case Group():
            return all(
                term.coefficient > 0 and all(is_positive(b) for b, _ in term.factors)
                for term in base.poly.terms
            )
    return False


def is_boolean(base: Node) -> bool:
    """Whether a factor is a condition: 1 where it holds, 0 elsewhere."""
    return isinstance(base, Bracket | Delta) or bool(denied(base))


def denied(base: Node) -> frozenset[Node]:
    """The conditions of ``1 - [a]·[b]``, or of a bracket, which holds where not all of them do."""
    if isinstance(base, Bracket):
        return frozenset((base.negation,))
    if not isinstance(base, Group) or len(base.poly.terms) != 2:
        return frozenset()
    one, other = base.poly.terms
    bases = other.children
    if one.factors or one.coefficient != 1 or other.coefficient != -1 or not bases:
        return frozenset()
    return frozenset(bases) if all(map(is_boolean, bases)) else frozenset()


# --- rewriting ------------------------------------------------------------------------


def rename(expr: Poly, mapping: Mapping[Node, Place]) -> Poly:
    """An expression with free indices, bound ones of an outer binder, or labels replaced."""
    if expr.untouched(mapping):
        return expr
    total: list[Term] = []
    for term in expr.terms:
        if term.untouched(mapping):
            total.append(term)
            continue
        flat = Flat(term.coefficient)
        for base, exponent in term.factors:
            flat.multiply_renamed(base, mapping, exponent)
        total.extend(flat.close().terms)
    return Poly(total)


def rename_base(base: Node, mapping: Mapping[Node, Place]) -> Poly:
    """One base with places replaced, as an expression."""
    if base.untouched(mapping):
        return base.poly if isinstance(base, Group) else poly(base)
    match base:
        case Index():
            place = mapping.get(base, base)
            return poly(place) if isinstance(place, Access) else place_poly(place)
        case Delta():
            return delta(*(rename_place(place, mapping) for place in base.places))
        case Bracket():
            return bracket_of(
                rename(base.left, mapping), base.relation, rename(base.right, mapping)
            )
        case Group():
            return rename(base.poly, mapping)
        case Total():
            flat = base.open()
            renamed = Flat(flat.coefficient, {}, flat.bound)
            for factor, exponent in flat.factors.items():
                renamed.multiply_renamed(factor, mapping, exponent)
            return renamed.close()
        case Search():
            indices, body = base.open()
            return poly(search(type(base), indices, rename(body, mapping)))
        case Func():
            return function(base.name, tuple(rename(a, mapping) for a in base.arguments))
    return poly(base.renumbered(mapping))


def delta(first: Place, second: Place) -> Poly:
    """Kronecker's delta, decided where both places are the same or never are."""
    if first == second:
        return number(1)
    if isinstance(first, Index) and isinstance(second, Index):
        return poly(Delta(first, second))
    if not isinstance(first, Access) and not isinstance(second, Access):
        gap = combined([(first, 1), (second, -1)])
        if gap == 0:
            return number(1)
        if surely_apart(gap, 0):
            return number(0)
    return poly(Delta(first, second))


def bracket_of(left: Poly, relation: str, right: Poly) -> Poly:
    """Iverson's bracket, decided where both sides are numbers."""
    gap = (left - right).constant
    if gap is None:
        return poly(Bracket(left, relation, right))
    holds = {">": gap > 0, ">=": gap >= 0, "==": gap == 0, "!=": gap != 0}
    return number(int(holds[relation]))


def function(name: str, arguments: tuple[Poly, ...]) -> Poly:
    """A function value, with signs taken out of odd and even functions."""
    if name == "exp" and arguments[0].constant == 0:
        return number(1)
    if name == "log" and arguments[0].constant == 1:
        return number(0)
    parity = PRIMITIVES[name].parity if name in PRIMITIVES else 0
    terms = arguments[0].terms
    if parity and not terms:
        return number(0) if parity < 0 else poly(Func(name, arguments))
    if parity and terms[0].coefficient < 0:
        return number(parity) * poly(Func(name, (-arguments[0],)))
    return poly(Func(name, arguments))


def search(kind: type[Search], indices: Iterable[Index], body: Poly) -> Search:
    """A search among the values of a body, closed; where places count, in their given order."""
    order = sorted(indices, key=lambda i: i.key) if kind is Largest else list(indices)
    numbered = tuple(i.bound(body.height + 1 + place) for place, i in enumerate(order))
    return kind(numbered, body.renumbered(dict(zip(order, numbered, strict=True))))
