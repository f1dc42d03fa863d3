"""A derivation as the parts of a page: what is given, forward, backward, gradients.

`Page` holds formulas and keys of `words`, no markup; `derivation` writes it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import sympy as sp

from symbackprop.calculus import Backward, Step
from symbackprop.calculus.convert import to_place
from symbackprop.calculus.nodes import Access
from symbackprop.calculus.ranges import surely_within
from symbackprop.errors import OptionError
from symbackprop.language import (
    Domain,
    Equation,
    Tensor,
    bracket,
    element_name,
    elements,
    free_indices,
    index_name,
    size_of,
)
from symbackprop.typeset.arrange import arrange, element_formula
from symbackprop.typeset.equations import BaseLine, EquationWriter, Notation
from symbackprop.typeset.formula import Element, Formula, Group, Relation, Total
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
from symbackprop.typeset.matrix_form import Convention
from symbackprop.typeset.matrix_formula import matrix_formula
from symbackprop.typeset.names import tensor_glyph
from symbackprop.typeset.order import Context
from symbackprop.typeset.slices import is_moving, page_slices, positions

Detail: TypeAlias = Literal["none", "key", "all"]
DETAILS = ("none", "key", "all")

# The nodes whose signs need a word of explanation.
_SIGNS: Mapping[str, tuple[type, ...]] = {
    "note-entrywise": (Hadamard, Apply),
    "note-ones": (Ones,),
    "note-onehot": (OneHot,),
}


@dataclass(frozen=True)
class Reason:
    """A rule's name, and what it used."""

    rule: str
    used: tuple[Formula | str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One equality; `left` is empty where it goes on from the line above.

    `base` are the base cases of the tensor on the left.
    """

    left: tuple[Formula, ...]
    right: Formula
    reason: Reason | None = None
    base: tuple[BaseLine, ...] = ()


@dataclass(frozen=True)
class Given:
    """A tensor that must be fed: its letter, its shape, its role.

    `last` is the greatest value of a label, None for real numbers.
    """

    letter: Formula
    indexed: Formula
    shape: tuple[Formula, ...]
    role: str
    last: Formula | None = None


@dataclass(frozen=True)
class Section:
    """A heading, by its key in `words`, and paragraphs of lines."""

    heading: str
    paragraphs: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True)
class Page:
    """A whole derivation."""

    given: tuple[Given, ...]
    sections: tuple[Section, ...]
    notes: tuple[Reason, ...]


class PageWriter:
    """Lays out a derivation.

    Parameters
    ----------
    backward
        The derivation.
    notation, convention
        How equations are written; see `equations.latex_equation`.
    """

    def __init__(
        self, backward: Backward, notation: Notation = "index", convention: Convention = "row"
    ) -> None:
        self._backward = backward
        self.objective = backward.of
        slices = page_slices(backward.system)
        self.equations = EquationWriter(
            backward.tensors, notation, convention, self.objective, slices
        )

    def page(self, detail: Detail) -> Page:
        """The page: gradients alone, one line an equation, or every step.

        Raises
        ------
        OptionError
            On another level of detail.
        """
        if detail not in DETAILS:
            raise OptionError(
                f"{detail!r} is not a level of detail", remedy=f"use one of {', '.join(DETAILS)}"
            )
        if detail == "none":
            given: tuple[Given, ...] = ()
            sections = [self._equations("gradients", [*self.mentioned(), *self._gradients])]
        else:
            given = tuple(self.given(tensor) for tensor in self._backward.system.given)
            sections = [self._equations("forward", self._backward.system.equations)]
            sections += self._steps() if detail == "all" else self._results()
        shown = [s for s in sections if s.paragraphs]
        return Page(given, tuple(shown), tuple(self._notes(detail)))

    # --- parts ----------------------------------------------------------------------

    @property
    def _gradients(self) -> list[Equation]:
        return list(self._backward.gradients.values())

    def mentioned(self) -> list[Equation]:
        """The adjoint equations that the gradients use, directly or through others."""
        adjoints = {equation.name: equation for equation in self._backward.adjoints.values()}
        own = {equation.name for equation in self._gradients}
        found: set[str] = set()
        waiting = self._gradients
        while waiting:
            names = {element_name(e) for e in elements(waiting.pop().rhs)} & adjoints.keys()
            waiting += [adjoints[name] for name in sorted(names - found)]
            found |= names
        return [equation for name, equation in adjoints.items() if name in found - own]

    def given(self, tensor: Tensor) -> Given:
        """What is said of a tensor that must be fed."""
        context = self._context(tensor.element)
        last = None if tensor.classes is None else arrange(tensor.classes - 1, context)
        return Given(
            Element(tensor_glyph(tensor)),
            element_formula(tensor.element, context),
            self._shape(tensor, context),
            "label" if tensor.domain is Domain.LABEL else str(tensor.role),
            last,
        )

    def _shape(self, tensor: Tensor, context: Context) -> tuple[Formula, ...]:
        """The sizes of a tensor's axes; sums among several in parentheses."""
        sizes = tuple(arrange(extent, context) for extent in tensor.shape)
        if len(sizes) == 1:
            return sizes
        return tuple(Group(size) if isinstance(size, Total) else size for size in sizes)

    def _context(self, lhs: sp.Expr) -> Context:
        places = lhs.indices if isinstance(lhs, sp.Indexed) else ()
        return self.equations.context.binding(places)

    def _equations(self, heading: str, equations: Iterable[Equation]) -> Section:
        lines = tuple(self.line(equation) for equation in equations)
        return Section(heading, (lines,) if lines else ())

    def line(self, equation: Equation) -> Line:
        """An equation in the notation of this page."""
        *left, right = self.equations.sides(equation)
        return Line(tuple(left), right, base=self.equations.base(equation))

    def _results(self) -> list[Section]:
        own = {equation.name for equation in self._gradients}
        adjoints = [e for e in self._backward.adjoints.values() if e.name not in own]
        return [
            self._equations("backward", adjoints),
            self._equations("gradients", self._gradients),
        ]

    # --- steps ----------------------------------------------------------------------

    def _steps(self) -> list[Section]:
        """Every rule application, target by target: adjoints, then gradients."""
        by_target: dict[str, list[Step]] = {}
        for step in self._backward.steps:
            by_target.setdefault(step.target, []).append(step)
        wanted = self._backward.gradients.keys()
        paragraphs = {name: self._derivation(name, steps) for name, steps in by_target.items()}
        return [
            Section("backward", tuple(p for n, p in paragraphs.items() if n not in wanted)),
            Section("gradients", tuple(p for n, p in paragraphs.items() if n in wanted)),
        ]

    def _derivation(self, target: str, steps: list[Step]) -> tuple[Line, ...]:
        """One adjoint, line by line. A rule that changes nothing a reader sees is left out."""
        context = self._context(steps[0].lhs)
        left: tuple[Formula, ...] = self.equations.left(steps[0].lhs)
        seen = left[-1]
        lines: list[Line] = []
        for step in steps:
            after = arrange(step.after, context)
            if after not in (seen, *left):
                lines.append(Line(() if lines else left, after, self.reason(step)))
                seen = after
        return (*lines, *self._as_matrices(target))

    def _as_matrices(self, target: str) -> Iterator[Line]:
        backward = self._backward
        equation = backward.gradients.get(target) or backward.adjoints.get(target)
        if equation is not None and self._matrix(equation) is not None:
            line = self.line(equation)
            yield Line(line.left[-1:], line.right, Reason("matrix-form"))

    def _matrix(self, equation: Equation) -> Matrix | None:
        """What an equation's right side is on this page, if it is a matrix expression."""
        found = self.equations.form(equation) if self.equations.notation == "matrix" else None
        return found.right if found else None

    def formulas(self, step: Step) -> tuple[Formula, Formula, Formula]:
        """A step's left side, what its rule met and what it left."""
        context = self._context(step.lhs)
        return (
            element_formula(step.lhs, context),
            arrange(step.before, context),
            arrange(step.after, context),
        )

    def reason(self, step: Step) -> Reason:
        """Why a step holds."""
        return Reason(step.rule, tuple(self._used(name) for name in step.used))

    def _used(self, name: str) -> Formula | str:
        tensor = self._backward.tensors.get(name)
        if tensor is not None:
            return Element(tensor_glyph(tensor))
        for fact in self._backward.system.facts:
            if str(fact) == name:
                left, right = (arrange(e, self.equations.context) for e in (fact.left, fact.right))
                return Relation(left, "=", right)
        return name

    # --- notes ----------------------------------------------------------------------

    def _notes(self, detail: Detail) -> Iterator[Reason]:
        """What the signs on the page mean, for the signs that are on it."""
        equations = [*self.mentioned(), *self._gradients]
        if detail != "none":
            equations += [*self._backward.system.equations, *self._backward.adjoints.values()]
        forms = [self._matrix(equation) for equation in equations]
        nodes = [node for form in forms if form is not None for node in parts(form)]
        written = [e for e, form in zip(equations, forms, strict=True) if form is None]
        for key, kinds in _SIGNS.items():
            found = [node for node in nodes if isinstance(node, kinds)]
            if found:
                yield Reason(key, (matrix_formula(found[0], self.equations.context),))
        parted = [node for node in nodes if isinstance(node, Leaf) and node.at]
        if parted:
            yield Reason("note-slice", (self._plainest(parted),))
        if any(map(_is_mask, nodes)) or any(e.rhs.has(bracket, sp.KroneckerDelta) for e in written):
            yield Reason("note-bracket")
        yield from self._places(equations, written)
        if any(isinstance(node, Leaf | OneHot) and node.flipped for node in nodes):
            yield Reason("note-column")

    def _plainest(self, parted: list[Leaf]) -> Formula:
        """A slice that serves as an example: x_t rather than ∂L/∂h_{t+1}."""
        adjoint = {leaf: bool(self._backward.tensors[leaf.name].adjoint_of) for leaf in parted}
        moved = {leaf: any(is_moving(place) for _, place in leaf.at) for leaf in parted}
        fixed = {leaf: not any(free_indices(place) for _, place in leaf.at) for leaf in parted}
        chosen = min(parted, key=lambda leaf: (adjoint[leaf], fixed[leaf], moved[leaf]))
        return matrix_formula(chosen, self.equations.context)

    def _places(self, shown: list[Equation], written: list[Equation]) -> Iterator[Reason]:
        """Where positions may lie that are no plain indices; those `written` show indices."""
        given = {idx for tensor in self._backward.system.given for idx in tensor.indices}
        moving = [p for e in written for p in self._moving(e)]
        unknown = {idx: None for place, _ in moving for idx in sorted(free_indices(place), key=str)}
        context = self.equations.context
        ends = [
            Relation(arrange(idx, context), "<", arrange(size_of(idx), context))
            for idx in unknown
            if idx not in given and "'" not in index_name(idx)
        ]
        if ends:
            yield Reason("note-range", tuple(ends))
        if any(_may_leave(*position) for e in shown for position in self._moving(e)):
            yield Reason("note-outside")

    def _moving(self, equation: Equation) -> list[tuple[sp.Expr, sp.Expr]]:
        """Positions that move otherwise than an index does, each with the size of its axis."""
        found = positions(equation, self._backward.tensors)
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
