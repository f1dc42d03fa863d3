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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symbackprop.errors import OptionError
from symbackprop.train.datasets import Array
from symbackprop.train.loop import Epoch

_PARAMETERS, _HISTORY, _SETTINGS = "parameters.npz", "history.json", "settings.json"


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
    """

    parameters: Mapping[str, Array]
    history: tuple[Epoch, ...]
    settings: Mapping[str, Any]


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

    Raises
    ------
    OptionError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder, prefix=".symbackprop-"))
        try:
            arrays: dict[str, Any] = {
                name: np.asarray(array) for name, array in checkpoint.parameters.items()
            }
            np.savez(beside / _PARAMETERS, **arrays)
            _dump(beside / _HISTORY, [asdict(epoch) for epoch in checkpoint.history])
            _dump(beside / _SETTINGS, checkpoint.settings)
            for name in (_PARAMETERS, _HISTORY, _SETTINGS):
                os.replace(beside / name, folder / name)
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
        with np.load(folder / _PARAMETERS, allow_pickle=False) as archive:
            parameters = dict(archive)
        history = json.loads((folder / _HISTORY).read_text(encoding="utf-8"))
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(
            f"{str(folder)!r} holds no checkpoint: {error}",
            remedy="give a folder that was written with --out",
        ) from error
    return Checkpoint(parameters, tuple(Epoch(**epoch) for epoch in history), settings)


def _dump(path: Path, content: Iterable[Any] | Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _unwritable(folder: Path, error: OSError) -> OptionError:
    return OptionError(
        f"cannot write into {str(folder)!r}: {error.strerror or error}",
        remedy="give a folder that can be written",
    )
