"""``symbp derive`` with numbers: where they come from, and options that do not go together."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_cli import symbp

MODEL = "Linear(D, 1) Sigmoid"
VALUES = {"x": [[1, 2]], "W1": [[0.5, -0.25]], "b1": [0.1], "y": [[1]]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps({**VALUES, "lr": 2}))
    return path


def test_numbers_of_a_file(file: Path) -> None:
    shown = symbp("derive", MODEL, "--numbers", file).stdout
    assert "  N = 1\n  D = 2\n  x = [1  2]\n" in shown
    assert "z1[0,0] = 1·0.5 + 2·(−0.25) + 0.1 = 0.1\n" in shown
    assert "η = 2  (learning rate)" in shown


def test_a_learning_rate_and_digits_that_are_asked_for(file: Path) -> None:
    shown = symbp("derive", MODEL, "--numbers", file, "--lr", "0.3", "--digits", 4).stdout
    assert "η = 0.3  (learning rate)" in shown
    assert "a1[0,0] = σ(0.1) ≈ 0.5250\n" in shown
    assert re.search(r"L .*≈ 0\.\d{11}\n", shown)  # the objective has a few more
    assert "to 4 significant digits" in shown


def test_drawn_numbers(file: Path) -> None:
    first = symbp("derive", MODEL, "--numbers", "auto").stdout
    assert first == symbp("derive", MODEL, "--numbers", "auto", "--seed", 0).stdout
    assert "with seed 0" in first
    assert "η = 0.01  (learning rate)" in first
    other = symbp("derive", MODEL, "--numbers", "auto", "--seed", 5, "--size", "D=4").stdout
    assert "with seed 5" in other
    assert "  D = 4\n" in other


def test_symbols_have_their_names_in_the_numbers_too(file: Path) -> None:
    named = ("--name", "W1=V", "--name", "N=B")
    shown = symbp("derive", MODEL, "--numbers", file, *named).stdout
    assert "  B = 1\n" in shown
    assert "V = [0.5  −0.25]" in shown
    assert "V[0,0] ← 0.5 − 2·" in shown
    assert "W1" not in shown


def test_blocks_with_numbers_are_not_folded() -> None:
    model = "Linear(1, 1) Tanh Linear(1, 1) Tanh Linear(1, 1) Tanh Linear(1, 1)"
    assert "as block 1" in symbp("derive", model).stdout
    shown = symbp("derive", model, "--numbers", "auto", "--size", "N=1").stdout
    assert "as block 1" not in shown
    assert re.search(r"^ +∂L/∂W3\[0,0\] ≈ \S", shown, re.M)


def test_an_example_in_another_form(file: Path) -> None:
    shown = symbp("derive", "--example", "mazur", "--lr", 0.1, "--wrt", "b2").stdout
    assert "b2 ← 0.6 − 0.1·0.10040" in shown
    assert "0.291027924" not in shown
    assert "\\begin{align*}" in symbp("derive", "--example", "mazur", "--format", "latex").stdout


@pytest.mark.parametrize(
    ("arguments", "message", "where"),
    [
        (["--example", "mazor"], "did you mean 'mazur'? known: mazur", ""),
        (["--example", "mazur", "--loss", "MSELoss"], "equations of its own", "--loss"),
        ([MODEL, "--example", "mazur"], "equations of its own", "MODEL"),
        ([MODEL, "--example", "mazur", "--input", "3"], "equations of its own", "MODEL --input"),
        (["--example", "mazur", "--numbers", "auto"], "numbers of its own", "--numbers"),
        (["--example", "mazur", "--seed", 1], "numbers that are drawn", "--seed"),
        (["--numbers", "x.json", "--size", "N=3"], "numbers that are drawn", "--size"),
        (["--lr", "0.1"], "no numbers that --lr is for", "--lr"),
        (["--digits", 3], "no numbers that --digits is for", "--digits"),
        (["--seed", 0], "no numbers that --seed is for", "--seed"),
        (["--size", "N=3"], "no numbers that --size is for", "--size"),
        (["--numbers", "auto", "--lr", "fast"], "lr is 'fast', which is not a number", "--lr"),
        (["--numbers", "auto", "--lr", "-1"], "the learning rate lr is -1", "--lr"),
        (["--numbers", "auto", "--size", "Q=3"], "unknown size 'Q'", ""),
        (["--numbers", "no.json"], "cannot read 'no.json': No such file", ""),
        (["--numbers", "auto", "--digits", 31], "31 is not in the range", None),
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[object], message: str, where: str | None, tmp_path: Path
) -> None:
    output = tmp_path / "page.txt"
    result = symbp("derive", *arguments, "-o", output, ok=2)
    assert message in result.stderr
    if where is not None:
        assert result.stderr.count("error: ") == 1
        assert (f"\n  in: {where}\n" in result.stderr) == bool(where)
    assert not output.exists()
