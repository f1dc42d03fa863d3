"""Mini-batch training: shuffled batches through one compiled training step.

The step is a function of everything it reads, and returns everything it changes;
nothing here knows a backend, an optimizer or a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from symbackprop.errors import OptionError
from symbackprop.train.datasets import Array


class TrainingStep(Protocol):
    """A compiled training step: forward, backward and the optimizer's update."""

    def __call__(self, values: Mapping[str, Any], /) -> tuple[Any, Mapping[str, Any]]:
        """The loss at the given values, and the new parameters, buffers and optimizer state."""
        ...


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training rows has shown.

    Attributes
    ----------
    number
        Counted from 1.
    loss
        The mean loss of its batches, weighted by their rows.
    seconds
        How long it took.
    """

    number: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class Regime:
    """How often and in what portions the rows are gone through.

    Attributes
    ----------
    epochs
        Passes over all rows, 1 or more.
    batch_size
        Rows of a batch, 1 or more; the last batch of an epoch takes what is left.
    seed
        Seeds the order of the rows, which is drawn anew for each epoch.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    epochs: int
    batch_size: int
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise OptionError(
                    f"{name}={getattr(self, name)} is not a number from 1 up",
                    remedy=f"give {name} a value of 1 or more",
                )


class Training:
    """A network being trained.

    Parameters
    ----------
    step
        The compiled training step.
    values
        Everything else that the step reads, by name: the parameters, the optimizer's
        state, buffers. The step number ``t`` is counted here, from 1.
    data
        By name, the arrays that are fed in batches along their first axis: the input
        and the target.
    regime
        How the rows are gone through.
    drawn
        What is drawn anew for each batch, such as masks, given its number of rows.

    Attributes
    ----------
    values
        As given, and as the last step has left them.
    """

    def __init__(
        self,
        step: TrainingStep,
        values: Mapping[str, Any],
        data: Mapping[str, Array],
        regime: Regime,
        drawn: Callable[[int], Mapping[str, Any]] | None = None,
    ) -> None:
        self.values: dict[str, Any] = dict(values)
        self._step = step
        self._data = dict(data)
        self._regime = regime
        self._drawn = drawn or (lambda rows: {})
        self._taken = 0

    def epochs(self) -> Iterator[Epoch]:
        """Train, and tell what each epoch has shown as it ends.

        Raises
        ------
        OptionError
            If the loss is no longer a finite number.
        """
        generator = np.random.default_rng(self._regime.seed)
        count = len(next(iter(self._data.values())))
        for number in range(1, self._regime.epochs + 1):
            started = perf_counter()
            loss = self._epoch(generator.permutation(count)) / count
            if not isfinite(loss):
                raise OptionError(
                    f"the loss is {loss} in epoch {number}: the steps are too large",
                    remedy="use a smaller learning rate, or features and targets near 1",
                )
            yield Epoch(number, loss, perf_counter() - started)

    def _epoch(self, order: Array) -> float:
        """One pass in that order of the rows; the sum of all losses."""
        total: Any = 0.0
        for start in range(0, len(order), self._regime.batch_size):
            rows = order[start : start + self._regime.batch_size]
            batch = {name: array[rows] for name, array in self._data.items()}
            batch |= self._drawn(len(rows))
            self._taken += 1
            # A loss that overflows is met by `epochs`; NumPy need not warn of it as well.
            with np.errstate(all="ignore"):
                loss, changed = self._step({**self.values, **batch, "t": self._taken})
            self.values.update(changed)
            # Not read as a number before the epoch is over: a GPU need not be waited for.
            total = total + loss * len(rows)
        return float(total)
