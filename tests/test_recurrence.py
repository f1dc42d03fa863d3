"""Recurrences: which equations are computed step by step, in which order and direction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
import sympy as sp

import symbackprop.language as sb
from symbackprop.errors import EquationError

N, T, D = sb.sizes("N T D")
n, t, s, d, e = (sb.index(*pair) for pair in (("n", N), ("t", T), ("s", T), ("d", D), ("e", D)))
x, U = sb.input("x", n, t, d), sb.parameter("U", d, e)
h0, c0 = sb.input("h0", n, d), sb.input("c0", n, d)
h, c, f = (
    sb.intermediate("h", t, n, d),
    sb.intermediate("c", n, t, d),
    sb.intermediate("f", t, n, d),
)
L = sb.intermediate("L")


def names(groups: Sequence[sb.Group]) -> list[tuple[str, ...]]:
    return [tuple(equation.name for equation in group.equations) for group in groups]


def recurrence(rhs: sp.Expr, *base: sb.BaseCase) -> sb.Equation:
    return sb.Equation(h, rhs, base)


def loss(value: sp.Expr, *indices: sp.Idx) -> sb.Equation:
    return sb.Equation(L, sp.Sum(value**2, *indices))


def lstm() -> list[sb.Equation]:
    """A gate, a cell and a state; the time is not the same axis in all of them."""
    mixed = x[n, t, d] + sp.Sum(U[d, e] * h[t - 1, n, e], e)
    return [
        sb.Equation(h, f[t, n, d] * sp.tanh(c[n, t, d]), [sb.BaseCase(h[-1, n, d], h0[n, d])]),
        sb.Equation(f, sb.sigmoid(mixed)),
        sb.Equation(
            c[n, s, d],
            f[s, n, d] * c[n, s - 1, d] + sp.tanh(x[n, s, d]),
            [sb.BaseCase(c[n, -1, d], c0[n, d])],
        ),
    ]


def test_one_equation_that_reads_the_step_before() -> None:
    equation = recurrence(
        sp.tanh(x[n, t, d] + sp.Sum(U[d, e] * h[t - 1, n, e], e)),
        sb.BaseCase(h[-1, n, d], h0[n, d]),
    )
    system = sb.System([loss(h[T - 1, n, d], n, d), equation], [x, U, h0], minimize="L")
    first, last = system.groups
    assert first == sb.Group((equation,), {"h": 0}, 1, {"h": 1})
    assert first.recurrent
    assert first.index(equation) == t
    assert not last.recurrent
    assert system.equations == (equation, last.equations[0])


def test_two_steps_back() -> None:
    equation = recurrence(
        h[t - 1, n, d] + h[t - 2, n, d] / 2,
        sb.BaseCase(h[-1, n, d], h0[n, d]),
        sb.BaseCase(h[-2, n, d], c0[n, d]),
    )
    (group,) = sb.grouped([equation])
    assert (group.direction, group.reach) == (1, {"h": 2})


def test_a_recurrence_that_runs_backwards() -> None:
    equation = recurrence(sp.tanh(x[n, t, d] + h[t + 1, n, d]), sb.BaseCase(h[T, n, d], h0[n, d]))
    (group,) = sb.grouped([equation])
    assert (group.direction, group.axes) == (-1, {"h": 0})


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_several_equations_that_recur_together(order: tuple[int, ...]) -> None:
    equations = lstm()
    other = sb.Equation(sb.intermediate("w", n, d), h0[n, d] + c0[n, d])
    system = sb.System(
        [*(equations[place] for place in order), loss(h[t, n, d], t, n, d), other],
        [x, U, h0, c0],
        minimize="L",
    )
    assert names(system.groups) == [("f", "c", "h"), ("w",), ("L",)]
    group = system.groups[0]
    assert group.axes == {"f": 0, "c": 1, "h": 0}
    assert group.direction == 1
    assert group.reach == {"f": 0, "c": 1, "h": 1}
    assert [group.index(equation) for equation in group.equations] == [t, s, t]


def test_layers_over_one_another_are_groups_of_their_own() -> None:
    upper = sb.Equation(f, sp.tanh(h[t, n, d] + f[t - 1, n, d]))
    lower = recurrence(sp.tanh(x[n, t, d] + h[t - 1, n, d]))
    assert names(sb.grouped([upper, lower])) == [("h",), ("f",)]


def test_the_axis_is_the_one_along_which_every_reference_goes_one_way() -> None:
    square = sb.intermediate("q", n, sb.index("m", N), t)
    m = square.indices[1]
    for place, axis in ((square[m, n, t - 1], 2), (square[n, m - 1, t], 1)):
        (group,) = sb.grouped([sb.Equation(square, place / 2)])
        assert group.axes == {"q": axis}


def test_a_base_case_is_computed_before() -> None:
    start = sb.Equation(sb.intermediate("w", n, d), sp.tanh(h0[n, d]))
    w = sb.intermediate("w", n, d)
    equation = recurrence(h[t - 1, n, d] + h[-1, n, d], sb.BaseCase(h[-1, n, d], w[n, d]))
    assert names(sb.grouped([equation, start])) == [("w",), ("h",)]


def test_the_order_without_recurrences_is_the_given_one() -> None:
    a, b, g = (sb.intermediate(name, n) for name in "abg")
    equations = [
        sb.Equation(g, a[n] + b[n]),
        sb.Equation(b, h0[n, 0]),
        sb.Equation(a, h0[n, 1]),
    ]
    assert names(sb.grouped(equations)) == [("b",), ("a",), ("g",)]
    looped = recurrence(h[t - 1, n, d] + a[n])
    assert names(sb.grouped([looped, *equations])) == [("b",), ("a",), ("h",), ("g",)]


def test_a_thousand_recurrences_are_ordered_without_recursion() -> None:
    chain = [sb.intermediate(f"a{number}", t) for number in range(1000)]
    equations = [
        sb.Equation(tensor, tensor[t - 1] + (chain[number + 1][t] if number < 999 else 1))
        for number, tensor in enumerate(chain)
    ]
    assert names(sb.grouped(equations)) == [(f"a{number}",) for number in reversed(range(1000))]


C = sb.intermediate("C", t, n, d)
CIRCLES = {
    "the same position": [recurrence(h[t, n, d] / 2)],
    "two of the same step": [recurrence(C[t, n, d] + h[t - 1, n, d]), sb.Equation(C, h[t, n, d])],
    "both directions": [recurrence(h[t - 1, n, d] + h[t + 1, n, d])],
    "both directions, together": [recurrence(C[t - 1, n, d]), sb.Equation(C, h[t + 1, n, d])],
    "every position": [recurrence(sp.Sum(h[s, n, d], s))],
    "a fixed position": [recurrence(h[t - 1, n, d] + h[0, n, d])],
    "a stride": [recurrence(h[2 * t - 5, n, d])],
    "a distance that is a size": [recurrence(h[t - D, n, d])],
    "another index": [recurrence(sp.Sum(h[t - 1, n, e] + h[s - 1, n, e], s, e))],
    "a base case of the group": [
        recurrence(C[t - 1, n, d], sb.BaseCase(h[-1, n, d], C[0, n, d])),
        sb.Equation(C, h[t, n, d]),
    ],
    "two axes at once": [
        sb.Equation(
            sb.intermediate("q", n, t),
            sb.intermediate("q", n, t)[n - 1, t] + sb.intermediate("q", n, t)[n, t - 1],
        )
    ],
    "axes of different sizes": [
        sb.Equation(sb.intermediate("q", t), sb.intermediate("r", n)[t - 1]),
        sb.Equation(sb.intermediate("r", n), sb.intermediate("q", t)[n - 1]),
    ],
}


@pytest.mark.parametrize("equations", CIRCLES.values(), ids=CIRCLES)
def test_circles_that_are_no_recurrence(equations: list[sb.Equation]) -> None:
    with pytest.raises(EquationError) as info:
        sb.grouped(equations)
    message = str(info.value)
    name = equations[-1].name
    assert f"in a circle: {name} → " in message or f"→ {name}" in message
    assert f"in: {equations[0].lhs} =" in message or f"in: {equations[-1].lhs} =" in message
    assert "h[t-1, n, d]" in info.value.remedy
