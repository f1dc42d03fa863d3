"""Lines in colour, for a terminal: headings, the titles of steps, results, what a step changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from symbackprop.typeset.text import END, MARK

Style: TypeAlias = Literal["heading", "title", "result"]

# Those of the terminal's own sixteen colours that are read on black and on white (ECMA-48).
_CODES: Mapping[Style, str] = {"heading": "\x1b[1m", "title": "\x1b[36m", "result": "\x1b[32m"}
_CHANGED = "\x1b[1;35m"
_RESET = "\x1b[0m"


def painted(lines: Iterable[str], style: Style | None = None) -> list[str]:
    """Lines in a style, what is marked in them in a colour of its own; spaces before them plain.

    A mark may go on over several lines. No colour goes beyond the end of a line.
    """
    plain = "" if style is None else _CODES[style]
    found, now = [], plain
    for line in lines:
        written = line.lstrip(" ")
        shown = line[: len(line) - len(written)]
        for part in re.split(f"([{MARK}{END}])", written):
            if part in {MARK, END}:
                now = _CHANGED if part == MARK else plain
            elif part:
                shown += f"{now}{part}{_RESET}" if now else part
        found.append(shown)
    return found
