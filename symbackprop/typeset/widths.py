r"""How wide LaTeX mathematics is on paper, nearly enough to know where it must be broken.

It is read as far as widths need: groups, scripts, fractions, rows of cases. The widths
of signs are those of Computer Modern, rounded; a test has TeX measure formulas.

>>> round(width(r"\frac{a}{b + c}"), 1)
2.6
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

from symbackprop.typeset.names import latex_tokens

#: What TeX puts around a relation and around an operation, both sides together, in ems.
_AROUND_RELATION, _AROUND_OPERATION = 0.56, 0.44
_SCRIPT = 0.78
# Around letters, and around fractions and sums.
_PARENTHESIS, _TALL_PARENTHESIS = 0.48, 0.78

_RELATIONS = {"=", "<", ">", r"\le", r"\ge", r"\ne", r"\in"}
_OPERATIONS = {"+", "-", r"\cdot", r"\odot", r"\oslash", r"\times", r"\lor"}
_SPACES = {r"\,": 0.17, r"\;": 0.28, r"\ ": 0.33, r"\quad": 1.0, r"\qquad": 2.0, "~": 0.33}
_TALL = {r"\frac", r"\sum"}
_LIMITS = {r"\sum": 1.44, r"\max": 1.9, r"\min": 1.8}
_SIGNS = {
    ",": 0.45, "'": 0.3, "(": 0.39, ")": 0.39, "[": 0.28, "]": 0.28, "|": 0.28, "/": 0.5,
    ".": 0.28, "m": 0.88, "w": 0.72, "i": 0.35, "j": 0.41, "l": 0.3, "t": 0.36, "r": 0.46,
    r"\infty": 1.0, r"\dots": 1.2, r"\log": 1.3, r"\sin": 1.25, r"\cos": 1.35, r"\tanh": 2.1,
    r"\lfloor": 0.44, r"\rfloor": 0.44, r"\{": 0.5, r"\}": 0.5, r"\sqrt": 0.85,
}  # fmt: skip
# These only change how what follows looks.
_STYLES = {
    r"\mathrm", r"\mathbf", r"\mathcal", r"\mathbb", r"\boldsymbol", r"\operatorname", r"\hat",
    r"\bar", r"\tilde", r"\widehat", r"\overline", r"\widetilde", r"\vec", r"\dot", r"\underline",
    r"\changed",
}  # fmt: skip
_SMALL, _CAPITAL, _IDEOGRAPH = 0.57, 0.85, 1.0


@lru_cache(maxsize=4096)
def width(latex: str) -> float:
    """The width in ems of LaTeX mathematics, displayed."""
    return _Reader(latex).width()


class _Reader:
    """Walks through the tokens of a list of mathematics once."""

    def __init__(self, latex: str) -> None:
        self._tokens = [token.strip() for token in latex_tokens(latex) if not token.isspace()]
        self._at = 0
        self._special: dict[str, Callable[[], float]] = {
            r"\frac": self._fraction,
            r"\text": lambda: _words(_inside(self._next())),
            r"\left": self._delimiter,
            r"\right": self._delimiter,
            r"\begin": self._environment,
        }

    def width(self) -> float:
        total = 0.0
        while self._at < len(self._tokens):
            total += self._scripted()
        return total

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else ""

    def _scripted(self) -> float:
        """One sign or group with its scripts, which stand above each other."""
        token = self._next()
        own = self._sign(token)
        widest = 0.0
        while self._tokens[self._at : self._at + 1] in (["_"], ["^"]):
            self._at += 1
            script = _inside(self._next())
            # No space is set around signs in a script.
            loose = _AROUND_RELATION * sum(script.count(sign) for sign in "=<>")
            loose += _AROUND_OPERATION * sum(script.count(sign) for sign in ("+", "-", r"\times"))
            widest = max(widest, _SCRIPT * (width(script) - loose))
        return max(own, widest) if token in _LIMITS else own + widest

    def _sign(self, token: str) -> float:
        if token in self._special:
            return self._special[token]()
        if token.startswith("{"):
            return width(_inside(token))
        if token in _RELATIONS:
            return 0.78 + _AROUND_RELATION
        if token in _OPERATIONS:
            return 0.78 + _AROUND_OPERATION
        if token in _STYLES:
            return 0.0
        known = _SPACES.get(token) or _LIMITS.get(token) or _SIGNS.get(token)
        if known is not None:
            return known
        if token.startswith("\\"):
            return _CAPITAL if token[1:2].isupper() else 0.6
        return _letter(token)

    def _fraction(self) -> float:
        return max(width(_inside(self._next())), width(_inside(self._next()))) + 0.25

    def _delimiter(self) -> float:
        if self._next() == ".":
            return 0.0
        return _TALL_PARENTHESIS if self._inside_is_tall() else _PARENTHESIS

    def _inside_is_tall(self) -> bool:
        r"""Whether a fraction or a sum stands on this side of the partner of ``\left``, ``\right``.

        The one just read stands two places back.
        """
        step = 1 if self._tokens[self._at - 2] == r"\left" else -1
        place, depth = self._at - 2, 0
        while 0 <= place < len(self._tokens):
            token = self._tokens[place]
            depth += {r"\left": step, r"\right": -step}.get(token, 0)
            if depth == 0:
                return False
            if token in _TALL or (token.startswith("{") and r"\frac" in token):
                return True
            place += step
        return True  # it stands in another piece of the formula

    def _environment(self) -> float:
        """Rows of cells, such as those of ``cases``."""
        name = self._next()
        cells: list[list[str]] = [[""]]
        depth = 1
        while depth and self._at < len(self._tokens):
            piece = self._next()
            depth += {r"\begin": 1, r"\end": -1}.get(piece, 0)
            if depth == 1 and piece == r"\\":
                cells.append([""])
            elif depth == 1 and piece == "&":
                cells[-1].append("")
            elif depth:
                cells[-1][-1] += f"{piece} "
        if self._tokens[self._at : self._at + 1] == [name]:
            self._at += 1
        columns = max(map(len, cells))
        widest = [max(width(row[c]) for row in cells if c < len(row)) for c in range(columns)]
        return sum(widest) + (columns - 1) + 2 * _PARENTHESIS


def _inside(group: str) -> str:
    return group[1:-1] if group.startswith("{") else group


def _words(text: str) -> float:
    """Upright text, in which spaces count."""
    return sum(0.33 if char == " " else 0.82 * _letter(char) for char in text)


def _letter(char: str) -> float:
    if unicodedata.east_asian_width(char) in "WF":
        return _IDEOGRAPH
    return _CAPITAL if char.isupper() else _SMALL
