"""The value of an index expression, element by element, over any kind of number.

The meaning of the language is written here a second time, straight from its
definition: a sum is a loop, an element is a lookup. Nothing of the calculus and
nothing of the compilers is used, so that they can be checked against it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Protocol, TypeAlias

import mpmath
import sympy as sp

from symbackprop.errors import EquationError, ShapeError
from symbackprop.language import (
    Equation,
    MaxOver,
    Primitive,
    bracket,
    element_name,
    primitive_of,
    size_of,
)

#: Digits that the precise oracles compute with; they answer for the first 50.
DIGITS = 80

#: The elements of one tensor by position.
Field: TypeAlias = Mapping[tuple[int, ...], Any]
Sizes: TypeAlias = Mapping[sp.Symbol, int]

# The present value of every index, by slot; a reader takes it to a value.
_Places: TypeAlias = list[int]
_Reader: TypeAlias = Callable[[_Places], Any]
_Scope: TypeAlias = Mapping[sp.Idx, int]


def extent_of(size: sp.Expr, sizes: Sizes) -> int:
    """A size, or arithmetic of sizes, as a whole number."""
    return int(size.xreplace(dict(sizes)))


class Arithmetic(Protocol):
    """A kind of number, and how to compute with it."""

    def number(self, exact: sp.Expr) -> Any:
        """An exact SymPy number."""

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum of terms; of none, 0."""

    def product(self, factors: Sequence[Any]) -> Any:
        """The product of factors; of none, 1."""

    def power(self, base: Any, exponent: Any) -> Any:
        """A power; an `int` exponent is exact."""

    def apply(self, primitive: Primitive, arguments: Sequence[Any]) -> Any:
        """A primitive's value."""

    def gap(self, left: Any, right: Any) -> Any:
        """The real number ``left - right``, by whose sign a comparison is decided."""


class Decimals:
    """mpmath numbers, in mpmath's present working precision.

    Attributes
    ----------
    margin
        How near any argument so far came to a kink or to the edge of a condition.
    """

    def __init__(self) -> None:
        self.margin: Any = mpmath.inf

    def number(self, exact: sp.Expr) -> Any:
        """An exact SymPy number, rounded to the working precision."""
        if exact.is_Rational:
            return mpmath.mpf(int(exact.p)) / int(exact.q)
        if exact.is_Float:
            # Read as the decimal it prints as, so 0.1 is exactly 1/10.
            return mpmath.mpf(str(exact))
        return mpmath.mpf(sp.Float(exact, mpmath.mp.dps)._mpf_)

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum, rounded once."""
        return mpmath.fsum(terms)

    def product(self, factors: Sequence[Any]) -> Any:
        """The product."""
        return prod(factors)

    def power(self, base: Any, exponent: Any) -> Any:
        """A power."""
        if isinstance(exponent, int):
            return mpmath.mpf(base) ** exponent
        return mpmath.power(base, exponent)

    def apply(self, primitive: Primitive, arguments: Sequence[Any]) -> Any:
        """A primitive's value, noting how far its kinks are."""
        values = [mpmath.mpf(argument) for argument in arguments]
        for kink in primitive.kinks:
            self._note(values[0] - kink if len(values) == 1 else values[0] - values[1] - kink)
        return primitive.value(*values)

    def gap(self, left: Any, right: Any) -> Any:
        """The difference, noted; that of two indices is exact and has no edge."""
        gap = left - right
        if not isinstance(gap, int):
            self._note(gap)
        return gap

    def _note(self, gap: Any) -> None:
        self.margin = min(self.margin, abs(gap))


class Evaluator:
    """Reads expressions at given tensors.

    Parameters
    ----------
    arithmetic
        The kind of number to compute with.
    fields
        The elements of every tensor an expression may mention; read when an
        expression is first met, so that a table added later is seen.
    sizes
        What the symbolic sizes stand for.
    """

    def __init__(self, arithmetic: Arithmetic, fields: Mapping[str, Field], sizes: Sizes) -> None:
        self._arithmetic = arithmetic
        self._fields = fields
        self._sizes = sizes
        self._slots = 0

    def at(self, expr: sp.Expr, places: Mapping[sp.Idx, int]) -> Any:
        """The value of an expression whose free indices have the given values."""
        self._slots = len(places)
        reader = self._read(expr, {idx: slot for slot, idx in enumerate(places)})
        return reader([*places.values(), *[0] * (self._slots - len(places))])

    def table(
        self, equation: Equation, positions: Iterable[tuple[int, ...]] | None = None
    ) -> dict[tuple[int, ...], Any]:
        """The elements that an equation defines: all of them, or those at some positions."""
        indices = equation.indices
        self._slots = len(indices)
        reader = self._read(equation.rhs, {idx: slot for slot, idx in enumerate(indices)})
        spare = [0] * (self._slots - len(indices))
        if positions is None:
            positions = product(*(range(self.extent(size_of(idx))) for idx in indices))
        return {position: reader([*position, *spare]) for position in positions}

    def extent(self, size: sp.Expr) -> int:
        """A size as a whole number."""
        return extent_of(size, self._sizes)

    # --- one reader a kind of node --------------------------------------------------

    def _read(self, expr: Any, scope: _Scope) -> _Reader:
        make = _reader_of(type(expr))
        if make is None:
            raise EquationError(
                f"{type(expr).__name__} is not part of the language",
                where=str(expr),
                remedy="write it with arithmetic, Sum, MaxOver and symbackprop.PRIMITIVES",
            )
        return make(self, expr, scope)

    def _number(self, expr: Any, scope: _Scope) -> _Reader:
        value = int(expr) if expr.is_Integer else self._arithmetic.number(expr)
        return lambda _: value

    def _index(self, expr: Any, scope: _Scope) -> _Reader:
        return operator.itemgetter(scope[expr])

    def _symbol(self, expr: Any, scope: _Scope) -> _Reader:
        if expr in self._sizes:
            extent = self._sizes[expr]
            return lambda _: extent
        value = self._fields[expr.name][()]
        return lambda _: value

    def _element(self, expr: Any, scope: _Scope) -> _Reader:
        field = self._fields[element_name(expr)]
        places = [self._read(place, scope) for place in expr.indices]

        def read(now: _Places) -> Any:
            position = tuple([place(now) for place in places])
            if position not in field:
                raise ShapeError(
                    f"{expr.base.label} is read at {list(position)}, which it does not have",
                    where=str(expr),
                    remedy="the index that reads an axis must run over that axis's size",
                )
            return field[position]

        return read

    def _add(self, expr: Any, scope: _Scope) -> _Reader:
        readers = [self._read(argument, scope) for argument in expr.args]
        total = self._arithmetic.total
        return lambda now: total([reader(now) for reader in readers])

    def _mul(self, expr: Any, scope: _Scope) -> _Reader:
        # [false]·anything is 0, even where the rest has no value.
        guards = [a for a in expr.args if isinstance(a, bracket | sp.KroneckerDelta)]
        others = [a for a in expr.args if not isinstance(a, bracket | sp.KroneckerDelta)]
        tests = [self._read(guard, scope) for guard in guards]
        factors = [self._read(factor, scope) for factor in others]

        times = self._arithmetic.product

        def read(now: _Places) -> Any:
            if not all(test(now) for test in tests):
                return 0
            return times([factor(now) for factor in factors])

        return read

    def _pow(self, expr: Any, scope: _Scope) -> _Reader:
        base, exponent = (self._read(argument, scope) for argument in expr.args)
        power = self._arithmetic.power
        return lambda now: power(base(now), exponent(now))

    def _sum(self, expr: Any, scope: _Scope) -> _Reader:
        terms = self._over(expr, scope)
        total = self._arithmetic.total
        return lambda now: total(list(terms(now)))

    def _max_over(self, expr: Any, scope: _Scope) -> _Reader:
        terms = self._over(expr, scope)
        return lambda now: self._largest(list(terms(now)))

    def _kronecker(self, expr: Any, scope: _Scope) -> _Reader:
        first, second = (self._read(argument, scope) for argument in expr.args[:2])
        return lambda now: int(first(now) == second(now))

    def _bracket(self, expr: Any, scope: _Scope) -> _Reader:
        holds = self._holds(expr.args[0], scope)
        return lambda now: int(holds(now))

    def _piecewise(self, expr: Any, scope: _Scope) -> _Reader:
        cases = [
            (self._holds(condition, scope), self._read(value, scope))
            for value, condition in expr.args
        ]

        def read(now: _Places) -> Any:
            for holds, value in cases:
                if holds(now):
                    return value(now)
            raise EquationError(
                "no case of a piecewise definition holds",
                where=str(expr),
                remedy="end it with a case whose condition is True",
            )

        return read

    def _function(self, expr: Any, scope: _Scope) -> _Reader:
        record = primitive_of(expr)
        if record is None:
            raise EquationError(
                f"{expr.func.__name__} is not a function this language knows", where=str(expr)
            )
        readers = [self._read(argument, scope) for argument in expr.args]
        apply = self._arithmetic.apply

        def read(now: _Places) -> Any:
            values = [reader(now) for reader in readers]
            # Max and Min take any number of arguments; their records take two.
            while len(values) > record.arity:
                values = [apply(record, values[:2]), *values[2:]]
            return apply(record, values)

        return read

    # --- conditions and bound indices -----------------------------------------------

    def _over(self, expr: Any, scope: _Scope) -> Callable[[_Places], Iterable[Any]]:
        """The values of a binder's body, for all values of its indices."""
        inner = dict(scope)
        slots = []
        extents = []
        for idx, lower, upper in expr.limits:
            inner[idx] = self._slots
            slots.append(self._slots)
            extents.append(range(int(lower), self.extent(upper) + 1))
            self._slots += 1
        body = self._read(expr.function, inner)

        def values(now: _Places) -> Iterable[Any]:
            for position in product(*extents):
                for slot, place in zip(slots, position, strict=True):
                    now[slot] = place
                yield body(now)

        return values

    def _holds(self, condition: Any, scope: _Scope) -> Callable[[_Places], bool]:
        if condition in (sp.true, sp.false):
            answer = bool(condition)
            return lambda _: answer
        if isinstance(condition, sp.And | sp.Or):
            parts = [self._holds(part, scope) for part in condition.args]
            combine = all if isinstance(condition, sp.And) else any
            return lambda now: combine(part(now) for part in parts)
        if isinstance(condition, sp.Not):
            part = self._holds(condition.args[0], scope)
            return lambda now: not part(now)
        compare = _COMPARE[type(condition)]
        left, right = (self._read(side, scope) for side in condition.args)
        gap = self._arithmetic.gap
        return lambda now: bool(compare(gap(left(now), right(now)), 0))

    def _largest(self, values: list[Any]) -> Any:
        largest, *rest = values
        for value in rest:
            if self._arithmetic.gap(value, largest) > 0:
                largest = value
        return largest


_COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    sp.StrictGreaterThan: operator.gt,
    sp.GreaterThan: operator.ge,
    sp.StrictLessThan: operator.lt,
    sp.LessThan: operator.le,
    sp.Equality: operator.eq,
    sp.Unequality: operator.ne,
}

_READERS: Mapping[type, Callable[[Evaluator, Any, _Scope], _Reader]] = {
    sp.Number: Evaluator._number,
    sp.NumberSymbol: Evaluator._number,
    sp.Idx: Evaluator._index,
    sp.Symbol: Evaluator._symbol,
    sp.Indexed: Evaluator._element,
    sp.Add: Evaluator._add,
    sp.Mul: Evaluator._mul,
    sp.Pow: Evaluator._pow,
    sp.Sum: Evaluator._sum,
    MaxOver: Evaluator._max_over,
    sp.KroneckerDelta: Evaluator._kronecker,
    bracket: Evaluator._bracket,
    sp.Piecewise: Evaluator._piecewise,
    sp.Max: Evaluator._function,
    sp.Min: Evaluator._function,
    sp.Function: Evaluator._function,
}


def _reader_of(kind: type) -> Callable[[Evaluator, Any, _Scope], _Reader] | None:
    return next((_READERS[c] for c in kind.__mro__ if c in _READERS), None)
