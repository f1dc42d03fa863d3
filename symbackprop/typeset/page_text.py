"""A page in Unicode text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from symbackprop.typeset.columns import columns
from symbackprop.typeset.equations import text_base
from symbackprop.typeset.formula import Formula
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
from symbackprop.typeset.text import text
from symbackprop.typeset.words import phrase


def text_page(page: Page, view: View, level: Level, language: str = "en") -> str:
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

    Raises
    ------
    OptionError
        On an unknown level of detail.
    UnknownNameError
        On an unknown language.
    """
    return "\n\n".join("\n".join(block) for block in _Writer(view, level, language).blocks(page))


def text_reason(reason: Reason, language: str, entry: str = "") -> str:
    """What a sign means; of a rule its title, or another `entry` of it: ``.brief``, ``.why``."""
    comma = phrase("comma", language)
    used = comma.join(u if isinstance(u, str) else text(u) for u in reason.used)
    return phrase(reason.rule + entry, language).replace("{used}", used)


def text_step(reason: Reason, language: str) -> str:
    """The rule of a step and why it holds, short enough to stand beside a formula."""
    title = text_reason(reason, language) + phrase("colon", language)
    return title + text_reason(reason, language, ".brief")


def text_fold(fold: Fold, language: str) -> str:
    """Which blocks repeat which, in words."""
    renamed = phrase("comma", language).join(
        f"{text(like)} → {text(first)} … {text(last)}" for like, first, last in fold.renamed
    )
    return phrase("fold", language).format(blocks=text_blocks(fold, language), used=renamed)


def text_blocks(fold: Fold, language: str) -> str:
    """Which blocks repeat which, in words, for where their letters are not said."""
    return phrase("blocks", language).format(first=fold.first, last=fold.last, like=fold.like)


def text_checked(checked: Checked, language: str) -> str:
    """What was checked, in words."""
    sizes = ", ".join(f"{name} = {size}" for name, size in checked.sizes.items())
    return phrase("checked", language).format(
        count=checked.count,
        digits=checked.digits,
        points=checked.points,
        sizes=phrase("checked-sizes", language).format(sizes=sizes) if sizes else "",
        worst=f"{checked.worst:.0e}",
    )


class _Writer:
    def __init__(self, view: View, level: Level, language: str) -> None:
        self._view = view
        self._level = level
        self._language = language

    def blocks(self, page: Page) -> Iterator[list[str]]:
        """The parts of the page, each a list of lines."""
        whole = self._level != "result"
        if whole and page.given:
            yield [self._word("given"), *_indented(self._given(page.given))]
        for section in page.sections(self._level):
            yield [self._word(section.heading), *self._section(section)]
        if whole and page.summary:
            yield [self._word("summary"), *_indented(self._summary(page.summary))]
        if found := page.notes_for(self._view, self._level):
            yield [self._word("notation"), *_indented(self._note(note) for note in found)]
        if page.checked is not None:
            yield [text_checked(page.checked, self._language)]

    def _word(self, key: str) -> str:
        return phrase(key, self._language)

    def _note(self, note: Reason) -> str:
        return text_reason(note, self._language)

    def _given(self, given: tuple[Given | Fold, ...]) -> list[str]:
        rows = []
        for tensor in given:
            if isinstance(tensor, Fold):
                rows.append(("…", text_blocks(tensor, self._language)))
                continue
            kind = filter(None, (self._word(tensor.role), _shape(tensor.shape)))
            rows.append((text(tensor.indexed), self._word("clause").join(kind)))
        return columns(rows)

    def _section(self, section: Section) -> Iterator[str]:
        for entry in section.entries:
            if isinstance(entry, Fold):
                yield f"  {text_fold(entry, self._language)}"
            elif entry.moves and self._level == "all":
                yield from self._derived(entry)
            else:
                yield from self._equality(entry.shown(self._view))

    def _derived(self, entry: Entry) -> Iterator[str]:
        """An adjoint step by step, then between matrices."""
        left = entry.views["index"].left
        for place, move in enumerate(entry.moves):
            chain = f"= {text(move.after)}"
            yield f"    {chain}" if place else f"  {' = '.join(map(text, left))} {chain}"
            yield f"        {text_step(move.reason, self._language)}"
        if self._view in entry.views and self._view != "index":
            shown = entry.views[self._view]
            yield f"  {text(shown.left[-1])} = {text(shown.right)}"
            yield f"        {text_step(MATRIX_FORM, self._language)}"

    def _equality(self, shown: Equality) -> Iterator[str]:
        yield "  " + " = ".join(map(text, (*shown.left, shown.right)))
        if shown.base:
            yield f"      {text_base(shown.base, self._language)}"

    def _summary(self, rows: tuple[Row | Fold, ...]) -> list[str]:
        keys = ("forward-equation", "gradient", "shape", "cost")
        table = [tuple(map(self._word, keys))]
        made = ""
        for row in rows:
            if isinstance(row, Fold):
                table.append(("…", text_blocks(row, self._language), "", ""))
                continue
            left = text(row.forward.shown(self._view).left[-1])
            gradient = row.gradient and text(row.gradient.shown(self._view).left[-1])
            cost = text(row.cost) if row.cost else "–"
            shape = _shape(row.shape) or "1"
            table.append(("" if left == made else left, gradient or "–", shape, cost))
            made = left
        return columns(table)


def _shape(sizes: Iterable[Formula]) -> str:
    return " × ".join(map(text, sizes))


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
