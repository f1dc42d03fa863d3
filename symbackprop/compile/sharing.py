"""Sharing: what several lines compute is computed once, under a name of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from symbackprop.calculus.nodes import Index
from symbackprop.compile.build import unsigned
from symbackprop.compile.plan import (
    Assignment,
    Constant,
    Load,
    Map,
    Positions,
    Reduce,
    Size,
    Spread,
    Value,
    Window,
)

_LONGEST_NAME = 24
_SHIFTED = "shifted_"
_FUNCTION_NAMES = {"==": "mask", ">": "mask", ">=": "mask", "<": "mask", "<=": "mask"}


def shared(lines: Iterable[Assignment]) -> list[Assignment]:
    """The lines with every value that occurs more than once assigned before its first use.

    A shared value's line has no equation; its name says what it holds, and may still be
    taken.
    """
    given = list(lines)
    return list(_Sharing(given).run(given))


class _Sharing:
    def __init__(self, lines: list[Assignment]) -> None:
        self.uses: Counter[str] = Counter()
        for line in lines:
            self._count(line.value)
        #: By pattern: the name it is kept under, and its places among the pattern's axes.
        self.kept: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.taken = {line.name for line in lines} | set(_tensors(line.value for line in lines))

    def _count(self, value: Value) -> None:
        self.uses[value.pattern] += 1
        # What is never kept under a name computes its parts each time.
        if self.uses[value.pattern] == 1 or _is_trivial(value):
            for child in value.children:
                self._count(child)

    def run(self, lines: list[Assignment]) -> Iterator[Assignment]:
        for line in lines:
            before: list[Assignment] = []
            whole = self._replaced(line.value, line, before, is_line=True)
            yield from before
            yield replace(line, value=whole)
            self._keep(line.name, line.axes, line.value)

    def _keep(self, name: str, stored: tuple[Index, ...], value: Value) -> None:
        if not _is_trivial(value):
            places = tuple(value.axes.index(axis) for axis in stored)
            self.kept.setdefault(value.pattern, (name, places))

    def _replaced(
        self, value: Value, line: Assignment, before: list[Assignment], is_line: bool = False
    ) -> Value:
        if value.pattern in self.kept:
            name, places = self.kept[value.pattern]
            return Load(name, tuple(value.axes[place] for place in places), value.host)
        children = [self._replaced(child, line, before) for child in value.children]
        rebuilt = value.with_children(children) if children else value
        if is_line or self.uses[value.pattern] == 1 or _is_trivial(value):
            return rebuilt
        name = self._fresh(_description(value))
        before.append(Assignment(name, value.axes, rebuilt, line.origin))
        self._keep(name, value.axes, value)
        return Load(name, value.axes, value.host)

    def _fresh(self, name: str) -> str:
        number = 1
        candidate = name or "t1"
        while candidate in self.taken:
            number += 1
            candidate = f"{name}_{number}" if name else f"t{number}"
        self.taken.add(candidate)
        return candidate


def _tensors(values: Iterable[Value]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Load):
            yield value.name
        yield from _tensors(value.children)


def _is_trivial(value: Value) -> bool:
    """Whether naming it would save nothing."""
    if isinstance(value, Load):
        # A slice or another shape is a view.
        windows = [place for place in value.places if isinstance(place, Window)]
        is_view = all(w.is_slice or w.is_split for w in windows) and not value.gathers
        return value.plain or (bool(windows) and is_view)
    if isinstance(value, Constant | Size | Positions | Spread):
        return True
    if isinstance(value, Map):
        simple = value.host and value.operation in ("add", "mul", "div")
        parts = (unsigned(child) for child in value.children)
        return value.operation == "neg" or (simple and all(map(_is_trivial, parts)))
    return False


def _description(value: Value) -> str:
    """A name that says what a value is, or nothing where that would be long."""
    name = _described(value)
    return name if 0 < len(name) <= _LONGEST_NAME else ""


def _described(value: Value) -> str:
    if isinstance(value, Load):
        seen = any(isinstance(place, Window) for place in value.places)
        name = value.name.rstrip("~")
        return name if value.plain else f"{name}_windows" if seen else f"picked_{name}"
    if isinstance(value, Reduce):
        inner = _described(value.argument)
        return inner and (f"{inner}_max" if value.kind == "max" else f"sum_{inner}")
    if isinstance(value, Map) and value.children:
        return _described_map(value)
    return ""


def _described_map(value: Map) -> str:
    operation, first = value.operation, value.children[0]
    if operation in ("add", "neg"):
        return _difference(value) if operation == "add" else ""
    inner = _described(first)
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
