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


class NumPyBackend(Backend):
    """Source that needs only NumPy."""

    name = "numpy"
    title = "NumPy"
    import_line = "import numpy as np"
    module = "np"
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
