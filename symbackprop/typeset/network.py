r"""A term as a network of factors, and its contraction to one matrix.

Free and summed indices are vertices; a factor with two indices is an edge between
them, a factor with one a weight on a vertex. Summed vertices are eliminated one by
one, those with the fewest neighbours first:

* between two neighbours: A_us w_s B_sv becomes the edge  A diag(w) B;
* at the end of one edge: A_us w_s becomes the weight  A w  (A 1 without a weight);
* alone: w_s becomes the number  1ᵀ w  (aᵀ b for a product of two).

Factors that share their indices are multiplied entry by entry. What is left is an
edge between the two free indices, with weights that scale its rows and columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import sympy as sp

from symbackprop.language import size_of
from symbackprop.typeset.matrix import (
    Axis,
    Constant,
    Diagonal,
    Hadamard,
    Matrix,
    Ones,
    Scaled,
    SquaredNorm,
    Transpose,
    chain,
    shape,
    transpose,
    transposes,
)

#: Turns an expression into a matrix with the rows and columns asked for.
Convert: TypeAlias = Callable[[sp.Expr, Axis, Axis], Matrix]
#: The indices of an expression that its rows and columns must run over.
Free: TypeAlias = Callable[[sp.Expr], frozenset[sp.Idx]]


class NoMatrixForm(Exception):  # noqa: N818 (an answer, not an error)
    """An expression that cannot be written with matrices."""


@dataclass(frozen=True)
class _Factor:
    """An expression or a finished matrix; `inverse` divides by it."""

    content: sp.Expr | Matrix
    inverse: bool = False

    def matrix(self, convert: Convert, rows: Axis, columns: Axis) -> Matrix:
        if isinstance(self.content, sp.Expr):
            return convert(self.content, rows, columns)
        if shape(self.content) == (rows, columns):
            return self.content
        return transpose(self.content)

    def root(self) -> sp.Expr | None:
        """What is squared, if this is a square."""
        if isinstance(self.content, sp.Pow) and self.content.exp == 2 and not self.inverse:
            return self.content.base
        return None


class Network:
    """The factors of one term.

    Parameters
    ----------
    vertices
        The indices: those that stay free, then those that are summed.
    summed
        The latter.
    convert
        How an expression becomes a matrix.
    free
        The indices of an expression that are vertices; others are subscripts.
    """

    def __init__(
        self, vertices: Sequence[sp.Idx], summed: Sequence[sp.Idx], convert: Convert, free: Free
    ) -> None:
        self._vertices = list(vertices)
        self._summed = list(summed)
        self._convert = convert
        self._free = free
        self._factors: dict[frozenset[sp.Idx], list[_Factor]] = {}
        self._scalars: list[Matrix] = []
        if len(set(self._vertices)) != len(self._vertices):
            raise NoMatrixForm

    def add(self, expr: sp.Expr, inverse: bool) -> None:
        """Multiply, or divide, by an expression with one or two of the indices."""
        group = frozenset(self._free(expr))
        if len(group) > 2 or not group <= set(self._vertices):
            raise NoMatrixForm
        self._put(group, _Factor(expr, inverse))

    def add_scalar(self, scalar: Matrix) -> None:
        """Multiply by a scalar."""
        self._scalars.append(scalar)

    def result(self, rows: Axis, columns: Axis) -> Matrix:
        """The whole term as a matrix with these rows and columns."""
        while self._summed:
            # Of equals the last: a chain is then read from its free end.
            vertex = min(reversed(self._summed), key=lambda v: len(self._neighbours(v)))
            self._eliminate(vertex)
        body = self._body(rows, columns)
        for scalar in reversed(self._scalars):
            body = scalar if body is None else Scaled(scalar, body)
        return body if body is not None else Constant(sp.Integer(1))

    # --- elimination ----------------------------------------------------------------

    def _put(self, group: frozenset[sp.Idx], factor: _Factor) -> None:
        self._factors.setdefault(group, []).append(factor)

    def _neighbours(self, vertex: sp.Idx) -> list[sp.Idx]:
        found = {other for group in self._factors if vertex in group for other in group - {vertex}}
        return sorted(found, key=self._vertices.index)

    def _eliminate(self, vertex: sp.Idx) -> None:
        self._summed.remove(vertex)
        match self._neighbours(vertex):
            case []:
                self._scalars.append(self._total(vertex))
            case [one]:
                norm = self._norm(vertex, one)
                if norm is not None:
                    self._summed.remove(one)
                    self._scalars.append(norm)
                    return
                product = chain(self._edge(one, vertex), self._vector(vertex))
                self._put(frozenset((one,)), _Factor(product))
            case [one, other]:
                middle = self._diagonals(vertex)
                product = chain(self._edge(one, vertex), *middle, self._edge(vertex, other))
                self._put(frozenset((one, other)), _Factor(product))
            case _:
                raise NoMatrixForm

    def _total(self, vertex: sp.Idx) -> Matrix:
        """The sum of a vector's entries."""
        factors = self._factors.pop(frozenset((vertex,)), [])
        if not factors:
            return Constant(size_of(vertex))
        root = factors[0].root()
        if len(factors) == 1 and root is not None:
            return SquaredNorm(self._convert(root, vertex, None))
        vectors = [factor.matrix(self._convert, vertex, None) for factor in factors]
        if len(vectors) == 2 and not any(factor.inverse for factor in factors):
            total = chain(transpose(vectors[0]), vectors[1])
        else:
            total = chain(transpose(Ones(vertex)), self._entrywise(factors, vertex, None))
        turned = transpose(total)
        return turned if transposes(turned) < transposes(total) else total

    def _norm(self, vertex: sp.Idx, other: sp.Idx) -> Matrix | None:
        """The sum of a matrix's squares, if that is what these two indices make."""
        group = frozenset((vertex, other))
        touching = [g for g in self._factors if g & group]
        factors = self._factors[group]
        root = factors[0].root()
        if other not in self._summed or touching != [group] or len(factors) > 1 or root is None:
            return None
        del self._factors[group]
        matrix = self._upright([_Factor(root)], other, vertex)
        return SquaredNorm(matrix.body if isinstance(matrix, Transpose) else matrix)

    # --- factors as matrices --------------------------------------------------------

    def _entrywise(self, factors: list[_Factor], rows: Axis, columns: Axis) -> Matrix:
        above = [f.matrix(self._convert, rows, columns) for f in factors if not f.inverse]
        below = [f.matrix(self._convert, rows, columns) for f in factors if f.inverse]
        if len(above) == 1 and not below:
            return above[0]
        return Hadamard(tuple(above or [Constant(sp.Integer(1), rows, columns)]), tuple(below))

    def _upright(self, factors: list[_Factor], rows: sp.Idx, columns: sp.Idx) -> Matrix:
        """The factors' product in the orientation that shows fewer transposes.

        Of equals the one with the transpose outside: (e^Z)ᵀ, not e^(Zᵀ).
        """
        direct = self._entrywise(factors, rows, columns)
        turned = transpose(self._entrywise(factors, columns, rows))
        return turned if transposes(turned) <= transposes(direct) else direct

    def _edge(self, rows: sp.Idx, columns: sp.Idx) -> Matrix:
        return self._upright(self._factors.pop(frozenset((rows, columns))), rows, columns)

    def _vector(self, vertex: sp.Idx) -> Matrix:
        """All weights of an index as one column vector, of ones if there are none."""
        factors = self._factors.pop(frozenset((vertex,)), [])
        return self._entrywise(factors, vertex, None) if factors else Ones(vertex)

    def _diagonals(self, vertex: Axis) -> list[Matrix]:
        """The weights of an index as diagonal matrices: none, one, or an inverse too."""
        factors = self._factors.pop(frozenset((vertex,)), [])
        found: list[Matrix] = []
        for inverse in (False, True):
            chosen = [_Factor(f.content) for f in factors if f.inverse is inverse]
            if chosen:
                found.append(Diagonal(self._entrywise(chosen, vertex, None), inverse))
        return found

    def _body(self, rows: Axis, columns: Axis) -> Matrix | None:
        """What is left between the free indices, or None if that is nothing."""
        if rows is None and columns is None:
            return None
        if rows is None:
            return transpose(self._vector(columns))
        if columns is None:
            return self._vector(rows)
        if frozenset((rows, columns)) in self._factors:
            left, right = self._diagonals(rows), self._diagonals(columns)
            return chain(*left, self._edge(rows, columns), *right)
        return chain(self._vector(rows), transpose(self._vector(columns)))
