"""Tensors as the PyTorch reading stores them: with base cases, and with steps to come.

Along each axis a tensor has the positions in its range and those of its base cases;
everywhere else it is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, TypeAlias

import sympy as sp

from symbackprop.language import size_of
from symbackprop.verify.exact import Sizes, extent_of


@dataclass(frozen=True)
class Axes:
    """A PyTorch tensor whose axes are named by indices."""

    data: Any
    indices: tuple[sp.Idx, ...]

    def aligned(self, indices: Sequence[sp.Idx]) -> Any:
        """The data with the given axes, of length 1 where this tensor has none."""
        order = [self.indices.index(idx) for idx in indices if idx in self.indices]
        data = self.data.permute(order)
        for axis, idx in enumerate(indices):
            if idx not in self.indices:
                data = data.unsqueeze(axis)
        return data

    def expanded(self, indices: Sequence[sp.Idx], sizes: Sizes) -> Any:
        """The data with the given axes at full length."""
        extents = [extent_of(size_of(idx), sizes) for idx in indices]
        return self.aligned(indices).expand(extents)


def combined(function: Callable[..., Any], *parts: Axes) -> Axes:
    """A function of tensors, broadcast over all their indices."""
    indices = tuple(dict.fromkeys(idx for part in parts for idx in part.indices))
    return Axes(function(*(part.aligned(indices) for part in parts)), indices)


@dataclass(frozen=True)
class Place:
    """Where an axis is read; a strict place is never outside the range."""

    at: Axes
    strict: bool


@dataclass(frozen=True)
class Stored:
    """A whole tensor.

    Attributes
    ----------
    inside
        The PyTorch tensor, without base cases.
    data
        The same with a slot behind its range for each base case of an axis.
    slots
        By axis, the slot of each position that has a base case.
    """

    inside: Any
    data: Any
    slots: Mapping[int, Mapping[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any) -> Stored:
        """A tensor without base cases."""
        return cls(data, data)

    def read(self, places: Sequence[Place]) -> Axes:
        """The elements at some places."""
        found = [self._slot(axis, place) for axis, place in enumerate(places)]
        picked = combined(lambda *slots: self.data[slots], *(slot for slot, _ in found))
        checks = [inside for _, inside in found if inside is not None]
        if not checks:
            return picked
        inside = combined(lambda *parts: reduce(lambda a, b: a & b, parts), *checks)
        return combined(lambda ok, data: data.where(ok, data.new_zeros(())), inside, picked)

    def _slot(self, axis: int, place: Place) -> tuple[Axes, Axes | None]:
        """Where along an axis to read, and whether there is anything."""
        at = place.at
        if place.strict:
            return at, None
        inside = (at.data >= 0) & (at.data < self.inside.shape[axis])
        slot = at.data.clamp(0, self.inside.shape[axis] - 1)
        for position, number in self.slots.get(axis, {}).items():
            slot = slot.where(at.data != position, slot.new_tensor(number))
            inside = inside | (at.data == position)
        return Axes(slot, at.indices), None if inside.all() else Axes(inside, at.indices)

    def extended(self, axis: int, position: int, plane: Any) -> Stored:
        """The same tensor with a base case: what it is at one position of an axis."""
        import torch

        room = [n for other, n in enumerate(self.data.shape) if other != axis]
        # Where base cases of two axes meet there is nothing: 0.
        missing = [(0, n - known) for n, known in zip(room, plane.shape, strict=True)]
        padding = [n for pair in reversed(missing) for n in pair]
        filled = torch.nn.functional.pad(plane, padding).unsqueeze(axis)
        data = torch.cat([self.data, filled], dim=axis)
        known = {**self.slots.get(axis, {}), position: self.data.shape[axis]}
        return Stored(self.inside, data, {**self.slots, axis: known})


@dataclass
class Steps:
    """A tensor that is computed step by step along one axis.

    Attributes
    ----------
    axis
        The axis.
    planes
        What is known so far, by position along the axis, without that axis.
    """

    axis: int
    planes: dict[int, Stored]

    def read(self, places: Sequence[Place]) -> Axes:
        """The elements at some places, of which one is a step that is fixed."""
        import torch

        step = int(places[self.axis].at.data)
        if step not in self.planes:
            return Axes(torch.zeros((), dtype=torch.float64), ())
        return self.planes[step].read([p for n, p in enumerate(places) if n != self.axis])


Storage: TypeAlias = Stored | Steps
