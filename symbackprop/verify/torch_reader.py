"""Reading expressions as PyTorch tensors, for autograd to differentiate.

Every node of an equation becomes a float64 tensor with one axis an index; a sum
is ``.sum`` over that axis, an element is advanced indexing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce, singledispatchmethod
from typing import Any

import sympy as sp

from symbackprop.errors import EquationError
from symbackprop.language import (
    ArgMaxOver,
    FirstMaxOver,
    MaxOver,
    bracket,
    element_name,
    relu,
    sigmoid,
    size_of,
    softplus,
)
from symbackprop.verify.exact import Sizes, extent_of
from symbackprop.verify.stored import Axes, Place, Steps, Storage, Stored, combined

_GUARDS = (bracket, sp.KroneckerDelta)


class TorchReader:
    """Reads expressions as PyTorch tensors.

    A mask, inside a case of a piecewise definition, holds where that case is chosen.
    Elsewhere the elements the case uses are cut off from the graph, since a derivative
    that is not chosen may be infinite, and 0·∞ is not 0.

    Parameters
    ----------
    tensors
        By name, PyTorch tensors, or how they are stored.
    sizes
        What the symbolic sizes stand for.
    now
        Indices that have one value, the step of a recurrence; they are no axes.
    """

    def __init__(
        self, tensors: Mapping[str, Any], sizes: Sizes, now: Mapping[sp.Idx, int] | None = None
    ) -> None:
        import torch

        self._torch = torch
        self._tensors = tensors
        self._sizes = sizes
        self._now = now or {}

    @singledispatchmethod
    def read(self, expr: Any, mask: Axes | None) -> Axes:
        """The tensor of an expression's values."""
        raise EquationError(
            f"{type(expr).__name__} is not part of the language",
            where=str(expr),
            remedy="write it with arithmetic, Sum, MaxOver and symbackprop.PRIMITIVES",
        )

    def _constant(self, value: float) -> Axes:
        return Axes(self._torch.tensor(value, dtype=self._torch.float64), ())

    @read.register(sp.Number)
    @read.register(sp.NumberSymbol)
    def _number(self, expr: Any, mask: Axes | None) -> Axes:
        return self._constant(float(expr))

    @read.register(sp.Idx)
    def _index(self, expr: Any, mask: Axes | None) -> Axes:
        if expr in self._now:
            return self._constant(float(self._now[expr]))
        extent = extent_of(size_of(expr), self._sizes)
        return Axes(self._torch.arange(extent).double(), (expr,))

    @read.register(sp.Symbol)
    def _symbol(self, expr: Any, mask: Axes | None) -> Axes:
        if expr in self._sizes:
            return self._constant(float(self._sizes[expr]))
        return self._masked(self._storage(str(expr)).read(()), mask)

    @read.register(sp.Indexed)
    def _element(self, expr: Any, mask: Axes | None) -> Axes:
        places = [
            Place(self._place(place), isinstance(place, sp.Idx | sp.Indexed))
            for place in expr.indices
        ]
        return self._masked(self._storage(element_name(expr)).read(places), mask)

    def _storage(self, name: str) -> Storage:
        known = self._tensors[name]
        return known if isinstance(known, Stored | Steps) else Stored.of(known)

    def _place(self, place: Any) -> Axes:
        read = self.read(place, None)
        return Axes(read.data.long(), read.indices)

    def _masked(self, picked: Axes, mask: Axes | None) -> Axes:
        if mask is None or not picked.data.is_floating_point():
            return picked
        return combined(
            lambda chosen, data: self._torch.where(chosen, data, data.detach()), mask, picked
        )

    @read.register(sp.Add)
    def _add(self, expr: Any, mask: Axes | None) -> Axes:
        return self._folded(self._torch.add, expr.args, mask)

    @read.register(sp.Mul)
    def _mul(self, expr: Any, mask: Axes | None) -> Axes:
        guards = [self._guard(a) for a in expr.args if isinstance(a, _GUARDS)]
        others = [a for a in expr.args if not isinstance(a, _GUARDS)]
        if not guards:
            return self._folded(self._torch.mul, others, mask)
        # [false]·anything is 0, even where the rest has no value.
        holds = self._all(guards)
        inside = holds if mask is None else self._all([holds, mask])
        product = self._folded(self._torch.mul, [sp.Integer(1), *others], inside)
        return combined(lambda ok, data: data.where(ok, data.new_zeros(())), holds, product)

    def _all(self, parts: Iterable[Axes]) -> Axes:
        return reduce(lambda left, right: combined(self._torch.logical_and, left, right), parts)

    @read.register(sp.Max)
    def _maximum(self, expr: Any, mask: Axes | None) -> Axes:
        return self._folded(self._torch.maximum, expr.args, mask)

    @read.register(sp.Min)
    def _minimum(self, expr: Any, mask: Axes | None) -> Axes:
        return self._folded(self._torch.minimum, expr.args, mask)

    def _folded(self, function: Any, arguments: Iterable[Any], mask: Axes | None) -> Axes:
        parts = (self.read(argument, mask) for argument in arguments)
        return reduce(lambda left, right: combined(function, left, right), parts)

    @read.register(sp.Pow)
    def _pow(self, expr: Any, mask: Axes | None) -> Axes:
        base, exponent = expr.args
        if exponent.is_number:
            power = int(exponent) if exponent.is_Integer else float(exponent)
            return combined(lambda u: self._torch.pow(u, power), self.read(base, mask))
        return combined(self._torch.pow, self.read(base, mask), self.read(exponent, mask))

    @read.register(sp.Sum)
    def _sum(self, expr: Any, mask: Axes | None) -> Axes:
        return self._reduced(self._torch.sum, expr, mask)

    @read.register(MaxOver)
    def _max_over(self, expr: Any, mask: Axes | None) -> Axes:
        return self._reduced(self._torch.amax, expr, mask)

    @read.register(FirstMaxOver)
    def _first_max_over(self, expr: Any, mask: Axes | None) -> Axes:
        return self._reduced(_first_largest, expr, mask)

    @read.register(ArgMaxOver)
    def _arg_max_over(self, expr: Any, mask: Axes | None) -> Axes:
        return self._reduced(_first_place, expr, mask)

    def _reduced(self, function: Any, expr: Any, mask: Axes | None) -> Axes:
        bound = tuple(limit[0] for limit in expr.limits)
        outer = {idx: step for idx, step in self._now.items() if idx not in bound}
        body = TorchReader(self._tensors, self._sizes, outer).read(expr.function, mask)
        kept = tuple(idx for idx in body.indices if idx not in bound)
        data = body.expanded((*kept, *bound), self._sizes)
        return Axes(function(data, dim=tuple(range(len(kept), data.dim()))), kept)

    @read.register(sp.KroneckerDelta)
    @read.register(bracket)
    def _zero_or_one(self, expr: Any, mask: Axes | None) -> Axes:
        return combined(lambda holds: holds.double(), self._guard(expr))

    def _guard(self, expr: Any) -> Axes:
        """Whether a delta or a bracket is 1."""
        if isinstance(expr, bracket):
            return self._holds(expr.args[0])
        first, second = (self._place(argument) for argument in expr.args[:2])
        return combined(self._torch.eq, first, second)

    @read.register(sp.Piecewise)
    def _piecewise(self, expr: Any, mask: Axes | None) -> Axes:
        *cases, (otherwise, _) = expr.args
        remaining = self._holds(sp.true)
        if mask is not None:
            remaining = mask
        chosen = []
        for value, condition in cases:
            here = combined(self._torch.logical_and, remaining, self._holds(condition))
            chosen.append((here, self.read(value, here)))
            remaining = combined(lambda r, h: r & ~h, remaining, here)
        result = self.read(otherwise, remaining)
        for here, value in chosen:
            result = combined(self._torch.where, here, value, result)
        return result

    @read.register(sp.Function)
    def _function(self, expr: Any, mask: Axes | None) -> Axes:
        functions: Mapping[Any, Any] = {
            sp.exp: self._torch.exp,
            sp.log: self._torch.log,
            sp.tanh: self._torch.tanh,
            sp.sin: self._torch.sin,
            sp.cos: self._torch.cos,
            sp.erf: self._torch.erf,
            sp.Abs: self._torch.abs,
            sp.sign: self._torch.sign,
            sp.floor: self._torch.floor,
            relu: self._torch.relu,
            sigmoid: self._torch.sigmoid,
            softplus: self._softplus,
        }
        if expr.func not in functions:
            raise EquationError(
                f"{expr.func.__name__} has no meaning in PyTorch here",
                where=str(expr),
                remedy="add it to the functions of symbackprop.verify.torch_reader",
            )
        return combined(functions[expr.func], self.read(expr.args[0], mask))

    def _softplus(self, u: Any) -> Any:
        return self._torch.logaddexp(u, self._torch.zeros_like(u))

    def _holds(self, condition: Any) -> Axes:
        if condition in (sp.true, sp.false):
            return Axes(self._torch.tensor(bool(condition)), ())
        compare: Mapping[type, Any] = {
            sp.And: self._torch.logical_and,
            sp.Or: self._torch.logical_or,
            sp.StrictGreaterThan: self._torch.gt,
            sp.GreaterThan: self._torch.ge,
            sp.StrictLessThan: self._torch.lt,
            sp.LessThan: self._torch.le,
            sp.Equality: self._torch.eq,
            sp.Unequality: self._torch.ne,
        }
        if isinstance(condition, sp.Not):
            return combined(self._torch.logical_not, self._holds(condition.args[0]))
        logical = isinstance(condition, sp.And | sp.Or)
        sides = [self._holds(s) if logical else self.read(s, None) for s in condition.args]
        return reduce(lambda left, right: combined(compare[type(condition)], left, right), sides)


def _first_largest(data: Any, dim: tuple[int, ...]) -> Any:
    """PyTorch's maximum along one axis, whose derivative goes to the place it reports."""
    return data.flatten(dim[0]).max(dim=-1).values


def _first_place(data: Any, dim: tuple[int, ...]) -> Any:
    return data.flatten(dim[0]).argmax(dim=-1).double()
