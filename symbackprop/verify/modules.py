"""Oracle: the real `torch.nn` modules a system was written from, where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symbackprop.language import Role, System
from symbackprop.library.records import exact
from symbackprop.library.sequential import Network, Origin
from symbackprop.verify.autograd import TorchReader
from symbackprop.verify.evaluate import Sizes


def module_gradients(
    system: System, values: Mapping[str, np.ndarray], sizes: Sizes
) -> tuple[float, dict[str, np.ndarray]] | None:
    """The objective and its derivatives by the parameters, by the original modules.

    Parameters
    ----------
    system
        The forward equations; `origin` says what they were written from.
    values
        Arrays for the inputs, the target and the parameters.
    sizes
        What the symbolic sizes are.

    Returns
    -------
    tuple or None
        None for a system that was not written from a network.
    """
    import torch

    origin = system.origin
    if not isinstance(origin, Origin):
        return None
    network = origin.network.with_sizes({str(symbol): n for symbol, n in sizes.items()})
    module = _module(network)
    names = network.parameter_names
    module.load_state_dict({key: torch.as_tensor(values[ours]) for key, ours in names.items()})
    tensors = {name: torch.as_tensor(value) for name, value in values.items()}
    (x,), (y,) = (system.with_role(role)[:1] for role in (Role.INPUT, Role.TARGET))
    loss = _built(origin.loss)(module(tensors[x.name]), tensors[y.name])
    # With reduction="none" the losses are weighted by a second input.
    for upstream in system.inputs[1:]:
        loss = (loss * tensors[upstream.name]).sum()
    parameters = {ours: module.get_parameter(key) for key, ours in names.items()}
    loss = loss + _penalties(system, origin, parameters, sizes)
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return float(loss.detach()), {
        name: np.zeros(tuple(parameters[name].shape)) if g is None else g.numpy()
        for name, g in zip(parameters, gradients, strict=True)
    }


def _built(record: Any) -> Any:
    import torch

    return getattr(torch.nn, type(record).__name__)(**record.torch_arguments()).double()


def _module(network: Network) -> Any:
    import torch

    parts = (_module(p) if isinstance(p, Network) else _built(p) for p in network)
    return torch.nn.Sequential(*parts)


def _penalties(system: System, origin: Origin, parameters: Mapping[str, Any], sizes: Sizes) -> Any:
    """What the penalties, which `torch.nn` does not have, add to the loss."""
    reader = TorchReader(parameters, sizes)
    biases = origin.network.biases
    terms = [
        reader.read(penalty.term(exact(penalty.strength), system.tensors[name]), None).data
        for penalty in origin.penalties
        for name in parameters
        if penalty.bias or name not in biases
    ]
    return sum(terms)
