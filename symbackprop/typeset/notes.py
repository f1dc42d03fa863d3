"""Notes on notation: what the signs on a page mean, for the signs that are on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symbackprop.calculus import Backward
from symbackprop.calculus.convert import to_place
from symbackprop.calculus.nodes import Access
from symbackprop.calculus.ranges import surely_within
from symbackprop.language import (
    ArgMaxOver,
    Equation,
    bracket,
    free_indices,
    index_name,
    size_of,
)
from symbackprop.typeset.arrange import arrange
from symbackprop.typeset.equations import EquationWriter
from symbackprop.typeset.formula import Formula, Relation
from symbackprop.typeset.matrix import (
    Apply,
    Constant,
    Hadamard,
    Leaf,
    Mask,
    Matrix,
    OneHot,
    Ones,
    parts,
)
from symbackprop.typeset.matrix_formula import matrix_formula
from symbackprop.typeset.order import has
from symbackprop.typeset.page import Note, Reason, View
from symbackprop.typeset.slices import is_moving, positions

# The nodes whose signs need a word of explanation.
_SIGNS: Mapping[str, tuple[type, ...]] = {
    "note-entrywise": (Hadamard, Apply),
    "note-ones": (Ones,),
    "note-onehot": (OneHot,),
}

# In the order in which they stand on a page.
_ORDER = (
    *_SIGNS,
    "note-slice",
    "note-bracket",
    "note-first",
    "note-range",
    "note-outside",
    "note-column",
)


def notes(
    backward: Backward,
    writers: Mapping[View, EquationWriter],
    results: Sequence[Equation],
    others: Sequence[Equation],
) -> tuple[Note, ...]:
    """What a reader needs to be told, in reading order.

    Parameters
    ----------
    backward
        The derivation.
    writers
        What writes the equations, by notation.
    results, others
        The equations of a page of results, and the rest.
    """
    found: list[Note] = []
    for view, writer in writers.items():
        for equations, result in ((results, True), ((*results, *others), False)):
            for reason in _Signs(backward, writer, equations).reasons():
                same = [note for note in found if note.reason == reason]
                found = [note for note in found if note not in same]
                views = frozenset({view}.union(*(note.views for note in same)))
                found.append(Note(reason, views, result or any(n.result for n in same)))
    return tuple(sorted(found, key=lambda note: _ORDER.index(note.reason.rule)))


@dataclass(frozen=True)
class _Signs:
    """The signs of some equations in one notation."""

    backward: Backward
    writer: EquationWriter
    equations: Sequence[Equation]

    def reasons(self) -> Iterator[Reason]:
        forms = [self._matrix(equation) for equation in self.equations]
        nodes = [node for form in forms if form is not None for node in parts(form)]
        written = [e for e, form in zip(self.equations, forms, strict=True) if form is None]
        for key, kinds in _SIGNS.items():
            found = [node for node in nodes if isinstance(node, kinds)]
            if found:
                yield Reason(key, (matrix_formula(found[0], self.writer.context),))
        parted = [node for node in nodes if isinstance(node, Leaf) and node.at]
        if parted:
            yield Reason("note-slice", (self._plainest(parted),))
        if any(map(_is_mask, nodes)) or any(
            has(e.rhs, bracket, sp.KroneckerDelta) for e in written
        ):
            yield Reason("note-bracket")
        if any(has(equation.rhs, ArgMaxOver) for equation in self.equations):
            yield Reason("note-first")
        yield from self._places(written)
        if any(isinstance(node, Leaf | OneHot) and node.flipped for node in nodes):
            yield Reason("note-column")

    def _matrix(self, equation: Equation) -> Matrix | None:
        """What an equation's right side is on this page, if it is a matrix expression."""
        found = self.writer.form(equation) if self.writer.notation == "matrix" else None
        return found.right if found else None

    def _plainest(self, parted: Iterable[Leaf]) -> Formula:
        """A slice that serves as an example: x_t rather than ∂L/∂h_{t+1}."""

        def strangeness(leaf: Leaf) -> tuple[bool, bool, bool]:
            places = [place for _, place in leaf.at]
            return (
                bool(self.backward.tensors[leaf.name].adjoint_of),
                not any(free_indices(place) for place in places),
                any(map(is_moving, places)),
            )

        return matrix_formula(min(parted, key=strangeness), self.writer.context)

    def _places(self, written: Sequence[Equation]) -> Iterator[Reason]:
        """Where positions may lie that are no plain indices; those `written` show indices."""
        given = {idx for tensor in self.backward.system.given for idx in tensor.indices}
        moving = [p for e in written for p in self._moving(e)]
        unknown = {idx: None for place, _ in moving for idx in sorted(free_indices(place), key=str)}
        context = self.writer.context
        ends = [
            Relation(arrange(idx, context), "<", arrange(size_of(idx), context))
            for idx in unknown
            if idx not in given and "'" not in index_name(idx)
        ]
        if ends:
            yield Reason("note-range", tuple(ends))
        if any(_may_leave(*position) for e in self.equations for position in self._moving(e)):
            yield Reason("note-outside")

    def _moving(self, equation: Equation) -> list[tuple[sp.Expr, sp.Expr]]:
        """Positions that move otherwise than an index does, each with the size of its axis."""
        found = positions(equation, self.backward.tensors)
        return [(p, extent) for p, extent in found if is_moving(p)]


def _is_mask(node: Matrix) -> bool:
    """Whether an Iverson bracket is written for a node."""
    if isinstance(node, Constant):
        return bool(node.value.has(bracket, sp.KroneckerDelta))
    return isinstance(node, Mask)


def _may_leave(place: sp.Expr, extent: sp.Expr) -> bool:
    """Whether a position may lie outside an axis of this size."""
    found = to_place(place)
    return not isinstance(found, Access) and not surely_within(found, extent)
