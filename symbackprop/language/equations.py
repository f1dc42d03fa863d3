"""Equations: one tensor's elements, defined by an expression in index notation.

An equation may refer to its own tensor at other positions of one axis,
``h[t,n] = tanh(h[t-1,n] + x[t,n])``; base cases say what is outside: ``h[-1,n] = h0[n]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from symbackprop.errors import EquationError
from symbackprop.language.display import Displayed
from symbackprop.language.indices import free_indices, size_of
from symbackprop.language.positions import is_fixed, is_outside, same_position
from symbackprop.language.tensors import Tensor


@dataclass(frozen=True)
class BaseCase:
    """What a tensor is at one position outside its range: ``h[-1,n,d] = h0[n,d]``.

    Attributes
    ----------
    lhs
        An element of the tensor that has one fixed position, a whole number or an
        expression of sizes; the others are plain, distinct indices.
    rhs
        A SymPy expression in those indices, and in tensors that are given or computed
        before.

    Raises
    ------
    EquationError
        If the left side is no such element, or an index of the right side is not bound.
    """

    lhs: sp.Expr
    rhs: sp.Expr

    def __post_init__(self) -> None:
        object.__setattr__(self, "rhs", _expression(self, self.rhs))
        places = self.lhs.indices if isinstance(self.lhs, sp.Indexed) else ()
        if len([p for p in places if is_fixed(p)]) != 1 or len(self.indices) != len(places) - 1:
            raise EquationError(
                "a base case is one element with one fixed position",
                where=str(self),
                remedy="write it as h[-1, n, d] = …, with an index for every other axis",
            )
        _check_distinct(self)
        _check_bound(self)

    @property
    def name(self) -> str:
        """The name of the tensor it belongs to."""
        return element_name(self.lhs)

    @property
    def indices(self) -> tuple[sp.Idx, ...]:
        """The indices on the left, without the fixed position."""
        places = self.lhs.indices if isinstance(self.lhs, sp.Indexed) else ()
        return tuple(place for place in places if isinstance(place, sp.Idx))

    @property
    def axis(self) -> int:
        """The axis that has the fixed position."""
        return next(n for n, p in enumerate(self.lhs.indices) if not isinstance(p, sp.Idx))

    @property
    def position(self) -> sp.Expr:
        """The fixed position."""
        return self.lhs.indices[self.axis]

    def __str__(self) -> str:
        return f"{self.lhs} = {self.rhs}"


@dataclass(frozen=True)
class Equation(Displayed):
    """``lhs = rhs``, such as ``z[n,k] = Sum(x[n,i]*W[k,i], i) + b[k]``.

    Attributes
    ----------
    lhs
        One element of the tensor that is defined: a `Tensor` (written with its own
        indices), an `Indexed` with different indices, or a symbol for a scalar.
    rhs
        A SymPy expression in elements of tensors. Its indices occur on the
        left or are bound by a `Sum` or a `MaxOver`.
    base
        What the tensor is at positions outside its range; elsewhere outside it is 0.

    Raises
    ------
    EquationError
        If the left side is not such an element, an index of the right side is
        not bound, or a base case is not one of this tensor, outside its range.
    """

    lhs: sp.Expr
    rhs: sp.Expr
    base: tuple[BaseCase, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.lhs, Tensor):
            object.__setattr__(self, "lhs", self.lhs.element)
        object.__setattr__(self, "base", tuple(self.base))
        object.__setattr__(self, "rhs", _expression(self, self.rhs))
        self._check_left()
        _check_bound(self)
        for number, case in enumerate(self.base):
            self._check_base(case, self.base[:number])

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
                remedy='make them with sb.index("n", "N"); what is at a position outside '
                "the range is a base case",
            )
        _check_distinct(self)

    def _check_base(self, case: BaseCase, earlier: tuple[BaseCase, ...]) -> None:
        if case.name != self.name or len(case.indices) != len(self.indices) - 1:
            raise EquationError(
                f"{case.lhs} is no element of {self.name!r}",
                where=str(self),
                remedy=f"a base case says what {self.lhs} is at a position outside its range",
            )
        extents = [size_of(idx) for idx in self.indices]
        extent = extents.pop(case.axis)
        if extents != [size_of(idx) for idx in case.indices]:
            raise EquationError(
                f"the indices of {case.lhs} run over other sizes than those of {self.lhs}",
                where=str(self),
                remedy="write the base case with the same indices as the equation",
            )
        if not is_outside(case.position, extent):
            raise EquationError(
                f"position {case.position} of {case.lhs} may lie in 0 … {extent - 1}, "
                "where the equation itself holds",
                where=str(self),
                remedy=f"write the equation as where({self.indices[case.axis].label} = "
                f"{case.position}, …, …), or give a base case outside the range",
            )
        if any(c.axis == case.axis and same_position(c.position, case.position) for c in earlier):
            raise EquationError(
                f"{case.lhs} is given twice", where=str(self), remedy="keep one of the base cases"
            )

    @property
    def name(self) -> str:
        """The name of the tensor that is defined."""
        return element_name(self.lhs)

    @property
    def indices(self) -> tuple[sp.Idx, ...]:
        """The indices on the left."""
        return tuple(self.lhs.indices) if isinstance(self.lhs, sp.Indexed) else ()

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """The right side, then those of the base cases."""
        return (self.rhs, *(case.rhs for case in self.base))

    @cached_property
    def used_names(self) -> tuple[str, ...]:
        """The tensors the equation and its base cases mention, in order, each once."""
        used = (element_name(e) for expr in self.expressions for e in elements(expr))
        return tuple(dict.fromkeys(used))

    def __str__(self) -> str:
        text = f"{self.lhs} = {self.rhs}"
        return f"{text} with {', '.join(map(str, self.base))}" if self.base else text


@dataclass(frozen=True)
class Fact:
    """Something declared to hold of the data, such as ``Sum(y[n,k], k) = 1``."""

    left: sp.Expr
    right: sp.Expr

    def __post_init__(self) -> None:
        for name in ("left", "right"):
            object.__setattr__(self, name, _expression(self, getattr(self, name)))

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"


def _check_distinct(equation: Equation | BaseCase) -> None:
    if len(set(equation.indices)) != len(equation.indices):
        raise EquationError(
            "an index occurs twice on the left side",
            where=str(equation),
            remedy="use a different index for each axis",
        )


def _check_bound(equation: Equation | BaseCase) -> None:
    unbound = free_indices(equation.rhs) - set(equation.indices)
    if unbound:
        names = ", ".join(sorted(str(idx.label) for idx in unbound))
        raise EquationError(
            f"index {names} of the right side is not bound",
            where=str(equation),
            remedy="sum over it, or write it on the left",
        )


def _expression(within: Any, value: Any) -> sp.Expr:
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
            where=str(within),
            remedy="write it with elements of tensors, such as w[i]*x[n, i] + b[()]",
        )
    return expr


def element_name(element: sp.Expr) -> str:
    """The tensor's name in ``W[k, i]`` or in a scalar symbol."""
    return str(element.base.name if isinstance(element, sp.Indexed) else element)


def elements(expr: sp.Expr) -> Iterator[sp.Expr]:
    """Every tensor element and scalar symbol an expression mentions.

    Elements used as positions (labels in a gather) are among them; size symbols
    (integer) and indices are not.
    """
    bases = set()
    # In preorder; SymPy's own traversal takes three times as long.
    waiting: list[sp.Basic] = [expr]
    while waiting:
        node = waiting.pop()
        if isinstance(node, sp.Indexed):
            bases.add(node.base.label)
            yield node
        elif isinstance(node, sp.Symbol) and not node.is_integer and node not in bases:
            yield node
        waiting.extend(reversed(node.args))
