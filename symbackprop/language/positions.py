"""Positions: where an element stands along an axis of its tensor.

A position is an index, a whole number, a label, or an affine expression of indices:
``2*p + u - 1``, ``t - 1``, ``c*H*W + y*W + x``, ``T - 1``. Its coefficients and its
offset are whole numbers or expressions of sizes.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symbackprop.language.indices import free_indices, is_size


def affine_form(place: Any) -> tuple[dict[sp.Idx, sp.Expr], sp.Expr] | None:
    """The coefficient of each index of a position, and its offset.

    Returns
    -------
    tuple or None
        None if the position is not affine, or a number in it is no whole number and no
        expression of sizes.

    Examples
    --------
    >>> from symbackprop.language import index
    >>> affine_form(2 * index("p", "P") + index("u", 3) - 1)
    ({p: 2, u: 1}, -1)
    """
    coefficients: dict[sp.Idx, sp.Expr] = {}
    offset: sp.Expr = sp.Integer(0)
    for term in sp.Add.make_args(sp.expand(place)):
        indices = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.Idx)]
        if not indices:
            offset += term
            continue
        rest = sp.Mul(*(f for f in sp.Mul.make_args(term) if f is not indices[0]))
        coefficients[indices[0]] = coefficients.get(indices[0], sp.Integer(0)) + rest
    if all(is_size_arithmetic(number) for number in (*coefficients.values(), offset)):
        return coefficients, offset
    return None


def is_size_arithmetic(number: sp.Expr) -> bool:
    """Whether an expression is a whole number, of any sign, whatever sizes it mentions."""
    if number.is_Integer:
        return True
    return not number.has(sp.Idx, sp.Indexed) and is_size(number)


def is_fixed(place: Any) -> bool:
    """Whether a position is the same for all values of the indices: ``0``, ``T - 1``."""
    return isinstance(place, sp.Expr) and not place.has(sp.Idx) and is_size_arithmetic(place)


def shift(place: Any, idx: sp.Idx) -> int | None:
    """By how much a position is moved against an index: -1 for ``t - 1``; else None."""
    if place == idx:
        return 0
    if not isinstance(place, sp.Add) or idx not in free_indices(place):
        return None
    offset = place - idx
    return int(offset) if offset.is_Integer else None


def is_outside(position: sp.Expr, extent: sp.Expr) -> bool:
    """Whether a fixed position is outside ``0 … extent-1`` whatever the sizes are."""
    return _is_nonnegative(-1 - position) or _is_nonnegative(position - extent)


def same_position(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two fixed positions are equal whatever the sizes are."""
    return bool(left == right) or sp.expand(left - right) == 0


def _is_nonnegative(number: sp.Expr) -> bool:
    number = sp.expand(number)
    if number.is_Integer:
        return bool(number >= 0)
    # A size is at least 1: written as 1 + s, most true statements show their sign.
    more = {s: 1 + sp.Dummy(integer=True, nonnegative=True) for s in number.free_symbols}
    return sp.expand(number.xreplace(more)).is_nonnegative is True
