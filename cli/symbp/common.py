"""What several commands share: reading a model and a loss, and writing a result."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

import symbackprop
from symbackprop.errors import OptionError, UnknownNameError
from symbackprop.interop.model_text import read_all, read_one
from symbackprop.language import System
from symbackprop.library import LAYERS, LOSSES, Sequential
from symbackprop.typeset import LANGUAGES, WIDTH
from symbp.language import VARIABLE, choose

Command = TypeVar("Command", bound=Callable[..., Any])
#: The axes of one example, where they are given.
Shape: TypeAlias = tuple[int | str, ...] | None

#: The network and the loss of the document this project follows.
MODEL = "Linear(10, 20) ReLU Linear(20, 1)"
LOSS = "MSELoss"
# A positive whole number that no size is above.
_NUMBER = re.compile(r"0*[1-9][0-9]{0,8}")


class _Shape(click.ParamType[Any]):
    """Sizes separated by commas, numbers or names: ``3,28,28`` or ``3,H,W``."""

    name = "sizes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | str, ...]:
        """The sizes."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.split(",")]
        if not all(word.isidentifier() or _NUMBER.fullmatch(word) for word in words):
            self.fail(f"{value!r} is not sizes, such as 3,28,28 or 3,H,W", param, ctx)
        return tuple(int(word) if word.isdecimal() else word for word in words)


def input_option(command: Command) -> Command:
    """The option --input."""
    return click.option(
        "--input",
        "shape",
        type=_Shape(),
        metavar="SIZES",
        help="The axes of one example, such as 3,28,28 or 3,H,W, if MODEL does not tell.",
    )(command)


def network_options(command: Command) -> Command:
    """The argument MODEL and the options --loss and --input."""
    loss = click.option(
        "--loss",
        metavar="LOSS",
        help=f"The loss of a network, such as CrossEntropyLoss(label_smoothing=0.1); by default "
        f"{LOSS}.",
    )
    return click.argument("model", default=MODEL)(loss(input_option(command)))


def size_option(command: Command) -> Command:
    """The option --size."""
    return click.option(
        "--size",
        "sizes",
        multiple=True,
        metavar="NAME=NUMBER",
        callback=_sizes,
        help="A number for a size that is left open, such as N=7; may be repeated.",
    )(command)


def _sizes(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, int]:
    """The sizes that ``N=7`` and so on say."""
    found: dict[str, int] = {}
    for text in given:
        name, number = (part.strip() for part in (*text.split("=", 1), "")[:2])
        if not name or not _NUMBER.fullmatch(number):
            raise OptionError(
                f"{text!r} gives no size a number",
                where="--size",
                remedy="write a name and a positive whole number, as in --size N=7",
            )
        if name in found:
            raise OptionError(f"size {name} is given twice", where="--size", remedy="give it once")
        found[name] = int(number)
    return found


def language_option(command: Command) -> Command:
    """The option --lang."""
    return click.option(
        "--lang",
        "language",
        default="en",
        show_default=True,
        envvar=VARIABLE,
        metavar="|".join(LANGUAGES),
        callback=_language,
        is_eager=True,  # errors in the options beside it are told in that language
        help=f"The language of words and of errors; also taken from the variable {VARIABLE}.",
    )(command)


def _language(ctx: click.Context, _: click.Parameter, language: str) -> str:
    if language not in LANGUAGES:
        raise UnknownNameError("language", language, LANGUAGES, where="--lang")
    choose(ctx, language)
    return language


def output_option(command: Command) -> Command:
    """The option --output."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write into this file instead of printing.",
    )(command)


def read_network(text: str) -> Sequential:
    """The network that a text such as ``"Linear(10, 20) ReLU Linear(20, 1)"`` describes."""
    return Sequential(*read_all(text, LAYERS))


def read_system(model: str, loss: str | None, shape: Shape = None) -> System:
    """The equations of a network with a loss, or those of an equation file.

    Raises
    ------
    OptionError
        If an equation file is given a loss or the axes of an example.
    """
    if not is_equation_file(model):
        return read_network(model).system(read_one(loss or LOSS, LOSSES), shape=shape)
    if shape is not None:
        raise no_axes_to_choose()
    if loss is not None:
        raise no_loss_to_choose()
    return symbackprop.load(model)  # whoever gives a network needs no reader of equation files


def no_loss_to_choose() -> OptionError:
    """The error of an equation file that is given a loss."""
    return OptionError(
        "an equation file says itself what is minimized, so there is no loss to choose",
        where="--loss",
        remedy="leave --loss out",
    )


def no_axes_to_choose() -> OptionError:
    """The error of an equation file that is given the axes of an example."""
    return OptionError(
        "an equation file says itself which axes its tensors have",
        where="--input",
        remedy="leave --input out",
    )


def is_equation_file(model: str) -> bool:
    """Whether MODEL is the path of an equation file, rather than a network."""
    return model.lower().endswith(".eqs")


@dataclass(frozen=True)
class Screen:
    """What a result is read on: how many columns it has, and whether it shows colours."""

    width: int = WIDTH
    colour: bool = False


def screen(output: Path | None) -> Screen:
    """The terminal that the result is printed on; for a file or a pipe, 80 columns in plain text.

    No colours are used where NO_COLOR is set (https://no-color.org), or the terminal is dumb.
    """
    if output is not None or not is_terminal():
        return Screen()
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Screen(shutil.get_terminal_size((WIDTH, 24)).columns, colour)


def is_terminal() -> bool:
    """Whether what is printed is shown on a terminal."""
    return sys.stdout.isatty()


def deliver(made: str | bytes, output: Path | None) -> None:
    """Print a text, or write it or a file's content into a file: all of it, or nothing.

    Raises
    ------
    OptionError
        If the file cannot be written, or content that is no text would be printed on a
        terminal.
    """
    content = made if isinstance(made, bytes) else f"{made.rstrip(chr(10))}\n".encode()
    if output is None:
        if isinstance(made, bytes) and is_terminal():
            raise OptionError(
                "this is no text, so a terminal cannot show it",
                where="--output",
                remedy="name a file, as in -o derivation.pdf",
            )
        click.echo(content if isinstance(made, bytes) else content.decode(), nl=False)
        return
    try:
        _write(output, content)
    except OSError as error:
        raise OptionError(
            f"cannot write {str(output)!r}: {error.strerror or error}",
            where="--output",
            remedy="give a file in a folder that can be written",
        ) from error


def _write(output: Path, content: bytes) -> None:
    mode = 0o666 & ~_umask()
    if output.exists():
        output.open("ab").close()  # one that may not be written is not replaced
        mode = output.stat().st_mode
        if not stat.S_ISREG(mode):  # a device or a pipe holds nothing that could be lost
            output.write_bytes(content)
            return
    place = output.resolve()  # a link stays, and what it leads to is written
    handle, beside = tempfile.mkstemp(dir=place.parent, prefix=".symbp-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).chmod(stat.S_IMODE(mode))
        os.replace(beside, place)
    except BaseException:
        Path(beside).unlink()
        raise


def _umask() -> int:
    # The mask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
