"""Random systems in the whole language, for Hypothesis: equations, recurrences, base cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy as sp
from hypothesis import strategies as st
from random_expressions import (
    FACT,
    FLAT,
    GIVEN,
    JOINED,
    LETTERS,
    SIZES,
    TENSORS,
    D,
    K,
    M,
    N,
    P,
    Recurring,
    Writer,
    i,
    k,
)

import symbackprop.language as sb

__all__ = ["SIZES", "random_system", "systems"]

#: What may be on the left of an equation; the last three rarely.
AXES = (LETTERS[N][0], *LETTERS[D][:2], LETTERS[K][0], LETTERS[M][0])
_COMPUTED = tuple(LETTERS[extent][0] for extent in (P, JOINED, FLAT))


def random_system(
    integer: Callable[[int, int], int], most_equations: int = 4, most_depth: int = 3
) -> sb.System:
    """A system of two equations or more, the last of which is the objective."""
    writer = Writer(integer, affine=integer(0, 1) * integer(0, 4))
    equations: list[sb.Equation] = []
    for number in range(integer(1, most_equations - 1)):
        if writer.sometimes(3):
            group = _recurrence(writer, f"e{number}", most_depth)
        else:
            group = [_plain(writer, f"e{number}", most_depth)]
        equations.extend(group)
        writer.tensors.extend(sb.intermediate(e.name, *e.indices) for e in group)
    L = sb.intermediate("L")
    last = writer.tensors[-1]
    loss = sp.log(1 + (last.element if last.indices else last[()]) ** 2)
    loss = sp.Sum(loss, *last.indices) if last.indices else loss
    rhs = loss + writer.expression([], integer(1, most_depth))
    if integer(0, 1):
        weights = sp.Sum(TENSORS["W"][k, i] ** 2, k, i)
        rhs += sp.Rational(1, 2) * TENSORS["c"][()] * weights
    equations.append(sb.Equation(L, rhs))
    return sb.System(equations, GIVEN, minimize="L", facts=[FACT])


def _axes(writer: Writer) -> list[sp.Idx]:
    axes = [idx for idx in AXES if writer.integer(0, 1)][:3]
    if writer.sometimes(2):
        axes = [*axes[:1], writer.choice(_COMPUTED)]
    return axes


def _plain(writer: Writer, name: str, most_depth: int) -> sb.Equation:
    axes = _axes(writer)
    rhs = writer.expression(axes, writer.integer(1, most_depth))
    base: list[sb.BaseCase] = []
    if axes and writer.sometimes(1):
        axis = writer.integer(0, len(axes) - 1)
        base = _base_cases(writer, sb.intermediate(name, *axes), axis, writer.choice([1, -1]), 1)
    return sb.Equation(sb.intermediate(name, *axes), rhs, tuple(base))


# --- recurrences ----------------------------------------------------------------------


def _recurrence(writer: Writer, name: str, most_depth: int) -> list[sb.Equation]:
    """One equation or two that recur along one axis, in either direction."""
    along = LETTERS[M][0] if writer.integer(0, 3) else LETTERS[D][0]
    direction = writer.choice([1, -1])
    reach = writer.integer(1, 3)
    tensors = []
    for number in range(1 + writer.sometimes(4)):
        others = [idx for idx in AXES[:4] if idx != along and writer.integer(0, 1)]
        axes = others[:2]
        axes.insert(writer.integer(0, len(axes)), along)
        tensors.append(sb.intermediate(f"{name}{'ab'[number]}", *axes))
    equations = [
        _recurring(writer, number, tensors, along, reach=direction * reach, most_depth=most_depth)
        for number in range(len(tensors))
    ]
    return [
        replace(equation, base=tuple(_base_cases(writer, tensor, axis, direction, reach)))
        for equation, tensor in zip(equations, tensors, strict=True)
        for axis in (tensor.indices.index(along),)
    ]


def _recurring(
    writer: Writer,
    number: int,
    tensors: Sequence[sb.Tensor],
    along: sp.Idx,
    *,
    reach: int,
    most_depth: int,
) -> sb.Equation:
    """One equation of a group: those before it may be read at the same step."""
    direction = 1 if reach > 0 else -1
    away = tuple(-direction * step for step in range(1, abs(reach) + 1))
    recurring = {
        tensor.name: Recurring(
            tensor.indices.index(along), along, (0, *away) if place < number else away
        )
        for place, tensor in enumerate(tensors)
    }
    own = tensors[number]
    inner = Writer(
        writer.integer, [*writer.tensors, *tensors], affine=writer.affine, recurring=recurring
    )
    scope = list(own.indices)
    value = inner.expression(scope, writer.integer(1, most_depth - 1))
    before = inner.element(tensors[writer.integer(0, len(tensors) - 1)], scope)
    factor = writer.choice([1, sp.Rational(1, 2), TENSORS["s"][()]])
    return sb.Equation(own, writer.choice([sp.tanh, sp.sin, sb.sigmoid])(value + factor * before))


def _base_cases(
    writer: Writer, tensor: sb.Tensor, axis: int, direction: int, reach: int
) -> list[sb.BaseCase]:
    """What a tensor is at some of the positions outside that a recurrence reads."""
    cases = []
    others = [idx for place, idx in enumerate(tensor.indices) if place != axis]
    for step in range(reach):
        if writer.integer(0, 1):
            continue
        position = sp.Integer(-1 - step) if direction > 0 else tensor.shape[axis] + step
        places = [*others[:axis], position, *others[axis:]]
        value = writer.expression(others, writer.integer(0, 1))
        cases.append(sb.BaseCase(tensor[tuple(places)], value))
    return cases


@st.composite
def systems(draw: Callable, most_equations: int = 4, most_depth: int = 3) -> sb.System:
    """What `random_system` writes, drawn by Hypothesis."""
    return random_system(lambda low, high: draw(st.integers(low, high)), most_equations, most_depth)
