"""Lines of numbers in LaTeX, as rows of an ``align*`` or ``aligned`` environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from symbackprop.typeset.latex import SIGNS, latex
from symbackprop.typeset.numbers import NumberLine, Remark
from symbackprop.typeset.text import text
from symbackprop.typeset.words import phrase

# Wider lines, in characters of their text, are broken before each sign.
_WIDEST = 64


def latex_rows(lines: Iterable[NumberLine], language: str = "en") -> Iterator[str]:
    """Lines of numbers as rows that are aligned at their first sign."""
    for line in lines:
        *rows, last = _rows(line)
        yield from rows
        yield last + (rf" && \text{{{phrase(line.word, language)}}}" if line.word else "")


def latex_remark(remark: Remark, language: str, start: str = "$", end: str = "$") -> str:
    """A remark in words, each formula between the signs where mathematics starts and ends."""
    used = {
        name: found if isinstance(found, str) else f"{start}{latex(found)}{end}"
        for name, found in remark.used.items()
    }
    return phrase(remark.key, language).format(**used)


def _rows(line: NumberLine) -> Iterator[str]:
    width = len(text(line.first)) + sum(3 + len(text(formula)) for _, formula in line.links)
    extents = r" \times ".join(map(str, line.shape))
    shape = rf" \quad ({extents})" if extents else ""
    links = [f"{SIGNS[sign]} {latex(formula)}" for sign, formula in line.links]
    quad = r"\quad " * line.depth
    if len(links) > 1 and width > _WIDEST:
        first, *others = links
        yield f"{quad}{latex(line.first)} &{first}"
        yield from (f"&{link}" for link in others)
    else:
        yield f"{quad}{latex(line.first)} &{' '.join(links)}{shape}"
