"""Equations for the tests of compiling, and numbers to put into them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from symbackprop.compile import Program
from symbackprop.language import Domain, Equation, Group, Role, System, Tensor, intermediate

BATCH = 5


@dataclass(frozen=True)
class Form:
    """Equations of one output, which need not be a system a user may write."""

    given: tuple[Tensor, ...]
    equations: tuple[Equation, ...]

    @property
    def tensors(self) -> dict[str, Tensor]:
        defined = (Tensor(e.name, e.indices) for e in self.equations)
        return {tensor.name: tensor for tensor in (*self.given, *defined)}

    @property
    def hyperparameters(self) -> list[Tensor]:
        return [tensor for tensor in self.given if tensor.role is Role.HYPERPARAMETER]

    def tensor(self, name: str) -> Tensor:
        return self.tensors[name]

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.program.groups

    @property
    def program(self) -> Program:
        return Program(self.equations, self.tensors, (self.equations[-1].name,))


def form(given: list[Tensor], rhs: sp.Expr, *indices: sp.Idx) -> Form:
    out = intermediate("out", *indices)
    return Form(tuple(given), (Equation(out.element, rhs),))


def values_of(system: System | Form, batch: int = BATCH, seed: int = 1) -> dict[str, np.ndarray]:
    """Random numbers for everything a system is given; labels run through all classes."""
    generator = np.random.default_rng(seed)
    values: dict[str, np.ndarray] = {}
    for tensor in system.given:
        shape = tuple(batch if extent.is_Symbol else int(extent) for extent in tensor.shape)
        if tensor.domain is Domain.LABEL:
            values[tensor.name] = generator.integers(0, int(tensor.classes), shape)
        elif tensor.domain is Domain.REAL:
            values[tensor.name] = generator.normal(size=shape)
        else:
            values[tensor.name] = generator.uniform(0.1, 0.9, shape)
    return values
