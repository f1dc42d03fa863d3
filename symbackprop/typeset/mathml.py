"""Formulas in MathML Core.

Each function returns one element. A tensor's symbol carries the tensor's name in
``data-name``, so that a page can show where it is defined. Products and functions hold the
invisible operators that a screen reader reads aloud.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import singledispatch
from html import escape

from symbackprop.language import Primitive
from symbackprop.typeset.formula import (
    Bracket,
    Call,
    Cases,
    Dots,
    Element,
    Entrywise,
    Figure,
    Formula,
    Fraction,
    Group,
    Joined,
    Marked,
    Norm,
    Number,
    Partial,
    Power,
    Product,
    Reduction,
    Relation,
    Root,
    Table,
    Total,
    Transposed,
    Tuple,
)
from symbackprop.typeset.latex import decimal_parts, latex, needs_dot, raised, run_together
from symbackprop.typeset.mathml_symbols import row, scripted, symbol
from symbackprop.typeset.mathml_tables import aligned
from symbackprop.typeset.names import Glyph
from symbackprop.typeset.text import text

_SIGNS = {
    ">": "&gt;", ">=": "≥", "<": "&lt;", "<=": "≤", "=": "=", "!=": "≠", "~": "≈", "<-": "←",
}  # fmt: skip
_DOTS = {"across": "⋯", "down": "⋮", "both": "⋱"}
_TIMES, _APPLY, _COMMA = "<mo>\u2062</mo>", "<mo>\u2061</mo>", "<mo>\u2063</mo>"
_APPLY_BARE = '<mo rspace="0.17em">\u2061</mo>'  # a thin space before log's argument
_MINUS = "<mo>−</mo>"
_TALL = ("<mfrac", "<munder", "<mtable")
_PARTIAL = "<mi>∂</mi>"
_SEARCHES = {"max": "max", "argmax": "arg max"}

#: What stands beside the last of several cases; the only word in a formula.
OTHERWISE = "<mtext>otherwise</mtext>"


#: What an operator needs at the beginning of a formula whose left side stands in another one.
INFIX = ' form="infix"'


def math(formulas: Sequence[Formula], *, display: bool = False) -> str:
    """A ``math`` element: one formula, or several with equals signs between them."""
    block = ' display="block"' if display else ""
    written = "<mo>=</mo>".join(map(mathml, formulas))
    return f"<math{block}>{written}</math>"


def sign_between(sign: str) -> str:
    """The sign of a relation, spaced as one where no left side is in the same formula."""
    return f"<mo{INFIX}>{_SIGNS[sign]}</mo>"


def times_before(factor: Formula, form: str = "") -> str:
    """The sign of a product before a factor; `form` is an attribute where it comes first."""
    return f"<mo{form}>⋅</mo>" if needs_dot(latex(factor)) else _TIMES


@singledispatch
def mathml(formula: Formula) -> str:
    """A formula as one MathML element."""
    raise TypeError(type(formula).__name__)


@mathml.register
def _(formula: Number) -> str:
    return _scaled(*decimal_parts(formula.value))


def _scaled(digits: str, power: int) -> str:
    """Digits times a power of ten."""
    if not power:
        return f"<mn>{digits}</mn>"
    size = f"<mn>{abs(power)}</mn>"
    exponent = f"<mrow>{_MINUS}{size}</mrow>" if power < 0 else size
    tens = f"<msup><mn>10</mn>{exponent}</msup>"
    return tens if digits == "1" else f"<mrow><mn>{digits}</mn><mo>⋅</mo>{tens}</mrow>"


@mathml.register
def _(formula: Figure) -> str:
    return _scaled(formula.digits, formula.power)


@mathml.register
def _(formula: Dots) -> str:
    return f"<mo>{_DOTS[formula.direction]}</mo>"


@mathml.register
def _(formula: Table) -> str:
    columns = zip(*formula.rows, strict=True)
    cells = (aligned(list(map(text, column)), list(map(mathml, column))) for column in columns)
    rows = "".join(
        f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in row_cells)}</mtr>"
        for row_cells in zip(*cells, strict=True)
    )
    return f'<mrow><mo>[</mo><mtable class="numbers">{rows}</mtable><mo>]</mo></mrow>'


@mathml.register
def _(formula: Element) -> str:
    return _element(formula)


def _element(formula: Element, above: Sequence[str] = ()) -> str:
    """A symbol with its positions and, `above` them, what it is raised to."""
    glyph = formula.glyph
    below = _listed([*_one(glyph.sub), *_positions(formula.positions)])
    written = scripted(symbol(glyph.body), below, [*_one(glyph.sup), *above])
    return _named(written, glyph.tensor)


def _one(script: str) -> list[str]:
    return [symbol(script)] if script else []


def _positions(positions: Sequence[Formula]) -> list[str]:
    """Positions, those of one letter each in one row, with invisible commas."""
    places = [_close(mathml(place)) for place in positions]
    if len(places) > 1 and run_together(positions):
        return [row(_between(places, _COMMA))]
    return places


def _close(written: str) -> str:
    """A position, its signs close, as in `latex.position`."""
    for sign in ("<mo>+</mo>", _MINUS):
        written = written.replace(sign, sign.replace("<mo>", '<mo lspace="0" rspace="0">'))
    return written


def _listed(elements: Sequence[str]) -> list[str]:
    """Elements with commas between them."""
    return _between(elements, "<mo>,</mo>")


def _between(elements: Iterable[str], sign: str) -> list[str]:
    first, *others = [*elements] or [""]
    return [first, *(part for element in others for part in (sign, element))] if first else []


def _named(written: str, tensor: str) -> str:
    """An element that carries a tensor's name."""
    return written.replace(">", f' data-name="{escape(tensor)}">', 1) if tensor else written


@mathml.register
def _(formula: Partial) -> str:
    of = mathml(formula.of)
    if isinstance(formula.of, Partial):
        of = _fenced(of)
    if isinstance(formula.objective, Partial):
        above, first = mathml(formula.objective.objective), mathml(formula.objective.of)
        top = f"<msup>{_PARTIAL}<mn>2</mn></msup>{above}"
        written = _fraction(f"<mrow>{top}</mrow>", row([_PARTIAL, first, _PARTIAL, of]))
    else:
        written = _fraction(row([_PARTIAL, mathml(formula.objective)]), row([_PARTIAL, of]))
    return _named(written, formula.tensor)


def _fraction(above: str, below: str) -> str:
    return f"<mfrac>{above}{below}</mfrac>"


def _fenced(written: str, left: str = "(", right: str = ")") -> str:
    # Browsers give a fence that may stretch the width of its tallest form.
    stretchy = "" if any(tag in written for tag in _TALL) else ' stretchy="false"'
    return f"<mrow><mo{stretchy}>{left}</mo>{written}<mo{stretchy}>{right}</mo></mrow>"


@mathml.register
def _(formula: Product) -> str:
    first, *others = formula.factors
    parts = [mathml(first)]
    for factor in others:
        parts += [times_before(factor), mathml(factor)]
    return row(parts)


@mathml.register
def _(formula: Fraction) -> str:
    return _fraction(mathml(formula.numerator), mathml(formula.denominator))


@mathml.register
def _(formula: Total) -> str:
    parts: list[str] = []
    for negative, term in formula.terms:
        sign = _MINUS if negative else "<mo>+</mo>" if parts else ""
        parts += [sign, mathml(term)] if sign else [mathml(term)]
    return row(parts)


@mathml.register
def _(formula: Power) -> str:
    exponent = mathml(formula.exponent)
    above = ["<mo>⊙</mo>", exponent] if formula.entrywise else [exponent]
    if raised(formula.base):
        return scripted(_fenced(mathml(formula.base)), (), above)
    return _raise(formula.base, above)


def _raise(base: Formula, above: Sequence[str]) -> str:
    if isinstance(base, Element):
        return _element(base, above)
    return scripted(mathml(base), (), above)


@mathml.register
def _(formula: Transposed) -> str:
    above = ["<mi>⊤</mi>"]
    if raised(formula.base):
        return scripted(mathml(formula.base), (), above)
    return _raise(formula.base, above)


@mathml.register
def _(formula: Entrywise) -> str:
    parts = _between(map(mathml, formula.factors), "<mo>⊙</mo>")
    for divisor in formula.divisors:
        parts += ["<mo>⊘</mo>", mathml(divisor)]
    return row(parts)


@mathml.register
def _(formula: Norm) -> str:
    below = ["<mi>F</mi>"] if formula.frobenius else []
    bars = '<mo form="prefix">‖</mo>', '<mo form="postfix">‖</mo>'
    body = f"<mrow>{bars[0]}{mathml(formula.body)}{bars[1]}</mrow>"
    return scripted(body, below, ["<mn>2</mn>"])


@mathml.register
def _(formula: Root) -> str:
    return f"<msqrt>{mathml(formula.radicand)}</msqrt>"


@mathml.register
def _(formula: Reduction) -> str:
    sum_ = formula.operator == "sum"
    sign = "<mo>∑</mo>" if sum_ else f'<mo movablelimits="true">{_SEARCHES[formula.operator]}</mo>'
    below = row(_listed([mathml(idx) for idx in formula.indices]))
    apply = "" if sum_ else _APPLY
    return f"<mrow><munder>{sign}{below}</munder>{apply}{mathml(formula.body)}</mrow>"


@mathml.register
def _(formula: Call) -> str:
    return _call(formula.function, [mathml(each) for each in formula.arguments], formula.bare)


def _call(function: Primitive | Glyph, arguments: list[str], bare: bool) -> str:
    """A function applied to written arguments."""
    if isinstance(function, Primitive) and function.mathml:
        return function.mathml.format(*arguments)
    if isinstance(function, Glyph):
        name = _element(Element(function))
    else:
        name = f"<mi>{function.text.partition('(')[0]}</mi>"
    argument = row(_listed(arguments))
    if bare:
        return f"<mrow>{name}{_APPLY_BARE}{argument}</mrow>"
    return f"<mrow>{name}{_APPLY}{_fenced(argument)}</mrow>"


@mathml.register
def _(formula: Group) -> str:
    return _fenced(mathml(formula.body))


@mathml.register
def _(formula: Tuple) -> str:
    return _fenced(row(_listed([mathml(place) for place in formula.places])))


@mathml.register
def _(formula: Relation) -> str:
    sign = f"<mo>{_SIGNS[formula.sign]}</mo>"
    return row([mathml(formula.left), sign, mathml(formula.right)])


@mathml.register
def _(formula: Joined) -> str:
    parts = [
        _fenced(mathml(part)) if isinstance(part, Joined) else mathml(part)
        for part in formula.conditions
    ]
    return row(_between(parts, "<mo>,</mo>" if formula.word == "and" else "<mo>∨</mo>"))


@mathml.register
def _(formula: Bracket) -> str:
    return _fenced(mathml(formula.condition), "[", "]")


@mathml.register
def _(formula: Cases) -> str:
    rows = "".join(
        f"<mtr><mtd>{mathml(value)}</mtd><mtd>{mathml(holds) if holds else OTHERWISE}</mtd></mtr>"
        for value, holds in formula.branches
    )
    return f'<mrow><mo>{{</mo><mtable class="cases">{rows}</mtable></mrow>'


@mathml.register
def _(formula: Marked) -> str:
    return f'<mrow class="changed">{mathml(formula.body)}</mrow>'
