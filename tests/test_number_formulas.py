"""Formulas with numbers in them, figures and tables of numbers, and how they stand on a page."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import product
from typing import Any

import mpmath
import pytest
from number_systems import SYSTEMS, softmax_network, worked_at_random

import symbackprop as sb
from symbackprop.calculus import derive_backward
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
from symbackprop.typeset.numbers import Layout, Quantity, Values, lines_of
from symbackprop.typeset.page_text import text_page
from symbackprop.typeset.text import text
from symbackprop.verify.worked import easy_point, work_out


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
