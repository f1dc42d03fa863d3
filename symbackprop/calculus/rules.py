"""The rules table: every way a derivation may rewrite an expression, by name.

Each rule is an equality; its shape says which. A rule that does not apply returns the
expression it was given. What a rule used (a definition, a fact) is named in the
step it leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from symbackprop.calculus.context import Context
from symbackprop.calculus.deltas import contracted
from symbackprop.calculus.folding import Application, fold_definitions, fold_sums, use_facts
from symbackprop.calculus.masks import absorb_masks
from symbackprop.calculus.nodes import Access, Affine, Group
from symbackprop.calculus.normal import Poly, number
from symbackprop.calculus.ranges import surely_apart, surely_outside
from symbackprop.calculus.rewrite import cost, expand, factor, replace_accesses
from symbackprop.calculus.sums import constant_sums, swap_sums, vanishing_sums


@dataclass(frozen=True)
class Rule:
    """A named equality.

    Attributes
    ----------
    name
        The key under which steps refer to it, and `typeset.words` has its title and
        why it holds.
    shape
        The equality in one line, left → right.
    """

    name: str
    shape: str


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
                there = case.at(access.places) if place == case.position else None
                if there is not None:
                    used.append(access.name)
                    return there
            if all(surely_apart(place, case.position) for case in cases):
                used.append(access.name)
                return number(0)
        return None

    return Application(replace_accesses(expr, value), used)


# --- arrange ------------------------------------------------------------------------------


def expand_if_shorter(expr: Poly, context: Context) -> Application:
    """Multiply out where terms then cancel or merge to something shorter."""
    if Group not in expr.kinds:
        return Application(expr)
    shorter = expanded = expand(expr)
    if expanded == expr:
        return Application(expr)
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
    Rewrite("fold-definition", "f(z)·… → a·…  when a = f(z)", fold_definitions),
    Rewrite("contract-delta", "Σⱼ δ(j,k)·f(j) → f(k)", contract_deltas),
    Rewrite("base-case", "h₋₁ → its base case, x₋₁ → 0", use_base_cases),
    Rewrite("use-fact", "left → right of a declared fact", use_facts),
    Rewrite("constant-sum", "Σₖ pₖ → 1  when the definitions of p show it", constant_sums),
    Rewrite("zero-sum", "Σₛ dₜₛ·… → 0  when the equation of d shows it", vanishing_sums),
    Rewrite("absorb-mask", "[s ≤ t]·p → p  when p is 0 where s > t", absorb_masks),
    Rewrite("fold-sum", "Σᵢ xᵢ·… → m·…  when m = Σᵢ xᵢ", fold_sums),
    Rewrite("swap-sums", "Σₛ pₛ·(Σₑ gₑ·vₛₑ) → Σₑ gₑ·oₑ  when o = Σₛ pₛ·vₛ", swap_sums),
    Rewrite("expand", "a·(b + c) → a·b + a·c", expand_if_shorter),
    Rewrite("factor", "a·b + a·c → a·(b + c)", factor_out),
)

# What the sweep does by itself.
CHAIN_RULE = Rule("chain-rule", "∂L/∂x → Σ ∂L/∂u · ∂u/∂x over all u that use x")
INLINE_ADJOINT = Rule("inline-adjoint", "∂L/∂u → its own equation")

#: Every rule a step may name.
ALL_RULES: Mapping[str, Rule] = {rule.name: rule for rule in (CHAIN_RULE, INLINE_ADJOINT, *RULES)}
