"""A derivation as the parts of a page: what is given, forward, backward, gradients, summary.

A `Page` holds formulas and keys of `words`, no markup and no language; it is made once
(`compose`), and each format writes it out at a level of detail, in a notation, in a language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from symbackprop.errors import OptionError
from symbackprop.typeset.equations import BaseLine
from symbackprop.typeset.formula import Formula
from symbackprop.typeset.graph import Graph
from symbackprop.typeset.numbers import Worked

#: How equations are written: in indices, or as matrices with one example a row or a column.
View: TypeAlias = Literal["index", "row", "column"]
VIEWS: tuple[View, ...] = ("index", "row", "column")

#: How much is shown: the gradients, one line an equation, or every application of a rule.
Level: TypeAlias = Literal["result", "key", "all"]
LEVELS: tuple[Level, ...] = ("result", "key", "all")


#: A title: the same in every language, or one for each.
Title: TypeAlias = str | Mapping[str, str]


def require_level(level: str) -> None:
    """Refuse what is not a level of detail.

    Raises
    ------
    OptionError
        On another word than "result", "key" and "all".
    """
    if level not in LEVELS:
        raise OptionError(
            f"{level!r} is not a level of detail", remedy=f"use one of {', '.join(LEVELS)}"
        )


@dataclass(frozen=True)
class Reason:
    """A rule's name, or a note's, and what it used."""

    rule: str
    used: tuple[Formula | str, ...] = ()


#: Why an equation may be written without indices.
MATRIX_FORM = Reason("matrix-form")


@dataclass(frozen=True)
class Equality:
    """An equation as it is written; `left` is a chain: δ = ∂L/∂z = ….

    `base` are the base cases of the tensor on the left.
    """

    left: tuple[Formula, ...]
    right: Formula
    base: tuple[BaseLine, ...] = ()


@dataclass(frozen=True)
class Move:
    """One application of a rule, in indices: what it met, and what it left.

    The first move of an adjoint meets the adjoint itself.
    """

    reason: Reason
    before: Formula
    after: Formula


@dataclass(frozen=True)
class Entry:
    """One equation, and how it was derived.

    Attributes
    ----------
    name
        The tensor on the left, ``"z1"`` or ``"dz1"``.
    subject
        The forward tensor it is about: ``"z1"`` of both.
    views
        The equation in each notation in which it has a form; always ``"index"``.
    moves
        How it was derived; none of a forward equation.
    reads
        The names of the tensors on the right.
    result
        Whether it is a gradient asked for, or one of them needs it.
    """

    name: str
    subject: str
    views: Mapping[View, Equality]
    moves: tuple[Move, ...] = ()
    reads: tuple[str, ...] = ()
    result: bool = False

    def shown(self, view: View) -> Equality:
        """The equation in a notation, in indices where it has no other form."""
        return self.views.get(view, self.views["index"])


@dataclass(frozen=True)
class Fold:
    """Blocks that repeat another one, its letters numbered onwards.

    Attributes
    ----------
    first, last
        Numbers of blocks, counted along the forward equations from 1.
    like
        The number of the block that is shown.
    renamed
        For some letters of that block, those of the first and of the last block folded.
    entries
        What is not printed.
    """

    first: int
    last: int
    like: int
    renamed: tuple[tuple[Formula, Formula, Formula], ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Section:
    """A heading, by its key in `words`, and equations."""

    heading: str
    entries: tuple[Entry | Fold, ...]

    def all_entries(self) -> Iterator[Entry]:
        """The equations, those of folded blocks among them."""
        for entry in self.entries:
            if isinstance(entry, Fold):
                yield from entry.entries
            else:
                yield entry


@dataclass(frozen=True)
class Given:
    """A tensor that must be fed: its letter, its shape, its role.

    `last` is the greatest value of a label, None for real numbers; `turned` the shape where
    one example is a column, if it is another one.
    """

    name: str
    letter: Formula
    indexed: Formula
    shape: tuple[Formula, ...]
    role: str
    last: Formula | None = None
    turned: tuple[Formula, ...] = ()

    def shape_in(self, view: View) -> tuple[Formula, ...]:
        """The shape as a notation shows the tensor."""
        return self.turned if self.turned and view == "column" else self.shape


@dataclass(frozen=True)
class Row:
    """A row of the summary: a forward equation, a derivative, its shape, what it costs.

    Attributes
    ----------
    forward
        The equation that makes the tensor, or the first that reads it.
    gradient
        The objective's derivative by the tensor; None of the objective itself.
    shape
        The sizes of its axes; empty of a scalar.
    cost
        How many products of numbers computing it takes.
    turned
        The shape where one example is a column, if it is another one.
    """

    forward: Entry
    gradient: Entry | None
    shape: tuple[Formula, ...]
    cost: Formula | None
    turned: tuple[Formula, ...] = ()

    def shape_in(self, view: View) -> tuple[Formula, ...]:
        """The shape as a notation shows the tensor."""
        return self.turned if self.turned and view == "column" else self.shape


@dataclass(frozen=True)
class Note:
    """What a sign means, and on which pages it is needed.

    Attributes
    ----------
    reason
        A key of `words`, and what it speaks of.
    views
        The notations in which the sign occurs.
    result
        Whether it occurs among the gradients; otherwise in the rest of the page only.
    """

    reason: Reason
    views: frozenset[View]
    result: bool


@dataclass(frozen=True)
class Checked:
    """What was done to make sure that every equality on the page holds.

    Attributes
    ----------
    digits
        To how many the two sides agree.
    points
        At how many points drawn at random both were evaluated.
    sizes
        The numbers put for symbolic sizes.
    count
        How many equalities there are.
    worst
        The largest relative difference found.
    unchecked
        Tensors some of whose equalities are too costly to evaluate at these sizes.
    """

    digits: int
    points: int
    sizes: Mapping[str, int]
    count: int
    worst: float
    unchecked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole derivation.

    Attributes
    ----------
    title
        What is differentiated, in the user's words, or by language; may be empty.
    objective
        The letter of what is differentiated.
    views
        The notations the equations are written in.
    graph
        What reads what, and how derivatives flow back.
    numbers
        What came out when numbers were put through, if they were.
    """

    title: Title
    objective: Formula
    views: tuple[View, ...]
    given: tuple[Given | Fold, ...]
    forward: Section
    backward: Section
    gradients: Section
    summary: tuple[Row | Fold, ...]
    notes: tuple[Note, ...]
    graph: Graph
    checked: Checked | None = None
    numbers: Worked | None = None

    def titled(self, language: str) -> str:
        """The title in a language."""
        return self.title if isinstance(self.title, str) else self.title[language]

    @property
    def results(self) -> tuple[Entry, ...]:
        """The gradients, and before them the adjoints that they mention."""
        backward = (entry for entry in self.backward.all_entries() if entry.result)
        return (*backward, *self.gradients.all_entries())

    def sections(self, level: Level) -> tuple[Section, ...]:
        """What a page of this level of detail has equations of."""
        require_level(level)
        if level == "result":
            return (Section("gradients", self.results),)
        found = (self.forward, self.backward, self.gradients)
        return tuple(section for section in found if section.entries)

    def notes_for(self, view: View, level: Level) -> list[Reason]:
        """The notes that a reader of this page needs: of matrices first their layout."""
        layout = [] if view == "index" else [Reason(f"layout-{view}")]
        signs = (
            note.reason
            for note in self.notes
            if view in note.views and (note.result or level != "result")
        )
        return [*layout, *signs]
