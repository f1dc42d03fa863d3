"""Loops: recurring equations computed step by step, and what need not be, before.

The equations of a group are lowered with their common index as an axis like any other.
Then each value is seen at one step: what the group does not change is computed before
the loop, for all steps at once, and read at the step's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import TypeAlias

import sympy as sp

from symbackprop.calculus.nodes import Index, whole
from symbackprop.compile.build import is_trivial, storage_order
from symbackprop.compile.contraction import nominal
from symbackprop.compile.plan import (
    Assignment,
    Line,
    Load,
    Loop,
    Map,
    Places,
    PlanPlace,
    Positions,
    Put,
    Scatter,
    Size,
    Spread,
    Value,
    Window,
    axes_of,
    walk,
    window,
)
from symbackprop.errors import CompileError

#: Gives a name for a value: one that says what it is, or else that what it is for.
Naming: TypeAlias = Callable[[Value, str], str]
#: By pattern, the name a value is kept under, and its places among the pattern's axes.
Kept: TypeAlias = dict[str, tuple[str, tuple[int, ...]]]


class Stepping:
    """Turns the lines of a loop into what one step computes.

    Parameters
    ----------
    loop
        Its lines still have the loop's index as an axis.
    name
        Gives a new name for a value that is computed before the loop.
    kept
        What earlier loops had computed before them; this one's is added.
    """

    def __init__(self, loop: Loop, name: Naming, kept: Kept) -> None:
        self._loop = loop
        self._name = name
        self._kept = kept
        self._arrays = {n: array for array in loop.arrays for n in (array.tensor, array.name)}
        #: The most elements that a value computed before the loop may have.
        self._most = 0
        #: The line that is being looked at.
        self._line = loop.lines[0]
        #: What is computed before the loop.
        self.before: list[Assignment] = []

    def run(self) -> Loop:
        """The loop with every line as it is at one step."""
        lines: list[Assignment] = []
        for line in self._loop.lines:
            self._line = line
            self._most = _elements(line.axes)
            axes = tuple(axis for axis in line.axes if axis != self._loop.index)
            lines.append(replace(line, axes=axes, value=self._step(line.value)))
        return replace(self._loop, lines=tuple(lines))

    def _recurs(self, value: Value) -> bool:
        return any(isinstance(v, Load) and v.name in self._arrays for v in walk(value))

    def _moves(self, value: Value) -> bool:
        return self._loop.index in value.axes

    def _step(self, value: Value) -> Value:
        if isinstance(value, Load):
            return self._load(value)
        if not self._recurs(value):
            if not self._moves(value) and (value.host or is_trivial(value)):
                return value
            if not value.is_condition and self._is_worth_it(value):
                return self._computed_before(value)
        return self._at_step(value)

    def _is_worth_it(self, value: Value) -> bool:
        """Whether it is made of arrays, and not too large for all steps at once."""
        made_of_arrays = any(isinstance(inner, Load) for inner in walk(value))
        fits = not self._moves(value) or _elements(value.axes) <= self._most
        return made_of_arrays and fits and not is_trivial(value)

    def _at_step(self, value: Value) -> Value:
        """A value rebuilt of its parts at one step."""
        index, counter = self._loop.index, self._loop.counter
        match value:
            case Positions() if value.axis == index:
                return Size(counter)
            case Places() if self._moves(value):
                steps = dict(value.window.steps)
                start = whole(value.window.start + steps.pop(index) * counter)
                left = window(start, steps, value.window.extent)
                return Places(left) if steps else Size(sp.sympify(start, strict=True))
            case Spread():
                (argument,) = (self._step(child) for child in value.children)
                axes = tuple(axis for axis in value.axes if axis != index)
                return argument if set(argument.axes) == set(axes) else Spread(argument, axes)
            case Scatter() | Put() if self._moves(value) and self._is_spread_along(value):
                raise CompileError(
                    f"what is added up along {index.hint} depends on earlier steps",
                    remedy="write that sum as an equation of its own, after the recurrence",
                )
            case Scatter():
                labels = self._place(value.labels)
                assert isinstance(labels, Load)  # noqa: S101 (a label stays one)
                return Scatter(self._step(value.children[0]), labels, value.axis)
            case Map() if value.operation in ("add", "mul"):
                value = self._with_joint_part(value)
        children = [self._step(child) for child in value.children]
        return value.with_children(children) if children else value

    def _is_spread_along(self, value: Scatter | Put) -> bool:
        if isinstance(value, Scatter):
            return value.axis == self._loop.index
        return self._loop.index in dict(value.targets)

    def _with_joint_part(self, value: Map) -> Map:
        """All summands, or factors, that do not recur as one."""
        alone = [c for c in value.children if not c.host and not self._recurs(c)]
        joint = Map(value.operation, alone) if len(alone) > 1 else None
        if joint is None or len(alone) == len(value.children) or not self._moves(joint):
            return value
        if _elements(joint.axes) > self._most:
            return value
        rest = [child for child in value.children if child not in alone]
        return Map(value.operation, [joint, *rest])

    def _computed_before(self, value: Value) -> Load:
        if value.pattern not in self._kept:
            axes = storage_order(value, self._line.axes)
            name = self._name(value, f"for_{self._line.name}")
            self._kept[value.pattern] = name, tuple(value.axes.index(axis) for axis in axes)
            self.before.append(Assignment(name, axes, value, self._loop.origin))
        name, places = self._kept[value.pattern]
        loaded = self._load(Load(name, tuple(value.axes[place] for place in places)))
        assert isinstance(loaded, Load)  # noqa: S101 (its places are plain)
        return loaded

    # --- elements -------------------------------------------------------------------

    def _load(self, value: Load) -> Value:
        array = self._arrays.get(value.name)
        if array is not None:
            at = value.places[array.place]
            if isinstance(at, Index):
                at = window(array.before, {at: 1}, array.length)
            moved = [self._place(place) for place in value.places]
            moved[array.place] = self._place(at, sure=True)
            return Load(array.name, tuple(moved))
        if not self._moves(value):
            return value
        moving = [place for place in value.places if self._loop.index in axes_of(place)]
        if len(moving) == 1 and _is_along(moving[0]):
            return Load(value.name, tuple(map(self._place, value.places)), value.host)
        return self._computed_before(value)

    def _place(self, place: PlanPlace, sure: bool = False) -> PlanPlace:
        """A place at one step; it is sure where the group's own arrays hold all that is read."""
        index, counter = self._loop.index, self._loop.counter
        if place == index:
            return Window(counter, (), index.size, sure=True)
        if isinstance(place, Load):
            label = self._load(place)
            assert isinstance(label, Load)  # noqa: S101 (a label is one at every step)
            return label
        if isinstance(place, Window) and index in place.axes:
            steps = dict(place.steps)
            start = whole(place.start + steps.pop(index) * counter)
            return window(start, steps, place.extent, sure=not steps and (sure or place.within))
        return place


def _is_along(place: PlanPlace) -> bool:
    """Whether a place goes along with the loop, always inside the axis."""
    if isinstance(place, Index):
        return True
    return isinstance(place, Window) and place.within and len(place.steps) == 1


def _elements(axes: Sequence[Index]) -> int:
    return prod(nominal(axis.size) for axis in axes)


def stepped(lines: Sequence[Line], name: Naming) -> Iterator[Line]:
    """The lines with each loop as one step of it, after what is computed before.

    Parameters
    ----------
    lines
        Lines of a plan.
    name
        Gives a new name for a value.
    """
    kept: Kept = {}
    for line in lines:
        if isinstance(line, Loop):
            stepping = Stepping(line, name, kept)
            loop = stepping.run()
            yield from stepping.before
            yield loop
        else:
            yield line
