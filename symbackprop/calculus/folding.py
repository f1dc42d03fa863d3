"""Folding: a product or a sum that a definition or a declared fact knows by a shorter name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from symbackprop.calculus.context import Context, Pattern
from symbackprop.calculus.match import match_factors
from symbackprop.calculus.nodes import Node, Term
from symbackprop.calculus.normal import Flat, Poly, Total, rename
from symbackprop.calculus.rewrite import inside, resummed


@dataclass
class Application:
    """One use of a rule: the result, and the definitions or facts it used."""

    after: Poly
    used: list[str] = field(default_factory=list)


def fold_definitions(expr: Poly, context: Context) -> Application:
    """A product that is a forward value's definition → that value."""
    return _rewrite_products(expr, context.folds, _rewrite_open)


def fold_sums(expr: Poly, context: Context) -> Application:
    """A sum that is a forward value's definition → that value."""
    return _rewrite_products(expr, context.folds, _rewrite_closed)


def fold_inner_sums(expr: Poly, context: Context) -> Application:
    """A part of a sum over several indices that is a forward value's definition → that value.

    ``Σₛₑ gₑ·pₛ·vₛₑ → Σₑ gₑ·oₑ`` when ``oₑ = Σₛ pₛ·vₛₑ``: s occurs nowhere else.
    """
    return _rewrite_products(expr, context.folds, _rewrite_inner)


def use_facts(expr: Poly, context: Context) -> Application:
    """The left side of a declared fact → its right side."""
    return _rewrite_products(expr, context.facts, _rewrite_closed)


def _rewrite_products(
    expr: Poly,
    table: Mapping[str, list[Pattern]],
    rewrite: Callable[[Flat, list[Pattern], list[str]], Poly],
) -> Application:
    used: list[str] = []

    def walk(inner: Poly) -> Poly:
        terms: list[Term] = []
        for term in inner.terms:
            relevant = [
                pattern
                for name in sorted(term.names | {""})
                for pattern in table.get(name, ())
                if pattern.names <= term.names and pattern.kinds <= term.kinds
            ]
            if not relevant:
                terms.append(term)
                continue
            opened = Flat()
            for base, exponent in term.factors:
                opened.multiply_poly(_inside_closed(base, walk), exponent)
            opened.coefficient *= term.coefficient
            terms.extend(rewrite(opened, relevant, used).terms)
        return resummed(inner, terms)

    return Application(walk(expr), used)


def _inside_closed(base: Node, change: Callable[[Poly], Poly]) -> Poly:
    if isinstance(base, Total):
        flat = base.open()
        result = Flat(flat.coefficient, {}, flat.bound)
        for part, exponent in flat.factors.items():
            result.multiply_poly(_inside_closed(part, change), exponent)
        return result.close()
    return inside(base, change)


def _rewrite_open(flat: Flat, patterns: list[Pattern], used: list[str]) -> Poly:
    """Rewrite with sums open, so that a factor inside one meets a factor outside it."""
    for pattern in patterns:
        while (changed := _rewrite_once(flat, pattern)) is not None:
            flat = changed
            used.append(pattern.label)
    return flat.close()


def _rewrite_closed(flat: Flat, patterns: list[Pattern], used: list[str]) -> Poly:
    """Rewrite with sums closed, so that a whole sum can be met."""
    closed = flat.close()
    for pattern in patterns:
        if any(isinstance(base, Total) and e == 1 for base, e in pattern.factors):
            for term in closed.terms:
                whole = Flat(term.coefficient, dict(term.factors))
                if (changed := _rewrite_once(whole, pattern)) is not None:
                    used.append(pattern.label)
                    return changed.close()
    return closed


def _rewrite_inner(flat: Flat, patterns: list[Pattern], used: list[str]) -> Poly:
    """Rewrite with sums open on both sides."""
    for pattern in patterns:
        while pattern.opened.bound and (changed := _inner_rewritten(flat, pattern)) is not None:
            flat = changed
            used.append(pattern.label)
    return flat.close()


def _inner_rewritten(flat: Flat, pattern: Pattern) -> Flat | None:
    opened = pattern.opened
    variables = frozenset((*pattern.variables, *opened.bound))
    for binding, times, left in match_factors(
        tuple(opened.factors.items()), tuple(flat.factors.items()), variables
    ):
        summed = {binding[index] for index in opened.bound}
        inside = summed <= flat.bound and len(summed) == len(opened.bound)
        if times != 1 or not inside or any(base.free & summed for base in left):
            continue
        value = rename(pattern.replacement, binding)
        changed = Flat(flat.coefficient, left, {i for i in flat.bound if i not in summed})
        changed.multiply_poly(value)
        return changed
    return None


def _rewrite_once(flat: Flat, pattern: Pattern) -> Flat | None:
    variables = frozenset(pattern.variables)
    for binding, times, left in match_factors(
        pattern.factors, tuple(flat.factors.items()), variables
    ):
        value = rename(pattern.replacement, binding)
        changed = Flat(flat.coefficient, left, set(flat.bound))
        changed.multiply_poly(value, Fraction(times))
        return changed
    return None
