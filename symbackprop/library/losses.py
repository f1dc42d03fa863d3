r"""Losses: the objective as equations in a prediction and a target, with PyTorch's meaning.

``reduction="mean"`` divides by what PyTorch divides by, which each loss says;
``"sum"`` divides by nothing. ``"none"`` keeps the losses apart: they become the
intermediate ``l``, and the objective is ``L = Sum(g*l)`` with a further input ``g``,
which is what one passes to ``l.backward(gradient=g)``.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

import sympy as sp

from symbackprop.errors import ShapeError
from symbackprop.language import Domain, Fact, Role, Tensor, sigmoid
from symbackprop.library.activations import Softmax
from symbackprop.library.records import (
    OURS,
    Record,
    Registry,
    exact,
    require_choice,
    require_range,
)
from symbackprop.library.scope import Scope


class TargetKind(StrEnum):
    """What a loss compares a prediction with."""

    REAL = "real"
    UNIT = "unit"  # each between 0 and 1
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
            return _sum(upstream.element * losses.element, indices)
        total = sign * _sum(each, indices)
        return total if self.reduction == "sum" else total / count


#: Every loss by name; the command line, the oracles and the tests run over it.
LOSSES: Registry[type[Loss]] = Registry("loss")


@dataclass(frozen=True, kw_only=True)
class ElementwiseLoss(Loss):
    """A loss of one predicted and one target element; the mean is over all elements."""

    sign: ClassVar[int] = 1
    domain: ClassVar[Domain] = Domain.REAL

    @abstractmethod
    def value(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """The loss at one element, but for `sign`."""

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Compare element by element, in any rank."""
        y = scope.target(*prediction.indices, domain=self.domain)
        each = self.value(prediction.element, y.element)
        count = _product(prediction.shape)
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

    @property
    def target_kind(self) -> TargetKind:
        """Probabilities."""
        return TargetKind.UNIT

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
            y = _distribution(scope, prediction)
            known = sp.Piecewise((y.element * sp.log(y.element), y.element > 0), (0, True))
            h = scope.define("h", prediction.indices, known, latex="h")
            each = h.element - y.element * prediction.element
        shape = prediction.shape
        count = shape[0] if self.reduction == "batchmean" else _product(shape)
        return self.reduced(scope, each, prediction.indices, count=count)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class NLLLoss(Loss):
    """-z at the label, z being log-probabilities (N, K); the mean is over the examples."""

    @property
    def target_kind(self) -> TargetKind:
        """Class labels."""
        return TargetKind.LABELS

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Pick each example's log-probability at its label."""
        y, n = _labels(self, scope, prediction)
        return self.reduced(scope, prediction[n, y[n]], (n,), sign=-1, count=prediction.shape[0])


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class CrossEntropyLoss(Loss):
    """Softmax, then -Σ y·log p; the mean is over the examples.

    Parameters
    ----------
    label_smoothing
        ε in [0, 1]: targets are mixed with the uniform distribution, (1 - ε)·y + ε/K.
    target
        ``"indices"`` for a class number an example, ``"probabilities"`` for a
        distribution an example. PyTorch tells them apart by the type of the array.
    """

    label_smoothing: float = 0.0
    target: str = field(default="indices", metadata=OURS)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "label_smoothing", 0, 1)
        require_choice(self, "target", ("indices", "probabilities"))

    @property
    def target_kind(self) -> TargetKind:
        """Class labels or a distribution."""
        return TargetKind.LABELS if self.target == "indices" else TargetKind.DISTRIBUTION

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Define ``p = softmax(z)``, then the logarithm at the target."""
        if self.target == "indices":
            y, n = _labels(self, scope, prediction)
            examples: tuple[sp.Idx, ...] = (n,)
            p = scope.define("p", prediction.indices, Softmax().along(scope, prediction))
            each = self._at_label(p, p[n, y[n]])
        else:
            _require_rank(self, prediction, (1, 2))
            examples = prediction.indices[:-1]
            y = _distribution(scope, prediction)
            p = scope.define("p", prediction.indices, Softmax().along(scope, prediction))
            each = self._at_distribution(p, y)
        return self.reduced(scope, each, examples, sign=-1, count=_product(prediction.shape[:-1]))

    def _at_label(self, p: Tensor, chosen: sp.Expr) -> sp.Expr:
        if not self.label_smoothing:
            return sp.log(chosen)
        epsilon = exact(self.label_smoothing)
        everywhere = sp.Sum(sp.log(p.element), p.indices[-1])
        return (1 - epsilon) * sp.log(chosen) + epsilon / p.shape[-1] * everywhere

    def _at_distribution(self, p: Tensor, y: Tensor) -> sp.Expr:
        epsilon = exact(self.label_smoothing)
        smoothed = (1 - epsilon) * y.element + epsilon / p.shape[-1]
        return sp.Sum(smoothed * sp.log(p.element), p.indices[-1])


def _labels(loss: Loss, scope: Scope, prediction: Tensor) -> tuple[Tensor, sp.Idx]:
    _require_rank(loss, prediction, (2,))
    n = prediction.indices[0]
    return scope.target(n, domain=Domain.LABEL, classes=prediction.shape[-1]), n


def _distribution(scope: Scope, prediction: Tensor) -> Tensor:
    y = scope.target(*prediction.indices, domain=Domain.UNIT)
    scope.facts.append(Fact(sp.Sum(y.element, y.indices[-1]), sp.Integer(1)))
    return y


def _require_rank(loss: Loss, prediction: Tensor, ranks: tuple[int, ...]) -> None:
    if len(prediction.indices) in ranks:
        return
    raise ShapeError(
        f"{loss} takes predictions of shape (examples, classes), "
        f"{prediction.name!r} has shape {prediction.shape}",
        where=str(prediction.element),
        remedy="give the network one batch axis",
    )


def _sum(each: sp.Expr, indices: tuple[sp.Idx, ...]) -> sp.Expr:
    # The innermost sum comes first in SymPy's limits.
    return sp.Sum(each, *reversed(indices)) if indices else each


def _product(shape: tuple[sp.Expr, ...]) -> sp.Expr:
    return sp.Mul(*shape)
