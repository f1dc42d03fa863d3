"""The graph of a system: which tensor each equation reads, and how derivatives flow back.

It holds symbols, shapes and names, no places and no markup; `graph_layout` places it,
`svg` and `mermaid` write it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import sympy as sp

from symbackprop.calculus import Backward
from symbackprop.language import Equation, Group, Role, System, Tensor, element_name, elements
from symbackprop.typeset.arrange import arrange, symbol_formula
from symbackprop.typeset.equations import EquationWriter, text_base
from symbackprop.typeset.labels import Run, formula_runs
from symbackprop.typeset.names import Glyph
from symbackprop.typeset.order import Context
from symbackprop.typeset.text import MINUS, text

#: What a node is: something given, by its role; something computed; or a derivative.
Kind: TypeAlias = Literal[
    "input",
    "target",
    "mask",
    "noise",
    "parameter",
    "hyperparameter",
    "intermediate",
    "objective",
    "seed",  # the objective's derivative by itself
    "adjoint",
    "gradient",
]


@dataclass(frozen=True)
class Node:
    """A tensor.

    Attributes
    ----------
    name
        Its name, ``z1`` or ``dz1``.
    subject
        The forward tensor it is about: ``z1`` for both.
    kind
        What it is; see `Kind`.
    symbol
        How it is written.
    shape
        The sizes of its axes, ``N × 10``; empty for a scalar.
    """

    name: str
    subject: str
    kind: Kind
    symbol: tuple[Run, ...]
    shape: str = ""


@dataclass(frozen=True)
class Edge:
    """One tensor's equation reads another, or a derivative flows from one to another.

    Attributes
    ----------
    source, target
        Names of nodes; data flow from the one to the other.
    step
        Where a recurrence reads it, ``t−1``; empty for the same step. A derivative flows
        back to ``t−1`` from ``t``, so to ``t`` from ``t+1``.
    """

    source: str
    target: str
    step: str = ""


@dataclass(frozen=True)
class Graph:
    """A system's tensors, and their derivatives if it was derived.

    Attributes
    ----------
    forward, reads
        The given tensors, then the computed ones in order of computation, and what reads
        what.
    backward
        The seed, then the derivatives, from the objective backwards.
    objective
        The name of what is differentiated, or of the scalar that is minimized; empty
        without either.
    """

    forward: tuple[Node, ...]
    reads: tuple[Edge, ...]
    backward: tuple[Node, ...] = ()
    objective: str = ""

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by name."""
        return {node.name: node for node in (*self.forward, *self.backward)}

    @cached_property
    def flows(self) -> tuple[Edge, ...]:
        """What flows where by the chain rule: against `reads`, where derivatives go."""
        return tuple(flow for flow in map(self.flow, self.reads) if flow is not None)

    @cached_property
    def derivative_names(self) -> frozenset[str]:
        """The names of the nodes of `backward`."""
        return frozenset(node.name for node in self.backward)

    @cached_property
    def derivatives(self) -> Mapping[str, Node]:
        """By forward tensor, the node of the derivative by it."""
        return {node.subject: node for node in self.backward}

    def flow(self, read: Edge) -> Edge | None:
        """The derivative's way back against an edge of `reads`, if it goes there."""
        ends = (self.derivatives.get(read.target), self.derivatives.get(read.source))
        if read.source == self.objective or None in ends:
            return None
        source, target = (node.name for node in ends if node is not None)
        return Edge(source, target, _mirrored(read.step))


def graph_of(derived: Backward | System, names: Mapping[str, Glyph] | None = None) -> Graph:
    """The graph of a system, with the backward one if derivatives were derived.

    Parameters
    ----------
    derived
        The system, or what was derived from it.
    names
        By name, symbols that are shown otherwise than their names say; see `Context`.
    """
    reader = _Reader(derived, names or {})
    return reader.graph(derived if isinstance(derived, Backward) else None)


def written_equations(
    derived: Backward | System, names: Mapping[str, Glyph] | None = None
) -> dict[str, str]:
    """By name of its tensor, each equation in one line of Unicode.

    Writing them takes longer than drawing the graph, so whoever has them already passes
    them on.
    """
    system, tensors, objective = _parts(derived)
    equations: dict[str, Equation] = dict(system.definitions)
    if isinstance(derived, Backward):
        found = (*derived.adjoints.values(), *derived.gradients.values())
        equations.update({equation.name: equation for equation in found})
    writer = EquationWriter(tensors, objective=objective, names=names)
    return {name: _written(equation, writer) for name, equation in equations.items()}


def _written(equation: Equation, writer: EquationWriter) -> str:
    sides = " = ".join(map(text, writer.sides(equation)))
    return f"{sides} {text_base(writer.base(equation))}".rstrip()


def _parts(derived: Backward | System) -> tuple[System, Mapping[str, Tensor], str]:
    """The system, all tensors, and the name of what is differentiated or minimized."""
    if isinstance(derived, System):
        return derived, derived.tensors, derived.objective or ""
    return derived.system, derived.tensors, derived.of


class _Reader:
    """Makes the nodes and edges of one system."""

    def __init__(self, derived: Backward | System, names: Mapping[str, Glyph]) -> None:
        self._system, self._tensors, self._objective = _parts(derived)
        self._context = Context(self._tensors, self._objective, names=names)
        self._sizes: dict[sp.Expr, str] = {}

    def graph(self, derived: Backward | None = None) -> Graph:
        given = [self._node(tensor, _given_kind(tensor)) for tensor in self._system.given]
        computed = [self._computed(name) for name in self._system.definitions]
        reads = tuple(self._reads())
        if derived is None:
            return Graph((*given, *computed), reads, objective=self._objective)
        backward = tuple(self._derivatives(derived))
        return Graph((*given, *computed), reads, backward, self._objective)

    def _computed(self, name: str) -> Node:
        kind: Kind = "objective" if name == self._objective else "intermediate"
        return self._node(self._tensors[name], kind)

    def _derivatives(self, derived: Backward) -> Iterator[Node]:
        # Their equations are not looked at: writing them takes longer than all the rest.
        wanted = dict.fromkeys(derived.gradients)
        new = [t for name, t in self._tensors.items() if name not in self._system.tensors]
        by_subject = {tensor.adjoint_of: tensor for tensor in new}
        for subject in dict.fromkeys((derived.of, *derived.adjoints, *wanted)):
            gradient: Kind = "gradient" if subject in wanted else "adjoint"
            kind = "seed" if subject == derived.of else gradient
            yield self._node(by_subject[subject], kind, subject)

    def _node(self, tensor: Tensor, kind: Kind, subject: str = "") -> Node:
        symbol = formula_runs(symbol_formula(tensor, self._context))
        return Node(tensor.name, subject or tensor.name, kind, symbol, self._shape(tensor))

    def _shape(self, tensor: Tensor) -> str:
        if len(tensor.shape) == 1:
            return self._size(tensor.shape[0])
        sizes = map(self._size, tensor.shape)
        return " × ".join(f"({size})" if " " in size else size for size in sizes)

    def _size(self, extent: sp.Expr) -> str:
        if extent not in self._sizes:
            self._sizes[extent] = text(arrange(extent, self._context))
        return self._sizes[extent]

    def _reads(self) -> Iterator[Edge]:
        for group in self._system.groups:
            for equation in group.equations:
                if group.recurrent:
                    yield from _recurrent_reads(equation, group)
                else:
                    yield from (Edge(name, equation.name) for name in equation.used_names)


def _recurrent_reads(equation: Equation, group: Group) -> Iterator[Edge]:
    """What one of several equations that recur together reads, and at which step."""
    own = group.index(equation)
    found: dict[Edge, None] = {}
    for expr in equation.expressions:
        for element in elements(expr):
            name = element_name(element)
            step = ""
            if name in group.axes:
                place = element.indices[group.axes[name]]
                step = "" if place == own else str(place).replace(" ", "").replace("-", MINUS)
            found[Edge(name, equation.name, step)] = None
    yield from found


def _mirrored(step: str) -> str:
    """Where a derivative comes from that flows back to ``t−1``: ``t+1``."""
    return step.translate({ord("+"): MINUS, ord(MINUS): "+"})


def _given_kind(tensor: Tensor) -> Kind:
    if tensor.role is Role.MASK:
        return "noise" if tensor.keep is None else "mask"
    kinds: Mapping[Role, Kind] = {
        Role.INPUT: "input",
        Role.TARGET: "target",
        Role.PARAMETER: "parameter",
        Role.HYPERPARAMETER: "hyperparameter",
    }
    return kinds[tensor.role]
