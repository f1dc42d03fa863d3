r"""From an index equation to a matrix equation, where it has one.

A factor with two indices is a matrix, with one a vector; `network` multiplies them
out. A summed index with three or more neighbours, a tensor of rank 3 or more, a
diagonal W[i, i] or a fixed position W[0, j] has no such form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import sympy as sp
from sympy.core.function import Application, AppliedUndef

from symbackprop.language import (
    BINDERS,
    BaseCase,
    Equation,
    Role,
    Tensor,
    bracket,
    free_indices,
    fresh_name,
    index,
    index_name,
    primitive_of,
    size_of,
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
    Steps,
    shape,
    transpose,
)
from symbackprop.typeset.network import Network, NoMatrixForm
from symbackprop.typeset.order import Context, has
from symbackprop.typeset.slices import sliced_indices, steps_of
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
    slices = steps_of(equation, tensors)
    flipped = batch_sizes(tensors, slices) if convention == "column" else frozenset()
    return form_of(equation, Context(tensors), Layout(flipped, slices))


@dataclass(frozen=True)
class Layout:
    """How axes are shown, by their sizes.

    Attributes
    ----------
    flipped
        Axes that are shown as columns.
    slices
        Axes that are shown as subscripts.
    """

    flipped: frozenset[sp.Expr] = frozenset()
    slices: frozenset[sp.Expr] = frozenset()

    def shown(self, shape: Sequence[sp.Expr]) -> tuple[sp.Expr, ...]:
        """A tensor's shape, rows before columns as they are shown."""
        axes = [axis for axis, extent in enumerate(shape) if extent not in self.slices]
        found = list(shape)
        if len(axes) == 2 and shape[axes[0]] in self.flipped:
            found[axes[0]], found[axes[1]] = found[axes[1]], found[axes[0]]
        return tuple(found)


def form_of(equation: Equation, context: Context, layout: Layout) -> MatrixEquation | None:
    """The same, where it is known how axes are shown."""
    indices = sliced_indices(equation, layout.slices)
    builder = _Builder(context.binding(equation.indices), layout, indices)
    return builder.equation(equation.lhs, equation.rhs)


def base_form(case: BaseCase, context: Context, layout: Layout) -> MatrixEquation | None:
    """A base case between matrices, ``h_{−1} = h0``."""
    builder = _Builder(context.binding(case.indices), layout, frozenset())
    return builder.equation(case.lhs, case.rhs)


def batch_sizes(
    tensors: Mapping[str, Tensor], slices: frozenset[sp.Expr] = frozenset()
) -> frozenset[sp.Expr]:
    """The sizes of batch axes: first axes of data, slices apart, whose size no parameter has."""
    data = [t for t in tensors.values() if t.role in (Role.INPUT, Role.TARGET)]
    own = {s for t in tensors.values() if t.role is Role.PARAMETER for s in t.shape}
    shapes = [[size for size in tensor.shape if size not in slices] for tensor in data]
    return frozenset(shape[0] for shape in shapes if shape) - own


class _Builder:
    def __init__(self, context: Context, layout: Layout, indices: frozenset[sp.Idx]) -> None:
        self._context = context
        self._layout = layout
        self._subscripts = indices

    def equation(self, lhs: sp.Expr, rhs: sp.Expr) -> MatrixEquation | None:
        """The equation between matrices, or None."""
        try:
            left = self.leaf(lhs)
            return MatrixEquation(left, self.matrix(rhs, left.rows, left.columns))
        except NoMatrixForm:
            return None

    def _free(self, expr: sp.Expr) -> frozenset[sp.Idx]:
        """The indices of an expression that are no subscripts."""
        return free_indices(expr) - self._subscripts

    # --- leaves ---------------------------------------------------------------------

    def leaf(self, element: sp.Expr) -> Leaf:
        """A tensor's element as a leaf, in the orientation it is shown in."""
        tensor = self._context.tensor(element)
        if tensor is None:
            raise NoMatrixForm
        places: tuple[Any, ...] = tuple(getattr(element, "indices", ()))
        at = tuple(
            (axis, place)
            for axis, (place, extent) in enumerate(zip(places, tensor.shape, strict=True))
            if self._is_subscript(place, extent)
        )
        if at and tensor.derivative_of:
            raise NoMatrixForm
        sliced = {axis for axis, _ in at}
        axes = [axis for axis in range(len(places)) if axis not in sliced]
        kept = [places[axis] for axis in axes]
        if len(kept) > 2 or len(set(kept)) != len(kept):
            raise NoMatrixForm
        # An index over another size reads a part of the axis.
        extents = [size_of(place) if isinstance(place, sp.Idx) else None for place in kept]
        if extents != [tensor.shape[axis] for axis in axes]:
            raise NoMatrixForm
        rows, columns, *_ = (*kept, None, None)
        if len(kept) == 2 and tensor.shape[axes[0]] in self._layout.flipped:
            return Leaf(tensor.name, columns, rows, flipped=True, at=at)
        return Leaf(tensor.name, rows, columns, at=at)

    def _is_subscript(self, place: Any, extent: sp.Expr) -> bool:
        """Whether a position is shown as a subscript: t, t - 1; 0 or T - 1 on an axis of steps."""
        if isinstance(place, sp.Indexed):
            return False
        free = free_indices(place)
        return free <= self._subscripts if free else extent in self._layout.slices

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
        if isinstance(other, sp.Idx) and {idx, other} == {rows, columns}:
            return Identity(rows, columns)
        if not isinstance(other, sp.Indexed) or not isinstance(idx, sp.Idx):
            raise NoMatrixForm
        labels = self.leaf(other)
        example = labels.rows
        if labels.columns is not None or example is None or {idx, example} != {rows, columns}:
            raise NoMatrixForm
        if size_of(example) in self._layout.flipped:
            flipped = OneHot(labels.name, idx, example, flipped=True, at=labels.at)
            return _turned(flipped, rows, columns)
        return _turned(OneHot(labels.name, example, idx, at=labels.at), rows, columns)

    # --- expressions ----------------------------------------------------------------

    def matrix(self, expr: sp.Expr, rows: Axis, columns: Axis) -> Matrix:
        """The expression as a matrix with these rows and columns."""
        free = self._free(expr)
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
        if has(expr, *BINDERS, sp.Indexed):
            return False
        tensors = [self._context.tensor(s) for s in expr.free_symbols]
        return not any(t is not None and t.adjoint_of for t in tensors)

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
        if self._free(term) or not self._is_constant(term):
            return self._term(term, rows, columns)
        negative = split_term(term, self._context).negative
        return negative, Constant(-term if negative else term, rows, columns)

    def _atom(self, expr: sp.Expr, rows: Axis, columns: Axis) -> Matrix:
        match expr:
            case sp.Indexed():
                return self._indexed(expr, rows, columns)
            case sp.Symbol():
                return self.leaf(expr)
            case sp.Pow() if not self._free(expr.exp):
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
            if any(self._free(divisor) for divisor in split.below):
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
        steps = tuple(idx for idx in bound if idx in self._subscripts)
        summed = [idx for idx in bound if idx not in steps]
        network = Network([*free, *summed], summed, self.matrix, self._free)
        above, below = sp.Integer(1), sp.Integer(1)
        for factor in self._context.in_order(split.above):
            if self._free(factor):
                network.add(factor, inverse=False)
            elif self._is_constant(factor) and not factor.has(*steps):
                above *= factor
            else:
                network.add_scalar(self.matrix(factor, None, None))
        for divisor in self._context.in_order(split.below):
            if self._free(divisor):
                network.add(divisor, inverse=True)
            elif self._is_constant(divisor) and not divisor.has(*steps):
                below *= divisor
            else:
                scalar = self.matrix(divisor, None, None)
                network.add_scalar(Power(scalar, sp.Integer(-1)))
        coefficient = split.number * above / below
        body = network.result(rows, columns)
        if steps:
            body = Steps(steps, body)
        if coefficient == 1:
            return body
        if isinstance(body, Constant):
            return Constant(coefficient * body.value, rows, columns)
        return Scaled(Constant(coefficient), body)


def _turned(matrix: Matrix, rows: Axis, columns: Axis) -> Matrix:
    """A matrix or its transpose, whichever has these rows and columns."""
    return matrix if shape(matrix) == (rows, columns) else transpose(matrix)
