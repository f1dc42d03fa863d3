"""Numbers put through a derivation: drawn ones, a step of descent, what has no numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction as Ratio
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from number_systems import SYSTEMS, softmax_network

import symbackprop as sb
from symbackprop.calculus import derive_backward
from symbackprop.errors import DataError, EquationError, OptionError
from symbackprop.language import Domain
from symbackprop.typeset.compose import Composer
from symbackprop.typeset.page_text import text_page
from symbackprop.verify import sampling
from symbackprop.verify.sampling import Point
from symbackprop.verify.tables import Derived, Forward
from symbackprop.verify.worked import easy_point, work_out


@pytest.mark.parametrize("system", SYSTEMS)
def test_drawn_numbers_are_easy(system: sb.System) -> None:
    backward = derive_backward(system)
    point = easy_point(backward, seed=3)
    again = easy_point(backward, seed=3)
    for tensor in system.given:
        values = point.values[tensor.name]
        assert (values == again.values[tensor.name]).all()
        for value in values.flat:
            if tensor.domain is Domain.LABEL:
                assert isinstance(value, int)
                assert 0 <= value < int(tensor.classes.xreplace(dict(point.sizes)))
            else:
                assert (Ratio(value) * 100).denominator == 1
                assert abs(value) <= 2
    fixed = {n for t in system.tensors.values() for n in t.shape if n.is_Integer}
    chosen = list(point.sizes.values())
    assert all(sp.isprime(n) for n in chosen)
    assert len(set(chosen)) == len(chosen)
    assert not {sp.Integer(n) for n in chosen} & fixed


def test_drawn_numbers_lie_beside_kinks_and_move_every_parameter() -> None:
    system = sb.Sequential(sb.Linear(2, 2), sb.ReLU(), sb.Linear(2, 1)).system(sb.L1Loss())
    backward = derive_backward(system)
    for seed in range(8):
        point = easy_point(backward, {"N": 2}, seed)
        with mpmath.workdps(30):
            forward = Forward(system, point)
            assert forward.margin > 1e-6
            derived = Derived(backward, forward)
            assert all(any(derived[e.name].values()) for e in backward.gradients.values())


def test_a_gradient_that_is_always_0_is_no_reason_to_draw_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = """index k:3
    input x[k]
    parameter w[k], b
    z[k] = w[k] + b
    p[k] = exp(z[k]) / sum[j:3](exp(z[j]))
    L = sum[k](x[k]*p[k])
    minimize L"""
    backward = derive_backward(sb.parse_system(text))
    assert backward.gradients["b"].rhs == 0
    drawn: list[int] = []

    def draw(system: sb.System, sizes: Mapping[Any, int], seed: int, kind: Any) -> Point:
        drawn.append(seed)
        return sampling.draw(system, sizes, seed, kind)

    monkeypatch.setattr("symbackprop.verify.worked.draw", draw)
    easy_point(backward, seed=2)
    assert drawn == [2]


def test_drawn_numbers_hold_the_facts() -> None:
    i = sb.index("i", 5)
    y, w = sb.target("y", i), sb.parameter("w", i)
    L = sb.intermediate("L")
    fact = sb.Fact(sp.Sum(y[i], i), sp.Integer(1))
    system = sb.System(
        [sb.Equation(L, sp.Sum(y[i] * w[i] ** 2, i))], [y, w], minimize="L", facts=[fact]
    )
    point = easy_point(derive_backward(system))
    assert sum(point.values["y"].flat) == 1
    assert all((value * 10).denominator == 1 for value in point.values["y"].flat)


# --- what cannot be worked out ---------------------------------------------------------


def test_open_functions_and_jacobians_have_no_numbers() -> None:
    i = sb.index("i", 2)
    x, w, L = sb.input("x", i), sb.parameter("w", i), sb.intermediate("L")
    system = sb.System(
        [sb.Equation(L, sp.Sum(sp.Function("f")(w[i] * x[i]), i))], [x, w], minimize="L"
    )
    with pytest.raises(EquationError, match="the function f is left open"):
        easy_point(derive_backward(system))
    jacobian = sb.jacobian(softmax_network(), "p", "z2").backward
    with pytest.raises(OptionError, match="not of a Jacobian"):
        easy_point(jacobian)


def test_an_objective_without_a_value() -> None:
    i = sb.index("i", 2)
    w, L = sb.parameter("w", i), sb.intermediate("L")
    system = sb.System([sb.Equation(L, sp.Sum(sp.log(w[i]), i))], [w], minimize="L")
    backward = derive_backward(system)
    values = {"w": exact([Ratio(0), Ratio(1)])}
    with pytest.raises(DataError, match="the objective L is not a finite number"):
        work_out(backward, Point({}, values))


def exact(numbers: list[Ratio]) -> Any:
    found = np.empty(len(numbers), dtype=object)
    found[:] = numbers
    return found


def test_nothing_is_updated_but_parameters() -> None:
    backward = derive_backward(softmax_network(), ["x", "W1"])
    worked = work_out(backward, easy_point(backward))
    assert worked.updates.keys() == {"W1"}
    only = derive_backward(softmax_network(), ["x"])
    page = Composer(only, ("row",)).page(numbers=work_out(only, easy_point(only)))
    assert page.numbers is not None
    assert page.numbers.after is None
    assert "gradient descent" not in text_page(page, "row", "key")


def test_a_step_lowers_the_objective_by_what_the_gradient_says() -> None:
    backward = derive_backward(softmax_network())
    point = easy_point(backward)
    small = Ratio(1, 10**8)
    worked = work_out(backward, point, rate=small)
    assert worked.after is not None
    before = worked.equations["L"].values.entries[()]
    slope = sum(
        float(value) ** 2
        for name, equation in backward.gradients.items()
        for value in worked.equations[equation.name].values.entries.values()
    )
    fall = float(before - worked.after.values.entries[()])
    assert math.isclose(fall, slope * float(small), rel_tol=1e-5)
