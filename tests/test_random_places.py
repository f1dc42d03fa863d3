"""What random systems have found about places, recurrences and masks, each as small as it gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import sympy as sp

import symbackprop as sb
from symbackprop.language import BaseCase, bracket
from symbackprop.verify import autograd_gradients
from symbackprop.verify.sampling import choose_sizes, draw

SIZES = {"N": 2, "D": 3, "K": 5, "M": 4}
N, D, K, M = (sb.sizes(name)[0] for name in SIZES)
(n, m), (i, j), (k, q), (t, o) = (
    [sb.index(letter, size) for letter in letters]
    for letters, size in (("nm", N), ("ij", D), ("kq", K), ("to", M))
)
u = sb.index("u", 2)
x, X = sb.input("x", n, i), sb.input("X", n, t)
y = sb.target("y", n, domain="label", classes=K)
z = sb.input("z", n, t, domain="label", classes=D)
v, b, a, s = sb.parameter("v", i), sb.parameter("b", k), sb.parameter("a", t), sb.parameter("s")
p = sb.parameter("p", i, domain="positive")
r = sb.parameter("r", t, domain="positive")
GIVEN = (x, X, y, z, v, b, a, s, p, r)
L = sb.intermediate("L")


def check(equations: Sequence[sb.Equation], objective: sp.Expr, seed: int = 0) -> sb.Derivation:
    """Both backends agree with autograd, and every step holds."""
    system = sb.System([*equations, sb.Equation(L, objective)], GIVEN, minimize="L")
    wrt = [*(tensor.name for tensor in system.parameters), *(e.name for e in equations)]
    names = [str(size) for size in system.sizes]
    sizes = {name: extent for name, extent in SIZES.items() if name in names}
    derivation = sb.derive(system, wrt)
    values = draw(system, choose_sizes(system, sizes), seed).arrays()
    value, expected = autograd_gradients(system, values, wrt)
    for backend in ("numpy", "torch"):
        loss, gradients = derivation.compile(backend)(values)
        assert float(loss) == pytest.approx(value, rel=1e-12)
        for name in wrt:
            np.testing.assert_allclose(
                np.asarray(gradients[name]), expected[name], rtol=1e-9, atol=1e-12, err_msg=name
            )
    report = derivation.verify(sizes=sizes, backends=(), seed=seed)
    assert report.ok, str(report)
    return derivation


def of_squares(tensor: sb.Tensor) -> sp.Expr:
    return sp.Sum(tensor.element**2, *tensor.indices)


class TestPlaces:
    def test_a_sum_of_deltas_alone(self) -> None:
        """∂/∂v Σ v[k+u-1] counts how often each element is read: nothing else is left."""
        check([], sp.Sum(v[k + u - 1], k, u) + sp.Sum(v[i] ** 2, i))

    def test_an_index_that_occurs_twice_in_a_place_derived(self) -> None:
        """K·c + k with c = n - k + 1 is K·n - K·k + k + K: two terms with k."""
        c = sb.index("c", D + K)
        e = sb.intermediate("e", k, c)
        check([sb.Equation(e, x[c + k - 1, K * c + k] * s[()])], of_squares(e))
        wide = sb.derive(
            sb.System(
                [sb.Equation(e, x[c + k - 1, K * c + k]), sb.Equation(L, of_squares(e))],
                [x, b],
                minimize="L",
            ),
            ["x"],
        )
        assert wide.verify(sizes={"N": 2, "D": 3, "K": 5}).ok

    def test_a_delta_solved_by_a_place_that_may_be_outside(self) -> None:
        """Σₙ δ(2n-2, n)·f(n) is f(2) only if N is more than 2."""
        check([], sp.Sum(sp.KroneckerDelta(2 * n - 2, n) * b[y[n]], n) + s[()] ** 2)

    def test_a_label_stands_in_no_affine_place(self) -> None:
        """e[n, y[n]] cannot be written b[y[n] + 1]·…: there e keeps its name."""
        e = sb.intermediate("e", n, k)
        inside = sb.Equation(e, sb.sigmoid(b[k + 1]) * x[n, 0])
        check([inside], sp.Sum(e[n, y[n]], n) ** 2 + s[()] ** 2)

    def test_a_factor_that_is_infinite_beside_the_range(self) -> None:
        """∂/∂v[j] of tanh(v[i+1]/p[i]) is 0, not 0/0, where i would be j-1 = -1."""
        e = sb.intermediate("e", i)
        check([sb.Equation(e, sp.tanh(v[i + 1] / p[i]))], of_squares(e))
        check([sb.Equation(e, v[i + 1] * sp.log(p[i] + p[i + 1]))], of_squares(e))

    def test_a_sum_that_is_put_where_it_depends_on_the_place(self) -> None:
        """Put at a = i + 1, Σⱼ [j = 2 - a] is a sum still: of [j = 1 - i]."""
        c = sb.index("c", N * D)
        e = sb.intermediate("e", c)
        rhs = sp.Sum(sp.KroneckerDelta(2 * c + i - 2, c) * v[c - 1], i)
        check([sb.Equation(e, rhs)], of_squares(e) + sp.Sum(x[n, 0] ** 2, n))

    def test_the_maximum_of_what_is_put(self) -> None:
        """Inside a maximum k is bound, and still what is put along it must not depend on it."""
        put = sp.Sum(sp.KroneckerDelta(i - 2, k) * b[2 * i + k - 1], i)
        check([], sb.MaxOver(put, k) + sp.Sum(b[k] ** 2, k))


class TestRecurrences:
    def test_a_step_repeated_along_an_axis(self) -> None:
        h = sb.intermediate("h", t, n, k)
        check([sb.Equation(h, sp.tanh(s[()] * h[t - 1, n, 0] + X[n, t]))], of_squares(h))

    def test_a_label_of_each_step(self) -> None:
        h = sb.intermediate("h", n, t, i)
        check([sb.Equation(h, sp.sin(s[()] * h[n, t + 1, z[n, t]] + v[i]))], of_squares(h))

    def test_another_axis_read_at_a_place_that_moves_with_the_steps(self) -> None:
        """h[2t-1, t-1] is outside at the first step and at the last ones."""
        h = sb.intermediate("h", i, t)
        check([sb.Equation(h, sp.tanh(h[2 * t - 1, t - 1] + h[i, t - 1] + v[i]))], of_squares(h))

    def test_the_adjoint_recurs_along_the_same_axis(self) -> None:
        """δ(j, t+1) says as well at which step was sent; the axis of the steps goes first."""
        h = sb.intermediate("h", i, t)
        derivation = check([sb.Equation(h, sp.tanh(h[t + 1, t - 1] + v[i]))], of_squares(h))
        assert "dh[" in str(derivation.gradients["h"].rhs)

    def test_a_scatter_along_the_steps(self) -> None:
        h, g = sb.intermediate("h", i, t), sb.intermediate("g", t)
        put = sp.KroneckerDelta(i, t - 1) * g[t - 1]
        check(
            [
                sb.Equation(g, sp.sin(sp.Sum(h[i, t - 1] * v[i], i) + a[t])),
                sb.Equation(h, sp.tanh(put + s[()] * h[i, t - 1])),
            ],
            of_squares(h) + of_squares(g),
        )

    def test_factors_that_are_infinite_beside_the_steps(self) -> None:
        """dh[t+1]/r[t+1] is 0, not 0/0, at the last step."""
        h = sb.intermediate("h", t)
        for direction in (1, -1):
            check([sb.Equation(h, sp.tanh(h[t - direction] / r[t] + a[t]))], of_squares(h))

    def test_the_number_of_the_step_compared_with_a_size(self) -> None:
        h = sb.intermediate("h", t)
        last = M * sp.KroneckerDelta(M - 1, t)
        check([sb.Equation(h, sb.sigmoid(s[()] * h[t - 1] + last))], of_squares(h))

    def test_of_two_axes_the_one_along_which_it_can_be_computed(self) -> None:
        """h[n, t-1] and h[n-2, t-1]: along n the first would need itself."""
        h = sb.intermediate("h", n, t)
        rhs = sp.tanh(s[()] * h[n, t - 1] + h[n - 2, t - 1] / 2 + X[n, t])
        check([sb.Equation(h, rhs)], of_squares(h))

    def test_of_two_axes_the_one_that_has_the_base_cases(self) -> None:
        h = sb.intermediate("h", i, t)
        start = BaseCase(h[i, -1], sp.cos(v[i]))
        rhs = sp.tanh(h[i + 2, t - 1] + a[t])
        check([sb.Equation(h, rhs, (start,))], of_squares(h))


class TestBaseCases:
    def test_beside_the_range_of_another_axis_there_is_no_base_case(self) -> None:
        """h[i+1, -1] is 0 at the last i, whatever cos(0) is."""
        h = sb.intermediate("h", i, t)
        start = BaseCase(h[i, -1], sp.cos(v[i]) * s[()])
        check([sb.Equation(h, sp.tanh(h[i + 1, t - 1] + a[t]), (start,))], of_squares(h))

    def test_an_equation_reads_it_there(self) -> None:
        e = sb.intermediate("e", i, k)
        start = BaseCase(e[i, -1], sp.exp(v[i]) * s[()])
        inside = sb.Equation(e, v[i] * b[k], (start,))
        check([inside], sp.Sum(e[i - 1, -1] * p[i], i) + of_squares(e))

    def test_a_label_reads_it(self) -> None:
        e = sb.intermediate("e", k, i)
        start = BaseCase(e[k, D], sp.cos(b[k + 1]))
        inside = sb.Equation(e, v[i] * b[k], (start,))
        check([inside], sp.Sum(e[y[n], D] * x[n, 0], n) + of_squares(e))


class TestMasks:
    def test_a_condition_that_sympy_decides_beside_an_infinity(self) -> None:
        """exp(-∞·[0 > j]) at a fixed place is exp(0): 0·∞ is not to be written."""
        h = sb.intermediate("h", i, j)
        score = sp.Piecewise((v[j] + h[i - 2, 0], i <= j), (-sp.oo, True))
        other = sb.index("w", D)
        scores = sp.Sum(sp.exp(score.subs(j, other)), other)
        start = BaseCase(h[-1, j], v[j])
        rhs = sb.sigmoid(s[()] * h[i - 1, j] + sp.exp(score) / scores)
        check([sb.Equation(h, rhs, (start,))], of_squares(h) * bracket(s[()] ** 2 >= 0))
