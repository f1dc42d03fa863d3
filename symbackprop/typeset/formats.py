"""The formats a page can be written in, by the name that ``--format`` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from symbackprop.typeset.page import Level, Page, View
from symbackprop.typeset.page_article import article_page
from symbackprop.typeset.page_html import html_page
from symbackprop.typeset.page_latex import latex_page
from symbackprop.typeset.page_markdown import markdown_page
from symbackprop.typeset.page_text import text_page

#: From a page, a notation, a level of detail and a language to what is written.
PageFormat: TypeAlias = Callable[[Page, View, Level, str], str]

FORMATS: Mapping[str, PageFormat] = {
    "text": text_page,
    "latex": latex_page,
    "tex": article_page,
    "markdown": markdown_page,
    "html": html_page,
}

#: Those in which a reader can choose among the page's notations.
SWITCHED: frozenset[str] = frozenset({"html"})
