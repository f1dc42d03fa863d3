"""Equations and expressions on the page, in index or in matrix notation.

An adjoint is shown by its abbreviation where it is used; the equation that defines it
shows both: ``δ1[n,j] = ∂L/∂z1[n,j] = …``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import sympy as sp

from symbackprop.errors import OptionError
from symbackprop.language import BaseCase, Equation, Tensor
from symbackprop.typeset.arrange import arrange, element_formula
from symbackprop.typeset.formula import Formula
from symbackprop.typeset.latex import latex
from symbackprop.typeset.matrix import MatrixEquation
from symbackprop.typeset.matrix_form import Convention, Layout, base_form, batch_sizes, form_of
from symbackprop.typeset.matrix_formula import left_formulas, matrix_formula
from symbackprop.typeset.names import Glyph
from symbackprop.typeset.order import Context
from symbackprop.typeset.slices import steps_of
from symbackprop.typeset.text import text
from symbackprop.typeset.words import phrase

Notation: TypeAlias = Literal["index", "matrix"]
Tensors: TypeAlias = Mapping[str, Tensor]
#: The two sides of a base case.
BaseLine: TypeAlias = tuple[Formula, Formula]

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
    writer = EquationWriter(tensors, notation, convention, objective)
    written = " = ".join(map(latex, writer.sides(equation)))
    cases = latex_base(writer.base(equation))
    return rf"{written} \quad {cases}" if cases else written


def text_equation(
    equation: Equation,
    tensors: Tensors,
    notation: Notation = "index",
    convention: Convention = "row",
    *,
    objective: str = "L",
) -> str:
    """An equation in one line of Unicode; see `latex_equation`."""
    writer = EquationWriter(tensors, notation, convention, objective)
    written = " = ".join(map(text, writer.sides(equation)))
    cases = text_base(writer.base(equation))
    return f"{written} {cases}" if cases else written


def latex_base(cases: Sequence[BaseLine], language: str = "en") -> str:
    """Base cases in LaTeX, ``with h_{-1,n} = h0_n``; empty if there are none."""
    written = r",\quad ".join(f"{latex(left)} = {latex(right)}" for left, right in cases)
    return rf"\text{{{phrase('base', language)} }} {written}" if cases else ""


def text_base(cases: Sequence[BaseLine], language: str = "en") -> str:
    """Base cases in Unicode, ``with h[−1,n] = h0[n]``; empty if there are none."""
    written = ", ".join(f"{text(left)} = {text(right)}" for left, right in cases)
    return f"{phrase('base', language)} {written}" if cases else ""


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
    writer = EquationWriter(tensors, "matrix", convention, objective)
    return _joined(text, writer.matrix_sides(equation))


def matrix_latex(
    equation: Equation,
    tensors: Tensors,
    convention: Convention = "row",
    *,
    objective: str = "L",
) -> str | None:
    """An equation between matrices in LaTeX, or None where there is no such form."""
    writer = EquationWriter(tensors, "matrix", convention, objective)
    return _joined(latex, writer.matrix_sides(equation))


class EquationWriter:
    """Writes the equations of one system, remembering the matrix forms it found.

    Parameters
    ----------
    tensors, notation, convention, objective
        See `latex_equation`.
    slices
        The sizes of the axes that are subscripts in matrix notation; if None, each
        equation has those along which it reads other steps.
    names
        Symbols that are shown otherwise than their names say; see `order.Context`.

    Raises
    ------
    OptionError
        On an unknown notation or convention.
    """

    def __init__(  # noqa: PLR0913 (a page's notation consists of them all)
        self,
        tensors: Tensors,
        notation: Notation = "index",
        convention: Convention = "row",
        objective: str = "L",
        slices: frozenset[sp.Expr] | None = None,
        *,
        names: Mapping[str, Glyph] | None = None,
    ) -> None:
        for value, known in ((notation, _NOTATIONS), (convention, _CONVENTIONS)):
            if value not in known:
                raise OptionError(
                    f"{value!r} is not a way to write equations",
                    remedy=f"use one of {', '.join(known)}",
                )
        self.notation = notation
        self.convention = convention
        self.context = Context(tensors, objective, names=dict(names or {}))
        self._page = None if slices is None else self._layout_of(slices)
        self._forms: dict[Equation, MatrixEquation | None] = {}

    def sides(self, equation: Equation) -> tuple[Formula, ...]:
        """What stands left and right of the equals signs."""
        found = self.matrix_sides(equation) if self.notation == "matrix" else None
        if found is not None:
            return found
        context = self.context.binding(equation.indices)
        return (*self.left(equation.lhs), arrange(equation.rhs, context))

    def base(self, equation: Equation) -> tuple[BaseLine, ...]:
        """What the tensor is at positions outside its range, case by case."""
        found = self.matrix_base(equation) if self.notation == "matrix" else None
        return tuple(map(self._base_line, equation.base)) if found is None else found

    def matrix_base(self, equation: Equation) -> tuple[BaseLine, ...] | None:
        """The same between matrices, or None where the equation or a case has no such form."""
        forms = self.base_forms(equation)
        if forms is None:
            return None
        return tuple(
            (left_formulas(form.left, self.context)[-1], matrix_formula(form.right, self.context))
            for form in forms
        )

    def base_forms(self, equation: Equation) -> tuple[MatrixEquation, ...] | None:
        """The base cases between matrices, or None; see `matrix_base`."""
        if not equation.base or self.form(equation) is None:
            return None
        layout = self._layout(equation)
        forms = [base_form(case, self.context, layout) for case in equation.base]
        found = tuple(form for form in forms if form is not None)
        return found if len(found) == len(forms) else None

    def _base_line(self, case: BaseCase) -> BaseLine:
        context = self.context.binding(case.indices)
        return element_formula(case.lhs, context), arrange(case.rhs, context)

    def matrix_sides(self, equation: Equation) -> tuple[Formula, ...] | None:
        """The same between matrices, or None where there is no such form."""
        form = self.form(equation)
        if form is None:
            return None
        right = matrix_formula(form.right, self.context)
        return (*left_formulas(form.left, self.context), right)

    def form(self, equation: Equation) -> MatrixEquation | None:
        """The equation between matrices, or None where there is no such form."""
        if equation not in self._forms:
            self._forms[equation] = form_of(equation, self.context, self._layout(equation))
        return self._forms[equation]

    def shape(self, tensor: Tensor) -> tuple[sp.Expr, ...]:
        """A tensor's shape, rows before columns as this page shows them."""
        return tensor.shape if self._page is None else self._page.shown(tensor.shape)

    def _layout(self, equation: Equation) -> Layout:
        """How the axes of an equation's tensors are shown."""
        if self._page is not None:
            return self._page
        return self._layout_of(steps_of(equation, self.context.tensors))

    def _layout_of(self, slices: frozenset[sp.Expr]) -> Layout:
        column = self.convention == "column"
        flipped = batch_sizes(self.context.tensors, slices) if column else frozenset()
        return Layout(flipped, slices)

    def left(self, lhs: sp.Expr) -> tuple[Formula, ...]:
        """The element that is defined: an abbreviation, and what it abbreviates."""
        short, full = (
            element_formula(lhs, self.context, abbreviate=short) for short in (True, False)
        )
        return (short,) if short == full else (short, full)


def _joined(write: Callable[[Formula], str], sides: tuple[Formula, ...] | None) -> str | None:
    return None if sides is None else " = ".join(map(write, sides))
