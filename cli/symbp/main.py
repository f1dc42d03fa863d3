"""The ``symbp`` command: its subcommands, and what happens when one fails.

Exit codes: 0 all is well, 1 a check failed, 2 the input cannot be used, 70 a defect
in symbackprop itself, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from traceback import print_exception
from typing import Any

import click

from symbackprop import __version__
from symbackprop.errors import SymbackpropError, UnknownNameError
from symbp.language import asked, choose, chosen

_BROKEN_PIPE = 141


class Commands(click.Group):
    """A group that imports a command's module only when that command is asked for.

    Each command is the module ``symbp.NAME`` with a click command called `command`.
    """

    names = ("completion", "derive", "emit", "graph", "train", "verify")

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in alphabetical order."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, if there is one."""
        if cmd_name not in self.names:
            return None
        command: click.Command = import_module(f"symbp.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with.

        Raises
        ------
        UnknownNameError
            With the nearest known command.
        """
        if args[0] not in self.names and not ctx.resilient_parsing and args[0][:1] != "-":
            choose(ctx, asked(args) or chosen(ctx))
            raise UnknownNameError("command", args[0], self.names)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; show what went wrong as one block, and exit with its code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            # Whoever read the output has had enough; Python flushes once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(_BROKEN_PIPE)
        except (Exception, KeyboardInterrupt) as error:
            if ctx.params["debug"]:
                print_exception(error)
            label, message, code = _told(error, chosen(ctx))
            click.secho(label, fg="red", bold=True, err=True, nl=False)
            click.echo(message, err=True)
            ctx.exit(code)


def _told(error: BaseException, language: str) -> tuple[str, str, int]:
    """The word for an error, what to say of it, and the exit code."""
    if isinstance(error, SymbackpropError) and language == "en":
        # In English it says all itself: the words of other languages take a second to load.
        return "error: ", str(error), error.exit_code
    told: tuple[str, str, int] = import_module("symbp.failures").told(error, language)
    return told


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="symbp")
@click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong.")
def cli(debug: bool) -> None:
    """Networks as index equations: derived, typeset, compiled, verified, trained.

    \b
    Examples:
      symbp derive
      symbp derive "Linear(4, 3) Sigmoid" --loss BCELoss --format latex
      symbp graph -o graph.svg
      symbp emit --backend torch -o network.py
      symbp verify "Linear(10, 20) GELU Linear(20, 3)" --loss CrossEntropyLoss
      symbp train --data iris --epochs 50

    Exit codes: 0 all is well, 1 a check failed, 2 the input cannot be used.
    """


def main() -> None:
    """Run the command line."""
    cli(prog_name="symbp")
