"""Whatever a page shows is evaluated to 50 digits, and what is wrong is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from page_systems import PAGES, SECOND_ORDER

import symbackprop as sb
from symbackprop.calculus import Backward, Step, derive_backward, derive_hessian, derive_jacobian
from symbackprop.errors import ShapeError, UnknownNameError, VerificationError
from symbackprop.language import Equation, bracket
from symbackprop.typeset import matrix as mx
from symbackprop.typeset.equations import EquationWriter
from symbackprop.typeset.slices import page_slices
from symbackprop.verify import equalities
from symbackprop.verify.equalities import check_equalities

ROOT = Path(__file__).resolve().parents[1]
NETWORK = derive_backward(
    sb.Sequential(sb.Linear(3, 5), sb.ReLU(), sb.Linear(5, 2)).system(sb.MSELoss(), sb.L2(0.3))
)
LABELS = derive_backward(
    sb.Sequential(sb.Linear(3, 5), sb.ReLU(), sb.Linear(5, 2)).system(sb.CrossEntropyLoss())
)
SQUARE = derive_backward(
    sb.Sequential(sb.Linear(4, 4), sb.Tanh(), sb.Linear(4, 4)).system(sb.MSELoss())
)
RECURRENT = derive_backward(*PAGES["g_linear_rnn"]())


def refused(backward: Backward, *words: str, writers: Any = None) -> None:
    """Whether the check stops at a place that its message names."""
    with pytest.raises(VerificationError) as caught:
        check_equalities(backward, writers)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_code == 1


# --- what holds -------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds(name: str) -> None:
    backward = derive_backward(*PAGES[name]())
    checked = check_equalities(backward)
    assert (checked.digits, checked.points) == (50, 2)
    assert 0 < checked.worst <= 1e-50
    assert checked.sizes.keys() == {str(size) for size in backward.system.sizes}
    assert len(set(checked.sizes.values())) == len(checked.sizes)
    assert all(sp.isprime(extent) for extent in checked.sizes.values())
    assert checked.count > len(backward.steps) + len(backward.gradients)


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_a_page_of_second_derivatives_holds(name: str) -> None:
    system, wrt = SECOND_ORDER[name]
    assert check_equalities(derive_hessian(system(), wrt)).worst <= 1e-50


def test_a_jacobian_holds() -> None:
    network = sb.Sequential(sb.Linear("D", "K"), sb.Softmax(dim=1)).system(sb.MSELoss())
    assert check_equalities(derive_jacobian(network, "a1", ["z1", "W1"])).worst <= 1e-50


def test_an_adjoint_is_0_where_its_tensor_was_not_read() -> None:
    """GLU's gate reads the second half of the channels, its values the first."""
    system = sb.Sequential(sb.GLU()).system(sb.MSELoss(), shape=(6,))
    assert check_equalities(derive_backward(system, ["x"])).worst <= 1e-50
    assert sb.derive(system, ["x"]).verify(backends=["numpy"]).ok


def test_given_sizes_are_used_and_bad_ones_refused() -> None:
    assert check_equalities(LABELS, sizes={"N": 11}).sizes == {"N": 11}
    with pytest.raises(UnknownNameError):
        check_equalities(LABELS, sizes={"M": 3})
    with pytest.raises(ShapeError):
        check_equalities(LABELS, sizes={"N": 0})


def test_only_the_forms_of_the_page_are_counted() -> None:
    indexed = check_equalities(LABELS, [])
    row = check_equalities(LABELS, [writer(LABELS, "row")])
    both = check_equalities(LABELS)
    assert row.count - indexed.count == both.count - row.count > 0


def test_without_a_point_at_which_the_objective_has_a_value_steps_are_checked() -> None:
    n = sb.index("n", "N")
    w, objective = sb.parameter("w", n), sb.Tensor("L")
    equations = [sb.Equation(objective, sp.Sum(sp.log(-sp.exp(w[n])), n))]
    backward = derive_backward(sb.System(equations, [w], minimize="L"))
    checked = check_equalities(backward)
    assert checked.count >= len(backward.steps)
    assert checked.unchecked == ("L",)


def test_a_fact_that_does_not_hold_is_reported() -> None:
    n, k = sb.index("n", "N"), sb.index("k", "K")
    w, y, objective = sb.parameter("w", n, k), sb.input("y", n, k), sb.Tensor("L")
    fact = sb.Fact(sp.Sum(y[n, k] ** 2, k), 1)
    system = sb.System(
        [sb.Equation(objective, sp.Sum(w[n, k] ** 2 * y[n, k] ** 2, n, k))],
        [w, y],
        minimize="L",
        facts=[fact],
    )
    with pytest.raises(VerificationError, match="declared fact"):
        check_equalities(derive_backward(system))


def test_neither_pytorch_nor_the_compilers_are_loaded() -> None:
    code = (
        "import sys\nfrom symbackprop.verify import check_equalities\n"
        "rooms = {n for n in sys.modules if n.startswith('symbackprop.')}\n"
        "print({'torch', 'scipy'} & set(sys.modules),"
        " any(n.startswith('symbackprop.compile') for n in rooms))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["set()", "False"]


# --- steps ------------------------------------------------------------------------------


@pytest.mark.parametrize("backward", [NETWORK, LABELS, RECURRENT])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_wrong_side_of_any_step_is_named(backward: Backward, side: str) -> None:
    for place, step in enumerate(backward.steps):
        if getattr(step, side) == step.lhs:
            continue
        steps = list(backward.steps)
        steps[place] = replace(step, **{side: 2 * getattr(step, side)})
        mine = [s for s in steps if s.target == step.target]
        alone = len([s for s in mine if s.before != s.lhs]) == 0
        number = mine.index(steps[place]) + 1
        named = f"step {number} of {len(mine)} for {step.target}, {step.rule!r}"
        words = [f"d{step.target}"] if alone else [named, "does not hold"]
        refused(replace(backward, steps=steps), *words, "with ", "report it")


def with_step(target: str, place: int, change: Callable[[Step], sp.Expr]) -> Backward:
    """A derivation in which one of a target's steps leaves something else."""
    steps = list(LABELS.steps)
    mine = [number for number, step in enumerate(steps) if step.target == target]
    steps[mine[place]] = replace(steps[mine[place]], after=change(steps[mine[place]]))
    return replace(LABELS, steps=steps)


def test_a_difference_in_the_fiftieth_digit_is_seen() -> None:
    def altered(digits: int) -> Backward:
        return with_step("z2", 3, lambda step: step.after * (1 + sp.Rational(1, 10**digits)))

    refused(altered(49), "step 4 of 8 for z2")
    assert 1e-53 < check_equalities(altered(52)).worst < 1e-51


def test_both_values_and_the_position_are_given() -> None:
    altered = with_step("z2", 3, lambda _: sp.Integer(9))
    refused(altered, "step 4 of 8 for z2", " is not 9.0", "dz2[n, k] at n = ", "N = 7")


def test_a_step_that_cannot_be_evaluated_is_named() -> None:
    altered = with_step("z2", 2, lambda _: sp.Symbol("nothing", real=True))
    refused(altered, "step 3 of 8 for z2", "cannot be evaluated", "'nothing'")


# --- equations --------------------------------------------------------------------------


def drop_a_term(equation: Equation) -> sp.Expr:
    addition = next(e for e in sp.preorder_traversal(equation.rhs) if isinstance(e, sp.Add))
    first, *_ = sorted(addition.args, key=str)
    return equation.rhs.xreplace({addition: addition - first})


def forget_a_sum(equation: Equation) -> sp.Expr:
    total = next(e for e in sp.preorder_traversal(equation.rhs) if isinstance(e, sp.Sum))
    at = {limit[0]: sp.Integer(1) for limit in total.limits}
    return equation.rhs.xreplace({total: total.function.xreplace(at)})


def swap_indices(equation: Equation) -> sp.Expr:
    first, second = equation.indices
    return equation.rhs.xreplace({first: second, second: first})


def no_mask(equation: Equation) -> sp.Expr:
    return equation.rhs.xreplace({mask: sp.Integer(1) for mask in equation.rhs.atoms(bracket)})


WRONG: dict[str, tuple[Backward, str, Callable[[Equation], sp.Expr]]] = {
    "factor 2": (LABELS, "b1", lambda equation: 2 * equation.rhs),
    "sign": (NETWORK, "z1", lambda equation: -equation.rhs),
    "penalty dropped": (NETWORK, "W2", drop_a_term),
    "label dropped": (LABELS, "z2", drop_a_term),
    "sum over the batch forgotten": (LABELS, "W1", forget_a_sum),
    "sum over the outputs forgotten": (LABELS, "z1", forget_a_sum),
    "transposed": (SQUARE, "W2", swap_indices),
    "no mask": (NETWORK, "z1", no_mask),
}


@pytest.mark.parametrize(("backward", "name", "change"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("with_steps", [True, False])
def test_a_wrong_equation_is_named(
    backward: Backward, name: str, change: Callable[[Equation], sp.Expr], with_steps: bool
) -> None:
    """By the steps that lead elsewhere; without them, by the objective's change."""
    kind = "gradients" if name in backward.gradients else "adjoints"
    equations = dict(getattr(backward, kind))
    equations[name] = Equation(equations[name].lhs, change(equations[name]))
    steps = backward.steps if with_steps else ()
    said = "is not what its steps lead to" if with_steps else "is not the change of L"
    refused(replace(backward, steps=steps, **{kind: equations}), name, said, "N = ")


# --- matrix forms -----------------------------------------------------------------------


class Altered(EquationWriter):
    """A writer that makes a mistake in the matrix form of one equation."""

    def __init__(
        self,
        backward: Backward,
        convention: Any,
        name: str,
        change: Callable[[mx.Matrix], mx.Matrix],
    ) -> None:
        slices = page_slices(backward.system)
        super().__init__(backward.tensors, "matrix", convention, backward.of, slices)
        self._name, self._change = name, change

    def form(self, equation: Equation) -> mx.MatrixEquation | None:
        found = super().form(equation)
        if found is None or equation.name != self._name:
            return found
        changed = self._change(found.right)
        assert changed != found.right
        altered = object.__new__(mx.MatrixEquation)  # not even of a shape that fits
        object.__setattr__(altered, "left", found.left)
        object.__setattr__(altered, "right", changed)
        return altered


def writer(backward: Backward, convention: Any) -> EquationWriter:
    slices = page_slices(backward.system)
    return EquationWriter(backward.tensors, "matrix", convention, backward.of, slices)


def within(matrix: mx.Matrix, kind: type, change: Callable[[Any], mx.Matrix]) -> mx.Matrix:
    """The first node of a kind changed, wherever it is; shapes are not looked at."""
    if isinstance(matrix, kind):
        return change(matrix)
    for name in getattr(matrix, "__dataclass_fields__", ()):
        value = getattr(matrix, name)
        parts = value if isinstance(value, tuple) else (value,)
        for place, part in enumerate(parts):
            inner = part[1] if isinstance(part, tuple) and len(part) == 2 else part
            if not isinstance(inner, mx.Matrix):
                continue
            changed = within(inner, kind, change)
            if changed is not inner:
                part = (part[0], changed) if isinstance(part, tuple) else changed  # noqa: PLW2901
                several = (*parts[:place], part, *parts[place + 1 :])
                return remade(matrix, name, several if isinstance(value, tuple) else part)
    return matrix


def remade(node: mx.Matrix, name: str, value: Any) -> mx.Matrix:
    other = object.__new__(type(node))
    for key in node.__dataclass_fields__:
        object.__setattr__(other, key, value if key == name else getattr(node, key))
    return other


FORMS: dict[str, tuple[Backward, str, Callable[[mx.Matrix], mx.Matrix]]] = {
    "transpose dropped": (SQUARE, "dW2", lambda m: within(m, mx.Transpose, lambda t: t.body)),
    "factor 2": (LABELS, "dW1", lambda m: mx.Scaled(mx.Constant(sp.Integer(2)), m)),
    "factor dropped": (LABELS, "dz2", lambda m: within(m, mx.Scaled, lambda s: s.body)),
    "term dropped": (NETWORK, "dW2", lambda m: within(m, mx.Plus, lambda p: p.terms[0][1])),
    "sign": (
        LABELS,
        "dz2",
        lambda m: within(m, mx.Plus, lambda p: mx.Plus(tuple((not s, t) for s, t in p.terms))),
    ),
    "mask dropped": (
        NETWORK,
        "dz1",
        lambda m: within(m, mx.Hadamard, lambda h: h.factors[0]),
    ),
    "sum over steps missing": (RECURRENT, "dW_hh", lambda m: within(m, mx.Steps, lambda s: s.body)),
    "ones transposed": (NETWORK, "z1", lambda m: within(m, mx.Ones, mx.Transpose)),
}


@pytest.mark.parametrize("convention", ["row", "column"])
@pytest.mark.parametrize(("backward", "name", "change"), FORMS.values(), ids=FORMS)
def test_a_wrong_matrix_form_is_named(
    backward: Backward, name: str, change: Callable[[mx.Matrix], mx.Matrix], convention: Any
) -> None:
    altered = Altered(backward, convention, name, change)
    named = f"the matrix form of the equation for {name} ({convention} convention)"
    refused(backward, named, writers=[altered])


# --- large sizes ------------------------------------------------------------------------

LARGE = derive_backward(
    sb.Sequential(sb.Linear(784, 128), sb.ReLU(), sb.Linear(128, 10)).system(sb.CrossEntropyLoss())
)


@pytest.mark.parametrize("name", [*PAGES, *SECOND_ORDER])
def test_a_page_holds_where_most_tensors_are_random(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equalities, "_AFFORDABLE", 0)
    if name in PAGES:
        backward = derive_backward(*PAGES[name]())
    else:
        system, wrt = SECOND_ORDER[name]
        backward = derive_hessian(system(), wrt)
    checked = check_equalities(backward, [])
    assert checked.unchecked == ()
    assert checked.count == len(backward.steps)
    assert checked.worst <= 1e-50


def test_large_layers_are_checked_at_their_own_sizes() -> None:
    checked = check_equalities(LARGE)
    assert checked.unchecked == ()
    assert checked.count > len(LARGE.steps)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_wrong_step_of_a_large_network_is_named(side: str) -> None:
    steps = list(LARGE.steps)
    place = next(n for n, s in enumerate(steps) if (s.target, s.rule) == ("z1", "inline-adjoint"))
    steps[place] = replace(steps[place], **{side: 2 * getattr(steps[place], side)})
    named = f"for z1, {steps[place].rule!r}"
    with pytest.raises(VerificationError, match=named):
        check_equalities(replace(LARGE, steps=steps), [])


@pytest.mark.parametrize("name", ["dW1", "dz1", "z1"])
def test_a_wrong_form_of_a_large_network_is_named(name: str) -> None:
    altered = Altered(LARGE, "row", name, lambda m: mx.Scaled(mx.Constant(sp.Integer(2)), m))
    refused(LARGE, f"equation for {name} (row convention)", writers=[altered])


def test_what_is_too_costly_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equalities, "_MOST", 20)
    monkeypatch.setattr(equalities, "_LEAST", 20)
    checked = check_equalities(LARGE, [])
    assert 0 < checked.count < len(LARGE.steps)
    assert set(checked.unchecked) < {step.target for step in LARGE.steps}
