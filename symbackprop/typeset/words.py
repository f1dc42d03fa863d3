"""Words: what a reader is told about each rule, by language and rule name.

`{used}` stands for the definitions, facts or tensors the step used, typeset.
"""

from __future__ import annotations

from collections.abc import Mapping

from symbackprop.calculus import ALL_RULES
from symbackprop.errors import UnknownNameError

_EN = {
    # parts of a page
    "given": "Given",
    "forward": "Forward",
    "backward": "Backward",
    "gradients": "Gradients",
    "summary": "Summary",
    "notation": "Notation",
    # the summary's columns
    "forward-equation": "forward",
    "gradient": "gradient",
    "shape": "shape",
    "cost": "products",
    # sentences about the page
    "blocks": "blocks {first} to {last} as block {like}",
    "fold": "{blocks}: {used}",
    "checked": "Each of these {count} equalities was evaluated at {points} points drawn at "
    "random{sizes}: both sides agree to {digits} digits (largest difference {worst}).",
    "base": "with",
    # roles
    "input": "input",
    "target": "target",
    "label": "class labels",
    "parameter": "parameter",
    "hyperparameter": "hyperparameter",
    "mask": "mask of ones and zeros",
    # rules
    **{name: rule.caption for name, rule in ALL_RULES.items()},
    "matrix-form": "the same with matrices",
    # notes on notation
    "note-bracket": "[condition] is 1 where the condition holds, else 0",
    "note-outside": "outside its range an element is 0, unless a base case says otherwise",
    "note-range": "indices start at 0; {used}",
    "note-slice": "{used} is a slice: the axes without a subscript are its rows and columns",
    "note-ones": "{used} is the column vector of ones",
    "note-onehot": "{used} holds the labels one-hot: 1 where an example meets its class, else 0",
    "note-entrywise": "⊙, ⊘ and functions of a matrix act entry by entry; a number added to a "
    "matrix is added to every entry",
    "note-column": "one example a column: whatever has the batch axis is shown transposed",
}

#: Phrases by language code, then by rule or part of a page.
WORDS: Mapping[str, Mapping[str, str]] = {"en": _EN}


def phrase(key: str, language: str = "en") -> str:
    """The phrase for a rule or a part of a page.

    Raises
    ------
    UnknownNameError
        On a language or a key the catalogue lacks.
    """
    if language not in WORDS:
        raise UnknownNameError("language", language, WORDS)
    catalogue = WORDS[language]
    if key not in catalogue:
        raise UnknownNameError("phrase", key, catalogue)
    return catalogue[key]
