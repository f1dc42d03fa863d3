"""Words of a page that can be read in every language: one ``span`` each, one of them shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import TypeAlias

from symbackprop.typeset.words import LANGUAGES, phrase

#: HTML that is the same in every language, or depends on it.
Part: TypeAlias = str | Callable[[str], str]


def tag(language: str) -> str:
    """A language as HTML names it."""
    return phrase("language-tag", language)


def words(key: str, **parts: Part) -> str:
    """A phrase in every language, its names in braces filled with HTML."""
    return in_each(lambda language: filled(key, language, **parts))


def filled(key: str, language: str, **parts: Part) -> str:
    """A phrase in one language, its names in braces filled with HTML."""
    written = escape(phrase(key, language), quote=False)
    for name, part in parts.items():
        value = part if isinstance(part, str) else part(language)
        # No line may begin with the comma after a formula.
        written = re.sub(rf"\{{{name}\}}([,.;:]?)", _unbroken(value), written)
    return written


def _unbroken(value: str) -> Callable[[re.Match[str]], str]:
    """Puts a value and the stop after it together."""

    def put(match: re.Match[str]) -> str:
        # Text is not parted from a stop anyway.
        together = f"{value}{match[1]}"
        tied = match[1] and "<" in value
        return f'<span class="unbroken">{together}</span>' if tied else together

    return put


def in_each(write: Callable[[str], str]) -> str:
    """What is written for each language, once if it is the same in all."""
    found = {language: write(language) for language in LANGUAGES}
    if len(set(found.values())) == 1:
        return found[LANGUAGES[0]]
    return "".join(f'<span lang="{tag(name)}">{text}</span>' for name, text in found.items())


def listed(items: list[str], language: str) -> str:
    """Items as a list within a sentence."""
    return phrase("comma", language).join(items)


def language_style() -> str:
    """The rules that show a page in the language its root names."""
    return "".join(
        f':root:not([lang="{tag(name)}"]) body [lang="{tag(name)}"]:not(.own) '
        "{ display: none; }\n"
        for name in LANGUAGES
    )
