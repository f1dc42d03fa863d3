"""Whole pages of derivations everybody knows, kept as files: read the diff when one changes.

``pytest tests/test_typeset_pages.py --update`` writes them anew.
"""

from __future__ import annotations

import pytest
from balanced import check_latex
from page_systems import PAGES, SECOND_ORDER

from symbackprop.calculus import Backward, derive_backward, derive_hessian
from symbackprop.typeset import latex_derivation, text_derivation

PARTS = {
    "index notation": ("index", "row"),
    "matrix notation, one example a row": ("matrix", "row"),
    "matrix notation, one example a column": ("matrix", "column"),
}


def parts(pages: dict[str, str], mark: str) -> str:
    """Each page under its heading; one that says the same as one before is left out."""
    seen = list(pages.values())
    shown = {head: page for at, (head, page) in enumerate(pages.items()) if page not in seen[:at]}
    return "\n\n".join(f"{mark} {head}\n\n{page}" for head, page in shown.items())


def check_pages(golden, name: str, backward: Backward) -> None:
    texts, latexes = {}, {}
    for head, (notation, convention) in PARTS.items():
        texts[head] = text_derivation(backward, notation, "key", convention)
        latexes[head] = latex_derivation(backward, notation, "key", convention)
        check_latex(latexes[head])
    golden(f"typeset/{name}.txt", parts(texts, "#"))
    golden(f"typeset/{name}.tex", parts(latexes, "%"))


@pytest.mark.parametrize("name", PAGES)
def test_a_known_derivation_on_paper(golden, name: str) -> None:
    check_pages(golden, name, derive_backward(*PAGES[name]()))


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_a_known_hessian_on_paper(golden, name: str) -> None:
    make, wrt = SECOND_ORDER[name]
    check_pages(golden, name, derive_hessian(make(), wrt))


@pytest.mark.parametrize("name", PAGES)
def test_every_step_of_a_known_derivation_can_be_set(name: str) -> None:
    backward = derive_backward(*PAGES[name]())
    for notation in ("index", "matrix"):
        check_latex(latex_derivation(backward, notation, "all"))
