"""Sharing: what several lines compute is computed once, under a name of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from symbackprop.calculus.nodes import Index
from symbackprop.compile.build import is_trivial, storage_order
from symbackprop.compile.plan import (
    Assignment,
    Constant,
    Line,
    Load,
    Loop,
    Map,
    Put,
    Reduce,
    Value,
    Window,
)

_LONGEST_NAME = 24
_SHIFTED = "shifted_"
_FUNCTION_NAMES = {"==": "mask", ">": "mask", ">=": "mask", "<": "mask", "<=": "mask"}


class Names:
    """Hands out names for values that no equation names.

    Parameters
    ----------
    taken
        The names that are there already.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def of(self, value: Value, purpose: str = "") -> str:
        """A name that says what the value is, where that is short, or else what it is for."""
        return self.free(_description(value) or purpose)

    def free(self, name: str) -> str:
        """The wish, or one like it that is free; a letter with a number for none."""
        number = 1
        candidate = name or "t1"
        while candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}" if name else f"t{number}"
        self._taken.add(candidate)
        return candidate


def shared(lines: Iterable[Line], names: Names) -> list[Line]:
    """The lines with every value that occurs more than once assigned before its first use.

    A shared value's line has no equation; its name says what it holds. What is computed
    inside a loop is shared inside it alone.
    """
    given = list(lines)
    return list(_Sharing(given, names).run(given))


class _Sharing:
    def __init__(self, lines: list[Line], names: Names) -> None:
        self.names = names
        self.uses: Counter[str] = Counter()
        for line in lines:
            if isinstance(line, Assignment):
                self._count(line.value)
        #: By pattern: the name it is kept under, and its places among the pattern's axes.
        self.kept: dict[str, tuple[str, tuple[int, ...]]] = {}

    def _count(self, value: Value) -> None:
        self.uses[value.pattern] += 1
        # What is never kept under a name computes its parts each time.
        if self.uses[value.pattern] == 1 or is_trivial(value):
            for child in value.children:
                self._count(child)

    def run(self, lines: list[Line]) -> Iterator[Line]:
        for line in lines:
            if isinstance(line, Loop):
                inside = shared(line.lines, self.names)
                yield replace(line, lines=tuple(i for i in inside if isinstance(i, Assignment)))
                continue
            before: list[Assignment] = []
            whole = self._replaced(line.value, line, before, is_line=True)
            yield from before
            yield replace(line, value=whole)
            self._keep(line.name, line.axes, line.value)

    def _keep(self, name: str, stored: tuple[Index, ...], value: Value) -> None:
        # A value that is repeated along an axis of its line cannot be read back without it.
        if not is_trivial(value) and set(stored) <= set(value.axes):
            places = tuple(value.axes.index(axis) for axis in stored)
            self.kept.setdefault(value.pattern, (name, places))

    def _replaced(
        self, value: Value, line: Assignment, before: list[Assignment], is_line: bool = False
    ) -> Value:
        if value.pattern in self.kept:
            name, places = self.kept[value.pattern]
            return Load(name, tuple(value.axes[place] for place in places), value.host)
        children = [self._replaced(child, line, before) for child in value.children]
        if isinstance(value, Put):
            children = [self._named(value, children[0], line, before)]
        rebuilt = value.with_children(children) if children else value
        if is_line or self.uses[value.pattern] == 1 or is_trivial(value):
            return rebuilt
        name = self.names.of(value)
        axes = storage_order(value, line.axes)
        before.append(Assignment(name, axes, rebuilt, line.origin))
        self._keep(name, axes, value)
        return Load(name, axes, value.host)

    def _named(
        self, put: Put, argument: Value, line: Assignment, before: list[Assignment]
    ) -> Value:
        """What is added up at windows, under a name of its own: it takes a line to say."""
        targets = dict(put.targets)
        windows = targets.values()
        if isinstance(argument, Load) or all(len(w.steps) == 1 or w.is_split for w in windows):
            return argument
        moved = (targets[axis].axes if axis in targets else (axis,) for axis in line.axes)
        order = (*chain.from_iterable(moved), *argument.axes)
        axes = tuple(dict.fromkeys(axis for axis in order if axis in argument.axes))
        name = self.names.free(f"{line.name}_windows")
        before.append(Assignment(name, axes, argument, line.origin))
        return Load(name, axes)


def _description(value: Value) -> str:
    """A name that says what a value is, or nothing where that would be long."""
    name = _described(value)
    return name if 0 < len(name) <= _LONGEST_NAME else ""


def _described(value: Value) -> str:
    if isinstance(value, Load):
        windows = [place for place in value.places if isinstance(place, Window)]
        name = value.name.rstrip("~")
        if windows:
            return f"{name}_{'part' if all(w.is_slice for w in windows) else 'windows'}"
        return name if value.plain else f"picked_{name}"
    if isinstance(value, Reduce):
        inner = _described(value.argument)
        return inner and (f"sum_{inner}" if value.kind == "sum" else f"{inner}_{value.kind}")
    if isinstance(value, Map) and value.children:
        return _described_map(value)
    return ""


def _described_map(value: Map) -> str:
    operation, first = value.operation, value.children[0]
    if operation in ("and", "not"):
        return "mask"
    if operation in ("add", "neg"):
        return _difference(value) if operation == "add" else ""
    inner = _described(first)
    if operation == "number":
        return inner or "mask"
    if not inner or operation in ("mul", "div", "select", "and"):
        return ""
    if operation == "pow":
        squared = isinstance(value.children[1], Constant) and value.children[1].value == 2
        return f"{inner}_squared" if squared else ""
    return f"{_FUNCTION_NAMES.get(operation, operation)}_{inner.removeprefix(_SHIFTED)}"


def _difference(value: Map) -> str:
    """``a - y`` is called a_minus_y, and ``z - z_max`` shifted_z."""
    if len(value.children) != 2:
        return ""
    first, second = value.children
    if not isinstance(second, Map) or second.operation != "neg":
        return ""
    left, right = _described(first), _described(second.children[0])
    if right == f"{left}_max":
        return f"{_SHIFTED}{left}"
    return f"{left}_minus_{right}" if left and right else ""
