"""Where places are: whether an affine place lies inside a range, whatever the sizes are.

Sizes are whole numbers from 1 up. An answer is given only when it holds for all of them.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from symbackprop.calculus.nodes import Affine, Extent, Index, affine, linear


def surely_within(place: Index | Affine | int, extent: sp.Expr) -> bool:
    """Whether a place is one of ``0 … extent-1``."""
    if isinstance(place, Index) and place.size == extent:
        return True
    low, high = range_of(place)
    return surely_nonnegative(low) and surely_nonnegative(extent - 1 - high)


def surely_outside(place: Index | Affine | int, extent: sp.Expr) -> bool:
    """Whether a place is none of ``0 … extent-1``."""
    if isinstance(place, Index) and place.size == extent:
        return False
    low, high = range_of(place)
    return surely_nonnegative(-1 - high) or surely_nonnegative(low - extent)


def surely_apart(first: Index | Affine | int, second: Index | Affine | int) -> bool:
    """Whether two places are different at every value of their indices."""
    low, high = range_of(first)
    other_low, other_high = range_of(second)
    return surely_nonnegative(low - other_high - 1) or surely_nonnegative(other_low - high - 1)


def range_of(place: Index | Affine | int) -> tuple[sp.Expr, sp.Expr]:
    """The smallest and the largest value of a place."""
    terms, offset = linear(place)
    low = high = sp.Integer(offset) if isinstance(offset, int) else offset
    for index, coefficient in terms.items():
        reach = coefficient * (index.size - 1)
        if surely_nonnegative(coefficient):
            high += reach
        else:
            low += reach
    return low, high


def surely_nonnegative(value: Extent) -> bool:
    """Whether an expression of sizes is at least 0 for all sizes from 1 up."""
    if isinstance(value, int):
        return value >= 0
    return _nonnegative(value)


@lru_cache(maxsize=4096)
def _nonnegative(value: sp.Expr) -> bool:
    """Written in ``size - 1``, which is never negative, all coefficients are at least 0."""
    if value.is_number:
        return bool(value >= 0)
    lowest = _without_floors(sp.expand(value))
    shifted = sp.expand(lowest.xreplace({symbol: symbol + 1 for symbol in lowest.free_symbols}))
    return all(part.as_coeff_Mul()[0] >= 0 for part in sp.Add.make_args(shifted))


def _without_floors(value: sp.Expr) -> sp.Expr:
    """A lower bound: ⌊u⌋ is at most u, and more than u - 1 by at least 1/denominator."""
    total = sp.Integer(0)
    for part in sp.Add.make_args(value):
        coefficient, rest = part.as_coeff_Mul()
        if isinstance(rest, sp.floor):
            (u,) = rest.args
            below = sp.denom(sp.together(u))
            missing = 1 - sp.Rational(1, below) if below.is_Integer else 1
            rest = u if coefficient < 0 else u - missing
        total += coefficient * rest
    return sp.expand(total)


def best_of(place: Index | Affine | int, index: Index) -> sp.Expr:
    """The largest value of a place that one index can bring about, whatever the others are."""
    terms, offset = linear(place)
    others = affine({i: c for i, c in terms.items() if i != index}, offset)
    _, high = range_of(affine({index: terms.get(index, 0)}, 0))
    return high + range_of(others)[0]
