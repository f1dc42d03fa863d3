"""The language that the command speaks: --lang, else the environment's SYMBP_LANG, else English.

Errors are shown in it wherever they come from, so it is kept with the context of the command.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

VARIABLE = "SYMBP_LANG"
_KEY = f"{__name__}.chosen"


def choose(ctx: click.Context, language: str) -> None:
    """Keep the language for whatever the command shows from now on."""
    ctx.meta[_KEY] = language


def chosen(ctx: click.Context) -> str:
    """The language to speak; the environment's until a command has read its options."""
    kept: str | None = ctx.meta.get(_KEY)
    return kept or os.environ.get(VARIABLE) or "en"


def asked(args: Sequence[str]) -> str:
    """What --lang says in arguments that no command has read; nothing if it is not there."""
    pairs = zip(args, [*args[1:], ""], strict=True)
    found = [
        value if "=" not in arg else arg.partition("=")[2]
        for arg, value in pairs
        if arg.split("=")[0] == "--lang"
    ]
    return found[-1] if found else ""
