"""All backends, by the name users choose them by."""

from __future__ import annotations

from collections.abc import Mapping

from symbackprop.compile.backend import Backend
from symbackprop.compile.numpy_backend import NumPyBackend
from symbackprop.compile.torch_backend import TorchBackend

#: A new backend is one file and its entry here; the tests run over all entries.
BACKENDS: Mapping[str, Backend] = {
    backend.name: backend for backend in (NumPyBackend(), TorchBackend())
}
