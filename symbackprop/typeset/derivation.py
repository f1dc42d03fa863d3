"""A whole derivation as text, LaTeX or Markdown, in one call."""

from __future__ import annotations

from symbackprop.calculus import Backward
from symbackprop.typeset.compose import Composer, view_of
from symbackprop.typeset.equations import Notation
from symbackprop.typeset.matrix_form import Convention
from symbackprop.typeset.page import Level, Page, View, require_level
from symbackprop.typeset.page_latex import latex_page
from symbackprop.typeset.page_markdown import markdown_page
from symbackprop.typeset.page_text import text_page


def latex_derivation(
    backward: Backward,
    notation: Notation = "index",
    level: Level = "result",
    convention: Convention = "row",
    language: str = "en",
) -> str:
    r"""A derivation as ``align*`` environments (amsmath and amssymb).

    Parameters
    ----------
    backward
        What `derive_backward` returned.
    notation, convention
        See `latex_equation`.
    level
        How much is shown: ``"result"`` the gradients and the errors they mention,
        ``"key"`` one line an equation, forward and backward, ``"all"`` every
        application of every rule with its reason.
    language
        A language of `words.WORDS`.

    Raises
    ------
    OptionError
        On an unknown notation, convention or level of detail.
    UnknownNameError
        On an unknown language.
    """
    return latex_page(*_laid_out(backward, notation, convention, level), level, language)


def markdown_derivation(
    backward: Backward,
    notation: Notation = "index",
    level: Level = "result",
    convention: Convention = "row",
    language: str = "en",
) -> str:
    """A derivation in Markdown, as GitHub renders it; see `latex_derivation`."""
    return markdown_page(*_laid_out(backward, notation, convention, level), level, language)


def text_derivation(
    backward: Backward,
    notation: Notation = "index",
    level: Level = "result",
    convention: Convention = "row",
    language: str = "en",
) -> str:
    """A derivation in Unicode text; see `latex_derivation`."""
    return text_page(*_laid_out(backward, notation, convention, level), level, language)


def _laid_out(
    backward: Backward, notation: Notation, convention: Convention, level: Level
) -> tuple[Page, View]:
    require_level(level)
    view = view_of(notation, convention)
    return Composer(backward, (view,)).page(), view
