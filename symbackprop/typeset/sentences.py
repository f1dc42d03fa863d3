r"""Sentences with formulas in them, as LaTeX: for a paragraph, or for rows of ``align``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeAlias

from symbackprop.typeset.formula import Formula
from symbackprop.typeset.latex import latex
from symbackprop.typeset.names import GREEK
from symbackprop.typeset.numbers import Remark
from symbackprop.typeset.page import Fold, Reason
from symbackprop.typeset.page_text import text_blocks
from symbackprop.typeset.widths import width
from symbackprop.typeset.words import phrase

#: Words, and formulas between them.
Sentence: TypeAlias = Sequence[str | Formula]

#: A letter of a script that has no spaces between words.
IDEOGRAPHS = "[\u2e80-\u2fff\u3007-\u9fff\uf900-\ufaff]"

# A piece after which a row may end: a word with the space behind it, or an ideograph, with the
# sign behind it that may begin no row.
_STOPS = "[\u3001\u3002\uff01\uff09\uff0c\uff1a\uff1b\uff1f\u300b\u201d]"
_PIECE = re.compile(rf"{IDEOGRAPHS}{_STOPS}*|(?:(?!{IDEOGRAPHS})\S)+\s*|\s+")

_ESCAPES = {
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    **{char: f"\\{char}" for char in "{}_%&#$"},
    # Signs that TeX's first fonts have in mathematics alone.
    "<": "$<$", ">": "$>$", "|": "$|$", "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\ne$",
    "≈": r"$\approx$", "⊙": r"$\odot$", "⊘": r"$\oslash$", "×": r"$\times$", "·": r"$\cdot$",
    "−": "$-$", "∈": r"$\in$", "∂": r"$\partial$", "Σ": r"$\sum$", "ᵀ": r"$^\top$",
    "→": r"$\to$", "←": r"$\leftarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "…": r"\dots{}", "–": "--", "—": "---", "“": "``", "”": "''", "‘": "`", "’": "'",
    "\n": " ",
}  # fmt: skip
_ESCAPES |= {letter: rf"$\{word}$" for word, letter in GREEK.items() if letter not in _ESCAPES}


def escaped(words: str) -> str:
    """Words as LaTeX sets them in a paragraph, whatever characters they have."""
    return "".join(_ESCAPES.get(char, char) for char in words)


def reason_sentence(reason: Reason, language: str, entry: str = "") -> list[str | Formula]:
    """What a sign means; of a rule its title, or another `entry` of it: ``.brief``, ``.why``."""
    return _sentence(phrase(reason.rule + entry, language), reason.used, language)


def step_sentence(reason: Reason, language: str) -> list[str | Formula]:
    """The rule of a step and why it holds, short enough to stand beside a formula."""
    title = phrase(reason.rule, language) + phrase("colon", language)
    pattern = title + phrase(f"{reason.rule}.brief", language)
    return _sentence(pattern, reason.used, language)


def remark_sentence(remark: Remark, language: str) -> list[str | Formula]:
    """What is to be said of numbers."""
    pieces = re.split(r"\{(\w+)\}", phrase(remark.key, language))
    return [remark.used[piece] if place % 2 else piece for place, piece in enumerate(pieces)]


def fold_sentence(fold: Fold, language: str) -> list[str | Formula]:
    """Which blocks repeat which, and what their letters become."""
    changes: list[str | Formula] = []
    for like, first, last in fold.renamed:
        changes += [phrase("comma", language)] if changes else []
        changes += [like, " → ", first, " … ", last]
    before, _, after = phrase("fold", language).partition("{used}")
    before = before.replace("{blocks}", text_blocks(fold, language))
    return [piece for piece in (before, *changes, after) if piece != ""]


def _sentence(pattern: str, used: Iterable[Formula | str], language: str) -> list[str | Formula]:
    """A phrase with what is used listed in the place of ``{used}``."""
    listed: list[str | Formula] = []
    for item in used:
        listed += [phrase("comma", language), item] if listed else [item]
    before, *others = pattern.split("{used}")
    found: list[str | Formula] = [before]
    for words in others:
        found += [*listed, words]
    return [piece for piece in found if piece != ""]


def paragraph(words: Sentence) -> str:
    """A sentence for a paragraph, its formulas between dollars."""
    return "".join(escaped(w) if isinstance(w, str) else f"${latex(w)}$" for w in words)


def filled(words: Sentence, room: float) -> list[str]:
    r"""A sentence as rows of mathematics, its words in ``\text``.

    Parameters
    ----------
    words
        The sentence.
    room
        The width of a row in ems.
    """
    rows: list[list[str | Formula]] = [[]]
    taken = 0.0
    for item in words:
        for piece in _PIECE.findall(item) if isinstance(item, str) else (item,):
            needed = width(in_mathematics([piece]))
            if rows[-1] and taken + needed > room:
                rows.append([])
                taken = 0.0
            rows[-1].append(piece)
            taken += needed
    return [in_mathematics([*row[:-1], _ended(row[-1])]) for row in rows if row]


def _ended(piece: str | Formula) -> str | Formula:
    return piece.rstrip() if isinstance(piece, str) else piece


def in_mathematics(words: Sentence) -> str:
    r"""A sentence as one row of mathematics, its words in ``\text``."""
    written: list[str] = []
    for is_text, group in groupby(words, key=lambda piece: isinstance(piece, str)):
        pieces = list(group)
        if is_text:
            text = "".join(map(str, pieces))
            written.append(rf"\text{{{escaped(text)}}}")
        else:
            written += [latex(piece) for piece in pieces if not isinstance(piece, str)]
    return " ".join(written)
