"""Numbers put through a derivation: Mazur's figures, formulas with numbers, local derivatives."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction as Ratio
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from test_mazur import FORWARD, STEP

import symbackprop as sb
from symbackprop.calculus import Backward, derive_backward
from symbackprop.calculus.local import LocalDerivative, local_derivatives
from symbackprop.errors import DataError, EquationError, OptionError
from symbackprop.interop.examples import EXAMPLES, example
from symbackprop.language import Domain, Role, element_name, size_of
from symbackprop.typeset import text_expression
from symbackprop.typeset.columns import display_width
from symbackprop.typeset.compose import Composer
from symbackprop.typeset.figures import figure, is_exact
from symbackprop.typeset.formula import (
    Call,
    Dots,
    Figure,
    Formula,
    Fraction,
    Group,
    Number,
    Power,
    Product,
    Root,
    Total,
)
from symbackprop.typeset.number_text import text_lines
from symbackprop.typeset.numbers import Layout, Quantity, Values, Worked, lines_of
from symbackprop.typeset.page_latex import latex_page
from symbackprop.typeset.page_markdown import markdown_page
from symbackprop.typeset.page_text import text_page
from symbackprop.typeset.text import text
from symbackprop.verify.arithmetic import Decimals
from symbackprop.verify.evaluate import Evaluator
from symbackprop.verify.sampling import Point
from symbackprop.verify.tables import Derived, Forward
from symbackprop.verify.worked import easy_point, work_out

EQUATIONS = Path(__file__).parent / "equations"
WRITERS = (text_page, latex_page, markdown_page)


def softmax_network() -> sb.System:
    return sb.Sequential(sb.Linear("D", "H"), sb.Tanh(), sb.Linear("H", "K")).system(
        sb.CrossEntropyLoss()
    )


def _systems() -> Iterator[Any]:
    for path in sorted(EQUATIONS.glob("*.eqs")):
        yield pytest.param(sb.load(path), id=path.stem)
    yield pytest.param(softmax_network(), id="network")
    yield pytest.param(
        sb.Sequential(
            sb.Conv2d(1, 2, 2), sb.ReLU(), sb.MaxPool2d(2), sb.Flatten(), sb.Linear(2, 2)
        ).system(sb.MSELoss(), shape=(1, 3, 3)),
        id="convolution_and_pool",
    )


SYSTEMS = list(_systems())


@cache
def worked_at_random(system: sb.System) -> tuple[Backward, Point, Worked]:
    backward = derive_backward(system)
    point = easy_point(backward)
    return backward, point, work_out(backward, point, digits=30)


@cache
def mazur() -> tuple[Backward, Point, Worked]:
    known = example("mazur")
    system = known.system()
    backward = derive_backward(system, known.wrt)
    point, rate = known.numbers(system)
    worked = work_out(backward, point, rate=rate)
    return backward, point, replace(worked, remarks=known.remarks(backward, point, worked))


# --- Mazur -----------------------------------------------------------------------------

#: What the table of figures says, by what stands left of it on the page.
FIGURES = {
    **{f"{name}[{place}]": figure for (name, place), figure in FORWARD.items()},
    "∂E/∂net_o[0]": "0.138498562",
    **{f"∂E/∂{name}[{i},{j}]": slope for name, (i, j), slope, _ in STEP},
    **{f"{name}[{i},{j}]": moved for name, (i, j), _, moved in STEP},
}


@pytest.fixture(scope="module")
def mazur_page() -> str:
    backward, _, worked = mazur()
    page = Composer(backward, ("row",)).page(numbers=worked, folded=False)
    return text_page(page, "row", "key")


def unbroken(page: str) -> str:
    """The page with lines that were broken put together."""
    return re.sub(r"\n {6,}(?=[=≈·+−])", " ", page)


@pytest.mark.parametrize("left", FIGURES)
def test_figures_are_printed_as_published(mazur_page: str, left: str) -> None:
    found = re.search(rf"^ +{re.escape(left)} [=≈←] (?:.* )?(\S+)$", unbroken(mazur_page), re.M)
    assert found, left
    assert_published(found[1], FIGURES[left])


def assert_published(printed: str, published: str) -> None:
    """All published digits are there: cut off, or rounded, where there are more."""
    printed, exact = printed.replace("−", "-"), Decimal(published)
    assert len(printed) >= len(published.rstrip("0"))
    last = exact.as_tuple().exponent
    assert isinstance(last, int)
    assert abs(Decimal(printed) - exact) < Decimal(10) ** last, printed


def test_error_before_and_after_the_step(mazur_page: str) -> None:
    before, after = re.findall(r"^ +E (?:≈.*)?≈ (\S+)(?:  \(after the step\))?$", mazur_page, re.M)
    assert_published(before, "0.2983711087600027")
    assert_published(after, "0.29102777369")


def test_slip_in_the_published_error_is_explained(mazur_page: str) -> None:
    said = " ".join(mazur_page.split())
    published, right, slipped = re.search(
        r"gives (\S+) for the error .*? weights give (\S+); .*? comes out, as (\S+), when", said
    ).groups()  # type: ignore[union-attr]
    assert published == "0.291027924"
    assert_published(right, "0.29102777369")
    assert_published(slipped, "0.29102792390")
    assert_published(slipped, published)


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("level", ["result", "key", "all"])
def test_pages(golden: Callable[[str, str], None], write: Any, level: str) -> None:
    backward, _, worked = mazur()
    page = Composer(backward, ("row",)).page(numbers=worked, folded=False)
    written = write(page, "row", level)
    if level == "key":
        suffix = {"text_page": "txt", "latex_page": "tex", "markdown_page": "md"}[write.__name__]
        golden(f"numbers/mazur.{suffix}", written)
    assert written.count("0.561370121") >= 1


def test_chinese_says_the_same_numbers(mazur_page: str) -> None:
    backward, _, worked = mazur()
    page = Composer(backward, ("row",)).page(numbers=worked, folded=False)
    chinese = text_page(page, "row", "key", "zh")
    assert "梯度下降一步" in chinese
    assert all(display_width(line) <= 80 for line in chinese.split("\n"))
    assert re.findall(r"[\d.]{4,}", chinese) == re.findall(r"[\d.]{4,}", mazur_page)


def test_examples_have_numbers_for_every_tensor() -> None:
    for known in EXAMPLES.values():
        system = known.system()
        point, rate = known.numbers(system)
        assert point.values.keys() == {tensor.name for tensor in system.given}
        assert rate > 0


def test_unknown_example() -> None:
    with pytest.raises(sb.errors.UnknownNameError, match="unknown example 'mazor'") as caught:
        example("mazor")
    assert "did you mean 'mazur'" in str(caught.value)


# --- local derivatives -----------------------------------------------------------------


def test_local_derivatives_are_read_off() -> None:
    system = softmax_network()
    found = {
        local.by.base.label.name: (
            str(local.of), str(local.by), text_expression(local.value, system.tensors, "nkl")
        )
        for name in ("a1", "z2", "p")
        for local in local_derivatives(system, name, system.tensors)
        if isinstance(local.by, sp.Indexed)
    }  # fmt: skip
    assert found["z1"] == ("a1[n, j]", "z1[n, j]", "1 − a1[n,j]²")
    assert found["a1"] == ("z2[n, k]", "a1[n, j]", "W2[k,j]")
    assert found["W2"] == ("z2[n, k]", "W2[k, j]", "a1[n,j]")
    assert found["b2"] == ("z2[n, k]", "b2[k]", "1")


def test_local_derivative_of_a_softmax() -> None:
    system = sb.load(EQUATIONS / "softmax.eqs")
    (local,) = local_derivatives(system, "p", ["z"])
    assert str(local.of) == "p[n, k]"
    row, column = local.by.indices
    assert (str(row.label), size_of(column)) == ("n", size_of(local.of.indices[1]))
    by = str(column.label)
    assert text_expression(local.value, system.tensors, f"nk{by}") in (
        f"p[n,{by}]·([k = {by}] − p[n,k])", f"p[n,k]·([k = {by}] − p[n,{by}])",
    )  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS)
def test_local_derivatives_multiplied_along_the_chain_are_the_adjoints(system: sb.System) -> None:
    real = [
        t.name for t in system.given if t.domain is not Domain.LABEL and t.role is not Role.MASK
    ]
    wanted = [name for name in real if name in read_by(system)]
    backward = derive_backward(system, wanted)
    point = easy_point(backward)
    with mpmath.workdps(60):
        chain = Chain(backward, Derived(backward, Forward(system, point)), point)
        for equation in system.equations:
            for local in local_derivatives(system, equation.name, chain.summed):
                chain.pull(local)
        for name, summed in chain.summed.items():
            for place, value in chain.adjoint(name).items():
                assert abs(summed.get(place, 0) - value) < 1e-40, (name, place)


def read_by(system: sb.System) -> set[str]:
    return {name for equation in system.equations for name in equation.used_names}


class Chain:
    """What local derivatives send back, added up element by element."""

    def __init__(self, backward: Backward, derived: Derived, point: Point) -> None:
        self.backward, self.derived = backward, derived
        self.sizes = dict(point.sizes)
        self.evaluator = Evaluator(Decimals(), derived, point.sizes)
        names = {*backward.adjoints, *backward.gradients} - {backward.of}
        self.summed: dict[str, dict[tuple[int, ...], Any]] = {name: {} for name in names}

    def adjoint(self, name: str) -> Mapping[Any, Any]:
        if name == self.backward.of:
            return {(): 1}
        equations = (self.backward.adjoints, self.backward.gradients)
        found = [e[name] for e in equations if name in e]
        return self.derived[found[0].name] if found else {}

    def pull(self, local: LocalDerivative) -> None:
        of, by = (getattr(element, "indices", ()) for element in (local.of, local.by))
        free = sorted({idx for place in (*of, *by) for idx in place.atoms(sp.Idx)}, key=str)
        value = self.evaluator.function(local.value, free)
        arriving = self.adjoint(element_name(local.of))
        target = element_name(local.by)
        shape = [self.whole(extent) for extent in self.backward.tensors[target].shape]
        for at in product(*(range(self.whole(size_of(idx))) for idx in free)):
            places = dict(zip(free, map(sp.Integer, at), strict=True))
            here, there = (tuple(self.whole(p.xreplace(places)) for p in s) for s in (of, by))
            if all(0 <= n < extent for n, extent in zip(there, shape, strict=True)):
                sent = arriving.get(here, 0) * value(at)
                self.summed[target][there] = self.summed[target].get(there, 0) + sent

    def whole(self, size: sp.Expr) -> int:
        return int(size.xreplace(self.sizes))


# --- formulas with numbers -------------------------------------------------------------


@pytest.mark.parametrize("system", SYSTEMS)
def test_formulas_with_numbers_make_their_values(system: sb.System) -> None:
    _, _, worked = worked_at_random(system)
    quantities = [*worked.equations.values(), *(q for qs in worked.local.values() for q in qs)]
    instances = [i for q in (*quantities, *worked.updates.values()) for i in q.instances]
    told = [i for i in instances if i.right is not None and "⋯" not in text(i.right)]
    assert len(told) >= 3
    with mpmath.workdps(60):
        for instance in told:
            assert instance.right is not None
            found, expected = number(instance.right), mpmath.mpf(str(instance.value))
            if mpmath.isfinite(expected):
                assert abs(found - expected) < 1e-24 * max(1, abs(expected)), text(instance.left)


def number(formula: Formula) -> Any:
    """The value of a formula of numbers."""
    match formula:
        case Figure("∞"):
            return mpmath.inf
        case Figure(digits, power):
            return mpmath.mpf(digits) * mpmath.mpf(10) ** power
        case Number(value):
            return mpmath.mpf(int(value.p)) / int(value.q)
        case Group(body):
            return number(body)
        case Total(terms):
            return sum(-number(term) if minus else number(term) for minus, term in terms)
        case Product(factors):
            return mpmath.fprod(map(number, factors))
        case Fraction(above, below):
            return number(above) / number(below)
        case Power(base, exponent):
            return number(base) ** number(exponent)
        case Root(radicand):
            return mpmath.sqrt(number(radicand))
        case Call(function, arguments):
            values = [number(argument) for argument in arguments]
            return function.value(*values) if isinstance(function, sb.Primitive) else max(values)
    assert text(formula) == "π"
    return mpmath.pi


def test_a_sum_of_many_terms_has_dots() -> None:
    system = sb.Sequential(sb.Linear(9, 1)).system(sb.MSELoss())
    backward = derive_backward(system)
    worked = work_out(backward, easy_point(backward, {"N": 1}))
    (instance,) = worked.equations["z1"].instances
    assert isinstance(instance.right, Total)
    assert [isinstance(term, Dots) for _, term in instance.right.terms] == [
        False, False, True, False, False,
    ]  # fmt: skip


# --- figures and tables ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0", "0"), ("0.3775", "0.3775"), ("0.5932699921071872", "0.593269992"),
        ("0.511301270238", "0.511301270"), ("1.10590596706", "1.105905967"),
        ("-0.0226025404775", "−0.0226025405"), ("0.000438567734", "0.000438567734"),
        ("0.9999999999", "1.000000000"), ("12345.678", "12345.678"), ("0.00001234", "1.234e-5"),
        ("1234567890123", "1.234567890e12"), ("Infinity", "∞"), ("-Infinity", "−∞"),
        ("NaN", "NaN"),
    ],
)  # fmt: skip
def test_figures(value: str, shown: str) -> None:
    assert text(figure(Decimal(value))) == shown


def test_a_number_is_exact_if_nothing_is_left_out() -> None:
    assert is_exact(Decimal("0.3775"))
    assert is_exact(Decimal("0.000000001234"))
    assert not is_exact(Decimal("0.37750000001"))
    assert not is_exact(Decimal(1) / 3)


def table_of(*shape: int, digits: int = 9) -> list[str]:
    places = list(product(*map(range, shape)))
    values = Values(shape, {place: Decimal(n) / 7 for n, place in enumerate(places)})
    letters = {place: figure(Decimal(0)) for place in [()]}
    quantity = Quantity("W", (), None, letters, values, digits=digits)
    return list(text_lines(lines_of(quantity, Layout()), "en", 80))


def test_tables_align_points_and_drop_digits_before_columns() -> None:
    assert table_of(2, 2) == ["0 ≈ ⎡0            0.142857143⎤", "    ⎣0.285714286  0.428571429⎦"]
    wide = table_of(1, 8)
    assert wide[0].count("  ") >= 7
    assert max(map(len, wide)) <= 72
    assert "⋯" not in wide[0]


def test_large_tensors_show_a_corner_and_their_shape() -> None:
    system = sb.Sequential(sb.Linear(10, 20)).system(sb.MSELoss())
    backward = derive_backward(system)
    worked = work_out(backward, easy_point(backward))
    shown = list(text_lines(lines_of(worked.given["W1"], Layout()), "en", 80))
    assert len(shown) == 5
    assert shown[0].endswith("⋯⎤")
    assert shown[-1].count("⋮") == 4
    assert shown[-1].endswith("⋱⎦  (20 × 10)")


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("view", ["row", "column"])
def test_numbers_fit_a_screen(system: sb.System, view: Any) -> None:
    backward, point, _ = worked_at_random(system)
    worked = work_out(backward, point)
    plain, numbered = (
        set(
            text_page(Composer(backward, (view,)).page(numbers=n, folded=False), view, "key").split(
                "\n"
            )
        )
        for n in (None, worked)
    )
    assert len(numbered) > len(plain)
    for line in numbered - plain:
        assert len(line) <= 80, line


def test_matrices_stand_as_the_convention_says() -> None:
    backward = derive_backward(softmax_network())
    worked = work_out(backward, easy_point(backward))
    rows, columns = (
        text_page(Composer(backward, (view,)).page(numbers=worked), view, "key").split("\n")
        for view in ("row", "column")
    )
    x = worked.given["x"].values
    assert x.shape == (2, 3)
    entries = [text(figure(value)) for value in x.entries.values()]
    assert table(rows, "x")[0] == entries[:3]
    assert table(columns, "x")[0] == [entries[0], entries[3]]
    assert table(rows, "W1") == table(columns, "W1")


def table(lines: list[str], letter: str) -> list[list[str]]:
    start = next(n for n, line in enumerate(lines) if re.match(rf" +{letter} [=≈] ⎡", line))
    end = next(n for n in range(start, len(lines)) if "⎦" in lines[n])
    return [re.findall(r"[−\d.]+", line.split("⎡")[-1].split("⎢")[-1].split("⎣")[-1])
            for line in lines[start : end + 1]]  # fmt: skip


# --- drawn numbers ---------------------------------------------------------------------


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
