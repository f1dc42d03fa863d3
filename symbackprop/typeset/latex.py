"""Formulas in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context as Precision
from decimal import Decimal
from functools import singledispatch

import sympy as sp

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
    unmarked,
)
from symbackprop.typeset.names import Glyph

SIGNS = {
    ">": ">", ">=": r"\ge", "<": "<", "<=": r"\le", "=": "=", "!=": r"\ne",
    "~": r"\approx", "<-": r"\leftarrow",
}  # fmt: skip
_DOTS = {"across": r"\cdots", "down": r"\vdots", "both": r"\ddots"}
#: What stands beside the last of several cases; the only word in a formula.
OTHERWISE = r"\text{otherwise}"
_SMALL = Decimal("0.0001")
_MARK = r"\changed{"


@singledispatch
def latex(formula: Formula) -> str:
    """A formula in LaTeX math."""
    raise TypeError(type(formula).__name__)


def decimal_parts(value: sp.Rational) -> tuple[str, int]:
    """A decimal's digits and power of ten, the latter 0 unless it is below 0.0001."""
    exact = Precision(prec=60).divide(Decimal(int(value.p)), Decimal(int(value.q)))
    if exact == 0 or exact >= _SMALL:
        return f"{exact:f}", 0
    power = exact.adjusted()
    return f"{exact.scaleb(-power).normalize():f}", power


@latex.register
def _(formula: Number) -> str:
    return _scaled(*decimal_parts(formula.value))


def _scaled(digits: str, power: int) -> str:
    """Digits times a power of ten."""
    if not power:
        return digits
    return f"10^{{{power}}}" if digits == "1" else rf"{digits} \cdot 10^{{{power}}}"


@latex.register
def _(formula: Figure) -> str:
    return _scaled(formula.digits, formula.power)


@latex.register
def _(formula: Dots) -> str:
    return _DOTS[formula.direction]


@latex.register
def _(formula: Table) -> str:
    rows = [" & ".join(map(latex, row)) for row in formula.rows]
    return r"\begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}"


@latex.register
def _(formula: Element) -> str:
    return formula.glyph.latex(joined(formula.positions))


def position(formula: Formula) -> str:
    """A position, its signs close: TeX sets t - 1 so in a subscript anyway."""
    return latex(formula).replace(" + ", "+").replace(" - ", "-")


def joined(positions: Sequence[Formula]) -> str:
    """Positions side by side, with commas unless each is one letter (and primes)."""
    return ("" if run_together(positions) else r",\,").join(map(position, positions))


def run_together(positions: Sequence[Formula]) -> bool:
    """Whether positions need no commas between them."""
    bare = [position(unmarked(place)).rstrip("'") for place in positions]
    return all(len(place) == 1 and place.isalpha() for place in bare)


@latex.register
def _(formula: Partial) -> str:
    below = latex(formula.of)
    if isinstance(formula.of, Partial):
        below = rf"\left({below}\right)"
    if isinstance(formula.objective, Partial):
        above, first = latex(formula.objective.objective), latex(formula.objective.of)
        return rf"\frac{{\partial^2 {above}}}{{\partial {first} \, \partial {below}}}"
    return rf"\frac{{\partial {latex(formula.objective)}}}{{\partial {below}}}"


@latex.register
def _(formula: Product) -> str:
    written = latex(formula.factors[0])
    if formula.tight:
        return "".join(map(latex, formula.factors))
    return written + "".join(times(factor) + latex(factor) for factor in formula.factors[1:])


def times(factor: Formula) -> str:
    """What stands before a factor."""
    return r" \cdot " if needs_dot(latex(factor)) else " "


def needs_dot(written: str) -> bool:
    """Whether a written factor begins with a number: two side by side would read as one."""
    return written.removeprefix(_MARK)[0].isdigit()


@latex.register
def _(formula: Fraction) -> str:
    top, bottom = latex(formula.numerator), latex(formula.denominator)
    if len(top) == len(bottom) == 1 and top.isdigit() and bottom.isdigit():
        return rf"\frac{top}{bottom}"
    return rf"\frac{{{top}}}{{{bottom}}}"


@latex.register
def _(formula: Total) -> str:
    return signed_terms([(negative, latex(term)) for negative, term in formula.terms])


def signed_terms(terms: list[tuple[bool, str]], minus: str = "-") -> str:
    """Written terms with their signs between them."""
    (negative, first), *others = terms
    written = minus * negative + first
    return written + "".join(f" {minus if sign else '+'} {term}" for sign, term in others)


@latex.register
def _(formula: Power) -> str:
    base, exponent = latex(formula.base), latex(formula.exponent)
    if raised(formula.base):
        base = rf"\left({base}\right)"
    if formula.entrywise:
        exponent = rf"\odot {exponent}"
    return f"{base}^{exponent}" if len(exponent) == 1 else f"{base}^{{{exponent}}}"


def raised(formula: Formula) -> bool:
    """Whether a base has a superscript of its own."""
    base = unmarked(formula)
    return isinstance(base, Element) and base.glyph.raised


@latex.register
def _(formula: Transposed) -> str:
    base = latex(formula.base)
    # Braces, not parentheses: a transpose of W^(1) is no power of it.
    return (f"{{{base}}}" if raised(formula.base) else base) + r"^{\top}"


@latex.register
def _(formula: Entrywise) -> str:
    written = r" \odot ".join(latex(factor) for factor in formula.factors)
    return written + "".join(rf" \oslash {latex(divisor)}" for divisor in formula.divisors)


@latex.register
def _(formula: Norm) -> str:
    below = "_F" if formula.frobenius else ""
    return rf"\left\lVert {latex(formula.body)} \right\rVert{below}^2"


@latex.register
def _(formula: Root) -> str:
    return rf"\sqrt{{{latex(formula.radicand)}}}"


@latex.register
def _(formula: Reduction) -> str:
    return f"{reduction(formula)} {latex(formula.body)}"


def reduction(formula: Reduction) -> str:
    """A sum's or a maximum's sign, with its indices."""
    names = [latex(idx) for idx in formula.indices]
    sign = {"sum": r"\sum", "max": r"\max", "argmax": r"\operatorname*{arg\,max}"}
    return rf"{sign[formula.operator]}_{{{','.join(names)}}}"


@latex.register
def _(formula: Call) -> str:
    return call(formula.function, [latex(argument) for argument in formula.arguments], formula.bare)


def call(function: Primitive | Glyph, arguments: list[str], bare: bool = False) -> str:
    r"""A function applied to written arguments, ``\sigma\left(z\right)``."""
    if isinstance(function, Glyph):
        return rf"{function.latex()}\left({', '.join(arguments)}\right)"
    pattern = function.latex
    if pattern.endswith(" {0}") and not bare:
        return pattern.removesuffix(" {0}").format() + rf"\left({arguments[0]}\right)"
    return pattern.format(*arguments)


@latex.register
def _(formula: Group) -> str:
    return rf"\left({latex(formula.body)}\right)"


@latex.register
def _(formula: Relation) -> str:
    return f"{latex(formula.left)} {SIGNS[formula.sign]} {latex(formula.right)}"


@latex.register
def _(formula: Tuple) -> str:
    places = r",\, ".join(map(latex, formula.places))
    return rf"\left({places}\right)"


@latex.register
def _(formula: Joined) -> str:
    parts = [
        rf"\left({latex(part)}\right)" if isinstance(part, Joined) else latex(part)
        for part in formula.conditions
    ]
    return (r",\; " if formula.word == "and" else r" \lor ").join(parts)


@latex.register
def _(formula: Bracket) -> str:
    return rf"\left[{latex(formula.condition)}\right]"


@latex.register
def _(formula: Cases) -> str:
    rows = [
        f"{latex(value)} & " + (latex(holds) if holds else OTHERWISE)
        for value, holds in formula.branches
    ]
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


@latex.register
def _(formula: Marked) -> str:
    return f"{_MARK}{latex(formula.body)}}}"
