"""Dropout: the mask is an input, drawn anew for each batch."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symbackprop.language import Tensor
from symbackprop.library.layers import LAYERS, Layer
from symbackprop.library.records import exact, require_range
from symbackprop.library.scope import Scope


@LAYERS.add
@dataclass(frozen=True)
class Dropout(Layer):
    """``a = mask·x/(1 - p)`` while training, x itself in evaluation.

    Parameters
    ----------
    p
        How probable it is that an element of the mask is 0.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        require_range(self, "p", 0, 1)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``a1[…] = mask1[…]*z1[…]/(1 - p)``, or nothing in evaluation."""
        if not scope.training or not self.p:
            return a
        keep = 1 - exact(self.p)
        if not keep:
            return scope.activation(a.indices, sp.S.Zero)
        mask = scope.mask(a.indices, keep)
        return scope.activation(a.indices, mask.element * a.element / keep)
