"""Losses of classes: a score for every class, and the right one of each example.

The axis of the classes is PyTorch's: the only one, or the second of (N, K, d1, …). A
network whose last axis is that of the classes says so with ``dim=-1``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy as sp

from symbackprop.errors import OptionError, ShapeError
from symbackprop.language import Domain, Tensor
from symbackprop.library.activations import Softmax
from symbackprop.library.losses import (
    LOSSES,
    Loss,
    TargetKind,
    distribution,
    product,
    sum_over,
)
from symbackprop.library.records import OURS, exact, number, require_choice, require_range
from symbackprop.library.scope import Scope


@dataclass(frozen=True, kw_only=True)
class ClassLoss(Loss):
    """A loss of labels, one a place of the prediction without the axis of the classes."""

    weight: tuple[float, ...] | None = None
    ignore_index: int = -100
    dim: int | None = field(default=None, metadata=OURS)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_weight(self)
        for name in ("ignore_index", "dim"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole and not (name == "dim" and value is None):
                raise OptionError(
                    f"{name}={value!r} is not a whole number",
                    where=type(self).__name__,
                    remedy=f"give {name} one, or leave it out",
                )

    @property
    def target_kind(self) -> TargetKind:
        """Class labels."""
        return TargetKind.LABELS

    def axis(self, prediction: Tensor) -> int:
        """The axis of the classes."""
        rank = len(prediction.indices)
        axis = min(1, rank - 1) if self.dim is None else self.dim
        if not -rank <= axis < rank:
            raise _misshapen(self, prediction)
        return axis % rank

    def labels(self, scope: Scope, prediction: Tensor) -> tuple[Tensor, sp.Expr]:
        """Add the labels; the prediction at them is the second."""
        axis = self.axis(prediction)
        places = list(prediction.indices)
        classes = prediction.shape[axis]
        del places[axis]
        if not places:
            raise _misshapen(self, prediction)
        y = scope.target(*places, domain=Domain.LABEL, classes=classes)
        return y, y.element

    def weighted(self, scope: Scope, y: Tensor) -> tuple[sp.Expr, sp.Expr]:
        """The weight of each label, and what the mean divides by: all of them together."""
        classes = y.classes if y.classes is not None else sp.S.One
        factor: sp.Expr = sp.S.One
        if self.weight is not None:
            factor = class_weights(self, scope, classes)[y.element]
        if self.ignored(classes):
            factor *= 1 - sp.KroneckerDelta(y.element, self.ignore_index)
        if factor == 1:
            return factor, product(y.shape)
        u = scope.define("u", y.indices, factor)
        return u.element, sum_over(u.element, y.indices)

    def ignored(self, classes: sp.Expr) -> bool:
        """Whether there is a class that is ignored."""
        return self.ignore_index >= 0 and not (
            classes.is_Integer and self.ignore_index >= int(classes)
        )


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class NLLLoss(ClassLoss):
    """-z at the label, z being log-probabilities (N, K, …).

    Parameters
    ----------
    weight
        A number for each class; the mean divides by the weights of all labels together.
    ignore_index
        A class whose examples do not count. PyTorch's default of -100 is no class, and
        labels here must be classes: nothing is ignored.
    dim
        The axis of the classes, if it is not PyTorch's.
    """

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Pick each example's log-probability at its label."""
        y, label = self.labels(scope, prediction)
        u, count = self.weighted(scope, y)
        chosen = at_class(prediction, self.axis(prediction), label)
        return self.reduced(scope, u * chosen, y.indices, sign=-1, count=count)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class CrossEntropyLoss(ClassLoss):
    """Softmax, then -Σ y·log p; the mean is over the examples.

    Parameters
    ----------
    weight, ignore_index, dim
        See `NLLLoss`; with a distribution as the target, weights do not change what
        the mean divides by, and nothing can be ignored.
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
        if self.target == "probabilities" and self.ignore_index >= 0:
            raise OptionError(
                f"ignore_index={self.ignore_index} needs labels, the target is a distribution",
                where=str(self),
                remedy="leave ignore_index out, or use target='indices'",
            )

    @property
    def target_kind(self) -> TargetKind:
        """Class labels or a distribution."""
        return TargetKind.LABELS if self.target == "indices" else TargetKind.DISTRIBUTION

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Define ``p = softmax(z)``, then the logarithm at the target."""
        axis = self.axis(prediction)
        if self.target == "indices":
            y, label = self.labels(scope, prediction)
            p = self._softmax(scope, prediction, axis)
            each, count = self._at_labels(scope, p, y, at_class(p, axis, label))
            return self.reduced(scope, each, y.indices, sign=-1, count=count)
        y = distribution(scope, prediction, axis)
        p = self._softmax(scope, prediction, axis)
        places = tuple(idx for idx in p.indices if idx != p.indices[axis])
        count = product(prediction.shape) / prediction.shape[axis]
        return self.reduced(scope, self._at_distribution(scope, p, y), places, sign=-1, count=count)

    def _softmax(self, scope: Scope, prediction: Tensor, axis: int) -> Tensor:
        return scope.define("p", prediction.indices, Softmax(dim=axis).along(scope, prediction))

    def _at_labels(
        self, scope: Scope, p: Tensor, y: Tensor, chosen: sp.Expr
    ) -> tuple[sp.Expr, sp.Expr]:
        u, count = self.weighted(scope, y)
        if not self.label_smoothing:
            return u * sp.log(chosen), count
        epsilon, k = exact(self.label_smoothing), p.indices[self.axis(p)]
        classes = p.shape[self.axis(p)]
        counted: sp.Expr = sp.S.One
        if self.ignored(classes):
            counted -= sp.KroneckerDelta(y.element, self.ignore_index)
        everywhere = counted * sp.Sum(self._weight(scope, classes, k) * sp.log(p.element), k)
        return (1 - epsilon) * u * sp.log(chosen) + epsilon / classes * everywhere, count

    def _at_distribution(self, scope: Scope, p: Tensor, y: Tensor) -> sp.Expr:
        k, classes = p.indices[self.axis(p)], p.shape[self.axis(p)]
        epsilon = exact(self.label_smoothing)
        smoothed = (1 - epsilon) * y.element + epsilon / classes
        return sp.Sum(self._weight(scope, classes, k) * smoothed * sp.log(p.element), k)

    def _weight(self, scope: Scope, classes: sp.Expr, k: sp.Idx) -> sp.Expr:
        return sp.S.One if self.weight is None else class_weights(self, scope, classes)[k]


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class MultiMarginLoss(Loss):
    """Σ_k max(0, margin - z[y] + z[k])^p/K over the classes k but y, for scores z (N, K).

    Parameters
    ----------
    p
        1 or 2.
    margin
        By how much the right class should lead.
    weight
        A number for each class, by which the loss of its examples is multiplied.
    """

    p: int = 1
    margin: float = 1.0
    weight: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "p", (1, 2))
        number(self, "margin")
        require_weight(self)

    @property
    def target_kind(self) -> TargetKind:
        """Class labels."""
        return TargetKind.LABELS

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Add the labels, and the hinge h of every wrong class."""
        if len(prediction.indices) != 2:
            raise _misshapen(self, prediction)
        n, k = prediction.indices
        classes = prediction.shape[1]
        y = scope.target(n, domain=Domain.LABEL, classes=classes)
        lead = exact(self.margin) - prediction[n, y.element] + prediction.element
        # PyTorch's derivative at 0 is that of the other side here.
        missed = sp.Piecewise((lead**self.p, lead > 0), (0, True))
        wrong = 1 - sp.KroneckerDelta(k, y.element)
        h = scope.define("h", (n, k), wrong * missed)
        each = sp.Sum(h.element, k) / classes
        if self.weight is not None:
            each *= class_weights(self, scope, classes)[y.element]
        return self.reduced(scope, each, (n,), count=prediction.shape[0])


def at_class(z: Tensor, axis: int, label: sp.Expr) -> sp.Expr:
    """A prediction at a label."""
    places = list(z.indices)
    places[axis] = label
    return z[tuple(places)]


def class_weights(loss: Loss, scope: Scope, classes: sp.Expr) -> Tensor:
    """The weights as a tensor ``w[k]``, its elements written out; defined once."""
    known = [tensor for tensor in scope.tensors if tensor.name == "w"]
    if known:
        return known[0]
    weights: tuple[float, ...] = loss.weight  # type: ignore[attr-defined]
    if classes != len(weights):
        raise ShapeError(
            f"{loss} has {len(weights)} weights for {classes} classes",
            where=type(loss).__name__,
            remedy="give one weight for each class, and the network's output a size",
        )
    k = scope.index(classes)
    *rest, last = map(exact, weights)
    branches = [(value, sp.Eq(k, place)) for place, value in enumerate(rest)]
    return scope.define("w", (k,), sp.Piecewise(*branches, (last, True)))


def require_weight(loss: Loss) -> None:
    """Require a loss's class weights to be numbers.

    Raises
    ------
    OptionError
        If they are not.
    """
    weight = loss.weight  # type: ignore[attr-defined]
    if weight is None:
        return
    listed = tuple(weight) if isinstance(weight, list | tuple) else ()
    if not listed or not all(isinstance(w, int | float) and w >= 0 for w in listed):
        raise OptionError(
            f"weight={weight!r} is not a number for each class",
            where=type(loss).__name__,
            remedy="write weight=(1.0, 2.5, 0.5)",
        )
    object.__setattr__(loss, "weight", listed)


def _misshapen(loss: Loss, prediction: Tensor) -> ShapeError:
    return ShapeError(
        f"{loss} takes predictions of shape (examples, classes), "
        f"{prediction.name!r} has shape {prediction.shape}",
        where=str(prediction.element),
        remedy="give the network a batch axis, and the loss the axis of the classes: dim=-1",
    )
