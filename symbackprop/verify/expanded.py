"""Oracle: the forward equations expanded to scalars and differentiated by `sympy.diff`.

Every chosen element of a tensor moves with one SymPy symbol t, each at a speed of its
own: w + r·t. Every element that depends on them becomes a SymPy expression in t, with
a symbol for every number, and so in the end does the objective. Its derivative at
t = 0 is Σ r·∂L/∂w, which sees each of the elements; numbers of 80 digits are put in
last.

Only functions that SymPy itself can differentiate occur: the language's own are
written out in elementary ones, and what has a kink is decided by the numbers at the
point, which lies beside every kink. An expression that grows long is differentiated
there and then, and stands in longer ones as a function with that value and slope: a
deep network's objective would otherwise grow by the width of a layer at every layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import mpmath
import sympy as sp

from symbackprop.language import Primitive, relu, sigmoid, softplus
from symbackprop.verify.evaluate import Decimals, Evaluator, Field, Position
from symbackprop.verify.tables import Forward

#: What the chosen elements move with.
T = sp.Symbol("t", real=True)

_LONG = 30  # nodes above which an expression is differentiated at once


@dataclass(frozen=True)
class Scalar:
    """A number that depends on t: its value at t = 0, and its expression."""

    value: Any
    expr: sp.Expr
    names: Names


class Names:
    """The symbols that stand for numbers."""

    def __init__(self) -> None:
        self._numbers: dict[sp.Symbol, Any] = {T: mpmath.mpf(0)}

    def expr(self, number: Any) -> sp.Expr:
        """A number as an expression: a new symbol, but a whole number is itself."""
        if isinstance(number, Scalar):
            return number.expr
        if mpmath.isfinite(number) and number == int(number):
            return sp.Integer(int(number))
        return self.fresh(number)

    def fresh(self, number: Any) -> sp.Symbol:
        """A new symbol for a number."""
        # Padded, so that SymPy sorts the terms of like expressions alike.
        symbol = sp.Symbol(f"c{len(self._numbers):08d}", real=True)
        self._numbers[symbol] = number
        return symbol

    def slope(self, expr: sp.Expr) -> Any:
        """The derivative of an expression at t = 0."""
        symbols = dict.fromkeys(s for s in sp.preorder_traversal(expr) if s in self._numbers)
        symbols.pop(T, None)
        places = {symbol: sp.Symbol(f"p{n}", real=True) for n, symbol in enumerate(symbols)}
        derivative = _derivative(expr.xreplace(places))
        fields: dict[str, Field] = {
            str(place): {(): self._numbers[symbol]} for symbol, place in places.items()
        }
        fields[str(T)] = {(): self._numbers[T]}
        return Evaluator(Decimals(), fields, {}).at(derivative, {})


@lru_cache(maxsize=1024)
def _derivative(expr: sp.Expr) -> sp.Expr:
    """``sympy.diff`` by t; expressions that differ in their numbers only share it."""
    derivative = sp.diff(expr, T)
    return derivative.xreplace({germ: germ.args[1] for germ in derivative.atoms(Germ)})


def _value(number: Any) -> Any:
    return number.value if isinstance(number, Scalar) else number


class Scalars:
    """The arithmetic of `Scalar` and mpmath numbers; values are mpmath's."""

    def __init__(self) -> None:
        self.names = Names()
        self._decimals = Decimals()

    def _scalar(self, value: Any, expr: sp.Expr) -> Any:
        grows = T in expr.free_symbols and mpmath.isfinite(value)
        return Scalar(value, expr, self.names) if grows else value

    def number(self, exact: sp.Expr) -> Any:
        """An exact SymPy number."""
        return self._decimals.number(exact)

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum of terms, the constant ones added up first."""
        grown = [term for term in terms if isinstance(term, Scalar)]
        constant = mpmath.fsum(term for term in terms if not isinstance(term, Scalar))
        if not grown or mpmath.isinf(constant):
            return constant
        value = mpmath.fsum([constant, *(term.value for term in grown)])
        parts = [self.names.expr(constant), *(term.expr for term in grown)]
        return self._scalar(value, sp.Add(*parts))

    def product(self, factors: Sequence[Any]) -> Any:
        """The product of factors, the constant ones multiplied first."""
        grown = [factor for factor in factors if isinstance(factor, Scalar)]
        constant = prod(factor for factor in factors if not isinstance(factor, Scalar))
        if not grown or constant == 0:
            return constant
        value = prod([constant, *(factor.value for factor in grown)])
        parts = [self.names.expr(constant), *(factor.expr for factor in grown)]
        return self._scalar(value, sp.Mul(*parts))

    def power(self, base: Any, exponent: Any) -> Any:
        """A power."""
        value = self._decimals.power(_value(base), _value(exponent))
        if not isinstance(base, Scalar) and not isinstance(exponent, Scalar):
            return value
        return self._scalar(value, self.names.expr(base) ** self.names.expr(exponent))

    def apply(self, primitive: Primitive, arguments: Sequence[Any]) -> Any:
        """A primitive, written in functions that SymPy differentiates by itself."""
        values = [_value(argument) for argument in arguments]
        value = self._decimals.apply(primitive, values)
        if not any(isinstance(argument, Scalar) for argument in arguments):
            return value
        spell = ELEMENTARY.get(primitive.function, _by_sympy(primitive))
        exprs = [self.names.expr(argument) for argument in arguments]
        return self._scalar(value, spell(values, exprs))

    def gap(self, left: Any, right: Any) -> Any:
        """The difference of the values."""
        return self._decimals.gap(_value(left), _value(right))

    def kept(self, element: Any) -> Any:
        """The element; a long expression is differentiated here, a function of it goes on."""
        return _shortened(element)


Spelling: TypeAlias = Callable[[Sequence[Any], Sequence[sp.Expr]], sp.Expr]


def _by_sympy(primitive: Primitive) -> Spelling:
    return lambda _, exprs: primitive.function(*exprs)


#: Functions whose derivative SymPy does not know, or knows with a case distinction,
#: written out at the values of their arguments. The rest are SymPy's own.
ELEMENTARY: Mapping[Any, Spelling] = {
    relu: lambda values, exprs: exprs[0] if values[0] > 0 else sp.Integer(0),
    sigmoid: lambda _, exprs: 1 / (1 + sp.exp(-exprs[0])),
    softplus: lambda _, exprs: sp.log(1 + sp.exp(exprs[0])),
    sp.Abs: lambda values, exprs: exprs[0] if values[0] > 0 else -exprs[0],
    sp.sign: lambda values, _: sp.Integer(1 if values[0] > 0 else -1),
    sp.floor: lambda values, _: sp.Integer(int(mpmath.floor(values[0]))),
    sp.Max: lambda values, exprs: exprs[0] if values[0] > values[1] else exprs[1],
    sp.Min: lambda values, exprs: exprs[0] if values[0] < values[1] else exprs[1],
}


class Germ(sp.Function):
    """A function of t of which two symbols tell all that is known: ``Germ(t, value, slope)``."""

    def _eval_derivative(self, s: sp.Symbol) -> sp.Expr:
        t, _, slope = self.args
        return slope if s == t else sp.Integer(0)


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
    arithmetic = Scalars()
    names = arithmetic.names
    zero = mpmath.mpf(0)
    shifts = {place: Scalar(zero, names.expr(r) * T, names) for place, r in speeds.items()}
    objective = forward.moved(arithmetic, name, shifts)
    if not isinstance(objective, Scalar):
        return mpmath.mpf(0)
    return names.slope(objective.expr)


def _shortened(entry: Any) -> Any:
    if not isinstance(entry, Scalar) or not _is_long(entry.expr):
        return entry
    value, slope = (
        entry.names.fresh(number) for number in (entry.value, entry.names.slope(entry.expr))
    )
    return Scalar(entry.value, Germ(T, value, slope), entry.names)


def _is_long(expr: sp.Expr) -> bool:
    return any(length > _LONG for length, _ in enumerate(sp.preorder_traversal(expr)))
