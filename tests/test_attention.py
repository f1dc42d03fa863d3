"""Attention where it is delicate: rows without a key, and scores of ten thousand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from evaluate import evaluate

import symbackprop as sb
from symbackprop.compile import BACKENDS
from symbackprop.verify.modules import module_reading

N, H, T, S, D, E = 2, 3, 5, 7, 4, 6
#: Every key of the second example is left out, and one of the first.
PADDING = np.array([[0, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])


def masked(**arguments: Any) -> tuple[sb.System, dict[str, np.ndarray]]:
    """A system of attention that leaves out PADDING, and values for everything given."""
    layer = sb.MultiheadAttention(E, 2, batch_first=True, key_padding_mask=True, **arguments)
    system = sb.Sequential(layer).system(sb.MSELoss(), batch=3, shape=(T, E))
    rng = np.random.default_rng(3)
    values = {t.name: rng.normal(size=tuple(map(int, t.shape))) for t in system.given}
    return system, values | {"key_padding1": PADDING}


def expected_of(system: sb.System, values: Mapping[str, np.ndarray]) -> Any:
    reading = module_reading(system, values, {})
    assert reading is not None
    return reading


@pytest.mark.parametrize("is_causal", [False, True])
def test_a_query_without_keys_is_zero_where_no_weights_are_needed(is_causal: bool) -> None:
    """As PyTorch's fused attention has it, gradients included: nothing is nan."""
    system, values = masked(need_weights=False, is_causal=is_causal)
    expected = expected_of(system, values)
    assert np.isfinite(expected.prediction).all()
    assert (evaluate(system, values)["O1"][1] == 0).all()
    derivation = sb.derive(system, wrt=list(expected.gradients))
    for backend in BACKENDS:
        loss, gradients = derivation.compile(backend)(values)
        assert loss == pytest.approx(expected.objective, rel=1e-12)
        for name, gradient in expected.gradients.items():
            np.testing.assert_allclose(gradients[name], gradient, rtol=0, atol=1e-12)


def test_a_query_without_keys_is_nan_where_weights_are_needed() -> None:
    """As PyTorch's softmax of -∞ alone has it; the other examples are not touched."""
    system, values = masked(need_weights=True)
    expected = expected_of(system, values)
    found = evaluate(system, values)[system.origin.prediction]
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found, expected.prediction, rtol=0, atol=1e-12)
    derivation = sb.derive(system, wrt=["x"])
    for backend in BACKENDS:
        loss, gradients = derivation.compile(backend)(values)
        assert np.isnan(loss)
        assert np.isnan(gradients["x"][1]).all()


# --- the function, without projections ---------------------------------------------------


def attention(allowed: bool = False, **arguments: Any) -> sb.System:
    """``L = Sum(O*G)`` for given Q, K, V and G, and a mask if keys must be allowed."""
    scope = sb.Scope()
    n, h, t, s, d, e = scope.indices((N, H, T, S, D, E), "nhtsde")
    q = scope.declare("Q", sb.Role.INPUT, n, h, t, d)
    k = scope.declare("K", sb.Role.INPUT, n, h, s, d)
    v = scope.declare("V", sb.Role.INPUT, n, h, s, e)
    if allowed:
        mask = scope.declare("mask", sb.Role.INPUT, t, s, domain="label", classes=sp.Integer(2))
        arguments["allowed"] = (sp.Eq(mask.element, 1),)
    o = sb.ScaledDotProductAttention(**arguments).equations(scope, q, k, v)
    g = scope.declare("G", sb.Role.INPUT, *o.indices)
    scope.define("L", (), sp.Sum(o.element * g.element, *reversed(o.indices)))
    return sb.System(scope.equations, scope.tensors, minimize="L")


def drawn(scale: float = 1.0, dtype: Any = np.float64) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    shapes = {"Q": (N, H, T, D), "K": (N, H, S, D), "V": (N, H, S, E), "G": (N, H, T, E)}
    values = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    values["Q"] *= scale
    return {name: value.astype(dtype) for name, value in values.items()}


def pytorchs(values: Mapping[str, np.ndarray], **arguments: Any) -> dict[str, np.ndarray]:
    q, k, v = (torch.tensor(values[name], requires_grad=True) for name in "QKV")
    o = torch.nn.functional.scaled_dot_product_attention(q, k, v, **arguments)
    gradients = torch.autograd.grad((o * torch.tensor(values["G"])).sum(), [q, k, v])
    return dict(zip("QKV", (g.numpy() for g in gradients), strict=True))


SOME = np.random.default_rng(7).integers(0, 2, (T, S))
SOME[2] = 0


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"is_causal": True}, {"is_causal": True}),
        ({"scale": sp.Rational(3, 10)}, {"scale": 0.3}),
        ({"allowed": True}, {"attn_mask": torch.tensor(SOME).bool()}),
        (
            {"allowed": True, "is_causal": True},
            {"attn_mask": torch.tensor(SOME).bool() & torch.ones(T, S).tril().bool()},
        ),
    ],
    ids=["plain", "causal", "scale", "mask", "both"],
)
def test_gradients_are_those_of_pytorchs_function(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    system = attention(**ours)
    values = drawn()
    expected = pytorchs(values, **theirs)
    derivation = sb.derive(system, wrt=["Q", "K", "V"])
    given = values | ({"mask": SOME} if "allowed" in ours else {})
    for backend in BACKENDS:
        _, gradients = derivation.compile(backend)(given)
        for name in "QKV":
            np.testing.assert_allclose(gradients[name], expected[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize("ours", [{}, {"is_causal": True}, {"allowed": True}], ids=str)
def test_scores_of_ten_thousand_are_finite_in_float32(ours: dict[str, Any]) -> None:
    """Values and gradients, and the same as in float64 by PyTorch."""
    system = attention(**ours)
    values = drawn(1e4)
    assert np.abs(np.einsum("nhtd,nhsd->nhts", values["Q"], values["K"])).max() > 1e4
    theirs = {"is_causal": True} if ours == {"is_causal": True} else {}
    if ours == {"allowed": True}:
        theirs = {"attn_mask": torch.tensor(SOME).bool()}
    expected = pytorchs(values, **theirs)
    derivation = sb.derive(system, wrt=["Q", "K", "V"])
    given = drawn(1e4, np.float32) | ({"mask": SOME} if "allowed" in ours else {})
    for backend in BACKENDS:
        loss, gradients = derivation.compile(backend, dtype="float32")(given)
        assert np.isfinite(loss)
        for name in "QKV":
            assert gradients[name].dtype == np.float32
            close = 1e-3 * np.abs(expected["V"]).max()
            np.testing.assert_allclose(gradients[name], expected[name], rtol=1e-3, atol=close)
