"""Embeddings: rows of a table, chosen by labels or by position."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import sympy as sp

from symbackprop.errors import ShapeError
from symbackprop.language import Domain, SizeLike, Tensor, size
from symbackprop.library.layers import LAYERS, SIZE, Layer, Weights, Width, require_sizes
from symbackprop.library.records import OURS, refuse_all_but
from symbackprop.library.scope import Scope


@LAYERS.add
@dataclass(frozen=True)
class Embedding(Layer):
    """``a[…,d] = E[token[…], d]``: the row of a table for each label of the input.

    Parameters
    ----------
    num_embeddings, embedding_dim
        The number of labels, and the size of a row.
    padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
        As by default: what else PyTorch makes of them is not the gradient of an equation.
    weight
        A name for the table, under which other layers share it: see `Linear`.
    """

    num_embeddings: SizeLike = field(metadata=SIZE)
    embedding_dim: SizeLike = field(metadata=SIZE)
    padding_idx: int | None = None
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    sparse: bool = False
    weight: str = field(default="", metadata=OURS)

    letters: ClassVar[tuple[str, ...]] = ("t",)
    reshapes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, "num_embeddings", "embedding_dim")
        refuse_all_but(
            self, padding_idx=None, max_norm=None, scale_grad_by_freq=False, sparse=False
        )

    @property
    def weights(self) -> tuple[Weights, ...]:
        """The table, from a normal distribution."""
        shape = size(self.num_embeddings), size(self.embedding_dim)
        return (Weights("weight", "E", shape, initial="normal", name=self.weight),)

    @property
    def classes(self) -> sp.Expr:
        """The number of labels."""
        return size(self.num_embeddings)

    def example_shape(self) -> tuple[SizeLike, ...]:
        """A sequence of labels."""
        return ("T",)

    def flow(self, before: Width | None, place: str = "") -> Width | None:
        """The rows' size."""
        return Width(size(self.embedding_dim), self)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``a1[…,i] = E1[x[…], i]``."""
        scope.layer += 1
        if a.domain is not Domain.LABEL or a.classes != self.classes:
            raise ShapeError(
                f"{self} takes labels of {self.classes} classes, {a.name!r} does not hold them",
                where=str(a.element),
                remedy="let it be the first layer of the network",
            )
        row = scope.index(self.classes, "v")
        column = scope.index(self.embedding_dim)
        table = scope.parameter("E", row, column, name=self.weight)
        return scope.activation((*a.indices, column), table[a.element, column])


@LAYERS.add
@dataclass(frozen=True)
class LearnedPositions(Layer):
    """``a[…,t,d] = x[…,t,d] + P[t,d]``: a learned row for each position, as in GPT-2.

    PyTorch has no such module; there one adds an `Embedding` of 0, 1, 2, ….

    Parameters
    ----------
    length, dim
        The number of positions, at least that of the input's last but one axis; and the
        size of a row, that of its last axis.
    """

    length: SizeLike = field(metadata=SIZE)
    dim: SizeLike = field(metadata=SIZE)

    letters: ClassVar[tuple[str, ...]] = ("t", "i")

    def __post_init__(self) -> None:
        require_sizes(self, "length", "dim")

    @property
    def weights(self) -> tuple[Weights, ...]:
        """The table, normal with GPT-2's standard deviation of 0.02."""
        shape = size(self.length), size(self.dim)
        return (Weights("weight", "P", shape, sp.Rational(1, 50), "normal"),)

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The size of the last axis, which stays."""
        return size(self.dim), size(self.dim)

    def example_shape(self) -> tuple[SizeLike, ...]:
        """As many rows as there are positions."""
        return self.length, self.dim

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``a1[…] = x[…] + P1[t,i]``; if P has more rows, those that there are positions."""
        scope.layer += 1
        if len(a.indices) < 2 or a.shape[-1] != size(self.dim):
            raise ShapeError(
                f"{self} needs positions with {self.dim} features, {a.name!r} has shape {a.shape}",
                where=str(a.element),
                remedy="give the shape of an example: system(loss, shape=('T', 'D'))",
            )
        t, column = a.indices[-2:]
        if a.shape[-2] == size(self.length):
            return scope.activation(a.indices, a.element + scope.parameter("P", t, column).element)
        row = scope.index(self.length)
        table = scope.parameter("P", row, column).element
        chosen = sp.Sum(sp.KroneckerDelta(t, row) * table, row)
        return scope.activation(a.indices, a.element + chosen)
