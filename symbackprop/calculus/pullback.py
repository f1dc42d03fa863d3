"""Reverse mode inside one equation: from a cotangent to what each leaf contributes.

The local partial of a function is SymPy's derivative of that function at dummies
(`Primitive.derivative`), read into the normal form once and kept. There are no
rules for layers here, only for the few kinds of node the language has.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import sympy as sp

from symbackprop.calculus.convert import from_sympy
from symbackprop.calculus.nodes import (
    Access,
    Bracket,
    Delta,
    Func,
    Group,
    Node,
)
from symbackprop.calculus.normal import (
    FirstLargest,
    FirstPlace,
    Flat,
    Largest,
    Poly,
    Total,
    bracket_of,
    place_poly,
    poly,
    row_major,
)
from symbackprop.calculus.rewrite import replace_accesses
from symbackprop.errors import EquationError
from symbackprop.language import PRIMITIVES


def pull_back(expr: Poly, cotangent: Flat, wanted: frozenset[str]) -> Iterator[tuple[Access, Flat]]:
    """Every occurrence of a wanted tensor, with the product that multiplies its differential.

    Parameters
    ----------
    expr
        The right side of an equation.
    cotangent
        The adjoint of the left side, under the sum over the equation's own indices.
    wanted
        The tensors whose occurrences are asked for; the rest is constant.

    Yields
    ------
    access, factor
        For ``d expr = Σ factor · d access``; the access's places may be indices that
        `factor` sums over.
    """
    for term in expr.terms:
        if not term.names & wanted:
            continue
        opened = Flat()
        opened.multiply_poly(Poly([term]))
        for base, exponent in opened.factors.items():
            if not base.names & wanted:
                continue
            rest = opened.copy()
            del rest.factors[base]
            rest.multiply(base, exponent - 1)
            rest.coefficient *= exponent
            rest.multiply_flat(cotangent)
            yield from _pull_base(base, rest, wanted)


def _pull_base(base: Node, factor: Flat, wanted: frozenset[str]) -> Iterator[tuple[Access, Flat]]:
    match base:
        case Access():
            if base.name in wanted:
                yield base, factor
        case Func():
            for position, argument in enumerate(base.arguments):
                if argument.names & wanted:
                    inner = factor.copy()
                    inner.multiply_poly(partial(base, position))
                    yield from pull_back(argument, inner, wanted)
        case Group():
            yield from pull_back(base.poly, factor, wanted)
        case Total():
            yield from pull_back(poly(base), factor, wanted)
        case Largest():
            yield from _pull_largest(base, factor, wanted)
        case FirstLargest():
            yield from _pull_first(base, factor, wanted)
        case Bracket() | Delta() | FirstPlace():
            return  # locally constant
        case _:
            raise EquationError(f"{base!r} cannot be differentiated")


def _pull_largest(
    base: Largest, factor: Flat, wanted: frozenset[str]
) -> Iterator[tuple[Access, Flat]]:
    """Share the cotangent equally among the places that attain the maximum (torch.amax)."""
    indices, body = base.open()
    attained = Flat(bound=set(indices))
    attained.multiply(Bracket(body, "==", poly(base)))
    number_attaining = attained.close()
    here, body_here = base.open()
    inner = factor.copy()
    inner.bound |= set(here)
    inner.multiply(Bracket(body_here, "==", poly(base)))
    inner.multiply_poly(number_attaining, Fraction(-1))
    yield from pull_back(body_here, inner, wanted)


def _pull_first(
    base: FirstLargest, factor: Flat, wanted: frozenset[str]
) -> Iterator[tuple[Access, Flat]]:
    """Give the cotangent to the first place that attains the maximum (PyTorch's pools)."""
    indices, body = base.open()
    first = poly(FirstPlace(base.indices, base.body))
    inner = factor.copy()
    inner.bound |= set(indices)
    inner.multiply_poly(bracket_of(place_poly(row_major(indices)), "==", first))
    yield from pull_back(body, inner, wanted)


def partial(function: Func, position: int) -> Poly:
    """The partial derivative of a function value by one argument, at its arguments."""
    template = _partial_template(function.name, len(function.arguments), position)
    stand_ins = {f"%{place}": argument for place, argument in enumerate(function.arguments)}
    return replace_accesses(template, lambda access: stand_ins.get(access.name))


@cache
def _partial_template(name: str, arity: int, position: int) -> Poly:
    if name not in PRIMITIVES:
        return _unknown_derivative(name, arity)
    dummies = tuple(sp.Symbol(f"%{place}", real=True) for place in range(arity))
    return from_sympy(PRIMITIVES[name].derivative(position, dummies))


def _unknown_derivative(name: str, arity: int) -> Poly:
    """σ′ for a function left unspecified."""
    if arity != 1:
        raise EquationError(
            f"the unspecified function {name!r} has {arity} arguments",
            remedy="leave only functions of one argument unspecified",
        )
    return poly(Func(f"{name}'", (poly(Access("%0")),)))
