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
    """

    layer: sb.Layer
    shape: tuple[Any, ...] | None = ROWS
    batch: Any = "N"

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

#: Axes of sequences, the batch first or not: what `Case` calls batch and shape.
STEPS_FIRST = {"batch": ("T", "N"), "shape": (FEATURES,)}
BATCH_FIRST = {"batch": "N", "shape": ("T", FEATURES)}
ALONE = {"batch": (), "shape": ("T", FEATURES)}


def recurrent(cls: type[sb.Layer], dropout: float = 0.0, **more: Any) -> list[Case]:
    """The cases of a recurrent network."""
    return [
        Case(cls(FEATURES, OUT, **more), **STEPS_FIRST),
        Case(cls(FEATURES, OUT, bias=False, **more), **ALONE),
        Case(
            cls(FEATURES, OUT, batch_first=True, initial_state=True, output="last", **more),
            **BATCH_FIRST,
        ),
        Case(
            cls(FEATURES, OUT, bidirectional=True, output="final", **more),
            **STEPS_FIRST,
        ),
        Case(
            cls(
                FEATURES,
                OUT,
                2,
                dropout=dropout,
                bidirectional=True,
                batch_first=True,
                initial_state=True,
                **more,
            ),
            **BATCH_FIRST,
        ),
    ]


def images(*layers: sb.Layer, shape: tuple[Any, ...] = (3, 7, 5), **more: Any) -> list[Case]:
    return [Case(layer, shape, **more) for layer in layers]


CASES: dict[str, list[Case]] = {
    "Linear": [
        *rows(sb.Linear(FEATURES, OUT), sb.Linear(FEATURES, OUT, bias=False)),
        Case(sb.Linear("D", OUT), None),
        Case(sb.Linear(FEATURES, OUT), batch=()),
        Case(sb.Linear(FEATURES, OUT), batch=("N", "T")),
    ],
    "Bilinear": [
        *rows(sb.Bilinear(FEATURES, 7, OUT), sb.Bilinear(FEATURES, 7, OUT, bias=False)),
        Case(sb.Bilinear("D", 7, OUT), None, batch=("N", "T")),
    ],
    "LeakyReLU": rows(sb.LeakyReLU(), sb.LeakyReLU(0.3)),
    "ELU": rows(sb.ELU(), sb.ELU(alpha=0.7)),
    "GELU": rows(sb.GELU(), sb.GELU(approximate="tanh")),
    "CELU": rows(sb.CELU(), sb.CELU(0.3), sb.CELU(-0.7)),
    "Hardtanh": rows(sb.Hardtanh(), sb.Hardtanh(-3.0, 0.5)),
    "PReLU": [
        *rows(sb.PReLU(), sb.PReLU(FEATURES, 0.3), sb.PReLU(init=-0.5)),
        Case(sb.PReLU(5), IMAGE),
        Case(sb.PReLU("D"), ("D",)),
    ],
    "GLU": [
        Case(sb.GLU(), (6,)),
        Case(sb.GLU(1), (6, 3, 5)),
    ],
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
        Case(sb.GroupNorm(2, 6), (6, 3, 5)),
        Case(sb.GroupNorm(1, 3, eps=0.1), (3, 5)),
        Case(sb.GroupNorm(3, 3, affine=False), (3, 5, 7)),
    ],
    "Embedding": [
        Case(sb.Embedding(11, 3), ("T",)),
        Case(sb.Embedding("V", "D"), (7,)),
        Case(sb.Embedding(11, 3, weight="E"), ()),
    ],
    "LearnedPositions": [
        Case(sb.LearnedPositions(7, 3), None),
        Case(sb.LearnedPositions(7, 3), (5, 3)),
        Case(sb.LearnedPositions("T", "D"), None),
    ],
    "GaussianSample": [
        Case(sb.GaussianSample(3), (6,)),
        Case(sb.GaussianSample("D"), None),
    ],
    "Flatten": [
        Case(sb.Flatten(), IMAGE),
        Case(sb.Flatten(2), IMAGE),
        Case(sb.Flatten(0, 1), IMAGE),
        Case(sb.Flatten(-3, -2), ("C", 3, "W")),
        Case(sb.Flatten(), (5,)),
    ],
    "ZeroPad2d": [
        Case(sb.ZeroPad2d(2), IMAGE),
        Case(sb.ZeroPad2d((1, 2, 3, 4)), ("C", "H", "W")),
        Case(sb.ZeroPad2d((1, -2, -1, 0)), IMAGE),
        Case(sb.ZeroPad2d(1), IMAGE, batch=()),
    ],
    "Conv1d": [
        *images(
            sb.Conv1d(4, 3, 2),
            sb.Conv1d(4, 6, 3, stride=2, padding=1, groups=2),
            sb.Conv1d(4, 4, 3, dilation=2, padding="same", groups=4, bias=False),
            sb.Conv1d(4, 3, 4, padding="same"),
            sb.Conv1d(4, 8, 1, padding="valid", groups=4),
            sb.Conv1d(4, 2, 3, groups=2),
            shape=(4, 11),
        ),
        Case(sb.Conv1d("C", "O", 3, padding=1), None),
    ],
    "Conv2d": [
        *images(
            sb.Conv2d(3, 5, 3, padding=1),
            sb.Conv2d(3, 2, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
            sb.Conv2d(3, 3, 3, groups=3, padding="same", bias=False),
        ),
        Case(sb.Conv2d(3, 5, 3, stride=2, padding=1), (3, "H", "W")),
        Case(sb.Conv2d(3, 5, 3), (3, 7, 5), batch=()),
    ],
    "Conv3d": images(
        sb.Conv3d(2, 3, 2, stride=(1, 2, 1), padding=(0, 1, 0), dilation=(1, 1, 2)),
        shape=(2, 3, 5, 7),
    ),
    "ConvTranspose1d": images(
        sb.ConvTranspose1d(4, 3, 3),
        sb.ConvTranspose1d(4, 3, 3, stride=2, padding=1, output_padding=1),
        sb.ConvTranspose1d(4, 6, 3, stride=3, groups=2, dilation=2, bias=False),
        sb.ConvTranspose1d(4, 4, 3, stride=2, groups=4),
        sb.ConvTranspose1d(4, 2, 2, padding=1, groups=2),
        sb.ConvTranspose1d(4, 3, 1, dilation=2, output_padding=1),
        shape=(4, 5),
    ),
    "ConvTranspose2d": [
        *images(
            sb.ConvTranspose2d(2, 3, (3, 2), (2, 3), (1, 0), (1, 2), dilation=(1, 2)),
            sb.ConvTranspose2d(2, 3, 3, padding=1),
            shape=(2, 3, 5),
        ),
        Case(sb.ConvTranspose2d(2, 3, 3, stride=2), (2, "H", "W")),
    ],
    "MaxPool1d": images(
        sb.MaxPool1d(3),
        sb.MaxPool1d(3, stride=2, padding=1, dilation=2),
        sb.MaxPool1d(2, stride=3, padding=1, ceil_mode=True),
        shape=(3, 11),
    ),
    "MaxPool2d": [
        *images(
            sb.MaxPool2d(2),
            sb.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0)),
            sb.MaxPool2d(3, 2, 1, ceil_mode=True),
        ),
        Case(sb.MaxPool2d(3, 2, 1), (3, "H", "W")),
        Case(sb.MaxPool2d(2), (3, 7, 5), batch=()),
    ],
    "AvgPool1d": images(
        sb.AvgPool1d(3),
        sb.AvgPool1d(3, 2, padding=1, count_include_pad=False),
        sb.AvgPool1d(3, 2, 1, ceil_mode=True),
        sb.AvgPool1d(3, 2, ceil_mode=True, count_include_pad=False),
        shape=(3, 12),
    ),
    "AvgPool2d": [
        *images(
            sb.AvgPool2d((3, 2), padding=(1, 0)),
            sb.AvgPool2d(3, 2, 1, ceil_mode=True),
            sb.AvgPool2d(3, 2, 1, divisor_override=5),
        ),
        Case(sb.AvgPool2d(3, 2, 1, count_include_pad=False), (3, "H", "W")),
    ],
    "AdaptiveAvgPool1d": images(
        sb.AdaptiveAvgPool1d(1), sb.AdaptiveAvgPool1d(3), sb.AdaptiveAvgPool1d(5), shape=(3, 10)
    ),
    "AdaptiveAvgPool2d": [
        *images(sb.AdaptiveAvgPool2d(1), sb.AdaptiveAvgPool2d((2, None)), sb.AdaptiveAvgPool2d(6)),
        Case(sb.AdaptiveAvgPool2d((2, 3)), (3, "H", "W")),
    ],
    "RNN": [
        *recurrent(sb.RNN, dropout=0.3),
        Case(sb.RNN(FEATURES, OUT, 2, "relu"), **STEPS_FIRST),
        Case(sb.RNN("D", "H"), batch=("T", "N"), shape=("D",)),
    ],
    "GRU": recurrent(sb.GRU),
    "LSTM": recurrent(sb.LSTM),
    "MultiheadAttention": [
        Case(layer, ("T", 6))
        for layer in (
            sb.MultiheadAttention(6, 3, batch_first=True),
            sb.MultiheadAttention(6, 1, bias=False, batch_first=True, is_causal=True),
            sb.MultiheadAttention(6, 2, 0.3, batch_first=True),
            sb.MultiheadAttention(6, 2, batch_first=True, attn_mask="float", is_causal=True),
            sb.MultiheadAttention(
                6, 2, batch_first=True, attn_mask="bool", key_padding_mask=True, need_weights=False
            ),
            sb.MultiheadAttention(6, 2, kdim=5, vdim=3, batch_first=True, memory="S"),
            sb.MultiheadAttention(
                6,
                2,
                batch_first=True,
                memory=13,
                key_padding_mask=True,
            ),
        )
    ]
    + [
        Case(sb.MultiheadAttention(6, 3), (6,), batch=("T", "N")),
        Case(sb.MultiheadAttention(6, 3), ("T", 6), batch=()),
    ],
    "TransformerEncoderLayer": [
        Case(layer, ("T", 6))
        for layer in (
            sb.TransformerEncoderLayer(
                6, 2, 11, 0.0, "gelu", batch_first=True, norm_first=True, is_causal=True
            ),
            sb.TransformerEncoderLayer(6, 3, 5, 0.0, batch_first=True, bias=False),
            sb.TransformerEncoderLayer(6, 3, 5, 0.3, batch_first=True),
            sb.TransformerEncoderLayer(6, 3, 5, 0.3, batch_first=True, norm_first=True),
            sb.TransformerEncoderLayer(
                6, 3, 5, 0.0, batch_first=True, src_mask="bool", src_key_padding_mask=True
            ),
        )
    ]
    + [
        Case(
            sb.TransformerEncoderLayer(6, 2, 5, 0.0, layer_norm_eps=0.1),
            (6,),
            batch=("T", "N"),
        )
    ],
    "GPT": [
        Case(sb.GPT(11, 7, 1, 2, 6), None),
        Case(sb.GPT(11, 7, 1, 3, 6, bias=False, tied=False), (5,)),
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
