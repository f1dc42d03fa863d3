r"""Formulas that are wider than a page, broken into rows.

TeX breaks no displayed formula by itself. A row may end before a sign of a sum, before
a ⊙ or, where nothing else helps, before a factor; the fewer parentheses around the
place the better. Parentheses that are open at the end of a row get TeX's invisible
partner there, ``\left( a \right.``, and another where the next row begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TypeAlias

from symbackprop.typeset.formula import (
    Entrywise,
    Formula,
    Group,
    Marked,
    Product,
    Reduction,
    Total,
)
from symbackprop.typeset.latex import latex, reduction, times
from symbackprop.typeset.widths import width

#: The width of a page in ems: LaTeX's own, of an article in ten points.
PAGE = 34.5

_QUAD = 1.0
# What a break costs, in rows: a row is saved by a break one pair of parentheses deeper,
# but not by one between factors.
_DEEPER, _FACTOR = 0.5, 2.0
_TOO_WIDE = 100.0


@dataclass(frozen=True)
class _Atom:
    """What stays together, and what a break before it costs; None where none may be."""

    latex: str
    cost: float | None = None
    # What is written where a row begins here.
    first: str = ""


@dataclass(frozen=True)
class _Open:
    """The beginning of what must be closed in the same row."""

    begin: str
    end: str
    # At the end of a row in between, and at the beginning of the next.
    pause: str
    resume: str

    @property
    def latex(self) -> str:
        """What is written where no row begins or ends."""
        return self.begin


@dataclass(frozen=True)
class _Close:
    """Its end."""

    latex: str


_Piece: TypeAlias = _Atom | _Open | _Close
_MARK = _Open(r"\changed{", "}", "}", r"\changed{")
_PARENTHESES = _Open(r"\left(", r"\right)", r"\right.", r"\left. ")


def broken(formula: Formula, room: float, later: float | None = None) -> list[str]:
    """A formula as rows of LaTeX.

    Parameters
    ----------
    formula
        The formula.
    room
        The width of the first row, in ems.
    later
        That of the others, `room` if not given.

    Returns
    -------
    list of str
        One row if the formula fits, or cannot be broken.
    """
    whole = latex(formula)
    if width(whole) <= room:
        return [whole]
    pieces = _pieces(formula, 0.0)
    starts = _best_starts(pieces, room, room if later is None else later)
    return _written(pieces, starts)


def continued(rows: list[str]) -> str:
    r"""Rows as they follow an ``&``: those after the first begin with a quad."""
    return " \\\\\n&\\quad ".join(rows)


# --- pieces -------------------------------------------------------------------------------


@singledispatch
def _pieces(formula: Formula, depth: float) -> list[_Piece]:
    """A formula in pieces; `depth` is what a break inside it costs."""
    return [_Atom(latex(formula))]


@_pieces.register
def _(formula: Total, depth: float) -> list[_Piece]:
    found: list[_Piece] = []
    for place, (negative, term) in enumerate(formula.terms):
        sign = "-" if negative else "+"
        if place:
            found.append(_Atom(f" {sign} ", depth, f"{{}} {sign} "))
        elif negative:
            found.append(_Atom("-"))
        found += _pieces(term, depth + _DEEPER)
    return found


@_pieces.register
def _(formula: Group, depth: float) -> list[_Piece]:
    return [_PARENTHESES, *_pieces(formula.body, depth + _DEEPER), _Close(_PARENTHESES.end)]


@_pieces.register
def _(formula: Marked, depth: float) -> list[_Piece]:
    return [_MARK, *_pieces(formula.body, depth), _Close(_MARK.end)]


@_pieces.register
def _(formula: Product, depth: float) -> list[_Piece]:
    if formula.tight:
        return [_Atom(latex(formula))]
    found = _pieces(formula.factors[0], depth)
    for factor in formula.factors[1:]:
        found.append(_Atom(times(factor), depth + _FACTOR, r"{} \cdot "))
        found += _pieces(factor, depth)
    return found


@_pieces.register
def _(formula: Reduction, depth: float) -> list[_Piece]:
    return [_Atom(f"{reduction(formula)} "), *_pieces(formula.body, depth)]


@_pieces.register
def _(formula: Entrywise, depth: float) -> list[_Piece]:
    found = _pieces(formula.factors[0], depth)
    signs = [(r"\odot", factor) for factor in formula.factors[1:]]
    signs += [(r"\oslash", divisor) for divisor in formula.divisors]
    for sign, factor in signs:
        found.append(_Atom(f" {sign} ", depth + _DEEPER, f"{{}} {sign} "))
        found += _pieces(factor, depth + _DEEPER)
    return found


# --- rows ---------------------------------------------------------------------------------


def _best_starts(pieces: list[_Piece], room: float, later: float) -> list[int]:
    """Where rows begin, so that they fit, are few, and break at good places."""
    ends = [0.0]
    for piece in pieces:
        ends.append(ends[-1] + width(piece.latex))
    costs = {at: p.cost for at, p in enumerate(pieces) if isinstance(p, _Atom)}
    places = [at for at, cost in costs.items() if cost is not None]
    # The cheapest way to write all before a place, and where the last of its rows begins.
    best: dict[int, tuple[float, int]] = {0: (0.0, 0)}
    for at in [*places, len(pieces)]:
        ways = [
            (cost + _row_cost(ends[at] - ends[start], later if start else room), -start)
            for start, (cost, _) in best.items()
        ]
        cost, start = min(ways)  # of equal ways the one with the longer first row
        best[at] = (cost + (costs.get(at) or 0.0), -start)
    starts, at = [], len(pieces)
    while at:
        at = best[at][1]
        starts.append(at)
    return starts[::-1]


def _row_cost(needed: float, room: float) -> float:
    return 1.0 + _TOO_WIDE * max(0.0, needed - room)


def _written(pieces: list[_Piece], starts: list[int]) -> list[str]:
    """Each row, with what is open at its end closed there and opened again in the next."""
    rows = [""]
    opened: list[_Open] = []
    for at, piece in enumerate(pieces):
        written = piece.latex
        if at and at in starts:
            rows[-1] += "".join(frame.pause for frame in reversed(opened))
            rows.append("".join(frame.resume for frame in opened))
            written = piece.first if isinstance(piece, _Atom) else written
        if isinstance(piece, _Open):
            opened.append(piece)
        elif isinstance(piece, _Close):
            opened.pop()
        rows[-1] += written
    return rows
