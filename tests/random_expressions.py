"""Random expressions in the whole language; values stay of order 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

import symbackprop.language as sb

N, D, K, M = sb.sizes("N D K M")
#: Sizes that are computed from others: windows of stride 2, joined axes, axes made one.
P, JOINED, FLAT = sp.floor((K - 1) / 2) + 1, D + K, N * D
#: Different sizes, so that a transposed tensor does not fit; small, so that 80 digits are cheap.
SIZES = {"N": 2, "D": 3, "K": 5, "M": 4}
#: The letters of each size; the first ones may be on the left of an equation.
LETTERS = {
    extent: [sb.index(name, extent) for name in names]
    for extent, names in (
        (N, "nmlr"), (D, "ijuv"), (K, "kshq"), (M, "todg"), (P, "pwz"), (JOINED, "cf"),
        (FLAT, "ab"),
    )
}  # fmt: skip
(n, *_), (i, j, *_), (k, *_), (t, *_) = list(LETTERS.values())[:4]
#: What a bound index usually runs over.
_USUAL = (D, K, N, M)
_WINDOW = [sb.index(name, 2) for name in ("x", "y")]

LABELS = (
    sb.target("y", n, domain="label", classes=K),
    sb.input("z", n, t, domain="label", classes=D),
)
GIVEN = (
    sb.input("x", n, i),
    sb.target("t", n, k, domain="unit"),
    *LABELS,
    sb.input("q", t, i),
    sb.parameter("W", k, i),
    sb.parameter("A", i, j),
    sb.parameter("T", i, j, k),
    sb.parameter("v", i),
    sb.parameter("b", k),
    sb.parameter("s"),
    sb.parameter("p", i, domain="positive"),
    sb.hyperparameter("c", value=0.25),
)
TENSORS = {tensor.name: tensor for tensor in GIVEN}
FACT = sb.Fact(sp.Sum(TENSORS["t"][n, k], k), 1)
FUNCTIONS: Sequence[Callable[[sp.Expr], sp.Expr]] = (
    sp.tanh, sb.sigmoid, sb.softplus, sb.relu, sp.Abs, sp.sin, sp.cos, sp.sign, sp.erf,
    lambda u: sp.exp(sp.tanh(u)), lambda u: sp.log(1 + u**2), lambda u: sp.exp(-(u**2)),
)  # fmt: skip
POWERS = [sp.Rational(*pair) for pair in ((1, 2), (-1, 1), (-1, 2), (3, 2), (-2, 1), (2, 1))]
_MOST_IN_SCOPE = 4


@dataclass(frozen=True)
class Recurring:
    """How a tensor may be read in the equations that it recurs with.

    Attributes
    ----------
    axis
        Its axis along which the equations recur.
    along
        The index that the equation being written runs along there.
    steps
        By how much it may be read away from that index.
    """

    axis: int
    along: sp.Idx
    steps: tuple[int, ...]


@dataclass
class Writer:
    """Draws expressions in some tensors.

    Parameters
    ----------
    integer
        Draws a whole number between two, both included.
    tensors
        The tensors that may be mentioned; the last is mentioned more often.
    affine
        How many of ten places are affine ones where that is possible.
    recurring
        By name, the tensors that may be read in some places only.
    """

    integer: Callable[[int, int], int]
    tensors: list[sb.Tensor] = field(default_factory=lambda: list(GIVEN))
    affine: int = 3
    recurring: dict[str, Recurring] = field(default_factory=dict)

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def sometimes(self, of_ten: int) -> bool:
        return self.integer(0, 9) >= 10 - of_ten

    # --- places ---------------------------------------------------------------------

    def place(self, extent: sp.Expr, scope: list[sp.Idx]) -> object:
        """An index, a fixed position, a label, or an affine place that may be outside."""
        if scope and self.sometimes(self.affine):
            return self.affine_place(extent, scope)
        fitting = [idx for idx in scope if sb.size_of(idx) == extent]
        options: list[object] = [*fitting * 4, sp.Integer(0), self.fixed(extent)]
        return self.choice([*options, *self.labels(extent, scope)])

    def fixed(self, extent: sp.Expr) -> sp.Expr:
        return self.choice([extent - 1, sp.Integer(extent != M)])

    def labels(self, extent: sp.Expr, scope: list[sp.Idx]) -> list[sp.Expr]:
        """Labels of that many classes whose own places are in scope."""
        found = []
        for tensor in LABELS:
            places = [[i for i in scope if sb.size_of(i) == e] for e in tensor.shape]
            if tensor.classes == extent and all(places):
                found.append(tensor[tuple(self.choice(here) for here in places)])
        return found

    def affine_place(self, extent: sp.Expr, scope: list[sp.Idx]) -> sp.Expr:
        first, second = self.choice(scope), self.choice(scope)
        size = sb.size_of(first)
        offset = self.integer(-2, 2)
        options = [
            first + (offset or 1),
            first - (offset or 1),
            size - 1 - first,
            2 * first + offset,
            offset - first,
        ]
        if first != second:
            options += [
                2 * first + second - 1,
                first + second + offset,
                first - second,
                first * sb.size_of(second) + second,
                first + 2 * second - 2,
            ]
        if extent == JOINED:
            options += [first + D, first + K] * 2
        if size == JOINED:
            options += [first - D] * 3
        return self.choice(options)

    # --- leaves ---------------------------------------------------------------------

    def leaf(self, scope: list[sp.Idx]) -> sp.Expr:
        kind = self.integer(0, 9)
        if kind == 0:
            return self.choice(
                [sp.Integer(2), sp.Rational(-1, 2), sp.Rational(3, 10), sp.Integer(-1)]
            )
        if kind == 1:
            return self.delta(scope)
        tensors = [tensor for tensor in self.tensors if tensor not in LABELS]
        recurring = [tensor for tensor in tensors if self.reads(tensor)]
        tensor = self.choice([*tensors, *(recurring or tensors[-1:]) * 6])
        return self.element(tensor, scope)

    def reads(self, tensor: sb.Tensor) -> bool:
        """Whether a tensor is one of a recurrence that may be read now."""
        return tensor.name in self.recurring

    def element(self, tensor: sb.Tensor, scope: list[sp.Idx]) -> sp.Expr:
        if not tensor.indices:
            return tensor[()]
        places = [self.place(extent, scope) for extent in tensor.shape]
        known = self.recurring.get(tensor.name)
        if known is not None:
            places[known.axis] = known.along + self.choice(known.steps)
        return tensor[tuple(places)]

    def delta(self, scope: list[sp.Idx]) -> sp.Expr:
        if not scope:
            return sp.Integer(1)
        idx = self.choice(scope)
        return sp.KroneckerDelta(idx, self.place(sb.size_of(idx), scope))

    # --- expressions ----------------------------------------------------------------

    def expression(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        if depth <= 0:
            return self.leaf(scope)
        forms = (
            self.leaf, self.total, self.plus, self.times, self.function, self.total, self.times,
            self.quotient, self.power, self.cases, self.masked, self.larger, self.largest,
            self.softmax, self.symmetric, self.gather_loss, self.window, self.scatter,
        )  # fmt: skip
        form = self.choice(forms)
        return form(scope) if form == self.leaf else form(scope, depth - 1)

    def plus(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        sign = self.choice([1, -1])
        return self.expression(scope, depth) + sign * self.expression(scope, depth)

    def times(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        return self.expression(scope, depth) * self.expression(scope, depth)

    def positive(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        inner = self.expression(scope, depth)
        forms = (
            lambda u: 1 + u**2, lambda u: sp.exp(sp.tanh(u)), sb.softplus, sb.sigmoid,
            lambda u: 1 + sp.Abs(u), lambda u: _larger(u, sp.Rational(1, 3)),
        )  # fmt: skip
        value = self.choice(forms)(inner)
        here = [idx for idx in scope if sb.size_of(idx) == D]
        if here and self.integer(0, 1):
            value = TENSORS["p"][self.choice(here)]
        return value

    def quotient(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        return self.expression(scope, depth) / self.positive(scope, depth)

    def power(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        if self.integer(0, 1):
            return self.expression(scope, depth) ** self.choice([2, 3])
        return self.positive(scope, depth) ** self.choice(POWERS)

    def function(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        return self.choice(FUNCTIONS)(self.expression(scope, depth))

    # --- conditions -----------------------------------------------------------------

    def condition(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        if scope and self.sometimes(3):
            return self.comparison(scope)
        left, right = self.expression(scope, depth), self.choice([0, sp.Rational(1, 3), None])
        right = self.leaf(scope) if right is None else right
        if left.has(sp.Piecewise):
            left = self.leaf(scope)  # SymPy makes if-then-else of a condition on cases
        relation = self.choice([sp.Gt, sp.Ge, sp.Lt, sp.Le])(left, right)
        if depth > 0 and self.integer(0, 3) == 3:
            joined = self.choice([sp.And, sp.Or])
            return joined(relation, self.condition(scope, 0))
        return relation

    def comparison(self, scope: list[sp.Idx]) -> sp.Expr:
        """A condition on indices."""
        first, second = self.choice(scope), self.choice(scope)
        right = self.choice([second, second + 1, sb.size_of(first) - 2, sp.Integer(1)])
        return self.choice([sp.Gt, sp.Ge, sp.Lt, sp.Le, sp.Eq, sp.Ne])(first, right)

    def cases(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        return sp.Piecewise(
            (self.expression(scope, depth), self.condition(scope, depth)),
            (self.expression(scope, depth), True),
        )

    def masked(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        return sb.bracket(self.condition(scope, depth)) * self.expression(scope, depth)

    def larger(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        larger = self.choice([sp.Max, sp.Min])
        return _larger(self.expression(scope, depth), self.expression(scope, depth), larger)

    # --- binders --------------------------------------------------------------------

    def fresh(self, scope: list[sp.Idx], extent: sp.Expr | None = None) -> sp.Idx | None:
        # An index that is free in the equation and bound in a window would be a nuisance.
        unused = (
            next((idx for idx in LETTERS[size] if idx not in scope), None)
            for size in ([extent] if extent is not None else _USUAL)
        )
        free = [idx for idx in unused if idx is not None]
        return self.choice(free) if free and len(scope) < _MOST_IN_SCOPE else None

    def total(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        idx = self.fresh(scope)
        if idx is None:
            return self.expression(scope, depth)
        body = self.expression([*scope, idx], depth)
        return self.leaf(scope) if _is_torn(body, idx) else sp.Sum(body, idx)

    def largest(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        idx = self.fresh(scope)
        if idx is None:
            return self.expression(scope, depth)
        body = self.expression([*scope, idx], depth)
        return self.leaf(scope) if _is_torn(body, idx) else sb.MaxOver(body, idx)

    def window(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        """A sum or a maximum over a window of two places, of stride 1 or 2, maybe dilated."""
        offset = next((idx for idx in _WINDOW if idx not in scope), None)
        tensor = self.choice(self.tensors)
        if offset is None or not scope or tensor in LABELS or not tensor.indices:
            return self.expression(scope, depth)
        places = [self.place(extent, scope) for extent in tensor.shape]
        axis = self.integer(0, len(places) - 1)
        here = self.choice(scope)
        if self.reads(tensor):
            return self.element(tensor, scope)
        places[axis] = self.choice([1, 2]) * here + self.choice([1, 2]) * offset
        places[axis] += self.choice([0, 0, -1])
        value = tensor[tuple(places)]
        if self.integer(0, 1):
            return sp.Sum(value * self.leaf([*scope, offset]), offset)
        if self.integer(0, 1):
            inside = sp.And(places[axis] >= 0, places[axis] < tensor.shape[axis])
            value = sp.Piecewise((value, inside), (sp.Integer(-9), True))
        return sb.MaxOver(value, offset)

    def softmax(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        """A softmax, masked or not, over an index of the scope."""
        along = {known.along for known in self.recurring.values()}
        here = [idx for idx in scope if sb.size_of(idx) != N and idx not in along]
        if not here or (over := self.fresh(scope, sb.size_of(idx := self.choice(here)))) is None:
            return self.expression(scope, depth)
        score = self.element(self.tensors[-1], scope)
        if score.has(sb.MaxOver, sp.Sum) or idx not in score.free_symbols:
            score = score + self.leaf([idx])
        if self.sometimes(4):
            others = [other for other in scope if sb.size_of(other) == sb.size_of(idx)]
            other = self.choice(others)
            if other != idx:
                score = sp.Piecewise(
                    (score, self.choice([idx <= other, idx >= other])), (-sp.oo, True)
                )
            else:
                score = sp.Piecewise((score, sp.Or(score > 0, sp.Eq(idx, 0))), (-sp.oo, True))
        shifted = score.subs(idx, over)
        if self.sometimes(3):
            again = self.fresh([*scope, over], sb.size_of(idx))
            if again is not None:
                largest = sb.MaxOver(score.subs(idx, again), again)
                score, shifted = score - largest, shifted - largest
        return sp.exp(score) / sp.Sum(sp.exp(shifted), over)

    def symmetric(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        """A[i,j]·A[j,i], A[i,i], Σ A[i,j]·A[j,u]."""
        square = [t for t in self.tensors if t.shape == (D, D) and not self.reads(t)]
        A = self.choice([TENSORS["A"], *square])
        here = [idx for idx in scope if sb.size_of(idx) == D]
        if len(here) >= 2:
            first, second = here[0], here[1]
            return self.choice([A[first, second] * A[second, first], A[second, first]])
        if here:
            over = self.fresh(scope, D)
            options = [A[here[0], here[0]]]
            if over is not None:
                options.append(sp.Sum(A[here[0], over] * A[over, here[0]], over))
            return self.choice(options)
        u, w = LETTERS[D][2:4]
        if {u, w} & set(scope):
            return self.leaf(scope)
        return sp.Sum(A[u, w] * A[w, u], u, w)

    def gather_loss(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        """Something of the class of each row."""
        labels = self.choice(LABELS)
        fitting = [
            tensor
            for tensor in self.tensors
            if labels.classes in tensor.shape and tensor.name != "t" and not self.reads(tensor)
        ]
        tensor = self.choice([*fitting, *fitting[-1:] * 3])
        rows: list[sp.Idx] = []
        for extent in labels.shape:
            row = self.fresh([*scope, *rows], extent)
            if row is None:
                return self.element(tensor, scope)
            rows.append(row)
        inside = [*scope, *rows]
        places = tuple(
            labels[tuple(rows)] if extent == labels.classes else self.place(extent, inside)
            for extent in tensor.shape
        )
        return sp.Sum(tensor[places] * self.leaf(inside), *rows)

    def scatter(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        """A sum with a delta, which puts what is summed somewhere."""
        over = self.fresh(scope)
        if over is None or not scope:
            return self.expression(scope, depth)
        target = self.choice(scope)
        place = self.affine_place(sb.size_of(target), [over, *scope])
        body = self.expression([*scope, over], min(depth, 1))
        if _is_torn(body, over):
            body = self.leaf([*scope, over])
        return sp.Sum(sp.KroneckerDelta(target, place) * body, over)


def _is_torn(body: sp.Expr, idx: sp.Idx) -> bool:
    """Whether SymPy's Sum would take cases with its index out of a sum or a maximum inside."""
    inside = (p for inner in body.atoms(sp.Sum, sb.MaxOver) for p in inner.atoms(sp.Piecewise))
    return any(cases.has(idx) for cases in inside)


def _larger(u: sp.Expr, v: sp.Expr, function: Callable[..., sp.Expr] = sp.Max) -> sp.Expr:
    """SymPy cannot compare two numbers such as softplus(2)."""
    comparable = all(value.free_symbols or value.is_Rational for value in (u, v))
    return function(u, v) if comparable else v
