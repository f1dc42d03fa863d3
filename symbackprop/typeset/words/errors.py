"""Errors in a reader's language: what is wrong, where, and what to do.

Messages are written in English where they are raised. Another language has a catalogue of them
by template: the text with ``{}`` for each value that was filled in, and ``{words}`` where that
has words of its own, which are templates of the catalogue too. A catalogue is loaded when an
error is first told in its language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from symbackprop.errors import SymbackpropError
from symbackprop.typeset.columns import display_width
from symbackprop.typeset.words import phrase

#: Where the messages of each language but English are.
CATALOGUES = {"zh": "symbackprop.typeset.words.zh_messages"}

_VALUE = re.compile(r"\{(words)?\}")  # in English
_PLACE = re.compile(r"\{(\d?)\}")  # in the other language
_WORD = re.compile("[A-Za-z]{2}")
_PROSE = re.compile("[A-Za-z]{2,} [A-Za-z]{2,}")
_IDEOGRAPH = r"[\u4e00-\u9fff]"
# Chinese stands apart from the Latin letters, numbers and signs that are filled in.
_TOUCHING = re.compile(rf"{_IDEOGRAPH}[!-~]|[!-~]{_IDEOGRAPH}")


def told(error: SymbackpropError, language: str) -> str:
    """An error in lines, as ``str(error)`` has them in English.

    Raises
    ------
    UnknownNameError
        On an unknown language.
    """
    lines = [translated(error.what, language)]
    for label, said in (("error-where", error.where), ("error-remedy", error.remedy)):
        if said:
            begin = f"  {phrase(label, language)}{phrase('colon', language)}"
            # What points at a place in the line above was aligned behind the English words.
            further = " " * (display_width(begin) - display_width(f"  {phrase(label)}: "))
            lines.append(begin + translated(said, language).replace("\n", f"\n{further}"))
    return "\n".join(lines)


def translated(message: str, language: str) -> str:
    """A message, or a part of one, in a language; as it is where the catalogue has none."""
    if language not in CATALOGUES:
        return message
    return _translated(message, _catalogue(language)) or message


def _translated(text: str, catalogue: _Catalogue, *, within: bool = False) -> str | None:
    """A message, or what is filled in within one; None where the catalogue has none."""
    if text in catalogue.fixed:
        return catalogue.fixed[text]
    readings = [
        reading
        for template in catalogue.templates
        if within or not template.within
        for reading in _read(template, text, catalogue)
        if reading.is_sensible(within=within)
    ]
    # One that leaves no prose as it is, else the one with most text of the catalogue.
    plain = (reading for reading in readings if not any(reading.prose))
    best = next(plain, readings[0] if readings else None)
    return None if best is None else best.told()


def _read(template: _Template, text: str, catalogue: _Catalogue) -> list[_Reading]:
    """A text read by one template, if it is of that form."""
    found = [
        _Reading(
            template,
            values,
            tuple(
                _translated(value, catalogue, within=True) if worded else None
                for value, worded in zip(values, template.worded, strict=True)
            ),
        )
        for values in template.values(text)
    ]
    # The one of which most is known, else the first.
    return sorted(found, key=lambda reading: reading.words.count(None))[:1]


@dataclass(frozen=True)
class _Template:
    """One message of the catalogue.

    Attributes
    ----------
    literals
        The English text before, between and after the values.
    worded
        For each value, whether it has words of its own.
    told
        The text in the other language: ``{}`` for the next value, ``{1}`` for the second.
    within
        Whether it stands within messages only.
    """

    literals: tuple[str, ...]
    worded: tuple[bool, ...]
    told: str
    within: bool

    @property
    def weight(self) -> int:
        """How much text it has in common with all it stands for."""
        return sum(map(len, self.literals))

    def values(self, text: str) -> Iterator[tuple[str, ...]]:
        """What may have been filled in, if the text is of this form.

        Of several places where a value may end, its first and its last.
        """
        if all(literal in text for literal in self.literals):
            for value in ("(.*?)", "(.*)"):
                found = re.fullmatch(value.join(map(re.escape, self.literals)), text, re.DOTALL)
                if found is not None:
                    yield found.groups()


@dataclass(frozen=True)
class _Reading:
    """A text as one template with its values.

    Attributes
    ----------
    template
        The template.
    values
        What was filled in.
    words
        The same in the other language; None for what is not in the catalogue.
    """

    template: _Template
    values: tuple[str, ...]
    words: tuple[str | None, ...]

    @property
    def prose(self) -> list[bool]:
        """Whether each value is English that is in no catalogue."""
        return [
            word is None and _PROSE.search(value) is not None
            for value, word in zip(self.values, self.words, strict=True)
        ]

    def is_sensible(self, *, within: bool) -> bool:
        """Whether the text is of this form indeed, and not by chance.

        Within a message anything may stand, such as a formula or what the system says. So a
        sign that joins two words joins no prose, and a comma alone has words beside it; and
        no message begins with prose.
        """
        literals = self.template.literals
        if self.template.within:
            return not any(self.prose) and (any(self.words) or any(map(_WORD.search, literals)))
        return not (within and not literals[0] and self.prose[0])

    def told(self) -> str:
        """The text in the other language, with the values."""
        values = [word or value for word, value in zip(self.words, self.values, strict=True)]
        text, *rest = _PLACE.split(self.template.told)
        following = iter(values)
        for number, literal in zip(rest[::2], rest[1::2], strict=True):
            for piece in (values[int(number)] if number else next(following), literal):
                apart = " " if _TOUCHING.fullmatch(text[-1:] + piece[:1]) else ""
                text += apart + piece
        return text


@dataclass(frozen=True)
class _Catalogue:
    """The messages without values, and those with some, most text first."""

    fixed: dict[str, str]
    templates: tuple[_Template, ...]


@cache
def _catalogue(language: str) -> _Catalogue:
    module = import_module(CATALOGUES[language])
    fixed = dict(module.SYSTEM)
    templates = []
    for english, text in (*module.MESSAGES.items(), *module.WITHIN.items()):
        first, *rest = _VALUE.split(english)
        if rest:
            worded = tuple(hole == "words" for hole in rest[::2])
            within = english in module.WITHIN
            templates.append(_Template((first, *rest[1::2]), worded, text, within))
        else:
            fixed[english] = text
    return _Catalogue(fixed, tuple(sorted(templates, key=lambda t: t.weight, reverse=True)))
