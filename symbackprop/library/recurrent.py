"""Recurrent networks: each step of a sequence refers to the step before, as equations.

What depends on the input alone is one equation for all steps, outside the recurrence::

    p[t,n,j] = Sum(W[j,i]*x[t,n,i], i) + b[j]
    h[t,n,j] = tanh(p[t,n,j] + Sum(U[j,m]*h[t-1,n,m], m))   with h[-1,n,j] = h0[n,j]

PyTorch keeps the matrices of all gates in one, those of gate g in rows g·H … g·H + H-1;
here ``U[g,j,m]`` is row j of gate g.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import sympy as sp

from symbackprop.errors import OptionError, ShapeError
from symbackprop.language import BaseCase, SizeLike, Tensor, relu, sigmoid, size, size_of
from symbackprop.library.branches import concatenated
from symbackprop.library.dropout import Dropout
from symbackprop.library.layers import LAYERS, SIZE, Layer, Weights, require_sizes
from symbackprop.library.places import parameter_at, series
from symbackprop.library.records import OURS, require_choice, require_range, require_whole
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


#: What a recurrent network may return; see `Recurrent`.
OUTPUTS = ("sequence", "last", "final")


@dataclass(frozen=True)
class _Sizes(Layer):
    """The arguments that all recurrent networks begin with."""

    input_size: SizeLike = field(metadata=SIZE)
    hidden_size: SizeLike = field(metadata=SIZE)
    num_layers: int = 1


@dataclass(frozen=True)
class _Nonlinear(_Sizes):
    """The argument that only the plain network has, where PyTorch has it."""

    nonlinearity: str = "tanh"


@dataclass(frozen=True)
class Recurrent(_Sizes):
    """One or more recurrent layers over a sequence, in one direction or both.

    The input has axes (steps, examples, features), or (steps, features) without a batch.

    Parameters
    ----------
    input_size, hidden_size
        The sizes of the last axis before and after (of one direction).
    num_layers
        How many layers follow each other.
    bias
        Whether there are biases.
    batch_first
        Whether the axes are (examples, steps, features).
    dropout
        With which probability an element between two layers is dropped.
    bidirectional
        Whether a second network goes from the last step to the first; its states stand
        beside those of the other.
    output
        ``"sequence"`` for the states at all steps; ``"last"`` for those at the last
        step of the sequence; ``"final"`` for those computed last, which for the second
        direction are those at the first step.
    initial_state
        Whether the initial states are further inputs, of PyTorch's shape (layers times
        directions, examples, features); else they are 0.

    Raises
    ------
    OptionError
        If an argument is out of its range.
    """

    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False
    output: str = field(default="sequence", kw_only=True, metadata=OURS)
    initial_state: bool = field(default=False, kw_only=True, metadata=OURS)

    #: The class of one pass over the sequence.
    one_pass: ClassVar[type[Pass]]
    letters: ClassVar[tuple[str, ...]] = ("t", "i")

    def __post_init__(self) -> None:
        require_sizes(self, "input_size", "hidden_size")
        require_whole(self, "num_layers")
        for name in ("bias", "batch_first", "bidirectional", "initial_state"):
            require_choice(self, name, (False, True))
        require_choice(self, "output", OUTPUTS)
        require_range(self, "dropout", 0, 1)
        if self.dropout and self.num_layers == 1:
            raise OptionError(
                "dropout is between layers, and there is one",
                where=str(self),
                remedy="leave it out, or use more layers",
            )

    # --- what it consists of --------------------------------------------------------

    @cached_property
    def passes(self) -> tuple[tuple[Pass, ...], ...]:
        """One pass a direction, for each layer."""
        into = size(self.input_size)
        found = []
        for number in range(self.num_layers):
            suffixes = (f"_l{number}", f"_l{number}_reverse")[: self.directions]
            found.append(tuple(self._pass(into, suffix) for suffix in suffixes))
            into = self.features[1]
        return tuple(found)

    def _pass(self, into: sp.Expr, suffix: str) -> Pass:
        return self.one_pass(into, self.hidden_size, self.bias, self.batch_first, suffix)

    @property
    def directions(self) -> int:
        """1, or 2."""
        return 2 if self.bidirectional else 1

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The sizes of the last axis before and after."""
        return size(self.input_size), self.directions * size(self.hidden_size)

    @property
    def further(self) -> tuple[str, ...]:
        """The initial states: ``h_0``, and ``c_0`` for an LSTM."""
        return tuple(f"{s}_0" for s in self.one_pass.states) if self.initial_state else ()

    def example_shape(self) -> tuple[SizeLike, ...]:
        """Steps and features."""
        return "T", self.input_size

    def flat(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """The layer itself, then its passes, whose parameters PyTorch counts as its own."""
        place = prefix.removesuffix(".")
        yield place, self
        for layer in self.passes:
            yield from ((place, one) for one in layer)

    # --- equations ------------------------------------------------------------------

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the recurrences of all layers; return the states of the last."""
        self._require_sequence(a)
        scope.layer += self.numbered
        initial = self._initial(scope, a)
        for number, layer in enumerate(self.passes):
            if number and self.dropout:
                a = Dropout(self.dropout).equations(scope, a)
            first = number * self.directions
            states = [one.run(scope, a, initial, first + k) for k, one in enumerate(layer)]
            if self.output != "sequence" and number == self.num_layers - 1:
                states = [self._chosen(scope, h, k) for k, h in enumerate(states)]
            a = concatenated(scope, states, len(states[0].indices) - 1) if states[1:] else states[0]
        return a

    def _require_sequence(self, a: Tensor) -> None:
        if len(a.indices) in (2, 3) and a.shape[-1] == self.features[0]:
            return
        batch = "examples, steps" if self.batch_first else "steps, examples"
        raise ShapeError(
            f"{self} takes sequences of shape (steps, {self.input_size}) or "
            f"({batch}, {self.input_size}), {a.name!r} has shape {a.shape}",
            where=str(a.element),
            remedy="feed it a tensor of that shape",
        )

    def _initial(self, scope: Scope, a: Tensor) -> list[Tensor]:
        """The initial states; none for zeros."""
        if not self.initial_state:
            return []
        k = scope.index(self.num_layers * self.directions)
        j = scope.index(self.hidden_size, *series("j"))
        batch = steps_of(a, self.batch_first).batch
        return [scope.input(letter, k, *batch, j) for letter in self.further]

    def _chosen(self, scope: Scope, h: Tensor, direction: int) -> Tensor:
        """The states at one step, without the axis of the steps."""
        steps = steps_of(h, self.batch_first)
        first = self.output == "final" and direction == 1
        step = sp.Integer(0) if first else size_of(steps.t) - 1
        j = h.indices[-1]
        return scope.local("h", (*steps.batch, j), h[steps.at(step, j)])


@LAYERS.add
@dataclass(frozen=True)
class RNN(Recurrent, _Nonlinear):
    """``h[t] = tanh(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh)``, or relu; see `Recurrent`."""

    one_pass: ClassVar[type[Pass]] = PlainPass

    def __post_init__(self) -> None:
        require_choice(self, "nonlinearity", ("tanh", "relu"))
        super().__post_init__()

    def _pass(self, into: sp.Expr, suffix: str) -> Pass:
        return replace(super()._pass(into, suffix), nonlinearity=self.nonlinearity)


@LAYERS.add
@dataclass(frozen=True)
class GRU(Recurrent):
    """Gated recurrent units, the reset gate after the product as in PyTorch; see `Recurrent`."""

    one_pass: ClassVar[type[Pass]] = GRUPass


@LAYERS.add
@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory: states c kept by gates; see `Recurrent`.

    `proj_size` can only be 0: there are no projections.
    """

    proj_size: int = 0

    one_pass: ClassVar[type[Pass]] = LSTMPass

    def __post_init__(self) -> None:
        require_choice(self, "proj_size", (0,))
        super().__post_init__()
