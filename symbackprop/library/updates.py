"""Updates: what one optimizer step does to one parameter, as equations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symbackprop.errors import EquationError, ShapeError
from symbackprop.language import Domain, Equation, Role, System, Tensor


@dataclass(frozen=True)
class Update:
    """One step of an optimizer for one parameter.

    Attributes
    ----------
    parameter, successor
        Names of the parameter before and after: ``W1`` and ``W1_next``.
    equations
        In order of computation.
    tensors
        All tensors of the equations: the parameter, its gradient, the state, the
        hyperparameters with their values, the step ``t`` (from 1), intermediates.
    state
        From each state tensor to its successor: ``m_W1`` to ``m_W1_next``.
    initial
        The value that fills each state tensor before the first step.
    """

    parameter: str
    successor: str
    equations: tuple[Equation, ...]
    tensors: tuple[Tensor, ...]
    state: Mapping[str, str]
    initial: Mapping[str, float]


def joint_system(updates: Iterable[Update]) -> System:
    """The updates of several parameters as one system without an objective.

    What they share (the step, the hyperparameters, the scheduled rate) stands in it
    once. The updates must come from one optimizer.
    """
    several = list(updates)
    equations = dict.fromkeys(equation for u in several for equation in u.equations)
    tensors = dict.fromkeys(tensor for u in several for tensor in u.tensors)
    return System(equations, tensors, minimize=None)


class Draft:
    """An update being written: allots names and LaTeX, and keeps the record.

    Parameters
    ----------
    parameter, gradient
        What is updated, and the objective's derivative by it.

    Raises
    ------
    ShapeError
        If their shapes differ.
    EquationError
        While it is written, if the parameter has a name that the update needs, such
        as ``t`` for the step.
    """

    def __init__(self, parameter: Tensor, gradient: Tensor) -> None:
        if parameter.shape != gradient.shape:
            raise ShapeError(
                f"{gradient.name!r} has shape {gradient.shape}, "
                f"the parameter {parameter.name!r} has shape {parameter.shape}",
                where=str(gradient.element),
                remedy="give the gradient of this very parameter",
            )
        self.parameter = parameter
        given = replace(gradient, role=Role.INPUT, indices=parameter.indices)
        self.theta: sp.Expr = parameter.element
        self.gradient: sp.Expr = given.element
        self._tensors: dict[str, Tensor] = {parameter.name: parameter, given.name: given}
        self._equations: list[Equation] = []
        self._state: dict[str, str] = {}
        self._initial: dict[str, float] = {}

    @property
    def t(self) -> sp.Expr:
        """The number of this step, from 1."""
        return self._given(Tensor("t", (), Role.INPUT, Domain.POSITIVE))

    def constant(self, name: str, latex: str, value: float) -> sp.Expr:
        """A hyperparameter, the same for every parameter that is updated."""
        return self._given(Tensor(name, (), Role.HYPERPARAMETER, latex=latex, value=float(value)))

    def rate(self, name: str, latex: str, value: sp.Expr) -> sp.Expr:
        """Define a scalar that all parameters share, such as the scheduled η."""
        return self._defined(Tensor(name, latex=latex), value)

    def define(self, name: str, value: sp.Expr, latex: str = "") -> sp.Expr:
        """Define a quantity of the parameter's shape: ``g`` for W1 is ``g_W1``."""
        return self._defined(self._own(name, latex or name), value)

    def state(
        self, name: str, *, latex: str = "", initial: float = 0.0, domain: Domain = Domain.REAL
    ) -> sp.Expr:
        """A quantity that is carried from step to step: its value before this one."""
        own = self._own(name, latex or name, role=Role.INPUT, domain=domain)
        self._initial[own.name] = float(initial)
        return self._given(own)

    def advance(self, name: str, value: sp.Expr, latex: str = "") -> sp.Expr:
        """Define the value after this step of the state `name`."""
        before = self._own(name, "")
        after = replace(self._own(name, f"{latex or name}'"), name=f"{before.name}_next")
        self._state[before.name] = after.name
        return self._defined(after, value)

    def finish(self, value: sp.Expr) -> Update:
        """Define the parameter after this step, and hand the record over."""
        latex = self.parameter.latex
        after = Tensor(
            f"{self.parameter.name}_next",
            self.parameter.indices,
            latex=f"{{{latex}}}'" if latex else "",
        )
        self._defined(after, value)
        return Update(
            self.parameter.name,
            after.name,
            tuple(self._equations),
            tuple(self._tensors.values()),
            dict(self._state),
            dict(self._initial),
        )

    def _own(self, name: str, latex: str, **details: Any) -> Tensor:
        escaped = self.parameter.name.replace("_", r"\_")
        owner = self.parameter.latex or rf"\mathrm{{{escaped}}}"
        return Tensor(
            f"{name}_{self.parameter.name}",
            self.parameter.indices,
            latex=f"{latex}_{{{owner}}}",
            **details,
        )

    def _given(self, tensor: Tensor) -> sp.Expr:
        if self._tensors.setdefault(tensor.name, tensor) != tensor:
            raise EquationError(
                f"the update needs the name {tensor.name!r} for a quantity of its own",
                where=str(self.parameter.element),
                remedy="give the parameter another name",
            )
        return tensor.element

    def _defined(self, tensor: Tensor, value: sp.Expr) -> sp.Expr:
        self._given(tensor)
        self._equations.append(Equation(tensor.element, value))
        return tensor.element
