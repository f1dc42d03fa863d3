"""Sizes and indices: the letters that index equations are written with.

A size is a positive integer, a symbol that stands for one (the batch size `N`), or
arithmetic of sizes (``2*D``, ``floor((H - 1)/2) + 1``). An index is a `sympy.Idx`
that runs over ``0 … size-1``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from numbers import Integral
from typing import Any, TypeAlias

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits

from symbackprop.errors import ShapeError

SizeLike: TypeAlias = int | str | sp.Expr


def size(value: SizeLike) -> sp.Expr:
    """A size as SymPy sees it: a positive integer, a positive integer symbol, or arithmetic.

    Every symbolic size is made here, because SymPy holds two symbols of one name
    but different assumptions for different things. Arithmetic is multiplied out, so
    that equal sizes are the same expression.

    Raises
    ------
    ShapeError
        If the value is not a positive whole number, a name, or an expression of sizes
        that is a whole number whatever they are.
    """
    if isinstance(value, str) and value:
        return sp.Symbol(value, integer=True, positive=True)
    if isinstance(value, sp.Expr) and not value.is_number:
        if value.is_Symbol:
            return value
        if is_size(value):
            return sp.expand(value)
    if isinstance(value, Integral | sp.Integer) and not isinstance(value, bool) and int(value) > 0:
        return sp.Integer(int(value))
    raise ShapeError(
        f"{value!r} is not a size",
        remedy="give a positive whole number, a name such as 'N', or arithmetic of sizes "
        "such as 2*N or sp.floor((N - 1)/2) + 1",
    )


def is_size(value: sp.Expr) -> bool:
    """Whether an expression is built of sizes, and a whole number whatever they are."""
    symbols = value.atoms(sp.Symbol)
    return value.is_integer is True and all(s.is_integer and s.is_positive for s in symbols)


def sizes(names: str) -> tuple[sp.Expr, ...]:
    """Several symbolic sizes at once: ``N, D = sizes("N D")``."""
    return tuple(size(name) for name in names.replace(",", " ").split())


def index(name: str, over: SizeLike) -> sp.Idx:
    """The index `name`, running over ``0 … over-1``."""
    return sp.Idx(sp.Symbol(name, integer=True), size(over))


def size_of(idx: sp.Idx) -> sp.Expr:
    """How many values an index takes.

    Raises
    ------
    ShapeError
        If the index was made without a range, or does not start at 0.
    """
    if idx.lower is None or idx.upper is None or idx.lower != 0:
        raise ShapeError(
            f"index {idx.label} has no range from 0",
            remedy=f'write index("{idx.label}", size) so that its size is known',
        )
    return idx.upper + 1


def index_name(idx: sp.Idx) -> str:
    """The letter an index is written with."""
    return str(idx.name)


def fresh_name(taken: Collection[str], prefer: Sequence[str]) -> str:
    """The first preferred index letter that is not taken, else the first free with a prime, …"""
    primes = ""
    while True:
        for name in prefer:
            if name + primes not in taken:
                return name + primes
        primes += "'"


@lru_cache(maxsize=4096)
def free_indices(expr: Any) -> frozenset[sp.Idx]:
    """The indices of an expression that nothing inside binds."""
    if isinstance(expr, sp.Idx):
        return frozenset((expr,))
    if isinstance(expr, ExprWithLimits):  # SymPy's own free_symbols writes the body anew
        inside = free_indices(expr.function).difference(limit[0] for limit in expr.limits)
        return inside.union(*(free_indices(end) for limit in expr.limits for end in limit[1:]))
    return frozenset().union(*map(free_indices, expr.args))
