"""Branches: networks that are no chain, x + f(x) and several layers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symbackprop.errors import ShapeError
from symbackprop.language import Tensor, size_of
from symbackprop.library.layers import Layer, Width
from symbackprop.library.records import require_choice, require_dim
from symbackprop.library.scope import Scope
from symbackprop.library.sequential import Network, Sequential


class Residual(Sequential):
    """``h = x + f(x)``, f being the layers one after the other.

    Examples
    --------
    >>> from symbackprop.library import Linear, MSELoss, Tanh
    >>> print(Residual(Linear("D", "D"), Tanh()).system(MSELoss(reduction="sum")))
    z1[n, j] = b1[j] + Sum(W1[j, i]*x[n, i], (i, 0, D - 1))
    a1[n, j] = tanh(z1[n, j])
    h1[n, j] = a1[n, j] + x[n, j]
    L = Sum((h1[n, j] - y[n, j])**2, (j, 0, D - 1), (n, 0, N - 1))
    """

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the equations of the layers, then the sum of their output and the input."""
        branch = super().equations(scope, a)
        _require_shape(self, a, branch)
        return scope.local("h", branch.indices, a[branch.indices] + branch.element)


@dataclass(frozen=True, init=False, repr=False)
class Parallel(Network):
    """Layers that all take the same input; what they give is added or put side by side.

    Parameters
    ----------
    layers
        The branches; `Identity` for the input itself.
    join
        ``"sum"``, or ``"concat"`` as `torch.cat` does it.
    dim
        The axis that is concatenated, counted as in PyTorch.

    Examples
    --------
    >>> from symbackprop.library import Linear, MSELoss, Tanh
    >>> net = Parallel(Linear("D", 3), Tanh(), join="concat")
    >>> print(net.system(MSELoss(reduction="sum")).definitions["h1"].lhs)
    h1[n, k]
    """

    join: str = "sum"
    dim: int = -1

    def __init__(self, *layers: Layer, join: str = "sum", dim: int = -1) -> None:
        object.__setattr__(self, "join", join)
        object.__setattr__(self, "dim", dim)
        require_choice(self, "join", ("sum", "concat"))
        require_dim(self, "dim")
        super().__init__(*layers)

    def flow(self, before: Width | None, place: str = "") -> Width | None:
        """The last axis after the branches: that of the first if all are added."""
        after = [
            layer.flow(before, f"{place}.{number}".lstrip("."))
            for number, layer in enumerate(self.layers)
        ]
        return after[0] if self.join == "sum" else None

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the equations of all branches, then their sum or concatenation."""
        branches = [layer.equations(scope, a) for layer in self.layers]
        first = branches[0]
        if self.join == "concat":
            axis = self._axis(first)
            for branch in branches[1:]:
                _require_shape(self, _without(first, axis), _without(branch, axis))
            return concatenated(scope, branches, axis)
        for branch in branches[1:]:
            _require_shape(self, first, branch)
        return scope.local("h", first.indices, sp.Add(*(b[first.indices] for b in branches)))

    def _axis(self, a: Tensor) -> int:
        rank = len(a.indices)
        if not -rank <= self.dim < rank:
            raise ShapeError(
                f"{a.name!r} has {rank} axes, so there is no axis {self.dim} to concatenate",
                where=str(a.element),
                remedy="use dim=-1 for the last axis",
            )
        return self.dim % rank


def concatenated(scope: Scope, branches: Sequence[Tensor], axis: int) -> Tensor:
    """``h[n,k] = Sum(δ(k, i)*a[n,i], i) + Sum(δ(k, j + I)*b[n,j], j) + …``."""
    whole = scope.index(sp.Add(*(branch.shape[axis] for branch in branches)))
    positions = list(branches[0].indices)
    terms: list[sp.Expr] = []
    offset: sp.Expr = sp.S.Zero
    for branch in branches:
        own = branch.indices[axis]
        positions[axis] = own
        place = sp.KroneckerDelta(whole, own + offset)
        terms.append(sp.Sum(place * branch[tuple(positions)], own))
        offset += size_of(own)
    positions[axis] = whole
    return scope.local("h", tuple(positions), sp.Add(*terms))


def _without(a: Tensor, axis: int) -> Tensor:
    return Tensor(a.name, (*a.indices[:axis], *a.indices[axis + 1 :]))


def _require_shape(layer: Layer, first: Tensor, second: Tensor) -> None:
    if first.shape == second.shape:
        return
    raise ShapeError(
        f"{first.name!r} of shape {first.shape} and {second.name!r} of shape {second.shape} "
        "do not fit together",
        where=str(layer),
        remedy="let the branches give tensors of one shape",
    )
