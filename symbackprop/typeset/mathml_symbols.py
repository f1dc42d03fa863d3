r"""The LaTeX of one symbol, read into MathML: letters, accents, scripts, alphabets.

What `names` makes of a name is read completely; of a tensor's own LaTeX, the commands that
symbols are made of. A command not known here is shown as its name, upright.

>>> symbol(r"\hat{y}")
'<mover accent="true"><mi>y</mi><mo>^</mo></mover>'
>>> symbol(r"W_{hx}")
'<msub><mi>W</mi><mrow><mi>h</mi><mi>x</mi></mrow></msub>'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from html import escape

from symbackprop.typeset.names import GREEK, latex_tokens

#: Commands that are one character: letters, which MathML slants, and signs.
_LETTERS = {
    **GREEK, "ell": "ℓ", "infty": "∞", "hbar": "ℏ", "imath": "ı", "jmath": "ȷ", "varepsilon": "ε",
    "epsilon": "ϵ", "varphi": "φ", "phi": "ϕ", "vartheta": "ϑ", "varrho": "ϱ", "varsigma": "ς",
    "top": "⊤", "bot": "⊥", "emptyset": "∅", "nabla": "∇", "partial": "∂", "dagger": "†",
}  # fmt: skip
_SIGNS = {
    "cdot": "⋅", "times": "×", "odot": "⊙", "oslash": "⊘", "otimes": "⊗", "oplus": "⊕",
    "star": "⋆", "ast": "∗", "circ": "∘", "bullet": "∙", "pm": "±", "wedge": "∧", "vee": "∨",
    "backslash": "\\", "sim": "∼", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠",
    "neq": "≠", "to": "→", "rightarrow": "→", "leftarrow": "←", "mid": "∣", "parallel": "∥",
    "langle": "⟨", "rangle": "⟩", "ldots": "…", "dots": "…", "prime": "′", "lVert": "‖",
    "rVert": "‖", "Vert": "‖", "lvert": "|", "rvert": "|", "vert": "|",
}  # fmt: skip
_ACCENTS = {
    "hat": "^", "widehat": "^", "bar": "¯", "overline": "¯", "tilde": "~", "widetilde": "~",
    "vec": "→", "dot": "˙", "ddot": "¨",
}  # fmt: skip
#: Spaces and sizes, which MathML does without.
_SILENT = {",", ";", ":", "!", " ", "quad", "left", "right", "big", "Big", "displaystyle"}
#: What belongs to the atom before it.
_MARKS = {"'", "_", "^"}
_UPRIGHT = {"mathrm", "operatorname", "text", "textrm", "mathsf", "mathtt", "mathit"}

#: Where an alphabet's capitals, small letters and digits begin, and letters that Unicode
#: had before it had the alphabet.
_ALPHABETS: dict[str, tuple[int, int, int, dict[str, str]]] = {
    "mathbf": (0x1D400, 0x1D41A, 0x1D7CE, {}),
    "boldsymbol": (0x1D468, 0x1D482, 0x1D7CE, {}),
    "mathcal": (
        0x1D49C, 0x1D4B6, 0,
        dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    ),
    "mathbb": (0x1D538, 0x1D552, 0x1D7D8, dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))),
}  # fmt: skip


def row(elements: Sequence[str]) -> str:
    """Elements as one: an ``mrow`` unless there is exactly one."""
    return elements[0] if len(elements) == 1 else f"<mrow>{''.join(elements)}</mrow>"


def scripted(base: str, below: Sequence[str], above: Sequence[str]) -> str:
    """An element with what stands below and above it on the right."""
    if below and above:
        return f"<msubsup>{base}{row(below)}{row(above)}</msubsup>"
    if below:
        return f"<msub>{base}{row(below)}</msub>"
    return f"<msup>{base}{row(above)}</msup>" if above else base


@lru_cache(maxsize=4096)
def symbol(latex: str) -> str:
    """The symbol as one MathML element."""
    return row(symbols(latex))


@lru_cache(maxsize=4096)
def symbols(latex: str) -> tuple[str, ...]:
    """What stands side by side in the LaTeX of a symbol, each as one MathML element."""
    return tuple(_Reader(latex).read())


class _Reader:
    def __init__(self, latex: str) -> None:
        self._tokens = latex_tokens(latex)
        self._place = 0

    def read(self) -> list[str]:
        found: list[str] = []
        while mark := self._peek():
            atom = "" if mark in _MARKS else self._atom(self._next())
            primes = self._primes()
            if primes:
                # The font's prime is raised by itself, as on a typewriter.
                atom = row([atom, *primes] if atom else primes)
            below, above = self._scripts()
            if atom or below or above:
                found.append(scripted(atom or "<mrow></mrow>", below, above))
        return found

    def _peek(self) -> str:
        """The next token; empty at the end."""
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _primes(self) -> list[str]:
        found: list[str] = []
        while self._peek() == "'":
            found.append("<mo>′</mo>")
            self._place += 1
        return found

    def _next(self) -> str:
        """The next token, a number in one piece."""
        token = self._tokens[self._place]
        self._place += 1
        while _is_number(token) and self._place < len(self._tokens):
            longer = token + self._tokens[self._place]
            if not _is_number(longer):
                break
            token = longer
            self._place += 1
        return token

    def _scripts(self) -> tuple[list[str], list[str]]:
        """What is attached to the atom just read."""
        below: list[str] = []
        above: list[str] = []
        while self._peek() in ("_", "^"):
            place = below if self._next() == "_" else above
            place.extend(self._argument(symbols))
        return below, above

    def _argument(self, read: Callable[[str], Sequence[str]]) -> Sequence[str]:
        """The next token or group, read."""
        token = self._peek()
        self._place += 1
        return read(token[1:-1] if token.startswith("{") else token)

    def _atom(self, token: str) -> str:
        """One element; empty for a space."""
        if token.startswith("{"):
            return symbol(token[1:-1])
        if token.startswith("\\"):
            return self._command(token[1:].strip())
        if _is_number(token):
            return f"<mn>{token}</mn>"
        if token.isspace():
            return ""
        return f"<mi>{token}</mi>" if token.isalpha() else _sign(token)

    def _command(self, name: str) -> str:
        if name in _LETTERS:
            # LaTeX's Greek capitals stand upright.
            variant = ' mathvariant="normal"' if name.istitle() else ""
            return f"<mi{variant}>{_LETTERS[name]}</mi>"
        if name in _SIGNS:
            return _sign(_SIGNS[name])
        if name in _ACCENTS:
            base = row(self._argument(symbols))
            return f'<mover accent="true">{base}<mo>{_ACCENTS[name]}</mo></mover>'
        if name in _UPRIGHT:
            return row(self._argument(_words))
        if name in _ALPHABETS:
            return row(self._argument(lambda text: [_identifier(_in_alphabet(text, name))]))
        if name in _SILENT:
            return ""
        return _identifier(name) if name.isalpha() else _sign(name or "\\")


def _is_number(text: str) -> bool:
    return text[0].isdecimal() and text.replace(".", "", 1).isdecimal() and text.isascii()


def _sign(sign: str) -> str:
    if sign in "()[]":
        return f'<mo stretchy="false">{sign}</mo>'
    return f"<mo>{escape(sign)}</mo>"


def _words(latex: str) -> list[str]:
    """Upright text; LaTeX's special characters in it stand for themselves."""
    text = "".join(
        _SIGNS.get(piece[1:].strip(), piece[1:]) if piece.startswith("\\") else piece.strip("{}")
        for piece in latex_tokens(latex)
    )
    if not text:
        return []
    return [_identifier(text)] if text.isalpha() and text.isascii() else [_text(text)]


def _identifier(name: str) -> str:
    """A name, upright: MathML slants a single letter unless told otherwise."""
    variant = ' mathvariant="normal"' if len(name) == 1 and name.isascii() else ""
    return f"<mi{variant}>{escape(name)}</mi>"


def _text(text: str) -> str:
    return f"<mtext>{escape(text)}</mtext>"


def _in_alphabet(text: str, alphabet: str) -> str:
    capitals, small, digits, known = _ALPHABETS[alphabet]
    greek = [_LETTERS.get(token[1:].strip(), token) for token in latex_tokens(text)]

    def one(letter: str) -> str:
        if letter in known:
            return known[letter]
        for first, last, start in (("A", "Z", capitals), ("a", "z", small), ("0", "9", digits)):
            if start and first <= letter <= last:
                return chr(start + ord(letter) - ord(first))
        return letter

    return "".join(map(one, greek))
