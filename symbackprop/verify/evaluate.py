"""The value of an index expression, element by element, over any kind of number.

The meaning of the language is written here a second time, straight from its
definition: a sum is a loop, an element is a lookup. Nothing of the calculus and
nothing of the compilers is used, so that they can be checked against it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any, TypeAlias

import sympy as sp

from symbackprop.errors import EquationError, ShapeError
from symbackprop.language import (
    ArgMaxOver,
    Equation,
    Group,
    MaxOver,
    bracket,
    element_name,
    primitive_of,
    size_of,
)
from symbackprop.verify.arithmetic import Arithmetic
from symbackprop.verify.deltas import fixed_by_deltas
from symbackprop.verify.exact import (
    Places,
    Reader,
    Sizes,
    exact_reader,
    extent_of,
    place_reader,
    whole_reader,
)

Position: TypeAlias = tuple[int, ...]
#: The elements of one tensor by position.
Field: TypeAlias = Mapping[Position, Any]


class Table(dict[Position, Any]):
    """The elements of one tensor by position, those of its base cases among them.

    Attributes
    ----------
    shape
        How many positions each axis has; what is outside and no base case is 0.
    is_adjoint
        Whether it is a derivative: that of an element which is read in some places only is
        0 in the others, so that any index may run beyond its axes.
    """

    is_adjoint = False

    def __init__(
        self, shape: Sequence[int], entries: Field | Iterable[tuple[Position, Any]] = ()
    ) -> None:
        super().__init__(entries)
        self.shape = tuple(shape)

    def moved(self, entries: Field) -> Table:
        """The same table with some other elements."""
        table = Table(self.shape, self)
        table.update(entries)
        return table


class _Scope(dict[sp.Idx, int]):
    """The slot of every index in force, noting which are asked for."""

    def __init__(self, outer: Mapping[sp.Idx, int]) -> None:
        super().__init__(outer)
        self.asked: set[int] = set()

    def __getitem__(self, idx: sp.Idx) -> int:
        slot = super().__getitem__(idx)
        self.asked.add(slot)
        return slot


class TooCostlyError(Exception):
    """More terms are needed than a budget allows."""


class Budget:
    """How many terms of sums may be computed; see `Evaluator`."""

    def __init__(self, terms: int) -> None:
        self.terms = terms

    def spend(self, terms: int) -> None:
        """Take the cost of some terms out of it.

        Raises
        ------
        TooCostlyError
            If it is used up.
        """
        self.terms -= terms
        if self.terms < 0:
            raise TooCostlyError


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
    budget
        How many terms of sums may be computed; without end by default.
    """

    def __init__(
        self,
        arithmetic: Arithmetic,
        fields: Mapping[str, Field],
        sizes: Sizes,
        budget: Budget | None = None,
    ) -> None:
        self._arithmetic = arithmetic
        self._fields = fields
        self._sizes = sizes
        self._growing: dict[str, Table] = {}
        self._extents: dict[sp.Expr, int] = {}
        self._budget = budget
        self._slots = 0

    def at(self, expr: sp.Expr, places: Mapping[sp.Idx, int]) -> Any:
        """The value of an expression whose free indices have the given values."""
        return self.function(expr, tuple(places))(tuple(places.values()))

    def run(
        self,
        group: Group,
        positions: Mapping[str, Collection[Position]] | None = None,
        shifts: Mapping[str, Mapping[Position, Any]] | None = None,
    ) -> dict[str, Table]:
        """The tables of the tensors that a group defines, computed step by step.

        Parameters
        ----------
        group
            One equation, or several that recur together.
        positions
            By tensor name, the elements to compute; the others are as they are in the
            given tensors. All of them if None.
        shifts
            By tensor name, what is added to some elements once they are computed.
        """
        shapes = {e.name: [self.extent(size_of(idx)) for idx in e.indices] for e in group.equations}
        self._growing = {
            name: Table(shape, () if positions is None else self._fields[name])
            for name, shape in shapes.items()
        }
        for equation in group.equations:
            wanted = None if positions is None else positions.get(equation.name, ())
            self._fill_base(equation, wanted)
        for name, value, position in self._in_steps(group, positions):
            element = value(position)
            if shifts and position in shifts.get(name, ()):
                element = self._arithmetic.total([element, shifts[name][position]])
            self._growing[name][position] = self._arithmetic.kept(element)
        tables, self._growing = self._growing, {}
        return tables

    def _fill_base(self, equation: Equation, wanted: Collection[Position] | None) -> None:
        table = self._growing[equation.name]
        for case in equation.base:
            value = self.function(case.rhs, case.indices)
            fixed = self.extent(case.position)
            axes = [range(n) for n in table.shape]
            axes[case.axis] = range(fixed, fixed + 1)
            for position in product(*axes):
                if wanted is None or position in wanted:
                    beside = position[: case.axis] + position[case.axis + 1 :]
                    table[position] = self._arithmetic.kept(value(beside))

    def _in_steps(
        self, group: Group, positions: Mapping[str, Collection[Position]] | None
    ) -> Iterator[tuple[str, Callable[[Position], Any], Position]]:
        """The elements in an order of computation, each with what computes its value."""
        names = [equation.name for equation in group.equations]
        values = [self.function(e.rhs, e.indices) for e in group.equations]
        tables = [self._growing[name] for name in names]
        wanted: list[Iterable[Position]] = [
            product(*map(range, table.shape)) if positions is None else positions.get(name, ())
            for name, table in zip(names, tables, strict=True)
        ]
        # Positions of base cases are no steps of the equation itself.
        inside = [
            [p for p in some if all(0 <= at < n for at, n in zip(p, table.shape, strict=True))]
            for some, table in zip(wanted, tables, strict=True)
        ]
        if not group.recurrent:
            yield from ((names[0], values[0], position) for position in inside[0])
            return
        axes = [group.axes[name] for name in names]
        by_step = [_by_step(some, axis) for some, axis in zip(inside, axes, strict=True)]
        for step in range(tables[0].shape[axes[0]])[:: group.direction]:
            for name, value, places in zip(names, values, by_step, strict=True):
                yield from ((name, value, p) for p in places.get(step, ()))

    def function(self, expr: sp.Expr, indices: Sequence[sp.Idx]) -> Callable[[Position], Any]:
        """The value of an expression as a function of the values of its free indices."""
        self._slots = len(indices)
        reader = self._read(expr, _Scope({idx: slot for slot, idx in enumerate(indices)}))
        spare = [0] * (self._slots - len(indices))
        return lambda position: reader([*position, *spare])

    def extent(self, size: sp.Expr) -> int:
        """A size, or a fixed position, as a whole number."""
        if size not in self._extents:
            self._extents[size] = extent_of(size, self._sizes)
        return self._extents[size]

    def spend(self, terms: int) -> None:
        """Take the cost of some terms out of the budget, if there is one."""
        if self._budget is not None:
            self._budget.spend(terms)

    # --- one reader a kind of node --------------------------------------------------

    def _read(self, expr: Any, scope: _Scope) -> Reader:
        kind: Any = type(expr)
        make = _reader_of(kind)
        if make is None:
            raise EquationError(
                f"{type(expr).__name__} is not part of the language",
                where=str(expr),
                remedy="write it with arithmetic, Sum, MaxOver and symbackprop.PRIMITIVES",
            )
        return make(self, expr, scope)

    def _number(self, expr: Any, scope: _Scope) -> Reader:
        value = int(expr) if expr.is_Integer else self._arithmetic.number(expr)
        return lambda _: value

    def _index(self, expr: Any, scope: _Scope) -> Reader:
        return operator.itemgetter(scope[expr])

    def _symbol(self, expr: Any, scope: _Scope) -> Reader:
        if expr in self._sizes:
            extent = self._sizes[expr]
            return lambda _: extent
        field = self._fields[expr.name]
        return lambda _: field[()]

    def _element(self, expr: Any, scope: _Scope) -> Reader:
        name = element_name(expr)
        field = self._growing[name] if name in self._growing else self._fields[name]
        position = self._position(expr.indices, scope)
        get = field.get

        def read(now: Places) -> Any:
            at = position(now)
            value = get(at)
            return _outside(expr, field, at) if value is None else value

        return read

    def _position(self, places: Sequence[Any], scope: _Scope) -> Callable[[Places], Position]:
        if len(places) > 1 and all(isinstance(place, sp.Idx) for place in places):
            return operator.itemgetter(*(scope[place] for place in places))
        readers = [self._place(place, scope) for place in places]
        return lambda now: tuple([reader(now) for reader in readers])

    def _place(self, place: Any, scope: _Scope) -> Reader:
        if isinstance(place, sp.Indexed):
            return self._element(place, scope)
        exact = place_reader(place, scope, self._sizes) or whole_reader(place, scope, self._sizes)
        return exact or self._read(place, scope)

    def _add(self, expr: Any, scope: _Scope) -> Reader:
        readers = [self._read(argument, scope) for argument in expr.args]
        total = self._arithmetic.total
        return lambda now: total([reader(now) for reader in readers])

    def _mul(self, expr: Any, scope: _Scope) -> Reader:
        # [false]·anything is 0, even where the rest has no value.
        guards = [a for a in expr.args if isinstance(a, bracket | sp.KroneckerDelta)]
        others = [a for a in expr.args if not isinstance(a, bracket | sp.KroneckerDelta)]
        tests = [self._read(guard, scope) for guard in guards]
        factors = [self._read(factor, scope) for factor in others]

        times = self._arithmetic.product

        def read(now: Places) -> Any:
            if not all(test(now) for test in tests):
                return 0
            return times([factor(now) for factor in factors])

        return read

    def _pow(self, expr: Any, scope: _Scope) -> Reader:
        base, exponent = (self._read(argument, scope) for argument in expr.args)
        power = self._arithmetic.power
        if expr.is_number:
            value = power(base([]), exponent([]))
            return lambda _: value
        return lambda now: power(base(now), exponent(now))

    def _sum(self, expr: Any, scope: _Scope) -> Reader:
        total = self._arithmetic.total
        return self._reduction(expr, scope, fixed_by_deltas(expr), total)

    def _max_over(self, expr: Any, scope: _Scope) -> Reader:
        return self._reduction(expr, scope, [], self._largest)

    def _arg_max_over(self, expr: Any, scope: _Scope) -> Reader:
        return self._reduction(expr, scope, [], lambda values: values.index(self._largest(values)))

    def _kronecker(self, expr: Any, scope: _Scope) -> Reader:
        first, second = (self._place(argument, scope) for argument in expr.args[:2])
        return lambda now: int(first(now) == second(now))

    def _bracket(self, expr: Any, scope: _Scope) -> Reader:
        holds = self._holds(expr.args[0], scope)
        return lambda now: int(holds(now))

    def _piecewise(self, expr: Any, scope: _Scope) -> Reader:
        cases = [
            (self._holds(condition, scope), self._read(value, scope))
            for value, condition in expr.args
        ]

        def read(now: Places) -> Any:
            for holds, value in cases:
                if holds(now):
                    return value(now)
            raise EquationError(
                "no case of a piecewise definition holds",
                where=str(expr),
                remedy="end it with a case whose condition is True",
            )

        return read

    def _function(self, expr: Any, scope: _Scope) -> Reader:
        whole = whole_reader(expr, scope, self._sizes)
        if whole is not None:
            return whole
        record = primitive_of(expr)
        if record is None:
            raise EquationError(
                f"{expr.func.__name__} is not a function this language knows", where=str(expr)
            )
        readers = [self._read(argument, scope) for argument in expr.args]
        apply = self._arithmetic.apply

        def read(now: Places) -> Any:
            values = [reader(now) for reader in readers]
            # Max and Min take any number of arguments; their records take two.
            while len(values) > record.arity:
                values = [apply(record, values[:2]), *values[2:]]
            return apply(record, values)

        return read

    # --- conditions and bound indices -----------------------------------------------

    def _reduction(
        self,
        expr: Any,
        scope: _Scope,
        fixed: Sequence[tuple[sp.Idx, Any, int]],
        combine: Callable[[list[Any]], Any],
    ) -> Reader:
        """A binder's body for all values of its indices, combined.

        Those that are `fixed`, in this order, are at one place each; elsewhere the body is 0.
        """
        inner = _Scope(scope)
        ranges: dict[sp.Idx, range] = {}
        for idx, lower, upper in expr.limits:
            inner[idx] = self._slots
            ranges[idx] = range(int(lower), self.extent(upper) + 1)
            self._slots += 1
        known = [
            (inner[idx], ranges.pop(idx), self._place(times, inner), divisor)
            for idx, times, divisor in fixed
        ]
        slots = [inner[idx] for idx in ranges]
        body = self._read(expr.function, inner)

        count = math.prod(map(len, ranges.values()))

        def values(now: Places) -> Iterable[Any]:
            self.spend(count)
            for position in product(*ranges.values()):
                for slot, place in zip(slots, position, strict=True):
                    now[slot] = place
                for slot, extent, reader, divisor in known:
                    now[slot], rest = divmod(reader(now), divisor)
                    if rest or now[slot] not in extent:
                        break
                else:
                    yield body(now)

        needed = [slot for slot in scope.values() if slot in inner.asked]
        scope.asked.update(needed)
        if len(needed) == len(scope):
            return lambda now: combine(list(values(now)))
        return _remembered(lambda now: combine(list(values(now))), needed)

    def _holds(self, condition: Any, scope: _Scope) -> Callable[[Places], bool]:
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
        left, right = (
            exact_reader(side, scope, self._sizes) or self._read(side, scope)
            for side in condition.args
        )
        gap = self._arithmetic.gap
        return lambda now: bool(compare(gap(left(now), right(now)), 0))

    def _largest(self, values: list[Any]) -> Any:
        largest, *rest = values
        for value in rest:
            if self._arithmetic.gap(value, largest) > 0:
                largest = value
        return largest


def _remembered(reader: Reader, slots: Sequence[int]) -> Reader:
    """A reader that computes once what does not depend on all indices in force."""
    known: dict[Position, Any] = {}

    def read(now: Places) -> Any:
        key = tuple([now[slot] for slot in slots])
        value = known.get(key)
        if value is None:
            value = known[key] = reader(now)
        return value

    return read


def _outside(expr: sp.Expr, field: Field, position: Position) -> Any:
    """What an element is at a position that no table has: 0 outside the range."""
    shape = field.shape if isinstance(field, Table) else ()
    if isinstance(field, Table) and field.is_adjoint:
        return 0
    inside = [0 <= at < n for at, n in zip(position, shape, strict=False)]
    plain = [isinstance(place, sp.Idx | sp.Indexed) for place in expr.indices]
    if all(inside) or not all(ok for ok, strict in zip(inside, plain, strict=True) if strict):
        raise ShapeError(
            f"{expr.base.label} is read at {list(position)}, which it does not have",
            where=str(expr),
            remedy="the index that reads an axis must run over that axis's size",
        )
    return 0


def _by_step(positions: Iterable[Position], axis: int) -> dict[int, list[Position]]:
    found: dict[int, list[Position]] = {}
    for position in positions:
        found.setdefault(position[axis], []).append(position)
    return found


_COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    sp.StrictGreaterThan: operator.gt,
    sp.GreaterThan: operator.ge,
    sp.StrictLessThan: operator.lt,
    sp.LessThan: operator.le,
    sp.Equality: operator.eq,
    sp.Unequality: operator.ne,
}

_READERS: Mapping[type, Callable[[Evaluator, Any, _Scope], Reader]] = {
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
    ArgMaxOver: Evaluator._arg_max_over,
    sp.KroneckerDelta: Evaluator._kronecker,
    bracket: Evaluator._bracket,
    sp.Piecewise: Evaluator._piecewise,
    sp.Max: Evaluator._function,
    sp.Min: Evaluator._function,
    sp.Function: Evaluator._function,
}


@cache
def _reader_of(kind: type) -> Callable[[Evaluator, Any, _Scope], Reader] | None:
    return next((_READERS[c] for c in kind.__mro__ if c in _READERS), None)
