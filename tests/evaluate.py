"""The value of index equations in NumPy, written from their definition.

Every expression becomes an array with one axis for each index in force; a `Sum` adds
an axis and sums it away, an element is an array read at positions. Slow, plain, and
independent of the calculus and the compilers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symbackprop.language import (
    BINDERS,
    ArgMaxOver,
    BaseCase,
    System,
    bracket,
    element_name,
    grouped,
    relu,
    sigmoid,
    softplus,
)

Array = NDArray[Any]

_COMPARISONS = {
    sp.StrictGreaterThan: np.greater,
    sp.GreaterThan: np.greater_equal,
    sp.StrictLessThan: np.less,
    sp.LessThan: np.less_equal,
    sp.Eq: np.equal,
    sp.Ne: np.not_equal,
    sp.And: lambda *parts: reduce(np.logical_and, parts),
    sp.Or: lambda *parts: reduce(np.logical_or, parts),
    sp.KroneckerDelta: lambda a, b: np.equal(a, b).astype(float),
}
_FUNCTIONS = {
    sp.Add: lambda *terms: sum(terms),
    sp.Mul: lambda *factors: math.prod(factors),
    sp.Pow: lambda base, exponent: np.power(np.asarray(base, float), exponent),
    sp.exp: np.exp,
    sp.log: np.log,
    sp.tanh: np.tanh,
    sp.sin: np.sin,
    sp.cos: np.cos,
    sp.erf: np.vectorize(math.erf, otypes=[float]),
    sp.Abs: np.abs,
    sp.sign: np.sign,
    sp.floor: np.floor,
    sp.Max: np.maximum,
    sp.Min: np.minimum,
    bracket: lambda condition: np.asarray(condition, float),
    relu: lambda u: np.maximum(u, 0.0),
    sigmoid: lambda u: 1 / (1 + np.exp(-u)),
    softplus: lambda u: np.logaddexp(0.0, u),
    **_COMPARISONS,
}


def evaluate(system: System, given: Mapping[str, Any]) -> dict[str, Array]:
    """Every tensor's value; hyperparameters that are not given have their defaults."""
    defaults = {t.name: t.value for t in system.hyperparameters if t.value is not None}
    values = {name: np.asarray(value) for name, value in {**defaults, **given}.items()}
    sizes: dict[sp.Expr, int] = {}
    for tensor in system.given:
        for extent, actual in zip(tensor.shape, values[tensor.name].shape, strict=True):
            assert sizes.setdefault(extent, actual) == actual, f"{tensor.name}: {extent}"
    with np.errstate(all="ignore"):  # branches of a Piecewise that are not taken
        reader = _Evaluator(values, sizes, {e.name: e.base for e in system.equations})
        for group in grouped(system.equations):
            shapes = {
                e.name: tuple(int(n.subs(sizes)) for n in system.tensor(e.name).shape)
                for e in group.equations
            }
            rounds = 1
            if group.recurrent:
                # Each round makes one more step right, whatever the others are.
                values.update({name: np.zeros(shape) for name, shape in shapes.items()})
                rounds = max(shapes[name][axis] for name, axis in group.axes.items())
            for _ in range(rounds):
                for equation in group.equations:
                    value = reader.value(equation.rhs, equation.indices)
                    values[equation.name] = np.broadcast_to(value, shapes[equation.name])
    return values


def _read(array: Array, places: list[Array]) -> Array:
    """The elements at some positions; 0 at those outside of the array."""
    ranges = zip(places, array.shape, strict=True)
    inside = reduce(np.logical_and, [(p >= 0) & (p < size) for p, size in ranges], np.True_)
    clipped = [np.clip(p, 0, size - 1) for p, size in zip(places, array.shape, strict=True)]
    return np.where(inside, array[tuple(clipped)], np.zeros((), array.dtype))


class _Evaluator:
    def __init__(
        self,
        values: Mapping[str, Array],
        sizes: Mapping[sp.Expr, int],
        base: Mapping[str, tuple[BaseCase, ...]],
    ) -> None:
        self.values, self.sizes, self.base = values, sizes, base

    def value(self, expr: Any, axes: tuple[sp.Idx, ...]) -> Any:
        """An array whose axes are those of the indices in force, of size 1 where unused."""
        if isinstance(expr, sp.Idx):
            size = int((expr.upper + 1).subs(self.sizes))
            return np.arange(size).reshape([size if idx == expr else 1 for idx in axes])
        if isinstance(expr, sp.Indexed):
            places = [np.asarray(self.value(place, axes)) for place in expr.indices]
            return self.element(element_name(expr), places)
        if isinstance(expr, sp.Symbol):
            return self.sizes[expr] if expr in self.sizes else self.values[str(expr)][()]
        if isinstance(expr, BINDERS):
            return self.reduced(expr, axes)
        if isinstance(expr, sp.Piecewise):
            branches = [self.value(value, axes) for value, _ in expr.args]
            conditions = [self.value(condition, axes) for _, condition in expr.args]
            return np.select(
                np.broadcast_arrays(*conditions),
                np.broadcast_arrays(*branches, *conditions)[: len(branches)],
            )
        if expr in (sp.true, sp.false):
            return np.bool_(bool(expr))
        if expr.is_number and not expr.args:
            return int(expr) if expr.is_Integer else float(expr)
        return _FUNCTIONS[expr.func](*(self.value(part, axes) for part in expr.args))

    def element(self, name: str, places: list[Array]) -> Array:
        """A tensor at some positions: its base cases where they are said, 0 outside."""
        found = _read(self.values[name], places)
        for case in self.base.get(name, ()):
            others = [place for axis, place in enumerate(places) if axis != case.axis]
            extents = [int((idx.upper + 1).subs(self.sizes)) for idx in case.indices]
            start = np.broadcast_to(self.value(case.rhs, case.indices), extents)
            here = places[case.axis] == int(case.position.subs(self.sizes))
            found = np.where(here, _read(start, others), found)
        return found

    def reduced(self, expr: sp.Expr, axes: tuple[sp.Idx, ...]) -> Any:
        """Sum, maximise or search over the bound indices, which must be new ones."""
        bound = tuple(limits[0] for limits in expr.limits)
        assert not set(bound) & set(axes), f"{expr} binds an index twice"
        inner = self.value(expr.function, (*axes, *bound))
        extents = [int((idx.upper + 1).subs(self.sizes)) for idx in bound]
        free = np.shape(inner)[: len(axes)] if np.ndim(inner) else (1,) * len(axes)
        whole = np.broadcast_to(inner, (*free, *extents))
        if isinstance(expr, ArgMaxOver):
            return np.argmax(whole.reshape(*free, -1), axis=-1)
        operation = np.sum if isinstance(expr, sp.Sum) else np.max
        return operation(whole, axis=tuple(range(len(axes), whole.ndim)))
