"""What a compiled function is given: names, shapes and labels checked, arrays converted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from symbackprop.compile.backend import Backend
from symbackprop.compile.program import is_host
from symbackprop.errors import DataError, ShapeError, UnknownNameError
from symbackprop.language import Domain, Tensor

#: A number, or the letter of a size that the first array to have it decides.
Extent: TypeAlias = int | str


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


class Argument:
    """One argument of a compiled function, ready to be checked at every call.

    SymPy is asked once, here: comparing sizes would cost more than a small network.
    """

    def __init__(self, tensor: Tensor, engine: Engine) -> None:
        self.name = tensor.name
        self._tensor = tensor
        self._engine = engine
        self._shape = tuple(map(_extent, tensor.shape))
        self._classes = None if tensor.classes is None else _extent(tensor.classes)
        self._host = is_host(tensor)
        self._expressions = {
            str(extent): extent
            for extent in tensor.shape
            if not extent.is_Integer and not extent.is_Symbol
        }
        # What they are at the sizes met so far: SymPy is not asked again.
        self._known: dict[tuple[int | None, ...], dict[str, int]] = {}

    def value(self, values: Mapping[str, Any], sizes: dict[str, int]) -> Any:
        """The value given for it, or its default, checked and converted.

        Parameters
        ----------
        values
            What is given, by name.
        sizes
            The sizes that the arguments before it have decided; it adds its own.
        """
        given = values.get(self.name, self._tensor.value)
        if given is None:
            raise ShapeError(
                f"no value was given for {self.name!r}",
                where="the values that were given",
                remedy=f"add {self.name!r}, of shape {_shape_text(self._shape)}",
            )
        array = given if self._engine.backend.owns(given) else self._as_array(given)
        self._check_shape(tuple(array.shape), sizes)
        if self._classes is not None:
            self._check_labels(array, sizes)
        return float(given) if self._host else self._engine.array(array, self._tensor)

    def _as_array(self, value: Any) -> Any:
        try:
            array = np.asarray(value)
        except (ValueError, TypeError, RuntimeError) as error:
            # Ragged lists, and PyTorch's tensors that ask for autograd or are on a GPU.
            raise ShapeError(
                f"{self.name!r} is not an array: {error}",
                remedy=f"give numbers of shape {_shape_text(self._shape)}",
            ) from None
        if array.dtype.kind not in "biuf":
            raise DataError(
                f"{self.name!r} holds {array.dtype}, not numbers",
                remedy=f"give numbers of shape {_shape_text(self._shape)}",
            )
        return array

    def _check_shape(self, shape: tuple[int, ...], sizes: dict[str, int]) -> None:
        if len(shape) == len(self._shape) and all(
            actual == (sizes.setdefault(extent, actual) if isinstance(extent, str) else extent)
            for extent, actual in zip(self._shape, shape, strict=True)
        ):
            return
        raise self._shape_error(shape, sizes)

    def check_expressions(self, array: Any, sizes: dict[str, int]) -> None:
        """Check the axes whose sizes are made of others, once all arguments were seen.

        Raises
        ------
        ShapeError
            If an axis does not fit.
        """
        if not self._expressions:
            return
        symbols = sorted(
            {symbol.name for extent in self._expressions.values() for symbol in extent.free_symbols}
        )
        at = tuple(sizes.get(symbol) for symbol in symbols)
        if at not in self._known:
            self._known[at] = _evaluated(self._expressions, sizes)
        expected = self._known[at]
        for extent, actual in zip(self._shape, array.shape, strict=True):
            if isinstance(extent, str) and expected.get(extent, actual) != actual:
                raise self._shape_error(tuple(array.shape), {**sizes, **expected})

    def _shape_error(self, shape: tuple[int, ...], sizes: Mapping[str, int]) -> ShapeError:
        concrete = tuple(sizes.get(e, e) if isinstance(e, str) else e for e in self._shape)
        expected, rank = _shape_text(self._shape), len(self._shape)
        if concrete != self._shape:
            expected += f" = {_shape_text(concrete)}"
        element = self._tensor.element
        axes = "1 axis" if rank == 1 else f"{rank} axes"
        return ShapeError(
            f"{self.name!r} has shape {shape}, expected {expected}",
            where=str(element),
            remedy=f"transpose or cut it to fit {element}"
            if len(shape) == rank
            else f"reshape it to {axes}, one for each index of {element}",
        )

    def _check_labels(self, array: Any, sizes: Mapping[str, int]) -> None:
        if self._engine.backend.owns(array):
            if array.is_floating_point():
                raise self._label_error(f"holds {array.dtype}")
            if array.device.type != "cpu":
                return  # to look at labels on a GPU is to wait for it
            array = self._engine.backend.to_numpy(array)
        if array.dtype.kind not in "iu":
            raise self._label_error(f"holds {array.dtype}")
        classes = sizes.get(self._classes) if isinstance(self._classes, str) else self._classes
        if not np.size(array):
            return
        lowest, highest = int(np.min(array)), int(np.max(array))
        if lowest < 0 or (classes is not None and highest >= classes):
            raise self._label_error(f"holds {lowest if lowest < 0 else highest}")

    def _label_error(self, what: str) -> DataError:
        return DataError(
            f"{self.name!r} {what}, but must hold class labels",
            where=str(self._tensor.element),
            remedy=f"give whole numbers from 0 up, below {self._classes}",
        )


def bind(
    arguments: Sequence[Argument], values: Mapping[str, Any], allowed: Iterable[str]
) -> list[Any]:
    """The values of arguments, checked and converted, in order.

    Parameters
    ----------
    arguments
        What is needed; hyperparameters that are not given have their defaults.
    values
        What is given, by name.
    allowed
        Names that may be given; others are mistakes.

    Raises
    ------
    UnknownNameError
        On a name that is not allowed.
    ShapeError
        If a tensor is missing, or a shape does not fit.
    DataError
        If an array does not hold numbers, or labels are not whole numbers in range.
    """
    for name in values:
        if name not in allowed:
            raise UnknownNameError("tensor", name, allowed, where="the values that were given")
    sizes: dict[str, int] = {}
    arrays = [argument.value(values, sizes) for argument in arguments]
    for argument, array in zip(arguments, arrays, strict=True):
        argument.check_expressions(array, sizes)
    return arrays


def _evaluated(extents: Mapping[str, sp.Expr], sizes: Mapping[str, int]) -> dict[str, int]:
    """The expressions all of whose sizes are known."""
    found: dict[str, int] = {}
    for written, extent in extents.items():
        value = extent.xreplace(
            {s: sp.Integer(sizes[s.name]) for s in extent.free_symbols if s.name in sizes}
        )
        if value.is_Integer:
            found[written] = int(value)
    return found


def _extent(extent: sp.Expr) -> Extent:
    return int(extent) if extent.is_Integer else str(extent)


def _shape_text(shape: Sequence[Extent]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
