"""What a data set is, and what a network and its loss need of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from symbackprop.errors import DataError
from symbackprop.library import TargetKind

Array = NDArray[Any]

# Whole numbers count as labels up to this many different ones, unless a loss says more.
_MOST_LABELS = 20


# Losses that take a share of each class: labels become one-hot rows for them.
_SHARES = (TargetKind.UNIT, TargetKind.DISTRIBUTION)


@dataclass(frozen=True)
class Dataset:
    """Rows of features and their targets.

    Attributes
    ----------
    name
        Where they come from: ``"digits"``, or the path of the file.
    x
        Features, float64 of shape (rows, features).
    y
        Labels, int64 of shape (rows,) with values 0 … classes-1; or real targets,
        float64 of shape (rows, outputs), which may be the shares of classes.
    classes
        The names of the classes; empty if the target is not about classes.
    """

    name: str
    x: Array
    y: Array
    classes: tuple[str, ...] = ()

    @property
    def features(self) -> int:
        """How many numbers a row has."""
        return int(self.x.shape[1])

    @property
    def outputs(self) -> int:
        """How many numbers a network gives per row: one a class, or one a target column."""
        return len(self.classes) if self.y.ndim == 1 else int(self.y.shape[1])

    @property
    def labels(self) -> Array:
        """The class of each row, int64 of shape (rows,)."""
        return self.y if self.y.ndim == 1 else chosen(self.y, 0.5)


@dataclass(frozen=True)
class Needs:
    """What a network and its loss need of a data set; None where anything will do.

    Attributes
    ----------
    kind
        What the loss compares with.
    features, outputs
        The network's numbers of inputs and outputs.
    """

    kind: TargetKind | None = None
    features: int | None = None
    outputs: int | None = None


@dataclass(frozen=True)
class Table:
    """Rows as a file or a library gives them, before anything is known of their use.

    Attributes
    ----------
    name
        Where they come from.
    x
        Finite features, float64 of shape (rows, features).
    target
        Text or numbers of shape (rows,), or numbers of shape (rows, outputs).
    place
        From a row to where its target stands, for messages.
    classes
        The names of the labels, where the source knows them.
    """

    name: str
    x: Array
    target: Array
    place: Callable[[int], str]
    classes: tuple[str, ...] = ()


def assemble(table: Table, needs: Needs) -> Dataset:
    """A data set from a table, checked against what the network and the loss need.

    A target is read as labels if the loss compares with labels; if it does not say,
    when the target is text, or counts 0, 1, 2, … without a gap and no further than 19.
    Labels become shares (one-hot rows, or one column for two classes) where the loss
    compares with shares.

    Raises
    ------
    DataError
        Naming the place and the remedy, if the data are not what is needed.
    """
    if needs.features is not None and table.x.shape[1] != needs.features:
        raise DataError(
            f"the network takes {_inputs(needs.features)}, "
            f"but a row has {_features(table.x.shape[1])}",
            where=table.name,
            remedy=f"let the model begin with {_inputs(table.x.shape[1])}",
        )
    if table.target.dtype.kind in "US":
        if needs.kind not in (None, TargetKind.LABELS, *_SHARES):
            _refuse_text(table)
        classes, labels = np.unique(table.target, return_inverse=True)
        return _labelled(replace(table, target=labels, classes=tuple(classes.tolist())), needs)
    _check_finite(table)
    if table.classes or (table.target.ndim == 1 and _are_labels(table.target, needs.kind)):
        return _labelled(_whole(table, needs), needs)
    return _real(table, needs)


def chosen(scores: Array, threshold: float) -> Array:
    """The class each row's scores speak for: the largest, or past a threshold if single.

    Parameters
    ----------
    scores
        Numbers of shape (rows, classes), or (rows, 1) for two classes.
    threshold
        What a single score must exceed for class 1.
    """
    single = scores.shape[1] == 1
    picked = scores[:, 0] > threshold if single else scores.argmax(axis=1)
    return np.asarray(picked, dtype=np.int64)


# Each with its words in full: other languages count otherwise.


def _inputs(number: int) -> str:
    return "1 input" if number == 1 else f"{number} inputs"


def _features(number: int) -> str:
    return "1 feature" if number == 1 else f"{number} features"


def _outputs(number: int) -> str:
    return "1 output" if number == 1 else f"{number} outputs"


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"


def _are_labels(raw: Array, kind: TargetKind | None) -> bool:
    if kind is TargetKind.LABELS:
        return True
    values = np.unique(raw)
    consecutive = np.array_equal(values, np.arange(len(values)))
    return kind in (None, *_SHARES) and consecutive and 2 <= len(values) <= _MOST_LABELS


def _refuse_text(table: Table) -> NoReturn:
    numeric = [_is_number(value) for value in table.target.tolist()]
    row = numeric.index(False) if False in numeric else 0
    raise DataError(
        f"the loss compares with real numbers, and {str(table.target[row])!r} is not one",
        where=table.place(row),
        remedy="fill in a number, or use a loss on labels, such as CrossEntropyLoss",
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_finite(table: Table) -> None:
    for place in np.argwhere(~np.isfinite(table.target))[:1]:
        raise DataError(
            f"the target is {table.target[tuple(place)]}",
            where=table.place(int(place[0])),
            remedy="remove the row, or fill in the number",
        )


def _whole(table: Table, needs: Needs) -> Table:
    """The table with its target as whole numbers from 0, and a name for each label."""
    values = table.target
    for row in np.flatnonzero((values != np.floor(values)) | (values < 0))[:1]:
        raise DataError(
            f"the loss compares with labels, and {values[row]} is not one",
            where=table.place(int(row)),
            remedy="count labels 0, 1, 2, …, or use a loss on real numbers, such as MSELoss",
        )
    # Larger numbers than there can be classes are identifiers, such as 90210.
    most = max(needs.outputs or 0, len(values), _MOST_LABELS)
    for row in np.flatnonzero(values >= most)[:1]:
        raise DataError(
            f"label {values[row]:.0f} is out of range: labels count the classes, "
            f"and there are {len(values)} rows",
            where=table.place(int(row)),
            remedy="count labels 0, 1, 2, …, or write them as text",
        )
    names = table.classes or tuple(str(label) for label in range(int(values.max()) + 1))
    return replace(table, target=values.astype(np.int64), classes=names)


def _labelled(table: Table, needs: Needs) -> Dataset:
    labels, count = table.target, len(table.classes)
    shares = needs.kind in _SHARES
    if not shares and needs.kind not in (None, TargetKind.LABELS):
        raise DataError(
            f"the loss compares with real numbers, but the target holds labels of {count} classes",
            where=table.name,
            remedy="use a loss on labels, such as CrossEntropyLoss",
        )
    if count < 2:
        raise DataError(
            f"every row has the label {table.classes[0]}, so there is nothing to tell apart",
            where=table.name,
            remedy="give rows of two classes or more",
        )
    single = needs.kind is TargetKind.UNIT and count == 2 and needs.outputs in (1, None)
    outputs = 1 if single else (needs.outputs or count)
    for row in np.flatnonzero(labels >= outputs)[: 0 if single else 1]:
        raise DataError(
            f"label {labels[row]} ({table.classes[labels[row]]}) is out of range: "
            f"the network has {_outputs(outputs)}, for labels below {outputs}",
            where=table.place(int(row)),
            remedy=f"let the model end with {_outputs(count)}",
        )
    if not shares:
        return Dataset(table.name, table.x, labels, table.classes)
    rows = labels[:, None] if single else np.eye(outputs)[labels]
    return Dataset(table.name, table.x, rows.astype(np.float64), table.classes)


def _real(table: Table, needs: Needs) -> Dataset:
    y = np.asarray(table.target, dtype=np.float64).reshape(len(table.target), -1)
    if needs.kind is TargetKind.LABELS:
        raise DataError(
            f"the loss compares with labels, but the target has {_columns(y.shape[1])}",
            where=table.name,
            remedy="give one label a row, or use a loss on real numbers, such as MSELoss",
        )
    if needs.outputs is not None and y.shape[1] != needs.outputs:
        raise DataError(
            f"the network has {_outputs(needs.outputs)}, but the target {_columns(y.shape[1])}",
            where=table.name,
            remedy=f"let the model end with {_outputs(y.shape[1])}",
        )
    for row in np.flatnonzero(~_allowed(y, needs.kind))[:1]:
        raise DataError(
            f"the loss compares with {_ALLOWED[needs.kind or TargetKind.REAL]}, "
            f"and {y[row].tolist()} is not that",
            where=table.place(int(row)),
            remedy="change the target, or use a loss on real numbers, such as MSELoss",
        )
    return Dataset(table.name, table.x, y)


_ALLOWED = {
    TargetKind.REAL: "real numbers",
    TargetKind.UNIT: "numbers from 0 to 1",
    TargetKind.DISTRIBUTION: "shares that sum to 1",
    TargetKind.LOG_DISTRIBUTION: "logarithms of shares that sum to 1",
}


def _allowed(y: Array, kind: TargetKind | None) -> Array:
    """Which rows a loss of that kind can compare with; bool of shape (rows,)."""
    if kind is TargetKind.UNIT:
        return np.asarray(((y >= 0) & (y <= 1)).all(axis=1))
    if kind in (TargetKind.DISTRIBUTION, TargetKind.LOG_DISTRIBUTION):
        shares = np.exp(y) if kind is TargetKind.LOG_DISTRIBUTION else y
        whole = np.isclose(shares.sum(axis=1), 1, atol=1e-6)
        return np.asarray(whole & (shares >= 0).all(axis=1))
    return np.ones(len(y), dtype=bool)
