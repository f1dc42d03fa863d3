r"""A page as LaTeX to paste: ``align*`` environments (amsmath and amssymb).

Rows that are wider than the page are broken. What is said of a step stands beside it
where there is room for all that is said, else under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from symbackprop.typeset.breaking import PAGE, broken
from symbackprop.typeset.equations import BaseLine
from symbackprop.typeset.formula import Formula, Relation
from symbackprop.typeset.latex import OTHERWISE, latex
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
    Given,
    Level,
    Page,
    Section,
    View,
)
from symbackprop.typeset.page_text import text_blocks
from symbackprop.typeset.sentences import (
    Sentence,
    escaped,
    filled,
    fold_sentence,
    in_mathematics,
    paragraph,
    remark_sentence,
    step_sentence,
)
from symbackprop.typeset.widths import width
from symbackprop.typeset.words import phrase

_QUAD = 1.0
# How near an estimated width may come to the page's, since it is an estimate.
_SURE = 0.95


@dataclass(frozen=True)
class _Row:
    """What stands in a row of its own or in several.

    A chain of equalities, aligned at the first, and what is said of it; words alone; or
    `ready` LaTeX.
    """

    left: str = ""
    chain: tuple[Formula, ...] = ()
    words: Sentence = ()
    ready: str = ""


def latex_page(page: Page, view: View, level: Level, language: str = "en") -> str:
    r"""A page as ``align*`` environments: what is given, then the equations.

    See `page_text.text_page`.
    """
    numbers = page.numbers
    given = [given_rows(page.given, language, view)] if page.given and level != "result" else []
    blocks = [
        block
        for part in page.sections(level)
        for block in _section(part, view, level, language, numbers)
    ]
    if numbers is not None:
        layout = numbers.layout(view)
        given.append(list(latex_rows(given_lines(numbers, layout), language)))
        blocks += (
            [_Row(ready=rf"&\text{{{escaped(phrase(key, language))}}}"), *_ready(lines, language)]
            for key, lines in closing_lines(numbers, layout)
        )
    parts = [environment(rows) for rows in (given, _aligned(blocks, PAGE)) if any(rows)]
    said = sentences(numbers) if numbers else ()
    remarks = (paragraph(remark_sentence(remark, language)) for remark in said)
    return worded("\n\n".join((*parts, *remarks)), language)


def worded(latex: str, language: str) -> str:
    """LaTeX with the word that stands in its formulas in a language."""
    return latex.replace(OTHERWISE, rf"\text{{{phrase('otherwise', language)}}}")


def environment(blocks: list[list[str]]) -> str:
    """Rows as an ``align*`` environment, a little space between blocks."""
    body = " \\\\[1ex]\n".join(" \\\\\n".join(rows) for rows in blocks if rows)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def given_rows(given: tuple[Given | Fold, ...], language: str, view: View = "index") -> list[str]:
    """What must be fed, a row each, aligned at the signs ∈ and at the roles."""
    return [_given(tensor, language, view) for tensor in given]


def section_blocks(  # noqa: PLR0913 (a section, how it is shown, and how wide)
    section: Section,
    view: View,
    level: Level,
    language: str,
    numbers: Worked | None = None,
    *,
    room: float = PAGE,
) -> list[list[str]]:
    """The rows of a section, what is derived apart in `all`; each part aligned by itself.

    Parameters
    ----------
    section, view, level, language
        See `page_text.text_page`.
    numbers
        What stands beside the equations.
    room
        The width of the page in ems.
    """
    parts = _section(section, view, level, language, numbers)
    return [_aligned([part], room)[0] for part in parts]


def aligned_equations(
    equations: Iterable[tuple[Sequence[Formula], Sequence[BaseLine]]], room: float
) -> list[str]:
    """Equations, each a chain of equal formulas and its base cases, on a page of this width."""
    rows = [
        row
        for (*left, right), base in equations
        for row in _equality(Equality(tuple(left), right, tuple(base)), "en")
    ]
    return _aligned([rows], room)[0]


# --- rows ---------------------------------------------------------------------------------


def _section(
    section: Section, view: View, level: Level, language: str, numbers: Worked | None
) -> list[list[_Row]]:
    blocks: list[list[_Row]] = [[]]
    for entry in section.entries:
        if isinstance(entry, Fold):
            blocks[-1].append(_Row(words=fold_sentence(entry, language)))
            continue
        if entry.moves and level == "all":
            blocks += [list(_derived(entry, view, language)), []]
        else:
            blocks[-1] += _equality(entry.shown(view), language)
        if numbers is not None:
            blocks[-1] += _ready(lines_beside(numbers, entry.name, numbers.layout(view)), language)
    return [block for block in blocks if block]


def _ready(lines: Iterable[NumberLine], language: str) -> list[_Row]:
    return [_Row(ready=row) for row in latex_rows(lines, language)]


def _aligned(blocks: list[list[_Row]], room: float) -> list[list[str]]:
    """Rows that are aligned with each other, those too wide for the page broken."""
    room *= _SURE
    rows = [row for block in blocks for row in block]
    left = max((width(_left(row)) for row in rows), default=0.0)
    right = max((width(_chain(row)) for row in rows), default=0.0)
    said = max((width(in_mathematics(row.words)) for row in rows if row.chain), default=0.0)
    if left + right + 2 * _QUAD + said <= room:
        return [[_side_by_side(row, room - left) for row in block] for block in blocks]
    return [[line for row in block for line in _lines(row, room - left)] for block in blocks]


def _left(row: _Row) -> str:
    return row.left or row.ready.partition("&")[0]


def _side_by_side(row: _Row, room: float) -> str:
    if row.ready:
        return row.ready
    if not row.chain:
        return " \\\\\n".join(_below(row.words, room))
    said = f" && {in_mathematics(row.words)}" if row.words else ""
    return f"{_chain(row)}{said}"


def _chain(row: _Row) -> str:
    return f"{row.left} &= {' = '.join(map(latex, row.chain))}".lstrip() if row.chain else ""


def _below(words: Sentence, room: float) -> Iterator[str]:
    for line in filled(words, room - _QUAD):
        yield rf"&\quad {line}"


def _lines(row: _Row, room: float) -> Iterator[str]:
    """A row as lines of LaTeX, none wider than there is room, if that can be."""
    if row.ready:
        yield row.ready
    elif row.chain and width(_chain(replace(row, left=""))) <= room:
        yield _chain(row)
    elif row.chain:
        for place, formula in enumerate(row.chain):
            first, *others = broken(formula, room - width("="), room - _QUAD)
            yield f"{'' if place else row.left} &= {first}".lstrip()
            yield from (rf"&\quad {line}" for line in others)
    if row.words:
        yield from _below(row.words, room)


def equality_rows(left: Sequence[Formula], right: Formula, room: float) -> list[str]:
    """An equation alone, aligned at its first equals sign, on a page of this width in ems."""
    return aligned_equations([((*left, right), ())], room)


def _given(given: Given | Fold, language: str, view: View) -> str:
    if isinstance(given, Fold):
        return rf"\dots & && \text{{{escaped(text_blocks(given, language))}}}"
    values = r"\mathbb{R}"
    if given.last is not None:
        values = rf"\{{0, \dots, {latex(given.last)}\}}"
    extent = r" \times ".join(latex(size) for size in given.shape_in(view))
    power = f"^{{{extent}}}" if extent else ""
    role = escaped(phrase(given.role, language))
    return rf"{latex(given.letter)} &\in {values}{power} && \text{{{role}}}"


def _derived(entry: Entry, view: View, language: str) -> Iterator[_Row]:
    first, *others = entry.views["index"].left
    for place, move in enumerate(entry.moves):
        why = step_sentence(move.reason, language)
        if place:
            yield _Row(chain=(move.after,), words=why)
        else:
            yield _Row(latex(first), (*others, move.after), why)
    if view in entry.views and view != "index":
        shown = entry.views[view]
        why = step_sentence(MATRIX_FORM, language)
        yield _Row(latex(shown.left[-1]), (shown.right,), why)


def _equality(shown: Equality, language: str) -> Iterator[_Row]:
    first, *others = shown.left
    yield _Row(latex(first), (*others, shown.right))
    if shown.base:
        yield _Row(words=base_sentence(shown.base, language))


def base_sentence(base: Sequence[BaseLine], language: str) -> Sentence:
    """What a tensor is outside its range, case by case."""
    words: list[str | Formula] = [f"{phrase('base', language)} "]
    for left, right in base:
        words += [phrase("comma", language)] if len(words) > 1 else []
        words.append(Relation(left, "=", right))
    return words
