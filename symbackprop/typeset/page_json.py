"""A derivation as plain data."""

from __future__ import annotations

from typing import Any

from symbackprop.calculus import Backward, Step
from symbackprop.language import Equation
from symbackprop.typeset.compose import Composer
from symbackprop.typeset.equations import BaseLine
from symbackprop.typeset.formula import Formula
from symbackprop.typeset.latex import latex
from symbackprop.typeset.matrix_form import Convention
from symbackprop.typeset.page_text import text_reason
from symbackprop.typeset.text import text

#: The layout of `json_derivation`; changes when a key is renamed or removed.
JSON_SCHEMA = "symbackprop.derivation/1"


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
                "latex": latex(writer.composer.given(tensor).letter),
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
        self.composer = Composer(backward, (convention,))
        self._index = self.composer.writers["index"]
        self._matrix = self.composer.writers[convention]
        self._language = language

    def equation(self, equation: Equation) -> dict[str, Any]:
        index, matrix = self._index.sides(equation), self._matrix.matrix_sides(equation)
        found = _written(index, matrix)
        if equation.base:
            indexed = self._index.base(equation)
            matrices = self._matrix.matrix_base(equation) or (None,) * len(indexed)
            found["base"] = [_written(*case) for case in zip(indexed, matrices, strict=True)]
        return found

    def step(self, step: Step) -> dict[str, Any]:
        formulas = dict(zip(("lhs", "before", "after"), self.composer.formulas(step), strict=True))
        return {
            "target": step.target,
            "rule": step.rule,
            **{key: latex(formula) for key, formula in formulas.items()},
            "why": text_reason(self.composer.reason(step), self._language, ".why"),
            "text": {key: text(formula) for key, formula in formulas.items()},
        }


def _written(
    index: tuple[Formula, ...] | BaseLine, matrix: tuple[Formula, ...] | BaseLine | None
) -> dict[str, Any]:
    return {
        "index": " = ".join(map(latex, index)),
        "matrix": None if matrix is None else " = ".join(map(latex, matrix)),
        "text": " = ".join(map(text, index)),
    }
