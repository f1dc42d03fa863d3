"""What random and adversarial systems have found, each with the smallest system that shows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
import sympy as sp

import symbackprop as sb
from symbackprop.calculus.convert import from_sympy
from symbackprop.calculus.rewrite import expand
from symbackprop.verify import autograd_gradients
from symbackprop.verify.sampling import choose_sizes, draw

N, D = sb.sizes("N D")
n = sb.index("n", N)
letters = [sb.index(letter, D) for letter in "abcdefgh"]
a, b, c, *_ = letters
v, w, u = (sb.parameter(name, a) for name in "vwu")
A = sb.parameter("A", a, b)
x = sb.input("x", n, a)
s, h = sb.parameter("s"), sb.hyperparameter("h", value=0.25)
e, L = sb.intermediate("e", a), sb.intermediate("L")


def system(objective: sp.Expr, *before: sb.Equation) -> sb.System:
    return sb.System([*before, sb.Equation(L, objective)], [x, v, w, u, A, s, h], minimize="L")


def check(system: sb.System, wrt: Sequence[str] | None = None) -> sb.Derivation:
    """Both backends agree with autograd."""
    derivation = sb.derive(system, wrt)
    names = list(derivation.gradients)
    point = draw(system, choose_sizes(system), 0)
    objective, expected = autograd_gradients(system, point.arrays(), names)
    for backend in ("numpy", "torch"):
        loss, gradients = derivation.compile(backend)(point.arrays())
        assert float(loss) == pytest.approx(objective, rel=1e-12)
        for name in names:
            np.testing.assert_allclose(
                np.asarray(gradients[name]), expected[name], rtol=1e-10, atol=1e-12
            )
    return derivation


class TestExpand:
    """Multiplying out gives the whole expression, or the one it was given."""

    @pytest.mark.parametrize("power", [2, 5, 8, 9, 30])
    @pytest.mark.parametrize("bases", [(v, w), (v, w, u)])
    @pytest.mark.parametrize("factor", [1, v[a] - 1])
    def test_powers(self, bases: tuple[sb.Tensor, ...], power: int, factor: sp.Expr) -> None:
        # The eighth power of three sums has 3·36 products of a base and a seventh power, and
        # 45 terms: more than the limit on the way, fewer in the end.
        product = sp.Add(*(t[a] for t in bases)) ** power * factor
        expr = from_sympy(product)
        assert expand(expr) in (from_sympy(sp.expand(product)), expr)

    def test_small_powers_are_multiplied_out(self) -> None:
        square = from_sympy((v[a] - w[a]) ** 2 - (v[a] + w[a]) ** 2)
        assert expand(square) == from_sympy(-4 * v[a] * w[a])

    def test_many_products_that_vanish(self) -> None:
        """[v > 0]·[v <= 0] is 0: nothing accumulates, and still there is an end."""
        holds, fails = sb.bracket(v[a] > 0), sb.bracket(v[a] <= 0)
        factors = [holds * (k + w[a]) + fails * (k - w[a]) for k in range(1, 20)]
        expr = from_sympy(sp.Mul(*factors, evaluate=False))
        started = time.process_time()
        expand(expr)
        assert time.process_time() - started < 5


def test_a_condition_that_sympy_decides_when_it_is_written() -> None:
    """N, which is Σₙ 1, is at least 1: [1/3 > N] is 0."""
    cases = sp.Piecewise((s[()] ** 2, sp.Sum(1, n) >= sp.Rational(1, 3)), (s[()], True))
    assert check(system(cases)).text()


class TestNothingTakesForever:
    """Seconds of processor time, several times what is needed."""

    @staticmethod
    def seconds(system: sb.System) -> float:
        started = time.process_time()
        sb.derive(system)
        return time.process_time() - started

    def test_a_sum_of_a_high_power(self) -> None:
        assert self.seconds(system(sp.Sum((v[a] - w[a]) ** 40, a))) < 5

    def test_products_of_many_sums(self) -> None:
        factors = [v[a] + k * w[a] for k in range(1, 9)]
        assert self.seconds(system(sp.Sum(sp.Mul(*factors), a))) < 5

    def test_a_sum_symmetric_in_eight_indices(self) -> None:
        whole = sp.tanh(sp.Add(*(v[idx] for idx in letters)))
        assert self.seconds(system(sp.Sum(whole, *letters))) < 5

    def test_a_cycle_of_eight_indices(self) -> None:
        """The trace of A⁸: no index differs from another by how it occurs."""
        around = zip(letters, [*letters[1:], letters[0]], strict=True)
        cycle = sp.Sum(sp.Mul(*(A[here, there] for here, there in around)), *letters)
        assert self.seconds(system(cycle)) < 5

    def test_every_pair_of_six_indices(self) -> None:
        pairs = [A[p, q] for k, p in enumerate(letters[:6]) for q in letters[k + 1 : 6]]
        assert self.seconds(system(sp.Sum(sp.Mul(*pairs), *letters[:6]))) < 5


class TestNormalForm:
    @pytest.mark.parametrize(
        "body",
        [
            lambda p, q, r, t: A[p, q] * A[q, r] * A[r, t] * A[t, p],
            lambda p, q, r, t: A[p, q] * A[p, r] * A[p, t],
            lambda p, q, r, t: A[p, q] * A[q, p] * A[q, r] * A[r, t],
            lambda p, q, r, t: sp.tanh(v[p] * v[q] + v[r] * v[t]),
            lambda p, q, r, t: sp.tanh(v[p] ** 2 * v[q] ** 3 + w[r] * w[t]) * A[p, r],
        ],
    )
    def test_sums_do_not_depend_on_their_letters(self, body) -> None:  # type: ignore[no-untyped-def]
        forms = {
            from_sympy(sp.Sum(body(*order), *order)).key for order in permutations(letters[:4])
        }
        assert len(forms) == 1

    def test_cycles_of_different_lengths_differ(self) -> None:
        p, q, r, t, *_ = letters
        four = sp.Sum(A[p, q] * A[q, r] * A[r, t] * A[t, p], p, q, r, t)
        two = sp.Sum(A[p, q] * A[q, p] * A[r, t] * A[t, r], p, q, r, t)
        assert from_sympy(four) != from_sympy(two)


class TestCompiled:
    def test_a_size_of_an_array_that_is_not_used_otherwise(self) -> None:
        """Σₙ s² is N·s²; N is read off x, of which no element is."""
        check(system(sp.Sum(s[()] ** 2, n) + sp.Sum(v[a] ** 2, a)))

    def test_a_gradient_that_is_zero_throughout(self) -> None:
        gradient = check(system(s[()] ** 2)).gradients["A"]
        assert gradient.rhs == 0

    def test_gradients_of_parameters_that_use_that_of_an_intermediate(self) -> None:
        before = sb.Equation(e, sp.tanh(v[a] * w[a]))
        check(system(sp.Sum(e[a] ** 2, a), before), ["v", "e", "w"])

    def test_the_larger_of_an_array_and_a_plain_number(self) -> None:
        least, most = sp.Max(v[a], h[()]), sp.Min(w[a], h[()] + D)
        check(system(sp.Sum(least * most, a)))
        check(system(sp.Sum(sp.Max(h[()], -v[a]) * w[a], a)))

    def test_the_largest_of_what_does_not_vary(self) -> None:
        check(system(sp.Sum(sb.MaxOver(v[a], n) ** 2, a) + sb.MaxOver(h[()], n) * s[()]))

    def test_an_intermediate_that_depends_on_nothing(self) -> None:
        before = sb.Equation(e, h[()])
        check(system(sp.Sum(e[a] * v[a], a), before), ["v", "e"])


def test_base_case_of_what_does_not_recur_passes_its_gradient_on() -> None:
    """A tensor depends on its base case even if its own equation does not read it."""
    system = sb.parse_system(
        """
        index t:T
        input x[t], h0
        h[t] = x[t]^2 with h[-1] = h0
        L = sum[t](h[t-1]^3)
        minimize L
        """
    )
    for wrt in (["h0"], ["x", "h0"]):
        derivation = sb.derive(system, wrt)
        assert str(derivation.gradients["h0"]) == "∂L/∂h0 = 3·h0²"
        assert derivation.verify().ok


def test_a_whole_number_made_of_a_sum_is_read_with_its_index() -> None:
    """sign(Σ δ) is a whole number, and its sum binds an index that nothing else knows."""
    k, j = sb.index("k", "K"), sb.index("j", "K")
    e, w = sb.intermediate("e", k), sb.parameter("w", k)
    count = sp.Sum(sp.KroneckerDelta(j + 1, k), j)
    derivation = sb.derive(
        sb.System(
            [sb.Equation(e, sp.sign(count) * w[k]), sb.Equation(L, sp.Sum(e[k] ** 2, k))],
            [w],
            minimize="L",
        )
    )
    assert derivation.verify().ok
