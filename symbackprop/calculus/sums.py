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
from symbackprop.calculus.nodes import Access, Affine, Group, Index, Node, Place, Term
from symbackprop.calculus.normal import Flat, Poly, Total, number, poly
from symbackprop.calculus.ranges import surely_within
from symbackprop.calculus.rewrite import cost, expand, inline, inside, replace_accesses

#: How many definitions deep a sum is looked into: Σh → rΣc → r(Σx - D·m) → 0.
_DEEPEST = 3

#: How many adjoints are inserted, one into the other, to see that a sum is 0.
_ADJOINTS_DEEP = 4


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
    changed = {base: change(base) for term in expr.terms for base in term.children}
    if all(value.atom == base for base, value in changed.items()):
        return expr
    total = number(0)
    for term in expr.terms:
        product = number(term.coefficient)
        for base, exponent in term.factors:
            product = product * changed[base].power(exponent)
        total = total + product
    return total


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
    return None


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
            used.extend(sorted(zero))
    return Application(Poly(kept) if used else expr, used)


def _vanishing(base: Node, context: Context, depth: int = _ADJOINTS_DEEP) -> frozenset[str]:
    """The adjoints whose equations show that a sum over one of its indices is 0, if they do."""
    if not isinstance(base, Total) or not base.names & context.adjoints.keys():
        return frozenset()
    opened = base.open()
    for index in sorted(opened.bound, key=lambda i: i.key):
        part = Flat(bound={index})
        for inner, exponent in opened.factors.items():
            if index in inner.free:
                part.multiply(inner, exponent)
        partial = _at_any_place(part.close(), index, context)
        names = partial.names & context.adjoints.keys()
        if names and _is_zero(partial, context, depth):
            return names
    return frozenset()


def _at_any_place(partial: Poly, index: Index, context: Context) -> Poly:
    """The sum with places that do not move with its index put anywhere in their range.

    Outside their range the elements are 0, and so is the sum.
    """
    anywhere: dict[tuple[Affine, str], Index] = {}

    def placed(place: Place, extent: object) -> Place:
        if not isinstance(place, Affine) or index in place.free:
            return place
        if surely_within(place, extent):
            return place
        known = anywhere.setdefault((place, str(extent)), Index("any", extent).fresh())
        return known

    def value(access: Access) -> Poly | None:
        if access.name not in context.adjoints:
            return None
        shape = context.shapes[access.name]
        places = tuple(placed(p, extent) for p, extent in zip(access.places, shape, strict=True))
        return poly(Access(access.name, places))

    return replace_accesses(partial, value) if Affine in partial.kinds else partial


def _is_zero(partial: Poly, context: Context, depth: int) -> bool:
    """Whether a sum's terms cancel once adjoints are inserted and known sums are put in."""
    inserted = inline(partial, context.adjoints)
    if Group not in inserted.kinds and len(inserted.terms) == 1:
        # Of a single product nothing cancels, unless a sum inside it is 0.
        nested = inserted.terms[0].children
        return depth > 0 and any(_vanishing(base, context, depth - 1) for base in nested)
    expanded = expand(inserted)
    for rule in (fold_definitions, use_facts, constant_sums, fold_sums, fold_inner_sums):
        expanded = rule(expanded, context).after
    return not expanded.terms


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
