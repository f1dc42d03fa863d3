"""Systems that numbers are put through in tests, and what came out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import symbackprop as sb
from symbackprop.calculus import Backward, derive_backward
from symbackprop.typeset.numbers import Worked
from symbackprop.verify.sampling import Point
from symbackprop.verify.worked import easy_point, work_out

EQUATIONS = Path(__file__).parent / "equations"


def softmax_network() -> sb.System:
    return sb.Sequential(sb.Linear("D", "H"), sb.Tanh(), sb.Linear("H", "K")).system(
        sb.CrossEntropyLoss()
    )


def _systems() -> Iterator[Any]:
    for path in sorted(EQUATIONS.glob("*.eqs")):
        yield pytest.param(sb.load(path), id=path.stem)
    yield pytest.param(softmax_network(), id="network")
    yield pytest.param(
        sb.Sequential(
            sb.Conv2d(1, 2, 2), sb.ReLU(), sb.MaxPool2d(2), sb.Flatten(), sb.Linear(2, 2)
        ).system(sb.MSELoss(), shape=(1, 3, 3)),
        id="convolution_and_pool",
    )


SYSTEMS = list(_systems())


@cache
def worked_at_random(system: sb.System) -> tuple[Backward, Point, Worked]:
    backward = derive_backward(system)
    point = easy_point(backward)
    return backward, point, work_out(backward, point, digits=30)
