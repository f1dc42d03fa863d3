"""Windows: how convolutions and pools read an axis, and the arguments that say so.

Output position p of an axis of size H is made from the input positions
``stride*p + dilation*u - before``, u running over the kernel; there are
``floor((H + before + after - dilation*(kernel - 1) - 1)/stride) + 1`` of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy as sp

from symbackprop.errors import OptionError, ShapeError
from symbackprop.language import Tensor
from symbackprop.library.places import series
from symbackprop.library.records import Record
from symbackprop.library.scope import Scope

#: A whole number for all axes, or one an axis.
PerAxis: TypeAlias = int | tuple[int, ...]

#: The letters and the sizes of the last axes of an image.
SPACE_LETTERS = ("d", "h", "w")
SPACE_SIZES = ("D", "H", "W")
#: The letters of output and kernel positions, axis by axis.
OUTPUT_LETTERS = ("p", "q", "r")
KERNEL_LETTERS = ("u", "v", "t")
# By the number of spatial axes, what a reader calls all of them.
_NAMED = {
    1: "channels, length",
    2: "channels, height, width",
    3: "channels, depth, height, width",
}


def per_axis(record: Record, name: str, axes: int, low: int = 1) -> tuple[int, ...]:
    """A field's whole numbers, one an axis; a list becomes a tuple in the record.

    Raises
    ------
    OptionError
        If it is neither a whole number from `low` up nor `axes` of them.
    """
    value = getattr(record, name)
    if isinstance(value, list):
        value = tuple(value)
        object.__setattr__(record, name, value)
    several = value if isinstance(value, tuple) else (value,) * axes
    whole = all(isinstance(v, int) and not isinstance(v, bool) and v >= low for v in several)
    if not whole or len(several) != axes:
        number = f"a whole number from {low} up"
        raise OptionError(
            f"{name}={value!r} is not {number}" + (f", nor {axes} of them" if axes > 1 else ""),
            where=type(record).__name__,
            remedy=f"use {name}={max(low, 1)}"
            + (f", or {(max(low, 1),) * axes}, one an axis" if axes > 1 else ""),
        )
    return several


@dataclass(frozen=True)
class Window:
    """How the output positions of one axis read its input positions.

    Attributes
    ----------
    kernel, stride, dilation
        How many input positions an output position reads; how far apart two output
        positions stand; how far apart the positions read stand.
    before, after
        How many positions the padding adds at each end.
    ceil
        Whether a last window that leaves the axis counts, as PyTorch's ``ceil_mode`` has it.
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    ceil: bool = False

    @property
    def span(self) -> int:
        """How many positions a window covers, those it skips included."""
        return self.dilation * (self.kernel - 1) + 1

    def place(self, p: sp.Expr, u: sp.Expr) -> sp.Expr:
        """The input position that output position `p` reads at kernel position `u`."""
        return self.stride * p + self.dilation * u - self.before

    def extent(self, size: sp.Expr, where: str) -> sp.Expr:
        """How many output positions an axis of that size has.

        Raises
        ------
        ShapeError
            If there are none, or ``ceil_mode`` meets a symbolic size.
        """
        free = size + self.before + self.after - self.span
        count = sp.floor(free / self.stride) + 1
        if self.ceil:
            count = self._rounded_up(size, free, where)
        if count.is_Integer and count < 1:
            raise ShapeError(
                f"the kernel spans {self.span} positions, "
                f"the padded axis has {size + self.before + self.after}",
                where=where,
                remedy="use a smaller kernel, more padding or a larger input",
            )
        return count

    def _rounded_up(self, size: sp.Expr, free: sp.Expr, where: str) -> sp.Expr:
        if not size.is_Integer:
            raise ShapeError(
                f"with ceil_mode the number of windows on an axis of symbolic size {size} "
                "depends on the number",
                where=where,
                remedy=f"give {size} a number, or leave ceil_mode out",
            )
        count = sp.ceiling(free / self.stride) + 1
        # A window must start inside the axis or the padding before it.
        return count - 1 if (count - 1) * self.stride >= size + self.before else count

    def leaves_before(self) -> bool:
        """Whether the first windows read positions below 0."""
        return self.before > 0

    def leaves_after(self, size: sp.Expr, count: sp.Expr) -> bool:
        """Whether the last windows may read positions beyond the axis."""
        last = self.place(count - 1, sp.Integer(self.kernel - 1))
        return self.after > 0 if not size.is_Integer else bool(last >= size)

    def conditions(self, size: sp.Expr, count: sp.Expr, place: sp.Expr) -> list[sp.Basic]:
        """What must hold for `place` to be inside the axis, where it may not be."""
        low = [place >= 0] if self.leaves_before() else []
        return low + ([place < size] if self.leaves_after(size, count) else [])


@dataclass(frozen=True)
class Reading:
    """A tensor whose last axes are read through windows.

    Attributes
    ----------
    outer
        The indices of the axes before, such as n and c.
    outputs, kernel
        One output index an axis; one kernel index an axis, or 0 for a kernel of size 1.
    places
        The position read on each axis.
    inside
        What must hold for all positions to be inside; empty if they always are.
    """

    outer: tuple[sp.Idx, ...]
    outputs: tuple[sp.Idx, ...]
    kernel: tuple[sp.Expr, ...]
    places: tuple[sp.Expr, ...]
    inside: tuple[sp.Basic, ...]

    @property
    def summed(self) -> tuple[sp.Idx, ...]:
        """The kernel indices there are."""
        return tuple(u for u in self.kernel if isinstance(u, sp.Idx))


def read(scope: Scope, a: Tensor, windows: Sequence[Window], where: str) -> Reading:
    """Read the last axes of `a` through `windows`, with new letters for the output axes."""
    outer, sizes = a.indices[: -len(windows)], a.shape[-len(windows) :]
    outputs, kernel, places, inside = [], [], [], []
    for window, size, p_name, u_name in zip(
        windows, sizes, OUTPUT_LETTERS, KERNEL_LETTERS, strict=False
    ):
        count = window.extent(size, where)
        p = scope.index(count, *series(p_name))
        u = scope.index(window.kernel, *series(u_name)) if window.kernel > 1 else sp.Integer(0)
        place = window.place(p, u)
        outputs.append(p)
        kernel.append(u)
        places.append(place)
        inside += window.conditions(size, count, place)
    return Reading(outer, tuple(outputs), tuple(kernel), tuple(places), tuple(inside))


def require_axes(layer: Any, a: Tensor, axes: int, *, channels: bool = True) -> None:
    """Require `a` to have a channel axis, `axes` axes after it and at most one before.

    Raises
    ------
    ShapeError
        If it does not.
    """
    wanted = axes + 1
    if len(a.indices) in (wanted, wanted + 1):
        return
    raise ShapeError(
        f"{layer} takes tensors of shape ({_NAMED[axes]}) or (examples, {_NAMED[axes]}), "
        f"{a.name!r} has shape {a.shape}",
        where=str(a.element),
        remedy="give the network an input of that shape",
    )
