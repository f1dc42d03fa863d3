"""Masks: a condition is needless beside a factor that is 0 wherever it fails.

A masked score is -∞, so its weight in a softmax is exp(-∞) = 0, and the derivative by the
score, which has that weight as a factor, is 0 as well. That is so for masks on indices
that leave something in every row, such as a causal one; a mask made of data may leave
nothing, and stays.
"""

from __future__ import annotations

from functools import partial

import sympy as sp

from symbackprop.calculus.context import Context
from symbackprop.calculus.folding import Application
from symbackprop.calculus.nodes import (
    Access,
    Affine,
    Bracket,
    Constant,
    Func,
    Index,
    Node,
    Term,
    affine,
    combined,
    linear,
)
from symbackprop.calculus.normal import Flat, Poly
from symbackprop.calculus.ranges import best_of, surely_nonnegative
from symbackprop.calculus.rewrite import expand, holds_at, inline, inside, instantiate, rebuild

#: How many definitions deep a factor is looked into: dS → P → exp(S) → -∞.
_DEEPEST = 3


def absorb_masks(expr: Poly, context: Context) -> Application:
    """[s ≤ t]·p → p when p is 0 where s > t."""
    if Bracket not in expr.kinds or not context.has_infinity:
        return Application(expr)
    used: list[str] = []
    terms: list[Term] = []
    for term in expr.terms:
        opened = Flat()
        opened.multiply_poly(Poly([term]))
        terms.extend(_absorbed(opened, context, used).close().terms)

    def nested(base: Node) -> Poly:
        return inside(base, partial(_after, context=context, used=used))

    return Application(rebuild(Poly(terms), nested), used)


def _after(inner: Poly, context: Context, used: list[str]) -> Poly:
    application = absorb_masks(inner, context)
    used.extend(application.used)
    return application.after


def _absorbed(flat: Flat, context: Context, used: list[str]) -> Flat:
    masks = [base for base in flat.factors if isinstance(base, Bracket)]
    for mask in filter(_leaves_some_everywhere, masks):
        for base, exponent in flat.factors.items():
            if exponent > 0 and base != mask and _is_zero_without(base, mask, context):
                used.extend(sorted(name for name in (getattr(base, "name", ""),) if name))
                flat = flat.copy()
                del flat.factors[mask]
                break
    return flat


def _leaves_some_everywhere(mask: Bracket) -> bool:
    """Whether a condition on indices holds somewhere in every row and in every column.

    A softmax of a row without any score is 0/0, which no rule may make of a 0.
    """
    gap = mask.left - mask.right
    place: Affine | Index | int = -1 if mask.relation == ">" else 0
    for term in gap.terms:
        if mask.relation not in (">", ">=") or term.coefficient.denominator != 1:
            return False
        moved = _as_place(term)
        if moved is None:
            return False
        place = combined([(place, 1), (moved, int(term.coefficient))])
    return all(surely_nonnegative(best_of(place, index)) for index in linear(place)[0])


def _as_place(term: Term) -> Affine | Index | int | None:
    """An index, a size or 1; None for a product, or for something that depends on data."""
    if not term.factors:
        return 1
    ((base, exponent), *others) = term.factors
    if others or exponent != 1:
        return None
    if isinstance(base, Constant) and base.value != sp.oo:
        return affine({}, base.value)
    return base if isinstance(base, Index) else None


def _is_zero_without(base: Node, mask: Bracket, context: Context, depth: int = _DEEPEST) -> bool:
    """Whether a factor is 0 wherever a condition fails."""
    if isinstance(base, Func):
        return base.name == "exp" and _is_minus_infinity(base.arguments[0], mask, context)
    if not isinstance(base, Access) or depth == 0:
        return False
    known = context.definitions.get(base.name) or context.adjoints.get(base.name)
    if known is None or not holds_at(known, base.places):
        return False
    return all(
        any(e > 0 and _is_zero_without(b, mask, context, depth - 1) for b, e in term.factors)
        for term in instantiate(known, base.places).terms
    )


def _is_minus_infinity(expr: Poly, mask: Bracket, context: Context) -> bool:
    """Whether an exponent is -∞ wherever a condition fails."""
    for _ in range(_DEEPEST):
        for term in expr.terms:
            bases = set(term.children)
            if Constant(sp.oo) in bases and term.coefficient < 0 and mask not in bases:
                # With a second condition that is made of data a row may still be empty.
                return bases == {Constant(sp.oo), mask.negation}
        expr = expand(inline(expr, context.definitions))
    return False
