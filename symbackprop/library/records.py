"""What layers, losses, optimizers and schedules share: records of PyTorch's arguments.

Each is a frozen dataclass whose fields are the arguments of the PyTorch class of the
same name, so that whoever needs the original can build it from the record::

    getattr(torch.nn, type(layer).__name__)(**layer.torch_arguments())

A field that PyTorch's class does not have is declared with ``metadata=OURS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from math import isfinite, isinf
from typing import Any, Generic, TypeVar

import sympy as sp

from symbackprop.errors import OptionError, UnknownNameError

#: Marks a field that PyTorch's class of the same name does not take.
OURS: Mapping[str, Any] = {"ours": True}


@dataclass(frozen=True)
class Record:
    """The arguments of one layer, loss, optimizer or schedule."""

    def torch_arguments(self) -> dict[str, Any]:
        """The keyword arguments of the PyTorch class of the same name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if "ours" not in f.metadata}

    def written_arguments(self) -> Iterator[tuple[str, Any]]:
        """What one writes to make the record: names and values, a leading one's name empty."""
        for field in fields(self):
            value = getattr(self, field.name)
            made = field.default_factory
            default = field.default if made is MISSING else made()
            if default is MISSING:
                yield "", value
            elif value != default:
                yield field.name, value

    def __str__(self) -> str:
        """The record as one writes it: ``Linear(10, 20, bias=False)``."""
        shown = [
            f"{name}={value}" if name else str(value) for name, value in self.written_arguments()
        ]
        return type(self).__name__ + (f"({', '.join(shown)})" if shown else "")


Class = TypeVar("Class", bound=type[Any])


class Registry(Mapping[str, Class], Generic[Class]):
    """Classes by name; a class enters where it is declared, with ``@REGISTRY.add``."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._classes: dict[str, Class] = {}

    def add(self, cls: Class) -> Class:
        """Enter a class under its own name."""
        self._classes[cls.__name__] = cls
        return cls

    def named(self, name: str) -> Class:
        """The class of that name.

        Raises
        ------
        UnknownNameError
            With the nearest known name.
        """
        if name not in self._classes:
            raise UnknownNameError(self.kind, name, self._classes)
        return self._classes[name]

    def __getitem__(self, name: str) -> Class:
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


def exact(number: float) -> sp.Expr:
    """The decimal a number is written as, exactly: 0.1 is 1/10, not its nearest double."""
    return sp.Rational(str(float(number)))


def number(record: Record, name: str) -> float:
    """A field that must be a finite number.

    Raises
    ------
    OptionError
        If it is something else.
    """
    value = getattr(record, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise OptionError(
            f"{name}={value!r} is not a finite number",
            where=type(record).__name__,
            remedy=f"give {name} a number",
        )
    return float(value)


def require_range(
    record: Record,
    name: str,
    low: float,
    high: float = float("inf"),
    *,
    without: Iterable[float] = (),
) -> None:
    """Require a field to be a number in [low, high], ends in `without` left out.

    Raises
    ------
    OptionError
        If it is not.
    """
    value = number(record, name)
    left_out = set(without)
    if low <= value <= high and value not in left_out:
        return
    opening = "(" if low in left_out or isinf(low) else "["
    closing = ")" if high in left_out or isinf(high) else "]"
    upper = "∞" if isinf(high) else f"{high:g}"
    raise OptionError(
        f"{name}={value:g} is outside {opening}{low:g}, {upper}{closing}",
        where=str(record),
        remedy=f"give {name} a value in {opening}{low:g}, {upper}{closing}",
    )


def require_choice(record: Record, name: str, choices: Iterable[Any]) -> None:
    """Require a field to be one of a few values.

    Raises
    ------
    OptionError
        If it is not.
    """
    value = getattr(record, name)
    listed = list(choices)
    if not any(type(value) is type(choice) and value == choice for choice in listed):
        raise OptionError(
            f"{name}={value!r} is not one of {', '.join(map(repr, listed))}",
            where=type(record).__name__,
            remedy=f"use {name}={listed[0]!r}",
        )


def require_whole(record: Record, name: str, low: int = 1) -> None:
    """Require a field to be a whole number, `low` or more.

    Raises
    ------
    OptionError
        If it is not.
    """
    value = getattr(record, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise OptionError(
            f"{name}={value!r} is not a whole number from {low} up",
            where=type(record).__name__,
            remedy=f"use {name}={low}, or more",
        )


def require_dim(record: Record, name: str) -> None:
    """Require a field to be an axis: a whole number, negative ones count from the end.

    Raises
    ------
    OptionError
        If it is not.
    """
    value = getattr(record, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise OptionError(
            f"{name}={value!r} is not an axis",
            where=type(record).__name__,
            remedy=f"use {name}=-1 for the last axis",
        )


def refuse_all_but(record: Record, **defaults: Any) -> None:
    """Require arguments of PyTorch that are not supported to have their defaults.

    Raises
    ------
    OptionError
        If one has another value.
    """
    for name, default in defaults.items():
        value = getattr(record, name)
        if value != default:
            raise OptionError(
                f"{name}={value!r} is not supported",
                where=type(record).__name__,
                remedy=f"leave it at {name}={default!r}",
            )
