"""The training loop, metrics and checkpoints, against a step written by hand."""

import json

import numpy as np
import pytest

from symbackprop.errors import OptionError
from symbackprop.train import checkpoints
from symbackprop.train.checkpoints import Checkpoint, require_writable
from symbackprop.train.loop import Epoch, Regime, Training
from symbackprop.train.metrics import classification, regression

X = np.arange(14.0).reshape(7, 2)
Y = X @ np.array([[2.0], [-3.0]])


def descend(values):
    """Least squares by gradient descent; counts its steps in ``s``."""
    x, y, weights = values["x"], values["y"], values["W"]
    error = x @ weights - y
    gradient = 2 * x.T @ error / len(x)
    new = {"W": weights - 1e-3 * gradient, "s": values["s"] + 1}
    return (error**2).mean(), new


def run(step=descend, **regime):
    values = {"W": np.zeros((2, 1)), "s": 0}
    return Training(step, values, {"x": X, "y": Y}, Regime(**regime))


def test_every_epoch_sees_every_row_once_in_a_new_order():
    seen = []

    def watch(values):
        seen.append((values["t"], values["x"][:, 0].tolist()))
        assert np.array_equal(values["y"], values["x"] @ [[2.0], [-3.0]])
        return 0.0, {}

    list(run(watch, epochs=2, batch_size=3, seed=11).epochs())
    assert [t for t, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert [len(rows) for _, rows in seen] == [3, 3, 1, 3, 3, 1]
    first, second = ([row for _, rows in half for row in rows] for half in (seen[:3], seen[3:]))
    assert sorted(first) == sorted(second) == X[:, 0].tolist()
    assert first != second


def test_the_loss_of_an_epoch_is_weighted_by_rows():
    losses = iter([2.0, 4.0, 12.0])
    (epoch,) = run(lambda values: (next(losses), {}), epochs=1, batch_size=3).epochs()
    assert epoch.loss == pytest.approx((3 * 2 + 3 * 4 + 1 * 12) / 7)


def test_full_batches_are_gradient_descent():
    training = run(epochs=13, batch_size=7)
    history = list(training.epochs())
    weights, expected = np.zeros((2, 1)), []
    for _ in range(13):
        error = X @ weights - Y
        expected.append((error**2).mean())
        weights = weights - 1e-3 * 2 * X.T @ error / 7
    assert [epoch.loss for epoch in history] == pytest.approx(expected, rel=1e-12)
    assert np.allclose(training.values["W"], weights, rtol=1e-12)
    assert training.values["s"] == 13
    assert [epoch.number for epoch in history] == list(range(1, 14))


def test_the_seed_fixes_the_order():
    first, again, other = (
        [epoch.loss for epoch in run(epochs=3, batch_size=2, seed=seed).epochs()]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_loss_that_is_no_number_ends_training():
    losses = iter([1.0, float("nan")])
    epochs = run(lambda values: (next(losses), {}), epochs=5, batch_size=7).epochs()
    assert next(epochs).loss == 1.0
    with pytest.raises(OptionError, match="the loss is nan in epoch 2") as caught:
        next(epochs)
    assert "smaller learning rate" in caught.value.remedy


@pytest.mark.parametrize(("name", "value"), [("epochs", 0), ("batch_size", -1)])
def test_a_regime_has_at_least_one_of_each(name, value):
    with pytest.raises(OptionError, match=f"{name}={value}"):
        Regime(**{"epochs": 1, "batch_size": 1, name: value})


def test_metrics_are_macro_averages():
    truth, predicted = np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 0])
    shown = classification(truth, predicted)
    assert shown["accuracy"] == pytest.approx(3 / 5)
    assert shown["precision"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert shown["recall"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert shown["F1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_regression_metrics():
    truth, predicted = np.array([[1.0], [2.0], [4.0]]), np.array([[1.5], [2.0], [3.0]])
    shown = regression(truth, predicted)
    spread = ((truth - truth.mean()) ** 2).sum()
    assert shown["MSE"] == pytest.approx(1.25 / 3)
    assert shown["R²"] == pytest.approx(1 - 1.25 / spread)
    assert set(regression(truth[:1], predicted[:1])) == {"MSE"}


# --- checkpoints ------------------------------------------------------------------------

KEPT = Checkpoint(
    {"W1": np.arange(6.0).reshape(2, 3), "b1": np.array([0.5, -0.5])},
    (Epoch(1, 0.75, 0.1), Epoch(2, 0.5, 0.1)),
    {"model": "Linear(3, 2)", "metrics": {"MSE": 0.5}},
)


def test_checkpoints_come_back_as_they_went(tmp_path):
    folder = tmp_path / "runs" / "first"
    require_writable(folder)
    assert not folder.parent.exists()
    checkpoints.save(folder, KEPT)
    checkpoints.save(folder, KEPT)
    assert sorted(path.name for path in folder.iterdir()) == [
        "history.json",
        "parameters.npz",
        "settings.json",
    ]
    back = checkpoints.load(folder)
    assert back.history == KEPT.history
    assert back.settings == KEPT.settings
    assert back.parameters.keys() == KEPT.parameters.keys()
    for name, array in KEPT.parameters.items():
        assert np.array_equal(back.parameters[name], array)
    assert json.loads((folder / "history.json").read_text())[1]["loss"] == 0.5


def test_a_checkpoint_that_fails_leaves_the_old_one(tmp_path):
    checkpoints.save(tmp_path, KEPT)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TypeError):
        checkpoints.save(tmp_path, Checkpoint({"W1": np.ones(2)}, (), {"bad": object()}))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_new_checkpoint_is_renamed_over_the_old_one_not_written_into_it(tmp_path):
    folder = tmp_path / "run"
    checkpoints.save(folder, KEPT)
    names = [path.name for path in folder.iterdir()]
    for name in names:
        (tmp_path / name).hardlink_to(folder / name)
    old = {name: (tmp_path / name).read_bytes() for name in names}
    checkpoints.save(folder, Checkpoint({"W1": np.ones(2)}, (), {"model": "another"}))
    assert {name: (tmp_path / name).read_bytes() for name in names} == old
    assert checkpoints.load(folder).settings == {"model": "another"}


def test_folders_that_cannot_be_written_are_found_out_before(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below"):
        with pytest.raises(OptionError, match="cannot write into"):
            require_writable(folder)
        with pytest.raises(OptionError, match="cannot write into"):
            checkpoints.save(folder, KEPT)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(OptionError, match="holds no checkpoint"):
        checkpoints.load(tmp_path)


def test_buffers_are_kept_where_there_are_some(tmp_path):
    buffers = {"m_run1": np.array([0.5, 2.0])}
    checkpoints.save(tmp_path, Checkpoint({}, (), {}, buffers))
    back = checkpoints.load(tmp_path)
    assert back.buffers.keys() == buffers.keys()
    assert np.array_equal(back.buffers["m_run1"], buffers["m_run1"])
    checkpoints.save(tmp_path, KEPT)
    assert not (tmp_path / "buffers.npz").exists()
    assert checkpoints.load(tmp_path).buffers == {}


def test_what_is_drawn_is_drawn_for_each_batch():
    seen = []

    def watch(values):
        seen.append((len(values["x"]), values["mask"]))
        return 0.0, {}

    numbers = iter(range(9))
    values = {"W": np.zeros((2, 1))}
    training = Training(
        watch, values, {"x": X, "y": Y}, Regime(2, 3), lambda rows: {"mask": (next(numbers), rows)}
    )
    list(training.epochs())
    assert seen == [(rows, (k, rows)) for k, rows in enumerate([3, 3, 1, 3, 3, 1])]
