"""Activations: elementwise functions, and softmax along one axis, as equations.

Values at the kinks are PyTorch's, because the formulas are PyTorch's: which side a
kink belongs to is written in the condition of the `Piecewise`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symbackprop.errors import ShapeError
from symbackprop.language import Tensor, relu, sigmoid, size_of, softplus
from symbackprop.library.layers import LAYERS, Layer
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
        rank = len(a.indices)
        if not -rank <= self.dim < rank:
            raise ShapeError(
                f"{type(self).__name__}(dim={self.dim}): {a.name!r} has {rank} axes, "
                f"so there is no axis {self.dim}",
                where=str(a.element),
                remedy="use dim=-1 for the last axis",
            )
        positions = list(a.indices)
        m = scope.index(size_of(positions[self.dim]), "m")
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
