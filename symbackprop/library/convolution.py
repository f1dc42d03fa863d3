"""Convolutions and transposed convolutions over one, two and three axes, as equations.

A convolution is what deep learning calls one, a cross-correlation:
``z[n,o,p,q] = Sum(K[o,c,u,v]*x[n,c,s*p+d*u-pad,s*q+d*v-pad], c,u,v) + b[o]``, where an
access outside the input reads 0. A transposed one is the same sum read the other way:
x[n,c,p,q] goes to every position ``s*p + d*u - pad`` of the output.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import sympy as sp

from symbackprop.errors import OptionError, ShapeError
from symbackprop.language import SizeLike, Tensor, size, size_of
from symbackprop.library.layers import LAYERS, SIZE, Layer, Weights, require_sizes
from symbackprop.library.places import parameter_at, series, summed
from symbackprop.library.records import require_choice, require_whole
from symbackprop.library.scope import Scope
from symbackprop.library.windows import (
    KERNEL_LETTERS,
    OUTPUT_LETTERS,
    SPACE_LETTERS,
    SPACE_SIZES,
    PerAxis,
    Window,
    per_axis,
    read,
    require_axes,
)


@dataclass(frozen=True)
class _Convolution(Layer):
    """What all convolutions share: channels, kernels, groups, a bias."""

    in_channels: SizeLike = field(metadata=SIZE)
    out_channels: SizeLike = field(metadata=SIZE)
    kernel_size: PerAxis

    axes: ClassVar[int]
    reshapes: ClassVar[bool] = True

    @property
    def letters(self) -> tuple[str, ...]:  # type: ignore[override]
        """c, then h and w."""
        return ("c", *SPACE_LETTERS[-self.axes :])

    def example_shape(self) -> tuple[SizeLike, ...]:
        """The channels, and a size for every axis."""
        return (self.in_channels, *SPACE_SIZES[-self.axes :])

    def _check(self, bias: bool, groups: int, padding_mode: str) -> None:
        require_sizes(self, "in_channels", "out_channels")
        require_choice(self, "bias", (True, False))
        require_whole(self, "groups")
        require_choice(self, "padding_mode", ("zeros",))
        channels = self.channels
        if groups > 1 and not all(c.is_Integer and c % groups == 0 for c in channels):
            raise OptionError(
                f"groups={groups} does not divide {channels[0]} and {channels[1]} channels",
                where=str(self),
                remedy="give both channels as whole numbers that the groups divide",
            )

    @property
    def channels(self) -> tuple[sp.Expr, sp.Expr]:
        """How many channels go in and come out."""
        return size(self.in_channels), size(self.out_channels)

    @property
    @abstractmethod
    def windows(self) -> tuple[Window, ...]:
        """How each axis is read (by the layer, or by its transpose)."""

    def _require_channels(self, a: Tensor) -> tuple[tuple[sp.Idx, ...], sp.Idx]:
        """The indices before the channels' and the channels' own."""
        require_axes(self, a, self.axes)
        *leading, c = a.indices[: -self.axes]
        if a.shape[-self.axes - 1] != self.channels[0]:
            raise ShapeError(
                f"{self} needs {self.channels[0]} channels, {a.name!r} has shape {a.shape}",
                where=str(a.element),
                remedy=f"feed it a tensor with {self.channels[0]} channels",
            )
        return tuple(leading), c


def _bounded(shape: tuple[sp.Expr, ...], outputs: sp.Expr, bias: bool) -> tuple[Weights, ...]:
    """K and b as PyTorch starts them: uniform in ±1/√(size of K without its first axis)."""
    bound = 1 / sp.sqrt(sp.Mul(*shape[1:]))
    weight = Weights("weight", "K", shape, bound)
    return (weight, Weights("bias", "b", (outputs,), bound)) if bias else (weight,)


@dataclass(frozen=True)
class _Grouped:
    """How one output channel o meets the input's channels.

    Attributes
    ----------
    channel
        The place on the input's channel axis.
    inner, outer
        The place within the group, of the input channel and of the output channel.
    match
        What selects the output channel: 1, or a delta.
    summed
        The indices to sum over.
    """

    channel: sp.Expr
    inner: sp.Expr
    outer: sp.Expr
    match: sp.Expr
    summed: tuple[sp.Idx, ...]


def _grouped(scope: Scope, c: sp.Idx, o: sp.Idx, groups: int, sizes: Sequence[sp.Expr]) -> _Grouped:
    """Channel ``S*g + s`` of the input belongs to channel ``R*g + r`` of the output."""
    inputs, outputs = sizes
    if groups == 1:
        return _Grouped(c, c, o, sp.Integer(1), (c,))
    inputs, outputs = inputs / groups, outputs / groups
    s = scope.index(inputs, *series("s")) if inputs > 1 else sp.Integer(0)
    inner = (s,) if inputs > 1 else ()
    if outputs == 1:  # depthwise: the output's channel is its group
        return _Grouped(inputs * o + s, s, sp.Integer(0), sp.Integer(1), inner)
    g, r = scope.index(groups, *series("g")), scope.index(outputs, *series("r"))
    match = sp.KroneckerDelta(o, outputs * g + r)
    return _Grouped(inputs * g + s, s, r, match, (g, r, *inner))


@dataclass(frozen=True)
class Convolution(_Convolution):
    """``z[n,o,p] = Sum(K[o,c,u]*x[n,c,stride*p + dilation*u - padding], c,u) + b[o]``.

    Parameters
    ----------
    in_channels, out_channels
        How many channels go in and come out: whole numbers, or names for sizes left open.
    kernel_size, stride, dilation
        Whole numbers for every axis, or one an axis.
    padding
        Zeros added at both ends of every axis, or of one axis each; ``"same"`` for as
        many as keep the size (with stride 1), ``"valid"`` for none.
    groups
        Into how many groups the channels fall; each output channel reads its own group.
    bias
        Whether there is a ``b``.
    padding_mode
        Only ``"zeros"``.

    Raises
    ------
    OptionError
        If an argument is out of its range.
    """

    stride: PerAxis = 1
    padding: PerAxis | str = 0
    dilation: PerAxis = 1
    groups: int = 1
    bias: bool = True
    padding_mode: str = "zeros"

    def __post_init__(self) -> None:
        self._check(self.bias, self.groups, self.padding_mode)
        if isinstance(self.padding, str):
            require_choice(self, "padding", ("valid", "same"))
        if self.padding == "same" and any(w.stride > 1 for w in self.windows):
            raise OptionError(
                "padding='same' keeps the size only with stride 1",
                where=str(self),
                remedy="leave the stride out, or give the padding as a number",
            )
        assert self.windows  # noqa: S101 (reads and so checks all arguments)

    @property
    def windows(self) -> tuple[Window, ...]:
        """How each axis is read."""
        kernel, stride, dilation = (
            per_axis(self, name, self.axes) for name in ("kernel_size", "stride", "dilation")
        )
        spare = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if self.padding == "same":  # the odd one is added at the end
            before, after = [n // 2 for n in spare], [n - n // 2 for n in spare]
        elif self.padding == "valid":
            before = after = [0] * self.axes
        else:
            before = after = list(per_axis(self, "padding", self.axes, low=0))
        return tuple(
            Window(*numbers)
            for numbers in zip(kernel, stride, dilation, before, after, strict=True)
        )

    @property
    def weights(self) -> tuple[Weights, ...]:
        """K (out, in/groups, kernel…) and b."""
        into, out = self.channels
        kernel = (sp.Integer(w.kernel) for w in self.windows)
        return _bounded((out, into / self.groups, *kernel), out, self.bias)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``z[n,o,p,…] = Sum(K[o,c,u,…]*x[n,c,s*p + d*u - pad,…], c,u,…) + b[o]``."""
        leading, c = self._require_channels(a)
        scope.layer += 1
        o = scope.index(self.channels[1], *series("o"))
        reading = read(scope, a, self.windows, str(self))
        group = _grouped(scope, c, o, self.groups, self.channels)
        places = (o, group.inner, *reading.kernel)
        kernel = parameter_at(scope, "K", self.weights[0].shape, places)
        x = a[(*leading, group.channel, *reading.places)]
        z = summed(group.match * kernel * x, *group.summed, *reading.summed)
        if self.bias:
            z += scope.parameter("b", o).element
        return scope.preactivation((*leading, o, *reading.outputs), z)


@LAYERS.add
@dataclass(frozen=True)
class Conv1d(Convolution):
    """A convolution over one axis."""

    axes: ClassVar[int] = 1


@LAYERS.add
@dataclass(frozen=True)
class Conv2d(Convolution):
    """A convolution over height and width."""

    axes: ClassVar[int] = 2


@LAYERS.add
@dataclass(frozen=True)
class Conv3d(Convolution):
    """A convolution over depth, height and width."""

    axes: ClassVar[int] = 3


@dataclass(frozen=True)
class TransposedConvolution(_Convolution):
    """``z[n,o,p] = Sum(δ(p, stride*h + dilation*u - padding)*x[n,c,h]*K[c,o,u], c,h,u) + b[o]``.

    Parameters
    ----------
    in_channels, out_channels
        How many channels go in and come out: whole numbers, or names for sizes left open.
    kernel_size, stride, dilation
        Whole numbers for every axis, or one an axis.
    padding
        How many positions are cut off at both ends of every axis, or of one axis each.
    output_padding
        How many positions are added at the end; less than the stride or the dilation.
    groups
        Into how many groups the channels fall; each output channel reads its own group.
    bias
        Whether there is a ``b``.
    padding_mode
        Only ``"zeros"``.

    Raises
    ------
    OptionError
        If an argument is out of its range.
    """

    stride: PerAxis = 1
    padding: PerAxis = 0
    output_padding: PerAxis = 0
    groups: int = 1
    bias: bool = True
    dilation: PerAxis = 1
    padding_mode: str = "zeros"

    def __post_init__(self) -> None:
        self._check(self.bias, self.groups, self.padding_mode)
        extra = per_axis(self, "output_padding", self.axes, low=0)
        for window, more in zip(self.windows, extra, strict=True):
            if more >= max(window.stride, window.dilation):
                raise OptionError(
                    f"output_padding={self.output_padding} is not less than the stride or "
                    "the dilation",
                    where=str(self),
                    remedy="use less of it",
                )

    @property
    def windows(self) -> tuple[Window, ...]:
        """How the convolution that this one transposes reads each axis."""
        names = ("kernel_size", "stride", "dilation")
        numbers = [per_axis(self, name, self.axes) for name in names]
        cut = per_axis(self, "padding", self.axes, low=0)
        return tuple(Window(*one) for one in zip(*numbers, cut, cut, strict=True))

    @property
    def weights(self) -> tuple[Weights, ...]:
        """K (in, out/groups, kernel…) and b."""
        into, out = self.channels
        kernel = (sp.Integer(w.kernel) for w in self.windows)
        return _bounded((into, out / self.groups, *kernel), out, self.bias)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``z[n,o,p,…] = Sum(δ(p, s*h + d*u - pad)*x[n,c,h,…]*K[c,o,u,…], …) + b[o]``."""
        leading, c = self._require_channels(a)
        scope.layer += 1
        o = scope.index(self.channels[1], *series("o"))
        group = _grouped(scope, c, o, self.groups, self.channels)
        axes = self._axes(scope, a)
        places = (group.channel, group.outer, *(axis.kernel for axis in axes))
        kernel = parameter_at(scope, "K", self.weights[0].shape, places)
        x = a[(*leading, group.channel, *(axis.place for axis in axes))]
        match = sp.Mul(group.match, *(axis.match for axis in axes))
        summed_over = [idx for axis in axes for idx in axis.summed]
        z = summed(match * x * kernel, *group.summed, *summed_over)
        if self.bias:
            z += scope.parameter("b", o).element
        return scope.preactivation((*leading, o, *(axis.output for axis in axes)), z)

    def _axes(self, scope: Scope, a: Tensor) -> list[_Spread]:
        indices = a.indices[-self.axes :]
        extra = per_axis(self, "output_padding", self.axes, low=0)
        every = zip(self.windows, indices, extra, OUTPUT_LETTERS, KERNEL_LETTERS, strict=False)
        return [_spread(scope, str(self), *one) for one in every]


@dataclass(frozen=True)
class _Spread:
    """How one axis of a transposed convolution's input is spread over its output.

    Attributes
    ----------
    output
        The output's index.
    kernel
        The kernel's index; 0 for a kernel of size 1.
    place
        The input's position.
    match
        What selects the output position: a delta, or 1 where `place` says it all.
    summed
        The indices to sum over.
    """

    output: sp.Idx
    kernel: sp.Expr
    place: sp.Expr
    match: sp.Expr
    summed: tuple[sp.Idx, ...]


def _spread(
    scope: Scope, where: str, window: Window, h: sp.Idx, extra: int, *letters: str
) -> _Spread:
    extent = (size_of(h) - 1) * window.stride + window.span
    extent += extra - window.before - window.after
    if extent.is_Integer and extent < 1:
        raise ShapeError(
            f"an axis of size {size_of(h)} leaves nothing when {window.before} positions are "
            "cut off at both ends",
            where=where,
            remedy="use less padding",
        )
    p = scope.index(extent, *series(letters[0]))
    u = scope.index(window.kernel, *series(letters[1])) if window.kernel > 1 else sp.Integer(0)
    inner = (u,) if window.kernel > 1 else ()
    place = p + window.before - window.dilation * u
    # With stride 1 that is the position, 0 where it is outside; a plain index cannot be.
    if window.stride == 1 and (place != p or extent == size_of(h)):
        return _Spread(p, u, place, sp.Integer(1), inner)
    return _Spread(p, u, h, sp.KroneckerDelta(p, window.place(h, u)), (h, *inner))


@LAYERS.add
@dataclass(frozen=True)
class ConvTranspose1d(TransposedConvolution):
    """A transposed convolution over one axis."""

    axes: ClassVar[int] = 1


@LAYERS.add
@dataclass(frozen=True)
class ConvTranspose2d(TransposedConvolution):
    """A transposed convolution over height and width."""

    axes: ClassVar[int] = 2
