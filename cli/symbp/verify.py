"""``symbp verify``: derived and compiled gradients against independent oracles."""

from __future__ import annotations

import click

from symbackprop.derivation import derive
from symbp.common import network_options, read_system


@click.command(name="verify")
@network_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def command(ctx: click.Context, model: str, loss: str, as_json: bool) -> None:
    """Check the gradients of a network against oracles that share no code with it.

    The oracles are the equations expanded to scalars and differentiated by SymPy,
    finite differences at high precision, and PyTorch's autograd; one row for each
    gradient and oracle. The exit code is 0 if all rows hold, and 1 if one does not.

    \b
    Examples:
      symbp verify
      symbp verify "Linear(5, 3) GELU Linear(3, 2)" --loss "HuberLoss(delta=0.5)"
      symbp verify --json | jq .worst
    """
    report = derive(read_system(model, loss)).verify()
    click.echo(report.to_json() if as_json else str(report))
    ctx.exit(0 if report.ok else 1)
