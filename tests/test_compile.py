"""Compiling: what the emitted modules say, compute, refuse and depend on."""

from __future__ import annotations

import importlib
import json
import linecache
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from evaluate import evaluate
from forms import BATCH, Form, form, values_of

import symbackprop as sb
from symbackprop.calculus import derive_backward
from symbackprop.compile import (
    BACKENDS,
    Program,
    compile_backward,
    compile_equations,
    compile_prediction,
    compile_training_step,
    emit_module,
)
from symbackprop.compile.identifiers import Namespace, identifier
from symbackprop.errors import (
    CompileError,
    DataError,
    EquationError,
    OptionError,
    ShapeError,
    UnknownNameError,
)
from symbackprop.language import (
    ArgMaxOver,
    Domain,
    Equation,
    MaxOver,
    System,
    bracket,
    hyperparameter,
    index,
    input,
    intermediate,
    parameter,
    size,
    target,
)

Golden = Callable[[str, str], None]
Load = Callable[[str], dict[str, Any]]

DOCUMENT = sb.Sequential(sb.Linear(10, 20), sb.ReLU(), sb.Linear(20, 1))
REGRESSION = sb.Sequential(sb.Linear(7, 3))
BOTH = pytest.mark.parametrize("backend", BACKENDS)

# Sizes are different primes, so that no transpose goes unnoticed.
WIDE, MIDDLE, SMALL = 7, 3, 2
n, i, j, k = index("n", "N"), index("i", WIDE), index("j", MIDDLE), index("k", SMALL)
d = index("d", 11)


# --- source -------------------------------------------------------------------------------


@BOTH
def test_the_documents_network_reads_as_an_engineer_would_write_it(
    backend: str, golden: Golden
) -> None:
    backward = derive_backward(DOCUMENT.system(sb.MSELoss()))
    golden(f"source/document_{backend}.py", emit_module(backward, backend).rstrip("\n"))


@BOTH
def test_softmax_regression_reads_as_an_engineer_would_write_it(
    backend: str, golden: Golden
) -> None:
    backward = derive_backward(REGRESSION.system(sb.CrossEntropyLoss()))
    text = emit_module(backward, backend, "float32")
    golden(f"source/softmax_regression_{backend}.py", text.rstrip("\n"))


@BOTH
def test_a_training_step_reads_as_an_engineer_would_write_it(backend: str, golden: Golden) -> None:
    backward = derive_backward(REGRESSION.system(sb.MSELoss()))
    step = compile_training_step(backward, sb.Adam(), backend)
    golden(f"source/adam_step_{backend}.py", step.source.rstrip("\n"))


def test_emit_module_is_the_source_that_runs() -> None:
    backward = derive_backward(DOCUMENT.system(sb.MSELoss()))
    assert emit_module(backward, "torch", "float32") == (
        compile_backward(backward, "torch", dtype="float32").source
    )


def body(source: str, function: str) -> list[str]:
    """The statements of a function of a module, without comments."""
    text = source.split(f"def {function}(")[1].split("\ndef ", maxsplit=1)[0].split('"""')[2]
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(("#", "@"))]


def test_equations_that_no_output_needs_are_dropped() -> None:
    """To predict, neither the probabilities nor the loss are computed."""
    source = emit_module(derive_backward(REGRESSION.system(sb.CrossEntropyLoss())))
    assert body(source, "predict") == [
        "_check_shapes(x=x, W1=W1, b1=b1)",
        "z1 = x @ W1.T + b1",
        "return z1",
    ]


def test_what_several_equations_need_is_computed_once() -> None:
    network = sb.Sequential(sb.Linear(7, 3), sb.ELU(), sb.Linear(3, 2))
    lines = body(
        emit_module(derive_backward(network.system(sb.CrossEntropyLoss()))), "loss_and_gradients"
    )
    text = "\n".join(lines)
    assert text.count("np.exp(z1") == 1
    assert text.count("np.max(z2") == 1
    assert text.count("np.exp(z2") == 1
    assert text.count("@ W2.T") == 1


def test_the_same_value_under_other_letters_is_computed_once() -> None:
    x = input("x", n, i)
    m = index("m", WIDE)
    u, v = intermediate("u", n), intermediate("v", n, i)
    system = Form(
        (x,),
        (
            Equation(u[n], sp.Sum(sp.tanh(x[n, m]) ** 2, m)),
            Equation(v[n, i], sp.tanh(x[n, i]) * u[n]),
        ),
    )
    compiled = compile_equations(system.program)
    assert compiled.source.count("np.tanh") == 1
    given = values_of(system)
    np.testing.assert_allclose(compiled(given)["v"], evaluate(system, given)["v"], rtol=1e-13)


def test_a_traceback_shows_the_line_of_the_emitted_source() -> None:
    compiled = compile_backward(derive_backward(DOCUMENT.system(sb.MSELoss())))
    linecache.checkcache()
    values = values_of(DOCUMENT.system(sb.MSELoss()))
    arguments = [values[name] for name in ("x", "y", "W1", "b1", "W2", "b2")]
    with pytest.raises(ValueError, match="y has shape") as caught:
        compiled._functions["loss_and_gradients"](arguments[0], *arguments[:5])
    shown = "".join(traceback.format_exception(caught.value))
    assert "_check_shapes(x=x, y=y, W1=W1" in shown
    assert "raise ValueError(f" in shown


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Import a module from a file of its own, as a user would; what it defines."""

    def import_text(source: str) -> dict[str, Any]:
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "emitted_network", raising=False)
        (tmp_path / "emitted_network.py").write_text(source, "utf-8")
        return vars(importlib.import_module("emitted_network"))

    return import_text


# --- values ---------------------------------------------------------------------------------


def corpus() -> Mapping[str, Form]:
    """Forward equations of every form the language has, one system each."""
    x, w, v = input("x", n, i), parameter("W", j, i), parameter("v", i)
    q, key = input("Q", n, j, d), input("K", n, k, d)
    cube, row = input("T", n, j, k), input("r", j)
    square = parameter("A", index("i", WIDE), index("m", WIDE))
    labels = target("y", n, domain=Domain.LABEL, classes=sp.Integer(WIDE))
    tokens = input("tok", n, j, domain=Domain.LABEL, classes=sp.Integer(WIDE))
    table = parameter("E", i, k)
    c, t = hyperparameter("c", value=0.25), input("t", domain=Domain.POSITIVE)
    s = parameter("s")
    m = index("m", WIDE)
    f, g = index("f", MIDDLE), index("g", SMALL)
    rate, time, shift = c[()], t[()], s[()]

    return {
        "matrix product": form([x, w], sp.Sum(x[n, i] * w[j, i], i), n, j),
        "its transpose": form([x, w], sp.Sum(x[n, i] * w[j, i], i), j, n),
        "matrix times vector": form([x, v], sp.Sum(x[n, i] * v[i], i), n),
        "vector times matrix": form([w, row], sp.Sum(row[j] * w[j, i], j), i),
        "outer product": form([v, row], v[i] * row[j], j, i),
        "inner product": form([v], sp.Sum(v[i] * sp.exp(v[i]), i)),
        "batched matrix product": form([q, key], sp.Sum(q[n, j, d] * key[n, k, d], d), n, j, k),
        "sum over two axes of three": form([cube, row], sp.Sum(cube[n, j, k] * row[j], j, n), k),
        "three factors": form([x, w, row], sp.Sum(x[n, i] * w[j, i] * row[j], i, j), n),
        "chain of products": form(
            [x, w, cube], sp.Sum(x[n, i] * w[j, i] * cube[n, j, k], i, j), k, n
        ),
        "a factor without the summed axis": form([x, row], sp.Sum(x[n, i] * row[j], i), n, j),
        "an axis that nothing has": form([row], sp.Sum(row[j] ** 2, i), j),
        "a value repeated along an axis": form([x, row], sp.Sum(x[n, m], n, m) * row[j], i, j),
        "a number in every place": form([row], sp.Rational(1, 3), i, j),
        "quotient of sums": form(
            [x, v], sp.Sum(x[n, i] / (1 + v[i] ** 2), i) / sp.Sum(sp.exp(v[i]), i), n
        ),
        "sum of a difference": form([x, v], sp.Sum(-((v[i] - x[n, i]) ** 3), i), n),
        "powers": form(
            [x], x[n, i] ** 4 - x[n, i] ** 3 / 7 + (x[n, i] ** 2) ** sp.Rational(3, 4), i, n
        ),
        "roots of numbers": form([x], sp.sqrt(2 / sp.pi) * x[n, i] + sp.sqrt(size("N")), n, i),
        "largest": form([x], MaxOver(x[n, i] ** 2, i) - x[n, 0], n),
        "largest of two axes": form([cube], MaxOver(cube[n, j, k], j, k), n),
        "first place": form([x], ArgMaxOver(x[n, i] ** 2, i) * x[n, 0], n),
        "first place of two axes": form([cube], ArgMaxOver(cube[n, j, k], k, j), n),
        "first place of all": form([x], ArgMaxOver(x[m, i], m, i)),
        "first place along an axis that nothing has": form([x], ArgMaxOver(x[n, i], j, i), n),
        "at the first place": form(
            [cube], bracket(sp.Eq(SMALL * j + k, ArgMaxOver(cube[n, f, g], f, g))), n, j, k
        ),
        "brackets": form(
            [x, v], bracket(x[n, i] > 0) * bracket(v[i] <= x[n, i]) * sp.exp(v[i]), n, i
        ),
        "bracket under a sum": form(
            [x, w], sp.Sum(bracket(x[n, i] > 0) * x[n, i] * w[j, i], i), n, j
        ),
        "cases": form(
            [x], sp.Piecewise((x[n, i], x[n, i] > 1), (-1, x[n, i] < -1), (0, True)), n, i
        ),
        "gather": form([x, labels], x[n, labels[n]] * sp.Sum(x[n, i], i), n),
        "gather rows": form([table, tokens], table[tokens[n, j], k], n, j, k),
        "gather columns": form([w, labels], w[j, labels[n]], n, j),
        "one hot": form([x, labels], x[n, i] - sp.KroneckerDelta(i, labels[n]), n, i),
        "scatter": form(
            [cube, tokens],
            sp.Sum(sp.KroneckerDelta(i, tokens[n, j]) * cube[n, j, k], n, j),
            i,
            k,
        ),
        "count of labels": form([labels], sp.Sum(sp.KroneckerDelta(i, labels[n]), n), i),
        "weighted one hot": form(
            [w, labels], sp.Sum(sp.KroneckerDelta(i, labels[n]) * w[j, i], i), n, j
        ),
        "diagonal": form([square], sp.Sum(square[i, i], i)),
        "identity matrix": form(
            [square], square[i, m] + 2 * sp.KroneckerDelta(i, m), i, m
        ),
        "positions as numbers": form([x], x[n, i] * (i + 1), n, i),
        "fixed positions": form([x, w], x[n, 2] * w[1, i], i, n),
        "scalars": form(
            [c, t, s], shift * sp.exp(-rate * time) + rate**time + sp.sqrt(time) + sp.cos(time)
        ),
        "scalar functions": form(
            [c, t, s],
            shift + sb.sigmoid(-rate) + sb.softplus(rate) + sb.relu(-time) + sp.sign(rate)
            + sp.floor(time) + sp.Max(rate, time) + sp.Min(rate, time) + sp.Abs(rate - time)
            + sp.log(time) + sp.tanh(rate) + sp.sin(time) + sp.erf(rate),
        ),
        "scalar cases": form([c, s], shift * sp.Piecewise((2, rate > 1), (rate, True))),
        "functions": form(
            [x, v],
            sb.sigmoid(x[n, i]) + sb.softplus(x[n, i]) + sb.relu(x[n, i]) + sp.sign(x[n, i])
            + sp.floor(x[n, i]) + sp.Max(x[n, i], v[i]) * sp.Min(x[n, i], v[i])
            + sp.Abs(-x[n, i]) + sp.tanh(x[n, i]) + sp.sin(x[n, i]) * sp.cos(x[n, i])
            + sp.erf(x[n, i]) + sp.log(sp.exp(v[i]) + 2) + sp.exp(v[i]) ** x[n, i],
            n,
            i,
        ),
    }  # fmt: skip


CORPUS = corpus()


@BOTH
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CORPUS)
def test_every_form_of_equation_has_its_value(name: str, backend: str, dtype: str) -> None:
    given = values_of(CORPUS[name])
    compiled = compile_equations(CORPUS[name].program, backend, dtype=dtype)
    found = compiled(given)["out"]
    expected = evaluate(CORPUS[name], given)["out"]
    assert found.dtype == dtype
    assert found.shape == expected.shape
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance, err_msg=compiled.source
    )


def test_matrix_products_are_written_without_superfluous_transposes() -> None:
    def line(name: str) -> str:
        lines = body(compile_equations(CORPUS[name].program).source, "compute")
        return next(text for text in lines if text.startswith("out ="))

    assert line("matrix product") == "out = x @ W.T"
    assert line("its transpose") == "out = W @ x.T"
    assert line("matrix times vector") == "out = x @ v"
    assert line("vector times matrix") == "out = r @ W"
    assert line("batched matrix product") == "out = Q @ K.transpose(0, 2, 1)"
    assert line("gather rows") == "out = E[tok]"
    assert line("gather columns") == "out = W[:, y].T"
    assert line("scatter") == f"out = _scatter(T, tok, {WIDE})"


def test_the_cheapest_pair_of_factors_is_multiplied_first() -> None:
    """(W @ v) first: x @ W.T @ v would be a product of two matrices."""
    x, w, v = input("x", n, i), parameter("W", j, i), parameter("v", j)
    product = form([x, w, v], sp.Sum(x[n, i] * w[j, i] * v[j], i, j), n)
    assert "out = x @ (v @ W)" in compile_equations(product.program).source


@BOTH
def test_float32_is_never_widened_on_the_way(backend: str) -> None:
    """Not a single local array of any emitted function is of another dtype."""
    layers = [sb.ELU(), sb.LeakyReLU(), sb.GELU(), sb.SiLU(), sb.Softplus(), sb.Softmax()]
    widths = [7, 3, 2, 5, 3, 2, 3]
    parts = [
        part
        for place, layer in enumerate(layers)
        for part in (sb.Linear(widths[place], widths[place + 1]), layer)
    ]
    system = sb.Sequential(*parts).system(sb.HuberLoss())
    step = compile_training_step(
        derive_backward(system),
        sb.AdamW(schedule=sb.CosineAnnealingLR(10)),
        backend,
        dtype="float32",
    )
    given = values_of(system)
    seen: set[str] = set()

    def watch(frame: Any, event: str, _: Any) -> None:
        if event == "return" and frame.f_code.co_filename.startswith("<symbackprop"):
            for value in frame.f_locals.values():
                if isinstance(value, np.ndarray | np.generic | torch.Tensor):
                    seen.add(str(value.dtype).removeprefix("torch."))

    state = step.initial_state(given)
    sys.setprofile(watch)
    try:
        step(given | state | {"t": 3})
    finally:
        sys.setprofile(None)
    assert seen - {"bool", "int64"} == {"float32"}


def torch_reference(values: Mapping[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
    """The document's network in PyTorch, by autograd."""
    leaves = {
        name: torch.tensor(value, requires_grad=name not in "xy") for name, value in values.items()
    }
    hidden = torch.relu(leaves["x"] @ leaves["W1"].T + leaves["b1"])
    loss = torch.nn.functional.mse_loss(hidden @ leaves["W2"].T + leaves["b2"], leaves["y"])
    loss.backward()
    return loss.item(), {
        name: leaf.grad.numpy() for name, leaf in leaves.items() if leaf.grad is not None
    }


@BOTH
def test_the_documents_network_agrees_with_autograd(backend: str) -> None:
    system = DOCUMENT.system(sb.MSELoss())
    values = values_of(system)
    compiled = compile_backward(derive_backward(system), backend)
    loss, gradients = compiled(values)
    expected_loss, expected = torch_reference(values)
    assert loss == pytest.approx(expected_loss, rel=1e-14)
    assert set(gradients) == {"W1", "b1", "W2", "b2"}
    for name, gradient in gradients.items():
        assert isinstance(gradient, np.ndarray)
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-12, atol=1e-14)


@BOTH
def test_prediction(backend: str) -> None:
    system = DOCUMENT.system(sb.MSELoss())
    values = values_of(system)
    expected = (
        np.maximum(values["x"] @ values["W1"].T + values["b1"], 0) @ values["W2"].T + values["b2"]
    )
    compiled = compile_backward(derive_backward(system), backend)
    assert compiled.prediction == "z2"
    without_target = {name: value for name, value in values.items() if name != "y"}
    np.testing.assert_allclose(compiled.predict(without_target), expected, rtol=1e-13)
    np.testing.assert_allclose(compile_prediction(system, backend)(values), expected, rtol=1e-13)
    hidden = compile_backward(derive_backward(system), backend, prediction="a1").predict(values)
    assert hidden.shape == (BATCH, 20)


def test_tensors_in_tensors_out() -> None:
    system = DOCUMENT.system(sb.MSELoss())
    values = values_of(system)
    compiled = compile_backward(derive_backward(system), "torch")
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}
    loss, gradients = compiled(tensors)
    assert isinstance(loss, torch.Tensor) and not loss.requires_grad
    assert all(isinstance(gradient, torch.Tensor) for gradient in gradients.values())
    assert isinstance(compiled.predict(tensors), torch.Tensor)
    assert float(loss) == compiled(values)[0]


def test_emitted_torch_source_is_one_graph_for_torch_compile(load: Load) -> None:
    backward = derive_backward(REGRESSION.system(sb.CrossEntropyLoss()))
    namespace = load(emit_module(backward, "torch"))
    values = values_of(backward.system)
    arguments = [torch.tensor(values[name]) for name in ("x", "y", "W1", "b1")]
    compiled = torch.compile(namespace["loss_and_gradients"], backend="eager", fullgraph=True)
    loss, gradients = compiled(*arguments)
    expected, expected_gradients = compile_backward(backward)(values)
    assert float(loss) == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(gradients["W1"], expected_gradients["W1"], rtol=1e-12)


@pytest.mark.parametrize("name", ["gather", "one hot", "scatter", "positions as numbers", "cases"])
def test_torch_source_makes_its_tensors_on_the_device_of_its_arguments(
    name: str, load: Load
) -> None:
    """On the meta device, any operation with a tensor of another device is an error."""
    program = CORPUS[name].program
    compute = load(compile_equations(program, "torch").source)["compute"]
    given = values_of(CORPUS[name])
    arguments = [torch.tensor(given[t.name], device="meta") for t in program.arguments]
    assert compute(*arguments)["out"].device.type == "meta"


# --- emitted modules on their own -----------------------------------------------------------


@BOTH
def test_emitted_modules_need_only_their_library(backend: str, tmp_path: Path) -> None:
    system = sb.Sequential(sb.Linear(7, 3), sb.GELU()).system(sb.HuberLoss())
    backward = derive_backward(system)
    values = values_of(system)
    (tmp_path / "network.py").write_text(emit_module(backward, backend), "utf-8")
    np.savez(tmp_path / "values.npz", **values)
    program = f"""
import sys
for name in ("symbackprop", "sympy", "scipy", {'"torch"' if backend == "numpy" else '"sympy"'}):
    sys.modules[name] = None  # importing it fails
import importlib
import json
import numpy as np
from network import loss_and_gradients, predict
values = np.load("values.npz")
arrays = [values[name] for name in ("x", "y", "W1", "b1")]
if {backend == "torch"}:
    import torch
    arrays = [torch.tensor(array) for array in arrays]
loss, gradients = loss_and_gradients(*arrays)
predict(arrays[0], *arrays[2:])
print(json.dumps([float(loss), np.asarray(gradients["W1"]).tolist()]))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.')\n{program}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loss, gradient = json.loads(done.stdout)
    expected, expected_gradients = compile_backward(backward, backend)(values)
    assert loss == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(gradient, expected_gradients["W1"], rtol=1e-13)


@BOTH
def test_emitted_modules_check_shapes_themselves(backend: str, load: Load) -> None:
    backward = derive_backward(DOCUMENT.system(sb.MSELoss()))
    namespace = load(emit_module(backward, backend))
    make = np.zeros if backend == "numpy" else torch.zeros
    shapes = [(4, 10), (3, 1), (20, 10), (20,), (1, 20), (1,)]
    with pytest.raises(ValueError, match=r"y has shape \(3, 1\), expected \('N', 1\) with .*4"):
        namespace["loss_and_gradients"](*map(make, shapes))


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("W1", "W1"),
        ("lambda", "lambda_"),
        ("match", "match_"),
        ("delta^{(l)}", "delta_l"),
        ("误差", "误差"),
        ("β", "β"),
        ("ﬁ", "fi"),
        ("1st loss", "_1st_loss"),
        ("W\nimport os", "W_import_os"),
        ("_x", "x"),
        ("'''", "tensor"),
        ("²", "_2"),
    ],
)
def test_identifiers(name: str, expected: str) -> None:
    assert identifier(name) == expected
    assert identifier(name).isidentifier()


def test_identifiers_are_unique() -> None:
    names = Namespace(["np"])
    given = [names.name(name) for name in ("a b", "a_b", "a-b", "np", "sum", "a b")]
    assert given == ["a_b", "a_b_", "a_b_3", "np_", "sum_", "a_b"]


ODD_NAMES = [
    ("lambda", "误差", "delta^{(l)}"),
    ("np", "torch", "DTYPE"),
    ("N", "L_", "math"),
    ("loss_and_gradients", "SHAPES", "_check_shapes"),
    ('"""\nimport os', "a\\", "y\u2028z"),
    ("sum", "float", "_sigmoid"),
    ("S", "E", "I"),
]


@BOTH
@pytest.mark.parametrize("names", ODD_NAMES, ids=lambda names: names[0].split("\n")[0])
def test_any_name_can_be_compiled(names: tuple[str, str, str], backend: str) -> None:
    x, w = input(names[0], n, i), parameter(names[1], i)
    a = intermediate(names[2], n)
    objective = intermediate("loss of all")
    system = System(
        [
            Equation(a[n], sb.sigmoid(sp.Sum(x[n, i] * w[i], i))),
            Equation(objective[()], sp.Sum(a[n] ** 2, n) / size("N")),
        ],
        [x, w],
        minimize="loss of all",
    )
    given = values_of(system)
    backward = derive_backward(system)
    compiled = compile_backward(backward, backend)
    loss, gradients = compiled(given)
    assert loss == pytest.approx(evaluate(system, given)["loss of all"], rel=1e-13)
    step = 1e-6 * np.eye(WIDE)[2]
    above, below = (
        compiled(given | {names[1]: given[names[1]] + sign * step})[0] for sign in (1, -1)
    )
    assert gradients[names[1]][2] == pytest.approx((above - below) / 2e-6, rel=1e-6)


# --- refusals -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document() -> Any:
    system = DOCUMENT.system(sb.MSELoss())
    return compile_backward(derive_backward(system)), values_of(system)


def test_a_missing_array_is_named(document: Any) -> None:
    compiled, values = document
    del (values := dict(values))["b2"]
    with pytest.raises(ShapeError, match=r"no value was given for 'b2'[\s\S]*shape \(1,\)"):
        compiled(values)


def test_an_unknown_name_is_met_with_the_nearest(document: Any) -> None:
    compiled, values = document
    with pytest.raises(UnknownNameError, match=r"'W_1'[\s\S]*did you mean 'W1'"):
        compiled(values | {"W_1": values["W1"]})


def test_a_shape_that_does_not_fit_is_shown_with_letters_and_numbers(document: Any) -> None:
    compiled, values = document
    with pytest.raises(ShapeError, match=r"'y' has shape \(3, 1\), expected \(N, 1\) = \(5, 1\)"):
        compiled(values | {"y": values["y"][:3]})
    with pytest.raises(ShapeError, match=r"'y' has shape \(5,\), .*\n.*y\[n, k\][\s\S]*reshape it"):
        compiled(values | {"y": values["y"][:, 0]})
    with pytest.raises(ShapeError, match=r"'W1' has shape \(10, 20\), expected \(20, 10\)"):
        compiled(values | {"W1": values["W1"].T})


@BOTH
def test_what_is_returned_is_no_view_of_what_is_given(backend: str) -> None:
    """∂L/∂W = Xᵀ and ∂L/∂v = ∂L/∂u = s: whoever changes a gradient changes nothing else."""
    i, j = sb.index("i", 3), sb.index("j", "J")
    W, X = sb.parameter("W", i, j), sb.input("X", j, i)
    s, u, v = sb.input("s", i), sb.parameter("u", i), sb.parameter("v", i)
    c, objective = sb.parameter("c"), sb.intermediate("L")
    terms = sp.Sum(W[i, j] * X[j, i], i, j) + sp.Sum(s[i] * (u[i] + v[i]), i) + c[()] * s[0]
    system = sb.System([sb.Equation(objective, terms)], [W, X, s, u, v, c], minimize="L")
    given = values_of(system)
    owned = np.array if backend == "numpy" else torch.tensor
    values = {name: owned(value) for name, value in given.items()}
    _, gradients = compile_backward(derive_backward(system), backend)(values)
    assert np.array_equal(gradients["W"], given["X"].T)
    for name in ("W", "u", "v", "c"):
        gradients[name] *= 0
        left = {"u": ("v", "c"), "v": ("c",)}.get(name, ())
        assert all(np.any(np.asarray(gradients[other]) != 0) for other in left)
    assert all(np.array_equal(values[name], value) for name, value in given.items())


def test_a_tensor_that_asks_for_autograd_is_told_to_detach() -> None:
    i = sb.index("i", "D")
    w, objective = sb.parameter("w", i), sb.intermediate("L")
    system = sb.System([sb.Equation(objective, sp.Sum(w[i] ** 2, i))], [w], minimize="L")
    compiled = compile_backward(derive_backward(system))
    with pytest.raises(ShapeError, match=r"'w' is not an array: .*detach"):
        compiled({"w": torch.ones(3, requires_grad=True)})
    with pytest.raises(ShapeError, match="reshape it to 1 axis, one"):
        compiled({"w": np.ones((3, 1))})


def test_what_holds_no_numbers_is_refused(document: Any) -> None:
    compiled, values = document
    with pytest.raises(DataError, match="'b2' holds <U1, not numbers"):
        compiled(values | {"b2": np.array(["a"])})
    with pytest.raises(ShapeError, match="'W2' is not an array"):
        compiled(values | {"W2": [[1.0], [2.0, 3.0]]})


@BOTH
def test_labels_must_be_whole_numbers_in_range(backend: str) -> None:
    system = REGRESSION.system(sb.CrossEntropyLoss())
    compiled = compile_backward(derive_backward(system), backend)
    values = values_of(system)
    refused = {
        "float64": values["y"].astype(float),
        "float32": torch.tensor(values["y"], dtype=torch.float32),
        "holds 3": np.full(BATCH, 3),
        "holds -1": np.full(BATCH, -1),
    }
    for message, labels in refused.items():
        if backend == "torch" or isinstance(labels, np.ndarray):
            with pytest.raises(DataError, match=rf"{message}[\s\S]*from 0 up, below 3"):
                compiled(values | {"y": labels})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "nunpy"}, "did you mean 'numpy'"),
        ({"dtype": "float16"}, "use one of float32, float64"),
        ({"device": "gpu", "backend": "torch"}, "use one of cpu, cuda"),
        ({"device": "cuda"}, "use one of cpu"),
    ],
)
def test_unknown_options_are_refused(options: Mapping[str, str], message: str) -> None:
    backward = derive_backward(REGRESSION.system(sb.MSELoss()))
    with pytest.raises(OptionError, match=message):
        compile_backward(backward, **options)


def test_a_gpu_that_is_not_there_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    backward = derive_backward(REGRESSION.system(sb.MSELoss()))
    with pytest.raises(CompileError, match="sees no GPU"):
        compile_backward(backward, "torch", device="cuda")


def test_an_objective_alone_predicts_nothing() -> None:
    w, objective = parameter("w", i), intermediate("L")
    system = System([Equation(objective[()], sp.Sum(w[i] ** 2, i))], [w], minimize="L")
    compiled = compile_backward(derive_backward(system))
    assert compiled({"w": np.arange(WIDE)})[0] == sum(place**2 for place in range(WIDE))
    with pytest.raises(CompileError, match="no prediction"):
        compiled.predict({"w": np.arange(WIDE)})
    with pytest.raises(CompileError, match="no prediction"):
        compile_prediction(system)


def test_a_size_that_no_array_has_is_named() -> None:
    w = parameter("w", i)
    with pytest.raises(CompileError, match="size M is the size of no array"):
        compile_equations(form([w], sp.Sum(w[i], i) / size("M")).program)


def test_a_function_without_a_value_is_named() -> None:
    w = parameter("w", i)
    f = sp.Function("f", real=True)
    with pytest.raises(CompileError, match="f is a function without a value"):
        compile_equations(form([w], f(w[i]), i).program)


def test_programs_check_their_names_and_their_order() -> None:
    system = DOCUMENT.system(sb.MSELoss())
    with pytest.raises(UnknownNameError, match="did you mean 'z1'"):
        Program(system.equations, system.tensors, ("z_1",))
    with pytest.raises(EquationError, match="'z2' is used before it is computed"):
        Program(system.equations[::-1], system.tensors, ("z2",))
    with pytest.raises(UnknownNameError, match="unknown tensor 'b1'"):
        Program(system.equations, {}, ("z2",))


# --- training steps -------------------------------------------------------------------------

OPTIMIZERS = {
    "SGD": (sb.SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01), torch.optim.SGD,
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "plain SGD": (sb.SGD(lr=0.1), torch.optim.SGD, {"lr": 0.1}),
    "Adam": (sb.Adam(lr=0.01), torch.optim.Adam, {"lr": 0.01}),
    "AdamW": (sb.AdamW(lr=0.01), torch.optim.AdamW, {"lr": 0.01}),
    "RMSprop": (sb.RMSprop(momentum=0.5), torch.optim.RMSprop, {"momentum": 0.5}),
    "Adagrad": (sb.Adagrad(lr_decay=0.1), torch.optim.Adagrad, {"lr_decay": 0.1}),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_follow_torch(name: str, backend: str) -> None:
    optimizer, reference, options = OPTIMIZERS[name]
    system = DOCUMENT.system(sb.MSELoss())
    step = compile_training_step(derive_backward(system), optimizer, backend)
    values: dict[str, Any] = values_of(system)
    leaves = {key: torch.tensor(v, requires_grad=key not in "xy") for key, v in values.items()}
    trained = [leaf for key, leaf in leaves.items() if key not in "xy"]
    torch_step = reference(trained, **options)
    values |= step.initial_state(values)
    for number in range(1, 5):
        loss, changed = step(values | {"t": number})
        values |= changed
        torch_step.zero_grad()
        hidden = torch.relu(leaves["x"] @ leaves["W1"].T + leaves["b1"])
        expected = torch.nn.functional.mse_loss(hidden @ leaves["W2"].T + leaves["b2"], leaves["y"])
        expected.backward()
        torch_step.step()
        assert float(loss) == pytest.approx(expected.item(), rel=1e-12)
    for key in ("W1", "b1", "W2", "b2"):
        np.testing.assert_allclose(values[key], leaves[key].detach(), rtol=1e-10, atol=1e-12)


def test_hyperparameters_can_be_given_for_a_step() -> None:
    system = REGRESSION.system(sb.MSELoss())
    step = compile_training_step(derive_backward(system), sb.SGD(lr=0.1))
    values = values_of(system)
    _, gradients = compile_backward(derive_backward(system))(values)
    _, changed = step(values | {"eta": 0.5})
    np.testing.assert_allclose(changed["W1"], values["W1"] - 0.5 * gradients["W1"], rtol=1e-13)


@BOTH
def test_a_parameter_may_be_a_single_number(backend: str) -> None:
    x, slope, objective = input("x", n), parameter("a"), intermediate("L")
    rhs = sp.Sum((slope[()] * x[n] - 1) ** 2, n)
    system = System([Equation(objective[()], rhs)], [x, slope], minimize="L")
    step = compile_training_step(derive_backward(system), sb.Adam(lr=0.1), backend, dtype="float32")
    values: dict[str, Any] = {"x": np.linspace(1, 2, BATCH), "a": 3.0}
    values |= step.initial_state(values)
    reference = torch.tensor(3.0, requires_grad=True)
    torch_step = torch.optim.Adam([reference], lr=0.1)
    for number in range(1, 4):
        values |= step(values | {"t": number})[1]
        torch_step.zero_grad()
        ((reference * torch.linspace(1, 2, BATCH) - 1) ** 2).sum().backward()
        torch_step.step()
    assert str(values["a"].dtype).endswith("float32")
    assert float(values["a"]) == pytest.approx(reference.item(), rel=1e-6)


def test_tensors_stay_tensors_from_step_to_step() -> None:
    system = REGRESSION.system(sb.CrossEntropyLoss())
    step = compile_training_step(derive_backward(system), sb.Adam(), "torch", dtype="float32")
    values = values_of(system)
    placed = step.place(values)
    assert placed["y"].dtype == torch.int64
    assert placed["W1"].dtype == torch.float32
    state = step.initial_state(placed)
    assert all(isinstance(array, torch.Tensor) for array in state.values())
    loss, changed = step({**placed, **state, "t": 1})
    assert isinstance(loss, torch.Tensor)
    assert set(changed) == {"W1", "b1", *state}
    assert all(isinstance(array, torch.Tensor) for array in changed.values())


def test_a_tensor_with_an_optimizers_name_is_refused() -> None:
    x, w, objective = input("t", n, i), parameter("w", i), intermediate("L")
    rhs = sp.Sum(sp.Sum(x[n, i] * w[i], i) ** 2, n)
    system = System([Equation(objective[()], rhs)], [x, w], minimize="L")
    with pytest.raises(EquationError, match="needs the name 't'"):
        compile_training_step(derive_backward(system), sb.Adam())
