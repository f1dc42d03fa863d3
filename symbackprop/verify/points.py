"""Points at which the tensors of a derivation are known to 110 digits, found without PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import gmpy2
import numpy as np
import sympy as sp

from symbackprop.calculus.records import Backward
from symbackprop.errors import SymbackpropError, VerificationError
from symbackprop.language import Equation
from symbackprop.verify.arithmetic import Reals
from symbackprop.verify.evaluate import Evaluator, Position, Table
from symbackprop.verify.sampling import Point, check_facts, draw
from symbackprop.verify.tables import Derived, Forward

WORKING_DIGITS = 110
#: What can be done about an equality that does not hold.
REMEDY = (
    "this is a defect of the derivation, not of your equations: please report it with "
    "this message; `symbp verify` shows which gradients are right"
)
_POINTS = 2
_ATTEMPTS = 12  # points drawn in search of those
_BESIDE = 1e-6  # how far from every kink a point should be
# A central difference is wrong by the square of its step, and lacks the step's digits.
_STEP = "1e-32"


class Sample:
    """A derivation's tensors at one point: forward ones at once, the others when asked for."""

    def __init__(self, backward: Backward, point: Point) -> None:
        self.backward = backward
        self.point = point
        self.forward = Forward(backward.system, point, Reals)
        self.tables = Derived(backward, self.forward)

    def evaluator(self) -> Evaluator:
        """An evaluator of expressions in these tensors."""
        return self.tables.evaluator()

    def table(self, name: str) -> Table:
        """The elements of a tensor.

        Raises
        ------
        VerificationError
            If its equation cannot be evaluated.
        """
        try:
            return self.tables[name]
        except (SymbackpropError, ArithmeticError, LookupError) as error:
            raise VerificationError(
                f"the equation for {name} cannot be evaluated: {as_note(error)}", remedy=REMEDY
            ) from error

    @property
    def is_finite(self) -> bool:
        """Whether what is differentiated has a value."""
        return all(map(gmpy2.is_finite, self.forward.fields[self.backward.of].values()))

    @property
    def has_finite_gradients(self) -> bool:
        """Whether the gradients have values."""
        return all(
            gmpy2.is_finite(entry) for table in self._gradients() for entry in table.values()
        )

    @property
    def is_telling(self) -> bool:
        """Whether no gradient is 0 throughout."""
        return all(any(table.values()) for table in self._gradients())

    def _gradients(self) -> Iterator[Table]:
        for equation in self.backward.gradients.values():
            yield self.table(equation.name)


def find_samples(backward: Backward, sizes: Mapping[sp.Symbol, int], seed: int) -> list[Sample]:
    """Two points beside all kinks where no gradient is 0 throughout, as far as there are any.

    There are none if what is differentiated is not a finite number at any of the points drawn.

    Raises
    ------
    VerificationError
        If a declared fact does not hold there, or an equation cannot be evaluated.
    """
    good: list[Sample] = []
    silent: list[Sample] = []
    near: list[Sample] = []
    for attempt in range(_ATTEMPTS):
        sample = Sample(backward, draw(backward.system, sizes, seed + 7919 * attempt))
        check_facts(backward.system, sample.forward.fields, sizes, Reals())
        if not sample.is_finite:
            continue
        if sample.forward.margin <= _BESIDE:
            near.append(sample)
        elif sample.has_finite_gradients:
            (good if sample.is_telling else silent).append(sample)
        if len(good) == _POINTS or len(silent) > _POINTS:
            break
    near.sort(key=lambda sample: sample.forward.margin, reverse=True)
    return [*good, *silent, *near][:_POINTS]


class Slopes:
    """How fast what is differentiated changes as tensors move at random speeds.

    Parameters
    ----------
    sample
        The point.
    rng
        Of the speeds.

    Attributes
    ----------
    names
        The tensors that can be moved: all that have a derivative; beside a kink, where
        equal numbers are compared, only those that are given, whose moving keeps them equal.
    """

    def __init__(self, sample: Sample, rng: np.random.Generator) -> None:
        self._sample = sample
        self._backward = backward = sample.backward
        self._equations: dict[str, Equation] = {**backward.adjoints, **backward.gradients}
        given = {tensor.name for tensor in backward.system.given}
        beside = sample.forward.margin > _BESIDE
        exact = sample.forward.margin == 0
        self.names = [n for n in self._equations if beside or (exact and n in given)]
        fields = sample.forward.fields
        self._speeds = {name: _drawn(fields[name], rng) for name in self.names}
        self._weights = _drawn(fields[backward.of], rng) if backward.outputs else {(): 1}

    def equation(self, name: str) -> str:
        """The equation of the derivative by a tensor."""
        return str(self._equations[name])

    def compared(self, names: Sequence[str]) -> tuple[Any, Any, Any]:
        """The change by the equations, by central differences, and the largest part of it."""
        parts = [
            weight * speed * table[output + position]
            for name in names
            for table in (self._sample.table(self._equations[name].name),)
            for output, weight in self._weights.items()
            for position, speed in self._speeds[name].items()
        ]
        step = gmpy2.mpfr(_STEP)
        ahead, behind = (self._moved(names, way) for way in (step, -step))
        return sum(parts), (ahead - behind) / (2 * step), max(map(abs, parts), default=0)

    def _moved(self, names: Sequence[str], step: Any) -> Any:
        """What is differentiated, weighted, once tensors have moved."""
        forward = self._sample.forward
        shifts = {
            name: {position: step * speed for position, speed in self._speeds[name].items()}
            for name in names
        }
        fields = {
            name: table.moved({p: table[p] + s for p, s in shifts.get(name, {}).items()})
            for name, table in forward.fields.items()
            if name not in self._backward.system.definitions
        }
        evaluator = Evaluator(Reals(), fields, forward.sizes)
        for group in self._backward.system.groups:
            fields.update(evaluator.run(group, shifts=shifts))
        table = fields[self._backward.of]
        return sum(weight * table[position] for position, weight in self._weights.items())


def _drawn(table: Table, rng: np.random.Generator) -> dict[Position, Any]:
    """A number for every element, near 1 or -1, so that no part is small and no two cancel."""
    positions = list(product(*map(range, table.shape)))
    sizes = rng.integers(1 << 20, 1 << 22, len(positions)) * rng.choice((-1, 1), len(positions))
    numbers = [gmpy2.mpfr(size) / (1 << 21) for size in sizes.tolist()]
    return dict(zip(positions, numbers, strict=True))


def as_note(error: Exception) -> str:
    """What an error says, in one line."""
    said = error.what if isinstance(error, SymbackpropError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())
