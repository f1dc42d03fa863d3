"""Showing a place in a text: its line, with a caret under it."""

from __future__ import annotations

import unicodedata

_WIDEST = 72
_INDENT = " " * len("  in: ")


def pointer(text: str, position: int, source: str = "") -> str:
    """The line of the text that holds a position, with a caret under it.

    Parameters
    ----------
    text
        The whole text.
    position
        Counted from 0; the length of the text is its end.
    source
        Where the text comes from, such as ``model.eqs``.
    """
    start = text.rfind("\n", 0, position) + 1
    stop = text.find("\n", position)
    line = text[start : stop if stop >= 0 else len(text)].replace("\t", " ")
    column = position - start
    number = text.count("\n", 0, start) + 1
    cut = max(0, column - _WIDEST // 2)
    shown = line[cut : cut + _WIDEST]
    place = f"{source}, line {number}" if source else f"line {number}"
    under = " " * _width(shown[: column - cut])
    return f"{shown}   ({place}, column {column + 1})\n{_INDENT}{under}^"


def _width(text: str) -> int:
    """How many columns a terminal shows a text in."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "FW")
        for char in text
    )
