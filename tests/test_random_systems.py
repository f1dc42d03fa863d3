"""Random systems of the whole language: derived, compiled, checked and written.

Hypothesis looks for small systems that fail; many more are drawn by numbered seeds, all of
them different. ``SYMBACKPROP_SYSTEMS`` and ``SYMBACKPROP_EXAMPLES`` draw more of both.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import HealthCheck, assume, given, settings
from random_systems import SIZES, random_system, systems

import symbackprop as sb
from symbackprop.verify import autograd_gradients
from symbackprop.verify.autograd import TorchReading
from symbackprop.verify.sampling import Point, choose_sizes, draw
from symbackprop.verify.tables import Forward

#: The same systems in every run; others are drawn offline with a larger number.
EXAMPLES = int(os.environ.get("SYMBACKPROP_EXAMPLES", "0"))
SYSTEMS = int(os.environ.get("SYMBACKPROP_SYSTEMS", "500"))
_SHARDS = 20  # parts of the many, which run side by side
_PARTS = 4  # parts of the fewer that are looked at more closely
_MOST_NODES = 150  # nodes of the trees: what is larger is drawn again
_LARGEST = 1e6  # gradients above it are of functions too steep for float64
_BESIDE = 1e-6  # nearer to a kink than this, a gradient is a matter of taste

parts = pytest.mark.parametrize("shard", range(_PARTS))
shards = pytest.mark.parametrize("shard", range(_SHARDS))


def rigorous(examples: int) -> Callable:
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def sizes_of(system: sb.System, steps: int = SIZES["M"]) -> dict[str, int]:
    names = {str(size) for size in system.sizes}
    return {name: extent for name, extent in {**SIZES, "M": steps}.items() if name in names}


def point_of(system: sb.System, seed: int) -> Point:
    """Numbers for a system; recurrences take 4, 1 or 2 steps."""
    sizes = sizes_of(system, steps=(4, 1, 2)[seed % 3])
    return draw(system, choose_sizes(system, sizes), seed)


def names_of(system: sb.System) -> list[str]:
    """Parameters, an input and an intermediate."""
    return [*(t.name for t in system.parameters), "x", system.equations[0].name]


def is_beside_kinks(system: sb.System, point: Point) -> bool:
    with mpmath.workdps(30):
        return Forward(system, point).margin > _BESIDE


def is_tame(objective: float, gradients: Mapping[str, np.ndarray]) -> bool:
    """Whether float64 can tell a right gradient from a wrong one."""
    steep = any(not np.abs(gradient).max() < _LARGEST for gradient in gradients.values())
    return bool(np.isfinite(objective) and not steep)


def differences(
    found: tuple[object, Mapping[str, object]], objective: float, expected: Mapping[str, np.ndarray]
) -> list[str]:
    """The tensors whose values are not as expected, ``L`` for the objective."""
    loss, gradients = found
    largest = max(np.abs(gradient).max() for gradient in expected.values())
    # What cancels leaves rounding errors in proportion to what there was.
    floor = 1e-12 * max(1.0, abs(objective), largest)
    wrong = [] if np.isclose(float(loss), objective, rtol=1e-9, atol=floor) else ["L"]  # type: ignore[arg-type]
    for name, gradient in expected.items():
        value, atol = np.asarray(gradients[name]), 1e-9 * np.abs(gradient).max() + floor
        if value.shape != gradient.shape or not np.allclose(value, gradient, rtol=0, atol=atol):
            wrong.append(name)
    return wrong


def checked(system: sb.System, backends: Sequence[str], seed: int = 0) -> bool:
    """Compare compiled gradients with those of autograd.

    Returns
    -------
    bool
        False where nothing was compared: at a kink, or where a gradient is too steep.
    """
    names = names_of(system)
    point = point_of(system, seed)
    objective, expected = autograd_gradients(system, point.arrays(), names)
    if not is_tame(objective, expected):
        return False
    derivation = sb.derive(system, names)
    for backend in backends:
        compiled = derivation.compile(backend)
        wrong = differences(compiled(point.arrays()), objective, expected)
        if wrong and not is_beside_kinks(system, point):
            return False
        assert not wrong, f"{backend} is wrong by {wrong} of\n{system}\n{compiled.source}"
    return True


def drawn(shard: int, count: int, shards: int = _SHARDS) -> list[int]:
    """The seeds of one part of the many."""
    return list(range(shard, count, shards))


def small_system(seed: int) -> sb.System:
    """The first system of a seed that has no more parts than it takes to be interesting."""
    generator = random.Random(seed)  # noqa: S311 (nothing is secret here)
    while True:
        system = random_system(generator.randint, most_equations=2 + seed % 2, most_depth=2)
        expressions = [expr for equation in system.equations for expr in equation.expressions]
        if sum(1 for expr in expressions for _ in sp.preorder_traversal(expr)) <= _MOST_NODES:
            return system


def at(seed: int, check: Callable[[sb.System, int], bool]) -> bool:
    """Check the system of a seed, which a failure names."""
    try:
        return check(small_system(seed), seed)
    except Exception as error:
        raise AssertionError(f"small_system({seed}): {error}") from error


def writings(derivation: sb.Derivation) -> list[str]:
    """Everything a derivation may be written as."""
    return [
        derivation.text(level="all"),
        derivation.text(notation="matrix"),
        derivation.latex(),
        derivation.latex(notation="matrix", convention="column"),
        derivation.markdown(notation="matrix", level="all"),
        str(derivation.json()),
    ]


@shards
def test_many_systems(shard: int) -> None:
    """Both backends against autograd, at one point each."""
    seeds = drawn(shard, SYSTEMS)
    done = [at(seed, lambda s, n: checked(s, ("numpy", "torch"), n)) for seed in seeds]
    assert sum(done) >= 0.8 * len(seeds)  # the rest is at a kink, or steep


@rigorous(16)
@given(systems())
def test_numpy_gradients_are_those_of_autograd(system: sb.System) -> None:
    assume(checked(system, ["numpy"]))


def every_step_holds(system: sb.System, seed: int) -> bool:
    point = point_of(system, seed)
    objective, gradients = autograd_gradients(system, point.arrays(), names_of(system))
    if not is_tame(objective, gradients) or not is_beside_kinks(system, point):
        return False
    sizes = {str(size): extent for size, extent in point.sizes.items()}
    report = sb.derive(system, names_of(system)).verify(sizes=sizes, backends=(), seed=seed)
    assert report.ok, f"{system}\n{report}"
    return True


@parts
def test_every_equation_and_step_of_many_systems_holds(shard: int) -> None:
    """Both sides of each step, and the equations by the precise oracles."""
    done = [at(1000 + seed, every_step_holds) for seed in drawn(shard, SYSTEMS // 12, _PARTS)]
    assert sum(done) >= 0.6 * len(done)


@rigorous(8)
@given(systems(most_equations=3, most_depth=2))
def test_every_equation_and_step_holds(system: sb.System) -> None:
    assume(every_step_holds(system, 0))


# --- second order -----------------------------------------------------------------------


def second_order_holds(system: sb.System, seed: int) -> bool:
    """A Hessian's product with a vector, and a Jacobian, are those of autograd."""
    point = point_of(system, seed)
    _, gradients = autograd_gradients(system, point.arrays(), names_of(system))
    used = [name for name in names_of(system)[:-1] if gradients[name].any()]
    if not used or not all(np.abs(g).max() < 1e3 for g in gradients.values()):
        return False
    return hvp_holds(system, point, used[seed % len(used)]) and jacobian_holds(system, point, used)


def hvp_holds(system: sb.System, point: Point, name: str) -> bool:
    derivation = sb.hvp(system, name)
    (v,) = {t.name for t in derivation.system.given} - {t.name for t in system.given}
    reading = TorchReading(system, point.arrays())
    direction = np.random.default_rng(0).normal(size=np.shape(point.arrays()[name]))
    (gradient,) = torch.autograd.grad(
        reading.tensors[str(system.objective)], reading.tensors[name], create_graph=True
    )
    slope = (gradient * torch.as_tensor(direction)).sum()
    expected = torch.zeros_like(gradient)
    if slope.requires_grad:
        (found,) = torch.autograd.grad(slope, reading.tensors[name], allow_unused=True)
        expected = expected if found is None else found
    compiled = derivation.compile("numpy")
    result = compiled({**point.arrays(), v: direction})
    wrong = differences(result, float(slope), {name: expected.detach().numpy()})
    if wrong and not is_beside_kinks(system, point):
        return False
    assert not wrong, f"H·v by {name}, {wrong}, of\n{system}\n{compiled.source}"
    return True


def jacobian_holds(system: sb.System, point: Point, names: Sequence[str]) -> bool:
    of = system.equations[0].name
    reading = TorchReading(system, point.arrays())
    whole, leaves = reading.tensors[of], [reading.tensors[name] for name in names]
    rows = [
        torch.autograd.grad(element, leaves, retain_graph=True, allow_unused=True)
        for element in whole.reshape(-1)
    ]
    compiled = sb.jacobian(system, of, names).compile("torch")
    _, found = compiled(point.arrays())
    for number, (name, leaf) in enumerate(zip(names, leaves, strict=True)):
        parts = [torch.zeros_like(leaf) if r[number] is None else r[number] for r in rows]
        expected = torch.stack(parts).reshape(*whole.shape, *leaf.shape).numpy()
        value, scale = np.asarray(found[name]), max(1.0, np.abs(expected).max())
        right = value.shape == expected.shape and np.allclose(
            value, expected, rtol=0, atol=1e-9 * scale
        )
        if not right and not is_beside_kinks(system, point):
            return False
        assert right, f"∂{of}/∂{name} of\n{system}\n{compiled.source}"
    return True


@parts
def test_second_derivatives_of_many_systems(shard: int) -> None:
    done = [at(2000 + seed, second_order_holds) for seed in drawn(shard, SYSTEMS // 12, _PARTS)]
    assert sum(done) >= 0.6 * len(done)


# --- what is written ----------------------------------------------------------------------


@rigorous(4)
@given(systems(3, 2), systems(3, 2))
def test_what_is_written_does_not_depend_on_what_was_derived_before(
    system: sb.System, other: sb.System
) -> None:
    first = writings(sb.derive(system))
    sb.derive(other)
    assert writings(sb.derive(system)) == first


_WRITE = """
import random, sys
from random_systems import random_system
import symbackprop as sb
for seed in range({count}):
    print(sb.derive(random_system(random.Random(seed).randint)).latex(level="all"))
"""


def test_what_is_written_does_not_depend_on_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _WRITE.format(count=6)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
