"""Update equations and schedules against PyTorch's optimizers and schedulers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from evaluate import evaluate

from symbackprop.errors import EquationError, OptionError, ShapeError
from symbackprop.language import Role, Tensor, index, parameter
from symbackprop.library import (
    OPTIMIZERS,
    SCHEDULES,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Constant,
    CosineAnnealingLR,
    ExponentialLR,
    InverseTimeLR,
    LinearWarmup,
    Optimizer,
    RMSprop,
    Schedule,
    StepLR,
    joint_system,
)

STEPS = 6
SHAPES = [(), (3,), (3, 5), (2, 3, 5)]

# Beyond each optimizer's defaults; a new one is tested with its defaults unasked.
OPTIMIZER_VARIANTS: dict[str, list[Optimizer]] = {
    "SGD": [
        SGD(),
        SGD(0.1, weight_decay=0.3),
        SGD(0.1, momentum=0.9),
        SGD(0.1, momentum=0.9, dampening=0.4, weight_decay=0.1),
        SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        SGD(0.1, momentum=0.9, schedule=CosineAnnealingLR(4)),
    ],
    "Adam": [
        Adam(),
        Adam(0.1, betas=(0.7, 0.8), eps=0.01, weight_decay=0.2),
        Adam(0.1, betas=(0.5, 0.5), amsgrad=True),
        Adam(0.1, schedule=ExponentialLR(0.5)),
    ],
    "AdamW": [AdamW(0.1), AdamW(0.1, weight_decay=0.4, amsgrad=True), AdamW(weight_decay=0)],
    "RMSprop": [
        RMSprop(),
        RMSprop(0.1, alpha=0.6, eps=0.01, momentum=0.9, weight_decay=0.1),
        RMSprop(centered=True),
        RMSprop(centered=True, momentum=0.5),
    ],
    "Adagrad": [
        Adagrad(),
        Adagrad(0.1, lr_decay=0.3, weight_decay=0.2),
        Adagrad(initial_accumulator_value=0.7, eps=0.01, schedule=StepLR(2)),
    ],
}

SCHEDULE_VARIANTS: dict[str, list[Schedule]] = {
    "StepLR": [StepLR(3), StepLR(7, gamma=0.5), StepLR(1, gamma=2.0)],
    "ExponentialLR": [ExponentialLR(0.9)],
    "CosineAnnealingLR": [CosineAnnealingLR(7), CosineAnnealingLR(5, eta_min=0.01)],
    "InverseTimeLR": [InverseTimeLR(0.3)],
    "LinearWarmup": [
        LinearWarmup(5),
        LinearWarmup(4, StepLR(3)),
        LinearWarmup(3, CosineAnnealingLR(11, eta_min=0.01)),
        LinearWarmup(5, InverseTimeLR(1.0)),
    ],
}

OPTIMIZER_CASES = [
    case
    for name, cls in OPTIMIZERS.items()
    for case in OPTIMIZER_VARIANTS.get(name) or [cls()]  # type: ignore[call-arg]
]
SCHEDULE_CASES = [
    case
    for name, cls in SCHEDULES.items()
    for case in SCHEDULE_VARIANTS.get(name) or [cls()]  # type: ignore[call-arg]
]


def weight(*shape: int, name: str = "W1") -> tuple[Tensor, Tensor]:
    indices = [index(letter, extent) for letter, extent in zip("kji", shape, strict=False)]
    gradient = Tensor(f"d{name}", tuple(indices), adjoint_of=name)
    return parameter(name, *indices, latex="W^{(1)}"), gradient


def gradients(shape: tuple[int, ...]) -> list[np.ndarray]:
    generator = np.random.default_rng(8)
    return [generator.normal(size=shape) * 2.0**-step for step in range(STEPS)]


def torch_scheduler(schedule: Schedule, optimizer: torch.optim.Optimizer) -> Any:
    """PyTorch's scheduler of the same meaning."""
    schedulers = torch.optim.lr_scheduler
    match schedule:
        case Constant():
            return schedulers.LambdaLR(optimizer, lambda step: 1.0)
        case InverseTimeLR(decay):
            return schedulers.LambdaLR(optimizer, lambda step: 1 / (1 + decay * step))
        case LinearWarmup(steps, then):
            start = schedulers.LinearLR(optimizer, 1 / steps, total_iters=steps - 1)
            after = torch_scheduler(then, optimizer)
            return schedulers.SequentialLR(optimizer, [start, after], [steps])
    return getattr(schedulers, type(schedule).__name__)(optimizer, **schedule.torch_arguments())


def pytorchs_path(optimizer: Optimizer, start: np.ndarray) -> list[np.ndarray]:
    theta = torch.nn.Parameter(torch.tensor(start))
    original = getattr(torch.optim, type(optimizer).__name__)(
        [theta], **optimizer.torch_arguments()
    )
    scheduler = torch_scheduler(optimizer.schedule, original)
    path = []
    for gradient in gradients(start.shape):
        theta.grad = torch.tensor(gradient)
        original.step()
        scheduler.step()
        path.append(theta.detach().numpy().copy())
    return path


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES, ids=str)
def test_every_step_is_pytorchs(optimizer: Optimizer, shape: tuple[int, ...]) -> None:
    theta, gradient = weight(*shape)
    update, system = optimizer.update(theta, gradient), optimizer.system(theta, gradient)
    start = np.random.default_rng(9).normal(size=shape)
    given = {name: np.full(shape, value) for name, value in update.initial.items()}
    given[update.parameter] = start
    for step, expected in enumerate(pytorchs_path(optimizer, start)):
        given |= {"dW1": gradients(shape)[step], "t": np.float64(step + 1)}
        wanted = {tensor.name for tensor in system.given}
        values = evaluate(system, {k: v for k, v in given.items() if k in wanted})
        np.testing.assert_allclose(values[update.successor], expected, rtol=1e-12, atol=1e-14)
        given |= {name: values[after] for name, after in update.state.items()}
        given[update.parameter] = values[update.successor]


@pytest.mark.parametrize("schedule", SCHEDULE_CASES, ids=str)
def test_every_rate_is_pytorchs(schedule: Schedule) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.25)
    scheduler = torch_scheduler(schedule, optimizer)
    theta, gradient = weight()
    system = SGD(0.25, schedule=schedule).system(theta, gradient)
    for step in range(1, 60):
        values = evaluate(
            system,
            {"W1": 0.0, "dW1": -1.0} | ({"t": float(step)} if "t" in system.tensors else {}),
        )
        assert values["W1_next"] == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("step_size", [3, 10, 41, 49])
def test_periods_end_where_they_should_in_rounded_arithmetic(step_size: int) -> None:
    t = Tensor("t").element
    rate = StepLR(step_size, gamma=0.5).rate(Tensor("eta_0").element, t)
    for period in (1, 3, 7, 100):
        for dtype in (np.float64, np.float32):
            after = evaluate_scalar(rate, dtype(period * step_size + 1))
            before = evaluate_scalar(rate, dtype(period * step_size))
            assert (before, after) == (0.5 ** (period - 1), 0.5**period)


def evaluate_scalar(rate: Any, t: Any) -> float:
    theta = parameter("theta")
    system = SGD(1.0, schedule=_Given(rate)).system(theta, Tensor("g"))
    return float(evaluate(system, {"theta": 0.0, "g": -1.0, "t": t})["theta_next"])


class _Given(Schedule):
    def __init__(self, formula: Any) -> None:
        object.__setattr__(self, "formula", formula)

    def rate(self, initial: Any, t: Any) -> Any:
        return self.formula  # type: ignore[attr-defined]


# First step, η = 1e-3, ε = 1e-8: where ε stands shows at a gradient as small as ε.
@pytest.mark.parametrize(("g", "moved"), [(0.3, 9.99999967e-4), (1e-8, 5.0e-4)])
def test_adam_first_step_is_the_papers(g: float, moved: float) -> None:
    theta, gradient = weight()
    given = {"W1": 0.0, "dW1": g, "m_W1": 0.0, "v_W1": 0.0, "t": 1.0}
    values = evaluate(Adam(1e-3).system(theta, gradient), given)
    assert -values["W1_next"] == pytest.approx(moved, rel=1e-9)


def test_an_update_says_what_it_needs_and_carries() -> None:
    theta, gradient = weight(3, 5)
    update = Adam(0.02, betas=(0.8, 0.9), amsgrad=True).update(theta, gradient)
    assert (update.parameter, update.successor) == ("W1", "W1_next")
    assert update.state == {
        "m_W1": "m_W1_next",
        "v_W1": "v_W1_next",
        "v_max_W1": "v_max_W1_next",
    }
    assert update.initial == {"m_W1": 0.0, "v_W1": 0.0, "v_max_W1": 0.0}
    tensors = {tensor.name: tensor for tensor in update.tensors}
    assert tensors["beta_1"].value == 0.8
    assert tensors["beta_1"].role is Role.HYPERPARAMETER
    assert tensors["W1"] is theta
    assert tensors["dW1"].adjoint_of == "W1"
    assert tensors["m_W1"].shape == theta.shape
    assert tensors["m_W1"].role is Role.INPUT
    assert tensors["t"].role is Role.INPUT


def test_options_that_are_off_leave_nothing_behind() -> None:
    update = SGD(0.1).update(*weight(3))
    assert [tensor.name for tensor in update.tensors] == ["W1", "dW1", "eta", "W1_next"]
    assert str(update.equations[0]) == "W1_next[k] = -eta*dW1[k] + W1[k]"
    assert Adagrad(initial_accumulator_value=0.5).update(*weight(3)).initial == {"s_W1": 0.5}


def test_several_parameters_share_the_rate_and_keep_their_own_state() -> None:
    optimizer = Adam(0.1, schedule=StepLR(2))
    updates = [optimizer.update(*weight(3, 5)), optimizer.update(*weight(3, name="b1"))]
    system = joint_system(updates)
    assert [equation.name for equation in system.equations].count("eta") == 1
    alone = evaluate(optimizer.system(*weight(3)), filled(optimizer.system(*weight(3))))
    joint = evaluate(system, filled(system))
    np.testing.assert_array_equal(joint["b1_next"], alone["W1_next"])
    assert joint["W1_next"].shape == (3, 5)


def filled(system: Any) -> dict[str, np.ndarray]:
    given = [t for t in system.given if t.value is None]
    return {t.name: np.full([int(e) for e in t.shape], 0.5) for t in given}


# --- bad input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SGD(-1), r"lr=-1 is outside \[0, ∞\)"),
        (lambda: SGD(math.nan), "lr=nan"),
        (lambda: SGD("0.1"), "lr='0.1' is not a finite number"),  # type: ignore[arg-type]
        (lambda: SGD(momentum=-0.1), "momentum=-0.1"),
        (lambda: SGD(weight_decay=-0.1), "weight_decay=-0.1"),
        (lambda: SGD(0.1, momentum=0.9, dampening=1.5), "dampening=1.5"),
        (lambda: SGD(0.1, nesterov=True), "nesterov needs a momentum"),
        (
            lambda: SGD(0.1, momentum=0.9, dampening=0.1, nesterov=True),
            "nesterov needs a momentum, and no dampening",
        ),
        (lambda: SGD(schedule=0.9), "schedule=0.9 is not a schedule"),  # type: ignore[arg-type]
        (lambda: Adam(betas=(0.9, 1.0)), "betas=.*not a pair"),
        (lambda: Adam(betas=(-0.1, 0.9)), "betas="),
        (lambda: Adam(betas=0.9), "betas=0.9"),  # type: ignore[arg-type]
        (lambda: Adam(betas=(math.nan, 0.9)), "betas="),
        (lambda: Adam(eps=-1e-8), "eps=-1e-08"),
        (lambda: AdamW(amsgrad=1), "amsgrad=1"),  # type: ignore[arg-type]
        (lambda: RMSprop(alpha=1.5), "alpha=1.5"),
        (lambda: Adagrad(lr_decay=-1), "lr_decay=-1"),
        (lambda: StepLR(0), "step_size=0 is not a whole number"),
        (lambda: StepLR(2.5), "step_size=2.5"),  # type: ignore[arg-type]
        (lambda: ExponentialLR(0), "gamma=0"),
        (lambda: CosineAnnealingLR(-3), "T_max=-3"),
        (lambda: InverseTimeLR(-0.1), "decay=-0.1"),
        (lambda: LinearWarmup(5, "StepLR"), "then='StepLR' is not a schedule"),  # type: ignore[arg-type]
    ],
)
def test_bad_options_are_named(build: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        build()


def test_a_gradient_of_another_shape_is_refused() -> None:
    theta, _ = weight(3, 5)
    with pytest.raises(ShapeError, match="'dW1' has shape"):
        SGD().update(theta, weight(5, 3)[1])


def test_a_parameter_with_a_name_of_the_updates_own_is_refused() -> None:
    with pytest.raises(EquationError, match="needs the name 't'"):
        Adam().update(*weight(name="t"))
