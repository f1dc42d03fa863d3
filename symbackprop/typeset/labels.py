r"""A symbol as a few runs of text, for pictures: what stands raised, what lowered, how wide it is.

>>> from symbackprop.typeset.names import glyph
>>> "".join(run.text for run in symbol_runs(glyph("W1")))
'W(1)'
>>> [run.level for run in symbol_runs(glyph("W1"))]
[0, 1]
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from symbackprop.typeset.formula import Element, Formula, Partial
from symbackprop.typeset.names import GREEK, Glyph, latex_tokens
from symbackprop.typeset.text import text

_SIGNS = {
    "ell": "ℓ", "infty": "∞", "partial": "∂", "nabla": "∇", "top": "⊤", "star": "⋆", "ast": "∗",
    "cdot": "·", "times": "×", "odot": "⊙", "wedge": "^", "sim": "~", "backslash": "\\",
    "prime": "′", "dagger": "†", "varepsilon": "ε", "varphi": "φ",
}  # fmt: skip
_ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304",
    "tilde": "\u0303", "widetilde": "\u0303", "vec": "\u20d7", "dot": "\u0307",
}  # fmt: skip
#: How much of its size a script keeps.
SCRIPT = 0.72

# Widths in ems of a wide serif face (DejaVu Serif), so that narrower ones fit as well.
_NARROW = {**dict.fromkeys("ijltfrI.,;:'!|()[]{}′ ", 0.42), **dict.fromkeys("∂sczeJ/·−-", 0.6)}
_WIDE = {**dict.fromkeys("mwMW…", 1.03), **dict.fromkeys("×+=<>≤≥", 0.84)}
_SMALL, _CAPITAL, _IDEOGRAPH = 0.66, 0.86, 1.0


@dataclass(frozen=True)
class Run:
    """Letters of one size and slope.

    Attributes
    ----------
    text
        The letters, in Unicode.
    level
        1 if they are raised, -1 if they are lowered, 0 on the line.
    slanted
        Whether they are set as variables are.
    """

    text: str
    level: int = 0
    slanted: bool = False


@lru_cache(maxsize=4096)
def symbol_runs(symbol: Glyph) -> tuple[Run, ...]:
    """A symbol's letter and its scripts; a subscript stands before a superscript."""
    letter = unicode_letters(symbol.body)
    base, primes = letter.rstrip("'"), len(letter) - len(letter.rstrip("'"))
    slanted = len(unicodedata.normalize("NFC", base)) == 1
    runs = [Run(base, slanted=slanted)]
    raised = "′" * primes + unicode_letters(symbol.sup)
    for level, script in ((-1, unicode_letters(symbol.sub)), (1, raised)):
        if script:
            runs.append(Run(script, level))
    return tuple(runs)


def formula_runs(formula: Formula) -> tuple[Run, ...]:
    """A tensor's symbol, or a derivative by one."""
    if isinstance(formula, Element):
        return symbol_runs(formula.glyph)
    if isinstance(formula, Partial) and isinstance(formula.objective, Element):
        below = formula_runs(formula.of)
        return (Run("∂"), *formula_runs(formula.objective), Run("/∂"), *below)
    return (Run(text(formula)),)


@lru_cache(maxsize=4096)
def unicode_letters(latex: str) -> str:
    r"""The LaTeX of a letter or of a script as Unicode text.

    >>> unicode_letters(r"\widehat{\gamma}"), unicode_letters(r"\mathrm{in},t")
    ('γ̂', 'in,t')
    """
    return unicodedata.normalize("NFC", "".join(_letters(latex_tokens(latex))))


def plain(runs: Sequence[Run]) -> str:
    """Runs in one line of Unicode, with its raised and lowered digits: ``W⁽¹⁾``, ``W_hh``."""
    return "".join(map(_plain, runs))


def _plain(run: Run) -> str:
    digits = {1: "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾", -1: "₀₁₂₃₄₅₆₇₈₉₍₎"}.get(run.level, "")
    known = dict(zip("0123456789()", digits, strict=False))
    if all(letter in known for letter in run.text):
        return "".join(known[letter] for letter in run.text)
    return {1: "^", 0: "", -1: "_"}[run.level] + run.text


def _letters(tokens: Sequence[str]) -> Iterator[str]:
    accent = ""
    for token in tokens:
        command = token[1:].strip() if token.startswith("\\") else ""
        if command in _ACCENTS:
            accent = _ACCENTS[command]
            continue
        if token.startswith("{"):
            written = unicode_letters(token[1:-1])
        elif command:
            written = GREEK.get(command) or _SIGNS.get(command) or _escaped(command)
        else:
            written = token.strip("^_")
        yield written[:1] + accent + written[1:]
        accent = ""


def _escaped(command: str) -> str:
    """The character that a command stands for; nothing for a space or a change of style."""
    return "" if command.isalnum() or command in ",;:!" else command


def width(runs: Sequence[Run], size: float) -> float:
    """An upper estimate of how wide runs are, set in letters of this size."""
    return sum(size * (SCRIPT if run.level else 1) * _ems(run.text) for run in runs)


def _ems(letters: str) -> float:
    return sum(map(_letter_width, letters))


def _letter_width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return _IDEOGRAPH
    usual = _CAPITAL if letter.isupper() or not letter.isalnum() else _SMALL
    return _NARROW.get(letter, _WIDE.get(letter, usual))


def shortened(runs: Sequence[Run], size: float, room: float) -> tuple[Run, ...]:
    """As much of the runs as there is room for, then an ellipsis if something is left out."""
    if width(runs, size) <= room:
        return tuple(runs)
    kept: list[Run] = []
    for run in runs:
        for length in range(len(run.text), 0, -1):
            cut = [*kept, replace(run, text=run.text[:length]), Run("…")]
            if width(cut, size) <= room:
                kept.append(replace(run, text=run.text[:length]))
                break
        if not kept or kept[-1].text != run.text:
            break
    return (*kept, Run("…"))
