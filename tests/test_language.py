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
        with refused(OptionError, "'whole' is not a domain", "y", "real, positive, unit, label"):
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
