"""Oracle: `torch.autograd` through a plain PyTorch reading of the forward equations.

The equations are computed one after the other, those that recur together step by step,
by tensors that autograd differentiates. Where a derivative jumps, the value is PyTorch's
own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symbackprop.language import Equation, Group, System, size_of
from symbackprop.verify.exact import extent_of
from symbackprop.verify.sampling import sizes_of
from symbackprop.verify.stored import Steps, Storage, Stored
from symbackprop.verify.torch_reader import TorchReader


def autograd_gradients(
    system: System, values: Mapping[str, np.ndarray], wrt: Iterable[str]
) -> tuple[float, dict[str, np.ndarray]]:
    """The objective and its derivatives, by `torch.autograd` in float64.

    Parameters
    ----------
    system
        The forward equations, with an objective and without abstract functions.
    values
        An array for every given tensor; they may lie exactly on a kink.
    wrt
        Names of tensors, given or intermediate.

    Raises
    ------
    DataError
        If a given tensor has no array.
    ShapeError
        If the arrays' shapes disagree.
    """
    reading = TorchReading(system, values)
    names = list(wrt)
    return reading.objective, dict(zip(names, reading.gradients(names), strict=True))


class TorchReading:
    """All tensors of a system as PyTorch computes them.

    Attributes
    ----------
    tensors
        By name; given ones are leaves that require a gradient, unless they are labels.
    """

    def __init__(self, system: System, values: Mapping[str, np.ndarray]) -> None:
        import torch

        self._torch = torch
        self._system = system
        self._sizes = sizes_of(system, values)
        self.tensors: dict[str, Any] = {}
        self._stored: dict[str, Storage] = {}
        # What later steps of a recurrence use are its single steps: gradients are by them.
        self._steps: dict[str, tuple[int, list[Any]]] = {}
        for tensor in system.given:
            data = torch.as_tensor(np.asarray(values[tensor.name])).clone()
            is_label = not data.is_floating_point()
            self._store(tensor.name, data if is_label else data.double().requires_grad_())
        for group in system.groups:
            if group.recurrent:
                self._run(group)
            else:
                (equation,) = group.equations
                self._store(equation.name, self._value(equation.indices, equation.rhs))
                self._extend(equation)

    def _store(self, name: str, data: Any) -> None:
        self.tensors[name] = data
        self._stored[name] = Stored.of(data)

    def _extend(self, equation: Equation) -> None:
        """Add the base cases to a tensor that is whole."""
        stored = Stored.of(self.tensors[equation.name])
        for case in equation.base:
            plane = self._value(case.indices, case.rhs)
            stored = stored.extended(case.axis, extent_of(case.position, self._sizes), plane)
        self._stored[equation.name] = stored

    def _run(self, group: Group) -> None:
        """Compute a recurrence: one tensor a step, stacked in the end."""
        running = {e.name: Steps(group.axes[e.name], {}) for e in group.equations}
        self._stored.update(running)
        for equation in group.equations:
            steps = running[equation.name]
            for case in equation.base:
                if case.axis == steps.axis:
                    plane = self._value(case.indices, case.rhs)
                    position = extent_of(case.position, self._sizes)
                    steps.planes[position] = Stored.of(plane)
        length = extent_of(size_of(group.index(group.equations[0])), self._sizes)
        for step in range(length)[:: group.direction]:
            for equation in group.equations:
                plane = self._plane(equation, group.index(equation), step)
                running[equation.name].planes[step] = plane
        for equation in group.equations:
            axis, planes = running[equation.name].axis, running[equation.name].planes
            nodes = [planes[step].inside for step in range(length)]
            self._store(equation.name, self._torch.stack(nodes, dim=axis))
            self._steps[equation.name] = (axis, nodes)
            self._extend(equation)

    def _plane(self, equation: Equation, along: sp.Idx, step: int) -> Stored:
        """One step of a recurrence's equation, with the base cases of its other axes."""
        rest = tuple(idx for idx in equation.indices if idx != along)
        plane = Stored.of(self._value(rest, equation.rhs, {along: step}))
        axis = equation.indices.index(along)
        for case in equation.base:
            if case.axis != axis:
                here = case.lhs.indices[axis]
                beside = tuple(idx for idx in case.indices if idx != here)
                value = self._value(beside, case.rhs, {here: step})
                position = extent_of(case.position, self._sizes)
                plane = plane.extended(case.axis - (case.axis > axis), position, value)
        return plane

    def _value(
        self, indices: Sequence[sp.Idx], expr: sp.Expr, now: Mapping[sp.Idx, int] | None = None
    ) -> Any:
        whole = TorchReader(self._stored, self._sizes, now).read(expr, None)
        value = whole.expanded(indices, self._sizes)
        # A value that depends on no leaf may still be differentiated by.
        return value if value.requires_grad else value.requires_grad_()

    @property
    def objective(self) -> float:
        """The objective's value."""
        return float(self.tensors[str(self._system.objective)].detach())

    def gradients(self, names: Sequence[str]) -> list[np.ndarray]:
        """The objective's derivatives by the named tensors; 0 where it does not depend."""
        if not names:
            return []
        parts = [self._steps.get(name, (0, [self.tensors[name]])) for name in names]
        tensors = [node for _, nodes in parts for node in nodes]
        found = self._torch.autograd.grad(
            self.tensors[str(self._system.objective)],
            tensors,
            allow_unused=True,
            retain_graph=True,
        )
        arrays = iter(
            np.zeros(tuple(tensor.shape)) if gradient is None else gradient.numpy()
            for tensor, gradient in zip(tensors, found, strict=True)
        )
        return [
            np.stack([next(arrays) for _ in nodes], axis=axis)
            if name in self._steps
            else next(arrays)
            for name, (axis, nodes) in zip(names, parts, strict=True)
        ]
