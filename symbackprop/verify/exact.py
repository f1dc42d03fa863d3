"""Expressions of indices and sizes alone, as exact numbers.

Positions, and conditions such as ``s <= t - 1`` or ``i < D/2``, are decided without
rounding and have no edge that a point could come near to.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import floor, prod
from typing import Any, TypeAlias

import sympy as sp

from symbackprop.language import affine_form

#: The present value of every index, by slot.
Places: TypeAlias = list[int]
#: Takes the present values of the indices to a value.
Reader: TypeAlias = Callable[[Places], Any]
#: The slot of every index in force.
Scope: TypeAlias = Mapping[sp.Idx, int]
Sizes: TypeAlias = Mapping[sp.Symbol, int]


def extent_of(size: sp.Expr, sizes: Sizes) -> int:
    """A size, or arithmetic of sizes, as a whole number."""
    return int(size.xreplace(dict(sizes)))


def place_reader(place: Any, scope: Scope, sizes: Sizes) -> Reader | None:
    """The reader of a position; None if it is not affine."""
    if isinstance(place, sp.Idx):
        return operator.itemgetter(scope[place])
    form = affine_form(place)
    if form is None:
        return None
    offset = extent_of(form[1], sizes)
    steps = [(scope[idx], extent_of(step, sizes)) for idx, step in form[0].items()]
    if not steps:
        return lambda _: offset
    if len(steps) == 1:
        ((slot, step),) = steps
        return lambda now: step * now[slot] + offset
    if len(steps) == 2:
        (one, first), (other, second) = steps
        return lambda now: first * now[one] + second * now[other] + offset
    return lambda now: offset + sum([step * now[slot] for slot, step in steps])


def exact_reader(expr: Any, scope: Scope, sizes: Sizes) -> Reader | None:
    """The reader of a rational expression of indices and sizes; None of any other."""
    if not isinstance(expr, sp.Expr) or expr.has(sp.Indexed):
        return None
    if isinstance(expr, sp.Idx) or expr.is_integer:
        reader = place_reader(expr, scope, sizes)
        if reader is not None:
            return reader
    if expr in sizes or expr.is_Rational:
        number = sizes[expr] if expr in sizes else Fraction(int(expr.p), int(expr.q))
        return lambda _: number
    combine = _COMBINE.get(expr.func)
    if combine is None:  # it may bind indices that are not in the scope
        return None
    readers = [exact_reader(argument, scope, sizes) for argument in expr.args]
    if None in readers:
        return None
    if isinstance(expr, sp.Pow) and not expr.exp.is_Integer:
        return None
    parts = [reader for reader in readers if reader is not None]
    return lambda now: combine([part(now) for part in parts])


def whole_reader(expr: Any, scope: Scope, sizes: Sizes) -> Reader | None:
    """As `exact_reader`, of an expression that is a whole number."""
    if not expr.is_integer:
        return None
    reader = exact_reader(expr, scope, sizes)
    return None if reader is None else lambda now: int(reader(now))


def _power(parts: Sequence[Any]) -> Any:
    base, exponent = parts
    return Fraction(base) ** int(exponent)


_COMBINE: Mapping[Any, Callable[[Sequence[Any]], Any]] = {
    sp.Add: sum,
    sp.Mul: prod,
    sp.Pow: _power,
    sp.floor: lambda parts: floor(parts[0]),
}
