"""Every loss and its arguments, forward and backward, against the `torch.nn` module.

Registry-driven: a new loss is tested unasked, with its defaults or with what
`loss_cases.CASES` has for it. Losses that PyTorch does not have are compared with a few
lines of it, below. In float64 to 1e-10, on every backend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from evaluate import evaluate
from loss_cases import CASES, LossCase, all_cases, cases
from test_layers import check_backward, check_forward, reading_of
from torch.nn import functional

import symbackprop as sb
from symbackprop.verify.modules import ModuleReading, built, module_reading
from symbackprop.verify.sampling import choose_sizes, draw

Tensors = Mapping[str, torch.Tensor]


# --- the formulas of losses that PyTorch does not have -----------------------------------


def focal(loss: sb.FocalLoss, a: torch.Tensor, given: Tensors) -> torch.Tensor:
    y, p = given["y"], torch.sigmoid(a)
    entropy = functional.binary_cross_entropy_with_logits(a, y, reduction="none")
    focused = entropy * (1 - (p * y + (1 - p) * (1 - y))) ** loss.gamma
    if loss.alpha is None:
        return focused
    return focused * (loss.alpha * y + (1 - loss.alpha) * (1 - y))


def dice(loss: sb.DiceLoss, a: torch.Tensor, given: Tensors) -> torch.Tensor:
    a, y = a.flatten(1), given["y"].flatten(1)
    overlap = 2 * (a * y).sum(1) + loss.smooth
    return 1 - overlap / ((a**2).sum(1) + (y**2).sum(1) + loss.smooth)


def info_nce(loss: sb.InfoNCELoss, a: torch.Tensor, given: Tensors) -> torch.Tensor:
    query, key = a.unbind(1) if loss.stacked else (a, given["key"])
    scores = functional.normalize(query) @ functional.normalize(key).T / loss.temperature
    return functional.cross_entropy(scores, torch.arange(len(scores)), reduction="none")


def elbo(loss: sb.ELBOLoss, a: torch.Tensor, given: Tensors) -> torch.Tensor:
    """The Kullback-Leibler divergence is that of `torch.distributions`."""
    encoded = given["x"] @ given["W1"].T + given["b1"]
    mean, log_variance = encoded.chunk(2, 1)
    sample = mean + (log_variance / 2).exp() * given["noise2"]
    a = sample @ given["W3"].T + given["b3"]
    if loss.likelihood == "bernoulli":
        each = functional.binary_cross_entropy_with_logits(a, given["y"], reduction="none")
    else:
        each = (a - given["y"]) ** 2 / 2
    asked = torch.distributions.Normal(mean, (log_variance / 2).exp())
    divergence = torch.distributions.kl_divergence(asked, torch.distributions.Normal(0.0, 1.0))
    return each.sum(1) + loss.beta * divergence.sum(1)


FORMULAS: dict[str, Callable[..., torch.Tensor]] = {
    "FocalLoss": focal,
    "DiceLoss": dice,
    "InfoNCELoss": info_nce,
    "ELBOLoss": elbo,
}


def formula_reading(system: sb.System, values: Mapping[str, np.ndarray]) -> ModuleReading:
    """What the formula in `FORMULAS` gives, with its derivatives by all inputs."""
    loss = system.origin.loss
    differentiable = (*system.inputs, *system.parameters)
    leaves = {t.name: torch.tensor(values[t.name], requires_grad=True) for t in differentiable}
    given = {name: torch.tensor(array) for name, array in values.items()} | leaves
    a = leaves["x"]
    for layer in system.origin.network if not system.parameters else ():
        a = built(layer)(a)
    each = FORMULAS[type(loss).__name__](loss, a, given)
    reduce = {"mean": torch.mean, "sum": torch.sum, "none": lambda each: (given["g"] * each).sum()}
    objective = reduce[loss.reduction](each)
    gradients = torch.autograd.grad(objective, list(leaves.values()))
    found = dict(zip(leaves, (g.numpy() for g in gradients), strict=True))
    prediction = evaluate(system, values)[system.origin.prediction]
    if not system.parameters:
        np.testing.assert_allclose(prediction, a.detach().numpy(), rtol=1e-12)
    return ModuleReading(float(objective.detach()), prediction, found, {})


# --- the tests ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("case", list(all_cases()), ids=str)
def test_loss_is_pytorchs(case: LossCase) -> None:
    system = sb.Sequential(*case.head).system(case.loss, shape=case.shape)
    values = draw(system, choose_sizes(system), seed=2).arrays()
    known = hasattr(torch.nn, type(case.loss).__name__)
    expected = reading_of(system, values) if known else formula_reading(system, values)
    check_forward(system, values, expected)
    check_backward(system, values, expected)


def test_every_formula_of_ours_has_one_of_torch() -> None:
    ours = {name for name in sb.LOSSES if not hasattr(torch.nn, name)}
    assert ours == set(FORMULAS)
    assert set(CASES) <= set(sb.LOSSES)


@pytest.mark.parametrize("name", [n for n in sb.LOSSES if n not in FORMULAS])
def test_the_torch_modules_are_asked_themselves(name: str) -> None:
    case = next(cases(name))
    system = sb.Sequential(*case.head).system(case.loss, shape=case.shape)
    sizes = choose_sizes(system)
    assert module_reading(system, draw(system, sizes, seed=0).arrays(), sizes) is not None


#: Differences at which some hinge or threshold changes sides, and both sides of it.
EDGES = np.array(
    [s * (at + d) for at in (0, 0.5, 0.7, 1) for d in (-1e-9, 0, 1e-9) for s in (-1, 1)]
)


@pytest.mark.parametrize(
    "loss",
    [sb.HingeEmbeddingLoss(), sb.HingeEmbeddingLoss(margin=0.5), sb.SoftMarginLoss(),
     sb.MarginRankingLoss(), sb.MarginRankingLoss(margin=0.7), sb.MultiMarginLoss(),
     sb.MultiMarginLoss(p=2, margin=0.5), sb.CosineEmbeddingLoss()],
    ids=str,
)  # fmt: skip
def test_margins_at_and_beside_their_kinks(loss: sb.Loss) -> None:
    several = {"CosineEmbeddingLoss": (2,), "MultiMarginLoss": (2,)}.get(type(loss).__name__, ())
    system = sb.Sequential(sb.Identity()).system(loss, shape=several)
    rows = np.repeat(EDGES, 2)
    values: dict[str, Any] = {"x": rows, "y": np.tile([1.0, -1.0], EDGES.size)}
    if type(loss) is sb.MarginRankingLoss:
        values["x2"] = np.zeros(rows.size)
    if type(loss) is sb.MultiMarginLoss:
        labels = (values["y"] > 0).astype(int)
        values |= {"x": np.stack([rows, 0 * rows], 1), "y": labels}
    if type(loss) is sb.CosineEmbeddingLoss:  # at right angles the cosine is the margin
        values |= {"x": np.stack([rows, 0 * rows + 1], 1), "x2": np.stack([0 * rows + 1, -rows], 1)}
    expected = reading_of(system, values)
    check_forward(system, values, expected)
    check_backward(system, values, expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sb.CrossEntropyLoss(weight="abc"), "weight='abc' is not a number for each class"),
        (lambda: sb.CrossEntropyLoss(ignore_index=1, target="probabilities"), "needs labels"),
        (lambda: sb.NLLLoss(ignore_index=1.5), "ignore_index=1.5"),
        (lambda: sb.MultiMarginLoss(p=3), "p=3 is not one of 1, 2"),
        (lambda: sb.TripletMarginLoss(margin=0), "margin=0"),
        (lambda: sb.InfoNCELoss(temperature=0), "temperature=0"),
        (
            lambda: sb.Sequential(sb.Linear(2, 3)).system(sb.CrossEntropyLoss(weight=(1, 2))),
            "2 weights for 3 classes",
        ),
        (
            lambda: sb.Sequential(sb.Linear(2, 3)).system(sb.CosineEmbeddingLoss(stacked=True)),
            r"shape \(examples, 2, features\)",
        ),
        (
            lambda: sb.Sequential(sb.Linear(2, 3)).system(sb.CrossEntropyLoss(dim=2)),
            r"\(examples, classes\)",
        ),
    ],
)
def test_losses_that_cannot_be_are_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(sb.SymbackpropError, match=message):
        build()
