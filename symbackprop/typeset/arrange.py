"""From a SymPy expression to a `Formula`: order, fractions, signs and parentheses.

The rules, in one place:

* a product is one coefficient (a number and sizes in one fraction, then
  hyperparameters), then factors in the order of `Context.factor_key`;
* a denominator that holds tensors makes one fraction of the whole term, except for
  sums and masks, which follow it;
* terms that share a number or a size are collected: ``2*a - 2*y`` reads 2(a − y);
* sums that follow each other share one sign: Σₙₖ;
* a rational whose denominator is made of twos and fives, with at least one five, was
  typed as a decimal and is shown as one (1/100 as 0.01), unless sizes stand in the
  denominator too (1/(10 N)); halves and quarters stay fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import sympy as sp
from sympy.core.function import Application, AppliedUndef
from sympy.core.numbers import Infinity, NegativeInfinity

from symbackprop.errors import EquationError
from symbackprop.language import (
    BINDERS,
    ArgMaxOver,
    Primitive,
    Tensor,
    bracket,
    free_indices,
    index_name,
    primitive_of,
    size_of,
)
from symbackprop.typeset.counting import apart, counting_formula
from symbackprop.typeset.formula import (
    Bracket,
    Call,
    Cases,
    Element,
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
from symbackprop.typeset.names import Glyph, latex_glyph
from symbackprop.typeset.order import Context
from symbackprop.typeset.terms import Split, shared, split_term

SIGNS = {
    sp.StrictGreaterThan: ">", sp.GreaterThan: ">=", sp.StrictLessThan: "<",
    sp.LessThan: "<=", sp.Equality: "=", sp.Unequality: "!=",
}  # fmt: skip

_INFINITY = Glyph(r"\infty", text="∞")

# Positions are compared from the smaller to the greater.
_TURNED = {">": "<", ">=": "<="}

# LaTeX's log-like commands take a single symbol without parentheses.
_BARE = (r"\log ", r"\sin ", r"\cos ")


def is_decimal(value: sp.Rational) -> bool:
    """Whether a rational is shown as a decimal: 1/10, 3/200, but not 1/2 or 1/3."""
    rest = int(value.q)
    fives = 0
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    return fives > 0 and rest & (rest - 1) == 0


def arrange(expr: sp.Expr, context: Context) -> Formula:
    """The formula for an expression.

    Raises
    ------
    EquationError
        On a node that is not part of the language.
    """
    return _Arranger(context).formula(expr)


def element_formula(element: sp.Expr, context: Context, *, abbreviate: bool = True) -> Formula:
    """An element; for an adjoint its abbreviation if it has one, else the derivative."""
    return _Arranger(context).element(element, abbreviate=abbreviate)


def element_position(place: sp.Expr, context: Context) -> Formula:
    """A position in an element."""
    return _Arranger(context).position(place)


def symbol_formula(
    tensor: Tensor,
    context: Context,
    positions: tuple[Formula, ...] = (),
    *,
    abbreviate: bool = True,
    below: bool = False,
) -> Formula:
    """A tensor's letter at these positions, `below` it; for an adjoint see `element_formula`."""
    if not tensor.adjoint_of:
        return Element(context.letter(tensor), positions, below)
    primal = context.tensors[tensor.adjoint_of]
    short = tensor.latex or ("" if tensor.derivative_of else primal.error_symbol)
    named_so = context.names.get(tensor.name)
    if abbreviate and (named_so or short):
        letter = replace(named_so or latex_glyph(short), tensor=tensor.name)
        return Element(letter, positions, below)
    named = context.tensors.get(tensor.derivative_of or context.objective)
    if named is None:
        above: Formula = Element(context.symbol(context.objective))
        own = positions
    else:
        rank = len(named.indices) if positions else 0
        above = symbol_formula(named, context, positions[:rank], abbreviate=False)
        own = positions[rank:]
    return Partial(above, symbol_formula(primal, context, own, below=below), tensor.name)


class _Arranger:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._handlers: tuple[tuple[Any, Callable[[Any], Formula]], ...] = (
            (sp.Add, self._total),
            ((Infinity, NegativeInfinity), self._infinity),
            ((sp.Mul, sp.Number), self._signed),
            (sp.Pow, self._power),
            (BINDERS, self._reduction),
            (sp.Idx, lambda e: Element(context.symbol(index_name(e), layered=False))),
            ((sp.Indexed, sp.Symbol), self.element),
            (sp.NumberSymbol, lambda e: Element(context.symbol(str(e).lower()))),
            (bracket, lambda e: Bracket(self._condition(e.args[0]))),
            (sp.KroneckerDelta, self._delta),
            (sp.Piecewise, self._cases),
            (Application, self._call),
        )

    def formula(self, expr: sp.Expr) -> Formula:
        for kind, handler in self._handlers:
            if isinstance(expr, kind):
                return handler(expr)
        raise EquationError(
            f"{type(expr).__name__} has no typeset form",
            where=str(expr),
            remedy="write it with the language's primitives",
        )

    # --- symbols --------------------------------------------------------------------

    def element(self, element: sp.Expr, *, abbreviate: bool = True) -> Formula:
        tensor = self._context.tensor(element)
        places = element.indices if isinstance(element, sp.Indexed) else ()
        positions = tuple(self.position(place) for place in places)
        if tensor is None:
            return Element(self._context.symbol(str(element)), positions)
        return symbol_formula(tensor, self._context, positions, abbreviate=abbreviate)

    def _infinity(self, expr: sp.Expr) -> Formula:
        infinity = Element(_INFINITY)
        return infinity if expr == sp.oo else Total(((True, infinity),))

    def position(self, place: sp.Expr) -> Formula:
        """A position, or one side of a comparison of positions."""
        counting = place.is_Mul and self._context.is_counting(place)
        return counting_formula(place, self.formula) if counting else self.formula(place)

    # --- sums of terms --------------------------------------------------------------

    def _total(self, expr: sp.Add) -> Formula:
        if self._context.is_counting(expr):
            return counting_formula(expr, self.formula)
        number, sizes, _ = shared(expr, self._context)
        if abs(number) != 1 or sizes != 1:
            return self._signed(expr)
        terms = [(*self._term(term), term) for term in expr.args]
        terms.sort(key=lambda term: self._context.term_key(term[2], term[0]))
        return Total(tuple((negative, formula) for negative, formula, _ in terms))

    def _signed(self, expr: sp.Expr) -> Formula:
        negative, formula = self._term(expr)
        return Total(((True, formula),)) if negative else formula

    def _term(self, expr: sp.Expr) -> tuple[bool, Formula]:
        split = split_term(expr, self._context)
        return split.negative, self._product(split)

    # --- products -------------------------------------------------------------------

    def _product(self, split: Split) -> Formula:
        above, below = map(self._context.in_order, (split.above, split.below))
        settings = [f for f in above if self._context.is_coefficient(f)]
        rest = [f for f in above if f not in settings]
        number = split.number
        if all(self._context.is_coefficient(f) for f in below):
            if not below and (number.q == 1 or is_decimal(number)):
                return self._factors(_number(number), [*settings, *rest])
            if len(rest) == 1 and self._is_plain(rest[0]):
                settings, rest = [*settings, *rest], []
            return self._fraction(number, settings, below, rest)
        after = [f for f in rest if isinstance(f, (*BINDERS, bracket, sp.KroneckerDelta))]
        inside = [f for f in rest if f not in after]
        if not inside and after and not isinstance(after[0], bracket | sp.KroneckerDelta):
            inside, after = after[:1], after[1:]
        return self._fraction(number, [*settings, *inside], below, after)

    def _is_plain(self, factor: sp.Expr) -> bool:
        """Whether a factor is a letter that sits well in a fraction's numerator."""
        if not isinstance(factor, sp.Indexed | sp.Symbol):
            return False
        return not isinstance(self.element(factor), Partial)

    def _fraction(
        self,
        number: sp.Rational,
        above: list[sp.Expr],
        below: list[sp.Expr],
        after: list[sp.Expr],
    ) -> Formula:
        keep = is_decimal(number) and not any(self._context.is_coefficient(f) for f in below)
        top, bottom = (number, 1) if keep else (number.p, number.q)
        fraction = Fraction(
            self._factors(_number(top), above), self._factors(_number(bottom), below)
        )
        return self._factors([fraction], after)

    def _factors(self, first: list[Formula], exprs: list[sp.Expr]) -> Formula:
        """The product of ready formulas and expressions, parenthesised where needed."""
        factors = [*first, *(self.formula(expr) for expr in exprs)]
        if not factors:
            return Number(sp.Integer(1))
        if len(factors) == 1:
            return factors[0]
        return Product((*(_closed(f) for f in factors[:-1]), _last(factors[-1])))

    def _power(self, expr: sp.Pow) -> Formula:
        base, exponent = expr.as_base_exp()
        if exponent.is_Rational and exponent < 0:
            return self._signed(expr)
        if exponent == sp.Rational(1, 2):
            return Root(self.formula(base))
        return Power(as_base(self.formula(base)), self.formula(exponent))

    # --- functions and binders ------------------------------------------------------

    def _reduction(self, expr: sp.Expr) -> Formula:
        operator: Literal["sum", "max", "argmax"] = "max"
        if isinstance(expr, sp.Sum | ArgMaxOver):
            operator = "sum" if isinstance(expr, sp.Sum) else "argmax"
        bound = self._context.bound_indices(expr)
        body = _Arranger(self._context.binding(bound)).formula(expr.function)
        indices = tuple(self.formula(idx) for idx in bound)
        if isinstance(body, Reduction) and body.operator == operator != "argmax":
            indices, body = (*indices, *body.indices), body.body
        return Reduction(operator, indices, Group(body) if isinstance(body, Total) else body)

    def _call(self, expr: sp.Expr) -> Formula:
        if isinstance(expr, AppliedUndef):
            return Call(
                self._context.symbol(expr.func.__name__), tuple(map(self.formula, expr.args))
            )
        record = primitive_of(expr)
        if record is None:
            raise EquationError(
                f"{expr.func.__name__} has no typeset form",
                where=str(expr),
                remedy="use one of symbackprop.PRIMITIVES",
            )
        arguments = sorted(expr.args, key=lambda e: self._context.term_key(e, negative=False))
        formulas = tuple(self.formula(argument) for argument in arguments)
        bare = record.latex.startswith(_BARE) and isinstance(formulas[0], Element)
        return Call(record, formulas, bare=bare)

    def _delta(self, expr: sp.KroneckerDelta) -> Formula:
        # δ is the usual letter for errors, so the delta is shown as a bracket.
        left, right = sorted(expr.args[:2], key=self._context.side_key)
        return Bracket(self._relation(left, "=", right))

    def _condition(self, condition: Any) -> Formula:
        if isinstance(condition, sp.And | sp.Or):
            parts = sorted(condition.args, key=str)
            word: Literal["and", "or"] = "and" if isinstance(condition, sp.And) else "or"
            return Joined(tuple(self._condition(part) for part in parts), word)
        left, right = condition.args
        return self._relation(left, SIGNS[condition.func], right)

    def _relation(self, left: sp.Expr, sign: str, right: sp.Expr) -> Relation:
        """Two sides; of positions, h - 2·p = 0 reads h = 2·p and t ≥ s reads s ≤ t."""
        if right == 0 and left.is_Add and self._context.is_counting(left):
            left, right = apart(left)
        if sign in _TURNED and all(self._has_indices(side) for side in (left, right)):
            left, sign, right = right, _TURNED[sign], left
        first = self._places(left, right) if isinstance(right, ArgMaxOver) else None
        return Relation(first or self.position(left), sign, self.position(right))

    def _places(self, place: sp.Expr, search: ArgMaxOver) -> Formula | None:
        """``V·u + v`` among the places of a search over u and v: the pair (u, v)."""
        step, rest = sp.Integer(1), sp.expand(place)
        found: list[sp.Idx] = []
        for extent in (size_of(limit[0]) for limit in reversed(search.limits)):
            alike = (idx for idx in free_indices(rest) if size_of(idx) == extent)
            idx = next((idx for idx in alike if sp.expand(rest.coeff(idx) - step) == 0), None)
            if idx is None:
                return None
            found.insert(0, idx)
            step, rest = step * extent, sp.expand(rest - step * idx)
        whole = rest == 0 and len(found) > 1
        return Tuple(tuple(self.formula(idx) for idx in found)) if whole else None

    def _has_indices(self, side: sp.Expr) -> bool:
        return bool(free_indices(side)) and self._context.is_counting(side)

    def _cases(self, expr: sp.Piecewise) -> Formula:
        return Cases(
            tuple(
                (self.formula(value), None if holds == sp.true else self._condition(holds))
                for value, holds in expr.args
            )
        )


def _number(value: sp.Rational) -> list[Formula]:
    """A coefficient's number, left out where it is 1."""
    return [] if value == 1 else [Number(sp.Rational(value))]


def _closed(formula: Formula) -> Formula:
    """A factor that other factors follow."""
    if isinstance(formula, Call):
        return replace(formula, bare=False)
    return Group(formula) if isinstance(formula, Total | Reduction | Cases) else formula


def _last(formula: Formula) -> Formula:
    return Group(formula) if isinstance(formula, Total) else formula


def as_base(formula: Formula) -> Formula:
    """A formula that an exponent may follow without doubt about what it raises."""
    if isinstance(formula, Element | Bracket | Group):
        return formula
    if isinstance(formula, Number) and formula.value.is_Integer:
        return formula
    if isinstance(formula, Call) and not _ends_open(formula.function):
        return formula
    return Group(formula)


def _ends_open(function: Primitive | Glyph) -> bool:
    """Whether an exponent would be read as part of the argument: e^u, log p."""
    if isinstance(function, Glyph):
        return False
    return function.latex.startswith(_BARE) or function.latex.endswith("}}")
