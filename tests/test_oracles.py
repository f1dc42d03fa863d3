"""The oracles by themselves: each is right, each is independent, and what they report is said."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch

import symbackprop as sb
from symbackprop.calculus import Backward, derive_backward
from symbackprop.compile import BACKENDS, compile_backward
from symbackprop.errors import (
    DataError,
    EquationError,
    ShapeError,
    UnknownNameError,
    VerificationError,
)
from symbackprop.language import (
    PRIMITIVES,
    ArgMaxOver,
    Domain,
    Equation,
    Fact,
    FirstMaxOver,
    Group,
    MaxOver,
    System,
    bracket,
    index,
    input,
    intermediate,
    parameter,
    relu,
    sigmoid,
    size,
    softplus,
    target,
)
from symbackprop.typeset import WORDS
from symbackprop.typeset.columns import display_width
from symbackprop.verify import Report, Row, autograd_gradients, verify_backward
from symbackprop.verify.abstract import instance
from symbackprop.verify.arithmetic import DIGITS, Decimals
from symbackprop.verify.differences import finite_differences
from symbackprop.verify.evaluate import Evaluator
from symbackprop.verify.expanded import SIDES, WRITTEN_OUT, directional_derivative
from symbackprop.verify.report import TOLERANCES
from symbackprop.verify.sampling import Point, choose_sizes, draw, sizes_of
from symbackprop.verify.tables import Forward
from symbackprop.verify.torch_reader import TorchReader

N = size("N")
n, m = index("n", N), index("m", N)
i, j, k = index("i", 3), index("j", 5), index("k", 5)
x = input("x", n, i)
W = parameter("W", j, i)
L = intermediate("L")
z = intermediate("z", n, j)
LINEAR = Equation(z, sp.Sum(x[n, i] * W[j, i], i))


def point_of(system: System, seed: int = 1) -> Point:
    return draw(system, choose_sizes(system), seed)


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(DIGITS):
        yield


# --- sizes and values -------------------------------------------------------------------


def test_sizes_differ_from_each_other_and_from_the_whole_numbers():
    K = size("K")
    wide, tall = index("q", K), index("t", 7)
    w = parameter("w", wide, tall)
    system = System(
        [Equation(L, sp.Sum(x[n, i] * W[j, i] * w[wide, tall], i, j, n, wide, tall))],
        [x, W, w],
        minimize="L",
    )
    chosen = choose_sizes(system)
    assert set(map(str, chosen)) == {"N", "K"}
    extents = list(chosen.values())
    assert len({*extents, 3, 5, 7}) == len(extents) + 3
    assert all(map(sp.isprime, extents))
    assert choose_sizes(system, {"N": 11})[N] == 11
    with pytest.raises(UnknownNameError, match="'M'"):
        choose_sizes(system, {"M": 2})
    with pytest.raises(ShapeError, match="size N cannot be 0"):
        choose_sizes(system, {"N": 0})


def test_sizes_that_others_are_computed_from_are_large_enough():
    H, D = size("H"), size("D")
    h, d = index("h", H), index("d", D)
    p = index("p", sp.floor((H - 5) / 2) + 1)
    image, wide = input("image", n, h), parameter("wide", index("w", 2 * D + 1), p)
    system = System(
        [Equation(L, sp.Sum(image[n, 2 * p + d] * wide[2 * d + 1, p], n, p, d))],
        [image, wide],
        minimize="L",
    )
    chosen = choose_sizes(system)
    assert set(chosen) == {N, H, D}
    assert all(map(sp.isprime, chosen.values()))
    assert len(set(chosen.values())) == 3
    assert chosen[H] >= 7
    # Not 2 if the user wants less, but never less than 1.
    assert choose_sizes(system, {"H": 5})[H] == 5
    with pytest.raises(ShapeError, match=r"floor\(H/2 - 5/2\) \+ 1 is 0 where H = 3"):
        choose_sizes(system, {"H": 3})
    arrays = point_of(system).arrays()
    assert arrays["wide"].shape == (2 * chosen[D] + 1, (chosen[H] - 5) // 2 + 1)
    assert sizes_of(system, arrays) == chosen
    with pytest.raises(ShapeError, match="'wide' was given with shape"):
        sizes_of(system, arrays | {"wide": arrays["wide"][:-1]})


def test_a_size_that_no_array_tells_is_named():
    p = index("p", sp.floor(N / 2) + 1)
    half = input("half", p)
    system = System([Equation(L, sp.Sum(half[p], p))], [half], minimize="L")
    with pytest.raises(ShapeError, match=r"does not tell what size floor\(N/2\) \+ 1"):
        sizes_of(system, {"half": np.zeros(3)})


def test_values_are_in_their_domain_and_the_same_in_float64():
    p, u = target("p", n, j, domain=Domain.UNIT), input("u", n, domain=Domain.POSITIVE)
    y = target("y", n, domain=Domain.LABEL, classes=sp.Integer(5))
    rate = sb.hyperparameter("rate", value=0.25)
    total = sp.Sum(rate[()] * u[n] * p[n, j] * W[y[n], i] * x[n, i], i, j, n)
    fact = Fact(sp.Sum(p[n, j], j), 1)
    system = System([Equation(L, total)], [x, W, p, u, y, rate], minimize="L", facts=[fact])
    point = point_of(system)
    for name, value in point.arrays().items():
        assert all(
            Fraction(a) == b for a, b in zip(value.flat, point.values[name].flat, strict=True)
        )
    values = point.values
    assert all(0 < entry < 1 for entry in values["p"].flat)
    assert all(sum(row) == 1 for row in values["p"])
    assert all(entry > 0 for entry in values["u"].flat)
    assert {0, 1, 2, 3, 4} >= set(values["y"].flat)
    assert point.arrays()["y"].dtype == np.int64
    assert values["rate"][()] == Fraction(1, 4)
    assert len(set(values["W"].flat)) == 15, "equal weights would hide a transposition"
    assert not np.array_equal(point_of(system, 2).arrays()["W"], point.arrays()["W"])


def test_a_fact_that_does_not_hold_is_refused():
    total = sp.Sum(sp.log(x[n, i] ** 2) * W[j, i], i, j, n)
    system = System(
        [Equation(L, total)], [x, W], minimize="L", facts=[Fact(sp.Sum(x[n, i] ** 2, i), 1)]
    )
    with pytest.raises(VerificationError, match="fact does not hold"):
        verify_backward(derive_backward(system))


def test_a_missing_or_misshapen_array_is_named():
    system = System([LINEAR, Equation(L, sp.Sum(z[n, j], j, n))], [x, W], minimize="L")
    with pytest.raises(DataError, match="'W'"):
        autograd_gradients(system, {"x": np.ones((2, 3))}, ["W"])
    with pytest.raises(ShapeError, match="'W'"):
        autograd_gradients(system, {"x": np.ones((2, 3)), "W": np.ones((3, 5))}, ["W"])


# --- two readings of the language agree --------------------------------------------------

h = intermediate("h", n, j)
y = target("y", n, domain=Domain.LABEL, classes=sp.Integer(5))
EXPRESSIONS = {
    "several limits": sp.Sum(x[m, i] * W[j, i] * x[n, i], i, m),
    "a constant summed": sp.Sum(sp.Integer(2), i) + W[j, 1],
    "size and index as numbers": x[n, 0] * N + n * W[j, 2],
    "a bound index of the same letter": x[n, 0] - sp.Sum(x[n, 0] * W[j, 0], n) / N,
    "largest": MaxOver(x[n, i] * W[j, i], i),
    "largest over two": MaxOver(x[m, i] * W[j, i], i, m) * x[n, 0],
    "label": W[y[n], 2] * W[j, 0],
    "delta": sp.KroneckerDelta(j, y[n]) * x[n, 0] + W[j, 0],
    "bracket": bracket(x[n, 0] > W[j, 0]) * x[n, 1] + bracket(j >= 2) * x[n, 2],
    "logic": bracket(sp.And(x[n, 0] > 0, sp.Not(sp.Or(W[j, 0] < 0, W[j, 1] <= 0)))) * x[n, 1],
    "equality": bracket(sp.Eq(j, 3)) * x[n, 1] + bracket(sp.Ne(j, 3)) * x[n, 2],
    "piecewise": sp.Piecewise(
        (x[n, 0], x[n, 0] > 1), (W[j, 0] ** 2, x[n, 0] > 0), (x[n, 1] * W[j, 1], True)
    ),
    "many arguments": sp.Max(x[n, 0], W[j, 0], x[n, 1]) + sp.Min(x[n, 2], W[j, 1], 0),
    "powers": (1 + x[n, 0] ** 2) ** sp.Rational(-1, 2) + (2 + x[n, 1] ** 2) ** W[j, 0],
    "numbers": sp.pi * x[n, 0] + sp.Float("0.1") * W[j, 0] + sp.sqrt(2),
}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_pytorch_and_decimals_read_an_expression_alike(expression):
    point = draw(System([LINEAR], [x, W, y], minimize=None), {N: 7}, 3)
    tensors = {name: torch.as_tensor(array) for name, array in point.arrays().items()}
    by_torch = TorchReader(tensors, point.sizes).read(expression, None)
    by_torch = by_torch.expanded((n, j), point.sizes)
    evaluator = Evaluator(Decimals(), point.tables(), point.sizes)
    by_digits = evaluator.run(Group((Equation(h, expression),)))["h"]
    assert by_torch.shape == (7, 5)
    for position, value in by_digits.items():
        assert float(value) == pytest.approx(float(by_torch[position]), rel=1e-13)


def test_a_position_outside_a_tensor_is_an_error_not_a_wrapped_one():
    evaluator = Evaluator(Decimals(), {"W": {(0, 0): mpmath.mpf(1)}}, {})
    with pytest.raises(ShapeError, match=r"W is read at \[-1, 0\]"):
        evaluator.at(sp.Indexed(sp.IndexedBase("W"), -1, 0), {})


# --- derivatives ------------------------------------------------------------------------

UNARY = [record for record in PRIMITIVES.values() if record.arity == 1]
SYSTEMS = {
    **{record.name: record.function(z[n, j] / 4 + 2) for record in UNARY},
    "relu on both sides": relu(z[n, j]),
    "abs on both sides": sp.Abs(z[n, j]),
    "maximum": sp.Max(z[n, j], z[n, j] ** 2),
    "minimum": sp.Min(z[n, j], 3 * z[n, j]),
    "power": (2 + z[n, j] ** 2) ** sigmoid(z[n, j]),
    "piecewise": sp.Piecewise((z[n, j] ** 2, sp.Abs(z[n, j]) < 1), (sp.exp(z[n, j]), True)),
    "largest": MaxOver(z[n, k], k) * z[n, j],
    "softplus and logarithm": sp.log(1 + softplus(z[n, j])),
}


def nonlinear(expression: sp.Expr) -> System:
    weight = sp.Sum(x[n, i], i) + j
    equations = [
        LINEAR,
        Equation(h, expression),
        Equation(L, sp.Sum(weight * h[n, j], j, n) / N),
    ]
    return System(equations, [x, W], minimize="L")


@pytest.mark.parametrize("expression", SYSTEMS.values(), ids=SYSTEMS)
def test_the_oracles_agree_with_each_other(expression):
    system = nonlinear(expression)
    point = point_of(system)
    forward = Forward(system, point)
    assert forward.margin > 1e-6
    _, gradients = autograd_gradients(system, point.arrays(), ["W"])
    positions = list(np.ndindex(5, 3))
    exact = finite_differences(forward, "W", positions)
    for position in positions:
        assert float(exact[position]) == pytest.approx(gradients["W"][position], rel=1e-12)
    for position in positions[::4]:
        moved = directional_derivative(forward, "W", {position: mpmath.mpf(1)})
        assert abs(moved - exact[position]) <= 1e-30 * (1 + abs(exact[position]))
    speeds = {position: mpmath.mpf(place + 1) for place, position in enumerate(positions)}
    together = sum(speeds[position] * exact[position] for position in positions)
    assert abs(directional_derivative(forward, "W", speeds) - together) <= 1e-25 * abs(together)


def test_the_expanded_oracle_uses_no_derivative_of_the_language():
    for record in PRIMITIVES.values():
        own = record.function.__module__.startswith("symbackprop")
        assert not (own or record.kinks) or record.function in {*SIDES, *WRITTEN_OUT}, record.name


def test_a_long_expression_differentiated_in_parts_is_what_it_is_whole(monkeypatch):
    network = sb.Sequential(sb.Linear(3, 2), sb.Tanh(), sb.Linear(2, 2))
    system = network.system(sb.CrossEntropyLoss())
    forward = Forward(system, draw(system, {N: 2}, 1))
    speeds = {(1, 2): mpmath.mpf(3), (0, 0): mpmath.mpf(-2)}
    values = []
    for limit in (0, 8, 10**6):
        monkeypatch.setattr("symbackprop.verify.expanded._LONG", limit)
        values.append(directional_derivative(forward, "W1", speeds))
    assert abs(values[0]) > 1e-3
    assert abs(values[0] - values[2]) < 1e-70
    assert abs(values[1] - values[2]) < 1e-70


AFFECTED = {
    "rows": sp.Sum(W[j, i] * x[n, i], i),
    "a bound index of the same letter": x[n, 0] - sp.Sum(x[n, 0] * W[j, 0], n) / N,
    "label": W[y[n], 1] * x[n, 0] + j,
    "whole number": W[2, 1] * x[n, 0] + j,
    "two occurrences": W[j, 0] * W[3, 2] * x[n, 0],
}


@pytest.mark.parametrize("expression", AFFECTED.values(), ids=AFFECTED)
def test_whatever_depends_on_a_moved_element_is_computed_anew(expression):
    equations = [Equation(h, expression), Equation(L, sp.Sum(h[n, j] ** 2, j, n))]
    system = System(equations, [x, W, y], minimize="L")
    point = point_of(system)
    before = Forward(system, point)
    for position in np.ndindex(5, 3):
        values = {name: value.copy() for name, value in point.values.items()}
        values["W"][position] += Fraction(1, 8)
        after = Forward(system, replace(point, values=values))
        reached = {
            name: places
            for _, found in before.dependence.affected("W", [position])
            for name, places in found.items()
        }
        for name in ("h", "L"):
            changed = {
                p for p, value in after.fields[name].items() if value != before.fields[name][p]
            }
            assert changed <= reached.get(name, set())


# --- kinks, and derivatives that are not chosen -----------------------------------------

w1 = parameter("w", j)
KINKS = {
    "relu": (sp.Sum(relu(w1[j]), j), [-1, 0, 0, 2, -0.0], [0, 0, 0, 1, 0]),
    "abs": (sp.Sum(sp.Abs(w1[j]), j), [-1, 0, 0, 2, 3], [-1, 0, 0, 1, 1]),
    "maximum": (sp.Sum(sp.Max(w1[j], 1), j), [0, 1, 1, 2, 3], [0, 0.5, 0.5, 1, 1]),
    "largest": (MaxOver(w1[j], j), [0, 2, 2, 1, 2], [0, 1 / 3, 1 / 3, 0, 1 / 3]),
    "first largest": (FirstMaxOver(w1[j], j), [0, 2, 2, 1, 2], [0, 1, 0, 0, 0]),
    "first of all": (FirstMaxOver(w1[j], j), [-1, -1, -1, -1, -1], [1, 0, 0, 0, 0]),
    "first place": (ArgMaxOver(w1[j], j) * w1[0], [0, 2, 2, 1, 2], [1, 0, 0, 0, 0]),
    "strict case": (
        sp.Sum(sp.Piecewise((w1[j], w1[j] > 0), (w1[j] / 4, True)), j),
        [-1, 0, 1, 2, 0],
        [0.25, 0.25, 1, 1, 0.25],
    ),
    "a root that is not chosen": (
        sp.Sum(sp.Piecewise((sp.sqrt(w1[j]), w1[j] > 0), (2 * w1[j], True)), j),
        [0, -1, 4, 0, 1],
        [2, 2, 0.25, 2, 0.5],
    ),
    "a logarithm that is not chosen, of a sum": (
        sp.Sum(sp.Piecewise((sp.log(sp.Sum(w1[k], k) - 1), j > 4), (3 * w1[j], True)), j),
        [0, 1, 0, 0, 0],
        [3, 3, 3, 3, 3],
    ),
}


@pytest.mark.parametrize(("objective", "at", "expected"), KINKS.values(), ids=KINKS)
def test_autograd_on_a_kink_is_pytorchs_value(objective, at, expected):
    system = System([Equation(L, objective)], [w1], minimize="L")
    _, gradients = autograd_gradients(system, {"w": np.array(at, dtype=float)}, ["w"])
    assert gradients["w"] == pytest.approx(expected, rel=1e-15)


def test_autograd_reads_intermediates_and_what_nothing_depends_on():
    b = parameter("b", j)
    equations = [LINEAR, Equation(L, sp.Sum(z[n, j] ** 3, j, n))]
    system = System(equations, [x, W, b], minimize="L")
    arrays = point_of(system).arrays()
    loss, gradients = autograd_gradients(system, arrays, ["z", "b", "x"])
    values = arrays["x"] @ arrays["W"].T
    assert loss == pytest.approx(float((values**3).sum()))
    assert np.allclose(gradients["z"], 3 * values**2, rtol=1e-14)
    assert np.allclose(gradients["x"], 3 * values**2 @ arrays["W"], rtol=1e-14)
    assert not gradients["b"].any()


# --- whole derivations ------------------------------------------------------------------


def document() -> sb.Sequential:
    return sb.Sequential(sb.Linear(10, 20), sb.ReLU(), sb.Linear(20, 1))


WHOLE = {
    "document": document().system(sb.MSELoss()),
    "labels": sb.Sequential(sb.Linear(3, 5)).system(sb.CrossEntropyLoss()),
    "symbolic sizes": sb.Sequential(sb.Linear("D", "H"), sb.SiLU(), sb.Linear("H", "K")).system(
        sb.CrossEntropyLoss(target="probabilities", label_smoothing=0.1)
    ),
    "penalties": document().system(sb.L1Loss(), [sb.L1(0.1, bias=True), sb.L2(0.03, half=False)]),
    "no reduction": sb.Sequential(sb.Linear(2, 5), sb.Sequential(sb.ELU(), sb.Linear(5, 2))).system(
        sb.HuberLoss(reduction="none")
    ),
    "no bias": sb.Sequential(sb.Linear(4, 3, bias=False), sb.Sigmoid()).system(sb.BCELoss()),
}


@pytest.mark.parametrize("system", WHOLE.values(), ids=WHOLE)
def test_a_derivation_of_the_library_holds(system):
    backward = derive_backward(system)
    compiled = {name: compile_backward(backward, name) for name in BACKENDS}
    report = verify_backward(backward, compiled)
    assert report.ok, str(report)
    seen = {(row.gradient, row.subject, row.oracle) for row in report.rows}
    oracles = ("autograd", "torch.nn")
    names = [tensor.name for tensor in system.parameters]
    assert seen >= {
        (name, "equations", oracle)
        for name in names
        for oracle in ("expanded", "differences", *oracles)
    }
    assert seen >= {
        (name, backend, oracle)
        for name in [*names, "L"]
        for backend in BACKENDS
        for oracle in oracles
    }
    assert {row.gradient for row in report.rows if row.oracle == "steps"} >= set(names)
    assert any(row.error > 0 for row in report.rows), "nothing is exact in float64"


def test_other_seeds_and_sizes_are_other_points():
    backward = derive_backward(WHOLE["labels"])
    errors = [
        tuple(row.error for row in verify_backward(backward, seed=seed, sizes=sizes).rows)
        for seed, sizes in ((0, None), (0, None), (1, None), (0, {"N": 2}))
    ]
    assert errors[0] == errors[1]
    assert len(set(errors)) == 3


def test_gradients_by_inputs_and_intermediates_are_verified():
    report = verify_backward(derive_backward(document().system(sb.MSELoss()), ["x", "z1", "a1"]))
    assert report.ok, str(report)
    rows = {(row.gradient, row.oracle) for row in report.rows if row.subject == "equations"}
    assert {(name, "expanded") for name in ("x", "z1", "a1")} <= rows
    assert ("x", "torch.nn") in rows, "the modules know parameters and inputs"
    assert ("z1", "torch.nn") not in rows


def test_functions_left_open_are_made_concrete():
    f, g = (sp.Function(name, real=True) for name in ("f", "sigma"))
    system = nonlinear(f(g(z[n, j])) + g(z[n, j]) ** 2)
    report = verify_backward(derive_backward(system))
    assert report.ok, str(report)
    u = sp.Symbol("u", real=True)
    prime = sp.Function("sigma'", real=True)
    assert sp.expand(sp.diff(instance(g(u)), u) - instance(prime(u))) == 0
    assert instance(f(u)) != instance(g(u)), "two functions must not be mistaken for each other"
    assert instance(g(u)) != instance(g(-u)) != -instance(g(u))
    with pytest.raises(EquationError, match="2 arguments"):
        instance(f(u, u + 1))


def test_thirty_layers_are_verified_without_deep_recursion():
    layers = [layer for _ in range(30) for layer in (sb.Linear(2, 2), sb.Tanh())]
    system = sb.Sequential(*layers).system(sb.MSELoss())
    report = verify_backward(derive_backward(system, ["W1", "b30"]))
    assert report.ok, str(report)


def test_an_objective_without_a_value_is_refused():
    system = nonlinear(sp.log(-sp.exp(z[n, j])))
    with pytest.raises(EquationError, match="not a finite number"):
        verify_backward(derive_backward(system))


def test_the_point_is_one_where_no_gradient_vanishes():
    # One hidden unit is dead for all examples at many points; none may be chosen.
    network = sb.Sequential(sb.Linear(2, 1), sb.ReLU(), sb.Linear(1, 2))
    backward = derive_backward(network.system(sb.MSELoss()))
    for seed in range(6):
        broken = {"W1": replace(backward.gradients["W1"], rhs=2 * backward.gradients["W1"].rhs)}
        report = verify_backward(replace(backward, gradients=broken), seed=seed)
        assert {row.oracle for row in report.failures} >= {"expanded", "differences", "autograd"}


def test_a_gradient_that_is_identically_zero_holds():
    # A bias under a softmax cancels: all oracles find rounding errors around 0.
    b = parameter("b")
    equations = [
        LINEAR,
        Equation(h, sp.exp(z[n, j] + b[()]) / sp.Sum(sp.exp(z[n, k] + b[()]), k)),
        Equation(L, sp.Sum(h[n, j] * (j + 1), j, n)),
    ]
    backward = derive_backward(System(equations, [x, W, b], minimize="L"))
    report = verify_backward(backward, {"numpy": compile_backward(backward, "numpy")})
    assert report.ok, str(report)


# --- the report -------------------------------------------------------------------------

GOOD = Row("W1", "equations", "expanded", 1e-60, 1e-40)
BAD = Row("b1", "numpy", "autograd", 0.5, 1e-10, "a note")


def test_a_report_without_rows_is_not_ok():
    assert not Report([]).ok
    assert Report([]).worst is None
    with pytest.raises(VerificationError, match="nothing was verified"):
        Report([]).raise_if_failed()
    empty = Backward(WHOLE["labels"], {}, {}, WHOLE["labels"].tensors, (), "L")
    assert not verify_backward(empty).ok


def test_the_worst_row_is_the_one_furthest_over_its_tolerance():
    near = Row("W2", "torch", "autograd", 1e-11, 1e-10)
    assert Report([GOOD, near]).worst is near
    assert Report([GOOD, near]).ok
    assert Report([near, BAD, GOOD]).worst is BAD
    Report([GOOD, near]).raise_if_failed()


def test_an_error_that_is_no_number_fails():
    row = Row("W1", "numpy", "autograd", math.nan, 1e-10)
    assert not row.ok
    assert Report([GOOD, row]).worst is row


def test_a_failure_names_gradient_subject_and_oracle():
    with pytest.raises(VerificationError) as caught:
        Report([GOOD, BAD]).raise_if_failed()
    assert caught.value.exit_code == 1
    for part in ("b1", "numpy", "autograd", "a note"):
        assert part in str(caught.value)


def test_the_table_is_aligned_and_says_what_failed():
    header, good, bad, *rest = str(Report([GOOD, BAD])).splitlines()
    for title, first, second in (
        ("gradient", "W1", "b1"),
        ("checked", "equations", "numpy"),
        ("against", "expanded", "autograd"),
        ("error", "1.0e-60", "5.0e-01"),
    ):
        assert header.index(title) == good.index(first) == bad.index(second)
    assert "FAILED" in bad
    assert "FAILED" not in good
    assert rest[-1].startswith("1 of 2 FAILED; worst: b1")


def test_a_report_is_told_in_chinese_with_every_column_under_its_title():
    shape = Row("U", "steps", "steps", 0.5, 1e-40, "step 2 of 3 for U, 'factor'")
    report = Report([GOOD, BAD, shape])
    header, good, bad, last, _, *meanings, _, verdict = report.text("zh").splitlines()

    def place(line, words):
        return display_width(line[: line.index(words)])

    for title, first, second, third in (
        ("梯度", "W1", "b1", "U"),
        ("验证对象", "等式", "numpy", "推导步骤"),
        ("对照", "逐元素展开", "autograd", "步骤两边"),
        ("误差", "1.0e-60", "5.0e-01", "5.0e-01"),
        ("容许误差", "1e-40", "1e-10", "1e-40"),
    ):
        assert {place(good, first), place(bad, second), place(last, third)} == {
            place(header, title)
        }
    assert good.endswith("通过")
    assert bad.endswith("不符  a note")  # the words of another are left as they are
    assert last.endswith("不符  U 的第 2 步（共 3 步，'factor'）")
    assert [line.partition("：")[0] for line in meanings] == ["逐元素展开", "autograd", "步骤两边"]
    assert verdict.startswith(
        "3 项中有 2 项不符；误差最大的一项：U：推导步骤 对照 步骤两边：误差 5.0e-01"
    )
    assert Report([GOOD]).text("zh").endswith("容许误差 1e-40：通过")
    assert Report([]).text("zh") == "没有验证任何内容"
    assert report.text("en") == str(report)


def test_every_oracle_and_subject_has_words():
    for oracle in TOLERANCES:
        assert f"report-meaning-{oracle}" in WORDS["zh"]
    for oracle in ("expanded", "differences", "steps"):  # the others are names of PyTorch's
        assert WORDS["zh"][f"report-oracle-{oracle}"] != oracle


def test_the_json_carries_every_row_and_is_strict():
    infinite = replace(BAD, error=math.inf)
    document = json.loads(Report([GOOD, infinite]).to_json(), parse_constant=pytest.fail)
    assert document["ok"] is False
    assert document["worst"]["gradient"] == "b1"
    assert [row["ok"] for row in document["rows"]] == [True, False]
    assert document["rows"][0]["error"] == 1e-60
    assert document["rows"][1]["error"] is None
