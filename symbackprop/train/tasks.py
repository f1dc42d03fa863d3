"""What a run trains on what: the equations, the rows, and what to say of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symbackprop.errors import DataError, ModelError, OptionError
from symbackprop.language import Domain, System
from symbackprop.library import Loss, Network, Optimizer, Origin
from symbackprop.train.data import Split
from symbackprop.train.datasets import Array, Dataset, chosen
from symbackprop.train.loop import Regime
from symbackprop.train.metrics import classification, regression
from symbackprop.typeset import phrase


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
    def evaluation(self) -> System:
        """The equations by which the held-out rows are measured, if they are others."""
        return self.system

    @property
    @abstractmethod
    def measured(self) -> str:
        """The tensor of the evaluation that the metrics look at."""

    @property
    @abstractmethod
    def rows(self) -> dict[str, Array]:
        """The rows to learn from: arrays by tensor, float64, or int64 for labels."""

    @property
    @abstractmethod
    def held_out_rows(self) -> dict[str, Array]:
        """The rows to measure on, likewise."""

    @abstractmethod
    def initial_parameters(self) -> dict[str, Array]:
        """The parameters before the first step, by name."""

    def initial_buffers(self) -> dict[str, Array]:
        """The state that training carries along, before the first step, by name."""
        return {}

    @abstractmethod
    def metrics(self, measured: Array) -> dict[str, float]:
        """How good the parameters are, given what was measured on the held-out rows."""

    @abstractmethod
    def undefined(self, loss: float) -> OptionError:
        """What to say of a loss that is no finite number before the first step."""

    @abstractmethod
    def description(self, language: str = "en") -> tuple[str, ...]:
        """What it is, in lines for people.

        Raises
        ------
        UnknownNameError
            On an unknown language.
        """

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
    shape
        The axes that the features of a row are laid out in; those that the network
        takes if None.
    """

    network: Network
    loss: Loss
    optimizer: Optimizer
    parts: Split
    regime: Regime
    shape: tuple[int, ...] | None = None

    @cached_property
    def system(self) -> System:
        """The network's equations, with the loss.

        Raises
        ------
        ModelError
            If it takes more than a data set has.
        """
        system = self.network.system(self.loss, shape=self.shape)
        buffers = set(self.network.buffer_names.values())
        more = [t.name for t in system.inputs[1:] if t.name not in buffers]
        more += [t.name for t in system.targets[1:]]
        if more:
            raise ModelError(
                f"{', '.join(map(repr, more))} would have to be given besides features and target",
                where=str(self.network),
                remedy="train with sb.derive(system).training_step(optimizer), "
                "which takes any arrays",
            )
        return system

    @cached_property
    def evaluation(self) -> System:
        """The network's equations with running averages, without dropout."""
        return self.network.system(self.loss, shape=self.shape, training=False)

    @property
    def measured(self) -> str:
        """The network's output."""
        origin: Origin = self.evaluation.origin
        return origin.prediction

    @property
    def rows(self) -> dict[str, Array]:
        """Features and targets to learn from."""
        return self._named(self.parts.train)

    @property
    def held_out_rows(self) -> dict[str, Array]:
        """Features and targets to measure on."""
        return self._named(self.parts.held_out)

    def initial_parameters(self) -> dict[str, Array]:
        """As PyTorch's layers draw them."""
        return dict(self.network.initial_parameters(self.regime.seed))

    def initial_buffers(self) -> dict[str, Array]:
        """As PyTorch's layers fill them."""
        return dict(self.network.initial_buffers())

    def metrics(self, measured: Array) -> dict[str, float]:
        """How good the predictions for the held-out rows are.

        Raises
        ------
        OptionError
            If the last steps went so far that a prediction is no finite number.
        """
        held_out = self.parts.held_out
        predicted = np.asarray(measured, dtype=np.float64)
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

    def description(self, language: str = "en") -> tuple[str, ...]:
        """Data, model, loss and optimizer."""
        train, held_out = self.parts.train, self.parts.held_out
        target = phrase("train-classes" if train.classes else "train-real", language)
        return (
            phrase("train-data", language).format(
                source=train.name,
                features=train.features,
                target=target.format(count=len(train.classes)),
                rows=len(train.x),
                held_out=len(held_out.x),
            ),
            phrase("train-model", language).format(model=self._text()),
            phrase("train-loss", language).format(
                loss=self.loss, optimizer=self.optimizer, batch_size=self.regime.batch_size
            ),
        )

    def settings(self) -> dict[str, Any]:
        """Model and loss, and what it takes to use the parameters on new rows."""
        return {
            "model": self._text(),
            "input": None if self.shape is None else list(self.shape),
            "loss": str(self.loss),
            "classes": list(self.parts.train.classes),
            "features": {
                "mean": self.parts.mean.tolist(),
                "scale": self.parts.scale.tolist(),
            },
        }

    def _text(self) -> str:
        return " ".join(map(str, self.network.layers))

    def _named(self, data: Dataset) -> dict[str, Array]:
        """All rows of a data set, by the names the equations have for them."""
        features, target = self.system.inputs[0], self.system.targets[0]
        x = data.x if features.domain is not Domain.LABEL else self._labels(data)
        if self.shape is not None:
            x = x.reshape(len(x), *self.shape)
        return {features.name: x, target.name: data.y}

    def _labels(self, data: Dataset) -> Array:
        labels = data.x.astype(np.int64)
        if not np.array_equal(labels, data.x):
            raise DataError(
                "the network takes labels, and a feature is not a whole number",
                where=data.name,
                remedy=f"give whole numbers from 0 up, below {self.network.classes}",
            )
        return labels
