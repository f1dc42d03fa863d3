"""What to try every loss with: one table, which the tests of losses run over.

A loss of the registry that is not in the table is tried with its defaults, on rows and on
rows of sequences. Every case is tried with every reduction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import symbackprop as sb

ROWS = (3,)


@dataclass(frozen=True)
class LossCase:
    """A loss, and the predictions it is given.

    Attributes
    ----------
    loss
        With the arguments to try.
    shape
        The axes of one example's prediction.
    head
        Layers that the prediction comes from, where it has to be in a domain.
    """

    loss: sb.Loss
    shape: tuple[Any, ...] = ROWS
    head: tuple[sb.Layer, ...] = (sb.Identity(),)

    def __str__(self) -> str:
        return f"{self.loss}" + ("" if self.shape == ROWS else f" on {self.shape}")


#: What must come before a loss for its input to be in its domain.
HEADS: dict[str, tuple[sb.Layer, ...]] = {
    "BCELoss": (sb.Sigmoid(),),
    "DiceLoss": (sb.Sigmoid(),),
    "NLLLoss": (sb.LogSoftmax(),),
    "KLDivLoss": (sb.LogSoftmax(),),
    "ELBOLoss": (sb.Linear(3, 10), sb.GaussianSample(5), sb.Linear(5, 3)),
}
#: Where a network's head must be something else for a loss than an activation.
IMAGE = (5, 2, 7)
WEIGHT = (0.5, 2.0, 1.25)
FIVE = (0.5, 2.0, 1.25, 0.75, 3.0)

CASES: dict[str, list[LossCase]] = {
    "SmoothL1Loss": [LossCase(sb.SmoothL1Loss(beta=beta)) for beta in (1.0, 0.5, 0.0)],
    "HuberLoss": [LossCase(sb.HuberLoss()), LossCase(sb.HuberLoss(delta=0.5))],
    "KLDivLoss": [LossCase(sb.KLDivLoss()), LossCase(sb.KLDivLoss(log_target=True))],
    "PoissonNLLLoss": [
        LossCase(sb.PoissonNLLLoss()),
        LossCase(sb.PoissonNLLLoss(full=True)),
        LossCase(sb.PoissonNLLLoss(log_input=False, eps=0.1), head=(sb.Softplus(),)),
    ],
    "GaussianNLLLoss": [
        LossCase(sb.GaussianNLLLoss()),
        LossCase(sb.GaussianNLLLoss(full=True, eps=1e-3), (3, 5)),
    ],
    "NLLLoss": [
        LossCase(sb.NLLLoss()),
        LossCase(sb.NLLLoss(weight=WEIGHT)),
        LossCase(sb.NLLLoss(ignore_index=1)),
        LossCase(sb.NLLLoss(weight=FIVE, ignore_index=2), IMAGE, (sb.LogSoftmax(dim=1),)),
        LossCase(sb.NLLLoss(weight=WEIGHT, dim=-1), (7, 3)),
    ],
    "CrossEntropyLoss": [
        *(
            LossCase(sb.CrossEntropyLoss(label_smoothing=s, weight=w, ignore_index=i), shape)
            for s in (0.0, 0.3)
            for i in (-100, 1)
            for w, shape in ((None, ROWS), (WEIGHT, ROWS), (FIVE, (5, 7)))
        ),
        LossCase(sb.CrossEntropyLoss(), IMAGE),
        LossCase(sb.CrossEntropyLoss(ignore_index=0, dim=-1), ("T", "V")),
        *(
            LossCase(
                sb.CrossEntropyLoss(target="probabilities", label_smoothing=s, weight=w), shape
            )
            for s in (0.0, 0.3)
            for w, shape in ((None, ROWS), (WEIGHT, ROWS), (FIVE, IMAGE))
        ),
        LossCase(sb.CrossEntropyLoss(target="probabilities", dim=-1), (7, 3)),
    ],
    "MultiMarginLoss": [
        LossCase(sb.MultiMarginLoss()),
        LossCase(sb.MultiMarginLoss(p=2, margin=0.7, weight=WEIGHT)),
    ],
    "CosineEmbeddingLoss": [
        LossCase(sb.CosineEmbeddingLoss()),
        LossCase(sb.CosineEmbeddingLoss(margin=-0.9)),
        LossCase(sb.CosineEmbeddingLoss(margin=-0.3, stacked=True), (2, 5)),
    ],
    "MarginRankingLoss": [
        LossCase(sb.MarginRankingLoss(), ()),
        LossCase(sb.MarginRankingLoss(margin=0.7), (3, 5)),
        LossCase(sb.MarginRankingLoss(margin=0.7, stacked=True), (2,)),
    ],
    "TripletMarginLoss": [
        LossCase(sb.TripletMarginLoss()),
        LossCase(sb.TripletMarginLoss(margin=0.5, p=1.0, swap=True)),
        LossCase(sb.TripletMarginLoss(margin=5.0, p=3.0, eps=0.1)),
        LossCase(sb.TripletMarginLoss(stacked=True, swap=True), (3, 5)),
    ],
    "InfoNCELoss": [
        LossCase(sb.InfoNCELoss()),
        LossCase(sb.InfoNCELoss(temperature=0.5, stacked=True), (2, 5)),
    ],
    "ELBOLoss": [
        LossCase(sb.ELBOLoss()),
        LossCase(sb.ELBOLoss(likelihood="gaussian", beta=0.3)),
    ],
    "FocalLoss": [LossCase(sb.FocalLoss()), LossCase(sb.FocalLoss(gamma=1.5, alpha=None))],
    "DiceLoss": [
        LossCase(sb.DiceLoss(), head=HEADS["DiceLoss"]),
        LossCase(sb.DiceLoss(smooth=0.0), IMAGE, HEADS["DiceLoss"]),
    ],
}


def with_reduction(loss: sb.Loss, reduction: str) -> sb.Loss:
    settings = {f.name: getattr(loss, f.name) for f in fields(loss)}
    return type(loss)(**settings | {"reduction": reduction})


def cases(name: str) -> Iterator[LossCase]:
    """The cases of one loss of the registry, with every reduction."""
    cls, head = sb.LOSSES[name], HEADS.get(name, (sb.Identity(),))
    known = CASES.get(name) or [LossCase(cls(), head=head), LossCase(cls(), (7, 3), head)]
    for case in known:
        found = head if case.head == (sb.Identity(),) else case.head
        for reduction in cls.reductions:
            yield LossCase(with_reduction(case.loss, reduction), case.shape, found)


def all_cases() -> Iterator[LossCase]:
    """Every case of every loss."""
    for name in sb.LOSSES:
        yield from cases(name)
