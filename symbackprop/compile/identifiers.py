"""Identifiers: a user's names as names that Python accepts, each different."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Hashable, Iterable


def identifier(name: str) -> str:
    """The nearest Python identifier: ``delta^{(l)}`` is ``delta_l``, 误差 stays.

    None starts with an underscore and a letter: such names are a module's own.

    >>> identifier("lambda"), identifier("1st loss")
    ('lambda_', '_1st_loss')
    """
    letters = unicodedata.normalize("NFKC", name)
    text = re.sub(r"\W+", "_", letters).strip("_") or "tensor"
    if not text.isidentifier():
        text = f"_{text}"
    if not text.isidentifier():
        text = "tensor"
    return f"{text}_" if keyword.iskeyword(text) or keyword.issoftkeyword(text) else text


class Namespace:
    """Hands out identifiers, each at most once.

    Parameters
    ----------
    reserved
        Names that the module itself uses.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = {*reserved, *dir(builtins)}
        self._given: dict[Hashable, str] = {}

    def name(self, key: Hashable, wish: str | None = None) -> str:
        """The identifier for `key`, the same at every call; it looks like `wish`."""
        if key not in self._given:
            self._given[key] = self._free(identifier(str(key) if wish is None else wish))
        return self._given[key]

    def _free(self, wish: str) -> str:
        candidate, number = wish, 1
        while candidate in self._taken:
            number += 1
            candidate = f"{wish}_" if number == 2 else f"{wish}_{number}"
        self._taken.add(candidate)
        return candidate
