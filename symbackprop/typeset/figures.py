"""Computed numbers as they are shown: rounded once, from all the digits that are known.

A number has `digits` decimals; zeros after the point of a number below 1 do not count,
so that none shows fewer than `digits` significant ones. One that needs fewer is exact,
and is shown without trailing zeros: 0.3775 is 0.3775, and 0.511301270 was rounded.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

from symbackprop.typeset.formula import Figure, Formula, Total

#: What is shown of a number unless somebody asks for more or less.
DIGITS = 9
#: How many more are shown of the objective: a step of training may change it by little.
MORE_OF_OBJECTIVE = 7
#: The most that anybody may ask for.
MOST_DIGITS = 30
#: How many digits a computed number is known to.
KNOWN = 50

# Numbers below 0.0001 and from 10^9 on are shown with a power of ten.
_SMALLEST, _LARGEST = -4, 9


def figure(value: Decimal, digits: int = DIGITS) -> Formula:
    """A number, rounded; a negative one is a total of one term that is subtracted."""
    if value.is_nan():
        return Figure("NaN")
    if value < 0:
        return Total(((True, figure(-value, digits)),))
    if not value.is_finite():
        return Figure("∞")
    power = value.adjusted() if value and not _SMALLEST <= value.adjusted() < _LARGEST else 0
    shown = _rounded(value.scaleb(-power, _EXACT), digits)
    exact = shown.scaleb(power, _EXACT) == value
    return Figure(f"{shown.normalize(_EXACT):f}" if exact else f"{shown:f}", power)


def is_exact(value: Decimal, digits: int = DIGITS) -> bool:
    """Whether a number is shown as it is."""
    if not value.is_finite() or not value:
        return True
    power = value.adjusted() if not _SMALLEST <= value.adjusted() < _LARGEST else 0
    scaled = value.scaleb(-power, _EXACT)
    return _rounded(scaled, digits) == scaled


# Wide enough for any known number and its neighbours.
_EXACT = Context(prec=2 * KNOWN, rounding=ROUND_HALF_UP)


def _rounded(value: Decimal, digits: int) -> Decimal:
    leading = max(0, -1 - value.adjusted()) if value else 0
    return value.quantize(Decimal(1).scaleb(-digits - leading), ROUND_HALF_UP, _EXACT)
