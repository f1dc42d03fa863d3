"""The equalities of a derivation at one point: steps, equations, matrix forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import gmpy2
import numpy as np
import sympy as sp

from symbackprop.calculus.records import Step
from symbackprop.errors import SymbackpropError, VerificationError
from symbackprop.language import element_name, free_indices, size_of
from symbackprop.typeset.matrix import Axis, MatrixEquation
from symbackprop.verify.arithmetic import Reals
from symbackprop.verify.evaluate import Position, Table
from symbackprop.verify.matrices import MatrixEvaluator
from symbackprop.verify.nearby import Nearby
from symbackprop.verify.points import REMEDY, Sample, Slopes, as_note

#: How many digits the two sides of an equality have in common.
DIGITS = 50
_FLOOR = "1e-20"  # what errors of smaller values are relative to
_PLACES = 3  # positions a step is evaluated at
_FEW = 2  # positions, rows, columns and slices where little can be computed
_SLICES = 6  # slices in which a matrix form is evaluated, of all examples or steps


@dataclass(frozen=True)
class Form:
    """A matrix form, with the name of the equation and the convention it is in."""

    name: str
    convention: str
    equation: MatrixEquation

    def __str__(self) -> str:
        return f"the matrix form of the equation for {self.name} ({self.convention} convention)"


@dataclass
class Differences:
    """The largest relative difference so far; one that is too large is an error.

    Attributes
    ----------
    sizes
        What the symbolic sizes are, by name.
    worst
        The largest difference that was allowed.
    is_undefined
        Whether the last two values that differed were no numbers.
    """

    sizes: Mapping[str, int]
    worst: Any = 0.0
    is_undefined: bool = False

    def are_equal(self, left: Any, right: Any, scale: Any = 0) -> bool:
        """Whether two values agree to `DIGITS`, relative to the larger or to a larger scale."""
        if left == right:
            return True
        self.is_undefined = bool(gmpy2.is_nan(left - right))
        error = abs(left - right) / max(abs(left), abs(right), scale, gmpy2.mpfr(_FLOOR))
        if not error <= gmpy2.mpfr(10) ** -DIGITS:
            return False
        self.worst = max(self.worst, error)
        return True

    def error(self, what: str, left: Any, right: Any, where: str) -> VerificationError:
        """The error that names what does not hold, both values and the point."""
        sizes = ", ".join(f"{name} = {extent}" for name, extent in self.sizes.items())
        found, wanted = _shown(left, right)
        return VerificationError(
            f"{what}: {found} is not {wanted}",
            where=f"{where}, at random numbers" + (f" with {sizes}" if sizes else ""),
            remedy=REMEDY,
        )


def _shown(left: Any, right: Any) -> tuple[str, str]:
    """Two values with as many digits as it takes to tell them apart."""
    for digits in (15, DIGITS + 2):
        shown = tuple(f"{gmpy2.mpfr(value):.{digits}g}" for value in (left, right))
        if shown[0] != shown[1]:
            break
    return shown[0], shown[1]


class PointCheck:
    """Checks at one point; each raises `VerificationError` where two sides differ.

    Parameters
    ----------
    point
        The tensors. Where most are random numbers, few elements are looked at.
    differences
        Keeps the largest difference.
    seed
        Of the positions.
    """

    def __init__(self, point: Sample | Nearby, differences: Differences, seed: int) -> None:
        self._point = point
        self._few = isinstance(point, Nearby)
        self._differences = differences
        self._rng = np.random.default_rng(seed)
        self._evaluator = point.evaluator()
        self._matrices = MatrixEvaluator(Reals(), point.tables, self._evaluator)

    # --- steps ----------------------------------------------------------------------

    def check_steps(self, steps: Sequence[Step]) -> None:
        """One adjoint's steps: every side is the element that the equation defines."""
        lhs = steps[0].lhs
        indices = tuple(lhs.indices) if isinstance(lhs, sp.Indexed) else ()
        table = self._table(element_name(lhs))
        known: dict[sp.Expr, list[Any]] = {}
        places = self._places(table)
        for number, step in enumerate(steps, start=1):
            for side in (step.before, step.after):
                if side not in known:
                    value = self._reader(side, indices, named(number, steps))
                    known[side] = [value(position) for position in places]
        sides = [known[side] for step in steps for side in (step.before, step.after) if side != lhs]
        for place, position in enumerate(places):
            where = f"{lhs} at {_at(indices, position)}"
            values = [side[place] for side in sides]
            self._compare(table[position], values, steps, where, starts=steps[0].before == lhs)

    def check_pair(self, what: str, lhs: sp.Expr, before: sp.Expr, after: sp.Expr) -> None:
        """Two expressions of the left side's indices, where they are not 0 as far as is found."""
        indices = tuple(lhs.indices) if isinstance(lhs, sp.Indexed) else ()
        extents = [range(self._evaluator.extent(size_of(idx))) for idx in indices]
        sides = [self._reader(side, indices, what) for side in (before, after)]
        telling = 0
        for position in _drawn_places(extents, 4 * _FEW, self._rng):
            left, right = (side(position) for side in sides)
            if not self._differences.are_equal(left, right):
                where = f"{lhs} at {_at(indices, position)}: {before} = {after}"
                raise self._differences.error(f"{what} does not hold", left, right, where)
            telling += left != 0
            if telling == _FEW:
                return

    def _compare(
        self,
        defined: Any,
        values: Sequence[Any],
        steps: Sequence[Step],
        where: str,
        *,
        starts: bool,
    ) -> None:
        """The sides of all steps at one place, ``starts`` without the first one's left side."""
        wrong = [not self._differences.are_equal(defined, value) for value in values]
        if not any(wrong):
            return
        if all(wrong) and all(self._differences.are_equal(values[0], v) for v in values):
            target = steps[0].target
            what = f"the equation for {element_name(steps[0].lhs)} is not what its steps lead to"
            raise self._differences.error(what, defined, values[0], where or target)
        first = wrong.index(True)
        number = (first + starts) // 2 + 1
        step = steps[number - 1]
        raise self._differences.error(
            f"{named(number, steps)} does not hold",
            defined,
            values[first],
            f"{where}: {step.before} = {step.after}",
        )

    def _reader(
        self, side: sp.Expr, indices: Sequence[sp.Idx], what: str
    ) -> Callable[[Position], Any]:
        """The value of one side of something, with an error that names it."""

        def problem(error: Exception) -> VerificationError:
            text = f"{what} cannot be evaluated: {as_note(error)}"
            return VerificationError(text, where=str(side), remedy=REMEDY)

        try:
            function = self._evaluator.function(side, indices)
        except (SymbackpropError, ArithmeticError) as error:
            raise problem(error) from error

        def value(position: Position) -> Any:
            try:
                return function(position)
            except (SymbackpropError, ArithmeticError) as error:
                raise problem(error) from error

        return value

    def _places(self, table: Table) -> list[Position]:
        """A few positions inside a table; where it is not 0 as far as some are found."""
        ranges = [range(extent) for extent in table.shape]
        drawn = _drawn_places(ranges, 4 * _PLACES, self._rng)
        telling = [position for position in drawn if table[position] != 0]
        return list(dict.fromkeys([*telling, *drawn]))[:_PLACES]

    def _table(self, name: str) -> Table:
        return self._point.table(name)

    # --- equations ------------------------------------------------------------------

    def check_slopes(self, point: Sample) -> None:
        """All derived equations at once: the change of what is differentiated, as they say it."""
        slopes = Slopes(point, self._rng)
        together = slopes.compared(slopes.names)
        if self._differences.are_equal(*together):
            return
        for name in slopes.names:
            alone = slopes.compared([name])
            if not self._differences.are_equal(*alone):
                what = f"the derivative by {name} is not the change of {point.backward.of}"
                raise self._differences.error(what, alone[0], alone[1], slopes.equation(name))
        raise self._differences.error("the derivatives do not hold", *together[:2], "their sum")

    # --- matrix forms ---------------------------------------------------------------

    def check_form(self, form: Form) -> None:
        """A matrix form, entry by entry, in a few slices if there are many."""
        left, right = form.equation.left, form.equation.right
        subscripts = sorted({idx for _, at in left.at for idx in free_indices(at)}, key=str)
        rows, columns = self._some(left.rows), self._some(left.columns)
        slices = [self._matrices.places(idx) for idx in subscripts]
        for numbers in _drawn_places(slices, _FEW if self._few else _SLICES, self._rng):
            at = dict(zip(subscripts, numbers, strict=True))
            try:
                sides = [self._matrices.entries(m, rows, columns, at) for m in (left, right)]
            except (SymbackpropError, ArithmeticError, LookupError) as error:
                raise VerificationError(
                    f"{form} cannot be evaluated: {as_note(error)}", remedy=REMEDY
                ) from error
            for row, column in product(range(len(rows)), range(len(columns))):
                defined, found = (side[row][column] for side in sides)
                if not self._differences.are_equal(defined, found):
                    entry = [
                        *[f"{i} = {at[i]}" for i in at],
                        f"row {rows[row] + 1}, column {columns[column] + 1}",
                    ]
                    what = f"{form} does not hold"
                    raise self._differences.error(what, defined, found, ", ".join(entry))

    def _some(self, axis: Axis) -> Sequence[int]:
        """All rows, or all columns; where little can be computed a few of them."""
        every = self._matrices.places(axis)
        if not self._few:
            return every
        return sorted({at for (at,) in _drawn_places([every], _FEW, self._rng)})


def _drawn_places(ranges: Sequence[range], count: int, rng: np.random.Generator) -> list[Position]:
    """Random places, most of them with the first and the last, where something may be different."""
    shape = [len(extent) for extent in ranges]
    drawn = [tuple(place) for place in rng.integers(0, shape, (count, len(shape))).tolist()]
    if count > _FEW:
        drawn[:2] = [tuple(0 for _ in shape), tuple(n - 1 for n in shape)]
    return list(dict.fromkeys(drawn))


def named(number: int, steps: Sequence[Step]) -> str:
    """A step in messages."""
    step = steps[number - 1]
    return f"step {number} of {len(steps)} for {step.target}, {step.rule!r},"


def _at(indices: Sequence[sp.Idx], position: Position) -> str:
    pairs = zip(indices, position, strict=True)
    return ", ".join(f"{idx} = {at}" for idx, at in pairs) or "its one place"
