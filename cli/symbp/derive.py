"""``symbp derive``: the backward equations of a network, and how they come about."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

import symbackprop
from symbackprop.calculus import Backward, derive_backward
from symbackprop.errors import OptionError
from symbackprop.explanation import explained
from symbackprop.interop.notebook import equations_source, network_source, notebook
from symbackprop.interop.numbers import NumberSet
from symbackprop.interop.pdf import pdf
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
from symbp.numbers import Asked, number_options


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
    asked: Asked


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
@number_options
@language_option
@output_option
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
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
      symbp derive "Linear(2, 2) Sigmoid" --numbers auto --size N=1
      symbp derive --example mazur
    """
    asked = Asked(**{field.name: options.pop(field.name) for field in fields(Asked)})
    asked.require_sense()
    request = Request(**options, asked=asked)
    if asked.example is not None:
        names = {"model": "MODEL", "loss": "--loss", "shape": "--input"}
        _refuse_beside_example(request, [text for name, text in names.items() if _said(ctx, name)])
    deliver(_written(request), request.output)


def _said(ctx: click.Context, name: str) -> bool:
    """Whether an argument or option was given."""
    return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT


def _refuse_beside_example(request: Request, given: list[str]) -> None:
    """An example brings its own equations."""
    if given:
        raise OptionError(
            f"the example {request.asked.example} has equations of its own",
            where=" ".join(given),
            remedy=f"leave {' and '.join(given)} out, or leave --example out",
        )


@dataclass(frozen=True)
class _Derived:
    """What is asked for, derived.

    Attributes
    ----------
    wrt
        By what, as far as somebody says.
    numbers
        What to put through it, or None.
    title
        What was differentiated.
    source
        Writes Python that makes the system again.
    """

    backward: Backward
    wrt: tuple[str, ...]
    numbers: NumberSet | None
    title: str
    source: Callable[[], str]


def _written(request: Request) -> str | bytes:
    found = _derived(request)
    view = view_of(request.notation, request.convention)
    views = VIEWS if request.style in SWITCHED else (view,)
    page = explained(
        found.backward,
        views,
        request.names,
        title=found.title,
        folded=request.style != "json",
        numbers=found.numbers,
        digits=request.asked.shown_digits,
    )
    manner = (view, request.level, request.language)
    match request.style:
        case "json":
            return json.dumps(json_page(page, request.language), indent=2, ensure_ascii=False)
        case "pdf":
            return pdf(article_page(page, *manner))
        case "ipynb":
            runs = not found.backward.system.open_functions
            return notebook(page, *manner, found.source(), wrt=found.wrt, runs=runs)
        case "text":
            on = screen(request.output)
            return text_page(page, *manner, width=on.width, colour=on.colour)
    return FORMATS[request.style](page, *manner)


def _derived(request: Request) -> _Derived:
    asked = request.asked
    if asked.example is None:
        system = read_system(request.model, request.loss, request.shape)
        backward = derive_backward(system, request.wrt or None)

        def source() -> str:
            if is_equation_file(request.model):
                return equations_source(Path(request.model).read_text("utf-8"))
            return network_source(system.origin, request.shape)

        return _Derived(backward, request.wrt, asked.read(backward), request.model, source)
    known = symbackprop.example(asked.example)  # only examples need the reader of equations
    system = known.system()
    wrt = request.wrt or known.wrt
    return _Derived(
        derive_backward(system, wrt),
        wrt,
        asked.with_rate(known.numbers(system)),
        known.source,
        lambda: equations_source(known.text("eqs")),
    )
