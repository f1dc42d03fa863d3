"""The rules table: every way a derivation may rewrite an expression, by name.

Each rule is an equality; its caption says which. A rule that does not apply returns
the expression it was given. What a rule used (a definition, a fact) is named in the
step it leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from symbackprop.calculus.context import Context, Pattern
from symbackprop.calculus.deltas import contracted
from symbackprop.calculus.match import match_factors
from symbackprop.calculus.nodes import (
    Access,
    Affine,
    Group,
    Node,
)
from symbackprop.calculus.normal import (
    Flat,
    Poly,
    Total,
    number,
    poly,
    rename,
)
from symbackprop.calculus.ranges import surely_apart, surely_outside
from symbackprop.calculus.rewrite import (
    cost,
    expand,
    factor,
    inline,
    inside,
    replace_accesses,
)


@dataclass
class Application:
    """One use of a rule: the result, and the definitions or facts it used."""

    after: Poly
    used: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rule:
    """A named equality.

    Attributes
    ----------
    name
        The key under which words and steps refer to it.
    shape
        The equality in one line, left → right.
    caption
        Why the step holds, in English; ``{used}`` names the definitions or facts it
        used. Other languages have a phrase under the rule's name in `typeset.words`.
    """

    name: str
    shape: str
    caption: str


@dataclass(frozen=True)
class Rewrite(Rule):
    """A rule that can be tried on any expression.

    Attributes
    ----------
    apply
        From an expression and what is known to the rewritten expression.
    """

    apply: Callable[[Poly, Context], Application]


# --- contract deltas ------------------------------------------------------------------


def contract_deltas(expr: Poly, context: Context) -> Application:
    """Σ_j δ(j,k)·f(j) → f(k); δ(k,y)·f(y) → δ(k,y)·f(k)."""
    return Application(contracted(expr, context))


# --- base cases -----------------------------------------------------------------------


def use_base_cases(expr: Poly, context: Context) -> Application:
    """An element outside its tensor's range → what a base case says, else 0."""
    if not expr.kinds & {Affine, int}:
        return Application(expr)
    used: list[str] = []

    def value(access: Access) -> Poly | None:
        shape = context.shapes.get(access.name, ())
        for axis, (place, extent) in enumerate(zip(access.places, shape, strict=False)):
            if isinstance(place, Access) or not surely_outside(place, extent):
                continue
            cases = [c for c in context.beginnings.get(access.name, ()) if c.axis == axis]
            for case in cases:
                if place == case.position:
                    used.append(access.name)
                    return rename(case.value, case.at(access.places))
            if all(surely_apart(place, case.position) for case in cases):
                used.append(access.name)
                return number(0)
        return None

    return Application(replace_accesses(expr, value), used)


# --- fold definitions, use facts --------------------------------------------------------


def fold_definitions(expr: Poly, context: Context) -> Application:
    """A product that is a forward value's definition → that value."""
    return _rewrite_products(expr, context.folds, _rewrite_open)


def fold_sums(expr: Poly, context: Context) -> Application:
    """A sum that is a forward value's definition → that value."""
    return _rewrite_products(expr, context.folds, _rewrite_closed)


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
        relevant = [
            pattern
            for name in sorted(inner.names | {""})
            for pattern in table.get(name, ())
            if pattern.names <= inner.names
        ]
        if not relevant:
            return inner
        total = number(0)
        for term in inner.terms:
            opened = Flat()
            for base, exponent in term.factors:
                opened.multiply_poly(_inside_closed(base, walk), exponent)
            opened.coefficient *= term.coefficient
            total = total + rewrite(opened, relevant, used)
        return total

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


#: How many definitions deep a sum is looked into: Σh → rΣc → r(Σx - D·m) → 0.
_DEEPEST = 3

# --- sums that are constant ---------------------------------------------------------------


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
        if Total not in inner.kinds:
            return inner
        changed = {base: change(base) for term in inner.terms for base in term.children}
        if all(value.atom == base for base, value in changed.items()):
            return inner
        total = number(0)
        for term in inner.terms:
            product = number(term.coefficient)
            for base, exponent in term.factors:
                product = product * changed[base].power(exponent)
            total = total + product
        return total

    return Application(walk(expr), used)


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


# --- arrange ------------------------------------------------------------------------------


def expand_if_shorter(expr: Poly, context: Context) -> Application:
    """Multiply out where terms then cancel or merge to something shorter."""
    if Group not in expr.kinds:
        return Application(expr)
    expanded = expand(expr)
    shorter = expanded
    for rule in (fold_definitions, use_facts, constant_sums):
        shorter = rule(shorter, context).after
    if cost(factor(shorter)) < cost(factor(expr)):
        return Application(expanded)
    return Application(expr)


def factor_out(expr: Poly, context: Context) -> Application:
    """a·b + a·c → a·(b + c)."""
    return Application(factor(expr))


#: In the order in which they are tried.
RULES: tuple[Rewrite, ...] = (
    Rewrite(
        "fold-definition",
        "f(z)·… → a·…  when a = f(z)",
        "recognise the forward value {used}",
        fold_definitions,
    ),
    Rewrite(
        "contract-delta",
        "Σⱼ δ(j,k)·f(j) → f(k)",
        "each Kronecker delta picks one index out of its sum",
        contract_deltas,
    ),
    Rewrite(
        "base-case",
        "h₋₁ → its base case, x₋₁ → 0",
        "outside its range {used} is what its base case says, or 0",
        use_base_cases,
    ),
    Rewrite(
        "use-fact", "left → right of a declared fact", "by the declared fact {used}", use_facts
    ),
    Rewrite(
        "constant-sum",
        "Σₖ pₖ → 1  when the definitions of p show it",
        "a sum that is constant by the definition of {used}",
        constant_sums,
    ),
    Rewrite(
        "fold-sum",
        "Σᵢ xᵢ·… → m·…  when m = Σᵢ xᵢ",
        "recognise the forward value {used}, a sum",
        fold_sums,
    ),
    Rewrite(
        "expand",
        "a·(b + c) → a·b + a·c",
        "multiply out: terms cancel",
        expand_if_shorter,
    ),
    Rewrite("factor", "a·b + a·c → a·(b + c)", "take out the common factor", factor_out),
)

# What the sweep does by itself.
CHAIN_RULE = Rule(
    "chain-rule",
    "∂L/∂x → Σ ∂L/∂u · ∂u/∂x over all u that use x",
    "sum over everything that uses {used}",
)
INLINE_ADJOINT = Rule("inline-adjoint", "∂L/∂u → its own equation", "insert the adjoint of {used}")

#: Every rule a step may name.
ALL_RULES: Mapping[str, Rule] = {rule.name: rule for rule in (CHAIN_RULE, INLINE_ADJOINT, *RULES)}
