"""Writing what reads and puts: elements, slices, windows, gathers, values side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import sympy as sp

from symbackprop.calculus.nodes import Extent, Index
from symbackprop.compile.backend import Backend
from symbackprop.compile.code import (
    ATOM,
    PRODUCT,
    SUM,
    Axes,
    Code,
    Requirements,
    ordered,
)
from symbackprop.compile.code import size_code as written_size
from symbackprop.compile.identifiers import Namespace
from symbackprop.compile.plan import Join, Load, Places, PlanPlace, Positions, Put, Value, Window


class Reading(ABC):
    """The part of a writer that has to do with places.

    Parameters
    ----------
    backend
        Whose spellings to use.
    names
        From tensors and sizes to identifiers.
    like
        The identifier of an array argument, for what must be on its device.
    """

    def __init__(self, backend: Backend, names: Namespace, like: str) -> None:
        self._backend = backend
        self._names = names
        self._like = like
        self.requirements = Requirements()
        #: The variables of loops, by the symbols that stand for them in places.
        self.counters: dict[sp.Symbol, str] = {}

    @abstractmethod
    def _write(self, value: Value, want: Axes) -> Code:
        """A value, with its axes in the wanted order where that costs nothing."""

    def size(self, extent: Extent) -> str:
        """A size or a place, as a Python expression that holds together as an atom."""
        return self.size_code(extent).at(ATOM)

    def size_code(self, extent: Extent) -> Code:
        """The same, with how tightly it holds together."""
        return written_size(sp.sympify(extent, strict=True), self._symbol)

    def _symbol(self, symbol: sp.Symbol) -> str:
        if symbol in self.counters:
            return self.counters[symbol]
        self.requirements.sizes[symbol] = None
        return self._names.name(symbol, str(symbol))

    def _sizes(self, extents: Sequence[Extent]) -> str:
        written = [self.size_code(extent).text for extent in extents]
        return f"({', '.join(written)}{',' if len(written) == 1 else ''})"

    def _shape(self, axes: Axes) -> str:
        return self._sizes([axis.size for axis in axes])

    # --- elements -------------------------------------------------------------------

    def _load(self, value: Load, want: Axes) -> Code:
        name = self._names.name(value.name)
        if value.plain:
            return Code(name, axes=value.axes)
        places = value.places
        if any(isinstance(place, Window) for place in places):
            name, places = self._through_windows(name, places)
        selecting = [place for place in places if isinstance(place, Load)]
        slices = [place for place in places if isinstance(place, Index)]
        apart = len(set(slices)) == len(slices)
        if apart and len(places) == len(slices):
            return Code(name, axes=tuple(slices))
        alone = apart and len(places) == len(slices) + 1
        if alone and not any(set(p.axes) & set(slices) for p in selecting):
            return self._slice(name, places)
        axes = ordered(value.axes, want)
        written = [self._place(place, axes) for place in places]
        return Code(f"{name}[{', '.join(written)}]", axes=axes)

    def _slice(self, name: str, places: Sequence[PlanPlace]) -> Code:
        """One place is selected, all other axes are whole: ``W[:, y]``."""
        parts: list[str] = []
        axes: list[Index] = []
        for place in places:
            if isinstance(place, Index):
                parts.append(":")
                axes.append(place)
            elif isinstance(place, Load):
                code = self._load(place, ())
                parts.append(code.text)
                axes.extend(code.axes)
            else:
                parts.append(str(place))
        return Code(_indexed(name, parts), axes=tuple(axes))

    def _place(self, place: PlanPlace, axes: Axes) -> str:
        if isinstance(place, int):
            return str(place)
        chosen = Positions(place, whole=True) if isinstance(place, Index) else place
        assert isinstance(chosen, Value)  # noqa: S101 (windows have been read through)
        return self._aligned(self._write(chosen, axes), axes).text

    # --- windows --------------------------------------------------------------------

    def _through_windows(
        self, name: str, places: Sequence[PlanPlace]
    ) -> tuple[str, tuple[PlanPlace, ...]]:
        """An array read through its windows, and the places that are left."""
        marks: list[str] = []
        left: list[PlanPlace] = []
        for place in places:
            if isinstance(place, int):
                marks.append(str(place))
            elif isinstance(place, Window) and place.is_slice:
                marks.append(self._mark(place))
                left.extend(place.axes)
            else:
                marks.append(":")
                left.append(place)
        name = _indexed(name, marks)
        windows = [place for place in left if isinstance(place, Window)]
        axes = tuple(axis for p in left for axis in (p.axes if isinstance(p, Window) else (p,)))
        if not windows:
            return name, axes
        if all(place.is_split for place in windows):
            extents = [
                self.size(p.size) if isinstance(p, Index) else f"{name}.shape[{axis}]"
                for axis, place in enumerate(left)
                for p in (place.axes if isinstance(place, Window) else (place,))
            ]
            return f"{name}.reshape({', '.join(extents)})", axes
        entries = [self._entry(p) if isinstance(p, Window) else "None" for p in left]
        while entries[-1] == "None":
            entries.pop()
        self.requirements.helpers[self._backend.window] = None
        return f"_window({', '.join([name, *entries])})", axes

    def _mark(self, window: Window) -> str:
        """A window as Python's slice, or as one place."""
        if not window.steps:
            return self.size_code(window.start).text
        ((index, step),) = window.steps
        assert isinstance(step, int)  # noqa: S101 (else it is no slice)
        stop = sp.expand(window.start + step * (index.size - 1) + 1)
        first = "" if window.start == 0 else self.size_code(window.start).text
        last = "" if stop == window.extent else self.size_code(stop).text
        return f"{first}:{last}" if step == 1 else f"{first}:{last}:{step}"

    def _entry(self, window: Window) -> str:
        """A window as the helper takes it: ``(start, (step, count), …)``."""
        steps = (self._sizes([step, index.size]) for index, step in window.steps)
        written = [self.size_code(window.start).text, *steps]
        return f"({', '.join(written)}{',' if len(written) == 1 else ''})"

    def _places(self, value: Places, want: Axes) -> Code:
        """``2 * np.arange(P)[:, None] + np.arange(U) - 1``."""
        window = value.window
        axes = ordered(value.axes, want)
        text = ""
        for index, step in window.steps:
            code = Code(
                self._backend.positions(self.size_code(index.size).text, True, self._like),
                axes=(index,),
            )
            minus = isinstance(step, int) and step < 0
            times = "" if step in (1, -1) else f"{self.size(-step if minus else step)} * "
            sign = ("-" if minus else "") if not text else (" - " if minus else " + ")
            text += f"{sign}{times}{self._aligned(code, axes).text}"
        if window.start != 0:
            minus = bool(sp.sympify(window.start, strict=True).could_extract_minus_sign())
            offset = self.size_code(-window.start if minus else window.start)
            text += f" {'-' if minus else '+'} {offset.at(PRODUCT)}"
        return Code(text, SUM, axes)

    # --- putting --------------------------------------------------------------------

    def _put(self, value: Put, want: Axes) -> Code:
        axes = ordered(value.axes, want)
        targets = dict(value.targets)
        inner = tuple(
            a for axis in axes for a in (targets[axis].axes if axis in targets else (axis,))
        )
        argument = self._exactly(value.argument, inner)
        merged = [axis for axis in axes if axis in targets]
        if all(targets[axis].is_split for axis in merged):
            if all(len(targets[axis].steps) == 1 for axis in merged):
                return replace(argument, axes=axes)
            folded = next(axis for axis in merged if len(targets[axis].steps) > 1)
            extents = ["-1" if axis == folded else self.size(axis.size) for axis in axes]
            return Code(f"{argument.at(ATOM)}.reshape({', '.join(extents)})", axes=axes)
        entries = [
            self._sizes([axis.size, targets[axis].start, *(s for _, s in targets[axis].steps)])
            if axis in targets
            else "None"
            for axis in axes
        ]
        self.requirements.helpers[self._backend.put] = None
        self.requirements.modules.add("itertools")
        parts = (argument.text, *entries)
        return Code(f"_put({', '.join(parts)})", axes=axes, call=("_put", *parts))

    def _join(self, value: Join, want: Axes) -> Code:
        axes = ordered(value.axes, want)
        parts = [
            self._exactly(child, tuple(own if axis == value.axis else axis for axis in axes)).text
            for child, own in zip(value.children, value.own, strict=True)
        ]
        text = self._backend.joined(f"[{', '.join(parts)}]", axes.index(value.axis))
        function, axis = text.partition("(")[0], text.rpartition(", ")[2].removesuffix(")")
        return Code(text, axes=axes, call=(function, f"[{', '.join(parts)}]", axis))

    # --- order ----------------------------------------------------------------------

    def _exactly(self, value: Value, axes: Axes) -> Code:
        return self._aligned(self._write(value, axes), axes)

    def _aligned(self, code: Code, axes: Axes) -> Code:
        """The expression, so that it broadcasts against an array with these axes."""
        order = tuple(axis for axis in axes if axis in code.axes)
        if order != code.axes:
            places = [code.axes.index(axis) for axis in order]
            code = Code(self._backend.transposition(code.at(ATOM), places), axes=order)
        if not order:
            return code
        tail = axes[axes.index(order[0]) :]
        if tail == order:
            return code
        marks = ", ".join(":" if axis in order else "None" for axis in tail)
        return Code(f"{code.at(ATOM)}[{marks}]", axes=tail)


def _indexed(name: str, marks: Sequence[str]) -> str:
    kept = list(marks)
    while kept and kept[-1] == ":":
        kept.pop()
    return f"{name}[{', '.join(kept)}]" if kept else name
