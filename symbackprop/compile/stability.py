"""Stability: equations rewritten so that floating point neither overflows nor cancels.

Each rule is an identity of real numbers, applied to forward and backward equations alike
before they are lowered; no backend has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from symbackprop.calculus.nodes import (
    Access,
    Constant,
    Func,
    Group,
    Node,
    Term,
)
from symbackprop.calculus.normal import (
    FirstLargest,
    Flat,
    Largest,
    Poly,
    Total,
    is_positive,
    number,
    poly,
    search,
)
from symbackprop.calculus.rewrite import Definition, holds_at, inside, instantiate

Definitions = Mapping[str, Definition]


@dataclass(frozen=True)
class StabilityRule:
    """A named identity.

    Attributes
    ----------
    name
        Short, for messages and tests.
    shape
        Left side → right side, in one line.
    apply
        From a product (an opened term) and the definitions in force to an equal
        expression, or None where the rule does not apply.
    """

    name: str
    shape: str
    apply: Callable[[Flat, Definitions], Poly | None]


def stabilize(expr: Poly, definitions: Definitions) -> Poly:
    """The expression with every rule applied inside out, until none applies."""
    terms: list[Term] = []
    for term in expr.terms:
        opened = Flat()
        opened.multiply_poly(Poly([term]))
        flat = Flat(opened.coefficient, {}, opened.bound)
        for base, exponent in opened.factors.items():
            changed = inside(base, lambda inner: stabilize(inner, definitions))
            flat.multiply_poly(changed, exponent)
        terms.extend(_settled(flat, definitions).terms)
    return Poly(terms)


def _settled(flat: Flat, definitions: Definitions) -> Poly:
    for rule in RULES:
        changed = rule.apply(flat, definitions)
        if changed is not None:
            return stabilize(changed, definitions)
    settled = flat.close()
    atom = settled.atom
    return atom.poly if isinstance(atom, Group) else settled


# --- logistic functions written with exp ----------------------------------------------


def _logistic_exponent(base: Node) -> Poly | None:
    """The u of ``1 + exp(u)``."""
    if not isinstance(base, Group) or len(base.poly.terms) != 2:
        return None
    one, other = base.poly.terms
    atom = Poly([other]).atom
    if one.factors or one.coefficient != 1 or not isinstance(atom, Func) or atom.name != "exp":
        return None
    return atom.arguments[0]


def _sigmoid(flat: Flat, _: Definitions) -> Poly | None:
    for base, exponent in flat.factors.items():
        u = _logistic_exponent(base)
        if u is None or exponent >= 0:
            continue
        changed = flat.copy()
        power = -changed.factors.pop(base)
        exponential = Func("exp", (u,))
        above = min(max(changed.factors.get(exponential, Fraction(0)), Fraction(0)), power)
        changed.multiply(exponential, -above)
        changed.multiply_poly(poly(Func("sigmoid", (u,))), above)
        changed.multiply_poly(poly(Func("sigmoid", (-u,))), power - above)
        return changed.close()
    return None


# --- logarithms -----------------------------------------------------------------------


def _each_log(flat: Flat, value: Callable[[Poly], Poly | None]) -> Poly | None:
    for base in flat.factors:
        if isinstance(base, Func) and base.name == "log":
            replaced = value(base.arguments[0])
            if replaced is not None:
                changed = flat.copy()
                exponent = changed.factors.pop(base)
                changed.multiply_poly(replaced, exponent)
                return changed.close()
    return None


def _definition(base: Node | None, definitions: Definitions) -> Poly | None:
    if not isinstance(base, Access) or base.name not in definitions:
        return None
    definition = definitions[base.name]
    return instantiate(definition, base.places) if holds_at(definition, base.places) else None


def _is_surely_positive(base: Node, definitions: Definitions) -> bool:
    if is_positive(base):
        return True
    match base:
        case Access():
            defined = _definition(base, definitions)
            return defined is not None and _monomial(defined, definitions) is not None
        case Total():
            return all(_is_surely_positive(b, definitions) for b, _ in base.body.factors)
        case Group():
            return all(_monomial(Poly([term]), definitions) is not None for term in base.poly.terms)
    return False


def _monomial(expr: Poly, definitions: Definitions) -> Term | None:
    """The one term of an expression that is positive whatever its tensors hold."""
    if len(expr.terms) != 1:
        return None
    term = expr.terms[0]
    positive = term.coefficient > 0 and all(
        _is_surely_positive(base, definitions) for base, _ in term.factors
    )
    return term if positive else None


def _log_of_definition(flat: Flat, definitions: Definitions) -> Poly | None:
    def value(argument: Poly) -> Poly | None:
        defined = _definition(argument.atom, definitions)
        if defined is None or _monomial(defined, definitions) is None:
            return None
        # The logarithm of a primitive's stored value is as good as that of the primitive.
        atom = defined.atom
        stored = isinstance(atom, Func) and atom.name != "exp"
        return None if stored else poly(Func("log", (defined,)))

    return _each_log(flat, value)


def _log_of_product(flat: Flat, definitions: Definitions) -> Poly | None:
    def value(argument: Poly) -> Poly | None:
        term = _monomial(argument, definitions)
        if term is None or (term.coefficient == 1 and argument.atom is not None):
            return None
        if all(isinstance(base, Constant) for base, _ in term.factors):
            return None
        parts = [number(e) * poly(Func("log", (poly(base),))) for base, e in term.factors]
        if term.coefficient != 1:
            parts.append(poly(Func("log", (number(term.coefficient),))))
        return sum(parts, number(0))

    return _each_log(flat, value)


def _log_of_exponential(flat: Flat, _: Definitions) -> Poly | None:
    def value(argument: Poly) -> Poly | None:
        atom = argument.atom
        return atom.arguments[0] if isinstance(atom, Func) and atom.name == "exp" else None

    return _each_log(flat, value)


def _log_of_sum(flat: Flat, definitions: Definitions) -> Poly | None:
    def value(argument: Poly) -> Poly | None:
        if not isinstance(argument.atom, Total):
            return None
        total = _with_exponentials(argument.atom, definitions)
        shift = _shift_of(total)
        if shift is None:
            return None
        return shift + poly(Func("log", (_shifted(total, shift),)))

    return _each_log(flat, value)


def _log_of_softplus(flat: Flat, _: Definitions) -> Poly | None:
    def value(argument: Poly) -> Poly | None:
        content = Flat()
        content.multiply_poly(argument)
        if content.coefficient != 1 or len(content.factors) != 1:
            return None
        ((base, exponent),) = content.factors.items()
        u = _logistic_exponent(base)
        return None if u is None or exponent != 1 else poly(Func("softplus", (u,)))

    return _each_log(flat, value)


def _sigmoid_argument(expr: Poly, definitions: Definitions) -> Poly | None:
    """The u of sigmoid(u), written out or behind a definition."""
    atom = expr.atom
    defined = _definition(atom, definitions)
    if defined is not None:
        atom = stabilize(defined, definitions).atom
    return atom.arguments[0] if isinstance(atom, Func) and atom.name == "sigmoid" else None


def _log_of_sigmoid(flat: Flat, definitions: Definitions) -> Poly | None:
    def value(argument: Poly) -> Poly | None:
        u = _sigmoid_argument(argument, definitions)
        if u is not None:
            return -poly(Func("softplus", (-u,)))
        u = _sigmoid_argument(number(1) - argument, definitions)
        return None if u is None else -poly(Func("softplus", (u,)))

    return _each_log(flat, value)


# --- quotients of exponentials --------------------------------------------------------


def _with_exponentials(total: Total, definitions: Definitions) -> Flat:
    """An opened sum, with definitions that are exponentials put in place."""
    opened = total.open()
    flat = Flat(opened.coefficient, {}, opened.bound)
    for base, exponent in opened.factors.items():
        defined = _definition(base, definitions)
        atom = None if defined is None else defined.atom
        if isinstance(atom, Func) and atom.name == "exp":
            flat.multiply(atom, exponent)
        else:
            flat.multiply(base, exponent)
    return flat


def _exponentials(flat: Flat) -> list[tuple[Func, Fraction]]:
    return [
        (base, exponent)
        for base, exponent in flat.factors.items()
        if isinstance(base, Func) and base.name == "exp" and base.free & flat.bound
    ]


def _exponent(flat: Flat) -> Poly:
    """The u_j of ``Σ_j c_j·exp(u_j)``."""
    exponent = number(0)
    for base, power in _exponentials(flat):
        exponent = exponent + Poly(term.scaled(power) for term in base.arguments[0].terms)
    return exponent


def _shift_of(flat: Flat) -> Poly | None:
    """``max_j u_j`` for ``Σ_j c_j·exp(u_j)``, unless it has been subtracted already."""
    exponent = _exponent(flat)
    maxima = (Largest, FirstLargest)
    subtracted = any(isinstance(Poly([term]).atom, maxima) for term in (-exponent).terms)
    if subtracted or not exponent.free & flat.bound:
        return None
    return poly(search(Largest, flat.bound & exponent.free, exponent))


def _shifted(flat: Flat, shift: Poly) -> Poly:
    """The sum with `shift` subtracted from its exponents, that is, divided by its exp."""
    changed = flat.copy()
    for base, _ in _exponentials(flat):
        del changed.factors[base]
    changed.multiply(Func("exp", (_exponent(flat) - shift,)))
    return changed.close()


def _softmax(flat: Flat, definitions: Definitions) -> Poly | None:
    """Subtract the largest exponent above and below the line."""
    for base, exponent in flat.factors.items():
        below = _sum_of_exponentials(base, definitions) if exponent < 0 else None
        shift = None if below is None else _shift_of(below)
        if below is None or shift is None:
            continue
        changed = flat.copy()
        rest = -changed.factors.pop(base)
        changed.multiply_poly(_shifted(below, shift), exponent)
        for above, power in list(changed.factors.items()):
            rest -= _shift_above(changed, above, min(power, rest), shift, definitions)
        if rest:
            changed.multiply_poly(poly(Func("exp", (-shift,))), rest)
        return changed.close()
    return None


def _shift_above(
    flat: Flat, base: Node, power: Fraction, shift: Poly, definitions: Definitions
) -> Fraction:
    """Divide one factor above the line by a power of ``exp(shift)``; how much was divided."""
    if power <= 0:
        return Fraction(0)
    known = _definition(base, definitions)
    atom = base if known is None else known.atom
    if isinstance(atom, Func) and atom.name == "exp":
        flat.multiply(base, -power)
        flat.multiply(Func("exp", (atom.arguments[0] - shift,)), power)
        return power
    total = _sum_of_exponentials(base, definitions)
    if total is not None and _shift_of(total) is not None:
        flat.multiply(base, -power)
        flat.multiply_poly(_shifted(total, shift), power)
        return power
    return Fraction(0)


def _sum_of_exponentials(base: Node, definitions: Definitions) -> Flat | None:
    """A sum that has exponentials, written out or behind a definition."""
    defined = _definition(base, definitions)
    total = base if defined is None else defined.atom
    return _with_exponentials(total, definitions) if isinstance(total, Total) else None


#: In the order in which they are tried.
RULES: tuple[StabilityRule, ...] = (
    StabilityRule("sigmoid", "exp(u)/(1 + exp(u)) → σ(u), 1/(1 + exp(u)) → σ(-u)", _sigmoid),
    StabilityRule("log of a sigmoid", "log σ(u) → -softplus(-u)", _log_of_sigmoid),
    StabilityRule("log of 1 + exp", "log(1 + exp(u)) → softplus(u)", _log_of_softplus),
    StabilityRule("log of an exponential", "log(exp(u)) → u", _log_of_exponential),
    StabilityRule("log of a definition", "log(p), p = e/S → log(e/S)", _log_of_definition),
    StabilityRule("log of a product", "log(a·b^e) → log(a) + e·log(b)", _log_of_product),
    StabilityRule(
        "log of a sum of exponentials",
        "log(Σ_j exp(u_j)) → m + log(Σ_j exp(u_j - m)), m = max_j u_j",
        _log_of_sum,
    ),
    StabilityRule(
        "quotient of exponentials",
        "exp(u_k)/Σ_j exp(u_j) → exp(u_k - m)/Σ_j exp(u_j - m), m = max_j u_j",
        _softmax,
    ),
)
