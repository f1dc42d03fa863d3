"""Points at which only the tensors near a step follow their equations.

At the sizes of GPT-2 no forward pass can be computed to 110 digits, nor is it needed: a
step rests on a few definitions. The tensors of those are computed from their equations, an
element when it is asked for; all others are drawn at random, as if they were given. What
holds there holds wherever they come from. What does not may still follow from definitions
further away, which are then computed too, until all are or the cost is too high.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any
from zlib import crc32

import gmpy2
import numpy as np
import sympy as sp

from symbackprop.calculus.records import Backward
from symbackprop.errors import UnknownNameError
from symbackprop.language import BaseCase, Equation, MaxOver, Tensor, elements, size_of
from symbackprop.language.equations import element_name
from symbackprop.verify.arithmetic import Reals
from symbackprop.verify.deltas import fixed_by_deltas
from symbackprop.verify.evaluate import Budget, Evaluator, Position, Table
from symbackprop.verify.exact import Sizes, extent_of
from symbackprop.verify.sampling import draw, draw_element


@dataclass(frozen=True)
class Drawing:
    """How tensors are drawn that equations define.

    Attributes
    ----------
    seed
        Of the random numbers.
    positive
        Whether they are between 0 and 1, where every function has a value.
    """

    seed: int
    positive: bool


class Nearby(Mapping[str, Table]):
    """The tensors of a derivation at a point where most are random numbers.

    Parameters
    ----------
    backward
        The derivation.
    sizes
        What the symbolic sizes stand for.
    computed
        The tensors that follow their equations.
    drawing
        How the others are drawn.
    budget
        How many terms of sums may be computed.
    """

    def __init__(
        self,
        backward: Backward,
        sizes: Sizes,
        computed: Collection[str],
        drawing: Drawing,
        budget: Budget,
    ) -> None:
        self.backward = backward
        self.tables: Mapping[str, Table] = self
        self._sizes = sizes
        self._computed = computed
        self._drawing = drawing
        self._equations = equations_of(backward)
        self._evaluator = Evaluator(Reals(), self, sizes, budget)
        bound = {element_name(e) for f in backward.system.facts for e in elements(f.left)}
        drawn = draw(backward.system, sizes, drawing.seed, names=bound) if bound else None
        self._tables: dict[str, Table] = {} if drawn is None else drawn.tables(Reals.exactly)

    def __getitem__(self, name: str) -> Table:
        if name not in self._tables:
            if name not in self.backward.tensors:
                raise UnknownNameError("tensor", name, self)
            tensor = self.backward.tensors[name]
            self._tables[name] = self._made(tensor)
            self._tables[name].is_adjoint = bool(tensor.adjoint_of or tensor.derivative_of)
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.backward.tensors)

    def __len__(self) -> int:
        return len(self.backward.tensors)

    def evaluator(self) -> Evaluator:
        """The evaluator of expressions in these tensors."""
        return self._evaluator

    def table(self, name: str) -> Table:
        """The elements of a tensor."""
        return self[name]

    def _made(self, tensor: Tensor) -> Table:
        shape = tuple(extent_of(extent, self._sizes) for extent in tensor.shape)
        equation = self._equations.get(tensor.name)
        base = () if equation is None else equation.base
        cases = {(case.axis, extent_of(case.position, self._sizes)): case for case in base}
        if equation is not None and tensor.name in self._computed:
            return _Growing(shape, cases, _Computed(equation, self._evaluator))
        rng = np.random.default_rng([self._drawing.seed, crc32(tensor.name.encode())])
        if equation is None:
            return _Growing(
                shape,
                cases,
                lambda *_: Reals.exactly(draw_element(tensor, self._sizes, rng)),
            )
        numbers = _numbers(100 if self._drawing.positive else -924, 924, rng)
        return _Growing(shape, cases, lambda *_: next(numbers))


def _numbers(low: int, high: int, rng: np.random.Generator) -> Iterator[Any]:
    """Multiples of 1/1024 without end, drawn many at once."""
    while True:
        for number in rng.integers(low, high, 512).tolist():
            yield gmpy2.mpfr(number) / 1024


class _Growing(Table):
    """A table whose elements are made when they are first asked for."""

    def __init__(
        self,
        shape: Position,
        cases: Mapping[tuple[int, int], BaseCase],
        make: Callable[[Position, BaseCase | None], Any],
    ) -> None:
        super().__init__(shape)
        self._cases = cases
        self._make = make

    def __missing__(self, position: Position) -> Any:
        outside = [
            (axis, at)
            for axis, (at, extent) in enumerate(zip(position, self.shape, strict=True))
            if not 0 <= at < extent
        ]
        if outside and (len(outside) > 1 or outside[0] not in self._cases):
            raise KeyError(position)
        self[position] = self._make(position, self._cases[outside[0]] if outside else None)
        return self[position]

    def get(self, position: Position, default: Any = None) -> Any:
        """An element, or the default outside the tensor's range."""
        try:
            return self[position]
        except KeyError:
            return default


class _Computed:
    """The elements of a tensor by its equation; a reader is made when first used."""

    def __init__(self, equation: Equation, evaluator: Evaluator) -> None:
        self._equation = equation
        self._evaluator = evaluator
        self._readers: dict[int | None, Callable[[Position], Any]] = {}

    def __call__(self, position: Position, case: BaseCase | None) -> Any:
        if case is None:
            return self._reader(None, self._equation.rhs, self._equation.indices)(position)
        axis = case.axis
        read = self._reader(id(case), case.rhs, case.indices)
        return read(position[:axis] + position[axis + 1 :])

    def _reader(
        self, key: int | None, rhs: sp.Expr, indices: tuple[sp.Idx, ...]
    ) -> Callable[[Position], Any]:
        if key not in self._readers:
            self._readers[key] = self._evaluator.function(rhs, indices)
        return self._readers[key]


def equations_of(backward: Backward) -> dict[str, Equation]:
    """All equations of a derivation by the tensor they define."""
    derived = (backward.adjoints, backward.gradients)
    return {
        **backward.system.definitions,
        **{equation.name: equation for table in derived for equation in table.values()},
    }


def cost(equation: Equation, sizes: Sizes) -> int:
    """How many terms of sums it takes to compute all elements of a tensor."""
    elements = prod(extent_of(size_of(idx), sizes) for idx in equation.indices)
    return elements * (1 + _terms(equation.rhs, sizes))


def _terms(expr: sp.Expr, sizes: Sizes) -> int:
    if isinstance(expr, sp.Sum | MaxOver):
        fixed = {idx for idx, *_ in fixed_by_deltas(expr)} if isinstance(expr, sp.Sum) else ()
        free = [upper for idx, _, upper in expr.limits if idx not in fixed]
        terms = prod(extent_of(upper, sizes) + 1 for upper in free)
        return terms * (1 + _terms(expr.function, sizes))
    return sum(_terms(part, sizes) for part in expr.args)
