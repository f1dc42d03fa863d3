"""A page in HTML: one file that needs no network, and no JavaScript to be read.

It holds every language, notation and level of detail: attributes of its root say which are
shown, the style hides the others, and the script lets a reader choose.
"""

from __future__ import annotations

from symbackprop.typeset.html_controls import THEMES, controls, skip_link, stepper
from symbackprop.typeset.html_document import document, script
from symbackprop.typeset.html_sections import SectionsWriter
from symbackprop.typeset.html_words import language_style, tag
from symbackprop.typeset.page import Level, Page, View, require_level
from symbackprop.typeset.svg_style import PAGE_STYLE
from symbackprop.typeset.text import text
from symbackprop.typeset.words import phrase


def html_page(page: Page, view: View, level: Level, language: str = "en") -> str:
    """A page as an HTML file.

    Parameters
    ----------
    page
        What `Composer` laid out.
    view, level, language
        What is shown first; a reader can choose among the page's notations, the levels and
        the languages of `words.WORDS`.

    Raises
    ------
    OptionError
        On an unknown level of detail.
    UnknownNameError
        On an unknown language.
    """
    require_level(level)
    title = phrase("title", language).format(objective=text(page.objective))
    views = tuple(dict.fromkeys((*page.views, view)))
    writer = SectionsWriter(page, views, opened=level == "all")
    sections = "\n".join(writer.sections())
    body = f"""{skip_link()}
{controls(views, view, level, language)}
<main id="derivation" tabindex="-1">
{writer.headline()}
{sections}
</main>
{stepper()}
{script()}"""
    state = {"notation": view, "level": level, "theme": THEMES[0]}
    return document(title, body, tag(language), state, language_style() + PAGE_STYLE)
