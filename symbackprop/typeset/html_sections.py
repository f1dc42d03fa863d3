"""The sections of an HTML page: what is given, notation, equations, summary, what was checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from symbackprop.typeset.html_equations import EquationsWriter, blocks
from symbackprop.typeset.html_formulas import FormulaWriter, anchor, reference
from symbackprop.typeset.html_numbers import NumbersWriter
from symbackprop.typeset.html_words import in_each, words
from symbackprop.typeset.page import Entry, Fold, Given, Note, Page, Row, Section, View
from symbackprop.typeset.page_text import text_checked
from symbackprop.typeset.svg import svg_part

_COLUMNS = ("forward-equation", "gradient", "shape", "cost")


class SectionsWriter:
    """Writes the sections of a page in reading order.

    Parameters
    ----------
    page
        What `Composer` laid out.
    views
        The notations it can be read in.
    opened
        Whether the steps of each derivation are shown before anybody asks for them.
    """

    def __init__(self, page: Page, views: Sequence[View], *, opened: bool) -> None:
        self._page = page
        self._views = views
        self._formulas = FormulaWriter()
        numbers = page.numbers
        self._numbers = NumbersWriter(numbers, views, self._formulas) if numbers else None
        self._equations = EquationsWriter(page, views, self._formulas, self._numbers, opened=opened)

    def sections(self) -> Iterator[str]:
        """The sections; what a page of results leaves out has the class ``whole``."""
        page = self._page
        if page.given:
            yield _section("given", self._given(), whole=True)
        yield _section("notation", self._notation())
        yield _section("graph", self._graph(), whole=True)
        if self._numbers is not None:
            yield _section("numbers", self._numbers.given())
        for section in (page.forward, page.backward, page.gradients):
            if section.entries:
                yield self._section(section)
        if self._numbers is not None:
            for key, body in self._numbers.closing():
                yield _section(key, body)
            yield f'<div class="remarks">\n{self._numbers.remarks()}\n</div>'
        if page.summary:
            yield _section("summary", self._summary(), whole=True)
        if page.checked is not None:
            checked = page.checked
            told = in_each(lambda lang: escape(text_checked(checked, lang), quote=False))
            yield _section("checked", f"<p>{told}</p>", heading="checked-heading")

    def headline(self) -> str:
        """The page's title: what is derived, and of what."""
        shown = words("title", objective=self._formulas.math(self._page.objective))
        model = in_each(lambda language: escape(self._page.titled(language)))
        model = f'\n<p class="model">{model}</p>' if self._page.title else ""
        return f"<header>\n<h1>{shown}</h1>{model}\n</header>"

    # --- equations ------------------------------------------------------------------------

    def _section(self, section: Section) -> str:
        told = any(isinstance(e, Entry) and e.result for e in section.entries)
        body = self._equations.entries(section.entries)
        return _section(section.heading, body, whole=not told)

    # --- what is given --------------------------------------------------------------------

    def _given(self) -> str:
        return f"<ul>\n{''.join(map(self._given_item, self._page.given))}</ul>"

    def _given_item(self, given: Given | Fold) -> str:
        if isinstance(given, Fold):
            return f"<li>… {_said(given)}</li>\n"
        letter = reference(given.name, self._formulas.math(given.letter))
        space = self._formulas.by_view(
            lambda sizes: self._formulas.space(sizes, given.last),
            (given.shape, given.turned),
            self._views,
        )
        return (
            f'<li id="{anchor(given.name)}" data-subject="{escape(given.name)}" tabindex="-1">'
            f'{letter}{space}<span class="role">{words(given.role)}</span></li>\n'
        )

    # --- what signs mean ------------------------------------------------------------------

    def _notation(self) -> str:
        layouts = [
            f'<li class="form {view}">{words(key)}</li>'
            for view in self._views
            for key in (f"layout-{view}", *["layout-numerator"] * (view != "index"))
        ]
        return f"<ul>\n{chr(10).join([*layouts, *map(self._note, self._page.notes)])}\n</ul>"

    def _note(self, note: Note) -> str:
        shown = [view for view in self._views if view in note.views]
        classes = " ".join(["form", *shown, *["whole"] * (not note.result)])
        return f'<li class="{classes}">{self._equations.reason(note.reason)}</li>'

    # --- the graph ------------------------------------------------------------------------

    def _graph(self) -> str:
        picture = in_each(lambda lang: svg_part(self._page.graph, lang, prefix=f"graph-{lang}"))
        return _scrolled(picture, "graph")

    # --- the summary ----------------------------------------------------------------------

    def _summary(self) -> str:
        head = "".join(f'<th scope="col">{words(key)}</th>' for key in _COLUMNS)
        groups = groupby(self._page.summary, key=_group)
        rows = "".join(self._rows(list(alike)) for _, alike in groups)
        top = f"<thead>\n<tr>{head}</tr>\n</thead>"
        return _scrolled(f"<table>\n{top}\n<tbody>\n{rows}</tbody>\n</table>", "summary")

    def _rows(self, rows: Sequence[Row | Fold]) -> str:
        """The rows of one forward equation, which stands in the first."""
        return "".join(
            f'<tr><td colspan="4">… {_said(row)}</td></tr>\n'
            if isinstance(row, Fold)
            else self._row(row, len(rows) if place == 0 else 0)
            for place, row in enumerate(rows)
        )

    def _row(self, row: Row, span: int) -> str:
        """A row whose forward equation stands in `span` rows; 0 where it stands above."""
        cells = [
            self._equation(row.gradient) if row.gradient else "–",
            self._equations.shape(row.gradient or row.forward, self._formulas.shape),
            self._formulas.math(row.cost) if row.cost else "–",
        ]
        first = f'<td rowspan="{span}">{self._equation(row.forward)}</td>' if span else ""
        others = "".join(f"<td>{cell}</td>" for cell in cells)
        return f"<tr>{first}{others}</tr>\n"

    def _equation(self, entry: Entry) -> str:
        return "".join(
            f'<span class="form {classes}">'
            f"{reference(entry.name, self._formulas.math(shown.left[-1]))}"
            f"{''.join(self._formulas.parts([shown.right], led=True))}</span>"
            for classes, shown in self._equations.forms(entry)
        )


def _said(fold: Fold) -> str:
    return in_each(lambda language: blocks(fold, language))


def _group(row: Row | Fold) -> int:
    return id(row if isinstance(row, Fold) else row.forward)


def _scrolled(body: str, name: str) -> str:
    """What is too large for the window, in a box that scrolls, also by keys."""
    box = f'<div class="scroll" role="region" aria-labelledby="{name}-heading" tabindex="0">'
    return f"{box}\n{body}\n</div>"


def _section(key: str, body: str, *, heading: str = "", whole: bool = False) -> str:
    kind = ' class="whole"' if whole else ""
    title = f'<h2 id="{key}-heading">{words(heading or key)}</h2>'
    return (
        f'<section id="{key}" aria-labelledby="{key}-heading"{kind}>\n{title}\n{body}\n</section>'
    )
