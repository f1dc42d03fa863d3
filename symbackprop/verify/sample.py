"""The point a derivation is checked at, with the forward tensors there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symbackprop.calculus import Backward, scalarised
from symbackprop.errors import EquationError
from symbackprop.language import System
from symbackprop.verify.autograd import TorchReading
from symbackprop.verify.sampling import Point, choose_sizes, draw
from symbackprop.verify.tables import Forward

_ATTEMPTS = 12  # points drawn in search of one that shows everything
_BESIDE = 1e-6  # how far from every kink a point should be


@dataclass(frozen=True)
class Sample:
    """A point, with the forward tensors there as PyTorch and as mpmath compute them."""

    point: Point
    reading: TorchReading
    references: Mapping[str, np.ndarray]
    forward: Forward


def sample_values(
    backward: Backward, *, seed: int = 0, sizes: Mapping[str, int] | None = None
) -> dict[str, np.ndarray]:
    """Numbers for everything that a derivation's system must be fed, drawn at random.

    The objective and its gradients are finite there, and no function has a kink nearby,
    if there is such a point.

    Parameters
    ----------
    backward
        A derivation without functions left open.
    seed
        Of the random numbers.
    sizes
        Numbers for some of the symbolic sizes; the others become small primes.
    """
    checked = scalarised(backward)
    extents = choose_sizes(checked.system, sizes)
    point = find_sample(checked.system, list(checked.gradients), extents, seed).point
    given = {tensor.name for tensor in backward.system.given}
    return {name: array for name, array in point.arrays().items() if name in given}


def find_sample(
    system: System, names: Sequence[str], sizes: Mapping[sp.Symbol, int], seed: int
) -> Sample:
    """A point beside all kinks, where no gradient is zero throughout, if there is one."""
    nearest: Sample | None = None
    for point, reading, references in _candidates(system, names, sizes, seed):
        sample = Sample(point, reading, references, Forward(system, point))
        if sample.forward.margin > _BESIDE:
            return sample
        if nearest is None or sample.forward.margin > nearest.forward.margin:
            nearest = sample
    if nearest is None:
        raise EquationError(
            "the objective or a derivative of it is not a finite number "
            f"at any of {_ATTEMPTS} points drawn to check it at",
            where=str(system.definitions[str(system.objective)]),
            remedy="give the tensors a domain ('positive', 'unit') in which every function "
            "has a value, or the network an output that the loss can take",
        )
    return nearest


def _candidates(
    system: System, names: Sequence[str], sizes: Mapping[sp.Symbol, int], seed: int
) -> Iterator[tuple[Point, TorchReading, dict[str, np.ndarray]]]:
    """Points with finite gradients; those where one is zero throughout come last."""
    silent = []
    for attempt in range(_ATTEMPTS):
        point = draw(system, sizes, seed + 7919 * attempt)
        reading = TorchReading(system, point.arrays())
        references = dict(zip(names, reading.gradients(names), strict=True))
        finite = all(np.isfinite(gradient).all() for gradient in references.values())
        if not (finite and math.isfinite(reading.objective)):
            continue
        if all(gradient.any() for gradient in references.values()):
            yield point, reading, references
        else:
            silent.append((point, reading, references))
    yield from silent
