"""What rules may use: the forward definitions, base cases and declared facts of one system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import sympy as sp

from symbackprop.calculus.convert import from_sympy, to_index, to_place
from symbackprop.calculus.nodes import (
    Access,
    Affine,
    Bracket,
    Constant,
    Func,
    Index,
    Node,
    Place,
    Term,
)
from symbackprop.calculus.normal import Flat, Poly, Search, function, number, poly
from symbackprop.calculus.rewrite import Definition, holds_at, instantiate
from symbackprop.language import BaseCase, System


@dataclass(frozen=True)
class Pattern:
    """``factors`` may be replaced by ``replacement``, whatever the variables stand for."""

    label: str
    factors: tuple[tuple[Node, Fraction], ...]
    variables: tuple[Index, ...]
    replacement: Poly

    @cached_property
    def names(self) -> frozenset[str]:
        """The tensors that must occur for the pattern to match."""
        return frozenset().union(*(base.names for base, _ in self.factors))

    @cached_property
    def kinds(self) -> frozenset[type]:
        """The kinds of node that must occur, sums aside: those are opened."""
        found = frozenset[type]().union(*(base.kinds for base, _ in self.factors))
        return frozenset(k for k in found if issubclass(k, Func | Bracket | Search))

    @cached_property
    def opened(self) -> Flat:
        """The factors with sums open: what a part of a larger sum is matched with."""
        flat = Flat()
        for base, exponent in self.factors:
            flat.multiply_poly(poly(base), exponent)
        return flat


@dataclass(frozen=True)
class Beginning:
    """A base case: what a tensor is at one position outside its range.

    Attributes
    ----------
    axis, position
        Where.
    indices
        The indices of its other axes, in order.
    value
        What the tensor is there.
    """

    axis: int
    position: Affine | int
    indices: tuple[Index, ...]
    value: Poly

    def at(self, places: tuple[Place, ...]) -> Poly | None:
        """What an element is at the case's position; None where other places may be outside."""
        definition = self.indices, self.value
        others = self.others(places)
        return instantiate(definition, others) if holds_at(definition, others) else None

    def others(self, places: tuple[Place, ...]) -> tuple[Place, ...]:
        """The places of an element along the case's own indices."""
        return (*places[: self.axis], *places[self.axis + 1 :])


class Context:
    """The definitions, base cases and facts of one system, ready to be matched.

    Attributes
    ----------
    definitions
        By name, the indices and the right side of each equation.
    beginnings
        By name, the base cases of a tensor.
    shapes
        The sizes of every tensor's axes; the sweep adds those of the adjoints.
    adjoints
        The adjoint equations the sweep has settled so far, like `definitions`.
    zero_sums
        Whether an adjoint's elements add up to 0 along an axis, where that was asked.
    has_infinity
        Whether a definition has ±∞ in it: a mask.
    folds, facts
        Patterns by the name of one of their tensors.
    """

    def __init__(self, system: System) -> None:
        self.definitions: dict[str, Definition] = {
            name: (tuple(to_index(i) for i in equation.indices), from_sympy(equation.rhs))
            for name, equation in system.definitions.items()
        }
        self.beginnings: dict[str, tuple[Beginning, ...]] = {
            name: tuple(_beginning(case) for case in equation.base)
            for name, equation in system.definitions.items()
            if equation.base
        }
        self.shapes: dict[str, tuple[sp.Expr, ...]] = {
            name: tensor.shape for name, tensor in system.tensors.items()
        }
        self.adjoints: dict[str, Definition] = {}
        self.has_infinity = any(
            Constant in expr.kinds and "'oo'" in expr.key for _, expr in self.definitions.values()
        )
        self.zero_sums: dict[tuple[str, int], bool] = {}
        self.folds = _by_name(_definition_patterns(self.definitions))
        self.facts = _by_name(_fact_patterns(system))


def _beginning(case: BaseCase) -> Beginning:
    indices = tuple(to_index(idx) for idx in case.indices)
    position = to_place(case.position)
    assert isinstance(position, Affine | int)  # noqa: S101 (BaseCase checks that it is fixed)
    return Beginning(case.axis, position, indices, from_sympy(case.rhs))


def _by_name(patterns: Iterable[Pattern]) -> dict[str, list[Pattern]]:
    """Patterns under one tensor name each, so that only relevant ones are tried."""
    table: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        table.setdefault(min(pattern.names, default=""), []).append(pattern)
    return table


def _definition_patterns(definitions: Mapping[str, Definition]) -> Iterator[Pattern]:
    for name, (indices, expr) in definitions.items():
        value = poly(Access(name, indices))
        yield from _patterns_of(name, indices, expr, value)
        exponential = _exponential(expr)
        if exponential is not None:
            yield from _patterns_of(name, indices, exponential, function("exp", (value,)))


def _patterns_of(
    name: str, indices: tuple[Index, ...], expr: Poly, value: Poly
) -> Iterator[Pattern]:
    flat = Flat()
    flat.multiply_poly(expr)
    if isinstance(expr.atom, Access):
        return  # a mere renaming
    if len(expr.terms) == 1:
        (term,) = expr.terms
    else:
        term = Term(flat.coefficient, flat.factors)
    # An index the right side does not mention cannot be found by matching.
    if term.factors and frozenset(indices) <= term.free:
        yield Pattern(name, term.factors, indices, value * number(1 / term.coefficient))


def _exponential(expr: Poly) -> Poly | None:
    """The exponential of a sum with logarithms, e^(z - log S) = e^z/S; None of any other."""
    flat = Flat()
    plain: list[Term] = []
    for term in expr.terms:
        base, exponent = term.factors[0] if len(term.factors) == 1 else (None, None)
        if isinstance(base, Func) and base.name == "log" and exponent == 1:
            flat.multiply_poly(base.arguments[0], term.coefficient)
        else:
            plain.append(term)
    if not plain or len(plain) == len(expr.terms):
        return None
    flat.multiply_poly(function("exp", (Poly(plain),)))
    return flat.close()


def _fact_patterns(system: System) -> Iterator[Pattern]:
    for fact in system.facts:
        left = from_sympy(fact.left)
        if len(left.terms) != 1:
            continue
        term = left.terms[0]
        value = from_sympy(fact.right) * number(1 / term.coefficient)
        yield Pattern(str(fact), term.factors, tuple(sorted(left.free, key=str)), value)
