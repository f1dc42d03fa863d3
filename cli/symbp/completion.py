"""``symbp completion``: the script that teaches a shell to complete symbp."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "fish", "zsh")


@click.command(name="completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(symbp completion bash)"         in ~/.bashrc
      eval "$(symbp completion zsh)"          in ~/.zshrc
      symbp completion fish > ~/.config/fish/completions/symbp.fish
    """
    complete = get_completion_class(shell)
    if complete is None:  # a shell that click has dropped
        raise click.UsageError(f"click does not complete {shell}")
    click.echo(complete(ctx.find_root().command, {}, "symbp", "_SYMBP_COMPLETE").source())
