"""Lines of numbers in Unicode text, tables over several lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from symbackprop.typeset.formula import Formula, Table, Transposed
from symbackprop.typeset.numbers import NumberLine, Remark
from symbackprop.typeset.text import SIGNS, text
from symbackprop.typeset.words import phrase
from symbackprop.typeset.wrapping import equation

# By how much what is said of a local derivative is indented.
_STEP = 2


def text_lines(
    lines: Iterable[NumberLine], language: str, width: int, indent: int = 0
) -> Iterator[str]:
    """Lines of numbers, indented, in as many lines of text as they need.

    Parameters
    ----------
    lines
        What is said.
    language
        A language of `words.WORDS`.
    width
        The columns of a line.
    indent
        Those that stay free on the left.
    """
    for line in lines:
        *rows, last = _line(line, width, indent + _STEP * line.depth)
        yield from rows
        yield f"{last}  ({phrase(line.word, language)})" if line.word else last


def text_remark(remark: Remark, language: str) -> str:
    """A remark in words."""
    used = {n: found if isinstance(found, str) else text(found) for n, found in remark.used.items()}
    return phrase(remark.key, language).format(**used)


def _line(line: NumberLine, width: int, indent: int) -> Iterator[str]:
    left = text(line.first)
    (sign, first), *others = line.links
    rows = table_rows(first)
    if others or len(rows) == 1:
        right = " ".join([rows[0], *(f"{SIGNS[s]} {text(f)}" for s, f in others)])
        yield from equation(left, right + _shape(line), width, indent, sign=SIGNS[sign])
        return
    begin = f"{' ' * indent}{left} {SIGNS[sign]} "
    yield begin + rows[0]
    *between, last = (" " * len(begin) + row for row in rows[1:])
    yield from between
    yield last + _shape(line)


def _shape(line: NumberLine) -> str:
    return f"  ({' × '.join(map(str, line.shape))})" if line.shape else ""


# --- tables --------------------------------------------------------------------------


def table_rows(formula: Formula) -> list[str]:
    """A formula line by line: one line, unless it is a table of several rows."""
    if isinstance(formula, Transposed) and isinstance(formula.base, Table):
        *rows, last = table_rows(formula.base)
        return [*rows, f"{last}ᵀ"]
    if not isinstance(formula, Table):
        return [text(formula)]
    columns = [
        _aligned([text(cell) for cell in cells]) for cells in zip(*formula.rows, strict=True)
    ]
    rows = ["  ".join(cells) for cells in zip(*columns, strict=True)]
    brackets = _brackets(len(rows))
    return [f"{left}{row}{right}" for row, (left, right) in zip(rows, brackets, strict=True)]


def _aligned(cells: Sequence[str]) -> list[str]:
    """Numbers one below the other, their points aligned."""
    parts = [cell.partition(".") for cell in cells]
    left = max(len(whole) for whole, _, _ in parts)
    right = max(len(point + rest) for _, point, rest in parts)
    return [f"{whole:>{left}}{point + rest:<{right}}" for whole, point, rest in parts]


def _brackets(height: int) -> list[tuple[str, str]]:
    if height == 1:
        return [("[", "]")]
    return [("⎡", "⎤"), *[("⎢", "⎥")] * (height - 2), ("⎣", "⎦")]
