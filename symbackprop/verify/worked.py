"""Numbers put through a derivation: every tensor, every derivative, and one step of descent.

Everything is computed by the evaluator of the precise oracles, to 80 digits, from the
equations on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import prod
from typing import Any

import gmpy2
import mpmath
import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symbackprop.calculus.local import LocalDerivative, local_derivatives
from symbackprop.calculus.records import Backward
from symbackprop.errors import DataError, EquationError, OptionError, VerificationError
from symbackprop.language import Equation, Role, Tensor, element_name, fresh_name, size_of
from symbackprop.typeset.arrange import arrange, element_formula, symbol_formula
from symbackprop.typeset.equations import EquationWriter
from symbackprop.typeset.figures import DIGITS, KNOWN, MORE_OF_OBJECTIVE
from symbackprop.typeset.formula import Formula, Partial
from symbackprop.typeset.instances import Numbers, Substitution
from symbackprop.typeset.matrix_form import batch_sizes
from symbackprop.typeset.names import Glyph
from symbackprop.typeset.numbers import (
    Instance,
    Quantity,
    Values,
    Worked,
    leading_positions,
    shown_positions,
)
from symbackprop.typeset.slices import page_slices
from symbackprop.verify.arithmetic import DIGITS as PRECISION
from symbackprop.verify.arithmetic import Decimals, Reals, real_digits
from symbackprop.verify.evaluate import Evaluator, Position, Table
from symbackprop.verify.exact import extent_of
from symbackprop.verify.sampling import DECIMAL, Point, check_facts, choose_sizes, draw
from symbackprop.verify.tables import Derived, Forward

_RATES = ("eta",)
#: The learning rate if nobody says another one: torch.optim.SGD's in the document.
RATE = Fraction(1, 100)

_EASY_SIZES = (2, 3, 5, 7)
_ATTEMPTS = 40  # points drawn in search of one that shows everything
_BESIDE = 1e-6  # how far from every kink a point should be
# Of so many elements all are worked out one by one, of more the first.
_MOST_WORKED = 4
# What is left of 80 digits where terms cancel that are equal.
_NOTHING = mpmath.mpf("1e-60")


def work_out(
    backward: Backward,
    point: Point,
    *,
    rate: Fraction = RATE,
    digits: int = DIGITS,
    names: Mapping[str, Glyph] | None = None,
) -> Worked:
    """Put numbers through a derivation.

    Parameters
    ----------
    backward
        The derivation of a gradient.
    point
        The sizes, and the numbers of everything that is given.
    rate
        The learning rate of the step of gradient descent.
    digits
        How many digits of a number are shown, at least 1.
    names
        Symbols that are shown otherwise than their names say; see `typeset.order.Context`.

    Raises
    ------
    DataError
        If a declared fact does not hold of the numbers, or the objective is not a finite
        number there.
    EquationError
        If the system leaves a function open, so that there is nothing to compute.
    OptionError
        If it is no derivation of a gradient.
    """
    _require_numbers(backward)
    with mpmath.workdps(PRECISION):
        return _Working(backward, point, rate, digits, names).worked()


def easy_point(backward: Backward, sizes: Mapping[str, int] | None = None, seed: int = 0) -> Point:
    """Numbers that are easy to follow by hand: few decimals, small sizes, beside all kinks.

    Parameters
    ----------
    backward
        The derivation they will be put through.
    sizes
        Numbers for some of the symbolic sizes; the others become small primes.
    seed
        Of the random numbers.

    Raises
    ------
    EquationError
        If the objective is not a finite number at any of the points drawn.
    UnknownNameError, ShapeError
        If `sizes` names no size, or gives one that is not a positive whole number.
    """
    _require_numbers(backward)
    extents = choose_sizes(backward.system, sizes, _EASY_SIZES)
    fallback: Point | None = None
    with real_digits(PRECISION):
        for attempt in range(_ATTEMPTS):
            point = draw(backward.system, extents, seed + 7919 * attempt, DECIMAL)
            forward = Forward(backward.system, point, Reals)
            if not gmpy2.is_finite(forward.objective):
                continue
            if forward.margin > _BESIDE and _moves_everything(backward, forward):
                return point
            fallback = fallback or point
    if fallback is None:
        raise EquationError(
            f"the objective is not a finite number at any of {_ATTEMPTS} points drawn",
            where=str(backward.system.definitions[str(backward.system.objective)]),
            remedy="give the tensors a domain ('positive', 'unit') in which every function "
            "has a value, or give numbers in a file",
        )
    return fallback


def objective_in_turn(
    backward: Backward, point: Point, rate: Fraction, order: Sequence[str]
) -> Decimal:
    """The objective after a step that updates one parameter after the other, a common slip.

    The derivatives by each one are computed with those before it updated already, but from
    the forward pass before the step.

    Parameters
    ----------
    backward, point, rate
        See `work_out`.
    order
        The parameters, the first one to update first.
    """
    with mpmath.workdps(PRECISION):
        forward = Forward(backward.system, point)
        moved: dict[str, Table] = {}
        for name in order:
            gradient = Derived(backward, forward, moved)[backward.gradients[name].name]
            start = forward.fields[name]
            step = {at: old - _precise(rate) * gradient[at] for at, old in start.items()}
            moved[name] = start.moved(step)
        values = {name: _array(table.shape, table.__getitem__) for name, table in moved.items()}
        after = Forward(backward.system, Point(point.sizes, {**point.values, **values}))
        return _decimal(after.objective)


def _moves_everything(backward: Backward, forward: Forward) -> bool:
    """Whether every gradient is finite, and none is 0 throughout that need not be."""
    derived = Derived(backward, forward)
    equations = [equation for equation in backward.gradients.values() if equation.rhs != 0]
    gradients = [derived[equation.name].values() for equation in equations]
    finite = all(gmpy2.is_finite(value) for values in gradients for value in values)
    return finite and all(any(value != 0 for value in values) for values in gradients)


def _require_numbers(backward: Backward) -> None:
    if backward.outputs:
        raise OptionError(
            "numbers are put through the derivation of a gradient, not of a Jacobian",
            remedy="derive a system with a scalar objective",
        )
    for equation in backward.system.equations:
        for expr in equation.expressions:
            for function in sorted(expr.atoms(AppliedUndef), key=str):
                raise EquationError(
                    f"the function {function.func.__name__} is left open, so it has no numbers",
                    where=str(equation),
                    remedy="write a function of the language in its place",
                )


@dataclass(frozen=True)
class _Subject:
    """What a quantity is about: an element, what it is equal to, and its indices.

    `read` gives its number at a position, `written` its letter with numbers in place of
    some indices, and `whole` the letter without indices.
    """

    name: str
    indices: tuple[sp.Idx, ...]
    value: sp.Expr
    read: Callable[[Position], Any]
    left: tuple[Formula, ...]
    written: Callable[[Mapping[sp.Idx, sp.Expr]], Formula]
    whole: Formula


class _Working:
    """One derivation at one point."""

    def __init__(
        self,
        backward: Backward,
        point: Point,
        rate: Fraction,
        digits: int,
        names: Mapping[str, Glyph] | None,
    ) -> None:
        self._backward = backward
        self._system = backward.system
        self._point = point
        self._digits = digits
        self._forward = Forward(self._system, point)
        self._check()
        rated = Tensor(fresh_name(backward.tensors, _RATES), (), Role.HYPERPARAMETER)
        self._tensors = {**backward.tensors, rated.name: rated}
        self._rated = rated
        at_rate = Table((), [((), _precise(rate))])
        self._fields = Derived(backward, self._forward, {rated.name: at_rate})
        self._writer = EquationWriter(self._tensors, objective=backward.of, names=names)
        numbers = Numbers(self._look, point.sizes, digits)
        self._substitute = Substitution(self._writer.context, numbers)

    def _check(self) -> None:
        try:
            check_facts(self._system, self._forward.fields, self._point.sizes)
        except VerificationError as error:
            raise DataError(
                "a declared fact does not hold of the numbers given",
                where=error.where,
                remedy="give numbers of which it holds",
            ) from error
        if not mpmath.isfinite(self._forward.objective):
            raise DataError(
                f"the objective {self._system.objective} is not a finite number at these values",
                where=str(self._system.definitions[str(self._system.objective)]),
                remedy="give numbers at which every function has a value",
            )

    def worked(self) -> Worked:
        system, backward = self._system, self._backward
        derived = (*backward.adjoints.values(), *backward.gradients.values())
        steps = {name: self._step(e) for name, e in backward.gradients.items()}
        updated = {name: step for name, step in steps.items() if step is not None}
        return Worked(
            sizes={str(symbol): self._size(symbol) for symbol in self._point.sizes},
            given={tensor.name: self._tensor(tensor.name) for tensor in system.given},
            equations={e.name: self._tensor(e.name, e) for e in (*system.equations, *derived)},
            local={e.name: self._local(e.name) for e in system.equations},
            updates={name: self._update(name, equation) for name, equation in updated.items()},
            rate=self._tensor(self._rated.name),
            after=self._after(updated) if updated else None,
            flipped=self._flipped(),
            digits=self._digits,
        )

    def _flipped(self) -> frozenset[str]:
        """The tensors that have the batch axis, which the column convention transposes."""
        batch = batch_sizes(self._backward.tensors, page_slices(self._system))
        return frozenset(t.name for t in self._tensors.values() if batch & set(t.shape))

    # --- quantities ------------------------------------------------------------------

    def _size(self, symbol: sp.Symbol) -> Quantity:
        letter = arrange(symbol, self._writer.context)
        values = Values((), {(): Decimal(self._point.sizes[symbol])})
        return Quantity(str(symbol), (), None, {(): letter}, values)

    def _tensor(self, name: str, equation: Equation | None = None) -> Quantity:
        """A tensor with its numbers, and with its equation if one defines it."""
        tensor = self._tensors[name]
        if equation is None:
            subject = self._subject(tensor, tensor.indices, tensor.element)
            return replace(self._quantity(subject), right=None, instances=())
        found = self._quantity(self._subject(tensor, equation.indices, equation.rhs))
        return self._longer(found) if name == self._system.objective else found

    def _longer(self, objective: Quantity) -> Quantity:
        """The objective with the digits in which a small change shows."""
        return replace(objective, digits=self._digits + MORE_OF_OBJECTIVE)

    def _subject(self, tensor: Tensor, indices: tuple[sp.Idx, ...], value: sp.Expr) -> _Subject:
        context = self._writer.context.binding(indices)
        element = tensor[indices]
        return _Subject(
            tensor.name,
            indices,
            value,
            self._fields[tensor.name].__getitem__,
            self._writer.left(element),
            lambda at: element_formula(element.xreplace(dict(at)), context),
            symbol_formula(tensor, context),
        )

    def _quantity(self, subject: _Subject) -> Quantity:
        context = self._writer.context.binding(subject.indices)
        shape = tuple(extent_of(size_of(idx), self._point.sizes) for idx in subject.indices)
        entries = {p: _decimal(subject.read(p)) for p in shown_positions(shape)}
        return Quantity(
            subject.name,
            subject.left,
            arrange(subject.value, context),
            dict(self._letters(subject, shape)),
            Values(shape, entries),
            tuple(self._instances(subject, shape, entries)),
            digits=self._digits,
        )

    def _function(self, value: sp.Expr, indices: Sequence[sp.Idx]) -> Callable[[Position], Any]:
        """The number of an expression by the values of its indices."""
        return Evaluator(Decimals(), self._fields, self._point.sizes).function(value, indices)

    def _letters(
        self, subject: _Subject, shape: tuple[int, ...]
    ) -> Iterator[tuple[Position, Formula]]:
        """What stands left of each matrix that is shown."""
        for leading in leading_positions(shape):
            if not leading:
                yield leading, subject.whole
                continue
            places = zip(subject.indices, leading, strict=False)
            yield leading, subject.written({idx: sp.Integer(at) for idx, at in places})

    def _instances(
        self, subject: _Subject, shape: tuple[int, ...], entries: Mapping[Position, Decimal]
    ) -> Iterator[Instance]:
        """Elements that are worked out: all of a few, else the first that is not 0.

        Where nothing is computed, the formula or the numbers already say it.
        """
        if subject.value.is_number or isinstance(subject.value, sp.Indexed | sp.Symbol):
            return
        positions = list(entries)
        if prod(shape) > _MOST_WORKED:
            positions = [next((p for p in positions if entries[p]), positions[0])]
        for position in positions:
            places = dict(zip(subject.indices, position, strict=True))
            exact = {idx: sp.Integer(at) for idx, at in places.items()}
            put = self._substitute(subject.value, places, subject.indices)
            yield Instance(
                subject.written(exact),
                None if put is None else put.formula,
                entries[position],
                put is not None and put.exact,
            )

    def _look(self, name: str, position: Position) -> Decimal:
        """An element's number; outside its range and its base cases it is 0."""
        return _decimal(self._fields[name].get(position, 0))

    # --- local derivatives -----------------------------------------------------------

    def _local(self, name: str) -> tuple[Quantity, ...]:
        """What the chain rule multiplies at one equation."""
        known = {*self._backward.adjoints, *self._backward.gradients}
        if name not in known and name != self._backward.of:
            return ()
        found = local_derivatives(self._system, name, known)
        return tuple(self._quantity(self._derivative(local)) for local in found)

    def _derivative(self, local: LocalDerivative) -> _Subject:
        order = tuple(getattr(local.of, "indices", ()))
        context = self._writer.context.binding(order)

        def written(at: Mapping[sp.Idx, sp.Expr]) -> Formula:
            above, below = (e.xreplace(dict(at)) for e in (local.of, local.by))
            return Partial(element_formula(above, context), element_formula(below, context))

        read = self._function(local.value, local.indices)
        name = f"{element_name(local.of)}/{element_name(local.by)}"
        left = written({})
        return _Subject(name, local.indices, local.value, read, (left,), written, left)

    # --- the step --------------------------------------------------------------------

    def _step(self, gradient: Equation) -> Equation | None:
        """What gradient descent makes of a parameter."""
        adjoint = self._tensors[gradient.name]
        tensor = self._tensors[adjoint.adjoint_of]
        if tensor.role is not Role.PARAMETER:
            return None
        step = tensor.element - self._rated.element * adjoint[tensor.indices]
        return Equation(tensor.element, step)

    def _update(self, name: str, step: Equation) -> Quantity:
        subject = self._subject(self._tensors[name], step.indices, step.rhs)
        moved = replace(subject, read=self._function(step.rhs, step.indices))
        return replace(self._quantity(moved), sign="<-")

    def _after(self, steps: Mapping[str, Equation]) -> Quantity:
        """The objective with the new parameters."""
        values = dict(self._point.values)
        for name, step in steps.items():
            values[name] = _array(values[name].shape, self._function(step.rhs, step.indices))
        forward = Forward(self._system, Point(self._point.sizes, values))
        before = self._tensor(self._backward.of)
        after = Values((), {(): _decimal(forward.objective)})
        return self._longer(replace(before, values=after))


# --- numbers -------------------------------------------------------------------------


def _precise(number: Fraction) -> Any:
    return mpmath.mpf(number.numerator) / number.denominator


def _ratio(number: Any) -> Fraction:
    """An mpmath number, exactly."""
    sign, mantissa, power, _ = mpmath.mpf(number)._mpf_
    size = Fraction(int(mantissa)) * Fraction(2) ** int(power)
    return -size if sign else size


def _decimal(number: Any) -> Decimal:
    """A number to 50 digits; what rounding left of a 0 is 0."""
    value = _precise(number) if isinstance(number, Fraction) else mpmath.mpf(number)
    return Decimal(0) if abs(value) < _NOTHING else Decimal(mpmath.nstr(value, KNOWN))


def _array(shape: tuple[int, ...], entry: Callable[[Position], Any]) -> np.ndarray:
    """A tensor's new numbers, exactly."""
    values = np.empty(shape, dtype=object)
    for position in np.ndindex(*shape):
        values[position] = _ratio(entry(position))
    return values
