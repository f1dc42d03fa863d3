"""Files of numbers: what they may hold, and what is said of those that cannot be used."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.errors import DataError, ShapeError, SymbackpropError, UnknownNameError
from symbackprop.interop.numbers import parse_numbers, read_numbers
from symbackprop.verify.given import given_point
from symbackprop.verify.worked import work_out

SYSTEM = sb.parse_system(
    """
    index n:N, i:D, k:K
    input x[n,i], s[k] : positive
    target y[n] : integer < K
    parameter W[k,i], b
    hyperparameter h = 0.25
    z[n,k] = sum[i](x[n,i]*W[k,i]) + b + h*log(s[k])
    L = -sum[n](z[n,y[n]])
    minimize L
    """
)
GOOD: dict[str, Any] = {
    "x": [[0.1, -2, 3e-1], [1, 0.5, 0.25]],
    "y": [4, 0],
    "s": [1, 2, 0.5, 3, 1],
    "W": [[0.1, 0.2, 0.3]] * 5,
    "b": 0.35,
}


def write(path: Path, values: Any) -> Path:
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return path


def test_json_numbers_are_decimals_and_say_the_sizes(tmp_path: Path) -> None:
    given = read_numbers(write(tmp_path / "n.json", {**GOOD, "lr": 0.1}), SYSTEM)
    assert {str(symbol): n for symbol, n in given.point.sizes.items()} == {"N": 2, "D": 3, "K": 5}
    assert given.point.values["x"][0, 0] == Fraction(1, 10)
    assert given.point.values["x"][0, 2] == Fraction(3, 10)
    assert given.point.values["y"].tolist() == [4, 0]
    assert given.point.values["h"][()] == Fraction(1, 4)
    assert given.rate == Fraction(1, 10)


def test_a_byte_order_mark_and_chinese_names_do_no_harm(tmp_path: Path) -> None:
    system = sb.parse_system("input 误差\nL = 误差^2\nminimize L")
    path = tmp_path / "n.json"
    path.write_text('\ufeff{"误差": 0.5}', encoding="utf-8")
    assert read_numbers(path, system).point.values["误差"][()] == Fraction(1, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_npz_numbers_are_what_they_print_as(tmp_path: Path, dtype: str) -> None:
    arrays = {n: np.array(v, dtype="int64" if n == "y" else dtype) for n, v in GOOD.items()}
    np.savez(tmp_path / "n.npz", **arrays, lr=np.array(0.5))
    given = read_numbers(tmp_path / "n.npz", SYSTEM)
    assert given.point.values["x"][0, 0] == Fraction(1, 10)
    assert given.point.values["y"].tolist() == [4, 0]
    assert given.rate == Fraction(1, 2)


def test_lr_may_be_a_tensor() -> None:
    system = sb.parse_system("input x\nhyperparameter lr\nL = lr*x^2\nminimize L")
    given = parse_numbers('{"x": 2, "lr": 3}', system)
    assert given.rate is None
    assert given.point.values["lr"][()] == 3


def without(name: str) -> dict[str, Any]:
    return {n: v for n, v in GOOD.items() if n != name}


def with_b(written: str) -> str:
    return json.dumps({**GOOD, "b": "?"}).replace('"?"', written)


MISTAKES = {
    "missing": (without("W"), DataError, "no numbers for 'W'", "numbers of shape K × D"),
    "missing labels": (without("y"), DataError, "no numbers for 'y'", "labels of shape N"),
    "missing number": (without("b"), DataError, "no numbers for 'b'", "a single number"),
    "unknown": ({**GOOD, "w": 1}, UnknownNameError, "unknown tensor 'w'", "did you mean 'W'"),
    "computed": ({**GOOD, "z": 1}, DataError, "'z' is computed by an equation", "leave it out"),
    "contradiction": (
        {**GOOD, "W": [[0.1, 0.2]] * 5}, ShapeError,
        r"'W' was given with shape \(5, 2\), not \(5, 3\)",
        "give it shape K × D, where D = 3 as in 'x'",
    ),
    "axes": (
        {**GOOD, "x": [0.1, 0.2]}, ShapeError, r"'x' was given with shape \(2,\)",
        "give it shape N × D",
    ),
    "scalar": (
        {**GOOD, "b": [0.1]}, ShapeError, r"'b' was given with shape \(1,\)",
        "give a single number",
    ),
    "ragged": (
        {**GOOD, "x": [[1, 2, 3], [1, 2]]}, DataError,
        r"x\[1\] has 2 entries, and those before it have 3", "every row the same",
    ),
    "deep": ({**GOOD, "s": [1, [2], 3, 4, 5]}, DataError, r"s\[1\] is \[2\]", "give numbers"),
    "shallow": (
        {**GOOD, "x": [[1, 2, 3], 1]}, DataError, r"x\[1\] has no list", "every row the same",
    ),
    "empty": ({**GOOD, "s": []}, DataError, "'s' is empty", "of shape K"),
    "label": (
        {**GOOD, "y": [5, 0]}, DataError, r"y\[0\] is 5, which is no label of 5 classes",
        "whole numbers from 0 to 4",
    ),
    "negative label": ({**GOOD, "y": [0, -1]}, DataError, r"y\[1\] is -1", "from 0 to 4"),
    "half a label": ({**GOOD, "y": [0, 0.5]}, DataError, r"y\[1\] is 0.5", "from 0 to 4"),
    "domain": (
        {**GOOD, "s": [1, 2, -0.5, 3, 1]}, DataError,
        r"s\[2\] is -0.5, and 's' is declared positive", "greater than 0",
    ),
    "text": ({**GOOD, "b": "0.35"}, DataError, "b is '0.35', which is not a number", "0.05"),
    "truth": ({**GOOD, "b": True}, DataError, "b is True, which is not a number", "0.05"),
    "nothing": ({**GOOD, "b": {"a": 1}}, DataError, "b is {'a': 1}", "0.05"),
    "nan": (with_b("NaN"), DataError, "b is NaN", "finite numbers"),
    "infinity": (with_b("-Infinity"), DataError, "b is -Infinity", "finite numbers"),
    "huge": (with_b("1e999999999"), DataError, r"b is 1E\+999999999", "finite numbers"),
    "tiny": (with_b("1e-999999999"), DataError, "b is 1E-999999999", "finite numbers"),
    "twice": ('{"b": 1, "b": 2}', DataError, "'b' is given twice", "by name"),
    "no json": ("x = 1", DataError, "not a JSON file", "by name"),
    "no object": ("[1, 2]", DataError, "no tensors by name", "by name"),
    "nested": ("[" * 100_000, DataError, "not a JSON file", "by name"),
    "rate": ({**GOOD, "lr": "fast"}, DataError, "lr is 'fast'", "give numbers"),
    "no rate": ({**GOOD, "lr": -1}, DataError, "the learning rate lr is -1", "greater than 0"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(tmp_path: Path, mistake: str) -> None:
    values, kind, what, remedy = MISTAKES[mistake]
    path = write(tmp_path / "n.json", values)
    with pytest.raises(kind, match=what) as caught:
        read_numbers(path, SYSTEM)
    error = caught.value
    assert isinstance(error, SymbackpropError)
    assert remedy in error.remedy
    assert error.where == str(path)
    assert error.exit_code == 2


@pytest.mark.parametrize("name", ["none.json", "none.npz", "."])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_numbers(tmp_path / name, SYSTEM)


def test_no_text_and_no_npz(tmp_path: Path) -> None:
    (tmp_path / "n.json").write_bytes(b'{"b": "\xff"}')
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_numbers(tmp_path / "n.json", SYSTEM)
    for content in (b"no zip", b"PK\x03\x04", b""):
        (tmp_path / "n.npz").write_bytes(content)
        with pytest.raises(DataError, match="not an NPZ file of plain arrays"):
            read_numbers(tmp_path / "n.npz", SYSTEM)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "n.npz", b=np.array([object()], dtype=object))
    with pytest.raises(DataError, match="not an NPZ file of plain arrays"):
        read_numbers(tmp_path / "n.npz", SYSTEM)


def test_a_file_too_large_to_be_an_example(tmp_path: Path) -> None:
    path = write(tmp_path / "n.json", " " * 10_000_001)
    with pytest.raises(DataError, match="more than 10,000,000 bytes"):
        read_numbers(path, SYSTEM)


def test_numbers_of_which_a_fact_does_not_hold() -> None:
    system = sb.parse_system(
        """
        index i:3
        target y[i]
        parameter w[i]
        L = sum[i](y[i]*w[i]^2)
        fact sum[i](y[i]) = 1
        minimize L
        """
    )
    point = given_point(system, {"y": [0.5, 0.5, 0.5], "w": [1, 2, 3]})
    with pytest.raises(DataError, match="a declared fact does not hold of the numbers given"):
        work_out(sb.derive(system).backward, point)
