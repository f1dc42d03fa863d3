"""A graph as Mermaid text, which GitHub draws in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from symbackprop.errors import OptionError
from symbackprop.typeset.graph import Edge, Graph, Kind, Node
from symbackprop.typeset.labels import plain
from symbackprop.typeset.words import phrase

#: Mermaid draws no more edges, wherever it cannot be configured.
MOST_EDGES = 500

_SHAPES: Mapping[Kind, tuple[str, str]] = {
    **dict.fromkeys(("input", "target", "mask", "noise"), ("([", "])")),
    **dict.fromkeys(("parameter", "hyperparameter", "gradient"), ("[", "]")),
    **dict.fromkeys(("intermediate", "adjoint"), ("(", ")")),
    **dict.fromkeys(("objective", "seed"), ("[[", "]]")),
}
# `#` begins Mermaid's own entities, and two backticks make a label Markdown.
_ENTITIES = str.maketrans(
    {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\\": "#92;"}
)


def mermaid_graph(graph: Graph, language: str = "en") -> str:
    """The graph as a Mermaid flowchart, without the fence that Markdown needs.

    Raises
    ------
    OptionError
        If it has more edges than Mermaid draws.
    UnknownNameError
        On a language there are no words in.
    """
    edges = len(graph.reads) + len(graph.flows)
    if edges > MOST_EDGES:
        raise OptionError(
            f"the graph has {edges} edges, and Mermaid draws no more than {MOST_EDGES}",
            remedy="draw it as SVG",
        )
    names = {name: f"n{number}" for number, name in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    halves = (("forward", graph.forward), ("backward", graph.backward))
    for half, nodes in halves:
        if nodes:
            lines += _half(half, nodes, names, phrase(half, language))
    lines += [_edge(edge, names, "-->") for edge in graph.reads]
    lines += [_edge(edge, names, "-.->") for edge in graph.flows]
    lines.append("classDef derivative stroke-dasharray: 6 3")
    if graph.backward:
        lines.append(f"class {','.join(names[node.name] for node in graph.backward)} derivative")
    return "\n".join(lines) + "\n"


def _half(half: str, nodes: Sequence[Node], names: Mapping[str, str], title: str) -> Iterator[str]:
    yield f'subgraph {half}["{title}"]'
    for node in nodes:
        before, after = _SHAPES[node.kind]
        parts = [plain(node.symbol), node.shape or ("= 1" if node.kind == "seed" else "")]
        label = "<br/>".join(_escaped(part) for part in parts if part)
        yield f'  {names[node.name]}{before}"{label}"{after}'
    yield "end"


def _edge(edge: Edge, names: Mapping[str, str], arrow: str) -> str:
    step = f'|"{_escaped(edge.step)}"|' if edge.step else ""
    return f"{names[edge.source]} {arrow}{step} {names[edge.target]}"


def _escaped(text: str) -> str:
    """Text that Mermaid takes as it stands, on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()).translate(
        _ENTITIES
    )
