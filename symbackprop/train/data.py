"""Loading a data set by name or from a file, splitting it and scaling its features.

>>> data = load("iris")
>>> data.x.shape, data.classes
((150, 4), ('setosa', 'versicolor', 'virginica'))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from symbackprop.errors import DataError, UnknownNameError
from symbackprop.train.datasets import Array, Dataset, Needs, Table, assemble
from symbackprop.train.files import read_csv, read_npz

#: The share of rows held out to measure on, as scikit-learn's tutorials do.
HELD_OUT = 0.2


def _digits() -> Any:
    from sklearn.datasets import load_digits

    return load_digits()


def _iris() -> Any:
    from sklearn.datasets import load_iris

    return load_iris()


#: scikit-learn's data sets that come with it.
BUILT_IN: dict[str, Callable[[], Any]] = {"digits": _digits, "iris": _iris}

_READERS = {".csv": read_csv, ".npz": read_npz}


def load(source: str, needs: Needs | None = None, *, target: str | None = None) -> Dataset:
    """Read a data set and check it against what a network and its loss need.

    Parameters
    ----------
    source
        ``digits`` or ``iris`` (scikit-learn's), or a path that ends in ``.csv`` or
        ``.npz``; see `read_csv` and `read_npz`.
    needs
        What the network and the loss need; anything will do by default.
    target
        The target column of a CSV file, if not the last.

    Raises
    ------
    DataError
        If the file cannot be read, or does not hold what is needed.
    UnknownNameError
        If the source is neither known nor a file, or no column has the target's name.
    """
    return assemble(_table(source, target), needs or Needs())


def _table(source: str, target: str | None) -> Table:
    if source in BUILT_IN:
        if target is not None:
            raise DataError(
                f"the data set {source!r} has no columns to choose a target from",
                remedy="leave --target out",
            )
        bunch = BUILT_IN[source]()
        names = tuple(str(name) for name in bunch.target_names)
        x, y = np.asarray(bunch.data, dtype=np.float64), np.asarray(bunch.target)
        return Table(source, x, y, lambda row: f"{source}, row {row + 1}", names)
    path = Path(source)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnknownNameError("data set", source, [*BUILT_IN, "FILE.csv", "FILE.npz"])
    try:
        return reader(path, target)
    except OSError as error:
        raise DataError(
            f"cannot read {source!r}: {error.strerror or error}",
            remedy="check the path and its permissions",
        ) from error


@dataclass(frozen=True)
class Split:
    """A data set in two parts, features scaled by what the first part shows.

    Attributes
    ----------
    train, held_out
        To learn from, and to measure on.
    mean, scale
        Float64 of shape (features,): a feature is fed as (value - mean)/scale.
    """

    train: Dataset
    held_out: Dataset
    mean: Array
    scale: Array


def split(data: Dataset, seed: int, *, scaled: bool = True) -> Split:
    """Hold out a fifth of the rows, alike in classes, and standardise the features.

    Parameters
    ----------
    data
        All rows.
    seed
        Of the choice of rows.
    scaled
        False to leave the features as they are: labels, for a network that takes them.

    Notes
    -----
    Mean and scale are those of the training part alone, so that nothing of the
    held-out part leaks into training. A feature that never changes keeps scale 1.

    Raises
    ------
    DataError
        If there are too few rows to hold some out.
    """
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    rows = np.arange(len(data.x))
    labels = data.labels if data.classes else None
    if labels is not None and not _can_stratify(labels):
        labels = None
    if len(rows) < 2:
        raise DataError(
            f"{len(rows)} row is too few to hold some out",
            where=data.name,
            remedy="give 2 rows or more",
        )
    train, held_out = train_test_split(rows, test_size=HELD_OUT, random_state=seed, stratify=labels)
    scaler = StandardScaler().fit(data.x[train])
    mean = scaler.mean_ if scaled else np.zeros(data.features)
    scale = scaler.scale_ if scaled else np.ones(data.features)

    def part(chosen: Array) -> Dataset:
        return replace(data, x=(data.x[chosen] - mean) / scale, y=data.y[chosen])

    return Split(part(train), part(held_out), mean, scale)


def _can_stratify(labels: Array) -> bool:
    """Whether each class has a row for either part."""
    _, counts = np.unique(labels, return_counts=True)
    return bool(counts.min() >= 2 and len(labels) * HELD_OUT >= len(counts))
