"""Pools: the largest value or the mean of each window of an axis or two, as equations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from symbackprop.errors import OptionError
from symbackprop.language import FirstMaxOver, Tensor, bracket, size_of
from symbackprop.library.layers import LAYERS, Layer
from symbackprop.library.places import series, summed
from symbackprop.library.records import require_choice, require_whole
from symbackprop.library.scope import Scope
from symbackprop.library.windows import (
    KERNEL_LETTERS,
    OUTPUT_LETTERS,
    PerAxis,
    Reading,
    Window,
    per_axis,
    read,
    require_axes,
)


@dataclass(frozen=True)
class _Pool(Layer):
    """What pools with a kernel share."""

    kernel_size: PerAxis
    stride: PerAxis | None = None
    padding: PerAxis = 0

    axes: ClassVar[int]
    reshapes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for window in self.windows:
            if window.before > window.kernel // 2:
                raise OptionError(
                    f"padding={self.padding} is more than half of kernel_size={self.kernel_size}",
                    where=type(self).__name__,
                    remedy="use less padding or a larger kernel",
                )

    @property
    @abstractmethod
    def windows(self) -> tuple[Window, ...]:
        """How each axis is read."""

    def _windows(self, dilation: Sequence[int], ceil_mode: bool) -> tuple[Window, ...]:
        kernel = per_axis(self, "kernel_size", self.axes)
        stride = kernel if self.stride is None else per_axis(self, "stride", self.axes)
        padding = per_axis(self, "padding", self.axes, low=0)
        return tuple(
            Window(k, s, d, pad, pad, ceil_mode)
            for k, s, d, pad in zip(kernel, stride, dilation, padding, strict=True)
        )

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``a[n,c,p,…] = pool of x[n,c,s*p + u - pad,…] over u``."""
        require_axes(self, a, self.axes)
        reading = read(scope, a, self.windows, str(self))
        return scope.activation((*reading.outer, *reading.outputs), self.value(a, reading))

    @abstractmethod
    def value(self, a: Tensor, reading: Reading) -> sp.Expr:
        """The value of one window."""


@dataclass(frozen=True)
class MaxPool(_Pool):
    """The largest value of each window; positions outside count as -∞.

    Where the maximum is attained in several places the first of them, row by row, has the
    whole derivative, as in PyTorch.

    Parameters
    ----------
    kernel_size, stride, padding, dilation
        Whole numbers for every axis, or one an axis; the stride is the kernel's size
        unless it is given, the padding at most half of it.
    return_indices
        Only False: positions have no derivative.
    ceil_mode
        Whether a last window that leaves the axis counts.
    """

    dilation: PerAxis = 1
    return_indices: bool = False
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        require_choice(self, "return_indices", (False,))
        require_choice(self, "ceil_mode", (False, True))
        super().__post_init__()

    @property
    def windows(self) -> tuple[Window, ...]:
        """How each axis is read."""
        return self._windows(per_axis(self, "dilation", self.axes), self.ceil_mode)

    def value(self, a: Tensor, reading: Reading) -> sp.Expr:
        """The maximum over the kernel, with -∞ outside."""
        x = a[(*reading.outer, *reading.places)]
        if reading.inside:
            x = sp.Piecewise((x, sp.And(*reading.inside)), (-sp.oo, True))
        return FirstMaxOver(x, *reading.summed) if reading.summed else x


@LAYERS.add
@dataclass(frozen=True)
class MaxPool1d(MaxPool):
    """The largest value of each window of the last axis."""

    axes: ClassVar[int] = 1


@LAYERS.add
@dataclass(frozen=True)
class MaxPool2d(MaxPool):
    """The largest value of each window of the last two axes."""

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class AvgPool(_Pool):
    """The mean of each window; positions outside count as 0, or not at all.

    Parameters
    ----------
    kernel_size, stride, padding
        Whole numbers for every axis, or one an axis; the stride is the kernel's size
        unless it is given, the padding at most half of it.
    ceil_mode
        Whether a last window that leaves the axis counts.
    count_include_pad
        Whether positions of the padding are counted in the divisor.
    """

    ceil_mode: bool = False
    count_include_pad: bool = True

    def __post_init__(self) -> None:
        require_choice(self, "ceil_mode", (False, True))
        require_choice(self, "count_include_pad", (False, True))
        super().__post_init__()

    @property
    def windows(self) -> tuple[Window, ...]:
        """How each axis is read."""
        return self._windows([1] * self.axes, self.ceil_mode)

    def value(self, a: Tensor, reading: Reading) -> sp.Expr:
        """The sum over the kernel, divided by how many positions count."""
        total = summed(a[(*reading.outer, *reading.places)], *reading.summed)
        return total / self.divisor(a, reading)

    def divisor(self, a: Tensor, reading: Reading) -> sp.Expr:
        """How many positions of a window count."""
        axes = zip(self.windows, a.shape[-self.axes :], reading.outputs, strict=True)
        return sp.Mul(*(self._counted(*axis) for axis in axes))

    def _counted(self, window: Window, extent: sp.Expr, p: sp.Idx) -> sp.Expr:
        """From the window's start to its end, within what counts."""
        count = size_of(p)
        start, kernel = window.place(p, sp.Integer(0)), sp.Integer(window.kernel)
        if self.count_include_pad:
            beyond = window.ceil and bool(window.place(count - 1, kernel) > extent + window.after)
            return sp.Min(kernel, extent + window.after - start) if beyond else kernel
        end = start + kernel
        if window.leaves_after(extent, count):
            end = sp.Min(end, extent)
        return end - (sp.Max(start, 0) if window.leaves_before() else start)


@LAYERS.add
@dataclass(frozen=True)
class AvgPool1d(AvgPool):
    """The mean of each window of the last axis."""

    axes: ClassVar[int] = 1


@LAYERS.add
@dataclass(frozen=True)
class AvgPool2d(AvgPool):
    """The mean of each window of the last two axes.

    `divisor_override`, where it is given, is the divisor of every window.
    """

    divisor_override: int | None = None

    axes: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.divisor_override is not None:
            require_whole(self, "divisor_override")
        super().__post_init__()

    def divisor(self, a: Tensor, reading: Reading) -> sp.Expr:
        """How many positions of a window count, or what is given instead."""
        if self.divisor_override is not None:
            return sp.Integer(self.divisor_override)
        return super().divisor(a, reading)


@dataclass(frozen=True)
class AdaptiveAvgPool(Layer):
    """Means over windows that cut an axis into a given number of nearly equal parts.

    Part p of O of an axis of size H goes from floor(p·H/O) to ceil((p+1)·H/O).

    Parameters
    ----------
    output_size
        How many parts: a whole number for every axis, or one an axis; None leaves an
        axis as it is.
    """

    output_size: int | tuple[int | None, ...] | None

    axes: ClassVar[int]
    reshapes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        assert self.cuts  # noqa: S101 (reads and so checks the argument)

    @property
    def cuts(self) -> tuple[int | None, ...]:
        """How many parts each axis is cut into; None for an axis left as it is."""
        given = self.output_size
        several = tuple(given) if isinstance(given, tuple | list) else (given,) * self.axes
        object.__setattr__(self, "output_size", several if isinstance(given, list) else given)
        whole = all(
            n is None or (isinstance(n, int) and not isinstance(n, bool) and n > 0) for n in several
        )
        if whole and len(several) == self.axes:
            return several
        raise OptionError(
            f"output_size={given!r} is not a whole number from 1 up for each of {self.axes} axes",
            where=type(self).__name__,
            remedy="use output_size=1, or None to leave an axis as it is",
        )

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``a[n,c,p,…] = Sum([p*H < O*(h+1)]*[O*h < (p+1)*H]*x[n,c,h,…], h,…)/count``."""
        require_axes(self, a, self.axes)
        outer, inner = a.indices[: -self.axes], a.indices[-self.axes :]
        parts = [
            _part(scope, h, part, *letters)
            for h, part, *letters in zip(
                inner, self.cuts, OUTPUT_LETTERS, KERNEL_LETTERS, strict=False
            )
        ]
        x = a[(*outer, *(part.place for part in parts))]
        chosen = sp.Mul(*(part.chosen for part in parts))
        total = summed(chosen * x, *(idx for part in parts for idx in part.summed))
        mean = total / sp.Mul(*(part.count for part in parts))
        return scope.activation((*outer, *(part.output for part in parts)), mean)


@dataclass(frozen=True)
class _Part:
    """How one axis is cut.

    Attributes
    ----------
    output
        The index of the part.
    place
        The input's position.
    chosen
        1 where the position belongs to the part.
    summed
        The index to sum over, if any.
    count
        How many positions the part has.
    """

    output: sp.Idx
    place: sp.Expr
    chosen: sp.Expr
    summed: tuple[sp.Idx, ...]
    count: sp.Expr


def _part(scope: Scope, h: sp.Idx, parts: int | None, p_name: str, u_name: str) -> _Part:
    one, extent = sp.Integer(1), size_of(h)
    if parts is None or extent == parts:
        return _Part(h, h, one, (), one)
    p = scope.index(parts, *series(p_name))
    if parts == 1:
        return _Part(p, h, one, (h,), extent)
    if extent.is_Integer and extent % parts == 0:
        u = scope.index(extent / parts, *series(u_name))
        return _Part(p, extent / parts * p + u, one, (u,), extent / parts)
    chosen = bracket(p * extent < parts * (h + 1)) * bracket(parts * h < (p + 1) * extent)
    return _Part(p, h, chosen, (h,), sp.Sum(chosen, h))


@LAYERS.add
@dataclass(frozen=True)
class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """Means over a given number of parts of the last axis."""

    axes: ClassVar[int] = 1


@LAYERS.add
@dataclass(frozen=True)
class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """Means over a given number of parts of each of the last two axes."""

    axes: ClassVar[int] = 2
