r"""Matrix expressions: a small tree in which every product's sizes are known to agree.

Each node knows the index its rows run over and the one its columns run over; None
marks a side of size 1, so that a column vector has rows only and a scalar neither.
A node whose parts do not fit together cannot be made. `matrix_form` builds such trees
from index equations, `matrix_writing` writes them out.

>>> from symbackprop.language import index
>>> n, i, j = index("n", "N"), index("i", 3), index("j", 2)
>>> Chain((Leaf("x", n, i), Transpose(Leaf("W", j, i)))).columns
j
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import sympy as sp

from symbackprop.errors import ShapeError
from symbackprop.language import Primitive

Axis: TypeAlias = sp.Idx | None
#: The axes of a tensor that are subscripts, each with its position.
Slice: TypeAlias = tuple[tuple[int, sp.Expr], ...]


@dataclass(frozen=True)
class Leaf:
    """A tensor as a matrix, a column vector or a scalar.

    Attributes
    ----------
    name
        The tensor.
    rows, columns
        The indices its rows and columns run over.
    flipped
        Whether it is shown transposed: its entry (r, c) is the tensor's element
        [c, r]. So the column convention shows everything that has a batch axis.
    at
        Which part of a tensor of more axes it is: ``h_{t−1}`` of h[t, n, d].
    """

    name: str
    rows: Axis = None
    columns: Axis = None
    flipped: bool = False
    at: Slice = ()


@dataclass(frozen=True)
class Constant:
    """One number, free of indices, in every entry."""

    value: sp.Expr
    rows: Axis = None
    columns: Axis = None


@dataclass(frozen=True)
class Ones:
    """The column vector of ones."""

    rows: Axis

    @property
    def columns(self) -> Axis:
        """A vector has one column."""
        return None


@dataclass(frozen=True)
class OneHot:
    """1 where the class is the example's label, else 0.

    Attributes
    ----------
    labels
        The tensor of labels.
    rows, columns
        The examples and the classes; the other way round if `flipped`.
    at
        Which part of the tensor of labels; see `Leaf`.
    """

    labels: str
    rows: Axis
    columns: Axis
    flipped: bool = False
    at: Slice = ()


@dataclass(frozen=True)
class Identity:
    """The identity matrix."""

    rows: Axis
    columns: Axis


@dataclass(frozen=True)
class Transpose:
    """Rows and columns exchanged."""

    body: Matrix

    @property
    def rows(self) -> Axis:
        """The body's columns."""
        return self.body.columns

    @property
    def columns(self) -> Axis:
        """The body's rows."""
        return self.body.rows


@dataclass(frozen=True)
class Chain:
    """A product of matrices."""

    factors: tuple[Matrix, ...]

    def __post_init__(self) -> None:
        for left, right in pairwise(self.factors):
            if left.columns != right.rows:
                _misfit("a matrix product", left.columns, right.rows)

    @property
    def rows(self) -> Axis:
        """The first factor's rows."""
        return self.factors[0].rows

    @property
    def columns(self) -> Axis:
        """The last factor's columns."""
        return self.factors[-1].columns


class _Entrywise:
    """Parts of one shape, combined entry by entry."""

    def _parts(self) -> tuple[Matrix, ...]:
        raise NotImplementedError

    def __post_init__(self) -> None:
        first, *others = self._parts()
        for other in others:
            if (first.rows, first.columns) != (other.rows, other.columns):
                _misfit(type(self).__name__, first.rows, other.rows)

    @property
    def rows(self) -> Axis:
        """The parts' rows."""
        return self._parts()[0].rows

    @property
    def columns(self) -> Axis:
        """The parts' columns."""
        return self._parts()[0].columns


@dataclass(frozen=True)
class Hadamard(_Entrywise):
    """Factors multiplied, and divisors divided by, entry by entry."""

    factors: tuple[Matrix, ...]
    divisors: tuple[Matrix, ...] = ()

    def _parts(self) -> tuple[Matrix, ...]:
        return self.factors + self.divisors


@dataclass(frozen=True)
class Plus(_Entrywise):
    """Terms, each with whether it is subtracted."""

    terms: tuple[tuple[bool, Matrix], ...]

    def _parts(self) -> tuple[Matrix, ...]:
        return tuple(term for _, term in self.terms)


@dataclass(frozen=True)
class Apply(_Entrywise):
    """A function of every entry: a primitive, or the name of one left unspecified."""

    function: Primitive | str
    arguments: tuple[Matrix, ...]

    def _parts(self) -> tuple[Matrix, ...]:
        return self.arguments


@dataclass(frozen=True)
class Power(_Entrywise):
    """Every entry raised to an exponent that is free of indices."""

    base: Matrix
    exponent: sp.Expr

    def _parts(self) -> tuple[Matrix, ...]:
        return (self.base,)


@dataclass(frozen=True)
class Mask(_Entrywise):
    """1 where ``left sign right`` holds, else 0; the sign as in `formula.Relation`."""

    left: Matrix
    sign: str
    right: Matrix

    def _parts(self) -> tuple[Matrix, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class Scaled:
    """A matrix times a scalar."""

    scalar: Matrix
    body: Matrix

    def __post_init__(self) -> None:
        if self.scalar.rows is not None or self.scalar.columns is not None:
            _misfit("a scalar factor", self.scalar.rows, None)

    @property
    def rows(self) -> Axis:
        """The body's rows."""
        return self.body.rows

    @property
    def columns(self) -> Axis:
        """The body's columns."""
        return self.body.columns


@dataclass(frozen=True)
class Steps:
    """The sum of a matrix over indices that are subscripts in it: Σ_t."""

    indices: tuple[sp.Idx, ...]
    body: Matrix

    @property
    def rows(self) -> Axis:
        """The body's rows."""
        return self.body.rows

    @property
    def columns(self) -> Axis:
        """The body's columns."""
        return self.body.columns


@dataclass(frozen=True)
class Diagonal:
    """The diagonal matrix of a column vector, or its inverse."""

    vector: Matrix
    inverse: bool = False

    def __post_init__(self) -> None:
        if self.vector.columns is not None:
            _misfit("a diagonal", self.vector.columns, None)

    @property
    def rows(self) -> Axis:
        """The vector's rows."""
        return self.vector.rows

    @property
    def columns(self) -> Axis:
        """The vector's rows."""
        return self.vector.rows


@dataclass(frozen=True)
class SquaredNorm:
    """The sum of the squares of all entries."""

    body: Matrix
    rows: Axis = None
    columns: Axis = None


Matrix: TypeAlias = (
    Leaf
    | Constant
    | Ones
    | OneHot
    | Identity
    | Transpose
    | Chain
    | Hadamard
    | Plus
    | Apply
    | Power
    | Mask
    | Scaled
    | Steps
    | Diagonal
    | SquaredNorm
)


@dataclass(frozen=True)
class MatrixEquation:
    """An equation between matrices of one shape."""

    left: Leaf
    right: Matrix

    def __post_init__(self) -> None:
        if (self.left.rows, self.left.columns) != (self.right.rows, self.right.columns):
            _misfit("an equation", self.left.rows, self.right.rows)


def _misfit(what: str, first: Axis, second: Axis) -> None:
    raise ShapeError(
        f"the sides of {what} run over {first} and {second}",
        remedy="use the index equation: it has no matrix form in this order",
    )


def parts(matrix: Matrix) -> Iterator[Matrix]:
    """The node and everything below it."""
    yield matrix
    for below in _below(matrix):
        yield from parts(below)


def _below(matrix: Matrix) -> tuple[Matrix, ...]:
    match matrix:
        case Transpose(body) | SquaredNorm(body):
            return (body,)
        case Chain(factors):
            return factors
        case Scaled(scalar, body):
            return (scalar, body)
        case Steps(_, body):
            return (body,)
        case Diagonal(vector):
            return (vector,)
        case Leaf() | Constant() | Ones() | OneHot() | Identity():
            return ()
        case entrywise:
            return entrywise._parts()


def transpose(matrix: Matrix) -> Matrix:
    """The transpose, moved inside products, where it reads best."""
    match matrix:
        case Transpose(body):
            return body
        case Chain(factors):
            return Chain(tuple(transpose(factor) for factor in reversed(factors)))
        case Scaled(scalar, body):
            return Scaled(scalar, transpose(body))
        case Steps(indices, body):
            return Steps(indices, transpose(body))
        case Constant(value, rows, columns):
            return Constant(value, columns, rows)
        case Identity(rows, columns):
            return Identity(columns, rows)
        case Diagonal():
            return matrix
    if matrix.rows is None and matrix.columns is None:
        return matrix
    return Transpose(matrix)


def chain(*factors: Matrix) -> Matrix:
    """The product of factors, with inner products opened and scalars taken out."""
    flat: list[Matrix] = []
    scalars: list[Matrix] = []
    for factor in factors:
        inner = factor
        while isinstance(inner, Scaled):
            scalars.append(inner.scalar)
            inner = inner.body
        flat += inner.factors if isinstance(inner, Chain) else (inner,)
    product = flat[0] if len(flat) == 1 else Chain(tuple(flat))
    for scalar in reversed(scalars):
        product = Scaled(scalar, product)
    return product


def transposes(matrix: Matrix) -> int:
    """How many transposes a tree shows: of two forms, the one with fewer is shown."""
    return sum(isinstance(node, Transpose) for node in parts(matrix))


def shape(matrix: Matrix) -> tuple[Any, Any]:
    """The indices of rows and columns."""
    return matrix.rows, matrix.columns
