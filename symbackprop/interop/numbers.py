"""Numbers to put through a derivation: those of a file, or drawn at random.

A file is JSON, or NumPy's NPZ without pickles. A JSON file is one object, by tensor name:
``{"x": [[0.05, 0.1]], "W1": [[0.15, 0.2]], "b1": 0.35, "lr": 0.5}``; an NPZ file has arrays
of these names. ``lr`` is the learning rate, unless a tensor has that name. Sizes follow from
the arrays. Numbers of a JSON file are read as the decimals that are written there.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile

from symbackprop.calculus import Backward
from symbackprop.errors import DataError
from symbackprop.language import System
from symbackprop.typeset.numbers import Worked
from symbackprop.verify.given import exact_number, given_point
from symbackprop.verify.sampling import Point
from symbackprop.verify.worked import easy_point

#: The name of the learning rate.
RATE_NAME = "lr"

# Larger than any example that somebody follows.
_MOST_BYTES = 10_000_000
_EXAMPLE = 'write one object of tensors by name: {"x": [[0.05, 0.1]], "b1": 0.35, "lr": 0.5}'


@dataclass(frozen=True)
class NumberSet:
    """The numbers of everything that a system is given, and where they come from.

    Attributes
    ----------
    point
        The sizes and the numbers.
    rate
        The learning rate of the step, None if nothing is said of it.
    seed
        Of drawn numbers, None of given ones.
    annotate
        Adds what is to be said of these numbers to what came out of them.
    """

    point: Point
    rate: Fraction | None = None
    seed: int | None = None
    annotate: Callable[[Backward, Point, Worked], Worked] | None = None


def drawn_numbers(
    backward: Backward, sizes: Mapping[str, int] | None = None, seed: int = 0
) -> NumberSet:
    """Numbers drawn at random that are easy to follow; see `easy_point`."""
    return NumberSet(easy_point(backward, sizes, seed), seed=seed)


def read_numbers(path: Path, system: System) -> NumberSet:
    """Read a file of numbers for the tensors that a system is given.

    Parameters
    ----------
    path
        A JSON file, or an NPZ file whose name ends in ``.npz``.
    system
        The equations that the numbers are for.

    Raises
    ------
    DataError
        If the file cannot be read, is no such file, or holds something that is no number,
        no label, or not asked for.
    ShapeError
        If shapes do not fit together.
    UnknownNameError
        If a name is no tensor's.
    """
    where = str(path)
    try:
        if path.suffix.lower() == ".npz":
            return _given(_read_npz(path), system, where)
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise DataError(
            f"cannot read {where!r}: {error.strerror or error}",
            remedy="give the path of a JSON or NPZ file of numbers",
        ) from error
    if len(content) > _MOST_BYTES:
        raise DataError(
            f"the file has more than {_MOST_BYTES:,} bytes",
            where=where,
            remedy="give the numbers of a small example",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"the file is not text in UTF-8: {error.reason}", where=where, remedy=_EXAMPLE
        ) from error
    return parse_numbers(text, system, where)


def parse_numbers(text: str, system: System, where: str = "") -> NumberSet:
    """Read numbers from the text of a JSON file; see `read_numbers`."""
    try:
        found = json.loads(
            text, parse_float=Decimal, parse_constant=Decimal, object_pairs_hook=_object
        )
    except (ValueError, RecursionError) as error:
        raise DataError(f"not a JSON file: {error}", where=where, remedy=_EXAMPLE) from error
    if not isinstance(found, dict):
        raise DataError("the file holds no tensors by name", where=where, remedy=_EXAMPLE)
    return _given(found, system, where)


def learning_rate(value: Any, where: str) -> Fraction:
    """A learning rate as the decimal that it prints as.

    Raises
    ------
    DataError
        If it is no number greater than 0.
    """
    rate = exact_number(value, f"the learning rate {RATE_NAME}", where)
    if rate <= 0:
        raise DataError(
            f"the learning rate {RATE_NAME} is {float(rate):g}",
            where=where,
            remedy="give a number greater than 0, such as 0.5",
        )
    return rate


def _given(values: dict[str, Any], system: System, where: str) -> NumberSet:
    rate = None
    if RATE_NAME in values and RATE_NAME not in system.tensors:
        rate = learning_rate(values.pop(RATE_NAME), where)
    return NumberSet(given_point(system, values, where), rate)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no name may stand twice."""
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is given twice")
    return dict(pairs)


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, NpzFile):
            raise ValueError("it holds a single array without a name")
        with archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise DataError(
            f"not an NPZ file of plain arrays: {error}",
            where=str(path),
            remedy="save it with np.savez(path, x=…, W1=…, b1=…)",
        ) from error
