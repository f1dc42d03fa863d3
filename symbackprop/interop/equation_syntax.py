"""What the text of a system consists of, before anything is known of its names.

Every node knows where it starts, counted in characters from 0, so that whatever
turns out to be wrong later can be shown at its place.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """Something written at a place."""

    start: int


# --- expressions --------------------------------------------------------------------------


@dataclass(frozen=True)
class Number(Node):
    """A decimal as written: ``1e-5``."""

    text: str


@dataclass(frozen=True)
class Item(Node):
    """One thing in brackets: a position ``2*p+1``, or ``j:K`` with a size."""

    expression: Node
    size: Node | None


@dataclass(frozen=True)
class Element(Node):
    """A name, with what stands in brackets behind it: ``W[k,i]``, or ``eps`` alone."""

    name: str
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Reduction(Node):
    """``sum[i, j:K](…)``."""

    name: str
    items: tuple[Item, ...]
    body: Node


@dataclass(frozen=True)
class Call(Node):
    """``tanh(…)``, ``max(a, b)``."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Operation(Node):
    """Operands with the operators between them, all of one precedence: ``a + b - c``.

    A single operand has one operator before it: ``-a``, ``not c``.
    """

    operators: tuple[str, ...]
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Where(Node):
    """``where(condition, a, b)``: a where the condition holds, b elsewhere."""

    condition: Node
    holds: Node
    otherwise: Node


# --- statements ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Letter(Node):
    """``n:N`` of an ``index`` line."""

    name: str
    size: Node | None


@dataclass(frozen=True)
class Domain(Node):
    """``integer < V`` of a declaration; `below` is what stands behind ``<``."""

    name: str
    below: Node | None


@dataclass(frozen=True)
class Declaration(Node):
    """A tensor that is given: ``token[n,t] : integer < V`` of an ``input`` line."""

    role: str
    element: Element
    domain: Domain | None


@dataclass(frozen=True)
class Setting(Node):
    """``lambda = 0.1`` of a ``constant`` or a ``hyperparameter`` line."""

    kind: str
    name: str
    value: Node | None


@dataclass(frozen=True)
class Assignment(Node):
    """``left = right``: an equation without its base cases, or one of these."""

    left: Element
    right: Node


@dataclass(frozen=True)
class Definition(Node):
    """An equation, and the base cases after ``with``."""

    equation: Assignment
    bases: tuple[Assignment, ...]


@dataclass(frozen=True)
class Claim(Node):
    """``fact left = right``."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Objective(Node):
    """``minimize L``."""

    name: str
