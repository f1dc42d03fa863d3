"""A page in Markdown with LaTeX formulas, as GitHub renders it."""

from __future__ import annotations

from symbackprop.typeset.latex import latex
from symbackprop.typeset.number_latex import latex_remark, latex_rows
from symbackprop.typeset.numbers import Worked, given_lines, sentences, update_lines
from symbackprop.typeset.page import Fold, Level, Page, Reason, Row, View
from symbackprop.typeset.page_latex import given_rows, section_blocks
from symbackprop.typeset.page_text import text_blocks, text_checked
from symbackprop.typeset.words import phrase


def markdown_page(page: Page, view: View, level: Level, language: str = "en") -> str:
    """A page in Markdown; see `page_text.text_page`.

    Formulas stand in fenced ``math`` blocks: GitHub runs Markdown over ``$$`` blocks
    first, which eats the backslashes of line breaks and thin spaces.
    """
    whole = level != "result"
    parts: list[str] = []
    if page.given and whole:
        parts += [f"**{phrase('given', language)}**", _fenced(given_rows(page.given, language))]
    numbers = page.numbers
    if numbers is not None:
        parts.append(
            _fenced(list(latex_rows(given_lines(numbers, numbers.layout(view)), language)))
        )
    for section in page.sections(level):
        parts.append(f"**{phrase(section.heading, language)}**")
        parts += map(_fenced, section_blocks(section, view, level, language, numbers))
    if numbers is not None:
        parts += _update(numbers, view, language)
    if page.summary and whole:
        parts += [f"**{phrase('summary', language)}**", _summary(page.summary, view, language)]
    if found := page.notes_for(view, level):
        notes = [f"- {_reason(note, language)}" for note in found]
        parts += [f"**{phrase('notation', language)}**", "\n".join(notes)]
    if page.checked is not None:
        parts.append(text_checked(page.checked, language))
    return "\n\n".join(parts)


def _update(numbers: Worked, view: View, language: str) -> list[str]:
    """The step that the numbers end with, and what is to be said of them."""
    rows = list(latex_rows(update_lines(numbers, numbers.layout(view)), language))
    parts = [f"**{phrase('numbers-update', language)}**", _fenced(rows)] if rows else []
    return [*parts, *(latex_remark(r, language, "$`", "`$") for r in sentences(numbers))]


def _summary(rows: tuple[Row | Fold, ...], view: View, language: str) -> str:
    keys = ("forward-equation", "gradient", "shape", "cost")
    lines = [_cells([phrase(key, language) for key in keys]), "|-|-|-|-|"]
    made = None
    for row in rows:
        if isinstance(row, Fold):
            lines.append(_cells(["…", text_blocks(row, language), "", ""]))
            continue
        forward = row.forward.shown(view)
        first = "" if row.forward is made else _math(latex(forward.left[-1]), latex(forward.right))
        made = row.forward
        gradient = row.gradient and row.gradient.shown(view)
        derived = _math(latex(gradient.left[-1]), latex(gradient.right)) if gradient else "–"
        shape = _math(r" \times ".join(map(latex, row.shape))) if row.shape else "1"
        lines.append(_cells([first, derived, shape, _math(latex(row.cost)) if row.cost else "–"]))
    return "\n".join(lines)


def _cells(cells: list[str]) -> str:
    # A bar inside a formula would end the cell.
    return f"| {' | '.join(cell.replace('|', chr(92) + 'vert ') for cell in cells)} |"


def _math(*sides: str) -> str:
    return f"$`{' = '.join(sides)}`$"


def _reason(reason: Reason, language: str) -> str:
    comma = phrase("comma", language)
    used = comma.join(u if isinstance(u, str) else f"$`{latex(u)}`$" for u in reason.used)
    return phrase(reason.rule, language).replace("{used}", used)


def _fenced(rows: list[str]) -> str:
    body = " \\\\\n".join(rows)
    return f"```math\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n```"
