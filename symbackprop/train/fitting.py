"""Bringing a network, a loss and a data set together: each may tell what the others are."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symbackprop.errors import ModelError, OptionError
from symbackprop.language import SizeLike, size
from symbackprop.library import (
    CrossEntropyLoss,
    Linear,
    Loss,
    MSELoss,
    ReLU,
    Sequential,
)
from symbackprop.train.datasets import Dataset, Needs

# A hidden layer for data of few features, and for data of many.
_NARROW, _WIDE = 16, 128
_MANY_FEATURES = 32
# Steps are cheap; an epoch should have a few.
_BATCH = 64


def needs_of(
    network: Sequential | None, loss: Loss | None, shape: Sequence[SizeLike] | None = None
) -> Needs:
    """What a network and a loss need of data; sizes left open are not needed.

    Parameters
    ----------
    network, loss
        If they are known.
    shape
        The axes of an example, if they are given.

    Raises
    ------
    OptionError
        If the loss does not come down to one number.
    """
    if loss is not None and loss.reduction == "none":
        raise OptionError(
            "a loss that is not reduced cannot be minimised",
            where=str(loss),
            remedy="use reduction='mean'",
        )
    kind = None if loss is None else loss.target_kind
    if network is None:
        return Needs(kind)
    features = sp.Mul(*map(size, network.example_shape() if shape is None else shape))
    return Needs(kind, _number(features), _number(_out_features(network)))


def laid_out(
    network: Sequential, data: Dataset, shape: Sequence[SizeLike] | None
) -> tuple[int, ...] | None:
    """The axes of an example as numbers; None for those that the network tells.

    Raises
    ------
    ModelError
        If the network takes several axes, and the size of one is left open.
    """
    axes = tuple(map(size, network.example_shape() if shape is None else shape))
    if shape is None and len(axes) == 1:
        return None if axes[0].is_Integer else (data.features,)
    for extent in axes:
        if not extent.is_Integer:
            raise ModelError(
                f"a row's features have to be laid out in {len(axes)} axes, "
                f"and the size {extent} of one is left open",
                where=str(network),
                remedy="tell the sizes: --input 1,8,8",
            )
    return tuple(map(int, axes))


def loss_for(data: Dataset) -> Loss:
    """Cross entropy for labels, squared error for numbers."""
    return CrossEntropyLoss() if data.y.ndim == 1 else MSELoss()


def network_for(data: Dataset) -> Sequential:
    """A network with one hidden layer that takes the data's features and gives its outputs."""
    width = _WIDE if data.features >= _MANY_FEATURES else _NARROW
    return Sequential(Linear(data.features, width), ReLU(), Linear(width, data.outputs))


def batch_size_for(rows: int) -> int:
    """64, or an eighth of the rows where they are few."""
    return max(1, min(_BATCH, rows // 8))


def sized(network: Sequential, data: Dataset) -> Sequential:
    """The network with the data's numbers for the input and output sizes it leaves open.

    Raises
    ------
    ModelError
        If there is nothing to train, or a size in between is left open.
    """
    if not network.parameter_names:
        raise ModelError(
            "the network has no parameters to train",
            where=str(network),
            remedy=f"add a layer that has some, such as Linear({data.features}, {data.outputs})",
        )
    numbers = {_out_features(network): data.outputs}
    if len(network.example_shape()) == 1:
        numbers[size(network.example_shape()[0])] = data.features
    known = {str(extent): number for extent, number in numbers.items() if extent.free_symbols}
    network = network.with_sizes(known)
    for _, layer in network.flat():
        for extent in layer.features or ():
            if extent.free_symbols:
                raise ModelError(
                    f"the size {extent} is left open, and no data can tell it",
                    where=str(layer),
                    remedy=f"write a number for {extent}",
                )
    return network


def _out_features(network: Sequential) -> sp.Expr:
    ends = [layer.features[1] for _, layer in network.flat() if layer.features is not None]
    return size(ends[-1]) if ends else network.in_features


def _number(extent: sp.Expr) -> int | None:
    return int(extent) if extent.is_Integer else None
