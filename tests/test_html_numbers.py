"""Numbers on an HTML page, as a browser shows them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sympy as sp
from browser import Browser, open_browser
from html_checker import html_faults
from mathml_reader import check_mathml
from number_systems import softmax_network
from test_html_page import choose, count, texts

from symbackprop.calculus import derive_backward
from symbackprop.explanation import explained
from symbackprop.interop.examples import example
from symbackprop.interop.numbers import drawn_numbers
from symbackprop.typeset.figures import figure
from symbackprop.typeset.formula import Dots, Number, Table
from symbackprop.typeset.mathml import math
from symbackprop.typeset.page_html import html_page


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    known = example("mazur")
    system = known.system()
    mazur = derive_backward(system, known.wrt)
    batch = derive_backward(softmax_network())
    pages = {
        "mazur": explained(mazur, title=known.source, numbers=known.numbers(system)),
        "batch": explained(batch, numbers=drawn_numbers(batch)),
    }
    folder = tmp_path_factory.mktemp("numbers")
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(html_page(page, "row", "key"), "utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def browser(opened: Browser) -> Iterator[Browser]:
    yield opened
    assert opened.messages() == []


def test_pages_are_valid(files: dict[str, Path]) -> None:
    assert html_faults(list(files.values())) == []


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_pages_fit_into_the_window(browser: Browser, files: dict[str, Path], width: int) -> None:
    for path in files.values():
        browser.open(path, width=width)
        assert browser.overflow() == 0, path
        assert browser.requests() == [path.as_uri()]


def test_numbers_stand_beside_their_equations(browser: Browser, files: dict[str, Path]) -> None:
    browser.open(files["mazur"], scripts=False)
    given = tight(browser, "#numbers .line")
    assert given[3:] == ["b(1)=0.35", "W(2)=[0.40.450.50.55]", "b(2)=0.6"]
    (beside,) = tight(browser, "#t-net_o details.numbers")
    assert "0.4⋅0.593269992+0.45⋅0.596884378+0.6≈1.105905967" in beside
    assert tight(browser, "#numbers-update .line")[-1] == "E≈0.2910277736935994(afterthestep)"
    assert any("0.291027924" in said for said in texts(browser, ".remarks p"))
    assert any("0.082167041" in line for line in tight(browser, "#numbers-figures .line"))


def tight(browser: Browser, selector: str) -> list[str]:
    """What can be read, without spaces."""
    return [text.replace(" ", "") for text in texts(browser, selector)]


def test_numbers_can_be_folded_and_stand_in_each_language(
    browser: Browser, files: dict[str, Path]
) -> None:
    browser.open(files["mazur"])
    lines = count(browser, ".entry .line")
    browser.driver.find_element("css selector", "#t-net_h details.numbers > summary").click()
    assert count(browser, ".entry .line") == lines - 4
    choose(browser, "language", "zh-CN")
    assert "梯度下降一步" in texts(browser, "h2")
    assert texts(browser, "#numbers-update .line")[-1].endswith("(更新一步之后)")


def test_matrices_stand_as_the_notation_says(browser: Browser, files: dict[str, Path]) -> None:
    browser.open(files["batch"])
    assert shapes(browser, "#numbers") == [(2, 3), (5, 3), (1, 5), (7, 5), (1, 7), (1, 2)]
    choose(browser, "notation", "column")
    assert shapes(browser, "#numbers") == [(3, 2), (5, 3), (1, 5), (7, 5), (1, 7), (1, 2)]
    choose(browser, "notation", "index")
    assert shapes(browser, "#numbers")[0] == (2, 3)


def shapes(browser: Browser, within: str) -> list[tuple[int, int]]:
    """How many rows and columns the tables have that are shown."""
    found = browser.run(
        f"return [...document.querySelectorAll('{within} mtable')].filter(e => e.checkVisibility())"
        ".map(e => [e.children.length, e.children[0].children.length])"
    )
    return [tuple(shape) for shape in found]


def test_the_points_of_a_column_stand_below_each_other(
    browser: Browser, files: dict[str, Path]
) -> None:
    browser.open(files["mazur"])
    ends = browser.run(
        """
        const table = [...document.querySelectorAll("#t-dW2 mtable")].at(-1);
        return [...table.children].map(row => [...row.children].map(cell => {
          const digits = [...cell.querySelectorAll("mn")].find(e => !e.closest("mphantom"));
          return digits.getBoundingClientRect().left;
        }));
        """
    )
    for above, below in zip(*ends, strict=True):
        assert abs(above - below) < 0.6


def test_cells_are_padded_with_what_is_not_seen() -> None:
    column = [figure(value) for value in map(Decimal, ("-0.25", "12", "3.5"))]
    cells = cells_of(Table(tuple((cell,) for cell in (*column, Dots("down")))))
    assert cells == ["[0]−0.25", "[−]12[.00]", "[−0]3.5[0]", "⋮"]
    assert cells_of(Table(((Number(sp.Integer(1)), Number(sp.Integer(2))),))) == ["1", "2"]


def cells_of(table: Table) -> list[str]:
    tree = check_mathml(math([table]))
    return [_shown(cell) for cell in tree.iter("mtd")]


def _shown(element: ElementTree.Element) -> str:
    inside = (element.text or "") + "".join(map(_shown, element))
    return f"[{inside}]" if element.tag == "mphantom" else inside
