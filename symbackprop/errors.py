"""The one family of errors a user of symbackprop can meet.

Every message answers three questions: what is wrong, where, and what to do.
The command line prints them as one block and exits with `exit_code`:

* 1  a check ran and failed (`VerificationError`);
* 2  the input cannot be used (everything else).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# Half of the letters in common: enough for names as short as W1.
_SIMILAR = 0.5


class SymbackpropError(Exception):
    """What is wrong, where, and what to do about it.

    Parameters
    ----------
    what
        One sentence: what is wrong.
    where
        The user's own text: the equation, the file and line, the option.
    remedy
        One sentence: what to do.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  in: {self.where}")
        if self.remedy:
            lines.append(f"  try: {self.remedy}")
        return "\n".join(lines)


class EquationError(SymbackpropError):
    """An equation or a system of equations does not hold together."""


class ShapeError(SymbackpropError):
    """Sizes disagree, in equations or between equations and arrays."""


class UnknownNameError(SymbackpropError):
    """A name that nothing defines; the remedy names the nearest known one."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        choices = sorted(known)
        close = get_close_matches(name, choices, n=1, cutoff=_SIMILAR) or [
            choice for choice in choices if choice.casefold() == name.casefold()
        ]
        listed = ", ".join(choices) if choices else "none"
        remedy = f"did you mean {close[0]!r}? " if close else ""
        super().__init__(f"unknown {kind} {name!r}", where=where, remedy=f"{remedy}known: {listed}")


class ModelError(SymbackpropError):
    """A model's text or its layers cannot be put together."""


class DataError(SymbackpropError):
    """A data file, an array or a label cannot be used."""


class OptionError(SymbackpropError):
    """An argument or option has a value outside its range."""


class PaperError(SymbackpropError):
    """A page that cannot be set: TeX stops at it."""


class CompileError(SymbackpropError):
    """Equations that a backend cannot express."""


class VerificationError(SymbackpropError):
    """A check ran and failed: a derived gradient differs from an oracle's."""

    exit_code = 1
