"""Layers: each returns its output as equations in its input. No gradient is written here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import sympy as sp

from symbackprop.errors import ModelError, ShapeError
from symbackprop.language import SizeLike, Tensor, size
from symbackprop.library.records import Record, Registry, require_choice
from symbackprop.library.scope import Scope

#: Marks a field that is the size of an axis: a whole number or the name of a size.
SIZE: Mapping[str, Any] = {"size": True}

Self = TypeVar("Self", bound="Layer")


@dataclass(frozen=True)
class Weights:
    """One parameter of a layer, as PyTorch knows it.

    Attributes
    ----------
    key
        Its name in the PyTorch module: ``"weight"``.
    letter
        The letter it is written with: ``"W"``.
    shape
        Its sizes, in PyTorch's order.
    bound
        Initial values are uniform in [-bound, bound].
    """

    key: str
    letter: str
    shape: tuple[sp.Expr, ...]
    bound: sp.Expr

    @property
    def is_bias(self) -> bool:
        """Whether penalties leave it out unless told otherwise."""
        return self.key == "bias"


@dataclass(frozen=True)
class Layer(Record):
    """One layer of a network: a record of PyTorch's arguments that can write equations."""

    @abstractmethod
    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add this layer's equations for the input `a`; return its output.

        Raises
        ------
        ShapeError
            If the layer cannot take a tensor of that shape.
        """

    @property
    def weights(self) -> tuple[Weights, ...]:
        """The layer's parameters, in PyTorch's order."""
        return ()

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr] | None:
        """The sizes of the last axis before and after; None if any size will do."""
        return None

    def torch_arguments(self) -> dict[str, Any]:
        """The keyword arguments of the PyTorch class of the same name.

        Raises
        ------
        ModelError
            If a size is still a symbol; see `with_sizes`.
        """
        arguments = super().torch_arguments()
        for name in (f.name for f in fields(self) if "size" in f.metadata):
            extent = size(arguments[name])
            if not extent.is_Integer:
                raise ModelError(
                    f"{name} is the symbol {extent}, where PyTorch needs a number",
                    where=str(self),
                    remedy=f"give it one: with_sizes({{'{extent}': 3}})",
                )
            arguments[name] = int(extent)
        return arguments

    def with_sizes(self: Self, sizes: Mapping[str, int]) -> Self:
        """The same layer with numbers for symbolic sizes: ``{"D": 3}``."""
        values = {size(name): size(value) for name, value in sizes.items()}
        changed: dict[str, Any] = {}
        for name in (f.name for f in fields(self) if "size" in f.metadata):
            extent = size(getattr(self, name)).xreplace(values)
            changed[name] = int(extent) if extent.is_Integer else extent
        return replace(self, **changed)


#: Every layer by name; the model grammar, the oracles and the tests run over it.
LAYERS: Registry[type[Layer]] = Registry("layer")


@LAYERS.add
@dataclass(frozen=True)
class Linear(Layer):
    """``z = a Wᵀ + b`` on the last axis, with PyTorch's (out, in) weight.

    Parameters
    ----------
    in_features, out_features
        Sizes: whole numbers, or names such as ``"D"`` for sizes left open.
    bias
        Whether there is a ``b``.

    Raises
    ------
    ModelError
        If a size is not one.
    """

    in_features: SizeLike = field(metadata=SIZE)
    out_features: SizeLike = field(metadata=SIZE)
    bias: bool = True

    def __post_init__(self) -> None:
        for name in ("in_features", "out_features"):
            _require_size(name, getattr(self, name))
        require_choice(self, "bias", (True, False))

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The sizes of the last axis before and after."""
        return size(self.in_features), size(self.out_features)

    @property
    def weights(self) -> tuple[Weights, ...]:
        """W and b, both uniform in ±1/√in as `torch.nn.Linear.reset_parameters` has it."""
        into, out = self.features
        bound = 1 / sp.sqrt(into)
        weight = Weights("weight", "W", (out, into), bound)
        return (weight, Weights("bias", "b", (out,), bound)) if self.bias else (weight,)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``z[…,j] = Sum(a[…,i]*W[j,i], i) + b[j]``; `a` has one axis or more."""
        into, out = self.features
        if not a.indices or a.shape[-1] != into:
            raise ShapeError(
                f"{self} needs {into} features on the last axis, {a.name!r} has shape {a.shape}",
                where=str(a.element),
                remedy=f"feed it a tensor whose last axis has size {into}",
            )
        scope.layer += 1
        *leading, i = a.indices
        j = scope.index(out)
        z = sp.Sum(a.element * scope.parameter("W", j, i).element, i)
        if self.bias:
            z += scope.parameter("b", j).element
        return scope.preactivation((*leading, j), z)


def _require_size(name: str, value: Any) -> None:
    plain = isinstance(value, int | str | sp.Expr) and not isinstance(value, bool)
    try:
        if plain:
            size(value)
            return
    except ShapeError:
        pass
    raise ModelError(
        f"{name}={value!r} is not a size",
        where="Linear",
        remedy=f"give {name} a whole number from 1 up, or a name such as 'D'",
    )
