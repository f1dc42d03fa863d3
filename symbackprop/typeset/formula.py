"""A formula as it will stand on the page: ordered, grouped, signs taken out.

`arrange` makes one from a SymPy expression; `latex` and `text` each write it out
without deciding anything more, so the two notations always agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import sympy as sp

from symbackprop.language import Primitive
from symbackprop.typeset.names import Glyph


@dataclass(frozen=True)
class Number:
    """A rational number, never negative."""

    value: sp.Rational


@dataclass(frozen=True)
class Figure:
    """A computed number as it is shown, never negative: its digits, times a power of ten."""

    digits: str
    power: int = 0


@dataclass(frozen=True)
class Dots:
    """What is left out of a sum or a table: ``across`` (⋯), ``down`` (⋮) or ``both`` (⋱)."""

    direction: Literal["across", "down", "both"] = "across"


@dataclass(frozen=True)
class Table:
    """A matrix of numbers, row by row; all rows have as many cells."""

    rows: tuple[tuple[Formula, ...], ...]


@dataclass(frozen=True)
class Element:
    """A tensor's element, a size, an index: a symbol with positions.

    `below` marks positions that are subscripts in text too: ``h_{t−1}``.
    """

    glyph: Glyph
    positions: tuple[Formula, ...] = ()
    below: bool = False


@dataclass(frozen=True)
class Partial:
    """The derivative of the objective, or of an element, by an element.

    The derivative of a derivative is a second derivative: its `objective` is a `Partial`.
    `tensor` names the tensor that holds it.
    """

    objective: Formula
    of: Formula
    tensor: str = ""


@dataclass(frozen=True)
class Product:
    """Factors in reading order; `tight` ones stand side by side in text too: ``2p``."""

    factors: tuple[Formula, ...]
    tight: bool = False


@dataclass(frozen=True)
class Fraction:
    """A numerator over a denominator."""

    numerator: Formula
    denominator: Formula


@dataclass(frozen=True)
class Total:
    """Terms in reading order, each with whether it is subtracted."""

    terms: tuple[tuple[bool, Formula], ...]


@dataclass(frozen=True)
class Power:
    """A base that needs no further parentheses, raised to an exponent.

    `entrywise` marks the power of each of a matrix's entries.
    """

    base: Formula
    exponent: Formula
    entrywise: bool = False


@dataclass(frozen=True)
class Transposed:
    """A matrix's transpose."""

    base: Formula


@dataclass(frozen=True)
class Entrywise:
    """Matrices multiplied (⊙), then divided by others (⊘), entry by entry."""

    factors: tuple[Formula, ...]
    divisors: tuple[Formula, ...] = ()


@dataclass(frozen=True)
class Norm:
    """The square of a vector's or, `frobenius`, of a matrix's norm."""

    body: Formula
    frobenius: bool


@dataclass(frozen=True)
class Root:
    """A square root."""

    radicand: Formula


@dataclass(frozen=True)
class Reduction:
    """A sum, a maximum or the first place of a maximum over indices."""

    operator: Literal["sum", "max", "argmax"]
    indices: tuple[Formula, ...]
    body: Formula


@dataclass(frozen=True)
class Call:
    r"""A function's value.

    Attributes
    ----------
    function
        The primitive, or the symbol of a function left unspecified.
    arguments
        What it is applied to.
    bare
        Whether LaTeX may leave the argument without parentheses (``\log p``).
    """

    function: Primitive | Glyph
    arguments: tuple[Formula, ...]
    bare: bool = False


@dataclass(frozen=True)
class Group:
    """Parentheses."""

    body: Formula


@dataclass(frozen=True)
class Relation:
    """Two sides and the sign between them.

    ``>``, ``>=``, ``<``, ``<=``, ``=``, ``!=``, ``~`` (about) or ``<-`` (becomes).
    """

    left: Formula
    sign: str
    right: Formula


@dataclass(frozen=True)
class Tuple:
    """Several places at once: ``(u, v)``."""

    places: tuple[Formula, ...]


@dataclass(frozen=True)
class Joined:
    """Conditions of which all hold (``"and"``) or one at least does (``"or"``)."""

    conditions: tuple[Formula, ...]
    word: Literal["and", "or"]


@dataclass(frozen=True)
class Bracket:
    """Iverson's bracket around a condition."""

    condition: Formula


@dataclass(frozen=True)
class Cases:
    """Branches, each with its condition; None for the last, which holds otherwise."""

    branches: tuple[tuple[Formula, Formula | None], ...]


@dataclass(frozen=True)
class Marked:
    """A part that a step changed."""

    body: Formula


Formula: TypeAlias = (
    Number
    | Figure
    | Dots
    | Table
    | Element
    | Partial
    | Product
    | Fraction
    | Total
    | Power
    | Transposed
    | Entrywise
    | Norm
    | Root
    | Reduction
    | Call
    | Group
    | Relation
    | Tuple
    | Joined
    | Bracket
    | Cases
    | Marked
)


def unmarked(formula: Formula) -> Formula:
    """A formula without the mark around it: what decides how it is written."""
    return formula.body if isinstance(formula, Marked) else formula
