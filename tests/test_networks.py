"""Networks beyond a chain of linear layers: numbers, shared weights, buffers, masks, shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import symbackprop as sb
from symbackprop.compile import BACKENDS
from symbackprop.verify.modules import built, module_reading
from symbackprop.verify.sampling import choose_sizes, draw

BRANCHED = sb.Sequential(
    sb.Linear(3, 5),
    sb.BatchNorm1d(5, affine=False),
    sb.Residual(sb.LayerNorm(5), sb.Linear(5, 7), sb.GELU(), sb.Linear(7, 5)),
    sb.Parallel(sb.Linear(5, 2), sb.Sequential(sb.PReLU(), sb.Linear(5, 2))),
    sb.Bilinear(2, 3, 4),
)


def test_names_in_the_equations_are_those_that_the_network_tells() -> None:
    """Parameters, buffers and further inputs, through norms, branches and nested networks."""
    system = BRANCHED.system(sb.MSELoss())
    assert [t.name for t in system.parameters] == list(BRANCHED.parameter_names.values())
    assert set(system.updates) == set(BRANCHED.buffer_names.values()) == {"m_run2", "v_run2"}
    assert BRANCHED.parameter_names["3.1.1.weight"] == "W8"
    assert BRANCHED.further_names["4"] == ("u9",)
    assert [t.name for t in system.inputs] == ["x", "m_run2", "v_run2", "u9"]
    assert list(built(BRANCHED).state_dict()) == [
        "0.weight", "0.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
        *(f"2.{k}.{p}" for k in (0, 1, 3) for p in ("weight", "bias")),
        "3.0.weight", "3.0.bias", "3.1.0.weight", "3.1.1.weight", "3.1.1.bias",
        "4.weight", "4.bias",
    ]  # fmt: skip


def test_networks_are_written_and_sized_as_they_were_built() -> None:
    net = sb.Sequential(sb.Parallel(sb.Linear("D", 3), sb.Identity(), join="concat", dim=1))
    assert str(net) == "Sequential(Parallel(Linear(D, 3), Identity, join='concat', dim=1))"
    sized = net.with_sizes({"D": 5})
    assert sized == sb.Sequential(sb.Parallel(sb.Linear(5, 3), sb.Identity(), join="concat", dim=1))
    assert sized != sb.Sequential(sb.Parallel(sb.Linear(5, 3), sb.Identity()))
    assert len({net, sized, net.with_sizes({"D": 5})}) == 2


def test_weights_of_one_name_are_one_parameter() -> None:
    net = sb.Sequential(
        sb.Embedding("V", "D", weight="E"), sb.Tanh(), sb.Linear("D", "V", bias=False, weight="E")
    )
    assert net.parameter_names == {"0.weight": "E", "2.weight": "E"}
    system = net.system(sb.CrossEntropyLoss(dim=-1), sb.L2(0.1))
    assert [t.name for t in system.parameters] == ["E"]
    assert "E" in net.with_sizes({"V": 7, "D": 3}).initial_parameters()
    report = sb.derive(system).verify()
    assert report.ok, str(report)
    assert "torch.nn" in {row.oracle for row in report.rows}


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_a_training_step_gives_the_buffers_that_the_modules_have_after_it(backend: str) -> None:
    net = sb.Sequential(sb.Linear(5, 3), sb.BatchNorm1d(3, momentum=0.3), sb.Tanh())
    system = net.system(sb.MSELoss())
    sizes = choose_sizes(system)
    values = draw(system, sizes, seed=3).arrays()
    expected = module_reading(system, values, sizes)
    step = sb.derive(system).training_step(sb.SGD(lr=0.1), backend)
    loss, changed = step(values)
    assert expected is not None
    assert loss == pytest.approx(expected.objective)
    assert set(changed) == {"W1", "b1", "gamma2", "b2", "m_run2", "v_run2"}
    for name, buffer in expected.buffers.items():
        np.testing.assert_allclose(changed[name], buffer, rtol=1e-12)
        assert not np.allclose(changed[name], values[name])


def test_many_steps_of_training_are_those_of_pytorch() -> None:
    """Running averages with momentum=None are the averages of all batches."""
    net = sb.Sequential(sb.Linear(5, 3), sb.BatchNorm1d(3, momentum=None), sb.Linear(3, 2))
    values: dict[str, Any] = {**net.initial_parameters(seed=2), **net.initial_buffers()}
    module = built(net).double()
    with torch.no_grad():
        for key, name in net.parameter_names.items():
            module.get_parameter(key).copy_(torch.tensor(values[name]))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    step = sb.derive(net.system(sb.MSELoss())).training_step(sb.SGD(lr=0.1))
    generator = np.random.default_rng(0)
    for _ in range(7):
        x, y = generator.normal(size=(11, 5)), generator.normal(size=(11, 2))
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(module(torch.tensor(x)), torch.tensor(y)).backward()
        optimizer.step()
        values.update(step({**values, "x": x, "y": y})[1])
    for key, name in (net.parameter_names | net.buffer_names).items():
        theirs = module.state_dict()[key].numpy()
        np.testing.assert_allclose(values[name], theirs, rtol=1e-9, atol=1e-12)


def test_shapes_come_from_the_first_layer_that_knows_them() -> None:
    shapes = {
        sb.Sequential(sb.ReLU(), sb.Linear(4, 3)): "x[n, i]",
        sb.Sequential(sb.Tanh(), sb.BatchNorm2d(3)): "x[n, c, h, w]",
        sb.Sequential(sb.Embedding("V", "D")): "x[n, t]",
        sb.Sequential(sb.LearnedPositions("T", "D")): "x[n, t, i]",
    }
    for net, written in shapes.items():
        system = net.system(sb.MSELoss())
        assert str(system.tensor("x").element) == written
    labels = sb.Sequential(sb.Embedding("V", "D")).system(sb.MSELoss()).tensor("x")
    assert (labels.domain, labels.classes) == (sb.Domain.LABEL, sb.size("V"))
    given = sb.Sequential(sb.ReLU()).system(sb.MSELoss(), batch=("T", "N"), shape=("H", 5))
    assert str(given.tensor("x").element) == "x[t, n, i, j]"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: sb.Sequential(sb.Linear(3, 5), sb.Residual(sb.ReLU(), sb.Linear(4, 4))),
            r"Linear\(3, 5\) gives 5 features, the next Linear expects 4",
        ),
        (
            lambda: sb.Sequential(sb.Parallel(sb.Linear(3, 5), sb.Linear(4, 5)), sb.Linear(6, 2)),
            r"Linear\(3, 5\) gives 5 features, the next Linear expects 6",
        ),
        (lambda: sb.Residual(sb.Linear(3, 5)).system(sb.MSELoss()), "do not fit together"),
        (
            lambda: sb.Parallel(sb.Linear(3, 5), sb.Linear(3, 4)).system(sb.MSELoss()),
            "do not fit together",
        ),
        (lambda: sb.Parallel(sb.ReLU(), join="stack"), "join='stack'"),
        (
            lambda: sb.Parallel(sb.ReLU(), join="concat", dim=2).system(sb.MSELoss()),
            "no axis 2 to concatenate",
        ),
        (
            lambda: sb.Sequential(sb.Linear(3, 5, weight="E"), sb.Linear(5, 2, weight="E")).system(
                sb.MSELoss()
            ),
            "'E' has shape",
        ),
        (lambda: sb.Sequential(*[sb.BatchNorm1d(3)] * 2), "one and the same BatchNorm1d"),
        (lambda: sb.Embedding(3, 2, padding_idx=0), "padding_idx=0 is not supported"),
        (
            lambda: sb.Sequential(sb.Linear(3, 2), sb.Embedding(2, 3)).system(sb.MSELoss()),
            "takes labels of 2 classes",
        ),
        (lambda: sb.GroupNorm(4, 6), "6 channels do not make 4 groups"),
        (lambda: sb.Sequential(sb.BatchNorm2d(3)).system(sb.MSELoss(), shape=(3,)), "shape .N, C"),
        (
            lambda: sb.Sequential(sb.LayerNorm((3, 5))).system(sb.MSELoss(), shape=(5,)),
            "last axes have the sizes",
        ),
        (lambda: sb.Dropout(1.5), "p=1.5"),
        (lambda: sb.Hardtanh(1.0, 1.0), "min_val=1 is not below max_val=1"),
        (lambda: sb.CELU(0.0), "alpha=0"),
        (lambda: sb.Sequential(sb.GLU()).system(sb.MSELoss(), shape=(5,)), "not an even one"),
        (lambda: sb.ZeroPad2d((1, 2)), "not a whole number or four"),  # type: ignore[arg-type]
        (lambda: sb.Sequential(sb.Flatten(2)).system(sb.MSELoss()), "has 2 axes"),
        (lambda: sb.Sequential(sb.ReLU()).system(sb.ELBOLoss()), "no latent variable"),
    ],
)
def test_networks_that_cannot_be_are_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(sb.SymbackpropError, match=message):
        build()


def updated(role: sb.Role = sb.Role.INPUT, after: sb.Tensor | None = None) -> sb.System:
    i = sb.index("i", 3)
    v, s = sb.parameter("v", i), sb.Tensor("s", (i,), role)
    following = after or sb.intermediate("s_next", i)
    total = sb.Equation(sb.intermediate("L"), v[0])
    return sb.System(
        [total, sb.Equation(following, v[0] + (s[i] if following.indices else 0))],
        [v, s],
        minimize="L",
        updates={"s": following.name},
    )


def test_updates_are_of_inputs_and_keep_their_shape() -> None:
    assert updated().updates == {"s": "s_next"}
    assert updated().replaced(updated().equations).updates == {"s": "s_next"}
    with pytest.raises(sb.SymbackpropError, match="'s', of role target, cannot be updated"):
        updated(role=sb.Role.TARGET)
    with pytest.raises(sb.SymbackpropError, match="its next value 's_next' has shape"):
        updated(after=sb.intermediate("s_next"))
