"""The normal form: the same value as the tree it was read from, one form for equal things."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symbackprop.language as sb
from symbackprop.calculus.convert import SympyWriter, from_sympy
from symbackprop.calculus.normal import (
    Poly,
    rename,
)
from symbackprop.calculus.rewrite import expand, factor
from symbackprop.verify.arithmetic import Decimals
from symbackprop.verify.evaluate import Evaluator

N, D, K = sb.sizes("N D K")
SIZES = {N: 2, D: 3, K: 5}
n, i, k, j = (sb.index(*pair) for pair in (("n", N), ("i", D), ("k", K), ("j", K)))
x, z = sb.input("x", n, i), sb.input("z", n, k)
W, b = sb.parameter("W", k, i), sb.parameter("b", k)
labels = sb.target("y", n, domain="label", classes=K)
TENSORS = {tensor.name: tensor for tensor in (x, z, W, b, labels)}
WRITER = SympyWriter(TENSORS, {K: ("k", "j"), D: ("i",), N: ("n",)})


def fields() -> dict[str, dict[tuple[int, ...], mpmath.mpf]]:
    """Different positive numbers everywhere, so that powers are real and differences visible."""
    tables: dict[str, dict[tuple[int, ...], mpmath.mpf]] = {}
    count = 0
    for tensor in TENSORS.values():
        table = {}
        for place in product(*(range(SIZES[extent]) for extent in tensor.shape)):
            count += 1
            table[place] = 3 * place[0] + 1 if tensor is labels else mpmath.mpf(7 * count % 31) / 13
        tables[tensor.name] = table
    return tables


def value(expr: sp.Expr, places: dict[sp.Idx, int]) -> mpmath.mpf:
    with mpmath.workdps(50):
        return mpmath.mpf(Evaluator(Decimals(), fields(), SIZES).at(expr, places))


def agree(first: sp.Expr, second: sp.Expr) -> bool:
    """Whether two expressions in n and k have the same value everywhere."""
    with mpmath.workdps(50):
        for here in product(range(2), range(5)):
            places = dict(zip((n, k), here, strict=True))
            left, right = value(first, places), value(second, places)
            if abs(left - right) > mpmath.mpf(10) ** -40 * (1 + abs(right)):
                return False
    return True


LEAVES = st.sampled_from(
    [
        z[n, k],
        b[k],
        sp.Integer(2),
        sp.Rational(-1, 3),
        N,
        sp.pi,
        z[n, labels[n]],
        sp.KroneckerDelta(k, labels[n]),
        sb.bracket(z[n, k] > b[k]),
        sp.Sum(x[n, i] * W[k, i], i),
        sp.Sum(sp.exp(z[n, j]), j),
        sp.Sum(W[j, i] * x[n, i] * b[j], i, j),
        sb.MaxOver(z[n, j], j),
        sb.FirstMaxOver(z[n, j], j, n),
        sb.ArgMaxOver(z[n, j], j, n),
    ]
)


def summed(expr: sp.Expr, weight: sb.Tensor) -> sp.Expr:
    """The sum over k, under a letter that no smaller expression uses."""
    letter = sb.index(f"m_{len(str(expr))}", K)
    return sp.Sum(expr.xreplace({k: letter}) * weight[letter], letter)


def combine(inner: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
    positive = inner.map(lambda e: e**2 + 1)
    return st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] * pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] - pair[1]),
        inner.map(lambda e: e**2),
        inner.map(sp.tanh),
        inner.map(sb.sigmoid),
        positive.map(sp.sqrt),
        positive.map(sp.log),
        positive.map(lambda e: 1 / e),
        inner.map(lambda e: summed(e, b)),
        inner.map(lambda e: sp.Piecewise((e, z[n, k] > b[k]), (2 * e, True))),
    )


EXPRESSIONS = st.recursive(LEAVES, combine, max_leaves=6)


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS)
def test_reading_and_writing_keeps_the_value(expr: sp.Expr) -> None:
    assert agree(WRITER.expression(from_sympy(expr)), expr)


@settings(max_examples=80, deadline=None)
@given(EXPRESSIONS)
def test_expanding_and_factoring_keep_the_value(expr: sp.Expr) -> None:
    normal = from_sympy(expr)
    assert agree(WRITER.expression(expand(normal)), expr)
    assert agree(WRITER.expression(factor(expand(normal))), expr)


@settings(max_examples=80, deadline=None)
@given(EXPRESSIONS)
def test_writing_and_reading_again_gives_the_same_form(expr: sp.Expr) -> None:
    """Up to what SymPy multiplies out by itself."""
    normal = from_sympy(expr)
    assert expand(from_sympy(WRITER.expression(normal))) == expand(normal)


@settings(max_examples=80, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_equal_terms_merge_and_opposite_ones_cancel(first: sp.Expr, second: sp.Expr) -> None:
    left, right = from_sympy(first), from_sympy(second)
    assert not (left + right - right - left).terms
    assert left * right == right * left


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (sp.Sum(b[j] ** 2, j), sp.Sum(b[k] ** 2, k)),
        (sp.Sum(W[k, i] * b[k], k, i), sp.Sum(W[j, i] * b[j], i, j)),
        (sp.Sum(sp.Sum(W[k, i], i) * b[k], k), sp.Sum(W[k, i] * b[k], k, i)),
        (sp.Sum(b[k] * b[j] * z[0, k], k, j), sp.Sum(b[j] * z[0, j] * b[k], j, k)),
        (sp.Sum(b[k], k) * sp.Sum(b[k], k), sp.Sum(b[k] * b[j], k, j)),
        (sp.Sum(z[n, k], k) * 2, sp.Sum(2 * z[n, j], j)),
        (sp.Sum(sp.Integer(1), k), K),
        ((b[k] - 1) ** 2, (1 - b[k]) ** 2),
        (1 / (2 * b[k] - 4), sp.Rational(-1, 2) / (2 - b[k])),
        (sb.bracket(b[k] > 0) ** 2, sb.bracket(b[k] > 0)),
        (sp.sqrt(8) * sp.sqrt(2), sp.Integer(4)),
    ],
    ids=str,
)
def test_equal_things_have_one_form(first: sp.Expr, second: sp.Expr) -> None:
    assert from_sympy(first) == from_sympy(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (sp.Sum(W[k, i] * b[k], k), sp.Sum(W[j, i] * b[k], j)),
        (sp.Sum(b[k] * b[j], k, j), sp.Sum(b[k] ** 2, k)),
        (sp.sqrt(b[k] ** 2), b[k]),
        (sb.bracket(b[k] > 0), sb.bracket(b[k] >= 0)),
        (z[n, labels[n]], z[n, k]),
    ],
    ids=str,
)
def test_different_things_have_different_forms(first: sp.Expr, second: sp.Expr) -> None:
    assert from_sympy(first) != from_sympy(second)


def test_the_root_of_a_square_is_not_its_base() -> None:
    """√(u²) is |u|: powers of powers must not be multiplied for negative u."""
    normal = from_sympy(sp.sqrt((b[k] - 10) ** 2, evaluate=False))
    places = {n: 0, k: 1}
    with mpmath.workdps(50):
        assert value(WRITER.expression(normal), places) > 0


def test_complementary_brackets_exclude_each_other() -> None:
    above, below = sb.bracket(b[k] > 0), sb.bracket(b[k] <= 0)
    assert not from_sympy(above * below).terms


def substituted(expr: sp.Expr, old: sp.Idx, new: sp.Idx) -> Poly:
    """Rename a free index of the normal form."""
    from_index, to_index = (next(iter(from_sympy(idx).free)) for idx in (old, new))
    return rename(from_sympy(expr), {from_index: to_index})


def test_renaming_never_captures() -> None:
    """SymPy's subs(n → i) in Σ_i x[n,i] would give Σ_i x[i,i]."""
    renamed = substituted(sp.Sum(b[k] * z[n, j], k), j, k)
    assert renamed == from_sympy(z[n, k] * sp.Sum(b[j], j))


def test_floats_are_read_as_the_decimals_they_print_as() -> None:
    assert from_sympy(sp.Float(0.1)).constant == Fraction(1, 10)
