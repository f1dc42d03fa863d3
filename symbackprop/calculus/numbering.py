"""Canonical names for the bound indices of a sum, chosen from its structure alone.

Expressions are equal exactly when their keys are, so a sum must have one key however its
indices were called: they are numbered by how they occur. This is canonical labelling by
refinement: putting one index first tells most of the others apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from itertools import pairwise

from symbackprop.calculus.nodes import ONE, Index, Node, Place, Term, written


def components(
    factors: list[tuple[Node, Fraction]], bound: set[Index]
) -> list[tuple[set[Index], dict[Node, Fraction]]]:
    """Factors grouped by the summed indices they share; an idle index comes alone."""
    groups: list[tuple[set[Index], dict[Node, Fraction]]] = [({i}, {}) for i in bound]
    for base, exponent in factors:
        touched = [g for g in groups if g[0] & base.free]
        merged: tuple[set[Index], dict[Node, Fraction]] = (set(), {base: exponent})
        for group in touched:
            merged[0].update(group[0])
            merged[1].update(group[1])
            groups.remove(group)
        groups.append(merged)
    return groups


def numbered(
    indices: Collection[Index], factors: Mapping[Node, Fraction]
) -> tuple[tuple[Index, ...], Term]:
    """The summed indices of a connected product, numbered, and the product written with them."""
    start = max(base.height for base in factors) + 1
    candidates: list[tuple[tuple[Index, ...], Term]] = []
    for order in _orders(indices, factors):
        bound = tuple(index.bound(start + place) for place, index in enumerate(order))
        mapping: dict[Node, Place] = dict(zip(order, bound, strict=True))
        renamed = {base.renumbered(mapping): exponent for base, exponent in factors.items()}
        candidates.append((bound, Term(ONE, renamed)))
    return min(candidates, key=lambda candidate: candidate[1].key)


def _orders(
    indices: Collection[Index], factors: Mapping[Node, Fraction]
) -> Iterator[tuple[Index, ...]]:
    """Orders worth trying: by how each index occurs; where some occur alike, each may be first.

    Of two that can be exchanged without a change only one is tried.
    """
    if len(indices) == 1:
        return iter([tuple(indices)])
    return _refined(factors, dict.fromkeys(sorted(indices, key=lambda i: i.key), 0))


def _refined(
    factors: Mapping[Node, Fraction], ranks: dict[Index, int]
) -> Iterator[tuple[Index, ...]]:
    """The orders in keeping with ranks; equal ranks are those not told apart yet."""
    known = 0
    while known < len(set(ranks.values())) < len(ranks):
        known = len(set(ranks.values()))
        plain = {index: (rank, f"{written(index.size)}|") for index, rank in ranks.items()}
        alike = Counter(plain.values())
        seen = {
            index: (*mark, _occurrence(index, factors, ranks) if alike[mark] > 1 else "")
            for index, mark in plain.items()
        }
        places = {mark: place for place, mark in enumerate(sorted(set(seen.values())))}
        ranks = {index: places[mark] for index, mark in seen.items()}
    order = sorted(ranks, key=ranks.__getitem__)
    doubtful = next((ranks[i] for i, j in pairwise(order) if ranks[i] == ranks[j]), None)
    if doubtful is None:
        yield tuple(order)
        return
    tried: list[Index] = []
    for index in (i for i in order if ranks[i] == doubtful):
        if not any(_exchangeable(index, other, factors) for other in tried):
            tried.append(index)
            yield from _refined(factors, {i: 2 * rank + (i != index) for i, rank in ranks.items()})


def _occurrence(index: Index, factors: Mapping[Node, Fraction], ranks: Mapping[Index, int]) -> str:
    """How an index occurs, the others known by their ranks alone."""
    blank: dict[Node, Place] = {
        other: Index("*" if other == index else f"?{rank}", other.size, 10**6)
        for other, rank in ranks.items()
    }
    return "|".join(sorted(f"{base.renumbered(blank).key}^{e}" for base, e in factors.items()))


def _exchangeable(one: Index, other: Index, factors: Mapping[Node, Fraction]) -> bool:
    """Whether a product stays the same when two indices change places."""
    exchange: dict[Node, Place] = {one: other, other: one}
    return {base.renumbered(exchange): e for base, e in factors.items()} == factors
