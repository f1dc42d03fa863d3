"""What to try every layer with: one table, which the tests of layers run over.

A layer of the registry that is not in the table is tried with its defaults on a batch of
rows. Sizes are different primes, batch and widths above 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import symbackprop as sb

FEATURES, OUT = 5, 3
ROWS = (FEATURES,)
IMAGE = (5, 3, 7)


@dataclass(frozen=True)
class Case:
    """A layer, and the examples it is given.

    Attributes
    ----------
    layer
        With the arguments to try.
    shape
        The axes of one example.
    batch
        The leading axes.
    forward_only
        Whether gradients have to wait for the calculus.
    """

    layer: sb.Layer
    shape: tuple[Any, ...] | None = ROWS
    batch: Any = "N"
    forward_only: bool = False

    def __str__(self) -> str:
        shape = "" if self.shape == ROWS else f" on {self.shape}"
        return f"{self.layer}{shape}" + ("" if self.batch == "N" else f" batch {self.batch}")


def rows(*layers: sb.Layer) -> list[Case]:
    return [Case(layer) for layer in layers]


#: Arguments of batch norms.
BATCH_NORMS: list[dict[str, Any]] = [
    {},
    {"eps": 0.1, "momentum": 0.3},
    {"affine": False},
    {"momentum": None},
    {"track_running_stats": False},
]

CASES: dict[str, list[Case]] = {
    "Linear": [
        *rows(sb.Linear(FEATURES, OUT), sb.Linear(FEATURES, OUT, bias=False)),
        Case(sb.Linear("D", OUT), None),
        Case(sb.Linear(FEATURES, OUT), batch=()),
        Case(sb.Linear(FEATURES, OUT), batch=("N", "T")),
    ],
    "LeakyReLU": rows(sb.LeakyReLU(), sb.LeakyReLU(0.3)),
    "ELU": rows(sb.ELU(), sb.ELU(alpha=0.7)),
    "GELU": rows(sb.GELU(), sb.GELU(approximate="tanh")),
    "Softplus": rows(
        sb.Softplus(), sb.Softplus(beta=3.0, threshold=2.0), sb.Softplus(threshold=None)
    ),
    "Softmax": [
        *rows(sb.Softmax(), sb.Softmax(dim=0)),
        Case(sb.Softmax(dim=1), IMAGE),
        Case(sb.Softmax(), batch=()),
    ],
    "LogSoftmax": [
        *rows(sb.LogSoftmax(), sb.LogSoftmax(dim=0)),
        Case(sb.LogSoftmax(dim=1), IMAGE),
    ],
    "LayerNorm": [
        *rows(
            sb.LayerNorm(FEATURES),
            sb.LayerNorm(FEATURES, eps=0.1, bias=False),
            sb.LayerNorm(FEATURES, elementwise_affine=False),
        ),
        Case(sb.LayerNorm((3, 7)), IMAGE),
        Case(sb.LayerNorm("D"), ("T", "D")),
        Case(sb.LayerNorm(FEATURES), batch=()),
    ],
    "RMSNorm": [
        *rows(
            sb.RMSNorm(FEATURES),
            sb.RMSNorm(FEATURES, eps=0.1),
            sb.RMSNorm(FEATURES, elementwise_affine=False),
        ),
        Case(sb.RMSNorm((3, 7)), IMAGE),
    ],
    "BatchNorm1d": [
        *rows(*(sb.BatchNorm1d(FEATURES, **given) for given in BATCH_NORMS)),
        Case(sb.BatchNorm1d(FEATURES), (FEATURES, 3)),
        Case(sb.BatchNorm1d("D"), ("D",)),
    ],
    "BatchNorm2d": [Case(sb.BatchNorm2d(5, **given), IMAGE) for given in BATCH_NORMS],
    "InstanceNorm2d": [
        Case(sb.InstanceNorm2d(5), IMAGE),
        Case(sb.InstanceNorm2d(5, affine=True, eps=0.1), IMAGE),
        Case(sb.InstanceNorm2d(5, track_running_stats=True), IMAGE),
        Case(sb.InstanceNorm2d(5, track_running_stats=True, momentum=0.3), IMAGE),
        Case(sb.InstanceNorm2d(5), IMAGE, batch=()),
    ],
    "GroupNorm": [
        Case(sb.GroupNorm(2, 6), (6, 3, 5), forward_only=True),
        Case(sb.GroupNorm(1, 3, eps=0.1), (3, 5), forward_only=True),
        Case(sb.GroupNorm(3, 3, affine=False), (3, 5, 7), forward_only=True),
    ],
    "Embedding": [
        Case(sb.Embedding(11, 3), ("T",)),
        Case(sb.Embedding("V", "D"), (7,)),
        Case(sb.Embedding(11, 3, weight="E"), ()),
    ],
    "LearnedPositions": [
        Case(sb.LearnedPositions(7, 3), None),
        Case(sb.LearnedPositions(7, 3), (5, 3), forward_only=True),
        Case(sb.LearnedPositions("T", "D"), None),
    ],
    "Flatten": [
        Case(sb.Flatten(), IMAGE, forward_only=True),
        Case(sb.Flatten(2), IMAGE, forward_only=True),
        Case(sb.Flatten(0, 1), IMAGE, forward_only=True),
        Case(sb.Flatten(-3, -2), ("C", 3, "W"), forward_only=True),
        Case(sb.Flatten(), (5,)),
    ],
    "ZeroPad2d": [
        Case(sb.ZeroPad2d(2), IMAGE, forward_only=True),
        Case(sb.ZeroPad2d((1, 2, 3, 4)), ("C", "H", "W"), forward_only=True),
        Case(sb.ZeroPad2d((1, -2, -1, 0)), IMAGE, forward_only=True),
        Case(sb.ZeroPad2d(1), IMAGE, batch=(), forward_only=True),
    ],
    "Dropout": [*rows(sb.Dropout(), sb.Dropout(0.3), sb.Dropout(0.0)), Case(sb.Dropout(), IMAGE)],
}


def cases(name: str) -> list[Case]:
    """The cases of one layer of the registry."""
    return CASES.get(name) or [Case(sb.LAYERS[name]()), Case(sb.LAYERS[name](), (3, 7))]


def all_cases() -> Iterator[Case]:
    """Every case of every layer."""
    for name in sb.LAYERS:
        yield from cases(name)
