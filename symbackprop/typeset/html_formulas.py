"""Formulas on an HTML page, and their LaTeX beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import TypeAlias

from symbackprop.typeset.formula import Formula, Product, Total
from symbackprop.typeset.html_words import words
from symbackprop.typeset.latex import latex
from symbackprop.typeset.mathml import INFIX, OTHERWISE, mathml, sign_between, times_before

#: A tensor's sizes, and those with one example a column if they are others.
Shape: TypeAlias = tuple[Sequence[Formula], Sequence[Formula]]

_IN, _REAL = '<mo form="infix">∈</mo>', "<mi>ℝ</mi>"
_MINUS, _PLUS = ('<mo form="prefix">−</mo>', '<mo form="infix">−</mo>'), '<mo form="infix">+</mo>'
_EQUALS, _TIMES = '<mo form="infix">=</mo>', "<mo>×</mo>"


class FormulaWriter:
    """Writes formulas in MathML, each of a page's formulas once however often it is shown."""

    def __init__(self) -> None:
        # By identity: to hash a large formula costs as much as to write it. The formula
        # is kept, so that no other one takes its number.
        self._written: dict[int, tuple[Formula, str]] = {}
        self._otherwise = f"<mtext>{words('otherwise')}</mtext>"

    def inner(self, formula: Formula) -> str:
        """A formula as one MathML element."""
        found = self._written.get(id(formula))
        if found is None:
            written = mathml(formula).replace(OTHERWISE, self._otherwise)
            self._written[id(formula)] = found = formula, written
        return found[1]

    def math(self, *sides: Formula) -> str:
        """A formula within a line of text, or several with equals signs between them."""
        return f"<math>{_EQUALS.join(map(self.inner, sides))}</math>"

    def chain(self, sides: Sequence[Formula], classes: str = "", *, led: bool = False) -> str:
        """An equality on lines of its own, which may break before a sign between its parts.

        `led` puts an equals sign before the first side too.
        """
        parts = "".join(self.parts(sides, led=led, display=True))
        return f'<div class="{" ".join(filter(None, ["chain", classes]))}">{parts}</div>'

    def linked(
        self,
        first: Formula,
        links: Sequence[tuple[str, Formula]],
        classes: str,
        beside: str = "",
    ) -> str:
        """A formula and others after it, each with its sign; `beside` stands behind them."""
        parts = [f'<math display="block">{self.inner(first)}</math>']
        for sign, side in links:
            before = sign_between(sign)
            for part in self._factors(side):
                parts.append(f'<math display="block">{before}{part}</math>')
                before = ""
        return f'<div class="chain {classes}">{"".join(parts)}{beside}</div>'

    def _factors(self, side: Formula) -> Iterator[str]:
        """The terms of a sum, or the factors of a product."""
        if not isinstance(side, Product):
            yield from self._terms(side)
            return
        for place, factor in enumerate(side.factors):
            yield (times_before(factor, INFIX) if place else "") + self.inner(factor)

    def parts(
        self, sides: Sequence[Formula], *, led: bool = False, display: bool = False
    ) -> Iterator[str]:
        """The parts of an equality between which a line may break, each a formula."""
        block = ' display="block"' if display else ""
        for place, side in enumerate(sides):
            sign = _EQUALS if place or led else ""
            for part in self._terms(side):
                yield f"<math{block}>{sign}{part}</math>"
                sign = ""

    def _terms(self, side: Formula) -> Iterator[str]:
        if not isinstance(side, Total):
            yield self.inner(side)
            return
        for place, (negative, term) in enumerate(side.terms):
            sign = _MINUS[place > 0] if negative else _PLUS if place else ""
            yield sign + self.inner(term)

    def space(self, sizes: Sequence[Formula], last: Formula | None = None) -> str:
        """What a tensor is an element of: ``∈ ℝ^{N×D}``, or of labels up to the `last` one."""
        values = _REAL
        if last is not None:
            inside = f"<mn>0</mn><mo>,</mo><mi>…</mi><mo>,</mo>{self.inner(last)}"
            values = f"<mrow><mo>{{</mo>{inside}<mo>}}</mo></mrow>"
        if sizes:
            values = f"<msup>{values}<mrow>{self._sizes(sizes)}</mrow></msup>"
        return f"<math>{_IN}{values}</math>"

    def _sizes(self, sizes: Sequence[Formula]) -> str:
        return _TIMES.join(map(self.inner, sizes))

    def by_view(
        self, write: Callable[[Sequence[Formula]], str], shape: Shape, views: Iterable[str]
    ) -> str:
        """What is written of a shape, in each notation of the shape that is shown there."""
        plain, turned = shape
        if not turned:
            return write(plain)
        upright = " ".join(view for view in views if view != "column")
        return (
            f'<span class="form {upright}">{write(plain)}</span>'
            f'<span class="form column">{write(turned)}</span>'
        )

    def shape(self, sizes: Sequence[Formula]) -> str:
        """A tensor's shape, ``N × D``; that of a scalar is 1."""
        return f"<math>{self._sizes(sizes) or '<mn>1</mn>'}</math>"


def source(*sides: Formula) -> str:
    """What shows the LaTeX of an equality; a script puts a button to copy it there."""
    return source_text(" = ".join(map(latex, sides)))


def source_text(tex: str) -> str:
    """The same of any LaTeX."""
    written = escape(tex, quote=False)
    return f'<details class="tex"><summary>LaTeX</summary><code>{written}</code></details>'


def anchor(name: str) -> str:
    """The id of what defines a tensor; different ones for different names.

    >>> anchor("W1"), anchor("x'")
    ('t-W1', 't-x~27~')
    """
    return "t-" + "".join(
        char if char.isalnum() or char in "_.-" else f"~{ord(char):x}~" for char in name
    )


def reference(name: str, content: str, classes: str = "") -> str:
    """A link to what defines a tensor."""
    kind = f' class="{classes}"' if classes else ""
    return f'<a{kind} href="#{anchor(name)}" data-name="{escape(name)}">{content}</a>'
