"""A term taken apart: its sign, its number, and factors above and below the line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy as sp

from symbackprop.typeset.order import Context


@dataclass
class Split:
    """A term taken apart: sign, number, and factors above and below the line."""

    negative: bool = False
    number: sp.Rational = sp.S.One
    above: list[sp.Expr] = field(default_factory=list)
    below: list[sp.Expr] = field(default_factory=list)

    def scale(self, number: sp.Rational) -> None:
        """Multiply by a number of either sign."""
        self.negative ^= bool(number < 0)
        self.number *= abs(number)

    def place(self, factors: Iterable[sp.Expr]) -> None:
        """Multiply by factors; those with a negative exponent go below the line."""
        for factor in factors:
            base, exponent = factor.as_base_exp() if factor.is_Pow else (factor, sp.Integer(1))
            if exponent.is_Rational and exponent < 0:
                self.below.append(sp.Pow(base, -exponent))
            elif factor != 1:
                self.above.append(factor)


def split_term(expr: sp.Expr, context: Context) -> Split:
    """An expression as sign × number × factors; sums give up what their terms share."""
    split = Split()
    for factor in sp.Mul.make_args(expr):
        if factor.is_Rational:
            split.scale(factor)
        elif factor is sp.S.NegativeInfinity:
            split.scale(sp.Integer(-1))
            split.place([sp.oo])
        elif factor.is_Add:
            number, sizes, rest = shared(factor, context)
            split.scale(number)
            split.place((*sp.Mul.make_args(sizes), rest))
        else:
            split.place([factor])
    _turn_sizes(split, context)
    _turn_differences(split, context)
    _merge_roots(split)
    return split


def _turn_sizes(split: Split, context: Context) -> None:
    """Show a division by 1 - N as one by N - 1."""
    for place, factor in enumerate(split.below):
        if factor.is_Add and context.is_counting(factor) and _is_backward(factor):
            split.below[place] = -factor
            split.scale(sp.Integer(-1))


def _is_backward(total: sp.Add) -> bool:
    """Whether all that is added is a number."""
    return all(term.is_number or term.could_extract_minus_sign() for term in total.args)


def _turn_differences(split: Split, context: Context) -> None:
    """Show errors as prediction − target, and 1 − a² rather than a² − 1.

    Differences are turned two at a time, or one against the term's own sign.
    """
    turned = {place: t for place, f in enumerate(split.above) if (t := _turned(f, context))}
    places = sorted(turned, key=lambda place: split.above[place].has(sp.Indexed), reverse=True)
    if len(places) % 2 != int(split.negative):
        places = places[:-1]
    for place in places:
        split.above[place] = turned[place]
    split.negative ^= bool(len(places) % 2)


def _turned(expr: sp.Expr, context: Context) -> sp.Expr | None:
    """The negative of an expression that reads better so, or None."""
    if isinstance(expr, sp.Sum):
        body = _turned(expr.function, context)
        return None if body is None else sp.Sum(body, *expr.limits)
    if isinstance(expr, sp.Mul):
        for factor in expr.args:
            turned = _turned(factor, context)
            if turned is not None:
                return sp.Mul(turned, *(other for other in expr.args if other is not factor))
        return None
    return -expr if context.is_backward_difference(expr) else None


def _merge_roots(split: Split) -> None:
    """√2 over √π as one root of 2/π."""
    half = sp.Rational(1, 2)
    above, below = (
        [f for f in side if f.is_number and f.is_Pow and f.exp == half]
        for side in (split.above, split.below)
    )
    if above and below:
        radicand = sp.Mul(*(f.base for f in above)) / sp.Mul(*(f.base for f in below))
        split.above = [f for f in split.above if f not in above]
        split.below = [f for f in split.below if f not in below]
        split.above.append(sp.Pow(radicand, half, evaluate=False))


def shared(expr: sp.Add, context: Context) -> tuple[sp.Rational, sp.Expr, sp.Expr]:
    """The number and the sizes that all terms share, and what they multiply.

    SymPy turns ``2*(a - y)`` into ``2*a - 2*y``; this turns it back. The number is
    negative if all terms are.
    """
    parts = [_coefficient(term, context) for term in expr.args]
    number, sizes, _ = parts[0]
    if any(abs(part[0]) != abs(number) or part[1] != sizes for part in parts):
        return sp.Integer(1), sp.Integer(1), expr
    if any(part[0] > 0 for part in parts):
        number = abs(number)
    return number, sizes, sp.Add(*(part[0] / number * part[2] for part in parts))


def _coefficient(term: sp.Expr, context: Context) -> tuple[sp.Rational, sp.Expr, sp.Expr]:
    """A term as number × sizes × the rest."""
    number, sizes, rest = sp.Integer(1), sp.Integer(1), []
    for factor in sp.Mul.make_args(term):
        if factor.is_Rational:
            number *= factor
        elif context.is_size(factor.base if factor.is_Pow else factor):
            sizes *= factor
        else:
            rest.append(factor)
    return number, sizes, sp.Mul(*rest)
