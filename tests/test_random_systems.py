"""Random systems of the whole language: derived, compiled, checked and written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from random_systems import SIZES, systems

import symbackprop as sb
from symbackprop.verify import autograd_gradients
from symbackprop.verify.sampling import Point, choose_sizes, draw
from symbackprop.verify.tables import Forward

#: The same systems in every run; others are drawn offline with a larger number.
EXAMPLES = int(os.environ.get("SYMBACKPROP_EXAMPLES", "0"))
_LARGEST = 1e6  # gradients above it are of functions too steep for float64


def rigorous(examples: int) -> Callable:
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def sizes_of(system: sb.System) -> dict[str, int]:
    names = {str(size) for size in system.sizes}
    return {name: extent for name, extent in SIZES.items() if name in names}


def point_of(system: sb.System, seed: int) -> Point:
    return draw(system, choose_sizes(system, sizes_of(system)), seed)


def names_of(system: sb.System) -> list[str]:
    """Parameters, an input and an intermediate."""
    return [*(t.name for t in system.parameters), "x", system.equations[0].name]


def writings(derivation: sb.Derivation) -> list[str]:
    """Everything a derivation may be written as."""
    return [
        derivation.text(steps="all"),
        derivation.text(notation="matrix"),
        derivation.latex(),
        derivation.latex(notation="matrix", convention="column"),
        derivation.markdown(notation="matrix", steps="all"),
        str(derivation.json()),
    ]


def check_gradients(system: sb.System, backend: str, seed: int = 0) -> None:
    """Compiled gradients are those of autograd at a point beside all kinks."""
    names = names_of(system)
    point = point_of(system, seed)
    objective, expected = autograd_gradients(system, point.arrays(), names)
    largest = max(np.abs(gradient).max() for gradient in expected.values())
    assume(np.isfinite(objective) and largest < _LARGEST)
    with mpmath.workdps(30):
        assume(Forward(system, point).margin > 1e-6)
    compiled = sb.derive(system, names).compile(backend)
    loss, gradients = compiled(point.arrays())
    # What cancels leaves rounding errors in proportion to what there was.
    floor = 1e-12 * max(1.0, abs(objective), largest)
    assert float(loss) == pytest.approx(objective, rel=1e-9, abs=floor)
    for name in names:
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(
            np.asarray(gradients[name]),
            expected[name],
            rtol=0,
            atol=1e-9 * scale + floor,
            err_msg=f"∂L/∂{name} of\n{system}\n{compiled.source}",
        )


@rigorous(36)
@given(systems())
def test_numpy_gradients_are_those_of_autograd(system: sb.System) -> None:
    check_gradients(system, "numpy")


@rigorous(20)
@given(systems())
def test_torch_gradients_are_those_of_autograd(system: sb.System) -> None:
    check_gradients(system, "torch", seed=1)


@rigorous(12)
@given(systems(most_equations=3, most_depth=2))
def test_every_equation_and_step_holds(system: sb.System) -> None:
    point = point_of(system, 0)
    objective, gradients = autograd_gradients(system, point.arrays(), names_of(system))
    largest = max(np.abs(gradient).max() for gradient in gradients.values())
    assume(np.isfinite(objective) and largest < _LARGEST)
    report = sb.derive(system, names_of(system)).verify(sizes=sizes_of(system), backends=())
    assert report.ok, f"{system}\n{report}"


@rigorous(8)
@given(systems(), systems())
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
    print(sb.derive(random_system(random.Random(seed).randint)).latex(steps="all"))
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
