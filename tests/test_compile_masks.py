"""Compiling infinity: masked attention, and selections that nothing leaks from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import sympy as sp
import torch
from forms import form

from symbackprop.calculus import derive_backward
from symbackprop.compile import BACKENDS, compile_backward, compile_equations, emit_module
from symbackprop.language import (
    Equation,
    MaxOver,
    System,
    index,
    input,
    intermediate,
    parameter,
    size,
)

BOTH = pytest.mark.parametrize("backend", BACKENDS)
N, T, D = size("N"), size("T"), size("D")
n, t, s, d = index("n", N), index("t", T), index("s", T), index("d", D)
m, r = index("m", T), index("r", T)
lengths = input("l", n)

MASKS: Mapping[str, tuple[sp.Basic, bool]] = {
    "causal": (s <= t, True),
    "padding": (s < lengths[n], True),
    "causal and padding": (sp.And(s <= t, s < lengths[n]), True),
    "what is masked": (sp.Or(s > t, s >= lengths[n]), False),
}


def attention(name: str, subtracted: bool = False) -> System:
    """Scaled dot products, masked by -∞, and their softmax, written as one would."""
    condition, kept = MASKS[name]
    q, k, v = (parameter(letter, n, t, d) for letter in "qkv")
    scores, masked = intermediate("S", n, t, s), intermediate("M", n, t, s)
    weights, y, loss = intermediate("A", n, t, s), intermediate("y", n, t, d), intermediate("L")
    w = input("w", n, t, d)
    score, gone = scores[n, t, s], -sp.oo
    largest = MaxOver(masked[n, t, r], r) if subtracted else 0
    choice = (score, condition) if kept else (gone, condition)
    equations = [
        Equation(score, sp.Sum(q[n, t, d] * k[n, s, d], d) / sp.sqrt(D)),
        Equation(masked.element, sp.Piecewise(choice, (gone if kept else score, True))),
        Equation(
            weights.element,
            sp.exp(masked[n, t, s] - largest) / sp.Sum(sp.exp(masked[n, t, m] - largest), m),
        ),
        Equation(y.element, sp.Sum(weights[n, t, s] * v[n, s, d], s)),
        Equation(loss.element, sp.Sum(y.element**2 * w.element, n, t, d)),
    ]
    given = [q, k, v, w] if name == "causal" else [q, k, v, w, lengths]
    return System(equations, given, minimize="L")


def numbers(scale: float, shortest: int = 1) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    values = {letter: generator.normal(size=(3, 5, 2)) for letter in "qkvw"}
    values["q"] *= scale
    return values | {"l": np.array([5.0, 3.0, shortest])}


def reference(name: str, values: Mapping[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
    leaves = {key: torch.tensor(v, requires_grad=key in "qkv") for key, v in values.items()}
    places = torch.arange(5)
    allowed = torch.ones(3, 5, 5, dtype=torch.bool)
    if name != "padding":
        allowed &= places <= places[:, None]
    if name != "causal":
        allowed &= (places < leaves["l"][:, None])[:, None, :]
    scores = leaves["q"] @ leaves["k"].transpose(1, 2) / 2**0.5
    weights = torch.softmax(scores.masked_fill(~allowed, -torch.inf), -1)
    loss = ((weights @ leaves["v"]) ** 2 * leaves["w"]).sum()
    loss.backward()
    return loss.item(), {key: leaves[key].grad.numpy() for key in "qkv"}


@BOTH
@pytest.mark.parametrize("subtracted", [False, True], ids=["plain", "maximum subtracted"])
@pytest.mark.parametrize("name", MASKS)
def test_masked_attention_is_pytorchs(name: str, subtracted: bool, backend: str) -> None:
    values = numbers(1.0)
    compiled = compile_backward(derive_backward(attention(name, subtracted)), backend)
    given = {key: values[key] for key in values if key != "l" or name != "causal"}
    loss, gradients = compiled(given)
    expected, derivatives = reference(name, values)
    assert float(loss) == pytest.approx(expected, rel=1e-12)
    for key, gradient in gradients.items():
        np.testing.assert_allclose(gradient, derivatives[key], rtol=1e-10, atol=1e-12)


@BOTH
@pytest.mark.parametrize("name", ["causal and padding", "what is masked"])
def test_large_scores_in_float32_stay_finite(name: str, backend: str) -> None:
    """Scores of ±1e4, of which the largest may be masked."""
    values = numbers(1e4)
    compiled = compile_backward(derive_backward(attention(name)), backend, dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss, gradients = compiled(values)
    expected, derivatives = reference(name, values)
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    for key, gradient in gradients.items():
        scale = np.abs(derivatives[key]).max() + 1e-3
        np.testing.assert_allclose(gradient, derivatives[key], atol=2e-2 * scale)


@BOTH
def test_a_row_that_is_masked_everywhere_is_nan_as_in_pytorch(backend: str) -> None:
    values = numbers(1.0, shortest=0)
    compiled = compile_backward(derive_backward(attention("padding")), backend)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = compiled.predict({key: values[key] for key in "qkvl"})
    assert np.isnan(predicted[2]).all()
    assert np.isfinite(predicted[:2]).all()


@BOTH
def test_nothing_leaks_from_a_selection(backend: str) -> None:
    x = input("x", n)
    value = sp.Piecewise((1 / x[n], x[n] > 0), (sp.oo, x[n] < -1), (0, True))
    compiled = compile_equations(form([x], value, n).program, backend)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compiled({"x": np.array([0.0, 2.0, -2.0, -1.0])})["out"]
    np.testing.assert_array_equal(found, [0.0, 0.5, np.inf, 0.0])


@BOTH
@pytest.mark.parametrize("otherwise", [0, sp.Rational(1, 10)])
def test_infinity_beside_a_number_has_the_dtype_of_the_rest(
    otherwise: sp.Expr, backend: str
) -> None:
    x = input("x", n)
    for dtype in ("float32", "float64"):
        value = sp.Piecewise((-sp.oo, x[n] > 0), (otherwise, True))
        compiled = compile_equations(form([x], value, n).program, backend, dtype=dtype)
        found = compiled._functions["compute"](
            BACKENDS[backend].array(np.array([-1.0, 1.0]), dtype, "cpu")
        )["out"]
        assert str(found.dtype).endswith(dtype)
        np.testing.assert_array_equal(np.asarray(found), [np.dtype(dtype).type(otherwise), -np.inf])


@BOTH
def test_masked_attention_reads_as_an_engineer_would_write_it(
    backend: str, golden: Callable[[str, str], None]
) -> None:
    backward = derive_backward(attention("causal and padding"))
    golden(f"source/attention_{backend}.py", emit_module(backward, backend).rstrip("\n"))
