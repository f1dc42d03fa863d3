"""From a derivation to its page: which equations stand on it, how written, in which order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import sympy as sp

from symbackprop.calculus import Backward, Step
from symbackprop.language import Domain, Equation, Tensor, element_name, elements
from symbackprop.typeset.arrange import arrange, element_formula, symbol_formula
from symbackprop.typeset.costs import cost_formula, multiplications
from symbackprop.typeset.equations import EquationWriter, Notation
from symbackprop.typeset.folds import Folder
from symbackprop.typeset.formula import Formula, Group, Relation, Total
from symbackprop.typeset.graph import graph_of
from symbackprop.typeset.matrix_form import Convention
from symbackprop.typeset.names import Glyph
from symbackprop.typeset.notes import notes
from symbackprop.typeset.numbers import Worked
from symbackprop.typeset.order import Context
from symbackprop.typeset.page import (
    Checked,
    Entry,
    Equality,
    Fold,
    Given,
    Move,
    Page,
    Reason,
    Row,
    Section,
    Title,
    View,
)
from symbackprop.typeset.slices import page_slices


def view_of(notation: Notation, convention: Convention) -> View:
    """The notation of a page."""
    return "index" if notation == "index" else convention


class Composer:
    """Lays out a derivation.

    Parameters
    ----------
    backward
        The derivation.
    views
        The notations that equations are written in; index notation is always among them.
    names
        By name, the symbols that are shown otherwise than their names say.
    """

    def __init__(
        self,
        backward: Backward,
        views: Iterable[View] = ("index",),
        names: Mapping[str, Glyph] | None = None,
    ) -> None:
        self.backward = backward
        self._names = names
        slices = page_slices(backward.system)
        self.writers: dict[View, EquationWriter] = {
            view: EquationWriter(
                backward.tensors,
                "index" if view == "index" else "matrix",
                "column" if view == "column" else "row",
                backward.of,
                slices,
                names=names,
            )
            for view in dict.fromkeys(("index", *views))
        }
        self.views = tuple(dict.fromkeys(views))
        self.context = self.writers["index"].context

    def page(
        self,
        title: Title = "",
        *,
        folded: bool = True,
        checked: Checked | None = None,
        numbers: Worked | None = None,
    ) -> Page:
        """The whole page, at its greatest level of detail.

        Parameters
        ----------
        title
            What is differentiated, in the user's words.
        folded
            Whether blocks that repeat another one are folded.
        checked
            What was done to check the equalities.
        numbers
            What came out when numbers were put through.
        """
        backward = self.backward
        results = self._needed()
        forward, adjoints, gradients = self._sections({e.name for e in results})
        given = tuple(map(self.given, backward.system.given))
        summary = tuple(self._summary(forward, adjoints, gradients))
        told: tuple[tuple[Given | Fold, ...], tuple[Row | Fold, ...]] = given, summary
        if folded:
            equations = {e.name: e for e in self._equations()}
            folder = Folder(backward, self.context)
            forward, adjoints, gradients = (
                folder.fold(section, equations) for section in (forward, adjoints, gradients)
            )
            told = tuple(folder.hide(given, forward)), tuple(folder.hide(summary, forward))
        others = [e for e in self._equations() if e not in results]
        return Page(
            title,
            symbol_formula(backward.tensors[backward.of], self.context),
            self.views,
            told[0],
            forward,
            adjoints,
            gradients,
            told[1],
            notes(backward, {v: self.writers[v] for v in self.views}, results, others),
            graph_of(backward, self._names),
            checked,
            numbers,
        )

    # --- equations ------------------------------------------------------------------

    def _equations(self) -> list[Equation]:
        """Every equation on the page."""
        backward = self.backward
        derived = {e.name: e for e in (*backward.adjoints.values(), *backward.gradients.values())}
        return [*backward.system.equations, *derived.values()]

    def _needed(self) -> list[Equation]:
        """The gradients, before them the adjoints they use, directly or through others."""
        gradients = list(self.backward.gradients.values())
        own = {equation.name for equation in gradients}
        adjoints = {equation.name: equation for equation in self.backward.adjoints.values()}
        found: set[str] = set()
        waiting = list(gradients)
        while waiting:
            names = {element_name(e) for e in elements(waiting.pop().rhs)} & adjoints.keys()
            waiting += [adjoints[name] for name in sorted(names - found)]
            found |= names
        return [*(e for name, e in adjoints.items() if name in found - own), *gradients]

    def _sections(self, needed: Collection[str]) -> tuple[Section, Section, Section]:
        """Forward equations, adjoints of what is computed, gradients asked for."""
        backward, moves = self.backward, self._moves()
        forward = (self._entry(e, e.name) for e in backward.system.equations)
        adjoints = (
            self._entry(e, subject, moves.get(subject, ()), e.name in needed)
            for subject, e in backward.adjoints.items()
            if subject not in backward.gradients
        )
        gradients = (
            self._entry(e, subject, moves.get(subject, ()), True)
            for subject, e in backward.gradients.items()
        )
        return (
            Section("forward", tuple(forward)),
            Section("backward", tuple(adjoints)),
            Section("gradients", tuple(gradients)),
        )

    def _entry(
        self,
        equation: Equation,
        subject: str,
        moves: Sequence[Move] = (),
        result: bool = False,
    ) -> Entry:
        index = self.writers["index"]
        *left, right = index.sides(equation)
        views: dict[View, Equality] = {
            "index": Equality(tuple(left), right, index.base(equation)),
        }
        for view, writer in self.writers.items():
            sides = None if view == "index" else writer.matrix_sides(equation)
            if sides is not None:
                views[view] = Equality(tuple(sides[:-1]), sides[-1], writer.base(equation))
        reads = tuple(sorted(equation.used_names))
        return Entry(equation.name, subject, views, tuple(moves), reads, result)

    # --- what is given --------------------------------------------------------------

    def given(self, tensor: Tensor) -> Given:
        """What is said of a tensor that must be fed."""
        context = self._context(tensor.element)
        return described(tensor, context, self._turned(tensor, context))

    def _turned(self, tensor: Tensor, context: Context) -> tuple[Formula, ...]:
        """The same of a tensor with one example a column; empty if it looks no different."""
        writer = self.writers.get("column")
        shape = tensor.shape if writer is None else writer.shape(tensor)
        return () if shape == tensor.shape else _sizes(shape, context)

    def _context(self, lhs: sp.Expr) -> Context:
        places = lhs.indices if isinstance(lhs, sp.Indexed) else ()
        return self.context.binding(places)

    # --- steps ----------------------------------------------------------------------

    def _moves(self) -> dict[str, list[Move]]:
        """Every rule application by target, but those that change nothing a reader sees."""
        found: dict[str, list[Move]] = {}
        seen: dict[str, dict[sp.Expr, Formula]] = {}
        for step in self.backward.steps:
            context = self._context(step.lhs)
            known = seen.setdefault(step.target, {})
            lhs, before, after = (
                known.get(expr) or known.setdefault(expr, arrange(expr, context))
                for expr in (step.lhs, step.before, step.after)
            )
            moves = found.setdefault(step.target, [])
            if after not in (before, lhs):
                moves.append(Move(self.reason(step), before, after))
        return found

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
        tensor = self.backward.tensors.get(name)
        if tensor is not None:
            return symbol_formula(tensor, self.context)
        for fact in self.backward.system.facts:
            if str(fact) == name:
                left, right = (arrange(e, self.context) for e in (fact.left, fact.right))
                return Relation(left, "=", right)
        return name

    # --- the summary ----------------------------------------------------------------

    def _summary(self, forward: Section, *derived: Section) -> Iterable[Row]:
        """A row for each derivative, by the forward equation that makes or first reads it."""
        by_subject = {e.subject: e for section in derived for e in section.all_entries()}
        made = self.backward.system.definitions
        equations = {equation.name: equation for equation in self._equations()}
        sizes = list(dict.fromkeys(s for t in self.backward.tensors.values() for s in t.shape))
        first: dict[str, str] = {}
        for entry in forward.all_entries():
            for name in entry.reads:
                first.setdefault(name, entry.name)
        for entry in forward.all_entries():
            given = [n for n in by_subject if first.get(n) == entry.name and n not in made]
            subjects = [entry.subject, *given]
            rows = [by_subject[name] for name in subjects if name in by_subject]
            if not rows:
                yield self._row(entry, None, None)
            for row in rows:
                cost = cost_formula(multiplications(equations[row.name]), sizes, self.context)
                yield self._row(entry, row, cost)

    def _row(self, forward: Entry, gradient: Entry | None, cost: Formula | None) -> Row:
        tensor = self.backward.tensors[(gradient or forward).name]
        context = self._context(tensor.element)
        shape, turned = _sizes(tensor.shape, context), self._turned(tensor, context)
        return Row(forward, gradient, shape, cost, turned)


def described(tensor: Tensor, context: Context, turned: tuple[Formula, ...] = ()) -> Given:
    """What is said of a tensor that must be fed; `turned` is its shape in columns."""
    last = None if tensor.classes is None else arrange(tensor.classes - 1, context)
    return Given(
        tensor.name,
        symbol_formula(tensor, context),
        element_formula(tensor.element, context),
        _sizes(tensor.shape, context),
        "label" if tensor.domain is Domain.LABEL else str(tensor.role),
        last,
        turned,
    )


def _sizes(shape: Sequence[sp.Expr], context: Context) -> tuple[Formula, ...]:
    """The sizes of axes; sums among several in parentheses."""
    sizes = tuple(arrange(extent, context) for extent in shape)
    if len(sizes) == 1:
        return sizes
    return tuple(Group(size) if isinstance(size, Total) else size for size in sizes)
