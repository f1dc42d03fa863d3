"""The plan: what is to be computed, in terms no backend owns.

A plan is a list of assignments; each assigns one tensor the value of an expression over
named axes. Axes have no positions here: a writer decides about transposes.

Every value knows its `pattern`, its structure with the axes numbered by first occurrence.
Values of one pattern are the same up to the letters of their axes, so they are computed
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import sympy as sp

from symbackprop.calculus.nodes import Index
from symbackprop.language import Equation

#: Conditions; their values are true or false.
RELATIONS = (">", ">=", "<", "<=", "==", "!=")


class Value:
    """An expression of the plan.

    Attributes
    ----------
    axes
        Its named axes, in the order of first occurrence.
    pattern
        Its structure; equal patterns are equal values up to the naming of axes.
    host
        Whether it is a plain Python number: made of constants, sizes and scalars such as
        the learning rate, and computed in double precision outside the arrays.
    children
        The values it is computed from.
    """

    axes: tuple[Index, ...] = ()
    pattern: str
    host: bool = False
    children: tuple[Value, ...] = ()

    def with_children(self, children: Sequence[Value]) -> Value:
        """The same operation on other values."""
        return self

    @property
    def is_condition(self) -> bool:
        """Whether it is true or false rather than a number."""
        return False

    def __repr__(self) -> str:
        return f"{self.pattern}@{','.join(axis.name for axis in self.axes)}"


def _joined(values: Iterable[Value]) -> tuple[Index, ...]:
    return tuple(dict.fromkeys(axis for value in values for axis in value.axes))


def _numbered(value: Value, axes: Sequence[Index]) -> str:
    return f"{value.pattern}@{','.join(str(axes.index(axis)) for axis in value.axes)}"


def _pattern(head: str, children: Sequence[Value], axes: Sequence[Index]) -> str:
    return f"{head}({';'.join(_numbered(child, axes) for child in children)})"


class Constant(Value):
    """A number."""

    host = True

    def __init__(self, value: Fraction | float) -> None:
        self.value = value
        self.pattern = str(value)


class Size(Value):
    """A symbolic size, or an expression of sizes."""

    host = True

    def __init__(self, value: sp.Expr) -> None:
        self.value = value
        self.pattern = f"size {value}"


class Positions(Value):
    """0, 1, … along an axis, as numbers to calculate with or as labels to compare."""

    def __init__(self, axis: Index, whole: bool = False) -> None:
        self.axis = axis
        self.whole = whole
        self.axes = (axis,)
        self.pattern = f"positions {axis.size} {whole}"


class Load(Value):
    """A tensor's elements at places: indices, whole numbers, or labels (a gather)."""

    def __init__(self, name: str, places: tuple[PlanPlace, ...] = (), host: bool = False) -> None:
        self.name = name
        self.places = places
        self.host = host
        indices = (p if isinstance(p, Index) else axis for p in places for axis in _axes_of(p))
        self.axes = tuple(dict.fromkeys(indices))
        written = (_place_pattern(place, self.axes) for place in places)
        self.pattern = f"{name}[{','.join(written)}]"

    @property
    def plain(self) -> bool:
        """Whether it is the whole tensor, its axes perhaps renamed."""
        return all(isinstance(p, Index) for p in self.places) and len(self.axes) == len(self.places)


PlanPlace: TypeAlias = Index | int | Load


def _axes_of(place: PlanPlace) -> tuple[Index, ...]:
    if isinstance(place, Index):
        return (place,)
    return place.axes if isinstance(place, Load) else ()


def _place_pattern(place: PlanPlace, axes: Sequence[Index]) -> str:
    if isinstance(place, Index):
        return f"#{axes.index(place)}"
    return _numbered(place, axes) if isinstance(place, Load) else str(place)


class Map(Value):
    """An operation applied position by position.

    Operations are ``add``, ``neg``, ``mul``, ``div``, ``pow``, the names of the language's
    primitives, the relations, ``and``, ``select`` (condition, value, otherwise) and
    ``number`` (1 where a condition holds, 0 elsewhere).
    """

    def __init__(self, operation: str, arguments: Sequence[Value]) -> None:
        self.operation = operation
        self.children = tuple(arguments)
        self.host = all(argument.host for argument in arguments)
        self.axes = _joined(arguments)
        self.pattern = _pattern(operation, self.children, self.axes)

    def with_children(self, children: Sequence[Value]) -> Value:
        """The same operation on other values."""
        return Map(self.operation, children)

    @property
    def is_condition(self) -> bool:
        """Whether it is a relation, or several."""
        return self.operation in RELATIONS or self.operation == "and"


class Reduce(Value):
    """The ``sum`` or the ``max`` of a value over some of its axes."""

    def __init__(self, kind: str, argument: Value, over: Iterable[Index]) -> None:
        self.kind = kind
        gone = set(over)
        self.over = tuple(axis for axis in argument.axes if axis in gone)
        self.children = (argument,)
        self.axes = tuple(axis for axis in argument.axes if axis not in gone)
        order = (*self.axes, *self.over)
        self.pattern = _pattern(f"{kind}<{len(self.axes)}", self.children, order)

    @property
    def argument(self) -> Value:
        """What is reduced."""
        return self.children[0]

    def with_children(self, children: Sequence[Value]) -> Value:
        """The same reduction of another value."""
        return Reduce(self.kind, children[0], self.over)


class Contract(Value):
    """The sum over axes of the product of two values: a matrix product, an outer one, …"""

    def __init__(self, left: Value, right: Value, over: Iterable[Index]) -> None:
        joined = _joined((left, right))
        gone = set(over)
        self.over = tuple(axis for axis in joined if axis in gone)
        self.children = (left, right)
        self.axes = tuple(axis for axis in joined if axis not in gone)
        order = (*self.axes, *self.over)
        self.pattern = _pattern(f"contract<{len(self.axes)}", self.children, order)

    def with_children(self, children: Sequence[Value]) -> Value:
        """The same contraction of other values."""
        return Contract(children[0], children[1], self.over)


class Scatter(Value):
    """Rows added up at the positions that labels name: ``Σ_n [k = y[n]] value[n, …]``."""

    def __init__(self, value: Value, labels: Load, axis: Index) -> None:
        self.labels = labels
        self.axis = axis
        self.children = (value,)
        self.over = labels.axes
        kept = tuple(a for a in value.axes if a not in labels.axes)
        self.axes = (axis, *kept)
        order = (*self.axes, *self.over)
        self.pattern = (
            f"scatter {axis.size} {_numbered(labels, order)}{_pattern('', self.children, order)}"
        )

    def with_children(self, children: Sequence[Value]) -> Value:
        """The same scattering of another value."""
        return Scatter(children[0], self.labels, self.axis)


class Spread(Value):
    """A value repeated along axes it does not have."""

    def __init__(self, argument: Value, axes: Sequence[Index]) -> None:
        self.children = (argument,)
        self.axes = tuple(axes)
        extents = ",".join(str(axis.size) for axis in axes)
        self.pattern = _pattern(f"spread {extents}", self.children, self.axes)

    def with_children(self, children: Sequence[Value]) -> Value:
        """Another value repeated along the same axes."""
        return Spread(children[0], self.axes)


@dataclass(frozen=True)
class Assignment:
    """One line of the plan.

    Attributes
    ----------
    name
        The tensor that is assigned; for a shared value, a suggestion for its name.
    axes
        Its axes, in the order in which it is stored.
    value
        What it is assigned.
    origin
        What it is for: ``"gradient of W1"``.
    equation
        The equation it computes; None for a shared value.
    """

    name: str
    axes: tuple[Index, ...]
    value: Value
    origin: str
    equation: Equation | None = None


def walk(value: Value) -> Iterator[Value]:
    """A value and everything it is computed from."""
    yield value
    for child in value.children:
        yield from walk(child)
