"""Affine places inside sums: whether to read through windows, or to put and add up.

``Σ_p dy[p]·K[h - 2·p + 1]`` reads K at many places and finds 0 at most of them. With an
index u over K's axis it is ``Σ_{p,u} dy[p]·K[u]·δ(h, 2·p + u - 1)``: a smaller product,
put in place. Both are readings of one delta, and the cheaper one is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import sympy as sp

from symbackprop.calculus.nodes import (
    Access,
    Affine,
    Delta,
    Index,
    Node,
    Place,
    affine,
    combined,
    linear,
)
from symbackprop.calculus.normal import Flat, Total, rename_base
from symbackprop.calculus.ranges import surely_within
from symbackprop.compile.contraction import nominal
from symbackprop.compile.plan import Window, window

#: A delta, the index it is solved for, and where that index is.
Target = tuple[Delta, Index, Window]


@dataclass(frozen=True)
class Product:
    """Powers of bases, summed over indices."""

    factors: Mapping[Node, Fraction]
    indices: tuple[Index, ...]
    coefficient: Fraction = Fraction(1)

    def split(self, targets: Sequence[Target]) -> tuple[Product, Product]:
        """What is put at the targets, and what that is multiplied by afterwards."""
        over = {index for _, _, window in targets for index in window.axes}
        deltas = {delta for delta, _, _ in targets}
        places: dict[Node, Place] = {
            index: affine(dict(window.steps), window.start) for _, index, window in targets
        }
        # Where nothing is added up, all that moves with a target is computed before.
        single = {index for _, index, window in targets if len(window.steps) == 1}
        inner = Flat()
        outer = {b: e for b, e in self.factors.items() if not b.free & (over | single)}
        for base, exponent in self.factors.items():
            if base in deltas or base in outer:
                continue
            if base.free & places.keys():
                inner.multiply_poly(rename_base(base, places), exponent)
            else:
                inner.multiply(base, exponent)
        shared = frozenset().union(*(base.free for base in outer)) if outer else frozenset()
        own = tuple(index for index in self.indices if index not in shared and index not in over)
        present = frozenset().union(*(base.free for base in inner.factors))
        private = tuple(index for index in own if index in present)
        opened_sums = sorted(inner.bound, key=lambda index: index.key)
        rest = tuple(index for index in self.indices if index not in private and index not in over)
        inside = Product(inner.factors, (*private, *opened_sums), inner.coefficient)
        return inside, Product(outer, rest)


def opened(total: Total) -> Product:
    """The product under a sum; its indices are opened if affine places look at them."""
    if Affine not in total.kinds and Delta not in total.kinds:
        return Product(dict(total.body.factors), total.indices)
    flat = total.open()
    order = sorted(flat.bound, key=lambda index: index.name.rpartition("~")[2])
    return Product(flat.factors, tuple(order), flat.coefficient)


def contracted(product: Product) -> Product:
    """``Σ_g δ(g, j)·z[g]`` is z[j]: deltas solved for summed indices that surely are in range."""
    for node in product.factors:
        if not isinstance(node, Delta) or any(isinstance(p, Access) for p in node.places):
            continue
        for index, place in _solutions(node):
            if index in product.indices and surely_within(place, index.size):
                rest = Flat(product.coefficient)
                for base, exponent in product.factors.items():
                    if base != node:
                        rest.multiply_poly(rename_base(base, {index: place}), exponent)
                left = tuple(other for other in product.indices if other != index)
                return contracted(Product(rest.factors, left, rest.coefficient))
    return product


def reread(
    product: Product,
    shapes: Mapping[str, Sequence[sp.Expr]],
    fixed: Collection[Index],
    beginnings: Mapping[str, int],
) -> Product:
    """Elements at affine places as deltas over the axis, where that makes the product smaller.

    Parameters
    ----------
    product
        The product.
    shapes
        The sizes of every tensor's axes.
    fixed
        Free indices that nothing is put along.
    beginnings
        By name, the axis along which a tensor need not be 0 outside its range.
    """
    factors: dict[Node, Fraction] = {}
    indices = list(product.indices)
    own_of: dict[tuple[Place, sp.Expr], Index] = {}
    for base, exponent in product.factors.items():
        factors[base] = exponent
        if not isinstance(base, Access) or exponent != 1:
            continue
        found = {
            axis: solution
            for axis, extent in enumerate(shapes[base.name])
            if axis != beginnings.get(base.name)
            and (solution := _axis_solution(base.places[axis], extent, indices, fixed))
        }
        if not found or not _is_cheaper(base, list(found.values()), product):
            continue
        del factors[base]
        places = list(base.places)
        for axis, (new, _, _) in found.items():
            # What stands at the same place has the same index.
            own = own_of.setdefault((places[axis], shapes[base.name][axis]), new)
            if own is new:
                indices.append(own)
                factors[Delta(own, places[axis])] = Fraction(1)
            places[axis] = own
        factors[Access(base.name, tuple(places))] = exponent
    return Product(factors, tuple(indices), product.coefficient)


#: An index over an axis, the free index that is put along then, and where that is.
_Solution = tuple[Index, Index, Window]


def _axis_solution(
    place: Place, extent: sp.Expr, summed: Sequence[Index], fixed: Collection[Index]
) -> _Solution | None:
    """How an element at an affine place reads as a delta over the axis, if it can."""
    if not isinstance(place, Index | Affine) or (isinstance(place, Index) and place.size == extent):
        return None
    hint = next((index.hint for index in linear(place)[0] if index not in summed), "")
    own = Index(hint, extent).fresh()
    found = _solution(Delta(own, place), [*summed, own], fixed)
    return None if found is None else (own, *found)


def _is_cheaper(base: Access, solutions: Sequence[_Solution], product: Product) -> bool:
    """Whether to multiply first and put then, rather than to read through windows first."""
    if all(len(where.steps) == 1 or where.is_split for _, _, where in solutions):
        return all(nominal(own.size) < nominal(index.size) for own, index, _ in solutions)
    own = _elements([index for index, _, _ in solutions])
    instead = _elements([index for _, index, _ in solutions])
    if 2 * own <= instead:
        return True
    # Products of about one size: fewer numbers are to be moved, those that meet added up.
    present = frozenset(product.indices).union(*(factor.free for factor in product.factors))
    free = present - {*product.indices, *(index for _, index, _ in solutions)}
    over = {index for _, _, where in solutions for index in where.axes}
    return own < 2 * instead and 3 * _elements(free | over) < _elements(base.free)


def _elements(indices: Collection[Index]) -> int:
    return prod(nominal(index.size) for index in indices)


def solved(product: Product, fixed: Collection[Index]) -> list[Target]:
    """The deltas that put what is summed along free indices, each with its window."""
    targets: list[Target] = []
    taken: set[Index] = set()
    for base, exponent in product.factors.items():
        if not isinstance(base, Delta) or exponent <= 0:
            continue
        found = _solution(base, product.indices, fixed)
        if found is None or {found[0], *found[1].axes} & taken:
            continue
        taken |= {found[0], *found[1].axes}
        targets.append((base, *found))
    return targets


def _solution(
    node: Delta, summed: Collection[Index], fixed: Collection[Index]
) -> tuple[Index, Window] | None:
    """A free index that a delta puts values along, and where that is in summed indices."""
    if any(isinstance(place, Access) for place in node.places):
        return None
    for index, place in _solutions(node):
        if index in summed or index in fixed:
            continue
        steps, start = linear(place)
        if steps and all(other in summed for other in steps):
            return index, window(start, steps, index.size)
    return None


def _solutions(node: Delta) -> Iterator[tuple[Index, Index | Affine | int]]:
    """The indices a delta of affine places can be solved for, and what each then is."""
    first, second = node.places
    assert not isinstance(first, Access)  # noqa: S101 (callers have looked)
    assert not isinstance(second, Access)  # noqa: S101
    gap = combined([(first, 1), (second, -1)])
    for index, coefficient in linear(gap)[0].items():
        if coefficient in (1, -1):
            yield index, combined([(index, 1), (gap, -coefficient)])
