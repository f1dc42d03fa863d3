"""``symbp graph``: a network's forward and backward graph as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from symbackprop.calculus import derive_backward
from symbackprop.typeset import WORDS, graph_of, mermaid_graph, svg_graph, written_equations
from symbackprop.typeset.svg import WIDTH
from symbp.common import Shape, deliver, network_options, output_option, read_system


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
@click.option("--lang", "language", type=click.Choice(list(WORDS)), default="en", show_default=True)
@output_option
def command(  # noqa: PLR0913 (the options of the command)
    model: str,
    loss: str | None,
    shape: Shape,
    style: str,
    width: int,
    language: str,
    output: Path | None,
) -> None:
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
    backward = derive_backward(read_system(model, loss, shape))
    graph = graph_of(backward)
    if style == "mermaid":
        deliver(mermaid_graph(graph, language), output)
    else:
        equations = written_equations(backward)
        deliver(svg_graph(graph, language, equations=equations, room=width), output)
