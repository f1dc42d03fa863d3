r"""A page as a LaTeX document of its own: an article to compile, print and hand out.

English needs amsmath, amssymb, array, color, geometry and longtable, which every TeX has;
Chinese, and names in Chinese, need ctex and a program that knows Unicode.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from symbackprop.typeset.breaking import broken
from symbackprop.typeset.changes import marked
from symbackprop.typeset.formula import Formula
from symbackprop.typeset.latex import latex
from symbackprop.typeset.number_latex import latex_rows
from symbackprop.typeset.numbers import (
    NumberLine,
    Worked,
    closing_lines,
    given_lines,
    lines_beside,
    sentences,
)
from symbackprop.typeset.page import (
    MATRIX_FORM,
    Entry,
    Equality,
    Fold,
    Level,
    Move,
    Page,
    Reason,
    Row,
    Section,
    View,
)
from symbackprop.typeset.page_latex import (
    base_sentence,
    environment,
    equality_rows,
    given_rows,
    section_blocks,
    worded,
)
from symbackprop.typeset.page_text import text_blocks, text_checked
from symbackprop.typeset.sentences import (
    IDEOGRAPHS,
    Sentence,
    escaped,
    fold_sentence,
    paragraph,
    reason_sentence,
    remark_sentence,
)
from symbackprop.typeset.widths import width
from symbackprop.typeset.words import phrase

# The width of the text in ems: 170 mm of A4 in eleven points, and in the summary's ten.
_TEXT, _TABLE = 42.0, 44.5
# What the summary leaves to the equations at least, and of that to the forward ones at most.
_EQUATIONS, _FORWARD = 26.0, 0.45
_SHAPES, _COSTS = 8.5, 10.0  # what the others have, where there is too little room
_BETWEEN = 0.8  # two columns of the summary

_PREAMBLE = r"""\usepackage{amsmath,amssymb,array,color,longtable}
\usepackage[a4paper,margin=20mm]{geometry}
\definecolor{changed}{rgb}{0.72,0.11,0.11}
% What a step changed: in colour, and underlined for whoever prints without.
\newcommand{\changed}[1]{{\color{changed}\underline{#1}}}
\newcommand{\rulename}[1]{\par\medskip\noindent\textbf{#1}}
% The bullet of the mathematics fonts: another one may have to be made first.
\renewcommand{\labelitemi}{$\bullet$}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\setlength{\emergencystretch}{3em}
\pagestyle{plain}
\setlength{\tabcolsep}{4pt}
"""


def article_page(page: Page, view: View, level: Level, language: str = "en") -> str:
    """A page as a LaTeX document; see `page_text.text_page`."""
    body = worded("\n\n".join(_Writer(view, level, language).parts(page)), language)
    return f"{_preamble(body, language)}\\begin{{document}}\n{body}\n\\end{{document}}\n"


def _preamble(body: str, language: str) -> str:
    if re.search(IDEOGRAPHS, phrase("given", language)):
        return f"\\documentclass[UTF8,11pt]{{ctexart}}\n{_PREAMBLE}"
    names = "\\usepackage[UTF8,scheme=plain]{ctex}\n" if re.search(IDEOGRAPHS, body) else ""
    return f"\\documentclass[11pt]{{article}}\n{names}{_PREAMBLE}"


class _Writer:
    """Writes the parts of one page."""

    def __init__(self, view: View, level: Level, language: str) -> None:
        self._view = view
        self._level = level
        self._language = language
        # A rule's sentence is written out where the rule is first applied.
        self._explained: set[str] = set()

    def parts(self, page: Page) -> Iterator[str]:
        """The parts of the page, headings before them."""
        yield self._title(page)
        whole = self._level != "result"
        if whole and page.given:
            yield self._heading("given")
            yield self._display(given_rows(page.given, self._language, self._view))
        numbers = page.numbers
        if numbers is not None:
            yield from self._numbers(given_lines(numbers, numbers.layout(self._view)))
        for section in page.sections(self._level):
            yield self._heading(section.heading)
            yield from self._section(section, numbers)
        if numbers is not None:
            yield from self._closing(numbers)
        if whole and page.summary:
            yield self._heading("summary")
            yield _Summary(self._view, self._language).table(page.summary)
        if notes := page.notes_for(self._view, self._level):
            yield self._heading("notation")
            yield self._notes(notes)
        if page.checked is not None:
            yield self._heading("checked-heading")
            yield escaped(text_checked(page.checked, self._language))

    def _word(self, key: str) -> str:
        return escaped(phrase(key, self._language))

    def _heading(self, key: str) -> str:
        return f"\\section*{{{self._word(key)}}}"

    def _display(self, rows: list[str]) -> str:
        """Rows right under a heading, without the empty line of a paragraph that they begin."""
        return f"\\vspace{{-\\baselineskip}}\n{environment([rows])}"

    def _title(self, page: Page) -> str:
        before, _, after = phrase("title", self._language).partition("{objective}")
        words = paragraph([before, page.objective, after])
        title = page.titled(self._language)
        below = f"\\\\[1ex]\n{escaped(title)}" if title else ""
        return f"\\begin{{center}}\n{{\\LARGE {words}}}{below}\n\\end{{center}}"

    def _notes(self, notes: list[Reason]) -> str:
        # Braces: what begins with a bracket would be taken for the item's label.
        items = [f"\\item{{}} {paragraph(reason_sentence(n, self._language))}" for n in notes]
        return "\n".join(["\\begin{itemize}", *items, "\\end{itemize}"])

    # --- equations ------------------------------------------------------------------

    def _section(self, section: Section, numbers: Worked | None) -> Iterator[str]:
        if self._level != "all" or not any(entry.moves for entry in section.all_entries()):
            blocks = section_blocks(section, self._view, "key", self._language, numbers, room=_TEXT)
            yield from map(self._display, blocks)
            return
        for entry in section.entries:
            if isinstance(entry, Fold):
                yield f"\\medskip\n{paragraph(fold_sentence(entry, self._language))}"
                continue
            yield from self._derived(entry)
            if numbers is not None:
                beside = lines_beside(numbers, entry.name, numbers.layout(self._view))
                yield from self._numbers(beside)

    def _numbers(self, lines: Iterable[NumberLine]) -> Iterator[str]:
        rows = list(latex_rows(lines, self._language))
        if rows:
            yield environment([rows])

    def _closing(self, numbers: Worked) -> Iterator[str]:
        """What the numbers end with, and what is to be said of them."""
        for heading, lines in closing_lines(numbers, numbers.layout(self._view)):
            yield self._heading(heading)
            yield self._display(list(latex_rows(lines, self._language)))
        for remark in sentences(numbers):
            yield paragraph(remark_sentence(remark, self._language))

    def _derived(self, entry: Entry) -> Iterator[str]:
        """An adjoint step by step, then as matrices."""
        left = entry.views["index"].left
        yield f"\\subsection*{{$\\displaystyle {' = '.join(map(latex, left))}$}}"
        for place, move in enumerate(entry.moves):
            rows = _change(move) if place else equality_rows(left, move.after, _TEXT)
            # In one paragraph: no page ends between a reason and its formula.
            yield f"{self._because(move.reason)}\n{environment([rows])}"
        shown = entry.shown(self._view)
        if self._view != "index" and self._view in entry.views:
            yield f"{self._because(MATRIX_FORM)}\n{self._result(shown)}"
        elif len(entry.moves) != 1 or shown.base:
            yield f"\\rulename{{{_capital(self._word('step-result'))}}}\n{self._result(shown)}"

    def _because(self, reason: Reason) -> str:
        """A rule's name, and why the step holds: at length the first time."""
        entry = ".brief" if reason.rule in self._explained else ".why"
        self._explained.add(reason.rule)
        title = self._word(reason.rule) + self._word("colon")
        why: Sentence = reason_sentence(reason, self._language, entry)
        return f"\\rulename{{{_capital(title).rstrip()}}} {paragraph(why)}"

    def _result(self, shown: Equality) -> str:
        """What was derived, in a box if it fits into a line."""
        chain = " = ".join(map(latex, (*shown.left, shown.right)))
        if width(chain) < _TEXT:
            written = f"\\[ \\boxed{{{chain}}} \\]"
        else:
            written = environment([equality_rows(shown.left, shown.right, _TEXT)])
        if not shown.base:
            return written
        return f"{written}\n{paragraph(base_sentence(shown.base, self._language))}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _change(move: Move) -> list[str]:
    """What a rule met and what it left, the parts that differ marked."""
    before, after = marked(move.before, move.after)
    whole = f"{latex(before)} &= {latex(after)}"
    if width(whole) <= _TEXT:
        return [whole]
    room = _TEXT - width("=")
    rows: list[str] = []
    for sign, formula in ((r"\phantom{{}={}}", before), ("=", after)):
        first, *others = broken(formula, room, room - 1.0)
        rows += [f"&{sign} {first}", *(rf"&\quad {line}" for line in others)]
    return rows


class _Summary:
    """The table of forward equations, gradients, shapes and costs."""

    def __init__(self, view: View, language: str) -> None:
        self._view = view
        self._language = language

    def table(self, rows: Sequence[Row | Fold]) -> str:
        """The table, as long as it needs to be."""
        keys = ("forward-equation", "gradient", "shape", "cost")
        heads = " & ".join(_capital(escaped(phrase(key, self._language))) for key in keys)
        lines = [f"{line} \\\\" for line in self._lines(rows)]
        return "\n".join(
            [
                r"{\small",
                r"\begin{longtable}{@{}llll@{}}",
                rf"{heads} \\",
                r"\hline\noalign{\smallskip}",
                r"\endhead",
                *lines,
                r"\end{longtable}}",
            ]
        )

    def _lines(self, rows: Sequence[Row | Fold]) -> Iterator[str]:
        plain = [row for row in rows if isinstance(row, Row)]
        forward, gradients, shapes, costs = self._rooms(plain)
        made: Entry | None = None
        for row in rows:
            if isinstance(row, Fold):
                yield f"\\multicolumn{{4}}{{@{{}}l@{{}}}}{{{self._fold(row)}}}"
                continue
            cells = [
                "" if row.forward is made else self._cell(row.forward, forward),
                self._cell(row.gradient, gradients) if row.gradient else "--",
                _shape(row.shape_in(self._view), shapes),
                _stacked("", row.cost, costs) if row.cost else "--",
            ]
            made = row.forward
            # A strut: fractions in rows that follow each other would touch.
            yield f"\\rule{{0pt}}{{4.2ex}}{' & '.join(cells)}"

    def _rooms(self, rows: Sequence[Row]) -> tuple[float, float, float, float]:
        """The widths of the columns in ems."""
        shapes = _widest(_shape(row.shape_in(self._view), 2 * _TABLE) for row in rows)
        costs = _widest(latex(row.cost) for row in rows if row.cost)
        if shapes + costs > _TABLE - _EQUATIONS:
            shapes, costs = min(shapes, _SHAPES), min(costs, _COSTS)
        both = _TABLE - shapes - costs - 3 * _BETWEEN
        forward = min(_widest(self._equation(row.forward) for row in rows), _FORWARD * both)
        return forward, both - forward, shapes, costs

    def _equation(self, entry: Entry) -> str:
        shown = entry.shown(self._view)
        return f"{latex(shown.left[-1])} = {latex(shown.right)}"

    def _fold(self, fold: Fold) -> str:
        return f"\\dots\\ {escaped(text_blocks(fold, self._language))}"

    def _cell(self, entry: Entry, room: float) -> str:
        shown = entry.shown(self._view)
        return _stacked(f"{latex(shown.left[-1])} ", shown.right, room)


def _widest(formulas: Iterable[str]) -> float:
    return max(map(width, formulas), default=0.0)


def _stacked(left: str, right: Formula, room: float) -> str:
    """A cell: an equation in as many rows as it needs, or a formula alone."""
    sign = "= " if left else ""
    first, *others = broken(right, room - width(f"{left}{sign}"), room - width(left) - 1.0)
    return _cell([f"{left}&{sign}{first}", *(rf"&\quad {line}" for line in others)])


def _shape(shape: Sequence[Formula], room: float) -> str:
    """The sizes of the axes, in as many rows as they need."""
    rows = ["&"]
    for place, size in enumerate(shape):
        part = rf" \times {latex(size)}" if place else latex(size)
        if place and width(rows[-1] + part) > room:
            rows.append(rf"&{part}")
        else:
            rows[-1] += part
    return _cell(rows) if shape else "1"


def _cell(rows: list[str]) -> str:
    """Rows of mathematics aligned at their ``&``, as a cell of a table."""
    if len(rows) == 1:
        return f"$\\displaystyle {rows[0].replace('&', '', 1)}$"
    lines = r" \\ ".join(rows)
    return f"$\\begin{{aligned}}[t] {lines} \\end{{aligned}}$"
