"""Errors in a reader's language: what is wrong, where, and what to do."""

from __future__ import annotations

from symbackprop.errors import SymbackpropError
from symbackprop.typeset.columns import display_width
from symbackprop.typeset.words import phrase


def told(error: SymbackpropError, language: str) -> str:
    """An error in lines, as ``str(error)`` has them in English.

    Raises
    ------
    UnknownNameError
        On an unknown language.
    """
    lines = [error.what]
    for label, said in (("error-where", error.where), ("error-remedy", error.remedy)):
        if said:
            begin = f"  {phrase(label, language)}{phrase('colon', language)}"
            # What points at a place in the line above was aligned behind the English words.
            further = " " * (display_width(begin) - display_width(f"  {phrase(label)}: "))
            lines.append(begin + said.replace("\n", f"\n{further}"))
    return "\n".join(lines)
