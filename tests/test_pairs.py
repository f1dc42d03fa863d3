"""Layers before losses on every backend, against PyTorch, from the registries.

A new layer, loss or backend is in here without being asked. Sizes are different primes,
batch and widths above 1; the losses' kinks have a section of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from layer_cases import ROWS, all_cases
from loss_cases import HEADS
from loss_cases import all_cases as loss_cases

import symbackprop as sb
from symbackprop.compile import BACKENDS
from symbackprop.library.losses import ElementwiseLoss
from symbackprop.verify import autograd_gradients
from symbackprop.verify.modules import module_gradients
from symbackprop.verify.sampling import choose_sizes, draw

#: Relative to the largest element of the gradient (or of all gradients, for one that is 0).
TOLERANCE = 1e-10


def layers() -> Iterator[sb.Layer]:
    """Those that can stand between two linear ones, and a linear one."""
    yield sb.Linear(7, 7)
    for case in all_cases():
        if case.shape == ROWS and case.batch == "N" and fits(case.layer):
            yield case.layer


def fits(layer: sb.Layer) -> bool:
    try:
        sb.Sequential(sb.Linear(5, 7), layer, sb.Linear(7, 3)).system(sb.MSELoss())
    except sb.SymbackpropError:
        return False
    return True


def network(layer: sb.Layer, loss: sb.Loss) -> sb.Sequential:
    tail = HEADS.get(type(loss).__name__, ())
    return sb.Sequential(sb.Linear(5, 7), layer, sb.Linear(7, 3), *tail)


def assert_close(found: Any, expected: Any, scale: float, what: str) -> None:
    error = float(np.max(np.abs(np.asarray(found) - np.asarray(expected)))) / scale
    assert np.shape(found) == np.shape(expected), what
    assert error <= TOLERANCE, f"{what}: {error:.1e}"


def compare(derivation: sb.Derivation, values: dict[str, np.ndarray]) -> None:
    """Objective and gradients of every backend, against autograd and the real modules."""
    names = list(derivation.gradients)
    references = {"autograd": autograd_gradients(derivation.system, values, names)}
    sizes = choose_sizes(derivation.system, {"N": len(values["x"])})
    modules = module_gradients(derivation.system, values, sizes)
    if modules is not None:
        references["torch.nn"] = modules
    for backend in BACKENDS:
        loss, gradients = derivation.compile(backend)(values)
        for oracle, (expected_loss, expected) in references.items():
            whole = max(float(np.max(np.abs(e))) for e in expected.values())
            assert_close(loss, expected_loss, max(1.0, abs(expected_loss)), f"{backend} {oracle}")
            for name in names:
                scale = float(np.max(np.abs(expected[name]))) or whole or 1.0
                what = f"{name}, {backend} against {oracle}"
                assert_close(gradients[name], expected[name], max(scale, 1e-5 * whole), what)


def check(layer: sb.Layer, loss: sb.Loss) -> None:
    derivation = sb.derive(network(layer, loss).system(loss))
    sizes = choose_sizes(derivation.system, {"N": 2})
    compare(derivation, draw(derivation.system, sizes, seed=1).arrays())


@pytest.mark.parametrize("loss", [sb.CrossEntropyLoss(), sb.L1Loss()], ids=str)
@pytest.mark.parametrize("layer", list(layers()), ids=str)
def test_every_layer_with_a_smooth_loss_and_one_with_kinks(layer: sb.Layer, loss: sb.Loss) -> None:
    check(layer, loss)


@pytest.mark.parametrize("loss", [cls() for cls in sb.LOSSES.values()], ids=str)
@pytest.mark.parametrize("layer", [sb.Identity(), sb.ReLU(), sb.Softmax(), sb.GELU()], ids=str)
def test_every_loss_after_layers_of_each_kind(layer: sb.Layer, loss: sb.Loss) -> None:
    check(layer, loss)


#: Zero and both sides of it; both sides of every other threshold of the losses.
KINKS = np.array([0.0, 1e-9, -1e-9, 0.5, 0.5 + 1e-9, 0.5 - 1e-9, 1.0, 1.0 + 1e-9, 20.0, 21.0, -3.0])


@pytest.mark.parametrize(
    "loss",
    [
        c.loss
        for c in loss_cases()
        if isinstance(c.loss, ElementwiseLoss)
        and c.loss.target_kind is sb.TargetKind.REAL
        and c.head == (sb.Identity(),)
        and len(c.shape) == 1
    ],
    ids=str,
)
def test_losses_at_and_beside_their_kinks(loss: sb.Loss) -> None:
    derivation = sb.derive(sb.Sequential(sb.Identity()).system(loss), wrt=["x"])
    y = np.full((3, KINKS.size), 0.25)
    values = {"x": y + np.stack([KINKS, -KINKS, KINKS[::-1]]), "y": y}
    if loss.reduction == "none":
        values["g"] = np.linspace(0.5, 2.0, y.size).reshape(y.shape)
    compare(derivation, values)


def test_relu_at_zero_is_zero_on_every_backend() -> None:
    """PyTorch's choice; a compiled ReLU elsewhere gives 1 here."""
    derivation = sb.derive(sb.Sequential(sb.ReLU()).system(sb.MSELoss(reduction="sum")), wrt=["x"])
    for backend in BACKENDS:
        _, gradients = derivation.compile(backend)({"x": np.zeros((2, 3)), "y": np.ones((2, 3))})
        assert np.array_equal(gradients["x"], np.zeros((2, 3)))
