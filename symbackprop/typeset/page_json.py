"""A page as data, for programs: everything on it, every formula in LaTeX and in Unicode.

`docs/derivation.schema.json` describes it.
"""

from __future__ import annotations

from typing import Any

from symbackprop.calculus import Backward
from symbackprop.typeset.compose import Composer
from symbackprop.typeset.formula_data import formula_data, formulas_data
from symbackprop.typeset.number_json import numbers_data
from symbackprop.typeset.page import VIEWS, Checked, Entry, Equality, Given, Move, Page, Row
from symbackprop.typeset.page_text import text_reason
from symbackprop.typeset.words import phrase

#: The layout of `json_page`; changes when a key is renamed or removed.
JSON_SCHEMA = "symbackprop.derivation/2"


def json_derivation(backward: Backward, language: str = "en") -> dict[str, Any]:
    """A derivation as data that `json.dumps` takes, in every notation; see `json_page`."""
    return json_page(Composer(backward, VIEWS).page(folded=False), language)


def json_page(page: Page, language: str = "en") -> dict[str, Any]:
    """A page as data that `json.dumps` takes.

    Parameters
    ----------
    page
        A page; one on which nothing is folded has what is given and the summary in full.
    language
        A language of `words.WORDS`.

    Returns
    -------
    dict
        ``schema`` (`JSON_SCHEMA`), ``title``, ``objective``, ``language``, ``views``;
        ``given``; ``forward``, ``backward`` and ``gradients``, lists of equations, each
        with the ``steps`` that led to it; ``summary``; ``notes``; ``checked`` and
        ``numbers``, or None.
    """
    sections = {
        section.heading: [_entry(entry, language) for entry in section.all_entries()]
        for section in (page.forward, page.backward, page.gradients)
    }
    return {
        "schema": JSON_SCHEMA,
        "title": page.titled(language),
        "objective": formula_data(page.objective),
        "language": language,
        "views": list(page.views),
        "given": [_given(tensor) for tensor in page.given if isinstance(tensor, Given)],
        **sections,
        "summary": [_row(row) for row in page.summary if isinstance(row, Row)],
        "notes": [
            {"views": sorted(note.views), "text": text_reason(note.reason, language)}
            for note in page.notes
        ],
        "checked": None if page.checked is None else _checked(page.checked),
        "numbers": None if page.numbers is None else numbers_data(page.numbers, language),
    }


def _given(given: Given) -> dict[str, Any]:
    return {
        "name": given.name,
        "role": given.role,
        "symbol": formula_data(given.letter),
        "shape": formulas_data(given.shape),
        "greatest": None if given.last is None else formula_data(given.last),
    }


def _entry(entry: Entry, language: str) -> dict[str, Any]:
    return {
        "name": entry.name,
        "of": entry.subject,
        "equation": {view: _equality(shown) for view, shown in entry.views.items()},
        "reads": list(entry.reads),
        "steps": [_step(move, language) for move in entry.moves],
    }


def _equality(equality: Equality) -> dict[str, Any]:
    return {
        "left": formulas_data(equality.left),
        "right": formula_data(equality.right),
        "base": [
            {"left": formula_data(left), "right": formula_data(right)}
            for left, right in equality.base
        ],
    }


def _step(move: Move, language: str) -> dict[str, Any]:
    return {
        "rule": move.reason.rule,
        "title": phrase(move.reason.rule, language),
        "why": text_reason(move.reason, language, ".why"),
        "before": formula_data(move.before),
        "after": formula_data(move.after),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "forward": row.forward.name,
        "gradient": None if row.gradient is None else row.gradient.name,
        "shape": formulas_data(row.shape),
        "products": None if row.cost is None else formula_data(row.cost),
    }


def _checked(checked: Checked) -> dict[str, Any]:
    return {
        "equalities": checked.count,
        "points": checked.points,
        "sizes": dict(checked.sizes),
        "digits": checked.digits,
        "worst": float(checked.worst),
        "unchecked": list(checked.unchecked),
    }
