"""The options of ``symbp derive`` that put numbers through a derivation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click

from symbackprop.calculus import Backward
from symbackprop.errors import OptionError
from symbackprop.interop.numbers import NumberSet, drawn_numbers, learning_rate, read_numbers
from symbackprop.typeset.figures import DIGITS, MOST_DIGITS
from symbp.common import size_option

Command = TypeVar("Command", bound=Callable[..., Any])

#: What stands in place of a file where numbers are to be drawn.
AUTO = "auto"


@dataclass(frozen=True)
class Asked:
    """What the options say; None, or empty, where one is not given.

    Attributes
    ----------
    numbers
        The path of a file, or `AUTO`.
    example
        The name of an example that is built in.
    lr, digits, seed, sizes
        See the options.
    """

    numbers: str | None
    example: str | None
    lr: Fraction | None
    digits: int | None
    seed: int | None
    sizes: dict[str, int]

    @property
    def shown_digits(self) -> int:
        """How many digits of a number are shown."""
        return DIGITS if self.digits is None else self.digits

    def require_sense(self) -> None:
        """Refuse options that have nothing to act on.

        Raises
        ------
        OptionError
            Which names the first of them.
        """
        if self.example is not None and self.numbers is not None:
            raise OptionError(
                f"the example {self.example} has numbers of its own",
                where="--numbers",
                remedy="leave --numbers out",
            )
        of_drawn = {"--seed": self.seed, "--size": self.sizes or None}
        of_any = {"--lr": self.lr, "--digits": self.digits, **of_drawn}
        if self.example is None and self.numbers is None:
            _refuse(
                of_any,
                "there are no numbers that {} is for",
                f"add --numbers {AUTO}, --numbers FILE or --example NAME",
            )
        elif self.numbers != AUTO:
            _refuse(
                of_drawn,
                "{} is for numbers that are drawn",
                f"leave it out, or let them be drawn by --numbers {AUTO}",
            )

    def read(self, backward: Backward) -> NumberSet | None:
        """The numbers for a derivation, unless they are an example's."""
        if self.numbers is None:
            return None
        if self.numbers == AUTO:
            found = drawn_numbers(backward, self.sizes, self.seed or 0)
        else:
            found = read_numbers(Path(self.numbers), backward.system)
        return self.with_rate(found)

    def with_rate(self, numbers: NumberSet) -> NumberSet:
        """Numbers with the learning rate that is asked for, if one is."""
        return numbers if self.lr is None else replace(numbers, rate=self.lr)


def _refuse(options: dict[str, Any], what: str, remedy: str) -> None:
    given = next((name for name, value in options.items() if value is not None), None)
    if given is not None:
        raise OptionError(what.format(given), where=given, remedy=remedy)


def _rate(_: click.Context, __: click.Parameter, text: str | None) -> Fraction | None:
    """A learning rate as the decimal that is written."""
    if text is None:
        return None
    try:
        value: Decimal | str = Decimal(text)
    except InvalidOperation:
        value = text  # which is told to be no number
    return learning_rate(value, "--lr")


def number_options(command: Command) -> Command:
    """The options --numbers, --example and those for the numbers they bring."""
    options = [
        click.option(
            "--numbers",
            metavar="FILE|auto",
            help="Put numbers through, those of a JSON or NPZ file, or drawn ones that are "
            "easy to follow.",
        ),
        click.option(
            "--example",
            metavar="NAME",
            help="In place of MODEL, a worked example from the literature with its numbers: mazur.",
        ),
        click.option(
            "--lr",
            metavar="RATE",
            callback=_rate,
            help="The learning rate of the step that the numbers end with; by default the "
            "file's or 0.01.",
        ),
        click.option(
            "--digits",
            type=click.IntRange(1, MOST_DIGITS),
            help=f"How many digits of a number are shown; by default {DIGITS}.",
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), help="Of numbers that are drawn; by default 0."
        ),
        size_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command
