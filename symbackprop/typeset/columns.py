"""Tables of text that line up on a screen, whatever script their words are in."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import combining, east_asian_width


def columns(rows: Iterable[Iterable[str]], *, gap: str = "  ") -> list[str]:
    """Rows of cells as lines, each column as wide as its widest cell.

    A Chinese character takes two places on a screen, an accent written as a character
    of its own none (Unicode Standard Annex 11).
    """
    table = [tuple(row) for row in rows]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    return [
        gap.join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in table
    ]


def _width(cell: str) -> int:
    return sum(
        0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in cell
    )
