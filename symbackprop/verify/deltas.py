"""Where the terms of a sum are not 0 for the Kronecker deltas in them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sympy as sp

from symbackprop.language import affine_form


def fixed_by_deltas(total: sp.Sum) -> list[tuple[sp.Idx, Any, int]]:
    """Bound indices with the only place where terms of a sum are not 0, times a divisor.

    In ``Σ_k Σ_m δ(k, m + 1)·δ(2·m, i)·…`` m is at i/2, then k is at m + 1.
    """
    deltas = [f for f in sp.Mul.make_args(total.function) if isinstance(f, sp.KroneckerDelta)]
    bound = {limit[0] for limit in total.limits}
    fixed: list[tuple[sp.Idx, Any, int]] = []
    for delta in deltas:
        first, second = delta.args[:2]
        # Nothing may depend on what is fixed already: it would go in a circle.
        if (first.atoms(sp.Idx) | second.atoms(sp.Idx)).isdisjoint({idx for idx, *_ in fixed}):
            found = _solved(first, second, bound)
            if found is not None:
                fixed.append(found)
    return fixed[::-1]


def _solved(first: Any, second: Any, bound: Collection[sp.Idx]) -> tuple[sp.Idx, Any, int] | None:
    """A bound index for which two places are the same one, where that can be said."""
    for idx, place in ((first, second), (second, first)):
        if idx in bound and idx not in place.atoms(sp.Idx):
            return idx, place, 1
    gap = affine_form(first - second) if not (first - second).has(sp.Indexed) else None
    if gap is None:
        return None
    steps = {idx: int(step) for idx, step in gap[0].items() if idx in bound and step.is_Integer}
    if not steps:
        return None
    # The largest step belongs to the index of blocks, of which there are most.
    idx = max(steps, key=lambda idx: abs(steps[idx]))
    step = steps[idx]
    rest = sp.expand(step * idx - (first - second))
    return (idx, rest, step) if step > 0 else (idx, -rest, -step)
