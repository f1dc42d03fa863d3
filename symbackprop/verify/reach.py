"""What depends on some elements of a tensor: which elements of which later tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import sympy as sp

from symbackprop.language import (
    BINDERS,
    Equation,
    Group,
    System,
    affine_form,
    element_name,
    elements,
    size_of,
)
from symbackprop.verify.evaluate import Position
from symbackprop.verify.exact import Sizes, extent_of

# For each axis on the left, the positions that are reached.
_Pattern = tuple[Collection[int], ...]


class Dependence:
    """Which elements the equations of a system read where.

    Parameters
    ----------
    system
        The equations.
    sizes
        What the symbolic sizes stand for.
    """

    def __init__(self, system: System, sizes: Sizes) -> None:
        self._groups = system.groups
        self._sizes = sizes
        self._reads: dict[str, list[_Read]] = {}

    def affected(
        self, name: str, positions: Iterable[Position]
    ) -> Iterator[tuple[Group, dict[str, set[Position]]]]:
        """Groups in order, with the positions at which they depend on some elements.

        More positions than necessary may be named, never fewer.
        """
        changed = {name: set(positions)}
        for group in self._groups:
            reached = self._reached(group, changed)
            if any(reached.values()):
                for other, places in reached.items():
                    changed[other] = changed.get(other, set()) | places
                yield group, reached

    def _reached(
        self, group: Group, changed: Mapping[str, set[Position]]
    ) -> dict[str, set[Position]]:
        reached: dict[str, set[Position]] = {equation.name: set() for equation in group.equations}
        news = {name: changed[name] for name in self._names(group) if name in changed}
        while news:
            found: dict[str, set[Position]] = {}
            for equation in group.equations:
                known = reached[equation.name]
                more = self._beside(equation, news) - known
                if more:
                    known |= more
                    found[equation.name] = more
            # Within a group, what is reached in one step reaches on in the next ones.
            news = found if group.recurrent else {}
        return reached

    def _names(self, group: Group) -> dict[str, None]:
        return dict.fromkeys(name for equation in group.equations for name in equation.used_names)

    def _beside(self, equation: Equation, changed: Mapping[str, set[Position]]) -> set[Position]:
        """The positions on the left whose right side reads a changed element."""
        reads = self._reads.get(equation.name)
        if reads is None:
            reads = self._reads[equation.name] = list(_reads(equation, self._sizes))
        patterns: dict[_Pattern, None] = {}
        for read in reads:
            for position in changed.get(read.name, ()):
                pattern = read.pattern(position)
                if pattern is not None:
                    patterns[pattern] = None
        return {place for pattern in patterns for place in product(*pattern)}


@dataclass(frozen=True)
class _Read:
    """One element that a right side mentions.

    Attributes
    ----------
    name
        Its tensor.
    left
        For each axis on the left, all its positions.
    limits
        For each axis of the element, what a position there says of one on the left.
    """

    name: str
    left: tuple[range, ...]
    limits: tuple[Callable[[int], tuple[int, range] | None] | None, ...]

    def pattern(self, position: Position) -> _Pattern | None:
        """The positions on the left that read an element; None if there is none."""
        found = list(self.left)
        for limit, at in zip(self.limits, position, strict=True):
            if limit is None:
                continue
            said = limit(at)
            if said is None:
                return None
            axis, places = said
            if axis >= 0:
                found[axis] = _common(found[axis], places)
        return tuple(found) if all(found) else None


def _common(left: range, right: range) -> range:
    return range(max(left.start, right.start), min(left.stop, right.stop))


def _reads(equation: Equation, sizes: Sizes) -> Iterator[_Read]:
    sides: list[tuple[Sequence[Any], sp.Expr]] = [(equation.indices, equation.rhs)]
    sides.extend((case.lhs.indices, case.rhs) for case in equation.base)
    for places, rhs in sides:
        bound = {limit[0] for s in rhs.atoms(*BINDERS) for limit in s.limits}
        left = tuple(_positions(place, sizes) for place in places)
        axes = {idx: axis for axis, idx in enumerate(places) if idx not in bound}
        for element in dict.fromkeys(elements(rhs)):
            read = element.indices if isinstance(element, sp.Indexed) else ()
            limits = tuple(_limit(place, axes, sizes) for place in read)
            yield _Read(element_name(element), left, limits)


def _positions(place: Any, sizes: Sizes) -> range:
    if isinstance(place, sp.Idx):
        return range(extent_of(size_of(place), sizes))
    fixed = extent_of(place, sizes)
    return range(fixed, fixed + 1)


def _limit(
    place: Any, axes: Mapping[sp.Idx, int], sizes: Sizes
) -> Callable[[int], tuple[int, range] | None] | None:
    """What an element's position on one axis says of the position on the left.

    A place ``c·i + rest`` with one index i of the left, whose rest lies between two
    numbers, is at a position for few i; -1 for the axis where there is no such index.
    """
    form = affine_form(place) if not isinstance(place, sp.Indexed) else None
    if form is None:
        return None
    steps = {idx: extent_of(step, sizes) for idx, step in form[0].items()}
    ends = [
        (0, step * (extent_of(size_of(idx), sizes) - 1))
        for idx, step in steps.items()
        if idx not in axes
    ]
    offset = extent_of(form[1], sizes)
    low, high = (offset + sum(choose(pair) for pair in ends) for choose in (min, max))
    free = [(axes[idx], step) for idx, step in steps.items() if idx in axes and step]
    if len(free) > 1:
        return None
    if not free:
        return lambda at: (-1, range(0)) if low <= at <= high else None
    ((axis, step),) = free
    if step < 0:
        return lambda at: (axis, range(-((at - low) // -step), (high - at) // -step + 1))
    return lambda at: (axis, range(-((high - at) // step), (at - low) // step + 1))
