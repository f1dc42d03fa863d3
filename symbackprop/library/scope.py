"""A scope: where layers and losses put their equations, with the names of a blackboard.

Layer l's pre-activation is ``z1``, its activation ``a1``, its parameters ``W1`` and
``b1``; every axis gets a letter of its own (n for the batch, then i, j, k, …).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import sympy as sp

from symbackprop.language import (
    Domain,
    Equation,
    Fact,
    Role,
    SizeLike,
    Tensor,
    index,
    index_name,
)

# Letters for axes: none of them is the name of a tensor of the library.
_AXIS_LETTERS = "ijkmqru"


class Scope:
    """Equations and tensors being collected, and the names they have taken.

    Attributes
    ----------
    tensors, equations, facts
        What has been added so far, in order.
    layer
        The number of the layer being written: how many layers with parameters
        there have been.
    """

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.equations: list[Equation] = []
        self.facts: list[Fact] = []
        self.layer = 0
        self._letters: set[str] = set()

    def index(self, over: SizeLike, *prefer: str) -> sp.Idx:
        """A new index with a letter that no other axis has, a preferred one first."""
        letter = next(name for name in _letters(*prefer) if name not in self._letters)
        self._letters.add(letter)
        return index(letter, over)

    def fresh(self, name: str) -> str:
        """The name itself, or the first of ``name_2``, ``name_3``, … that is free."""
        taken = {tensor.name for tensor in self.tensors}
        numbered = (f"{name}_{number}" for number in count(2))
        return name if name not in taken else next(n for n in numbered if n not in taken)

    def declare(self, name: str, role: Role, *indices: sp.Idx, **details: Any) -> Tensor:
        """Add a tensor that is given: an input, a target, a parameter, a hyperparameter."""
        self._letters.update(index_name(idx) for idx in indices)
        tensor = Tensor(self.fresh(name), indices, role, **details)
        self.tensors.append(tensor)
        return tensor

    def define(
        self, name: str, indices: tuple[sp.Idx, ...], rhs: sp.Expr, **details: Any
    ) -> Tensor:
        """Add an intermediate and the equation that defines it."""
        tensor = self.declare(name, Role.INTERMEDIATE, *indices, **details)
        self.equations.append(Equation(tensor.element, rhs))
        return tensor

    def parameter(self, letter: str, *indices: sp.Idx) -> Tensor:
        """Add a parameter of the current layer: ``W`` in layer 1 is ``W1``."""
        return self.declare(
            f"{letter}{self.layer}",
            Role.PARAMETER,
            *indices,
            latex=f"{letter}^{{({self.layer})}}",
        )

    def preactivation(self, indices: tuple[sp.Idx, ...], rhs: sp.Expr) -> Tensor:
        r"""Define the current layer's z, whose error a textbook calls δ⁽ˡ⁾."""
        return self.define(
            f"z{self.layer}",
            indices,
            rhs,
            latex=f"z^{{({self.layer})}}",
            error_symbol=rf"\delta^{{({self.layer})}}",
        )

    def activation(self, indices: tuple[sp.Idx, ...], rhs: sp.Expr) -> Tensor:
        """Define the current layer's a; a second one in the same layer is ``a1_2``."""
        name = self.fresh(f"a{self.layer}")
        place = name.removeprefix("a").replace("_", ",")
        return self.define(name, indices, rhs, latex=f"a^{{({place})}}")

    def target(self, *indices: sp.Idx, domain: Domain, classes: sp.Expr | None = None) -> Tensor:
        """Add what the objective compares with: ``y``."""
        return self.declare("y", Role.TARGET, *indices, domain=domain, classes=classes)


def _letters(*prefer: str) -> Iterator[str]:
    yield from prefer
    yield from _AXIS_LETTERS
    for number in count(1):
        yield from (f"{letter}_{number}" for letter in _AXIS_LETTERS)
