"""Reading order: which factor, which term stands where on the page.

SymPy sorts by its own internal order and forgets how an expression was written. A
reader expects coefficients first, then errors, then forward values, then functions
and masks; and in a sum, what is added before what is subtracted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeAlias

import sympy as sp
from sympy.core.function import AppliedUndef

from symbackprop.language import (
    BINDERS,
    ArgMaxOver,
    Role,
    Tensor,
    bracket,
    elements,
    free_indices,
    index_name,
)
from symbackprop.typeset.names import Glyph, glyph, tensor_glyph

SortKey: TypeAlias = tuple[int, ...]

# The classes of factors, in reading order.
_COEFFICIENT, _COMPOSED_COEFFICIENT, _SUM, _ERROR, _VALUE, _FUNCTION, _TOTAL, _MASK = range(8)


@dataclass(frozen=True)
class Context:
    """What an expression's symbols mean, and the order of the indices on the left.

    Attributes
    ----------
    tensors
        All tensors by name, in order of declaration.
    objective
        The name of what is differentiated.
    order
        Index names in the order in which they were met: on the left, then bound.
    names
        By name of a tensor, an index, a size or a function, the symbol it is shown as
        where that is not the one its name says.
    """

    tensors: Mapping[str, Tensor]
    objective: str = "L"
    order: tuple[str, ...] = ()
    names: Mapping[str, Glyph] = field(default_factory=dict)
    _places: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Contexts made from this one share the table.
        if not self._places:
            # A derivative stands where the tensor stands that it is taken by.
            order = {name: place for place, name in enumerate(self.tensors)}
            primals = {name: tensor.adjoint_of or name for name, tensor in self.tensors.items()}
            places = {name: order.get(primals[name], place) for name, place in order.items()}
            object.__setattr__(self, "_places", places)

    def binding(self, indices: Iterable[sp.Idx]) -> Context:
        """The context in which these indices are in force too."""
        return replace(self, order=(*self.order, *map(index_name, indices)))

    def symbol(self, name: str, *, layered: bool = True) -> Glyph:
        """How a name is written; see `names.glyph`."""
        return self.names.get(name) or glyph(name, layered=layered)

    def letter(self, tensor: Tensor) -> Glyph:
        """How a tensor is written."""
        named = self.names.get(tensor.name)
        return replace(named, tensor=tensor.name) if named else tensor_glyph(tensor)

    def tensor(self, element: sp.Expr) -> Tensor | None:
        """The tensor an element or a scalar symbol belongs to."""
        return None if self.is_size(element) else self.tensors.get(_name(element))

    def is_size(self, expr: sp.Expr) -> bool:
        """Whether this is a symbolic size, such as the batch size N."""
        return (
            isinstance(expr, sp.Symbol)
            and bool(expr.is_integer and expr.is_positive)
            and not isinstance(expr, sp.Idx)
        )

    def is_counting(self, expr: sp.Expr) -> bool:
        """Whether this is a position or a size: made of indices, sizes and numbers alone."""
        if has(expr, sp.Indexed, *BINDERS, bracket, sp.Piecewise):
            return False
        symbols = expr.free_symbols
        return bool(symbols) and all(isinstance(s, sp.Idx) or self.is_size(s) for s in symbols)

    def is_coefficient(self, expr: sp.Expr) -> bool:
        """Whether this is made of numbers, sizes and given or forward scalars alone."""
        if has(expr, sp.Indexed, *BINDERS, sp.Idx, bracket):
            return False
        return not any(self.is_adjoint(symbol) for symbol in expr.free_symbols)

    def is_adjoint(self, expr: sp.Expr) -> bool:
        """Whether this is an element of a derivative of the objective."""
        tensor = self.tensor(expr) if isinstance(expr, sp.Indexed | sp.Symbol) else None
        return tensor is not None and bool(tensor.adjoint_of)

    def is_backward_difference(self, expr: sp.Expr) -> bool:
        """Whether a reader would expect the negative: y − ŷ for ŷ − y, a² − 1 for 1 − a²."""
        if not isinstance(expr, sp.Add) or len(expr.args) != 2:
            return False
        signs = [term.could_extract_minus_sign() for term in expr.args]
        if signs[0] == signs[1]:
            return False
        added, subtracted = expr.args if signs[1] else expr.args[::-1]
        return bool(subtracted.is_number) or (
            self._is_target(added) and not self._is_target(subtracted)
        )

    def _is_target(self, term: sp.Expr) -> bool:
        return {self._role(element) for element in _elements(term)} == {Role.TARGET}

    def bound_indices(self, reduction: sp.Expr) -> tuple[sp.Idx, ...]:
        """What a sum runs over, in the order in which a reader of its body meets them.

        SymPy's own order is that of nesting, which a double sum does not show. The order
        of an arg max says how its places are counted.
        """
        bound = [limit[0] for limit in reduction.limits]
        if len(bound) == 1 or isinstance(reduction, ArgMaxOver):
            return tuple(bound)
        found = self.in_order(list(_elements(reduction.function)))
        places = [i for element in found for i in self._indices(element)]
        return tuple(sorted(bound, key=lambda i: (i not in places, [*places, i].index(i))))

    # --- keys to sort by ------------------------------------------------------------

    def factor_key(self, factor: sp.Expr) -> SortKey:
        """Where a factor stands in its product."""
        base = factor.base if isinstance(factor, sp.Pow) else factor
        kind = self._factor_class(factor, base)
        return (kind, *self._element_key(base), _operations(factor))

    def _factor_class(self, factor: sp.Expr, base: sp.Expr) -> int:
        if self.is_coefficient(factor):
            return _COMPOSED_COEFFICIENT if isinstance(base, sp.Add) else _COEFFICIENT
        if isinstance(base, BINDERS):
            return _SUM
        if isinstance(base, sp.Indexed | sp.Symbol):
            return _ERROR if self.is_adjoint(base) else _VALUE
        if isinstance(base, bracket | sp.KroneckerDelta | sp.Piecewise):
            return _MASK
        if isinstance(base, sp.Function | AppliedUndef):
            return _FUNCTION
        return _ERROR if self._is_residual(base) else _TOTAL

    def _is_residual(self, expr: sp.Expr) -> bool:
        """A difference such as ``ŷ - y``, which plays the part of an error."""
        if len(expr.args) != 2 or has(expr, *BINDERS):
            return False
        return any(self.is_adjoint(e) or self._role(e) is Role.TARGET for e in _elements(expr))

    def _element_key(self, expr: sp.Expr) -> SortKey:
        """Chains read from the left: x[n,i] W[j,i] towards (n, j); data y log p, weights last."""
        found = list(_elements(expr))
        names = [i.name for element in found for i in self._indices(element)]
        last = len(self.order)
        places = sorted({self.order.index(name) for name in names if name in self.order})
        roles = {self._role(e) for e in found}
        kind = 0 if roles == {Role.TARGET} else 2 if roles == {Role.PARAMETER} else 1
        first, *others = (*places, *[last] * (last - len(places) + 1))
        return (first, kind, *others, self._declared(found))

    def term_key(self, term: sp.Expr, negative: bool) -> SortKey:
        """Where a term stands in its sum."""
        totals = [factor for factor in sp.Mul.make_args(term) if factor.is_Add]
        found = list(_elements(term))
        return (
            int(negative),
            # β₁ m before (1 − β₁) g
            sum(self.is_coefficient(total) for total in totals),
            self._term_class(term, found),
            len(totals),
            _operations(term),
            self._declared(found),
        )

    def _term_class(self, term: sp.Expr, found: list[sp.Expr]) -> int:
        """Numbers, sums and errors, values, targets, weights alone, scalars, −1."""
        if term.is_number:
            return 6 if term.is_negative else 0
        if self.is_coefficient(term):
            return 5
        roles = {self._role(element) for element in found} - {Role.HYPERPARAMETER}
        if roles == {Role.PARAMETER}:
            return 4
        if roles == {Role.TARGET}:
            return 3
        factors = sp.Mul.make_args(term)
        leading = has(term, *BINDERS) or any(self.is_adjoint(f) for f in factors)
        return 1 if leading else 2

    def _indices(self, element: sp.Expr) -> list[sp.Idx]:
        """The indices of an element's positions, in order."""
        found: list[sp.Idx] = []
        for place in getattr(element, "indices", ()):
            if isinstance(place, sp.Idx):
                found.append(place)
            elif not isinstance(place, sp.Indexed):
                found += sorted(free_indices(place), key=index_name)
        return found

    def _role(self, element: sp.Expr) -> Role | None:
        tensor = self.tensor(element)
        return tensor.role if tensor else None

    def _declared(self, found: list[sp.Expr]) -> int:
        return min((self._places.get(_name(element), -1) for element in found), default=-1)

    def side_key(self, place: sp.Expr) -> SortKey:
        """Which side of an equality a place is on: first an index, of two the one met first."""
        if not isinstance(place, sp.Idx):
            return (2 if place.is_number else 1, 0)
        name = index_name(place)
        return (0, self.order.index(name) if name in self.order else len(self.order))

    # --- sorting --------------------------------------------------------------------

    def in_order(self, factors: list[sp.Expr]) -> list[sp.Expr]:
        """Factors in reading order."""
        return sorted(factors, key=self.factor_key) if len(factors) > 1 else factors


def has(expr: sp.Expr, *kinds: type) -> bool:
    """Whether nodes of one of these kinds are in an expression; as SymPy's, but remembered."""
    return any(issubclass(kind, kinds) for kind in _kinds(expr))


@lru_cache(maxsize=16384)
def _kinds(expr: sp.Basic) -> frozenset[type]:
    return frozenset((type(expr),)).union(*map(_kinds, expr.args))


# The same terms stand in one step after another.
@lru_cache(maxsize=4096)
def _elements(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    return tuple(elements(expr))


@lru_cache(maxsize=4096)
def _operations(expr: sp.Expr) -> int:
    return int(expr.count_ops())


def _name(element: sp.Expr) -> str:
    symbol = element.base.label if isinstance(element, sp.Indexed) else element
    return str(symbol.name)
