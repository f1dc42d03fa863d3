"""Recurrent networks: one or more passes over a sequence, in one direction or both.

The equations of one pass are in `passes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import sympy as sp

from symbackprop.errors import OptionError, ShapeError
from symbackprop.language import SizeLike, Tensor, size, size_of
from symbackprop.library.branches import concatenated
from symbackprop.library.dropout import Dropout
from symbackprop.library.layers import LAYERS, SIZE, Layer, require_sizes
from symbackprop.library.passes import GRUPass, LSTMPass, Pass, PlainPass, steps_of
from symbackprop.library.places import series
from symbackprop.library.records import OURS, require_choice, require_range, require_whole
from symbackprop.library.scope import Scope

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
