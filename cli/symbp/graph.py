"""``symbp graph``: a network's forward and backward graph as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from symbackprop.calculus import derive_backward
from symbackprop.typeset import graph_of, mermaid_graph, svg_graph, written_equations
from symbackprop.typeset.svg import WIDTH
from symbp.common import (
    Shape,
    deliver,
    language_option,
    network_options,
    output_option,
    read_system,
)


@dataclass(frozen=True)
class Request:
    """The command's argument and options."""

    model: str
    loss: str | None
    shape: Shape
    style: str
    width: int
    language: str
    output: Path | None


@click.command(name="graph")
@network_options
@click.option(
    "--format",
    "style",
    type=click.Choice(["svg", "mermaid"]),
    default="svg",
    show_default=True,
    help="A picture, or text that Markdown on GitHub shows as one.",
)
@click.option(
    "--width",
    type=click.IntRange(min=1),
    default=round(WIDTH),
    show_default=True,
    help="How many pixels a long graph may be spread over, in columns.",
)
@language_option
@output_option
def command(**options: Any) -> None:
    """Draw the graph of a network or of an equation file: what reads what, and back.

    MODEL is a network as in PyTorch, or the path of an equation file, FILE.eqs. Beside
    the forward graph stands the backward one, along which derivatives flow by the chain
    rule. In a browser, pointing at a tensor shows its equation.

    \b
    Examples:
      symbp graph -o graph.svg
      symbp graph "Linear(D, H) Sigmoid Linear(H, K)" --loss CrossEntropyLoss -o graph.svg
      symbp graph lstm.eqs --format mermaid
    """
    deliver(_written(Request(**options)), options["output"])


def _written(request: Request) -> str:
    system = read_system(request.model, request.loss, request.shape)
    # What has nothing to differentiate by has a forward graph still.
    derived = derive_backward(system) if system.parameters else system
    graph = graph_of(derived)
    if request.style == "mermaid":
        return mermaid_graph(graph, request.language)
    equations = written_equations(derived)
    return svg_graph(graph, request.language, equations=equations, room=request.width)
