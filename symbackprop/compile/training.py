"""Training steps: forward pass, backward pass and the optimizer's update in one function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from symbackprop.calculus import Backward
from symbackprop.compile.arrays import Engine
from symbackprop.compile.functions import (
    CompiledModule,
    backward_equations,
    by_role,
    make_engine,
    one_line,
)
from symbackprop.compile.module import Function, Module, Returned, write_module
from symbackprop.compile.program import Program, lower
from symbackprop.errors import EquationError, UnknownNameError
from symbackprop.language import Tensor
from symbackprop.library import Update

_STEP_COUNT = "t"


class Optimizer(Protocol):
    """What a training step needs of an optimizer: its equations for one parameter."""

    def update(self, parameter: Tensor, gradient: Tensor) -> Update:
        """The equations of one step for one parameter."""
        ...


class TrainingStep(CompiledModule):
    """One step of training: ``step(values) -> (loss, changed)``.

    Attributes
    ----------
    source
        The emitted module.
    """

    def __init__(
        self,
        module: Module,
        engine: Engine,
        tensors: Mapping[str, Tensor],
        updates: Mapping[str, Update],
    ) -> None:
        super().__init__(module, engine, tensors)
        self._updates = updates
        # A loop may count its steps whether or not this optimizer looks at the number.
        self._allowed.add(_STEP_COUNT)

    def __call__(self, values: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The loss before the step, and the new parameters, buffers and state by their old names.

        Parameters
        ----------
        values
            By name, the batch, the parameters, the optimizer's state and the number ``t``
            of this step, from 1; hyperparameters that are not given have their defaults.
            NumPy arrays in, NumPy arrays out; with the torch backend, if any value is a
            tensor, tensors that stay on the device.

        Raises
        ------
        UnknownNameError, ShapeError, DataError
            If a value is missing, unknown, of another shape, or not of the right kind.
        """
        loss, changed = self._call("step", values)
        results = self._results(
            values, {"loss": loss} | {f"new {n}": v for n, v in changed.items()}
        )
        return results["loss"], {name: results[f"new {name}"] for name in changed}

    def initial_state(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What the optimizer carries from step to step, before the first one.

        Parameters
        ----------
        parameters
            The parameters that are trained, by name; only their shapes are looked at.

        Returns
        -------
        dict
            Arrays by name, of the backend's own kind and on its device.

        Raises
        ------
        UnknownNameError
            If a parameter that is trained is not among them.
        """
        state: dict[str, Any] = {}
        for name, update in self._updates.items():
            if update.initial and name not in parameters:
                raise UnknownNameError("parameter", name, parameters)
            for carried, value in update.initial.items():
                filled = np.full(tuple(getattr(parameters[name], "shape", ())), value)
                state[carried] = self._engine.array(filled, self._tensors[carried])
        return state

    def place(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values as arrays of the backend's own kind, on its device.

        Raises
        ------
        UnknownNameError
            If a name is not among the tensors of the step.
        """
        for name in values:
            if name not in self._tensors:
                raise UnknownNameError("tensor", name, self._tensors)
        return {
            name: self._engine.array(value, self._tensors[name]) for name, value in values.items()
        }


def compile_training_step(
    backward: Backward,
    optimizer: Optimizer,
    backend: str = "numpy",
    *,
    dtype: str = "float64",
    device: str = "cpu",
) -> TrainingStep:
    """Compile forward pass, backward pass and an optimizer's update into one function.

    Parameters
    ----------
    backward
        The derivation; every tensor it differentiates by is updated.
    optimizer
        Gives the equations of one update.
    backend, dtype, device
        See `compile_backward`.

    Raises
    ------
    OptionError, CompileError
        As `compile_backward` does.
    EquationError
        If the update needs a name that the system has for something else.
    """
    engine = make_engine(backend, dtype, device)
    updates = {
        name: optimizer.update(backward.tensors[name], backward.tensors[equation.name])
        for name, equation in backward.gradients.items()
    }
    tensors = _joined(backward, updates)
    function = _step_function(backward, updates, tensors)
    names = ", ".join(updates)
    summary = one_line(f"One step of {type(optimizer).__name__} on {names}.")
    module = write_module([function], engine.backend, dtype, summary)
    return TrainingStep(module, engine, tensors, updates)


def _step_function(
    backward: Backward, updates: Mapping[str, Update], tensors: Mapping[str, Tensor]
) -> Function:
    equations, origins = backward_equations(backward)
    objective = str(backward.system.objective)
    update_equations = dict.fromkeys(e for update in updates.values() for e in update.equations)
    changed = {name: update.successor for name, update in updates.items()}
    for update in updates.values():
        changed |= update.state
    changed |= backward.system.updates
    program = Program(
        (*equations, *update_equations),
        tensors,
        (objective, *changed.values()),
        origins | {equation.name: "update" for equation in update_equations},
    )
    return Function(
        "step",
        "The objective, and what one step makes of parameters and state.",
        lower(program),
        Returned((objective,), changed),
        objective,
    )


def _joined(backward: Backward, updates: Mapping[str, Update]) -> dict[str, Tensor]:
    """The tensors of the derivation, then those that the updates bring."""
    tensors = by_role(backward.tensors)
    gradients = {equation.name for equation in backward.gradients.values()}
    brought: dict[str, Tensor] = {}
    for update in updates.values():
        for tensor in update.tensors:
            if tensor.name in gradients or tensor.name == update.parameter:
                continue
            if tensor.name in tensors:
                raise EquationError(
                    f"the optimizer needs the name {tensor.name!r}, which the system has "
                    "for something else",
                    where=str(tensors[tensor.name].element),
                    remedy="rename that tensor",
                )
            brought[tensor.name] = tensor
    return tensors | by_role(brought)
