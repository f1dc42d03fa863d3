"""The kinds of number that expressions are evaluated over."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from functools import reduce
from typing import Any, Protocol

import gmpy2
import mpmath
import sympy as sp

from symbackprop.language import Primitive

#: Digits that the precise oracles compute with; they answer for the first 50.
DIGITS = 80


class Arithmetic(Protocol):
    """A kind of number, and how to compute with it."""

    def number(self, exact: sp.Expr) -> Any:
        """An exact SymPy number."""

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum of terms; of none, 0."""

    def product(self, factors: Sequence[Any]) -> Any:
        """The product of factors; of none, 1."""

    def power(self, base: Any, exponent: Any) -> Any:
        """A power; an `int` exponent is exact."""

    def apply(self, primitive: Primitive, arguments: Sequence[Any]) -> Any:
        """A primitive's value."""

    def gap(self, left: Any, right: Any) -> Any:
        """The real number ``left - right``, by whose sign a comparison is decided."""

    def kept(self, element: Any) -> Any:
        """What is kept of an element of a tensor once it is computed."""


class _Real:
    """What both kinds of real number have in common.

    Attributes
    ----------
    margin
        How near any argument so far came to a kink or to the edge of a condition.
    """

    margin: Any

    def product(self, factors: Sequence[Any]) -> Any:
        """The product."""
        return reduce(operator.mul, factors) if factors else 1

    def gap(self, left: Any, right: Any) -> Any:
        """The difference, noted; an exact or an infinite one has no edge."""
        if isinstance(left, int | Fraction) and isinstance(right, int | Fraction):
            return left - right
        if self._is_infinite(left) or self._is_infinite(right):
            return 0 if left == right else left - right
        gap = left - right
        self._note(gap)
        return gap

    def kept(self, element: Any) -> Any:
        """The number itself."""
        return element

    def _is_infinite(self, value: Any) -> bool:
        raise NotImplementedError

    def _note_kinks(self, primitive: Primitive, values: Sequence[Any]) -> None:
        for kink in primitive.kinks:
            self._note(values[0] - kink if len(values) == 1 else values[0] - values[1] - kink)

    def _note(self, gap: Any) -> None:
        self.margin = min(self.margin, abs(gap))


class Decimals(_Real):
    """mpmath numbers, in mpmath's present working precision."""

    def __init__(self) -> None:
        self.margin = mpmath.inf

    def number(self, exact: sp.Expr) -> Any:
        """An exact SymPy number, rounded to the working precision."""
        if exact.is_Rational:
            return mpmath.mpf(int(exact.p)) / int(exact.q)
        if exact.is_infinite:
            return mpmath.inf if exact > 0 else -mpmath.inf
        if exact.is_Float:
            # Read as the decimal it prints as, so 0.1 is exactly 1/10.
            return mpmath.mpf(str(exact))
        return mpmath.mpf(sp.Float(exact, mpmath.mp.dps)._mpf_)

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum, rounded once."""
        return mpmath.fsum(terms)

    def power(self, base: Any, exponent: Any) -> Any:
        """A power."""
        if isinstance(exponent, int):
            return mpmath.mpf(base) ** exponent
        return mpmath.power(base, exponent)

    def apply(self, primitive: Primitive, arguments: Sequence[Any]) -> Any:
        """A primitive's value, noting how far its kinks are."""
        values = [mpmath.mpf(argument) for argument in arguments]
        self._note_kinks(primitive, values)
        return primitive.value(*values)

    def _is_infinite(self, value: Any) -> bool:
        return bool(mpmath.isinf(value))


class Reals(_Real):
    """MPFR's numbers, ten times as fast, in gmpy2's present working precision (`real_digits`)."""

    def __init__(self) -> None:
        self.margin = gmpy2.inf()

    @staticmethod
    def exactly(value: int | Fraction) -> Any:
        """A fraction, rounded to the working precision; a whole number is itself."""
        return value if isinstance(value, int) else gmpy2.mpfr(gmpy2.mpq(value))

    def number(self, exact: sp.Expr) -> Any:
        """An exact SymPy number, rounded to the working precision."""
        if exact.is_Rational:
            return gmpy2.mpfr(gmpy2.mpq(int(exact.p), int(exact.q)))
        if exact.is_infinite:
            return gmpy2.inf(1 if exact > 0 else -1)
        if exact.is_Float:
            return gmpy2.mpfr(str(exact))
        return gmpy2.mpfr(str(sp.N(exact, _digits_now())))

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum."""
        return sum(terms)

    def power(self, base: Any, exponent: Any) -> Any:
        """A power; halves by the square root, which is faster."""
        if exponent == 0.5:
            return gmpy2.sqrt(base)
        if exponent == -0.5:
            return gmpy2.rec_sqrt(base)
        return gmpy2.mpfr(base) ** exponent

    def apply(self, primitive: Primitive, arguments: Sequence[Any]) -> Any:
        """A primitive's value, noting how far its kinks are."""
        self._note_kinks(primitive, arguments)
        function = _FAST.get(primitive.name)
        if function is not None:
            return function(*arguments)
        with mpmath.workprec(gmpy2.get_context().precision):
            return _from_mpmath(primitive.value(*map(_to_mpmath, arguments)))

    def _is_infinite(self, value: Any) -> bool:
        return bool(gmpy2.is_infinite(value))


def real_digits(digits: int) -> AbstractContextManager[Any]:
    """The working precision of `Reals`, within a ``with`` block."""
    context: AbstractContextManager[Any] = gmpy2.context(precision=int(digits * 3.33) + 8)
    return context


def _digits_now() -> int:
    return int(gmpy2.get_context().precision / 3.32) + 1


def _to_mpmath(value: Any) -> Any:
    if not gmpy2.is_finite(value):
        return mpmath.mpf(float(value))
    mantissa, exponent = gmpy2.mpfr(value).as_mantissa_exp()
    return mpmath.ldexp(int(mantissa), int(exponent))


def _from_mpmath(value: Any) -> Any:
    if not mpmath.isfinite(value):
        return gmpy2.mpfr(float(value))
    return gmpy2.mpfr(mpmath.nstr(value, _digits_now() + 5))


# Of the primitives, those that MPFR computes itself; the others are left to mpmath.
_FAST: Mapping[str, Callable[..., Any]] = {
    "exp": gmpy2.exp,
    "log": gmpy2.log,
    "tanh": gmpy2.tanh,
    "sin": gmpy2.sin,
    "cos": gmpy2.cos,
    "erf": gmpy2.erf,
    "abs": abs,
    "maximum": max,
    "minimum": min,
    "sigmoid": lambda u: 1 / (1 + gmpy2.exp(-u)),
    "relu": lambda u: u if u > 0 else gmpy2.mpfr(0),
    "softplus": lambda u: gmpy2.log1p(gmpy2.exp(u)),
}
