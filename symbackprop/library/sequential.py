"""Networks: layers one after the other, and the system of equations they make with a loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symbackprop.errors import ModelError
from symbackprop.language import Role, SizeLike, System, Tensor, size
from symbackprop.library.layers import LAYERS, Layer, Weights
from symbackprop.library.losses import LOSSES, Loss
from symbackprop.library.penalties import PENALTIES, Penalty
from symbackprop.library.scope import Scope

Batch: TypeAlias = SizeLike | Sequence[SizeLike]


@dataclass(frozen=True)
class Origin:
    """What a network's system was built from.

    Attributes
    ----------
    network, loss, penalties
        The records, from which the PyTorch originals can be built.
    prediction
        The name of the network's output: the tensor the loss was given.
    """

    network: Sequential
    loss: Loss
    penalties: tuple[Penalty, ...]
    prediction: str


class Sequential:
    """Layers one after the other.

    Parameters
    ----------
    layers
        Layers, or further `Sequential` networks. Each place has parameters of its own.

    Raises
    ------
    ModelError
        If there is no layer, something is not a layer, one layer with parameters
        stands in two places, or the features of two neighbours disagree.

    Examples
    --------
    >>> net = Sequential(LAYERS["Linear"](10, 20), LAYERS["ReLU"](), LAYERS["Linear"](20, 1))
    >>> print(net.system(LOSSES["MSELoss"]()))
    z1[n, j] = b1[j] + Sum(W1[j, i]*x[n, i], (i, 0, 9))
    a1[n, j] = relu(z1[n, j])
    z2[n, k] = b2[k] + Sum(W2[k, j]*a1[n, j], (j, 0, 19))
    L = Sum((-y[n, k] + z2[n, k])**2, (k, 0, 0), (n, 0, N - 1))/N
    """

    def __init__(self, *layers: Layer | Sequential) -> None:
        if not layers:
            raise ModelError(
                "a network needs at least one layer", remedy="write Sequential(Linear(10, 1))"
            )
        for layer in layers:
            _require(layer, (Layer, Sequential), "a layer", LAYERS)
        self.layers: tuple[Layer | Sequential, ...] = layers
        self._check_places()
        self.in_features: sp.Expr = self._check_features()

    def __iter__(self) -> Iterator[Layer | Sequential]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequential) and self.layers == other.layers

    def __hash__(self) -> int:
        return hash(self.layers)

    def __str__(self) -> str:
        return f"Sequential({', '.join(map(str, self.layers))})"

    __repr__ = __str__

    def flat(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """All layers in order, with their place as PyTorch writes it: ``"0"``, ``"1.0"``."""
        for place, layer in enumerate(self.layers):
            if isinstance(layer, Sequential):
                yield from layer.flat(f"{prefix}{place}.")
            else:
                yield f"{prefix}{place}", layer

    def with_sizes(self, sizes: Mapping[str, int]) -> Sequential:
        """The same network with numbers for symbolic sizes: ``{"D": 3}``."""
        return Sequential(*(layer.with_sizes(sizes) for layer in self.layers))

    # --- equations ------------------------------------------------------------------

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the equations of all layers for the input `a`; return the output."""
        for _, layer in self.flat():
            a = layer.equations(scope, a)
        return a

    def system(
        self, loss: Loss, penalties: Penalty | Iterable[Penalty] = (), *, batch: Batch = "N"
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

        Returns
        -------
        System
            Input ``x``, target ``y``, parameters ``W1 b1 …``, intermediates
            ``z1 a1 …``; its `origin` is an `Origin`.

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
        scope = Scope()
        prediction = self.equations(scope, self._input(scope, batch))
        parameters = [tensor for tensor in scope.tensors if tensor.role is Role.PARAMETER]
        objective = loss.objective(scope, prediction)
        if terms:
            priced = list(zip(parameters, (w for _, w in self._weights()), strict=True))
            objective += _regularizer(scope, terms, priced).element
        scope.define("L", (), objective, latex="L")
        return System(
            scope.equations,
            scope.tensors,
            minimize="L",
            facts=scope.facts,
            origin=Origin(self, loss, terms, prediction.name),
        )

    def _input(self, scope: Scope, batch: Batch) -> Tensor:
        extents = (batch,) if isinstance(batch, int | str | sp.Expr) else batch
        leading = [size(extent) for extent in extents]
        features = {extent for _, layer in self.flat() for extent in layer.features or ()}
        for extent in leading:
            if extent in features and extent.free_symbols:
                raise ModelError(
                    f"{extent} is both a size of the batch and a number of features",
                    where=str(self),
                    remedy=f"call one of them something else: system(loss, batch='{extent}_batch')",
                )
        letters = [scope.index(extent, "n") for extent in leading]
        return scope.declare("x", Role.INPUT, *letters, scope.index(self.in_features))

    # --- parameters -----------------------------------------------------------------

    @property
    def parameter_names(self) -> dict[str, str]:
        """From PyTorch's names to those in the equations: ``{"0.weight": "W1", …}``."""
        return {key: f"{w.letter}{layer}" for (key, layer), w in self._weights()}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter, in order.

        Raises
        ------
        ModelError
            If a size is still a symbol.
        """
        return {
            f"{w.letter}{layer}": tuple(_whole(extent, key) for extent in w.shape)
            for (key, layer), w in self._weights()
        }

    def initial_parameters(self, seed: int = 0) -> dict[str, NDArray[np.float64]]:
        """Initial values, distributed as PyTorch's: uniform in ±1/√(in features).

        Raises
        ------
        ModelError
            If a size is still a symbol.
        """
        generator = np.random.default_rng(seed)
        bounds = [float(w.bound) if w.bound.is_number else 0.0 for _, w in self._weights()]
        return {
            name: generator.uniform(-bound, bound, shape)
            for (name, shape), bound in zip(self.parameter_shapes().items(), bounds, strict=True)
        }

    def _weights(self) -> Iterator[tuple[tuple[str, int], Weights]]:
        """PyTorch's name and the layer's number with each parameter, in order."""
        number = 0
        for place, layer in self.flat():
            number += bool(layer.weights)
            for weights in layer.weights:
                yield (f"{place}.{weights.key}", number), weights

    # --- validation -----------------------------------------------------------------

    def _check_places(self) -> None:
        seen: dict[int, str] = {}
        for place, layer in self.flat():
            if layer.weights and id(layer) in seen:
                raise ModelError(
                    f"one and the same {layer} stands at {seen[id(layer)]} and at {place}: "
                    "PyTorch would share its weights",
                    where=str(self),
                    remedy="write the layer out twice for separate weights; "
                    "for shared ones write the equations by hand",
                )
            seen[id(layer)] = place

    def _check_features(self) -> sp.Expr:
        """The features of the input; those of neighbours must agree."""
        given: tuple[sp.Expr, Layer] | None = None
        first: sp.Expr | None = None
        for place, layer in self.flat():
            if layer.features is None:
                continue
            into, out = layer.features
            if given is not None and given[0] != into:
                raise ModelError(
                    f"{given[1]} gives {given[0]} features, "
                    f"the next {type(layer).__name__} expects {into}",
                    where=f"{layer}, layer {place} of {self}",
                    remedy=f"let it take {given[0]} features, or let the one before give {into}",
                )
            first = into if first is None else first
            given = out, layer
        return size("D") if first is None else first


def _regularizer(
    scope: Scope, penalties: tuple[Penalty, ...], parameters: list[tuple[Tensor, Weights]]
) -> Tensor:
    terms: list[sp.Expr] = []
    for number, penalty in enumerate(penalties, start=1):
        priced = [tensor for tensor, w in parameters if penalty.bias or not w.is_bias]
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


def _whole(extent: sp.Expr, key: str) -> int:
    if not extent.is_Integer:
        raise ModelError(
            f"{key} has the symbolic size {extent}",
            remedy=f"give it a number first: net.with_sizes({{'{extent}': 3}})",
        )
    return int(extent)
