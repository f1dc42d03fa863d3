"""What a compiled function is given: names, shapes and labels checked, arrays converted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symbackprop.compile.backend import Backend
from symbackprop.compile.program import is_host
from symbackprop.errors import DataError, ShapeError, UnknownNameError
from symbackprop.language import Domain, Tensor


@dataclass(frozen=True)
class Engine:
    """A backend with the dtype and the device its arrays have."""

    backend: Backend
    dtype: str
    device: str

    def array(self, value: Any, tensor: Tensor) -> Any:
        """A value as an array of this engine; whole numbers for labels."""
        dtype = "int64" if tensor.domain is Domain.LABEL else self.dtype
        return self.backend.array(value, dtype, self.device)


def bind(
    engine: Engine,
    tensors: Sequence[Tensor],
    values: Mapping[str, Any],
    known: Iterable[str],
) -> list[Any]:
    """The values of tensors, checked and converted, in order.

    Parameters
    ----------
    engine
        What they are converted for.
    tensors
        What is needed; hyperparameters that are not given have their defaults.
    values
        What is given, by name.
    known
        Names that may be given; others are mistakes.

    Raises
    ------
    UnknownNameError
        On a name that is neither needed nor known.
    ShapeError
        If a tensor is missing, or a shape does not fit.
    DataError
        If an array does not hold numbers, or labels are not whole numbers in range.
    """
    needed = {tensor.name for tensor in tensors}
    allowed = needed.union(known)
    for name in values:
        if name not in allowed:
            raise UnknownNameError("tensor", name, allowed, where="the values that were given")
    sizes: dict[sp.Expr, int] = {}
    return [_bound(engine, tensor, _given(tensor, values), sizes) for tensor in tensors]


def _given(tensor: Tensor, values: Mapping[str, Any]) -> Any:
    if tensor.name in values:
        return values[tensor.name]
    if tensor.value is not None:
        return tensor.value
    raise ShapeError(
        f"no value was given for {tensor.name!r}",
        where="the values that were given",
        remedy=f"add {tensor.name!r}, of shape {_shape_text(tensor.shape)}",
    )


def _bound(engine: Engine, tensor: Tensor, value: Any, sizes: dict[sp.Expr, int]) -> Any:
    array = value if engine.backend.owns(value) else _as_array(tensor, value)
    _check_shape(tensor, tuple(array.shape), sizes)
    if tensor.domain is Domain.LABEL:
        _check_labels(engine, tensor, array, sizes)
    if is_host(tensor):
        return float(value)
    return engine.array(array, tensor)


def _as_array(tensor: Tensor, value: Any) -> Any:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(
            f"{tensor.name!r} is not an array: {error}",
            remedy=f"give numbers of shape {_shape_text(tensor.shape)}",
        ) from None
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{tensor.name!r} holds {array.dtype}, not numbers",
            remedy=f"give numbers of shape {_shape_text(tensor.shape)}",
        )
    return array


def _check_shape(tensor: Tensor, shape: tuple[int, ...], sizes: dict[sp.Expr, int]) -> None:
    fits = len(shape) == len(tensor.shape) and all(
        _extent(extent, sizes, actual) == actual
        for extent, actual in zip(tensor.shape, shape, strict=True)
    )
    if not fits:
        concrete = tuple(sizes.get(extent, extent) for extent in tensor.shape)
        expected = _shape_text(tensor.shape)
        if concrete != tensor.shape:
            expected += f" = {_shape_text(concrete)}"
        raise ShapeError(
            f"{tensor.name!r} has shape {shape}, expected {expected}",
            where=str(tensor.element),
            remedy=_remedy(tensor, shape),
        )


def _remedy(tensor: Tensor, shape: tuple[int, ...]) -> str:
    if len(shape) == len(tensor.shape):
        return f"transpose or cut it to fit {tensor.element}"
    return f"reshape it to {len(tensor.shape)} axes, one for each index of {tensor.element}"


def _extent(extent: sp.Expr, sizes: dict[sp.Expr, int], actual: int) -> int:
    """The number behind a size; a symbol met for the first time stands for `actual`."""
    if extent.is_Symbol:
        return sizes.setdefault(extent, actual)
    value = extent.subs(sizes)
    return int(value) if value.is_Integer else actual


def _check_labels(engine: Engine, tensor: Tensor, array: Any, sizes: dict[sp.Expr, int]) -> None:
    if engine.backend.owns(array):
        if array.is_floating_point():
            raise _label_error(tensor, f"holds {array.dtype}")
        if array.device.type != "cpu":
            return  # to look at labels on a GPU is to wait for it
        array = engine.backend.to_numpy(array)
    if array.dtype.kind not in "iu":
        raise _label_error(tensor, f"holds {array.dtype}")
    classes = tensor.classes.subs(sizes) if tensor.classes is not None else None
    if not np.size(array):
        return
    lowest, highest = int(np.min(array)), int(np.max(array))
    if lowest < 0 or (classes is not None and classes.is_Integer and highest >= classes):
        raise _label_error(tensor, f"holds {lowest if lowest < 0 else highest}")


def _label_error(tensor: Tensor, what: str) -> DataError:
    return DataError(
        f"{tensor.name!r} {what}, but must hold class labels",
        where=str(tensor.element),
        remedy=f"give whole numbers from 0 to {tensor.classes}-1",
    )


def _shape_text(shape: Sequence[Any]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
