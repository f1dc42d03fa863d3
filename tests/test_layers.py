"""Every layer and its arguments, forward and backward, against the real `torch.nn` module.

Registry-driven: a new layer is tested unasked, with its defaults or with what
`layer_cases.CASES` has for it. In float64 to 1e-10, on every backend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from evaluate import evaluate
from layer_cases import FEATURES, ROWS, Case, all_cases

import symbackprop as sb
from symbackprop.compile import BACKENDS
from symbackprop.verify.autograd import autograd_gradients
from symbackprop.verify.modules import ModuleReading, built, module_reading
from symbackprop.verify.sampling import choose_sizes, draw

#: Relative to the largest element of what is expected (or of all gradients, for one that is 0).
TOLERANCE = 1e-10


def assert_close(found: Any, expected: Any, what: str, scale: float = 0.0) -> None:
    assert np.shape(found) == np.shape(expected), what
    scale = max(float(np.max(np.abs(expected), initial=0.0)), scale) or 1.0
    error = float(np.max(np.abs(np.asarray(found) - np.asarray(expected)), initial=0.0)) / scale
    assert error <= TOLERANCE, f"{what}: {error:.1e}"


def reading_of(system: sb.System, values: Mapping[str, np.ndarray]) -> ModuleReading:
    sizes = choose_sizes(system, {str(s): n for s, n in sizes_in(system, values).items()})
    reading = module_reading(system, values, sizes)
    assert reading is not None, "there is no such module"
    return reading


def sizes_in(system: sb.System, values: Mapping[str, np.ndarray]) -> dict[Any, int]:
    pairs = (zip(t.shape, values[t.name].shape, strict=True) for t in system.given)
    return {extent: n for pair in pairs for extent, n in pair if extent.is_Symbol}


def check_forward(
    system: sb.System, values: Mapping[str, np.ndarray], expected: ModuleReading
) -> None:
    """The network's output and the buffers' next values, as the tests' own reader has them."""
    found = evaluate(system, values)
    assert_close(found[system.origin.prediction], expected.prediction, "output")
    assert_close(found["L"], expected.objective, "objective")
    for buffer, successor in system.updates.items():
        assert_close(found[successor], expected.buffers[buffer], buffer)


def check_backward(
    system: sb.System, values: Mapping[str, np.ndarray], expected: ModuleReading
) -> None:
    """All gradients, of parameters and inputs, on every backend."""
    derivation = sb.derive(system, wrt=list(expected.gradients))
    largest = max(float(np.max(np.abs(g), initial=0.0)) for g in expected.gradients.values())
    for backend in BACKENDS:
        loss, gradients = derivation.compile(backend)(values)
        assert_close(loss, expected.objective, f"{backend}: objective")
        for name, gradient in expected.gradients.items():
            assert_close(gradients[name], gradient, f"{backend}: {name}", 1e-5 * largest)


def drawn(system: sb.System, seed: int) -> dict[str, np.ndarray]:
    """Random values; whole numbers for the buffers that count."""
    values = draw(system, choose_sizes(system), seed=seed).arrays()
    network = system.origin.network.with_sizes(
        {str(symbol): n for symbol, n in sizes_in(system, values).items()}
    )
    for key, name in network.buffer_names.items():
        if name in values and not built(network).get_buffer(key).is_floating_point():
            values[name] = np.ceil(5 * values[name])
    return values


def check(system: sb.System, seed: int = 1) -> None:
    values = drawn(system, seed)
    expected = reading_of(system, values)
    check_forward(system, values, expected)
    check_backward(system, values, expected)


def in_both_modes(net: sb.Network, *terms: sb.Penalty, **settings: Any) -> Iterator[sb.System]:
    """The equations of training, and those of evaluation where they are others."""
    training = net.system(sb.MSELoss(), terms, **settings)
    yield training
    evaluation = net.system(sb.MSELoss(), terms, **settings, training=False)
    if evaluation.equations != training.equations:
        yield evaluation


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("case", list(all_cases()), ids=str)
def test_layer_is_pytorchs(case: Case) -> None:
    net = sb.Sequential(case.layer)
    for system in in_both_modes(net, batch=case.batch, shape=case.shape):
        check(system)


@pytest.mark.parametrize("case", list(all_cases()), ids=str)
def test_state_is_named_shaped_and_drawn_as_pytorchs(case: Case) -> None:
    """Parameters and buffers: their keys, their shapes, what fills them before training."""
    net = sb.Sequential(case.layer).with_sizes({"D": 11, "T": 7, "V": 5, "C": 3, "O": 2, "H": 13})
    names = net.parameter_names | net.buffer_names
    module = built(net)
    known = dict(module.named_buffers()) | dict(module.named_parameters(remove_duplicate=False))
    assert names.keys() <= known.keys()
    assert known.keys() - names.keys() <= {"0.num_batches_tracked"}
    torch.manual_seed(0)
    theirs = [built(net).state_dict() for _ in range(40)]
    ours = [net.initial_parameters(seed) | net.initial_buffers() for seed in range(40)]
    for key, name in names.items():
        found = np.stack([one[name] for one in ours])
        expected = np.stack([one[key].numpy() for one in theirs])
        assert found.shape == expected.shape, key
        assert np.sqrt((found**2).mean()) == pytest.approx(np.sqrt((expected**2).mean()), rel=0.3)
        assert np.abs(found).max() == pytest.approx(np.abs(expected).max(), rel=0.5), key


# --- kinks ------------------------------------------------------------------------------

#: Zero and both sides of it; both sides of every other threshold of the library.
KINKS = np.array(
    [0.0, *(s * (at + d) for at in (0.5, 1, 3, 6, 20) for d in (-1e-9, 0, 1e-9) for s in (-1, 1)),
     1e-9, -1e-9, 21.0]
)  # fmt: skip


@pytest.mark.parametrize(
    "layer",
    [
        case.layer
        for case in all_cases()
        if case.shape == ROWS
        and isinstance(case.layer, sb.Activation | sb.PReLU)
        and case.layer != sb.PReLU(FEATURES, 0.3)
    ],
    ids=str,
)
def test_activations_at_and_beside_their_kinks(layer: sb.Layer) -> None:
    system = sb.Sequential(layer).system(sb.MSELoss())
    x = np.stack([KINKS, -KINKS, KINKS[::-1]])
    drawn = draw(system, choose_sizes(system, {"N": 3, "D": KINKS.size}), seed=1).arrays()
    values = drawn | {"x": x, "y": np.linspace(-1.0, 1.0, x.size).reshape(x.shape)}
    expected = reading_of(system, values)
    check_forward(system, values, expected)
    check_backward(system, values, expected)


MAX_POOLS = [case for case in all_cases() if isinstance(case.layer, sb.MaxPool1d | sb.MaxPool2d)]
#: Numbers of which many are equal, by how they are drawn.
TIED = {
    "few values": lambda shape: np.random.default_rng(2).integers(-2, 2, shape).astype(float),
    "all negative": lambda shape: -np.random.default_rng(3).integers(1, 3, shape).astype(float),
    "one value": lambda shape: np.full(shape, -1.5),
}


def tied(case: Case, fill: str, *before: sb.Layer) -> tuple[sb.System, dict[str, np.ndarray]]:
    """A pool of numbers of which many are equal, perhaps after another layer."""
    net = sb.Sequential(*before, case.layer)
    system = net.system(sb.MSELoss(), batch=case.batch, shape=case.shape)
    values = drawn(system, seed=4)
    return system, values | {"x": TIED[fill](values["x"].shape)}


@pytest.mark.parametrize("fill", TIED)
@pytest.mark.parametrize("case", MAX_POOLS, ids=str)
def test_the_first_largest_place_of_a_window_has_its_whole_derivative(
    case: Case, fill: str
) -> None:
    """Forward, backward on every backend, and as autograd reads the equations."""
    for before in ((), (sb.ReLU(),)):
        system, values = tied(case, fill, *before)
        expected = reading_of(system, values)
        check_forward(system, values, expected)
        check_backward(system, values, expected)
        _, gradients = autograd_gradients(system, values, ["x"])
        assert_close(gradients["x"], expected.gradients["x"], "autograd")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", MAX_POOLS, ids=str)
def test_at_ties_second_derivatives_are_pytorchs(case: Case, backend: str) -> None:
    system, values = tied(case, "few values")
    v = np.random.default_rng(5).normal(size=values["x"].shape)
    module, y = built(system.origin.network), torch.as_tensor(values["y"])
    x = torch.as_tensor(values["x"]).requires_grad_()
    loss = torch.nn.functional.mse_loss(module(x), y)
    (slope,) = torch.autograd.grad(loss, x, create_graph=True)
    (expected,) = torch.autograd.grad(slope, x, torch.as_tensor(v))
    _, found = sb.hvp(system, "x").compile(backend)({**values, "v": v})
    assert_close(found["x"], expected.numpy(), "H·v")


@pytest.mark.parametrize("before", [(), (sb.ReLU(),)], ids=["pool", "after relu"])
def test_a_padded_pools_equations_hold_for_every_oracle(before: tuple[sb.Layer, ...]) -> None:
    """Where the padding is -∞, and 0·∞ has no value, the equations themselves are evaluated."""
    net = sb.Sequential(*before, sb.MaxPool2d((3, 2), 2, (1, 1)))
    report = sb.derive(net.system(sb.MSELoss(), shape=(1, 3, 5)), wrt=["x"]).verify()
    assert report.ok, report


@pytest.mark.parametrize("backend", BACKENDS)
def test_elsewhere_all_largest_places_share_the_derivative(backend: str) -> None:
    """`MaxOver` is `torch.amax`, and the first of the largest is asked for by name."""
    n, i, j = sb.index("n", "N"), sb.index("i", 3), sb.index("j", 5)
    x, loss = sb.input("x", n, i, j), sp.Symbol("L", real=True)
    at = TIED["few values"]((7, 3, 5))
    for over, first in ((sb.MaxOver, False), (sb.FirstMaxOver, True)):
        squared = sp.Sum(over(x[n, i, j], i, j) ** 2, n)
        system = sb.System([sb.Equation(loss, squared)], [x], minimize="L")
        given = torch.as_tensor(at).requires_grad_()
        flat = given.flatten(1)
        largest = flat.max(dim=1).values if first else flat.amax(dim=1)
        (expected,) = torch.autograd.grad((largest**2).sum(), given)
        _, found = sb.derive(system, wrt=["x"]).compile(backend)({"x": at})
        assert_close(found["x"], expected.numpy(), str(over))


# --- networks ---------------------------------------------------------------------------

NETWORKS = [
    sb.Sequential(sb.Linear(5, 7), sb.Residual(sb.Linear(7, 7), sb.Tanh()), sb.Linear(7, 3)),
    sb.Sequential(sb.Parallel(sb.Linear(5, 3), sb.Sequential(sb.Linear(5, 3), sb.Tanh()))),
    sb.Residual(sb.Dropout(0.3), sb.Linear(5, 5), sb.Dropout(0.5)),
    sb.Sequential(sb.Linear(5, 3, weight="E"), sb.Linear(3, 5), sb.Linear(5, 3, weight="E")),
]


@pytest.mark.parametrize("net", NETWORKS, ids=str)
def test_network_is_pytorchs(net: sb.Network) -> None:
    for system in in_both_modes(net, sb.L2(0.3)):
        check(system)
