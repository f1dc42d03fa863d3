"""Tables of text that line up on a screen, whatever script their words are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import zip_longest
from unicodedata import category, combining, east_asian_width

# How narrow a column may become where a table is too wide.
_NARROWEST = 12


def columns(
    rows: Iterable[Iterable[str]],
    *,
    gap: str = "  ",
    width: int | None = None,
    wrap: Callable[[str, int], list[str]] | None = None,
) -> list[str]:
    """Rows of cells as lines, each column as wide as its widest cell; see `display_width`.

    Parameters
    ----------
    rows
        The cells, equally many in every row.
    gap
        What stands between two columns.
    width
        What a line may take: the widest columns are made narrower.
    wrap
        Breaks a cell into lines of a given width.
    """
    table = [[[cell] for cell in row] for row in rows]
    widths = _widths(table)
    if width is not None and wrap is not None:
        room = _fitted(widths, width - len(gap) * (len(widths) - 1))
        table = [
            [wrap(cell, limit) for (cell,), limit in zip(row, room, strict=True)] for row in table
        ]
        widths = _widths(table)
    return [
        gap.join(
            cell + " " * (width - display_width(cell))
            for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for row in table
        for line in zip_longest(*row, fillvalue="")
    ]


def _widths(table: list[list[list[str]]]) -> list[int]:
    return [
        max(display_width(line) for cell in column for line in cell)
        for column in zip(*table, strict=True)
    ]


def _fitted(widths: list[int], room: int) -> list[int]:
    """Widths of columns, the widest made narrower until all have room."""
    found = list(widths)
    while sum(found) > room and max(found) > _NARROWEST:
        found[found.index(max(found))] -= 1
    return found


def display_width(text: str) -> int:
    """How many places a line of text takes on a screen.

    A Chinese character takes two, an accent written as a character of its own and a
    character that only formats none (Unicode Standard Annex 11).
    """
    return sum(map(_places, text))


@lru_cache(maxsize=4096)
def _places(letter: str) -> int:
    if combining(letter) or category(letter) == "Cf":
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1
