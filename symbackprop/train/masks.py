"""Masks and noise: drawn anew for each batch, from a generator of their own."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from symbackprop.language import Tensor
from symbackprop.train.datasets import Array


class Masks:
    """What is drawn for each batch.

    Parameters
    ----------
    tensors
        The masks; sizes that are not numbers are the rows of a batch.
    seed
        Of the generator.
    dtype
        The type of the arrays.
    """

    def __init__(self, tensors: Iterable[Tensor], seed: int, dtype: str) -> None:
        self._tensors = tuple(tensors)
        # Not the generator that orders the rows: their order is the same with dropout.
        self._generator = np.random.default_rng((seed, 1))
        self._dtype = dtype

    def draw(self, rows: int) -> dict[str, Array]:
        """Masks for a batch of that many rows, by name."""
        return {tensor.name: self._drawn(tensor, rows) for tensor in self._tensors}

    def _drawn(self, tensor: Tensor, rows: int) -> Array:
        shape = [int(e.subs(dict.fromkeys(e.free_symbols, rows))) for e in tensor.shape]
        if tensor.keep is None:
            return self._generator.normal(size=shape).astype(self._dtype)
        return (self._generator.random(shape) < float(tensor.keep)).astype(self._dtype)
