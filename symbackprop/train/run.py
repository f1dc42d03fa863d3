"""One training run: equations, derived gradients, compiled steps, and a check before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from symbackprop.calculus import derive_backward
from symbackprop.compile import (
    BACKENDS,
    compile_backward,
    compile_prediction,
    compile_training_step,
)
from symbackprop.errors import VerificationError
from symbackprop.language import Role
from symbackprop.train.datasets import Array
from symbackprop.train.loop import Epoch, Training
from symbackprop.train.masks import Masks
from symbackprop.train.tasks import Task
from symbackprop.verify import autograd_gradients

# How far a gradient may be from autograd's in float64, relative to its largest element.
_TOLERANCES = {"float64": 1e-10, "float32": 1e-4}
# A gradient below this vanishes: features and initial parameters are near 1, so what
# either side has left of it is rounding, and relative to itself that is anything.
_VANISHING = 1e-3
# Rows that the gradient is checked on before training.
_CHECKED_ROWS = 16
# Below this many multiplications in a forward pass, one thread is as fast as several.
_SMALL_STEP = 2**24


@dataclass(frozen=True)
class Engine:
    """What computes.

    Attributes
    ----------
    backend
        ``"numpy"`` or ``"torch"``.
    dtype
        The floating-point type of everything but labels.
    device
        ``"cpu"`` or ``"cuda"``.
    """

    backend: str = "numpy"
    dtype: Literal["float32", "float64"] = "float64"
    device: str = "cpu"


class Run:
    """A training run, ready to start.

    Parameters
    ----------
    task
        What to train.
    engine
        What computes.

    Raises
    ------
    ShapeError
        If the loss cannot take what the network gives.
    CompileError
        If the backend cannot express the equations.
    """

    def __init__(self, task: Task, engine: Engine) -> None:
        self._task = task
        self._engine = engine
        self._system = task.system
        self._rows = {name: self._cast(array) for name, array in task.rows.items()}
        self._backward = derive_backward(self._system)
        where = {"dtype": engine.dtype, "device": engine.device}
        self._compiled = compile_backward(self._backward, engine.backend, **where)
        self._measure = compile_prediction(
            task.evaluation, engine.backend, **where, prediction=task.measured
        )
        step = compile_training_step(self._backward, task.optimizer, engine.backend, **where)
        initial = task.initial_parameters()
        self._buffers = tuple(task.initial_buffers())
        self._training = Training(
            step,
            step.place(initial | task.initial_buffers()) | step.initial_state(initial),
            step.place(self._rows),
            task.regime,
            self._masks(task.regime.seed).draw,
        )

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters as training has left them, by name."""
        return self._current(tensor.name for tensor in self._system.parameters)

    @property
    def buffers(self) -> dict[str, Array]:
        """Running averages and the like, as training has left them, by name."""
        return self._current(self._buffers)

    def _current(self, names: Iterable[str]) -> dict[str, Array]:
        to_numpy = BACKENDS[self._engine.backend].to_numpy
        return {name: to_numpy(self._training.values[name]) for name in names}

    def _masks(self, seed: int) -> Masks:
        return Masks(self._system.with_role(Role.MASK), seed, self._engine.dtype)

    def check_gradient(self) -> float:
        """Compare the generated gradient with autograd's on the first training rows.

        Returns
        -------
        float
            The worst relative error.

        Raises
        ------
        VerificationError
            If a gradient differs by more than rounding.
        OptionError
            If the loss is not a finite number on these rows.
        """
        rows = {name: rows[:_CHECKED_ROWS] for name, rows in self._rows.items()}
        # Not from the generator of training, which a check must not change.
        masks = self._masks(seed=0).draw(len(next(iter(rows.values()))))
        values = self.parameters | self.buffers | masks | rows
        names = [tensor.name for tensor in self._system.parameters]
        defaults = {t.name: np.asarray(t.value) for t in self._system.hyperparameters}
        exact = {name: _widened(array) for name, array in (defaults | values).items()}
        _, expected = autograd_gradients(self._system, exact, names)
        with np.errstate(all="ignore"):
            loss, found = self._compiled(values)
        if not np.isfinite(float(loss)):
            raise self._task.undefined(float(loss))
        errors = {name: _relative_error(found[name], expected[name]) for name in names}
        worst = max(errors, key=lambda name: errors[name])
        doubt = "if the declared facts hold of the data, " if self._system.facts else ""
        if not errors[worst] <= _TOLERANCES[self._engine.dtype]:
            raise VerificationError(
                f"the generated gradient of {worst} differs from torch.autograd's "
                f"by {errors[worst]:.1e}, relative to its largest element",
                where=str(self._backward.gradients[worst]),
                remedy=f"nothing was trained; {doubt}please report these equations",
            )
        return errors[worst]

    def epochs(self) -> Iterator[Epoch]:
        """Train, and tell what each epoch has shown as it ends."""
        with threadpool_limits(limits=self._threads()):
            yield from self._training.epochs()

    def _threads(self) -> int | None:
        """How many threads a product of matrices may use; None for as many as there are.

        Threads that share a small product mostly wait for each other, and on a busy
        machine for much longer than the product takes.
        """
        weights = sum(tensor.size for tensor in self.parameters.values())
        return 1 if weights * self._task.regime.batch_size < _SMALL_STEP else None

    def metrics(self) -> dict[str, float]:
        """How good the parameters are on the held-out rows, by name of the measure.

        Raises
        ------
        OptionError
            If the last steps went so far that a measure is no finite number.
        """
        held_out = {name: self._cast(rows) for name, rows in self._task.held_out_rows.items()}
        given = self.parameters | self.buffers | held_out
        known = {tensor.name for tensor in self._task.evaluation.given}
        with np.errstate(all="ignore"):
            measured = self._measure({n: value for n, value in given.items() if n in known})
        return self._task.metrics(np.asarray(measured))

    def _cast(self, array: Array) -> Array:
        return array.astype(self._engine.dtype) if array.dtype.kind == "f" else array


def _widened(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _relative_error(found: Any, expected: Array) -> float:
    scale = max(float(np.abs(expected).max()), _VANISHING)
    return float(np.abs(np.asarray(found, dtype=np.float64) - expected).max()) / scale
