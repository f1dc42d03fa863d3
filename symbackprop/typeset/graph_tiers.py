"""Which tier of a picture each tensor of a graph stands in, and in which order.

A layered drawing, after Sugiyama, Tagawa and Toda (1981): what is computed stands one tier
below all that it reads, a line that passes a tier takes a place in it, and the order in a
tier is that of the places its neighbours have. What is read once and given, such as a
weight, stands beside its reader rather than in a tier. A long graph is cut into strips
that stand side by side.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from symbackprop.typeset.graph import Edge, Graph

#: Readers of one given tensor that are more tiers apart than this have a copy each.
_NEAR = 2
#: Sweeps of ordering; what they find after this many is not worth the time.
_SWEEPS = 6
#: A cut may be this far from where strips would be equally long, as a share of a strip.
_LEEWAY = 0.2


class Spot(NamedTuple):
    """One place of a tensor: `copy` 0, or a further one of something given that is read afar."""

    name: str
    copy: int = 0


class Item(NamedTuple):
    """What takes room in a tier: a spot, or a line from that spot which passes the tier.

    Attributes
    ----------
    spot
        The node, or where the line comes from.
    tier
        Its tier; a line has one item in each that it passes.
    step
        For a line that passes, the step of its edges, as `Edge.step`.
    passing
        Whether it is a line.
    """

    spot: Spot
    tier: int
    step: str = ""
    passing: bool = False


class Wire(NamedTuple):
    """An edge of the graph between spots, by way of the items it passes, ends included."""

    edge: Edge
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Tiers:
    """Where everything stands, without measures.

    Attributes
    ----------
    rows
        The items of each tier, from left to right.
    strips
        The first tier of each strip, in order.
    beside
        By spot, the given spots that stand beside it.
    wires
        The edges between items; those from what stands beside are not among them.
    streams
        By spot that a branch leads back to, where the branch began: x of ``x + f(x)``.
        One stands straight below the other.
    """

    rows: tuple[tuple[Item, ...], ...]
    strips: tuple[int, ...]
    beside: Mapping[Spot, tuple[Spot, ...]]
    wires: tuple[Wire, ...]
    streams: Mapping[Spot, Spot]


class Placed(NamedTuple):
    """Spots with their tiers, before the graph is cut into strips."""

    tiers: Mapping[Spot, int]
    beside: Mapping[Spot, tuple[Spot, ...]]
    edges: tuple[tuple[Edge, Spot, Spot], ...]
    streams: Mapping[Spot, Spot]


def placed(graph: Graph) -> Placed:
    """The tier of every spot, from 0 on."""
    computed = [n.name for n in graph.forward if n.kind in ("intermediate", "objective")]
    levels = _levels(graph, computed)
    readers: dict[str, list[str]] = {n.name: [] for n in graph.forward if n.name not in levels}
    for edge in graph.reads:
        readers.get(edge.source, []).append(edge.target)
    tiers = {Spot(name): level for name, level in levels.items()}
    beside: dict[Spot, list[Spot]] = {}
    reader_spots: dict[tuple[str, str], Spot] = {}
    for name, targets in readers.items():
        for copy, near in enumerate(_groups(targets, levels)):
            spot = Spot(name, copy)
            reader_spots.update({(name, reader): spot for reader in near})
            if len(near) == 1 and (copy or graph.nodes[name].kind != "input"):
                beside.setdefault(Spot(near[0]), []).append(spot)
            else:
                tiers[spot] = min((levels[reader] for reader in near), default=1) - 1
    edges = tuple(
        (edge, reader_spots.get((edge.source, edge.target), Spot(edge.source)), Spot(edge.target))
        for edge in graph.reads
    )
    lowest = min(tiers.values(), default=0)
    return Placed(
        {spot: tier - lowest for spot, tier in tiers.items()},
        {spot: tuple(spots) for spot, spots in beside.items()},
        edges,
        _streams(graph, levels),
    )


def _streams(graph: Graph, levels: Mapping[str, int]) -> dict[Spot, Spot]:
    """For what reads a tensor and others that depend on it, that tensor."""
    sources: dict[str, list[str]] = {name: [] for name in levels}
    for edge in graph.reads:
        if not edge.step and edge.source in levels:
            sources[edge.target].append(edge.source)
    upstream: dict[str, frozenset[str]] = {}
    found = {}
    for name, read in sources.items():
        upstream[name] = frozenset(read).union(*(upstream[source] for source in read))
        first = min(read, key=levels.__getitem__, default="")
        others = [source for source in read if source != first]
        if others and all(first in upstream[other] for other in others):
            found[Spot(name)] = Spot(first)
    return found


def _levels(graph: Graph, computed: Sequence[str]) -> dict[str, int]:
    """The longest way to every computed tensor; what no data reach stands near its readers."""
    reads: dict[str, list[str]] = {name: [] for name in computed}
    readers: dict[str, list[str]] = {name: [] for name in computed}
    flowing = {node.name for node in graph.forward if node.kind == "input"}
    sources: dict[str, list[str]] = {name: [] for name in computed}
    for edge in graph.reads:
        sources[edge.target].append(edge.source)
        if not edge.step and edge.source in reads:
            reads[edge.target].append(edge.source)
            readers[edge.source].append(edge.target)
    levels: dict[str, int] = {}
    for name in computed:
        levels[name] = 1 + max((levels[source] for source in reads[name]), default=0)
        if not flowing.isdisjoint(sources[name]):
            flowing.add(name)
    for name in reversed(computed):
        if name not in flowing and readers[name]:
            levels[name] = min(levels[reader] for reader in readers[name]) - 1
    return levels


def _groups(readers: Iterable[str], levels: Mapping[str, int]) -> list[list[str]]:
    """The readers of a given tensor, those in neighbouring tiers together."""
    groups: list[list[str]] = []
    for reader in sorted(readers, key=levels.__getitem__):
        if groups and levels[reader] - levels[groups[-1][-1]] <= _NEAR:
            groups[-1].append(reader)
        else:
            groups.append([reader])
    return groups or [[]]


def cuts(spots: Placed, heights: Sequence[float], strips: int) -> tuple[int, ...]:
    """Before which tiers to cut, so that strips are about equally long and few lines are cut."""
    crossing = [0] * (len(heights) + 1)
    reach: dict[tuple[Spot, str], tuple[int, int]] = {}
    for edge, source, target in spots.edges:
        if source in spots.tiers:
            ends = spots.tiers[source], spots.tiers[target]
            low, high = reach.get((source, edge.step), ends)
            reach[source, edge.step] = min(low, *ends), max(high, *ends)
    for low, high in reach.values():
        for tier in range(low + 1, high + 1):
            crossing[tier] += 1
    total = sum(heights)
    before = [sum(heights[:tier]) for tier in range(len(heights))]
    found: list[int] = []
    for number in range(1, strips):
        ideal, leeway = total * number / strips, _LEEWAY * total / strips
        first = found[-1] + 1 if found else 1
        near = [t for t in range(first, len(heights)) if abs(before[t] - ideal) <= leeway]
        if near:
            found.append(min(near, key=lambda t: (crossing[t], abs(before[t] - ideal))))
    return tuple(found)


def tiers_of(spots: Placed, cut: Sequence[int] = ()) -> Tiers:
    """Rows of items in order, with two empty tiers at each cut for the lines that cross it."""

    def moved(tier: int) -> int:
        return tier + 2 * bisect_right(cut, tier)

    strips = (0, *(moved(tier) - 1 for tier in cut))
    items = {spot: Item(spot, moved(tier)) for spot, tier in spots.tiers.items()}
    last = max((item.tier for item in items.values()), default=0)
    rows: list[dict[Item, None]] = [{} for _ in range(last + 1)]
    for item in items.values():
        rows[item.tier][item] = None
    wires = [
        Wire(edge, _way(items[source], items[target], edge.step))
        for edge, source, target in spots.edges
        if source in items
    ]
    for wire in wires:
        for item in wire.items:
            rows[item.tier][item] = None
    first = [_first_order(row) for row in rows]
    return Tiers(_ordered(first, wires), strips, spots.beside, tuple(wires), spots.streams)


def _way(source: Item, target: Item, step: str) -> tuple[Item, ...]:
    if source.tier == target.tier:
        return (source, target)
    down = 1 if source.tier < target.tier else -1
    between = range(source.tier + down, target.tier, down)
    return (source, *(Item(source.spot, tier, step, True) for tier in between), target)


def _first_order(row: Iterable[Item]) -> list[Item]:
    """Nodes before the lines that pass, the longest of these outermost."""
    nodes = [item for item in row if not item.passing]
    lines = {item: place for place, item in enumerate(row) if item.passing}
    return [*nodes, *sorted(lines, key=lambda item: -lines[item])]


def _ordered(rows: list[list[Item]], wires: Sequence[Wire]) -> tuple[tuple[Item, ...], ...]:
    """Rows in which few lines cross, by the barycentre heuristic."""
    above: dict[Item, dict[Item, None]] = {}
    below: dict[Item, dict[Item, None]] = {}
    for wire in wires:
        for one, other in pairwise(wire.items):
            upper, lower = (one, other) if one.tier < other.tier else (other, one)
            if upper.tier < lower.tier:
                below.setdefault(upper, {})[lower] = None
                above.setdefault(lower, {})[upper] = None
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        rows = _swept(rows, above if down else below, down)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return tuple(map(tuple, best))


def _swept(
    rows: Sequence[Sequence[Item]], neighbours: Mapping[Item, Iterable[Item]], down: bool
) -> list[list[Item]]:
    """Each row in the order of the places that its neighbours have in the row before."""
    place: dict[Item, float] = {}
    found = list(map(list, rows))
    for tier in range(len(rows)) if down else reversed(range(len(rows))):
        row = found[tier]
        own = {item: number for number, item in enumerate(row)}
        wish = {}
        for item in row:
            near = [place[other] for other in neighbours.get(item, ()) if other in place]
            wish[item] = sum(near) / len(near) if near else (own[item] + 0.5) / len(row)
        row.sort(key=lambda item: (wish[item], own[item]))
        place.update({item: (number + 0.5) / len(row) for number, item in enumerate(row)})
    return found


def _crossings(rows: Sequence[Sequence[Item]], below: Mapping[Item, Iterable[Item]]) -> int:
    """How many pairs of lines cross between neighbouring rows."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {item: number for number, item in enumerate(lower)}
        seen: list[int] = []
        for item in upper:
            ends = sorted(place[other] for other in below.get(item, ()))
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
