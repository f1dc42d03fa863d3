"""Checking one derivation against every oracle that can see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import mpmath
import numpy as np
import sympy as sp

from symbackprop.calculus.records import Backward, Step
from symbackprop.errors import ShapeError, SymbackpropError
from symbackprop.language import free_indices, size_of
from symbackprop.verify.abstract import concrete
from symbackprop.verify.arithmetic import DIGITS
from symbackprop.verify.differences import directional_difference
from symbackprop.verify.evaluate import Field, Position
from symbackprop.verify.expanded import directional_derivative
from symbackprop.verify.modules import module_gradients
from symbackprop.verify.report import TOLERANCES, Report, Row
from symbackprop.verify.sample import find_sample
from symbackprop.verify.sampling import check_facts, choose_sizes
from symbackprop.verify.tables import Derived

#: A compiled derivation: from float64 arrays to the objective and its gradients.
Compiled: TypeAlias = Callable[[dict[str, np.ndarray]], tuple[Any, Mapping[str, Any]]]

_PRECISE = ("expanded", "differences")  # the oracles that compute with 80 digits
_ENTRIES = 6  # elements of a tensor that are the precise oracles look at
_PLACES = 3  # positions a step is evaluated at
# Errors at 80 digits are relative to the gradient, or to this if it is smaller.
_FLOOR = mpmath.mpf("1e-20")
_ZERO = mpmath.mpf("1e-40")  # what finite differences leave of a gradient that is 0


def verify_backward(
    backward: Backward,
    compiled: Mapping[str, Compiled] | None = None,
    *,
    seed: int = 0,
    sizes: Mapping[str, int] | None = None,
) -> Report:
    """Check derived gradients against oracles that share no code with the calculus.

    At one point drawn at random, beside all kinks, the gradient equations are compared
    with `sympy.diff` of the system expanded to scalars (1e-40), with finite differences
    at 80 digits (1e-20), with `torch.autograd` and, for a network of the library, with
    the `torch.nn` modules (1e-10); so are the gradients and the objective of every
    compiled function with the last two. The first two see a few elements and all, as they
    move together. Both sides of every step are evaluated (1e-40).

    Parameters
    ----------
    backward
        The derivation.
    compiled
        By backend name, a function from float64 arrays by name (int64 for labels) to
        the objective and a mapping from names to gradients.
    seed
        Of the random numbers.
    sizes
        Numbers for some of the symbolic sizes; the others become small primes.

    Raises
    ------
    EquationError
        If the objective is not a finite number at any of the points drawn.
    UnknownNameError, ShapeError
        If `sizes` names no size, or gives one that is not a positive whole number.
    """
    with mpmath.workdps(DIGITS):
        return Report(_Check(concrete(backward), seed, sizes).rows(compiled or {}))


class _Check:
    """One derivation at one point."""

    def __init__(self, backward: Backward, seed: int, sizes: Mapping[str, int] | None) -> None:
        self._backward = backward
        self._system = backward.system
        self._rng = np.random.default_rng(seed)
        extents = choose_sizes(self._system, sizes)
        sample = find_sample(self._system, list(backward.gradients), extents, seed)
        self._point, self._forward = sample.point, sample.forward
        self._objective = sample.reading.objective
        self._references = sample.references
        self._derived = Derived(backward, sample.forward)
        self._speeds = {
            name: self._drawn_speeds(np.ndindex(*reference.shape))
            for name, reference in self._references.items()
        }
        self._differences = {
            name: directional_difference(self._forward, name, speeds)
            for name, speeds in self._speeds.items()
        }
        check_facts(self._system, self._forward.fields, self._point.sizes)

    def rows(self, compiled: Mapping[str, Compiled]) -> Iterator[Row]:
        """All comparisons: equations first, then compiled functions, then steps."""
        arrays = self._point.arrays()
        by_torch = {"autograd": (self._objective, self._references)}
        modules = module_gradients(self._system, arrays, self._point.sizes)
        if modules is not None:
            by_torch["torch.nn"] = modules
        for name in self._backward.gradients:
            yield from self._equation_rows(name, by_torch)
        for backend, function in compiled.items():
            yield from self._compiled_rows(backend, function, arrays, by_torch)
        yield from self._step_rows()

    # --- equations ------------------------------------------------------------------

    def _equation_rows(self, name: str, by_torch: Mapping[str, Any]) -> Iterator[Row]:
        reference = self._references[name]
        try:
            table = self._derived[self._backward.gradients[name].name]
        except (SymbackpropError, ArithmeticError) as error:
            yield from _failures(name, "equations", (*_PRECISE, *by_torch), error)
            return
        if table.keys() != set(np.ndindex(*reference.shape)):
            shape = tuple(max(extent) + 1 for extent in zip(*table, strict=True))
            mismatch = ShapeError(f"the equation has shape {shape}, {name} {reference.shape}")
            yield from _failures(name, "equations", (*_PRECISE, *by_torch), mismatch)
            return
        yield self._expanded_row(name, table)
        yield self._difference_row(name, table)
        values = np.empty(reference.shape)
        for position in np.ndindex(*reference.shape):
            values[position] = float(table[position])
        for oracle, (_, gradients) in by_torch.items():
            if name in gradients:
                yield self._array_row(name, "equations", oracle, values, gradients[name])

    def _expanded_row(self, name: str, table: Field) -> Row:
        speeds = self._drawn_speeds(self._positions(name))
        expected = directional_derivative(self._forward, name, speeds)
        return self._moved_row(name, table, "expanded", speeds, expected)

    def _difference_row(self, name: str, table: Field) -> Row:
        expected = self._differences[name]
        return self._moved_row(name, table, "differences", self._speeds[name], expected)

    def _moved_row(
        self, name: str, table: Field, oracle: str, speeds: Mapping[Position, Any], expected: Any
    ) -> Row:
        """The sum of speed times derivative over elements, against that of an oracle."""
        parts = [speed * table[position] for position, speed in speeds.items()]
        scale = max(abs(expected), *(abs(part) for part in parts), _FLOOR)
        error = float(abs(mpmath.fsum(parts) - expected) / scale)
        return Row(name, "equations", oracle, error, TOLERANCES[oracle])

    def _drawn_speeds(self, positions: Iterable[Position]) -> dict[Position, Any]:
        """How fast each element moves: no two sets of errors cancel."""
        return {
            position: mpmath.mpf(int(self._rng.integers(1 << 20, 1 << 22)) * _sign(self._rng))
            / (1 << 21)
            for position in positions
        }

    def _positions(self, name: str) -> list[Position]:
        """Elements to look at: all if they are not too many, else a few.

        Of the few, all but one are elements where the gradient is not 0.
        """
        reference = self._references[name]
        positions = list(np.ndindex(*reference.shape))
        if len(positions) <= _ENTRIES:
            return positions
        shuffled = [positions[place] for place in self._rng.permutation(len(positions))]
        telling = [position for position in shuffled if reference[position] != 0]
        silent = [position for position in shuffled if reference[position] == 0]
        return [*silent[:1], *telling, *silent[1:]][:_ENTRIES]

    # --- compiled functions ---------------------------------------------------------

    def _compiled_rows(
        self,
        backend: str,
        function: Compiled,
        arrays: dict[str, np.ndarray],
        by_torch: Mapping[str, Any],
    ) -> Iterator[Row]:
        names = [str(self._system.objective), *self._backward.gradients]
        try:
            loss, gradients = function({name: array.copy() for name, array in arrays.items()})
            found = {names[0]: np.asarray(loss)} | {
                name: np.asarray(gradients[name]) for name in names[1:]
            }
        except (SymbackpropError, ValueError, LookupError, ArithmeticError, RuntimeError) as error:
            for name in names:
                yield from _failures(name, backend, by_torch, error)
            return
        for oracle, (objective, expected) in by_torch.items():
            known = {names[0]: np.asarray(objective)} | dict(expected)
            for name in names:
                if name in known:
                    yield self._array_row(name, backend, oracle, found[name], known[name])

    def _array_row(
        self, name: str, subject: str, oracle: str, found: np.ndarray, expected: np.ndarray
    ) -> Row:
        if found.shape != expected.shape:
            note = f"it has shape {found.shape}, not {expected.shape}"
            return Row(name, subject, oracle, math.inf, TOLERANCES[oracle], note)
        difference = float(np.max(np.abs(found - expected)))
        return Row(
            name, subject, oracle, difference / self._scale(name, expected), TOLERANCES[oracle]
        )

    def _scale(self, name: str, expected: np.ndarray) -> float:
        """What errors in float64 are relative to: the largest element expected.

        Of a gradient that is 0 throughout, float64 leaves rounding errors as large as
        what cancels; they are relative to the largest of all gradients.
        """
        exact = self._differences.get(name)
        if exact is None or abs(exact) > _ZERO:
            return float(np.max(np.abs(expected))) or 1.0
        return max(float(np.max(np.abs(g))) for g in self._references.values()) or 1.0

    # --- steps ----------------------------------------------------------------------

    def _step_rows(self) -> Iterator[Row]:
        by_target: dict[str, list[Step]] = {}
        for step in self._backward.steps:
            by_target.setdefault(step.target, []).append(step)
        for target, steps in by_target.items():
            yield self._steps_row(target, steps)

    def _steps_row(self, target: str, steps: Sequence[Step]) -> Row:
        worst, note = 0.0, ""
        for number, step in enumerate(steps, start=1):
            reason = ""
            try:
                error = self._step_error(step)
            except (SymbackpropError, ArithmeticError) as problem:
                error, reason = math.inf, f": {_note(problem)}"
            if not note and not error <= TOLERANCES["steps"]:
                note = f"step {number} of {len(steps)} for {target}, {step.rule!r}{reason}"
            worst = math.inf if math.isnan(error) else max(worst, error)
        return Row(target, "steps", "steps", worst, TOLERANCES["steps"], note)

    def _step_error(self, step: Step) -> float:
        """How far the sides of a step are from each other and from what they stand for."""
        free = sorted(free_indices(step.lhs), key=str)
        evaluator = self._derived.evaluator()
        found, expected = [], []
        for position in self._places(free):
            places = dict(zip(free, position, strict=True))
            defined = self._derived.element(step.lhs, places)
            for side in (step.before, step.after):
                found.append(evaluator.at(side, places))
                expected.append(defined)
        return _relative_error(found, expected)

    def _places(self, free: Sequence[sp.Idx]) -> list[Position]:
        extents = [int(size_of(idx).xreplace(dict(self._point.sizes))) for idx in free]
        places = {tuple(int(self._rng.integers(n)) for n in extents) for _ in range(_PLACES)}
        return sorted(places)


# --- errors -------------------------------------------------------------------------


def _relative_error(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """The largest difference, divided by the largest expected value or the floor."""
    scale = max((abs(value) for value in expected), default=0)
    errors = [abs(left - right) for left, right in zip(found, expected, strict=True)]
    return float(max(errors, default=mpmath.inf) / max(scale, _FLOOR))


def _failures(name: str, subject: str, oracles: Iterable[str], error: Exception) -> Iterator[Row]:
    """A failed row for each oracle, of something that could not be evaluated."""
    for oracle in oracles:
        yield Row(name, subject, oracle, math.inf, TOLERANCES[oracle], _note(error))


def _note(error: Exception) -> str:
    said = error.what if isinstance(error, SymbackpropError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())


def _sign(rng: np.random.Generator) -> int:
    return 1 if rng.integers(2) else -1
