"""The command line on equation files: the same commands, with FILE.eqs for a network."""

import json
import subprocess
import sys
from pathlib import Path

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
    assert list(document["gradients"]) == ["x"]


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


@pytest.mark.parametrize("command", ["derive", "emit", "verify"])
def test_a_file_says_itself_what_is_minimized(command):
    result = symbp(command, SOFTMAX, "--loss", "MSELoss", ok=2)
    assert "there is no loss to choose" in result.stderr
    assert "leave --loss out" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("command", ["derive", "emit", "verify"])
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
