"""Formulas as a real browser sets them: in our font, with stretched signs, without a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser import open_browser
from html_checker import html_faults
from page_systems import PAGES
from test_mathml import KINDS, MORE, formulas

from symbackprop.calculus import derive_backward
from symbackprop.typeset.formula import Fraction, Group, Reduction
from symbackprop.typeset.html_document import document
from symbackprop.typeset.mathml import math

WIDTH = 360


@pytest.fixture(scope="module")
def specimen(tmp_path_factory) -> Path:
    """Every kind of formula, and all those of some derivations."""
    shown = [formula for formula, _ in KINDS.values()] + MORE
    for name in ("c_softmax_regression", "c_batch_norm", "g_two_back"):
        shown += formulas(derive_backward(*PAGES[name]()))
    lines = "\n".join(math([formula], display=True) for formula in shown)
    path = tmp_path_factory.mktemp("html") / "specimen.html"
    path.write_text(document("Formulas", f"<main>\n{lines}\n</main>"), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


def test_formulas_are_set_in_the_embedded_font_and_nothing_is_loaded(browser, specimen) -> None:
    browser.open(specimen)
    fonts = browser.run(
        "await document.fonts.ready; return [...document.fonts].map(f => [f.family, f.status])"
    )
    assert fonts == [["STIX Two Math", "loaded"]]
    assert browser.messages() == []
    assert browser.requests() == [specimen.as_uri()]


def test_every_character_of_a_formula_is_in_the_font(browser, specimen, tmp_path) -> None:
    """The browser names the fonts that each token is set in."""
    tokens = set(re.findall(r"<m([ino])\b[^>]*>([^<]+)</m", specimen.read_text("utf-8")))
    shown = "".join(f"<math><m{kind}>{text}</m{kind}></math>" for kind, text in sorted(tokens))
    path = tmp_path / "tokens.html"
    path.write_text(document("Tokens", f"<main>{shown}</main>"), "utf-8")
    browser.open(path)
    browser.command("DOM.enable")
    browser.command("CSS.enable")
    root = browser.command("DOM.getDocument")["root"]["nodeId"]
    nodes = browser.command("DOM.querySelectorAll", nodeId=root, selector="math > *")["nodeIds"]
    assert len(nodes) == len(tokens) > 60
    for node, token in zip(nodes, sorted(tokens), strict=True):
        fonts = browser.command("CSS.getPlatformFontsForNode", nodeId=node)["fonts"]
        assert [font["familyName"] for font in fonts] in ([], ["STIX Two Math"]), token


def test_signs_stretch(browser, tmp_path) -> None:
    """Parentheses around a fraction are as high as it; a displayed sum is taller than a letter."""
    letter, _ = KINDS[Reduction]
    body, _ = KINDS[Fraction]
    path = tmp_path / "stretched.html"
    shown = math([Group(Fraction(body, body))], display=True), math([letter], display=True)
    path.write_text(document("Signs", f"<main>{''.join(shown)}</main>"), "utf-8")
    browser.open(path)
    height = "return document.querySelector(arguments[0]).getBoundingClientRect().height"
    assert browser.run(height, "mrow > mo") > 0.9 * browser.run(height, "mfrac") > 40
    assert browser.run(height, "munder > mo") > 1.3 * browser.run(height, "munder + mi")


def test_wide_formulas_scroll_in_their_own_box(browser, specimen) -> None:
    browser.open(specimen, width=WIDTH)
    assert browser.overflow() == 0
    wide = "return [...document.querySelectorAll('math')].some(m => m.scrollWidth > m.clientWidth)"
    assert browser.run(wide)


def test_formulas_are_valid_and_the_checker_would_find_a_fault(specimen, tmp_path) -> None:
    faulty = tmp_path / "faulty.html"
    faulty.write_text(document("Faults", "<math><foo/></math>"), "utf-8")
    found = html_faults([specimen, faulty])
    assert found
    assert all("faulty.html" in fault for fault in found), "\n".join(found)
