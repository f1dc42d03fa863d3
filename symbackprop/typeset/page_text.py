"""A page in Unicode text, for a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeAlias

from symbackprop.typeset.changes import marked
from symbackprop.typeset.colours import Style, painted
from symbackprop.typeset.columns import columns
from symbackprop.typeset.equations import BaseLine
from symbackprop.typeset.formula import Formula
from symbackprop.typeset.number_text import text_lines, text_remark
from symbackprop.typeset.numbers import (
    Layout,
    NumberLine,
    Worked,
    closing_lines,
    given_lines,
    lines_beside,
    sentences,
)
from symbackprop.typeset.page import (
    MATRIX_FORM,
    Checked,
    Entry,
    Equality,
    Fold,
    Given,
    Level,
    Page,
    Reason,
    Row,
    Section,
    View,
)
from symbackprop.typeset.text import IF, OTHERWISE, text
from symbackprop.typeset.words import phrase
from symbackprop.typeset.wrapping import TIE, equation, formula, sentence

#: The columns of a line where nobody says how many there are.
WIDTH = 80
Rows: TypeAlias = list[tuple[str, ...]]

_NAMED = 6  # tensors that were not checked are named, of more the first


def text_page(  # noqa: PLR0913 (what is shown, and on which screen)
    page: Page,
    view: View,
    level: Level,
    language: str = "en",
    *,
    width: int = WIDTH,
    colour: bool = False,
) -> str:
    """A page in one column of Unicode text.

    Parameters
    ----------
    page
        What `Composer` laid out.
    view
        The notation of the equations.
    level
        How much is shown.
    language
        A language of `words.WORDS`.
    width
        The columns of a line; what cannot be broken may take more.
    colour
        Whether headings, results and what each step changed are set off by the control
        sequences of a terminal.

    Raises
    ------
    OptionError
        On an unknown level of detail.
    UnknownNameError
        On an unknown language.
    """
    writer = _Writer(view, level, language, width, colour=colour)
    shown = "\n\n".join("\n".join(block) for block in writer.blocks(page))
    for word in (IF, OTHERWISE):  # what stands in formulas
        shown = re.sub(rf"(?<= ){word}(?=[ }}])", phrase(word, language), shown)
    return shown


def text_reason(reason: Reason, language: str, entry: str = "") -> str:
    """What a sign means; of a rule its title, or another `entry` of it: ``.brief``, ``.why``."""
    return _reason(reason, language, entry).replace(TIE, " ")


def _reason(reason: Reason, language: str, entry: str = "") -> str:
    """The same, formulas tied together."""
    comma = phrase("comma", language)
    used = comma.join(u if isinstance(u, str) else _tied(u) for u in reason.used)
    return phrase(reason.rule + entry, language).replace("{used}", used)


def text_blocks(fold: Fold, language: str) -> str:
    """Which blocks repeat which, in words, for where their letters are not said."""
    return phrase("blocks", language).format(first=fold.first, last=fold.last, like=fold.like)


def text_checked(checked: Checked, language: str) -> str:
    """What was checked, in words."""
    return _checked(checked, language).replace(TIE, " ")


def _checked(checked: Checked, language: str) -> str:
    """The same, formulas tied together."""
    sizes = ", ".join(f"{name}{TIE}={TIE}{size}" for name, size in checked.sizes.items())
    told = phrase("checked", language).format(
        count=checked.count,
        digits=checked.digits,
        points=checked.points,
        sizes=phrase("checked-sizes", language).format(sizes=sizes) if sizes else "",
        worst=f"{checked.worst:.0e}",
    )
    if not checked.unchecked:
        return told
    names = phrase("comma", language).join(checked.unchecked[:_NAMED])
    names += " …" if len(checked.unchecked) > _NAMED else ""
    return " ".join((told, phrase("checked-not", language).format(names=names)))


class _Writer:
    def __init__(
        self, view: View, level: Level, language: str, width: int, *, colour: bool
    ) -> None:
        self._view = view
        self._level = level
        self._language = language
        self._width = width
        self._colour = colour

    def blocks(self, page: Page) -> Iterator[list[str]]:
        """The parts of the page, each a list of lines."""
        whole = self._level != "result"
        if whole and page.given:
            yield [*self._heading("given"), *self._given(page.given)]
        if page.numbers is not None:
            numbers = page.numbers
            yield list(self._numbers(given_lines(numbers, self._layout(numbers)), 2))
        wanted = {entry.name for entry in page.gradients.all_entries()}
        for section in page.sections(self._level):
            yield [*self._heading(section.heading), *self._section(section, wanted, page.numbers)]
        if page.numbers is not None:
            yield from self._closing(page.numbers)
        if whole and page.summary:
            yield [*self._heading("summary"), *self._summary(page.summary)]
        if found := page.notes_for(self._view, self._level):
            yield [*self._heading("notation"), *self._notes(found)]
        if page.checked is not None:
            yield sentence(_checked(page.checked, self._language), self._width)

    def _word(self, key: str) -> str:
        return phrase(key, self._language)

    def _paint(self, lines: list[str], style: Style | None) -> list[str]:
        return painted(lines, style) if self._colour else lines

    def _heading(self, key: str) -> list[str]:
        return self._paint([self._word(key)], "heading")

    def _notes(self, notes: Iterable[Reason]) -> Iterator[str]:
        for note in notes:
            yield from sentence(_reason(note, self._language), self._width, "  ", "    ")

    def _given(self, given: tuple[Given | Fold, ...]) -> list[str]:
        rows: Rows = []
        for tensor in given:
            if isinstance(tensor, Fold):
                rows.append(("…", text_blocks(tensor, self._language)))
                continue
            shape = _shape(tensor.shape).replace(" ", TIE)
            kind = filter(None, (self._word(tensor.role), shape))
            rows.append((text(tensor.indexed), self._word("clause").join(kind)))
        return self._table(rows, sentence)

    def _section(
        self, section: Section, wanted: Collection[str], numbers: Worked | None
    ) -> Iterator[str]:
        for place, entry in enumerate(section.entries):
            if isinstance(entry, Fold):
                yield from self._fold(entry)
                continue
            style: Style | None = "result" if entry.name in wanted else None
            if entry.moves and self._level == "all":
                if place:
                    yield ""
                yield from self._derived(entry, style)
            else:
                yield from self._equality(entry.shown(self._view), style)
            if numbers is not None:
                beside = lines_beside(numbers, entry.name, self._layout(numbers))
                yield from self._numbers(beside, 4)

    def _layout(self, numbers: Worked) -> Layout:
        return numbers.layout(self._view, self._width - 8)

    def _numbers(self, lines: Iterable[NumberLine], indent: int) -> Iterator[str]:
        return text_lines(lines, self._language, self._width, indent)

    def _closing(self, numbers: Worked) -> Iterator[list[str]]:
        """What the numbers end with, and what is to be said of them."""
        for heading, lines in closing_lines(numbers, self._layout(numbers)):
            yield [*self._heading(heading), *self._numbers(lines, 2)]
        for remark in sentences(numbers):
            yield sentence(text_remark(remark, self._language), self._width)

    def _fold(self, fold: Fold) -> list[str]:
        """Which blocks repeat which, in words."""
        renamed = self._word("comma").join(
            TIE.join((text(like), "→", text(first), "…", text(last)))
            for like, first, last in fold.renamed
        )
        blocks = text_blocks(fold, self._language)
        said = self._word("fold").format(blocks=blocks, used=renamed)
        return sentence(said, self._width, "  ", "      ")

    def _derived(self, entry: Entry, style: Style | None) -> Iterator[str]:
        """An adjoint step by step, then between matrices."""
        left = " = ".join(map(text, entry.views["index"].left))
        in_matrices = self._view != "index" and self._view in entry.views
        for place, move in enumerate(entry.moves):
            last = move is entry.moves[-1] and not in_matrices
            after = marked(move.before, move.after)[1] if self._colour else move.after
            begin, indent = ("", 4) if place else (left, 2)
            lines = equation(begin, text(after), self._width, indent)
            yield from self._paint(lines, style if last else None)
            yield from self._step(move.reason)
        if in_matrices:
            shown = entry.views[self._view]
            left = text(shown.left[-1])
            yield from self._paint(equation(left, text(shown.right), self._width, 2), style)
            yield from self._step(MATRIX_FORM)

    def _step(self, reason: Reason) -> Iterator[str]:
        """The rule of a step and why it holds, short enough to stand beside a formula."""
        title = _reason(reason, self._language) + self._word("colon")
        brief = _reason(reason, self._language, ".brief")
        first, *others = sentence(title + brief, self._width, " " * 8, " " * 10)
        end = first.find(title.rstrip()) + len(title.rstrip())
        (painted_title,) = self._paint([first[:end]], "title")
        yield painted_title + first[end:]
        yield from others

    def _equality(self, shown: Equality, style: Style | None) -> Iterator[str]:
        left = " = ".join(map(text, shown.left))
        yield from self._paint(equation(left, text(shown.right), self._width, 2), style)
        if shown.base:
            said = f"{self._word('base')} {', '.join(map(_tied_line, shown.base))}"
            yield from sentence(said, self._width, " " * 6, " " * 8)

    def _summary(self, rows: tuple[Row | Fold, ...]) -> list[str]:
        keys = ("forward-equation", "gradient", "shape", "cost")
        table: Rows = [tuple(map(self._word, keys))]
        made = ""
        for row in rows:
            if isinstance(row, Fold):
                table.append(("…", text_blocks(row, self._language), "", ""))
                continue
            left = text(row.forward.shown(self._view).left[-1])
            gradient = row.gradient and text(row.gradient.shown(self._view).left[-1])
            cost = text(row.cost) if row.cost else "–"
            shape = _shape(row.shape_in(self._view)) or "1"
            table.append(("" if left == made else left, gradient or "–", shape, cost))
            made = left
        heading, *lines = self._table(table, formula)
        return [*self._paint([heading], "title"), *lines]

    def _table(self, rows: Rows, wrap: Callable[[str, int], list[str]]) -> list[str]:
        """Rows as lines, indented; cells are broken where the table would be too wide."""
        return [f"  {line}" for line in columns(rows, width=self._width - 2, wrap=wrap)]


def _tied(formula: Formula) -> str:
    """A formula that no line may end in, as far as there is room."""
    return text(formula).replace(" ", TIE)


def _tied_line(line: BaseLine) -> str:
    left, right = map(_tied, line)
    return f"{left}{TIE}={TIE}{right}"


def _shape(sizes: Iterable[Formula]) -> str:
    return " × ".join(map(text, sizes))
