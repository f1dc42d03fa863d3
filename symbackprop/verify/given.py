"""Numbers that somebody gives for a system's tensors: checked, and read as exact decimals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

import numpy as np

from symbackprop.errors import DataError, SymbackpropError, UnknownNameError
from symbackprop.language import Domain, System, Tensor
from symbackprop.verify.exact import Sizes, extent_of
from symbackprop.verify.sampling import Point, sizes_of

#: Larger and smaller numbers are no numbers of an example.
_GREATEST_POWER = 300
_BRIEF = 40  # characters of a value in a message

_WORDS = {
    Domain.POSITIVE: "greater than 0",
    Domain.UNIT: "strictly between 0 and 1",
    Domain.SIGN: "1 or -1",
}


def given_point(system: System, values: Mapping[str, Any], where: str = "") -> Point:
    """The point that some numbers say, with the sizes that follow from them.

    Parameters
    ----------
    system
        Whose tensors they are for.
    values
        By name of every tensor that is given, arrays or nested lists. A number is read as
        the decimal that it prints as, so that 0.1 is 1/10. A hyperparameter with a value
        of its own may be left out.
    where
        What messages call them, such as a file's path.

    Raises
    ------
    DataError
        If a tensor has no numbers, or is computed; if something is not a finite number, a
        label out of its range, or outside the domain that a tensor is declared with.
    ShapeError
        If a shape does not fit, or two tensors disagree about a size.
    UnknownNameError
        If there is no such tensor.
    """
    for name in values:
        _require_given(system, name, where)
    arrays = {}
    for tensor in system.given:
        value = values.get(tensor.name, tensor.value)
        if value is None:
            raise DataError(
                f"there are no numbers for {tensor.name!r}",
                where=where,
                remedy=f"give {tensor.name!r}, {_described(tensor)}",
            )
        arrays[tensor.name] = _exact_array(tensor, value, where)
    try:
        sizes = sizes_of(system, arrays)
    except SymbackpropError as error:
        error.where = error.where or where
        raise
    for tensor in system.given:
        arrays[tensor.name] = _within_domain(tensor, arrays[tensor.name], sizes, where)
    return Point(sizes, arrays)


def _require_given(system: System, name: str, where: str) -> None:
    names = [tensor.name for tensor in system.given]
    if name in system.definitions:
        raise DataError(
            f"{name!r} is computed by an equation, so its numbers are not to be given",
            where=where,
            remedy=f"leave it out; what is given is {', '.join(names)}",
        )
    if name not in names:
        raise UnknownNameError("tensor", name, names, where=where)


def _described(tensor: Tensor) -> str:
    if not tensor.shape:
        return "a single number"
    kind = "labels" if tensor.domain is Domain.LABEL else "numbers"
    return f"{kind} of shape {' × '.join(map(str, tensor.shape))}"


# --- numbers -------------------------------------------------------------------------


def _exact_array(tensor: Tensor, value: Any, where: str) -> np.ndarray:
    """Nested lists, or an array, as an array of fractions."""
    shape = _shape(value)
    if 0 in shape:
        raise DataError(
            f"{tensor.name!r} is empty: it has shape {shape}",
            where=where,
            remedy=f"give {tensor.name!r}, {_described(tensor)}",
        )
    found = np.empty(shape, dtype=object)
    for place, entry in _entries(value, shape, tensor.name, where):
        found[place] = exact_number(entry, _written(tensor.name, place), where)
    return found


def _shape(value: Any) -> tuple[int, ...]:
    """The shape that the first entries of nested lists have."""
    shape: tuple[int, ...] = ()
    while _is_list(value):
        shape = (*shape, len(value))
        value = value[0] if len(value) else None
    return shape


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _entries(
    value: Any, shape: tuple[int, ...], name: str, where: str, place: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], Any]]:
    """What is at each position; every list has to have the length that the shape says."""
    if len(place) == len(shape):
        yield place, value[()] if isinstance(value, np.ndarray) else value
        return
    wanted = shape[len(place)]
    if not _is_list(value) or len(value) != wanted:
        held = f"{len(value)} entries" if _is_list(value) else "no list"
        raise DataError(
            f"{_written(name, place)} has {held}, and those before it have {wanted}",
            where=where,
            remedy="give every row the same number of entries",
        )
    for number, part in enumerate(value):
        yield from _entries(part, shape, name, where, (*place, number))


def _written(name: str, place: tuple[int, ...]) -> str:
    return f"{name}[{','.join(map(str, place))}]" if place else name


def exact_number(value: Any, written: str, where: str = "") -> Fraction:
    """A number as the decimal that it prints as.

    Raises
    ------
    DataError
        If it is no number, not finite, or of an order of magnitude that no example needs.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal | np.number):
        raise DataError(
            f"{written} is {_brief(value)}, which is not a number",
            where=where,
            remedy="give numbers, such as 0.05",
        )
    if isinstance(value, Rational):  # whole numbers are some too
        number = Fraction(int(value.numerator), int(value.denominator))
        magnitude = len(str(abs(number.numerator))) - len(str(number.denominator))
    else:
        decimal = Decimal(str(value))
        magnitude = decimal.adjusted() if decimal.is_finite() else _GREATEST_POWER + 1
        number = Fraction(decimal) if abs(magnitude) <= _GREATEST_POWER else Fraction(0)
    if abs(magnitude) > _GREATEST_POWER:
        raise DataError(
            f"{written} is {_brief(value)}, which is not a number to compute with",
            where=where,
            remedy=f"give finite numbers below 10^{_GREATEST_POWER}",
        )
    return number


def _brief(value: Any) -> str:
    written = str(value) if isinstance(value, Real | Decimal) else repr(value)
    return written if len(written) <= _BRIEF else f"{written[:_BRIEF]}…"


# --- domains -------------------------------------------------------------------------


def _within_domain(tensor: Tensor, values: np.ndarray, sizes: Sizes, where: str) -> np.ndarray:
    """The numbers, those of labels as `int`, if a tensor may hold them."""
    if tensor.domain is Domain.LABEL:
        return _labels(tensor, values, sizes, where)
    for place, value in np.ndenumerate(values):
        if not _HOLDS[tensor.domain](value):
            raise DataError(
                f"{_written(tensor.name, place)} is {_shown(value)}, "
                f"and {tensor.name!r} is declared {tensor.domain}",
                where=where,
                remedy=f"give numbers {_WORDS[tensor.domain]}",
            )
    return values


def _labels(tensor: Tensor, values: np.ndarray, sizes: Sizes, where: str) -> np.ndarray:
    assert tensor.classes is not None  # noqa: S101 (Tensor checks it)
    classes = extent_of(tensor.classes, sizes)
    labels = np.empty(values.shape, dtype=object)
    for place, value in np.ndenumerate(values):
        if value.denominator != 1 or not 0 <= value < classes:
            raise DataError(
                f"{_written(tensor.name, place)} is {_shown(value)}, "
                f"which is no label of {classes} classes",
                where=where,
                remedy=f"give whole numbers from 0 to {classes - 1}",
            )
        labels[place] = int(value)
    return labels


def _shown(value: Fraction) -> str:
    return str(int(value)) if value.denominator == 1 else str(float(value))


_HOLDS: Mapping[Domain, Callable[[Fraction], bool]] = {
    Domain.REAL: lambda _: True,
    Domain.POSITIVE: lambda value: value > 0,
    Domain.UNIT: lambda value: 0 < value < 1,
    Domain.SIGN: lambda value: abs(value) == 1,
}
