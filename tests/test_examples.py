"""The examples: equations and layers are the same network, and both hold."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.compile import BACKENDS
from symbackprop.verify import autograd_gradients
from symbackprop.verify.modules import module_reading
from symbackprop.verify.sampling import choose_sizes, draw

EXAMPLES = Path(__file__).parents[1] / "examples"
#: The sizes that equations leave open, as small as may be.
SIZES = {"cnn": {"N": 2}, "lstm": {"N": 2, "T": 3, "D": 2, "H": 2, "K": 3}, "gpt": {"N": 2}}

Arrays = Mapping[str, np.ndarray]


def of_layers(name: str) -> sb.System:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    system: sb.System = module.system
    return system


def cnn(v: Arrays) -> dict[str, np.ndarray]:
    return {name: v[name] for name in ("x", "y", "K1", "b1", "K2", "b2", "W3", "b3")}


def lstm(v: Arrays) -> dict[str, np.ndarray]:
    """PyTorch keeps the gates below each other, and has two biases that are added."""
    gates = zip("ifgo", np.split(v["W_ih1"], 4), np.split(v["W_hh1"], 4), strict=True)
    biases = np.split(v["b_ih1"] + v["b_hh1"], 4)
    found = {"x": v["x"], "y": v["y"], "W": v["W2"], "b": v["b2"]}
    for (gate, into, back), bias in zip(gates, biases, strict=True):
        found |= {f"W{gate}": into, f"U{gate}": back, f"b{gate}": bias}
    return found


def gpt(v: Arrays) -> dict[str, np.ndarray]:
    """PyTorch keeps the matrices of Q, K and V below each other; labels come in one row."""
    found = {"token": v["x"], "y": v["y"].reshape(v["x"].shape), "E": v["E"], "P": v["P2"]}
    for letter, W, b in zip("QKV", np.split(v["W4"], 3), np.split(v["b4"], 3), strict=True):
        found |= {f"W{letter}": W, f"b{letter}": b}
    found |= {"WO": v["W_O4"], "bO": v["b_O4"]}
    found |= {"W1": v["W6"], "c1": v["b6"], "W2": v["W7"], "c2": v["b7"]}
    for norm, layer in (("1", 3), ("2", 5), ("3", 8)):
        found |= {f"g{norm}": v[f"gamma{layer}"], f"b{norm}": v[f"b{layer}"]}
    return found


NETWORKS: dict[str, Callable[[Arrays], dict[str, np.ndarray]]] = {
    "cnn": cnn,
    "lstm": lstm,
    "gpt": gpt,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_equations_and_layers_are_one_network_and_pytorchs(name: str) -> None:
    """Objective and gradients, of the layers against torch.nn and of both against each other."""
    layers, equations = of_layers(name), sb.load(EXAMPLES / f"{name}.eqs")
    sizes = choose_sizes(layers, SIZES[name])
    given = draw(layers, sizes, seed=1).arrays()
    reading = module_reading(layers, given, sizes)
    assert reading is not None
    ours = NETWORKS[name](given)
    parameters = [tensor.name for tensor in equations.parameters]
    objective, expected = autograd_gradients(equations, ours, parameters)
    assert objective == pytest.approx(reading.objective, rel=1e-12)
    by_layers, by_equations = sb.derive(layers), sb.derive(equations)
    for backend in BACKENDS:
        loss, gradients = by_layers.compile(backend)(given)
        assert loss == pytest.approx(reading.objective, rel=1e-12)
        for key, gradient in gradients.items():
            np.testing.assert_allclose(gradient, reading.gradients[key], rtol=0, atol=1e-10)
        loss, gradients = by_equations.compile(backend)(ours)
        assert loss == pytest.approx(reading.objective, rel=1e-12)
        for key in parameters:
            np.testing.assert_allclose(gradients[key], expected[key], rtol=0, atol=1e-10)
    translated = NETWORKS[name](given | dict(reading.gradients))
    for key in set(parameters) - {"bi", "bf", "bg", "bo"}:  # a sum of two equal gradients there
        np.testing.assert_allclose(expected[key], translated[key], rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_equations_hold_by_every_oracle(name: str) -> None:
    report = sb.derive(sb.load(EXAMPLES / f"{name}.eqs")).verify(sizes=SIZES[name])
    assert report.ok, str(report)
