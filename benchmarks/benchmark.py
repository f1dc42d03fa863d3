"""How long things take, beside something everybody knows; run with ``make benchmark``.

Each figure is the median of interleaved runs, given as a ratio to its reference in the
same run, because machines differ and ratios less so. What is timed is checked first.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import torch
from torch import nn, optim

import symbackprop as sb
from symbackprop.calculus import derive_backward

ROUNDS = 7


def interleaved(*actions: Callable[[], object]) -> list[float]:
    """The median seconds of each action, run in turns."""
    seconds: list[list[float]] = [[] for _ in actions]
    for _ in range(ROUNDS):
        for action, taken in zip(actions, seconds, strict=True):
            start = perf_counter()
            action()
            taken.append(perf_counter() - start)
    return [median(taken) for taken in seconds]


def python(*arguments: str) -> str:
    """The output of a fresh Python process."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def cold_start() -> None:
    """`symbp derive` in a fresh process, beside a bare ``import sympy``."""
    assert "∂L/∂W1 = δ1ᵀ·x" in python("-m", "symbp", "derive")
    derived, imported = interleaved(
        lambda: python("-m", "symbp", "derive"), lambda: python("-c", "import sympy")
    )
    print(f"symbp derive, cold: {derived:.2f} s, {derived / imported:.1f} × import sympy")


def deep(depth: int) -> sb.System:
    """A chain of tanh layers."""
    layers = [part for _ in range(depth) for part in (sb.Linear(8, 8), sb.Tanh())]
    return sb.Sequential(*layers, sb.Linear(8, 1)).system(sb.MSELoss())


def depth() -> None:
    """Deriving a network, and one of twice its depth."""
    shallow, twice = deep(25), deep(50)
    assert len(derive_backward(twice).gradients) == 102
    one, two = interleaved(lambda: derive_backward(shallow), lambda: derive_backward(twice))
    print(f"deriving 50 layers: {two:.2f} s, {two / one:.2f} × 25 layers")


def training_step() -> None:
    """A step of SGD on digits-sized batches: generated NumPy, generated PyTorch, autograd."""
    net = sb.Sequential(sb.Linear(64, 128), sb.ReLU(), sb.Linear(128, 10))
    derivation = sb.derive(net.system(sb.CrossEntropyLoss()))
    rng = np.random.default_rng(0)
    data = {"x": rng.standard_normal((64, 64)), "y": rng.integers(0, 10, 64)}
    weights = net.initial_parameters(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)).double()
    model.load_state_dict(
        {key: torch.as_tensor(weights[ours]) for key, ours in net.parameter_names.items()}
    )
    criterion, optimizer = nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.as_tensor(data["x"]), torch.as_tensor(data["y"])

    def autograd_step() -> float:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def generated(backend: str) -> Callable[[], float]:
        step = derivation.training_step(sb.SGD(lr=0.01), backend)
        values: dict[str, object] = {**weights, **data}
        if backend == "torch":
            values = {name: torch.as_tensor(value) for name, value in values.items()}

        def run() -> float:
            loss, changed = step(values)
            values.update(changed)
            return float(loss)

        return run

    steps = {backend: generated(backend) for backend in ("numpy", "torch")}
    for _ in range(5):
        expected = autograd_step()
        assert all(abs(step() - expected) < 1e-12 for step in steps.values())
    many = [
        (lambda step=step: [step() for _ in range(200)])
        for step in (*steps.values(), autograd_step)
    ]
    numpy, generated_torch, autograd = interleaved(*many)
    print(
        f"200 training steps 64-128-10: numpy {numpy / autograd:.2f}, "
        f"generated torch {generated_torch / autograd:.2f} × torch.autograd ({autograd:.3f} s)"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    cold_start()
    depth()
    training_step()
