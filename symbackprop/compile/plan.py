"""The plan: what is to be computed, in terms no backend owns.

A plan is a list of assignments; each assigns one tensor the value of an expression over
named axes. Axes have no positions here: a writer decides about transposes.

Every value knows its `pattern`, its structure with the axes numbered by first occurrence.
Values of one pattern are the same up to the letters of their axes, so they are computed
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

import sympy as sp

from symbackprop.calculus.nodes import Affine, Extent, Index, whole
from symbackprop.calculus.ranges import surely_within
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


@dataclass(frozen=True)
class Window:
    """Places ``start + Σ step·index`` along an axis; what lies outside the axis is 0.

    Attributes
    ----------
    start
        The place where all indices are 0.
    steps
        Each index with its step, the longest step first.
    extent
        The size of the axis.
    sure
        Whether it is known to lie within the axis for a reason that sizes do not tell.
    """

    start: Extent
    steps: tuple[tuple[Index, Extent], ...]
    extent: sp.Expr
    sure: bool = False

    @property
    def axes(self) -> tuple[Index, ...]:
        """The indices it moves with."""
        return tuple(index for index, _ in self.steps)

    @cached_property
    def within(self) -> bool:
        """Whether it lies within the axis, whatever the sizes are."""
        return self.sure or surely_within(Affine(dict(self.steps), self.start), self.extent)

    @cached_property
    def is_split(self) -> bool:
        """Whether it runs through the axis once and in order: ``c·H·W + y·W + z``."""
        length: Extent = 1
        for index, step in reversed(self.steps):
            if whole(step - length) != 0:
                return False
            length = whole(length * index.size)
        return bool(self.steps) and self.start == 0 and whole(length - self.extent) == 0

    @property
    def is_slice(self) -> bool:
        """Whether Python can say it between brackets: ``T - 1``, ``H:2 * H``, ``1::2``."""
        if not self.within or len(self.steps) > 1:
            return False
        return all(isinstance(step, int) and step > 0 for _, step in self.steps)

    def pattern(self, axes: Sequence[Index]) -> str:
        """Its structure, its indices numbered by their place among axes."""
        moving = (f"{step}*#{axes.index(index)}:{index.size}" for index, step in self.steps)
        return f"<{'+'.join(moving)}+{self.start} of {self.extent}>"


def window(
    start: Extent, steps: Mapping[Index, Extent], extent: sp.Expr, sure: bool = False
) -> Window:
    """A window, its steps in order."""
    return Window(start, tuple(_descending(steps)), extent, sure)


def _descending(steps: Mapping[Index, Extent]) -> Iterator[tuple[Index, Extent]]:
    """Longest first; steps that are sizes are compared by what one index spans: 1, W, H·W."""
    left = dict(steps)
    ordered: list[tuple[Index, Extent]] = []
    length: Extent = 1
    while found := next((i for i in left if whole(left[i] - length) == 0), None):
        ordered.insert(0, (found, left.pop(found)))
        length = whole(length * found.size)
    symbolic = [(i, step) for i, step in left.items() if not isinstance(step, int)]
    numbers = [(i, step) for i, step in left.items() if isinstance(step, int)]
    yield from symbolic
    yield from sorted(numbers, key=lambda item: -abs(item[1]))
    yield from ordered


class Load(Value):
    """A tensor's elements at places: indices, whole numbers, windows, or labels (a gather)."""

    def __init__(self, name: str, places: tuple[PlanPlace, ...] = (), host: bool = False) -> None:
        self.name = name
        self.places = places
        self.host = host
        indices = (axis for place in places for axis in axes_of(place))
        self.axes = tuple(dict.fromkeys(indices))
        written = (_place_pattern(place, self.axes) for place in places)
        self.pattern = f"{name}[{','.join(written)}]"

    @property
    def plain(self) -> bool:
        """Whether it is the whole tensor, its axes perhaps renamed."""
        return all(isinstance(p, Index) for p in self.places) and len(self.axes) == len(self.places)

    @property
    def gathers(self) -> bool:
        """Whether labels say where to read."""
        return any(isinstance(place, Load) for place in self.places)


PlanPlace: TypeAlias = Index | int | Window | Load


def axes_of(place: PlanPlace) -> tuple[Index, ...]:
    """The indices a place moves with."""
    if isinstance(place, Index):
        return (place,)
    return () if isinstance(place, int) else place.axes


def _place_pattern(place: PlanPlace, axes: Sequence[Index]) -> str:
    if isinstance(place, Index):
        return f"#{axes.index(place)}"
    if isinstance(place, Window):
        return place.pattern(axes)
    return _numbered(place, axes) if isinstance(place, Load) else str(place)


class Places(Value):
    """The places of a window as whole numbers, to compare with others."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.axes = window.axes
        self.pattern = f"places {window.pattern(self.axes)}"


class Map(Value):
    """An operation applied position by position.

    Operations are ``add``, ``neg``, ``mul``, ``div``, ``pow``, the names of the language's
    primitives, the relations, ``and``, ``not``, ``select`` (condition, value, otherwise) and
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
        return self.operation in (*RELATIONS, "and", "not")


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


class First(Reduce):
    """The first place of a value's maximum over axes, a whole number; the last runs fastest."""

    def __init__(self, argument: Value, over: Iterable[Index]) -> None:
        super().__init__("argmax", argument, over)
        self.over = tuple(over)  # their order counts
        order = (*self.axes, *self.over)
        self.pattern = _pattern(f"argmax<{len(self.axes)}", self.children, order)

    def with_children(self, children: Sequence[Value]) -> Value:
        """The same search in another value."""
        return First(children[0], self.over)


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


class Put(Value):
    """Values put at places along new axes, added up where they meet.

    ``Σ_{p,u} [h = 2·p + u - 1] value[p, u]``: the opposite of reading through windows.

    Attributes
    ----------
    targets
        The new axes, each with the window that says where values go.
    """

    def __init__(self, value: Value, targets: Sequence[tuple[Index, Window]]) -> None:
        self.targets = tuple(targets)
        self.children = (value,)
        self.over = tuple(axis for _, window in self.targets for axis in window.axes)
        kept = tuple(axis for axis in value.axes if axis not in self.over)
        self.axes = (*kept, *(axis for axis, _ in self.targets))
        order = (*self.axes, *self.over)
        written = (f"{order.index(axis)}{w.pattern(order)}" for axis, w in self.targets)
        self.pattern = _pattern(f"put {','.join(written)}", self.children, order)

    @property
    def argument(self) -> Value:
        """What is put."""
        return self.children[0]

    def with_children(self, children: Sequence[Value]) -> Value:
        """Another value at the same places."""
        return Put(children[0], self.targets)


class Join(Value):
    """Values side by side along an axis, each along an axis of its own before."""

    def __init__(self, values: Sequence[Value], own: Sequence[Index], axis: Index) -> None:
        self.children = tuple(values)
        self.own = tuple(own)
        self.axis = axis
        kept = (a for v, o in zip(values, own, strict=True) for a in v.axes if a != o)
        self.axes = (*dict.fromkeys(kept), axis)
        order = (*self.axes, *self.own)
        numbers = ",".join(f"{order.index(o)}:{o.size}" for o in own)
        self.pattern = _pattern(f"join {axis.size} {numbers}", self.children, order)

    def with_children(self, children: Sequence[Value]) -> Value:
        """Other values side by side."""
        return Join(children, self.own, self.axis)


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


@dataclass(frozen=True)
class Array:
    """Where a loop keeps one of its tensors, with elements outside its range beside it.

    Attributes
    ----------
    tensor, name
        The tensor, and the whole array; the same if there is nothing beside it.
    axes
        The tensor's axes; the loop runs along one of them.
    place
        Which of them that is.
    before, length
        Where the tensor begins along it, and how long the whole array is.
    rows
        What stands at places outside the tensor: the place, the axes, the value.
    zeros
        Whether other places outside the tensor are read as 0.
    """

    tensor: str
    name: str
    axes: tuple[Index, ...]
    place: int
    before: Extent
    length: sp.Expr
    rows: tuple[tuple[Extent, tuple[Index, ...], Value], ...] = ()
    zeros: bool = False


@dataclass(frozen=True)
class Loop:
    """Equations computed together, step by step along one axis.

    Attributes
    ----------
    index, counter
        The index they run along, and the symbol of its value in one step.
    backwards
        Whether the last step comes first.
    arrays
        Where the tensors are kept.
    lines
        What is computed in one step.
    origin
        What it is for.
    """

    index: Index
    counter: sp.Symbol
    backwards: bool
    arrays: tuple[Array, ...]
    lines: tuple[Assignment, ...]
    origin: str


Line: TypeAlias = Assignment | Loop


def walk(value: Value) -> Iterator[Value]:
    """A value and everything it is computed from."""
    yield value
    for child in value.children:
        yield from walk(child)
