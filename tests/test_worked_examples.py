"""Worked examples that are built in: their figures, as they are printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from click.testing import CliRunner
from test_mazur import FORWARD, STEP

import symbackprop as sb
from symbackprop.calculus import derive_backward
from symbackprop.explanation import explained
from symbackprop.interop.examples import EXAMPLES, example
from symbackprop.typeset.columns import display_width
from symbackprop.typeset.page import Page
from symbackprop.typeset.page_latex import latex_page
from symbackprop.typeset.page_markdown import markdown_page
from symbackprop.typeset.page_text import text_page
from symbp.main import cli

WRITERS = {"txt": text_page, "tex": latex_page, "md": markdown_page}


@cache
def page_of(name: str, *wrt: str, **changed: Any) -> Page:
    known = example(name)
    system = known.system()
    numbers = replace(known.numbers(system), **changed)
    backward = derive_backward(system, wrt or known.wrt)
    return explained(backward, ("row",), title=known.source, numbers=numbers)


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
    """What a reader gets who asks for it, on a screen of 80 columns."""
    shown = CliRunner().invoke(cli, ["derive", "--example", "mazur"])
    assert shown.exit_code == 0, shown.output
    assert all(len(line) <= 80 for line in shown.stdout.split("\n"))
    return shown.stdout


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


@pytest.mark.parametrize("published", FIGURES.values())
def test_figures_stand_on_the_page_to_the_digit(mazur_page: str, published: str) -> None:
    assert re.search(rf"(?<![\d.]){published.replace('-', '−')}", mazur_page)


def test_figures_to_compare_with_are_those_of_the_page_rounded() -> None:
    worked = page_of("mazur").numbers
    assert worked is not None
    assert len(worked.figures) == 11
    for told in worked.figures:
        found = (worked.updates if told.sign == "<-" else worked.equations)[told.name].values
        assert told.values.shape == found.shape
        for place, published in told.values.entries.items():
            assert round(found.entries[place], -published.as_tuple().exponent) == published


def test_another_step_is_not_compared_with_mazur_s() -> None:
    for page in (page_of("mazur", rate=Fraction(1, 10)), page_of("mazur", "W1", "b1")):
        assert page.numbers is not None
        assert [remark.key for remark in page.numbers.remarks] == ["mazur-names"]
        assert not page.numbers.figures


def test_error_before_and_after_the_step(mazur_page: str) -> None:
    before, after, compared = re.findall(
        r"^ +E (?:≈.*)?≈ (\S+)(?:  \(after the step\))?$", mazur_page, re.M
    )
    assert before == compared == "0.2983711087600027"
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


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("level", ["result", "key", "all"])
def test_pages(golden: Callable[[str, str], None], kind: str, level: Any) -> None:
    written = WRITERS[kind](page_of("mazur"), "row", level)
    if level == "key":
        golden(f"numbers/mazur.{kind}", written)
    assert written.count("0.561370121") == 3


def test_chinese_says_the_same_numbers(mazur_page: str) -> None:
    chinese = text_page(page_of("mazur"), "row", "key", "zh")
    assert "梯度下降一步" in chinese
    assert all(display_width(line) <= 80 for line in chinese.split("\n"))
    assert re.findall(r"[\d.]{4,}", chinese) == re.findall(r"[\d.]{4,}", mazur_page)


# --- all of them -----------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_have_numbers_for_every_tensor(name: str) -> None:
    system = example(name).system()
    numbers = example(name).numbers(system)
    assert numbers.point.values.keys() == {tensor.name for tensor in system.given}
    assert numbers.rate is not None
    assert numbers.rate > 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_names_every_example(name: str) -> None:
    shown = CliRunner().invoke(cli, ["derive", "--help"]).stdout
    assert re.search(rf"--example NAME\s.*?numbers:.*?\b{name}\b", shown, re.S)


def test_unknown_example() -> None:
    with pytest.raises(sb.errors.UnknownNameError, match="unknown example 'mazor'") as caught:
        example("mazor")
    assert "did you mean 'mazur'" in str(caught.value)
