"""Activations: elementwise functions, and softmax along one axis, as equations.

Values at the kinks are PyTorch's, because the formulas are PyTorch's: which side a
kink belongs to is written in the condition of the `Piecewise`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sympy as sp

from symbackprop.errors import OptionError, ShapeError
from symbackprop.language import SizeLike, Tensor, relu, sigmoid, size, size_of, softplus
from symbackprop.library.layers import LAYERS, SIZE, Layer, Weights, require_sizes
from symbackprop.library.records import exact, number, require_choice, require_dim, require_range
from symbackprop.library.scope import Scope


@dataclass(frozen=True)
class Activation(Layer):
    """A function applied to every element of a tensor of any rank."""

    @abstractmethod
    def value(self, u: sp.Expr) -> sp.Expr:
        """The function's value at one element."""

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``a1[…] = f(z1[…])``."""
        return scope.activation(a.indices, self.value(a.element))


@LAYERS.add
@dataclass(frozen=True)
class Identity(Layer):
    """The input itself: adds no equation."""

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Return the input."""
        return a


@LAYERS.add
@dataclass(frozen=True)
class ReLU(Activation):
    """max(u, 0)."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """max(u, 0)."""
        return relu(u)


@LAYERS.add
@dataclass(frozen=True)
class LeakyReLU(Activation):
    """u where u > 0, else negative_slope·u."""

    negative_slope: float = 0.01

    def __post_init__(self) -> None:
        number(self, "negative_slope")

    def value(self, u: sp.Expr) -> sp.Expr:
        """The identity above 0, a line of slope negative_slope at 0 and below."""
        return sp.Piecewise((u, u > 0), (exact(self.negative_slope) * u, True))


@LAYERS.add
@dataclass(frozen=True)
class ELU(Activation):
    """u where u > 0, else alpha·(exp(u) - 1)."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        number(self, "alpha")

    def value(self, u: sp.Expr) -> sp.Expr:
        """The identity above 0, alpha·(exp(u) - 1) at 0 and below."""
        return sp.Piecewise((u, u > 0), (exact(self.alpha) * (sp.exp(u) - 1), True))


@LAYERS.add
@dataclass(frozen=True)
class GELU(Activation):
    """u·Φ(u), Φ the normal distribution function, or its approximation by tanh."""

    approximate: str = "none"

    def __post_init__(self) -> None:
        require_choice(self, "approximate", ("none", "tanh"))

    def value(self, u: sp.Expr) -> sp.Expr:
        """u·Φ(u), or the approximation of Hendrycks & Gimpel (arXiv 1606.08415)."""
        if self.approximate == "none":
            return u * (1 + sp.erf(u / sp.sqrt(2))) / 2
        inner = sp.sqrt(2 / sp.pi) * (u + exact(0.044715) * u**3)
        return u * (1 + sp.tanh(inner)) / 2


@LAYERS.add
@dataclass(frozen=True)
class SiLU(Activation):
    """u·σ(u)."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """u·σ(u)."""
        return u * sigmoid(u)


@LAYERS.add
@dataclass(frozen=True)
class Sigmoid(Activation):
    """σ(u) = 1/(1 + exp(-u))."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """σ(u)."""
        return sigmoid(u)


@LAYERS.add
@dataclass(frozen=True)
class Tanh(Activation):
    """tanh(u)."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """tanh(u)."""
        return sp.tanh(u)


@LAYERS.add
@dataclass(frozen=True)
class Softplus(Activation):
    """log(1 + exp(beta·u))/beta.

    Parameters
    ----------
    beta
        Greater than 0.
    threshold
        PyTorch returns u itself where beta·u is greater, so that it differs from the
        formula by up to exp(-threshold)/beta there; None for the formula everywhere.
    """

    beta: float = 1.0
    threshold: float | None = 20.0

    def __post_init__(self) -> None:
        require_range(self, "beta", 0, without=[0])
        if self.threshold is not None:
            number(self, "threshold")

    def value(self, u: sp.Expr) -> sp.Expr:
        """log(1 + exp(beta·u))/beta, and u beyond the threshold."""
        beta = exact(self.beta)
        curve = softplus(beta * u) / beta
        if self.threshold is None:
            return curve
        return sp.Piecewise((u, beta * u > exact(self.threshold)), (curve, True))

    def torch_arguments(self) -> dict[str, Any]:
        """PyTorch's arguments: no threshold is an infinite one."""
        arguments = super().torch_arguments()
        return arguments | ({"threshold": float("inf")} if self.threshold is None else {})


@LAYERS.add
@dataclass(frozen=True)
class SELU(Activation):
    """scale·u where u > 0, else scale·alpha·(exp(u) - 1), with two fixed numbers."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """ELU with the numbers of Klambauer et al. (arXiv 1706.02515)."""
        scale, alpha = exact(1.0507009873554805), exact(1.6732632423543772)
        return sp.Piecewise((scale * u, u > 0), (scale * alpha * (sp.exp(u) - 1), True))


@LAYERS.add
@dataclass(frozen=True)
class CELU(Activation):
    """u where u > 0, else alpha·(exp(u/alpha) - 1)."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        number(self, "alpha")
        if not self.alpha:
            require_range(self, "alpha", float("-inf"), without=[0])

    def value(self, u: sp.Expr) -> sp.Expr:
        """The identity above 0, alpha·(exp(u/alpha) - 1) at 0 and below."""
        alpha = exact(self.alpha)
        return sp.Piecewise((u, u > 0), (alpha * (sp.exp(u / alpha) - 1), True))


@LAYERS.add
@dataclass(frozen=True)
class Hardtanh(Activation):
    """u between min_val and max_val, which it does not leave."""

    min_val: float = -1.0
    max_val: float = 1.0

    def __post_init__(self) -> None:
        low, high = number(self, "min_val"), number(self, "max_val")
        if low >= high:
            raise OptionError(
                f"min_val={low:g} is not below max_val={high:g}",
                where=type(self).__name__,
                remedy="give two numbers in order",
            )

    def value(self, u: sp.Expr) -> sp.Expr:
        """A line of slope 1 strictly between the two, constant elsewhere."""
        return clamped(u, exact(self.min_val), exact(self.max_val))


@LAYERS.add
@dataclass(frozen=True)
class ReLU6(Activation):
    """min(max(u, 0), 6)."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """A line of slope 1 strictly between 0 and 6, constant elsewhere."""
        return clamped(u, sp.S.Zero, sp.Integer(6))


@LAYERS.add
@dataclass(frozen=True)
class Hardsigmoid(Activation):
    """0 below -3, 1 above 3, u/6 + 1/2 between."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """Constant at -3 and 3, as PyTorch has it."""
        line = u / 6 + sp.S.Half
        return sp.Piecewise((0, u <= -3), (1, u >= 3), (line, True))


@LAYERS.add
@dataclass(frozen=True)
class Hardswish(Activation):
    """0 below -3, u above 3, u·(u + 3)/6 between."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """The outer branches at -3 and 3, as PyTorch has it."""
        return sp.Piecewise((0, u <= -3), (u, u >= 3), (u * (u + 3) / 6, True))


@LAYERS.add
@dataclass(frozen=True)
class Mish(Activation):
    """u·tanh(log(1 + exp(u)))."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """u·tanh(softplus(u))."""
        return u * sp.tanh(softplus(u))


@LAYERS.add
@dataclass(frozen=True)
class Softsign(Activation):
    """u/(1 + |u|)."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """u/(1 + |u|)."""
        return u / (1 + sp.Abs(u))


@LAYERS.add
@dataclass(frozen=True)
class Tanhshrink(Activation):
    """u - tanh(u)."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """The distance from tanh(u)."""
        return u - sp.tanh(u)


@LAYERS.add
@dataclass(frozen=True)
class LogSigmoid(Activation):
    """log σ(u) = -log(1 + exp(-u))."""

    def value(self, u: sp.Expr) -> sp.Expr:
        """-softplus(-u)."""
        return -softplus(-u)


@LAYERS.add
@dataclass(frozen=True)
class PReLU(Layer):
    """u where u > 0, else alpha·u with a parameter alpha.

    Parameters
    ----------
    num_parameters
        1, or one alpha for each channel, the second axis.
    init
        What alpha is before training.
    """

    num_parameters: SizeLike = field(default=1, metadata=SIZE)
    init: float = 0.25

    def __post_init__(self) -> None:
        require_sizes(self, "num_parameters")
        number(self, "init")

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Alpha."""
        shape = (size(self.num_parameters),)
        return (Weights("weight", "alpha", shape, exact(self.init), "ones"),)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``a1[…] = z1[…] where that is above 0, else alpha1[c]*z1[…]``."""
        scope.layer += 1
        count, u = size(self.num_parameters), a.element
        if count == 1:
            slope = scope.parameter("alpha", scope.index(1))[0]
        else:
            channel = a.indices[1] if len(a.indices) > 1 else None
            if channel is None or size_of(channel) != count:
                raise ShapeError(
                    f"{self} needs {count} channels on the second axis, "
                    f"{a.name!r} has shape {a.shape}",
                    where=str(a.element),
                    remedy="use num_parameters=1 for one alpha",
                )
            slope = scope.parameter("alpha", channel).element
        return scope.activation(a.indices, sp.Piecewise((u, u > 0), (slope * u, True)))


def clamped(u: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """``u`` kept between two numbers; its slope is 0 at both of them."""
    return sp.Piecewise((low, u <= low), (high, u >= high), (u, True))


@dataclass(frozen=True)
class AlongAxis(Layer):
    """A function of all elements along one axis.

    Parameters
    ----------
    dim
        The axis, counted from 0, or from the end with negative numbers.
    """

    dim: int = -1

    def __post_init__(self) -> None:
        require_dim(self, "dim")

    @abstractmethod
    def value(self, u: sp.Expr, other: sp.Expr, m: sp.Idx) -> sp.Expr:
        """The value at the element `u`; `other` runs along the axis with `m`."""

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``a1[…,j] = f(z1[…,j], all z1[…,m])``."""
        return scope.activation(a.indices, self.along(scope, a))

    def along(self, scope: Scope, a: Tensor) -> sp.Expr:
        """The right side of this layer's equation for the input `a`.

        Raises
        ------
        ShapeError
            If `a` has no axis `dim`.
        """
        positions = list(a.indices)
        m = scope.index(size_of(positions[require_axis(self, a)]), "m")
        positions[self.dim] = m
        return self.value(a.element, a[tuple(positions)], m)


@LAYERS.add
@dataclass(frozen=True)
class Softmax(AlongAxis):
    """exp(u)/Σ exp(u) along one axis.

    PyTorch's own default, the deprecated ``dim=None``, means the same for one or two axes.
    """

    def value(self, u: sp.Expr, other: sp.Expr, m: sp.Idx) -> sp.Expr:
        """exp(u)/Σ exp(u)."""
        return sp.exp(u) / sp.Sum(sp.exp(other), m)


@LAYERS.add
@dataclass(frozen=True)
class LogSoftmax(AlongAxis):
    """u - log Σ exp(u) along one axis."""

    def value(self, u: sp.Expr, other: sp.Expr, m: sp.Idx) -> sp.Expr:
        """The logarithm of softmax: u - log Σ exp(u)."""
        return u - sp.log(sp.Sum(sp.exp(other), m))


@LAYERS.add
@dataclass(frozen=True)
class GLU(Layer):
    """a·σ(b), a and b being the halves of the input along one axis.

    Parameters
    ----------
    dim
        The axis, counted as in PyTorch; its size is even.
    """

    dim: int = -1

    reshapes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_dim(self, "dim")

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``a1[n,j] = Sum(δ(i, j)*z1[n,i], i)*σ(z1[n,j+H])``."""
        axis = require_axis(self, a)
        half = a.shape[axis] / 2
        if not (half.is_Integer or half.is_integer):
            raise ShapeError(
                f"{self}: axis {self.dim} of {a.name!r} has size {a.shape[axis]}, not an even one",
                where=str(a.element),
                remedy="let the layer before give twice as many features",
            )
        j = scope.index(half)
        positions = list(a.indices)
        first = sp.Sum(sp.KroneckerDelta(positions[axis], j) * a.element, positions[axis])
        positions[axis] = j + half
        gate = sigmoid(a[tuple(positions)])
        positions[axis] = j
        return scope.activation(tuple(positions), first * gate)


def require_axis(layer: Layer, a: Tensor) -> int:
    """The axis `layer.dim` of a tensor.

    Raises
    ------
    ShapeError
        If there is none.
    """
    rank, dim = len(a.indices), int(layer.dim)  # type: ignore[attr-defined]
    if not -rank <= dim < rank:
        raise ShapeError(
            f"{type(layer).__name__}(dim={dim}): {a.name!r} has {rank} axes, "
            f"so there is no axis {dim}",
            where=str(a.element),
            remedy="use dim=-1 for the last axis",
        )
    return dim % rank
