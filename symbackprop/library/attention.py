"""Attention: each query looks at all keys and mixes their values, as equations.

    S[…,t,s] = scale*Sum(Q[…,t,d]*K[…,s,d], d)         scores, -∞ where a mask forbids
    P[…,t,s] = exp(S[…,t,s])/Sum(exp(S[…,t,r]), r)     a distribution over the keys
    O[…,t,d] = Sum(P[…,t,s]*V[…,s,d], s)

A head's features are a stretch of the embedding: feature d of head h is ``D*h + d``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symbackprop.errors import OptionError, ShapeError
from symbackprop.language import Domain, SizeLike, Tensor, bracket, size, size_of
from symbackprop.library.dropout import Dropout
from symbackprop.library.layers import LAYERS, SIZE, Layer, Weights, require_sizes
from symbackprop.library.places import series
from symbackprop.library.records import OURS, require_choice, require_range, require_whole
from symbackprop.library.scope import Scope


@dataclass(frozen=True, kw_only=True)
class ScaledDotProductAttention:
    """Attention of queries to keys: ``O = softmax(scale*Q·Kᵀ)·V``, for any number of heads.

    Parameters
    ----------
    is_causal
        Whether query t sees only the keys s ≤ t.
    allowed
        Conditions that a key must meet to be seen, in the indices of Q and K.
    added
        What is added to the scores, such as a mask of 0 and -∞.
    scale
        What the products are multiplied by; 1/√D if None.
    dropout_p
        With which probability an element of P is dropped.
    empty
        What a query that `allowed` leaves no key gives: ``"zero"``, as PyTorch's function
        of this name has it, or ``"nan"``, which is 0/0, as its softmax has it.
    """

    is_causal: bool = False
    allowed: tuple[sp.Basic, ...] = ()
    added: sp.Expr | None = None
    scale: sp.Expr | None = None
    dropout_p: float = 0.0
    empty: str = "zero"

    def equations(self, scope: Scope, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Add the equations of S, P and O; return O.

        Parameters
        ----------
        query, key, value
            Q[…,t,d], K[…,s,d] and V[…,s,e], written with the same indices before those.
        """
        *outer, t, _ = query.indices
        s = key.indices[-2]
        seen = self._some_seen(scope, (*outer, t), s)
        S = scope.local("S", (*outer, t, s), self._scores(query, key, seen))
        r = scope.index(size_of(s), *series("r"))
        share = sp.exp(S.element) / sp.Sum(sp.exp(S[(*outer, t, r)]), r)
        P = scope.local("P", S.indices, share)
        if seen != sp.true:
            P = scope.local("P", S.indices, sp.Piecewise((P.element, seen), (0, True)))
        P = Dropout(self.dropout_p).equations(scope, P)
        mixed = sp.Sum(P.element * value.element, s)
        return scope.local("O", (*outer, t, value.indices[-1]), mixed)

    def _conditions(self, t: sp.Idx, s: sp.Idx) -> tuple[sp.Basic, ...]:
        return (*((s <= t,) if self.is_causal else ()), *self.allowed)

    def _scores(self, query: Tensor, key: Tensor, seen: sp.Basic) -> sp.Expr:
        """``scale*Sum(Q[t,d]*K[s,d], d)``, and -∞ where the conditions do not hold."""
        t, d = query.indices[-2:]
        scale = 1 / sp.sqrt(size_of(d)) if self.scale is None else self.scale
        scores = scale * sp.Sum(query.element * key.element, d)
        if self.added is not None:
            scores += self.added
        conditions = self._conditions(t, key.indices[-2])
        if not conditions:
            return scores
        # Where nothing is seen all scores stay finite, and P is 0 by another equation.
        return sp.Piecewise((scores, sp.Or(sp.And(*conditions), sp.Not(seen))), (-sp.oo, True))

    def _some_seen(self, scope: Scope, rows: Sequence[sp.Idx], s: sp.Idx) -> sp.Basic:
        """Whether a key meets all conditions: ``C[n,t] > 0``, C being the number of those."""
        if not self.allowed or self.empty == "nan":  # a causal mask leaves a query its own key
            return sp.true
        conditions = self._conditions(rows[-1], s)
        used = set().union(*(condition.free_symbols for condition in conditions))
        met = sp.Mul(*(bracket(condition) for condition in conditions))
        own = tuple(idx for idx in rows if idx in used)
        return scope.local("C", own, sp.Sum(met, s)).element > 0


@LAYERS.add
@dataclass(frozen=True)
class MultiheadAttention(Layer):
    """Attention in several heads side by side, each on its own stretch of the embedding.

    Queries, keys and values all come from the input, unless `memory` says that keys and
    values are further inputs. The input has axes (steps, examples, features), or (steps,
    features) without a batch.

    Parameters
    ----------
    embed_dim
        The size of the last axis, before and after.
    num_heads
        How many heads; they share the embedding equally.
    dropout
        With which probability an element of P is dropped.
    bias
        Whether there are biases.
    add_bias_kv, add_zero_attn
        Only False.
    kdim, vdim
        The sizes of the last axes of the further inputs key and value; `embed_dim` if None.
    batch_first
        Whether the axes are (examples, steps, features).
    is_causal
        Whether a step sees only itself and those before.
    key_padding_mask
        Whether a further input says, for every key, whether it is left out.
    attn_mask
        ``"bool"`` if a further input says, for every pair of a query and a key, whether it
        is left out; ``"float"`` if one is added to the scores; else empty.
    memory
        How many keys and values there are, where they are further inputs.
    need_weights
        As in PyTorch's forward. It decides what a query gives that sees no key: 0/0, which
        is nan, where weights are needed, and 0 where not.

    Raises
    ------
    OptionError
        If an argument is out of its range.
    """

    embed_dim: SizeLike = field(metadata=SIZE)
    num_heads: int
    dropout: float = 0.0
    bias: bool = True
    add_bias_kv: bool = False
    add_zero_attn: bool = False
    kdim: SizeLike | None = field(default=None, metadata=SIZE)
    vdim: SizeLike | None = field(default=None, metadata=SIZE)
    batch_first: bool = False
    is_causal: bool = field(default=False, kw_only=True, metadata=OURS)
    key_padding_mask: bool = field(default=False, kw_only=True, metadata=OURS)
    attn_mask: str = field(default="", kw_only=True, metadata=OURS)
    memory: SizeLike | None = field(default=None, kw_only=True, metadata=OURS)
    need_weights: bool = field(default=True, kw_only=True, metadata=OURS)

    def __post_init__(self) -> None:
        require_sizes(self, "embed_dim", *(n for n in ("kdim", "vdim") if getattr(self, n)))
        require_whole(self, "num_heads")
        for name in ("bias", "batch_first", "is_causal", "key_padding_mask", "need_weights"):
            require_choice(self, name, (False, True))
        for name in ("add_bias_kv", "add_zero_attn"):
            require_choice(self, name, (False,))
        require_choice(self, "attn_mask", ("", "bool", "float"))
        require_range(self, "dropout", 0, 1)
        if not (self.head_size.is_Integer or self.num_heads == 1):
            raise OptionError(
                f"{self.num_heads} heads cannot share {self.embed_dim} features equally",
                where=str(self),
                remedy="give embed_dim as a whole number that num_heads divides",
            )
        if self.memory is None and not self._one_size:
            raise OptionError(
                "kdim and vdim are sizes of further inputs, but keys and values come from "
                "the layer's own input",
                where=str(self),
                remedy="say how many keys there are: memory='S'",
            )

    # --- sizes and parameters -------------------------------------------------------

    @property
    def head_size(self) -> sp.Expr:
        """How many features a head has."""
        return size(self.embed_dim) / self.num_heads

    @property
    def features(self) -> tuple[sp.Expr, sp.Expr]:
        """The sizes of the last axis before and after."""
        return size(self.embed_dim), size(self.embed_dim)

    @property
    def _widths(self) -> tuple[sp.Expr, ...]:
        """The features of queries, keys and values."""
        return tuple(size(n or self.embed_dim) for n in (self.embed_dim, self.kdim, self.vdim))

    @property
    def _one_size(self) -> bool:
        return len(set(self._widths)) == 1

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Those of Q, K and V, in one matrix if they are of one size, and of the output."""
        whole = size(self.embed_dim)
        if self._one_size:
            inputs = [Weights("in_proj_weight", "W", (3 * whole, whole), _xavier(3 * whole, whole))]
        else:
            inputs = [
                Weights(f"{name}_proj_weight", f"W_{name.upper()}", (whole, w), _xavier(whole, w))
                for name, w in zip("qkv", self._widths, strict=True)
            ]
        output = Weights("out_proj.weight", "W_O", (whole, whole), 1 / sp.sqrt(whole))
        if not self.bias:
            return (*inputs, output)
        biases = (
            Weights("in_proj_bias", "b", (3 * whole,), initial="zeros"),
            Weights("out_proj.bias", "b_O", (whole,), initial="zeros"),
        )
        return (*inputs, biases[0], output, biases[1])

    @property
    def further(self) -> tuple[str, ...]:
        """Keys and values, and the masks."""
        given = {
            "key": self.memory is not None,
            "value": self.memory is not None,
            "key_padding": self.key_padding_mask,
            "attn_mask": bool(self.attn_mask),
        }
        return tuple(letter for letter, there in given.items() if there)

    def example_shape(self) -> tuple[SizeLike, ...]:
        """Steps and features."""
        return "T", self.embed_dim

    # --- equations ------------------------------------------------------------------

    def equations(self, scope: Scope, a: Tensor) -> Tensor:
        """Add Q, K, V, then S, P and O in every head, and their projection z."""
        self._require_sequence(a)
        scope.layer += 1
        seq = _Sequence(a, self.batch_first)
        s = scope.index(seq.steps if self.memory is None else self.memory, *series("s"))
        sources = self._sources(scope, seq, s)
        conditions, added = self._masks(scope, seq, s)
        h = scope.index(self.num_heads, *series("h"))
        d = scope.index(self.head_size, *series("d"))
        rows = [(*seq.batch, h, seq.t, d), (*seq.batch, h, s, d), (*seq.batch, h, s, d)]
        query, key, value = self._projected(scope, sources, rows, self.head_size * h + d)
        attention = ScaledDotProductAttention(
            is_causal=self.is_causal,
            allowed=conditions,
            added=added,
            dropout_p=self.dropout,
            empty="nan" if self.need_weights else "zero",
        )
        mixed = attention.equations(scope, query, key, value)
        f = scope.index(self.embed_dim)
        matrix = scope.parameter("W_O", f, scope.index(self.embed_dim))
        z = sp.Sum(matrix[f, self.head_size * h + d] * mixed.element, d, h)
        if self.bias:
            z += scope.parameter("b_O", f).element
        return scope.preactivation((*seq.at(seq.t), f), z)

    def _require_sequence(self, a: Tensor) -> None:
        if len(a.indices) in (2, 3) and a.shape[-1] == self.features[0]:
            return
        batch = "examples, steps" if self.batch_first else "steps, examples"
        raise ShapeError(
            f"{self} takes sequences of shape (steps, {self.embed_dim}) or "
            f"({batch}, {self.embed_dim}), {a.name!r} has shape {a.shape}",
            where=str(a.element),
            remedy="feed it a tensor of that shape",
        )

    def _sources(self, scope: Scope, seq: _Sequence, s: sp.Idx) -> list[Tensor]:
        """What queries, keys and values are made from."""
        a = seq.tensor
        if self.memory is None:
            seen = replace(a, indices=(*seq.at(s), a.indices[-1]))
            return [a, seen, seen]
        places = [(*seq.at(s), scope.index(width)) for width in self._widths[1:]]
        return [a, scope.input("key", *places[0]), scope.input("value", *places[1])]

    def _masks(
        self, scope: Scope, seq: _Sequence, s: sp.Idx
    ) -> tuple[tuple[sp.Basic, ...], sp.Expr | None]:
        """What a key must meet to be seen, and what is added to the scores."""
        conditions: list[sp.Basic] = []
        truth = {"domain": Domain.LABEL, "classes": sp.Integer(2)}
        if self.key_padding_mask:
            left_out = scope.input("key_padding", *seq.batch, s, **truth).element
            conditions.append(sp.Eq(left_out, 0))
        if self.attn_mask == "bool":
            left_out = scope.input("attn_mask", seq.t, s, **truth).element
            conditions.append(sp.Eq(left_out, 0))
        if self.attn_mask == "float":
            return tuple(conditions), scope.input("attn_mask", seq.t, s).element
        return tuple(conditions), None

    def _projected(
        self,
        scope: Scope,
        sources: Sequence[Tensor],
        rows: Sequence[tuple[sp.Idx, ...]],
        place: sp.Expr,
    ) -> list[Tensor]:
        """``Q[n,h,t,d] = Sum(W[D*h + d,e]*x[n,t,e], e) + b[D*h + d]``, and K and V likewise."""
        whole = size(self.embed_dim)
        if self._one_size:  # three matrices, one below the other
            one = scope.parameter("W", scope.index(3 * whole), sources[0].indices[-1])
            matrices, offsets = [one] * 3, [number * whole for number in range(3)]
        else:
            matrices = [
                scope.parameter(w.letter, scope.index(whole), source.indices[-1])
                for w, source in zip(self.weights, sources, strict=False)
            ]
            offsets = [sp.S.Zero] * 3
        bias = scope.parameter("b", scope.index(3 * whole)) if self.bias else None
        found = []
        for number, letter in enumerate("QKV"):
            source = sources[number]
            e = source.indices[-1]
            value = sp.Sum(matrices[number][place + offsets[number], e] * source.element, e)
            if bias:
                value += bias[place + number * whole]
            found.append(scope.local(letter, rows[number], value))
        return found


@dataclass(frozen=True)
class _Sequence:
    """A tensor of steps and features, with or without a batch, and its axes."""

    tensor: Tensor
    batch_first: bool

    @property
    def _time(self) -> int:
        return 1 if self.batch_first and len(self.tensor.indices) == 3 else 0

    @property
    def t(self) -> sp.Idx:
        """The index of the step."""
        return self.tensor.indices[self._time]

    @property
    def steps(self) -> sp.Expr:
        """How many steps there are."""
        return size_of(self.t)

    @property
    def batch(self) -> tuple[sp.Idx, ...]:
        """The indices of the batch: one, or none."""
        return tuple(idx for idx in self.tensor.indices[:-1] if idx != self.t)

    def at(self, step: sp.Idx) -> tuple[sp.Idx, ...]:
        """The places of a step, but for the feature."""
        place = list(self.tensor.indices[:-1])
        place[self._time] = step
        return tuple(place)


def _xavier(out: sp.Expr, into: sp.Expr) -> sp.Expr:
    """Glorot's bound, √(6/(in + out))."""
    return sp.sqrt(6 / (out + into))
