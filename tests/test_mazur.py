"""Mazur, "A Step by Step Backpropagation Example" (2015): every published figure (ACCEPTANCE B).

The network's biases are shared in a layer and stay fixed; a column of weights that stands
in two places would be a matrix W[j,i], so the equations are the document's with two
inputs, two hidden units and two outputs.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
import sympy as sp

import symbackprop as sb
from symbackprop.compile import BACKENDS, Program, compile_equations

i, h, o = sb.index("i", 2), sb.index("h", 2), sb.index("o", 2)
x, t = sb.input("x", i), sb.target("t", o)
W1, W2 = sb.parameter("W1", h, i), sb.parameter("W2", o, h)
b1, b2 = sb.parameter("b1"), sb.parameter("b2")
net_h, out_h = sb.intermediate("net_h", h), sb.intermediate("out_h", h)
net_o, out_o = sb.intermediate("net_o", o), sb.intermediate("out_o", o)
E_each, E = sb.intermediate("E_o", o), sb.intermediate("E")

SYSTEM = sb.System(
    [
        sb.Equation(net_h, sp.Sum(W1[h, i] * x[i], i) + b1[()]),
        sb.Equation(out_h, sb.sigmoid(net_h[h])),
        sb.Equation(net_o, sp.Sum(W2[o, h] * out_h[h], h) + b2[()]),
        sb.Equation(out_o, sb.sigmoid(net_o[o])),
        sb.Equation(E_each, (t[o] - out_o[o]) ** 2 / 2),
        sb.Equation(E, sp.Sum(E_each[o], o)),
    ],
    [x, t, W1, b1, W2, b2],
    minimize="E",
)
VALUES = {
    "x": np.array([0.05, 0.10]),
    "t": np.array([0.01, 0.99]),
    "W1": np.array([[0.15, 0.20], [0.25, 0.30]]),
    "W2": np.array([[0.40, 0.45], [0.50, 0.55]]),
    "b1": np.array(0.35),
    "b2": np.array(0.60),
}
RATE = 0.5

#: As published, digit for digit.
FORWARD = {
    ("net_h", 0): "0.3775",
    ("net_h", 1): "0.3925",
    ("out_h", 0): "0.593269992",
    ("out_h", 1): "0.596884378",
    ("net_o", 0): "1.105905967",
    ("net_o", 1): "1.224921404",
    ("out_o", 0): "0.75136507",
    ("out_o", 1): "0.772928465",
    ("E_o", 0): "0.274811083",
    ("E_o", 1): "0.023560026",
}
#: Weight, its derivative, and its value after one step.
STEP = [
    ("W2", (0, 0), "0.082167041", "0.35891648"),
    ("W2", (0, 1), "0.0826676278", "0.408666186"),
    ("W2", (1, 0), "-0.0226025405", "0.511301270"),
    ("W2", (1, 1), "-0.0227402422", "0.561370121"),
    ("W1", (0, 0), "0.000438568", "0.149780716"),
    ("W1", (0, 1), "0.000877135", "0.19956143"),
    ("W1", (1, 0), "0.000497713", "0.24975114"),
    ("W1", (1, 1), "0.000995425", "0.29950229"),
]


def as_published(number: float, figure: str) -> bool:
    """Whether a number is a published figure, to all of its digits (rounded or cut off)."""
    last = Decimal(figure).as_tuple().exponent
    assert isinstance(last, int)
    return abs(Decimal(float(number)) - Decimal(figure)) < Decimal(10) ** last


@pytest.fixture(scope="module", params=BACKENDS)
def derivatives(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    error, gradients = sb.derive(SYSTEM, ["W1", "W2", "net_o"]).compile(request.param)(VALUES)
    assert as_published(error, "0.2983711087600027"[:16])
    return gradients


def forward(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = [equation.name for equation in SYSTEM.equations]
    program = Program(SYSTEM.equations, SYSTEM.tensors, tuple(names))
    return compile_equations(program)(values)


@pytest.mark.parametrize(("name", "place"), FORWARD)
def test_forward_figures(name: str, place: int) -> None:
    assert as_published(forward(VALUES)[name][place], FORWARD[name, place])


def test_output_error_term(derivatives: dict[str, np.ndarray]) -> None:
    assert as_published(derivatives["net_o"][0], "0.138498562")


@pytest.mark.parametrize(("name", "place", "slope", "moved"), STEP)
def test_derivatives_and_new_weights(
    derivatives: dict[str, np.ndarray],
    name: str,
    place: tuple[int, int],
    slope: str,
    moved: str,
) -> None:
    derivative = derivatives[name][place]
    assert as_published(derivative, slope)
    assert as_published(VALUES[name][place] - RATE * derivative, moved)


def test_error_after_one_step_is_not_the_published_one(
    derivatives: dict[str, np.ndarray],
) -> None:
    """0.291027924 is what results when hidden deltas use weights that were updated already."""
    stepped = VALUES | {name: VALUES[name] - RATE * derivatives[name] for name in ("W1", "W2")}
    assert as_published(forward(stepped)["E"], "0.29102777369")
    early = VALUES | {"W2": stepped["W2"]}
    mixed = sb.derive(SYSTEM, ["net_o"]).compile("numpy")(VALUES)[1]["net_o"]
    hidden = forward(VALUES)["out_h"]
    slip = (early["W2"].T @ mixed) * hidden * (1 - hidden)
    slipped = stepped | {"W1": VALUES["W1"] - RATE * np.outer(slip, VALUES["x"])}
    assert as_published(forward(slipped)["E"], "0.29102792390")
