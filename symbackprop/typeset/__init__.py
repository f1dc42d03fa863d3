"""Typesetting: LaTeX, Markdown and Unicode text from one derivation."""

from symbackprop.typeset.columns import columns
from symbackprop.typeset.compose import Composer, view_of
from symbackprop.typeset.derivation import (
    latex_derivation,
    markdown_derivation,
    text_derivation,
)
from symbackprop.typeset.display import displayed_derivation, displayed_equations
from symbackprop.typeset.equations import (
    Notation,
    latex_equation,
    latex_expression,
    matrix_latex,
    matrix_text,
    text_equation,
    text_expression,
)
from symbackprop.typeset.formats import FORMATS, SWITCHED
from symbackprop.typeset.graph import Graph, graph_of, written_equations
from symbackprop.typeset.latex import latex
from symbackprop.typeset.matrix_form import Convention, matrix_form
from symbackprop.typeset.mermaid import mermaid_graph
from symbackprop.typeset.page import LEVELS, VIEWS, Checked, Level, Page, Title, View
from symbackprop.typeset.page_article import article_page
from symbackprop.typeset.page_json import JSON_SCHEMA, json_derivation, json_page
from symbackprop.typeset.page_markdown import JUPYTER, MarkdownWriter
from symbackprop.typeset.page_text import WIDTH, text_page
from symbackprop.typeset.renaming import shown_names
from symbackprop.typeset.svg import svg_graph
from symbackprop.typeset.words import LANGUAGES, WORDS, phrase

__all__ = [
    "FORMATS",
    "JSON_SCHEMA",
    "JUPYTER",
    "LANGUAGES",
    "LEVELS",
    "SWITCHED",
    "VIEWS",
    "WIDTH",
    "WORDS",
    "Checked",
    "Composer",
    "Convention",
    "Graph",
    "Level",
    "MarkdownWriter",
    "Notation",
    "Page",
    "Title",
    "View",
    "article_page",
    "columns",
    "displayed_derivation",
    "displayed_equations",
    "graph_of",
    "json_derivation",
    "json_page",
    "latex",
    "latex_derivation",
    "latex_equation",
    "latex_expression",
    "markdown_derivation",
    "matrix_form",
    "matrix_latex",
    "matrix_text",
    "mermaid_graph",
    "phrase",
    "shown_names",
    "svg_graph",
    "text_derivation",
    "text_equation",
    "text_expression",
    "text_page",
    "view_of",
    "written_equations",
]
