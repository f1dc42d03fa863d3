"""A strict reader of LaTeX math: what it accepts, TeX can set."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|[^\\]", re.DOTALL)
_PRIME = "'"
_PAIRS = {"}": "{", r"\end": r"\begin", r"\right": r"\left"}


def check_latex(latex: str) -> None:
    """Assert that braces, \\left/\\right and environments nest, and no script is doubled."""
    assert not re.search(r"[{(]\s*(nan|None|Idx|Sum)", latex), latex
    assert latex.isprintable() or "\n" in latex, latex
    opened: list[str] = []
    scripts: list[set[str]] = [set()]
    place = 0
    tokens = [token for token in _TOKEN.findall(latex) if not token.isspace()]
    while place < len(tokens):
        token = tokens[place]
        if token in ("_", "^"):
            assert token not in scripts[-1], f"double {token} at token {place} of {latex}"
            assert place + 1 < len(tokens), f"a script without content ends {latex}"
            scripts[-1].add(token)
            place = _after_script(tokens, place + 1, latex)
            continue
        if token == _PRIME:
            assert "^" not in scripts[-1], f"a prime after a superscript in {latex}"
            while tokens[place : place + 1] == [_PRIME]:
                place += 1
            # TeX gathers an exponent that follows at once into the primes.
            if tokens[place : place + 1] != ["^"]:
                scripts[-1].add("^")
            continue
        scripts[-1] = set()
        if token in _PAIRS.values():
            opened.append(token + _delimiter(tokens, place, token))
            scripts.append(set())
        elif token in _PAIRS:
            assert opened, f"{token} without its beginning in {latex}"
            begun = opened.pop()
            expected = _PAIRS[token] + (_delimiter(tokens, place, token) if "end" in token else "")
            assert begun.startswith(expected), f"{begun} closed by {token} in {latex}"
            scripts.pop()
        place += 1
        if token in (r"\left", r"\right"):
            place += 1
        elif token in (r"\begin", r"\end"):
            place = tokens.index("}", place) + 1
    assert not opened, f"{opened} never closed in {latex}"


def _delimiter(tokens: list[str], place: int, token: str) -> str:
    """The name of an environment, or the delimiter after \\left and \\right."""
    if token in (r"\begin", r"\end"):
        return "".join(tokens[place + 1 : tokens.index("}", place) + 1])
    if token in (r"\left", r"\right"):
        delimiter = tokens[place + 1]
        known = {"(", ")", "[", "]", "|", ".", r"\lVert", r"\rVert", r"\lfloor", r"\rfloor"}
        assert delimiter in known, f"{token}{delimiter}"
        return delimiter
    return ""


def _after_script(tokens: list[str], place: int, latex: str) -> int:
    """The place after a script's content: one token, or a group that is checked itself."""
    if tokens[place] != "{":
        assert tokens[place] not in ("}", "_", "^"), f"an empty script in {latex}"
        return place + 1
    depth, start = 1, place + 1
    while depth:
        place += 1
        assert place < len(tokens), f"a script never closed in {latex}"
        depth += {"{": 1, "}": -1}.get(tokens[place], 0)
    assert place > start, f"an empty script in {latex}"
    check_latex(" ".join(tokens[start:place]))
    return place + 1
