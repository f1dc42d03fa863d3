"""Sums that are known: constant by definition (Σₖ pₖ = 1), or 0 because their terms cancel.

And sums that are a shorter one once an adjoint is inserted and the order is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symbackprop.calculus.context import Context
from symbackprop.calculus.folding import (
    Application,
    fold_definitions,
    fold_inner_sums,
    fold_sums,
    use_facts,
)
from symbackprop.calculus.nodes import Access, Group, Index, Node, Term
from symbackprop.calculus.normal import Flat, Poly, Total, number, poly, rename
from symbackprop.calculus.rewrite import cost, expand, factor, inline, inside, resummed, stays

#: How many definitions deep a sum is looked into: Σh → rΣc → r(Σx - D·m) → 0.
_DEEPEST = 3


def constant_sums(expr: Poly, context: Context) -> Application:
    """A sum of forward values that its definitions show to be a number → that number."""
    if Total not in expr.kinds:
        return Application(expr)
    used: list[str] = []

    def change(base: Node) -> Poly:
        value = _constant_sum(base, context) if isinstance(base, Total) else None
        if value is None:
            return poly(base) if isinstance(base, Total) else inside(base, walk)
        used.extend(sorted(base.names))
        return number(value)

    def walk(inner: Poly) -> Poly:
        return _with_bases(inner, change) if Total in inner.kinds else inner

    return Application(walk(expr), used)


def _with_bases(expr: Poly, change: Callable[[Node], Poly]) -> Poly:
    """The expression with every base of its terms replaced, sums left closed."""
    terms: list[Term] = []
    for term in expr.terms:
        changed = [(change(base), exponent) for base, exponent in term.factors]
        if all(map(stays, term.children, (value for value, _ in changed))):
            terms.append(term)
            continue
        product = number(term.coefficient)
        for value, exponent in changed:
            product = product * value.power(exponent)
        terms.extend(product.terms)
    return resummed(expr, terms)


def _constant_sum(total: Total, context: Context) -> Fraction | None:
    """The number that a sum of one forward value is, by its definitions."""
    if len(total.body.factors) > 1 or not isinstance(total.body.factors[0][0], Access):
        return None
    unfolded = poly(total)
    for _ in range(_DEEPEST):
        if not unfolded.names & context.definitions.keys():
            return None
        unfolded = use_facts(expand(inline(unfolded, context.definitions)), context).after
        if unfolded.constant is not None:
            return unfolded.constant
    return Fraction(0) if _cancels(total, context) else None


def _cancels(total: Total, context: Context) -> bool:
    """Whether a sum is 0 once the definitions it leads to are put in, the latest first.

    Of a product only the sum is looked at, so that Σx̂ = r·Σc leads to c = z - m and on to m,
    however z itself is defined.
    """
    order = {name: place for place, name in enumerate(context.definitions)}
    left = poly(total)
    for _ in range(_DEEPEST + 1):
        latest = max(left.names & order.keys(), key=order.__getitem__, default=None)
        if latest is None:
            return False
        inserted = inline(left, {latest: context.definitions[latest]})
        left = use_facts(expand(inserted), context).after
        if not left.terms:
            return True
        left = _summed_part(factor(left))
    return False


def _summed_part(expr: Poly) -> Poly:
    """The one factor of a product that is a sum; the whole expression where there is none."""
    if len(expr.terms) == 1:
        sums = [b for b, e in expr.terms[0].factors if e == 1 and isinstance(b, Total | Group)]
        if len(sums) == 1:
            (only,) = sums
            return only.poly if isinstance(only, Group) else poly(only)
    return expr


# --- sums that vanish -----------------------------------------------------------------


def vanishing_sums(expr: Poly, context: Context) -> Application:
    """A sum that its own equations show to be 0, such as Σₛ dSₜₛ of a softmax → 0."""
    used: list[str] = []
    kept: list[Term] = []
    for term in expr.terms:
        zero = next((n for base in term.children if (n := _vanishing(base, context))), None)
        if zero is None:
            kept.append(term)
        else:
            used.append(zero)
    return Application(Poly(kept) if used else expr, used)


def _vanishing(base: Node, context: Context) -> str | None:
    """The adjoint whose equation shows that a sum is 0: some index is summed in it alone."""
    if not isinstance(base, Total):
        return None
    for index in base.indices:
        touched = [(b, e) for b, e in base.body.factors if _mentions(b, index)]
        ((access, exponent), *others) = touched
        if others or exponent != 1 or not isinstance(access, Access):
            continue
        name, places = access.name, access.places
        axes = [axis for axis, place in enumerate(places) if _mentions(place, index)]
        plain = len(axes) == 1 and places[axes[0]] == index
        if plain and name in context.adjoints and _sums_to_zero(name, axes[0], context):
            return name
    return None


def _mentions(node: Node | int, index: Index) -> bool:
    """Whether a node contains a bound index of the binder it stands in."""
    if not isinstance(node, Node):
        return False
    return node == index or any(_mentions(child, index) for child in node.children)


def _sums_to_zero(name: str, axis: int, context: Context) -> bool:
    """Whether an adjoint's elements add up to 0 along an axis, whatever its other places."""
    known = context.zero_sums.get((name, axis))
    if known is None:
        context.zero_sums[name, axis] = False  # a recurrence does not explain itself
        indices, value = context.adjoints[name]
        summed = Flat(bound={indices[axis].fresh()})
        (fresh,) = summed.bound
        summed.multiply_poly(rename(value, {indices[axis]: fresh}))
        known = context.zero_sums[name, axis] = _is_zero(summed.close(), context)
    return known


def _is_zero(summed: Poly, context: Context) -> bool:
    """Whether a sum's terms cancel once sums that are known are put in."""
    left = vanishing_sums(summed, context).after
    if not left.terms:
        return True
    expanded = expand(left)
    if not any(_is_plain_sum(base) for term in expanded.terms for base in term.children):
        return False  # only where a sum of forward values is known do terms become alike
    for rule in (fold_definitions, use_facts, constant_sums, fold_sums, fold_inner_sums):
        expanded = rule(expanded, context).after
    return not expanded.terms


def _is_plain_sum(base: Node) -> bool:
    """Whether it is the sum of one tensor's elements."""
    if not isinstance(base, Total):
        return False
    ((first, exponent), *others) = base.body.factors
    return not others and exponent == 1 and isinstance(first, Access)


# --- sums in another order --------------------------------------------------------------


def swap_sums(expr: Poly, context: Context) -> Application:
    """Σₛ pₛ·(Σₑ gₑ·vₛₑ) → Σₑ gₑ·oₑ when oₑ = Σₛ pₛ·vₛₑ, the inner sum being an adjoint's."""
    if Total not in expr.kinds or not expr.names & context.adjoints.keys():
        return Application(expr)
    used: list[str] = []

    def change(base: Node) -> Poly:
        if not isinstance(base, Total):
            return inside(base, walk)
        swapped = _swapped(base, context)
        if swapped is None:
            return poly(base)
        used.extend(swapped.used)
        return swapped.after

    def walk(inner: Poly) -> Poly:
        return _with_bases(inner, change) if Total in inner.kinds else inner

    return Application(walk(expr), used)


def _swapped(total: Total, context: Context) -> Application | None:
    """A sum with one of its adjoints inserted, if what it was summed over is then folded."""
    for base, exponent in total.body.factors:
        name = base.name if isinstance(base, Access) else ""
        if exponent != 1 or name not in context.adjoints:
            continue
        definition = context.adjoints[name]
        if not isinstance(definition[1].atom, Total):
            continue
        folded = fold_inner_sums(inline(poly(total), {name: definition}), context)
        atom = folded.after.atom
        shorter = isinstance(atom, Total) and len(atom.indices) <= len(total.indices)
        if folded.used and shorter and cost(folded.after) <= cost(poly(total)):
            return Application(folded.after, [name, *folded.used])
    return None
