"""Jacobians, Hessians and Hessian-vector products: published forms, and torch.func."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import symbackprop as sb
from symbackprop.calculus.convert import from_sympy
from symbackprop.calculus.rewrite import expand
from symbackprop.compile import BACKENDS

N, D, K, R = sb.sizes("N D K R")
n, i, k, r = (sb.index(*pair) for pair in (("n", N), ("i", D), ("k", K), ("r", R)))
m, j, h, q = (sb.index(*pair) for pair in (("m", N), ("j", D), ("h", K), ("q", R)))
L = sb.intermediate("L")
delta = sp.KroneckerDelta
#: Different primes.
SIZES = {"N": 5, "D": 3, "K": 7, "R": 2}


def equal(derived: sb.Equation, indices: tuple[sp.Idx, ...], expected: sp.Expr) -> bool:
    """Whether a derivative with these indices is the expected one, once multiplied out."""
    there = dict(zip(derived.indices, indices, strict=True))
    found = from_sympy(derived.rhs.xreplace(there))
    return expand(found) == expand(from_sympy(expected))


def quadratic() -> sb.System:
    A, x = sb.input("A", i, j), sb.parameter("x", i)
    return sb.System([sb.Equation(L, sp.Sum(x[i] * A[i, j] * x[j], i, j))], [A, x], minimize="L")


def logistic() -> sb.System:
    X, w, y = sb.input("X", n, i), sb.parameter("w", i), sb.target("y", n, domain="unit")
    z, s = sb.intermediate("z", n), sb.intermediate("s", n)
    likelihood = y[n] * sp.log(s[n]) + (1 - y[n]) * sp.log(1 - s[n])
    return sb.System(
        [
            sb.Equation(z, sp.Sum(X[n, i] * w[i], i)),
            sb.Equation(s, sb.sigmoid(z[n])),
            sb.Equation(L, -sp.Sum(likelihood, n)),
        ],
        [X, w, y],
        minimize="L",
    )


def factorisation() -> sb.System:
    T, U, V = sb.input("T", n, i), sb.parameter("U", n, r), sb.parameter("V", i, r)
    residual = T[n, i] - sp.Sum(U[n, r] * V[i, r], r)
    return sb.System([sb.Equation(L, sp.Sum(residual**2, n, i))], [T, U, V], minimize="L")


def softmax_cross_entropy() -> sb.System:
    z, t = sb.parameter("z", n, k), sb.target("t", n, k, domain="unit")
    p = sb.intermediate("p", n, k)
    return sb.System(
        [
            sb.Equation(p, sp.exp(z[n, k]) / sp.Sum(sp.exp(z[n, h]), h)),
            sb.Equation(L, -sp.Sum(t[n, k] * sp.log(p[n, k]), n, k)),
        ],
        [z, t],
        minimize="L",
        facts=[sb.Fact(sp.Sum(t[n, k], k), 1)],
    )


def recurrence() -> sb.System:
    t, e = sb.index("t", 3), sb.index("e", K)
    x, h0, U = sb.input("x", t, n, k), sb.parameter("h0", n, k), sb.parameter("U", e, k)
    state = sb.intermediate("h", t, n, k)
    step = sp.tanh(x[t, n, k] + sp.Sum(state[t - 1, n, e] * U[e, k], e))
    return sb.System(
        [
            sb.Equation(state, step, (sb.BaseCase(state[-1, n, k], h0[n, k]),)),
            sb.Equation(L, sp.Sum(state[t, n, k] ** 2, t, n, k)),
        ],
        [x, h0, U],
        minimize="L",
    )


class TestPublishedForms:
    """ACCEPTANCE M."""

    def test_quadratic_form(self) -> None:
        """The Hessian of xᵀAx is A + Aᵀ."""
        A = sb.input("A", i, j)
        found = sb.hessian(quadratic(), "x").gradients["x"]
        assert equal(found, (i, j), A[i, j] + A[j, i])

    def test_logistic_regression(self) -> None:
        """Xᵀ diag(s(1 - s)) X."""
        system = logistic()
        X, s = system.tensors["X"], system.tensors["s"]
        found = sb.hessian(system, "w").gradients["w"]
        assert equal(found, (i, j), sp.Sum(X[n, i] * s[n] * (1 - s[n]) * X[n, j], n))

    def test_matrix_factorisation(self) -> None:
        """2·δ_ik·(VᵀV)_jl for ‖T - UVᵀ‖² in U, kept compressed."""
        system = factorisation()
        V = system.tensors["V"]
        found = sb.hessian(system, "U").gradients["U"]
        expected = 2 * delta(n, m) * sp.Sum(V[i, r] * V[i, q], i)
        assert equal(found, (n, r, m, q), expected)

    def test_softmax_jacobian(self) -> None:
        """diag(p) - ppᵀ in each row, nothing between rows."""
        system = softmax_cross_entropy()
        p = system.tensors["p"]
        found = sb.jacobian(system, "p", "z").gradients["z"]
        # Under δ(n, m) the letters n and m are the same.
        expected = delta(n, m) * (delta(k, h) * p[m, h] - p[m, k] * p[m, h])
        assert equal(found, (n, k, m, h), expected)

    def test_softmax_cross_entropy_hessian(self) -> None:
        system = softmax_cross_entropy()
        p = system.tensors["p"]
        found = sb.hessian(system, "z").gradients["z"]
        expected = delta(n, m) * (delta(k, h) * p[m, h] - p[m, k] * p[m, h])
        assert equal(found, (n, k, m, h), expected)


SYSTEMS: dict[str, tuple[Callable[[], sb.System], str]] = {
    "quadratic": (quadratic, "x"),
    "logistic": (logistic, "w"),
    "factorisation": (factorisation, "U"),
    "softmax": (softmax_cross_entropy, "z"),
    "recurrence": (recurrence, "U"),
}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("derive", [sb.hessian, sb.hvp])
def test_every_oracle_agrees(name: str, derive: Callable[..., sb.Derivation]) -> None:
    make, wrt = SYSTEMS[name]
    sizes = {str(size): SIZES[str(size)] for size in make().sizes}
    if name == "recurrence":
        sizes = {"N": 2, "K": 3}
    report = derive(make(), wrt).verify(sizes=sizes)
    assert report.ok, report


def _values(seed: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = SIZES
    target = rng.random((sizes["N"], sizes["K"]))
    return {
        "z": rng.normal(size=(sizes["N"], sizes["K"])),
        "t": target / target.sum(axis=1, keepdims=True),
        "X": rng.normal(size=(sizes["N"], sizes["D"])),
        "w": rng.normal(size=sizes["D"]),
        "y": rng.random(sizes["N"]),
    }


def _tensor(values: dict[str, np.ndarray], name: str) -> Any:
    return torch.as_tensor(values[name])


@pytest.mark.parametrize("backend", BACKENDS)
def test_softmax_jacobian_against_jacrev(backend: str) -> None:
    values = _values()
    expected = torch.func.jacrev(lambda z: torch.softmax(z, dim=1))(_tensor(values, "z"))
    value, found = sb.jacobian(softmax_cross_entropy(), "p", "z").compile(backend)(
        {"z": values["z"]}
    )
    np.testing.assert_allclose(value, torch.softmax(_tensor(values, "z"), dim=1), rtol=1e-12)
    np.testing.assert_allclose(found["z"], expected.numpy(), atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_hessians_against_torch_func(backend: str) -> None:
    values = _values()
    X, y = _tensor(values, "X"), _tensor(values, "y")

    def loss(w: Any) -> Any:
        # PyTorch's own binary cross-entropy adds 1e-12 in its second derivative.
        s = torch.sigmoid(X @ w)
        return -(y * torch.log(s) + (1 - y) * torch.log(1 - s)).sum()

    expected = torch.func.hessian(loss)(_tensor(values, "w"))
    given = {name: values[name] for name in ("X", "w", "y")}
    gradient, found = sb.hessian(logistic(), "w").compile(backend)(given)
    np.testing.assert_allclose(gradient, torch.func.grad(loss)(_tensor(values, "w")), rtol=1e-12)
    np.testing.assert_allclose(found["w"], expected.numpy(), rtol=1e-12)
    v = np.arange(1.0, 1 + SIZES["D"])
    slope, product = sb.hvp(logistic(), "w").compile(backend)({**given, "v": v})
    np.testing.assert_allclose(product["w"], expected.numpy() @ v, rtol=1e-12)
    np.testing.assert_allclose(slope, gradient @ v, rtol=1e-12)


def test_network_hessian_against_torch_func() -> None:
    """Through a hidden layer, by a weight matrix of one layer and across two layers."""
    net = sb.Sequential(sb.Linear(3, 5), sb.Tanh(), sb.Linear(5, 2))
    system = net.system(sb.MSELoss())
    values = net.initial_parameters(seed=1)
    rng = np.random.default_rng(0)
    values |= {"x": rng.normal(size=(7, 3)), "y": rng.normal(size=(7, 2))}
    tensors = {name: torch.as_tensor(value) for name, value in values.items()}

    def loss(W1: Any, W2: Any) -> Any:
        a = torch.tanh(tensors["x"] @ W1.T + tensors["b1"])
        return torch.nn.functional.mse_loss(a @ W2.T + tensors["b2"], tensors["y"])

    blocks = torch.func.hessian(loss, argnums=(0, 1))(tensors["W1"], tensors["W2"])
    for name, row in zip(("W1", "W2"), blocks, strict=True):
        for other, block in zip(("W1", "W2"), row, strict=True):
            _, found = sb.hessian(system, name, other).compile("numpy")(values)
            np.testing.assert_allclose(found[other], block.numpy(), atol=1e-13)


def test_hessians_are_typeset_as_second_derivatives() -> None:
    derived = sb.hessian(quadratic(), "x").gradients["x"]
    assert str(derived) == "∂²L/∂x[i]∂x[j] = A[i,j] + A[j,i]"
    assert derived.latex() == (
        r"\frac{\partial^2 L}{\partial x_i \, \partial x_j} = A_{ij} + A_{ji}"
    )


def test_a_jacobian_keeps_its_letters_apart() -> None:
    found = sb.jacobian(softmax_cross_entropy(), "p", "z").gradients["z"]
    assert len({sb.index_name(idx) for idx in found.indices}) == 4


class TestRefused:
    def test_what_is_given_has_no_derivatives(self) -> None:
        with pytest.raises(sb.errors.EquationError, match="'z' is given, not computed"):
            sb.jacobian(softmax_cross_entropy(), "z", "z")

    def test_an_unknown_name(self) -> None:
        with pytest.raises(sb.errors.UnknownNameError, match="did you mean"):
            sb.jacobian(softmax_cross_entropy(), "p", "zz")

    def test_a_hessian_needs_an_objective(self) -> None:
        system = softmax_cross_entropy()
        bare = sb.System(system.equations, system.tensors.values(), minimize=None)
        with pytest.raises(sb.errors.EquationError, match="no objective"):
            sb.hessian(bare, "z")

    @pytest.mark.parametrize("derive", [sb.jacobian, sb.hessian, sb.hvp])
    def test_what_is_no_system(self, derive: Callable[..., sb.Derivation]) -> None:
        arguments = ("p", "z") if derive is sb.jacobian else ("z",)
        with pytest.raises(sb.errors.EquationError, match="not a system"):
            derive("p = z", *arguments)
