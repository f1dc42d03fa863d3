"""Layers that only arrange: flattening and padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from symbackprop.errors import OptionError, ShapeError
from symbackprop.language import Tensor
from symbackprop.library.layers import LAYERS, Layer
from symbackprop.library.records import require_dim
from symbackprop.library.scope import Scope


@LAYERS.add
@dataclass(frozen=True)
class Flatten(Layer):
    """``h[n,f] = x[n,c,y,z]`` at ``f = (c*Y + y)*Z + z``: several axes become one.

    Parameters
    ----------
    start_dim, end_dim
        The first and the last of them, counted as in PyTorch.
    """

    start_dim: int = 1
    end_dim: int = -1

    reshapes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_dim(self, "start_dim")
        require_dim(self, "end_dim")

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``h[n,f] = Sum(δ(f, (c*Y + y)*Z + z)*x[n,c,y,z], c, y, z)``."""
        rank = len(a.indices)
        start, end = (dim % rank if -rank <= dim < rank else rank for dim in self._ends())
        if not start <= end < rank:
            raise ShapeError(
                f"{self}: {a.name!r} has {rank} axes",
                where=str(a.element),
                remedy="use axes that there are, the first of them before the last",
            )
        if start == end:
            return a
        joined = a.indices[start : end + 1]
        sizes = a.shape[start : end + 1]
        place: sp.Expr = joined[0]
        for idx, extent in zip(joined[1:], sizes[1:], strict=True):
            place = place * extent + idx
        flat = scope.index(sp.Mul(*sizes), "f")
        indices = (*a.indices[:start], flat, *a.indices[end + 1 :])
        value = sp.Sum(sp.KroneckerDelta(flat, sp.expand(place)) * a.element, *reversed(joined))
        return scope.local("h", indices, value)

    def _ends(self) -> tuple[int, int]:
        return self.start_dim, self.end_dim


@LAYERS.add
@dataclass(frozen=True)
class ZeroPad2d(Layer):
    """``h[…,y,z] = x[…,y-top,z-left]``: an access outside of x reads 0.

    Parameters
    ----------
    padding
        How many rows and columns of zeros are added: on all four sides, or (left, right,
        top, bottom). Negative numbers take rows and columns away.
    """

    padding: int | tuple[int, int, int, int]

    letters: ClassVar[tuple[str, ...]] = ("c", "h", "w")
    reshapes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.padding, list):
            object.__setattr__(self, "padding", tuple(self.padding))
        sides = self.sides
        if len(sides) != 4 or any(isinstance(s, bool) or not isinstance(s, int) for s in sides):
            raise OptionError(
                f"padding={self.padding!r} is not a whole number or four",
                where=type(self).__name__,
                remedy="write padding=1, or padding=(left, right, top, bottom)",
            )

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Left, right, top and bottom."""
        return self.padding if isinstance(self.padding, tuple) else (self.padding,) * 4

    def example_shape(self) -> tuple[str, ...]:
        """Channels, height and width."""
        return "C", "H", "W"

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``h[n,c,y,z] = x[n,c,y-top,z-left]``."""
        left, right, top, bottom = self.sides
        if len(a.indices) not in (3, 4):
            raise ShapeError(
                f"{self} needs a tensor of shape (N, C, H, W) or (C, H, W), "
                f"{a.name!r} has shape {a.shape}",
                where=str(a.element),
                remedy="give the shape of an example: system(loss, shape=(3, 'H', 'W'))",
            )
        height, width = a.shape[-2:]
        y, z = scope.index(height + top + bottom), scope.index(width + left + right)
        leading = a.indices[:-2]
        return scope.local("h", (*leading, y, z), a[(*leading, y - top, z - left)])
