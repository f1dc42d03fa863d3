r"""From an index equation to a matrix equation, where it has one.

A factor with two indices is a matrix, with one a vector; `network` multiplies them
out. A summed index with three or more neighbours, a tensor of rank 3 or more, a
diagonal W[i, i] or a fixed position W[0, j] has no such form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import sympy as sp
from sympy.core.function import Application, AppliedUndef

from symbackprop.language import (
    Equation,
    MaxOver,
    Role,
    Tensor,
    bracket,
    free_indices,
    fresh_name,
    index,
    index_name,
    primitive_of,
)
from symbackprop.typeset.arrange import SIGNS
from symbackprop.typeset.matrix import (
    Apply,
    Axis,
    Constant,
    Identity,
    Leaf,
    Mask,
    Matrix,
    MatrixEquation,
    OneHot,
    Plus,
    Power,
    Scaled,
    shape,
    transpose,
)
from symbackprop.typeset.network import Network, NoMatrixForm
from symbackprop.typeset.order import Context
from symbackprop.typeset.terms import Split, split_term

Convention: TypeAlias = Literal["row", "column"]


def matrix_form(
    equation: Equation, tensors: Mapping[str, Tensor], convention: Convention = "row"
) -> MatrixEquation | None:
    """The equation between matrices, or None if there is none.

    Parameters
    ----------
    equation, tensors
        An index equation, and the tensors by name it mentions.
    convention
        ``"row"`` shows tensors as they are stored, one example a row; ``"column"``
        shows whatever has the batch axis first transposed, one example a column.
    """
    flipped = batch_sizes(tensors) if convention == "column" else frozenset()
    return form_of(equation, Context(tensors), flipped)


def form_of(
    equation: Equation, context: Context, flipped: frozenset[sp.Expr]
) -> MatrixEquation | None:
    """The same, where the sizes of axes that are shown as columns are known."""
    builder = _Builder(context.binding(equation.indices), flipped)
    try:
        left = builder.leaf(equation.lhs)
        return MatrixEquation(left, builder.matrix(equation.rhs, left.rows, left.columns))
    except NoMatrixForm:
        return None


def batch_sizes(tensors: Mapping[str, Tensor]) -> frozenset[sp.Expr]:
    """The sizes of batch axes: first axes of data whose size no parameter has."""
    data = [t for t in tensors.values() if t.role in (Role.INPUT, Role.TARGET) and t.indices]
    own = {s for t in tensors.values() if t.role is Role.PARAMETER for s in t.shape}
    return frozenset(t.shape[0] for t in data) - own


class _Builder:
    def __init__(self, context: Context, flipped: frozenset[sp.Expr]) -> None:
        self._context = context
        self._flipped = flipped

    # --- leaves ---------------------------------------------------------------------

    def leaf(self, element: sp.Expr) -> Leaf:
        """A tensor's element as a leaf, in the orientation it is shown in."""
        tensor = self._context.tensor(element)
        places: tuple[Any, ...] = tuple(getattr(element, "indices", ()))
        plain = all(isinstance(place, sp.Idx) for place in places)
        if tensor is None or len(places) > 2 or len(set(places)) != len(places) or not plain:
            raise NoMatrixForm
        if len(places) == 2 and tensor.shape[0] in self._flipped:
            return Leaf(tensor.name, places[1], places[0], flipped=True)
        return Leaf(tensor.name, *places)

    def _indexed(self, element: sp.Indexed, rows: Axis, columns: Axis) -> Matrix:
        labels = [place for place in element.indices if isinstance(place, sp.Indexed)]
        if labels:
            return self.matrix(self._gathered(element, labels[0]), rows, columns)
        return _turned(self.leaf(element), rows, columns)

    def _gathered(self, element: sp.Indexed, label: sp.Indexed) -> sp.Expr:
        """z[n, y[n]] as Σ_k z[n,k] [k = y[n]]."""
        tensor = self._context.tensor(element)
        if tensor is None or element.indices.count(label) != 1:
            raise NoMatrixForm
        axis = element.indices.index(label)
        taken = {s.name for s in element.free_symbols if isinstance(s, sp.Symbol | sp.Idx)}
        own = index_name(tensor.indices[axis])
        picked = index(fresh_name(taken, [own]), tensor.shape[axis])
        places = [*element.indices[:axis], picked, *element.indices[axis + 1 :]]
        return sp.Sum(sp.Indexed(element.base, *places) * sp.KroneckerDelta(picked, label), picked)

    def _delta(self, delta: sp.KroneckerDelta, rows: Axis, columns: Axis) -> Matrix:
        idx, other = sorted(delta.args, key=lambda e: not isinstance(e, sp.Idx))
        if isinstance(other, sp.Idx):
            return Identity(rows, columns)
        named = isinstance(other, sp.Indexed) and len(other.indices) == 1
        if not named or not isinstance(idx, sp.Idx) or {idx, *other.indices} != {rows, columns}:
            raise NoMatrixForm
        example = other.indices[0]
        name = str(other.base.label)
        if self._context.tensors[name].shape[0] in self._flipped:
            return _turned(OneHot(name, idx, example, flipped=True), rows, columns)
        return _turned(OneHot(name, example, idx), rows, columns)

    # --- expressions ----------------------------------------------------------------

    def matrix(self, expr: sp.Expr, rows: Axis, columns: Axis) -> Matrix:
        """The expression as a matrix with these rows and columns."""
        free = free_indices(expr)
        if not free <= {rows, columns}:
            raise NoMatrixForm
        if not free and self._is_constant(expr):
            return Constant(expr, rows, columns)
        if isinstance(expr, sp.Add):
            return self._total(expr, rows, columns)
        if free == {rows, columns} - {None} and not self._is_term(expr):
            return self._atom(expr, rows, columns)
        negative, matrix = self._term(expr, rows, columns)
        return Plus(((True, matrix),)) if negative else matrix

    def _is_constant(self, expr: sp.Expr) -> bool:
        """Whether an expression without free indices is written without matrices too."""
        tensors = [self._context.tensor(s) for s in expr.free_symbols]
        sums = expr.has(sp.Sum, MaxOver, sp.Indexed)
        return not sums and not any(t is not None and t.adjoint_of for t in tensors)

    def _is_term(self, expr: sp.Expr) -> bool:
        if isinstance(expr, sp.Pow):
            return bool(expr.exp.is_Rational and expr.exp < 0)
        return isinstance(expr, sp.Mul | sp.Sum)

    def _total(self, expr: sp.Add, rows: Axis, columns: Axis) -> Matrix:
        split = split_term(expr, self._context)
        if len(split.above) + len(split.below) > 1 or split.number != 1:
            negative, matrix = self._term(expr, rows, columns)
            return Plus(((True, matrix),)) if negative else matrix
        terms = [(*self._summand(term, rows, columns), term) for term in expr.args]
        terms.sort(key=lambda term: self._context.term_key(term[2], term[0]))
        return Plus(tuple((negative, matrix) for negative, matrix, _ in terms))

    def _summand(self, term: sp.Expr, rows: Axis, columns: Axis) -> tuple[bool, Matrix]:
        """A term as a sign and a matrix; a number is added to every entry."""
        if free_indices(term) or not self._is_constant(term):
            return self._term(term, rows, columns)
        negative = split_term(term, self._context).negative
        return negative, Constant(-term if negative else term, rows, columns)

    def _atom(self, expr: sp.Expr, rows: Axis, columns: Axis) -> Matrix:
        match expr:
            case sp.Indexed():
                return self._indexed(expr, rows, columns)
            case sp.Symbol():
                return self.leaf(expr)
            case sp.Pow() if not free_indices(expr.exp):
                return Power(self.matrix(expr.base, rows, columns), expr.exp)
            case sp.KroneckerDelta():
                return self._delta(expr, rows, columns)
            case bracket() if expr.args[0].func in SIGNS:
                left, right = (self.matrix(e, rows, columns) for e in expr.args[0].args)
                return Mask(left, SIGNS[expr.args[0].func], right)
            case Application():
                return self._apply(expr, rows, columns)
        raise NoMatrixForm

    def _apply(self, expr: sp.Expr, rows: Axis, columns: Axis) -> Matrix:
        record = primitive_of(expr)
        if record is None and not isinstance(expr, AppliedUndef):
            raise NoMatrixForm
        arguments = sorted(expr.args, key=lambda e: self._context.term_key(e, negative=False))
        matrices = tuple(self.matrix(argument, rows, columns) for argument in arguments)
        return Apply(record or expr.func.__name__, matrices)

    # --- terms ----------------------------------------------------------------------

    def _term(self, expr: sp.Expr, rows: Axis, columns: Axis) -> tuple[bool, Matrix]:
        """A term as a sign and a matrix."""
        bound: list[sp.Idx] = []
        split = split_term(expr, self._context)
        while len(split.above) == 1 and isinstance(split.above[0], sp.Sum):
            outer, inner = split.above[0], split_term(split.above[0].function, self._context)
            if any(free_indices(divisor) for divisor in split.below):
                break
            bound += self._context.bound_indices(outer)
            split.scale(-inner.number if inner.negative else inner.number)
            split.above, split.below = inner.above, [*split.below, *inner.below]
        try:
            return split.negative, self._network(split, bound, rows, columns)
        except NoMatrixForm:
            return split.negative, self._distributed(split, bound, rows, columns)

    def _distributed(self, split: Split, bound: list[sp.Idx], rows: Axis, columns: Axis) -> Matrix:
        """A sum over a sum of terms, as a sum of sums."""
        if len(split.above) != 1 or not split.above[0].is_Add or not bound:
            raise NoMatrixForm
        scale = split.number / sp.Mul(*split.below)
        terms = [sp.Sum(scale * term, *bound) for term in split.above[0].args]
        return Plus(tuple(self._term(term, rows, columns) for term in terms))

    def _network(self, split: Split, bound: list[sp.Idx], rows: Axis, columns: Axis) -> Matrix:
        """A term's factors, contracted over its bound indices."""
        free = [idx for idx in (rows, columns) if idx is not None]
        network = Network([*free, *bound], bound, self.matrix)
        above, below = sp.Integer(1), sp.Integer(1)
        for factor in self._context.in_order(split.above):
            if free_indices(factor):
                network.add(factor, inverse=False)
            elif self._is_constant(factor):
                above *= factor
            else:
                network.add_scalar(self.matrix(factor, None, None))
        for divisor in self._context.in_order(split.below):
            if free_indices(divisor):
                network.add(divisor, inverse=True)
            elif self._is_constant(divisor):
                below *= divisor
            else:
                scalar = self.matrix(divisor, None, None)
                network.add_scalar(Power(scalar, sp.Integer(-1)))
        coefficient = split.number * above / below
        body = network.result(rows, columns)
        if coefficient == 1:
            return body
        if isinstance(body, Constant):
            return Constant(coefficient * body.value, rows, columns)
        return Scaled(Constant(coefficient), body)


def _turned(matrix: Matrix, rows: Axis, columns: Axis) -> Matrix:
    """A matrix or its transpose, whichever has these rows and columns."""
    return matrix if shape(matrix) == (rows, columns) else transpose(matrix)
