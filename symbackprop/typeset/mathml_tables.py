"""Columns of numbers in MathML, their points below each other.

MathML Core knows no such alignment: digits that a number lacks stand there without being
seen, which the font's digits, all of one width, make exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_NUMBER = re.compile(r"(−?)(\d+)((?:\.\d+)?)")


def aligned(texts: Sequence[str], written: Sequence[str]) -> Iterator[str]:
    """The cells of a column, padded where they are numbers.

    Parameters
    ----------
    texts
        Each cell in text.
    written
        Each cell in MathML.
    """
    parts = [found.groups() if (found := _NUMBER.fullmatch(cell)) else None for cell in texts]
    widths = [max(map(len, each)) for each in zip(*filter(None, parts), strict=True)]
    for cell, part in zip(written, parts, strict=True):
        yield cell if part is None else _padded(cell, part, widths)


def _padded(cell: str, part: Sequence[str], widths: Sequence[int]) -> str:
    sign, whole, decimals = (width - len(has) for has, width in zip(part, widths, strict=True))
    before = '<mo form="prefix">−</mo>' * sign + _digits("0" * whole)
    # A number without decimals lacks the point too.
    after = _digits("0" * decimals if part[2] or not decimals else "." + "0" * (decimals - 1))
    if not before and not after:
        return cell
    return f"<mrow>{_unseen(before)}{cell}{_unseen(after)}</mrow>"


def _digits(digits: str) -> str:
    return f"<mn>{digits}</mn>" if digits else ""


def _unseen(content: str) -> str:
    return f"<mphantom>{content}</mphantom>" if content else ""
