"""Systems: equations in order, with what is given and the scalar they minimise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.functions.elementary.piecewise import ExprCondPair

from symbackprop.errors import EquationError, ShapeError, UnknownNameError
from symbackprop.language.display import Displayed
from symbackprop.language.equations import BaseCase, Equation, Fact, element_name, elements
from symbackprop.language.indices import index_name, size_of
from symbackprop.language.positions import affine_form, is_fixed, is_outside, same_position
from symbackprop.language.primitives import BINDERS, bracket, primitive_of
from symbackprop.language.recurrence import Group, grouped
from symbackprop.language.tensors import Domain, Role, Tensor

_STRUCTURE = (AppliedUndef, sp.KroneckerDelta, sp.Pow, bracket, sp.Piecewise)
_INFINITE = frozenset((sp.oo, -sp.oo, sp.zoo, sp.nan))


class System(Displayed):
    """Index equations that hold together, with one scalar objective.

    Parameters
    ----------
    equations
        In any order; they are put into an order of computation.
    tensors
        What is given: inputs, targets, parameters, hyperparameters. An
        intermediate that an equation defines need not be listed; listing it
        attaches its LaTeX.
    minimize
        The name of the scalar objective; None for a system without one, such as an
        optimizer's update.
    facts
        What may be assumed of the data, such as ``Sum(y[n,k], k) = 1``.
    origin
        Whatever the system was built from (a network and its loss), for oracles
        that can run the original.
    updates
        For inputs that are state rather than data, such as running averages: the
        name of the tensor that is the input's value in the next step of training.

    Raises
    ------
    EquationError
        On a doubly defined tensor, a definition of something given, a cycle that is no
        recurrence, an objective that is missing or not a scalar, or a function that is
        not one of the language's primitives.
    UnknownNameError
        On a tensor that nothing declares or defines.
    ShapeError
        If an axis is read with an index of another size, or at a position that is
        neither affine nor a label.
    """

    def __init__(  # noqa: PLR0913 (a system consists of them all)
        self,
        equations: Iterable[Equation],
        tensors: Iterable[Tensor],
        *,
        minimize: str | None,
        facts: Iterable[Fact] = (),
        origin: Any = None,
        updates: Mapping[str, str] | None = None,
    ) -> None:
        given = list(equations)
        self.objective = minimize
        self.facts: tuple[Fact, ...] = tuple(facts)
        self.origin = origin
        self.updates: dict[str, str] = dict(updates or {})
        self.tensors: dict[str, Tensor] = _table(tensors, given)
        self._base = {equation.name: equation.base for equation in given}
        for equation in given:
            for expr in equation.expressions:
                self._check_expression(expr, equation)
        for fact in self.facts:
            self._check_expression(fact.left, fact)
        self.groups: tuple[Group, ...] = grouped(given)
        self.equations: tuple[Equation, ...] = tuple(e for g in self.groups for e in g.equations)
        self._check_objective()
        self._check_updates()

    # --- what the system is made of -------------------------------------------------

    def with_role(self, role: Role) -> tuple[Tensor, ...]:
        """The tensors of one role, in order of declaration."""
        return tuple(tensor for tensor in self.tensors.values() if tensor.role is role)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors data are fed into."""
        return self.with_role(Role.INPUT)

    @property
    def targets(self) -> tuple[Tensor, ...]:
        """What the objective compares with."""
        return self.with_role(Role.TARGET)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """What training changes."""
        return self.with_role(Role.PARAMETER)

    @property
    def hyperparameters(self) -> tuple[Tensor, ...]:
        """Scalars that are set, not trained."""
        return self.with_role(Role.HYPERPARAMETER)

    @property
    def given(self) -> tuple[Tensor, ...]:
        """Everything that must be fed: all tensors that no equation defines."""
        return tuple(t for t in self.tensors.values() if t.role is not Role.INTERMEDIATE)

    @cached_property
    def open_functions(self) -> frozenset[str]:
        """The names of the functions left open, such as σ where any activation is meant."""
        calls = (
            call
            for equation in self.equations
            for expr in equation.expressions
            for call in expr.atoms(AppliedUndef)
        )
        return frozenset(call.func.__name__ for call in calls)

    @cached_property
    def definitions(self) -> dict[str, Equation]:
        """The equation that defines each intermediate, in order of computation."""
        return {equation.name: equation for equation in self.equations}

    @cached_property
    def sizes(self) -> tuple[sp.Symbol, ...]:
        """The symbolic sizes of all axes, in order of appearance."""
        found: dict[sp.Symbol, None] = {}
        for tensor in self.tensors.values():
            for extent in (*tensor.shape, *([tensor.classes] if tensor.classes else [])):
                found.update(dict.fromkeys(sorted(extent.free_symbols, key=str)))
        return tuple(found)

    @cached_property
    def letters(self) -> dict[sp.Expr, tuple[str, ...]]:
        """The index letters in use for each size, in order of appearance."""
        found: dict[sp.Expr, dict[str, None]] = {}
        indices = [idx for tensor in self.tensors.values() for idx in tensor.indices]
        for expr in (expr for equation in self.equations for expr in equation.expressions):
            for node in expr.atoms(*BINDERS):
                indices.extend(sorted((limit[0] for limit in node.limits), key=str))
        for idx in indices:
            found.setdefault(size_of(idx), {})[index_name(idx)] = None
        return {extent: tuple(names) for extent, names in found.items()}

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name.

        Raises
        ------
        UnknownNameError
            With the nearest known name.
        """
        if name not in self.tensors:
            raise UnknownNameError("tensor", name, self.tensors)
        return self.tensors[name]

    def replaced(self, equations: Iterable[Equation]) -> System:
        """The same system with other equations, checked anew."""
        return System(
            equations,
            self.tensors.values(),
            minimize=self.objective,
            facts=self.facts,
            origin=self.origin,
            updates=self.updates,
        )

    def __str__(self) -> str:
        lines = [str(equation) for equation in self.equations]
        return "\n".join([*lines, *(f"fact {fact}" for fact in self.facts)])

    # --- validation -----------------------------------------------------------------

    def _check_objective(self) -> None:
        if self.objective is None:
            return
        if self.objective not in self.definitions:
            raise UnknownNameError("objective", self.objective, self.definitions)
        if self.definitions[self.objective].indices:
            raise EquationError(
                f"the objective {self.objective!r} is not a scalar",
                where=str(self.definitions[self.objective]),
                remedy="sum over its indices",
            )

    def _check_updates(self) -> None:
        for name, successor in self.updates.items():
            before, after = self.tensor(name), self.tensor(successor)
            if before.role is not Role.INPUT or after.role is not Role.INTERMEDIATE:
                raise EquationError(
                    f"{name!r}, of role {before.role}, cannot be updated "
                    f"to {successor!r}, of role {after.role}",
                    remedy="update an input to a tensor that an equation defines",
                )
            if before.shape != after.shape:
                raise ShapeError(
                    f"{name!r} has shape {before.shape}, "
                    f"its next value {successor!r} has shape {after.shape}",
                    where=str(self.definitions[successor]),
                    remedy="let the next value have the shape of the one before",
                )

    def _check_expression(self, expr: sp.Expr, where: Equation | Fact) -> None:
        infinite = allowed = 0
        for node in sp.preorder_traversal(expr):
            infinite += node in _INFINITE
            allowed += isinstance(node, ExprCondPair) and node.expr in (sp.oo, -sp.oo)
            allowed += _is_guarded(node)
            if isinstance(node, sp.Function | sp.Pow) and not _known(node):
                raise EquationError(
                    f"{node.func.__name__} is not a function this language knows",
                    where=str(where),
                    remedy="use one of symbackprop.PRIMITIVES, or sympy.Function('f') "
                    "for a function left unspecified",
                )
            if isinstance(node, BINDERS):
                _check_limits(node, where)
            if isinstance(node, sp.KroneckerDelta):
                for place in node.args[:2]:
                    self._check_form(place, f"one side of {node}", where)
        if infinite > allowed:
            raise EquationError(
                "∞ is not a number to compute with",
                where=str(where),
                remedy="±∞ may be a case of a selection: "
                "sp.Piecewise((z[n, k], condition), (-sp.oo, True))",
            )
        for element in elements(expr):
            self._check_element(element, where)

    def _check_element(self, element: sp.Expr, where: Equation | Fact) -> None:
        name = element_name(element)
        if name not in self.tensors:
            raise UnknownNameError("tensor", name, self.tensors, where=str(where))
        tensor = self.tensors[name]
        places = tuple(element.indices) if isinstance(element, sp.Indexed) else ()
        if len(places) != len(tensor.shape):
            raise ShapeError(
                f"{name!r} has {len(tensor.shape)} axes, not {len(places)}",
                where=str(where),
                remedy=f"write it as {tensor.element}",
            )
        if (element.base if places else element) != tensor.symbol:
            raise EquationError(
                f"{name!r} was written as a different SymPy object than the declared tensor",
                where=str(where),
                remedy=f"write {name}[…] with the tensor that was declared",
            )
        for axis, (place, extent) in enumerate(zip(places, tensor.shape, strict=True)):
            if not self._is_base(name, axis, place):
                self._check_place(place, extent, f"axis {axis} of {name!r}", where)

    def _is_base(self, name: str, axis: int, place: Any) -> bool:
        """Whether a position is one that a base case is given for."""
        cases: tuple[BaseCase, ...] = self._base.get(name, ()) if is_fixed(place) else ()
        return any(case.axis == axis and same_position(case.position, place) for case in cases)

    def _check_place(self, place: Any, extent: sp.Expr, axis: str, where: Equation | Fact) -> None:
        if isinstance(place, sp.Idx):
            if size_of(place) != extent:
                raise ShapeError(
                    f"{axis} has size {extent}, but index {place.label} runs over {size_of(place)}",
                    where=str(where),
                    remedy="make the sizes agree, or use another index",
                )
        elif isinstance(place, sp.Indexed) and element_name(place) in self.tensors:
            labels = self.tensors[element_name(place)]
            if labels.domain is not Domain.LABEL or labels.classes != extent:
                raise ShapeError(
                    f"{axis} has size {extent}, but is selected by {place}, "
                    f"which does not hold labels of {extent} classes",
                    where=str(where),
                    remedy=f"declare {labels.name!r} with domain='label' and classes={extent}",
                )
        else:
            self._check_form(place, axis, where)
            if is_fixed(place) and is_outside(place, extent):
                raise ShapeError(
                    f"{axis} has size {extent}, position {place} is outside it",
                    where=str(where),
                    remedy=f"use a position from 0 to {extent - 1}, or give a base case",
                )

    def _check_form(self, place: Any, what: str, where: Equation | Fact) -> None:
        """Make sure that a place is affine, or a label."""
        if isinstance(place, sp.Indexed) or self._is_label(place) or affine_form(place):
            return
        raise ShapeError(
            f"{what} is at {place}",
            where=str(where),
            remedy="a position is an index, a label, or an affine expression of indices with "
            "coefficients that are whole numbers or sizes, such as 2*p + u - 1",
        )

    def _is_label(self, place: Any) -> bool:
        tensor = self.tensors.get(str(place)) if isinstance(place, sp.Symbol) else None
        return tensor is not None and tensor.domain is Domain.LABEL


def _known(node: sp.Expr) -> bool:
    if isinstance(node, _STRUCTURE):
        return True
    return primitive_of(node) is not None


def _is_guarded(node: sp.Basic) -> bool:
    """Whether this is ``∞·[condition]``, which is 0 where the condition fails."""
    guards = [factor for factor in node.args if isinstance(factor, bracket)]
    rest = [factor for factor in node.args if factor not in guards]
    return isinstance(node, sp.Mul) and bool(guards) and rest in ([sp.oo], [-sp.oo])


def _check_limits(node: sp.Expr, where: Equation | Fact) -> None:
    bound = [limit[0] for limit in node.limits]
    again = [idx for idx in bound if bound.count(idx) > 1 or _binds(node.function, idx)]
    if again:
        raise EquationError(
            f"index {again[0].label} is summed over twice, one sum inside the other",
            where=str(where),
            remedy="use another letter for the inner sum",
        )
    for idx, lower, upper in node.limits:
        if not isinstance(idx, sp.Idx):
            raise EquationError(
                f"the sum runs over {idx}, which is not an index",
                where=str(where),
                remedy='make it with sb.index("i", size)',
            )
        if lower != 0 or upper + 1 != size_of(idx):
            raise ShapeError(
                f"the sum over {idx.label} runs from {lower} to {upper}, not over all of it",
                where=str(where),
                remedy=f"write Sum(…, {idx.label}) to sum over 0 … {size_of(idx)}-1",
            )


def _binds(expr: sp.Expr, idx: sp.Idx) -> bool:
    return any(idx in inner.variables for inner in expr.atoms(*BINDERS))


def _table(declared: Iterable[Tensor], equations: Sequence[Equation]) -> dict[str, Tensor]:
    """All tensors by name: the declared ones, then those the equations define."""
    table: dict[str, Tensor] = {}
    for tensor in declared:
        if tensor.name in table:
            raise EquationError(
                f"tensor {tensor.name!r} is declared twice", remedy="rename one of them"
            )
        table[tensor.name] = tensor
    defined: set[str] = set()
    for equation in equations:
        name = equation.name
        known = table.get(name)
        if name in defined:
            raise EquationError(
                f"{name!r} is defined twice",
                where=str(equation),
                remedy="give each equation a tensor of its own",
            )
        if known is not None and known.role is not Role.INTERMEDIATE:
            raise EquationError(
                f"{name!r} is a given {known.role}, so no equation may define it",
                where=str(equation),
                remedy="define a tensor of another name",
            )
        defined.add(name)
        details = known or Tensor(name)
        if known is not None and known.shape != tuple(size_of(i) for i in equation.indices):
            raise ShapeError(
                f"{name!r} was declared with shape {known.shape}",
                where=str(equation),
                remedy=f"write its left side as {known.element}",
            )
        table[name] = replace(details, indices=equation.indices)
    missing = [t for t in table.values() if t.role is Role.INTERMEDIATE and t.name not in defined]
    if missing:
        raise EquationError(
            f"{missing[0].name!r} is an intermediate that no equation defines",
            remedy="add its equation, or declare it an input",
        )
    return table
