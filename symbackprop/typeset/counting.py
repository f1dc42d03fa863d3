"""Whole numbers on the page: positions such as ``2p + u - 1``, sizes such as ``⌊H/2⌋ + 1``.

The order is the same wherever a position occurs: indices first, what moves in greater
steps or over a longer range before what moves less, then sizes, then the number. What
is subtracted comes later in its kind; a leading minus is avoided where it can be. Sizes
that several indices are multiplied by are taken out: ``(c·H + y)·W + z``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import sympy as sp

from symbackprop.language import index_name, size_of
from symbackprop.typeset.formula import Formula, Fraction, Group, Number, Product, Total

#: Writes an index, a size symbol or a function of sizes.
Write: TypeAlias = Callable[[sp.Expr], Formula]
_SignedFormula: TypeAlias = tuple[bool, Formula]


@dataclass(frozen=True)
class _Part:
    """One term: a number times an index, or 1, times sizes."""

    number: sp.Rational
    idx: sp.Idx | None
    sizes: tuple[sp.Expr, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """Its place among the terms."""
        negative = bool(self.number < 0)
        if self.idx is None:
            return (2 if not self.sizes else 1, negative, -len(self.sizes), str(self.sizes))
        extent = size_of(self.idx)
        length = (0, 0) if not extent.is_Integer else (1, -int(extent))
        steps = (-len(self.sizes), -abs(self.number))
        return (0, negative, *steps, *length, index_name(self.idx))


def counting_formula(expr: sp.Expr, write: Write) -> Formula:
    """A sum of indices and sizes, in reading order."""
    top, bottom = sp.fraction(sp.together(expr))
    if bottom != 1:
        return Fraction(_written(top, write), _written(bottom, write))
    terms = _nested([_part(term) for term in sp.Add.make_args(sp.expand(expr))], write)
    first = next((place for place, (negative, _) in enumerate(terms) if not negative), 0)
    terms.insert(0, terms.pop(first))
    if len(terms) == 1 and not terms[0][0]:
        return terms[0][1]
    return Total(tuple(terms))


def apart(gap: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """What is added and what is subtracted: h - 2·p + 1 as h + 1 and 2·p."""
    terms = sp.Add.make_args(sp.expand(gap))
    added = [term for term in terms if not term.could_extract_minus_sign()]
    subtracted = [-term for term in terms if term.could_extract_minus_sign()]
    return sp.Add(*added), sp.Add(*subtracted)


def _written(expr: sp.Expr, write: Write) -> Formula:
    return counting_formula(expr, write) if expr.is_Add else write(expr)


def _part(term: sp.Expr) -> _Part:
    number, idx, sizes = sp.Integer(1), None, []
    for factor in sp.Mul.make_args(term):
        base, exponent = factor.as_base_exp()
        if factor.is_Rational:
            number *= factor
        elif isinstance(factor, sp.Idx) and idx is None:
            idx = factor
        elif exponent.is_Integer and exponent > 0:
            sizes += [base] * int(exponent)
        else:
            sizes.append(factor)
    return _Part(number, idx, tuple(sorted(sizes, key=str)))


def _nested(parts: list[_Part], write: Write) -> list[_SignedFormula]:
    """Terms in order; those of one size under a common factor."""
    parts = sorted(parts, key=lambda part: part.key)
    moving = [part for part in parts if part.idx is not None]
    counts = {size: sum(size in p.sizes for p in moving) for p in moving for size in p.sizes}
    common = max(counts, key=lambda size: (counts[size], str(size)), default=None)
    if common is None or counts[common] == 1:
        return [_term(part, write) for part in parts]
    inside = [part for part in moving if common in part.sizes]
    sign = sp.Integer(-1 if all(part.number < 0 for part in inside) else 1)
    inner = [replace(p, number=sign * p.number, sizes=_without(p.sizes, common)) for p in inside]
    total = Total(tuple(_nested(inner, write)))
    product = Product((Group(total), _written(common, write)))
    others = [part for part in parts if part not in inside]
    return [(bool(sign < 0), product), *_nested(others, write)]


def _without(sizes: tuple[sp.Expr, ...], one: sp.Expr) -> tuple[sp.Expr, ...]:
    place = sizes.index(one)
    return (*sizes[:place], *sizes[place + 1 :])


def _term(part: _Part, write: Write) -> _SignedFormula:
    number = abs(part.number)
    letters = [write(part.idx)] if part.idx is not None else []
    letters += [Group(_written(s, write)) if s.is_Add else write(s) for s in part.sizes]
    if number != 1 or not letters:
        letters.insert(0, Number(number))
    tight = part.idx is not None and not part.sizes
    formula = letters[0] if len(letters) == 1 else Product(tuple(letters), tight=tight)
    return bool(part.number < 0), formula
