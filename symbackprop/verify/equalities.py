"""Every equality that a page shows, evaluated at random points to 50 digits.

`check_equalities` takes a derivation before it is written out and answers for all of it:
each step, each equation, each matrix form. Differences are relative to the larger of the
two values at the same place, or to 1e-20 where both are smaller; numbers have 110 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial

import sympy as sp

from symbackprop.calculus.records import Backward, Step
from symbackprop.errors import VerificationError
from symbackprop.language import Equation, element_name, elements
from symbackprop.typeset.equations import EquationWriter
from symbackprop.typeset.matrix_form import Convention
from symbackprop.typeset.page import Checked
from symbackprop.typeset.slices import page_slices
from symbackprop.verify.abstract import concrete
from symbackprop.verify.arithmetic import real_digits
from symbackprop.verify.evaluate import Budget, TooCostlyError
from symbackprop.verify.nearby import Drawing, Nearby, cost, equations_of
from symbackprop.verify.point_check import DIGITS, Differences, Form, PointCheck, named
from symbackprop.verify.points import WORKING_DIGITS, find_samples
from symbackprop.verify.sampling import choose_sizes

# How many terms of sums are computed at a point; if all tensors need more, then where most
# are drawn: altogether, and at most and at least for one target or matrix form.
_AFFORDABLE = 600_000
_ALTOGETHER = 400_000
_MOST, _LEAST = 60_000, 6_000
_DEPTH = 3  # how far facts are followed before all else is computed
_POINTS = 2


def check_equalities(
    backward: Backward,
    writers: Sequence[EquationWriter] | None = None,
    *,
    seed: int = 0,
    sizes: Mapping[str, int] | None = None,
) -> Checked:
    """Evaluate both sides of everything that can be shown of a derivation.

    At two random points beside all kinks, where symbolic sizes are different primes:

    * every step's two sides, and the element of the adjoint they stand for, at a few
      positions, where it is not 0 if there are such;
    * every adjoint and gradient equation, at once, against what its definition says: the
      objective's change as all tensors move at random speeds;
    * every matrix form, those of base cases among them, against its index equation,
      entry by entry, in a few slices where there are many.

    Where that is too much, as for layers of a thousand units, or the objective is no finite
    number at any point drawn, sizes stay as they are and
    most tensors are random numbers at each point: only those follow their equations that a
    step or form rests on (see `nearby`), and a few elements are looked at. Equations are
    then what their steps lead to; the objective is not computed. What is too costly even
    so is named in the result; it is checked if the network is derived with smaller sizes.

    Parameters
    ----------
    backward
        The derivation.
    writers
        Those of the page, whose matrix forms are checked; if None, of both conventions.
    seed
        Of the random numbers.
    sizes
        Numbers for some of the symbolic sizes; the others become small primes.

    Raises
    ------
    VerificationError
        If two sides differ: names the target, the step, both values and the sizes.
    EquationError
        If a function left open has more than one argument.
    UnknownNameError, ShapeError
        If `sizes` names no size, or gives one that is not a positive whole number.
    """
    if writers is None:
        writers = [_writer(backward, "row"), _writer(backward, "column")]
    forms = list(_forms(backward, writers))
    check = _Check(concrete(backward), forms, choose_sizes(backward.system, sizes), seed)
    with real_digits(WORKING_DIGITS):
        found = check.everywhere() if check.is_affordable else None
        return found or check.nearby()


@dataclass(frozen=True)
class Near:
    """The tensors that an equality rests on, in stages; the equality may need each of them.

    Attributes
    ----------
    stages
        Names, the nearest first.
    is_all
        Whether it rests on nothing else.
    """

    stages: tuple[Set[str], ...] = ()
    is_all: bool = True


class _Check:
    """A derivation with its matrix forms, and sizes to check it at."""

    def __init__(
        self,
        backward: Backward,
        forms: Sequence[Form],
        sizes: Mapping[sp.Symbol, int],
        seed: int,
    ) -> None:
        self._backward = backward
        self._forms = forms
        self._sizes = sizes
        self._seed = seed
        self._differences = Differences({str(size): extent for size, extent in sizes.items()})
        self._equations = equations_of(backward)
        self._left = _ALTOGETHER
        self._used = {
            name: set(equation.used_names) & self._equations.keys()
            for name, equation in self._equations.items()
        }
        self._adjoints = {name: equation.name for name, equation in backward.adjoints.items()}
        self._targets: dict[str, list[Step]] = {}
        for step in backward.steps:
            self._targets.setdefault(step.target, []).append(step)

    @property
    def is_affordable(self) -> bool:
        """Whether all tensors can be computed: forward ones three times, as they move too."""
        forward = self._backward.system.definitions
        costs = (
            cost(equation, self._sizes) * (3 if name in forward else 1)
            for name, equation in self._equations.items()
        )
        return sum(costs) <= _AFFORDABLE

    def everywhere(self) -> Checked | None:
        """All equalities, where all tensors follow their equations; None if there is no point."""
        samples = find_samples(self._backward, self._sizes, self._seed)
        if not samples:
            return None
        for number, sample in enumerate(samples):
            check = PointCheck(sample, self._differences, self._seed + number)
            for steps in self._targets.values():
                check.check_steps(steps)
            check.check_slopes(sample)
            for form in self._forms:
                check.check_form(form)
        derived = len(self._backward.adjoints) + len(self._backward.gradients)
        return self._checked(len(self._backward.steps) + derived + len(self._forms), len(samples))

    def nearby(self) -> Checked:
        """Steps and matrix forms, where the tensors near them follow their equations."""
        count = 0
        unchecked: list[str] = []
        for target, steps in self._targets.items():
            held = [self._step_holds(number, steps) for number in range(1, len(steps) + 1)]
            count += sum(held)
            if not all(held) or not self._end_holds(steps):
                unchecked.append(target)
        for form in self._forms:
            near = Near(({form.name},))
            if self._holds(near, partial(PointCheck.check_form, form=form)):
                count += 1
            else:
                unchecked.append(form.name)
        return self._checked(count, _POINTS, tuple(dict.fromkeys(unchecked)))

    def _step_holds(self, number: int, steps: Sequence[Step]) -> bool:
        """Whether a step holds, and starts where the one before it ended."""
        step = steps[number - 1]
        check = partial(PointCheck.check_pair, what=named(number, steps), lhs=step.lhs)
        before = steps[number - 2].after if number > 1 else step.before
        links = before == step.before or self._holds(
            Near(), partial(check, before=before, after=step.before)
        )
        # The first step starts from the adjoint itself, which is defined by what it leaves.
        starts = step.before == step.lhs
        return links and (
            starts
            or self._holds(self._near(step), partial(check, before=step.before, after=step.after))
        )

    def _end_holds(self, steps: Sequence[Step]) -> bool:
        """Whether the equation is what the last step leaves."""
        last = steps[-1]
        equation = self._equations[element_name(last.lhs)]
        if equation.lhs == last.lhs and equation.rhs == last.after:
            return True
        what = f"what the steps for {last.target} lead to: the equation for {equation.name}"
        near = Near(({equation.name},))
        return self._holds(
            near,
            partial(
                PointCheck.check_pair, what=what, lhs=last.lhs, before=last.lhs, after=last.after
            ),
        )

    def _holds(self, near: Near, check: Callable[[PointCheck], None]) -> bool:
        """Whether a check succeeds where more and more tensors are computed.

        False if what it rests on is too costly to compute, or has no value there.

        Raises
        ------
        VerificationError
            If it fails where all is computed that it rests on.
        """
        for number in range(_POINTS):
            granted = max(_LEAST, min(_MOST, self._left))
            budget = Budget(granted)
            # One after the other: what is wider is made only if it is needed.
            tries = (
                self._failure(computed, Drawing(self._seed + number, positive), budget, check)
                for computed in self._wider(near)
                for positive in (False, True)
            )
            failure: VerificationError | None = None
            try:
                for failure in tries:
                    if failure is None:
                        break
            except (TooCostlyError, RecursionError):
                return False
            finally:
                self._left -= granted - max(budget.terms, 0)
            if failure is not None:
                if self._differences.is_undefined:
                    return False
                raise failure
        return True

    def _failure(
        self,
        computed: Set[str],
        drawing: Drawing,
        budget: Budget,
        check: Callable[[PointCheck], None],
    ) -> VerificationError | None:
        tables = Nearby(self._backward, self._sizes, computed, drawing, budget)
        try:
            check(PointCheck(tables, self._differences, drawing.seed))
        except VerificationError as error:
            return error
        return None

    def _near(self, step: Step) -> Near:
        """What a step rests on, the nearest first.

        That is definitions put in or taken out. A step that uses more, a fact of tensors,
        may rest on whatever they are computed from.
        """
        before, after = (set(map(element_name, elements(s))) for s in (step.before, step.after))
        used = set(step.used) | {self._adjoints.get(name, name) for name in step.used}
        exchanged = (before ^ after) & used
        facts = {
            name for name in step.used if not {name, self._adjoints.get(name, name)} & exchanged
        }
        if not facts:
            return Near((exchanged,))
        origins = [facts & self._equations.keys()]
        for _ in range(_DEPTH):
            origins.append({n for name in origins[-1] for n in self._used.get(name, ())})
        return Near((exchanged, *origins, before | after), is_all=False)

    def _wider(self, near: Near) -> Iterator[Set[str]]:
        """Sets of tensors to compute, each with what the one before is computed from."""
        computed: frozenset[str] = frozenset()
        yield computed
        for names in near.stages:
            wider = computed | (names & self._equations.keys())
            if wider != computed:
                computed = wider
                yield computed
        while not near.is_all:
            wider = computed.union(*(self._used[name] for name in computed))
            if wider == computed:
                return
            computed = wider
            yield computed

    def _checked(self, count: int, points: int, unchecked: tuple[str, ...] = ()) -> Checked:
        worst = float(self._differences.worst)
        return Checked(DIGITS, points, self._differences.sizes, count, worst, unchecked)


# --- what is shown ------------------------------------------------------------------------


def _writer(backward: Backward, convention: Convention) -> EquationWriter:
    slices = page_slices(backward.system)
    return EquationWriter(backward.tensors, "matrix", convention, backward.of, slices)


def _forms(backward: Backward, writers: Iterable[EquationWriter]) -> Iterator[Form]:
    for writer in writers:
        for equation in _equations(backward):
            form = writer.form(equation)
            for shown in () if form is None else (form, *(writer.base_forms(equation) or ())):
                yield Form(equation.name, writer.convention, shown)


def _equations(backward: Backward) -> list[Equation]:
    derived = (backward.adjoints, backward.gradients)
    return [*backward.system.equations, *(e for table in derived for e in table.values())]
