"""Training the parameters of any system of equations, on arrays with the names it has for them.

The batch is the size that every input and target has as its first axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from symbackprop.errors import DataError, EquationError, OptionError, ShapeError, UnknownNameError
from symbackprop.language import Domain, System, Tensor, size
from symbackprop.library import Optimizer
from symbackprop.train.data import HELD_OUT
from symbackprop.train.datasets import Array
from symbackprop.train.files import read_arrays
from symbackprop.train.loop import Regime
from symbackprop.train.tasks import Task
from symbackprop.typeset import phrase


@dataclass(frozen=True)
class Rows:
    """Arrays for the inputs and targets of a system, and the sizes they settle.

    Attributes
    ----------
    name
        Where they come from.
    train, held_out
        To learn from and to measure on, by tensor: float64, or int64 for labels.
    sizes
        A number for every size but the batch.
    """

    name: str
    train: Mapping[str, Array]
    held_out: Mapping[str, Array]
    sizes: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many rows there are to learn from."""
        return len(next(iter(self.train.values())))


@dataclass(frozen=True)
class SystemTask(Task):
    """A system of equations, on arrays for its inputs and targets.

    Attributes
    ----------
    source
        Where the equations come from.
    equations, optimizer, data, regime
        What is trained, by what, on what, and how long.
    """

    source: str
    equations: System
    optimizer: Optimizer
    data: Rows
    regime: Regime

    @property
    def system(self) -> System:
        """The equations."""
        return self.equations

    @property
    def measured(self) -> str:
        """The objective."""
        return str(self.equations.objective)

    @property
    def rows(self) -> dict[str, Array]:
        """The rows to learn from."""
        return dict(self.data.train)

    @property
    def held_out_rows(self) -> dict[str, Array]:
        """The rows to measure on."""
        return dict(self.data.held_out)

    def initial_parameters(self) -> dict[str, Array]:
        """Uniform numbers within ±1/√fan-in, the product of all axes but the first."""
        rng = np.random.default_rng(self.regime.seed)
        return {
            tensor.name: _initial(tensor, _shape(tensor, self.data.sizes), rng)
            for tensor in self.equations.parameters
        }

    def metrics(self, measured: Array) -> dict[str, float]:
        """The loss on the held-out rows.

        Raises
        ------
        OptionError
            If it is no finite number.
        """
        loss = float(measured)
        if not math.isfinite(loss):
            raise OptionError(
                f"the loss on the held-out rows is {loss}: the steps are too large",
                remedy="use a smaller learning rate, or inputs and targets near 1",
            )
        return {"loss": loss}

    def undefined(self, loss: float) -> OptionError:
        """The equations have no value on these data."""
        return OptionError(
            f"the loss is {loss} before the first step",
            where=self.source,
            remedy="look for logarithms, roots and divisions that have no value on these data, "
            "or try another --seed",
        )

    def description(self, language: str = "en") -> tuple[str, ...]:
        """Data, equations and optimizer."""
        comma = phrase("clause", language)
        return (
            phrase("train-arrays", language).format(
                source=self.data.name,
                sizes="".join(f"{comma}{name} = {n}" for name, n in self.data.sizes.items()),
                rows=self.data.count,
                held_out=len(next(iter(self.data.held_out.values()))),
            ),
            phrase("train-equations", language).format(
                source=self.source,
                count=sum(value.size for value in self.initial_parameters().values()),
            ),
            phrase("train-loss", language).format(
                loss=self.equations.objective,
                optimizer=self.optimizer,
                batch_size=self.regime.batch_size,
            ),
        )

    def settings(self) -> dict[str, Any]:
        """The file and what it minimizes."""
        return {
            "model": self.source,
            "loss": str(self.equations.objective),
            "sizes": dict(self.data.sizes),
        }


def _initial(tensor: Tensor, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    # Where negative numbers have no meaning, the positive half.
    low = -bound if tensor.domain is Domain.REAL else 0.0
    return np.asarray(rng.uniform(low, bound, shape))


# --- reading ----------------------------------------------------------------------------


def read_rows(system: System, path: str, seed: int, sizes: Mapping[str, int] | None = None) -> Rows:
    """Arrays for a system from an NPZ file, a fifth of the rows held out.

    Parameters
    ----------
    system
        Its inputs and targets name the arrays.
    path
        An NPZ file.
    seed
        Of the choice of the rows that are held out.
    sizes
        Numbers for sizes that no array tells.

    Raises
    ------
    EquationError
        If the system has no batch, or nothing to learn.
    DataError, ShapeError, UnknownNameError
        If the arrays do not fit, or a size is left open.
    """
    batch = _batch(system)
    fed = (*system.inputs, *system.targets)
    _check_learnable(system, batch)
    arrays = _read(path, fed)
    numbers = _numbers(system, path, arrays, sizes or {})
    for tensor in fed:
        arrays[tensor.name] = _checked(tensor, arrays[tensor.name], numbers, path)
    count = numbers.pop(str(batch))
    if count < 2:
        raise DataError(
            f"{count} row is too few to hold some out", where=path, remedy="give 2 rows or more"
        )
    order = np.random.default_rng(seed).permutation(count)
    held_out, train = np.split(order, [max(1, round(HELD_OUT * count))])
    return Rows(
        path,
        {name: array[np.sort(train)] for name, array in arrays.items()},
        {name: array[np.sort(held_out)] for name, array in arrays.items()},
        numbers,
    )


def _batch(system: System) -> sp.Symbol:
    """The size that every input and target has as its first axis."""
    fed = (*system.inputs, *system.targets)
    if not fed:
        raise EquationError(
            "the equations have no input and no target, so there are no data to learn from",
            remedy="declare what the data are: input x[n,i]",
        )
    batch = fed[0].shape[0] if fed[0].shape else None
    for tensor in fed:
        if not tensor.shape or not tensor.shape[0].is_Symbol or tensor.shape[0] != batch:
            also = "" if tensor is fed[0] else f", as {fed[0].name!r} has"
            raise EquationError(
                f"{tensor.name!r} does not have the batch as its first axis{also}",
                where=str(tensor.element),
                remedy="let every input and target begin with one index over the rows of the "
                "data, whose size is a name: index n:N",
            )
    return batch


def _check_learnable(system: System, batch: sp.Symbol) -> None:
    if not system.parameters:
        raise EquationError(
            "the equations have no parameters to train", remedy="declare some: parameter W[k,i]"
        )
    for tensor in system.parameters:
        if any(batch in extent.free_symbols for extent in tensor.shape):
            raise EquationError(
                f"the parameter {tensor.name!r} has an axis of size {batch}, and so would be "
                "another one for each batch",
                where=str(tensor.element),
                remedy=f"give that axis another size than {batch}, the rows of a batch",
            )
    for tensor in system.hyperparameters:
        if tensor.value is None:
            raise EquationError(
                f"the hyperparameter {tensor.name} has no value",
                remedy=f"write its value in the file: hyperparameter {tensor.name} = 0.1",
            )


def _read(path: str, fed: tuple[Tensor, ...]) -> dict[str, Array]:
    shapes = "; ".join(f"{tensor.name} as {_text(tensor)}" for tensor in fed)
    if Path(path).suffix.lower() != ".npz":
        raise DataError(
            "equations are trained on the arrays of an NPZ file",
            where=f"--data {path}",
            remedy=f"give --data FILE.npz with {shapes}",
        )
    try:
        return read_arrays(Path(path), [tensor.name for tensor in fed], f"with {shapes}")
    except OSError as error:
        raise DataError(
            f"cannot read {path!r}: {error.strerror or error}",
            remedy="check the path and its permissions",
        ) from error


def _text(tensor: Tensor) -> str:
    whole = "whole numbers" if tensor.domain is Domain.LABEL else "numbers"
    return f"({', '.join(map(str, tensor.shape))}{',' * (len(tensor.shape) == 1)}) of {whole}"


def _numbers(
    system: System, path: str, arrays: Mapping[str, Array], given: Mapping[str, int]
) -> dict[str, int]:
    """A number for every size: from the arrays, else as given."""
    names = [str(symbol) for symbol in system.sizes]
    for name in given:
        if name not in names:
            raise UnknownNameError("size", name, names, where="--size")
    found, told = dict(given), dict.fromkeys(given, "--size")
    for tensor in (*system.inputs, *system.targets):
        shape = arrays[tensor.name].shape
        if len(shape) != len(tensor.shape):
            raise ShapeError(
                f"array {tensor.name!r} has shape {shape}",
                where=path,
                remedy=f"store it as {_text(tensor)}",
            )
        for extent, actual in zip(tensor.shape, shape, strict=True):
            name = str(extent)
            if extent.is_Symbol and found.setdefault(name, actual) != actual:
                raise ShapeError(
                    f"{name} is {found[name]} by {told[name]}, but {actual} by {tensor.name!r}",
                    where=path,
                    remedy=f"store {tensor.name} as {_text(tensor)}, with sizes that agree",
                )
            told.setdefault(name, f"{tensor.name!r}")
    for name in names:
        if name not in found:
            raise ShapeError(
                f"no array tells how large {name} is",
                remedy=f"say it, as in --size {name}=16, or write a number for it in the file",
            )
    return {name: found[name] for name in names}


def _shape(tensor: Tensor, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(_number(extent, sizes) for extent in tensor.shape)


def _number(extent: sp.Expr, sizes: Mapping[str, int]) -> int:
    return int(extent.xreplace({size(name): sp.Integer(n) for name, n in sizes.items()}))


# --- checking ---------------------------------------------------------------------------

_ALLOWED: dict[Domain, Callable[[Array], Array]] = {
    Domain.REAL: np.isfinite,
    Domain.POSITIVE: lambda array: np.isfinite(array) & (array > 0),
    Domain.UNIT: lambda array: (array >= 0) & (array <= 1),
    Domain.SIGN: lambda array: np.abs(array) == 1,
}
_NAMED = {
    Domain.REAL: "a finite number",
    Domain.POSITIVE: "a positive number",
    Domain.UNIT: "a number from 0 to 1",
    Domain.SIGN: "1 or -1",
}


def _checked(tensor: Tensor, array: Array, sizes: Mapping[str, int], path: str) -> Array:
    """The array with the numbers its tensor is declared to hold."""
    shape = _shape(tensor, sizes)
    if array.shape != shape:
        raise ShapeError(
            f"array {tensor.name!r} has shape {array.shape}, not {shape}",
            where=path,
            remedy=f"store it as {_text(tensor)}",
        )
    if array.dtype.kind not in "iufb":
        raise DataError(
            f"array {tensor.name!r} holds {array.dtype}",
            where=path,
            remedy=f"store it as {_text(tensor)}",
        )
    if tensor.domain is Domain.LABEL:
        assert tensor.classes is not None  # noqa: S101 (Tensor checks it)
        classes = _number(tensor.classes, sizes)
        right, what = _are_labels(array, classes), f"a whole number from 0 to {classes - 1}"
    else:
        right, what = _ALLOWED[tensor.domain](array), _NAMED[tensor.domain]
    for place in np.argwhere(~right)[:1]:
        position = ", ".join(map(str, place))
        raise DataError(
            f"{tensor.name}[{position}] is {array[tuple(place)]}, not {what}",
            where=path,
            remedy="correct the number, or leave the row out",
        )
    return array.astype(np.int64 if tensor.domain is Domain.LABEL else np.float64)


def _are_labels(array: Array, classes: int) -> Array:
    return np.asarray((array == np.floor(array)) & (array >= 0) & (array < classes))
