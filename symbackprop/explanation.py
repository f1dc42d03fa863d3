"""A derivation explained: laid out as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symbackprop.calculus import Backward
from symbackprop.typeset import VIEWS, Composer, Page, Title, View, shown_names


def explained(
    backward: Backward,
    views: Sequence[View] = VIEWS,
    names: Mapping[str, str] | None = None,
    *,
    title: Title = "",
) -> Page:
    r"""The page of a derivation.

    Parameters
    ----------
    backward
        The derivation.
    views
        The notations the equations are written in.
    names
        LaTeX for tensors, sizes, indices and functions that are shown otherwise than
        their names say: ``{"W1": r"W^{(1)}"}``.
    title
        What is differentiated, in the reader's words, or by language.

    Raises
    ------
    UnknownNameError, OptionError
        If a name is not on the page, or two symbols would look the same.
    """
    composer = Composer(backward, views, shown_names(backward, names or {}))
    return composer.page(title)
