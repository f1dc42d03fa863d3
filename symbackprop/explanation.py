"""A derivation explained: laid out as a page, every equality on it checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symbackprop.calculus import Backward
from symbackprop.typeset import VIEWS, Composer, Page, Title, View, shown_names
from symbackprop.verify import check_equalities


def explained(
    backward: Backward,
    views: Sequence[View] = VIEWS,
    names: Mapping[str, str] | None = None,
    *,
    title: Title = "",
    folded: bool = True,
) -> Page:
    r"""The page of a derivation, after both sides of everything on it were evaluated.

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
    folded
        Whether blocks that repeat another one are folded.

    Raises
    ------
    VerificationError
        If two sides of an equality differ; names the step.
    UnknownNameError, OptionError
        If a name is not on the page, or two symbols would look the same.
    """
    composer = Composer(backward, views, shown_names(backward, names or {}))
    matrices = [composer.writers[view] for view in composer.views if view != "index"]
    checked = check_equalities(backward, matrices)
    return composer.page(title, folded=folded, checked=checked)
