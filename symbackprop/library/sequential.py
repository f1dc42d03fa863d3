"""Networks: what layers are put together to, and the system of equations it makes with a loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, TypeVar

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symbackprop.errors import ModelError
from symbackprop.language import Domain, Role, SizeLike, System, Tensor, size
from symbackprop.library.layers import LAYERS, Buffer, Layer, Weights, Width
from symbackprop.library.losses import LOSSES, Loss
from symbackprop.library.penalties import PENALTIES, Penalty
from symbackprop.library.scope import Scope

Batch: TypeAlias = SizeLike | Sequence[SizeLike]
Self = TypeVar("Self", bound="Network")

# Letters for the axes of an example where its first layer has no wish, by their number.
_LETTERS = {2: "ti", 3: "chw"}


@dataclass(frozen=True)
class Origin:
    """What a network's system was built from.

    Attributes
    ----------
    network, loss, penalties
        The records, from which the PyTorch originals can be built.
    prediction
        The name of the network's output: the tensor the loss was given.
    training
        Whether the equations are those of training or of evaluation.
    """

    network: Network
    loss: Loss
    penalties: tuple[Penalty, ...]
    prediction: str
    training: bool = True


@dataclass(frozen=True, init=False, repr=False)
class Network(Layer):
    """Several layers put together; itself a layer, so that networks nest.

    What is neither one after the other nor side by side, such as a recurrence of your own,
    is written as equations: as text with `sb.parse_system`, or with `sb.System`.

    Parameters
    ----------
    layers
        Layers, or further networks. Each place has parameters of its own.

    Raises
    ------
    ModelError
        If there is no layer, something is not a layer, one layer with parameters
        stands in two places, or the features of two neighbours disagree.
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise ModelError(
                "a network needs at least one layer",
                remedy=f"write {type(self).__name__}(Linear(10, 1))",
            )
        for layer in layers:
            _require(layer, (Layer,), "a layer", LAYERS)
        object.__setattr__(self, "layers", layers)
        self._check_places()
        self.flow(None)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def written_arguments(self) -> Iterator[tuple[str, Any]]:
        """The layers, and options that are not as they are by default."""
        yield from (("", layer) for layer in self.layers)
        yield from ((field.name, getattr(self, field.name)) for field in self._options())

    def __str__(self) -> str:
        named = [f"{f.name}={getattr(self, f.name)!r}" for f in self._options()]
        return f"{type(self).__name__}({', '.join([*map(str, self.layers), *named])})"

    __repr__ = __str__

    @property
    def parts(self) -> Mapping[str, Layer]:
        """The layers by their place."""
        return {str(place): layer for place, layer in enumerate(self.layers)}

    def flat(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """All layers in order, with their place as PyTorch writes it: ``"0"``, ``"1.0"``."""
        for name, part in self.parts.items():
            yield from part.flat(f"{prefix}{name}.")

    def with_sizes(self: Self, sizes: Mapping[str, int]) -> Self:
        """The same network with numbers for symbolic sizes: ``{"D": 3}``."""
        options = {f.name: getattr(self, f.name) for f in self._options()}
        return type(self)(*(layer.with_sizes(sizes) for layer in self.layers), **options)

    def _options(self) -> list[Any]:
        """The fields besides the layers that are not as they are by default."""
        return [f for f in fields(self)[1:] if getattr(self, f.name) != f.default]

    # --- shapes ---------------------------------------------------------------------

    @property
    def in_features(self) -> sp.Expr:
        """The size of the input's last axis, as the first layer that knows it says; else D."""
        for _, layer in self.flat():
            if layer.reshapes:
                break
            if layer.features is not None:
                return layer.features[0]
        return size("D")

    @property
    def classes(self) -> sp.Expr | None:
        """How many labels there are, if the first layer takes labels."""
        return next(layer for _, layer in self.flat()).classes

    def example_shape(self) -> tuple[SizeLike, ...]:
        """The sizes of one example, as the first layer that knows them says."""
        shapes = (layer.example_shape() for _, layer in self.flat())
        return next((shape for shape in shapes if shape is not None), (self.in_features,))

    @abstractmethod
    def flow(self, before: Width | None, place: str = "") -> Width | None:
        """The last axis after the network, given that before; None where it is not known."""

    # --- equations ------------------------------------------------------------------

    @abstractmethod
    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the equations of all layers for the input `a`; return the output."""

    def system(
        self,
        loss: Loss,
        penalties: Penalty | Iterable[Penalty] = (),
        *,
        batch: Batch = "N",
        shape: Sequence[SizeLike] | None = None,
        training: bool = True,
    ) -> System:
        """The network's equations with the objective ``L``.

        Parameters
        ----------
        loss
            What to minimise.
        penalties
            Terms added to it, gathered in the intermediate ``R``.
        batch
            The size of the batch axis; several sizes for several leading axes, an
            empty sequence for a single example without one.
        shape
            The sizes of the axes of one example, after those of the batch: ``(3, "H",
            "W")``; if None, what the first layer that knows it takes.
        training
            False for the equations of evaluation: running averages, no dropout.

        Returns
        -------
        System
            Input ``x``, target ``y``, parameters ``W1 b1 …``, intermediates
            ``z1 a1 …``; its `origin` is an `Origin`, its `updates` those of buffers.

        Raises
        ------
        ModelError
            If `loss` is not a loss or a penalty not a penalty, a penalty finds no
            parameter, or a batch size is also a number of features.
        ShapeError
            If a layer or the loss cannot take tensors of that rank.
        """
        terms = (penalties,) if isinstance(penalties, Penalty) else tuple(penalties)
        _require(loss, (Loss,), "a loss", LOSSES)
        for penalty in terms:
            _require(penalty, (Penalty,), "a penalty", PENALTIES)
        scope = Scope(training=training)
        prediction = self.equations(scope, self._input(scope, batch, shape))
        parameters = [tensor for tensor in scope.tensors if tensor.role is Role.PARAMETER]
        objective = loss.objective(scope, prediction)
        if terms:
            objective += _regularizer(scope, terms, parameters, self.biases).element
        scope.define("L", (), objective, latex="L")
        return System(
            scope.equations,
            scope.tensors,
            minimize="L",
            facts=scope.facts,
            origin=Origin(self, loss, terms, prediction.name, training),
            updates=scope.updates,
        )

    def _input(self, scope: Scope, batch: Batch, shape: Sequence[SizeLike] | None) -> Tensor:
        extents = (batch,) if isinstance(batch, int | str | sp.Expr) else batch
        leading = [size(extent) for extent in extents]
        example = [size(extent) for extent in (self.example_shape() if shape is None else shape)]
        features = {extent for _, layer in self.flat() for extent in layer.features or ()}
        for extent in leading:
            if extent in features.union(example) and extent.free_symbols:
                raise ModelError(
                    f"{extent} is both a size of the batch and a number of features",
                    where=str(self),
                    remedy=f"call one of them something else: system(loss, batch='{extent}_batch')",
                )
        letters = [scope.index(extent, *_batch_letters(extent, len(leading))) for extent in leading]
        first = next(layer for _, layer in self.flat())
        wished = first.letters if len(first.letters) == len(example) else ()
        letters += scope.indices(example, wished or _LETTERS.get(len(example), ""))
        labels = {"domain": Domain.LABEL, "classes": self.classes} if self.classes else {}
        return scope.declare("x", Role.INPUT, *letters, **labels)

    # --- parameters and buffers -----------------------------------------------------

    @property
    def parameter_names(self) -> dict[str, str]:
        """From PyTorch's names to those in the equations: ``{"0.weight": "W1", …}``."""
        return {key: name for key, name, _ in self._weights()}

    @property
    def biases(self) -> frozenset[str]:
        """The parameters that penalties leave out unless told otherwise."""
        return frozenset(name for _, name, weights in self._weights() if weights.is_bias)

    @property
    def buffer_names(self) -> dict[str, str]:
        """From PyTorch's names of buffers to those in the equations."""
        return {key: name for key, name, _ in self._buffers()}

    @property
    def further_names(self) -> dict[str, tuple[str, ...]]:
        """By place, the further inputs that the layer there has in the equations."""
        return {
            place: tuple(f"{letter}{number}" for letter in layer.further)
            for place, number, layer in self._numbered()
            if layer.further
        }

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter, in order.

        Raises
        ------
        ModelError
            If a size is still a symbol.
        """
        return {
            name: tuple(_whole(extent, key) for extent in w.shape)
            for key, name, w in self._weights()
        }

    def initial_parameters(self, seed: int = 0) -> dict[str, NDArray[np.float64]]:
        """Initial values, distributed as PyTorch's.

        Raises
        ------
        ModelError
            If a size is still a symbol.
        """
        generator = np.random.default_rng(seed)
        shapes = self.parameter_shapes()
        drawn: dict[str, NDArray[np.float64]] = {}
        for _, name, weights in self._weights():
            if name not in drawn:
                drawn[name] = weights.drawn(shapes[name], generator)
        return drawn

    def initial_buffers(self) -> dict[str, NDArray[np.float64]]:
        """The buffers before training, by their names in the equations.

        Raises
        ------
        ModelError
            If a size is still a symbol.
        """
        return {
            name: np.full(tuple(_whole(extent, key) for extent in b.shape), b.initial)
            for key, name, b in self._buffers()
        }

    def _weights(self) -> Iterator[tuple[str, str, Weights]]:
        """PyTorch's name and the equations' name with each parameter, in order."""
        for place, number, layer in self._numbered():
            for weights in layer.weights:
                yield f"{place}.{weights.key}", weights.name or f"{weights.letter}{number}", weights

    def _buffers(self) -> Iterator[tuple[str, str, Buffer]]:
        """PyTorch's name and the equations' name with each buffer, in order."""
        for place, number, layer in self._numbered():
            for buffer in layer.buffers:
                yield f"{place}.{buffer.key}", f"{buffer.letter}{number}", buffer

    def _numbered(self) -> Iterator[tuple[str, int, Layer]]:
        """Every layer with its place and the number of the layer there."""
        number = 0
        for place, layer in self.flat():
            number += layer.numbered
            yield place, number, layer

    # --- validation -----------------------------------------------------------------

    def _check_places(self) -> None:
        seen: dict[int, str] = {}
        for place, layer in self.flat():
            if (layer.weights or layer.buffers) and id(layer) in seen:
                raise ModelError(
                    f"one and the same {layer} stands at {seen[id(layer)]} and at {place}: "
                    "PyTorch would share its weights",
                    where=str(self),
                    remedy="write the layer out twice for separate weights; "
                    "for shared ones give both a name: Linear(3, 3, weight='W')",
                )
            seen[id(layer)] = place


class Sequential(Network):
    """Layers one after the other.

    Examples
    --------
    >>> net = Sequential(LAYERS["Linear"](10, 20), LAYERS["ReLU"](), LAYERS["Linear"](20, 1))
    >>> print(net.system(LOSSES["MSELoss"]()))
    z1[n, j] = b1[j] + Sum(W1[j, i]*x[n, i], (i, 0, 9))
    a1[n, j] = relu(z1[n, j])
    z2[n, k] = b2[k] + Sum(W2[k, j]*a1[n, j], (j, 0, 19))
    L = Sum((-y[n, k] + z2[n, k])**2, (k, 0, 0), (n, 0, N - 1))/N
    """

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the equations of all layers for the input `a`; return the output."""
        for layer in self.layers:
            a = layer.equations(scope, a)
        return a

    def flow(self, before: Width | None, place: str = "") -> Width | None:
        """The last axis after the last layer."""
        for number, layer in enumerate(self.layers):
            before = layer.flow(before, f"{place}.{number}".lstrip("."))
        return before


def _regularizer(
    scope: Scope,
    penalties: tuple[Penalty, ...],
    parameters: list[Tensor],
    biases: Collection[str],
) -> Tensor:
    terms: list[sp.Expr] = []
    for number, penalty in enumerate(penalties, start=1):
        priced = [t for t in parameters if penalty.bias or t.name not in biases]
        if not priced:
            raise ModelError(
                f"{penalty} finds no parameter to act on",
                remedy="leave it out, or add a layer with weights",
            )
        several = len(penalties) > 1
        strength = scope.declare(
            f"lambda_{number}" if several else "lambda",
            Role.HYPERPARAMETER,
            latex=rf"\lambda_{{{number}}}" if several else r"\lambda",
            value=float(penalty.strength),
        )
        terms += [penalty.term(strength.element, tensor) for tensor in priced]
    return scope.define("R", (), sp.Add(*terms), latex="R")


def _require(value: Any, kinds: tuple[type, ...], what: str, known: Iterable[str]) -> None:
    if isinstance(value, kinds):
        return
    called = isinstance(value, type) and issubclass(value, kinds)
    raise ModelError(
        f"{value.__name__ if called else repr(value)} is not {what}"
        + (", it is the class of one" if called else ""),
        remedy=f"write {value.__name__}(…)" if called else f"use one of {', '.join(known)}",
    )


def _batch_letters(extent: sp.Expr, several: int) -> tuple[str, ...]:
    """The letters a batch axis would like: n, or its size's own among several."""
    name = str(extent).lower()
    return (name, "n") if several > 1 and extent.is_Symbol and len(name) == 1 else ("n",)


def _whole(extent: sp.Expr, key: str) -> int:
    if not extent.is_Integer:
        raise ModelError(
            f"{key} has the symbolic size {extent}",
            remedy=f"give it a number first: net.with_sizes({{'{extent}': 3}})",
        )
    return int(extent)
