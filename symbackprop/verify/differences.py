"""Oracle: central finite differences of the forward equations, at 80 digits.

``(L(θ + h) - L(θ - h)) / 2h`` differs from the derivative by ``h²/6·L'''``; with
``h = 1e-24`` that is far below 1e-20, and 80 digits leave 1e-56 for rounding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mpmath

from symbackprop.verify.evaluate import Decimals, Position
from symbackprop.verify.tables import Forward

_STEP = "1e-24"


def finite_differences(
    forward: Forward, name: str, positions: Iterable[Position]
) -> dict[Position, Any]:
    """The objective's derivatives by some elements of a tensor."""
    step = mpmath.mpf(_STEP)
    return {
        position: (
            _objective(forward, name, position, step) - _objective(forward, name, position, -step)
        )
        / (2 * step)
        for position in positions
    }


def _objective(forward: Forward, name: str, position: Position, shift: Any) -> Any:
    """The objective after one element is moved."""
    return forward.moved(Decimals(), name, {position: shift})
