"""How PyTorch's modules over sequences are built and called, for the `modules` oracle.

They take their further inputs in ways of their own, give more than the output, and keep
some dropout to themselves; where it is drawn inside, their parts are called one by one.
"""

from __future__ import annotations

from typing import Any

from symbackprop.library import GPT, MultiheadAttention, TransformerEncoderLayer
from symbackprop.library.recurrent import Recurrent
from symbackprop.verify.modules import Call, built, forward


@forward.register
def _(layer: Recurrent, call: Call, x: Any) -> Any:
    import torch

    initial = call.further
    state = tuple(initial) if len(initial) > 1 else initial[0] if initial else None
    run = _layer_by_layer if layer.dropout and call.module.training else _at_once
    sequence, final = run(layer, call.module, x, state)
    if layer.output == "sequence":
        return sequence
    if layer.output == "final":
        return torch.cat(list(final[-layer.directions :]), -1)
    return sequence[:, -1] if layer.batch_first and x.ndim == 3 else sequence[-1]


def _at_once(layer: Recurrent, module: Any, x: Any, state: Any) -> tuple[Any, Any]:
    sequence, final = module(x, state)
    return sequence, final[0] if isinstance(final, tuple) else final


def _layer_by_layer(layer: Recurrent, module: Any, x: Any, state: Any) -> tuple[Any, Any]:
    """Each layer as a module of its own, with dropout between them."""
    import torch

    finals = []
    for number in range(layer.num_layers):
        if number:
            x = torch.nn.functional.dropout(x, layer.dropout, training=True)
        arguments = layer.torch_arguments() | {
            "num_layers": 1,
            "dropout": 0.0,
            "input_size": x.shape[-1],
        }
        alone = type(module)(**arguments).double()
        for name, parameter in module.named_parameters():
            if f"_l{number}" in name:
                setattr(alone, name.replace(f"_l{number}", "_l0"), parameter)
        places = slice(number * layer.directions, (number + 1) * layer.directions)
        own = tuple(s[places] for s in state) if isinstance(state, tuple) else state
        own = own[places] if own is not None and not isinstance(own, tuple) else own
        x, final = _at_once(layer, alone, x, own)
        finals.append(final)
    return x, torch.cat(finals)


@forward.register
def _(layer: MultiheadAttention, call: Call, x: Any) -> Any:
    given = dict(zip(layer.further, call.further, strict=True))
    masks = _masks(layer.is_causal, given, x, 1 if layer.batch_first and x.ndim == 3 else 0)
    drops = bool(layer.dropout) and call.module.training  # drawn inside unless weights are needed
    key, value = (given.get(name, x) for name in ("key", "value"))
    output, _ = call.module(x, key, value, need_weights=layer.need_weights or drops, **masks)
    return output


@forward.register
def _(layer: TransformerEncoderLayer, call: Call, x: Any) -> Any:
    if layer.dropout and call.module.training:
        return _part_by_part(layer, call, x)
    attention = layer.parts["self_attn"]
    names = call.names.get(f"{call.place}.self_attn".removeprefix("."), ())
    given = {
        letter: call.tensors[name] for letter, name in zip(attention.further, names, strict=True)
    }
    masks = _masks(layer.is_causal, given, x, 1 if layer.batch_first and x.ndim == 3 else 0)
    named = {"attn_mask": "src_mask", "key_padding_mask": "src_key_padding_mask"}
    return call.module(x, **{named[name]: mask for name, mask in masks.items()})


def _part_by_part(layer: TransformerEncoderLayer, call: Call, x: Any) -> Any:
    import torch

    def network(x: Any) -> Any:
        hidden = getattr(torch.nn.functional, layer.activation)(call.part("linear1", x))
        return call.part("dropout2", call.part("linear2", call.part("dropout", hidden)))

    def attention(x: Any) -> Any:
        return call.part("dropout1", call.part("self_attn", x))

    for norm, branch in (("norm1", attention), ("norm2", network)):
        first = layer.norm_first
        x = x + branch(call.part(norm, x)) if first else call.part(norm, x + branch(x))
    return x


def _masks(is_causal: bool, given: dict[str, Any], x: Any, time: int) -> dict[str, Any]:
    """PyTorch's arguments for masks; one of ones and zeros was given as numbers."""
    import torch

    masks = {}
    if "key_padding" in given:
        masks["key_padding_mask"] = given["key_padding"].bool()
    added = given.get("attn_mask")
    if added is not None and not added.dtype.is_floating_point:
        added = added.bool()
    if is_causal:
        later = torch.ones(x.shape[time], x.shape[time], dtype=torch.bool).triu(1)
        if added is None:
            added = later
        elif added.dtype == torch.bool:
            added = added | later
        else:
            added = added.masked_fill(later, -torch.inf)
    return masks | ({} if added is None else {"attn_mask": added})


@built.register
def _(layer: GPT) -> Any:
    import torch

    module = torch.nn.ModuleDict({name: built(part) for name, part in layer.parts.items()})
    if layer.tied:
        module["lm_head"].weight = module["wte"].weight
    return module


@forward.register
def _(layer: GPT, call: Call, x: Any) -> Any:
    for name in layer.parts:
        x = call.part(name, x)
    return x
