"""Deriving grows with a network's depth as building it does: in proportion, and no faster.

Calls of functions are counted rather than seconds, so a busy machine changes nothing.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from symbackprop.calculus import derive_backward

BENCHMARK = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "derivation.py"))

#: From each network to the smallest depth it is measured at; the others are two and three times it.
SHALLOW = {"MLP": 4, "MLP, tanh": 4, "conv net": 2, "RNN": 2, "GPT": 1}

#: As many layers more may take this many times the work of those before.
MOST = 1.15


def calls(action: Callable[[], Any]) -> int:
    """How many Python functions are called."""
    count = 0

    def called(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def assert_linear(work: list[int]) -> None:
    """Of work at depths d, 2d, 3d: the last d layers cost no more than those before them."""
    one, two, three = work
    assert three - two <= MOST * (two - one), work


@pytest.mark.parametrize("name", SHALLOW)
def test_twice_the_depth_is_twice_the_work(name: str) -> None:
    network = BENCHMARK["NETWORKS"][name]
    derive_backward(network(1))  # what is read once is read
    depths = [SHALLOW[name] * times for times in (1, 2, 3)]
    assert_linear([calls(lambda depth=depth: network(depth)) for depth in depths])
    systems = [network(depth) for depth in depths]
    assert_linear([calls(lambda system=system: derive_backward(system)) for system in systems])


@pytest.mark.parametrize("name", SHALLOW)
def test_no_derived_equation_is_much_larger_than_the_forward_ones(name: str) -> None:
    network, growth = BENCHMARK["NETWORKS"][name], BENCHMARK["growth"]
    shallow, deep = (growth(derive_backward(network(depth))) for depth in (2, 3))
    assert shallow < 4
    assert deep <= 1.1 * shallow


def test_work_that_grows_faster_is_noticed() -> None:
    def quadratic(depth: int) -> None:
        for _ in range(depth * depth):
            calls_nothing()

    def calls_nothing() -> None:
        """One call to be counted."""

    with pytest.raises(AssertionError):
        assert_linear([calls(lambda depth=depth: quadratic(depth)) for depth in (5, 10, 15)])
