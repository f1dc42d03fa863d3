"""The library's forward equations against the PyTorch modules of the same names."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields
from typing import Any, get_overloads

import numpy as np
import pytest
import sympy as sp
import torch
from evaluate import evaluate

from symbackprop.errors import ModelError, OptionError, ShapeError, UnknownNameError
from symbackprop.language import Domain, Role, Tensor, index, size
from symbackprop.library import (
    ELU,
    GELU,
    L1,
    L2,
    LAYERS,
    LOSSES,
    OPTIMIZERS,
    PENALTIES,
    SCHEDULES,
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    Identity,
    KLDivLoss,
    Layer,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Loss,
    MSELoss,
    NLLLoss,
    Origin,
    ReLU,
    Scope,
    Sequential,
    Sigmoid,
    SmoothL1Loss,
    Softmax,
    Softplus,
    Tanh,
    exact,
)

BATCH, FEATURES, OUT = 7, 5, 3


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    """Random numbers, among them the places where some function has a kink."""
    numbers = np.random.default_rng(seed).normal(size=shape) * 3
    kinks = [0.0, -0.0, 20.0, 20.5, 2 / 3, 19.5, -30.0]
    numbers.flat[: len(kinks)] = kinks[: numbers.size]
    return numbers


def batch_sizes(shape: tuple[int, ...]) -> list[str]:
    return ["N", "T", "S"][: len(shape) - 1]


# --- layers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "at", "value"),
    [
        (ReLU(), 0.0, 0.0),
        (LeakyReLU(0.5), -2.0, -1.0),
        (ELU(2.0), 0.0, 0.0),
        (Softplus(), 20.0, np.log1p(np.exp(20.0))),
        (Softplus(), 20.5, 20.5),
        (Softplus(threshold=None), 20.5, np.log1p(np.exp(20.5))),
    ],
    ids=str,
)
def test_value_at_a_kink(layer: Layer, at: float, value: float) -> None:
    system = Sequential(layer).system(MSELoss(), batch=())
    values = evaluate(system, {"x": np.array([at]), "y": np.zeros(1)})
    assert values["a0"][0] == pytest.approx(value, rel=1e-15, abs=0)


# --- losses -----------------------------------------------------------------------------


def test_loss_compares_logits_far_from_zero() -> None:
    loss, generator = BCEWithLogitsLoss(), np.random.default_rng(4)
    a, y = generator.normal(size=(BATCH, OUT)), generator.uniform(size=(BATCH, OUT))
    values = evaluate(Sequential(Identity()).system(loss), {"x": 5 * a, "y": y})
    expected = torch.nn.BCEWithLogitsLoss()(torch.tensor(5 * a), torch.tensor(y))
    np.testing.assert_allclose(values["L"], expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "domain", "facts"),
    [
        (MSELoss(), Domain.REAL, []),
        (BCELoss(), Domain.UNIT, []),
        (NLLLoss(), Domain.LABEL, []),
        (
            CrossEntropyLoss(target="probabilities"),
            Domain.UNIT,
            ["Sum(y[n, i], (i, 0, D - 1)) = 1"],
        ),
        (KLDivLoss(log_target=True), Domain.REAL, []),
    ],
    ids=str,
)
def test_what_a_loss_declares_of_its_target(loss: Loss, domain: Domain, facts: list[str]) -> None:
    system = Sequential(Identity()).system(loss)
    (y,) = system.targets
    assert y.domain is domain
    assert [str(fact) for fact in system.facts] == facts
    assert y.classes == (size("D") if domain is Domain.LABEL else None)


# --- networks ---------------------------------------------------------------------------


def test_the_blackboards_names() -> None:
    net = Sequential(Linear(10, 20), ReLU(), Linear(20, 1))
    system = net.system(MSELoss())
    assert list(system.tensors) == ["x", "W1", "b1", "z1", "a1", "W2", "b2", "z2", "y", "L"]
    assert [str(system.tensor(name).element) for name in ("x", "W1", "z1", "W2", "z2", "y")] == [
        "x[n, i]", "W1[j, i]", "z1[n, j]", "W2[k, j]", "z2[n, k]", "y[n, k]",
    ]  # fmt: skip
    assert system.tensor("W1").shape == (20, 10)
    assert system.tensor("z1").error_symbol == r"\delta^{(1)}"
    assert system.tensor("a1").latex == "a^{(1)}"
    assert system.origin == Origin(net, MSELoss(), (), "z2")
    assert system.sizes == (size("N"),)


def test_two_activations_in_a_row_have_two_names() -> None:
    system = Sequential(Linear(2, 3), Tanh(), Sigmoid()).system(BCELoss())
    assert [equation.name for equation in system.equations] == ["z1", "a1", "a1_2", "L"]
    assert system.tensor("a1_2").latex == "a^{(1,2)}"


def test_every_axis_has_a_letter_of_its_own() -> None:
    net = Sequential(*(part for k in range(40) for part in (Linear(k + 2, k + 3), Tanh())))
    system = net.system(CrossEntropyLoss())
    extents: dict[str, sp.Expr] = {}
    for tensor in system.tensors.values():
        for idx in tensor.indices:
            extent = idx.upper + 1
            assert extents.setdefault(str(idx.label), extent) == extent
    assert len(extents) == 42
    assert not set(extents) & set(system.tensors)


def test_parameters_are_named_shaped_and_drawn_as_pytorchs() -> None:
    net = Sequential(Linear(4, 3), Sequential(ReLU(), Linear(3, 400, bias=False)), Linear(400, 2))
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 3),
        torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(3, 400, bias=False)),
        torch.nn.Linear(400, 2),
    )
    state = module.state_dict()
    assert list(net.parameter_names) == list(state)
    assert list(net.parameter_names.values()) == ["W1", "b1", "W2", "W3", "b3"]
    assert list(net.parameter_shapes()) == [t.name for t in net.system(MSELoss()).parameters]
    values = net.initial_parameters(seed=3)
    for key, tensor in state.items():
        assert values[net.parameter_names[key]].shape == tuple(tensor.shape)
    assert 0.99 / np.sqrt(3) < np.abs(values["W2"]).max() < 1 / np.sqrt(3)
    assert np.abs(values["b3"]).max() < 1 / np.sqrt(400)
    assert not np.array_equal(values["W1"], net.initial_parameters(seed=4)["W1"])
    np.testing.assert_array_equal(values["W1"], net.initial_parameters(seed=3)["W1"])


def test_symbolic_sizes_get_numbers() -> None:
    net = Sequential(Linear("D", "H"), Sequential(ReLU(), Linear("H", 2)))
    assert net.system(MSELoss()).sizes == (size("N"), size("D"), size("H"))
    concrete = net.with_sizes({"D": 5, "H": 3})
    assert concrete == Sequential(Linear(5, 3), Sequential(ReLU(), Linear(3, 2)))
    for fails in (net.parameter_shapes, net.initial_parameters, net.layers[0].torch_arguments):  # type: ignore[union-attr]
        with pytest.raises(ModelError, match="with_sizes"):
            fails()


@pytest.mark.parametrize(
    ("penalties", "expected"),
    [
        (L1(0.3), lambda w, b: 0.3 * abs(w).sum()),
        (L2(0.3), lambda w, b: 0.15 * (w**2).sum()),
        (L2(0.3, half=False), lambda w, b: 0.3 * (w**2).sum()),
        (L1(0.3, bias=True), lambda w, b: 0.3 * (abs(w).sum() + abs(b).sum())),
        ([L1(0.3), L2(0.5)], lambda w, b: 0.3 * abs(w).sum() + 0.25 * (w**2).sum()),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_penalties_are_terms_of_the_objective(penalties: Any, expected: Any) -> None:
    net = Sequential(Linear(FEATURES, OUT))
    given = {"x": draws(BATCH, FEATURES), "y": draws(BATCH, OUT), **net.initial_parameters()}
    plain = evaluate(net.system(MSELoss()), given)["L"]
    values = evaluate(net.system(MSELoss(), penalties), given)
    assert values["R"] == pytest.approx(expected(given["W1"], given["b1"]), rel=1e-13)
    assert values["L"] == pytest.approx(plain + values["R"], rel=1e-13)


def test_several_penalties_have_a_strength_each() -> None:
    system = Sequential(Linear(2, 3)).system(MSELoss(), [L1(0.1), L2(0.2)])
    assert {t.name: t.value for t in system.hyperparameters} == {"lambda_1": 0.1, "lambda_2": 0.2}


# --- records and registries -------------------------------------------------------------


def originals() -> list[tuple[type, type]]:
    found = [
        (cls, getattr(torch.nn, name)) for name, cls in {**LAYERS, **LOSSES}.items()
        if hasattr(torch.nn, name)
    ]  # fmt: skip
    found += [(cls, getattr(torch.optim, name)) for name, cls in OPTIMIZERS.items()]
    schedulers = torch.optim.lr_scheduler
    found += [
        (cls, getattr(schedulers, name)) for name, cls in SCHEDULES.items()
        if hasattr(schedulers, name)
    ]  # fmt: skip
    return found


@pytest.mark.parametrize(("ours", "original"), originals(), ids=lambda cls: cls.__name__)
def test_arguments_and_defaults_are_pytorchs(ours: type, original: type) -> None:
    signatures = get_overloads(original.__init__)  # RNN, GRU and LSTM have several
    theirs = inspect.signature(signatures[0] if signatures else original).parameters
    for field in fields(ours):
        if "ours" in field.metadata:
            assert field.name not in theirs
            continue
        default = theirs[field.name].default
        if field.name == "dim" and default is None:  # deprecated; means -1 for a batch
            assert field.default == -1
        elif field.default is MISSING:
            assert default is inspect.Parameter.empty
        else:
            assert field.default == getattr(default, "__name__", default)


def test_registries_hold_what_the_library_promises() -> None:
    assert {"Linear", "ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid"} <= set(LAYERS)
    assert {"Tanh", "Softplus", "Softmax", "LogSoftmax", "Identity"} <= set(LAYERS)
    assert {"MSELoss", "CrossEntropyLoss", "TripletMarginLoss", "FocalLoss"} <= set(LOSSES)
    assert len(OPTIMIZERS) == 5
    assert sorted(PENALTIES) == ["L1", "L2"]
    assert LAYERS.named("ReLU") is ReLU
    with pytest.raises(UnknownNameError, match="ReLU"):
        LAYERS.named("Relu")


@pytest.mark.parametrize(
    ("number", "fraction"),
    [(0.1, sp.Rational(1, 10)), (1e-08, sp.Rational(1, 10**8)), (np.float64(2.5), sp.S(5) / 2)],
)
def test_a_decimal_is_taken_as_written(number: float, fraction: sp.Expr) -> None:
    assert exact(number) == fraction


def test_records_are_written_as_one_writes_them() -> None:
    assert str(Linear(10, 20, bias=False)) == "Linear(10, 20, bias=False)"
    assert str(Sequential(Linear("D", 1), ReLU())) == "Sequential(Linear(D, 1), ReLU)"


# --- bad input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (Sequential, ModelError, "at least one layer"),
        (lambda: Sequential(ReLU), ModelError, r"(?s)ReLU is not a layer.*write ReLU\("),
        (lambda: Sequential("ReLU"), ModelError, "'ReLU' is not a layer"),  # type: ignore[arg-type]
        (
            lambda: Sequential(Linear(10, 20), ReLU(), Linear(21, 1)),
            ModelError,
            r"Linear\(10, 20\) gives 20 features, the next Linear expects 21",
        ),
        (lambda: Sequential(*[Linear(3, 3)] * 2), ModelError, "one and the same Linear"),
        (lambda: Linear(0, 3), ModelError, "in_features=0 is not a size"),
        (lambda: Linear(3, 2.5), ModelError, "out_features=2.5 is not a size"),  # type: ignore[arg-type]
        (lambda: Linear(True, 3), ModelError, "in_features=True"),
        (lambda: Linear(None, 3), ModelError, "in_features=None"),  # type: ignore[arg-type]
        (lambda: Linear(3, 3, bias=1), OptionError, "bias=1"),  # type: ignore[arg-type]
        (lambda: GELU("exact"), OptionError, "'none', 'tanh'"),
        (lambda: ELU(float("nan")), OptionError, "alpha=nan"),
        (lambda: Softplus(beta=0), OptionError, "beta=0 is outside"),
        (lambda: Softmax(dim=1.5), OptionError, "dim=1.5"),  # type: ignore[arg-type]
        (lambda: MSELoss(reduction="avg"), OptionError, "reduction='avg'"),
        (lambda: MSELoss(reduction="batchmean"), OptionError, "batchmean"),
        (lambda: HuberLoss(delta=0), OptionError, "delta=0"),
        (lambda: SmoothL1Loss(beta=-1), OptionError, "beta=-1"),
        (lambda: CrossEntropyLoss(label_smoothing=1.5), OptionError, r"\[0, 1\]"),
        (lambda: CrossEntropyLoss(target="labels"), OptionError, "'indices', 'probabilities'"),
        (lambda: L2(-0.1), OptionError, "strength=-0.1"),
    ],
)
def test_bad_arguments_are_named(build: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    ("net", "arguments", "error", "message"),
    [
        (Sequential(Linear(2, 3)), {"loss": MSELoss}, ModelError, "write MSELoss"),
        (Sequential(Linear(2, 3)), {"loss": ReLU()}, ModelError, "is not a loss"),
        (
            Sequential(Linear(2, 3)),
            {"loss": MSELoss(), "penalties": [0.1]},
            ModelError,
            "0.1 is not a penalty",
        ),
        (
            Sequential(ReLU()),
            {"loss": MSELoss(), "penalties": L2(0.1)},
            ModelError,
            "no parameter to act on",
        ),
        (Sequential(Linear("N", 3)), {"loss": MSELoss()}, ModelError, "N is both"),
        (Sequential(Softmax(dim=2)), {"loss": MSELoss()}, ShapeError, "there is no axis 2"),
        (
            Sequential(LogSoftmax()),
            {"loss": NLLLoss(), "batch": ()},
            ShapeError,
            r"\(examples, classes\)",
        ),
        (Sequential(Linear(2, 3)), {"loss": MSELoss(), "batch": 0}, ShapeError, "not a size"),
    ],
)
def test_systems_that_cannot_be(
    net: Sequential, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        net.system(**arguments)


def test_a_layer_refuses_a_tensor_of_another_width() -> None:
    x = Tensor("x", (index("n", "N"), index("i", 4)), Role.INPUT)
    with pytest.raises(ShapeError, match=r"Linear\(5, 3\) needs 5 features"):
        Linear(5, 3).equations(Scope(), x)


def test_the_upstream_gradient_is_an_input() -> None:
    system = Sequential(Linear(2, 3)).system(MSELoss(reduction="none"))
    assert [t.name for t in system.inputs] == ["x", "g"]
    assert system.tensor("g").shape == system.tensor("l").shape
