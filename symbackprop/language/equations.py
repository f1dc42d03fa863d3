"""Equations: one tensor's elements, defined by an expression in index notation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symbackprop.errors import EquationError
from symbackprop.language.indices import free_indices
from symbackprop.language.tensors import Tensor


@dataclass(frozen=True)
class Equation:
    """``lhs = rhs``, such as ``z[n,k] = Sum(x[n,i]*W[k,i], i) + b[k]``.

    Attributes
    ----------
    lhs
        One element of the tensor that is defined: a `Tensor` (written with its own
        indices), an `Indexed` with different indices, or a symbol for a scalar.
    rhs
        A SymPy expression in elements of other tensors. Its indices occur on the
        left or are bound by a `Sum` or a `MaxOver`.

    Raises
    ------
    EquationError
        If the left side is not such an element, or an index of the right side is
        not bound.
    """

    lhs: sp.Expr
    rhs: sp.Expr

    def __post_init__(self) -> None:
        if isinstance(self.lhs, Tensor):
            object.__setattr__(self, "lhs", self.lhs.element)
        object.__setattr__(self, "rhs", _expression(self.rhs, f"{self.lhs} = {self.rhs}"))
        self._check_left()
        unbound = free_indices(self.rhs) - set(self.indices)
        if unbound:
            names = ", ".join(sorted(str(idx.label) for idx in unbound))
            raise EquationError(
                f"index {names} of the right side is not bound",
                where=str(self),
                remedy="sum over it, or write it on the left",
            )

    def _check_left(self) -> None:
        if isinstance(self.lhs, sp.Symbol):
            return
        if not isinstance(self.lhs, sp.Indexed):
            raise EquationError(
                "the left side of an equation must be one element of a tensor",
                where=str(self),
                remedy="write z[n, k] = …, or a scalar such as L = …",
            )
        if not all(isinstance(idx, sp.Idx) for idx in self.lhs.indices):
            raise EquationError(
                "the left side's positions must be plain indices",
                where=str(self),
                remedy='make them with sb.index("n", "N")',
            )
        if len(set(self.lhs.indices)) != len(self.lhs.indices):
            raise EquationError(
                "an index occurs twice on the left side",
                where=str(self),
                remedy="use a different index for each axis",
            )

    @property
    def name(self) -> str:
        """The name of the tensor that is defined."""
        return element_name(self.lhs)

    @property
    def indices(self) -> tuple[sp.Idx, ...]:
        """The indices on the left."""
        return tuple(self.lhs.indices) if isinstance(self.lhs, sp.Indexed) else ()

    def __str__(self) -> str:
        return f"{self.lhs} = {self.rhs}"


@dataclass(frozen=True)
class Fact:
    """Something declared to hold of the data, such as ``Sum(y[n,k], k) = 1``."""

    left: sp.Expr
    right: sp.Expr

    def __post_init__(self) -> None:
        for name in ("left", "right"):
            object.__setattr__(self, name, _expression(getattr(self, name), str(self)))

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"


def _expression(value: Any, where: str) -> sp.Expr:
    """A side of an equation; text is never read as one."""
    if isinstance(value, Tensor):
        return value.element
    try:
        expr = sp.sympify(value, strict=True)
    except sp.SympifyError:
        expr = None
    if not isinstance(expr, sp.Expr):
        raise EquationError(
            f"{value!r} is not a SymPy expression",
            where=where,
            remedy="write it with elements of tensors, such as w[i]*x[n, i] + b[()]",
        )
    return expr


def element_name(element: sp.Expr) -> str:
    """The tensor's name in ``W[k, i]`` or in a scalar symbol."""
    return str(element.base.label if isinstance(element, sp.Indexed) else element)


def elements(expr: sp.Expr) -> Iterator[sp.Expr]:
    """Every tensor element and scalar symbol an expression mentions.

    Elements used as positions (labels in a gather) are among them; size symbols
    (integer) and indices are not.
    """
    bases = set()
    for node in sp.preorder_traversal(expr):
        if isinstance(node, sp.Indexed):
            bases.add(node.base.label)
            yield node
        elif isinstance(node, sp.Symbol) and not node.is_integer and node not in bases:
            yield node
