"""Losses that compare two or three vectors: which belong together, which do not.

The network's output is the first; the others are further inputs of the same shape. With
``stacked=True`` one network gives them all, the axis after the examples telling them
apart: (N, 2, D), or (N, 3, D) for anchor, positive and negative.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import sympy as sp

from symbackprop.errors import ShapeError
from symbackprop.language import Domain, Role, Tensor
from symbackprop.library.losses import LOSSES, Loss, TargetKind, hinge, product
from symbackprop.library.records import OURS, exact, number, require_choice, require_range
from symbackprop.library.scope import Indices, Scope

# What PyTorch adds to a squared length before it divides by it.
_TINY = sp.Rational(1, 10**12)


@dataclass(frozen=True)
class Operand:
    """One of the vectors: a tensor, or its part at one place of the second axis."""

    tensor: Tensor
    slot: int | None = None

    @property
    def indices(self) -> Indices:
        """The indices it is written with."""
        given = self.tensor.indices
        return given if self.slot is None else (given[0], *given[2:])

    def __getitem__(self, places: Indices) -> sp.Expr:
        first, *rest = places
        return self.tensor[places if self.slot is None else (first, self.slot, *rest)]

    @property
    def element(self) -> sp.Expr:
        """One element, written with its own indices."""
        return self[self.indices]


@dataclass(frozen=True, kw_only=True)
class VectorLoss(Loss):
    """A loss of the output and of further vectors."""

    stacked: bool = field(default=False, metadata=OURS)

    #: Names of the other vectors; and whether a target of signs comes last.
    others: ClassVar[tuple[str, ...]] = ()
    signs: ClassVar[bool] = False
    #: How many axes each vector has.
    rank: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "stacked", (False, True))

    @property
    def target_kind(self) -> TargetKind:
        """Signs, where there is a target."""
        return TargetKind.SIGN if self.signs else TargetKind.REAL

    @property
    def operands(self) -> tuple[str, ...]:
        """The other vectors, then the target."""
        return (*(() if self.stacked else self.others), *(("y",) if self.signs else ()))

    def vectors(self, scope: Scope, prediction: Tensor) -> list[Operand]:
        """The output and the others."""
        several = 1 + len(self.others)
        if len(prediction.indices) != self.rank + self.stacked or (
            self.stacked and prediction.shape[1] != several
        ):
            axes = ["examples", *([str(several)] * self.stacked), "features"][
                : self.rank + self.stacked
            ]
            raise ShapeError(
                f"{self} takes predictions of shape ({', '.join(axes)}), "
                f"{prediction.name!r} has shape {prediction.shape}",
                where=str(prediction.element),
                remedy="give the axes of an example: system(loss, shape=(2, 'D'))",
            )
        if self.stacked:
            return [Operand(prediction, slot) for slot in range(several)]
        given = (scope.declare(name, Role.INPUT, *prediction.indices) for name in self.others)
        return [Operand(tensor) for tensor in (prediction, *given)]

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Add the other vectors and the target, and compare."""
        vectors = self.vectors(scope, prediction)
        examples = vectors[0].indices[:1]
        each = self.each(scope, vectors, examples)
        return self.reduced(scope, each, examples, count=product(prediction.shape[:1]))

    @abstractmethod
    def each(self, scope: Scope, vectors: list[Operand], examples: Indices) -> sp.Expr:
        """The loss of one example."""


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class CosineEmbeddingLoss(VectorLoss):
    """1 - cos(a, x2) where y is 1, max(0, cos(a, x2) - margin) where it is -1.

    Parameters
    ----------
    margin
        The cosine that vectors that do not belong together may have.
    stacked
        Whether the network gives both vectors, (N, 2, D); else ``x2`` is a further input.
    """

    margin: float = 0.0

    others: ClassVar[tuple[str, ...]] = ("x2",)
    signs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "margin")

    def each(self, scope: Scope, vectors: list[Operand], examples: Indices) -> sp.Expr:
        """Add the cosine c."""
        first, second = vectors
        d = first.indices[-1]
        lengths = [sp.Sum(v.element**2, d) + _TINY for v in vectors]
        dot = sp.Sum(first.element * second.element, d)
        c = scope.define("c", examples, dot / sp.sqrt(lengths[0] * lengths[1])).element
        y = scope.target(*examples, domain=Domain.SIGN).element
        return sp.Piecewise((1 - c, y > 0), (hinge(c - exact(self.margin)), True))


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class MarginRankingLoss(VectorLoss):
    """max(0, margin - y·(a - x2)): a should be the larger where y is 1.

    Numbers of any shape, or (N, 2) if stacked.

    Parameters
    ----------
    margin
        By how much it should be.
    stacked
        Whether the network gives both numbers; else ``x2`` is a further input.
    """

    margin: float = 0.0

    others: ClassVar[tuple[str, ...]] = ("x2",)
    signs: ClassVar[bool] = True
    rank: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "margin")

    def vectors(self, scope: Scope, prediction: Tensor) -> list[Operand]:
        """The two numbers; of any shape if they are two tensors."""
        if self.stacked:
            return super().vectors(scope, prediction)
        other = scope.declare("x2", Role.INPUT, *prediction.indices)
        return [Operand(prediction), Operand(other)]

    def objective(self, scope: Scope, prediction: Tensor) -> sp.Expr:
        """Compare number by number."""
        vectors = self.vectors(scope, prediction)
        places = vectors[0].indices
        count = prediction.shape[0] if self.stacked else product(prediction.shape)
        return self.reduced(scope, self.each(scope, vectors, places), places, count=count)

    def each(self, scope: Scope, vectors: list[Operand], examples: Indices) -> sp.Expr:
        """The hinge."""
        y = scope.target(*examples, domain=Domain.SIGN).element
        lead = vectors[0].element - vectors[1].element
        return hinge(exact(self.margin) - y * lead)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class TripletMarginLoss(VectorLoss):
    """max(0, margin + |a - pos| - |a - neg|): a should be nearer to pos than to neg.

    Parameters
    ----------
    margin
        By how much it should be.
    p
        The norm: (Σ|u + eps|^p)^(1/p).
    eps
        Added to each difference.
    swap
        Whether |pos - neg| counts instead of |a - neg| where it is smaller.
    stacked
        Whether the network gives all three, (N, 3, D); else ``pos`` and ``neg`` are
        further inputs.
    """

    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-06
    swap: bool = False

    others: ClassVar[tuple[str, ...]] = ("pos", "neg")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "margin", 0, without=[0])
        require_range(self, "p", 0, without=[0])
        require_range(self, "eps", 0)
        require_choice(self, "swap", (False, True))

    def each(self, scope: Scope, vectors: list[Operand], examples: Indices) -> sp.Expr:
        """Add the distances d_pos and d_neg."""
        anchor, positive, negative = vectors
        near = scope.define("d_pos", examples, self._distance(anchor, positive)).element
        far = scope.define("d_neg", examples, self._distance(anchor, negative)).element
        if self.swap:
            between = scope.define("d_between", examples, self._distance(positive, negative))
            far = sp.Min(far, between.element)
        return hinge(exact(self.margin) + near - far)

    def _distance(self, first: Operand, second: Operand) -> sp.Expr:
        u = first.element - second.element + exact(self.eps)
        d, p = first.indices[-1], exact(self.p)
        power = u**2 if p == 2 else sp.Abs(u) ** p
        total = sp.Sum(power, d)
        return sp.Pow(total, 1 / p)


@LOSSES.add
@dataclass(frozen=True, kw_only=True)
class InfoNCELoss(VectorLoss):
    """-log of the softmax that each output gives to its own key, among those of the batch.

    ``s[n,m] = cos(a[n], key[m])/temperature``, the loss being that of the label n: van den
    Oord et al. (arXiv 1807.03748), equation 4, with the cosine of SimCLR (arXiv
    2002.05709). PyTorch has none.

    Parameters
    ----------
    temperature
        Greater than 0.
    stacked
        Whether the network gives outputs and keys, (N, 2, D); else ``key`` is a further
        input.
    """

    temperature: float = 0.1

    others: ClassVar[tuple[str, ...]] = ("key",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "temperature", 0, without=[0])

    def each(self, scope: Scope, vectors: list[Operand], examples: Indices) -> sp.Expr:
        """Add the directions a and k, their cosines s, and the softmax p."""
        (n,), extent = examples, vectors[0].tensor.shape[0]
        d = vectors[0].indices[-1]
        m = scope.index(extent, "m")
        units = []
        for name, vector in zip(("q", "k_unit"), vectors, strict=True):
            length = scope.define(
                f"r_{name}", examples, sp.Sum(vector.element**2, d) ** sp.Rational(-1, 2)
            )
            units.append(scope.define(name, vector.indices, vector.element * length.element))
        query, key = units
        dots = sp.Sum(query[n, d] * key[m, d], d)
        s = scope.define("s", (n, m), dots / exact(self.temperature))
        other = scope.index(extent)
        p = scope.define("p", (n, m), sp.exp(s[n, m]) / sp.Sum(sp.exp(s[n, other]), other))
        return -sp.log(p[n, n])
