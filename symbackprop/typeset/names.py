r"""Names: how a tensor, a size or a function is written in LaTeX and in Unicode text.

A name is read as a blackboard reads it: Greek words are letters, trailing digits
are a layer's number, what follows an underscore is a subscript, what follows a
caret a superscript, ``_hat``, ``_bar`` and ``_tilde`` are accents, and a word of
several letters is upright. A tensor's own LaTeX wins over all of this.

>>> glyph("W1").latex()
'W^{(1)}'
>>> glyph("y_hat").latex(), glyph("y_hat").text
('\\hat{y}', 'ŷ')
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from symbackprop.language import Role, Tensor

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ",
    "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "upsilon": "υ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π",
    "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip

#: Spellings that stand for a Greek letter without being its LaTeX name. `lamda` is
#: what Python users write because `lambda` is a keyword.
_ALIASES = {"eps": "epsilon", "lamda": "lambda", "lambd": "lambda"}
_LETTERS = {letter: word for word, letter in GREEK.items()}

_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}
_SUBSCRIPTS = dict(zip("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_SUPERSCRIPTS = dict(zip("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True))

#: LaTeX's special characters, and the space, which mathematics ignores; a name may hold any.
_ESCAPES = {
    "\\": r"\backslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "^": r"\wedge{}",
    "#": r"\#", "%": r"\%", "&": r"\&", "$": r"\$", "~": r"\sim{}", " ": r"\ ",
}  # fmt: skip

# What a script may hold: nothing that LaTeX would take for a command or another script.
_IN_SCRIPT = r"(?:[^\W_]|[ .,:;/+*=<>|!?'-])"
_SCRIPT = rf"\{{(?:{_IN_SCRIPT}|[()])+\}}|\({_IN_SCRIPT}*\)|[^\W_]+"
_NAME = re.compile(
    r"(?P<base>[^\W\d_]+)(?P<layer>\d*)"
    rf"(?:_(?P<sub>{_SCRIPT}))?(?:\^(?P<sup>{_SCRIPT}))?(?P<prime>'*)"
)


@dataclass(frozen=True)
class Glyph:
    """A written symbol, its scripts kept apart so that indices can join them.

    Attributes
    ----------
    body
        The LaTeX of the letter, accent included.
    sub, sup
        The LaTeX of its own subscript and superscript, without braces.
    text
        The whole symbol in Unicode.
    tensor
        The name of the tensor whose symbol it is, empty for any other symbol.
    """

    body: str
    sub: str = ""
    sup: str = ""
    text: str = ""
    tensor: str = ""

    @property
    def raised(self) -> bool:
        """Whether the place of an exponent is taken."""
        return bool(self.sup) or self.body.endswith("'")

    def latex(self, indices: str = "") -> str:
        """The symbol with indices appended to its subscript."""
        lower = r",\,".join(part for part in (self.sub, indices) if part)
        return self.body + _script("^", self.sup) + _script("_", lower)


def _script(mark: str, content: str) -> str:
    if not content:
        return ""
    return mark + (content if len(content) == 1 else f"{{{content}}}")


@lru_cache(maxsize=4096)
def glyph(name: str, *, layered: bool = True) -> Glyph:
    """The symbol for a name.

    Parameters
    ----------
    name
        Any text.
    layered
        Whether trailing digits are a layer's number, a superscript in
        parentheses; otherwise they are a subscript (a hyperparameter's β₁).
    """
    stem, _, accent = name.rpartition("_")
    if stem and accent in _ACCENTS:
        return _accented(glyph(stem, layered=layered), accent)
    match = _NAME.fullmatch(name)
    if match is None:
        return Glyph(_escaped(name), text=name)
    letter, digits = match["base"], match["layer"]
    sub, sup = _bare(match["sub"]), _bare(match["sup"])
    if digits and (layered and not sup):
        sup = f"({digits})"
    elif digits:
        sub = f"{digits}{',' if sub else ''}{sub}"
    return Glyph(
        _letter(letter) + match["prime"],
        sub=_script_words(sub),
        sup=_script_words(sup),
        text=_unicode(match, sup),
    )


def tensor_glyph(tensor: Tensor) -> Glyph:
    """The symbol for a tensor: its own LaTeX where it has one."""
    plain = glyph(tensor.name, layered=tensor.role is not Role.HYPERPARAMETER)
    if tensor.latex:
        plain = latex_glyph(tensor.latex, text=plain.text)
    return replace(plain, tensor=tensor.name)


@lru_cache(maxsize=4096)
def latex_glyph(latex: str, text: str = "") -> Glyph:
    r"""A symbol given as LaTeX, its outermost scripts taken apart.

    >>> latex_glyph(r"\delta^{(1)}").sup
    '(1)'
    """
    scripts = {"_": "", "^": ""}
    body, mark = "", ""
    for token in latex_tokens(latex):
        if token in scripts:
            mark = token
        elif mark:
            scripts[mark] += token[1:-1] if token.startswith("{") else token
            mark = ""
        else:
            body += token
    return Glyph(body.strip(), scripts["_"], scripts["^"], text or _latex_as_text(latex))


def subscript(names: Sequence[str]) -> str:
    """Names as Unicode subscripts, or as ``_k`` where Unicode lacks one of the letters.

    >>> subscript(["n", "k"]), subscript(["q"]), subscript(["n", "q"])
    ('ₙₖ', '_q', '_{n,q}')
    """
    bare = [name.rstrip("'") for name in names]
    if all(name in _SUBSCRIPTS for name in bare) and (len(names) == 1 or bare == list(names)):
        return "".join(_SUBSCRIPTS.get(letter, letter) for name in names for letter in name)
    return f"_{names[0]}" if len(names) == 1 else f"_{{{','.join(names)}}}"


def superscript(digits: str) -> str:
    """Digits, and a minus sign, as Unicode superscripts."""
    return "".join(_SUPERSCRIPTS[digit] for digit in digits)


def _accented(plain: Glyph, accent: str) -> Glyph:
    # The accent belongs on the letter, before any digits in the text form.
    text = unicodedata.normalize("NFC", plain.text[0] + _ACCENTS[accent]) + plain.text[1:]
    command = accent if len(_letter_text(plain.body)) == 1 else _wide(accent)
    return Glyph(rf"\{command}{{{plain.body}}}", plain.sub, plain.sup, text)


def _wide(accent: str) -> str:
    return {"hat": "widehat", "bar": "overline", "tilde": "widetilde"}[accent]


def _letter_text(body: str) -> str:
    return GREEK.get(body.removeprefix("\\"), body)


def _letter(word: str) -> str:
    word = _ALIASES.get(word, _LETTERS.get(word, word))
    if word in GREEK:
        return f"\\{word}"
    if not word.isascii():
        return rf"\text{{{word}}}"
    return word if len(word) == 1 else rf"\mathrm{{{word}}}"


def _bare(script: str | None) -> str:
    if not script:
        return ""
    return script[1:-1] if script.startswith("{") else script


def _script_words(script: str) -> str:
    """Words inside a script: Greek as letters, three letters or more upright."""

    def one(match: re.Match[str]) -> str:
        word = match[0]
        known = _ALIASES.get(word, _LETTERS.get(word, word)) in GREEK
        return _letter(word) if known or len(word) > 2 or not word.isascii() else word

    return re.sub(r"[^\W\d_]+", one, script)


def _unicode(match: re.Match[str], sup: str) -> str:
    letter = match["base"]
    letter = GREEK.get(_ALIASES.get(letter, letter), letter)
    sub = _bare(match["sub"])
    # Unicode lacks most letters below the line: W_i and W_f should look alike.
    lower = subscript([sub]) if sub.isdigit() else f"_{sub}" if sub else ""
    upper = f"^{match['sup']}" if match["sup"] else ""
    return f"{letter}{match['layer']}{lower}{upper}{match['prime']}"


def _escaped(name: str) -> str:
    # Math commands such as \backslash are not allowed in \text, so only letters go there.
    printed = "".join(char if char.isprintable() else "?" for char in name)
    runs = re.findall(r"[\x00-\x7f]+|[^\x00-\x7f]+", printed)
    return "".join(
        rf"\mathrm{{{''.join(_ESCAPES.get(char, char) for char in run)}}}"
        if run.isascii()
        else rf"\text{{{run}}}"
        for run in runs
    )


def latex_tokens(latex: str) -> list[str]:
    """Commands, single characters and balanced groups, in order."""
    found: list[str] = []
    place = 0
    while place < len(latex):
        start = place
        if latex[place] == "{":
            place = _group_end(latex, place)
        elif latex[place] == "\\":
            command = re.compile(r"\\([A-Za-z]+\s*|.)").match(latex, place)
            place = command.end() if command else place + 1
        else:
            place += 1
        found.append(latex[start:place])
    return found


def _group_end(latex: str, start: int) -> int:
    depth = 0
    for place in range(start, len(latex)):
        depth += {"{": 1, "}": -1}.get(latex[place], 0)
        if depth == 0:
            return place + 1
    return len(latex)


def _latex_as_text(latex: str) -> str:
    def accent(match: re.Match[str]) -> str:
        return unicodedata.normalize("NFC", match[2] + _ACCENTS[match[1]])

    def command(match: re.Match[str]) -> str:
        return GREEK.get(match[1], match[1])

    plain = re.sub(r"\^\{\((\w+)\)\}", r"\1", latex)
    plain = re.sub(r"\\([A-Za-z]+)", command, re.sub(r"\\(hat|bar|tilde)\{(\w)\}", accent, plain))
    return re.sub(r"[{}\s]", "", plain)
