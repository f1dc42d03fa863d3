"""Oracle: the real `torch.nn` modules a system was written from, where there are any.

The module of a layer is the class of its name in `torch.nn`, with the layer's
arguments; `built` and `forward` are registered anew for what PyTorch builds or calls
differently. Masks of dropout are not drawn but given, in the order in which the
equations declare them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from symbackprop.language import Domain, Role, System
from symbackprop.library import (
    CELU,
    GaussianSample,
    Hardsigmoid,
    Layer,
    LearnedPositions,
    Loss,
    Network,
    Origin,
    Parallel,
    Residual,
    Sequential,
)
from symbackprop.library.classification import ClassLoss
from symbackprop.library.pairs import VectorLoss
from symbackprop.library.records import Record, exact
from symbackprop.verify.exact import Sizes
from symbackprop.verify.torch_reader import TorchReader


@dataclass(frozen=True)
class ModuleReading:
    """What the original modules compute.

    Attributes
    ----------
    objective, prediction
        The loss, and the network's output.
    gradients
        The objective's derivatives by the parameters and the inputs.
    buffers
        The buffers after this step, by their names in the equations.
    """

    objective: float
    prediction: np.ndarray
    gradients: Mapping[str, np.ndarray]
    buffers: Mapping[str, np.ndarray]


def module_gradients(
    system: System, values: Mapping[str, np.ndarray], sizes: Sizes
) -> tuple[float, Mapping[str, np.ndarray]] | None:
    """The objective and its derivatives, by the original modules; see `module_reading`."""
    reading = module_reading(system, values, sizes)
    return None if reading is None else (reading.objective, reading.gradients)


def module_reading(
    system: System, values: Mapping[str, np.ndarray], sizes: Sizes
) -> ModuleReading | None:
    """What the modules that a system was written from compute.

    Parameters
    ----------
    system
        The forward equations; `origin` says what they were written from.
    values
        Arrays for everything given: inputs, targets, parameters, buffers, masks.
    sizes
        What the symbolic sizes are.

    Returns
    -------
    ModuleReading or None
        None for a system that was not written from a network, or from a layer or a
        loss that PyTorch does not have.
    """
    import torch

    origin = system.origin
    if not isinstance(origin, Origin):
        return None
    network = origin.network.with_sizes({str(symbol): n for symbol, n in sizes.items()})
    try:
        module, loss = built(network).double(), built(origin.loss)
    except NoOriginalError:
        return None
    tensors = {name: _tensor(value) for name, value in values.items()}
    leaves = _install(module.train(origin.training), network, tensors)
    leaves |= {
        t.name: tensors[t.name].requires_grad_()
        for t in system.inputs
        if t.domain is not Domain.LABEL and t.name not in network.buffer_names.values()
    }
    tensors |= leaves
    masks = [tensors[m.name] for m in system.with_role(Role.MASK) if m.keep is not None]
    call = Call(network, module, tensors, network.further_names)
    with _given_masks(masks):
        prediction = call.output(tensors[system.inputs[0].name])
    value = compared(origin.loss, loss, prediction, tensors)
    if origin.loss.reduction == "none":  # weighted by what comes from above
        value = (value * tensors["g"]).sum()
    value = value + _penalties(system, origin, leaves, sizes)
    gradients = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
    return ModuleReading(
        float(value.detach()),
        prediction.detach().numpy(),
        {
            name: np.zeros(tuple(leaves[name].shape)) if gradient is None else gradient.numpy()
            for name, gradient in zip(leaves, gradients, strict=True)
        },
        {name: module.get_buffer(key).numpy() for key, name in network.buffer_names.items()},
    )


# --- modules ----------------------------------------------------------------------------


class NoOriginalError(LookupError):
    """PyTorch has no class of that name."""


@singledispatch
def built(record: Record) -> Any:
    """The module that a layer or a loss is called after.

    Raises
    ------
    NoOriginalError
        If PyTorch has none.
    """
    import torch

    name = type(record).__name__
    if not hasattr(torch.nn, name):
        raise NoOriginalError(name)
    arguments = record.torch_arguments()
    if isinstance(arguments.get("weight"), tuple):
        arguments["weight"] = torch.tensor(arguments["weight"], dtype=torch.float64)
    return getattr(torch.nn, name)(**arguments)


@built.register
def _(network: Network) -> Any:
    import torch

    return torch.nn.Sequential(*(built(layer) for layer in network))


@built.register
def _(layer: GaussianSample) -> Any:
    import torch

    return torch.nn.Identity()


@built.register
def _(layer: LearnedPositions) -> Any:
    import torch

    table = torch.empty(layer.torch_arguments()["length"], layer.torch_arguments()["dim"])
    module = torch.nn.Module()
    module.register_parameter("weight", torch.nn.Parameter(torch.nn.init.normal_(table, std=0.02)))
    return module


@dataclass(frozen=True)
class Call:
    """A layer with its module, about to be called.

    Attributes
    ----------
    layer, module
        The layer, and what PyTorch has for it.
    tensors
        Everything given, by name.
    names
        By place, the names of the further inputs of the layer there.
    place
        Where the layer stands.
    """

    layer: Layer
    module: Any
    tensors: Mapping[str, Any]
    names: Mapping[str, tuple[str, ...]]
    place: str = ""

    @property
    def further(self) -> list[Any]:
        """The layer's further inputs, those that evaluation has."""
        names = self.names.get(self.place, ())
        return [self.tensors[name] for name in names if name in self.tensors]

    def output(self, x: Any) -> Any:
        """What the layer's module makes of an input."""
        return forward(self.layer, self, x)

    def part(self, name: str, x: Any) -> Any:
        """What one of the layer's parts makes of an input."""
        part, module = self.layer.parts[name], self.module.get_submodule(name)
        place = f"{self.place}.{name}".removeprefix(".")
        return Call(part, module, self.tensors, self.names, place).output(x)


@singledispatch
def forward(layer: Layer, call: Call, x: Any) -> Any:
    """What a layer's module makes of the input `x`: of several results, the first."""
    result = call.module(x, *call.further)
    return result[0] if isinstance(result, tuple) else result


@forward.register
def _(layer: Sequential, call: Call, x: Any) -> Any:
    for name in layer.parts:
        x = call.part(name, x)
    return x


@forward.register
def _(layer: Residual, call: Call, x: Any) -> Any:
    return x + forward.dispatch(Sequential)(layer, call, x)


@forward.register
def _(layer: Parallel, call: Call, x: Any) -> Any:
    import torch

    branches = [call.part(name, x) for name in layer.parts]
    return torch.cat(branches, layer.dim) if layer.join == "concat" else sum(branches)


@forward.register
def _(layer: GaussianSample, call: Call, x: Any) -> Any:
    mean, log_variance = x.chunk(2, -1)
    return mean + sum((log_variance / 2).exp() * noise for noise in call.further)


@forward.register
def _(layer: LearnedPositions, call: Call, x: Any) -> Any:
    return x + call.module.weight[: x.shape[-2]]


@forward.register
def _(layer: CELU, call: Call, x: Any) -> Any:
    import torch

    alpha = call.module.alpha
    curve = torch.where(x > 0, x, alpha * torch.expm1(x / alpha))
    return _with_derivative_of(curve, call.module(x))


@forward.register
def _(layer: Hardsigmoid, call: Call, x: Any) -> Any:
    import torch

    return _with_derivative_of(torch.nn.functional.relu6(x + 3) / 6, call.module(x))


def _with_derivative_of(formula: Any, value: Any) -> Any:
    """A module's value, with the derivative of its formula.

    PyTorch's own derivative has a factor in float32 (1/alpha, 1/6) even for float64.
    """
    return value.detach() + formula - formula.detach()


@singledispatch
def compared(loss: Loss, module: Any, prediction: Any, tensors: Mapping[str, Any]) -> Any:
    """What a loss's module makes of a prediction."""
    return module(prediction, *(tensors[name] for name in loss.operands))


@compared.register
def _(loss: ClassLoss, module: Any, prediction: Any, tensors: Mapping[str, Any]) -> Any:
    y = tensors["y"]
    if loss.dim is None:
        return module(prediction, y)
    # PyTorch's axis of the classes is the second.
    of_classes = y.ndim == prediction.ndim
    return module(prediction.movedim(loss.dim, 1), y.movedim(loss.dim, 1) if of_classes else y)


@compared.register
def _(loss: VectorLoss, module: Any, prediction: Any, tensors: Mapping[str, Any]) -> Any:
    vectors = prediction.unbind(1) if loss.stacked else (prediction,)
    return module(*vectors, *(tensors[name] for name in loss.operands))


# --- what is given ----------------------------------------------------------------------


def _tensor(value: np.ndarray) -> Any:
    import torch

    return torch.as_tensor(np.array(value))


def _install(module: Any, network: Network, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Put given parameters and buffers into a module; the parameters, by our names."""
    import torch

    leaves = {name: torch.nn.Parameter(tensors[name]) for name in network.parameter_names.values()}
    for key, name in network.parameter_names.items():
        owner, _, own = key.rpartition(".")
        assert module.get_parameter(key).shape == leaves[name].shape, key  # noqa: S101
        setattr(module.get_submodule(owner), own, leaves[name])
    for key, name in network.buffer_names.items():
        if name in tensors:  # evaluation does not need them all
            module.get_buffer(key).copy_(tensors[name])
    return leaves


@contextmanager
def _given_masks(masks: Sequence[Any]) -> Iterator[None]:
    """Let dropout multiply by the given masks instead of drawing some."""
    import torch

    remaining = iter(masks)
    drawing = torch.nn.functional.dropout

    def given(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        if not training or p == 0:
            return x
        return x * next(remaining).reshape(x.shape) / (1 - p) if p < 1 else x * 0

    torch.nn.functional.dropout = given
    try:
        yield
    finally:
        torch.nn.functional.dropout = drawing
    assert next(remaining, None) is None, "a mask was not used"  # noqa: S101


def _penalties(system: System, origin: Origin, parameters: Mapping[str, Any], sizes: Sizes) -> Any:
    """What the penalties, which `torch.nn` does not have, add to the loss."""
    reader = TorchReader(parameters, sizes)
    biases = origin.network.biases
    terms = [
        reader.read(penalty.term(exact(penalty.strength), tensor), None).data
        for penalty in origin.penalties
        for tensor in system.parameters
        if penalty.bias or tensor.name not in biases
    ]
    return sum(terms)


# Registers what it calls with `forward` and `built`, which it needs first.
import symbackprop.verify.sequences  # noqa: E402, F401
