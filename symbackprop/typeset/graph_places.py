"""How large the boxes of a graph are, how wide its strips, and where its rows and columns run.

`graph_tiers` has decided what stands in which row and in which order; `graph_layout`
draws boxes and lines at the places that are found here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from symbackprop.typeset.graph import Graph, Node
from symbackprop.typeset.graph_tiers import Item, Spot, Tiers
from symbackprop.typeset.labels import Run, shortened, width

#: Sizes of letters, in pixels: a symbol, the shape below it, and both beside a reader.
SYMBOL, SHAPE, SMALL_SYMBOL, SMALL_SHAPE = 16.0, 11.0, 14.0, 10.5
#: What stands beside a reader: height, distance, and room for the lines to the reader.
SIDE_HEIGHT, SIDE_GAP, CHANNEL = 24.0, 6.0, 22.0
#: The distance of lines, and of the boxes of a row.
LINE, BETWEEN = 9.0, 20.0
#: Room between the halves of a strip, between strips, around all, and above strips.
HALVES, STRIPS, MARGIN, HEADING = 44.0, 36.0, 14.0, 34.0
#: Between rows; more where lines run far sideways.
ROWS, _MORE, _SLOPE = 24.0, 28.0, 0.09

_NODE_HEIGHT, _NODE_WIDTH, _PADDING = 42.0, 48.0, 9.0
#: The most that a label takes; what is longer is cut.
_MOST = 170.0
#: The most that stand above each other beside a reader, unless there are very many.
_STACK = 4
#: Room for ``t−1`` beside what recurs.
_STEP_ROOM = 44.0
_ALIGNMENTS = 6
#: What a line that passes weighs beside a node when both want a place.
_YIELDING = 1e-4


@dataclass(frozen=True)
class Label:
    """What is written in a box, shortened if there is no room, and the box's size."""

    symbol: tuple[Run, ...]
    shape: str
    width: float
    height: float


class Sizes:
    """How large boxes are, wherever they stand."""

    def __init__(self, graph: Graph, beside: Mapping[Spot, tuple[Spot, ...]]) -> None:
        self._graph = graph
        self._beside = beside
        self._labels: dict[tuple[str, bool], Label] = {}
        self._reaches: dict[Spot, tuple[float, float]] = {}
        self._recurring = {edge.source for edge in graph.reads if edge.step}

    def label(self, node: Node, *, small: bool = False) -> Label:
        """What is written in a node's box; a `small` one stands beside a reader."""
        key = node.name, small
        if key not in self._labels:
            self._labels[key] = _label(node, small)
        return self._labels[key]

    def width(self, spot: Spot, *, small: bool = False) -> float:
        """The width of a tensor's box or of its derivative's, whichever is wider."""
        nodes = (self._graph.nodes[spot.name], self._graph.derivatives.get(spot.name))
        return max(self.label(node, small=small).width for node in nodes if node is not None)

    def columns(self, spot: Spot) -> list[tuple[Spot, ...]]:
        """What stands beside a spot, in columns from the nearest to the farthest."""
        spots = self._beside.get(spot, ())
        rows = _STACK if len(spots) <= 2 * _STACK else round(len(spots) ** 0.5)
        return [spots[first : first + rows] for first in range(0, len(spots), rows)]

    def column_widths(self, spot: Spot) -> list[float]:
        """The width of each of these columns."""
        return [max(self.width(s, small=True) for s in column) for column in self.columns(spot)]

    def height(self, spot: Spot) -> float:
        """The height of a spot with what stands beside it."""
        rows = max(map(len, self.columns(spot)), default=0)
        return max(_NODE_HEIGHT, rows * (SIDE_HEIGHT + SIDE_GAP) - SIDE_GAP)

    def left(self, item: Item) -> float:
        """How far an item reaches to the left of its middle line."""
        return LINE / 2 if item.passing else self._reach(item.spot)[0]

    def right(self, item: Item) -> float:
        """How far an item reaches to the right of its middle line."""
        return LINE / 2 if item.passing else self._reach(item.spot)[1]

    def _reach(self, spot: Spot) -> tuple[float, float]:
        if spot not in self._reaches:
            half, widths = self.width(spot) / 2, self.column_widths(spot)
            beside = CHANNEL + sum(widths) + SIDE_GAP * (len(widths) - 1) if widths else 0.0
            step = _STEP_ROOM if spot.name in self._recurring else 0.0
            self._reaches[spot] = half + beside, half + step
        return self._reaches[spot]


def _label(node: Node, small: bool) -> Label:
    size, shape_size = (SMALL_SYMBOL, SMALL_SHAPE) if small else (SYMBOL, SHAPE)
    symbol = shortened(node.symbol, size, _MOST)
    # Beside its reader a gradient has the shape that is written across from it.
    written = "" if small and node.kind in ("gradient", "adjoint") else node.shape
    shape = shortened((Run(written),), shape_size, _MOST) if written else ()
    widths = width(symbol, size), width(shape, shape_size)
    inner = sum(widths) + 6 * bool(shape) if small else max(*widths, _NODE_WIDTH - 2 * _PADDING)
    height = SIDE_HEIGHT if small else _NODE_HEIGHT
    return Label(symbol, "".join(run.text for run in shape), inner + 2 * _PADDING, height)


class Places:
    """Where the rows of every strip run, and every item in its row.

    A strip has the forward half on its left and, if there are derivatives, the same
    mirrored on its right.
    """

    def __init__(self, tiers: Tiers, sizes: Sizes, *, mirrored: bool) -> None:
        self._tiers = tiers
        self._sizes = sizes
        self._mirrored = mirrored
        ends = (*tiers.strips[1:], len(tiers.rows))
        self._strips = [range(*span) for span in zip(tiers.strips, ends, strict=True)]
        self._number = [number for number, strip in enumerate(self._strips) for _ in strip]
        self._above, self._below = _neighbours(tiers)
        self._stream_starts = self._streams()
        # Of several ends of one stream, the farthest.
        self._stream_ends = {start: end for end, start in self._stream_starts.items()}
        self._across: dict[Item, float] = {}
        self._half = [self._place_across(strip) for strip in self._strips]
        lanes = [len(tiers.rows[first]) * (1 + mirrored) for first in tiers.strips[1:]]
        self._left = [MARGIN]
        for number, count in enumerate(lanes):
            self._left.append(self._left[-1] + self._span(number) + STRIPS + count * LINE)
        self._heads = max(lanes, default=0)
        self._middle = self._place_down()

    # --- what is asked for ------------------------------------------------------------

    @property
    def strips(self) -> Sequence[range]:
        """The tiers of each strip."""
        return self._strips

    @property
    def width(self) -> float:
        """The width of the picture."""
        return self._left[-1] + self._span(-1) + MARGIN

    @property
    def height(self) -> float:
        """The height of the picture."""
        feet = [self.bottom(strip[-1]) for strip in self._strips]
        return max(feet) + (self._heads + 1) * LINE * (self._heads > 0) + MARGIN

    def x(self, item: Item, *, back: bool) -> float:
        """The middle line of an item, or of its mirror image."""
        number = self._number[item.tier]
        if not back:
            return self._left[number] + self._across[item]
        return self._left[number] + self._span(number) - self._across[item]

    def middle(self, tier: int) -> float:
        """The y of a row's middle."""
        return self._middle[tier]

    def top(self, tier: int) -> float:
        """The y of a row's upper edge."""
        return self._middle[tier] - self._heights[tier] / 2

    def bottom(self, tier: int) -> float:
        """The y of a row's lower edge."""
        return self._middle[tier] + self._heights[tier] / 2

    def heading(self, number: int, *, back: bool) -> float:
        """The middle of one of a strip's halves."""
        half = self._half[number] / 2
        return self._left[number] + (self._span(number) - half if back else half)

    def lane(self, foot: Item, head: Item, *, back: bool) -> tuple[float, float, float]:
        """The way of a line from the foot of a strip to the head of the next.

        Returns
        -------
        The y along which it leaves, the x along which it runs up, the y along which it
        comes in. Lanes lie in each other, those of the backward half innermost.
        """
        row = sorted(self._tiers.rows[foot.tier], key=self._across.__getitem__)
        place = row.index(foot)
        rank = place if back else len(row) * self._mirrored + len(row) - 1 - place
        count = len(row) * (1 + self._mirrored)
        number = self._number[foot.tier]
        gap = self._left[number] + self._span(number) + STRIPS / 2
        return (
            self.bottom(foot.tier) + (rank + 1) * LINE,
            gap + rank * LINE,
            self.top(head.tier) - (count - rank) * LINE,
        )

    # --- across -----------------------------------------------------------------------

    def _span(self, number: int) -> float:
        """The width of a strip, with both halves."""
        half = self._half[number]
        return 2 * half + HALVES if self._mirrored else half

    def _place_across(self, strip: range) -> float:
        """Give every item of a strip its x, from the strip's left edge on; how wide it is."""
        rows = [self._tiers.rows[tier] for tier in strip]
        lanes = self._lanes(rows)
        x = {item: 0.0 for row in rows for item in row}
        for row in rows:
            self._settle(row, x, x)
        for _ in range(_ALIGNMENTS):
            for order, near in ((rows[::-1], self._below), (rows, self._above)):
                for row in order:
                    wishes = {item: self._wish(item, near, lanes, x) for item in row}
                    self._settle(row, wishes, x)
        # Nodes stand; each line that passes them becomes straight, as far out as it must.
        straight = {item: lane.outermost(x) for item, lane in lanes.items()}
        for row in rows:
            self._settle(row, {item: straight.get(item, x[item]) for item in row}, x)
        first = min((x[item] - self._sizes.left(item) for item in x), default=0.0)
        last = max((x[item] + self._sizes.right(item) for item in x), default=0.0)
        self._across.update({item: place - first for item, place in x.items()})
        return last - first

    def _streams(self) -> dict[Item, Item]:
        """By item that a branch leads back to, the one where it began, in the same strip."""
        items = {item.spot: item for row in self._tiers.rows for item in row if not item.passing}
        pairs = [(items[end], items[start]) for end, start in self._tiers.streams.items()]
        pairs.sort(key=lambda pair: pair[0].tier)
        return {e: s for e, s in pairs if self._number[e.tier] == self._number[s.tier]}

    def _lanes(self, rows: Sequence[Sequence[Item]]) -> dict[Item, _Lane]:
        """The whole line that each passing item of a strip is part of."""
        found: dict[tuple[Spot, str], _Lane] = {}
        inside = {item for row in rows for item in row}
        for item in (item for row in rows for item in row if item.passing):
            lane = found.setdefault((item.spot, item.step), _Lane([], {}))
            lane.items.append(item)
            near = (*self._above.get(item, ()), *self._below.get(item, ()))
            lane.ends.update(
                {other: None for other in near if not other.passing and other in inside}
            )
        return {item: lane for lane in found.values() for item in lane.items}

    def _wish(
        self,
        item: Item,
        near: Mapping[Item, Sequence[Item]],
        lanes: Mapping[Item, _Lane],
        x: Mapping[Item, float],
    ) -> float:
        """Where an item would be straight below, or above, the nodes it is joined to."""
        if item.passing:
            return _middle(lanes[item].ends, x)
        along = self._stream_starts if near is self._above else self._stream_ends
        if item in along:
            return x[along[item]]
        others = near.get(item, ())
        return _middle([other for other in others if not other.passing] or others or [item], x)

    def _settle(
        self, row: Sequence[Item], wishes: Mapping[Item, float], x: dict[Item, float]
    ) -> None:
        """Places near to what each item wishes, in order and apart; lines give way to nodes.

        The squares of the distances are least: pools of adjacent violators move together
        (Ayer et al., 1955).
        """
        shifts = [0.0]
        for before, item in pairwise(row):
            reach = self._sizes.right(before) + self._sizes.left(item)
            shifts.append(shifts[-1] + reach + _apart(before, item))
        pools: list[tuple[float, float, int]] = []
        for item, shift in zip(row, shifts, strict=False):
            mean, weight, count = wishes[item] - shift, _YIELDING if item.passing else 1.0, 1
            while pools and pools[-1][0] > mean:
                other, heavy, more = pools.pop()
                mean = (mean * weight + other * heavy) / (weight + heavy)
                weight, count = weight + heavy, count + more
            pools.append((mean, weight, count))
        means = [mean for mean, _, count in pools for _ in range(count)]
        x.update({i: mean + shift for i, mean, shift in zip(row, means, shifts, strict=False)})

    # --- down -------------------------------------------------------------------------

    @cached_property
    def _heights(self) -> list[float]:
        return [
            max((self._sizes.height(item.spot) for item in row if not item.passing), default=0.0)
            for row in self._tiers.rows
        ]

    def _place_down(self) -> list[float]:
        middle: list[float] = []
        for strip in self._strips:
            y = MARGIN + HEADING + (self._heads + 1) * LINE * (self._heads > 0)
            for tier in strip:
                y += self._gap(tier) if tier != strip[0] else 0.0
                middle.append(y + self._heights[tier] / 2)
                y += self._heights[tier]
        return middle

    def _gap(self, tier: int) -> float:
        """The room above a row: more where lines run far sideways."""
        x = self._across
        runs = [abs(x[i] - x[o]) for i in self._tiers.rows[tier] for o in self._above.get(i, ())]
        return ROWS + min(_MORE, max(runs, default=0.0) * _SLOPE)


def _neighbours(tiers: Tiers) -> tuple[dict[Item, list[Item]], dict[Item, list[Item]]]:
    """What each item is joined to in the row above and in the row below, within its strip."""
    above: dict[Item, dict[Item, None]] = {}
    below: dict[Item, dict[Item, None]] = {}
    for wire in tiers.wires:
        for one, other in pairwise(wire.items):
            upper, lower = (one, other) if one.tier < other.tier else (other, one)
            if upper.tier < lower.tier and lower.tier not in tiers.strips:
                below.setdefault(upper, {})[lower] = None
                above.setdefault(lower, {})[upper] = None
    return {i: list(n) for i, n in above.items()}, {i: list(n) for i, n in below.items()}


def _apart(one: Item, other: Item) -> float:
    """The room between neighbours in a row: none between lines, which bring their own."""
    return BETWEEN * (2 - one.passing - other.passing) / 2


def _middle(items: Collection[Item], x: Mapping[Item, float]) -> float:
    return sum(x[item] for item in items) / len(items) if items else 0.0


@dataclass(frozen=True)
class _Lane:
    """A line that passes rows of a strip: its items there, and the nodes at its ends."""

    items: list[Item]
    ends: dict[Item, None]

    def outermost(self, x: Mapping[Item, float]) -> float:
        """The place farthest from its ends that nodes have pushed it to."""
        places = [x[item] for item in self.items]
        outwards = sum(places) / len(places) >= _middle(self.ends, x)
        return max(places) if outwards else min(places)
