r"""Symbols that a user gives in LaTeX, ``--name "W1=W^{(1)}"``: read, checked, shown.

Only what symbols are made of is let in: letters, digits, scripts, accents, alphabets and
a few signs. Nothing in the list can define, read or write anything, and what is let in is
balanced, so that it is safe inside any formula and any page.

>>> symbol_from_latex(r"\mathbf{W}^{(1)}").text
'W1'
>>> symbol_from_latex(r"\hat{\theta}_{12}").text
'θ̂_12'
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from symbackprop.errors import OptionError
from symbackprop.typeset.names import GREEK, Glyph, latex_glyph, latex_tokens, subscript

#: Commands that are a letter.
LETTERS = {
    **GREEK, "ell": "ℓ", "hbar": "ℏ", "imath": "ı", "jmath": "ȷ", "varepsilon": "ε",
    "varphi": "φ", "vartheta": "ϑ", "varrho": "ϱ", "varsigma": "ς", "varpi": "ϖ",
    "nabla": "∇", "partial": "∂", "aleph": "ℵ", "infty": "∞",
}  # fmt: skip
#: Commands that are a sign.
SIGNS = {
    "prime": "′", "star": "⋆", "ast": "∗", "dagger": "†", "ddagger": "‡", "top": "⊤", "bot": "⊥",
    "circ": "∘", "bullet": "•", "cdot": "·", "times": "×", "odot": "⊙", "oslash": "⊘",
    "otimes": "⊗", "oplus": "⊕", "pm": "±", "mp": "∓", "to": "→", "rightarrow": "→",
    "leftarrow": "←", "ldots": "…", "dots": "…", "cdots": "⋯", "mid": "|", "parallel": "∥",
    "langle": "⟨", "rangle": "⟩", "lVert": "‖", "rVert": "‖", "lvert": "|", "rvert": "|",
    "le": "≤", "ge": "≥", "ne": "≠", "sim": "∼", "emptyset": "∅", "backslash": "\\",
}  # fmt: skip
#: Commands that put something on a letter, as Unicode combines it.
ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304",
    "tilde": "\u0303", "widetilde": "\u0303", "vec": "\u20d7", "dot": "\u0307", "ddot": "\u0308",
    "check": "\u030c", "breve": "\u0306", "acute": "\u0301", "grave": "\u0300",
}  # fmt: skip
#: Commands that set mathematics in another alphabet.
ALPHABETS = (
    "mathrm", "mathbf", "mathit", "mathsf", "mathtt", "mathcal", "mathbb", "mathfrak",
    "boldsymbol", "operatorname",
)  # fmt: skip
#: Commands that set words.
WORDS = ("text", "textrm", "textbf", "textit")
_SPACES = dict.fromkeys((",", ";", ":", "!", " ", "quad"), "")
_ESCAPED = {char: char for char in "_%&#${}"}

_MARKS = ("_", "^", "'")
# These stand in scripts alone: beside a letter they would read as a formula.
_PLAIN = set("()[],.+-*/|=<>:;!")
_GREEK_COMMANDS = {letter: f"\\{word}" for word, letter in GREEK.items()}
_LONGEST, _DEEPEST = 120, 6
_AN_EXAMPLE = r"write one symbol in LaTeX, such as W^{(1)} or \hat{y}_0"


def symbol_from_latex(latex: str, *, where: str = "--name") -> Glyph:
    r"""The symbol that somebody writes in LaTeX.

    Parameters
    ----------
    latex
        One symbol, with at most one subscript and one superscript of its own at its end:
        ``W^{(1)}``, ``\hat{\theta}_{\mathrm{old}}``, ``\text{误差}``.
    where
        What an error says of where the symbol was given.

    Raises
    ------
    OptionError
        If it is not balanced, has a command that is not one of symbols', or is no symbol.
    """
    try:
        _check_braces(latex)
        written = _normal(latex)
        text = _Reader(written).text()
        _check_one_symbol(_tokens(written))
    except _RefusedError as why:
        raise OptionError(
            f"{latex!r} is no symbol: {why}", where=where, remedy=why.remedy or _AN_EXAMPLE
        ) from None
    return replace(latex_glyph(written), text=text)


class _RefusedError(Exception):
    """Why something is no symbol, and what to do about it."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


def _check_braces(latex: str) -> None:
    if len(latex) > _LONGEST:
        raise _RefusedError(f"it is longer than {_LONGEST} characters")
    depth = 0
    for token in re.findall(r"\\.|.", latex, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth < 0:
            raise _RefusedError("a } closes nothing")
        if depth > _DEEPEST:
            raise _RefusedError(f"its braces nest more than {_DEEPEST} deep")
    if depth:
        raise _RefusedError("a { is never closed")


def _check_one_symbol(tokens: list[str]) -> None:
    """Check that a letter comes first, and scripts come last."""
    marks = [place for place, token in enumerate(tokens) if token in ("_", "^")]
    body = tokens[: marks[0]] if marks else tokens
    if not any(_is_letter(token) for token in _flat(body)):
        raise _RefusedError("it has no letter")
    for token in _PLAIN.intersection(body):
        raise _RefusedError(f"{token} stands outside a script")
    after = len(tokens) - len(body) - tokens[len(body) :].count("'")
    if after > 2 * len(marks):
        raise _RefusedError(
            "something follows its scripts", "put braces around what comes first: {x_1}y"
        )


class _Reader:
    """Reads what stands side by side; stops at whatever symbols are not made of."""

    def __init__(self, latex: str) -> None:
        self._tokens = _tokens(latex)
        self._place = 0

    def text(self) -> str:
        """The same in Unicode."""
        written = ""
        while self._place < len(self._tokens):
            if self._tokens[self._place] in _MARKS:
                raise _RefusedError(f"nothing stands before its {self._tokens[self._place]}")
            written += self._atom() + self._scripts()
        return written

    def _next(self) -> str:
        """The next token; empty at the end."""
        self._place += 1
        return self._tokens[self._place - 1] if self._place <= len(self._tokens) else ""

    def _scripts(self) -> str:
        """Primes and scripts of the atom just read."""
        primes, last = "", ""
        scripts: dict[str, str] = {}
        while self._tokens[self._place : self._place + 1] and self._tokens[self._place] in _MARKS:
            mark = self._next()
            if mark == "'":
                if "^" in scripts:
                    raise _RefusedError(
                        "a prime stands after a superscript", "put the prime first: W'^{2}"
                    )
                primes += mark
            # TeX makes one superscript of primes and of what follows them at once.
            elif mark in scripts or (mark == "^" and primes and last != "'"):
                raise _RefusedError(f"two {mark} stand at one letter", "make one script of them")
            else:
                scripts[mark] = self._argument(f"its {mark}")
            last = mark
        return primes + _scripted(scripts)

    def _argument(self, of: str) -> str:
        """The next token or group, as the script or the argument of something."""
        token = self._next()
        inside = token[1:-1] if token.startswith("{") else token
        if not inside or inside in _MARKS:
            raise _RefusedError(f"{of} has no content")
        return _Reader(inside).text()

    def _atom(self) -> str:
        token = self._next()
        if token.startswith("{"):
            self._place -= 1
            return self._argument("a pair of braces")
        if token.startswith("\\"):
            return self._command(token[1:])
        if token in _PLAIN or (token.isascii() and token.isalnum()):
            return token
        remedy = r"put words into \text{…}" if token.isalpha() else "leave it out"
        raise _RefusedError(f"it has {token!r}", remedy)

    def _command(self, name: str) -> str:
        for known in (LETTERS, SIGNS, _SPACES, _ESCAPED):
            if name in known:
                return known[name]
        if name in WORDS:
            return self._words(name)
        if name in ALPHABETS:
            return self._argument(f"\\{name}")
        if name in ACCENTS:
            under = self._argument(f"\\{name}")
            return unicodedata.normalize("NFC", under[0] + ACCENTS[name]) + under[1:]
        raise _RefusedError(
            f"\\{name} is not a command that symbols are made of",
            r"use letters, digits, scripts, accents such as \hat, alphabets such as \mathbf",
        )

    def _words(self, name: str) -> str:
        r"""What stands in ``\text{…}``: letters of any script, digits, plain punctuation."""
        words = re.fullmatch(r"\{(?:\\[_%&#$]|[^\W_]|[ .,:;()/+=!?'-])+\}", group := self._next())
        if words is None:
            raise _RefusedError(
                f"\\{name} takes letters, digits and punctuation in braces, not {group!r}"
            )
        return words[0][1:-1].replace("\\", "")


def _normal(latex: str) -> str:
    """LaTeX with a space only where one ends a command, Greek letters as commands."""
    written = ""
    tokens = _tokens(latex)
    for before, token in zip(["", *tokens], tokens, strict=False):
        part = _GREEK_COMMANDS.get(token, token)
        if part.startswith("{") and before.removeprefix("\\") not in WORDS:
            part = f"{{{_normal(part[1:-1])}}}"
        command = re.search(r"\\[A-Za-z]+\Z", written)
        written += f" {part}" if command and part[:1].isalpha() else part
    return written


def _tokens(latex: str) -> list[str]:
    r"""Tokens, spaces left out; ``\ `` is one itself."""
    tokens = [t if t == "\\ " else t.strip(" ") for t in latex_tokens(latex)]
    return [token for token in tokens if token]


def _flat(tokens: Sequence[str]) -> list[str]:
    """Tokens, those inside groups too."""
    return [
        inner
        for token in tokens
        for inner in (_flat(_tokens(token[1:-1])) if token.startswith("{") else [token])
    ]


def _is_letter(token: str) -> bool:
    return token.isalpha() or token.removeprefix("\\") in LETTERS


def _scripted(scripts: dict[str, str]) -> str:
    """Scripts in Unicode, as `names` writes them: a layer's number stands at the letter."""
    below, above = scripts.get("_", ""), scripts.get("^", "")
    layer = re.fullmatch(r"\((\d+)\)", above)
    lower = subscript([below]) if below.isdigit() else f"_{below}" if below else ""
    upper = layer[1] if layer else f"^{above}" if len(above) < 2 else f"^{{{above}}}"
    return f"{upper if above else ''}{lower}"
