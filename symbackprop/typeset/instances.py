"""A formula with its numbers: ``z[0] = Σᵢ x[i]·W[0,i] + b`` as ``0.05·0.15 + 0.1·0.2 + 0.35``.

Sums are written out, brackets become 1 or 0, of cases the one that holds remains. What
a formula says is left as it is: nothing is multiplied out, ordered anew or cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction as Ratio
from itertools import product
from math import floor, prod
from operator import eq, ge, gt, le, lt, ne
from typing import Any, TypeAlias

import sympy as sp

from symbackprop.language import BINDERS, Primitive, free_indices, index_name, size_of
from symbackprop.typeset.arrange import arrange
from symbackprop.typeset.figures import figure, is_exact
from symbackprop.typeset.formula import (
    Bracket,
    Call,
    Cases,
    Dots,
    Element,
    Figure,
    Formula,
    Fraction,
    Group,
    Joined,
    Number,
    Partial,
    Power,
    Product,
    Reduction,
    Relation,
    Root,
    Total,
    Tuple,
)
from symbackprop.typeset.names import Glyph
from symbackprop.typeset.order import Context
from symbackprop.typeset.text import text

Position: TypeAlias = tuple[int, ...]
#: The value of a tensor's element, also at places outside its range.
Look: TypeAlias = Callable[[str, Position], Decimal]

#: A sum of more terms is written with dots.
_MOST_TERMS = 6
#: A formula of more characters of text is not written out,
_LONGEST = 240
#: nor is one for which more elements are read.
_MOST_READ = 4096
_MAXIMUM = Glyph(r"\max", text="max")
_COMPARE = {">": gt, ">=": ge, "<": lt, "<=": le, "=": eq, "!=": ne}


@dataclass(frozen=True)
class Numbers:
    """What the symbols of a formula stand for.

    Attributes
    ----------
    look
        Elements of tensors.
    sizes
        The symbolic sizes.
    digits
        How many digits of a number are shown.
    """

    look: Look
    sizes: Mapping[sp.Symbol, int]
    digits: int


@dataclass(frozen=True)
class Put:
    """A formula with its numbers, and whether all of them are shown as they are."""

    formula: Formula
    exact: bool


class Substitution:
    """Puts numbers into formulas.

    Parameters
    ----------
    context
        How formulas are written.
    numbers
        What to put in.
    """

    def __init__(self, context: Context, numbers: Numbers) -> None:
        self._context = context
        self._numbers = numbers

    def __call__(
        self, expr: sp.Expr, places: Mapping[sp.Idx, int], order: Sequence[sp.Idx] = ()
    ) -> Put | None:
        """An expression at some values of its free indices, or None if it would be too long.

        Parameters
        ----------
        expr
            The expression.
        places
            The value of every free index.
        order
            The indices on the left, by which terms are ordered.
        """
        extents = self._extents(expr)
        letters = {self._letter(idx): value for idx, value in places.items()}
        sizes = {self._context.symbol(str(s)): n for s, n in self._numbers.sizes.items()}
        if extents is None or sizes.keys() & (letters.keys() | extents.keys()):
            return None
        writer = _Writer(self._numbers, extents)
        formula = arrange(expr, self._context.binding(order))
        try:
            written = writer.put(formula, {**sizes, **letters})
        except _UnableError:
            return None
        return Put(written, writer.exact) if len(text(written)) <= _LONGEST else None

    def _letter(self, idx: sp.Idx) -> Glyph:
        return self._context.symbol(index_name(idx), layered=False)

    def _extents(self, expr: sp.Expr) -> dict[Glyph, int] | None:
        """How far each bound letter runs; None if one runs over two ranges."""
        found: dict[Glyph, int] = {}
        bound = [limit[0] for node in expr.atoms(*BINDERS) for limit in node.limits]
        for idx in (*bound, *free_indices(expr)):
            extent = int(size_of(idx).xreplace(dict(self._numbers.sizes)))
            if found.setdefault(self._letter(idx), extent) != extent:
                return None
        return found


class _UnableError(Exception):
    """A formula is too long to be written out, or says something no number stands for."""


#: The values of indices and sizes by their letters.
_Scope: TypeAlias = Mapping[Glyph, int]


class _Writer:
    """Writes one formula with its numbers."""

    def __init__(self, numbers: Numbers, extents: Mapping[Glyph, int]) -> None:
        self._numbers = numbers
        self._extents = extents
        self._read = 0
        #: Whether no number that was written had to be rounded.
        self.exact = True

    def put(self, formula: Formula, scope: _Scope) -> Formula:
        """The formula with numbers in place of letters."""
        match formula:
            case Number():
                return formula
            case Element() | Partial():
                return self._element(formula, scope)
            case Product(factors):
                return self._product(factors, scope)
            case Reduction("sum"):
                return self._sum(formula, scope)
            case Reduction("max"):
                return self._largest(formula, scope)
            case Bracket(condition):
                return Number(sp.Integer(int(self._holds(condition, scope))))
            case Cases(branches):
                return self._case(branches, scope)
        return self._composed(formula, lambda part: self.put(part, scope))

    def _composed(self, formula: Formula, put: Callable[[Formula], Formula]) -> Formula:
        """A formula that stays as it is, but for its parts."""
        match formula:
            case Total(terms):
                return _total([(minus, put(term)) for minus, term in terms])
            case Fraction(above, below):
                top = put(above)
                return top if _is_zero(top) else Fraction(top, put(below))
            case Power(base, exponent):
                return Power(_as_base(put(base)), put(exponent))
            case Root(radicand):
                return Root(put(radicand))
            case Group(body):
                inner = put(body)
                return Group(inner) if isinstance(inner, Total) else inner
            case Call(function, arguments, bare):
                found = tuple(put(argument) for argument in arguments)
                return Call(function, found, bare=bare and isinstance(found[0], Figure))
        raise _UnableError

    def _element(self, formula: Element | Partial, scope: _Scope) -> Formula:
        if isinstance(formula, Element) and formula.glyph in scope:
            return Number(sp.Integer(scope[formula.glyph]))
        if not _tensor(formula):
            return formula  # such as π
        value = self._value(formula, scope)
        self.exact &= is_exact(value, self._numbers.digits)
        return figure(value, self._numbers.digits)

    def _value(self, formula: Element | Partial, scope: _Scope) -> Decimal:
        self._read += 1
        if self._read > _MOST_READ:
            raise _UnableError
        at = tuple(int(self._number(place, scope)) for place in _positions(formula))
        return self._numbers.look(_tensor(formula), at)

    # --- sums and products -----------------------------------------------------------

    def _product(self, factors: Sequence[Formula], scope: _Scope) -> Formula:
        held = [f for f in factors if isinstance(f, Bracket)]
        if not all(self._holds(f.condition, scope) for f in held):
            return Number(sp.Integer(0))
        others = [self.put(f, scope) for f in factors if not isinstance(f, Bracket)]
        if any(_is_zero(factor) for factor in others):
            return Number(sp.Integer(0))
        flat = [part for f in others for part in (f.factors if isinstance(f, Product) else [f])]
        if len(flat) < 2:
            return _opened(flat[0]) if flat else Number(sp.Integer(1))
        return Product(tuple(Group(f) if isinstance(f, Total) else f for f in flat))

    def _sum(self, formula: Reduction, scope: _Scope) -> Formula:
        terms = [(False, _opened(term)) for term in self._terms(formula, scope)]
        kept = [term for term in terms if not _is_zero(term[1])]
        if not kept:
            return Number(sp.Integer(0))
        if len(kept) == 1:
            return kept[0][1]
        if len(kept) > _MOST_TERMS:
            kept = [*kept[:2], (False, Dots()), kept[-1]]
        return _total(kept)

    def _largest(self, formula: Reduction, scope: _Scope) -> Formula:
        found = self._terms(formula, scope)
        if len(found) > _MOST_TERMS:
            found = [*found[:2], Dots(), found[-1]]
        return Call(_MAXIMUM, tuple(found)) if len(found) > 1 else found[0]

    def _terms(self, formula: Reduction, scope: _Scope) -> list[Formula]:
        """The body for each value of the indices."""
        return [self.put(formula.body, inner) for _, inner in self._scopes(formula, scope)]

    def _scopes(self, formula: Reduction, scope: _Scope) -> Iterator[tuple[Position, _Scope]]:
        """The values of the indices, one after the other."""
        letters = [idx.glyph for idx in formula.indices if isinstance(idx, Element)]
        for values in product(*(range(self._extents[letter]) for letter in letters)):
            yield values, {**scope, **dict(zip(letters, values, strict=True))}

    # --- conditions ------------------------------------------------------------------

    def _case(self, branches: Sequence[tuple[Formula, Formula | None]], scope: _Scope) -> Formula:
        for value, condition in branches:
            if condition is None or self._holds(condition, scope):
                return self.put(value, scope)
        raise _UnableError

    def _holds(self, condition: Formula, scope: _Scope) -> bool:
        match condition:
            case Relation(left, "=", Reduction("argmax") as search):
                return self._is_first(left, search, scope)
            case Relation(left, sign, right):
                compare = _COMPARE[sign]
                return bool(compare(self._number(left, scope), self._number(right, scope)))
            case Joined(conditions, word):
                combine = all if word == "and" else any
                return combine(self._holds(part, scope) for part in conditions)
        raise _UnableError

    def _is_first(self, place: Formula, search: Reduction, scope: _Scope) -> bool:
        """Whether a place, or several at once, is the first one where a maximum is attained."""
        found = [
            (at, self._number(search.body, inner)) for at, inner in self._scopes(search, scope)
        ]
        first = max(range(len(found)), key=lambda number: found[number][1])
        if isinstance(place, Tuple):
            return tuple(self._number(part, scope) for part in place.places) == found[first][0]
        return bool(self._number(place, scope) == first)

    def _number(self, formula: Formula, scope: _Scope) -> Any:
        """The value of a position, or of one side of a condition."""
        match formula:
            case Number(value):
                return Ratio(int(value.p), int(value.q))
            case Element(letter):
                if letter in scope:
                    return Ratio(scope[letter])
                if not letter.tensor:
                    raise _UnableError
                value = self._value(formula, scope)
                return Ratio(value) if value.is_finite() else value
            case Total(terms):
                parts = [(minus, self._number(term, scope)) for minus, term in terms]
                return sum(-part if minus else part for minus, part in parts)
            case Product(factors):
                return prod(self._number(factor, scope) for factor in factors)
            case Fraction(above, below):
                return self._number(above, scope) / self._number(below, scope)
            case Group(body):
                return self._number(body, scope)
            case Call(Primitive(name="floor"), (argument,)):
                return Ratio(floor(self._number(argument, scope)))
        raise _UnableError


# --- what stands where ---------------------------------------------------------------


def _tensor(formula: Element | Partial) -> str:
    """The name of the tensor that a symbol stands for, empty if it stands for none."""
    return formula.glyph.tensor if isinstance(formula, Element) else formula.tensor


def _positions(formula: Formula) -> tuple[Formula, ...]:
    """Where an element is; of a derivative, first the element that is differentiated."""
    if isinstance(formula, Partial):
        return (*_positions(formula.objective), *_positions(formula.of))
    return formula.positions if isinstance(formula, Element) else ()


def _is_zero(formula: Formula) -> bool:
    """Whether a formula is a 0 that a bracket left."""
    return isinstance(formula, Number) and formula.value == 0


def _is_negative(formula: Formula) -> bool:
    return isinstance(formula, Total) and formula.terms[0][0] and len(formula.terms) == 1


def _opened(formula: Formula) -> Formula:
    """A term of a sum that was written out: parentheses around several terms go."""
    if isinstance(formula, Group) and not _is_negative(formula.body):
        return formula.body
    return formula


def _total(terms: Sequence[tuple[bool, Formula]]) -> Formula:
    """A sum; what is a sum itself is spliced in, a negative number keeps its parentheses."""
    if len(terms) == 1 and _is_zero(terms[0][1]):
        return terms[0][1]
    found: list[tuple[bool, Formula]] = []
    for minus, term in terms:
        if not isinstance(term, Total):
            found.append((minus, term))
        elif minus or (found and term.terms[0][0]):
            found.append((minus, Group(term)))
        else:
            found.extend(term.terms)
    return Total(tuple(found)) if len(found) > 1 or found[0][0] else found[0][1]


def _as_base(formula: Formula) -> Formula:
    """A number that an exponent may follow."""
    simple = isinstance(formula, Figure) and not formula.power
    return formula if simple or isinstance(formula, Group | Number) else Group(formula)
