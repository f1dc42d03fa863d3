"""Compiling recurrences: loops forwards and backwards, checked against autograd through time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp
import torch
from forms import Form

import symbackprop as sb
from symbackprop.calculus import derive_backward
from symbackprop.compile import BACKENDS, compile_backward, compile_equations, emit_module
from symbackprop.language import (
    BaseCase,
    Equation,
    System,
    Tensor,
    bracket,
    index,
    input,
    intermediate,
    parameter,
    size,
)

BOTH = pytest.mark.parametrize("backend", BACKENDS)
EXTENTS = {"T": 5, "N": 3, "D": 2, "E": 7}
T, N, D, E = map(size, EXTENTS)
t, n, d, e, k = index("t", T), index("n", N), index("d", D), index("e", E), index("k", D)

Leaves = Mapping[str, torch.Tensor]
Reference = Callable[[Leaves], torch.Tensor]


@dataclass(frozen=True)
class Case:
    """A system, and what PyTorch makes of the same numbers: ``y``, weighted by ``w``."""

    system: System
    output: Reference

    def loss(self, leaves: Leaves) -> torch.Tensor:
        return (self.output(leaves) ** 2 * leaves["w"]).sum()


def case(
    equations: list[Equation], output: sp.Expr, given: list[Tensor], reference: Reference
) -> Case:
    """``L = Σ output²·w``, so that every element has an adjoint of its own."""
    indices = [place for place in output.indices if isinstance(place, sp.Idx)]
    weights, loss = input("w", *indices), intermediate("L")
    objective = Equation(loss.element, sp.Sum(output**2 * weights.element, *indices))
    return Case(System([*equations, objective], [*given, weights], minimize="L"), reference)


def numbers(system: System, steps: int = EXTENTS["T"]) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(5)
    sizes = {size(name): extent for name, extent in (EXTENTS | {"T": steps}).items()}
    return {
        tensor.name: generator.normal(size=[int(x.xreplace(sizes)) for x in tensor.shape]) / 2
        for tensor in system.given
    }


x = input("x", t, n, e)
W, U, b = parameter("W", d, e), parameter("U", d, k), parameter("b", d)
h0, c0 = parameter("h0", n, d), parameter("c0", n, d)
h, c = intermediate("h", t, n, d), intermediate("c", t, n, d)


def into(weights: Tensor, sequence: sp.Expr) -> sp.Expr:
    return sp.Sum(sequence * weights[d, e], e)


def back(weights: Tensor, shift: int = -1) -> sp.Expr:
    return sp.Sum(weights[d, k] * h[t + shift, n, k], k)


def first(tensor: Tensor, value: sp.Expr, at: sp.Expr | int = -1) -> BaseCase:
    return BaseCase(tensor[at, n, d], value)


def simple_rnn() -> Case:
    step = Equation(
        h.element,
        sp.tanh(into(W, x[t, n, e]) + back(U) + b[d]),
        base=(first(h, h0[n, d]),),
    )

    def reference(v: Leaves) -> torch.Tensor:
        state, states = v["h0"], []
        for row in v["x"]:
            state = torch.tanh(row @ v["W"].T + state @ v["U"].T + v["b"])
            states.append(state)
        return torch.stack(states)

    return case([step], h[t, n, d], [x, W, U, b, h0], reference)


def batch_first() -> Case:
    """The recurrence runs along the second axis, and nothing comes before the first step."""
    y, s = input("x", n, t, e), intermediate("s", n, t, d)
    step = Equation(
        s[n, t, d],
        sp.tanh(sp.Sum(y[n, t, e] * W[d, e], e) + sp.Sum(U[d, k] * s[n, t - 1, k], k)),
    )

    def reference(v: Leaves) -> torch.Tensor:
        state, states = torch.zeros(3, 2, dtype=torch.float64), []
        for row in v["x"].transpose(0, 1):
            state = torch.tanh(row @ v["W"].T + state @ v["U"].T)
            states.append(state)
        return torch.stack(states, 1)

    return case([step], s[n, t, d], [y, W, U], reference)


def backwards() -> Case:
    step = Equation(
        h.element,
        sp.tanh(into(W, x[t, n, e]) + back(U, 1)),
        base=(first(h, h0[n, d], T),),
    )

    def reference(v: Leaves) -> torch.Tensor:
        state, states = v["h0"], []
        for row in v["x"].flip(0):
            state = torch.tanh(row @ v["W"].T + state @ v["U"].T)
            states.append(state)
        return torch.stack(states[::-1])

    return case([step], h[t, n, d], [x, W, U, h0], reference)


def two_steps_back() -> Case:
    """Two base cases, one of them a function of given tensors; the first step is read too."""
    step = Equation(
        h.element,
        sp.sin(into(W, x[t, n, e]) + back(U, -2) + b[d] * h[t - 1, n, d]) + h[-1, n, d] / 3,
        base=(first(h, h0[n, d] ** 2), first(h, c0[n, d], -2)),
    )

    def reference(v: Leaves) -> torch.Tensor:
        states = [v["c0"], v["h0"] ** 2]
        for row in v["x"]:
            inner = row @ v["W"].T + states[-2] @ v["U"].T + v["b"] * states[-1]
            states.append(torch.sin(inner) + v["h0"] ** 2 / 3)
        return torch.stack(states[2:])

    return case([step], h[t, n, d], [x, W, U, b, h0, c0], reference)


def lstm() -> Case:
    """Gates side by side in one tensor, two states that recur together."""
    g, a = index("g", 4 * D), intermediate("a", t, n, index("g", 4 * D))
    weights, again = parameter("W", g, e), parameter("U", g, k)
    gates = sp.Sum(weights[g, e] * x[t, n, e], e) + sp.Sum(again[g, k] * h[t - 1, n, k], k)

    def gate(number: int) -> sp.Expr:
        own = a[t, n, number * D + d] if number else sp.Sum(sp.KroneckerDelta(g, d) * a[t, n, g], g)
        return sp.tanh(own) if number == 2 else sb.sigmoid(own)

    equations = [
        Equation(a[t, n, g], gates),
        Equation(
            c.element,
            gate(1) * c[t - 1, n, d] + gate(0) * gate(2),
            base=(first(c, c0[n, d]),),
        ),
        Equation(h.element, gate(3) * sp.tanh(c[t, n, d]), base=(first(h, h0[n, d]),)),
    ]

    def reference(v: Leaves) -> torch.Tensor:
        state, cell, states = v["h0"], v["c0"], []
        for row in v["x"]:
            i, f, o, q = (row @ v["W"].T + state @ v["U"].T).split(2, 1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(o)
            state = torch.sigmoid(q) * torch.tanh(cell)
            states.append(state)
        return torch.stack(states)

    return case(equations, h[t, n, d], [x, weights, again, h0, c0], reference)


def last_state() -> Case:
    """Only the last state is used, and it is read at T - 1."""
    step = Equation(
        h.element,
        sp.tanh(into(W, x[t, n, e]) + back(U)),
        base=(first(h, h0[n, d]),),
    )
    reference = simple_rnn().output

    def last(v: Leaves) -> torch.Tensor:
        return reference({**v, "b": torch.zeros(2, dtype=torch.float64)})[-1]

    return case([step], h[T - 1, n, d], [x, W, U, h0], last)


def two_layers_both_ways() -> Case:
    """A layer over the states of another, in the opposite direction, and a moving average."""
    q = intermediate("q", t, n, d)
    below = Equation(h.element, sp.tanh(into(W, x[t, n, e]) + back(U)))
    above = Equation(
        q.element,
        sp.cos(b[d] * q[t + 1, n, d]) * h[t, n, d] + h[t - 2, n, d],
    )

    def reference(v: Leaves) -> torch.Tensor:
        zero = torch.zeros(3, 2, dtype=torch.float64)
        states = [zero]
        for row in v["x"]:
            states.append(torch.tanh(row @ v["W"].T + states[-1] @ v["U"].T))
        states = [zero, *states]
        outs = [zero]
        for step in reversed(range(len(v["x"]))):
            outs.append(torch.cos(v["b"] * outs[-1]) * states[step + 2] + states[step])
        return torch.stack(outs[:0:-1])

    return case([below, above], q[t, n, d], [x, W, U, b], reference)


def steps_that_differ() -> Case:
    """What a step computes depends on its number and on lengths: padding keeps the state."""
    lengths = input("l", n)
    new = sp.tanh(into(W, x[t, n, e]) + back(U) + t * b[d] * bracket(t >= 2))
    step = Equation(
        h.element,
        sp.Piecewise((new, t < 4 * lengths[n] + 3), (h[t - 1, n, d], True)),
        base=(first(h, h0[n, d]),),
    )

    def reference(v: Leaves) -> torch.Tensor:
        state, states = v["h0"], []
        for number, row in enumerate(v["x"]):
            new = torch.tanh(
                row @ v["W"].T + state @ v["U"].T + number * v["b"] * float(number >= 2)
            )
            state = torch.where((number < 4 * v["l"] + 3)[:, None], new, state)
            states.append(state)
        return torch.stack(states)

    return case([step], h[t, n, d], [x, W, U, b, h0, lengths], reference)


CASES = {
    function.__name__: function()
    for function in (
        simple_rnn,
        batch_first,
        backwards,
        two_steps_back,
        lstm,
        last_state,
        two_layers_both_ways,
        steps_that_differ,
    )
}


@BOTH
@pytest.mark.parametrize("steps", [5, 1, 2])
@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradients_are_those_of_autograd(name: str, steps: int, backend: str) -> None:
    system = CASES[name].system
    values = numbers(system, steps)
    leaves = {key: torch.tensor(v, requires_grad=True) for key, v in values.items()}
    expected = CASES[name].loss(leaves)
    expected.backward()
    compiled = compile_backward(derive_backward(system), backend)
    loss, gradients = compiled(values)
    assert float(loss) == pytest.approx(expected.item(), rel=1e-11), compiled.source
    for key, gradient in gradients.items():
        np.testing.assert_allclose(
            gradient, leaves[key].grad, rtol=1e-10, atol=1e-12, err_msg=f"{key}\n{compiled.source}"
        )
    compiled.predict(values)


# --- source -------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("name", ["simple_rnn", "lstm"])
def test_a_recurrence_reads_as_an_engineer_would_write_it(
    name: str, backend: str, golden: Callable[[str, str], None]
) -> None:
    backward = derive_backward(CASES[name].system)
    golden(f"source/{name}_{backend}.py", emit_module(backward, backend).rstrip("\n"))


def test_what_does_not_recur_is_computed_before_the_loop() -> None:
    source = compile_backward(derive_backward(CASES["simple_rnn"].system)).source
    loop = source.split("for t in range(T):\n")[1].splitlines()[0].strip()
    assert loop == "h_[t + 1] = np.tanh(for_h[t] + h_[t] @ U.T)"
    assert "for_h = x @ W.T + b" in source


@BOTH
def test_equations_without_an_objective_recur_too(backend: str) -> None:
    """A plain equation with a base case is read at it: y[t-1] is 3 at the first step."""
    y, z = intermediate("y", t), intermediate("z", t)
    v = input("v", t)
    equations = (
        Equation(y.element, 2 * v[t], base=(BaseCase(y[-1], 3),)),
        Equation(z.element, y[t - 1] + y[t + 1]),
    )
    compiled = compile_equations(Form((v,), equations).program, backend)
    found = compiled({"v": np.arange(1.0, 5.0)})["z"]
    np.testing.assert_array_equal(found, [3 + 4, 2 + 6, 4 + 8, 6])
    np.testing.assert_array_equal(compiled({"v": np.ones(1)})["z"], [3])
