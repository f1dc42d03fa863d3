"""Stores: tensors kept together with the elements outside their range that are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symbackprop.calculus.convert import from_sympy, to_index, to_place
from symbackprop.calculus.nodes import Access, Affine, Extent, Index, Node, Place, linear, whole
from symbackprop.calculus.normal import Poly
from symbackprop.calculus.ranges import surely_nonnegative
from symbackprop.calculus.rewrite import holds_at, instantiate
from symbackprop.compile.plan import Window, window
from symbackprop.errors import CompileError
from symbackprop.language import BaseCase, Equation, Group, size_of


@dataclass(frozen=True)
class Case:
    """A base case: what a tensor is at one place outside its range.

    Attributes
    ----------
    place
        Where, along the axis of its store.
    indices
        The indices of the other axes, in order.
    expression
        What the tensor is there.
    """

    place: Extent
    indices: tuple[Index, ...]
    expression: Poly


@dataclass(frozen=True)
class Store:
    """An array that holds a tensor, and beside it what is read outside its range.

    Attributes
    ----------
    tensor
        The tensor's name.
    axis, extent
        The axis along which it is longer, and the tensor's size there.
    before, after
        How many elements it has in front of the tensor's, and behind them.
    cases
        The base cases; other elements outside are 0.
    """

    tensor: str
    axis: int
    extent: sp.Expr
    before: Extent = 0
    after: Extent = 0
    cases: tuple[Case, ...] = ()

    @property
    def name(self) -> str:
        """The name of the whole array: the tensor's own where they are the same."""
        return self.tensor if self.before == 0 and self.after == 0 else f"{self.tensor}~"

    @property
    def length(self) -> sp.Expr:
        """The whole array's size along the axis."""
        return sp.sympify(whole(self.before + self.extent + self.after), strict=True)

    @property
    def has_zeros(self) -> bool:
        """Whether elements outside the range are not all base cases."""
        return whole(self.before + self.after - len(self.cases)) != 0

    def row(self, case: Case) -> Extent:
        """Where a base case stands in the array."""
        return whole(case.place + self.before)

    def case(self, places: Sequence[Place]) -> Poly | None:
        """What a base case says about an element, if its other places are surely in range."""
        at = places[self.axis]
        if not isinstance(at, int | Affine) or linear(at)[0]:
            return None
        for case in self.cases:
            if whole(linear(at)[1] - case.place) == 0:
                others = (*places[: self.axis], *places[self.axis + 1 :])
                definition = case.indices, case.expression
                return instantiate(definition, others) if holds_at(definition, others) else None
        return None

    def window(self, place: Index | Affine | int, sure: bool = False) -> Window:
        """Where a place along the tensor's axis is in the array."""
        steps, start = linear(place)
        return window(whole(start + self.before), steps, self.length, sure)


def stores_of(groups: Sequence[tuple[Group, Sequence[Poly]]]) -> dict[str, Store]:
    """How each tensor that recurs, or has base cases, is kept.

    Parameters
    ----------
    groups
        All equations, with their right sides in normal form.
    """
    stores: dict[str, Store] = {}
    for group, _ in groups:
        for equation in group.equations:
            axis = _axis(group, equation)
            if axis is not None:
                cases = tuple(_case(case) for case in equation.base)
                extent = size_of(equation.indices[axis])
                stores[equation.name] = Store(equation.name, axis, extent, cases=cases)
    reads: dict[str, list[int]] = {name: [] for name in stores}
    for _, exprs in groups:
        for access in (access for expr in exprs for access in _accesses(expr)):
            store = stores.get(access.name)
            shift = None if store is None else _shift(access.places[store.axis], store.extent)
            if shift is not None:
                reads[access.name].append(shift)
    return {name: _padded(store, reads[name]) for name, store in stores.items()}


def _axis(group: Group, equation: Equation) -> int | None:
    if group.recurrent:
        axes = {group.axes[equation.name], *(case.axis for case in equation.base)}
    else:
        axes = {case.axis for case in equation.base}
    if len(axes) > 1:
        raise CompileError(
            f"{equation.name!r} has base cases along another axis than it recurs along",
            where=str(equation),
            remedy="give base cases along one axis",
        )
    return next(iter(axes), None)


def _case(case: BaseCase) -> Case:
    place = to_place(case.position)
    assert isinstance(place, int | Affine)  # noqa: S101 (it is fixed)
    indices = tuple(to_index(idx) for idx in case.indices)
    return Case(linear(place)[1], indices, from_sympy(case.rhs))


def _accesses(node: Node) -> Iterator[Access]:
    if isinstance(node, Access):
        yield node
    for child in node.children:
        yield from _accesses(child)


def _shift(place: Place, extent: sp.Expr) -> int | None:
    """By how much a place is moved against an index that runs through the axis."""
    if not isinstance(place, Affine) or len(place.terms) != 1 or not isinstance(place.offset, int):
        return None
    ((index, step),) = place.terms
    return place.offset if step == 1 and index.size == extent else None


def _padded(store: Store, shifts: Sequence[int]) -> Store:
    """A store with room for its base cases and for what is read beside its range."""
    before: Extent = max((-shift for shift in shifts if shift < 0), default=0)
    after: Extent = max((shift for shift in shifts if shift > 0), default=0)
    for case in store.cases:
        if surely_nonnegative(whole(-1 - case.place)):
            before = _larger(before, whole(-case.place))
        else:
            after = _larger(after, whole(case.place - store.extent + 1))
    return replace(store, before=before, after=after)


def _larger(one: Extent, other: Extent) -> Extent:
    return (
        max(one, other) if isinstance(one, int) and isinstance(other, int) else sp.Max(one, other)
    )
