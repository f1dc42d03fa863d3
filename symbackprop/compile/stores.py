"""Stores: tensors kept together with the elements outside their range that are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symbackprop.calculus.nodes import Affine, Extent, Index, Node, Place, linear, whole
from symbackprop.calculus.normal import Poly, rename
from symbackprop.compile.plan import Window, window


@dataclass(frozen=True)
class Case:
    """A base case: what a tensor is at one place outside its range.

    Attributes
    ----------
    place
        Where, along the axis of its store.
    indices
        The indices of the other axes, in order.
    expression
        What the tensor is there.
    """

    place: Extent
    indices: tuple[Index, ...]
    expression: Poly


@dataclass(frozen=True)
class Store:
    """An array that holds a tensor, and beside it what is read outside its range.

    Attributes
    ----------
    tensor
        The tensor's name.
    axis, extent
        The axis along which it is longer, and the tensor's size there.
    before, after
        How many elements it has in front of the tensor's, and behind them.
    cases
        The base cases; other elements outside are 0.
    """

    tensor: str
    axis: int
    extent: sp.Expr
    before: Extent = 0
    after: Extent = 0
    cases: tuple[Case, ...] = ()

    @property
    def name(self) -> str:
        """The name of the whole array: the tensor's own where they are the same."""
        return self.tensor if self.before == 0 and self.after == 0 else f"{self.tensor}~"

    @property
    def length(self) -> sp.Expr:
        """The whole array's size along the axis."""
        return sp.sympify(whole(self.before + self.extent + self.after), strict=True)

    @property
    def has_zeros(self) -> bool:
        """Whether elements outside the range are not all base cases."""
        return whole(self.before + self.after - len(self.cases)) != 0

    def row(self, case: Case) -> Extent:
        """Where a base case stands in the array."""
        return whole(case.place + self.before)

    def case(self, places: Sequence[Place]) -> Poly | None:
        """What a base case says about an element."""
        at = places[self.axis]
        if not isinstance(at, int | Affine) or linear(at)[0]:
            return None
        for case in self.cases:
            if whole(linear(at)[1] - case.place) == 0:
                others = (*places[: self.axis], *places[self.axis + 1 :])
                mapping: dict[Node, Place] = dict(zip(case.indices, others, strict=True))
                return rename(case.expression, mapping)
        return None

    def window(self, place: Index | Affine | int, sure: bool = False) -> Window:
        """Where a place along the tensor's axis is in the array."""
        steps, start = linear(place)
        return window(whole(start + self.before), steps, self.length, sure)
