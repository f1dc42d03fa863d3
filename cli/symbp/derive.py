"""``symbp derive``: the backward equations of a network, and how they come about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from symbackprop.calculus import derive_backward
from symbackprop.typeset import (
    LEVELS,
    Level,
    Notation,
    json_derivation,
    latex_derivation,
    markdown_derivation,
    text_derivation,
)
from symbp.common import Shape, deliver, network_options, output_option, read_system


@dataclass(frozen=True)
class Request:
    """The command's argument and options."""

    model: str
    loss: str | None
    shape: Shape
    wrt: tuple[str, ...]
    notation: Notation
    style: str
    level: Level
    output: Path | None


@click.command(name="derive")
@network_options
@click.option(
    "--wrt",
    multiple=True,
    metavar="NAME",
    help="A tensor to differentiate by, such as W1 or x; may be repeated. "
    "By default all parameters.",
)
@click.option(
    "--notation",
    type=click.Choice(["matrix", "index"]),
    default="matrix",
    show_default=True,
    help="Matrices where every axis is a row or a column, or indices throughout.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "latex", "markdown", "json"]),
    default="text",
    show_default=True,
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="key",
    show_default=True,
    help="How much of the derivation to show.",
)
@output_option
def command(**options: Any) -> None:
    """Derive the gradients of a network or of an equation file, step by step.

    MODEL is a network as in PyTorch, layer after layer; sizes may be left open. Or it
    is the path of an equation file, whose name ends in .eqs.

    \b
    Examples:
      symbp derive
      symbp derive "Linear(D, H) Sigmoid Linear(H, K)" --loss CrossEntropyLoss
      symbp derive "Linear(4, 3) Tanh" --wrt W1 --wrt x --level all
      symbp derive --format latex --notation index -o gradients.tex
      symbp derive attention.eqs --wrt Q --notation index
    """
    deliver(_written(Request(**options)), options["output"])


def _written(request: Request) -> str:
    system = read_system(request.model, request.loss, request.shape)
    backward = derive_backward(system, request.wrt or None)
    if request.style == "json":
        return json.dumps(json_derivation(backward), indent=2, ensure_ascii=False)
    write = {
        "text": text_derivation,
        "latex": latex_derivation,
        "markdown": markdown_derivation,
    }[request.style]
    return write(backward, request.notation, request.level)
