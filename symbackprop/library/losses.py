r"""Losses: the objective as equations in a prediction and a target, with PyTorch's meaning.

``reduction="mean"`` divides by what PyTorch divides by, which each loss says;
``"sum"`` divides by nothing. ``"none"`` keeps the losses apart: they become the
intermediate ``l``, and the objective is ``L = Sum(g*l)`` with a further input ``g``,
which is what one passes to ``l.backward(gradient=g)``.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import sympy as sp

from symbackprop.language import Domain, Fact, Role, Tensor, sigmoid, softplus
from symbackprop.library.records import (
    Record,
    Registry,
    exact,
    number,
    require_choice,
    require_range,
)
from symbackprop.library.scope import Indices, Scope


class TargetKind(StrEnum):
    """What a loss compares a prediction with."""

    REAL = "real"
    UNIT = "unit"  # each between 0 and 1
    SIGN = "sign"  # each 1 or -1
    LABELS = "labels"  # a whole number an example, 0 … classes-1
    DISTRIBUTION = "distribution"  # not negative, sums to 1 over the last axis
    LOG_DISTRIBUTION = "log-distribution"


@dataclass(frozen=True, kw_only=True)
class Loss(Record):
    """A loss: writes the objective as equations.

    Parameters
    ----------
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``; see the module's text.
    """

    reduction: str = "mean"

    reductions: ClassVar[tuple[str, ...]] = ("mean", "sum", "none")

    def __post_init__(self) -> None:
        require_choice(self, "reduction", self.reductions)

    @property
    def target_kind(self) -> TargetKind:
        """What the target has to be."""
        return TargetKind.REAL

    @property
    def operands(self) -> tuple[str, ...]:
        """What PyTorch's loss takes after the prediction, by name."""
        return ("y",)

    @abstractmethod
    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Add the target and the equations needed; return the objective.

        Raises
        ------
        ShapeError
            If the loss cannot take a prediction of that shape.
        """

    def reduced(
        self,
        scope: Scope,
        each: sp.Expr,
        indices: tuple[sp.Idx, ...],
        *,
        sign: int = 1,
        count: sp.Expr,
    ) -> sp.Expr:
        """The objective from ``sign*each``, one loss at each place of `indices`."""
        if self.reduction == "none":
            losses = scope.define("l", indices, sign * each, latex=r"\ell")
            upstream = scope.declare("g", Role.INPUT, *indices)
            return sum_over(upstream.element * losses.element, indices)
        total = sign * sum_over(each, indices)
        return total if self.reduction == "sum" else total / count


#: Every loss by name; the command line, the oracles and the tests run over it.
LOSSES: Registry[type[Loss]] = Registry("loss")


@dataclass(frozen=True, kw_only=True)
class ElementwiseLoss(Loss):
    """A loss of one predicted and one target element; the mean is over all elements."""

    sign: ClassVar[int] = 1
    domain: ClassVar[Domain] = Domain.REAL

    @property
    def target_kind(self) -> TargetKind:
        """What the target has to be."""
        return TargetKind(self.domain)

    @abstractmethod
    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """The loss at one element, but for `sign`."""

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Compare element by element, in any rank."""
        y = scope.target(*prediction.indices, domain=self.domain)
        each = self.value(prediction.element, y.element)
        count = product(prediction.shape)
        return self.reduced(scope, each, prediction.indices, sign=self.sign, count=count)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class MSELoss(ElementwiseLoss):
    """(a - y)²."""

    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """(a - y)²."""
        return (a - y) ** 2


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class L1Loss(ElementwiseLoss):
    """|a - y|."""

    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """|a - y|."""
        return sp.Abs(a - y)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class SmoothL1Loss(ElementwiseLoss):
    """(a - y)²/(2·beta) where |a - y| < beta, else |a - y| - beta/2."""

    beta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "beta", 0)

    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """A parabola around 0, |a - y| - beta/2 outside; |a - y| for beta = 0."""
        beta, distance = exact(self.beta), sp.Abs(a - y)
        if beta == 0:
            return distance
        parabola = (a - y) ** 2 / (2 * beta)
        return sp.Piecewise((parabola, distance < beta), (distance - beta / 2, True))


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class HuberLoss(ElementwiseLoss):
    """(a - y)²/2 where |a - y| ≤ delta, else delta·(|a - y| - delta/2)."""

    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "delta", 0, without=[0])

    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """A parabola around 0, a straight line of slope delta outside."""
        delta, distance = exact(self.delta), sp.Abs(a - y)
        line = delta * (distance - delta / 2)
        return sp.Piecewise(((a - y) ** 2 / 2, distance <= delta), (line, True))


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class BCELoss(ElementwiseLoss):
    """-(y·log a + (1 - y)·log(1 - a)) for predictions strictly between 0 and 1.

    PyTorch cuts both logarithms off at -100; here they are the textbook's, so the two
    differ where a prediction is within exp(-100) of 0 or 1.
    """

    sign: ClassVar[int] = -1
    domain: ClassVar[Domain] = Domain.UNIT

    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """y·log a + (1 - y)·log(1 - a)."""
        return y * sp.log(a) + (1 - y) * sp.log(1 - a)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class BCEWithLogitsLoss(BCELoss):
    """BCE of ``a = σ(z)``, z being the prediction."""

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Define the probabilities, then compare as BCE does."""
        a = scope.activation(prediction.indices, sigmoid(prediction.element))
        return super().objective(scope, a)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class SoftMarginLoss(ElementwiseLoss):
    """log(1 + exp(-y·a)), where y is 1 or -1."""

    domain: ClassVar[Domain] = Domain.SIGN

    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """log(1 + exp(-y·a))."""
        return softplus(-y * a)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class HingeEmbeddingLoss(ElementwiseLoss):
    """a where y is 1, max(0, margin - a) where y is -1; a being a distance."""

    margin: float = 1.0

    domain: ClassVar[Domain] = Domain.SIGN

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "margin")

    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """a, or the hinge."""
        return sp.Piecewise((a, y > 0), (hinge(exact(self.margin) - a), True))


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class PoissonNLLLoss(ElementwiseLoss):
    """exp(a) - y·a, a being the logarithm of a Poisson distribution's rate.

    Parameters
    ----------
    log_input
        False for a - y·log(a + eps), a being the rate itself.
    full
        Whether Stirling's y·log y - y + ½·log(2π·y) is added for y above 1: it has no
        part in the gradient.
    eps
        Keeps the logarithm finite.
    """

    log_input: bool = True
    full: bool = False
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "log_input", (True, False))
        require_choice(self, "full", (False, True))
        require_range(self, "eps", 0)

    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """The negative logarithm of the probability of y, but for a constant."""
        core = sp.exp(a) - y * a if self.log_input else a - y * sp.log(a + exact(self.eps))
        if not self.full:
            return core
        stirling = y * sp.log(y) - y + sp.log(2 * sp.pi * y) / 2
        return core + sp.Piecewise((stirling, y > 1), (0, True))


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class GaussianNLLLoss(Loss):
    """½·(log v + (a - y)²/v): a is the mean of a normal distribution, v its variance.

    The variance is a further input ``v`` of the prediction's shape.

    Parameters
    ----------
    full
        Whether the constant ½·log 2π is added.
    eps
        The variance is taken as this where it is smaller; its derivative is 0 there,
        where PyTorch's is that at eps.
    """

    full: bool = False
    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "full", (False, True))
        require_range(self, "eps", 0, without=[0])

    @property
    def operands(self) -> tuple[str, ...]:
        """Target and variance."""
        return "y", "v"

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Compare element by element."""
        y = scope.target(*prediction.indices, domain=Domain.REAL)
        given = scope.declare("v", Role.INPUT, *prediction.indices, domain=Domain.POSITIVE)
        v = sp.Max(given.element, exact(self.eps))
        each = (sp.log(v) + (prediction.element - y.element) ** 2 / v) / 2
        if self.full:
            each += sp.log(2 * sp.pi) / 2
        return self.reduced(scope, each, prediction.indices, count=product(prediction.shape))


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class FocalLoss(Loss):
    """-(1 - p)^gamma·log p, p being the probability that σ(a) gives to the target.

    For two classes, with targets 0 and 1: Lin et al., Focal Loss for Dense Object
    Detection (arXiv 1708.02002), equations 4 and 5. PyTorch has none;
    `torchvision.ops.sigmoid_focal_loss` is this one.

    Parameters
    ----------
    gamma
        How much less what is right already counts.
    alpha
        The weight of class 1, that of class 0 being 1 - alpha; None for no weights.
    """

    gamma: float = 2.0
    alpha: float | None = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "gamma", 0)
        if self.alpha is not None:
            require_range(self, "alpha", 0, 1)

    @property
    def target_kind(self) -> TargetKind:
        """0 or 1, or in between."""
        return TargetKind.UNIT

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Add p, and the probability q that it gives to the target."""
        a, indices = prediction.element, prediction.indices
        y = scope.target(*indices, domain=Domain.UNIT).element
        p = scope.define("p", indices, sigmoid(a)).element
        q = scope.define("q", indices, p * y + (1 - p) * (1 - y)).element
        entropy = softplus(a) - y * a
        each = (1 - q) ** exact(self.gamma) * entropy
        if self.alpha is not None:
            alpha = exact(self.alpha)
            each *= alpha * y + (1 - alpha) * (1 - y)
        return self.reduced(scope, each, indices, count=product(prediction.shape))


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class DiceLoss(Loss):
    """1 - (2·Σ a·y + smooth)/(Σ a² + Σ y² + smooth) for each example of probabilities a.

    The sums are over all axes but the first: Milletari et al., V-Net (arXiv
    1606.04797), section 3, smoothed as is usual. PyTorch has none.

    Parameters
    ----------
    smooth
        Keeps the fraction defined where there is nothing to find.
    """

    smooth: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "smooth", 0)

    @property
    def target_kind(self) -> TargetKind:
        """Probabilities, usually 0 and 1."""
        return TargetKind.UNIT

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Add the overlap q and the size s of each example."""
        y = scope.target(*prediction.indices, domain=Domain.UNIT)
        examples, rest = prediction.indices[:1], prediction.indices[1:]
        overlap = sum_over(prediction.element * y.element, rest)
        area = sum_over(prediction.element**2, rest) + sum_over(y.element**2, rest)
        q = scope.define("q", examples, 2 * overlap + exact(self.smooth))
        s = scope.define("s", examples, area + exact(self.smooth))
        each = 1 - q.element / s.element
        return self.reduced(scope, each, examples, count=product(prediction.shape[:1]))


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class KLDivLoss(Loss):
    """y·(log y - z), where the prediction z is a log-probability; 0·log 0 is 0.

    Parameters
    ----------
    reduction
        Also ``"batchmean"``, divided by the size of the first axis: the divergence as
        textbooks have it. ``"mean"`` divides by the number of all elements.
    log_target
        Whether the target is log y.
    """

    log_target: bool = False

    reductions: ClassVar[tuple[str, ...]] = ("mean", "sum", "none", "batchmean")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "log_target", (False, True))

    @property
    def target_kind(self) -> TargetKind:
        """A distribution, or its logarithm."""
        return TargetKind.LOG_DISTRIBUTION if self.log_target else TargetKind.DISTRIBUTION

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Compare element by element; ``h = y·log y`` is 0 where y is."""
        if self.log_target:
            y = scope.target(*prediction.indices, domain=Domain.REAL)
            each = sp.exp(y.element) * (y.element - prediction.element)
        else:
            y = distribution(scope, prediction)
            known = sp.Piecewise((y.element * sp.log(y.element), y.element > 0), (0, True))
            h = scope.define("h", prediction.indices, known, latex="h")
            each = h.element - y.element * prediction.element
        shape = prediction.shape
        count = shape[0] if self.reduction == "batchmean" else product(shape)
        return self.reduced(scope, each, prediction.indices, count=count)


def distribution(scope: Scope, prediction: Tensor, axis: int = -1) -> Tensor:
    """Add a target of the prediction's shape, and the fact that it sums to 1 along an axis."""
    y = scope.target(*prediction.indices, domain=Domain.UNIT)
    scope.facts.append(Fact(sp.Sum(y.element, y.indices[axis]), sp.Integer(1)))
    return y


def sum_over(each: sp.Expr, indices: Indices) -> sp.Expr:
    """A sum over several indices, or the summand if there are none."""
    # The innermost sum comes first in SymPy's limits.
    return sp.Sum(each, *reversed(indices)) if indices else each


def hinge(u: sp.Expr) -> sp.Expr:
    """max(0, u), with slope 1 at 0: what PyTorch's losses do with a margin."""
    return sp.Piecewise((u, u >= 0), (0, True))


def product(shape: tuple[sp.Expr, ...]) -> sp.Expr:
    """How many elements a shape has."""
    return sp.Mul(*shape)
