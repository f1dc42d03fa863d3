"""``symbp train``: what it prints, keeps and measures, and what it refuses before it starts."""

import json
import re
import warnings

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import symbackprop.train.run
from symbackprop.library import Linear, Sequential
from symbackprop.train import checkpoints
from symbackprop.train.data import load, split
from symbp.main import cli

EPOCH = re.compile(r"Epoch \[(\d+)/(\d+)\], Loss: (\d+\.\d{4})")


def train(*arguments, ok=0):
    result = CliRunner().invoke(cli, ["train", *map(str, arguments)])
    assert result.exit_code == ok, result.output
    assert "Traceback" not in result.output
    return result


def losses(result):
    return [float(match[3]) for match in EPOCH.finditer(result.stdout)]


def measured(result):
    last = next(line for line in result.stdout.splitlines() if line.startswith("held out: "))
    pairs = (part.rsplit(" ", 1) for part in last.removeprefix("held out: ").split(", "))
    return {name: float(value) for name, value in pairs}


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    """A regression problem: a straight line in two features, the target in between."""
    path = tmp_path_factory.mktemp("data") / "prices.csv"
    generator = np.random.default_rng(1)
    rows = generator.normal(size=(53, 2)) * [2, 50]
    lines = [f"{a},{3 * a - 0.1 * b + 1},{b}" for a, b in rows]
    path.write_text("\n".join(["size,price,age", *lines]))
    return path


def test_it_learns_digits_without_being_told_anything():
    result = train()
    assert not result.stderr
    assert "model: Linear(64, 128) ReLU Linear(128, 10)" in result.stdout
    assert "loss: CrossEntropyLoss; optimizer: Adam" in result.stdout
    numbers = [(int(match[1]), int(match[2])) for match in EPOCH.finditer(result.stdout)]
    assert numbers == [(epoch, 100) for epoch in range(1, 101)]
    assert measured(result).keys() == {"accuracy", "precision", "recall", "F1"}
    assert min(measured(result).values()) >= 0.97


def test_lines_come_in_order_and_progress_stays_off_a_pipe():
    lines = train("--data", "iris", "--epochs", 3).stdout.splitlines()
    heads = [line.split(":")[0].split(" ")[0] for line in lines]
    assert heads == ["data", "model", "loss", "gradient", "Epoch", "Epoch", "Epoch", "held"]
    assert EPOCH.fullmatch(lines[4])
    assert "120 rows to learn from, 30 held out" in lines[0]
    assert lines[2] == "loss: CrossEntropyLoss; optimizer: Adam; batches of 15"


def test_it_speaks_chinese_but_for_the_lines_of_the_epochs(tmp_path):
    out = tmp_path / "run"
    lines = train("--data", "iris", "--epochs", 2, "--out", out, "--lang", "zh").stdout.splitlines()
    assert lines[:3] == [
        "数据：iris，4 个特征，3 个类别；120 行用于学习，30 行留出",
        "模型：Linear(4, 16) ReLU Linear(16, 3)",
        "损失函数：CrossEntropyLoss；优化器：Adam；批量大小 15",
    ]
    assert re.fullmatch(r"梯度：与 torch\.autograd 一致，相差 \de-\d\d", lines[3])
    assert all(map(EPOCH.fullmatch, lines[4:6]))
    assert re.fullmatch(r"留出的数据：准确率 \S+、精确率 \S+、召回率 \S+、F1 \S+", lines[6])
    assert lines[7:] == [f"保存在：{out}"]
    settings = json.loads((out / "settings.json").read_text("utf-8"))
    assert settings["metrics"].keys() == {"accuracy", "precision", "recall", "F1"}


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backends_and_types_agree(backend, dtype):
    arguments = ["--data", "iris", "--epochs", 7, "--lr", 0.01, "--batch-size", 32]
    reference = losses(train(*arguments))
    again = losses(train(*arguments, "--backend", backend, "--dtype", dtype))
    assert again == pytest.approx(reference, abs=2e-4)
    assert reference[-1] < reference[0]


def test_the_seed_is_the_only_chance():
    first, again, other = (
        train("--data", "iris", "--epochs", 2, "--seed", seed).stdout for seed in (1, 1, 2)
    )
    assert first == again
    assert losses(CliRunnerOutput(first)) != losses(CliRunnerOutput(other))


def test_the_seed_draws_the_initial_parameters(tmp_path):
    network = Sequential(Linear(4, 3))
    for seed in (0, 7):
        out = tmp_path / str(seed)
        train(
            "Linear(4,3)", "--data", "iris", "--lr", 0, "--epochs", 1, "--seed", seed, "--out", out
        )
        kept = dict(np.load(out / "parameters.npz", allow_pickle=False))
        expected = network.initial_parameters(seed)
        assert kept.keys() == expected.keys()
        assert all(np.array_equal(kept[name], value) for name, value in expected.items())


class CliRunnerOutput:
    def __init__(self, stdout):
        self.stdout = stdout


def test_regression_from_a_csv_file(prices):
    result = train(
        *("--data", prices, "--target", "price", "--epochs", 200, "--lr", 0.02),
        *("--batch-size", 7),
    )
    assert "model: Linear(2, 16) ReLU Linear(16, 1)" in result.stdout
    assert "loss: MSELoss" in result.stdout
    assert measured(result).keys() == {"MSE", "R²"}
    assert measured(result)["R²"] > 0.9


def test_a_model_with_open_ends_takes_its_sizes_from_the_data(prices):
    result = train("Linear(D, K)", "--data", prices, "--target", "price", "--epochs", 1)
    assert "model: Linear(2, 1)\n" in result.stdout
    refused = train("Linear(D, H) ReLU Linear(H, K)", "--data", "iris", ok=2)
    assert "the size H is left open" in refused.stderr


def test_a_logit_speaks_for_class_1_from_0_up_and_a_probability_from_a_half_up(tmp_path):
    x = np.random.default_rng(3).normal(size=(101, 3))
    path = tmp_path / "sides.npz"
    np.savez(path, x=x, y=(x[:, 0] > 0).astype(int))
    held_out = split(load(str(path)), seed=0).held_out
    models = (("Linear(3, 1)", "BCEWithLogitsLoss"), ("Linear(3, 1) Sigmoid", "BCELoss"))
    for model, loss in models:  # they start, and without a step stay, as the same network
        arguments = ["--data", path, "--loss", loss, "--lr", 0, "--epochs", 1]
        found = train(model, *arguments, "--out", tmp_path / loss)
        kept = np.load(tmp_path / loss / "parameters.npz", allow_pickle=False)
        logits = (held_out.x @ kept["W1"].T + kept["b1"])[:, 0]
        right, wrong = (np.mean((logits > limit) == held_out.y) for limit in (0, 0.5))
        assert measured(found)["accuracy"] == pytest.approx(right, abs=1e-4)
        assert abs(right - wrong) > 0.01


def test_two_classes_by_one_output(tmp_path):
    x = np.random.default_rng(3).normal(size=(101, 3))
    np.savez(tmp_path / "sides.npz", x=x, y=(x[:, 0] > 0).astype(int))
    for model, loss in (
        ("Linear(3, 1)", "BCEWithLogitsLoss"),
        ("Linear(3, 1) Sigmoid", "BCELoss"),
    ):
        arguments = ["--data", tmp_path / "sides.npz", "--loss", loss, "--lr", 0.1]
        assert measured(train(model, *arguments))["accuracy"] > 0.9


def test_optimizers_and_schedules_are_taken_by_name():
    common = ["--data", "iris", "--epochs", 3, "--lr", 0.05, "--weight-decay", 0.01]
    result = train(
        *common,
        *("--optimizer", "SGD(momentum=0.9, nesterov=True)"),
        *("--schedule", "StepLR(step_size=2, gamma=0.5)"),
    )
    (shown,) = re.findall(r"optimizer: (.*);", result.stdout)
    for part in ("SGD(", "lr=0.05", "momentum=0.9", "nesterov=True", "weight_decay=0.01", "StepLR"):
        assert part in shown
    assert losses(result) != losses(train(*common, "--optimizer", "SGD(momentum=0.9)"))


def test_what_is_kept(tmp_path):
    out = tmp_path / "runs" / "first"
    result = train("--data", "iris", "--epochs", 3, "--out", out)
    assert f"kept in: {out}" in result.stdout
    assert sorted(path.name for path in out.iterdir()) == [
        "history.json",
        "parameters.npz",
        "settings.json",
    ]
    history = json.loads((out / "history.json").read_text("utf-8"))
    assert [round(epoch["loss"], 4) for epoch in history] == losses(result)
    settings = json.loads((out / "settings.json").read_text("utf-8"))
    assert settings["classes"] == ["setosa", "versicolor", "virginica"]
    assert {k: round(v, 4) for k, v in settings["metrics"].items()} == measured(result)
    assert len(settings["features"]["mean"]) == 4


def test_what_is_kept_is_what_was_measured(tmp_path):
    train("--data", "iris", "--epochs", 40, "--seed", 5, "--out", tmp_path / "run")
    kept = dict(np.load(tmp_path / "run" / "parameters.npz", allow_pickle=False))
    settings = json.loads((tmp_path / "run" / "settings.json").read_text("utf-8"))
    assert settings["model"] == "Linear(4, 16) ReLU Linear(16, 3)"
    data = load("iris")
    rows = (data.x - settings["features"]["mean"]) / settings["features"]["scale"]
    held_out = split(data, seed=5).held_out
    places = [np.flatnonzero(np.isclose(rows, row).all(axis=1))[0] for row in held_out.x]
    hidden = np.maximum(rows[places] @ kept["W1"].T + kept["b1"], 0)
    predicted = (hidden @ kept["W2"].T + kept["b2"]).argmax(axis=1)
    accuracy = np.mean(predicted == data.y[places])
    assert settings["metrics"]["accuracy"] == pytest.approx(accuracy)
    assert accuracy > 0.8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_that_differs_from_autograd_s_stops_the_run(dtype, monkeypatch, tmp_path):
    honest = symbackprop.train.run.autograd_gradients

    def shifted(system, values, names):
        loss, gradients = honest(system, values, names)
        return loss, gradients | {"W2": gradients["W2"] * 1.001}

    monkeypatch.setattr("symbackprop.train.run.autograd_gradients", shifted)
    result = train("--data", "iris", "--dtype", dtype, "--out", tmp_path / "run", ok=1)
    assert "the generated gradient of W2 differs from torch.autograd's" in result.stderr
    assert not EPOCH.search(result.stdout)
    assert not list(tmp_path.iterdir())


def test_a_run_that_diverges_keeps_nothing(prices, tmp_path):
    arguments = ["--data", prices, "--target", "price", "--optimizer", "SGD", "--lr", 1e6]
    with warnings.catch_warnings(action="error"):
        result = train(*arguments, "--out", tmp_path / "run", ok=2)
    assert "smaller learning rate" in result.stderr
    assert result.stderr.startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_a_last_step_into_the_void_is_no_defect(prices, tmp_path):
    arguments = ["--data", prices, "--target", "price", "--optimizer", "SGD", "--lr", 1e160]
    with warnings.catch_warnings(action="error"):
        result = train(*arguments, "--epochs", 1, "--batch-size", 99, "--out", tmp_path / "r", ok=2)
    assert "not a finite number" in result.stderr
    assert "smaller learning rate" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_loss_that_the_network_does_not_fit_is_told_before_the_first_step(backend):
    with warnings.catch_warnings(action="error"):
        result = train(
            "Linear(4,3)", "--data", "iris", "--loss", "BCELoss", *("--backend", backend), ok=2
        )
    assert "the loss is nan before the first step: BCELoss" in result.stderr
    assert "Sigmoid" in result.stderr
    assert not EPOCH.search(result.stdout)


def test_a_gradient_that_vanishes_agrees(tmp_path):
    """Of one probability among one, both sides know only rounding."""
    path = tmp_path / "rows.csv"
    path.write_text("".join(f"{row % 7},{row / 3}\n" for row in range(23)))
    assert measured(train("Linear(1,1) Softmax(dim=1)", "--data", path, "--epochs", 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--lr -1", "--lr"),
        ("--lr nan", "lr=nan is not a finite number"),
        ("--lr fast", "--lr"),
        ("--epochs 0", "--epochs"),
        ("--batch-size 0", "--batch-size"),
        ("--weight-decay -1", "--weight-decay"),
        ("--seed -1", "--seed"),
        ("--optimizer Adan", "did you mean 'Adam'?"),
        ("--optimizer Adam(betas=(0.9,2))", "betas=(0.9, 2)"),
        ("--schedule StepLr(3)", "did you mean 'StepLR'?"),
        ("--schedule StepLR", "StepLR needs step_size"),
        ("--data digit", "did you mean 'digits'?"),
        ("--data none.csv", "No such file"),
        ("--data iris --target kind", "--target"),
        ("--data iris --loss MSELoss", "real numbers"),
        ("--data iris --loss MSELoss(reduction=none)", "not reduced"),
        ("Linear(5,3) --data iris", "takes 5 inputs, but a row has 4 features"),
        ("Linear(4,2) --data iris", "out of range"),
        ("ReLU --data iris", "no parameters to train"),
        ("--backend jax", "--backend"),
        ("--dtype float16", "--dtype"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_starts(arguments, message, tmp_path):
    result = train(*arguments.split(" "), "--out", tmp_path / "run", ok=2)
    assert message in result.stderr
    assert not result.stdout
    assert not list(tmp_path.iterdir())


def test_folders_that_cannot_be_written_are_found_out_before_training(tmp_path):
    (tmp_path / "file").touch()
    for out in ("file", "file/below"):
        result = train("--data", "iris", "--out", tmp_path / out, ok=2)
        assert not result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("1,2\n3\n", "row 2 has 1 cells"),
        ("1,nan,0\n2,3,1\n", "row 1, column 2"),
        ("1,2,0\nx,3,1\n", "row 2, column 1"),
    ],
)
def test_data_that_cannot_be_used_is_shown(text, message, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    result = train("--data", path, ok=2)
    assert message in result.stderr
    assert str(path) in result.stderr


def test_dropout_and_running_averages_are_those_of_evaluation_in_the_end(tmp_path):
    """The held-out measure is what PyTorch's modules give with the kept state in eval mode."""
    model = "Linear(4, 7) BatchNorm1d(7) Tanh Dropout(0.3) Linear(7, 3)"
    shown = train(
        model,
        "--data",
        "iris",
        "--epochs",
        9,
        "--lr",
        0.01,
        "--out",
        tmp_path,
        "--backend",
        "torch",
    )
    kept = checkpoints.load(tmp_path)
    assert set(kept.buffers) == {"m_run2", "v_run2"}
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 7), torch.nn.BatchNorm1d(7), torch.nn.Tanh(),
        torch.nn.Dropout(0.3), torch.nn.Linear(7, 3),
    ).double().eval()  # fmt: skip
    names = {"0.weight": "W1", "0.bias": "b1", "1.weight": "gamma2", "1.bias": "b2"}
    names |= {"1.running_mean": "m_run2", "1.running_var": "v_run2"}
    names |= {"4.weight": "W3", "4.bias": "b3"}
    state = {**kept.parameters, **kept.buffers}
    module.load_state_dict({k: torch.tensor(state[n]) for k, n in names.items()}, strict=False)
    held_out = split(load("iris"), seed=0).held_out
    predicted = module(torch.tensor(held_out.x)).argmax(1).numpy()
    assert measured(shown)["accuracy"] == pytest.approx((predicted == held_out.y).mean(), abs=1e-4)
    assert not np.allclose(kept.buffers["v_run2"], 1)


def test_dropout_is_drawn_anew_for_each_batch_and_by_the_seed():
    model = "Linear(4, 7) Dropout(0.5) Linear(7, 3)"
    shown = [
        losses(train(model, "--data", "iris", "--epochs", 3, "--lr", 0, "--seed", seed))
        for seed in (1, 1, 2)
    ]
    assert len(set(shown[0])) == 3
    assert shown[0] == shown[1] != shown[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Conv Linear(64, 10)"], "Conv"),
        (["BatchNorm2d(1) Flatten Linear(64, 10)"], "size H of one is left open"),
        (["Flatten Linear(64, 10)", "--input", "2,8,8"], "takes 128 inputs"),
        (["Flatten Linear(64, 10)", "--input", "8;8"], "not sizes, such as 3,28,28"),
        (["Bilinear(64, 3, 10)"], "'u1' would have to be given"),
    ],
)
def test_inputs_that_do_not_fit_the_network(arguments, message):
    result = CliRunner().invoke(cli, ["train", *arguments, "--epochs", "1"])
    assert result.exit_code == 2, result.output
    assert message in result.output


def test_labels_are_features_that_choose_rows(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.integers(5, size=(80, 3))
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] > 2).astype(int))
    model = "Embedding(5, 3) Flatten Linear(9, 2)"
    shown = train(model, "--data", tmp_path / "data.npz", "--epochs", 40, "--lr", 0.03)
    assert measured(shown)["accuracy"] == 1
