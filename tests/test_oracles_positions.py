"""The oracles on affine positions, recurrences, base cases and masks.

What a system means is compared with PyTorch functions and plain loops; its derivatives by
each oracle with those of the others; and a derivation with a mistake in it is seen by all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from evaluate import evaluate

from symbackprop.calculus import Backward, derive_backward
from symbackprop.errors import ShapeError
from symbackprop.language import (
    BaseCase,
    Equation,
    MaxOver,
    System,
    Tensor,
    index,
    input,
    intermediate,
    parameter,
    sigmoid,
    size,
)
from symbackprop.verify import autograd_gradients, verify_backward
from symbackprop.verify.arithmetic import DIGITS, Decimals
from symbackprop.verify.autograd import TorchReading
from symbackprop.verify.differences import finite_differences
from symbackprop.verify.evaluate import Evaluator, Position
from symbackprop.verify.expanded import directional_derivative
from symbackprop.verify.sampling import choose_sizes, draw
from symbackprop.verify.tables import Forward

N, T, H = size("N"), size("T"), size("H")
n, t, s, r, q = index("n", N), index("t", T), index("s", T), index("r", T), index("q", T)
d, e, c, u = index("d", 2), index("e", 2), index("c", 2), index("u", 3)
h = index("h", H)
p = index("p", sp.floor((H - 1) / 2) + 1)
image, K = input("image", n, c, h), parameter("K", d, c, u)
x, h0, g0 = input("x", n, t, d), input("h0", n, d), input("g0", n, d)
U, b = parameter("U", e, d), parameter("b", d)
L = intermediate("L")
state, other = intermediate("state", t, n, d), intermediate("other", n, t, d)


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(DIGITS):
        yield


def loss(value: sp.Expr, *indices: sp.Idx) -> Equation:
    return Equation(L, sp.Sum(value**2, *indices))


def system(tensors: list[Tensor], *equations: Equation) -> System:
    return System(equations, tensors, minimize="L")


# --- systems, and what they mean in PyTorch ------------------------------------------------

Values = Mapping[str, torch.Tensor]


def convolution() -> tuple[System, Callable[[Values], Any]]:
    z = intermediate("z", n, d, p)
    rhs = sp.Sum(K[d, c, u] * image[n, c, 2 * p + u - 1], c, u)

    def meaning(v: Values) -> Any:
        return torch.conv1d(v["image"], v["K"], stride=2, padding=1).square().sum()

    return system([image, K], Equation(z, rhs), loss(z[n, d, p], n, d, p)), meaning


def flattened() -> tuple[System, Callable[[Values], Any]]:
    f = index("f", 2 * H)
    w, flat = parameter("w", f), intermediate("flat", n, f)
    rhs = sp.Sum(image[n, c, h] * sp.KroneckerDelta(f, c * H + h), c, h)

    def meaning(v: Values) -> Any:
        return ((v["image"].flatten(1) * v["w"]) ** 2).sum()

    return system([image, w], Equation(flat, rhs), loss(flat[n, f] * w[f], n, f)), meaning


def joined() -> tuple[System, Callable[[Values], Any]]:
    """Concatenation, reversal, and a fixed position."""
    f = index("f", H + 3)
    w, both = parameter("w", f), intermediate("both", n, f)
    tail = parameter("tail", u)
    rhs = image[n, 1, H - 1 - f] + tail[f - H] + image[n, 0, H - 1]

    def meaning(v: Values) -> Any:
        ends = torch.cat([v["image"][:, 1].flip(1), v["tail"].expand(len(v["image"]), 3)], dim=1)
        return (((ends + v["image"][:, 0, -1:]) * v["w"]) ** 2).sum()

    equations = Equation(both, rhs), loss(both[n, f] * w[f], n, f)
    return system([image, w, tail], *equations), meaning


def rnn(backward: bool) -> tuple[System, Callable[[Values], Any]]:
    step, start = (1, T) if backward else (-1, sp.Integer(-1))
    rhs = sp.tanh(x[n, t, d] + sp.Sum(state[t + step, n, e] * U[e, d], e))
    last = 0 if backward else T - 1
    value = state[last, n, d] + 2 * state[start, n, d] ** 2

    def meaning(v: Values) -> Any:
        now = v["h0"]
        for moment in range(v["x"].shape[1])[::-step]:
            now = torch.tanh(v["x"][:, moment] + now @ v["U"])
        return ((now + 2 * v["h0"] ** 2) ** 2).sum()

    recurrence = Equation(state, rhs, [BaseCase(state[start, n, d], h0[n, d])])
    return system([x, U, h0], recurrence, loss(value, n, d)), meaning


def two_back() -> tuple[System, Callable[[Values], Any]]:
    """The third step back has no base case: it is 0."""
    rhs = sp.sin(x[n, t, d] + state[t - 1, n, d] * state[t - 2, n, d] + b[d] * state[t - 3, n, d])
    base = [BaseCase(state[-1, n, d], h0[n, d]), BaseCase(state[-2, n, d], b[d] * h0[n, d])]

    def meaning(v: Values) -> Any:
        zero = torch.zeros_like(v["h0"])
        steps = [zero, v["b"] * v["h0"], v["h0"]]
        for moment in range(v["x"].shape[1]):
            earlier = steps[-1] * steps[-2] + v["b"] * steps[-3]
            steps.append(torch.sin(v["x"][:, moment] + earlier))
        return torch.stack(steps[3:]).square().sum()

    equations = Equation(state, rhs, base), loss(state[t, n, d], t, n, d)
    return system([x, b, h0], *equations), meaning


def gated() -> tuple[System, Callable[[Values], Any]]:
    """A gate, a cell and a state recur together; time is another axis of the cell."""
    gate = intermediate("gate", t, n, d)
    equations = [
        Equation(
            state,
            gate[t, n, d] * sp.tanh(other[n, t, d]),
            [BaseCase(state[-1, n, d], h0[n, d])],
        ),
        Equation(gate, sigmoid(x[n, t, d] + sp.Sum(state[t - 1, n, e] * U[e, d], e))),
        Equation(
            other,
            gate[t, n, d] * other[n, t - 1, d] + x[n, t, d],
            [BaseCase(other[n, -1, d], g0[n, d])],
        ),
        loss(state[T - 1, n, d] + other[n, T - 2, d], n, d),
    ]

    def meaning(v: Values) -> Any:
        now, cells = v["h0"], [v["g0"]]
        for moment in range(v["x"].shape[1]):
            opened = torch.sigmoid(v["x"][:, moment] + now @ v["U"])
            cells.append(opened * cells[-1] + v["x"][:, moment])
            now = opened * torch.tanh(cells[-1])
        return (now + cells[-2]).square().sum()

    return system([x, U, h0, g0], *equations), meaning


def attention() -> tuple[System, Callable[[Values], Any]]:
    S, A = intermediate("S", n, t, s), intermediate("A", n, t, s)
    score = sp.Sum(x[n, t, d] * b[d] * x[n, s, d], d)
    shifted = sp.exp(S[n, t, s] - MaxOver(S[n, t, r], r))
    whole = sp.Sum(sp.exp(S[n, t, r] - MaxOver(S[n, t, q], q)), r)

    def meaning(v: Values) -> Any:
        length = v["x"].shape[1]
        score = torch.einsum("ntd,d,nsd->nts", v["x"], v["b"], v["x"])
        hidden = torch.ones(length, length).triu(1).bool()
        a = torch.softmax(score.masked_fill(hidden, -torch.inf), dim=-1)
        return (a @ v["x"]).square().sum()

    equations = (
        Equation(S, sp.Piecewise((score, s <= t), (-sp.oo, True))),
        Equation(A, shifted / whole),
        loss(sp.Sum(A[n, t, s] * x[n, s, d], s), n, t, d),
    )
    return system([x, b], *equations), meaning


def bordered() -> tuple[System, Callable[[Values], Any]]:
    """Base cases beside the axis of a recurrence, and of an equation that does not recur."""
    grid, plain, clock = intermediate("grid", t, d), intermediate("plain", d), input("clock", t)
    rhs = sp.sin(grid[t - 1, d] + grid[t - 1, d - 1] + b[d] + t / T)
    edges = [BaseCase(grid[-1, d], b[d]), BaseCase(grid[t, -1], b[1] * t)]
    ends = [BaseCase(plain[-1], b[0] * b[1]), BaseCase(plain[2], b[1])]
    value = grid[t, d] + plain[d - 1] + 3 * plain[d + 1] + 5 * plain[d + 2]

    def meaning(v: Values) -> Any:
        w, length = v["b"], len(v["clock"])
        around = torch.stack([w[0] * w[1], w[0] ** 2, w[1] ** 2, w[1], 0 * w[1]])
        now, total = w, torch.zeros(())
        for moment in range(length):
            # Where base cases of two axes meet, there is nothing.
            beside = torch.stack([w[1] * (moment - 1) if moment else 0 * w[1], now[0]])
            now = torch.sin(now + beside + w + moment / length)
            summed = now + around[:2] + 3 * around[2:4] + 5 * around[3:]
            total = total + (summed * v["clock"][moment]).square().sum()
        return total

    equations = Equation(grid, rhs, edges), Equation(plain, b[d] ** 2, ends)
    return system([b, clock], *equations, loss(value * clock[t], t, d)), meaning


MEANINGS = {
    "a strided, padded convolution": convolution(),
    "flattening": flattened(),
    "joining, reversing": joined(),
    "a recurrence": rnn(backward=False),
    "a recurrence backwards": rnn(backward=True),
    "two steps back": two_back(),
    "gates, a cell and a state": gated(),
    "causal attention": attention(),
    "base cases of several axes": bordered(),
}
each_meaning = pytest.mark.parametrize(("equations", "meaning"), MEANINGS.values(), ids=MEANINGS)


@each_meaning
def test_a_system_means_what_pytorch_computes(equations, meaning):
    point = draw(equations, choose_sizes(equations), 1)
    arrays = point.arrays()
    leaves = {name: torch.as_tensor(a).requires_grad_() for name, a in arrays.items()}
    expected = meaning(leaves)
    names = list(arrays)
    gradients = torch.autograd.grad(expected, [leaves[name] for name in names])
    objective, found = autograd_gradients(equations, arrays, names)
    assert objective == pytest.approx(float(expected.detach()), rel=1e-13)
    assert float(Forward(equations, point).objective) == pytest.approx(objective, rel=1e-13)
    assert float(evaluate(equations, arrays)["L"]) == pytest.approx(objective, rel=1e-13)
    for name, gradient in zip(names, gradients, strict=True):
        np.testing.assert_allclose(found[name], gradient.numpy(), rtol=1e-11, atol=1e-12)


@each_meaning
def test_the_oracles_agree_with_each_other(equations, meaning):
    point = draw(equations, choose_sizes(equations), 2)
    forward = Forward(equations, point)
    names = [name for name in equations.tensors if name != "L"]
    found = TorchReading(equations, point.arrays()).gradients(names)
    gradients = dict(zip(names, found, strict=True))
    for name in names:
        positions: list[Position] = list(np.ndindex(*gradients[name].shape))[::7][:4]
        exact = finite_differences(forward, name, positions)
        for position in positions:
            expected = pytest.approx(gradients[name][position], rel=1e-9, abs=1e-12)
            assert float(exact[position]) == expected, name
        speeds = {place: mpmath.mpf(number + 2) for number, place in enumerate(positions)}
        together = sum(speeds[place] * exact[place] for place in positions)
        moved = directional_derivative(forward, name, speeds)
        assert abs(moved - together) <= 1e-30 * (1 + abs(together)), name


@each_meaning
def test_what_depends_on_a_moved_element_is_computed_anew(equations, meaning):
    point = draw(equations, choose_sizes(equations), 3)
    before = Forward(equations, point)
    for name in point.values:
        for position in list(np.ndindex(*point.values[name].shape))[::5]:
            values = {other: value.copy() for other, value in point.values.items()}
            values[name][position] += values[name][position] / 8
            after = Forward(equations, replace(point, values=values))
            reached = {
                other: places
                for _, found in before.dependence.affected(name, [position])
                for other, places in found.items()
            }
            for other in equations.definitions:
                table = before.fields[other]
                changed = {p for p, value in after.fields[other].items() if value != table[p]}
                assert changed <= reached.get(other, set()), (name, position, other)


def test_a_window_moves_the_elements_that_read_it_and_no_others():
    equations, _ = MEANINGS["a strided, padded convolution"]
    forward = Forward(equations, draw(equations, {N: 3, H: 11}, 1))
    _, reached = next(forward.dependence.affected("image", [(1, 0, 4)]))
    assert reached == {"z": {(1, channel, 2) for channel in range(2)}}
    _, reached = next(forward.dependence.affected("image", [(1, 0, 5)]))
    assert reached == {"z": {(1, channel, place) for channel in range(2) for place in (2, 3)}}


def test_a_plain_index_may_not_leave_the_range():
    """A derived equation that reads a wrong place is an error, not 0."""
    equations, _ = MEANINGS["a strided, padded convolution"]
    forward = Forward(equations, draw(equations, {N: 3, H: 11}, 1))
    wrong = sp.Sum(image[n, h, 2 * p - 1], n, h, p)
    evaluator = Evaluator(Decimals(), forward.fields, forward.sizes)
    with pytest.raises(ShapeError, match="which it does not have"):
        evaluator.at(wrong, {})


# --- masks ---------------------------------------------------------------------------------


def test_gradients_beside_an_infinite_case_are_finite():
    z = intermediate("z", n, d)
    masked = sp.Piecewise((x[n, 0, d], d <= 0), (-sp.oo, True))
    cost = sp.Sum(sp.log(sp.Sum(sp.exp(z[n, d]), d)), n)
    equations = system([x], Equation(z, masked), Equation(L, cost))
    point = draw(equations, {N: 3, T: 5}, 1)
    _, found = autograd_gradients(equations, point.arrays(), ["x"])
    assert found["x"][:, 0, 0] == pytest.approx(1)
    assert (found["x"][:, 0, 1] == 0).all()
    assert verify_backward(derive_backward(equations, ["x"])).ok


def test_an_infinite_value_that_a_delta_leaves_out_poisons_nothing():
    """δ·(-∞) is 0 where the delta is 0, and so is its derivative."""
    z = intermediate("z", n, d)
    masked = sp.Piecewise((sp.log(x[n, 0, d] ** 2), d <= 0), (-sp.oo, True))
    picked = sp.Sum(sp.KroneckerDelta(d, 0) * z[n, d], n, d)
    equations = system([x], Equation(z, masked), Equation(L, picked))
    point = draw(equations, {N: 3, T: 5}, 1)
    objective, found = autograd_gradients(equations, point.arrays(), ["x"])
    values = point.arrays()["x"][:, 0, 0]
    assert objective == pytest.approx(float(np.log(values**2).sum()))
    assert found["x"][:, 0, 0] == pytest.approx(2 / values)
    assert (found["x"][:, 0, 1] == 0).all()
    assert float(Forward(equations, point).objective) == pytest.approx(objective)


# --- mistakes are seen -----------------------------------------------------------------------


def mistaken(backward: Backward, name: str, old: sp.Expr, new: sp.Expr) -> Backward:
    """The derivation with one expression for another in the equations of a tensor's adjoint."""
    changed = []

    def swapped(equations: Mapping[str, Equation]) -> dict[str, Equation]:
        result = dict(equations)
        if name in result:
            rhs = result[name].rhs.xreplace({old: new})
            changed.append(rhs != result[name].rhs)
            result[name] = replace(result[name], rhs=rhs)
        return result

    wrong = replace(
        backward,
        gradients=swapped(backward.gradients),
        adjoints=swapped(backward.adjoints),
        steps=(),
    )
    assert any(changed), backward.gradients
    return wrong


@pytest.mark.parametrize(
    ("meaning", "by", "read"),
    [("a strided, padded convolution", "K", "image"), ("a recurrence", "U", "state")],
)
def test_a_position_that_is_off_by_one_is_seen(meaning, by, read):
    equations, _ = MEANINGS[meaning]
    backward = derive_backward(equations, [by])
    assert verify_backward(backward).ok
    element = next(
        element
        for element in backward.gradients[by].rhs.atoms(sp.Indexed)
        if str(element.base) == read and any(place.is_Add for place in element.indices)
    )
    places = [place if isinstance(place, sp.Idx) else place + 1 for place in element.indices]
    wrong = mistaken(backward, by, element, element.base[tuple(places)])
    report = verify_backward(wrong)
    assert {row.gradient for row in report.failures} == {by}
    assert {row.oracle for row in report.failures} == {"expanded", "differences", "autograd"}


def test_a_recurrence_whose_carry_is_dropped_is_seen():
    """h[t-1] taken for a constant: the adjoint without its later steps."""
    equations, _ = MEANINGS["a recurrence"]
    backward = derive_backward(equations, ["U", "h0"])
    assert verify_backward(backward).ok
    adjoint = backward.adjoints["state"]
    carried = [a for a in adjoint.rhs.atoms(sp.Indexed) if a.base == adjoint.lhs.base]
    assert carried
    wrong = mistaken(backward, "state", carried[0], sp.Integer(0))
    report = verify_backward(wrong)
    assert {row.gradient for row in report.failures} == {"U", "h0"}
    assert {row.oracle for row in report.failures} == {"expanded", "differences", "autograd"}
