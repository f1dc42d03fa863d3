"""Slices: which axes of a tensor become subscripts, so that what is left is a matrix.

A recurrence runs along steps: ``h_t`` is a matrix, h at one step, and ``h_{t−1}`` the
one before. So do examples, or heads, where tensors have more than two axes: ``S_{n,h}``.
Axes are chosen by their size, for a whole page, so that a tensor looks the same in every
equation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp

from symbackprop.language import (
    Equation,
    Role,
    System,
    Tensor,
    element_name,
    elements,
    free_indices,
    size_of,
)


def page_slices(system: System) -> frozenset[sp.Expr]:
    """The sizes of the axes that become subscripts on the page of a system."""
    steps = {
        size_of(group.index(equation))
        for group in system.groups
        if group.recurrent
        for equation in group.equations
    }
    found = steps | (_parts(system) if steps else set())
    if _windows(system) - steps:
        return frozenset(found)
    for equation in system.equations:
        left = [size for idx in equation.indices if (size := size_of(idx)) not in found]
        found.update(left[:-2])
    return frozenset(found)


def _parts(system: System) -> set[sp.Expr]:
    """The sizes of axes that hold parts side by side, each read at its place: a cell's gates."""
    return {
        extent
        for equation in system.equations
        for element in elements(equation.rhs)
        if isinstance(element, sp.Indexed) and len(element.indices) > 2
        for place, extent in zip(
            element.indices, system.tensor(element_name(element)).shape, strict=True
        )
        if place.is_Integer
    }


def _windows(system: System) -> set[sp.Expr]:
    """The sizes of axes that windows move over, as over an image: no matrix shows them."""
    return {
        extent
        for equation in system.equations
        for element in elements(equation.rhs)
        if isinstance(element, sp.Indexed)
        and (tensor := system.tensor(element_name(element))).role is not Role.PARAMETER
        for place, extent in zip(element.indices, tensor.shape, strict=True)
        if is_moving(place)
    }


def steps_of(equation: Equation, tensors: Mapping[str, Tensor]) -> frozenset[sp.Expr]:
    """The sizes of the axes along which one equation reads other steps: h[t - 1]."""
    return frozenset(
        extent
        for place, extent in positions(equation, tensors)
        if isinstance(place, sp.Add) and any((place - i).is_Integer for i in free_indices(place))
    )


def sliced_indices(equation: Equation, sizes: frozenset[sp.Expr]) -> frozenset[sp.Idx]:
    """The indices of an equation that are subscripts: for each size its own, or all summed."""
    chosen: set[sp.Idx] = set()
    inside = sorted(equation.rhs.atoms(sp.Idx), key=str)
    for size in sizes:
        own = [idx for idx in equation.indices if size_of(idx) == size][:1]
        chosen.update(own or [idx for idx in inside if size_of(idx) == size])
    return frozenset(chosen)


def positions(
    equation: Equation, tensors: Mapping[str, Tensor]
) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Every position on the right, with the size of its axis."""
    for element in elements(equation.rhs):
        tensor = tensors.get(element_name(element))
        if tensor is not None and isinstance(element, sp.Indexed):
            yield from zip(element.indices, tensor.shape, strict=True)


def is_moving(place: sp.Expr) -> bool:
    """Whether a position moves otherwise than an index does."""
    return not isinstance(place, sp.Idx | sp.Indexed) and bool(free_indices(place))
