"""The language: what it accepts, and how it says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mpmath
import pytest
import sympy as sp

import symbackprop.language as sb
from symbackprop.errors import (
    EquationError,
    OptionError,
    ShapeError,
    SymbackpropError,
    UnknownNameError,
)

N, D, K = sb.sizes("N D K")
n, i, k, j = (sb.index(*pair) for pair in (("n", N), ("i", D), ("k", K), ("j", K)))
x, y = sb.input("x", n, i), sb.target("y", n, k)
W, b = sb.parameter("W", k, i), sb.parameter("b", k)
z, p, L = sb.intermediate("z", n, k), sb.intermediate("p", n, k), sb.intermediate("L")
affine = sb.Equation(z, sp.Sum(x[n, i] * W[k, i], i) + b[k])
objective = sb.Equation(L, sp.Sum(z[n, k] ** 2, n, k) / N)


@contextmanager
def refused(error: type[SymbackpropError], *expected: str) -> Iterator[None]:
    """The message names what is wrong, where, and what to do."""
    with pytest.raises(error) as info:
        yield
    for text in expected:
        assert text in str(info.value)
    assert info.value.remedy
    assert info.value.exit_code == 2


def test_a_system_puts_its_equations_in_order() -> None:
    system = sb.System([objective, affine], [x, W, b], minimize="L")
    assert list(system.definitions) == ["z", "L"]
    assert [tensor.name for tensor in system.parameters] == ["W", "b"]
    assert system.sizes == (N, D, K)
    assert system.tensors["z"].shape == (N, K)


def test_sizes_are_one_symbol_each() -> None:
    assert sb.size("N") is sb.size("N") or sb.size("N") == N
    assert sb.size(3) == 3
    with refused(ShapeError, "-1", "not a size"):
        sb.size(-1)


def test_an_element_is_written_with_as_many_positions_as_axes() -> None:
    with refused(ShapeError, "'W' has 2 axes", "W[k, i]"):
        W[k]


class TestRefusedEquations:
    def test_unbound_index(self) -> None:
        with refused(EquationError, "index i", "not bound", "z[n, k] ="):
            sb.Equation(z, x[n, i] * W[k, i])

    def test_left_side_with_a_repeated_index(self) -> None:
        square = sb.intermediate("s", k, j)
        with refused(EquationError, "occurs twice"):
            sb.Equation(square[k, k], b[k])

    def test_left_side_that_is_no_element(self) -> None:
        with refused(EquationError, "must be one element"):
            sb.Equation(z[n, k] + 1, b[k])

    def test_two_axes_of_one_index(self) -> None:
        with refused(EquationError, "share one index", "A[i, i]"):
            sb.parameter("A", i, i)

    @pytest.mark.parametrize("side", ["__import__('os').getcwd()", "b[k]", None, [b[k]], sp.true])
    def test_right_side_that_is_no_expression(self, side: object) -> None:
        with refused(EquationError, "is not a SymPy expression", "L = "):
            sb.Equation(L, side)
        with refused(EquationError, "is not a SymPy expression"):
            sb.Fact(sp.Sum(b[k], k), side)

    def test_a_scalar_tensor_is_its_own_element(self) -> None:
        scale = sb.parameter("s")
        assert sb.Equation(L, scale).rhs == scale[()]

    @pytest.mark.parametrize("size", [0, -1, 2.5, 3.0, float("nan"), True, None, "", [3], sp.nan])
    def test_sizes_that_are_none(self, size: object) -> None:
        with refused(ShapeError, "is not a size", "positive whole number"):
            sb.index("i", size)

    @pytest.mark.parametrize("axis", ["i", 3, None, sp.Symbol("i")])
    def test_axes_that_are_no_indices(self, axis: object) -> None:
        with refused(EquationError, "is not an index", "'A'", "sb.index("):
            sb.parameter("A", axis)

    @pytest.mark.parametrize("name", ["", "  ", None, 3])
    def test_tensors_without_a_name(self, name: object) -> None:
        with refused(EquationError, "needs a name"):
            sb.parameter(name, i)

    def test_domains_that_there_are_not(self) -> None:
        with refused(
            OptionError, "'whole' is not a domain", "y", "real, positive, unit, sign, label"
        ):
            sb.target("y", n, domain="whole")


class TestRefusedSystems:
    def test_unknown_tensor(self) -> None:
        typo = sb.parameter("WW", k, i)
        wrong = sb.Equation(z, sp.Sum(x[n, i] * typo[k, i], i) + b[k])
        with refused(UnknownNameError, "'WW'", "did you mean 'W'", "z[n, k] ="):
            sb.System([wrong, objective], [x, W, b], minimize="L")

    def test_sizes_that_disagree(self) -> None:
        transposed = sb.parameter("W", i, k)
        wrong = sb.Equation(z, sp.Sum(x[n, i] * transposed[i, k], i) + b[k])
        with refused(ShapeError, "axis 0 of 'W' has size K", "index i runs over D", "z[n, k] ="):
            sb.System([wrong, objective], [x, W, b], minimize="L")

    def test_a_tensor_defined_twice(self) -> None:
        again = sb.Equation(z, b[k] + 0 * x[n, 0])
        with refused(EquationError, "'z' is defined twice", "z[n, k] ="):
            sb.System([affine, again, objective], [x, W, b], minimize="L")

    def test_a_given_tensor_defined(self) -> None:
        with refused(EquationError, "'b' is a given parameter", "b[k] ="):
            sb.System([affine, sb.Equation(b, W[k, 0]), objective], [x, W, b], minimize="L")

    def test_a_circle(self) -> None:
        q = sb.intermediate("q", n, k)
        circle = [sb.Equation(z, q[n, k] + b[k]), sb.Equation(q, z[n, k] * 2)]
        with refused(EquationError, "in a circle", "z", "q", "→"):
            sb.System([*circle, objective], [b], minimize="L")

    def test_an_objective_with_indices(self) -> None:
        with refused(EquationError, "'z' is not a scalar", "sum over"):
            sb.System([affine], [x, W, b], minimize="z")

    def test_an_objective_that_is_missing(self) -> None:
        with refused(UnknownNameError, "objective", "'loss'", "L"):
            sb.System([affine, objective], [x, W, b], minimize="loss")

    def test_a_function_outside_the_language(self) -> None:
        wrong = sb.Equation(L, sp.Sum(sp.gamma(z[n, k]), n, k))
        with refused(EquationError, "gamma", "PRIMITIVES"):
            sb.System([affine, wrong], [x, W, b], minimize="L")

    @pytest.mark.parametrize(
        "clash",
        [
            sp.Sum(b[k] / sp.Sum(sp.exp(b[k]), k), k),
            sp.Sum(sp.Sum(z[n, k], k) + b[k], k, n),
            sp.Sum(sp.Sum(b[k], k), k),
        ],
    )
    def test_an_index_summed_over_inside_its_own_sum(self, clash: sp.Expr) -> None:
        """The softmax denominator needs a letter of its own."""
        with refused(EquationError, "index k is summed over twice"):
            sb.System([affine, sb.Equation(L, clash)], [x, W, b], minimize="L")

    def test_a_sum_over_part_of_an_axis(self) -> None:
        wrong = sb.Equation(L, sp.Sum(b[k], (k, 1, K - 1)))
        with refused(ShapeError, "runs from 1", "Sum(…, k)"):
            sb.System([wrong], [b], minimize="L")

    def test_a_position_outside_the_axis(self) -> None:
        short = sb.index("s", 3)
        v = sb.parameter("v", short)
        with refused(ShapeError, "position 3 is outside", "from 0 to 2"):
            sb.System([sb.Equation(L, v[3])], [v], minimize="L")

    def test_labels_of_another_number_of_classes(self) -> None:
        labels = sb.target("y", n, domain="label", classes=D)
        wrong = sb.Equation(L, sp.Sum(z[n, labels[n]], n))
        with refused(ShapeError, "selected by y[n]", "classes=K"):
            sb.System([affine, wrong], [x, W, b, labels], minimize="L")

    def test_labels_without_a_number_of_classes(self) -> None:
        with refused(EquationError, "unknown number of classes", "classes=K"):
            sb.target("y", n, domain="label")

    def test_an_intermediate_without_an_equation(self) -> None:
        with refused(EquationError, "'p' is an intermediate that no equation defines"):
            sb.System([affine, objective], [x, W, b, p], minimize="L")

    def test_one_name_with_other_assumptions(self) -> None:
        """SymPy holds symbols of one name and different assumptions for different things."""
        foreign = sp.IndexedBase("b")
        wrong = sb.Equation(z, sp.Sum(x[n, i] * W[k, i], i) + foreign[k])
        with refused(EquationError, "different SymPy object", "z[n, k] ="):
            sb.System([wrong, objective], [x, W, b], minimize="L")


H, T = sb.sizes("H T")
h, q = sb.index("h", H), sb.index("q", sp.floor((H - 1) / 2) + 1)
u, t, s = sb.index("u", 3), sb.index("t", T), sb.index("s", T)
image, kernel = sb.input("image", n, h), sb.parameter("kernel", u)
state, start = sb.intermediate("state", t, n), sb.input("start", n)


def total(expr: sp.Expr, *indices: sp.Idx) -> sb.Equation:
    return sb.Equation(L, sp.Sum(expr, *indices))


class TestSizes:
    def test_arithmetic_of_sizes(self) -> None:
        assert sb.size_of(q) == sp.floor((H - 1) / 2) + 1
        assert sb.size(H * (T + 1)) == sb.size(H * T + H)

    @pytest.mark.parametrize("value", [H / 2, H * sp.Symbol("a") + 1, sp.sqrt(H), t + 1])
    def test_arithmetic_that_may_be_no_size(self, value: sp.Expr) -> None:
        with refused(ShapeError, "is not a size", "floor"):
            sb.size(value)

    def test_the_sizes_of_a_system_are_those_that_others_are_computed_from(self) -> None:
        pixels = sb.input("pixels", n, sb.index("w", 2 * H + 1))
        strided = sb.intermediate("strided", n, q)
        equations = [
            sb.Equation(strided, image[n, 2 * q - 1] + pixels[n, q]),
            total(strided[n, q], n, q),
        ]
        with refused(ShapeError, "axis 1 of 'pixels' has size 2*H + 1"):
            sb.System(equations, [image, pixels], minimize="L")
        equations[0] = sb.Equation(strided, image[n, 2 * q - 1] + pixels[n, 4 * q])
        assert sb.System(equations, [image, pixels], minimize="L").sizes == (N, H)


class TestPositions:
    @pytest.mark.parametrize(
        "place", [2 * q + u - 1, 2 * q - u + H - 1, T * u + 3, -h, H - 1, h + 5 - 2 * T]
    )
    def test_affine_positions(self, place: sp.Expr) -> None:
        free = sorted(sb.free_indices(place), key=str)
        system = sb.System([total(image[n, place], n, *free)], [image], minimize="L")
        assert system.tensors["image"].shape == (N, H)

    @pytest.mark.parametrize(
        "place", [h**2, q * u, h / 2, sp.floor(h / 2), h + sp.Rational(1, 2), sp.exp(h), 2.0 * h]
    )
    def test_positions_that_are_not_affine(self, place: sp.Expr) -> None:
        free = sorted(sb.free_indices(place), key=str)
        with refused(ShapeError, "axis 1 of 'image' is at", "affine", "L = Sum"):
            sb.System([total(image[n, place], n, *free)], [image], minimize="L")
        delta = sp.KroneckerDelta(place, h, evaluate=False)
        if not place.has(h):
            with refused(ShapeError, "one side of", "affine"):
                sb.System([total(image[n, h] * delta, n, h, *free)], [image], minimize="L")

    def test_deltas_between_indices_of_different_sizes(self) -> None:
        flat = sp.KroneckerDelta(h, 3 * q + u)
        sb.System([total(image[n, h] * flat, n, h, q, u)], [image], minimize="L")

    def test_a_plain_index_has_the_size_of_its_axis(self) -> None:
        with refused(ShapeError, "axis 1 of 'image' has size H, but index u runs over 3"):
            sb.System([total(image[n, u], n, u)], [image], minimize="L")

    @pytest.mark.parametrize("place", [-1, H, H + 2, -2 * T, H * T])
    def test_a_position_that_is_outside_whatever_the_sizes_are(self, place: sp.Expr) -> None:
        with refused(ShapeError, f"position {place} is outside", "base case"):
            sb.System([total(image[n, place], n)], [image], minimize="L")

    @pytest.mark.parametrize("place", [0, 4, H - 1, H - T, T])
    def test_a_position_that_may_be_inside(self, place: sp.Expr) -> None:
        sb.System([total(image[n, place], n)], [image], minimize="L")

    def test_a_position_with_a_base_case_may_be_read_anywhere(self) -> None:
        recurrence = sb.Equation(
            state, sp.tanh(state[t - 1, n]), (sb.BaseCase(state[-1, n], start[n]),)
        )
        sb.System([recurrence, total(state[-1, n], n)], [start], minimize="L")
        with refused(ShapeError, "position -2 is outside", "base case"):
            sb.System([recurrence, total(state[-2, n], n)], [start], minimize="L")


class TestInfinities:
    def test_a_case_of_a_selection_may_be_infinite(self) -> None:
        masked = sp.Piecewise((image[n, h], h <= 2), (-sp.oo, True))
        sb.System([total(sp.exp(masked), n, h)], [image], minimize="L")

    @pytest.mark.parametrize(
        "value",
        [
            sp.Max(image[n, h], sp.Mul(-1, sp.oo, evaluate=False), evaluate=False),
            sp.Mul(image[n, h], sp.oo, evaluate=False),
            sp.nan * image[n, h],
            sp.oo,
        ],
    )
    def test_but_no_other_number(self, value: sp.Expr) -> None:
        with refused(EquationError, "is not a number to compute with", "L = "):
            sb.System([total(value, n, h)], [image], minimize="L")


class TestBaseCases:
    def test_they_belong_to_their_equation(self) -> None:
        case = sb.BaseCase(state[-1, n], sp.tanh(start[n]))
        equation = sb.Equation(state, sp.tanh(state[t - 1, n]), [case])
        assert (case.name, case.axis, case.position, case.indices) == ("state", 0, -1, (n,))
        assert equation.base == (case,)
        assert equation.used_names == ("state", "start")
        assert str(equation).endswith("with state[-1, n] = tanh(start[n])")

    @pytest.mark.parametrize("position", [-1, T, T + 1, -T])
    def test_positions_outside(self, position: sp.Expr) -> None:
        sb.Equation(state, start[n], [sb.BaseCase(state[position, n], start[n])])

    @pytest.mark.parametrize("position", [0, 1, T - 1, H])
    def test_positions_that_may_be_inside(self, position: sp.Expr) -> None:
        with refused(EquationError, f"position {position}", "may lie in", f"where(t = {position}"):
            sb.Equation(state, start[n], [sb.BaseCase(state[position, n], start[n])])

    @pytest.mark.parametrize(
        "lhs", [state[t, n], state[-1, -1], state[t - 1, n], start[n], L.element, state[-1, n + 1]]
    )
    def test_left_sides_that_are_none(self, lhs: sp.Expr) -> None:
        with refused(EquationError, "one fixed position", "h[-1, n, d]"):
            sb.BaseCase(lhs, start[n])

    def test_an_index_that_is_not_bound(self) -> None:
        with refused(EquationError, "index t", "not bound"):
            sb.BaseCase(state[-1, n], state[t, n])

    def test_base_cases_that_do_not_fit(self) -> None:
        other = sb.intermediate("other", t, n)
        with refused(EquationError, "other[-1, n] is no element of 'state'"):
            sb.Equation(state, start[n], [sb.BaseCase(other[-1, n], start[n])])
        with refused(EquationError, "run over other sizes"):
            sb.Equation(state, start[n], [sb.BaseCase(state[-1, i], sp.Integer(0))])
        twice = [sb.BaseCase(state[-1, place], sp.Integer(0)) for place in (n, sb.index("m", N))]
        with refused(EquationError, "given twice"):
            sb.Equation(state, start[n], twice)

    def test_names_and_functions_are_checked(self) -> None:
        def system(value: sp.Expr) -> sb.System:
            recurrence = sb.Equation(state, state[t - 1, n], [sb.BaseCase(state[-1, n], value)])
            return sb.System([recurrence, total(state[t, n], t, n)], [start], minimize="L")

        assert system(start[n]).definitions["state"].base
        with refused(UnknownNameError, "'y'"):
            system(y[n, 0])
        with refused(EquationError, "gamma"):
            system(sp.gamma(start[n]))


@pytest.mark.parametrize("record", sb.PRIMITIVES.values(), ids=lambda record: record.name)
class TestPrimitives:
    """Every record is complete and its derivative is that of its value."""

    def test_every_backend_has_a_spelling(self, record: sb.Primitive) -> None:
        assert set(record.spellings) == set(sb.PRIMITIVES["exp"].spellings)
        for spelling in record.spellings.values():
            assert "{0}" in spelling.code

    def test_the_derivative_is_the_slope_of_the_value(self, record: sb.Primitive) -> None:
        point = (sp.Rational(13, 17), sp.Rational(5, 11))[: record.arity]
        symbols = sp.symbols("u v", real=True)[: record.arity]
        with mpmath.workdps(60):
            numbers = [mpmath.mpf(int(q.p)) / int(q.q) for q in point]
            step = mpmath.mpf(10) ** -25
            for position in range(record.arity):
                up, down = list(numbers), list(numbers)
                up[position] += step
                down[position] -= step
                slope = (record.value(*up) - record.value(*down)) / (2 * step)
                derived = record.derivative(position, symbols)
                value = derived.subs(dict(zip(symbols, point, strict=True))).replace(
                    sb.sigmoid, lambda u: 1 / (1 + sp.exp(-u))
                )
                assert abs(mpmath.mpf(str(sp.N(value, 45))) - slope) < mpmath.mpf(10) ** -30

    def test_positive_functions_are_positive(self, record: sb.Primitive) -> None:
        if record.positive:
            assert all(record.value(u) > 0 for u in (-30, -1, 0, 1, 30))
