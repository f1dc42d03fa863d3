"""Sizes and indices: the letters that index equations are written with.

A size is a positive integer, or a symbol that stands for one (the batch size
`N`). An index is a `sympy.Idx` that runs over ``0 … size-1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from string import ascii_lowercase
from typing import Any, TypeAlias

import sympy as sp

from symbackprop.errors import ShapeError

SizeLike: TypeAlias = int | str | sp.Expr

# Letters a textbook would take for one more index, nearest to i first.
_INDEX_LETTERS = "ijklmpqrstuvwabcdefgh"


def size(value: SizeLike) -> sp.Expr:
    """A size as SymPy sees it: a positive integer, or a positive integer symbol.

    Every symbolic size is made here, because SymPy holds two symbols of one name
    but different assumptions for different things.

    Raises
    ------
    ShapeError
        If the value is not a positive whole number, a name or a SymPy expression.
    """
    if isinstance(value, str) and value:
        return sp.Symbol(value, integer=True, positive=True)
    if isinstance(value, sp.Expr) and not value.is_number:
        return value
    if not isinstance(value, str | bool) and value == int(value) and int(value) > 0:
        return sp.Integer(int(value))
    raise ShapeError(
        f"{value!r} is not a size",
        remedy="give a positive whole number, or a name such as 'N'",
    )


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
    return str(idx.label)


def fresh_name(taken: Iterable[str], prefer: Iterable[str] = ()) -> str:
    """An index letter that is not taken: a preferred one first, then i, j, k, …"""
    used = set(taken)
    return next(name for name in _candidates(prefer) if name not in used)


def _candidates(prefer: Iterable[str]) -> Iterator[str]:
    yield from prefer
    yield from _INDEX_LETTERS
    number = 1
    while True:
        yield from (f"{letter}_{number}" for letter in ascii_lowercase)
        number += 1


def free_indices(expr: Any) -> set[sp.Idx]:
    """The indices of an expression that no `Sum` or `MaxOver` binds."""
    return {symbol for symbol in expr.free_symbols if isinstance(symbol, sp.Idx)}
