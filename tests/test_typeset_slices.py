"""Matrix notation of recurrences, batches and heads: slices mean what the indices mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy as sp
from balanced import check_latex
from matrix_value import ExpressionValue, MatrixValue
from page_systems import EXTENTS, SYSTEMS, two_back

import symbackprop.language as sb
from symbackprop.calculus import Backward, derive_backward
from symbackprop.typeset import Convention, matrix_latex, text_derivation
from symbackprop.typeset.matrix import MatrixEquation
from symbackprop.typeset.matrix_form import Layout, base_form, batch_sizes, form_of
from symbackprop.typeset.order import Context
from symbackprop.typeset.slices import page_slices, sliced_indices

CONVENTIONS: tuple[Convention, ...] = ("row", "column")
#: The equations that have no matrix form: masked selections, and whatever is an image.
WITHOUT = {
    "i_masked_attention": {"S"},
    "block": {"S"},
    "flattened": {"a", "b", "da", "ds", "dx"},
    "max_pool": {"z", "L", "dz", "dx"},
    "first_max_pool": {"z", "L", "dz", "dx"},
    "k_convolution": {"z", "L", "dz", "dx", "dK", "db"},
    "k_strided_convolution": {"z", "L", "dz", "dx", "dK", "db"},
}


def derived(name: str) -> Backward:
    system, wanted = SYSTEMS[name]()
    return derive_backward(system, wanted)


def drawn(backward: Backward) -> dict[str, Any]:
    """Any numbers for every tensor: an equation and its form need not hold, only agree."""
    rng = np.random.default_rng(3)
    values: dict[str, Any] = {}
    for tensor in backward.tensors.values():
        shape = tuple(int(extent.subs(EXTENTS)) for extent in tensor.shape)
        if tensor.domain is sb.Domain.LABEL:
            values[tensor.name] = rng.integers(0, int(tensor.classes.subs(EXTENTS)), shape)
        else:
            values[tensor.name] = rng.uniform(0.2, 0.9, shape)
    return values


def forms(
    backward: Backward, convention: Convention
) -> Iterator[tuple[sb.Equation | sb.BaseCase, MatrixEquation | None]]:
    context, slices = Context(backward.tensors), page_slices(backward.system)
    flipped = batch_sizes(backward.tensors, slices) if convention == "column" else frozenset()
    layout = Layout(flipped, slices)
    backwards = *backward.adjoints.values(), *backward.gradients.values()
    for equation in dict.fromkeys((*backward.system.equations, *backwards)):
        yield equation, form_of(equation, context, layout)
        yield from ((case, base_form(case, context, layout)) for case in equation.base)


def check(
    equation: sb.Equation | sb.BaseCase,
    form: MatrixEquation,
    values: Mapping[str, Any],
    slices: frozenset[sp.Expr],
) -> None:
    """The form's right side, entry by entry, against the equation's."""
    own = isinstance(equation, sb.Equation)
    subscripts = sliced_indices(equation, slices) & set(equation.indices) if own else set()
    plain = [idx for idx in equation.indices if idx not in subscripts]
    ordered = sorted(subscripts, key=str)
    indexed = ExpressionValue(values, EXTENTS)
    for places in product(*(range(int(sb.size_of(i).subs(EXTENTS))) for i in ordered)):
        at = dict(zip(ordered, places, strict=True))
        found = MatrixValue(values, EXTENTS, at)(form.right)
        if form.left.flipped:
            found = found.T
        shape = [int(sb.size_of(i).subs(EXTENTS)) for i in plain]
        expected = [
            indexed(equation.rhs, {**at, **dict(zip(plain, spot, strict=True))})
            for spot in product(*map(range, shape))
        ]
        np.testing.assert_allclose(found.ravel(), expected, rtol=1e-10, err_msg=str(equation))


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_forms_mean_what_the_indices_mean(name: str, convention: Convention) -> None:
    backward = derived(name)
    values, slices = drawn(backward), page_slices(backward.system)
    without = set()
    for equation, form in forms(backward, convention):
        if form is None:
            without.add(equation.name)
        else:
            check(equation, form, values, slices)
    assert without == WITHOUT.get(name, set())


def lines(name: str, convention: Convention = "row") -> set[str]:
    shown = text_derivation(derived(name), "matrix", "key", convention)
    return {line.strip() for line in shown.splitlines()}


def test_a_recurrences_step_is_a_subscript() -> None:
    assert {
        "z_t = x_t·Wᵀ + h_{t−1}·Uᵀ + h_{t−2}·Vᵀ + ones·bᵀ",
        "h_t = tanh(z_t)",
        "with h_{−1} = h1, h_{−2} = h0",
        "L = 1/N · ‖h_{T−1}‖²",
        "∂L/∂h_t = δ_{t+1}·U + δ_{t+2}·V + 2/N · [t = T − 1]·h_{T−1}",
        "δ_t = ∂L/∂z_t = (∂L/∂h_t) ⊙ (1 − h_t^⊙2)",
        "∂L/∂U = Σₜ δ_tᵀ·h_{t−1}",
        "∂L/∂b = Σₜ δ_tᵀ·ones",
        "∂L/∂h0 = δ_0·V",
        "h_t is a slice: the axes without a subscript are its rows and columns",
        "outside its range an element is 0, unless a base case says otherwise",
    } <= lines("g_two_back")
    assert "z_t = W·x_t + U·h_{t−1} + V·h_{t−2} + b·onesᵀ" in lines("g_two_back", "column")


def test_backpropagation_through_time_is_that_of_the_book() -> None:
    assert {
        "∂L/∂h_t = W_qhᵀ·(∂L/∂o_t) + W_hhᵀ·(∂L/∂h_{t+1})",
        "∂L/∂W_hx = Σₜ (∂L/∂h_t)·x_tᵀ",
        "∂L/∂W_hh = Σₜ (∂L/∂h_t)·h_{t−1}ᵀ",
    } <= lines("g_linear_rnn")


def test_an_lstms_step_is_that_of_the_book() -> None:
    assert {
        "c_t = i_t ⊙ g_t + f_t ⊙ c_{t−1}",
        "∂L/∂c_t = (∂L/∂c_{t+1}) ⊙ f_{t+1} + (∂L/∂h_t) ⊙ o_t ⊙ (1 − tanh(c_t)^⊙2)",
        "∂L/∂a_{f,t} = (∂L/∂f_t) ⊙ f_t ⊙ (1 − f_t)",
        "∂L/∂U_f = Σₜ (∂L/∂a_{f,t})ᵀ·h_{t−1}",
    } <= lines("h_lstm")


def test_an_equation_by_itself_knows_its_steps() -> None:
    system, _ = two_back()
    latex = matrix_latex(system.definitions["z"], system.tensors)
    assert latex == (
        r"z_t = x_t W^{\top} + h_{t-1} U^{\top} + h_{t-2} V^{\top} + \mathbf{1} b^{\top}"
    )
    check_latex(latex)


def test_an_index_over_part_of_an_axis_is_no_matrix() -> None:
    shown = lines("flattened")
    assert "∂L/∂b = (∂L/∂z)·A" in shown
    assert "∂L/∂a[n,f] = ∂L/∂b[n,f]" in shown
