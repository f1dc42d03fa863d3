"""The command line on equation files: the same commands, with FILE.eqs for a network."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from symbp.main import cli

EQUATIONS = Path(__file__).parent / "equations"
SOFTMAX = EQUATIONS / "softmax.eqs"


def symbp(*arguments, ok=0):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == ok, result.output
    assert "Traceback" not in result.output
    return result


# --- derive, emit, verify ---------------------------------------------------------------


def test_derive_gives_the_gradients_of_a_file():
    shown = symbp("derive", SOFTMAX, "--notation", "index").stdout
    assert "∂L/∂z[n,k] = 1/N · (p[n,k] − y[n,k])" in shown
    matrix = symbp("derive", SOFTMAX).stdout
    assert "1/N · (p − y)" in matrix
    document = json.loads(symbp("derive", SOFTMAX, "--wrt", "x", "--format", "json").stdout)
    assert [gradient["of"] for gradient in document["gradients"]] == ["x"]


def test_emit_writes_a_module_that_runs_alone(tmp_path):
    module = tmp_path / "softmax.py"
    assert not symbp("emit", SOFTMAX, "-o", module).output
    code = f"""
import sys; sys.path[:0] = [{str(tmp_path)!r}]
import numpy as np, softmax
x, y = np.arange(10.0).reshape(5, 2), np.eye(3)[[0, 2, 1, 1, 0]]
_, found = softmax.loss_and_gradients(x, y, np.zeros((3, 2)), np.zeros(3))
assert np.allclose(found["W"], (1/3 - y).T @ x / 5), found
assert "symbackprop" not in sys.modules
"""
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    assert "import torch" in symbp("emit", SOFTMAX, "--backend", "torch").stdout


def test_verify_takes_sizes_and_a_seed():
    report = json.loads(symbp("verify", SOFTMAX, "--json").stdout)
    again = json.loads(symbp("verify", SOFTMAX, "--seed", 0, "--json").stdout)
    other = json.loads(symbp("verify", SOFTMAX, "--seed", 5, "--json").stdout)
    sized = json.loads(symbp("verify", SOFTMAX, "--size", "N=2", "--size", "K=4", "--json").stdout)
    assert report == again
    assert len({json.dumps(each) for each in (report, other, sized)}) == 3
    assert "all hold" in symbp("verify", "Linear(D, 3)", "--size", "D=4").stdout


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("convolution", "N=2 H=4 W=3"),
        ("recurrence", "N=2 T=3 D=1 V=3"),
        ("attention", "N=2 T=3 D=1 E=2"),
        ("batch_norm", "N=3 D=1 K=2"),
        ("layers", "N=3 D=2 H=2 K=2"),
        ("lstm", "N=2 T=2 D=1 H=1"),
        ("two_back", "T=3 N=2 D=1"),
    ],
)
def test_every_oracle_agrees_on_every_example(name, sizes):
    options = [word for size in sizes.split() for word in ("--size", size)]
    report = json.loads(symbp("verify", EQUATIONS / f"{name}.eqs", *options, "--json").stdout)
    assert report["ok"]
    oracles = {(row["subject"], row["oracle"]) for row in report["rows"]}
    assert oracles >= {("equations", "expanded"), ("numpy", "autograd"), ("torch", "autograd")}


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (["M=3"], "unknown size 'M'"),
        (["N"], "'N' gives no size a number"),
        (["N=0"], "'N=0' gives no size a number"),
        (["N=2.5"], "'N=2.5' gives no size a number"),
        (["=3"], "'=3' gives no size a number"),
        (["N=3", "N=4"], "size N is given twice"),
        (["N=9999999999"], "gives no size a number"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, message):
    options = [word for size in sizes for word in ("--size", size)]
    assert message in symbp("verify", SOFTMAX, *options, ok=2).stderr


@pytest.mark.parametrize("command", ["derive", "emit", "verify", "train"])
def test_a_file_says_itself_what_is_minimized(command):
    result = symbp(command, SOFTMAX, "--loss", "MSELoss", ok=2)
    assert "there is no loss to choose" in result.stderr
    assert "leave --loss out" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("command", ["derive", "emit", "verify", "train"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("", "there are no equations"),
        ("L = x\nminimize L", "unknown name 'x'"),
        ("L = 2 +", "expected an expression, found the end"),
        ("L = " + "(" * 10_000, "brackets are open at once"),
    ],
)
def test_files_that_cannot_be_used(command, content, message, tmp_path):
    path = tmp_path / "bad.eqs"
    if content is not None:
        path.write_text(content)
    result = symbp(command, path, ok=2)
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "bad.eqs" in result.stderr
    assert not result.stdout


# --- train ------------------------------------------------------------------------------

MLP = """\
# a hidden layer, labels, weight decay
index n:N, i:D, j:H, k:K
input x[n,i]
target y[n] : integer < K
parameter W[j,i], b[j], V[k,j] : positive, c[k]
hyperparameter lambda = 1e-3
h[n,j] = tanh(sum[i](x[n,i]*W[j,i]) + b[j])
z[n,k] = sum[j](h[n,j]*V[k,j]) + c[k]
L = sum[n](log(sum[k](exp(z[n,k]))) - z[n,y[n]])/N + lambda*sum[j,i](W[j,i]^2)
minimize L
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(53, 5))
    labels = (x @ rng.normal(size=(5, 3))).argmax(axis=1)
    np.savez(tmp_path / "labels.npz", x=x, y=labels, spare=x)
    np.savez(tmp_path / "shares.npz", x=x, y=np.eye(3)[labels])
    (tmp_path / "mlp.eqs").write_text(MLP)
    return tmp_path


def losses(result):
    return [float(text) for text in re.findall(r"^Epoch \[.*Loss: (\S+)$", result.stdout, re.M)]


def trained(folder, *arguments, ok=0, sizes=("H=7", "K=3"), data="labels.npz"):
    options = [word for size in sizes for word in ("--size", size)]
    return symbp(
        "train",
        folder / "mlp.eqs",
        "--data",
        folder / data,
        "--epochs",
        4,
        *options,
        *arguments,
        ok=ok,
    )


@pytest.mark.parametrize(("backend", "dtype"), [("numpy", "float64"), ("torch", "float32")])
def test_a_file_is_trained_on_arrays_of_its_names(folder, backend, dtype):
    engine = ["--backend", backend, "--dtype", dtype]
    result = trained(folder, *engine, "--out", folder / "run", "--lr", 0.05)
    first, *_, last = losses(result)
    assert last < 0.9 * first
    assert "D = 5, K = 3, H = 7; 42 rows to learn from, 11 held out" in result.stdout
    assert "gradient: agrees with torch.autograd" in result.stdout
    chinese = trained(folder, *engine, "--lr", 0.05, "--lang", "zh").stdout.splitlines()
    assert chinese[0].endswith("labels.npz，D = 5，K = 3，H = 7；42 行用于学习，11 行留出")
    assert chinese[1] == f"等式：{folder / 'mlp.eqs'}，66 个数待学习"
    assert chinese[-1].startswith("留出的数据：损失 ")
    (held_out,) = re.findall(r"^held out: loss (\S+)$", result.stdout, re.M)
    settings = json.loads((folder / "run" / "settings.json").read_text("utf-8"))
    assert settings["metrics"]["loss"] == pytest.approx(float(held_out), abs=1e-4)
    assert settings["sizes"] == {"D": 5, "K": 3, "H": 7}
    with np.load(folder / "run" / "parameters.npz") as parameters:
        shapes = {name: parameters[name].shape for name in parameters}
    assert shapes == {"W": (7, 5), "b": (7,), "V": (3, 7), "c": (3,)}


def test_a_run_is_reproduced_by_its_seed(folder):
    first, again, other = (losses(trained(folder, "--seed", seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_parameters_begin_as_uniform_numbers_by_fan_in(folder):
    trained(folder, "--out", folder / "run", "--lr", 0, "--epochs", 1, sizes=("H=97", "K=3"))
    with np.load(folder / "run" / "parameters.npz") as parameters:
        W, V, b = (parameters[name] for name in "WVb")
    assert 0.9 / 5**0.5 < W.max() <= 1 / 5**0.5
    assert -1 / 5**0.5 <= W.min() < -0.9 / 5**0.5
    assert 0 <= V.min() < 0.1 / 97**0.5 < 0.9 / 97**0.5 < V.max() <= 1 / 97**0.5
    assert 0.9 < b.max() <= 1


def test_training_is_full_batch_gradient_descent_where_asked(folder):
    """The same losses as steps written by hand, on the same rows."""
    options = ["--optimizer", "SGD(lr=0.1)", "--batch-size", 42, "--epochs", 3]
    result = symbp(
        "train", SOFTMAX, "--data", folder / "shares.npz", *options, "--out", folder / "run"
    )
    with np.load(folder / "shares.npz") as data:
        x, y = data["x"], data["y"]
    rng = np.random.default_rng(0)
    W, b = rng.uniform(-(5**-0.5), 5**-0.5, (3, 5)), rng.uniform(-1, 1, 3)
    rows = np.random.default_rng(0).permutation(53)[11:]
    expected = []
    for _ in range(3):
        p = np.exp(x[rows] @ W.T + b)
        p /= p.sum(axis=1, keepdims=True)
        expected.append(-(y[rows] * np.log(p)).sum() / 42)
        error = (p - y[rows]) / 42
        W, b = W - 0.1 * error.T @ x[rows], b - 0.1 * error.sum(axis=0)
    assert losses(result) == pytest.approx(expected, abs=1e-4)
    with np.load(folder / "run" / "parameters.npz") as parameters:
        assert np.allclose(parameters["W"], W, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--size K=3", "no array tells how large H is"),
        ("--size H=7", "no array tells how large K is"),
        ("--size H=7 --size K=3 --size M=2", "unknown size 'M'"),
        ("--size H=7 --size K=3 --size D=2", "D is 2 by --size, but 5 by 'x'"),
        ("--size H=7 --size K=2", "not a whole number from 0 to 1"),
        ("--size H=7 --size K=3 --target y", "an equation file names its targets"),
        ("--size H=7 --size K=3 --optimizer Adan", "did you mean 'Adam'?"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_starts(options, message, folder):
    result = trained(folder, *options.split(), sizes=(), ok=2)
    assert message in result.stderr
    assert not result.stdout


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((9, 5))}, "the file has no array y"),
        ({"x": np.ones(9), "y": np.zeros(9, int)}, "array 'x' has shape (9,)"),
        ({"x": np.ones((9, 5)), "y": np.zeros(8, int)}, "N is 9 by 'x', but 8 by 'y'"),
        ({"x": np.ones((1, 5)), "y": np.zeros(1, int)}, "1 row is too few"),
        ({"x": np.full((9, 5), np.nan), "y": np.zeros(9, int)}, "x[0, 0] is nan"),
        ({"x": np.ones((9, 5)), "y": np.full(9, 0.5)}, "y[0] is 0.5, not a whole number"),
        ({"x": np.full((9, 5), "a"), "y": np.zeros(9, int)}, "array 'x' holds <U1"),
        ({"x": np.full((9, 5), None), "y": np.zeros(9, int)}, "not an NPZ file of plain arrays"),
    ],
)
def test_arrays_that_do_not_fit_are_named(arrays, message, folder):
    np.savez(folder / "bad.npz", **arrays)
    result = trained(folder, data="bad.npz", ok=2)
    assert message in result.stderr
    assert "bad.npz" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input x[n,i]", "input x[n,i], s", "'s' does not have the batch as its first axis"),
        ("input x[n,i]", "input x[i,n]", None),
        (
            "index n:N",
            "constant N = 53\nindex n:N",
            "'x' does not have the batch as its first axis",
        ),
        ("positive, c[k]", "positive, c[k], d[n]", "the parameter 'd' has an axis of size N"),
        ("lambda = 1e-3", "lambda", "the hyperparameter lambda has no value"),
        ("\nparameter", "\ninput", "'W' does not have the batch"),
    ],
)
def test_files_without_a_batch_or_something_to_learn(old, new, message, folder):
    (folder / "mlp.eqs").write_text(MLP.replace(old, new))
    result = trained(folder, ok=2)
    if message is not None:
        assert message in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("data", ["digits", "rows.csv", "none.npz"])
def test_an_equation_file_needs_arrays_with_names(data, folder):
    result = symbp("train", folder / "mlp.eqs", "--data", data, ok=2)
    assert ("NPZ" in result.stderr) or ("No such file" in result.stderr)
    assert not result.stdout


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_recurrence_is_trained(folder, backend):
    rng = np.random.default_rng(0)
    np.savez(folder / "words.npz", token=rng.integers(7, size=(23, 5)), h0=np.zeros((23, 3)))
    options = ["--size", "V=7", "--epochs", 5, "--lr", 0.1, "--backend", backend]
    file = EQUATIONS / "recurrence.eqs"
    result = symbp("train", file, "--data", folder / "words.npz", *options)
    first, *_, last = losses(result)
    assert last < 0.9 * first


def test_data_that_contradict_a_fact_stop_the_run(folder):
    with np.load(folder / "shares.npz") as data:
        np.savez(folder / "counts.npz", x=data["x"], y=3 * data["y"])
    result = symbp("train", SOFTMAX, "--data", folder / "counts.npz", ok=1)
    assert "if the declared facts hold of the data" in result.stderr


def test_the_size_of_a_network_is_no_option_of_training():
    assert "written in MODEL" in symbp("train", "Linear(D, 3)", "--size", "D=4", ok=2).stderr
