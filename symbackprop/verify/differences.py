"""Oracle: central finite differences of the forward equations, at 80 digits.

``(L(θ + h) - L(θ - h)) / 2h`` differs from the derivative by ``h²/6·L'''``; with
``h = 1e-24`` that is far below 1e-20, and 80 digits leave 1e-56 for rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import mpmath

from symbackprop.verify.arithmetic import Decimals
from symbackprop.verify.evaluate import Position
from symbackprop.verify.tables import Forward

_STEP = "1e-24"


def finite_differences(
    forward: Forward, name: str, positions: Iterable[Position]
) -> dict[Position, Any]:
    """The objective's derivatives by some elements of a tensor."""
    one = mpmath.mpf(1)
    return {p: directional_difference(forward, name, {p: one}) for p in positions}


def directional_difference(forward: Forward, name: str, speeds: Mapping[Position, Any]) -> Any:
    """The objective's derivative as elements of a tensor move, each at a speed of its own."""
    step = mpmath.mpf(_STEP)
    ahead, behind = (
        forward.moved(Decimals(), name, {p: way * speed for p, speed in speeds.items()})
        for way in (step, -step)
    )
    return (ahead - behind) / (2 * step)
