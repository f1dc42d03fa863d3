"""Writes `layers.md`: every layer and every loss with its equations and derived gradient.

    python docs/build_layers.py

The page runs over the registries and over the tables that the tests run over, so a new
layer or loss is on it without being asked. Errors are measured while it is written: the
tests' comparison with the real `torch.nn` modules, in float64 at sizes that are different
primes.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import sympy as sp

import symbackprop as sb
from symbackprop.compile import BACKENDS
from symbackprop.typeset import latex_equation
from symbackprop.verify.modules import module_reading
from symbackprop.verify.sampling import choose_sizes, draw

PAGE = Path(__file__).with_name("layers.md")
ROOT = PAGE.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import layer_cases  # noqa: E402 (the tests' tables say what every layer is tried with)
import loss_cases  # noqa: E402

#: Errors are given as bounds, so that the page is the same on every machine.
BOUNDS = (1e-12, 1e-11, 1e-10)


def whole() -> str:
    """The page."""
    layers = [_layer(name) for name in sb.LAYERS]
    losses = [_loss(name) for name in sb.LOSSES]
    parts = [
        "# Layers and losses",
        "Every layer is a few index equations; its backward pass is derived from them by the "
        "same rules for all, never written by hand. Names, arguments and defaults are "
        "PyTorch's. This page is written by `docs/build_layers.py`.",
        "The **error** is the largest difference from the `torch.nn` module of the same name, "
        "in float64, of the value and of all gradients (parameters and inputs), of the NumPy "
        "and the PyTorch code, relative to the largest element; *ours* is what `torch.nn` does "
        "not have. G is the gradient that arrives from above.",
        "## Layers",
        _table(layers),
        "## Losses",
        _table(losses),
        *(section for _, _, section in [*layers, *losses]),
    ]
    return "\n\n".join(parts) + "\n"


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| [`{name}`](#{name.lower()}) | {said} |" for name, said, _ in rows]
    return "\n".join(["| name | what it is | error |", "|-|-|-|", *lines])


def _layer(name: str) -> tuple[str, str, str]:
    case = layer_cases.cases(name)[0]
    system = sb.Sequential(case.layer).system(sb.MSELoss(), batch=case.batch, shape=case.shape)
    shown = _with_upstream(system)
    return _entry(name, sb.LAYERS[name], str(case.layer), _error(system), shown)


def _loss(name: str) -> tuple[str, str, str]:
    case = next(iter(loss_cases.cases(name)))
    system = sb.Sequential(*case.head).system(case.loss, shape=case.shape)
    # A loss that asks for a network with parameters is a loss of that network.
    network = case.head if any(layer.weights for layer in case.head) else (sb.Identity(),)
    shown = sb.Sequential(*network).system(case.loss, shape=case.shape)
    return _entry(name, sb.LOSSES[name], str(case.loss), _error(system), shown)


def _entry(
    name: str, kind: type, call: str, error: float | None, system: sb.System
) -> tuple[str, str, str]:
    said = " ".join(inspect.getdoc(kind).split("\n\n")[0].split())
    bound = "ours" if error is None else f"< {min(b for b in BOUNDS if error < b):.0e}"
    source = Path(inspect.getfile(kind)).relative_to(ROOT)
    section = "\n\n".join(
        [
            f"### {name}",
            f"{said} [`{source.name}`](../{source.as_posix()}), shown for `{call}`:",
            *_formulas(system),
        ]
    )
    return name, f"{_cell(said)} | {bound}", section


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _with_upstream(system: sb.System) -> sb.System:
    """The network with a given gradient G of its output, rather than a loss."""
    output = system.tensors[system.origin.prediction]
    taken = {tensor.name for tensor in system.tensors.values()}
    upstream = sb.input("G" if "G" not in taken else "G_L", *output.indices)
    objective = sp.Sum(upstream.element * output.element, *reversed(output.indices))
    kept = [t for t in system.tensors.values() if t.role is not sb.Role.TARGET and t.name != "L"]
    equations = [e for e in system.equations if e.name != "L"]
    sent = sb.Equation(sb.Tensor("L").element, objective)
    return sb.System([*equations, sent], [*kept, upstream], minimize="L")


def _formulas(system: sb.System) -> Iterator[str]:
    """The equations, then what is derived from them, in index notation."""
    names = [
        tensor.name
        for tensor in (*system.inputs, *system.parameters)
        if tensor.domain is not sb.Domain.LABEL and tensor.name not in ("G", "G_L")
    ]
    derivation = sb.derive(system, names)
    adjoints = derivation.adjoints
    needed = _needed(derivation)
    derived = [adjoints[n] for n in adjoints if n in needed]
    forward = [e for e in system.equations if e.name != "L" or "y" in system.tensors]
    if forward:
        yield _block(latex_equation(e, system.tensors) for e in forward)
    yield _block(e.latex() for e in (*derived, *derivation.gradients.values()))


def _needed(derivation: sb.Derivation) -> set[str]:
    """The intermediates whose adjoints the gradients refer to, directly or not."""
    by_adjoint = {adjoint.name: name for name, adjoint in derivation.adjoints.items()}
    waiting = [equation.used_names for equation in derivation.gradients.values()]
    needed: set[str] = set()
    while waiting:
        for used in waiting.pop():
            name = by_adjoint.get(used)
            if name is not None and name not in needed:
                needed.add(name)
                waiting.append(derivation.adjoints[name].used_names)
    return needed


def _block(lines: Iterable[str]) -> str:
    rows = " \\\\\n".join(line.replace(" = ", " &= ", 1) for line in lines)
    return f"```math\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n```"


def _error(system: sb.System) -> float | None:
    """The worst relative error against the original modules; None where there are none."""
    sizes = choose_sizes(system)
    values = draw(system, sizes, seed=1).arrays()
    reading = module_reading(system, values, sizes)
    if reading is None:
        return None
    derivation = sb.derive(system, wrt=list(reading.gradients))
    largest = max((float(np.max(np.abs(g))) for g in reading.gradients.values()), default=1.0)
    worst = 0.0
    for backend in BACKENDS:
        loss, gradients = derivation.compile(backend)(values)
        worst = max(worst, abs(float(loss) - reading.objective) / max(1.0, abs(reading.objective)))
        for name, expected in reading.gradients.items():
            scale = max(float(np.max(np.abs(expected))), 1e-5 * largest) or 1.0
            worst = max(worst, float(np.max(np.abs(gradients[name] - expected))) / scale)
    return worst


if __name__ == "__main__":
    PAGE.write_text(whole(), encoding="utf-8")
