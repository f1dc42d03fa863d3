"""Tensors: named arrays, with the indices they are written with and a role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import sympy as sp

from symbackprop.errors import EquationError, OptionError, ShapeError
from symbackprop.language.indices import size, size_of


class Role(StrEnum):
    """What a tensor is to its system."""

    INPUT = "input"
    TARGET = "target"
    PARAMETER = "parameter"
    HYPERPARAMETER = "hyperparameter"
    INTERMEDIATE = "intermediate"
    MASK = "mask"  # drawn anew for each batch: ones and zeros, or noise


class Domain(StrEnum):
    """Which values a tensor may hold; oracles draw their numbers from it."""

    REAL = "real"
    POSITIVE = "positive"
    UNIT = "unit"  # strictly between 0 and 1
    SIGN = "sign"  # 1 or -1
    LABEL = "label"  # whole numbers 0 … classes-1


@dataclass(frozen=True)
class Tensor:
    r"""A named array of real numbers (or of labels).

    Indexing one gives a SymPy expression: ``W[k, i]``; a tensor of rank 0 is
    written ``L[()]``.

    Attributes
    ----------
    name
        Any text; emitted code turns it into an identifier.
    indices
        One index an axis: its range is the axis's size, its letter the one the
        tensor is shown with.
    role, domain
        What it is for, and which values it may hold.
    classes
        For labels, how many there are: the size of the axis they select from.
    latex
        How it is typeset; derived from the name when empty.
    error_symbol
        How the derivative of the objective by this tensor is abbreviated where it
        is used, such as ``\delta^{(1)}``; ∂L/∂name when empty.
    adjoint_of
        The tensor by which this one is the objective's derivative: ``dW1`` holds
        ∂L/∂W1 and has ``adjoint_of="W1"``.
    derivative_of
        The tensor of which this is a derivative; the objective when empty. The indices
        of that tensor come first.
    value
        A hyperparameter's default.
    keep
        With which probability an element of a mask is 1; None for standard normal noise.
    """

    name: str
    indices: tuple[sp.Idx, ...] = ()
    role: Role = Role.INTERMEDIATE
    domain: Domain = Domain.REAL
    classes: sp.Expr | None = None
    latex: str = ""
    error_symbol: str = ""
    adjoint_of: str = ""
    derivative_of: str = ""
    value: float | None = None
    keep: sp.Expr | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise EquationError("a tensor needs a name", remedy="give it one, such as 'x'")
        for name, kind in (("role", Role), ("domain", Domain)):
            object.__setattr__(self, name, self._chosen(name, kind))
        if self.classes is not None:
            object.__setattr__(self, "classes", size(self.classes))
        for idx in self.indices:
            if not isinstance(idx, sp.Idx):
                raise EquationError(
                    f"{idx!r} is not an index, so it cannot be an axis of tensor {self.name!r}",
                    remedy='make one with sb.index("n", "N")',
                )
            size_of(idx)
        if len(set(self.indices)) != len(self.indices):
            raise EquationError(
                f"two axes of tensor {self.name!r} share one index",
                where=f"{self.name}[{', '.join(str(i.label) for i in self.indices)}]",
                remedy="give each axis an index of its own, of the same size if need be",
            )
        if self.domain is Domain.LABEL and self.classes is None:
            raise EquationError(
                f"tensor {self.name!r} holds labels of an unknown number of classes",
                remedy="pass classes=K, the size of the axis the labels select from",
            )

    def _chosen(self, field: str, kind: type[StrEnum]) -> StrEnum:
        value = getattr(self, field)
        try:
            return kind(value)
        except ValueError:
            raise OptionError(
                f"{value!r} is not a {field} of a tensor",
                where=self.name,
                remedy=f"use one of {', '.join(kind)}",
            ) from None

    @cached_property
    def shape(self) -> tuple[sp.Expr, ...]:
        """The size of each axis."""
        return tuple(size_of(idx) for idx in self.indices)

    @cached_property
    def symbol(self) -> sp.Expr:
        """The SymPy object behind the name: a symbol for rank 0, else an indexed base.

        SymPy forgets all but its last thousand objects; one made again knows nothing yet of
        its assumptions, so it is kept.
        """
        whole = self.domain is Domain.LABEL
        label = sp.Symbol(self.name, **({"integer": True} if whole else {"real": True}))
        return sp.IndexedBase(label) if self.indices else label

    def __getitem__(self, positions: Any) -> sp.Expr:
        places = positions if isinstance(positions, tuple) else (positions,)
        if len(places) != len(self.indices):
            raise ShapeError(
                f"tensor {self.name!r} has {len(self.indices)} axes, "
                f"but is written with {len(places)} positions",
                where=f"{self.name}[{', '.join(map(str, places))}]",
                remedy=f"write {self.name}[{', '.join(str(i.label) for i in self.indices)}]",
            )
        return sp.Indexed(self.symbol, *places) if self.indices else self.symbol

    @property
    def element(self) -> sp.Expr:
        """One element, written with the tensor's own indices: ``W[k, i]``."""
        return self[self.indices]


def _maker(role: Role) -> Callable[..., Tensor]:
    def make(name: str, *indices: sp.Idx, **details: Any) -> Tensor:
        return Tensor(name, tuple(indices), role, **details)

    make.__name__ = role.value
    make.__doc__ = f"A tensor of role {role.value!r}: ``{role.value}('x', n, i)``; see `Tensor`."
    return make


input = _maker(Role.INPUT)  # noqa: A001 (sb.input(...) reads as the mathematics does)
target = _maker(Role.TARGET)
parameter = _maker(Role.PARAMETER)
hyperparameter = _maker(Role.HYPERPARAMETER)
intermediate = _maker(Role.INTERMEDIATE)
