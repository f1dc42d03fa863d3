"""A strict reader of MathML Core: what it accepts, a browser can set and a screen reader read."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree

#: Elements by how many children they have; None for any number.
_CHILDREN = {
    "math": None, "mrow": None, "msqrt": None, "mtable": None, "mtr": None, "mtd": None,
    "mphantom": None,
    "mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3,
}  # fmt: skip
_TOKENS = {"mi", "mn", "mo", "mtext"}
_ATTRIBUTES = {
    "data-name", "class", "display", "form", "accent", "movablelimits", "mathvariant",
    "lspace", "rspace", "stretchy",
}  # fmt: skip

_WRITTEN = {
    "partial": "∂", "sum": "∑", "odot": "⊙", "oslash": "⊘", "top": "⊤", "cdot": "⋅", "lor": "∨",
    "le": "≤", "ge": "≥", "ne": "=\u0338", "lVert": "‖", "rVert": "‖", "lfloor": "⌊", "rfloor": "⌋",
    "hat": "^", "bar": "\0", "tilde": "~", "widehat": "^", "overline": "\0", "widetilde": "~",
    "ell": "l", "infty": "∞", "begin{cases}": "", "end{cases}": "",
    "approx": "≈", "leftarrow": "←", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱",
    "begin{bmatrix}": "[", "end{bmatrix}": "]",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η",
    "theta": "θ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "omega": "ω", "Sigma": "Σ", "Delta": "Δ", "Gamma": "Γ",
}  # fmt: skip
_FUNCTIONS = {"log", "tanh", "sin", "cos", "max", "min", "exp"}
_SILENT = {"frac", "left", "right", "mathrm", "mathbf", "operatorname", "text", "sqrt", "changed"}
_INVISIBLE = "\u2061\u2062\u2063"


def check_mathml(markup: str) -> ElementTree.Element:
    """Assert that markup is well-formed MathML Core, and return its tree."""
    tree = ElementTree.fromstring(markup)  # noqa: S314 (our own markup)
    for element in tree.iter():
        assert set(element.attrib) <= _ATTRIBUTES, element.attrib
        if element.tag in _TOKENS:
            assert len(element) == 0, markup
            assert element.text, markup
        else:
            assert element.tag in _CHILDREN, element.tag
            assert not (element.text or "").strip(), markup
            count = _CHILDREN[element.tag]
            assert count is None or len(element) == count, ElementTree.tostring(element, "unicode")
        assert not (element.tail or "").strip(), markup
    return tree


def signs_of_mathml(tree: ElementTree.Element) -> Counter[str]:
    """How often each visible character stands in a formula, whatever its place and style."""
    text = "".join(_seen(tree))
    return _counted(unicodedata.normalize("NFKD", text.replace("¯", "\0")))


def _seen(element: ElementTree.Element) -> Iterator[str]:
    if element.tag != "mphantom":
        yield element.text or ""
        for child in element:
            yield from _seen(child)


def signs_of_latex(latex: str) -> Counter[str]:
    """The same of a formula in LaTeX."""
    plain = re.sub(r"\\[,;! ]|(?<=operatorname)\*|\\\\|&|\\quad|(?<!\\)[_^]", " ", latex)

    def command(match: re.Match[str]) -> str:
        name = match[1]
        if name in _FUNCTIONS:
            return name
        assert name in _WRITTEN or name in _SILENT, name
        return _WRITTEN.get(name, "")

    plain = re.sub(r"\\((?:begin|end)\{\w+\}|[A-Za-z]+)", command, plain)
    return _counted(plain.replace("-", "−").replace("'", "′").replace("\\", ""))


def _counted(text: str) -> Counter[str]:
    return Counter(char for char in text if not char.isspace() and char not in _INVISIBLE + "{}")
