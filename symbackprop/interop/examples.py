"""Worked examples from the literature, built in: equations, numbers, and what to say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from importlib import resources

from symbackprop.calculus import Backward
from symbackprop.errors import UnknownNameError
from symbackprop.interop.equation_text import parse_system
from symbackprop.interop.numbers import parse_numbers
from symbackprop.language import System
from symbackprop.typeset.figures import figure
from symbackprop.typeset.numbers import Remark, Worked
from symbackprop.verify.sampling import Point
from symbackprop.verify.worked import RATE, objective_in_turn

#: What is said of an example once its numbers were put through.
Remarks = Callable[[Backward, Point, Worked], tuple[Remark, ...]]


@dataclass(frozen=True)
class Example:
    """A system of equations with numbers.

    Attributes
    ----------
    name
        What it is asked for by; its files are called so.
    wrt
        The tensors to differentiate by.
    remarks
        What is to be said of it.
    """

    name: str
    wrt: tuple[str, ...]
    remarks: Remarks

    def system(self) -> System:
        """The equations."""
        return parse_system(self._text("eqs"), f"{self.name}.eqs")

    def numbers(self, system: System) -> tuple[Point, Fraction]:
        """The numbers of everything that is given, and the learning rate."""
        given = parse_numbers(self._text("json"), system, f"{self.name}.json")
        return given.point, RATE if given.rate is None else given.rate

    def _text(self, kind: str) -> str:
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


# --- Mazur ---------------------------------------------------------------------------

_PUBLISHED = Decimal("0.291027924")
_TOLD_DIGITS = 12


def _mazur(backward: Backward, point: Point, worked: Worked) -> tuple[Remark, ...]:
    """His weights by their names, and where his last figure comes from."""
    assert worked.after is not None  # noqa: S101 (there are weights to update)
    rate = Fraction(worked.rate.values.entries[()])
    slipped = objective_in_turn(backward, point, rate, ("W2", "W1"))
    found = worked.after.values.entries[()]
    weights = {
        which: worked.given[name].letters[()] for which, name in (("first", "W1"), ("second", "W2"))
    }
    told = {"published": _PUBLISHED, "found": found, "slipped": slipped}
    figures = {name: figure(value, _TOLD_DIGITS) for name, value in told.items()}
    return Remark("mazur-names", weights), Remark("mazur-published", {**figures, **weights})


#: The examples by name.
EXAMPLES: Mapping[str, Example] = {
    known.name: known for known in (Example("mazur", ("W1", "W2"), _mazur),)
}
