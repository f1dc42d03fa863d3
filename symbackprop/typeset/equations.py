"""Equations and expressions on the page, in index or in matrix notation.

An adjoint is shown by its abbreviation where it is used; the equation that defines it
shows both: ``δ1[n,j] = ∂L/∂z1[n,j] = …``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import sympy as sp

from symbackprop.errors import OptionError
from symbackprop.language import Equation, Tensor, index_name
from symbackprop.typeset.arrange import arrange, element_formula
from symbackprop.typeset.formula import Formula
from symbackprop.typeset.latex import latex
from symbackprop.typeset.matrix_form import Convention, matrix_form
from symbackprop.typeset.matrix_formula import bare, matrix_formula
from symbackprop.typeset.order import Context
from symbackprop.typeset.text import text

Notation: TypeAlias = Literal["index", "matrix"]
Tensors: TypeAlias = Mapping[str, Tensor]

_NOTATIONS = ("index", "matrix")
_CONVENTIONS = ("row", "column")


def latex_equation(
    equation: Equation,
    tensors: Tensors,
    notation: Notation = "index",
    convention: Convention = "row",
    *,
    objective: str = "L",
) -> str:
    r"""An equation in LaTeX.

    Parameters
    ----------
    equation
        The index equation.
    tensors
        All tensors by name, in order of declaration: their LaTeX, roles, and which
        are adjoints of which.
    notation
        ``"matrix"`` falls back to ``"index"`` where there is no matrix form.
    convention
        In matrix notation, one example a ``"row"`` (as tensors are stored) or a
        ``"column"``.
    objective
        The name of what adjoints differentiate.

    Raises
    ------
    OptionError
        On an unknown notation or convention.
    """
    return " = ".join(map(latex, sides(equation, tensors, notation, convention, objective)))


def text_equation(
    equation: Equation,
    tensors: Tensors,
    notation: Notation = "index",
    convention: Convention = "row",
    *,
    objective: str = "L",
) -> str:
    """An equation in one line of Unicode; see `latex_equation`."""
    return " = ".join(map(text, sides(equation, tensors, notation, convention, objective)))


def latex_expression(
    expr: sp.Expr, tensors: Tensors, order: Sequence[str] = (), *, objective: str = "L"
) -> str:
    """An expression in index notation, in LaTeX; `order` names the indices it is read by."""
    return latex(arrange(expr, Context(tensors, objective, tuple(order))))


def text_expression(
    expr: sp.Expr, tensors: Tensors, order: Sequence[str] = (), *, objective: str = "L"
) -> str:
    """An expression in one line of Unicode; see `latex_expression`."""
    return text(arrange(expr, Context(tensors, objective, tuple(order))))


def matrix_text(
    equation: Equation,
    tensors: Tensors,
    convention: Convention = "row",
    *,
    objective: str = "L",
) -> str | None:
    """An equation between matrices in Unicode, or None where there is no such form."""
    found = _matrix_sides(equation, tensors, convention, objective)
    return None if found is None else " = ".join(map(text, found))


def matrix_latex(
    equation: Equation,
    tensors: Tensors,
    convention: Convention = "row",
    *,
    objective: str = "L",
) -> str | None:
    """An equation between matrices in LaTeX, or None where there is no such form."""
    found = _matrix_sides(equation, tensors, convention, objective)
    return None if found is None else " = ".join(map(latex, found))


def sides(
    equation: Equation,
    tensors: Tensors,
    notation: Notation,
    convention: Convention,
    objective: str,
) -> tuple[Formula, ...]:
    """What stands left and right of the equals signs; see `latex_equation`."""
    for value, known in ((notation, _NOTATIONS), (convention, _CONVENTIONS)):
        if value not in known:
            raise OptionError(
                f"{value!r} is not a way to write equations",
                remedy=f"use one of {', '.join(known)}",
            )
    if notation == "matrix":
        found = _matrix_sides(equation, tensors, convention, objective)
        if found is not None:
            return found
    context = Context(tensors, objective, tuple(map(index_name, equation.indices)))
    return (*left_sides(equation.lhs, context), arrange(equation.rhs, context))


def left_sides(lhs: sp.Expr, context: Context) -> tuple[Formula, ...]:
    """The element that is defined: an abbreviation, and what it abbreviates."""
    short = element_formula(lhs, context)
    full = element_formula(lhs, context, abbreviate=False)
    return (short,) if short == full else (short, full)


def _matrix_sides(
    equation: Equation, tensors: Tensors, convention: Convention, objective: str
) -> tuple[Formula, ...] | None:
    found = matrix_form(equation, tensors, convention)
    if found is None:
        return None
    context = Context(tensors, objective, tuple(map(index_name, equation.indices)))
    left = (bare(side) for side in left_sides(equation.lhs, context))
    return (*left, matrix_formula(found.right, context))
