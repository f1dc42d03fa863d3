"""Formulas wider than a page: broken where a reader would break them, and nothing lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sympy as sp
from balanced import check_latex
from page_systems import PAGES
from tex import article, overfull, set_by_tex

import symbackprop.language as sb
from symbackprop.calculus import derive_backward
from symbackprop.typeset.arrange import arrange
from symbackprop.typeset.breaking import broken, continued
from symbackprop.typeset.equations import EquationWriter
from symbackprop.typeset.formula import Formula
from symbackprop.typeset.latex import latex
from symbackprop.typeset.order import Context
from symbackprop.typeset.widths import width

n, i = sb.index("n", "N"), sb.index("i", "D")
LETTERS = {letter: sb.Tensor(letter, (n, i)) for letter in "abcdef"}
a, b, c, d, e, f = (tensor[n, i] for tensor in LETTERS.values())


def arranged(expr: sp.Expr) -> Formula:
    return arrange(expr, Context(LETTERS, "L"))


def test_what_fits_is_one_row() -> None:
    formula = arranged(a + b)
    assert broken(formula, 30) == [latex(formula)]


def test_rows_begin_with_the_sign() -> None:
    assert broken(arranged(a + b - c + d), 6) == [
        "a_{ni} + b_{ni}",
        "{} + d_{ni} - c_{ni}",
    ]


def test_parentheses_are_closed_in_each_row() -> None:
    formula = arranged(a * (b + c + d + e))
    first, second = broken(formula, 7)
    assert first == r"a_{ni} \left(b_{ni} + c_{ni}\right."
    assert second == r"\left. {} + d_{ni} + e_{ni}\right)"


def test_the_place_with_fewer_parentheses_around_it_is_better() -> None:
    formula = arranged(a + b * (c + d))
    assert broken(formula, 8.5) == [
        "a_{ni}",
        r"{} + b_{ni} \left(c_{ni} + d_{ni}\right)",
    ]


def test_between_factors_only_where_nothing_else_helps() -> None:
    formula = arranged(a * b * c * d)
    assert broken(formula, 3) == ["a_{ni} b_{ni}", r"{} \cdot c_{ni} d_{ni}"]


def test_a_letter_is_never_broken() -> None:
    assert broken(arranged(a), 0.1) == ["a_{ni}"]
    assert broken(arranged(a / b), 0.1) == [r"\frac{a_{ni}}{b_{ni}}"]


def test_rows_are_aligned_behind_the_equals_sign() -> None:
    assert continued(["a", "{} + b"]) == "a \\\\\n&\\quad {} + b"


def page_formulas() -> dict[str, list[Formula]]:
    """The right sides of every page, in indices and as matrices."""
    found = {}
    for name, make in PAGES.items():
        backward = derive_backward(*make())
        equations = [*backward.system.equations, *backward.adjoints.values()]
        equations += backward.gradients.values()
        writers = [EquationWriter(backward.tensors, kind) for kind in ("index", "matrix")]
        found[name] = [writer.sides(eq)[-1] for writer in writers for eq in equations]
    return found


@pytest.fixture(scope="module")
def formulas() -> dict[str, list[Formula]]:
    return page_formulas()


def whole_again(rows: list[str]) -> str:
    joined = " ".join(rows)
    for added in (r"\left.", r"\right.", "{} ", r"\cdot "):
        joined = joined.replace(added, "")
    return re.sub(r"\s", "", joined)


@pytest.mark.parametrize("room", [4.0, 9.0, 16.0])
def test_nothing_is_lost_and_every_row_can_be_set(formulas, room: float) -> None:
    several = 0
    for formula in (formula for page in formulas.values() for formula in page):
        rows = broken(formula, room)
        several += len(rows) > 1
        for row in rows:
            check_latex(row)
        assert whole_again(rows) == whole_again([latex(formula)])
    assert several > 20


def test_rows_fit_where_they_can(formulas, tmp_path: Path) -> None:
    """All but a fraction or a branch that is too wide itself, as TeX measures them."""
    rows = [row for page in formulas.values() for formula in page for row in broken(formula, 20.0)]
    fitting = [row for row in rows if width(row) <= 20.0]
    assert len(fitting) > 0.98 * len(rows)
    log = set_by_tex(article("\n".join(f"\\[ {row} \\]" for row in fitting)), tmp_path)
    assert not overfull(log)
