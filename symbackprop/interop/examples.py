"""Worked examples from the literature, built in: equations, numbers, and what to say of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from typing import Any

import numpy as np

from symbackprop.calculus import Backward
from symbackprop.errors import UnknownNameError
from symbackprop.interop.equation_text import parse_system
from symbackprop.interop.numbers import NumberSet, parse_numbers
from symbackprop.language import System
from symbackprop.typeset.figures import KNOWN, figure
from symbackprop.typeset.numbers import Quantity, Remark, Values, Worked
from symbackprop.verify.sampling import Point
from symbackprop.verify.worked import objective_in_turn

#: Adds what is said of an example to what came out of its numbers.
Annotate = Callable[["Example", Backward, Point, Worked], Worked]


@dataclass(frozen=True)
class Example:
    """A system of equations with numbers.

    Attributes
    ----------
    name
        What it is asked for by; its files are called so.
    source
        Where it comes from.
    wrt
        The tensors to differentiate by.
    annotate
        Adds what is to be said of it.
    """

    name: str
    source: str
    wrt: tuple[str, ...]
    annotate: Annotate

    def system(self) -> System:
        """The equations."""
        return parse_system(self.text("eqs"), f"{self.name}.eqs")

    def numbers(self, system: System) -> NumberSet:
        """The numbers of everything that is given, and the learning rate."""
        given = parse_numbers(self.text("json"), system, f"{self.name}.json")

        def annotate(backward: Backward, point: Point, worked: Worked) -> Worked:
            return self.annotate(self, backward, point, worked)

        return replace(given, annotate=annotate)

    def text(self, kind: str) -> str:
        """One of its files."""
        file = resources.files(__package__) / "data" / f"{self.name}.{kind}"
        return file.read_text(encoding="utf-8")


def example(name: str) -> Example:
    """The example of that name.

    Raises
    ------
    UnknownNameError
        With the nearest known name.
    """
    if name not in EXAMPLES:
        raise UnknownNameError("example", name, EXAMPLES)
    return EXAMPLES[name]


# --- figures to compare with -----------------------------------------------------------


def _figures(known: Example, worked: Worked) -> Iterator[Quantity]:
    """The figures of an example's file, as they are rounded there."""
    groups = json.loads(known.text("figures.json"), parse_float=Decimal)
    for group, quantities in (("equations", worked.equations), ("updates", worked.updates)):
        yield from (_figure(quantities[name], listed) for name, listed in groups[group].items())


def _figure(quantity: Quantity, listed: Any) -> Quantity:
    """A quantity with the figures that are listed of it, None where none is."""
    array = np.array(listed, dtype=object)
    entries = {place: value for place, value in np.ndenumerate(array) if value is not None}
    exact = all(value == quantity.values.entries[place] for place, value in entries.items())
    return replace(
        quantity,
        values=Values(array.shape, entries),
        instances=(),
        sign=quantity.sign if exact or quantity.sign == "<-" else "~",
        digits=KNOWN,
    )


# --- Mazur ---------------------------------------------------------------------------

_PUBLISHED = Decimal("0.291027924")
_TOLD_DIGITS = 12


def _mazur(known: Example, backward: Backward, point: Point, worked: Worked) -> Worked:
    """His names for the weights; of his own step its figures, and where the last comes from."""
    weights = {
        which: worked.given[name].letters[()] for which, name in (("first", "W1"), ("second", "W2"))
    }
    names = Remark("mazur-names", {"source": known.source, **weights})
    rate = known.numbers(backward.system).rate
    taken = Fraction(worked.rate.values.entries[()])
    if worked.after is None or worked.updates.keys() != set(known.wrt) or taken != rate:
        return replace(worked, remarks=(names,))
    told = {
        "published": _PUBLISHED,
        "found": worked.after.values.entries[()],
        "slipped": objective_in_turn(backward, point, taken, ("W2", "W1")),
    }
    figures = {name: figure(value, _TOLD_DIGITS) for name, value in told.items()}
    remarks = names, Remark("mazur-published", {**figures, **weights})
    return replace(worked, figures=tuple(_figures(known, worked)), remarks=remarks)


#: The examples by name.
EXAMPLES: Mapping[str, Example] = {
    known.name: known
    for known in (
        Example(
            "mazur",
            "Matt Mazur, “A Step by Step Backpropagation Example” (2015)",
            ("W1", "W2"),
            _mazur,
        ),
    )
}
