"""Random equations: what is emitted has the value that the definition gives."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
from evaluate import evaluate
from forms import form, values_of

from symbackprop.compile import compile_equations
from symbackprop.language import (
    Domain,
    bracket,
    hyperparameter,
    index,
    input,
    parameter,
    relu,
    sigmoid,
    softplus,
    target,
)

n, i, j, k = index("n", "N"), index("i", 7), index("j", 3), index("k", 2)
INDICES = (n, i, j, k)
x, y = input("x", n, i), target("y", n, i)
w, v, r, t = parameter("W", j, i), parameter("v", i), parameter("r", j), parameter("T", n, j, k)
c, s = hyperparameter("c", value=0.3), parameter("s")
labels = target("l", n, domain=Domain.LABEL, classes=sp.Integer(7))
GIVEN = [x, y, w, v, r, t, c, s, labels]
#: Something over each set of indices.
LEAVES = (
    c[()], s[()], v[i], r[j], w[j, i], x[n, i], y[n, i], t[n, j, k], x[n, 3], x[n, labels[n]],
    sp.KroneckerDelta(i, labels[n]),
)  # fmt: skip
FUNCTIONS: tuple[Callable[[sp.Expr], sp.Expr], ...] = (
    sp.tanh, sigmoid, softplus, relu, sp.Abs, sp.sin, sp.sign,
    lambda u: sp.exp(-(u**2)), lambda u: sp.sqrt(1 + u**2),
)  # fmt: skip


class Writer:
    """Draws expressions over given indices."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 (nothing is secret here)

    def expression(self, indices: set[sp.Idx], depth: int) -> sp.Expr:
        if depth == 0:
            return self.leaf(indices)
        operation = self.random.choice(
            [
                *(self.sum, self.product, self.total) * 2,
                *(self.opposite, self.quotient, self.function, self.selection, self.cases),
            ]
        )
        return operation(indices, depth - 1)

    def leaf(self, indices: set[sp.Idx]) -> sp.Expr:
        fitting = [leaf for leaf in LEAVES if leaf.atoms(sp.Idx) <= indices]
        # Those that have most of the indices are drawn twice as often.
        most = max(len(leaf.atoms(sp.Idx)) for leaf in fitting)
        full = [leaf for leaf in fitting if len(leaf.atoms(sp.Idx)) == most]
        number = sp.Rational(self.random.randint(-5, 5), self.random.choice([1, 2, 3, 10]))
        return self.random.choice([*fitting, *full, number])

    def sum(self, indices: set[sp.Idx], depth: int) -> sp.Expr:
        return self.expression(indices, depth) + self.expression(indices, depth)

    def opposite(self, indices: set[sp.Idx], depth: int) -> sp.Expr:
        return self.expression(indices, depth) - self.expression(indices, depth)

    def product(self, indices: set[sp.Idx], depth: int) -> sp.Expr:
        factor = self.expression(indices, depth)
        return factor ** self.random.choice([1, 1, 2, 3]) * self.expression(indices, depth)

    def quotient(self, indices: set[sp.Idx], depth: int) -> sp.Expr:
        return self.expression(indices, depth) / (1 + self.expression(indices, depth) ** 2)

    def function(self, indices: set[sp.Idx], depth: int) -> sp.Expr:
        return self.random.choice(FUNCTIONS)(self.expression(indices, depth))

    def selection(self, indices: set[sp.Idx], depth: int) -> sp.Expr:
        left, right = self.expression(indices, depth), self.expression(indices, depth)
        return bracket(left > right) * self.expression(indices, depth)

    def cases(self, indices: set[sp.Idx], depth: int) -> sp.Expr:
        condition = self.leaf(indices) > sp.Rational(1, 3)
        first, second = self.expression(indices, depth), self.expression(indices, depth)
        return sp.Piecewise((first, condition), (second, True))

    def total(self, indices: set[sp.Idx], depth: int) -> sp.Expr:
        free = [idx for idx in INDICES if idx not in indices]
        if not free:
            return self.leaf(indices)
        bound = self.random.sample(free, self.random.randint(1, min(2, len(free))))
        return sp.Sum(self.expression(indices | set(bound), depth), *bound)


@pytest.mark.parametrize("seed", range(60))
def test_random_equations_have_their_value(seed: int) -> None:
    writer = Writer(seed)
    axes = writer.random.sample(INDICES, writer.random.randint(0, 3))
    # x gives the batch size, whatever the rest mentions.
    anchor = sp.Sum(x[index("a", "N"), 3], index("a", "N"))
    equations = form(GIVEN, writer.expression(set(axes), 3) + anchor, *axes)
    given = values_of(equations, seed=seed)
    compiled = compile_equations(equations.program, writer.random.choice(["numpy", "torch"]))
    found = compiled({name: given[name] for name in given})["out"]
    expected = evaluate(equations, given)["out"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9, err_msg=compiled.source)
