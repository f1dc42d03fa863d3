"""A graph as SVG: one element that stands alone as a file, or inside an HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from symbackprop.typeset.graph import Edge, Graph, Kind, Node
from symbackprop.typeset.graph_layout import Box, Curve, Layout, Path, Point, laid_out
from symbackprop.typeset.graph_places import MARGIN, SMALL_SYMBOL, SYMBOL
from symbackprop.typeset.labels import SCRIPT, Run, width
from symbackprop.typeset.svg_style import STYLE
from symbackprop.typeset.words import phrase

#: How much room strips take together, unless a page says otherwise.
WIDTH = 1280.0

_GIVEN: tuple[Kind, ...] = ("input", "target", "mask", "noise")
_WEIGHTS: tuple[Kind, ...] = ("parameter", "hyperparameter")
_COMPUTED: tuple[Kind, ...] = ("intermediate", "objective")
_BACKWARD: tuple[Kind, ...] = ("seed", "adjoint", "gradient")
#: What looks alike has one entry in the legend.
_ENTRIES = (_GIVEN, _WEIGHTS, *((kind,) for kind in (*_COMPUTED, *_BACKWARD)))
_SQUARE: tuple[Kind, ...] = (*_WEIGHTS, "gradient")
_FRAMED: tuple[Kind, ...] = ("objective", "seed")
_RAISED, _LOWERED = 0.36, 0.2
_HEAD_LENGTH, _HEAD_HALF = 8.0, 3.6
_LEGEND_LINE, _SAMPLE, _LEGEND_SIZE, _LEGEND_GAP = 26.0, 34.0, 12.0, 22.0
#: The middle of a box, its width and its height.
_Place: TypeAlias = tuple[float, float, float, float]
# An attribute's line breaks and tabs would be read as spaces.
_KEPT = {ord(space): f"&#{ord(space)};" for space in "\n\r\t"}
# XML has no place for these, not even as references.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def svg_graph(
    graph: Graph,
    language: str = "en",
    *,
    equations: Mapping[str, str] | None = None,
    prefix: str = "graph",
    room: float = WIDTH,
) -> str:
    """The picture of a graph, its forward half and its backward half side by side.

    Every node is a ``<g class="node …" data-name="z1" data-subject="z1">``, every edge a
    ``<g class="edge …" data-from="x" data-to="z1">``; whatever has the class ``lit``
    stands out.

    Parameters
    ----------
    graph
        What `graph_of` made.
    language
        Of the words in it.
    equations
        By name of a tensor, the equation that its tooltip shows.
    prefix
        What ids begin with: another one for each graph on a page.
    room
        The width in pixels that a long graph may be spread over.

    Raises
    ------
    UnknownNameError
        On a language there are no words in.
    """
    return _Writer(graph, language, equations or {}, prefix, laid_out(graph, room)).svg()


def svg_part(graph: Graph, language: str, *, prefix: str, room: float = WIDTH) -> str:
    """The same picture for a page that has `svg_style.PAGE_STYLE`, and tooltips of its own."""
    return _Writer(graph, language, {}, prefix, laid_out(graph, room), alone=False).svg()


@dataclass(frozen=True)
class _Writer:
    graph: Graph
    language: str
    equations: Mapping[str, str]
    prefix: str
    layout: Layout
    alone: bool = True

    def svg(self) -> str:
        legend = list(self._legend())
        wide = max(self.layout.width, 2 * MARGIN + max((w for _, _, w in legend), default=0.0))
        high, entries = _in_lines(legend, wide, self.layout.height)
        ids = [_attribute(f"{self.prefix}-{part}") for part in ("title", "desc")]
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="symbp-graph" width="{_n(wide)}" '
            f'height="{_n(high)}" viewBox="0 0 {_n(wide)} {_n(high)}" role="img" '
            f"aria-labelledby={ids[0][:-1]} {ids[1][1:]}>",
            f"<title id={ids[0]}>{_text(self._title())}</title>",
            f"<desc id={ids[1]}>{_text(self._description())}</desc>",
            *[f"<style>{STYLE}</style>"] * self.alone,
            f'<rect class="ground" width="{_n(wide)}" height="{_n(high)}"/>',
            *self._headings(),
            *(self._edge(path) for path in self.layout.paths),
            *(_step(path.edge, *path.mark) for path in self.layout.paths if path.mark),
            *(self._node(box) for box in self.layout.boxes),
            '<g class="legend">',
            *entries,
            "</g>",
            "</svg>",
        ]
        return "\n".join(lines)

    # --- words ------------------------------------------------------------------------

    def _word(self, key: str) -> str:
        return phrase(key, self.language)

    def _title(self) -> str:
        name = self._word("graph")
        colon = self._word("colon")
        return f"{name}{colon}{self.graph.objective}" if self.graph.objective else name

    def _description(self) -> str:
        computed = sum(node.kind in _COMPUTED for node in self.graph.forward)
        summary = self._word("graph-summary").format(
            computed=computed, given=len(self.graph.forward) - computed
        )
        parts = [summary, self._word("graph-mirror")] if self.graph.backward else [summary]
        return self._word("clause").join(parts)

    def _kind(self, kind: Kind) -> str:
        return self._word(f"graph-{kind}" if kind in ("seed", "adjoint") else kind)

    def _tooltip(self, node: Node) -> str:
        what = self._word("comma").join(
            [self._kind(node.kind), node.shape or self._word("graph-scalar")]
        )
        first = f"{node.name}{self._word('colon')}{what}"
        return "\n".join([first, *filter(None, [self.equations.get(node.name)])])

    # --- parts ------------------------------------------------------------------------

    def _headings(self) -> Iterator[str]:
        for key, places in (("forward", self.layout.forward), ("backward", self.layout.backward)):
            for x, y in places:
                word = _text(self._word(f"graph-{key}"))
                yield f'<text class="heading" x="{_n(x)}" y="{_n(y)}">{word}</text>'

    def _edge(self, path: Path) -> str:
        edge = path.edge
        back = edge.target in self.graph.derivative_names
        names = f"data-from={_attribute(edge.source)} data-to={_attribute(edge.target)}"
        return f'<g class="{_edge_classes(back, edge)}" {names}>{_line(path)}</g>'

    def _node(self, box: Box) -> str:
        node = box.node
        names = f"data-name={_attribute(node.name)} data-subject={_attribute(node.subject)}"
        title = f"<title>{_text(self._tooltip(node))}</title>" * self.alone
        shape = box.label.shape or ("= 1" if node.kind == "seed" else "")
        return (
            f'<g class="{_node_classes(node.kind, box.small)}" {names}>{title}'
            f"{_frame(box)}{_label(box, shape)}</g>"
        )

    # --- the legend -------------------------------------------------------------------

    def _legend(self) -> Iterator[tuple[str, str, float]]:
        """For each kind that occurs: its sample, its word, and how wide both are."""
        kinds = {box.node.kind for box in self.layout.boxes}
        for alike in _ENTRIES:
            found = [kind for kind in alike if kind in kinds]
            if found:
                yield self._entry(
                    _sample_box(found[0]), self._word("comma").join(map(self._kind, found))
                )
        if any(box.shared for box in self.layout.boxes):
            yield self._entry(_sample_box("parameter", shared=True), self._word("graph-shared"))
        if any(not edge.step for edge in self.graph.reads):
            yield self._entry(_sample_line(False), self._word("graph-reads"))
        if any(not edge.step for edge in self.graph.flows):
            yield self._entry(_sample_line(True), self._word("graph-flows"))
        if any(edge.step for edge in self.graph.reads):
            yield self._entry(_sample_line(False, "t"), self._word("graph-recurs"))

    def _entry(self, sample: str, word: str) -> tuple[str, str, float]:
        return sample, word, _SAMPLE + 8 + width((Run(word),), _LEGEND_SIZE)


def _in_lines(
    legend: Sequence[tuple[str, str, float]], wide: float, top: float
) -> tuple[float, list[str]]:
    """Entries of a legend one after the other, in as many lines as they need, and the bottom."""
    x, y, found = MARGIN, top + _LEGEND_LINE / 2, []
    for sample, word, room in legend:
        if x > MARGIN and x + room > wide - MARGIN:
            x, y = MARGIN, y + _LEGEND_LINE
        text = f'<text x="{_n(_SAMPLE + 8)}" y="4">{_text(word)}</text>'
        found.append(f'<g transform="translate({_n(x)} {_n(y)})">{sample}{text}</g>')
        x += room + _LEGEND_GAP
    return y + _LEGEND_LINE / 2 + MARGIN / 2, found


def _sample_box(kind: Kind, *, shared: bool = False) -> str:
    frame = _rectangles(kind, (_SAMPLE / 2, 0.0, _SAMPLE - 2, 16.0), shared)
    return f'<g class="{_node_classes(kind, small=False)}">{frame}</g>'


def _sample_line(back: bool, step: str = "") -> str:
    edge = Edge("", "", step)
    end = (_SAMPLE, 0.0)
    path = Path(edge, (0.0, 0.0), (Curve((0.0, 0.0), end, end, straight=True),))
    return f'<g class="{_edge_classes(back, edge)}">{_line(path)}</g>'


# --- shapes -----------------------------------------------------------------------------


def _node_classes(kind: Kind, small: bool) -> str:
    groups = {"given": _GIVEN, "weight": _WEIGHTS, "backward": _BACKWARD}
    found = [name for name, kinds in groups.items() if kind in kinds]
    return " ".join(["node", kind, *found, *["small"] * small])


def _edge_classes(back: bool, edge: Edge) -> str:
    return " ".join(["edge", "backward" if back else "forward", *["recurrent"] * bool(edge.step)])


def _step(edge: Edge, x: float, y: float) -> str:
    return f'<text class="step" x="{_n(x)}" y="{_n(y + 4)}">{_text(edge.step)}</text>'


def _frame(box: Box) -> str:
    place = box.x, box.y, box.label.width, box.label.height
    return _rectangles(box.node.kind, place, box.shared)


def _rectangles(kind: Kind, place: _Place, shared: bool) -> str:
    """A box; a second one behind it if there are several, inside it if it is an end."""
    x, y, wide, high = place
    corner = high / 2 if kind in _GIVEN else 2.5 if kind in _SQUARE else 9.0
    parts = [_rectangle(place, corner)]
    if shared:
        parts.insert(0, _rectangle((x + 3, y - 3, wide, high), corner))
    if kind in _FRAMED:
        parts.append(_rectangle((x, y, wide - 6, high - 6), corner - 3))
    return "".join(parts)


def _rectangle(place: _Place, corner: float) -> str:
    x, y, wide, high = place
    return (
        f'<rect class="box" x="{_n(x - wide / 2)}" y="{_n(y - high / 2)}" '
        f'width="{_n(wide)}" height="{_n(high)}" rx="{_n(corner)}"/>'
    )


def _label(box: Box, shape: str) -> str:
    symbol = _spans(box.label.symbol, SMALL_SYMBOL if box.small else SYMBOL)
    if box.small:
        beside = f'<tspan class="shape" dx="6">{_text(shape)}</tspan>' if shape else ""
        return f'<text x="{_n(box.x)}" y="{_n(box.y + 5)}">{symbol}{beside}</text>'
    down = -2 if shape else 5
    below = f'<text class="shape" x="{_n(box.x)}" y="{_n(box.y + 14)}">{_text(shape)}</text>'
    return f'<text x="{_n(box.x)}" y="{_n(box.y + down)}">{symbol}</text>{below if shape else ""}'


def _spans(runs: Iterable[Run], size: float) -> str:
    """Runs as spans, raised and lowered; the last brings what follows back to the line."""
    found, level = [], 0.0
    for run in runs:
        wanted = size * (-_RAISED if run.level > 0 else _LOWERED if run.level < 0 else 0.0)
        attributes = f' dy="{_n(wanted - level)}"' if wanted != level else ""
        if run.level:
            attributes += f' font-size="{_n(size * SCRIPT)}"'
        if run.slanted:
            attributes += ' class="slanted"'
        found.append(f"<tspan{attributes}>{_text(run.text)}</tspan>")
        level = wanted
    if level:
        found.append(f'<tspan dy="{_n(-level)}">\u200b</tspan>')
    return "".join(found)


def _line(path: Path) -> str:
    """The line of an edge and its head."""
    drawn = f"M{_p(path.start)}" + "".join(map(_piece, path.curves))
    if path.reverse:
        tip, first = path.start, path.curves[0]
        behind = first.end if first.straight else first.first
    else:
        last = path.curves[-1]
        tip, behind = last.end, (last.first if last.straight else last.second)
    return f'<path class="line" d="{drawn}"/><path class="head" d="{_head(behind, tip)}"/>'


def _piece(curve: Curve) -> str:
    if curve.straight:
        return f"L{_p(curve.end)}"
    return f"C{_p(curve.first)} {_p(curve.second)} {_p(curve.end)}"


def _head(behind: Point, tip: Point) -> str:
    x, y = tip[0] - behind[0], tip[1] - behind[1]
    length = (x * x + y * y) ** 0.5 or 1.0
    x, y = x / length, y / length
    foot = tip[0] - _HEAD_LENGTH * x, tip[1] - _HEAD_LENGTH * y
    sides = [(foot[0] + sign * _HEAD_HALF * y, foot[1] - sign * _HEAD_HALF * x) for sign in (1, -1)]
    return f"M{_p(tip)}L{_p(sides[0])}L{_p(sides[1])}Z"


def _p(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _n(number: float) -> str:
    """A number with at most one decimal."""
    tenths = round(number * 10)
    return str(tenths // 10) if tenths % 10 == 0 else str(tenths / 10)


def _text(text: str) -> str:
    return escape(_UNPRINTABLE.sub("\ufffd", text), quote=False)


def _attribute(text: str) -> str:
    written = escape(_UNPRINTABLE.sub("\ufffd", text)).translate(_KEPT)
    return f'"{written}"'
