r"""Normalization: shift and scale by the mean and the variance along some axes.

Written out as textbooks do, a name for each quantity, so that the backward pass comes
out in their one line: the mean m, c = x - m, the variance v, r = 1/√(v + ε), x̂ = c·r,
a = γ·x̂ + b.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import sympy as sp

from symbackprop.errors import ModelError, ShapeError
from symbackprop.language import Domain, SizeLike, Tensor, size, size_of
from symbackprop.library.layers import LAYERS, SIZE, Buffer, Layer, Weights, require_sizes
from symbackprop.library.records import exact, require_choice, require_range, require_whole
from symbackprop.library.scope import Indices, Scope

# PyTorch's eps=None: the spacing of float64 above 1.
_SPACING = sp.Rational(1, 2**52)


@dataclass(frozen=True)
class Moments:
    """A mean and a variance, each an element of a tensor."""

    mean: Tensor
    variance: Tensor


def standardised(scope: Scope, a: Tensor, axes: Indices, eps: sp.Expr) -> tuple[Tensor, Moments]:
    """``xhat``, the input with mean 0 and variance 1 along some axes; and what they were."""
    kept = tuple(idx for idx in a.indices if idx not in axes)
    count = sp.Mul(*map(size_of, axes))
    m = scope.local("m", kept, sp.Sum(a.element, *reversed(axes)) / count)
    c = scope.local("c", a.indices, a.element - m.element)
    v = scope.local("v", kept, sp.Sum(c.element**2, *reversed(axes)) / count)
    return _scaled(scope, c, v, eps), Moments(m, v)


def _scaled(scope: Scope, c: Tensor, v: Tensor, eps: sp.Expr) -> Tensor:
    r = scope.local("r", v.indices, (v.element + eps) ** sp.Rational(-1, 2))
    return scope.local("xhat", c.indices, c.element * r.element)


@dataclass(frozen=True)
class Normalization(Layer):
    """A layer that normalizes; it has a number even where it has no parameters."""

    @property
    def numbered(self) -> bool:
        """Always."""
        return True

    def affine_weights(self, shape: tuple[sp.Expr, ...], bias: bool = True) -> tuple[Weights, ...]:
        """γ, first all ones, and b, first all zeros."""
        gamma = Weights("weight", "gamma", shape, initial="ones")
        return (gamma, Weights("bias", "b", shape, initial="zeros")) if bias else (gamma,)

    def output(self, scope: Scope, xhat: Tensor, axes: Indices) -> Tensor:
        """Add ``a = gamma*xhat + b`` with what the layer has of them, along `axes`."""
        value = xhat.element
        letters = {weights.letter for weights in self.weights}
        if "gamma" in letters:
            value = scope.parameter("gamma", *axes).element * value
        if "b" in letters:
            value += scope.parameter("b", *axes).element
        return scope.activation(xhat.indices, value) if letters else xhat


# --- along the features -----------------------------------------------------------------


@dataclass(frozen=True)
class FeatureNorm(Normalization):
    """Normalizes each example along its last axes."""

    normalized_shape: SizeLike | tuple[SizeLike, ...] = field(metadata=SIZE)

    def __post_init__(self) -> None:
        if isinstance(self.normalized_shape, list):
            object.__setattr__(self, "normalized_shape", tuple(self.normalized_shape))
        require_sizes(self, "normalized_shape")

    @property
    def shape(self) -> tuple[sp.Expr, ...]:
        """The sizes of the last axes."""
        given = self.normalized_shape
        return tuple(map(size, given if isinstance(given, tuple) else (given,)))

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The size of the last axis, which stays."""
        return self.shape[-1], self.shape[-1]

    def example_shape(self) -> tuple[SizeLike, ...]:
        """The axes that are normalized."""
        return self.shape

    def last(self, a: Tensor) -> Indices:
        """The last axes of the input.

        Raises
        ------
        ShapeError
            If they have other sizes.
        """
        axes = a.indices[len(a.indices) - len(self.shape) :]
        if len(a.indices) < len(self.shape) or tuple(map(size_of, axes)) != self.shape:
            raise ShapeError(
                f"{self} needs a tensor whose last axes have the sizes {self.shape}, "
                f"{a.name!r} has shape {a.shape}",
                where=str(a.element),
                remedy="let normalized_shape be the sizes of the last axes",
            )
        return axes


@LAYERS.add
@dataclass(frozen=True)
class LayerNorm(FeatureNorm):
    """(x - mean)/√(variance + eps) along the last axes, then γ and b of that shape.

    Parameters
    ----------
    normalized_shape
        The size of the last axis, or a tuple for several.
    eps
        Added to the variance.
    elementwise_affine, bias
        Whether there is a γ; and, if so, whether there is a b.
    """

    eps: float = 1e-05
    elementwise_affine: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "eps", 0)
        require_choice(self, "elementwise_affine", (True, False))
        require_choice(self, "bias", (True, False))

    @property
    def weights(self) -> tuple[Weights, ...]:
        """γ and b."""
        return self.affine_weights(self.shape, self.bias) if self.elementwise_affine else ()

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add m, c, v, r, xhat and the output."""
        scope.layer += 1
        axes = self.last(a)
        xhat, _ = standardised(scope, a, axes, exact(self.eps))
        return self.output(scope, xhat, axes)


@LAYERS.add
@dataclass(frozen=True)
class RMSNorm(FeatureNorm):
    """x/√(mean of x² + eps) along the last axes, then γ of that shape.

    Parameters
    ----------
    normalized_shape
        The size of the last axis, or a tuple for several.
    eps
        None for the spacing of float64, 2⁻⁵², as PyTorch has it for float64.
    elementwise_affine
        Whether there is a γ.
    """

    eps: float | None = None
    elementwise_affine: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.eps is not None:
            require_range(self, "eps", 0)
        require_choice(self, "elementwise_affine", (True, False))

    @property
    def weights(self) -> tuple[Weights, ...]:
        """γ."""
        return self.affine_weights(self.shape, bias=False) if self.elementwise_affine else ()

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the mean square v, r, xhat and the output."""
        scope.layer += 1
        axes = self.last(a)
        kept = a.indices[: len(a.indices) - len(axes)]
        squares = sp.Sum(a.element**2, *reversed(axes)) / sp.Mul(*self.shape)
        v = scope.local("v", kept, squares)
        eps = _SPACING if self.eps is None else exact(self.eps)
        return self.output(scope, _scaled(scope, a, v, eps), axes)


# --- along the batch, or channel by channel ---------------------------------------------


@dataclass(frozen=True)
class ChannelNorm(Normalization):
    """Normalizes each channel, with running averages for evaluation."""

    num_features: SizeLike = field(metadata=SIZE)
    eps: float = 1e-05
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True

    #: Which shapes it takes, and which axis of them is that of the channels.
    takes: ClassVar[tuple[str, ...]] = ()
    axis: ClassVar[int] = 1

    def __post_init__(self) -> None:
        require_sizes(self, "num_features")
        require_range(self, "eps", 0)
        if self.momentum is not None:
            require_range(self, "momentum", 0, 1)
        require_choice(self, "affine", (True, False))
        require_choice(self, "track_running_stats", (True, False))

    @property
    def weights(self) -> tuple[Weights, ...]:
        """γ and b, one of each a channel."""
        return self.affine_weights((size(self.num_features),)) if self.affine else ()

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The running averages of mean and variance."""
        if not self.track_running_stats:
            return ()
        shape = (size(self.num_features),)
        return (
            Buffer("running_mean", "m_run", shape),
            Buffer("running_var", "v_run", shape, initial=1.0),
        )

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add m, c, v, r, xhat and the output; in training, the next running averages too."""
        scope.layer += 1
        channel = self.channel(a)
        if self.track_running_stats:
            mean = scope.buffer("m_run", channel)
            variance = scope.buffer("v_run", channel, domain=Domain.POSITIVE)
            if not scope.training:
                c = scope.local("c", a.indices, a.element - mean.element)
                return self.output(scope, _scaled(scope, c, variance, exact(self.eps)), (channel,))
        axes = self.averaged(a, channel)
        xhat, moments = standardised(scope, a, axes, exact(self.eps))
        if self.track_running_stats and scope.training:
            count = sp.Mul(*map(size_of, axes))
            weight = self.weight(scope)
            met = self.met(moments.mean, mean), self.met(moments.variance, variance)
            scope.advance(mean, (1 - weight) * mean.element + weight * met[0])
            unbiased = met[1] * count / (count - 1)
            scope.advance(variance, (1 - weight) * variance.element + weight * unbiased)
        return self.output(scope, xhat, (channel,))

    @abstractmethod
    def averaged(self, a: Tensor, channel: sp.Idx) -> Indices:
        """The axes that mean and variance are taken along."""

    def weight(self, scope: Scope) -> sp.Expr:
        """How much of this batch goes into the running averages."""
        return exact(self.momentum or 0.0)

    def met(self, value: Tensor, average: Tensor) -> sp.Expr:
        """What this batch's mean or variance is for a running average of it."""
        return value.element

    def channel(self, a: Tensor) -> sp.Idx:
        """The axis of the channels.

        Raises
        ------
        ShapeError
            If there is no such axis, or it has another size.
        """
        fits = len(a.indices) in {len(shape) for shape in self.takes}
        if not fits or a.shape[self.axis] != size(self.num_features):
            shapes = " or ".join(f"({', '.join(shape)})" for shape in self.takes)
            raise ShapeError(
                f"{self} needs a tensor of shape {shapes} with {self.num_features} channels, "
                f"{a.name!r} has shape {a.shape}",
                where=str(a.element),
                remedy="give the shape of an example, such as system(loss, shape=(3, 'H', 'W'))",
            )
        return a.indices[self.axis]


@dataclass(frozen=True)
class BatchNorm(ChannelNorm):
    """Mean and variance are taken along the batch and the places of a channel."""

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The running averages, and the number of batches if they weigh all alike."""
        averages = super().buffers
        if not averages or self.momentum is not None:
            return averages
        return (*averages, Buffer("num_batches_tracked", "batches", ()))

    def averaged(self, a: Tensor, channel: sp.Idx) -> Indices:
        """All but the channels."""
        return tuple(idx for idx in a.indices if idx != channel)

    def weight(self, scope: Scope) -> sp.Expr:
        """The momentum; without one, that of one batch among all so far."""
        if self.momentum is not None:
            return exact(self.momentum)
        before = scope.buffer("batches", domain=Domain.POSITIVE)
        return 1 / scope.advance(before, before.element + 1).element


@LAYERS.add
@dataclass(frozen=True)
class BatchNorm1d(BatchNorm):
    """Batch normalization of (N, C) or (N, C, L).

    Parameters
    ----------
    num_features
        The number C of channels.
    eps
        Added to the variance.
    momentum
        How much of each batch goes into the running averages; None for the average of
        all batches.
    affine
        Whether there are γ and b.
    track_running_stats
        Whether evaluation uses running averages, rather than the batch's own statistics.
    """

    takes: ClassVar[tuple[str, ...]] = ("NC", "NCL")

    def example_shape(self) -> tuple[SizeLike, ...]:
        """The channels."""
        return (self.num_features,)


@LAYERS.add
@dataclass(frozen=True)
class BatchNorm2d(BatchNorm):
    """Batch normalization of (N, C, H, W); see `BatchNorm1d` for its arguments."""

    letters: ClassVar[tuple[str, ...]] = ("c", "h", "w")
    takes: ClassVar[tuple[str, ...]] = ("NCHW",)

    def example_shape(self) -> tuple[SizeLike, ...]:
        """Channels, height and width."""
        return self.num_features, "H", "W"


@LAYERS.add
@dataclass(frozen=True)
class InstanceNorm2d(ChannelNorm):
    """Normalizes each channel of each image, (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    num_features, eps, affine, track_running_stats
        See `BatchNorm1d`.
    momentum
        How much of each batch's mean goes into the running averages; None for nothing.
    """

    affine: bool = False
    track_running_stats: bool = False

    letters: ClassVar[tuple[str, ...]] = ("c", "h", "w")
    takes: ClassVar[tuple[str, ...]] = ("NCHW", "CHW")
    axis: ClassVar[int] = -3

    def example_shape(self) -> tuple[SizeLike, ...]:
        """Channels, height and width."""
        return self.num_features, "H", "W"

    def averaged(self, a: Tensor, channel: sp.Idx) -> Indices:
        """Height and width."""
        return a.indices[-2:]

    def met(self, value: Tensor, average: Tensor) -> sp.Expr:
        """The mean over the batch."""
        batch = tuple(idx for idx in value.indices if idx not in average.indices)
        return (
            sp.Sum(value.element, *batch) / sp.Mul(*map(size_of, batch)) if batch else value.element
        )


@LAYERS.add
@dataclass(frozen=True)
class GroupNorm(Normalization):
    """Normalizes groups of channels of each example, (N, C, …), then γ and b a channel.

    Parameters
    ----------
    num_groups, num_channels
        Whole numbers, the second a multiple of the first.
    eps
        Added to the variance.
    affine
        Whether there are γ and b.
    """

    num_groups: int
    num_channels: int
    eps: float = 1e-05
    affine: bool = True

    letters: ClassVar[tuple[str, ...]] = ("c", "h", "w")

    def __post_init__(self) -> None:
        require_whole(self, "num_groups")
        require_whole(self, "num_channels")
        require_range(self, "eps", 0)
        require_choice(self, "affine", (True, False))
        if self.num_channels % self.num_groups:
            raise ModelError(
                f"{self.num_channels} channels do not make {self.num_groups} groups of one size",
                where=str(self),
                remedy="let num_channels be a multiple of num_groups",
            )

    @property
    def weights(self) -> tuple[Weights, ...]:
        """γ and b, one of each a channel."""
        return self.affine_weights((size(self.num_channels),)) if self.affine else ()

    def example_shape(self) -> tuple[SizeLike, ...]:
        """Channels, height and width."""
        return self.num_channels, "H", "W"

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the groups ``s[n,g,u,…] = a[n,g*S+u,…]``, their norm, and the output."""
        scope.layer += 1
        if len(a.indices) < 2 or a.shape[1] != self.num_channels:
            raise ShapeError(
                f"{self} needs {self.num_channels} channels on the second axis, "
                f"{a.name!r} has shape {a.shape}",
                where=str(a.element),
                remedy="give the shape of an example, such as system(loss, shape=(6, 'H', 'W'))",
            )
        n, channel, *places = a.indices
        members = self.num_channels // self.num_groups
        group, member = scope.index(self.num_groups, "g"), scope.index(members, "u")
        place = members * group + member
        split = scope.local("s", (n, group, member, *places), a[(n, place, *places)])
        xhat, _ = standardised(scope, split, (member, *places), exact(self.eps))
        chosen = sp.KroneckerDelta(channel, place) * xhat.element
        joined = scope.local("h", a.indices, sp.Sum(chosen, member, group))
        return self.output(scope, joined, (channel,))
