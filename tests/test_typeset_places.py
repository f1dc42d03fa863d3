"""Positions that move, sizes that are computed, base cases: how they stand on the page."""

from __future__ import annotations

import pytest
import sympy as sp
from balanced import check_latex

import symbackprop.language as sb
from symbackprop.calculus import derive_backward
from symbackprop.typeset import (
    latex_derivation,
    latex_equation,
    latex_expression,
    markdown_derivation,
    text_derivation,
    text_equation,
    text_expression,
)

N, T, D, H, W = sb.sizes("N T D H W")
n, t, s = sb.index("n", N), sb.index("t", T), sb.index("s", T)
d, e = sb.index("d", D), sb.index("e", D)
c, o, u, v = sb.index("c", 3), sb.index("o", 5), sb.index("u", 2), sb.index("v", 2)
h, w = sb.index("h", H), sb.index("w", W)
HALF = sp.floor((H - 1) / 2) + 1
p, q = sb.index("p", HALF), sb.index("q", sp.floor((W - 1) / 2) + 1)
f, k, y = sb.index("f", 3 * H * W), sb.index("k", H + D), sb.index("y", H)

x = sb.input("x", n, c, h, w)
kernel = sb.parameter("K", o, c, u, v)
hidden = sb.Tensor("h", (t, n, d))
flat, joint, start = sb.input("a", n, f), sb.input("b", n, k), sb.input("h0", n, d)
word = sb.input("word", n, t, domain=sb.Domain.LABEL, classes=D)
table = sb.parameter("E", d, e)
# a size and a tensor may share a letter
weights = sb.parameter("W", d, e)
TENSORS = {
    tensor.name: tensor for tensor in (x, kernel, hidden, flat, joint, start, word, table, weights)
}
ORDER = ["n", "o", "c", "h", "t"]

PLACES = [
    (x[n, c, 2 * p + u - 1, 2 * q + v - 1], "x[n,c,2p+u−1,2q+v−1]"),
    (x[n, c, h - u + 1, w - v + 1], "x[n,c,h−u+1,w−v+1]"),
    (x[n, c, 1 - u, W - 1 - w], "x[n,c,1−u,W−w−1]"),
    (hidden[t - 1, n, e], "h[t−1,n,e]"),
    (hidden[t + 1, n, e], "h[t+1,n,e]"),
    (hidden[T - 1, n, d], "h[T−1,n,d]"),
    (hidden[-1, n, d], "h[−1,n,d]"),
    (flat[n, c * H * W + h * W + w], "a[n,(c·H+h)·W+w]"),
    (flat[n, (c * H + h) * W + w - 5], "a[n,(c·H+h)·W+w−5]"),
    (flat[n, 28 * c + 3 * h + w], "a[n,28c+3h+w]"),
    (joint[n, d + H], "b[n,d+H]"),
    (joint[n, k - 2 * H * D], "b[n,k−2·D·H]"),
    (joint[n, e - h * D], "b[n,e−h·D]"),
    (joint[n, -(e * D) - h * D + 7], "b[n,7−(e+h)·D]"),
    (x[n, c, 3 * p, w], "x[n,c,3p,w]"),
    (flat[n, h * D], "a[n,h·D]"),
    (table[word[n, t - 1], e], "E[word[n,t−1],e]"),
]


@pytest.mark.parametrize(("expr", "text"), PLACES, ids=lambda v: str(v)[:40])
def test_positions_read_indices_first_then_sizes_then_the_number(expr: sp.Expr, text: str) -> None:
    assert text_expression(expr, TENSORS, ORDER) == text
    check_latex(latex_expression(expr, TENSORS, ORDER))


def test_a_position_reads_the_same_in_every_equation() -> None:
    place = x[n, c, 2 * p + u - 1, h]
    shown = {text_expression(place, TENSORS, order) for order in (["u", "p"], ["p", "u"], [])}
    assert shown == {"x[n,c,2p+u−1,h]"}


@pytest.mark.parametrize(
    ("expr", "latex"),
    [
        (x[n, c, h, w], "x_{nchw}"),
        (x[n, c, 2 * p + u - 1, w], r"x_{n,\,c,\,2p+u-1,\,w}"),
        (hidden[T - 1, n, d], r"h_{T-1,\,n,\,d}"),
        (hidden[-1, n, d], r"h_{-1,\,n,\,d}"),
        (flat[n, (c * H + h) * W + w], r"a_{n,\,\left(c H+h\right) W+w}"),
        (table[word[n, t], e], r"E_{\mathrm{word}_{nt},\,e}"),
    ],
)
def test_subscripts_have_commas_once_a_position_is_more_than_a_letter(expr, latex) -> None:
    assert latex_expression(expr, TENSORS, ORDER) == latex


BRACKETS = [
    (sp.KroneckerDelta(f, (c * H + y) * W + w), "[f = (c·H + y)·W + w]"),
    (sp.KroneckerDelta(h, 2 * p + u - 1), "[h = 2p + u − 1]"),
    (sp.KroneckerDelta(t, T - 1), "[t = T − 1]"),
    (sp.KroneckerDelta(2 * h - 3 * p + 1, 0), "[2h + 1 = 3p]"),
    (sp.KroneckerDelta(n, c), "[n = c]"),
    (sp.KroneckerDelta(c, n), "[n = c]"),
    (sb.bracket(s <= t), "[s ≤ t]"),
    (sb.bracket(h - u + 1 >= 0), "[u ≤ h + 1]"),
    (sb.bracket(k >= H), "[k ≥ H]"),
]


@pytest.mark.parametrize(("expr", "text"), BRACKETS, ids=lambda v: str(v)[:40])
def test_deltas_and_comparisons_of_positions(expr: sp.Expr, text: str) -> None:
    assert text_expression(expr, TENSORS, ORDER) == text


SIZES = [
    (HALF, "⌊(H − 1)/2⌋ + 1", r"\left\lfloor \frac{H - 1}{2} \right\rfloor + 1"),
    (H + D, "D + H", "D + H"),
    (T - 1, "T − 1", "T - 1"),
    (1 - T, "1 − T", "1 - T"),
    (2 * D * H, "2·D·H", "2 D H"),
    (1 / (N * HALF), "1/(N·(⌊(H − 1)/2⌋ + 1))", None),
]


@pytest.mark.parametrize(("size", "text", "latex"), SIZES, ids=lambda v: str(v)[:30])
def test_sizes_that_are_computed(size: sp.Expr, text: str, latex: str | None) -> None:
    assert text_expression(size, TENSORS) == text
    assert latex is None or latex_expression(size, TENSORS) == latex


def test_a_masked_score_is_minus_infinity() -> None:
    masked = sp.Piecewise((hidden[t, n, d], s <= t), (-sp.oo, True))
    assert text_expression(masked, TENSORS) == "{h[t,n,d] if s ≤ t; −∞ otherwise}"
    assert latex_expression(masked, TENSORS) == (
        r"\begin{cases} h_{tnd} & s \le t \\ -\infty & \text{otherwise} \end{cases}"
    )
    assert text_expression(-sp.oo * sb.bracket(s > t), TENSORS) == "−∞·[t < s]"
    assert text_expression(sp.oo, TENSORS) == "∞"


def recurrence() -> sb.System:
    step = sp.tanh(x2[t, n, d] + sp.Sum(hidden[t - 1, n, e] * weights[d, e], e))
    case = sb.BaseCase(hidden[-1, n, d], start[n, d])
    loss = sb.Equation(sb.Tensor("L"), sp.Sum(hidden[t, n, d] ** 2, t, n, d))
    return sb.System([sb.Equation(hidden, step, (case,)), loss], [x2, start, weights], minimize="L")


x2 = sb.input("x", t, n, d)


def test_base_cases_stand_under_their_equation() -> None:
    backward = derive_backward(recurrence())
    lines = text_derivation(backward, level="key").splitlines()
    place = next(at for at, line in enumerate(lines) if line.startswith("  h[t,n,d] ="))
    assert lines[place + 1] == "      with h[−1,n,d] = h0[n,d]"
    latex = latex_derivation(backward, level="all")
    check_latex(latex)
    case = r"\text{with } h_{-1,\,n,\,d} = h^{(0)}_{nd}"
    assert rf"&\quad {case} \\" in latex
    assert case in markdown_derivation(backward, level="key")
    equation = backward.system.definitions["h"]
    assert text_equation(equation, backward.tensors).endswith(" with h[−1,n,d] = h0[n,d]")
    assert latex_equation(equation, backward.tensors).endswith(rf"\quad {case}")


def test_the_page_says_what_is_outside_and_how_far_indices_run() -> None:
    recurrent = text_derivation(derive_backward(recurrence()), level="key")
    outside = "  outside its range an element is 0, unless a base case says otherwise"
    assert recurrent.endswith(outside)
    assert "indices start" not in recurrent
    z, loss = sb.Tensor("z", (n, o, p, q)), sb.Tensor("L")
    rhs = sp.Sum(x[n, c, 2 * p + u, 2 * q + v] * kernel[o, c, u, v], c, u, v)
    equations = [sb.Equation(z, rhs), sb.Equation(loss, sp.Sum(z[n, o, p, q] ** 2, n, o, p, q))]
    shown = text_derivation(
        derive_backward(sb.System(equations, [x, kernel], minimize="L")), level="key"
    )
    assert shown.endswith(
        "  indices start at 0; p < ⌊(H − 1)/2⌋ + 1, q < ⌊(W − 1)/2⌋ + 1\n" + outside
    )


def test_a_size_that_is_a_sum_stands_in_parentheses_among_others() -> None:
    loss = sb.Equation(sb.Tensor("L"), sp.Sum(joint[n, k] ** 2, n, k))
    system = sb.System([loss], [joint], minimize="L")
    shown = text_derivation(derive_backward(system, ["b"]), level="key")
    assert "b[n,k]  input, N × (D + H)" in shown
