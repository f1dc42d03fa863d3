"""One pass over a sequence: each step refers to the step before, as equations.

What depends on the input alone is one equation for all steps, outside the recurrence::

    p[t,n,j] = Sum(W[j,i]*x[t,n,i], i) + b[j]
    h[t,n,j] = tanh(p[t,n,j] + Sum(U[j,m]*h[t-1,n,m], m))   with h[-1,n,j] = h0[n,j]

PyTorch keeps the matrices of all gates in one, those of gate g in rows g·H … g·H + H-1;
here ``U[g,j,m]`` is row j of gate g.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import sympy as sp

from symbackprop.language import BaseCase, SizeLike, Tensor, relu, sigmoid, size, size_of
from symbackprop.library.layers import SIZE, Layer, Weights
from symbackprop.library.places import parameter_at, series
from symbackprop.library.scope import Scope


@dataclass(frozen=True)
class Steps:
    """The axes of a sequence but the last one, and the way it is gone through.

    Attributes
    ----------
    outer
        Their indices, n and t, in the input's order.
    time
        Which of them is t.
    reverse
        Whether the last step is the first one computed.
    """

    outer: tuple[sp.Idx, ...]
    time: int
    reverse: bool

    @property
    def t(self) -> sp.Idx:
        """The index of the step."""
        return self.outer[self.time]

    @property
    def before(self) -> sp.Expr:
        """The step computed before step t."""
        return self.t + 1 if self.reverse else self.t - 1

    @property
    def start(self) -> sp.Expr:
        """The step outside that stands for the initial state."""
        return size_of(self.t) if self.reverse else sp.Integer(-1)

    @property
    def batch(self) -> tuple[sp.Idx, ...]:
        """The indices of the batch: one, or none."""
        return (*self.outer[: self.time], *self.outer[self.time + 1 :])

    def at(self, step: sp.Expr, *last: sp.Expr) -> tuple[sp.Expr, ...]:
        """The positions of one step."""
        return (*self.outer[: self.time], step, *self.outer[self.time + 1 :], *last)


def steps_of(a: Tensor, batch_first: bool, *, reverse: bool = False) -> Steps:
    """The axes of the sequence `a`."""
    time = 1 if batch_first and len(a.indices) == 3 else 0
    return Steps(a.indices[:-1], time, reverse)


@dataclass(frozen=True)
class Pass(Layer):
    """One layer of a recurrent network in one direction.

    Parameters
    ----------
    input_size, hidden_size
        The sizes of the input's last axis and of the state's.
    bias
        Whether there are biases.
    batch_first
        Whether the axis of the batch comes before that of the steps.
    suffix
        What PyTorch's names of its parameters end with: ``"_l0"``, ``"_l0_reverse"``.
    nonlinearity
        ``"tanh"`` or ``"relu"``, for the plain network.
    """

    input_size: SizeLike = field(metadata=SIZE)
    hidden_size: SizeLike = field(metadata=SIZE)
    bias: bool
    batch_first: bool
    suffix: str
    nonlinearity: str = "tanh"

    #: How many gates share one matrix, and the letters of what is carried along.
    gates: ClassVar[int]
    states: ClassVar[str] = "h"

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The sizes of the last axis before and after."""
        return size(self.input_size), size(self.hidden_size)

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Matrices and biases, all uniform in ±1/√H as PyTorch has it."""
        into, hidden = self.features
        rows, bound = self.gates * hidden, 1 / sp.sqrt(hidden)
        biases = (
            Weights(f"bias_ih{self.suffix}", "b_ih", (rows,), bound),
            Weights(f"bias_hh{self.suffix}", "b_hh", (rows,), bound),
        )
        return (
            Weights(f"weight_ih{self.suffix}", "W_ih", (rows, into), bound),
            Weights(f"weight_hh{self.suffix}", "W_hh", (rows, hidden), bound),
            *(biases if self.bias else ()),
        )

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the recurrence over the sequence `a`, from states of zeros; return h."""
        return self.run(scope, a, (), 0)

    def run(self, scope: Scope, a: Tensor, initial: Sequence[Tensor], number: int) -> Tensor:
        """Add the recurrence over the sequence `a`; return the states h.

        Parameters
        ----------
        initial
            The initial states, one tensor for each of `states`; none for zeros.
        number
            The place on their first axis.
        """
        scope.layer += 1
        steps = steps_of(a, self.batch_first, reverse=self.suffix.endswith("_reverse"))
        *batch, j = (*steps.batch, scope.index(self.hidden_size, *series("j")))
        states = [scope.announce(letter, steps.at(steps.t, j)) for letter in self.states]
        base = {
            state.name: BaseCase(state[steps.at(steps.start, j)], start[(number, *batch, j)])
            for state, start in zip(states, initial, strict=False)
        }
        for state, value in zip(states, self.step(scope, a, steps, states), strict=True):
            scope.settle(state, value, *([base[state.name]] if base else []))
        return states[0]

    @abstractmethod
    def step(
        self, scope: Scope, a: Tensor, steps: Steps, states: Sequence[Tensor]
    ) -> Sequence[sp.Expr]:
        """Add the equations of one step; return the right sides of the states' own."""

    def from_input(self, scope: Scope, a: Tensor, row: sp.Expr) -> sp.Expr:
        """What the input contributes: ``Sum(W[row,i]*x[t,n,i], i) + b_ih[row]``."""
        i = a.indices[-1]
        value = sp.Sum(self._parameter(scope, 0, row, i) * a.element, i)
        return value + self._parameter(scope, 2, row) if self.bias else value

    def _parameter(self, scope: Scope, number: int, *places: sp.Expr) -> sp.Expr:
        weights = self.weights[number]
        return parameter_at(scope, weights.letter, weights.shape, places)


@dataclass(frozen=True)
class PlainPass(Pass):
    """``h[t,n,j] = tanh(p[t,n,j] + Sum(W_hh[j,m]*h[t-1,n,m], m))``, or with relu."""

    gates: ClassVar[int] = 1

    def step(
        self, scope: Scope, a: Tensor, steps: Steps, states: Sequence[Tensor]
    ) -> Sequence[sp.Expr]:
        """Add the projection p and the pre-activation a."""
        (h,) = states
        j, m = h.indices[-1], scope.index(self.hidden_size, *series("m"))
        given = self.from_input(scope, a, j)
        matrix = self._parameter(scope, 1, j, m)
        if self.bias:
            given += self._parameter(scope, 3, j)
        p = scope.local("p", h.indices, given)
        before = sp.Sum(matrix * h[steps.at(steps.before, m)], m)
        total = scope.local("a", h.indices, p.element + before).element
        return (sp.tanh(total) if self.nonlinearity == "tanh" else relu(total),)


@dataclass(frozen=True)
class Gates:
    """What the gates of one step receive, gate g at ``p[t,n,g,j]`` and ``U[g,j,m]``.

    Attributes
    ----------
    steps
        The axes of the sequence.
    projection
        p: what the input contributes.
    matrices
        U: the recurrent matrices.
    bias
        What is added to the product with the state, if it is not part of p.
    state
        h, the state that the gates look at.
    """

    steps: Steps
    projection: Tensor
    matrices: Tensor
    bias: Tensor | None
    state: Tensor

    def from_input(self, gate: int) -> sp.Expr:
        """``p[t,n,gate,j]``."""
        return self.projection[self.steps.at(self.steps.t, gate, self.state.indices[-1])]

    def from_state(self, gate: int) -> sp.Expr:
        """``Sum(U[gate,j,m]*h[t-1,n,m], m)``."""
        j, m = self.state.indices[-1], self.matrices.indices[-1]
        h = self.state[self.steps.at(self.steps.before, m)]
        value = sp.Sum(self.matrices[gate, j, m] * h, m)
        return value + self.bias[gate, j] if self.bias else value


@dataclass(frozen=True)
class GatedPass(Pass):
    """What the passes with gates share."""

    def gated(
        self, scope: Scope, a: Tensor, steps: Steps, h: Tensor, *, apart: bool = False
    ) -> Gates:
        """Add p and U, and what is added to U·h if that is to be kept `apart` from p."""
        g, m = scope.index(self.gates, *series("g")), scope.index(self.hidden_size, *series("m"))
        j = h.indices[-1]
        row = size(self.hidden_size) * g + j
        given, bias = self.from_input(scope, a, row), None
        matrix = self._parameter(scope, 1, row, m)
        if self.bias and apart:
            bias = scope.local("b", (g, j), self._parameter(scope, 3, row))
        elif self.bias:
            given += self._parameter(scope, 3, row)
        p = scope.local("p", steps.at(steps.t, g, j), given)
        return Gates(steps, p, scope.local("U", (g, j, m), matrix), bias, h)


@dataclass(frozen=True)
class LSTMPass(GatedPass):
    """``c[t] = f[t]*c[t-1] + i[t]*g[t]`` and ``h[t] = o[t]*tanh(c[t])``."""

    gates: ClassVar[int] = 4
    states: ClassVar[str] = "hc"

    def step(
        self, scope: Scope, a: Tensor, steps: Steps, states: Sequence[Tensor]
    ) -> Sequence[sp.Expr]:
        """Add what the gates i, f, g and o receive, and the gates."""
        h, c = states
        gates = self.gated(scope, a, steps, h)
        value: dict[str, sp.Expr] = {}
        for number, letter in enumerate("ifgo"):
            received = gates.from_input(number) + gates.from_state(number)
            total = scope.local(f"a_{letter}", h.indices, received).element
            gate = sp.tanh(total) if letter == "g" else sigmoid(total)
            value[letter] = scope.local(letter, h.indices, gate).element
        before = c[steps.at(steps.before, c.indices[-1])]
        return (
            value["o"] * sp.tanh(c.element),
            value["f"] * before + value["i"] * value["g"],
        )


@dataclass(frozen=True)
class GRUPass(GatedPass):
    """``h[t] = (1 - z[t])*n[t] + z[t]*h[t-1]``, n seeing the state through the gate r."""

    gates: ClassVar[int] = 3

    def step(
        self, scope: Scope, a: Tensor, steps: Steps, states: Sequence[Tensor]
    ) -> Sequence[sp.Expr]:
        """Add the gates r and z, and the new value n."""
        (h,) = states
        gates = self.gated(scope, a, steps, h, apart=True)
        value: dict[str, sp.Expr] = {}
        for number, letter in enumerate("rz"):
            received = gates.from_input(number) + gates.from_state(number)
            total = scope.local(f"a_{letter}", h.indices, received).element
            value[letter] = scope.local(letter, h.indices, sigmoid(total)).element
        seen = scope.local("q", h.indices, gates.from_state(2)).element
        total = scope.local("a_n", h.indices, gates.from_input(2) + value["r"] * seen).element
        new = scope.local("n", h.indices, sp.tanh(total)).element
        before = h[steps.at(steps.before, h.indices[-1])]
        return ((1 - value["z"]) * new + value["z"] * before,)
