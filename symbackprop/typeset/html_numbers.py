"""Numbers on an HTML page: those that are given, beside each equation its own, and the step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import TypeAlias

from symbackprop.typeset.formula import Formula
from symbackprop.typeset.html_formulas import FormulaWriter, source_text
from symbackprop.typeset.html_words import filled, in_each, words
from symbackprop.typeset.number_latex import latex_rows
from symbackprop.typeset.numbers import (
    Layout,
    NumberLine,
    Remark,
    Worked,
    closing_lines,
    given_lines,
    lines_beside,
    sentences,
)
from symbackprop.typeset.page import View

#: The lines of a place on the page, by how numbers are laid out in a notation.
Lines: TypeAlias = Callable[[Layout], Iterable[NumberLine]]


class NumbersWriter:
    """Writes what came out when numbers were put through.

    Parameters
    ----------
    worked
        What came out.
    views
        The notations the page can be read in: in some, matrices may stand transposed.
    formulas
        What writes the formulas of the page.
    """

    def __init__(self, worked: Worked, views: Sequence[View], formulas: FormulaWriter) -> None:
        self._worked = worked
        self._views = views
        self._formulas = formulas

    def given(self) -> str:
        """The sizes and the numbers that were given."""
        return self._block(lambda layout: given_lines(self._worked, layout))

    def beside(self, name: str) -> str:
        """What stands beside an equation; nothing if it has no numbers of its own."""
        block = self._block(lambda layout: lines_beside(self._worked, name, layout))
        if not block:
            return ""
        summary = f"<summary>{words('numbers')}</summary>"
        return f'<details class="numbers" open>{summary}\n{block}</details>\n'

    def closing(self) -> Iterator[tuple[str, str]]:
        """What the numbers end with: headings by their keys in `words`, and what is below."""
        for heading, _ in closing_lines(self._worked, Layout()):
            yield heading, self._block(self._below(heading))

    def remarks(self) -> str:
        """What is to be said of the numbers."""
        return "\n".join(f"<p>{self._remark(remark)}</p>" for remark in sentences(self._worked))

    def _below(self, heading: str) -> Lines:
        return lambda layout: dict(closing_lines(self._worked, layout))[heading]

    def _remark(self, remark: Remark) -> str:
        def written(part: Formula | str) -> str:
            return escape(part, quote=False) if isinstance(part, str) else self._formulas.math(part)

        used = {name: written(part) for name, part in remark.used.items()}
        return in_each(lambda language: filled(remark.key, language, **used))

    # --- lines ----------------------------------------------------------------------------

    def _block(self, lines: Lines) -> str:
        """Lines in each notation, once if they are the same in all; empty without any."""
        shown: dict[str, list[str]] = {}
        for view in self._views:
            found = list(lines(self._worked.layout(view)))
            if found:
                shown.setdefault(self._written(found), []).append(view)
        if len(shown) == 1:
            return next(iter(shown))
        return "".join(
            f'<div class="form {" ".join(views)}">{block}</div>' for block, views in shown.items()
        )

    def _written(self, lines: Sequence[NumberLine]) -> str:
        rows = " \\\\\n".join(latex_rows(replace(line, word="") for line in lines))
        tex = source_text(f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}")
        return f'<div class="lines">{"".join(map(self._line, lines))}{tex}</div>\n'

    def _line(self, line: NumberLine) -> str:
        beside = ""
        if line.shape:
            beside += f' <span class="role">({" × ".join(map(str, line.shape))})</span>'
        if line.word:
            beside += f' <span class="role">({words(line.word)})</span>'
        kind = "line deeper" if line.depth else "line"
        return self._formulas.linked(line.first, line.links, kind, beside) + "\n"
