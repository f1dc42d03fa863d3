"""Transformers: blocks of attention and a small network beside a stream, and a minimal GPT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import sympy as sp

from symbackprop.language import SizeLike, Tensor, size
from symbackprop.library.activations import GELU, ReLU
from symbackprop.library.attention import MultiheadAttention
from symbackprop.library.dropout import Dropout
from symbackprop.library.embedding import Embedding, LearnedPositions
from symbackprop.library.layers import LAYERS, SIZE, Layer, Linear, Width, require_sizes
from symbackprop.library.normalization import LayerNorm
from symbackprop.library.records import OURS, require_choice, require_range, require_whole
from symbackprop.library.scope import Scope

_ACTIVATIONS: Mapping[str, type[Layer]] = {"relu": ReLU, "gelu": GELU}


@LAYERS.add
@dataclass(frozen=True)
class TransformerEncoderLayer(Layer):
    """``x + attention(x)``, then ``x + network(x)``, with a layer norm at each of them.

    The input has axes (steps, examples, features), or (steps, features) without a batch.

    Parameters
    ----------
    d_model, nhead
        The features, and how many heads share them equally.
    dim_feedforward
        The width of the small network's hidden layer.
    dropout
        With which probability an element of P, of the hidden layer or of a branch is
        dropped.
    activation
        ``"relu"`` or ``"gelu"``.
    layer_norm_eps
        What layer norms add to the variance.
    batch_first
        Whether the axes are (examples, steps, features).
    norm_first
        Whether a norm comes before each branch rather than after each sum.
    bias
        Whether there are biases.
    is_causal
        Whether a step sees only itself and those before.
    src_mask, src_key_padding_mask
        Further inputs, as `attn_mask` and `key_padding_mask` of `MultiheadAttention`.

    Raises
    ------
    OptionError
        If an argument is out of its range.
    """

    d_model: SizeLike = field(metadata=SIZE)
    nhead: int
    dim_feedforward: SizeLike = field(default=2048, metadata=SIZE)
    dropout: float = 0.1
    activation: str = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True
    is_causal: bool = field(default=False, kw_only=True, metadata=OURS)
    src_mask: str = field(default="", kw_only=True, metadata=OURS)
    src_key_padding_mask: bool = field(default=False, kw_only=True, metadata=OURS)

    def __post_init__(self) -> None:
        require_sizes(self, "d_model", "dim_feedforward")
        require_range(self, "dropout", 0, 1)
        require_choice(self, "activation", tuple(_ACTIVATIONS))
        for name in ("batch_first", "norm_first", "bias", "is_causal", "src_key_padding_mask"):
            require_choice(self, name, (False, True))
        require_choice(self, "src_mask", ("", "bool", "float"))
        require_range(self, "layer_norm_eps", 0)
        assert self.parts  # noqa: S101 (builds and so checks all parts)

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The sizes of the last axis before and after."""
        return size(self.d_model), size(self.d_model)

    def example_shape(self) -> tuple[SizeLike, ...]:
        """Steps and features."""
        return "T", self.d_model

    @cached_property
    def parts(self) -> Mapping[str, Layer]:
        """The layers it is made of, by PyTorch's names, in the order of their equations."""
        found: dict[str, Layer] = {
            "self_attn": MultiheadAttention(
                self.d_model,
                self.nhead,
                self.dropout,
                self.bias,
                batch_first=self.batch_first,
                is_causal=self.is_causal,
                key_padding_mask=self.src_key_padding_mask,
                attn_mask=self.src_mask,
                need_weights=False,
            ),
            "dropout1": Dropout(self.dropout),
            "norm1": self._norm(),
            "linear1": Linear(self.d_model, self.dim_feedforward, self.bias),
            "dropout": Dropout(self.dropout),
            "linear2": Linear(self.dim_feedforward, self.d_model, self.bias),
            "dropout2": Dropout(self.dropout),
            "norm2": self._norm(),
        }
        first = ("norm1", "self_attn", "dropout1", "norm2")
        order = (*first, *(name for name in found if name not in first))
        return {name: found[name] for name in order} if self.norm_first else found

    def _norm(self) -> LayerNorm:
        return LayerNorm(self.d_model, self.layer_norm_eps, bias=self.bias)

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the equations of both branches, their sums and the norms."""
        a = self._joined(scope, a, "norm1", ("self_attn", "dropout1"))
        return self._joined(scope, a, "norm2", ("linear1", "", "dropout", "linear2", "dropout2"))

    def _joined(self, scope: Scope, a: Tensor, norm: str, branch: tuple[str, ...]) -> Tensor:
        """``a + branch(norm(a))``, or ``norm(a + branch(a))``."""
        b = self.parts[norm].equations(scope, a) if self.norm_first else a
        for name in branch:
            layer = self.parts[name] if name else _ACTIVATIONS[self.activation]()
            b = layer.equations(scope, b)
        h = scope.local("h", a.indices, a.element + b[a.indices])
        return h if self.norm_first else self.parts[norm].equations(scope, h)


@LAYERS.add
@dataclass(frozen=True)
class GPT(Layer):
    """A minimal GPT: from the tokens of a text to the scores of the next, at every step.

    Embeddings of tokens and positions, blocks with a norm before each branch that see only
    what was before, a last norm, and a head without bias. The input holds labels and has
    axes (examples, steps).

    Parameters
    ----------
    vocab_size, block_size
        How many tokens there are, and how many positions a text has.
    n_layer, n_head, n_embd
        How many blocks; how many heads each has, and how many features they share.
    dropout, bias
        As in `TransformerEncoderLayer`.
    tied
        Whether the head's matrix is the embedding's table.

    Raises
    ------
    OptionError
        If an argument is out of its range.
    """

    vocab_size: SizeLike = field(metadata=SIZE)
    block_size: SizeLike = field(metadata=SIZE)
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    bias: bool = True
    tied: bool = True

    letters: ClassVar[tuple[str, ...]] = ("t",)

    def __post_init__(self) -> None:
        for name in ("n_layer", "n_head", "n_embd"):
            require_whole(self, name)
        require_choice(self, "tied", (False, True))
        assert self.parts  # noqa: S101 (builds and so checks all parts)

    @property
    def classes(self) -> sp.Expr:
        """The number of tokens."""
        return size(self.vocab_size)

    def example_shape(self) -> tuple[SizeLike, ...]:
        """As many tokens as there are positions."""
        return (self.block_size,)

    def flow(self, before: Width | None, place: str = "") -> Width | None:
        """A score for every token."""
        return Width(self.classes, self)

    @cached_property
    def parts(self) -> Mapping[str, Layer]:
        """The layers it is made of, by GPT-2's names."""
        table = "E" if self.tied else ""
        blocks = {f"h{number}": self._block() for number in range(self.n_layer)}
        return {
            "wte": Embedding(self.vocab_size, self.n_embd, weight=table),
            "wpe": LearnedPositions(self.block_size, self.n_embd),
            "drop": Dropout(self.dropout),
            **blocks,
            "ln_f": LayerNorm(self.n_embd, bias=self.bias),
            "lm_head": Linear(self.n_embd, self.vocab_size, bias=False, weight=table),
        }

    def _block(self) -> Layer:
        return TransformerEncoderLayer(
            self.n_embd,
            self.n_head,
            4 * self.n_embd,
            self.dropout,
            "gelu",
            batch_first=True,
            norm_first=True,
            bias=self.bias,
            is_causal=True,
        )

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add the equations of all parts in order."""
        for part in self.parts.values():
            a = part.equations(scope, a)
        return a
