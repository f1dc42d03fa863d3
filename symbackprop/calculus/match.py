"""Pattern matching on normal forms: does a product contain an instance of another?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor

from symbackprop.calculus.nodes import (
    Access,
    Affine,
    Delta,
    Index,
    Node,
    Place,
    Term,
    combined,
    linear,
    rename_place,
)
from symbackprop.calculus.normal import (
    Poly,
)
from symbackprop.calculus.ranges import surely_within

Binding = dict[Node, Place]
Factors = Sequence[tuple[Node, Fraction]]


def match_factors(
    pattern: Factors, target: Factors, variables: frozenset[Index]
) -> Iterator[tuple[Binding, int, dict[Node, Fraction]]]:
    """Every way a power of the pattern's product divides the target's.

    Yields
    ------
    binding, times, left
        What the pattern's indices stand for, how often the pattern fits (negative in
        a denominator), and the factors of the target that remain.
    """
    for binding, chosen in _assign(pattern, list(target), variables, {}):
        ratios = [
            exponent / wanted for (_, exponent), (_, wanted) in zip(chosen, pattern, strict=True)
        ]
        if not variables <= binding.keys():
            continue
        if min(ratios) >= 1:
            times = floor(min(ratios))
        elif max(ratios) <= -1:
            times = -floor(min(-ratio for ratio in ratios))
        else:
            continue
        left = dict(target)
        for (base, _), (_, wanted) in zip(chosen, pattern, strict=True):
            left[base] -= times * wanted
            if not left[base]:
                del left[base]
        yield binding, times, left


def _assign(
    pattern: Factors,
    target: list[tuple[Node, Fraction]],
    variables: frozenset[Index],
    binding: Binding,
) -> Iterator[tuple[Binding, list[tuple[Node, Fraction]]]]:
    """Assign a different target factor to each pattern factor."""
    if not pattern:
        yield binding, []
        return
    (base, _), *others = pattern
    for place, candidate in enumerate(target):
        for extended in unify(base, candidate[0], variables, binding):
            rest = target[:place] + target[place + 1 :]
            for final, chosen in _assign(others, rest, variables, extended):
                yield final, [candidate, *chosen]


def unify(
    pattern: Node, target: Node, variables: frozenset[Index], binding: Binding
) -> Iterator[Binding]:
    """Every extension of `binding` that turns the pattern into the target."""
    if not pattern.free & variables:
        if pattern == target:
            yield binding
        return
    if type(pattern) is not type(target):
        return
    match pattern, target:
        case Index(), Index():
            yield from _unify_place(pattern, target, variables, binding)
        case Access(), Access():
            if pattern.name == target.name:
                yield from _unify_places(pattern.places, target.places, variables, binding)
        case Delta(), Delta():
            yield from _unify_places(pattern.places, target.places, variables, binding)
            yield from _unify_places(pattern.places, target.places[::-1], variables, binding)
        case Term(), Term():
            yield from _unify_terms(pattern, target, variables, binding)
        case Poly(), Poly():
            yield from _unify_sets(pattern.terms, target.terms, variables, binding)
        case _:
            if pattern.head == target.head:
                yield from _unify_all(pattern.children, target.children, variables, binding)


def _unify_place(
    pattern: Place, target: Place, variables: frozenset[Index], binding: Binding
) -> Iterator[Binding]:
    if isinstance(pattern, Index) and pattern in variables:
        if pattern in binding:
            if binding[pattern] == target:
                yield binding
        elif _may_stand_for(pattern, target):
            yield {**binding, pattern: target}
    elif isinstance(pattern, Access) and isinstance(target, Access):
        yield from unify(pattern, target, variables, binding)
    elif isinstance(pattern, Affine) and pattern.free & variables:
        yield from _unify_affine(pattern, target, variables, binding)
    elif pattern == target:
        yield binding


def _may_stand_for(variable: Index, place: Place) -> bool:
    """Whether an index variable may be a place: one in its range, not bound further in."""
    if isinstance(place, Node) and place.height:
        return False
    return isinstance(place, Access) or surely_within(place, variable.size)


def _unify_affine(
    pattern: Affine, target: Place, variables: frozenset[Index], binding: Binding
) -> Iterator[Binding]:
    """The one variable that is still open is solved for; several stand for indices."""
    if isinstance(target, Access):
        return
    known = {index: place for index, place in binding.items() if not isinstance(place, Access)}
    moved = rename_place(pattern, known)
    if isinstance(moved, Access):
        return
    left = combined([(target, 1), (moved, -1)])
    open_terms = [(i, c) for i, c in pattern.terms if i in variables and i not in binding]
    if not open_terms:
        if left == 0:
            yield binding
        return
    if len(open_terms) == 1 and abs(open_terms[0][1]) == 1:
        ((variable, coefficient),) = open_terms
        solved = combined([(variable, 1), (left, coefficient)])
        if _may_stand_for(variable, solved):
            yield {**binding, variable: solved}
        return
    variable, coefficient = open_terms[0]
    for index, factor in linear(target)[0].items():
        if factor == coefficient and _may_stand_for(variable, index):
            yield from _unify_affine(pattern, target, variables, {**binding, variable: index})


def _unify_places(
    patterns: Sequence[Place],
    targets: Sequence[Place],
    variables: frozenset[Index],
    binding: Binding,
) -> Iterator[Binding]:
    if not patterns:
        yield binding
        return
    for extended in _unify_place(patterns[0], targets[0], variables, binding):
        yield from _unify_places(patterns[1:], targets[1:], variables, extended)


def _unify_all(
    patterns: Sequence[Node],
    targets: Sequence[Node],
    variables: frozenset[Index],
    binding: Binding,
) -> Iterator[Binding]:
    if len(patterns) != len(targets):
        return
    if not patterns:
        yield binding
        return
    for extended in unify(patterns[0], targets[0], variables, binding):
        yield from _unify_all(patterns[1:], targets[1:], variables, extended)


def _unify_sets(
    patterns: Sequence[Node],
    targets: Sequence[Node],
    variables: frozenset[Index],
    binding: Binding,
) -> Iterator[Binding]:
    """Match in any order: sums and products are sorted by keys that renaming changes."""
    if len(patterns) != len(targets):
        return
    if not patterns:
        yield binding
        return
    for place, target in enumerate(targets):
        rest = [*targets[:place], *targets[place + 1 :]]
        for extended in unify(patterns[0], target, variables, binding):
            yield from _unify_sets(patterns[1:], rest, variables, extended)


def _unify_terms(
    pattern: Term, target: Term, variables: frozenset[Index], binding: Binding
) -> Iterator[Binding]:
    if pattern.coefficient != target.coefficient or len(pattern.factors) != len(target.factors):
        return
    for extended, chosen in _assign(pattern.factors, list(target.factors), variables, binding):
        if all(p[1] == c[1] for p, c in zip(pattern.factors, chosen, strict=True)):
            yield extended
