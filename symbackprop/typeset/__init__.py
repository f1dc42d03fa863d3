"""Typesetting: LaTeX, Markdown and Unicode text from one derivation."""

from symbackprop.typeset.columns import columns
from symbackprop.typeset.derivation import (
    JSON_SCHEMA,
    json_derivation,
    latex_derivation,
    markdown_derivation,
    text_derivation,
)
from symbackprop.typeset.equations import (
    Notation,
    latex_equation,
    latex_expression,
    matrix_latex,
    matrix_text,
    text_equation,
    text_expression,
)
from symbackprop.typeset.matrix_form import Convention, matrix_form
from symbackprop.typeset.page import Detail
from symbackprop.typeset.words import WORDS, phrase

__all__ = [
    "JSON_SCHEMA",
    "WORDS",
    "Convention",
    "Detail",
    "Notation",
    "columns",
    "json_derivation",
    "latex_derivation",
    "latex_equation",
    "latex_expression",
    "markdown_derivation",
    "matrix_form",
    "matrix_latex",
    "matrix_text",
    "phrase",
    "text_derivation",
    "text_equation",
    "text_expression",
]
