"""The order in which equations are computed, and those that are computed step by step.

An equation may use its own tensor at earlier positions of one axis (``h[t-1]``), or
several may use each other's (an LSTM's gates, c and h). Such a group has one axis it
runs along: at each position, its equations are computed in an order of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import sympy as sp

from symbackprop.errors import EquationError
from symbackprop.language.equations import Equation, element_name, elements
from symbackprop.language.indices import size_of
from symbackprop.language.positions import is_fixed, is_outside, shift

_Graph = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Group:
    """One equation, or several that recur together.

    Attributes
    ----------
    equations
        In the order they are computed in at each step.
    axes
        By tensor name, the axis along which it recurs; empty for a plain equation.
    direction
        0 for a plain equation; 1 if earlier positions are read (``t-1``), so that the
        first position is computed first; -1 if later ones are (``t+1``).
    reach
        By tensor name, how many positions away the group reads it at most; 0 if it
        reads it at the same position only, or not at all.
    """

    equations: tuple[Equation, ...]
    axes: Mapping[str, int] = field(default_factory=dict)
    direction: int = 0
    reach: Mapping[str, int] = field(default_factory=dict)

    @property
    def recurrent(self) -> bool:
        """Whether the equations refer to themselves."""
        return self.direction != 0

    def index(self, equation: Equation) -> sp.Idx:
        """The index that one of the group's equations runs along."""
        return equation.indices[self.axes[equation.name]]


def grouped(equations: Iterable[Equation]) -> tuple[Group, ...]:
    """The equations in an order of computation, those that recur together as one group.

    Equations that could come at the same time stay in the order given.

    Raises
    ------
    EquationError
        If equations define each other in a circle that is no recurrence along one axis.
    """
    table = {equation.name: equation for equation in equations}
    graph = {
        name: [used for used in equation.used_names if used in table]
        for name, equation in table.items()
    }
    try:
        return tuple(Group((table[name],)) for name in _stable_order(graph))
    except CycleError:
        pass
    parts = _circles(graph)
    part_of = {name: part[0] for part in parts for name in part}
    members = {part[0]: part for part in parts}
    between = {
        first: [part_of[used] for name in part for used in graph[name] if used not in part]
        for first, part in members.items()
    }
    ordered = (members[first] for first in _stable_order(between))
    return tuple(_group([table[name] for name in part], graph) for part in ordered)


def _group(equations: Sequence[Equation], graph: _Graph) -> Group:
    """The group of equations that depend on each other, or of one equation."""
    names = [equation.name for equation in equations]
    if len(names) == 1 and names[0] not in graph[names[0]]:
        return Group((equations[0],))
    if any(set(names) & _base_names(equation) for equation in equations):
        raise _circle(equations, graph)
    links = list(_links(equations))
    # Of several axes that would do, those that the base cases are given along.
    runs = sorted(_runs(equations, links), key=lambda run: _cases_beside(equations, run[0]))
    circle: _Graph = graph
    for axes, offsets in runs:
        now: dict[str, list[str]] = {name: [] for name in names}
        reach = dict.fromkeys(names, 0)
        for link, offset in zip(links, offsets, strict=True):
            reach[link.used] = max(reach[link.used], abs(offset))
            if offset == 0:
                now[link.user.name].append(link.used)
        table = {equation.name: equation for equation in equations}
        try:
            order = tuple(table[name] for name in _stable_order(now))
        except CycleError:
            circle = now
            continue
        return Group(order, axes, -1 if max(offsets, default=0) > 0 else 1, reach)
    raise _circle(equations, circle)


def _cases_beside(equations: Sequence[Equation], axes: Mapping[str, int]) -> int:
    """How many base cases are given along other axes."""
    return sum(case.axis != axes[e.name] for e in equations for case in e.base)


def _base_names(equation: Equation) -> set[str]:
    return {element_name(e) for case in equation.base for e in elements(case.rhs)}


# --- one axis for each tensor of a group --------------------------------------------


@dataclass(frozen=True)
class _Link:
    """An equation that uses an element of a tensor of its group."""

    user: Equation
    used: str
    places: tuple[sp.Expr, ...]

    def offset(self, axes: Mapping[str, int]) -> int | None:
        """By how much the element is away along the group's axis; None if it is not that."""
        idx = self.user.indices[axes[self.user.name]]
        return shift(self.places[axes[self.used]], idx)


def _links(equations: Sequence[Equation]) -> Iterator[_Link]:
    table = {equation.name: equation for equation in equations}
    for equation in equations:
        for element in dict.fromkeys(elements(equation.rhs)):
            used = element_name(element)
            if used not in table:
                continue
            places = tuple(element.indices) if isinstance(element, sp.Indexed) else ()
            if not _is_beside(places, table[used]):
                yield _Link(equation, used, places)


def _is_beside(places: Sequence[sp.Expr], equation: Equation) -> bool:
    """Whether an element is outside its tensor: a base case, or 0."""
    return any(
        is_fixed(place) and is_outside(place, size_of(idx))
        for place, idx in zip(places, equation.indices, strict=True)
    )


def _runs(
    equations: Sequence[Equation], links: Sequence[_Link]
) -> Iterator[tuple[dict[str, int], list[int]]]:
    """The axes for each tensor along which all links go one way, and how far each goes."""
    for axes in _choices(equations, links, {}):
        extents = {size_of(e.indices[axes[e.name]]) for e in equations}
        offsets = [offset for link in links if (offset := link.offset(axes)) is not None]
        one_way = all(o <= 0 for o in offsets) or all(o >= 0 for o in offsets)
        if len(offsets) == len(links) and len(extents) == 1 and one_way and any(offsets):
            yield axes, offsets


def _choices(
    equations: Sequence[Equation], links: Sequence[_Link], axes: dict[str, int]
) -> Iterator[dict[str, int]]:
    """The ways to give each tensor an axis such that every link is along it."""
    waiting = [equation for equation in equations if equation.name not in axes]
    if not waiting:
        yield axes
        return
    # A tensor that is linked to one with an axis has hardly a choice left.
    beside = {n for k in links for n in (k.user.name, k.used) if {k.user.name, k.used} & set(axes)}
    equation = next((e for e in waiting if e.name in beside), waiting[0])
    for axis in range(len(equation.indices)):
        chosen = {**axes, equation.name: axis}
        known = [link for link in links if {link.user.name, link.used} <= set(chosen)]
        if all(link.offset(chosen) is not None for link in known):
            yield from _choices(equations, links, chosen)


# --- order and circles --------------------------------------------------------------


def _stable_order(graph: _Graph) -> Iterator[str]:
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    position = {name: place for place, name in enumerate(graph)}
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        yield from ready
        sorter.done(*ready)


def _circles(graph: _Graph) -> list[list[str]]:
    """The names that lead to each other and back, in the order of the graph; others alone."""
    users: dict[str, list[str]] = {name: [] for name in graph}
    for name, used in graph.items():
        for other in used:
            users[other].append(name)
    found: set[str] = set()
    parts = []
    for name in reversed(_finished(graph)):
        if name not in found:
            part = _reached(users, name, found)
            found |= part
            parts.append([other for other in graph if other in part])
    place = {name: n for n, name in enumerate(graph)}
    return sorted(parts, key=lambda part: place[part[0]])


def _finished(graph: _Graph) -> list[str]:
    """The names in the order in which a walk, depth first, is done with them."""
    seen: set[str] = set()
    done: list[str] = []
    for start in graph:
        stack = [] if start in seen else [(start, iter(graph[start]))]
        seen.add(start)
        while stack:
            name, rest = stack[-1]
            following = next((other for other in rest if other not in seen), None)
            if following is None:
                done.append(name)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(graph[following])))
    return done


def _reached(graph: _Graph, start: str, without: set[str]) -> set[str]:
    part = {start}
    waiting = [start]
    while waiting:
        for other in graph[waiting.pop()]:
            if other not in part and other not in without:
                part.add(other)
                waiting.append(other)
    return part


def _circle(equations: Sequence[Equation], graph: _Graph) -> EquationError:
    """The error that names one circle among the equations."""
    table = {equation.name: equation for equation in equations}
    inside = {name: [used for used in graph[name] if used in table] for name in table}
    try:
        TopologicalSorter(inside).prepare()
        cycle = [*table, next(iter(table))]
    except CycleError as error:
        cycle = error.args[1]
    return EquationError(
        f"the equations define each other in a circle: {' → '.join(reversed(cycle))}",
        where=str(table[cycle[0]]),
        remedy="break the circle: an equation may use what is computed before it, "
        "and a recurrence what lies on one side along one axis, such as h[t-1, n, d]",
    )
