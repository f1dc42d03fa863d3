"""``symbp verify``: derived and compiled gradients against independent oracles."""

from __future__ import annotations

from typing import Any

import click

from symbackprop.derivation import derive
from symbp.common import language_option, network_options, read_system, size_option


@click.command(name="verify")
@network_options
@size_option
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**32 - 1),
    default=0,
    show_default=True,
    help="Of the numbers that everything is evaluated at.",
)
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Check the gradients of a network against oracles that share no code with it.

    MODEL is a network as in PyTorch, or the path of an equation file, FILE.eqs. Sizes
    that are left open become different small primes, unless --size says otherwise.

    The oracles are the equations expanded to scalars and differentiated by SymPy,
    finite differences at high precision, and PyTorch's autograd; one row for each
    gradient and oracle. The exit code is 0 if all rows hold, and 1 if one does not.

    \b
    Examples:
      symbp verify
      symbp verify "Linear(5, 3) GELU Linear(3, 2)" --loss "HuberLoss(delta=0.5)"
      symbp verify attention.eqs --size N=7 --size D=4
      symbp verify --json | jq .worst
    """
    system = read_system(options["model"], options["loss"], options["shape"])
    report = derive(system).verify(seed=options["seed"], sizes=options["sizes"])
    click.echo(report.to_json() if options["as_json"] else report.text(options["language"]))
    ctx.exit(0 if report.ok else 1)
