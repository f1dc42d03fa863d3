"""The equations of an HTML page: each in every notation, and every step of its derivation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from symbackprop.typeset.changes import marked
from symbackprop.typeset.formula import Formula
from symbackprop.typeset.html_formulas import FormulaWriter, Shape, anchor, reference, source
from symbackprop.typeset.html_numbers import NumbersWriter
from symbackprop.typeset.html_words import filled, in_each, listed, words
from symbackprop.typeset.page import MATRIX_FORM, Entry, Equality, Fold, Move, Page, Reason, View

_TICK = '<span class="tick" aria-hidden="true">✓</span>'


class EquationsWriter:
    """Writes entries and what is said about them.

    Parameters
    ----------
    page
        The page they are on.
    views
        The notations it can be read in.
    formulas
        What writes its formulas.
    worked
        What writes the numbers beside each equation, None if no numbers were put through.
    opened
        Whether the steps of each derivation are shown before anybody asks for them.
    """

    def __init__(
        self,
        page: Page,
        views: Sequence[View],
        formulas: FormulaWriter,
        worked: NumbersWriter | None,
        *,
        opened: bool,
    ) -> None:
        self._page = page
        self._views = views
        self._formulas = formulas
        self._worked = worked
        self._opened = " open" if opened else ""
        sections = (page.forward, page.backward, page.gradients)
        shown = [e for section in sections for e in section.entries if isinstance(e, Entry)]
        self._numbers = {entry.name: place for place, entry in enumerate(shown, start=1)}
        self._shapes = _shapes(page)
        self._roles = {e.name: "intermediate" for e in page.forward.all_entries()} | {
            row.forward.name: "objective"
            for row in page.summary
            if not isinstance(row, Fold) and row.gradient is None
        }

    def entries(self, entries: Sequence[Entry | Fold]) -> str:
        """A section's equations."""
        items = "\n".join(
            f'<li class="fold">{self.fold(entry)}</li>'
            if isinstance(entry, Fold)
            else self._entry(entry)
            for entry in entries
        )
        return f'<ol class="entries">\n{items}\n</ol>'

    def forms(self, entry: Entry) -> Iterator[tuple[str, Equality]]:
        """An entry's equations that differ, each with the notations it stands for."""
        found: list[tuple[list[str], Equality]] = []
        for view in self._views:
            shown = entry.shown(view)
            same = next((views for views, other in found if other == shown), None)
            if same is None:
                found.append(([view], shown))
            else:
                same.append(view)
        for views, shown in found:
            yield " ".join(views), shown

    def shape(self, entry: Entry, write: Callable[[Sequence[Formula]], str]) -> str:
        """What is written of the shape of an equation's left side; nothing if it is unknown."""
        found = self._shapes.get(entry.name)
        if found is None:
            return ""
        plain, turned = found
        return self._formulas.by_view(
            write, (plain, turned if "column" in entry.views else ()), self._views
        )

    def reason(self, reason: Reason, part: str = "") -> str:
        """What a sign means; of a rule its title, or another `part` of it."""
        return in_each(lambda language: self._reason(reason, part, language))

    def fold(self, fold: Fold) -> str:
        """Which blocks repeat which."""
        math = self._formulas.math
        renamed = [
            f"{math(like)} → {math(first)} … {math(last)}" for like, first, last in fold.renamed
        ]

        def written(language: str) -> str:
            return filled(
                "fold", language, blocks=blocks(fold, language), used=listed(renamed, language)
            )

        return in_each(written)

    # --- one equation ---------------------------------------------------------------------

    def _entry(self, entry: Entry) -> str:
        kind = "entry" if entry.result else "entry whole"
        forms = "".join(self._form(classes, shown) for classes, shown in self.forms(entry))
        return (
            f'<li class="{kind}" id="{anchor(entry.name)}" '
            f'data-subject="{escape(entry.subject)}" tabindex="-1">\n'
            f"{self._aside(entry)}{forms}{self._beside(entry)}{self._moves(entry)}</li>"
        )

    def _beside(self, entry: Entry) -> str:
        return self._worked.beside(entry.name) if self._worked else ""

    def _form(self, classes: str, shown: Equality) -> str:
        sides = (*shown.left, shown.right)
        base = self._base(shown) if shown.base else ""
        chain = self._formulas.chain(sides)
        return f'<div class="form {classes}">{chain}{base}{source(*sides)}</div>\n'

    def _base(self, shown: Equality) -> str:
        cases = [self._formulas.math(*sides) for sides in shown.base]
        return f'<p class="base">{in_each(lambda language: _with(cases, language))}</p>'

    def _aside(self, entry: Entry) -> str:
        number = reference(entry.name, f"({self._numbers[entry.name]})", "number")
        role = words(self._roles.get(entry.name, "gradient"))
        sizes = self.shape(entry, self._formulas.space)
        return (
            f'<p class="aside"><span class="role" hidden>{role}</span>'
            f'<span class="shape">{sizes}</span>{number}{self._tick(entry)}</p>\n'
        )

    # --- how it was derived -----------------------------------------------------------------

    def _moves(self, entry: Entry) -> str:
        if not entry.moves:
            return ""
        tick = self._tick(entry)
        moves = [self._move(move, tick, first=place == 0) for place, move in enumerate(entry.moves)]
        moves += self._matrix_forms(entry, tick)
        used = list(dict.fromkeys(move.reason.rule for move in entry.moves))
        rules = in_each(lambda lang: listed([filled(rule, lang) for rule in used], lang))
        items = "".join(moves)
        return (
            f'<details class="moves"{self._opened}><summary>{rules}</summary>\n'
            f"<ol>\n{items}</ol></details>\n"
        )

    def _tick(self, entry: Entry) -> str:
        """A sign beside what was checked; of what is too large to check, some may have been."""
        checked = self._page.checked
        held = checked is not None and not {entry.name, entry.subject} & set(checked.unchecked)
        return _TICK if held else ""

    def _move(self, move: Move, tick: str, *, first: bool) -> str:
        tex = source(move.before, move.after)
        if first:
            change = self._formulas.chain([move.before, move.after], "after")
            return self._step(move.reason, change, tick, tex)
        before, after = marked(move.before, move.after)
        change = self._formulas.chain([before], "before")
        change += self._formulas.chain([after], "after", led=True)
        return self._step(move.reason, change, tick, tex)

    def _matrix_forms(self, entry: Entry, tick: str) -> Iterator[str]:
        index = entry.views["index"]
        for classes, shown in self.forms(entry):
            if shown == index:
                continue
            sides = shown.left[-1], shown.right
            change = self._formulas.chain([index.left[-1], index.right], "before")
            change += self._formulas.chain(sides, "after")
            yield self._step(MATRIX_FORM, change, tick, source(*sides), f"form {classes}")

    def _step(self, reason: Reason, change: str, tick: str, tex: str, classes: str = "") -> str:
        kind = f"move {classes}".strip()
        return (
            f'<li class="{kind}" tabindex="-1"><p class="why">{self.why(reason)}</p>\n'
            f"{change}{tick}{tex}</li>\n"
        )

    def why(self, reason: Reason) -> str:
        """A rule's title and the sentence that says why it holds."""

        def written(language: str) -> str:
            title = f"<b>{filled(reason.rule, language)}</b>{filled('colon', language)}"
            return title + self._reason(reason, ".why", language)

        return in_each(written)

    def _reason(self, reason: Reason, part: str, language: str) -> str:
        used = [u if isinstance(u, str) else self._symbol(u) for u in reason.used]
        return filled(reason.rule + part, language, used=listed(used, language))

    def _symbol(self, formula: Formula) -> str:
        return self._formulas.math(formula)


def blocks(fold: Fold, language: str) -> str:
    """Which blocks repeat which, for where their letters are not said."""
    return filled(
        "blocks", language, first=str(fold.first), last=str(fold.last), like=str(fold.like)
    )


def _with(cases: list[str], language: str) -> str:
    return f"{filled('base', language)} {listed(cases, language)}"


def _shapes(page: Page) -> Mapping[str, Shape]:
    """By name, the sizes of the tensors on the page, as far as the summary tells them."""
    found: dict[str, Shape] = {}
    for row in page.summary:
        if isinstance(row, Fold):
            continue
        derived = row.gradient or row.forward
        found[derived.name] = found[derived.subject] = row.shape, row.turned
    return found
