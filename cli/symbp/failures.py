"""What is said when a command fails, and the exit code that goes with it.

Loaded only then: the words of a language come with all that can typeset them.
"""

from __future__ import annotations

from symbackprop.errors import SymbackpropError
from symbackprop.typeset import LANGUAGES, phrase
from symbackprop.typeset.words.errors import told as error_told

_DEFECT, _INTERRUPTED = 70, 130


def told(error: BaseException, language: str) -> tuple[str, str, int]:
    """The word for an error, what to say of it, and the exit code.

    An unknown language, which may be what is wrong, is English.
    """
    language = language if language in LANGUAGES else "en"
    label = phrase("error", language) + phrase("colon", language)
    if isinstance(error, SymbackpropError):
        return label, error_told(error, language), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return label, phrase("error-interrupted", language), _INTERRUPTED
    if isinstance(error, OSError):  # such as a full disk
        return label, str(error), SymbackpropError.exit_code
    said = f"{type(error).__name__}: {error}\n  {phrase('error-defect', language)}"
    return label, said, _DEFECT
