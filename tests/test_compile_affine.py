"""Compiling affine positions: windows, slices, reshapes, and what is put back by deltas."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from forms import Form, form
from torch.nn import functional

import symbackprop as sb
from symbackprop.calculus import derive_backward
from symbackprop.compile import BACKENDS, compile_backward, compile_equations, emit_module
from symbackprop.errors import CompileError, ShapeError
from symbackprop.language import (
    Equation,
    FirstMaxOver,
    MaxOver,
    System,
    Tensor,
    index,
    input,
    intermediate,
    parameter,
    size,
)

BOTH = pytest.mark.parametrize("backend", BACKENDS)
SIZES = {size(name): extent for name, extent in {"N": 5, "H": 3, "E": 7, "J": 2, "T": 11}.items()}
N, H, E, J, T = SIZES
n, c, o = index("n", N), index("c", 3), index("o", 2)
delta = sp.KroneckerDelta

Reference = Callable[[Mapping[str, torch.Tensor]], torch.Tensor]


@dataclass(frozen=True)
class Case:
    """A system, and what PyTorch makes of the same numbers: the output, weighted by ``w``."""

    system: System
    output: Reference

    def loss(self, leaves: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return (self.output(leaves) ** 2 * leaves["w"]).sum()


def case(output: Tensor, rhs: sp.Expr, given: list[Tensor], reference: Reference) -> Case:
    """``y = rhs``, ``L = Σ y²·w``, so that every element has an adjoint of its own."""
    weights, loss = input("w", *output.indices), intermediate("L")
    objective = sp.Sum(output.element**2 * weights.element, *output.indices)
    equations = [Equation(output.element, rhs), Equation(loss.element, objective)]
    return Case(System(equations, [*given, weights], minimize="L"), reference)


def numbers(system: System, seed: int = 3) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        tensor.name: generator.normal(size=[int(e.xreplace(SIZES)) for e in tensor.shape])
        for tensor in system.given
    }


def conv1d(
    width: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    o: sp.Idx = o,
) -> Case:
    places = (width + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    h, u, p = index("h", width), index("u", kernel), index("p", places)
    x, k = parameter("x", n, c, h), parameter("K", o, c, u)
    read = x[n, c, stride * p + dilation * u - padding]
    return case(
        intermediate("y", n, o, p),
        sp.Sum(read * k[o, c, u], c, u),
        [x, k],
        lambda t: functional.conv1d(
            t["x"], t["K"], stride=stride, padding=padding, dilation=dilation
        ),
    )


def conv2d(stride: int, padding: int, places: tuple[int, int]) -> Case:
    h, g, u, v = index("h", 13), index("g", 11), index("u", 3), index("v", 5)
    p, q = index("p", places[0]), index("q", places[1])
    x, k = parameter("x", n, c, h, g), parameter("K", o, c, u, v)
    read = x[n, c, stride * p + u - padding, stride * q + v - padding]
    return case(
        intermediate("y", n, o, p, q),
        sp.Sum(read * k[o, c, u, v], c, u, v),
        [x, k],
        lambda t: functional.conv2d(t["x"], t["K"], stride=stride, padding=padding),
    )


def symbolic_conv() -> Case:
    """The width is a letter; the number of places follows from it."""
    places = sp.floor((T + 2 - 3) / 2) + 1
    h, u, p = index("h", T), index("u", 3), index("p", places)
    x, k = parameter("x", n, c, h), parameter("K", o, c, u)
    return case(
        intermediate("y", n, o, p),
        sp.Sum(x[n, c, 2 * p + u - 1] * k[o, c, u], c, u),
        [x, k],
        lambda t: functional.conv1d(t["x"], t["K"], stride=2, padding=1),
    )


def grouped_conv() -> Case:
    """Two groups of three channels: the channel is read at 3·group + c."""
    b, a, h, u, p = index("b", 2), index("a", 5), index("h", 11), index("u", 3), index("p", 9)
    x, k = parameter("x", n, index("m", 6), h), parameter("K", b, a, c, u)
    return case(
        intermediate("y", n, b, a, p),
        sp.Sum(x[n, 3 * b + c, p + u] * k[b, a, c, u], c, u),
        [x, k],
        lambda t: functional.conv1d(t["x"], t["K"].reshape(10, 3, 3), groups=2).reshape(
            -1, 2, 5, 9
        ),
    )


def transposed_conv() -> Case:
    h, u, p = index("h", 7), index("u", 3), index("p", 13)
    x, k = parameter("x", n, c, h), parameter("K", c, o, u)
    return case(
        intermediate("y", n, o, p),
        sp.Sum(delta(p, 2 * h + u - 1) * x[n, c, h] * k[c, o, u], c, h, u),
        [x, k],
        lambda t: functional.conv_transpose1d(t["x"], t["K"], stride=2, padding=1),
    )


def max_pool(width: int, kernel: int, stride: int, over: Any = MaxOver) -> Case:
    places = (width - kernel) // stride + 1
    h, g = index("h", width), index("g", 7)
    p, q, u, v = index("p", places), index("q", 3), index("u", kernel), index("v", 2)
    x = parameter("x", n, c, h, g)
    return case(
        intermediate("y", n, c, p, q),
        over(x[n, c, stride * p + u, 2 * q + v], u, v),
        [x],
        lambda t: functional.max_pool2d(t["x"], (kernel, 2), stride=(stride, 2)),
    )


def average_pool() -> Case:
    h, p, u = index("h", 11), index("p", 4), index("u", 3)
    x = parameter("x", n, c, h)
    return case(
        intermediate("y", n, c, p),
        sp.Sum(x[n, c, 3 * p + u - 1], u) / 3,
        [x],
        lambda t: functional.avg_pool1d(t["x"], 3, stride=3, padding=1),
    )


def concatenation() -> Case:
    a, b, k = index("a", E), index("b", J), index("k", E + J)
    x, z = parameter("x", n, a), parameter("z", n, b)
    return case(
        intermediate("y", n, k),
        sp.Sum(delta(k, a) * x[n, a], a) + sp.Sum(delta(k, b + E) * z[n, b], b),
        [x, z],
        lambda t: torch.cat([t["x"], t["z"]], 1),
    )


def flattening() -> Case:
    h, f = index("h", T), index("f", 3 * T)
    x = parameter("x", n, c, h)
    return case(
        intermediate("y", n, f),
        sp.Sum(delta(f, c * T + h) * sp.tanh(x[n, c, h]), c, h),
        [x],
        lambda t: torch.tanh(t["x"]).flatten(1),
    )


def flattened_weights() -> Case:
    h, j = index("h", T), index("j", J)
    x, weights = parameter("x", n, c, h), parameter("W", j, index("f", 3 * T))
    return case(
        intermediate("y", n, j),
        sp.Sum(weights[j, c * T + h] * x[n, c, h], c, h),
        [x, weights],
        lambda t: t["x"].flatten(1) @ t["W"].T,
    )


def heads() -> Case:
    """Splitting E = H·J into heads, and merging them again."""
    h, d, e, m = index("h", H), index("d", J), index("e", H * J), index("m", E)
    x, weights = parameter("x", n, m), parameter("W", e, m)
    product = sp.Sum(x[n, m] * weights[h * J + d, m], m)
    return case(
        intermediate("y", n, h, d),
        product,
        [x, weights],
        lambda t: (t["x"] @ t["W"].T).reshape(-1, 3, 2),
    )


def gates() -> Case:
    j, e = index("j", H), index("e", E)
    x, weights = parameter("x", n, e), parameter("W", index("g", 3 * H), e)

    def gate(start: sp.Expr) -> sp.Expr:
        return sp.Sum(x[n, e] * weights[start + j, e], e)

    return case(
        intermediate("y", n, j),
        sb.sigmoid(gate(H)) * sp.tanh(gate(2 * H)),
        [x, weights],
        lambda t: (
            torch.sigmoid((t["x"] @ t["W"].T)[:, 3:6]) * torch.tanh((t["x"] @ t["W"].T)[:, 6:])
        ),
    )


def ends() -> Case:
    """The last element, the one before, and each one's neighbours; 0 beyond both ends."""
    t = index("t", T)
    x = parameter("x", n, t)
    return case(
        intermediate("y", n, t),
        x[n, T - 1] * x[n, t - 2] + x[n, t + 1] * x[n, T - 1 - t] + x[n, 0],
        [x],
        lambda v: (
            v["x"][:, -1:] * functional.pad(v["x"], (2, 0))[:, :-2]
            + functional.pad(v["x"], (0, 1))[:, 1:] * v["x"].flip(1)
            + v["x"][:, :1]
        ),
    )


def diagonal() -> Case:
    """One index in two places, forwards and backwards."""
    a, i, j = index("a", 5), index("i", 7), index("j", 11)
    x = parameter("x", n, i, j)
    return case(
        intermediate("y", n, a),
        x[n, a + 1, 2 * a] * x[n, 6 - a, a + 8],
        [x],
        lambda t: torch.stack(
            [
                t["x"][:, k + 1, 2 * k]
                * (t["x"][:, 6 - k, k + 8] if k < 3 else 0 * t["x"][:, 0, 0])
                for k in range(5)
            ],
            1,
        ),
    )


CASES = {
    "strided": conv1d(11, 3, stride=2, padding=1),
    "rotated": conv1d(11, 3, padding=1),
    "many channels": conv1d(11, 3, padding=1, o=index("o", 13)),
    "valid": conv1d(11, 5),
    "dilated": conv1d(13, 3, stride=3, padding=2, dilation=2),
    "beyond both ends": conv1d(5, 3, stride=2, padding=7),
    "kernel wider than the input": conv1d(3, 7, padding=3),
    "two axes": conv2d(1, 2, (15, 11)),
    "two axes, strided": conv2d(2, 1, (7, 5)),
    "symbolic width": symbolic_conv(),
    "groups": grouped_conv(),
    "transposed": transposed_conv(),
    "maximum of windows that meet": max_pool(11, 3, 2),
    "maximum of windows apart": max_pool(13, 2, 3),
    "first maximum of windows that meet": max_pool(11, 3, 2, FirstMaxOver),
    "first maximum of windows one apart": max_pool(11, 3, 1, FirstMaxOver),
    "average": average_pool(),
    "concatenation": concatenation(),
    "flattening": flattening(),
    "flattened weights": flattened_weights(),
    "heads": heads(),
    "gates": gates(),
    "ends": ends(),
    "diagonal": diagonal(),
}


@BOTH
@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradients_are_pytorchs(name: str, backend: str) -> None:
    system = CASES[name].system
    values = numbers(system)
    leaves = {key: torch.tensor(v, requires_grad=True) for key, v in values.items()}
    expected = CASES[name].loss(leaves)
    expected.backward()
    compiled = compile_backward(derive_backward(system), backend)
    loss, gradients = compiled(values)
    assert float(loss) == pytest.approx(expected.item(), rel=1e-11), compiled.source
    for key, gradient in gradients.items():
        np.testing.assert_allclose(
            gradient, leaves[key].grad, rtol=1e-10, atol=1e-11, err_msg=f"{key}\n{compiled.source}"
        )


def lines(name: str, backend: str = "numpy") -> list[str]:
    source = compile_backward(derive_backward(CASES[name].system), backend).source
    return [line.strip() for line in source.split("def loss_and_gradients")[1].splitlines()]


def test_cheap_forms_are_taken_where_they_say_the_same() -> None:
    assert "y = np.concatenate([x, z], axis=1)" in lines("concatenation")
    assert "dz = dy[:, E:].copy()" in lines("concatenation")
    assert "y = np.tanh(x).reshape(N, -1)" in lines("flattening")
    assert 'y = np.einsum("jch,nch->nj", W.reshape(J, 3, T), x, optimize=True)' in lines(
        "flattened weights"
    )
    assert any("W[H:2 * H]" in line for line in lines("gates"))


@pytest.mark.parametrize("name", ["strided", "two axes, strided", "symbolic width"])
def test_a_strided_convolution_sends_back_kernel_by_kernel(name: str) -> None:
    """dx is a product of dy and K put in place, not a sum over every pair of places."""
    (product,) = [line for line in lines(name) if line.startswith("dx_windows = ")]
    (line,) = [line for line in lines(name) if line.startswith("dx = ")]
    assert line.startswith("dx = _put(dx_windows, ")
    assert "_window(" not in product


@pytest.mark.parametrize("over", [MaxOver, FirstMaxOver])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_maximum_sends_back_window_by_window(over: Any, stride: int) -> None:
    """What is built on the way is as large as the windows, not as large as h times p."""
    system = max_pool(1009, 3, stride, over).system
    values = {"x": np.zeros((1, 3, 1009, 7)), "w": np.ones((1, 3, 1006 // stride + 1, 3))}
    compiled = compile_backward(derive_backward(system))
    compiled(values)
    tracemalloc.start()
    compiled(values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * values["x"].nbytes


def test_what_is_smaller_is_moved() -> None:
    """Kernels turned round, or windows of dy: whichever of both moves fewer numbers."""
    (few,) = [line for line in lines("rotated") if line.startswith("dx = ")]
    (many,) = [line for line in lines("many channels") if line.startswith("dx = ")]
    assert "_window(dy" in few
    assert many.startswith("dx = _put(dx_windows, ")


# --- sizes --------------------------------------------------------------------------------


@BOTH
def test_sizes_are_arithmetic_in_the_source(backend: str) -> None:
    source = compile_backward(derive_backward(CASES["symbolic width"].system), backend).source
    assert "((2, (T - 1) // 2 + 1), (1, 3))" in source.replace("(-1, (2,", "((2,")
    assert '"w": ("N", 2, "floor(T/2 - 1/2) + 1")' in source
    assert '_check_extent("w", w, 2, (T - 1) // 2 + 1)' in source


@BOTH
def test_an_axis_must_have_the_size_that_others_make_it_have(backend: str) -> None:
    system = CASES["symbolic width"].system
    compiled = compile_backward(derive_backward(system), backend)
    values = numbers(system)
    wrong = values | {"w": values["w"][:, :, :-1]}
    with pytest.raises(ShapeError, match=r"'w' has shape \(5, 2, 5\), expected .*= \(5, 2, 6\)"):
        compiled(wrong)
    function = compiled._functions["loss_and_gradients"]
    as_array = BACKENDS[backend].array
    given = [as_array(wrong[t.name], "float64", "cpu") for t in (system.tensor(k) for k in "wxK")]
    with pytest.raises(ValueError, match=r"w has shape \(5, 2, 5\), expected .* = 6"):
        function(*given)


def test_a_size_is_found_from_a_multiple_of_it() -> None:
    a, b = index("a", 3 * H + 1), index("b", H)
    x = parameter("x", a)
    compiled = compile_equations(form([x], x[3 * b + 1] * H, b).program)
    assert "H = (x.shape[0] - 1) // 3" in compiled.source
    np.testing.assert_array_equal(compiled({"x": np.arange(7)})["out"], [2, 8])
    with pytest.raises(ValueError, match=r"x has shape \(8,\), expected .* = 7"):
        compiled({"x": np.arange(8)})


def test_a_size_that_no_axis_tells_is_named() -> None:
    a, b = index("a", size("A") * size("B")), index("b", size("B"))
    x = parameter("x", a)
    out = intermediate("out", b)
    equations = Form((x,), (Equation(out.element, x[2 * b]),))
    with pytest.raises(CompileError, match=r"size [AB] is the size of no array"):
        compile_equations(equations.program)


# --- source -------------------------------------------------------------------------------


@BOTH
def test_a_strided_convolution_reads_as_an_engineer_would_write_it(
    backend: str, golden: Callable[[str, str], None]
) -> None:
    backward = derive_backward(CASES["two axes, strided"].system)
    golden(f"source/convolution_{backend}.py", emit_module(backward, backend).rstrip("\n"))


@BOTH
def test_the_maximum_of_windows_reads_as_an_engineer_would_write_it(
    backend: str, golden: Callable[[str, str], None]
) -> None:
    backward = derive_backward(CASES["maximum of windows that meet"].system)
    golden(f"source/max_pool_{backend}.py", emit_module(backward, backend).rstrip("\n"))
