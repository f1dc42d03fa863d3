"""Derived expressions as SymPy equations and steps, written only when looked at.

Writing a SymPy tree costs more than deriving it, so a derivation of a hundred layers
keeps normal forms and hands out trees on demand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import sympy as sp

from symbackprop.calculus.convert import SympyWriter
from symbackprop.calculus.nodes import Access
from symbackprop.calculus.normal import (
    Poly,
)
from symbackprop.calculus.records import Step
from symbackprop.calculus.rules import Rule
from symbackprop.language import Equation


@dataclass(frozen=True)
class Rewriting:
    """One recorded rule application, still in normal form; `before` None is the adjoint itself."""

    rule: Rule
    before: Poly | None
    after: Poly
    used: tuple[str, ...] = ()


class EquationView(Mapping[str, Equation]):
    """Equations by tensor name, written on first use."""

    def __init__(self, values: Mapping[str, tuple[Access, Poly]], writer: SympyWriter) -> None:
        self._values = values
        self._writer = writer
        self._written: dict[str, Equation] = {}

    def __getitem__(self, name: str) -> Equation:
        if name not in self._written:
            element, value = self._values[name]
            self._written[name] = Equation(
                self._writer.element(element), self._writer.expression(value)
            )
        return self._written[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class StepView(Sequence[Step]):
    """Steps in the order they were taken, written on first use."""

    def __init__(
        self, recorded: Sequence[tuple[str, Access, Rewriting]], writer: SympyWriter
    ) -> None:
        self._recorded = recorded
        self._writer = writer
        self._steps: dict[int, Step] = {}
        self._written: dict[Poly, sp.Expr] = {}

    def __len__(self) -> int:
        return len(self._recorded)

    @overload
    def __getitem__(self, place: int) -> Step: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Step]: ...

    def __getitem__(self, place: int | slice) -> Step | Sequence[Step]:
        if isinstance(place, slice):
            return tuple(self[number] for number in range(*place.indices(len(self))))
        number = range(len(self))[place]
        if number not in self._steps:
            self._steps[number] = self._step(*self._recorded[number])
        return self._steps[number]

    def _step(self, target: str, element: Access, rewriting: Rewriting) -> Step:
        lhs = self._writer.element(element)
        before = rewriting.before
        return Step(
            target=target,
            rule=rewriting.rule.name,
            lhs=lhs,
            before=lhs if before is None else self._expression(before),
            after=self._expression(rewriting.after),
            used=rewriting.used,
        )

    def _expression(self, value: Poly) -> sp.Expr:
        """What one step leaves is what the next one meets, so it is written once."""
        if value not in self._written:
            self._written[value] = self._writer.expression(value)
        return self._written[value]
