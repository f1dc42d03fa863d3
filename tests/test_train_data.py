"""Data sets: what is read, and how each thing that cannot be used is named."""

import zipfile

import numpy as np
import pytest

from symbackprop.errors import DataError, UnknownNameError
from symbackprop.library import TargetKind
from symbackprop.train.data import load, split
from symbackprop.train.datasets import Needs

LABELS = Needs(TargetKind.LABELS)
REALS = Needs(TargetKind.REAL)


@pytest.fixture
def csv(tmp_path):
    def write(text, name="rows.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return str(path)

    return write


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        path = tmp_path / "arrays.npz"
        np.savez(path, **arrays)
        return str(path)

    return write


def refusal(source, needs=None, target=None):
    with pytest.raises(DataError) as caught:
        load(source, needs, target=target)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("name", "shape", "classes"), [("digits", (1797, 64), 10), ("iris", (150, 4), 3)]
)
def test_data_sets_that_come_with_scikit_learn(name, shape, classes):
    data = load(name, LABELS)
    assert data.x.shape == shape
    assert data.outputs == len(data.classes) == classes
    assert set(data.y) == set(range(classes))


# --- CSV --------------------------------------------------------------------------------


def test_csv_with_a_header_and_text_labels(csv):
    data = load(csv("long,wide,kind\n1,2,rose\n3,4.5,lily\n\n5,-6e1,rose\n", encoding="utf-8-sig"))
    assert data.x.tolist() == [[1, 2], [3, 4.5], [5, -60]]
    assert data.classes == ("lily", "rose")
    assert data.y.tolist() == [1, 0, 1]


def test_csv_without_a_header(csv):
    data = load(csv("1,2,0.5\n3,4,-1\n"))
    assert data.x.tolist() == [[1, 2], [3, 4]]
    assert data.y.tolist() == [[0.5], [-1]]
    assert (data.classes, data.outputs, data.features) == ((), 1, 2)


def test_any_column_may_be_the_target(csv):
    data = load(csv("a,price,b\n1,10.5,2\n3,20,4\n"), target="price")
    assert data.x.tolist() == [[1, 2], [3, 4]]
    assert data.y.tolist() == [[10.5], [20]]
    with pytest.raises(UnknownNameError) as caught:
        load(csv("a,price,b\n1,10.5,2\n"), target="prise")
    assert caught.value.remedy.startswith("did you mean 'price'?")
    assert "no header" in refusal(csv("1,2\n3,4\n"), target="price").what


@pytest.mark.parametrize(
    ("column", "needs", "labels"),
    [
        ("0 1 2 1", None, True),
        ("0 1 2 1", REALS, False),
        ("0 2 2 1", LABELS, True),
        ("1 2 3 1", None, False),
        ("0 1 1.5 2", None, False),
        ("0 0 0 0", None, False),
    ],
)
def test_the_loss_decides_what_a_target_is_and_else_its_values(csv, column, needs, labels):
    data = load(csv("".join(f"7,{value}\n" for value in column.split())), needs)
    assert bool(data.classes) is labels
    assert data.y.shape == ((4,) if labels else (4, 1))


def test_shares_are_made_of_labels(csv):
    path = csv("7,no\n7,yes\n7,no\n")
    single = load(path, Needs(TargetKind.UNIT, outputs=1))
    assert (single.y.tolist(), single.labels.tolist()) == ([[0], [1], [0]], [0, 1, 0])
    several = load(path, Needs(TargetKind.DISTRIBUTION, outputs=3))
    assert several.y.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert several.labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "needs", "what", "where"),
    [
        ("", None, "empty", "rows.csv"),
        ("\n\n", None, "empty", "rows.csv"),
        ("a,b\n", None, "no rows below the header", "rows.csv"),
        ("1\n2\n", None, "one column", "rows.csv"),
        ("1,2\n3,4,5\n", None, "row 2 has 3 cells, the first row has 2", "row 2"),
        ("a,b,c\n1,2,3\n\n4,5\n", None, "row 4 has 2 cells", "row 4"),
        ("1,2,3\n4,nan,6\n", None, "'nan'", "row 2, column 2"),
        ("1,2,3\n4,inf,6\n", None, "'inf'", "row 2, column 2"),
        ("a,b,c\n1,,3\n", None, "an empty cell", "row 2, column 2 (b)"),
        ("a,b,c\n1,2,3\n4,x,6\n", None, "'x'", "row 3, column 2 (b)"),
        ("a,b,c\n1,2,0.5\n3,4,x\n", None, "'x'", "row 3, column 3 (c)"),
        ("1,2,3\n4,5,\n", None, "an empty cell", "row 2, column 3"),
        ("1,2,0.5\n4,5,nan\n", None, "the target is nan", "row 2, column 3"),
        ("1,0\n2,1.5\n", LABELS, "1.5 is not one", "row 2, column 2"),
        ("1,0\n2,-1\n", LABELS, "-1.0 is not one", "row 2, column 2"),
        ("1,3\n2,lily\n", REALS, "'lily' is not one", "row 2, column 2"),
        ("1,0\n2,5\n", Needs(TargetKind.LABELS, outputs=5), "label 5", "row 2, column 2"),
        (
            "1,0\n2,5\n",
            Needs(TargetKind.LABELS, outputs=5),
            "5 outputs, for labels below 5",
            "row 2",
        ),
        ("1,0\n2,1\n", Needs(TargetKind.LABELS, outputs=1), "has 1 output, for", "row 2"),
        # Without a limit, 10¹⁵ names of classes would fill the memory.
        ("1,0\n2,1000000000000000\n", LABELS, "label 1000000000000000 is out", "row 2, column 2"),
        ("1,cat\n2,cat\n", None, "every row has the label cat", "rows.csv"),
        ("1,0\n2,0\n", LABELS, "every row has the label 0", "rows.csv"),
        ("1,0.5\n2,2\n", Needs(TargetKind.UNIT), "numbers from 0 to 1", "row 2, column 2"),
        ("1,0.5\n2,2\n", Needs(TargetKind.REAL, outputs=3), "3 outputs", "rows.csv"),
        ("1,0\n2,2\n", Needs(features=3), "takes 3 inputs, but a row has 1 feature", "rows.csv"),
        ('1,"2\n', None, "not a CSV file", "rows.csv"),
    ],
)
def test_csv_files_that_cannot_be_used(csv, text, needs, what, where):
    error = refusal(csv(text), needs)
    assert what in error.what
    assert where in error.where


def test_files_that_are_not_there_or_not_data(csv, tmp_path):
    assert "No such file" in refusal(str(tmp_path / "none.csv")).what
    assert (
        "directory" in refusal(str(tmp_path.joinpath("f.csv").mkdir() or tmp_path / "f.csv")).what
    )
    assert "not a CSV file" in refusal(csv("é,1\n", encoding="latin-1")).what
    with pytest.raises(UnknownNameError) as caught:
        load("digit")
    assert "did you mean 'digits'?" in caught.value.remedy
    assert "no columns" in refusal("iris", target="kind").what
    assert "compares with real numbers" in refusal("iris", REALS).what
    error = refusal("digits", Needs(TargetKind.LABELS, outputs=7))
    assert "out of range" in error.what
    assert "end with 10 outputs" in error.remedy


# --- NPZ --------------------------------------------------------------------------------


def test_npz(npz):
    x = np.arange(6.0).reshape(3, 2)
    data = load(npz(x=x, y=np.array([0, 2, 1])))
    assert (data.x.tolist(), data.y.tolist(), data.outputs) == (x.tolist(), [0, 2, 1], 3)
    assert load(npz(x=x, y=x / 10), Needs(TargetKind.REAL, 2, 2)).y.shape == (3, 2)
    for labels in (["b", "a", "b"], [b"b", b"a", b"b"]):
        assert load(npz(x=x, y=np.array(labels))).classes == ("a", "b")
    shares = np.array([[0.25, 0.75], [1, 0], [0.5, 0.5]])
    assert load(npz(x=x, y=shares), Needs(TargetKind.DISTRIBUTION)).y.tolist() == shares.tolist()
    logarithms = np.log(shares + 1e-9)
    assert load(npz(x=x, y=logarithms), Needs(TargetKind.LOG_DISTRIBUTION)).outputs == 2


X = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    ("arrays", "needs", "what"),
    [
        ({"x": X}, None, "no array y"),
        ({"a": X}, None, "no array x and no array y"),
        ({"x": X[0], "y": X}, None, "array 'x' has shape (2,)"),
        ({"x": X, "y": np.zeros((3, 2, 2))}, None, "array 'y' has shape (3, 2, 2)"),
        ({"x": X[:0], "y": X[:0]}, None, "array 'x' has shape (0, 2)"),
        ({"x": X, "y": np.zeros(2)}, None, "x has 3 rows, y has 2"),
        ({"x": X, "y": np.zeros(3, complex)}, None, "complex128"),
        ({"x": X, "y": np.array([None, 1, 2])}, None, "not an NPZ file of plain arrays"),
        ({"x": np.where(X == 3, np.nan, X), "y": X[:, 0]}, None, "x[1, 1] is nan"),
        ({"x": X, "y": np.where(X == 3, np.inf, X)}, None, "the target is inf"),
        ({"x": X, "y": X}, LABELS, "labels, but the target has 2 columns"),
        ({"x": X, "y": X / 6}, Needs(TargetKind.DISTRIBUTION), "sum to 1"),
        ({"x": X, "y": X}, Needs(TargetKind.LOG_DISTRIBUTION), "logarithms"),
    ],
)
def test_npz_files_that_cannot_be_used(npz, arrays, needs, what):
    assert what in refusal(npz(**arrays), needs).what


def test_npz_has_no_columns_and_is_a_zip(npz, csv):
    assert "no columns" in refusal(npz(x=X, y=X), target="y").what
    assert "not an NPZ file" in refusal(csv("1,2", name="text.npz")).what
    assert "not an NPZ file" in refusal(csv("", name="text.npz")).what


def test_npz_files_that_are_damaged(npz, tmp_path):
    path = tmp_path / "damaged.npz"
    with path.open("wb") as file:
        np.save(file, X)
    assert "a single array" in refusal(str(path)).what
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "1,2")
        archive.writestr("y", "3")
    assert "x and y are not arrays" in refusal(str(path)).what
    np.savez_compressed(path, x=X.repeat(100), y=X[:, 0])
    content = bytearray(path.read_bytes())
    content[60:100] = b"\xff" * 40
    path.write_bytes(content)
    assert "not an NPZ file of plain arrays" in refusal(str(path)).what


# --- splitting --------------------------------------------------------------------------


def test_a_split_is_disjoint_alike_in_classes_and_scaled_by_its_training_part():
    data = load("iris")
    parts = split(data, seed=3)
    assert (len(parts.train.x), len(parts.held_out.x)) == (120, 30)
    for seed in range(5):  # chance alone may hit this once
        assert np.bincount(split(data, seed).held_out.y).tolist() == [10, 10, 10]
    assert np.allclose(parts.train.x.mean(axis=0), 0)
    assert np.allclose(parts.train.x.std(axis=0), 1)
    assert not np.allclose(parts.held_out.x.mean(axis=0), 0, atol=1e-3)
    raw = np.concatenate([p.x * parts.scale + parts.mean for p in (parts.train, parts.held_out)])
    assert np.allclose(np.sort(raw, axis=0), np.sort(data.x, axis=0))
    again = split(data, seed=3)
    assert np.array_equal(again.held_out.x, parts.held_out.x)
    assert not np.array_equal(split(data, seed=5).held_out.x, parts.held_out.x)


def test_few_rows_are_split_all_the_same(csv):
    parts = split(load(csv("1,a\n2,b\n3,b\n"), LABELS), seed=0)
    assert (len(parts.train.y), len(parts.held_out.y)) == (2, 1)
    with pytest.raises(DataError, match="1 row is too few"):
        split(load(csv("1,2.5\n")), seed=0)
