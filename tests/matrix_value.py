"""The value of a matrix tree, and of an index expression, each from nothing but its definition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

import symbackprop.language as sb
from symbackprop.typeset import matrix as mx

Array = NDArray[Any]

FUNCTIONS = {
    "exp": np.exp, "log": np.log, "tanh": np.tanh, "sin": np.sin, "cos": np.cos,
    "erf": np.vectorize(math.erf, otypes=[float]), "abs": np.abs, "sign": np.sign,
    "floor": np.floor, "maximum": np.maximum, "minimum": np.minimum, "power": np.power,
    "relu": lambda u: np.maximum(u, 0.0), "sigmoid": lambda u: 1 / (1 + np.exp(-u)),
    "softplus": lambda u: np.logaddexp(0.0, u),
}  # fmt: skip
SIGNS = {
    ">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal,
    "=": np.equal, "!=": np.not_equal,
}  # fmt: skip
RELATIONS = {
    sp.StrictGreaterThan: ">", sp.GreaterThan: ">=", sp.StrictLessThan: "<",
    sp.LessThan: "<=", sp.Equality: "=", sp.Unequality: "!=",
}  # fmt: skip


def element(values: Mapping[str, Any], name: str, places: tuple[int, ...]) -> float:
    """An element, 0 outside the tensor's range."""
    array = np.asarray(values[name])
    inside = all(0 <= place < extent for place, extent in zip(places, array.shape, strict=True))
    return float(array[places]) if inside else 0.0


@dataclass(frozen=True)
class MatrixValue:
    """The value of a matrix tree by NumPy's own matrix product; vectors are columns.

    `at` are the values of the indices that are subscripts.
    """

    values: Mapping[str, Any]
    sizes: Mapping[sp.Expr, int]
    at: Mapping[sp.Idx, int] = field(default_factory=dict)

    def size(self, axis: mx.Axis) -> int:
        return 1 if axis is None else int(sb.size_of(axis).subs(self.sizes))

    def __call__(self, node: mx.Matrix) -> Array:
        found = self.value(node)
        # What the tree says of its shape is what NumPy finds.
        assert found.shape == (self.size(node.rows), self.size(node.columns)), node
        return found

    def stored(self, name: str, at: mx.Slice) -> Array:
        """A tensor, or the slice of it that the subscripts pick, 0 outside its range."""
        array = np.asarray(self.values[name])
        for axis, place in reversed(at):
            number = int(ExpressionValue(self.values, self.sizes)(place, self.at))
            inside = 0 <= number < array.shape[axis]
            array = np.take(array, number if inside else 0, axis) * (1 if inside else 0)
        return array

    def value(self, node: mx.Matrix) -> Array:  # noqa: PLR0912 (one case a node)
        match node:
            case mx.Leaf(name, rows, columns, flipped, at):
                stored = self.stored(name, at).astype(float)
                stored = stored.T if flipped else stored
                return stored.reshape(self.size(rows), self.size(columns))
            case mx.Constant(value, rows, columns):
                number = ExpressionValue(self.values, self.sizes)(value, self.at)
                return np.full((self.size(rows), self.size(columns)), number)
            case mx.Ones(rows):
                return np.ones((self.size(rows), 1))
            case mx.OneHot(labels, rows, columns, flipped, at):
                classes = self.size(rows if flipped else columns)
                found = np.eye(classes)[self.stored(labels, at)]
                return found.T if flipped else found
            case mx.Identity(rows):
                return np.eye(self.size(rows))
            case mx.Transpose(body):
                return self(body).T
            case mx.Chain(factors):
                return np.linalg.multi_dot([self(factor) for factor in factors])
            case mx.Scaled(scalar, body):
                return self(scalar)[0, 0] * self(body)
            case mx.Hadamard(factors, divisors):
                above = math.prod(self(factor) for factor in factors)
                return above / math.prod((self(d) for d in divisors), start=np.float64(1))
            case mx.Plus(terms):
                return sum((-1) ** negative * self(term) for negative, term in terms)
            case mx.Power(base, exponent):
                return self(base) ** float(exponent)
            case mx.Apply(function, arguments):
                return FUNCTIONS[function.name](*map(self, arguments))
            case mx.Mask(left, sign, right):
                return SIGNS[sign](self(left), self(right)).astype(float)
            case mx.Steps(indices, body):
                ranges = [range(self.size(idx)) for idx in indices]
                places = [dict(zip(indices, numbers, strict=True)) for numbers in product(*ranges)]
                return sum(replace(self, at={**self.at, **more})(body) for more in places)
            case mx.Diagonal(vector, inverse):
                diagonal = np.diag(self(vector)[:, 0])
                return np.linalg.inv(diagonal) if inverse else diagonal
            case mx.SquaredNorm(body):
                return np.linalg.norm(self(body)).reshape(1, 1) ** 2
        raise AssertionError(type(node))


@dataclass(frozen=True)
class ExpressionValue:
    """The value of an index expression where its indices have these values."""

    values: Mapping[str, Any]
    sizes: Mapping[sp.Expr, int]

    def __call__(self, expr: Any, at: Mapping[sp.Idx, int]) -> float:
        if expr in at:
            return at[expr]
        match expr:
            case sp.Indexed():
                places = tuple(round(self(place, at)) for place in expr.indices)
                return element(self.values, sb.element_name(expr), places)
            case sp.Symbol():
                return self.sizes[expr] if expr in self.sizes else float(self.values[expr.name])
            case sp.Sum() | sb.MaxOver() | sb.ArgMaxOver():
                bound = [limit[0] for limit in expr.limits]
                ranges = [range(int(sb.size_of(idx).subs(self.sizes))) for idx in bound]
                terms = [
                    self(expr.function, {**at, **dict(zip(bound, places, strict=True))})
                    for places in product(*ranges)
                ]
                if isinstance(expr, sb.ArgMaxOver):
                    return float(terms.index(max(terms)))
                return math.fsum(terms) if isinstance(expr, sp.Sum) else max(terms)
            case sb.bracket():
                return float(self.holds(expr.args[0], at))
            case sp.KroneckerDelta():
                return float(self(expr.args[0], at) == self(expr.args[1], at))
            case sp.Piecewise():
                return next(self(v, at) for v, holds in expr.args if self.holds(holds, at))
            case sp.Add():
                return math.fsum(self(part, at) for part in expr.args)
            case sp.Mul():
                return math.prod(self(part, at) for part in expr.args)
            case sp.Pow():
                return self(expr.base, at) ** self(expr.exp, at)
        if expr.is_number:
            return float(expr)
        record = sb.primitive_of(expr)
        assert record is not None, expr
        return float(FUNCTIONS[record.name](*(self(part, at) for part in expr.args)))

    def holds(self, condition: Any, at: Mapping[sp.Idx, int]) -> bool:
        if condition in (sp.true, sp.false):
            return bool(condition)
        left, right = (self(side, at) for side in condition.args)
        return bool(SIGNS[RELATIONS[condition.func]](left, right))
