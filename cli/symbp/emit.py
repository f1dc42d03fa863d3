"""``symbp emit``: a module that computes a loss and its gradients on its own."""

from __future__ import annotations

from typing import Any

import click

from symbackprop.compile import BACKENDS
from symbackprop.derivation import derive
from symbp.common import deliver, language_option, network_options, output_option, read_system


@click.command(name="emit")
@network_options
@click.option(
    "--backend",
    type=click.Choice(list(BACKENDS)),
    default="numpy",
    show_default=True,
    help="The only library that the module needs.",
)
@language_option
@output_option
def command(**options: Any) -> None:
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
    system = read_system(options["model"], options["loss"], options["shape"])
    deliver(derive(system).compile(options["backend"]).source, options["output"])
