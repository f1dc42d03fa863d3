"""Layers: each returns its output as equations in its input. No gradient is written here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symbackprop.errors import ModelError, ShapeError
from symbackprop.language import SizeLike, Tensor, size
from symbackprop.library.records import OURS, Record, Registry, require_choice
from symbackprop.library.scope import Scope

#: Marks a field that is the size of an axis: a whole number or the name of a size.
SIZE: Mapping[str, Any] = {"size": True}

Self = TypeVar("Self", bound="Layer")


#: How the elements of a parameter are drawn before training.
INITIALS = ("uniform", "normal", "ones", "zeros")


@dataclass(frozen=True)
class Weights:
    """One parameter of a layer, as PyTorch knows it.

    Attributes
    ----------
    key
        Its name in the PyTorch module: ``"weight"``, ``"weight_ih_l0"``,
        ``"self_attn.in_proj_weight"``.
    letter
        The letter it is written with: ``"W"``, or ``"W_ih"`` with an index.
    shape
        Its sizes, in PyTorch's order.
    bound
        Initial values are uniform in [-bound, bound].
    initial
        Or else ``"normal"``, with standard deviation `bound`; ``"ones"``, each of them
        `bound`; ``"zeros"``.
    name
        Its name in the equations, if it is not the letter with the layer's number.
        Parameters of one name are one parameter.
    """

    key: str
    letter: str
    shape: tuple[sp.Expr, ...]
    bound: sp.Expr = sp.S.One
    initial: str = "uniform"
    name: str = ""

    @property
    def is_bias(self) -> bool:
        """Whether penalties leave it out unless told otherwise."""
        return "bias" in self.key.rpartition(".")[2]

    def drawn(self, shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float64]:
        """Initial values."""
        bound = float(self.bound) if self.bound.is_number else 0.0
        if self.initial == "uniform":
            return generator.uniform(-bound, bound, shape)
        if self.initial == "normal":
            return generator.normal(size=shape) * bound
        return np.full(shape, bound if self.initial == "ones" else 0.0)


@dataclass(frozen=True)
class Buffer:
    """State of a layer that training carries along but does not differentiate by.

    Attributes
    ----------
    key
        Its name in the PyTorch module: ``"running_mean"``.
    letter
        The letter it is written with.
    shape
        Its sizes.
    initial
        The value that fills it before training.
    """

    key: str
    letter: str
    shape: tuple[sp.Expr, ...]
    initial: float = 0.0


@dataclass(frozen=True)
class Width:
    """The size of the last axis between two layers, and the layer that gives it."""

    extent: sp.Expr
    giver: Layer


@dataclass(frozen=True)
class Layer(Record):
    """One layer of a network: a record of PyTorch's arguments that can write equations.

    A layer with parameters or buffers has a number, by which its quantities are named:
    its `equations` begin with ``scope.layer += 1``. One that is made of others (a block
    of a transformer) gives them as `parts` and calls their `equations`, in that order.
    """

    #: Letters for the axes of an example, where the network's input is this layer's.
    letters: ClassVar[tuple[str, ...]] = ()
    #: Whether the last axis is another one afterwards, of a size that `features` does
    #: not tell: flattening, convolution.
    reshapes: ClassVar[bool] = False

    @abstractmethod
    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add this layer's equations for the input `a`; return its output.

        Raises
        ------
        ShapeError
            If the layer cannot take a tensor of that shape.
        """

    # --- what it consists of --------------------------------------------------------

    @property
    def weights(self) -> tuple[Weights, ...]:
        """The layer's own parameters, in PyTorch's order."""
        return ()

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The layer's own buffers, in PyTorch's order."""
        return ()

    @property
    def further(self) -> tuple[str, ...]:
        """Letters of further inputs, in the order of PyTorch's forward: an initial state."""
        return ()

    @property
    def parts(self) -> Mapping[str, Layer]:
        """Layers it is made of by PyTorch's name, in the order of their equations."""
        return {}

    @property
    def numbered(self) -> bool:
        """Whether the layer counts: whether its equations begin with ``scope.layer += 1``."""
        return bool(self.weights or self.buffers or self.further)

    def flat(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """The layer itself and its parts, with their place in PyTorch: ``"1.linear1"``."""
        yield prefix.removesuffix("."), self
        for name, part in self.parts.items():
            yield from part.flat(f"{prefix}{name}.")

    # --- shapes ---------------------------------------------------------------------

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr] | None:
        """The sizes of the last axis before and after; None if any size will do."""
        return None

    @property
    def classes(self) -> sp.Expr | None:
        """How many labels there are, if the layer takes labels; None if it takes numbers."""
        return None

    def example_shape(self) -> tuple[SizeLike, ...] | None:
        """The sizes of one example, without batch axes; None if the layer does not say."""
        return None if self.features is None else (self.features[0],)

    def flow(self, before: Width | None, place: str = "") -> Width | None:
        """The last axis after the layer, given that before; None where it is not known.

        Raises
        ------
        ModelError
            If the layer takes another number of features.
        """
        if self.reshapes:
            return None
        if self.features is None:
            return before
        into, out = self.features
        if before is not None and before.extent != into:
            raise ModelError(
                f"{before.giver} gives {before.extent} features, "
                f"the next {type(self).__name__} expects {into}",
                where=f"{self}, layer {place}",
                remedy=f"let it take {before.extent} features, or let the one before give {into}",
            )
        return Width(out, self)

    # --- PyTorch's class, and other sizes -------------------------------------------

    def torch_arguments(self) -> dict[str, Any]:
        """The keyword arguments of the PyTorch class of the same name.

        Raises
        ------
        ModelError
            If a size is still a symbol; see `with_sizes`.
        """
        arguments = super().torch_arguments()
        for name in self._sized():
            value = arguments[name]
            whole = tuple(self._whole(name, e) for e in _listed(value))
            arguments[name] = whole if isinstance(value, tuple) else whole[0]
        return arguments

    def with_sizes(self: Self, sizes: Mapping[str, int]) -> Self:
        """The same layer with numbers for symbolic sizes: ``{"D": 3}``."""
        values = {size(name): size(value) for name, value in sizes.items()}
        changed: dict[str, Any] = {}
        for name in self._sized():
            value = getattr(self, name)
            known = tuple(_plain(size(extent).xreplace(values)) for extent in _listed(value))
            changed[name] = known if isinstance(value, tuple) else known[0]
        return replace(self, **changed)

    def _sized(self) -> Iterator[str]:
        """The fields that hold a size, or a tuple of sizes."""
        return (f.name for f in fields(self) if "size" in f.metadata and getattr(self, f.name))

    def _whole(self, name: str, value: SizeLike) -> int:
        extent = size(value)
        if not extent.is_Integer:
            raise ModelError(
                f"{name} is the symbol {extent}, where PyTorch needs a number",
                where=str(self),
                remedy=f"give it one: with_sizes({{'{extent}': 3}})",
            )
        return int(extent)


def _listed(value: Any) -> tuple[SizeLike, ...]:
    return value if isinstance(value, tuple) else (value,)


def _plain(extent: sp.Expr) -> SizeLike:
    return int(extent) if extent.is_Integer else extent


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
    weight
        A name for W. Layers whose weights have one name share them, as a language
        model's last layer shares the embedding's.

    Raises
    ------
    ModelError
        If a size is not one.
    """

    in_features: SizeLike = field(metadata=SIZE)
    out_features: SizeLike = field(metadata=SIZE)
    bias: bool = True
    weight: str = field(default="", metadata=OURS)

    def __post_init__(self) -> None:
        require_sizes(self, "in_features", "out_features")
        require_choice(self, "bias", (True, False))
        if not isinstance(self.weight, str):
            raise ModelError(
                f"weight={self.weight!r} is not a name",
                where="Linear",
                remedy="give the name that layers share a matrix by, such as weight='W'",
            )

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The sizes of the last axis before and after."""
        return size(self.in_features), size(self.out_features)

    @property
    def weights(self) -> tuple[Weights, ...]:
        """W and b, both uniform in ±1/√in as `torch.nn.Linear.reset_parameters` has it."""
        into, out = self.features
        bound = 1 / sp.sqrt(into)
        weight = Weights("weight", "W", (out, into), bound, name=self.weight)
        return (weight, Weights("bias", "b", (out,), bound)) if self.bias else (weight,)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add ``z[…,j] = Sum(a[…,i]*W[j,i], i) + b[j]``; `a` has one axis or more."""
        out = self.features[1]
        require_features(self, a)
        scope.layer += 1
        *leading, i = a.indices
        j = scope.index(out)
        z = sp.Sum(a.element * scope.parameter("W", j, i, name=self.weight).element, i)
        if self.bias:
            z += scope.parameter("b", j).element
        return scope.preactivation((*leading, j), z)


@LAYERS.add
@dataclass(frozen=True)
class Bilinear(Layer):
    """``z[…,k] = Sum(a[…,i]*W[k,i,j]*u[…,j], i, j) + b[k]``, with a further input u.

    Parameters
    ----------
    in1_features, in2_features
        The sizes of the last axes of a and of u.
    out_features
        That of z.
    bias
        Whether there is a ``b``.
    """

    in1_features: SizeLike = field(metadata=SIZE)
    in2_features: SizeLike = field(metadata=SIZE)
    out_features: SizeLike = field(metadata=SIZE)
    bias: bool = True

    def __post_init__(self) -> None:
        require_sizes(self, "in1_features", "in2_features", "out_features")
        require_choice(self, "bias", (True, False))

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The sizes of the last axis before and after."""
        return size(self.in1_features), size(self.out_features)

    @property
    def further(self) -> tuple[str, ...]:
        """The second input."""
        return ("u",)

    @property
    def weights(self) -> tuple[Weights, ...]:
        """W and b, both uniform in ±1/√in1."""
        into, out = self.features
        bound = 1 / sp.sqrt(into)
        weight = Weights("weight", "W", (out, into, size(self.in2_features)), bound)
        return (weight, Weights("bias", "b", (out,), bound)) if self.bias else (weight,)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add u and z; `a` has one axis or more."""
        require_features(self, a)
        scope.layer += 1
        *leading, i = a.indices
        k, j = scope.index(self.out_features), scope.index(self.in2_features)
        u = scope.input("u", *leading, j)
        W = scope.parameter("W", k, i, j)
        z = sp.Sum(a.element * W.element * u.element, j, i)
        if self.bias:
            z += scope.parameter("b", k).element
        return scope.preactivation((*leading, k), z)


def require_features(layer: Layer, a: Tensor) -> None:
    """Require a tensor's last axis to have the size that a layer's `features` says.

    Raises
    ------
    ShapeError
        If it has another.
    """
    into = layer.features[0] if layer.features else None
    if into is not None and (not a.indices or a.shape[-1] != into):
        raise ShapeError(
            f"{layer} needs {into} features on the last axis, {a.name!r} has shape {a.shape}",
            where=str(a.element),
            remedy=f"feed it a tensor whose last axis has size {into}",
        )


def require_sizes(layer: Layer, *names: str) -> None:
    """Require fields to be sizes: whole numbers from 1 up, or names.

    Raises
    ------
    ModelError
        If one is not.
    """
    for name in names:
        value = getattr(layer, name)
        if not value or not all(map(_is_size, _listed(value))):
            raise ModelError(
                f"{name}={value!r} is not a size",
                where=type(layer).__name__,
                remedy=f"give {name} a whole number from 1 up, or a name such as 'D'",
            )


def _is_size(value: Any) -> bool:
    if not isinstance(value, int | str | sp.Expr) or isinstance(value, bool):
        return False
    try:
        size(value)
    except ShapeError:
        return False
    return True
