"""Random systems in the whole language, for Hypothesis; values stay of order 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from hypothesis import strategies as st

import symbackprop.language as sb

N, D, K = sb.sizes("N D K")
#: Different sizes, so that a transposed tensor does not fit; small, so that 80 digits are cheap.
SIZES = {"N": 2, "D": 3, "K": 5}
#: The letters of each size; the first ones may be on the left of an equation.
LETTERS = {
    extent: [sb.index(name, extent) for name in names]
    for extent, names in ((N, "nmlr"), (D, "ijuv"), (K, "kshq"))
}
AXES = (LETTERS[N][0], *LETTERS[D][:2], LETTERS[K][0])
(n, *_), (i, j, *_), (k, *_) = LETTERS.values()

LABELS = sb.target("y", n, domain="label", classes=K)
GIVEN = (
    sb.input("x", n, i),
    sb.target("t", n, k, domain="unit"),
    LABELS,
    sb.parameter("W", k, i),
    sb.parameter("A", i, j),
    sb.parameter("T", i, j, k),
    sb.parameter("v", i),
    sb.parameter("b", k),
    sb.parameter("s"),
    sb.parameter("p", i, domain="positive"),
    sb.hyperparameter("c", value=0.25),
)
FACT = sb.Fact(sp.Sum(GIVEN[1][n, k], k), 1)
FUNCTIONS: Sequence[Callable[[sp.Expr], sp.Expr]] = (
    sp.tanh, sb.sigmoid, sb.softplus, sb.relu, sp.Abs, sp.sin, sp.cos, sp.sign, sp.erf,
    lambda u: sp.exp(sp.tanh(u)), lambda u: sp.log(1 + u**2), lambda u: sp.exp(-(u**2)),
)  # fmt: skip
POWERS = [sp.Rational(*pair) for pair in ((1, 2), (-1, 1), (-1, 2), (3, 2), (-2, 1), (2, 1))]
_MOST_IN_SCOPE = 4


@dataclass
class Writer:
    """Draws expressions in some tensors.

    Parameters
    ----------
    integer
        Draws a whole number between two, both included.
    tensors
        The tensors that may be mentioned; the last is mentioned more often.
    """

    integer: Callable[[int, int], int]
    tensors: list[sb.Tensor] = field(default_factory=lambda: list(GIVEN))

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]

    # --- leaves ---------------------------------------------------------------------

    def leaf(self, scope: list[sp.Idx]) -> sp.Expr:
        kind = self.integer(0, 9)
        if kind == 0:
            return self.choice(
                [sp.Integer(2), sp.Rational(-1, 2), sp.Rational(3, 10), sp.Integer(-1)]
            )
        if kind == 1:
            return self.delta(scope)
        tensors = [t for t in self.tensors if t is not LABELS]
        tensor = self.choice([*tensors, *tensors[-1:] * 6])
        return self.element(tensor, scope)

    def element(self, tensor: sb.Tensor, scope: list[sp.Idx]) -> sp.Expr:
        if not tensor.indices:
            return tensor[()]
        return tensor[tuple(self.place(extent, scope) for extent in tensor.shape)]

    def place(self, extent: sp.Expr, scope: list[sp.Idx]) -> object:
        fitting = [idx for idx in scope if sb.size_of(idx) == extent]
        options: list[object] = [*fitting * 4, sp.Integer(0), sp.Integer(1)]
        if extent == K:
            options += [LABELS[idx] for idx in scope if sb.size_of(idx) == N]
        return self.choice(options)

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
            self.softmax, self.symmetric, self.gather_loss,
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
            value = GIVEN[-2][self.choice(here)]
        return value

    def quotient(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        return self.expression(scope, depth) / self.positive(scope, depth)

    def power(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        if self.integer(0, 1):
            return self.expression(scope, depth) ** self.choice([2, 3])
        return self.positive(scope, depth) ** self.choice(POWERS)

    def function(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        return self.choice(FUNCTIONS)(self.expression(scope, depth))

    def condition(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        left, right = self.expression(scope, depth), self.choice([0, sp.Rational(1, 3), None])
        right = self.leaf(scope) if right is None else right
        if left.has(sp.Piecewise):
            left = self.leaf(scope)  # SymPy makes if-then-else of a condition on cases
        relation = self.choice([sp.Gt, sp.Ge, sp.Lt, sp.Le])(left, right)
        if depth > 0 and self.integer(0, 3) == 3:
            joined = self.choice([sp.And, sp.Or])
            return joined(relation, self.condition(scope, 0))
        return relation

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
        unused = (
            next((idx for idx in LETTERS[size] if idx not in scope), None)
            for size in ([extent] if extent is not None else [D, K, N])
        )
        free = [idx for idx in unused if idx is not None]
        return self.choice(free) if free and len(scope) < _MOST_IN_SCOPE else None

    def total(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        idx = self.fresh(scope)
        if idx is None:
            return self.expression(scope, depth)
        return sp.Sum(self.expression([*scope, idx], depth), idx)

    def largest(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        idx = self.fresh(scope)
        if idx is None:
            return self.expression(scope, depth)
        return sb.MaxOver(self.expression([*scope, idx], depth), idx)

    def softmax(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        here = [idx for idx in scope if sb.size_of(idx) != N]
        if not here or (over := self.fresh(scope, sb.size_of(idx := self.choice(here)))) is None:
            return self.expression(scope, depth)
        score = self.element(self.tensors[-1], scope)
        if score.has(sb.MaxOver, sp.Sum) or idx not in score.free_symbols:
            score = score + self.leaf([idx])
        return sp.exp(score) / sp.Sum(sp.exp(score.subs(idx, over)), over)

    def symmetric(self, scope: list[sp.Idx], depth: int) -> sp.Expr:
        """A[i,j]·A[j,i], A[i,i], Σ A[i,j]·A[j,u]."""
        A = self.choice([GIVEN[4], *(t for t in self.tensors if t.shape == (D, D))])
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
        fitting = [t for t in self.tensors if K in t.shape and t is not GIVEN[1]]
        tensor = self.choice([*fitting, *fitting[-1:] * 3])
        row = self.fresh(scope, N)
        if row is None:
            return self.element(tensor, scope)
        places = tuple(
            LABELS[row] if extent == K else row if extent == N else self.place(extent, scope)
            for extent in tensor.shape
        )
        return sp.Sum(tensor[places] * self.leaf([*scope, row]), row)


def _larger(u: sp.Expr, v: sp.Expr, function: Callable[..., sp.Expr] = sp.Max) -> sp.Expr:
    """SymPy cannot compare two numbers such as softplus(2)."""
    comparable = all(value.free_symbols or value.is_Rational for value in (u, v))
    return function(u, v) if comparable else v


def random_system(
    integer: Callable[[int, int], int], most_equations: int = 4, most_depth: int = 3
) -> sb.System:
    """A system of two equations or more, the last of which is the objective."""
    writer = Writer(integer)
    equations: list[sb.Equation] = []
    for number in range(integer(1, most_equations - 1)):
        axes = [idx for idx in AXES if integer(0, 1)][:3]
        rhs = writer.expression(axes, integer(1, most_depth))
        tensor = sb.intermediate(f"e{number}", *axes)
        equations.append(sb.Equation(tensor, rhs))
        writer.tensors.append(tensor)
    L = sb.intermediate("L")
    last = writer.tensors[-1]
    loss = sp.log(1 + (last.element if last.indices else last[()]) ** 2)
    loss = sp.Sum(loss, *last.indices) if last.indices else loss
    rhs = loss + writer.expression([], integer(1, most_depth))
    if integer(0, 1):
        rhs += sp.Rational(1, 2) * GIVEN[-1][()] * sp.Sum(GIVEN[3][k, i] ** 2, k, i)
    equations.append(sb.Equation(L, rhs))
    return sb.System(equations, GIVEN, minimize="L", facts=[FACT])


@st.composite
def systems(draw: Callable, most_equations: int = 4, most_depth: int = 3) -> sb.System:
    """What `random_system` writes, drawn by Hypothesis."""
    return random_system(lambda low, high: draw(st.integers(low, high)), most_equations, most_depth)
