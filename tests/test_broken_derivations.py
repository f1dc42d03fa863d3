"""A wrong derivation is caught, by every oracle that can see it, and the gradient is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symbackprop as sb
from symbackprop.calculus import Backward, derive_backward
from symbackprop.compile import compile_backward
from symbackprop.errors import VerificationError
from symbackprop.language import Equation, bracket
from symbackprop.verify import Report, verify_backward

Change = Callable[[Equation], sp.Expr]

NETWORK = sb.Sequential(sb.Linear(3, 5), sb.ReLU(), sb.Linear(5, 2))
REGRESSION = derive_backward(NETWORK.system(sb.MSELoss(), sb.L2(0.3)))
LABELS = derive_backward(NETWORK.system(sb.CrossEntropyLoss()))
SQUARE = derive_backward(
    sb.Sequential(sb.Linear(4, 4), sb.ReLU(), sb.Linear(4, 4), sb.ReLU(), sb.Linear(4, 4)).system(
        sb.MSELoss()
    )
)


def broken(backward: Backward, name: str, change: Change) -> Backward:
    """The derivation with the equation of one gradient or adjoint changed."""
    kind = "gradients" if name in backward.gradients else "adjoints"
    equations = dict(getattr(backward, kind))
    changed = change(equations[name])
    assert changed != equations[name].rhs, "the change must change something"
    equations[name] = Equation(equations[name].lhs, changed)
    return replace(backward, **{kind: equations})


def verified(backward: Backward) -> Report:
    compiled = {backend: compile_backward(backward, backend) for backend in ("numpy", "torch")}
    return verify_backward(backward, compiled)


def flip_sign(equation: Equation) -> sp.Expr:
    return -equation.rhs


def twice(equation: Equation) -> sp.Expr:
    return 2 * equation.rhs


def drop_a_term(equation: Equation) -> sp.Expr:
    """Leave out one term of a sum of terms, the outermost there is."""
    addition = next(e for e in sp.preorder_traversal(equation.rhs) if isinstance(e, sp.Add))
    first, *_ = sorted(addition.args, key=str)
    return equation.rhs.xreplace({addition: addition - first})


def forget_a_sum(equation: Equation) -> sp.Expr:
    """Replace the outermost sum by one of its terms."""
    total = next(e for e in sp.preorder_traversal(equation.rhs) if isinstance(e, sp.Sum))
    at = {limit[0]: sp.Integer(1) for limit in total.limits}
    return equation.rhs.xreplace({total: total.function.xreplace(at)})


def transpose(equation: Equation) -> sp.Expr:
    """Exchange the two indices of the left side on the right side."""
    first, second = equation.indices
    return equation.rhs.xreplace({first: second, second: first})


def transpose_the_weight(equation: Equation) -> sp.Expr:
    weight = next(e for e in equation.rhs.atoms(sp.Indexed) if str(e.base).startswith("W"))
    return equation.rhs.xreplace({weight: weight.base[tuple(reversed(weight.indices))]})


def forget_the_mean(equation: Equation) -> sp.Expr:
    return sb.size("N") * equation.rhs


def mask_of(name: str) -> Change:
    """Take the ReLU mask from another tensor."""

    def change(equation: Equation) -> sp.Expr:
        (mask,) = equation.rhs.atoms(bracket)
        element = next(iter(mask.atoms(sp.Indexed)))
        wrong = sp.IndexedBase(sp.Symbol(name, real=True))[element.indices]
        return equation.rhs.xreplace({mask: bracket(wrong > 0)})

    return change


def no_mask(equation: Equation) -> sp.Expr:
    return equation.rhs.xreplace({mask: sp.Integer(1) for mask in equation.rhs.atoms(bracket)})


#: Derivation, what is changed, how, and the gradients that are wrong as a result.
BREAKS: dict[str, tuple[Backward, str, Change, set[str]]] = {
    "sign of a gradient": (REGRESSION, "W1", flip_sign, {"W1"}),
    "sign of an error": (REGRESSION, "z1", flip_sign, {"W1", "b1"}),
    "penalty dropped": (REGRESSION, "W2", drop_a_term, {"W2"}),
    "target dropped": (REGRESSION, "z2", drop_a_term, {"W1", "b1", "W2", "b2"}),
    "label dropped": (LABELS, "z2", drop_a_term, {"W1", "b1", "W2", "b2"}),
    "sum over the batch forgotten": (LABELS, "W1", forget_a_sum, {"W1"}),
    "bias not summed": (LABELS, "b2", forget_a_sum, {"b2"}),
    "sum over the outputs forgotten": (LABELS, "z1", forget_a_sum, {"W1", "b1"}),
    "square gradient transposed": (SQUARE, "W2", transpose, {"W2"}),
    "square weight transposed": (SQUARE, "z2", transpose_the_weight, {"W1", "b1", "W2", "b2"}),
    "mean forgotten": (REGRESSION, "z2", forget_the_mean, {"W1", "b1", "W2", "b2"}),
    "mean forgotten, labels": (LABELS, "z2", forget_the_mean, {"W1", "b1", "W2", "b2"}),
    "factor 2": (LABELS, "b1", twice, {"b1"}),
    "mask of another layer": (SQUARE, "z1", mask_of("z2"), {"W1", "b1"}),
    "no mask": (REGRESSION, "z1", no_mask, {"W1", "b1"}),
}
EVERYBODY = {
    ("equations", "expanded"),
    ("equations", "differences"),
    ("equations", "autograd"),
    ("equations", "torch.nn"),
    ("numpy", "autograd"),
    ("numpy", "torch.nn"),
    ("torch", "autograd"),
    ("torch", "torch.nn"),
}


@pytest.mark.parametrize("backward", [REGRESSION, LABELS, SQUARE])
def test_the_unbroken_derivations_hold(backward):
    report = verified(backward)
    assert report.ok, str(report)


@pytest.mark.parametrize(("backward", "name", "change", "wrong"), BREAKS.values(), ids=BREAKS)
def test_every_oracle_sees_a_wrong_equation(backward, name, change, wrong):
    report = verified(broken(backward, name, change))
    failures = {(row.gradient, row.subject, row.oracle) for row in report.failures}
    for gradient in backward.gradients:
        seen = {(subject, oracle) for g, subject, oracle in failures if g == gradient}
        seen.discard(("steps", "steps"))
        assert seen == (EVERYBODY if gradient in wrong else set()), gradient
    # The steps lead to another equation than the one that now stands there.
    assert (name, "steps", "steps") in failures
    with pytest.raises(VerificationError) as caught:
        report.raise_if_failed()
    assert caught.value.what.split()[3] in wrong | {name}


def test_a_transposed_weight_that_does_not_fit_is_reported():
    wrong = broken(REGRESSION, "z1", transpose_the_weight)
    report = verify_backward(wrong)
    row = next(r for r in report.rows if (r.gradient, r.oracle) == ("W1", "expanded"))
    assert not row.ok
    assert "W2 is read at" in row.note


def test_a_gradient_of_another_shape_is_reported():
    gradient = REGRESSION.gradients["W1"]
    flipped = Equation(gradient.lhs.base[tuple(reversed(gradient.indices))], gradient.rhs)
    report = verify_backward(replace(REGRESSION, gradients={"W1": flipped}))
    (row,) = [r for r in report.rows if r.oracle == "expanded"]
    assert not row.ok
    assert "(3, 5)" in row.note
    assert "(5, 3)" in row.note


def test_an_equation_in_a_tensor_that_nothing_defines_is_reported():
    ghost = sp.IndexedBase(sp.Symbol("dq", real=True))
    wrong = broken(LABELS, "b1", lambda equation: ghost[equation.indices])
    row = next(r for r in verify_backward(wrong).failures if r.gradient == "b1")
    assert "'dq'" in row.note


def test_equations_that_define_each_other_in_a_circle_are_reported():
    symbol = LABELS.tensors["dz2"].symbol
    n, _ = LABELS.adjoints["z2"].indices
    wrong = broken(LABELS, "z2", lambda equation: equation.rhs + 0 * n + symbol[equation.indices])
    row = next(r for r in verify_backward(wrong).failures if r.gradient == "b2")
    assert "circle" in row.note


# --- compiled functions -----------------------------------------------------------------


def with_function(function: Callable[..., object]) -> Report:
    return verify_backward(LABELS, {"mine": function})  # type: ignore[dict-item]


def correct(values):
    return compile_backward(LABELS, "numpy")(values)


COMPILED_BREAKS: dict[str, tuple[Callable[..., object], str, str]] = {
    "wrong value": (lambda v: (correct(v)[0], correct(v)[1] | {"b1": np.ones(5)}), "b1", ""),
    "wrong loss": (lambda v: (correct(v)[0] * (1 + 1e-9), correct(v)[1]), "L", ""),
    "wrong shape": (
        lambda v: (correct(v)[0], correct(v)[1] | {"W1": correct(v)[1]["W1"].T}),
        "W1",
        "(3, 5)",
    ),
    "broadcast": (lambda v: (correct(v)[0], correct(v)[1] | {"b1": np.ones(1)}), "b1", "(1,)"),
    "nan": (lambda v: (correct(v)[0], correct(v)[1] | {"b2": np.full(2, np.nan)}), "b2", ""),
    "missing": (lambda v: (correct(v)[0], {"W1": correct(v)[1]["W1"]}), "b1", "KeyError"),
    "an exception": (lambda v: v["x"] @ v["x"], "L", "ValueError"),
}


@pytest.mark.parametrize(
    ("function", "gradient", "note"), COMPILED_BREAKS.values(), ids=COMPILED_BREAKS
)
def test_a_wrong_compiled_function_is_caught(function, gradient, note):
    rows = [row for row in with_function(function).failures if row.gradient == gradient]
    assert {(row.subject, row.oracle) for row in rows} == {
        ("mine", "autograd"),
        ("mine", "torch.nn"),
    }
    assert all(note in row.note for row in rows)


def test_a_compiled_function_cannot_spoil_what_others_see():
    def greedy(values):
        result = correct(values)
        for value in values.values():
            value[...] = 0
        return result

    report = verify_backward(LABELS, {"greedy": greedy, "numpy": correct})
    assert report.ok, str(report)


# --- steps ------------------------------------------------------------------------------


def with_step(target: str, place: int, **changes: object) -> tuple[Report, str]:
    steps = list(LABELS.steps)
    mine = [number for number, step in enumerate(steps) if step.target == target]
    number = mine[place]
    steps[number] = replace(steps[number], **changes)  # type: ignore[arg-type]
    report = verify_backward(replace(LABELS, steps=tuple(steps)))
    return report, steps[number].rule


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_wrong_side_of_a_step_is_caught(side):
    steps = [step for step in LABELS.steps if step.target == "z2"]
    report, rule = with_step("z2", 2, **{side: 2 * getattr(steps[2], side)})
    (row,) = report.failures
    assert (row.gradient, row.oracle) == ("z2", "steps")
    assert row.note.startswith(f"step 3 of {len(steps)} for z2, {rule!r}")


def test_a_step_whose_sides_agree_on_something_else_is_caught():
    step = next(step for step in LABELS.steps if step.target == "W2")
    report, rule = with_step("W2", 0, before=3 * step.after, after=3 * step.after)
    (row,) = report.failures
    assert row.gradient == "W2"
    assert repr(rule) in row.note


def test_a_step_that_cannot_be_evaluated_is_caught():
    report, _ = with_step("z1", 0, after=sp.Symbol("nothing", real=True))
    (row,) = report.failures
    assert "'nothing'" in row.note
