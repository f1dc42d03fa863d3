"""A page in Markdown with LaTeX formulas, as GitHub renders it, or Jupyter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from symbackprop.typeset.latex import latex
from symbackprop.typeset.number_latex import latex_remark, latex_rows
from symbackprop.typeset.numbers import (
    NumberLine,
    Worked,
    closing_lines,
    given_lines,
    sentences,
)
from symbackprop.typeset.page import Entry, Fold, Level, Page, Reason, Row, View
from symbackprop.typeset.page_latex import given_rows, section_blocks, worded
from symbackprop.typeset.page_text import text_blocks, text_checked
from symbackprop.typeset.words import phrase


@dataclass(frozen=True)
class Dialect:
    """How a reader of Markdown is told what is mathematics.

    Attributes
    ----------
    inline, displayed
        What stands around a formula in a line, and around one of its own.
    width
        The width of a page, in ems of its formulas.
    """

    inline: tuple[str, str]
    displayed: tuple[str, str]
    width: float


#: GitHub runs Markdown over ``$$`` blocks first, which eats the backslashes of line breaks
#: and thin spaces; over these it does not.
GITHUB = Dialect(("$`", "`$"), ("```math\n", "\n```"), 56.0)
#: Jupyter keeps Markdown away from what stands between dollars.
JUPYTER = Dialect(("$", "$"), ("$$\n", "\n$$"), 50.0)


def markdown_page(page: Page, view: View, level: Level, language: str = "en") -> str:
    """A page in Markdown; see `page_text.text_page`."""
    parts = MarkdownWriter(view, level, language).parts(page)
    return worded("\n\n".join(text for _, text in parts), language)


class MarkdownWriter:
    """Writes the parts of a page.

    Parameters
    ----------
    view, level, language
        See `page_text.text_page`.
    dialect
        Who will read it.
    """

    def __init__(self, view: View, level: Level, language: str, dialect: Dialect = GITHUB) -> None:
        self._view = view
        self._level = level
        self._language = language
        self._dialect = dialect

    def parts(self, page: Page) -> Iterator[tuple[str, str]]:
        """The parts under their headings, each with the key of its heading in `words`."""
        whole = self._level != "result"
        numbers = page.numbers
        if page.given and whole:
            rows = given_rows(page.given, self._language, self._view)
            yield self._part("given", displayed(rows, self._dialect))
        if numbers is not None:
            yield "numbers", self._numbers(given_lines(numbers, numbers.layout(self._view)))
        for section in page.sections(self._level):
            blocks = section_blocks(
                section,
                self._view,
                self._level,
                self._language,
                numbers,
                room=self._dialect.width,
            )
            yield self._part(
                section.heading, *(displayed(block, self._dialect) for block in blocks)
            )
        if numbers is not None:
            yield from self._closing(numbers)
        if page.summary and whole:
            yield self._part("summary", self._summary(page.summary))
        if found := page.notes_for(self._view, self._level):
            yield self._part("notation", "\n".join(f"- {self._reason(note)}" for note in found))
        if page.checked is not None:
            yield "checked-heading", text_checked(page.checked, self._language)

    def _numbers(self, lines: Iterable[NumberLine]) -> str:
        return displayed(list(latex_rows(lines, self._language)), self._dialect)

    def _closing(self, numbers: Worked) -> Iterator[tuple[str, str]]:
        """What the numbers end with, and what is to be said of them."""
        for heading, lines in closing_lines(numbers, numbers.layout(self._view)):
            yield self._part(heading, self._numbers(lines))
        for remark in sentences(numbers):
            yield "numbers-update", latex_remark(remark, self._language, *self._dialect.inline)

    def _word(self, key: str) -> str:
        return phrase(key, self._language)

    def _part(self, heading: str, *paragraphs: str) -> tuple[str, str]:
        return heading, "\n\n".join([f"**{self._word(heading)}**", *paragraphs])

    def _summary(self, rows: tuple[Row | Fold, ...]) -> str:
        keys = ("forward-equation", "gradient", "shape", "cost")
        lines = [_cells([self._word(key) for key in keys]), "|-|-|-|-|"]
        made = None
        for row in rows:
            if isinstance(row, Fold):
                lines.append(_cells(["…", text_blocks(row, self._language), "", ""]))
                continue
            first = "" if row.forward is made else self._equality(row.forward)
            made = row.forward
            derived = self._equality(row.gradient) if row.gradient else "–"
            sizes = row.shape_in(self._view)
            shape = self.inline(r" \times ".join(map(latex, sizes))) if sizes else "1"
            cost = self.inline(latex(row.cost)) if row.cost else "–"
            lines.append(_cells([first, derived, shape, cost]))
        return "\n".join(lines)

    def _equality(self, entry: Entry) -> str:
        shown = entry.shown(self._view)
        return self.inline(f"{latex(shown.left[-1])} = {latex(shown.right)}")

    def _reason(self, reason: Reason) -> str:
        used = self._word("comma").join(
            u if isinstance(u, str) else self.inline(latex(u)) for u in reason.used
        )
        return self._word(reason.rule).replace("{used}", used)

    def inline(self, formula: str) -> str:
        """A formula in a line of text."""
        before, after = self._dialect.inline
        return f"{before}{formula}{after}"


def displayed(rows: list[str], dialect: Dialect = JUPYTER) -> str:
    """Rows of LaTeX that are aligned with each other, as a formula of its own."""
    before, after = dialect.displayed
    body = " \\\\\n".join(rows)
    return f"{before}\\begin{{aligned}}\n{body}\n\\end{{aligned}}{after}"


def _cells(cells: list[str]) -> str:
    # A bar inside a formula would end the cell.
    return f"| {' | '.join(cell.replace('|', chr(92) + 'vert ') for cell in cells)} |"
