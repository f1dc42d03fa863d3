"""The value of a matrix expression, entry by entry, straight from the meaning of its signs.

Nothing of the typesetting but the names of the nodes is used: a product of matrices is
row times column, ⊙ is entry by entry. Only the rows and columns asked for are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any, TypeAlias

import sympy as sp

from symbackprop.errors import ShapeError
from symbackprop.language import Primitive, free_indices, index_name, size_of
from symbackprop.typeset.matrix import (
    Apply,
    Axis,
    Chain,
    Constant,
    Diagonal,
    Hadamard,
    Identity,
    Leaf,
    Mask,
    Matrix,
    OneHot,
    Ones,
    Plus,
    Power,
    Scaled,
    Slice,
    SquaredNorm,
    Steps,
    Transpose,
)
from symbackprop.verify.abstract import open_instance
from symbackprop.verify.arithmetic import Arithmetic
from symbackprop.verify.evaluate import Evaluator, Field, Position, Table

#: Which rows, or which columns.
Places: TypeAlias = Sequence[int]
Entries: TypeAlias = list[list[Any]]

_HOLDS: Mapping[str, Callable[[Any], bool]] = {
    ">": lambda gap: gap > 0,
    ">=": lambda gap: gap >= 0,
    "<": lambda gap: gap < 0,
    "<=": lambda gap: gap <= 0,
    "=": lambda gap: gap == 0,
    "!=": lambda gap: gap != 0,
}


class MatrixEvaluator:
    """Evaluates matrix expressions at given tensors.

    Parameters
    ----------
    arithmetic
        The kind of number to compute with.
    fields
        The elements of every tensor an expression may mention.
    evaluator
        Reads the index expressions in it: constants, and which slice of a tensor is meant.
    """

    def __init__(
        self, arithmetic: Arithmetic, fields: Mapping[str, Field], evaluator: Evaluator
    ) -> None:
        self._arithmetic = arithmetic
        self._fields = fields
        self._evaluator = evaluator
        # By identity, with the expression itself: comparing trees costs more than reading them.
        self._functions: dict[int, tuple[sp.Expr, list[str], Callable[[Position], Any]]] = {}
        self._subscripts: dict[str, int] = {}

    def entries(
        self, matrix: Matrix, rows: Places, columns: Places, subscripts: Mapping[sp.Idx, int]
    ) -> Entries:
        """Some rows and columns of a matrix whose free subscripts have these values."""
        self._subscripts = {index_name(idx): at for idx, at in subscripts.items()}
        return self._value(matrix, rows, columns)

    def places(self, axis: Axis) -> range:
        """All rows, or all columns: one where there is no index."""
        return range(1 if axis is None else self._evaluator.extent(size_of(axis)))

    # --- nodes ----------------------------------------------------------------------

    def _value(self, matrix: Matrix, rows: Places, columns: Places) -> Entries:
        self._evaluator.spend(len(rows) * len(columns))
        match matrix:
            case Leaf():
                return self._leaf(matrix, rows, columns)
            case Transpose(body):
                return _transposed(self._value(body, columns, rows), len(columns))
            case Chain(factors):
                return self._chain(factors, rows, columns)
            case Scaled(scalar, body):
                number = self._scalar(scalar)
                return [
                    [number * entry for entry in row] for row in self._value(body, rows, columns)
                ]
            case Steps(indices, body):
                return self._steps(indices, body, rows, columns)
            case Diagonal(vector, inverse):
                diagonal = [row[0] for row in self._value(vector, rows, (0,))]
                if inverse:
                    diagonal = [self._inverse(entry) for entry in diagonal]
                return [
                    [entry if row == column else 0 for column in columns]
                    for row, entry in zip(rows, diagonal, strict=True)
                ]
            case SquaredNorm(body):
                every = self._value(body, self.places(body.rows), self.places(body.columns))
                return [[self._arithmetic.total([entry * entry for row in every for entry in row])]]
        return self._known(matrix, rows, columns)

    def _known(self, matrix: Matrix, rows: Places, columns: Places) -> Entries:
        """What has the same meaning whatever the tensors are, and what is entry by entry."""
        match matrix:
            case Constant(value):
                number = self._number(value)
                return [[number for _ in columns] for _ in rows]
            case Ones():
                _require_single(None, columns)
                return [[1 for _ in columns] for _ in rows]
            case Identity():
                return [[int(row == column) for column in columns] for row in rows]
            case OneHot(labels, flipped=flipped, at=at):
                fixed = self._fixed(at)
                examples = columns if flipped else rows
                chosen = {n: self._stored(labels, _with(fixed, (n,))) for n in examples}
                if flipped:
                    return [[int(chosen[n] == k) for n in columns] for k in rows]
                return [[int(chosen[n] == k) for k in columns] for n in rows]
        return self._entrywise(matrix, rows, columns)

    def _entrywise(self, matrix: Matrix, rows: Places, columns: Places) -> Entries:
        combine, parts = self._combination(matrix)
        values = [self._value(part, rows, columns) for part in parts]
        return [
            [combine(*entries) for entries in zip(*lines, strict=True)]
            for lines in zip(*values, strict=True)
        ]

    def _combination(self, matrix: Matrix) -> tuple[Callable[..., Any], Sequence[Matrix]]:
        """How an entry comes from those of the parts, and the parts."""
        arithmetic = self._arithmetic
        match matrix:
            case Plus(terms):
                signs = [-1 if negative else 1 for negative, _ in terms]
                return (
                    lambda *v: arithmetic.total([s * e for s, e in zip(signs, v, strict=True)]),
                    [term for _, term in terms],
                )
            case Hadamard(factors, divisors):
                count = len(factors)
                return (
                    lambda *v: arithmetic.product([*v[:count], *map(self._inverse, v[count:])]),
                    [*factors, *divisors],
                )
            case Power(base, exponent):
                raised = int(exponent) if exponent.is_Integer else self._number(exponent)
                return lambda entry: arithmetic.power(entry, raised), [base]
            case Mask(left, sign, right):
                holds = _HOLDS[sign]
                return lambda a, b: int(holds(arithmetic.gap(a, b))), [left, right]
            case Apply(function, arguments) if isinstance(function, Primitive):
                return lambda *v: self._apply(function, v), arguments
            case Apply(str() as name, arguments):
                return self._open(name), arguments
        raise TypeError(type(matrix).__name__)

    def _leaf(self, leaf: Leaf, rows: Places, columns: Places) -> Entries:
        _require_single(leaf.rows, rows)
        _require_single(leaf.columns, columns)
        if leaf.at:
            return self._slice(leaf, rows, columns)
        field = self._field(leaf.name)
        if leaf.columns is None:
            scalar = leaf.rows is None
            return [[field[() if scalar else (row,)] for _ in columns] for row in rows]
        if leaf.rows is None:
            return [[field[(column,)] for column in columns] for _ in rows]
        if leaf.flipped:
            return [[field[column, row] for column in columns] for row in rows]
        return [[field[row, column] for column in columns] for row in rows]

    def _slice(self, leaf: Leaf, rows: Places, columns: Places) -> Entries:
        fixed = self._fixed(leaf.at)
        has_rows, has_columns = leaf.rows is not None, leaf.columns is not None

        def entry(row: int, column: int) -> Any:
            along = ((row,) if has_rows else ()) + ((column,) if has_columns else ())
            position = _with(fixed, along[::-1] if leaf.flipped else along)
            return self._stored(leaf.name, position)

        return [[entry(row, column) for column in columns] for row in rows]

    def _chain(self, factors: Sequence[Matrix], rows: Places, columns: Places) -> Entries:
        total = self._arithmetic.total
        within = [self.places(factor.columns) for factor in factors[:-1]]
        found = self._value(factors[0], rows, within[0])
        for factor, inner, outer in zip(factors[1:], within, [*within[1:], columns], strict=True):
            self._evaluator.spend(len(rows) * len(inner) * len(outer))
            right = _transposed(self._value(factor, inner, outer), len(outer))
            found = [
                [total([a * b for a, b in zip(row, column, strict=True)]) for column in right]
                for row in found
            ]
        return found

    def _steps(
        self, indices: Sequence[sp.Idx], body: Matrix, rows: Places, columns: Places
    ) -> Entries:
        outside = dict(self._subscripts)
        every = []
        for numbers in product(*map(self.places, indices)):
            self._subscripts.update(zip(map(index_name, indices), numbers, strict=True))
            every.append(self._value(body, rows, columns))
        self._subscripts = outside
        total = self._arithmetic.total
        return [
            [total(entries) for entries in zip(*lines, strict=True)]
            for lines in zip(*every, strict=True)
        ]

    # --- numbers --------------------------------------------------------------------

    def _scalar(self, matrix: Matrix) -> Any:
        return self._value(matrix, (0,), (0,))[0][0]

    def _inverse(self, entry: Any) -> Any:
        return self._arithmetic.power(entry, -1)

    def _number(self, expr: sp.Expr) -> Any:
        """An index expression without tensors of indices, at the present subscripts."""
        if id(expr) not in self._functions:
            indices = sorted(free_indices(expr), key=index_name)
            function = self._evaluator.function(expr, indices)
            self._functions[id(expr)] = expr, list(map(index_name, indices)), function
        _, names, function = self._functions[id(expr)]
        return function(tuple([self._subscripts[name] for name in names]))

    def _apply(self, function: Primitive, values: Sequence[Any]) -> Any:
        first, *others = values
        if not others:
            return self._arithmetic.apply(function, values)
        # The maximum of three is that of two and the third.
        return reduce(lambda a, b: self._arithmetic.apply(function, (a, b)), others, first)

    def _open(self, name: str) -> Callable[[Any], Any]:
        """A function left open, with the instance that index equations have of it too."""
        argument = sp.Symbol("u", real=True)
        cell: dict[Position, Any] = {}
        reader = Evaluator(self._arithmetic, {argument.name: cell}, {})
        value = reader.function(open_instance(name, argument), ())

        def called(entry: Any) -> Any:
            cell[()] = entry
            return value(())

        return called

    # --- tensors --------------------------------------------------------------------

    def _fixed(self, at: Slice) -> dict[int, int]:
        return {axis: int(self._number(place)) for axis, place in at}

    def _stored(self, name: str, position: Position) -> Any:
        """An element; 0 outside the tensor's range, unless a base case says otherwise."""
        field = self._field(name)
        value = field.get(position)
        if value is not None:
            return value
        shape = field.shape if isinstance(field, Table) else ()
        if all(0 <= at < n for at, n in zip(position, shape, strict=True)):
            raise ShapeError(f"{name} has no element at {list(position)}", where=name)
        return 0

    def _field(self, name: str) -> Field:
        return self._fields[name]


def _require_single(axis: Axis, places: Places) -> None:
    """What has no index on a side has one row, or one column; a product may ask for no other."""
    if axis is None and list(places) != [0]:
        raise ShapeError(f"a side of size 1 meets one of size {len(places)}")


def _with(fixed: Mapping[int, int], others: Sequence[int]) -> Position:
    along: Iterator[int] = iter(others)
    rank = len(fixed) + len(others)
    return tuple(fixed[axis] if axis in fixed else next(along) for axis in range(rank))


def _transposed(entries: Entries, width: int) -> Entries:
    """Rows and columns exchanged; of no rows, as many empty ones as there were columns."""
    return [list(line) for line in zip(*entries, strict=True)] or [[] for _ in range(width)]
