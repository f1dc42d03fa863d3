"""Contracting Kronecker deltas: each picks one index out of a sum.

``Σ_j δ(j, k)·f(j)`` is f(k) where k is in j's range. For an affine place the delta is
solved for one summed index of coefficient ±1; that is where the flipped kernel of a
convolution comes from. The solution must be in the index's range: it surely is, or a
factor is 0 elsewhere because it reads a tensor outside its range. Where neither holds,
the delta stays: it reads better than two inequalities, and is a scatter to a compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from symbackprop.calculus.context import Context
from symbackprop.calculus.nodes import (
    ONE,
    Access,
    Affine,
    Binder,
    Bracket,
    Delta,
    Group,
    Index,
    Node,
    Place,
    Term,
    combined,
    linear,
)
from symbackprop.calculus.normal import (
    FirstPlace,
    Flat,
    Poly,
    Total,
    is_positive,
    poly,
    rename_base,
)
from symbackprop.calculus.ranges import surely_nonnegative, surely_within
from symbackprop.calculus.rewrite import calculates_with, inside, rebuild

#: Functions that are not finite everywhere.
_SINGULAR = ("log", "power")


def contracted(expr: Poly, context: Context) -> Poly:
    """Σ_j δ(j,k)·f(j) → f(k); δ(k,y)·f(y) → δ(k,y)·f(k)."""
    if Delta not in expr.kinds:
        return expr
    terms: list[Term] = []
    for term in expr.terms:
        if Delta not in term.kinds:
            terms.append(term)
            continue
        opened = Flat()
        opened.multiply_term(term)
        terms.extend(_contract(opened, context).close().terms)

    def nested(inner: Poly) -> Poly:
        return contracted(inner, context)

    return rebuild(
        Poly(terms),
        lambda base: _inside_unless_total(base, nested),
        lambda node: Delta in node.kinds,
    )


def _inside_unless_total(base: Node, change: Callable[[Poly], Poly]) -> Poly:
    """Like `inside`, leaving alone what `rebuild` has opened already."""
    return poly(base) if isinstance(base, Total) else inside(base, change)


def _contract(flat: Flat, context: Context) -> Flat:
    while (found := _solution(flat, context)) is not None:
        node, index, place = found
        rest = Flat(flat.coefficient, {}, flat.bound - {index})
        for base, exponent in flat.factors.items():
            if base != node:
                rest.multiply_renamed(base, {index: place}, exponent)
        flat = rest
    for node in [base for base in flat.factors if isinstance(base, Delta)]:
        flat = _write_with_index(flat, node)
    return flat


def _solution(flat: Flat, context: Context) -> tuple[Delta, Index, Place] | None:
    """A delta, a summed index it can be solved for, and what that index must be.

    Plain places come first; of several summed indices the one with the largest range goes.
    """
    found = [
        (node, index, place)
        for node in flat.factors
        if isinstance(node, Delta)
        for index, place in _solved_for(node, flat)
        if _may_be(index, place, node, flat, context)
    ]
    return min(found, key=_preference, default=None)


def _preference(found: tuple[Delta, Index, Place]) -> tuple[bool, bool, int, str]:
    _, index, place = found
    size = int(index.size) if index.size.is_Integer else 0
    return isinstance(place, Affine), bool(size), -size, index.key


def _solved_for(node: Delta, flat: Flat) -> Iterator[tuple[Index, Place]]:
    for here, other in (node.places, node.places[::-1]):
        beside = not (isinstance(other, Node) and here in other.free)
        if isinstance(here, Index) and here in flat.bound and beside:
            yield here, other
        if isinstance(here, Affine) and not isinstance(other, Access):
            gap = combined([(here, 1), (other, -1)])
            for index, coefficient in linear(gap)[0].items():
                if index in flat.bound and abs(coefficient) == 1:
                    yield index, combined([(index, 1), (gap, -coefficient)])


def _may_be(index: Index, place: Place, node: Delta, flat: Flat, context: Context) -> bool:
    """Whether putting a place for an index is right wherever that place is."""
    others = [(base, exponent) for base, exponent in flat.factors.items() if base != node]
    if isinstance(place, Access):
        return not any(calculates_with(base, index) for base, _ in others)
    if surely_within(place, index.size):
        return True
    if isinstance(place, Index) and not surely_nonnegative(place.size - index.size):
        return False  # an index over an axis of an unrelated size reads like a mistake
    if isinstance(place, Affine) and any(_moves_search(base, index) for base, _ in others):
        return False  # what is found once would be looked for again at every place
    vanishes = any(e > 0 and _vanishes_outside(base, index, context) for base, e in others)
    return vanishes and all(
        is_finite_outside(moved, e, context)
        for base, e in others
        if index in base.free
        for moved in [rename_base(base, {index: place})]
    )


def _moves_search(node: Node, index: Index) -> bool:
    """Whether an index says where a first place is looked for."""
    if isinstance(node, FirstPlace):
        return index in node.free
    inside = (child for child in node.children if FirstPlace in child.kinds)
    return any(_moves_search(child, index) for child in inside)


def is_finite_outside(expr: Poly, exponent: Fraction, context: Context) -> bool:
    """Whether a power is surely a finite number where tensors are read outside their range.

    They are 0 there; 0 times 1/0 is not 0.
    """
    pole = exponent < 0 or exponent.denominator != 1
    for term in expr.terms:
        for base, power in term.factors:
            inside = [child for child in base.children if isinstance(child, Poly)]
            if isinstance(base, Total):
                inside = [Poly([base.body])]
            singular = power < 0 or power.denominator != 1 or pole or base.head in _SINGULAR
            if singular and not is_positive(base) and _reads_outside(base, context):
                return False
            if not all(is_finite_outside(inner, ONE, context) for inner in inside):
                return False
    return True


def _reads_outside(node: Node, context: Context) -> bool:
    """Whether a value beside a range may be none that occurs inside it."""
    match node:
        case Access():
            places = list(zip(node.places, context.shapes.get(node.name, ()), strict=False))
            return any(
                _reads_outside(place, context)
                if isinstance(place, Access)
                else not surely_within(place, extent)
                for place, extent in places
            )
        case Bracket() | Delta() | Index():
            return True
        case Binder():
            return _reads_outside(node.body, context)
    return any(_reads_outside(child, context) for child in node.children)


def _vanishes_outside(base: Node, index: Index, context: Context) -> bool:
    """Whether a factor is 0 wherever the index is outside its own range."""
    match base:
        case Access():
            shape = context.shapes.get(base.name, ())
            return base.name not in context.beginnings and any(
                place == index and extent == index.size
                for place, extent in zip(base.places, shape, strict=False)
            )
        case Delta():
            return index in base.places and any(isinstance(p, Access) for p in base.places)
        case Total():
            factors = base.body.factors
            return any(e > 0 and _vanishes_outside(b, index, context) for b, e in factors)
        case Group():
            return all(
                any(e > 0 and _vanishes_outside(b, index, context) for b, e in term.factors)
                for term in base.poly.terms
            )
    return False


def _write_with_index(flat: Flat, node: Delta) -> Flat:
    """Under δ(k, y) the label y may be written k; under δ(j, k) all is written with j."""
    labels: list[Place] = [place for place in node.places if isinstance(place, Access)]
    indices = [place for place in node.places if isinstance(place, Index)]
    if len(indices) == 2 and indices[0].size == indices[1].size:
        labels = [indices.pop()]
    if not labels or not indices or node not in flat.factors:
        return flat
    (label, *_), (index, *_) = labels, indices
    assert isinstance(label, Node)  # noqa: S101 (labels and indices are nodes)
    rest = Flat(flat.coefficient, {node: ONE}, flat.bound)
    for base, exponent in flat.factors.items():
        if base != node:
            rest.multiply_renamed(base, {label: index}, exponent)
    return rest
