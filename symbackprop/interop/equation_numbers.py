"""Numbers of an equation file: exact, and none so large that computing with it has no end."""

from __future__ import annotations

import math
from fractions import Fraction

import sympy as sp

# What is longer or larger than this is a mistake, and might take a computer forever.
_DIGITS = 400
_BITS = 4096
_LARGEST = 700.0  # exp of more than this is no float64
_NEAREST = 2.0**-53  # exp of less than this is 1 in float64
_WHOLE = 2.0**53  # from here on float64 does not hold every whole number
# Beyond these a function of a number has no float64, or none that differs from its limit;
# SymPy would look for a difference with millions of digits.
_ENDS = {
    **dict.fromkeys(
        ("exp", "sinh", "cosh", "tanh", "sigmoid", "softplus", "silu", "tan", "sin", "cos"),
        _LARGEST,
    ),
    "erf": 20.0,
    "gelu": 20.0,
    "floor": _WHOLE,
}


def exact(text: str) -> sp.Expr | None:
    """The number that a decimal stands for: ``0.1`` is 1/10; None if float64 has none near it."""
    if len(text) > _DIGITS:
        return None
    near = float(text)
    mantissa = text.lower().partition("e")[0]
    if math.isinf(near) or (near == 0 and mantissa.strip("0.")):
        return None
    value = Fraction(text)
    return sp.Rational(value.numerator, value.denominator)


def is_sensible(value: sp.Expr) -> bool:
    """Whether a number that SymPy has computed exactly is of a size people work with."""
    if not value.is_Rational:
        return True
    return bool(max(value.p.bit_length(), value.q.bit_length()) <= _BITS)


def may_raise(base: sp.Expr, exponent: sp.Expr) -> bool:
    """Whether a power can be computed: 9^9^9 cannot, and neither can x^1e300."""
    if not exponent.is_number:
        return True
    power = _near(exponent)
    if not base.is_number:
        return abs(power) <= _LARGEST
    if base.is_Rational and abs(power) * max(base.p.bit_length(), base.q.bit_length()) > _BITS:
        return False
    size = abs(_near(base))
    if size in (0, 1) or power == 0:
        return True
    # A power that is no different from 1 is as hard to tell from it as a large one to write.
    return _NEAREST <= abs(power * math.log(size)) <= _LARGEST


def may_apply(function: str, argument: sp.Expr) -> bool:
    """Whether a function has a float64 at a number, and not just its limit."""
    return not argument.is_number or abs(_near(argument)) <= _ENDS.get(function, math.inf)


def _near(value: sp.Expr) -> float:
    """A float near a number; 0 where SymPy knows none, as of a function of ours."""
    near = value.evalf(15, maxn=_BITS)
    try:
        return float(near) if near.is_Float or near.is_Rational else 0.0
    except OverflowError:
        return math.inf
