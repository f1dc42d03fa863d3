"""``symbp emit``: a module that computes a loss and its gradients on its own."""

from __future__ import annotations

from pathlib import Path

import click

from symbackprop.compile import BACKENDS
from symbackprop.derivation import derive
from symbp.common import Shape, deliver, network_options, output_option, read_system


@click.command(name="emit")
@network_options
@click.option(
    "--backend",
    type=click.Choice(list(BACKENDS)),
    default="numpy",
    show_default=True,
    help="The only library that the module needs.",
)
@output_option
def command(model: str, loss: str | None, shape: Shape, backend: str, output: Path | None) -> None:
    """Write a readable module with the loss and all gradients of a network.

    MODEL is a network as in PyTorch, or the path of an equation file, FILE.eqs. The
    module runs without symbackprop: it imports NumPy alone, or PyTorch alone, and uses
    no automatic differentiation.

    \b
    Examples:
      symbp emit --backend numpy
      symbp emit "Linear(D, 3)" --loss CrossEntropyLoss --backend torch -o model.py
      symbp emit attention.eqs -o attention.py
    """
    deliver(derive(read_system(model, loss, shape)).compile(backend).source, output)
