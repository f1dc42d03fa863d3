"""Where the nodes and edges of a graph are drawn.

The forward graph runs from the top down; the backward graph is its mirror image beside it
and runs from the bottom up, so that every derivative stands at the height of its tensor.
No line runs through a box: in a row it has a place of its own, and it moves sideways only
between rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from symbackprop.typeset.graph import Edge, Graph, Node
from symbackprop.typeset.graph_places import (
    CHANNEL,
    HEADING,
    MARGIN,
    ROWS,
    SIDE_GAP,
    SIDE_HEIGHT,
    STRIPS,
    Label,
    Places,
    Sizes,
)
from symbackprop.typeset.graph_tiers import Item, Spot, Tiers, Wire, cuts, placed, tiers_of

#: A picture no higher than this times its width is not cut into strips.
_SQUARE = 1.1
#: What recurs leaves and arrives this far beside the middle, as a share of the box's width.
_ASIDE = 0.3
#: How round the corners of lanes are, and how far a loop reaches.
_CORNER, _LOOP = 8.0, 26.0

Point: TypeAlias = tuple[float, float]


class Curve(NamedTuple):
    """A piece of a path from where it is: a cubic Bézier curve, or a line if `straight`."""

    first: Point
    second: Point
    end: Point
    straight: bool = False


@dataclass(frozen=True)
class Path:
    """The way of an edge.

    Attributes
    ----------
    edge
        What it shows.
    start, curves
        Where it begins, and its pieces.
    reverse
        Whether the edge points to where the path begins. Edges that share a line are
        drawn from the end they share, so that their dashes coincide.
    mark
        Where the step of a recurrence is written, if it is.
    """

    edge: Edge
    start: Point
    curves: tuple[Curve, ...]
    reverse: bool = False
    mark: Point | None = None


@dataclass(frozen=True)
class Box:
    """A node's place; `x` and `y` are its middle.

    Attributes
    ----------
    node, label
        What stands in it, and what is written.
    small
        Whether it stands beside a reader, its symbol and shape side by side.
    shared
        Whether the tensor stands elsewhere too: something given that is read afar.
    """

    node: Node
    label: Label
    x: float
    y: float
    small: bool = False
    shared: bool = False


@dataclass(frozen=True)
class Layout:
    """A picture: its size, its boxes and lines, and the middles of its halves for headings."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    paths: tuple[Path, ...]
    forward: tuple[Point, ...]
    backward: tuple[Point, ...]


def laid_out(graph: Graph, room: float) -> Layout:
    """Place a graph, in strips side by side if it is long.

    Parameters
    ----------
    graph
        What to draw.
    room
        The width in pixels that strips may take together; one strip takes what it needs.
    """
    spots = placed(graph)
    sizes = Sizes(graph, spots.beside)
    mirrored = bool(graph.backward)
    tiers = tiers_of(spots)
    places = Places(tiers, sizes, mirrored=mirrored)
    across = places.width + STRIPS
    wanted = (places.height / (_SQUARE * across)) ** 0.5
    strips = min(int(room // across), round(wanted))
    if strips > 1:
        heights = [places.bottom(tier) - places.top(tier) + ROWS for tier in range(len(tiers.rows))]
        tiers = tiers_of(spots, cuts(spots, heights, strips))
        places = Places(tiers, sizes, mirrored=mirrored)
    return _Drawing(graph, tiers, sizes, places).layout()


class _Drawing:
    """Boxes and lines at the places found for them."""

    def __init__(self, graph: Graph, tiers: Tiers, sizes: Sizes, places: Places) -> None:
        self._graph = graph
        self._tiers = tiers
        self._sizes = sizes
        self._places = places
        self._heads = frozenset(tiers.strips)
        beside = [spot for spots in tiers.beside.values() for spot in spots]
        spots = {item.spot for row in tiers.rows for item in row if not item.passing}
        self._shared = {spot.name for spot in spots.union(beside) if spot.copy}
        self._marked: set[tuple[str, str]] = set()

    def layout(self) -> Layout:
        halves = (False, True) if self._graph.backward else (False,)
        paths = [path for back in halves for path in self._paths(back)]
        boxes = [box for back in halves for box in self._boxes(back)]
        headings = [
            [
                (self._places.heading(n, back=back), MARGIN + HEADING / 2)
                for n in range(len(self._places.strips))
            ]
            for back in halves
        ]
        return Layout(
            self._places.width,
            self._places.height,
            tuple(boxes),
            tuple(paths),
            tuple(headings[0]),
            tuple(headings[-1] if len(halves) > 1 else ()),
        )

    # --- boxes --------------------------------------------------------------------------

    def _shown(self, spot: Spot, back: bool) -> Node | None:
        """The node at a spot, in one half or the other."""
        return (self._graph.derivatives if back else self._graph.nodes).get(spot.name)

    def _boxes(self, back: bool) -> Iterator[Box]:
        for row in self._tiers.rows:
            for item in row:
                if not item.passing:
                    x, y = self._places.x(item, back=back), self._places.middle(item.tier)
                    yield from self._box(item.spot, x, y, back, small=False)
                    for spot, (x, y), _ in self._beside(item, back):
                        yield from self._box(spot, x, y, back, small=True)

    def _box(self, spot: Spot, x: float, y: float, back: bool, *, small: bool) -> Iterator[Box]:
        node = self._shown(spot, back)
        if node is not None:
            yield Box(
                node, self._sizes.label(node, small=small), x, y, small, spot.name in self._shared
            )

    def _beside(self, item: Item, back: bool) -> Iterator[tuple[Spot, Point, bool]]:
        """The spots beside an item, their middles, and whether others are in between."""
        side = 1 if back else -1
        x = self._places.x(item, back=back) + side * (self._sizes.width(item.spot) / 2 + CHANNEL)
        columns = zip(
            self._sizes.columns(item.spot), self._sizes.column_widths(item.spot), strict=True
        )
        for number, (spots, width) in enumerate(columns):
            first = self._places.middle(item.tier) - (len(spots) - 1) / 2 * (SIDE_HEIGHT + SIDE_GAP)
            for place, spot in enumerate(spots):
                y = first + place * (SIDE_HEIGHT + SIDE_GAP)
                yield spot, (x + side * width / 2, y), number > 0
            x += side * (width + SIDE_GAP)

    def _half_width(self, spot: Spot, back: bool, *, small: bool = False) -> float:
        node = self._shown(spot, back)
        return self._sizes.label(node, small=small).width / 2 if node else 0.0

    # --- lines --------------------------------------------------------------------------

    def _paths(self, back: bool) -> Iterator[Path]:
        for wire in self._tiers.wires:
            edge = self._graph.flow(wire.edge) if back else wire.edge
            if edge is not None:
                yield self._wire(wire, edge, back)
        for row in self._tiers.rows:
            for item in row:
                if not item.passing:
                    yield from self._side_paths(item, back)

    def _side_paths(self, item: Item, back: bool) -> Iterator[Path]:
        side = 1 if back else -1
        x, y = self._places.x(item, back=back), self._places.middle(item.tier)
        end = x + side * self._half_width(item.spot, back), y
        channel = x + side * (self._sizes.width(item.spot) / 2 + CHANNEL)
        for spot, (across, down), behind in self._beside(item, back):
            read = Edge(spot.name, item.spot.name)
            edge = self._graph.flow(read) if back else read
            if edge is None:
                continue
            if behind:  # by way of the gap below the box
                line = down + (SIDE_HEIGHT + SIDE_GAP) / 2
                start = across, down + SIDE_HEIGHT / 2
                pieces = [*_straight(start, (across, line), (channel, line))]
            else:
                start = across - side * self._half_width(spot, back, small=True), down
                pieces = [*_straight(start, (channel, down))]
            pieces.append(_sideways(pieces[-1].end if pieces else start, end))
            yield Path(edge, start, tuple(pieces), reverse=back)

    def _wire(self, wire: Wire, edge: Edge, back: bool) -> Path:
        source, target = wire.items[0], wire.items[-1]
        if source.tier == target.tier:
            return self._recurring(wire, edge, back)
        down = source.tier < target.tier
        aside = 0.0 if down else _ASIDE * (-1 if back else 1)
        shifts = [
            2 * aside * self._half_width(item.spot, back) * (not item.passing)
            for item in wire.items
        ]
        x = [
            self._places.x(item, back=back) + s for item, s in zip(wire.items, shifts, strict=True)
        ]
        start = x[0], self._edge_of_box(source, down)
        points: list[Point] = [start]
        pieces: list[Curve] = []
        for (one, other), (here, there) in zip(pairwise(wire.items), pairwise(x), strict=True):
            leave, enter = self._row_edge(one, down), self._row_edge(other, not down)
            if (other if down else one).tier in self._heads:
                lane = self._lane((one, other), (here, leave), (there, enter), down, back)
                pieces += _rounded(points[-1], lane)
            else:
                pieces += _straight(points[-1], (here, leave))
                pieces.append(_downwards((here, leave), (there, enter)))
            points.append((there, enter))
        pieces += _straight(points[-1], (x[-1], self._edge_of_box(target, not down)))
        mark = None
        if wire.edge.step and self._first_of(edge, back):
            y = self._row_edge(source, down)
            mark = start[0] + (-16 if back else 16), y + (9 if down else -9)
        return Path(edge, start, _merged(start, pieces), back, mark)

    def _edge_of_box(self, item: Item, lower: bool) -> float:
        """The y of a box's lower or upper edge."""
        node = self._graph.nodes[item.spot.name]
        half = self._sizes.label(node).height / 2
        return self._places.middle(item.tier) + (half if lower else -half)

    def _row_edge(self, item: Item, lower: bool) -> float:
        """The y of a row's lower or upper edge."""
        return self._places.bottom(item.tier) if lower else self._places.top(item.tier)

    def _lane(
        self, ends: tuple[Item, Item], start: Point, end: Point, down: bool, back: bool
    ) -> list[Point]:
        """The corners of the way from one strip to the next."""
        foot, head = ends if down else ends[::-1]
        low, across, high = self._places.lane(foot, head, back=back)
        first, last = (start, end) if down else (end, start)
        corners = [first, (first[0], low), (across, low), (across, high), (last[0], high), last]
        return corners if down else corners[::-1]

    def _recurring(self, wire: Wire, edge: Edge, back: bool) -> Path:
        """The line of a tensor that reads itself, or one in the same row, at another step."""
        source, target = wire.items
        x, y = self._places.x(source, back=back), self._places.middle(source.tier)
        side = -1 if back else 1
        if source == target:
            start = x + side * self._half_width(source.spot, back), y + 9
            far = start[0] + side * _LOOP
            loop = Curve((far, y + 20), (far, y - 20), (start[0], y - 9))
            mark = (far + side * 6, y) if self._first_of(edge, back) else None
            return Path(edge, start, (loop,), back, mark)
        aside = 2 * _ASIDE * side
        ends = [
            (
                self._places.x(item, back=back) + aside * self._half_width(item.spot, back),
                self._edge_of_box(item, True),
            )
            for item in wire.items
        ]
        low = self._places.bottom(source.tier) + ROWS * 0.8
        curve = Curve((ends[0][0], low), (ends[1][0], low), ends[1])
        mark = (ends[0][0] + side * 16, ends[0][1] + 9) if self._first_of(edge, back) else None
        return Path(edge, ends[0], (curve,), back, mark)

    def _first_of(self, edge: Edge, back: bool) -> bool:
        """Whether this is the first edge of those that recur to or from the same tensor."""
        key = edge.target if back else edge.source, edge.step
        first = key not in self._marked
        self._marked.add(key)
        return first


def _straight(start: Point, *corners: Point) -> Iterator[Curve]:
    for corner in corners:
        if corner != start:
            yield Curve(start, corner, corner, straight=True)
        start = corner


def _downwards(start: Point, end: Point) -> Curve:
    """From one row to another: upright at both ends."""
    if start[0] == end[0]:
        return Curve(start, end, end, straight=True)
    middle = (start[1] + end[1]) / 2
    return Curve((start[0], middle), (end[0], middle), end)


def _sideways(start: Point, end: Point) -> Curve:
    """From beside a box into it: level at both ends."""
    if start[1] == end[1]:
        return Curve(start, end, end, straight=True)
    middle = (start[0] + end[0]) / 2
    return Curve((middle, start[1]), (middle, end[1]), end)


def _rounded(start: Point, corners: Sequence[Point]) -> list[Curve]:
    """Straight lines with rounded corners."""
    found: list[Curve] = []
    for before, corner, after in zip([start, *corners], corners, corners[1:], strict=False):
        short = [min(_CORNER, _distance(corner, p) / 2) for p in (before, after)]
        inward, outward = (
            _towards(corner, p, s) for p, s in zip((before, after), short, strict=True)
        )
        found += _straight(found[-1].end if found else start, inward)
        found.append(Curve(corner, corner, outward))
    return [*found, *_straight(found[-1].end, corners[-1])]


def _distance(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(start: Point, end: Point, length: float) -> Point:
    """The point that far from one to another, along an axis."""
    whole = _distance(start, end) or 1.0
    x, y = (a + (b - a) * length / whole for a, b in zip(start, end, strict=True))
    return x, y


def _merged(start: Point, pieces: Sequence[Curve]) -> tuple[Curve, ...]:
    """Straight pieces that follow each other upright as one."""
    found: list[Curve] = []
    for piece in pieces:
        last = found[-1] if found else None
        if (
            last
            and last.straight
            and piece.straight
            and last.first[0] == last.end[0] == piece.end[0]
        ):
            found[-1] = Curve(last.first, piece.end, piece.end, straight=True)
        else:
            found.append(piece)
    return tuple(found)
