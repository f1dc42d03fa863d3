"""NumPy: readable source, no warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from symbackprop.compile.backend import Backend
from symbackprop.language import Spelling

_SCATTER = """\
def _scatter(values, labels, extent):
    # rows that have the same label are added up
    rows = np.zeros((extent, *values.shape[labels.ndim :]), DTYPE)
    np.add.at(rows, labels, values)
    return rows"""

_WINDOW = """\
def _window(array, *axes):
    # array at start + step·i + …, 0 outside it; an axis is None or (start, (step, count), …)
    places = [
        axis or (0, (1, extent))
        for axis, extent in zip(axes + (None,) * array.ndim, array.shape)
    ]
    ends = [[step * (count - 1) for step, count in steps] for _, *steps in places]
    before = [
        max(0, -start - sum(end for end in own if end < 0))
        for (start, *_), own in zip(places, ends)
    ]
    after = [
        max(0, start + sum(end for end in own if end > 0) + 1 - extent)
        for (start, *_), own, extent in zip(places, ends, array.shape)
    ]
    if any(before) or any(after):
        padded = np.zeros([sum(part) for part in zip(before, array.shape, after)], array.dtype)
        padded[tuple(slice(b, b + n) for b, n in zip(before, array.shape))] = array
        array = padded
    corner = array[tuple(slice(b + start, None) for b, (start, *_) in zip(before, places))]
    shape = [count for _, *steps in places for _, count in steps]
    strides = [
        step * stride for (_, *steps), stride in zip(places, array.strides) for step, _ in steps
    ]
    return np.lib.stride_tricks.as_strided(corner, shape, strides, writeable=False)"""
_PUT = """\
def _put(values, *axes):
    # values added up at start + step·i + …, dropped outside; an axis is None or
    # (extent, start, step, …), with a step for each axis of the values that goes there
    shape, inside, moves, loops, place = [], [], [], [], 0
    for axis in axes:
        extent, start, *steps = axis or (values.shape[place], 0, 1)
        own = range(place, place + len(steps))
        for number, step in zip(own, steps):
            if step < 0:
                values = np.flip(values, number)
                start += step * (values.shape[number] - 1)
        steps = [abs(step) for step in steps]
        counts = [values.shape[number] for number in own]
        longest = counts.index(max(counts))
        loops += [range(1 if n == longest else count) for n, count in enumerate(counts)]
        before = max(0, -start)
        end = start + sum(step * (count - 1) for step, count in zip(steps, counts))
        shape.append(before + max(extent, end + 1))
        inside.append(slice(before, before + extent))
        moves.append((own, longest, before + start, steps))
        place += len(steps)
    total = np.zeros(shape, values.dtype)
    for at in itertools.product(*loops):
        source, goal = list(at), []
        for own, longest, start, steps in moves:
            first = start + sum(step * at[number] for number, step in zip(own, steps))
            long, step = own[longest], steps[longest]
            source[long] = slice(None)
            goal.append(slice(first, first + step * (values.shape[long] - 1) + 1, step))
        total[tuple(goal)] += values[tuple(source)]
    return total[tuple(inside)]"""


class NumPyBackend(Backend):
    """Source that needs only NumPy."""

    name = "numpy"
    title = "NumPy"
    import_line = "import numpy as np"
    module = "np"
    window = _WINDOW
    put = _PUT
    dtypes: ClassVar = {"float32": "np.float32", "float64": "np.float64"}

    def decorators(self, guarded: bool) -> Sequence[str]:
        """Warnings are off where both branches of a selection are computed."""
        if not guarded:
            return ()
        return ('@np.errstate(over="ignore", divide="ignore", invalid="ignore")',)

    def reduction(self, kind: str, argument: str, axes: Sequence[int] | None) -> str:
        """``np.sum(x, axis=1)``."""
        if axes is None:
            return f"np.{kind}({argument})"
        return f"np.{kind}({argument}, axis={axes[0] if len(axes) == 1 else tuple(axes)})"

    def transposition(self, argument: str, order: Sequence[int]) -> str:
        """``x.T``, ``x.transpose(0, 2, 1)``."""
        if tuple(order) == (1, 0):
            return f"{argument}.T"
        return f"{argument}.transpose({', '.join(map(str, order))})"

    def selection(self, condition: str, yes: str, no: str) -> str:
        """``np.where(z > 0, u, 0.0)``."""
        return f"np.where({condition}, {yes}, {no})"

    def choice(self, condition: str, yes: str, no: str, hosts: Sequence[bool]) -> str:
        """``np.where(t > 0, u, 0.0)``."""
        return self.selection(condition, yes, no)

    def limited(self, operation: str, array: str, limit: str) -> str:
        """``np.maximum(x, 0.5)``."""
        return f"np.{operation}({array}, {limit})"

    def cast(self, condition: str) -> str:
        """``(z > 0).astype(DTYPE)``."""
        return f"{condition}.astype(DTYPE)"

    def root(self, argument: str) -> str:
        """``np.sqrt(x)``."""
        return f"np.sqrt({argument})"

    def positions(self, extent: str, whole: bool, like: str) -> str:
        """``np.arange(K)``."""
        return f"np.arange({extent})" if whole else f"np.arange({extent}, dtype=DTYPE)"

    def filled(self, shape: str, value: str, like: str) -> str:
        """``np.full((N, K), 1.0, DTYPE)``."""
        return f"np.full({shape}, {value}, DTYPE)"

    def allocated(self, shape: str, zeros: bool, like: str) -> str:
        """``np.empty((T, N), DTYPE)``."""
        return f"np.{'zeros' if zeros else 'empty'}({shape}, DTYPE)"

    def spread(self, argument: str, shape: str) -> str:
        """``np.broadcast_to(x, (N, K)).copy()``."""
        return f"np.broadcast_to({argument}, {shape}).copy()"

    def copied(self, argument: str) -> str:
        """``x.T.copy()``."""
        return f"{argument}.copy()"

    def einsum(self, pattern: str, left: str, right: str) -> str:
        """``np.einsum("nij,njk->nik", a, b, optimize=True)``, which calls BLAS if it can."""
        return f'np.einsum("{pattern}", {left}, {right}, optimize=True)'

    def scattered(self, values: str, labels: str, extent: str) -> Spelling:
        """``_scatter(values, labels, K)``."""
        return Spelling(f"_scatter({values}, {labels}, {extent})", _SCATTER)

    def joined(self, arrays: str, axis: int) -> str:
        """``np.concatenate([a, b], axis=1)``."""
        return f"np.concatenate({arrays}, axis={axis})"

    def check_device(self, device: str) -> None:
        """NumPy's one device is always there."""

    def owns(self, value: Any) -> bool:
        """NumPy's arrays are what is returned anyway."""
        return False

    def array(self, value: Any, dtype: str, device: str) -> Any:
        """The value as an array, copied only if its dtype differs."""
        return np.asarray(value, dtype)

    def to_numpy(self, value: Any) -> Any:
        """The value itself."""
        return value
