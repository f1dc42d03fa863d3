"""The elements of every tensor of a derivation, to many digits, one equation at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy as sp

from symbackprop.calculus.records import Backward
from symbackprop.errors import UnknownNameError
from symbackprop.language import Equation, System, element_name, grouped
from symbackprop.verify.arithmetic import Arithmetic, Decimals, Reals
from symbackprop.verify.evaluate import Evaluator, Position, Table
from symbackprop.verify.reach import Dependence
from symbackprop.verify.sampling import Point


class Forward:
    """The forward equations at one point.

    Parameters
    ----------
    system
        The equations.
    point
        Where they are evaluated.
    kind
        The numbers they are evaluated over.

    Attributes
    ----------
    fields
        The elements of every tensor.
    dependence
        Which elements depend on which.
    margin
        How near any argument came to a kink.
    """

    def __init__(
        self, system: System, point: Point, kind: type[Decimals] | type[Reals] = Decimals
    ) -> None:
        arithmetic = kind()
        self.kind = kind
        self.system = system
        self.sizes = point.sizes
        self.fields: dict[str, Table] = point.tables(Reals.exactly if kind is Reals else None)
        self.dependence = Dependence(system, point.sizes)
        evaluator = Evaluator(arithmetic, self.fields, self.sizes)
        for group in system.groups:
            self.fields.update(evaluator.run(group))
        self.margin = arithmetic.margin

    @property
    def objective(self) -> Any:
        """The objective's value."""
        return self.fields[str(self.system.objective)][()]

    def moved(self, arithmetic: Arithmetic, name: str, shifts: Mapping[Position, Any]) -> Any:
        """The objective after numbers were added to some elements of a tensor.

        Whatever depends on them is computed anew, with a kind of number of its own. In a
        recurrence a number is added to an element on top of what earlier ones add to it.
        """
        fields = dict(self.fields)
        start = fields[name]
        fields[name] = start.moved({p: arithmetic.total([start[p], s]) for p, s in shifts.items()})
        evaluator = Evaluator(arithmetic, fields, self.sizes)
        for group, positions in self.dependence.affected(name, shifts):
            fields.update(evaluator.run(group, positions, {name: shifts}))
        return fields[str(self.system.objective)][()]


class Derived(Mapping[str, Table]):
    """All tensors of a derivation: forward ones, adjoints, and gradients when asked for.

    Parameters
    ----------
    backward
        The derivation.
    forward
        Its forward tensors.
    others
        Tensors of neither, by name.
    """

    def __init__(
        self, backward: Backward, forward: Forward, others: Mapping[str, Table] | None = None
    ) -> None:
        self._equations = {
            equation.name: equation
            for equations in (backward.adjoints, backward.gradients)
            for equation in equations.values()
        }
        self._fields: dict[str, Table] = {**forward.fields, **(others or {})}
        self._sizes = forward.sizes
        self._kind = forward.kind

    def __getitem__(self, name: str) -> Table:
        if name not in self._fields:
            for group in grouped(self._missing(name)):
                tables = self.evaluator().run(group)
                for table in tables.values():
                    table.is_adjoint = True
                self._fields.update(tables)
        return self._fields[name]

    def __contains__(self, name: object) -> bool:
        return name in self._fields or name in self._equations

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields.keys() | self._equations.keys())

    def __len__(self) -> int:
        return len(self._fields.keys() | self._equations.keys())

    def _missing(self, name: str) -> list[Equation]:
        """The equations of `name` and of all it needs whose tables are not known yet."""
        found: dict[str, Equation] = {}
        waiting = [name]
        while waiting:
            needed = waiting.pop()
            if needed in self._fields or needed in found:
                continue
            if needed not in self._equations:
                raise UnknownNameError("tensor", needed, self, where="the derived equations")
            found[needed] = self._equations[needed]
            waiting.extend(found[needed].used_names)
        return list(found.values())

    def evaluator(self) -> Evaluator:
        """An evaluator of expressions in these tensors."""
        return Evaluator(self._kind(), self, self._sizes)

    def element(self, element: sp.Expr, places: Mapping[sp.Idx, int]) -> Any:
        """The value of an element, by the equation that defines its tensor."""
        name = element_name(element)
        if name in self._fields or name not in self._equations:
            return self.evaluator().at(element, places)
        equation = self._equations[name]
        read = element.indices if isinstance(element, sp.Indexed) else ()
        at = {idx: places[place] for idx, place in zip(equation.indices, read, strict=True)}
        return self.evaluator().at(equation.rhs, at)
