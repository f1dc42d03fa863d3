"""How equations and systems show themselves in a notebook.

Typesetting is a later room: it leaves here how it writes each kind of thing. Until it is
loaded, a notebook shows plain text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: LaTeX that a notebook displays, by what it is of.
WRITERS: dict[type, Callable[[Any], str]] = {}


class Displayed:
    """Something that a notebook shows as mathematics."""

    def _repr_latex_(self) -> str | None:
        write = next((WRITERS[kind] for kind in type(self).__mro__ if kind in WRITERS), None)
        return None if write is None else write(self)
