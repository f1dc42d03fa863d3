"""Repeated blocks: where a network does the same again with other letters, a page shows it once.

Equations are compared by their structure: each tensor by how far back it is made or first
read, each index by the order in which it is met. Only blocks whose equations all agree are
folded, those of the backward pass by their own equations, since the last block's may differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import sympy as sp

from symbackprop.calculus import Backward
from symbackprop.language import Equation, System, Tensor, element_name, size_of
from symbackprop.typeset.arrange import symbol_formula
from symbackprop.typeset.order import Context
from symbackprop.typeset.page import Entry, Fold, Given, Row, Section

Item = TypeVar("Item", Given, Row)

_FEWEST = 3  # blocks that are worth folding
_LETTERS = 3  # for how many letters a fold says what they become


@dataclass(frozen=True)
class Blocks:
    """Consecutive runs of forward equations that repeat each other.

    Attributes
    ----------
    start
        The place of the first block's first equation.
    period
        How many equations a block has.
    count
        How many blocks there are.
    """

    start: int
    period: int
    count: int

    def number(self, place: int) -> int | None:
        """The block an equation's place lies in, from 1; None outside all."""
        block, _ = divmod(place - self.start, self.period)
        return block + 1 if 0 <= block < self.count else None


class Folder:
    """Folds the blocks of one derivation.

    Parameters
    ----------
    backward
        The derivation.
    context
        How letters are written.
    """

    def __init__(self, backward: Backward, context: Context) -> None:
        self._backward = backward
        self._context = context
        self._places = _places(backward.system)
        equations = backward.system.equations
        self._keys = {e.name: self._key(e, place) for place, e in enumerate(equations)}
        self.blocks = _repeated([self._keys[e.name] for e in equations], equations)

    def fold(self, section: Section, equations: Mapping[str, Equation]) -> Section:
        """A section with its repeated blocks folded.

        Parameters
        ----------
        section
            Entries, none of them folded yet.
        equations
            Theirs, by name.
        """
        if self.blocks is None:
            return section
        parts = [
            (number, tuple(entries))
            for number, entries in groupby(section.all_entries(), key=self._block_of)
        ]
        keys = [self._block_key(entries, equations) for _, entries in parts]
        shown: list[Entry | Fold] = []
        place = 0
        while place < len(parts):
            number, entries = parts[place]
            shown += entries
            end = place + 1
            while number and end < len(parts) and parts[end][0] and keys[end] == keys[place]:
                end += 1
            if end - place >= _FEWEST:
                shown.append(self._folded(parts[place:end]))
                place = end
            else:
                place += 1
        return Section(section.heading, tuple(shown))

    def hide(self, items: Iterable[Item], forward: Section) -> Iterator[Item | Fold]:
        """What is said of tensors or equations one by one, without those of folded blocks.

        Parameters
        ----------
        items
            Rows of a table, each about one tensor, in order.
        forward
            The forward equations, folded.
        """
        folds = [entry for entry in forward.entries if isinstance(entry, Fold)]
        said: set[int] = set()
        for item in items:
            name = item.name if isinstance(item, Given) else item.forward.subject
            number = self._number(name)
            fold = next((f for f in folds if number and f.first <= number <= f.last), None)
            if fold is None:
                yield item
            elif fold.first not in said:
                said.add(fold.first)
                yield fold

    def _number(self, name: str) -> int | None:
        return self.blocks.number(self._places.get(name, -1)) if self.blocks else None

    def _block_of(self, entry: Entry) -> int | None:
        return self._number(entry.subject)

    def _block_key(self, entries: Sequence[Entry], equations: Mapping[str, Equation]) -> Any:
        period = self.blocks.period if self.blocks else 0
        found = []
        for entry in entries:
            if entry.name not in self._keys:
                place = self._places.get(entry.subject, 0)
                self._keys[entry.name] = self._key(equations[entry.name], place)
            found.append(self._keys[entry.name].seen(period))
        return found

    def _folded(self, parts: Sequence[tuple[int | None, tuple[Entry, ...]]]) -> Fold:
        (like, model), (first, begin), (last, end) = parts[0], parts[1], parts[-1]
        named = list(zip(model, begin, end, strict=True))
        letters = [tuple(map(self._letter, entries)) for entries in named[:_LETTERS]]
        hidden = tuple(entry for _, entries in parts[1:] for entry in entries)
        return Fold(
            first or 0, last or 0, like or 0, tuple((a, b, c) for a, b, c in letters), hidden
        )

    def _letter(self, entry: Entry) -> Any:
        return symbol_formula(self._tensor(entry.name), self._context)

    def _tensor(self, name: str) -> Tensor:
        return self._backward.tensors[name]

    def _key(self, equation: Equation, place: int) -> _Key:
        return _Reader(self._backward.tensors, self._places, place).key(equation)


def _places(system: System) -> dict[str, int]:
    """For each forward tensor, the place of the equation that makes it or first reads it."""
    places: dict[str, int] = {}
    for place, equation in enumerate(system.equations):
        for name in sorted(equation.used_names):
            places.setdefault(name, place)
    made = {equation.name: place for place, equation in enumerate(system.equations)}
    return places | made


@dataclass(frozen=True)
class _Key:
    """An equation's structure, and the tensors in it with how far away they are."""

    skeleton: str
    names: tuple[tuple[str, int], ...]

    def seen(self, period: int) -> Any:
        """What must agree: tensors near by their distance, those far off by their name."""
        near = 2 * period
        return self.skeleton, [far if abs(far) <= near else name for name, far in self.names]


class _Reader:
    """Reads one equation's structure."""

    def __init__(self, tensors: Mapping[str, Tensor], places: Mapping[str, int], own: int) -> None:
        self._tensors = tensors
        self._places = places
        self._own = own
        self._names: list[tuple[str, int]] = []
        self._indices: dict[sp.Idx, int] = {}

    def key(self, equation: Equation) -> _Key:
        cases = [part for case in equation.base for part in (case.lhs, case.rhs)]
        parts = [self._written(expr) for expr in (equation.lhs, equation.rhs, *cases)]
        return _Key(" = ".join(parts), tuple(self._names))

    def _written(self, expr: Any) -> str:
        """The expression with numbers for indices; its tensors are noted in passing."""
        if isinstance(expr, sp.Idx):
            number = self._indices.setdefault(expr, len(self._indices))
            return f"{number}:{size_of(expr)}"
        if isinstance(expr, sp.Indexed | sp.Symbol) and element_name(expr) in self._tensors:
            name = element_name(expr)
            self._names.append((name, self._distance(name)))
            places = expr.indices if isinstance(expr, sp.Indexed) else ()
            return f"{self._kind(name)}[{','.join(map(self._written, places))}]"
        args = list(getattr(expr, "args", ()))
        if not args:
            return str(expr)
        if isinstance(expr, sp.Add | sp.Mul):
            args.sort(key=self._place)
        return f"{type(expr).__name__}({','.join(map(self._written, args))})"

    def _kind(self, name: str) -> str:
        tensor = self._tensors[name]
        return f"{tensor.role}{'′' if tensor.adjoint_of else ''}"

    def _distance(self, name: str) -> int:
        primal = self._tensors[name].adjoint_of or name
        return self._places.get(primal, 0) - self._own

    def _place(self, expr: Any) -> Any:
        """An order of terms and factors that does not depend on their letters."""
        names = [element_name(e) for e in sp.preorder_traversal(expr) if isinstance(e, sp.Indexed)]
        known = [name for name in names if name in self._tensors]
        return (
            type(expr).__name__,
            [(self._kind(name), self._distance(name)) for name in known],
            [type(node).__name__ for node in sp.preorder_traversal(expr)],
        )


def _repeated(keys: Sequence[_Key], equations: Sequence[Equation]) -> Blocks | None:
    """The blocks that cover the most equations; of these the shortest ones."""
    best: tuple[int, int, Blocks] | None = None
    for period in range(1, len(keys) // _FEWEST + 1):
        seen = [key.seen(period) for key in keys]
        same = [one == other for one, other in zip(seen, seen[period:], strict=False)]
        for start, length in _runs(same):
            if length < (_FEWEST - 1) * period:
                continue
            blocks = _aligned(start, length + period, period, equations)
            rank = (blocks.count * period, -period)
            if best is None or rank > best[:2]:
                best = (*rank, blocks)
    return best[2] if best else None


def _runs(same: Iterable[bool]) -> list[tuple[int, int]]:
    """Where runs of what is true begin, and how long they are."""
    found, place = [], 0
    for value, run in groupby(same):
        length = len(list(run))
        if value:
            found.append((place, length))
        place += length
    return found


def _aligned(start: int, length: int, period: int, equations: Sequence[Equation]) -> Blocks:
    """Blocks in a stretch of equations that begin where the layers' numbers change."""

    def mixture(shift: int) -> tuple[int, int]:
        names = [e.name for e in equations[start + shift : start + shift + period]]
        return len({_layer(name) for name in names}), shift

    fits = range(min(period, length - _FEWEST * period + 1))
    shift = min(fits, key=mixture)
    return Blocks(start + shift, period, (length - shift) // period)


def _layer(name: str) -> str:
    """A name's trailing digits."""
    return name[len(name.rstrip("0123456789")) :]
