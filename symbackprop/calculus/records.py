"""What a derivation leaves behind: adjoint equations, gradients and every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symbackprop.language import Equation, System, Tensor


@dataclass(frozen=True)
class Step:
    """One application of one rule; its two sides are equal, and `verify` evaluates both.

    Attributes
    ----------
    target
        The tensor whose adjoint is being derived: ``"z1"`` for ∂L/∂z1.
    rule
        The rule's name in the rules table.
    lhs
        The element of the adjoint tensor both sides stand for: ``dz1[n, j]``.
    before, after
        The expression the rule met, and the one it left.
    used
        The definitions or facts the rule used, by name. Why the step holds says
        `typeset.words`, in the reader's language, under the rule's name.
    """

    target: str
    rule: str
    lhs: sp.Expr
    before: sp.Expr
    after: sp.Expr
    used: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backward:
    """The backward equations of a system: the derivatives of one of its tensors.

    Attributes
    ----------
    system
        The forward equations.
    gradients
        By tensor name, in the order asked for: ``dW1[j, i] = …``.
    adjoints
        By name of the intermediate, from the objective backwards. Later ones and
        gradients refer to earlier ones.
    tensors
        All tensors by name: the system's and the adjoints (``dW1``, ``dz1``).
    steps
        Every rule application, in order.
    of
        The tensor that is differentiated; the objective for gradients.
    outputs
        For a Jacobian, the indices of `of`: every derivative has them first.
    """

    system: System
    gradients: Mapping[str, Equation]
    adjoints: Mapping[str, Equation]
    tensors: Mapping[str, Tensor]
    steps: Sequence[Step]
    of: str
    outputs: tuple[sp.Idx, ...] = ()
