"""``symbp derive``: the backward equations of a network, and how they come about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from symbackprop.calculus import derive_backward
from symbackprop.errors import OptionError
from symbackprop.explanation import explained
from symbackprop.interop.notebook import equations_source, network_source, notebook
from symbackprop.interop.pdf import pdf
from symbackprop.language import System
from symbackprop.typeset import (
    FORMATS,
    LEVELS,
    SWITCHED,
    VIEWS,
    Convention,
    Level,
    Notation,
    article_page,
    json_page,
    text_page,
    view_of,
)
from symbp.common import (
    Shape,
    deliver,
    is_equation_file,
    language_option,
    network_options,
    output_option,
    read_system,
    screen,
)


@dataclass(frozen=True)
class Request:
    """The command's argument and options."""

    model: str
    loss: str | None
    shape: Shape
    wrt: tuple[str, ...]
    notation: Notation
    convention: Convention
    level: Level
    style: str
    language: str
    names: dict[str, str]
    output: Path | None


def _names(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """The symbols that ``W1=W^{(1)}`` and so on say."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, symbol = (part.strip() for part in text.partition("="))
        if not (name and equals and symbol):
            raise OptionError(
                f"{text!r} gives no symbol a name",
                where="--name",
                remedy='write a name and its LaTeX, as in --name "W1=W^{(1)}"',
            )
        if name in found:
            raise OptionError(f"{name} is named twice", where="--name", remedy="name it once")
        found[name] = symbol
    return found


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
    "--convention",
    type=click.Choice(["row", "column"]),
    default="row",
    show_default=True,
    help="In matrices, one example a row, as PyTorch stores them, or a column, as in "
    "Nielsen's and Goodfellow's books.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice([*FORMATS, "pdf", "ipynb", "json"]),
    default="text",
    show_default=True,
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="key",
    show_default=True,
    help="The gradients alone, one line an equation, or every step.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME=LATEX",
    callback=_names,
    help='Another symbol for a name, such as "W1=W^{(1)}"; may be repeated.',
)
@language_option
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
      symbp derive --format pdf --level all -o derivation.pdf
    """
    deliver(_written(Request(**options)), options["output"])


def _written(request: Request) -> str | bytes:
    system = read_system(request.model, request.loss, request.shape)
    backward = derive_backward(system, request.wrt or None)
    view = view_of(request.notation, request.convention)
    views = VIEWS if request.style in SWITCHED else (view,)
    page = explained(
        backward,
        views,
        request.names,
        title=request.model,
        folded=request.style != "json",
    )
    manner = (view, request.level, request.language)
    match request.style:
        case "json":
            return json.dumps(json_page(page, request.language), indent=2, ensure_ascii=False)
        case "pdf":
            return pdf(article_page(page, *manner))
        case "ipynb":
            source = _source(request, system)
            return notebook(page, *manner, source, wrt=request.wrt, runs=not system.open_functions)
        case "text":
            on = screen(request.output)
            return text_page(page, *manner, width=on.width, colour=on.colour)
    return FORMATS[request.style](page, *manner)


def _source(request: Request, system: System) -> str:
    """Python that makes the system again."""
    if is_equation_file(request.model):
        return equations_source(Path(request.model).read_text("utf-8"))
    return network_source(system.origin, request.shape)
