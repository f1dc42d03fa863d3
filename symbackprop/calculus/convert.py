"""Between the two faces of an expression: the SymPy tree people see, and the normal form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

import sympy as sp
from sympy.core.function import AppliedUndef

from symbackprop.calculus.nodes import (
    Access,
    Affine,
    Binder,
    Bracket,
    Constant,
    Delta,
    Extent,
    Func,
    Group,
    Index,
    Node,
    Place,
    Term,
    affine,
    combined,
    linear,
    whole,
)
from symbackprop.calculus.normal import (
    FirstLargest,
    FirstPlace,
    Flat,
    Largest,
    Poly,
    Search,
    Total,
    bracket_of,
    delta,
    denied,
    function,
    number,
    poly,
    search,
    size_poly,
)
from symbackprop.errors import EquationError
from symbackprop.language import (
    PRIMITIVES,
    ArgMaxOver,
    FirstMaxOver,
    MaxOver,
    Tensor,
    bracket,
    element_name,
    fresh_name,
    index_name,
    primitive_of,
    size_of,
)

Factors: TypeAlias = tuple[tuple[Node, Fraction], ...]

_RELATIONS: Mapping[type, tuple[str, bool]] = {
    sp.StrictGreaterThan: (">", False),
    sp.GreaterThan: (">=", False),
    sp.StrictLessThan: (">", True),
    sp.LessThan: (">=", True),
    sp.Equality: ("==", False),
    sp.Unequality: ("!=", False),
}
_SYMPY_RELATIONS: Mapping[str, Callable[..., Any]] = {
    ">": sp.StrictGreaterThan,
    ">=": sp.GreaterThan,
    "==": sp.Eq,
    "!=": sp.Ne,
}
_SEARCHES: Mapping[type[sp.Expr], type[Search]] = {
    MaxOver: Largest,
    FirstMaxOver: FirstLargest,
    ArgMaxOver: FirstPlace,
}
_INFINITY = Constant(sp.oo)
_SYMPY_SEARCHES = {node: expression for expression, node in _SEARCHES.items()}


@lru_cache(maxsize=4096)
def to_index(idx: sp.Idx) -> Index:
    """The normal form's index for a SymPy index."""
    return Index(index_name(idx), size_of(idx))


def to_place(place: Any) -> Place:
    """The normal form's place for a SymPy position.

    Raises
    ------
    EquationError
        If it is neither a label nor linear in indices.
    """
    if isinstance(place, sp.Idx):
        return to_index(place)
    if isinstance(place, sp.Indexed):
        return to_access(place)
    terms: dict[Index, Extent] = {}
    offset: sp.Expr = sp.Integer(0)
    for part in sp.Add.make_args(sp.expand(place)):
        moving = [factor for factor in sp.Mul.make_args(part) if isinstance(factor, sp.Idx)]
        if len(moving) == 1:
            index = to_index(moving[0])
            terms[index] = whole(terms.get(index, 0) + part / moving[0])
        elif part.has(sp.Idx, sp.Indexed):
            raise EquationError(
                f"the position {place} is not linear in indices",
                where=str(place),
                remedy="write it as whole numbers times indices, plus a number: 2*p + u - 1",
            )
        else:
            offset += part
    return affine(terms, whole(offset))


def to_access(element: sp.Expr) -> Access:
    """The normal form's access for a tensor element or a scalar symbol."""
    places = element.indices if isinstance(element, sp.Indexed) else ()
    return Access(element_name(element), tuple(to_place(place) for place in places))


def fraction(value: sp.Rational) -> Fraction:
    """SymPy's rational as Python's."""
    return Fraction(int(value.p), int(value.q))


def from_sympy(expr: sp.Expr) -> Poly:
    """The normal form of an index expression.

    Raises
    ------
    EquationError
        On something that is not in the language.
    """
    handler = next((_HANDLERS[c] for c in type(expr).__mro__ if c in _HANDLERS), None)
    if handler is None:
        raise EquationError(
            f"{type(expr).__name__} is not part of the language",
            where=str(expr),
            remedy="write it with arithmetic, Sum, MaxOver and symbackprop.PRIMITIVES",
        )
    return handler(expr)


def _number(expr: sp.Expr) -> Poly:
    # A float is read as the decimal it prints as, so 0.1 is exactly 1/10.
    return number(Fraction(str(expr)) if expr.is_Float else fraction(expr))


def _symbol(expr: sp.Symbol) -> Poly:
    return poly(Constant(expr) if expr.is_integer else to_access(expr))


def _add(expr: sp.Add) -> Poly:
    return Poly(term for argument in expr.args for term in from_sympy(argument).terms)


def _mul(expr: sp.Mul) -> Poly:
    flat = Flat()
    for argument in expr.args:
        flat.multiply_poly(from_sympy(argument))
    return flat.close()


def _pow(expr: sp.Pow) -> Poly:
    base, exponent = expr.args
    if exponent.is_Rational:
        return from_sympy(base).power(fraction(exponent))
    return poly(Func("power", (from_sympy(base), from_sympy(exponent))))


def _sum(expr: sp.Sum) -> Poly:
    terms: list[Term] = []
    indices = {to_index(limit[0]) for limit in expr.limits}
    for term in from_sympy(expr.function).terms:
        flat = Flat(bound=set(indices))
        flat.multiply_poly(Poly([term]))
        terms.extend(flat.close().terms)
    return Poly(terms)


def _search(expr: MaxOver | ArgMaxOver) -> Poly:
    indices = [to_index(limit[0]) for limit in expr.limits]
    return poly(search(_SEARCHES[expr.func], indices, from_sympy(expr.function)))


def condition(expr: Any) -> Poly:
    """The bracket of a relation, or of relations joined by and, or, not."""
    if expr in (sp.true, sp.false):
        return number(1 if expr == sp.true else 0)
    if isinstance(expr, sp.And):
        flat = Flat()
        for part in expr.args:
            flat.multiply_poly(condition(part))
        return flat.close()
    if isinstance(expr, sp.Or):
        none = number(1)
        for part in expr.args:
            none = none * _failing(condition(part))
        return number(1) - none
    if isinstance(expr, sp.Not):
        return _failing(condition(expr.args[0]))
    if type(expr) not in _RELATIONS:
        raise EquationError(
            f"{type(expr).__name__} is not a condition of the language",
            where=str(expr),
            remedy="write it with <, <=, >, >=, ==, != and & | ~",
        )
    relation, swapped = _RELATIONS[type(expr)]
    left, right = (from_sympy(side) for side in expr.args)
    return bracket_of(right, relation, left) if swapped else bracket_of(left, relation, right)


def _failing(holds: Poly) -> Poly:
    """The bracket of what does not hold."""
    single = holds.atom
    return poly(single.negation) if isinstance(single, Bracket) else number(1) - holds


def _piecewise(expr: sp.Piecewise) -> Poly:
    """Σ value·[condition and none of those before]."""
    total = number(0)
    remaining = number(1)
    for value, holds in expr.args:
        here = condition(holds)
        total = total + remaining * here * from_sympy(value)
        remaining = remaining * _failing(here)
    return total


def _kronecker(expr: sp.KroneckerDelta) -> Poly:
    return delta(*(to_place(argument) for argument in expr.args[:2]))


def _undefined(expr: AppliedUndef) -> Poly:
    return poly(Func(expr.func.__name__, tuple(from_sympy(a) for a in expr.args)))


def _floor(expr: sp.Expr) -> Poly:
    """A size such as ⌊(H - 1)/2⌋ is a constant; the floor of anything else a function."""
    sizes = all(s.is_integer and type(s) is sp.Symbol for s in expr.free_symbols)
    return size_poly(expr) if sizes else _primitive(expr)


def _primitive(expr: sp.Expr) -> Poly:
    if isinstance(expr, sp.Max | sp.Min) and len(expr.args) > 2:
        first, *rest = expr.args
        arguments: tuple[sp.Expr, ...] = (first, expr.func(*rest))
    else:
        arguments = expr.args
    record = primitive_of(expr)
    if record is None:
        raise EquationError(
            f"{expr.func.__name__} is not a function this language knows", where=str(expr)
        )
    return function(record.name, tuple(from_sympy(a) for a in arguments))


_HANDLERS: Mapping[type, Callable[..., Poly]] = {
    sp.Rational: _number,
    sp.Float: _number,
    sp.Add: _add,
    sp.Mul: _mul,
    sp.Pow: _pow,
    sp.Sum: _sum,
    MaxOver: _search,
    ArgMaxOver: _search,
    bracket: lambda expr: condition(expr.args[0]),
    sp.Piecewise: _piecewise,
    sp.KroneckerDelta: _kronecker,
    AppliedUndef: _undefined,
    sp.exp: _primitive,
    sp.floor: _floor,
    sp.Function: _primitive,
    sp.Max: _primitive,
    sp.Min: _primitive,
    sp.Idx: lambda expr: poly(to_index(expr)),
    sp.Indexed: lambda expr: poly(to_access(expr)),
    sp.Symbol: _symbol,
    sp.NumberSymbol: lambda expr: poly(Constant(expr)),
    type(sp.oo): lambda expr: poly(Constant(sp.oo)),
    type(-sp.oo): lambda expr: -poly(Constant(sp.oo)),
}


class SympyWriter:
    """Writes normal forms as SymPy trees, choosing a letter for every bound index.

    Parameters
    ----------
    tensors
        Every tensor an expression may mention, by name.
    letters
        The index letters in use for each size; a bound index whose own letter is
        taken gets another one of its size, then primes.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        letters: Mapping[sp.Expr, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._letters = letters
        self._tensors = tensors
        # SymPy forgets all but its last thousand objects: of a long network, most indices.
        self._written: dict[Index, sp.Idx] = {}

    def expression(self, expr: Poly, letters: Mapping[Index, sp.Idx] | None = None) -> sp.Expr:
        """The SymPy tree; `letters` are the indices of enclosing binders."""
        known = dict(letters or {})
        for index in expr.free:
            known.setdefault(index, self._idx(index))
        return sp.Add(*(self._term(term, known) for term in expr.terms))

    def element(self, access: Access) -> sp.Expr:
        """A tensor element over free indices."""
        return self._access(access, {i: self._idx(i) for i in access.free})

    def _idx(self, index: Index) -> sp.Idx:
        if index not in self._written:
            self._written[index] = sp.Idx(sp.Symbol(index.name, integer=True), index.size)
        return self._written[index]

    def _term(self, term: Term, letters: Mapping[Index, sp.Idx]) -> sp.Expr:
        value, bases = _without_fractions_in_groups(term)
        coefficient = sp.Rational(value.numerator, value.denominator)
        # 0·∞ has no value: ∞ where not both of a and b hold is written with one bracket.
        write = self._denial if _INFINITY in term.children else self._factor
        factors = [write(base, exponent, letters) for base, exponent in bases]
        coefficient, factors = _pleasant_sign(coefficient, factors)
        if len(factors) == 1 and coefficient != 1 and factors[0].is_Add:
            return sp.Mul(coefficient, factors[0], evaluate=False)
        return _product([coefficient, *factors])

    def _factor(self, base: Node, exponent: Fraction, letters: Mapping[Index, sp.Idx]) -> sp.Expr:
        power = sp.Rational(exponent.numerator, exponent.denominator)
        return self._base(base, letters) ** power

    def _denial(self, base: Node, exponent: Fraction, letters: Mapping[Index, sp.Idx]) -> sp.Expr:
        """``1 - [a]·[b]`` as ``[not a or not b]``, anything else as it is."""
        holds = denied(base) if isinstance(base, Group) else frozenset()
        failing = [inner.negation for inner in holds if isinstance(inner, Bracket)]
        if not failing or len(failing) < len(holds):
            return self._factor(base, exponent, letters)
        return bracket(sp.Or(*(self._relation(inner, letters) for inner in failing)))

    def _base(self, base: Node, letters: Mapping[Index, sp.Idx]) -> sp.Expr:
        match base:
            case Constant():
                return base.value
            case Access():
                return self._access(base, letters)
            case Index():
                return letters[base]
            case Delta():
                return sp.KroneckerDelta(*(self._place(p, letters) for p in _solved(base)))
            case Bracket():
                return bracket(self._relation(base, letters))
            case Func():
                return _apply(base.name, [self.expression(a, letters) for a in base.arguments])
            case Group():
                return self.expression(base.poly, letters)
        return self._binder(base, letters)

    def _relation(self, base: Bracket, letters: Mapping[Index, sp.Idx]) -> Any:
        left, right = (self.expression(s, letters) for s in (base.left, base.right))
        relation = _SYMPY_RELATIONS[base.relation](left, right)
        backwards = left.is_number and isinstance(relation, sp.Rel)  # else it is decided
        return relation.reversed if backwards else relation

    def _binder(self, base: Node, letters: Mapping[Index, sp.Idx]) -> sp.Expr:
        if not isinstance(base, Binder):
            raise TypeError(f"{base!r} has no SymPy form")
        inner = dict(letters)
        taken = {index_name(idx) for idx in letters.values()}
        ordered = isinstance(base, FirstLargest | FirstPlace)
        order = base.indices if ordered else _reading_order(base)
        for index in order:
            letter = fresh_name(taken, [index.hint, *self._letters.get(index.size, ())])
            taken.add(letter)
            inner[index] = self._idx(Index(letter, index.size))
        bound = [inner[index] for index in order]
        if isinstance(base, Total):
            return sp.Sum(self._term(base.body, inner), *bound)
        assert isinstance(base, Search)  # noqa: S101 (the only other binder)
        return _SYMPY_SEARCHES[type(base)](self.expression(base.body, inner), *bound)

    def _access(self, access: Access, letters: Mapping[Index, sp.Idx]) -> sp.Expr:
        symbol = self._tensors[access.name].symbol
        if not access.places:
            return symbol
        return sp.Indexed(symbol, *(self._place(place, letters) for place in access.places))

    def _place(self, place: Place, letters: Mapping[Index, sp.Idx]) -> sp.Expr:
        if isinstance(place, int):
            return sp.Integer(place)
        if isinstance(place, Access):
            return self._access(place, letters)
        if isinstance(place, Affine):
            return sp.Add(place.offset, *(c * letters[index] for index, c in place.terms))
        return letters[place]


def _solved(delta: Delta) -> tuple[Place, Place]:
    """The two places of a delta as one reads them: ``h = 2·p + u - 1``, ``t = T - 1``."""
    gap, other = delta.places if isinstance(delta.places[0], Affine) else delta.places[::-1]
    if not isinstance(gap, Affine) or other != 0:
        return delta.places
    alone = [index for index, coefficient in gap.terms if abs(coefficient) == 1]
    if not alone:
        return delta.places
    # A free index is what the rest adds up to; of bound ones, the first.
    index = min(alone, key=lambda i: (i.number, i.key))
    coefficient = dict(linear(gap)[0])[index]
    return index, combined([(index, 1), (gap, -coefficient)])


def _reading_order(binder: Binder) -> list[Index]:
    """The bound indices as they are met on the axes: n before k in x[n, k]."""
    places: dict[Index, list[int]] = {index: [] for index in binder.indices}
    todo: list[Node] = [binder.body]
    while todo:
        node = todo.pop()
        todo.extend(node.children)
        if isinstance(node, Access):
            for axis, place in enumerate(node.places):
                if isinstance(place, Index) and place in places:
                    places[place].append(axis)
    return sorted(places, key=lambda i: (min(places[i], default=99), i.hint, i.number))


def _without_fractions_in_groups(term: Term) -> tuple[Fraction, Factors]:
    """A term's coefficient moved into a sum that has fractions anyway: 9/10·(a + b/27)."""
    size = abs(term.coefficient)
    for place, (base, exponent) in enumerate(term.factors):
        if size != 1 and exponent == 1 and isinstance(base, Group) and _has_fractions(base):
            inner = Group(Poly(t.scaled(size) for t in base.poly.terms))
            factors = (*term.factors[:place], (inner, exponent), *term.factors[place + 1 :])
            return term.coefficient / size, factors
    return term.coefficient, term.factors


def _has_fractions(group: Group) -> bool:
    return any(term.coefficient.denominator != 1 for term in group.poly.terms)


def _apply(name: str, arguments: list[sp.Expr]) -> sp.Expr:
    if name in PRIMITIVES:
        return PRIMITIVES[name].function(*arguments)
    return sp.Function(name, real=True)(*arguments)


def _product(factors: Iterable[sp.Expr]) -> sp.Expr:
    """The product, keeping e^a·e^b apart: SymPy would print e^(a+b)."""
    parts = [factor for factor in factors if factor != 1]
    if any(factor == 0 for factor in parts):
        return sp.Integer(0)  # a bracket that SymPy decides, beside an infinity
    exponentials = [f for f in parts if f.func is sp.exp or (f.is_Pow and f.base is sp.exp)]
    if len(exponentials) > 1:
        return sp.Mul(*parts, evaluate=False)
    return sp.Mul(*parts)


def _pleasant_sign(
    coefficient: sp.Rational, factors: list[sp.Expr]
) -> tuple[sp.Rational, list[sp.Expr]]:
    """-(y - p) as (p - y): a negative coefficient is moved into a difference."""
    if coefficient >= 0:
        return coefficient, factors
    for place, factor in enumerate(factors):
        opposite = _opposite(factor)
        if opposite is not None:
            return -coefficient, [*factors[:place], opposite, *factors[place + 1 :]]
    return coefficient, factors


def _opposite(expr: sp.Expr) -> sp.Expr | None:
    """The negative of an expression, if it reads no worse than the expression."""
    if expr.is_Add:
        if any(term.could_extract_minus_sign() for term in expr.args):
            return sp.Add(*(-term for term in expr.args))
        parts = [_opposite(term) for term in expr.args]
        return None if None in parts else sp.Add(*parts)
    if expr.is_Mul:
        for place, factor in enumerate(expr.args):
            opposite = _opposite(factor)
            if opposite is not None:
                return sp.Mul(*expr.args[:place], opposite, *expr.args[place + 1 :])
    if isinstance(expr, sp.sign):
        opposite = _opposite(expr.args[0])
        return None if opposite is None else sp.sign(opposite, evaluate=False)
    return None
