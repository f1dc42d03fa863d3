"""Formulas in Unicode text, for a terminal."""

from __future__ import annotations

from functools import singledispatch

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
from symbackprop.typeset.latex import decimal_parts, signed_terms
from symbackprop.typeset.names import Glyph, subscript, superscript

SIGNS = {
    ">": ">", ">=": "≥", "<": "<", "<=": "≤", "=": "=", "!=": "≠", "~": "≈", "<-": "←",
}  # fmt: skip
_DOTS = {"across": "⋯", "down": "⋮", "both": "⋱"}
MINUS = "−"
#: The only words in a formula: before the condition of a case, and beside the last one.
IF, OTHERWISE = "if", "otherwise"
#: Around what a step changed, for whoever shows it in a colour: Unicode's marks of an
#: annotation, which no symbol has.
MARK, END = "\ufff9", "\ufffb"


@singledispatch
def text(formula: Formula) -> str:
    """A formula in one line of Unicode."""
    raise TypeError(type(formula).__name__)


@text.register
def _(formula: Number) -> str:
    digits, power = decimal_parts(formula.value)
    return f"{digits}e{power}" if power else digits


@text.register
def _(formula: Figure) -> str:
    return f"{formula.digits}e{formula.power}" if formula.power else formula.digits


@text.register
def _(formula: Dots) -> str:
    return _DOTS[formula.direction]


@text.register
def _(formula: Table) -> str:
    return f"[{'; '.join('  '.join(map(text, row)) for row in formula.rows)}]"


@text.register
def _(formula: Element) -> str:
    # Positions stand close, so that commas separate what is between them.
    places = ",".join("".join(text(place).split()) for place in formula.positions)
    if formula.below and places:
        letter, _, own = formula.glyph.text.partition("_")
        below = f"{own.strip('{}')},{places}" if own else places
        single = len(_without_marks(below)) == 1
        return f"{letter}_{below}" if single else f"{letter}_{{{below}}}"
    return f"{formula.glyph.text}[{places}]" if places else formula.glyph.text


@text.register
def _(formula: Partial) -> str:
    below = text(formula.of)
    below = f"({below})" if isinstance(unmarked(formula.of), Partial) else below
    objective = unmarked(formula.objective)
    if isinstance(objective, Partial):
        above, first = text(objective.objective), text(objective.of)
        return f"∂²{above}/∂{first}∂{below}"
    return f"∂{text(formula.objective)}/∂{below}"


@text.register
def _(formula: Product) -> str:
    first, *others = formula.factors
    if formula.tight:
        return "".join(map(_atom, formula.factors))
    # A leading fraction stands off, so that what follows is not read as its denominator.
    fraction = isinstance(unmarked(first), Fraction)
    between = " · " if fraction else "·"
    written = text(first) if fraction else _atom(first)
    for factor in others[:-1]:
        written += between + _atom(factor)
        between = "·"
    last = others[-1]
    if isinstance(unmarked(last), Reduction):
        return f"{written} {'· ' if between == ' · ' else ''}{text(last)}"
    return written + between + _atom(last)


@text.register
def _(formula: Fraction) -> str:
    top = formula.numerator
    # a·b/c reads from the left
    above = text(top) if isinstance(unmarked(top), Product) else _atom(top)
    return f"{above}/{_atom(formula.denominator)}"


def _atom(formula: Formula) -> str:
    """A formula that may stand beside ``·``, ``/`` or ``^``."""
    if isinstance(formula, Marked):
        return f"{MARK}{_atom(formula.body)}{END}"
    written = text(formula)
    loose = isinstance(formula, Product | Fraction | Total | Partial | Reduction)
    return f"({written})" if loose else written


def _without_marks(written: str) -> str:
    return written.replace(MARK, "").replace(END, "")


@text.register
def _(formula: Total) -> str:
    return signed_terms([(sign, text(term)) for sign, term in formula.terms], MINUS)


@text.register
def _(formula: Power) -> str:
    base, exponent = text(formula.base), text(formula.exponent)
    if formula.entrywise:
        return f"{base}^⊙{exponent}"
    plain = _without_marks(exponent)
    if plain.removeprefix(MINUS).isdigit():
        raised = superscript(plain)
        return base + (raised if plain == exponent else f"{MARK}{raised}{END}")
    return f"{base}^{_atom(formula.exponent)}"


@text.register
def _(formula: Transposed) -> str:
    return f"{_atom(formula.base)}ᵀ"


@text.register
def _(formula: Entrywise) -> str:
    written = " ⊙ ".join(_atom(factor) for factor in formula.factors)
    return written + "".join(f" ⊘ {_atom(divisor)}" for divisor in formula.divisors)


@text.register
def _(formula: Norm) -> str:
    return f"‖{text(formula.body)}‖²"


@text.register
def _(formula: Root) -> str:
    simple = isinstance(unmarked(formula.radicand), Element | Number | Figure)
    return f"√{text(formula.radicand)}" if simple else f"√({text(formula.radicand)})"


@text.register
def _(formula: Reduction) -> str:
    sign = {"sum": "Σ", "max": "max", "argmax": "argmax"}[formula.operator]
    written = [text(idx) for idx in formula.indices]
    plain = [_without_marks(idx) for idx in written]
    below = subscript(plain)
    if plain != written:
        below = f"{MARK}{below}{END}"
    return f"{sign}{below} {text(formula.body)}"


@text.register
def _(formula: Call) -> str:
    return call(formula.function, [text(argument) for argument in formula.arguments])


def call(function: Primitive | Glyph, arguments: list[str]) -> str:
    """A function applied to written arguments, ``σ(z)``."""
    if isinstance(function, Glyph):
        return f"{function.text}({', '.join(arguments)})"
    return function.text.format(*arguments)


@text.register
def _(formula: Group) -> str:
    return f"({text(formula.body)})"


@text.register
def _(formula: Relation) -> str:
    return f"{text(formula.left)} {SIGNS[formula.sign]} {text(formula.right)}"


@text.register
def _(formula: Tuple) -> str:
    return f"({', '.join(map(text, formula.places))})"


@text.register
def _(formula: Joined) -> str:
    parts = [
        f"({text(part)})" if isinstance(unmarked(part), Joined) else text(part)
        for part in formula.conditions
    ]
    return (", " if formula.word == "and" else " or ").join(parts)


@text.register
def _(formula: Bracket) -> str:
    return f"[{text(formula.condition)}]"


@text.register
def _(formula: Cases) -> str:
    rows = [
        f"{text(value)} " + (f"{IF} {text(holds)}" if holds else OTHERWISE)
        for value, holds in formula.branches
    ]
    return f"{{{'; '.join(rows)}}}"


@text.register
def _(formula: Marked) -> str:
    return f"{MARK}{text(formula.body)}{END}"
