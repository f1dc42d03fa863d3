r"""A page as LaTeX to paste: one ``align*`` environment (amsmath and amssymb)."""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.typeset.equations import latex_base
from symbackprop.typeset.latex import latex
from symbackprop.typeset.number_latex import latex_remark, latex_rows
from symbackprop.typeset.numbers import (
    Worked,
    given_lines,
    lines_beside,
    sentences,
    update_lines,
)
from symbackprop.typeset.page import (
    MATRIX_FORM,
    Entry,
    Equality,
    Fold,
    Given,
    Level,
    Page,
    Reason,
    Section,
    View,
)
from symbackprop.typeset.page_text import text_blocks
from symbackprop.typeset.words import phrase


def latex_page(page: Page, view: View, level: Level, language: str = "en") -> str:
    r"""A page as one ``align*`` environment; see `page_text.text_page`."""
    numbers = page.numbers
    blocks = [given_rows(page.given, language)] if page.given and level != "result" else []
    for section in page.sections(level):
        blocks += section_blocks(section, view, level, language, numbers)
    if numbers is not None:
        layout = numbers.layout(view)
        blocks.insert(
            1 if level != "result" else 0, list(latex_rows(given_lines(numbers, layout), language))
        )
        blocks.append(list(latex_rows(update_lines(numbers, layout), language)))
    # A little space between what belongs apart.
    body = " \\\\[1ex]\n".join(" \\\\\n".join(rows) for rows in blocks if rows)
    remarks = (latex_remark(r, language) for r in sentences(numbers)) if numbers else ()
    return "\n\n".join((f"\\begin{{align*}}\n{body}\n\\end{{align*}}", *remarks))


def given_rows(given: tuple[Given | Fold, ...], language: str) -> list[str]:
    """What must be fed, a row each, aligned at the signs ∈ and at the roles."""
    return [_given(tensor, language) for tensor in given]


def section_blocks(
    section: Section, view: View, level: Level, language: str, numbers: Worked | None = None
) -> list[list[str]]:
    """The rows of a section, aligned at the equals signs; what is derived apart in `all`."""
    blocks: list[list[str]] = [[]]
    for entry in section.entries:
        if isinstance(entry, Fold):
            blocks[-1].append(rf"& {latex_fold(entry, language)}")
        elif entry.moves and level == "all":
            blocks += [list(_derived(entry, view, language)), []]
        else:
            blocks[-1] += _equality(entry.shown(view), language)
        if numbers is not None and not isinstance(entry, Fold):
            beside = lines_beside(numbers, entry.name, numbers.layout(view))
            blocks[-1] += latex_rows(beside, language)
    return [block for block in blocks if block]


def latex_fold(fold: Fold, language: str) -> str:
    """Which blocks repeat which, in words."""
    renamed = r",\ ".join(
        rf"{latex(like)} \to {latex(first)}, \dots, {latex(last)}"
        for like, first, last in fold.renamed
    )
    words = phrase("fold", language).replace("{blocks}", text_blocks(fold, language))
    return f" {renamed} ".join(map(_as_text, words.split("{used}"))).strip()


def latex_reason(reason: Reason, language: str, entry: str = "") -> str:
    """What a sign means; of a rule its title, or another `entry` of it: ``.brief``, ``.why``."""
    return _with_used(phrase(reason.rule + entry, language), reason)


def latex_step(reason: Reason, language: str) -> str:
    """The rule of a step and why it holds, short enough to stand beside a formula."""
    title = phrase(reason.rule, language) + phrase("colon", language)
    return _with_used(title + phrase(f"{reason.rule}.brief", language), reason)


def _with_used(sentence: str, reason: Reason) -> str:
    words = sentence.split("{used}")
    used = r",\ ".join(latex(u) if not isinstance(u, str) else _as_text(u) for u in reason.used)
    return f" {used} ".join(map(_as_text, words)).strip()


def _given(given: Given | Fold, language: str) -> str:
    if isinstance(given, Fold):
        return rf"\dots & && {_as_text(text_blocks(given, language))}"
    values = r"\mathbb{R}"
    if given.last is not None:
        values = rf"\{{0, \dots, {latex(given.last)}\}}"
    extent = r" \times ".join(latex(size) for size in given.shape)
    power = f"^{{{extent}}}" if extent else ""
    role = phrase(given.role, language)
    return rf"{latex(given.letter)} &\in {values}{power} && \text{{{role}}}"


def _derived(entry: Entry, view: View, language: str) -> Iterator[str]:
    first, *others = map(latex, entry.views["index"].left)
    for place, move in enumerate(entry.moves):
        chain = [latex(move.after)] if place else [*others, latex(move.after)]
        why = latex_step(move.reason, language)
        yield f"{'' if place else first + ' '}&= {' = '.join(chain)} && {why}"
    if view in entry.views and view != "index":
        shown = entry.views[view]
        why = latex_step(MATRIX_FORM, language)
        yield f"{latex(shown.left[-1])} &= {latex(shown.right)} && {why}"


def _equality(shown: Equality, language: str) -> Iterator[str]:
    first, *others = (*map(latex, shown.left), latex(shown.right))
    yield f"{first} &= {' = '.join(others)}"
    if shown.base:
        yield rf"&\quad {latex_base(shown.base, language)}"


def _as_text(words: str) -> str:
    return rf"\text{{{words}}}" if words else ""
