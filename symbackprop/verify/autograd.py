"""Oracle: `torch.autograd` through a plain PyTorch reading of the forward equations.

Every node of an equation becomes a float64 tensor with one axis an index; a sum
is ``.sum`` over that axis, an element is advanced indexing. Where a derivative
jumps, the value is PyTorch's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce, singledispatchmethod
from typing import Any

import numpy as np
import sympy as sp

from symbackprop.errors import EquationError
from symbackprop.language import MaxOver, System, bracket, element_name, relu, sigmoid, softplus
from symbackprop.language import size_of as extent_of
from symbackprop.verify.evaluate import Sizes
from symbackprop.verify.sampling import sizes_of


def autograd_gradients(
    system: System, values: Mapping[str, np.ndarray], wrt: Iterable[str]
) -> tuple[float, dict[str, np.ndarray]]:
    """The objective and its derivatives, by `torch.autograd` in float64.

    Parameters
    ----------
    system
        The forward equations, with an objective and without abstract functions.
    values
        An array for every given tensor; they may lie exactly on a kink.
    wrt
        Names of tensors, given or intermediate.

    Raises
    ------
    DataError
        If a given tensor has no array.
    ShapeError
        If the arrays' shapes disagree.
    """
    reading = TorchReading(system, values)
    names = list(wrt)
    return reading.objective, dict(zip(names, reading.gradients(names), strict=True))


class TorchReading:
    """All tensors of a system as PyTorch computes them.

    Attributes
    ----------
    tensors
        By name; given ones are leaves that require a gradient, unless they are labels.
    """

    def __init__(self, system: System, values: Mapping[str, np.ndarray]) -> None:
        import torch

        self._system = system
        self._sizes = sizes_of(system, values)
        self.tensors: dict[str, Any] = {}
        for tensor in system.given:
            data = torch.as_tensor(np.asarray(values[tensor.name])).clone()
            is_label = not data.is_floating_point()
            self.tensors[tensor.name] = data if is_label else data.double().requires_grad_()
        for equation in system.equations:
            whole = TorchReader(self.tensors, self._sizes).read(equation.rhs, None)
            value = whole.expanded(equation.indices, self._sizes)
            # A value that depends on no leaf may still be differentiated by.
            self.tensors[equation.name] = value if value.requires_grad else value.requires_grad_()

    @property
    def objective(self) -> float:
        """The objective's value."""
        return float(self.tensors[str(self._system.objective)].detach())

    def gradients(self, names: Sequence[str]) -> list[np.ndarray]:
        """The objective's derivatives by the named tensors; 0 where it does not depend."""
        import torch

        if not names:
            return []
        tensors = [self.tensors[name] for name in names]
        found = torch.autograd.grad(
            self.tensors[str(self._system.objective)],
            tensors,
            allow_unused=True,
            retain_graph=True,
        )
        return [
            np.zeros(tuple(tensor.shape)) if gradient is None else gradient.numpy()
            for tensor, gradient in zip(tensors, found, strict=True)
        ]


@dataclass(frozen=True)
class Axes:
    """A tensor whose axes are named by indices."""

    data: Any
    indices: tuple[sp.Idx, ...]

    def aligned(self, indices: Sequence[sp.Idx]) -> Any:
        """The data with the given axes, of length 1 where this tensor has none."""
        order = [self.indices.index(idx) for idx in indices if idx in self.indices]
        data = self.data.permute(order)
        for axis, idx in enumerate(indices):
            if idx not in self.indices:
                data = data.unsqueeze(axis)
        return data

    def expanded(self, indices: Sequence[sp.Idx], sizes: Sizes) -> Any:
        """The data with the given axes at full length."""
        return self.aligned(indices).expand([_extent(idx, sizes) for idx in indices])


def _extent(idx: sp.Idx, sizes: Sizes) -> int:
    return int(extent_of(idx).xreplace(dict(sizes)))


class TorchReader:
    """Reads expressions as PyTorch tensors.

    A mask, inside a case of a piecewise definition, holds where that case is chosen.
    Elsewhere the elements the case uses are cut off from the graph, since a derivative
    that is not chosen may be infinite, and 0·∞ is not 0.
    """

    def __init__(self, tensors: Mapping[str, Any], sizes: Sizes) -> None:
        import torch

        self._torch = torch
        self._tensors = tensors
        self._sizes = sizes

    def combined(self, function: Callable[..., Any], *parts: Axes) -> Axes:
        """A function of tensors, broadcast over all their indices."""
        indices = tuple(dict.fromkeys(idx for part in parts for idx in part.indices))
        return Axes(function(*(part.aligned(indices) for part in parts)), indices)

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
        return Axes(self._torch.arange(_extent(expr, self._sizes)).double(), (expr,))

    @read.register(sp.Symbol)
    def _symbol(self, expr: Any, mask: Axes | None) -> Axes:
        if expr in self._sizes:
            return self._constant(float(self._sizes[expr]))
        return self._masked(Axes(self._tensors[str(expr)], ()), mask)

    @read.register(sp.Indexed)
    def _element(self, expr: Any, mask: Axes | None) -> Axes:
        tensor = self._tensors[element_name(expr)]
        places = [self._place(place) for place in expr.indices]
        picked = self.combined(lambda *positions: tensor[positions], *places)
        return self._masked(picked, mask)

    def _place(self, place: Any) -> Axes:
        read = self.read(place, None)
        return Axes(read.data.long(), read.indices)

    def _masked(self, picked: Axes, mask: Axes | None) -> Axes:
        if mask is None or not picked.data.is_floating_point():
            return picked
        return self.combined(
            lambda chosen, data: self._torch.where(chosen, data, data.detach()), mask, picked
        )

    @read.register(sp.Add)
    def _add(self, expr: Any, mask: Axes | None) -> Axes:
        return self._folded(self._torch.add, expr.args, mask)

    @read.register(sp.Mul)
    def _mul(self, expr: Any, mask: Axes | None) -> Axes:
        return self._folded(self._torch.mul, expr.args, mask)

    @read.register(sp.Max)
    def _maximum(self, expr: Any, mask: Axes | None) -> Axes:
        return self._folded(self._torch.maximum, expr.args, mask)

    @read.register(sp.Min)
    def _minimum(self, expr: Any, mask: Axes | None) -> Axes:
        return self._folded(self._torch.minimum, expr.args, mask)

    def _folded(self, function: Any, arguments: Iterable[Any], mask: Axes | None) -> Axes:
        parts = (self.read(argument, mask) for argument in arguments)
        return reduce(lambda left, right: self.combined(function, left, right), parts)

    @read.register(sp.Pow)
    def _pow(self, expr: Any, mask: Axes | None) -> Axes:
        base, exponent = expr.args
        if exponent.is_number:
            power = int(exponent) if exponent.is_Integer else float(exponent)
            return self.combined(lambda u: self._torch.pow(u, power), self.read(base, mask))
        return self.combined(self._torch.pow, self.read(base, mask), self.read(exponent, mask))

    @read.register(sp.Sum)
    def _sum(self, expr: Any, mask: Axes | None) -> Axes:
        return self._reduced(self._torch.sum, expr, mask)

    @read.register(MaxOver)
    def _max_over(self, expr: Any, mask: Axes | None) -> Axes:
        return self._reduced(self._torch.amax, expr, mask)

    def _reduced(self, function: Any, expr: Any, mask: Axes | None) -> Axes:
        body = self.read(expr.function, mask)
        bound = tuple(limit[0] for limit in expr.limits)
        kept = tuple(idx for idx in body.indices if idx not in bound)
        data = body.expanded((*kept, *bound), self._sizes)
        return Axes(function(data, dim=tuple(range(len(kept), data.dim()))), kept)

    @read.register(sp.KroneckerDelta)
    def _kronecker(self, expr: Any, mask: Axes | None) -> Axes:
        first, second = (self._place(argument) for argument in expr.args[:2])
        return self.combined(lambda a, b: (a == b).double(), first, second)

    @read.register(bracket)
    def _bracket(self, expr: Any, mask: Axes | None) -> Axes:
        return self.combined(lambda holds: holds.double(), self._holds(expr.args[0]))

    @read.register(sp.Piecewise)
    def _piecewise(self, expr: Any, mask: Axes | None) -> Axes:
        *cases, (otherwise, _) = expr.args
        remaining = self._holds(sp.true)
        if mask is not None:
            remaining = mask
        chosen = []
        for value, condition in cases:
            here = self.combined(self._torch.logical_and, remaining, self._holds(condition))
            chosen.append((here, self.read(value, here)))
            remaining = self.combined(lambda r, h: r & ~h, remaining, here)
        result = self.read(otherwise, remaining)
        for here, value in chosen:
            result = self.combined(self._torch.where, here, value, result)
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
                remedy="add it to the functions of symbackprop.verify.autograd",
            )
        return self.combined(functions[expr.func], self.read(expr.args[0], mask))

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
            return self.combined(self._torch.logical_not, self._holds(condition.args[0]))
        logical = isinstance(condition, sp.And | sp.Or)
        sides = [self._holds(s) if logical else self.read(s, None) for s in condition.args]
        return reduce(
            lambda left, right: self.combined(compare[type(condition)], left, right), sides
        )
