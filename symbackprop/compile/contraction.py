"""Contractions: in which order the factors of a summed product are multiplied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import combinations
from math import prod

import sympy as sp

from symbackprop.calculus.nodes import Index
from symbackprop.compile.build import negative, product, without_signs
from symbackprop.compile.plan import Constant, Contract, Reduce, Size, Value

#: What a symbolic size counts for when costs are compared.
_NOMINAL = 64


def contract(factors: Sequence[Value], indices: Iterable[Index]) -> Value:
    """``Σ_indices Π factors``, two factors at a time, the cheapest pair first.

    An axis that one factor alone has is summed at once; an axis that no factor has
    multiplies by its size.
    """
    left, minus = without_signs(factors)
    open_axes = [axis for axis in indices if any(axis in f.axes for f in left)]
    idle = [axis for axis in indices if axis not in open_axes]
    left = [_reduced(f, _private(f, left, open_axes)) for f in left]
    while len(left) > 1:
        first, second = min(combinations(left, 2), key=_cost)
        others = [f for f in left if f is not first and f is not second]
        closing = [
            axis
            for axis in open_axes
            if (axis in first.axes or axis in second.axes)
            and not any(axis in f.axes for f in others)
        ]
        left = [*others, _pair(first, second, closing)]
    result = _repeated(left[0] if left else Constant(Fraction(1)), idle)
    return negative(result) if minus else result


def _private(factor: Value, factors: Sequence[Value], axes: Iterable[Index]) -> list[Index]:
    return [
        axis
        for axis in axes
        if axis in factor.axes and not any(axis in f.axes for f in factors if f is not factor)
    ]


def _reduced(value: Value, over: Sequence[Index]) -> Value:
    return Reduce("sum", value, over) if over else value


def _pair(first: Value, second: Value, over: Sequence[Index]) -> Value:
    """The product of two factors, summed over axes that no other factor has."""
    if over and set(first.axes) != set(second.axes):
        return Contract(first, second, over)
    if over and len(first.axes) == 1:
        return Contract(first, second, over)
    return _reduced(product([first, second]), over)


def _cost(pair: tuple[Value, Value]) -> int:
    """How many multiplications the pair takes."""
    return prod(nominal(axis.size) for axis in {*pair[0].axes, *pair[1].axes})


def nominal(extent: sp.Expr) -> int:
    """A size as a number to compare costs with; a symbol counts as a middling size."""
    if extent.is_Integer:
        return int(extent)
    return int(extent.xreplace(dict.fromkeys(extent.free_symbols, sp.Integer(_NOMINAL))))


def _repeated(value: Value, idle: Sequence[Index]) -> Value:
    for axis in idle:
        extent = axis.size
        size = Constant(Fraction(int(extent))) if extent.is_Integer else Size(extent)
        value = product([size, value])
    return value
