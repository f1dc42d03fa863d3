"""A formula as data."""

from __future__ import annotations

from collections.abc import Iterable

from symbackprop.typeset.formula import Formula
from symbackprop.typeset.latex import latex
from symbackprop.typeset.text import text


def formula_data(formula: Formula) -> dict[str, str]:
    """A formula in LaTeX and in Unicode."""
    return {"latex": latex(formula), "text": text(formula)}


def formulas_data(formulas: Iterable[Formula]) -> list[dict[str, str]]:
    """Several of them."""
    return [formula_data(formula) for formula in formulas]
