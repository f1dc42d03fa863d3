"""Words: all that a reader is told, one catalogue a language, keyed by rule or part of a page.

A rule has three entries: its title under its name (``chain-rule``), a reason that
follows the title beside a formula (``chain-rule.brief``), and the sentence that says why the step
holds (``chain-rule.why``). ``{used}`` stands for the definitions, facts or tensors that the
step used, typeset; other names in braces for numbers or words that the caller fills in.
"""

from __future__ import annotations

from collections.abc import Mapping

from symbackprop.errors import UnknownNameError
from symbackprop.typeset.words import en, zh

#: Phrases by language code, then by rule or part of a page.
WORDS: Mapping[str, Mapping[str, str]] = {"en": en.PHRASES, "zh": zh.PHRASES}

#: The codes that `phrase` and ``--lang`` take.
LANGUAGES: tuple[str, ...] = tuple(WORDS)


def phrase(key: str, language: str = "en") -> str:
    """The phrase for a rule or a part of a page, its names in braces still to be filled in.

    Raises
    ------
    UnknownNameError
        On a language or a key the catalogue lacks.
    """
    if language not in WORDS:
        raise UnknownNameError("language", language, LANGUAGES, where=f"--lang {language}")
    catalogue = WORDS[language]
    if key not in catalogue:
        raise UnknownNameError("phrase", key, catalogue)
    return catalogue[key]
