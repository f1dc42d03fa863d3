"""Oracle: the forward equations expanded to scalars and differentiated by `sympy.diff`.

Every chosen element of a tensor moves with one symbol t, each at a speed of its own:
w + r·t. Every element that depends on them becomes an expression in t, and so in the end
does the objective. Its derivative at t = 0 is Σ r·∂L/∂w, which sees each of the elements.

An expression is kept as a tree of numbers. Where its slope is asked for, it becomes a
SymPy expression with a symbol for every number, SymPy differentiates it by t, and the
numbers, of 80 digits, are put in last; trees that differ in their numbers only share the
derivative. A tree that is long is differentiated before a function or a later equation is
applied to it, and stands there as value + slope·t: a deep network's objective would
otherwise grow by the width of a layer at every layer.

Only functions that SymPy itself can differentiate occur: the language's own are
written out in elementary ones, and what has a kink is decided by the numbers at the
point, which lies beside every kink.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import mpmath
import sympy as sp

from symbackprop.language import PRIMITIVES, Primitive, relu, sigmoid, softplus
from symbackprop.verify.arithmetic import Decimals
from symbackprop.verify.evaluate import Evaluator, Position
from symbackprop.verify.tables import Forward

#: What the chosen elements move with.
T = sp.Symbol("t", real=True)

_LONG = 8  # nodes above which an expression is differentiated at once


@dataclass(frozen=True, slots=True)
class Line:
    """The tree of an element that moves: ``value + slope·t``."""

    value: Any
    slope: Any


@dataclass(frozen=True, slots=True)
class Branch:
    """The tree of an operation: ``add``, ``mul``, ``power`` or a primitive's name."""

    name: str
    parts: tuple[Tree, ...]


#: An expression in t: an operation, something that moves, or a number.
Tree: TypeAlias = Branch | Line | Any
#: A tree without its numbers, but for whole ones: what its derivative depends on.
Shape: TypeAlias = tuple[Any, ...] | int | str


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number that depends on t: its value at t = 0, its tree, and how many nodes that has."""

    value: Any
    tree: Tree
    length: int


def _grown(value: Any, name: str, arguments: Sequence[Any]) -> Any:
    """The scalar of an operation; an infinite value does not move."""
    if not mpmath.isfinite(value):
        return value
    length = 1 + sum(a.length if isinstance(a, Scalar) else 1 for a in arguments)
    parts = tuple(a.tree if isinstance(a, Scalar) else a for a in arguments)
    return Scalar(value, Branch(name, parts), length)


def _value(number: Any) -> Any:
    return number.value if isinstance(number, Scalar) else number


class Scalars:
    """The arithmetic of `Scalar` and mpmath numbers; values are mpmath's."""

    def __init__(self) -> None:
        self._decimals = Decimals()

    def number(self, exact: sp.Expr) -> Any:
        """An exact SymPy number."""
        return self._decimals.number(exact)

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum of terms, the constant ones added up first."""
        grown = [term for term in terms if isinstance(term, Scalar)]
        constant = mpmath.fsum(term for term in terms if not isinstance(term, Scalar))
        if not grown or mpmath.isinf(constant):
            return constant
        parts = grown if constant == 0 else [constant, *grown]
        return _grown(mpmath.fsum(map(_value, parts)), "add", parts)

    def product(self, factors: Sequence[Any]) -> Any:
        """The product of factors, the constant ones multiplied first."""
        grown = [factor for factor in factors if isinstance(factor, Scalar)]
        constant = prod(factor for factor in factors if not isinstance(factor, Scalar))
        if not grown or constant == 0:
            return constant
        parts = grown if constant == 1 else [constant, *grown]
        return _grown(prod(map(_value, parts)), "mul", parts)

    def power(self, base: Any, exponent: Any) -> Any:
        """A power."""
        value = self._decimals.power(_value(base), _value(exponent))
        if not isinstance(base, Scalar) and not isinstance(exponent, Scalar):
            return value
        return _grown(value, "power", (self.kept(base), self.kept(exponent)))

    def apply(self, primitive: Primitive, arguments: Sequence[Any]) -> Any:
        """A primitive; of one that has a kink, the side of it that the point is on."""
        value = self._decimals.apply(primitive, [_value(argument) for argument in arguments])
        if not any(isinstance(argument, Scalar) for argument in arguments):
            return value
        if primitive.function in SIDES:
            sign, place = SIDES[primitive.function](*map(_value, arguments))
            return self.product([sign, arguments[place]]) if sign else value
        return _grown(value, primitive.name, [self.kept(argument) for argument in arguments])

    def gap(self, left: Any, right: Any) -> Any:
        """The difference of the values."""
        return self._decimals.gap(_value(left), _value(right))

    def kept(self, element: Any) -> Any:
        """The element; a long expression is differentiated here, and goes on as a line."""
        if not isinstance(element, Scalar) or element.length <= _LONG:
            return element
        return Scalar(element.value, Line(element.value, slope(element.tree)), 1)


#: What a function with a kink is beside it: which argument, times which number; a number
#: times 0 is a constant.
SIDES: Mapping[Any, Callable[..., tuple[int, int]]] = {
    relu: lambda u: (int(u > 0), 0),
    sp.Abs: lambda u: (1 if u > 0 else -1, 0),
    sp.sign: lambda _: (0, 0),
    sp.floor: lambda _: (0, 0),
    sp.Max: lambda a, b: (1, 0 if a > b else 1),
    sp.Min: lambda a, b: (1, 0 if a < b else 1),
}

#: The language's own functions, written out. The rest are SymPy's own.
WRITTEN_OUT: Mapping[Any, Callable[..., sp.Expr]] = {
    sigmoid: lambda u: 1 / (1 + sp.exp(-u)),
    softplus: lambda u: sp.log(1 + sp.exp(u)),
}


# --- slopes -------------------------------------------------------------------------


def slope(tree: Tree) -> Any:
    """The derivative of a tree at t = 0."""
    numbers: list[Any] = []
    return _derivative(_shape(tree, numbers))(numbers)


def _shape(tree: Tree, numbers: list[Any]) -> Shape:
    """A tree without its numbers, which are taken out of it in order."""
    if isinstance(tree, Branch):
        return (tree.name, *(_shape(part, numbers) for part in tree.parts))
    if isinstance(tree, Line):
        numbers.extend((tree.value, tree.slope))
        return "line"
    if tree == int(tree):
        return int(tree)
    numbers.append(tree)
    return "number"


@lru_cache(maxsize=4096)
def _derivative(shape: Shape) -> Callable[[Sequence[Any]], Any]:
    """``sympy.diff`` by t, at t = 0, as a function of the numbers of a tree of that shape."""
    symbols: list[sp.Symbol] = []
    derivative = sp.diff(_expression(shape, symbols), T).xreplace({T: sp.Integer(0)})
    fields: dict[str, dict[Position, Any]] = {str(symbol): {} for symbol in symbols}
    shared, (rest,) = sp.cse(derivative, symbols=sp.numbered_symbols("s"))
    fields.update({str(symbol): {} for symbol, _ in shared})
    evaluator = Evaluator(Decimals(), fields, {})
    steps = [(fields[str(symbol)], evaluator.function(expr, ())) for symbol, expr in shared]
    result = evaluator.function(rest, ())
    cells = [fields[str(symbol)] for symbol in symbols]

    def value(numbers: Sequence[Any]) -> Any:
        for cell, number in zip(cells, numbers, strict=True):
            cell[()] = number
        for cell, step in steps:
            cell[()] = step(())
        return result(())

    return value


def _expression(shape: Shape, symbols: list[sp.Symbol]) -> sp.Expr:
    """The SymPy expression of a shape, with a new symbol for every number."""
    if isinstance(shape, int):
        return sp.Integer(shape)
    if shape == "line":
        return _new(symbols) + _new(symbols) * T
    if shape == "number":
        return _new(symbols)
    name, parts = shape[0], shape[1:]
    arguments = [_expression(part, symbols) for part in parts]
    if name in _OPERATIONS:
        return _OPERATIONS[name](*arguments)
    function = PRIMITIVES[name].function
    return WRITTEN_OUT.get(function, function)(*arguments)


_OPERATIONS: Mapping[str, Callable[..., sp.Expr]] = {"add": sp.Add, "mul": sp.Mul, "power": sp.Pow}


def _new(symbols: list[sp.Symbol]) -> sp.Symbol:
    # Padded, so that SymPy sorts the terms of like expressions alike.
    symbols.append(sp.Symbol(f"c{len(symbols):06d}", real=True))
    return symbols[-1]


def directional_derivative(forward: Forward, name: str, speeds: Mapping[Position, Any]) -> Any:
    """The objective's derivative as elements of a tensor move, by `sympy.diff`.

    Parameters
    ----------
    forward
        The forward equations at a point.
    name
        The tensor whose elements move.
    speeds
        The speed of each, by position; the others stay where they are.

    Returns
    -------
    mpf
        The sum of speed times derivative over the elements.
    """
    zero = mpmath.mpf(0)
    shifts = {place: Scalar(zero, Line(zero, speed), 1) for place, speed in speeds.items()}
    objective = forward.moved(Scalars(), name, shifts)
    return slope(objective.tree) if isinstance(objective, Scalar) else zero
