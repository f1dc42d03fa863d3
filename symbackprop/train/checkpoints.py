"""Keeping what a training run has made: parameters, history, settings.

Everything is written beside its place first and then renamed into it, so that an
interrupted run leaves either the old files or the new ones, never half of one.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from symbackprop.errors import OptionError
from symbackprop.train.datasets import Array
from symbackprop.train.loop import Epoch

_PARAMETERS, _HISTORY, _SETTINGS = "parameters.npz", "history.json", "settings.json"
_BUFFERS = "buffers.npz"  # where there are some


@dataclass(frozen=True)
class Checkpoint:
    """What a training run leaves behind.

    Attributes
    ----------
    parameters
        Arrays by name.
    history
        One record an epoch.
    settings
        What the run was started with and what it measured: plain values, lists
        and dictionaries.
    buffers
        Running averages and the like: arrays by name.
    """

    parameters: Mapping[str, Array]
    history: tuple[Epoch, ...]
    settings: Mapping[str, Any]
    buffers: Mapping[str, Array] = field(default_factory=dict)


def require_writable(folder: Path) -> None:
    """Find out whether files can be written into a folder, making nothing that stays.

    Raises
    ------
    OptionError
        If they cannot.
    """
    ancestor = folder
    while not ancestor.exists() and ancestor != ancestor.parent:
        ancestor = ancestor.parent
    try:
        with tempfile.TemporaryDirectory(dir=ancestor, prefix=".symbackprop-"):
            return
    except OSError as error:
        raise _unwritable(folder, error) from error


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint: ``parameters.npz`` (no pickle), ``history.json``, ``settings.json``.

    Buffers, if there are some, go into ``buffers.npz``.

    Raises
    ------
    OptionError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder, prefix=".symbackprop-"))
        try:
            _pack(beside / _PARAMETERS, checkpoint.parameters)
            _dump(beside / _HISTORY, [asdict(epoch) for epoch in checkpoint.history])
            _dump(beside / _SETTINGS, checkpoint.settings)
            if checkpoint.buffers:
                _pack(beside / _BUFFERS, checkpoint.buffers)
            for name in (
                _PARAMETERS,
                _HISTORY,
                _SETTINGS,
                *([_BUFFERS] * bool(checkpoint.buffers)),
            ):
                os.replace(beside / name, folder / name)
            if not checkpoint.buffers:
                (folder / _BUFFERS).unlink(missing_ok=True)  # of an earlier network
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint that `save` has written.

    Raises
    ------
    OptionError
        If the folder holds none.
    """
    try:
        parameters = _unpack(folder / _PARAMETERS)
        buffers = _unpack(folder / _BUFFERS) if (folder / _BUFFERS).exists() else {}
        history = json.loads((folder / _HISTORY).read_text(encoding="utf-8"))
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(
            f"{str(folder)!r} holds no checkpoint: {error}",
            remedy="give a folder that was written with --out",
        ) from error
    epochs = tuple(Epoch(**epoch) for epoch in history)
    return Checkpoint(parameters, epochs, settings, buffers)


def _pack(path: Path, arrays: Mapping[str, Array]) -> None:
    named: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    np.savez(path, **named)


def _unpack(path: Path) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def _dump(path: Path, content: Iterable[Any] | Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _unwritable(folder: Path, error: OSError) -> OptionError:
    return OptionError(
        f"cannot write into {str(folder)!r}: {error.strerror or error}",
        remedy="give a folder that can be written",
    )
