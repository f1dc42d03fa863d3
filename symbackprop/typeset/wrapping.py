"""Text that fits a width: sentences end a line between words, formulas before a sign.

Lines are measured as a screen shows them (`columns.display_width`), so a mark around what a step
changed takes no room, and a Chinese character two places.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from symbackprop.typeset.columns import display_width
from symbackprop.typeset.text import MARK

#: A space inside a formula that stands in a sentence: no line ends there.
TIE = "\u00a0"

# Chinese punctuation that may not end or not begin a line, and whatever is as wide.
_OPENING, _CLOSING = "（“《「", "，。、；：？！）”》」"
_WIDE = "\u2e80-\u303f\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
# A wide character may end a line, any other word only before a space.
_WORD = re.compile(
    rf"( *)([{_OPENING}]*(?:[^ {_OPENING}{_CLOSING}{_WIDE}]+|[{_WIDE}])[{_CLOSING}]*|.)"
)

# What a formula's rows cost: each row, a break between factors or inside parentheses, more so
# inside short ones and conditions, and a row that begins or ends inside a term and has a whole
# one beside it.
_ROW, _FACTOR, _DEEPER, _DEEPER_IN_SHORT, _CONDITION, _TORN = 1.0, 2.0, 0.75, 2.5, 5.0, 1.0
_TOO_WIDE = 100.0
_SHORT = 30
# Rows inside parentheses and rows that begin with a factor stand further right.
_FURTHER = 2
# A bar of a fraction only in front of parentheses: ∂L/∂z is one symbol.
_SIGN = re.compile(r" [=≈<>≤≥≠+−⊙⊘·×] |·|/(?=\()|; |, ")
# What stands before a condition in brackets, rather than before the positions of an element.
_ALONE = re.compile(f"[ ·/({MARK}]|")
# What takes more than a quarter of a line before an equals sign is given a line of its own.
_LEFT_SHARE = 4


@dataclass(frozen=True)
class _Place:
    """Where a row may begin: what that costs, and how far right it then stands."""

    at: int
    cost: float = 0.0
    further: int = 0


def sentence(words: str, width: int, first: str = "", later: str = "") -> list[str]:
    """Words in lines of at most `width` columns.

    Parameters
    ----------
    words
        What is said; a `TIE` holds together what it stands between, as far as it fits.
    width
        The columns of a line.
    first, later
        What stands before the first line, and before every other.
    """
    lines, room, empty = [first], width - display_width(later), True
    for space, word in _words(words, room):
        if not empty and display_width(lines[-1] + space + word) > width:
            lines.append(later)
            empty = True
        lines[-1] += word if empty else space + word
        empty = False
    return [line.replace(TIE, " ") for line in lines]


def _words(words: str, room: int) -> Iterator[tuple[str, str]]:
    """Words, each with the spaces before it; what is tied together is split where it must be."""
    for space, word in _WORD.findall(words):
        if TIE in word and display_width(word) > room:
            yield from _words(space + word.replace(TIE, " "), room)
        else:
            yield space, word


def equation(left: str, right: str, width: int, indent: int = 0, *, sign: str = "=") -> list[str]:
    """``left = right`` in lines; those after the first begin with a sign, under the equals sign.

    Parameters
    ----------
    left
        What stands before the last equals sign, empty where it is not repeated.
    right
        What stands after it.
    width
        The columns of a line.
    indent
        Those that stay free on the left.
    sign
        The sign between the sides.
    """
    begin = " " * indent
    if not left:
        return _under_equals(f"{begin}{sign} ", right, width)[1]
    cost, beside = _under_equals(f"{begin}{left} {sign} ", right, width)
    if len(beside) == 1:
        return beside
    above_cost, above = _rows(left, width, begin, begin)
    below_cost, below = _under_equals(f"{begin}  {sign} ", right, width)
    far = _LEFT_SHARE * display_width(f"{begin}{left}") > width
    return [*above, *below] if far or above_cost + below_cost < cost else beside


def _under_equals(begin: str, right: str, width: int) -> tuple[float, list[str]]:
    return _rows(right, width, begin, " " * (display_width(begin) - len("= ")))


def formula(written: str, width: int) -> list[str]:
    """A formula in lines of at most `width` columns, as far as there are signs to break at.

    A line may end before a sign of a sum, before ⊙ and, where nothing else helps, before
    a factor; the fewer parentheses around the place the better.
    """
    return _rows(written, width, "", "")[1]


def _rows(written: str, width: int, first: str, later: str) -> tuple[float, list[str]]:
    """A formula in rows behind what stands before the first and the others; what they cost."""
    places = [_Place(0), *_places(written)]
    room, less = width - display_width(first), width - display_width(later)
    cost, starts = _best_starts(written, places, room, less)
    ends = [*(place.at for place in starts[1:]), len(written)]
    return cost, [
        (later + " " * start.further if start.at else first) + written[start.at : end].strip(" ")
        for start, end in zip(starts, ends, strict=True)
    ]


def _places(written: str) -> Iterator[_Place]:
    """Where a row after the first may begin."""
    ends = _ends_of_groups(written)
    last = set(ends.values())
    groups: list[float] = []
    closed = at = 0
    while at < len(written):
        letter = written[at]
        if at in ends:
            groups.append(_cost_inside(written[at : ends[at]]))
        elif at in last:
            groups.pop()
        elif letter in "[]{}":
            closed += 1 if letter in "[{" else -1
        elif at and not closed and (sign := _SIGN.match(written, at)):
            between = any(letter in "·/" for letter in sign[0])
            cost = sum(groups) + (_FACTOR if between else 0.0)
            start = sign.end() if sign[0] in {"; ", ", "} else at
            yield _Place(start, cost, _FURTHER * (len(groups) + between))
            at = sign.end() - 1
        at += 1


def _cost_inside(group: str) -> float:
    if group[0] == "[":
        return _CONDITION
    return _DEEPER_IN_SHORT if display_width(group) < _SHORT else _DEEPER


def _ends_of_groups(written: str) -> dict[int, int]:
    """From where parentheses, cases and conditions begin, which may be broken, to their ends."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for at, letter in enumerate(written):
        if letter in "([{":
            opened.append(at)
        elif letter in ")]}" and opened:
            begin = opened.pop()
            before = written[begin - 1 : begin]
            positions = letter == "]" and not (_ALONE.fullmatch(before))
            if not positions and not (letter == "}" and before in {"_", "^"}):
                found[begin] = at
    return found


def _best_starts(
    written: str, places: list[_Place], room: int, later: int
) -> tuple[float, list[_Place]]:
    """Where rows begin, so that they fit, are few, and break at good places; what that costs."""
    # The cheapest way to write all before a place, and which place the last of its rows begins at.
    best: list[tuple[float, int]] = [(0.0, 0)]
    end = _Place(len(written))
    for number, place in enumerate([*places[1:], end], 1):
        ways = []
        for begin, start in enumerate(places[:number]):
            needed = display_width(written[start.at : place.at].strip(" "))
            free = later - start.further if begin else room
            cost = best[begin][0] + _ROW + _TOO_WIDE * max(0, needed - free)
            inside = min((p.cost for p in places[begin + 1 : number]), default=math.inf)
            if inside < max(start.cost, place.cost):
                cost += _TORN
            ways.append((cost, -begin))
        cost, begin = min(ways)  # of equal ways the one with the longer first row
        best.append((cost + place.cost, -begin))
    starts, number = [], len(places)
    while number:
        number = best[number][1]
        starts.append(places[number])
    return best[-1][0], starts[::-1]
