"""The rules table: every way a derivation may rewrite an expression, by name.

Each rule is an equality; its caption says which. A rule that does not apply returns
the expression it was given. What a rule used (a definition, a fact) is named in the
step it leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from symbackprop.calculus.convert import from_sympy, to_index
from symbackprop.calculus.match import match_factors
from symbackprop.calculus.nodes import (
    Access,
    Delta,
    Func,
    Group,
    Index,
    Node,
    Term,
)
from symbackprop.calculus.normal import (
    Flat,
    Poly,
    Total,
    function,
    number,
    poly,
    rename,
    rename_base,
)
from symbackprop.calculus.rewrite import (
    Definition,
    cost,
    expand,
    factor,
    inline,
    inside,
    rebuild,
)
from symbackprop.language import System


@dataclass(frozen=True)
class Pattern:
    """``factors`` may be replaced by ``replacement``, whatever the variables stand for."""

    label: str
    factors: tuple[tuple[Node, Fraction], ...]
    variables: tuple[Index, ...]
    replacement: Poly

    @property
    def names(self) -> frozenset[str]:
        """The tensors that must occur for the pattern to match."""
        return frozenset().union(*(base.names for base, _ in self.factors))


class Context:
    """What rules may use: the forward definitions and the declared facts of one system."""

    def __init__(self, system: System) -> None:
        self.definitions: dict[str, Definition] = {
            name: (tuple(to_index(i) for i in equation.indices), from_sympy(equation.rhs))
            for name, equation in system.definitions.items()
        }
        self.folds = _by_name(_definition_patterns(self.definitions))
        self.facts = _by_name(_fact_patterns(system))


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
    if Delta not in expr.kinds:
        return Application(expr)
    terms: list[Term] = []
    for term in expr.terms:
        opened = Flat()
        opened.multiply_poly(Poly([term]))
        terms.extend(_contract(opened).close().terms)

    def nested(inner: Poly) -> Poly:
        return contract_deltas(inner, context).after

    return Application(rebuild(Poly(terms), lambda base: inside_unless_total(base, nested)))


def inside_unless_total(base: Node, change: Callable[[Poly], Poly]) -> Poly:
    """Like `inside`, leaving alone what `rebuild` has opened already."""
    return poly(base) if isinstance(base, Total) else inside(base, change)


def _contract(flat: Flat) -> Flat:
    while (found := _summed_delta(flat)) is not None:
        node, index, other = found
        rest = Flat(flat.coefficient, {}, flat.bound - {index})
        for base, exponent in flat.factors.items():
            if base != node:
                rest.multiply_poly(rename_base(base, {index: other}), exponent)
        flat = rest
    for node in [base for base in flat.factors if isinstance(base, Delta)]:
        flat = _write_with_index(flat, node)
    return flat


def _summed_delta(flat: Flat) -> tuple[Delta, Index, Index | Access | int] | None:
    for base in flat.factors:
        if isinstance(base, Delta):
            for here, other in (base.places, base.places[::-1]):
                summed = isinstance(here, Index) and here in flat.bound
                if summed and not (isinstance(other, Node) and here in other.free):
                    return base, here, other  # type: ignore[return-value]
    return None


def _write_with_index(flat: Flat, node: Delta) -> Flat:
    """Under δ(k, y) the label y may be written k."""
    labels = [place for place in node.places if isinstance(place, Access)]
    indices = [place for place in node.places if isinstance(place, Index)]
    if not labels or not indices:
        return flat
    rest = Flat(flat.coefficient, {node: flat.factors[node]}, flat.bound)
    for base, exponent in flat.factors.items():
        if base != node:
            rest.multiply_poly(rename_base(base, {labels[0]: indices[0]}), exponent)
    return rest


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
        "contract-delta",
        "Σⱼ δ(j,k)·f(j) → f(k)",
        "each Kronecker delta picks one index out of its sum",
        contract_deltas,
    ),
    Rewrite(
        "fold-definition",
        "f(z)·… → a·…  when a = f(z)",
        "recognise the forward value {used}",
        fold_definitions,
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
