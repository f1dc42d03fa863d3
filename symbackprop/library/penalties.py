"""Penalties: terms of the objective, so that their gradients are derived like any other."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import sympy as sp

from symbackprop.language import Tensor
from symbackprop.library.records import Record, Registry, require_choice, require_range


@dataclass(frozen=True)
class Penalty(Record):
    """A price on the size of the parameters.

    Parameters
    ----------
    strength
        λ, not negative.
    bias
        Whether biases pay it too; by default only weights do.
    """

    strength: float
    bias: bool = False

    def __post_init__(self) -> None:
        require_range(self, "strength", 0)
        require_choice(self, "bias", (False, True))

    @abstractmethod
    def term(self, strength: sp.Expr, parameter: Tensor) -> sp.Expr:
        """What one parameter adds to the objective, λ being written `strength`."""


#: Every penalty by name.
PENALTIES: Registry[type[Penalty]] = Registry("penalty")


@PENALTIES.add
@dataclass(frozen=True)
class L1(Penalty):
    """λ·Σ|W|."""

    def term(self, strength: sp.Expr, parameter: Tensor) -> sp.Expr:
        """λ·Σ|W|."""
        return strength * sp.Sum(sp.Abs(parameter.element), *reversed(parameter.indices))


@PENALTIES.add
@dataclass(frozen=True)
class L2(Penalty):
    """½·λ·ΣW², whose gradient λ·W is that of PyTorch's ``weight_decay=λ``.

    Parameters
    ----------
    half
        False for λ·ΣW², as in Goodfellow et al., algorithm 6.4.
    """

    half: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "half", (True, False))

    def term(self, strength: sp.Expr, parameter: Tensor) -> sp.Expr:
        """½·λ·ΣW², or λ·ΣW²."""
        squares = sp.Sum(parameter.element**2, *reversed(parameter.indices))
        return strength * squares / 2 if self.half else strength * squares
