"""The elements of every tensor of a derivation, to 80 digits, one equation at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import product
from typing import Any

import sympy as sp

from symbackprop.calculus.records import Backward
from symbackprop.errors import EquationError, UnknownNameError
from symbackprop.language import Equation, MaxOver, System, element_name, elements, size_of
from symbackprop.verify.evaluate import Decimals, Evaluator, Field
from symbackprop.verify.sampling import Point

Position = tuple[int, ...]


class Forward:
    """The forward equations at one point.

    Parameters
    ----------
    system
        The equations.
    point
        Where they are evaluated.

    Attributes
    ----------
    fields
        The elements of every tensor.
    margin
        How near any argument came to a kink.
    """

    def __init__(self, system: System, point: Point) -> None:
        arithmetic = Decimals()
        self.system = system
        self.sizes = point.sizes
        self.fields: dict[str, Field] = point.fields()
        evaluator = Evaluator(arithmetic, self.fields, self.sizes)
        for equation in system.equations:
            self.fields[equation.name] = evaluator.table(equation)
        self.margin = arithmetic.margin

    @property
    def objective(self) -> Any:
        """The objective's value."""
        return self.fields[str(self.system.objective)][()]

    def affected(
        self, name: str, positions: Iterable[Position]
    ) -> Iterator[tuple[Equation, set[Position]]]:
        """What depends on some elements of a tensor: equations in order, with positions.

        More positions than necessary may be named, never fewer.
        """
        changed = {name: set(positions)}
        for equation in self.system.equations:
            reached = self._reached(equation, changed)
            if reached:
                changed[equation.name] = reached
                yield equation, reached

    def _reached(self, equation: Equation, changed: Mapping[str, set[Position]]) -> set[Position]:
        """The positions on the left for which the right side reads a changed element."""
        bound = {limit[0] for s in equation.rhs.atoms(sp.Sum, MaxOver) for limit in s.limits}
        free = [None if idx in bound else idx for idx in equation.indices]
        patterns: set[tuple[int | None, ...]] = set()
        for element in set(elements(equation.rhs)):
            places = element.indices if isinstance(element, sp.Indexed) else ()
            for position in changed.get(element_name(element), ()):
                at = dict(zip(places, position, strict=True))
                patterns.add(tuple(at.get(idx) for idx in free))
        extents = [int(size_of(i).xreplace(dict(self.sizes))) for i in equation.indices]
        return {
            position
            for pattern in patterns
            for position in product(
                *(
                    (at,) if at is not None else range(n)
                    for at, n in zip(pattern, extents, strict=True)
                )
            )
        }


class Derived(Mapping[str, Field]):
    """All tensors of a derivation: forward ones, adjoints, and gradients when asked for.

    Parameters
    ----------
    backward
        The derivation.
    forward
        Its forward tensors.
    """

    def __init__(self, backward: Backward, forward: Forward) -> None:
        self._equations = {
            equation.name: equation
            for equations in (backward.adjoints, backward.gradients)
            for equation in equations.values()
        }
        self._fields: dict[str, Field] = dict(forward.fields)
        self._sizes = forward.sizes

    def __getitem__(self, name: str) -> Field:
        for needed in self._missing(name):
            self._fields[needed] = self.evaluator().table(self._equations[needed])
        return self._fields[name]

    def __contains__(self, name: object) -> bool:
        return name in self._fields or name in self._equations

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields.keys() | self._equations.keys())

    def __len__(self) -> int:
        return len(self._fields.keys() | self._equations.keys())

    def _missing(self, name: str) -> list[str]:
        """The tensors that are not known yet and that `name` needs, itself the last."""
        graph: dict[str, set[str]] = {}
        waiting = [name]
        while waiting:
            needed = waiting.pop()
            if needed in self._fields or needed in graph:
                continue
            if needed not in self._equations:
                raise UnknownNameError("tensor", needed, self, where="the derived equations")
            graph[needed] = {element_name(e) for e in elements(self._equations[needed].rhs)}
            waiting.extend(graph[needed])
        try:
            order = TopologicalSorter(graph).static_order()
            return [needed for needed in order if needed not in self._fields]
        except CycleError as error:
            raise EquationError(
                f"the derived equations define each other in a circle: "
                f"{' → '.join(reversed(error.args[1]))}",
                where=str(self._equations[name]),
                remedy="report this derivation: an adjoint may only use earlier ones",
            ) from None

    def evaluator(self) -> Evaluator:
        """An evaluator of expressions in these tensors."""
        return Evaluator(Decimals(), self, self._sizes)

    def entries(self, equation: Equation, positions: Iterable[Position]) -> dict[Position, Any]:
        """The elements that an equation defines, at some positions."""
        evaluator = self.evaluator()
        return {
            position: evaluator.at(equation.rhs, dict(zip(equation.indices, position, strict=True)))
            for position in positions
        }

    def element(self, element: sp.Expr, places: Mapping[sp.Idx, int]) -> Any:
        """The value of an element, by the equation that defines its tensor."""
        name = element_name(element)
        if name in self._fields or name not in self._equations:
            return self.evaluator().at(element, places)
        indices = element.indices if isinstance(element, sp.Indexed) else ()
        position = tuple(places[idx] for idx in indices)
        return self.entries(self._equations[name], [position])[position]
