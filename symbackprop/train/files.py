"""Data files: CSV with or without a header, and NumPy's NPZ without pickles."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile

from symbackprop.errors import DataError, UnknownNameError
from symbackprop.train.datasets import Array, Table


def read_csv(path: Path, target: str | None = None) -> Table:
    """Read a CSV file: one row an example, the last column (or `target`) its target.

    The first row is a header if none of its cells but the target's is a number.

    Raises
    ------
    DataError
        If the file is empty or ragged, or a feature is missing, not a number or not
        finite; with the row and column.
    UnknownNameError
        If no column is called `target`.
    OSError
        If the file cannot be read.
    """
    sheet = _sheet(path, _rows(path), target)
    features = [
        [sheet.number(row, column) for column in sheet.columns if column != sheet.target]
        for row in sheet.rows
    ]
    return Table(
        str(path),
        np.array(features, dtype=np.float64),
        _target(sheet),
        lambda row: sheet.place(sheet.rows[row], sheet.target),
    )


@dataclass(frozen=True)
class _Row:
    line: int
    cells: Sequence[str]


@dataclass(frozen=True)
class _Sheet:
    """The rows of a CSV file without the header."""

    path: Path
    header: Sequence[str]
    rows: Sequence[_Row]
    target: int

    @property
    def columns(self) -> range:
        return range(len(self.rows[0].cells))

    def place(self, row: _Row, column: int) -> str:
        name = f" ({self.header[column]})" if self.header else ""
        return f"{self.path}, row {row.line}, column {column + 1}{name}"

    def number(self, row: _Row, column: int) -> float:
        cell = row.cells[column].strip()
        value = _number(cell)
        if value is None or not isfinite(value):
            what = "an empty cell" if not cell else f"{cell!r}"
            raise DataError(
                f"{what} where a finite number is needed",
                where=self.place(row, column),
                remedy="fill in a number, or remove the row",
            )
        return value


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _rows(path: Path) -> list[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            rows = [_Row(reader.line_num, cells) for cells in reader if any(cells)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"not a CSV file: {error}", where=str(path), remedy="save it as CSV in UTF-8"
        ) from error
    if not rows:
        raise DataError(
            "the file is empty", where=str(path), remedy="give rows of numbers, one an example"
        )
    width = len(rows[0].cells)
    for row in rows:
        if len(row.cells) != width:
            raise DataError(
                f"row {row.line} has {len(row.cells)} cells, the first row has {width}",
                where=f"{path}, row {row.line}",
                remedy="give every row the same number of cells",
            )
    if width < 2:
        raise DataError(
            "the file has one column, and a row needs features and a target",
            where=str(path),
            remedy="separate the columns by commas",
        )
    return rows


def _sheet(path: Path, rows: Sequence[_Row], target: str | None) -> _Sheet:
    first = [cell.strip() for cell in rows[0].cells]
    last = len(first) - 1
    position = first.index(target) if target in first else last
    others = first[:position] + first[position + 1 :]
    if any(_number(cell) is not None for cell in others):
        if target is not None:
            raise DataError(
                f"there is no header to find the target {target!r} in",
                where=str(path),
                remedy="add a first row with the columns' names, or leave --target out",
            )
        return _Sheet(path, (), rows, last)
    if target is not None and target not in first:
        raise UnknownNameError("column", target, first, where=str(path))
    if len(rows) == 1:
        raise DataError(
            "there are no rows below the header",
            where=str(path),
            remedy="give rows of numbers, one an example",
        )
    return _Sheet(path, first, rows[1:], position)


def _target(sheet: _Sheet) -> Array:
    """The target column: numbers, or text if a cell is not a number."""
    cells = [row.cells[sheet.target].strip() for row in sheet.rows]
    values = [_number(cell) for cell in cells]
    fractions = any(value is not None and value % 1 for value in values)
    for row, cell, value in zip(sheet.rows, cells, values, strict=True):
        if not cell or (value is None and fractions):
            sheet.number(row, sheet.target)
    if None in values:
        return np.array(cells)
    return np.array(values, dtype=np.float64)


def read_npz(path: Path, target: str | None = None) -> Table:
    """Read an NPZ file with arrays ``x`` (rows, features) and ``y`` (rows,) or (rows, outputs).

    Raises
    ------
    DataError
        If it is not such a file, holds pickled objects, NaN or text among the
        features, or `target` is given: its target is ``y``.
    OSError
        If the file cannot be read.
    """
    if target is not None:
        raise DataError(
            "an NPZ file has no columns to choose a target from; its target is the array y",
            where=str(path),
            remedy="leave --target out",
        )
    x, y = read_arrays(path, ("x", "y"), "with np.savez(path, x=features, y=targets)").values()
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "replace")
    for name, array, ranks in (("x", x, (2,)), ("y", y, (1, 2))):
        if array.ndim not in ranks or not array.size:
            raise DataError(
                f"array {name!r} has shape {array.shape}",
                where=str(path),
                remedy="store x of shape (rows, features), y of shape (rows,) or (rows, outputs)",
            )
    if len(x) != len(y):
        raise DataError(
            f"x has {len(x)} rows, y has {len(y)}",
            where=str(path),
            remedy="store one target for each row",
        )
    if x.dtype.kind not in "iufb" or y.dtype.kind not in ("iufbU" if y.ndim == 1 else "iufb"):
        raise DataError(
            f"the arrays hold {x.dtype} and {y.dtype}",
            where=str(path),
            remedy="store numbers; only a target of labels may be text",
        )
    x = x.astype(np.float64)
    for row, column in np.argwhere(~np.isfinite(x))[:1]:
        raise DataError(
            f"x[{row}, {column}] is {x[row, column]}",
            where=str(path),
            remedy="fill in a number, or remove the row",
        )
    return Table(str(path), x, y, lambda row: f"{path}, y[{row}]")


def read_arrays(path: Path, names: Sequence[str], contents: str) -> dict[str, Array]:
    """Arrays of an NPZ file by name.

    Parameters
    ----------
    path
        The file.
    names
        The arrays to read; others are left alone.
    contents
        What the file should hold, for the remedy of a message.

    Raises
    ------
    DataError
        If it is not such a file, lacks an array, or holds pickled objects.
    OSError
        If the file cannot be read.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, NpzFile):
            raise ValueError("it holds a single array without a name")
        with archive:
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise DataError(
                    f"the file has no array {' and no array '.join(missing)}",
                    where=str(path),
                    remedy=f"save it {contents}",
                )
            arrays = {name: archive[name] for name in names}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError(f"{' and '.join(names)} are not arrays")
            return arrays
    except (ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise DataError(
            f"not an NPZ file of plain arrays: {error}",
            where=str(path),
            remedy=f"save it {contents}",
        ) from error
