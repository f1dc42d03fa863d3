"""Second order: a gradient's equations are a system like any other, so they can be derived.

The Hessian is the Jacobian of the gradient; a Hessian-vector product is the gradient of
``Σ gradient·v``, which never forms the Hessian (Pearlmutter, 1994).
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symbackprop.calculus.records import Backward
from symbackprop.calculus.sweep import derive_backward, derive_jacobian
from symbackprop.language import (
    Equation,
    Role,
    System,
    Tensor,
    fresh_name,
)


def gradient_system(backward: Backward) -> System:
    """The forward equations together with the derived ones, as a system without an objective."""
    derived = [*backward.adjoints.values(), *backward.gradients.values()]
    equations = {equation.name: equation for equation in (*backward.system.equations, *derived)}
    tensors = [
        _named_for_itself(tensor, backward)
        for name, tensor in backward.tensors.items()
        if tensor.role is not Role.INTERMEDIATE or name in equations
    ]
    return System(equations.values(), tensors, minimize=None, facts=backward.system.facts)


def _named_for_itself(tensor: Tensor, backward: Backward) -> Tensor:
    """An adjoint that says of what it is the derivative: that is no longer the objective."""
    if not tensor.adjoint_of or tensor.derivative_of:
        return tensor
    short = backward.tensors[tensor.adjoint_of].error_symbol
    return replace(tensor, derivative_of=backward.of, latex=short)


def derive_hessian(system: System, name: str, other: str | None = None) -> Backward:
    """Derive ``∂²L/∂name ∂other``: the Jacobian of the objective's gradient.

    Parameters
    ----------
    system
        Equations with a scalar objective.
    name
        The tensor to differentiate by first; its indices come first in the result.
    other
        The tensor to differentiate by next; the same one if None.

    Raises
    ------
    EquationError
        If the system has no objective, or a name is of labels.
    UnknownNameError
        If a name is not in the system.
    """
    first = derive_backward(system, [name])
    of = first.gradients[name].name
    return derive_jacobian(gradient_system(first), of, [name if other is None else other])


def derive_hvp(system: System, name: str) -> Backward:
    """Derive the product of the Hessian by `name` with a tensor ``v`` of the same shape.

    The result is the gradient of the scalar ``Σ ∂L/∂name·v``; ``v`` is a new input.

    Raises
    ------
    EquationError, UnknownNameError
        As `derive_hessian` does.
    """
    first = derive_backward(system, [name])
    gradients = gradient_system(first)
    gradient = first.gradients[name]
    v = Tensor(fresh_name(gradients.tensors, ["v"]), gradient.indices, Role.INPUT)
    along = Tensor(fresh_name(gradients.tensors, ["s"]))
    slope = gradient.lhs * v.element
    if gradient.indices:
        slope = sp.Sum(slope, *reversed(gradient.indices))
    extended = System(
        [*gradients.equations, Equation(along.element, slope)],
        [*gradients.tensors.values(), v, along],
        minimize=along.name,
        facts=gradients.facts,
    )
    return derive_backward(extended, [name])


def scalarised(backward: Backward) -> Backward:
    """A Jacobian as the gradient of ``Σ g·of``, with random weights ``g``: what oracles check.

    A Jacobian that is wrong anywhere gives a wrong gradient for almost every g.
    """
    if not backward.outputs:
        return backward
    system = backward.system
    g = Tensor(fresh_name(backward.tensors, ["g"]), backward.outputs, Role.INPUT)
    whole = Tensor(fresh_name({*backward.tensors, g.name}, ["L"]))
    of = system.tensors[backward.of]
    bound = tuple(reversed(backward.outputs))
    weighted = System(
        [*system.equations, Equation(whole.element, sp.Sum(of.element * g.element, *bound))],
        [*system.tensors.values(), g, whole],
        minimize=whole.name,
        facts=system.facts,
    )
    tensors = {**backward.tensors, g.name: g, whole.name: whole}
    gradients: dict[str, Equation] = {}
    between = dict(backward.adjoints)
    for name, jacobian in backward.gradients.items():
        own = jacobian.indices[len(backward.outputs) :]
        adjoint = fresh_name(tensors, [f"d{name}"])
        row = Tensor(adjoint, own, adjoint_of=name, derivative_of=whole.name)
        tensors[row.name] = row
        between[jacobian.name] = jacobian
        gradients[name] = Equation(row.element, sp.Sum(jacobian.lhs * g.element, *bound))
    return Backward(weighted, gradients, between, tensors, backward.steps, whole.name)
