"""A scope: where layers and losses put their equations, with the names of a blackboard.

Layer l's pre-activation is ``z1``, its activation ``a1``, its parameters ``W1`` and
``b1``; every axis gets a letter of its own (n for the batch, then i, j, k, …).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeAlias

import sympy as sp

from symbackprop.errors import ShapeError
from symbackprop.language import (
    BaseCase,
    Domain,
    Equation,
    Fact,
    Role,
    SizeLike,
    Tensor,
    index,
    index_name,
)

Indices: TypeAlias = tuple[sp.Idx, ...]

# Letters for axes: none of them is the name of a tensor of the library.
_AXIS_LETTERS = "ijkmqru"


@dataclass(frozen=True)
class Latent:
    """A normal distribution that a layer has sampled from."""

    mean: Tensor
    log_variance: Tensor


class Scope:
    """Equations and tensors being collected, and the names they have taken.

    Parameters
    ----------
    training
        Whether the equations are those of training or of evaluation.

    Attributes
    ----------
    tensors, equations, facts
        What has been added so far, in order.
    updates
        From each buffer to the name of the tensor that is its next value.
    latents
        The distributions that layers have sampled from, for losses that look at them.
    layer
        The number of the layer being written: how many layers with parameters,
        buffers or inputs of their own there have been.
    """

    def __init__(self, *, training: bool = True) -> None:
        self.training = training
        self.tensors: list[Tensor] = []
        self.equations: list[Equation] = []
        self.facts: list[Fact] = []
        self.updates: dict[str, str] = {}
        self.latents: list[Latent] = []
        self.layer = 0
        self._letters: set[str] = set()
        self._declared: dict[str, Tensor] = {}

    # --- names ----------------------------------------------------------------------

    def index(self, over: SizeLike, *prefer: str) -> sp.Idx:
        """A new index with a letter that no other axis has, a preferred one first."""
        taken = self._letters | self._declared.keys()
        letter = next(name for name in _letters(*prefer) if name not in taken)
        self._letters.add(letter)
        return index(letter, over)

    def indices(self, shape: Sequence[SizeLike], letters: str | Sequence[str] = ()) -> Indices:
        """A new index for every axis of a shape, each with its preferred letter if it is free."""
        preferred = [(letter,) for letter in letters] + [()] * (len(shape) - len(letters))
        return tuple(
            self.index(extent, *prefer) for extent, prefer in zip(shape, preferred, strict=False)
        )

    def fresh(self, name: str) -> str:
        """The name itself, or the first of ``name_2``, ``name_3``, … that is free."""
        taken = self._letters | self._declared.keys()
        numbered = (f"{name}_{number}" for number in count(2))
        return name if name not in taken else next(n for n in numbered if n not in taken)

    # --- tensors of any kind --------------------------------------------------------

    def declare(self, name: str, role: Role, *indices: sp.Idx, **details: Any) -> Tensor:
        """Add a tensor that is given: an input, a target, a parameter, a hyperparameter."""
        self._letters.update(index_name(idx) for idx in indices)
        tensor = Tensor(self.fresh(name), indices, role, **details)
        self.tensors.append(tensor)
        self._declared[tensor.name] = tensor
        return tensor

    def define(self, name: str, indices: Indices, rhs: sp.Expr, **details: Any) -> Tensor:
        """Add an intermediate and the equation that defines it."""
        tensor = self.declare(name, Role.INTERMEDIATE, *indices, **details)
        self.equations.append(Equation(tensor.element, rhs))
        return tensor

    # --- tensors of the current layer -----------------------------------------------

    def parameter(self, letter: str, *indices: sp.Idx, name: str = "") -> Tensor:
        """Add a parameter of the current layer: ``W`` in layer 1 is ``W1``.

        One with a `name` is added once; where the name comes again, it is the same
        parameter, written with these indices.

        Raises
        ------
        ShapeError
            If the same parameter would have two shapes.
        """
        known = self._declared.get(name)
        if not name:
            place = str(self.layer)
            return self.declare(
                f"{letter}{place}", Role.PARAMETER, *indices, latex=_latex(letter, place)
            )
        if known is None:
            return self.declare(name, Role.PARAMETER, *indices)
        again = replace(known, indices=indices)
        if again.shape != known.shape:
            raise ShapeError(
                f"the parameter {name!r} has shape {known.shape} in one layer "
                f"and {again.shape} in another",
                where=str(again.element),
                remedy="let the layers have the same sizes, or weights of their own",
            )
        return again

    def buffer(self, letter: str, *indices: sp.Idx, **details: Any) -> Tensor:
        """Add state of the current layer, such as a running mean; see `advance`."""
        return self._own(letter, Role.INPUT, indices, details)

    def advance(self, buffer: Tensor, value: sp.Expr) -> Tensor:
        """Define what a buffer is after this step of training."""
        latex = f"{{{buffer.latex}}}'" if buffer.latex else ""
        after = self.define(f"{buffer.name}_next", buffer.indices, value, latex=latex)
        self.updates[buffer.name] = after.name
        return after

    def input(self, letter: str, *indices: sp.Idx, **details: Any) -> Tensor:
        """Add a further input of the current layer, such as an initial state."""
        return self._own(letter, Role.INPUT, indices, details)

    def mask(self, indices: Indices, keep: sp.Expr) -> Tensor:
        """Add a mask of ones and zeros that is drawn for each batch; `keep` is P(1)."""
        return self._own("mask", Role.MASK, indices, {"keep": keep})

    def noise(self, indices: Indices) -> Tensor:
        """Add standard normal noise that is drawn for each batch."""
        return self._own("noise", Role.MASK, indices, {})

    def local(self, letter: str, indices: Indices, rhs: sp.Expr) -> Tensor:
        """Define a quantity of the current layer: ``m`` in layer 1 is ``m1``."""
        return self.settle(self.announce(letter, indices), rhs)

    def announce(self, letter: str, indices: Indices) -> Tensor:
        """Add a quantity of the current layer that is defined later; see `settle`."""
        name = self.fresh(f"{letter}{self.layer}")
        place = name.removeprefix(letter).replace("_", ",")
        return self.declare(name, Role.INTERMEDIATE, *indices, latex=_latex(letter, place))

    def settle(self, tensor: Tensor, rhs: sp.Expr, *base: BaseCase) -> Tensor:
        """Define a quantity that was announced, from those of other steps if need be."""
        self.equations.append(Equation(tensor.element, rhs, base))
        return tensor

    def preactivation(self, indices: Indices, rhs: sp.Expr) -> Tensor:
        r"""Define the current layer's z, whose error a textbook calls δ⁽ˡ⁾."""
        return self.define(
            f"z{self.layer}",
            indices,
            rhs,
            latex=f"z^{{({self.layer})}}",
            error_symbol=rf"\delta^{{({self.layer})}}",
        )

    def activation(self, indices: Indices, rhs: sp.Expr) -> Tensor:
        """Define the current layer's a; a second one in the same layer is ``a1_2``."""
        return self.local("a", indices, rhs)

    def target(self, *indices: sp.Idx, domain: Domain, classes: sp.Expr | None = None) -> Tensor:
        """Add what the objective compares with: ``y``."""
        return self.declare("y", Role.TARGET, *indices, domain=domain, classes=classes)

    def _own(self, letter: str, role: Role, indices: Indices, details: dict[str, Any]) -> Tensor:
        name = self.fresh(f"{letter}{self.layer}")
        place = name.removeprefix(letter).replace("_", ",")
        return self.declare(name, role, *indices, latex=_latex(letter, place), **details)


def _latex(letter: str, place: str) -> str:
    """A letter with its index below and the layer above; empty where the name says it all."""
    base, _, below = letter.partition("_")
    if base.endswith("hat") and len(base) == 4:
        base = rf"\hat{{{base[0]}}}"
    elif len(base) > 1:
        return ""
    return base + (f"_{{{below}}}" if below else "") + f"^{{({place})}}"


def _letters(*prefer: str) -> Iterator[str]:
    yield from prefer
    yield from _AXIS_LETTERS
    for number in count(1):
        yield from (f"{letter}_{number}" for letter in _AXIS_LETTERS)
