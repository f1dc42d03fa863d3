"""Places: letters in series, sums, and parameters read at places that are no plain indices."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symbackprop.language import size_of
from symbackprop.library.scope import Scope


def series(letter: str) -> tuple[str, ...]:
    """The letter and its numbered kin: p, p_2, p_3, …, for the layers of a deep network."""
    return (letter, *(f"{letter}_{number}" for number in range(2, 100)))


def summed(value: sp.Expr, *indices: sp.Idx) -> sp.Expr:
    """The sum over the indices, the first of them outermost; the value itself for none."""
    # The innermost sum comes first in SymPy's limits.
    return sp.Sum(value, *reversed(indices)) if indices else value


def parameter_at(
    scope: Scope, letter: str, shape: Sequence[sp.Expr], places: Sequence[sp.Expr]
) -> sp.Expr:
    """Add a parameter of the current layer, read at `places`.

    Its axes are written with the places that are plain indices of their size, and with
    new letters where the place is a number or a sum such as ``h*D + d``.
    """
    axes: list[sp.Idx] = []
    for extent, place in zip(shape, places, strict=True):
        plain = isinstance(place, sp.Idx) and size_of(place) == extent and place not in axes
        axes.append(place if plain else scope.index(extent))
    return scope.parameter(letter, *axes)[tuple(places)]
