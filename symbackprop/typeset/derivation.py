r"""A whole derivation as LaTeX, Markdown, Unicode text or data.

How much is shown: ``"none"`` the gradients and the errors they mention, ``"key"`` one
line an equation, forward and backward, ``"all"`` every application of every rule with
its reason.
"""

from __future__ import annotations

from typing import Any

from symbackprop.calculus import Backward, Step
from symbackprop.language import Equation
from symbackprop.typeset.columns import columns
from symbackprop.typeset.equations import Notation, latex_base, text_base
from symbackprop.typeset.latex import latex
from symbackprop.typeset.matrix_form import Convention
from symbackprop.typeset.page import Detail, Given, Line, Page, PageWriter, Reason
from symbackprop.typeset.text import text
from symbackprop.typeset.words import phrase

#: The layout of `json_derivation`; changes when a key is renamed or removed.
JSON_SCHEMA = "symbackprop.derivation/1"


def latex_derivation(
    backward: Backward,
    notation: Notation = "index",
    steps: Detail = "none",
    convention: Convention = "row",
    language: str = "en",
) -> str:
    r"""A derivation as one ``align*`` environment (amsmath and amssymb).

    Parameters
    ----------
    backward
        What `derive_backward` returned.
    notation, convention
        See `latex_equation`.
    steps
        How much is shown: ``"none"``, ``"key"`` or ``"all"``.
    language
        A language of `words.WORDS`.

    Raises
    ------
    OptionError
        On an unknown notation, convention or level of detail.
    UnknownNameError
        On an unknown language.
    """
    page = PageWriter(backward, notation, convention).page(steps)
    blocks = [_latex_rows(block, language) for block in _blocks(page)]
    # A little space between what belongs apart.
    body = " \\\\[1ex]\n".join(" \\\\\n".join(rows) for rows in blocks)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def markdown_derivation(
    backward: Backward,
    notation: Notation = "index",
    steps: Detail = "none",
    convention: Convention = "row",
    language: str = "en",
) -> str:
    """A derivation in Markdown; see `latex_derivation`.

    Formulas stand in fenced ``math`` blocks: GitHub runs Markdown over ``$$`` blocks
    first, which eats the backslashes of line breaks and thin spaces.
    """
    page = PageWriter(backward, notation, convention).page(steps)
    parts: list[str] = []
    if page.given:
        parts += [f"**{phrase('given', language)}**", _fenced(_latex_rows(page.given, language))]
    for section in page.sections:
        parts.append(f"**{phrase(section.heading, language)}**")
        parts += [_fenced(_latex_rows(lines, language)) for lines in section.paragraphs]
    if page.notes:
        notes = [f"- {_markdown_reason(note, language)}" for note in page.notes]
        parts += [f"**{phrase('notation', language)}**", "\n".join(notes)]
    return "\n\n".join(parts)


def text_derivation(
    backward: Backward,
    notation: Notation = "index",
    steps: Detail = "none",
    convention: Convention = "row",
    language: str = "en",
) -> str:
    """A derivation in Unicode text; see `latex_derivation`."""
    page = PageWriter(backward, notation, convention).page(steps)
    blocks: list[list[str]] = []
    if page.given:
        blocks.append([phrase("given", language), *_text_given(page.given, language)])
    for section in page.sections:
        rows = [_text_rows(lines, language) for lines in section.paragraphs]
        blocks.append([phrase(section.heading, language), *(row for part in rows for row in part)])
    if page.notes:
        notes = [f"  {_text_reason(note, language)}" for note in page.notes]
        blocks.append([phrase("notation", language), *notes])
    return "\n\n".join("\n".join(block) for block in blocks)


def json_derivation(
    backward: Backward, convention: Convention = "row", language: str = "en"
) -> dict[str, Any]:
    """A derivation as data that `json.dumps` takes.

    Returns
    -------
    dict
        ``schema`` (`JSON_SCHEMA`), ``objective``, ``convention``, ``language``;
        ``given``, each with ``name``, ``role``, ``shape``, ``latex``; ``forward``,
        ``adjoints`` and ``gradients`` by tensor name, each with ``index`` and
        ``matrix`` LaTeX (``matrix`` None where there is no such form) and ``text``, and
        with ``base``, its base cases written alike, where it has some;
        ``steps``, each with ``target``, ``rule``, ``lhs``, ``before``, ``after`` and
        ``why`` in LaTeX (``why`` in words) and the same as ``text``.
    """
    writer = _DataWriter(backward, convention, language)
    system = backward.system
    return {
        "schema": JSON_SCHEMA,
        "objective": system.objective,
        "convention": convention,
        "language": language,
        "given": [
            {
                "name": tensor.name,
                "role": str(tensor.role),
                "shape": [str(extent) for extent in tensor.shape],
                "latex": latex(writer.page.given(tensor).letter),
            }
            for tensor in system.given
        ],
        "forward": {equation.name: writer.equation(equation) for equation in system.equations},
        "adjoints": {name: writer.equation(e) for name, e in backward.adjoints.items()},
        "gradients": {name: writer.equation(e) for name, e in backward.gradients.items()},
        "steps": [writer.step(step) for step in backward.steps],
    }


class _DataWriter:
    def __init__(self, backward: Backward, convention: Convention, language: str) -> None:
        self.page = PageWriter(backward, convention=convention)
        self._language = language

    def equation(self, equation: Equation) -> dict[str, Any]:
        writer = self.page.equations
        index, matrix = writer.sides(equation), writer.matrix_sides(equation)
        found: dict[str, Any] = {
            "index": " = ".join(map(latex, index)),
            "matrix": None if matrix is None else " = ".join(map(latex, matrix)),
            "text": " = ".join(map(text, index)),
        }
        if equation.base:
            found["base"] = self._base(equation)
        return found

    def _base(self, equation: Equation) -> list[dict[str, str | None]]:
        indexed = self.page.equations.base(equation)
        matrices = self.page.equations.matrix_base(equation) or (None,) * len(indexed)
        return [
            {
                "index": " = ".join(map(latex, case)),
                "matrix": None if matrix is None else " = ".join(map(latex, matrix)),
                "text": " = ".join(map(text, case)),
            }
            for case, matrix in zip(indexed, matrices, strict=True)
        ]

    def step(self, step: Step) -> dict[str, Any]:
        formulas = dict(zip(("lhs", "before", "after"), self.page.formulas(step), strict=True))
        why = _text_reason(self.page.reason(step), self._language)
        return {
            "target": step.target,
            "rule": step.rule,
            **{key: latex(formula) for key, formula in formulas.items()},
            "why": why,
            "text": {key: text(formula) for key, formula in formulas.items()},
        }


# --- rows of LaTeX ------------------------------------------------------------------------


def _blocks(page: Page) -> list[tuple[Given, ...] | tuple[Line, ...]]:
    blocks: list[tuple[Given, ...] | tuple[Line, ...]] = [page.given] if page.given else []
    return blocks + [lines for section in page.sections for lines in section.paragraphs]


def _latex_rows(block: tuple[Given, ...] | tuple[Line, ...], language: str) -> list[str]:
    rows: list[str] = []
    for row in block:
        if isinstance(row, Given):
            rows.append(_latex_given(row, language))
            continue
        rows.append(_latex_line(row, language))
        if row.base:
            rows.append(rf"&\quad {latex_base(row.base, language)}")
    return rows


def _latex_given(given: Given, language: str) -> str:
    values = r"\mathbb{R}"
    if given.last is not None:
        values = rf"\{{0, \dots, {latex(given.last)}\}}"
    extent = r" \times ".join(latex(size) for size in given.shape)
    power = f"^{{{extent}}}" if extent else ""
    role = phrase(given.role, language)
    return rf"{latex(given.letter)} &\in {values}{power} && \text{{{role}}}"


def _latex_line(line: Line, language: str) -> str:
    first, *others = (*map(latex, line.left), latex(line.right))
    row = f"{first} &= {' = '.join(others)}" if line.left else f"&= {first}"
    return row if line.reason is None else f"{row} && {_latex_reason(line.reason, language)}"


def _latex_reason(reason: Reason, language: str) -> str:
    words = f"{reason.rule}: {phrase(reason.rule, language)}".split("{used}")
    used = r",\ ".join(latex(u) if not isinstance(u, str) else _as_text(u) for u in reason.used)
    return f" {used} ".join(map(_as_text, words)).strip()


def _markdown_reason(reason: Reason, language: str) -> str:
    used = ", ".join(u if isinstance(u, str) else f"$`{latex(u)}`$" for u in reason.used)
    return phrase(reason.rule, language).replace("{used}", used)


def _as_text(words: str) -> str:
    return rf"\text{{{words}}}" if words else ""


def _fenced(rows: list[str]) -> str:
    body = " \\\\\n".join(rows)
    return f"```math\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n```"


# --- rows of text -------------------------------------------------------------------------


def _text_given(given: tuple[Given, ...], language: str) -> list[str]:
    names = [text(tensor.indexed) for tensor in given]
    roles = [phrase(tensor.role, language) for tensor in given]
    shapes = [" × ".join(map(text, tensor.shape)) for tensor in given]
    kinds = [
        f"{role}, {shape}" if shape else role for role, shape in zip(roles, shapes, strict=True)
    ]
    return [f"  {line}" for line in columns(zip(names, kinds, strict=True))]


def _text_rows(lines: tuple[Line, ...], language: str) -> list[str]:
    rows: list[str] = []
    for line in lines:
        chain = " = ".join(map(text, (*line.left, line.right)))
        row = f"  {chain}" if line.left else f"    = {chain}"
        rows.append(row)
        if line.base:
            rows.append(f"      {text_base(line.base, language)}")
        if line.reason is not None:
            rows.append(f"        {line.reason.rule}: {_text_reason(line.reason, language)}")
    return rows


def _text_reason(reason: Reason, language: str) -> str:
    used = ", ".join(text(u) if not isinstance(u, str) else u for u in reason.used)
    return phrase(reason.rule, language).replace("{used}", used)
