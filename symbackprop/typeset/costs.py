"""What computing an equation costs: how many products of numbers, as a polynomial of sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import sympy as sp
from sympy.core.function import Application

from symbackprop.language import BINDERS, Equation, free_indices, size_of
from symbackprop.typeset.arrange import arrange
from symbackprop.typeset.formula import Formula, Number, Product, Total
from symbackprop.typeset.order import Context


def multiplications(equation: Equation) -> sp.Expr:
    """How many numbers are multiplied, or given to a function, to compute a whole tensor.

    A sum is counted once for every value of the indices it leaves free; one that stands
    twice is computed once. For ``z[n,j] = Σᵢ x[n,i]·W[j,i] + b[j]`` that is N·J·I.
    """
    total = _products(equation.rhs) * _extent(equation.indices)
    for reduction in equation.rhs.atoms(*BINDERS):
        bound = [limit[0] for limit in reduction.limits]
        runs = dict.fromkeys([*sorted(free_indices(reduction), key=str), *bound])
        total += max(1, _products(reduction.function)) * _extent(runs)
    return sp.expand(total)


def cost_formula(cost: sp.Expr, sizes: Sequence[sp.Expr], context: Context) -> Formula:
    """A cost with the sizes of each term in the order given: N·J·I, largest powers first."""
    order = {size: place for place, size in enumerate(sizes)}
    terms = []
    for number, factors in map(_monomial, sp.Add.make_args(cost)):
        factors.sort(key=lambda size: order.get(size.as_base_exp()[0], len(order)))
        written = [arrange(factor, context) for factor in factors]
        if number != 1 or not written:
            written.insert(0, Number(sp.Rational(number)))
        terms.append((len(factors), written))
    terms.sort(key=lambda term: -term[0])
    formulas = [Product(tuple(w)) if len(w) > 1 else w[0] for _, w in terms]
    return formulas[0] if len(formulas) == 1 else Total(tuple((False, f) for f in formulas))


def _monomial(term: sp.Expr) -> tuple[sp.Expr, list[sp.Expr]]:
    number, rest = term.as_coeff_Mul()
    return number, [factor for factor in sp.Mul.make_args(rest) if factor != 1]


def _extent(indices: Iterable[sp.Idx]) -> sp.Expr:
    return prod((size_of(idx) for idx in indices), start=sp.Integer(1))


def _products(expr: sp.Expr) -> int:
    """Operations an element takes, sums over indices and conditions not counted."""
    if not expr.args or isinstance(expr, (*BINDERS, sp.Indexed, sp.KroneckerDelta)):
        return 0
    own = 0
    if isinstance(expr, sp.Mul):
        own = max(0, len([factor for factor in expr.args if not _is_free(factor)]) - 1)
    elif isinstance(expr, sp.Pow | Application):
        own = 1
    return own + sum(_products(arg) for arg in expr.args if isinstance(arg, sp.Expr))


def _is_free(factor: sp.Expr) -> bool:
    """Whether a factor picks rather than multiplies: a sign, a delta."""
    return factor == -1 or isinstance(factor, sp.KroneckerDelta)
