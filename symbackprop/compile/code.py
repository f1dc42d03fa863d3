"""Source of one expression: how tightly it holds together, and its axes by position."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from string import ascii_letters

import sympy as sp

from symbackprop.calculus.nodes import Index
from symbackprop.errors import CompileError

Axes = tuple[Index, ...]

# How tightly an expression holds together; matmul is kept apart from * for the reader.
TERNARY, COMPARISON, AND, SUM, MATMUL, PRODUCT, SIGN, POWER, ATOM = range(9)


@dataclass(frozen=True)
class Code:
    """Source of an expression.

    Attributes
    ----------
    text, level
        The source, and how tightly it holds together.
    axes
        Its axes by position.
    parts
        Where a long expression may be broken: its summands or factors, each with the
        operator before it.
    call
        Of a call that may be broken at its arguments: the function, and they.
    """

    text: str
    level: int = ATOM
    axes: Axes = ()
    parts: tuple[str, ...] = ()
    call: tuple[str, ...] = ()

    def at(self, level: int) -> str:
        """The source, in parentheses unless it holds together at least that tightly."""
        return self.text if self.level >= level else f"({self.text})"


@dataclass
class Requirements:
    """What written expressions need at the top of their module.

    Attributes
    ----------
    helpers
        Sources of helper functions, each once.
    modules
        Modules of Python itself that are used: ``math``.
    sizes
        The symbolic sizes that are mentioned.
    """

    helpers: dict[str, None] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    sizes: dict[sp.Symbol, None] = field(default_factory=dict)


# --- sizes ------------------------------------------------------------------------------


def size_code(extent: sp.Expr, name: Callable[[sp.Symbol], str]) -> Code:
    """A size in Python's whole numbers: ``(H - 1) // 2 + 1``.

    Parameters
    ----------
    extent
        Arithmetic of sizes, a whole number whatever they are.
    name
        The identifier of a symbol.

    Raises
    ------
    CompileError
        If it is made of anything else.
    """

    def write(part: sp.Expr) -> Code:
        return size_code(part, name)

    if extent.is_Integer:
        return Code(str(extent), SIGN if extent < 0 else ATOM)
    if extent.is_Symbol:
        return Code(name(extent))
    if isinstance(extent, sp.floor):
        return _quotient(extent.args[0], write)
    if sp.denom(sp.together(extent)) != 1:
        return _quotient(extent, write)
    if extent.is_Add:
        return _sum(extent, write)
    if extent.is_Mul and extent.could_extract_minus_sign():
        return Code(f"-{write(-extent).at(PRODUCT)}", SIGN)
    if extent.is_Mul:
        return Code(" * ".join(write(part).at(PRODUCT) for part in extent.args), PRODUCT)
    if extent.is_Pow and extent.exp.is_Integer and extent.exp > 0:
        return Code(f"{write(extent.base).at(ATOM)} ** {extent.exp}", POWER)
    if isinstance(extent, sp.Max | sp.Min):
        function = "max" if isinstance(extent, sp.Max) else "min"
        return Code(f"{function}({', '.join(write(part).text for part in extent.args)})")
    raise CompileError(
        f"the size {extent} is not arithmetic of whole sizes",
        remedy="write it with +, -, *, sp.floor, or give it a letter of its own",
    )


def _quotient(value: sp.Expr, write: Callable[[sp.Expr], Code]) -> Code:
    above, below = sp.together(value).as_numer_denom()
    # Python's // and * are read from the left: a product under a bar needs brackets.
    return Code(f"{write(sp.expand(above)).at(PRODUCT)} // {write(below).at(ATOM)}", PRODUCT)


def _sum(extent: sp.Expr, write: Callable[[sp.Expr], Code]) -> Code:
    terms = sorted(extent.args, key=lambda term: (term.could_extract_minus_sign(), term.is_number))
    text = ""
    for term in terms:
        minus = term.could_extract_minus_sign()
        sign = ("-" if minus else "") if not text else (" - " if minus else " + ")
        written = write(-term if minus else term).at(PRODUCT)
        text += f"{sign}{written}"
    return Code(text, SUM)


# --- axes -------------------------------------------------------------------------------


def ordered(axes: Iterable[Index], want: Axes) -> Axes:
    """Axes in the wanted order; those nobody asked for come last."""
    given = tuple(axes)
    return (*(a for a in want if a in given), *(a for a in given if a not in want))


def common(codes: Sequence[Code], axes: Axes, want: Axes) -> Axes:
    """The order of axes in which an operation is computed: that of a full operand."""
    wanted = ordered(axes, want)
    full = [code.axes for code in codes if len(code.axes) == len(axes)]
    return wanted if not full or wanted in full else full[0]


def letters(axes: Sequence[Index]) -> dict[Index, str]:
    """A letter for each axis, its own if that is free."""
    found: dict[Index, str] = {}
    for axis in axes:
        wish = axis.hint if len(axis.hint) == 1 and axis.hint in ascii_letters else ""
        free = (letter for letter in (wish, *ascii_letters) if letter not in found.values())
        found[axis] = next(letter for letter in free if letter)
    return found
