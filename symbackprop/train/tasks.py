"""What a run trains on what: the equations, the rows, and what to say of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from symbackprop.errors import OptionError
from symbackprop.language import System
from symbackprop.library import Loss, Optimizer, Origin, Sequential
from symbackprop.train.data import Split
from symbackprop.train.datasets import Array, Dataset, chosen
from symbackprop.train.loop import Regime
from symbackprop.train.metrics import classification, regression


class Compiled(Protocol):
    """A compiled derivation: objective, gradients and prediction."""

    def __call__(self, values: Mapping[str, Any], /) -> tuple[Any, Mapping[str, Any]]:
        """The objective and its gradients."""
        ...

    def predict(self, values: Mapping[str, Any], /) -> Any:
        """The prediction."""
        ...


class Task(ABC):
    """What to train on what.

    Attributes
    ----------
    optimizer
        Changes the parameters.
    regime
        How often and in what portions the rows are gone through.
    """

    optimizer: Optimizer
    regime: Regime

    @property
    @abstractmethod
    def system(self) -> System:
        """The equations."""

    @property
    @abstractmethod
    def rows(self) -> dict[str, Array]:
        """The rows to learn from: arrays by tensor, float64, or int64 for labels."""

    @abstractmethod
    def initial_parameters(self) -> dict[str, Array]:
        """The parameters before the first step, by name."""

    @abstractmethod
    def metrics(self, compiled: Compiled, parameters: Mapping[str, Array]) -> dict[str, float]:
        """How good the parameters are on the held-out rows, by name of the measure."""

    @abstractmethod
    def undefined(self, loss: float) -> OptionError:
        """What to say of a loss that is no finite number before the first step."""

    @abstractmethod
    def description(self) -> tuple[str, ...]:
        """What it is, in lines for people."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What it is, in plain values for a checkpoint."""


@dataclass(frozen=True)
class NetworkTask(Task):
    """A network with a loss, on rows of features and their targets.

    Attributes
    ----------
    network, loss, optimizer
        Records of the library; all sizes of the network are numbers.
    parts
        The data, split and scaled.
    regime
        How often and in what portions the rows are gone through.
    """

    network: Sequential
    loss: Loss
    optimizer: Optimizer
    parts: Split
    regime: Regime

    @cached_property
    def system(self) -> System:
        """The network's equations, with the loss."""
        return self.network.system(self.loss)

    @property
    def rows(self) -> dict[str, Array]:
        """Features and targets to learn from."""
        return self._named(self.parts.train)

    def initial_parameters(self) -> dict[str, Array]:
        """As PyTorch's layers draw them."""
        return dict(self.network.initial_parameters(self.regime.seed))

    def metrics(self, compiled: Compiled, parameters: Mapping[str, Array]) -> dict[str, float]:
        """How good the predictions for the held-out rows are.

        Raises
        ------
        OptionError
            If the last steps went so far that a prediction is no finite number.
        """
        held_out = self.parts.held_out
        with np.errstate(all="ignore"):
            outputs = compiled.predict({**parameters, **self._named(held_out)})
        predicted = np.asarray(outputs, dtype=np.float64)
        if not np.isfinite(predicted).all():
            raise OptionError(
                "a prediction for the held-out rows is not a finite number: "
                "the steps are too large",
                remedy="use a smaller learning rate, or features and targets near 1",
            )
        if not held_out.classes:
            return regression(held_out.y, predicted)
        return classification(held_out.labels, chosen(predicted, self._threshold()))

    def _threshold(self) -> float:
        """What a single output must exceed to speak for class 1.

        One half if the loss compares the output itself with the target; 0 if the loss
        makes a probability of it first, which a logit of 0 makes one half.
        """
        objective = self.system.definitions[str(self.system.objective)].rhs
        origin: Origin = self.system.origin
        prediction = self.system.tensor(origin.prediction)
        return 0.5 if objective.has(prediction.symbol) else 0.0

    def undefined(self, loss: float) -> OptionError:
        """The loss does not fit what the network gives."""
        return OptionError(
            f"the loss is {loss} before the first step: "
            f"{self.loss} is not defined for what the network gives",
            where=str(self.network),
            remedy="end the model with what the loss takes (BCELoss takes probabilities, so "
            "Sigmoid), or use a loss on plain numbers, such as BCEWithLogitsLoss",
        )

    def description(self) -> tuple[str, ...]:
        """Data, model, loss and optimizer."""
        train, held_out = self.parts.train, self.parts.held_out
        target = f"{len(train.classes)} classes" if train.classes else "a real target"
        return (
            f"data: {train.name}, {train.features} features, {target}; "
            f"{len(train.x)} rows to learn from, {len(held_out.x)} held out",
            f"model: {self._text()}",
            f"loss: {self.loss}; optimizer: {self.optimizer}; batches of {self.regime.batch_size}",
        )

    def settings(self) -> dict[str, Any]:
        """Model and loss, and what it takes to use the parameters on new rows."""
        return {
            "model": self._text(),
            "loss": str(self.loss),
            "classes": list(self.parts.train.classes),
            "features": {
                "mean": self.parts.mean.tolist(),
                "scale": self.parts.scale.tolist(),
            },
        }

    def _text(self) -> str:
        return " ".join(str(layer) for _, layer in self.network.flat())

    def _named(self, data: Dataset) -> dict[str, Array]:
        """All rows of a data set, by the names the equations have for them."""
        (features,), (target,) = self.system.inputs, self.system.targets
        return {features.name: data.x, target.name: data.y}
