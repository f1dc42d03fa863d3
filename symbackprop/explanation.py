"""A derivation explained: laid out as a page, every equality on it checked, numbers put through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symbackprop.calculus import Backward
from symbackprop.interop.numbers import NumberSet
from symbackprop.typeset import VIEWS, Composer, Page, Title, View, shown_names
from symbackprop.typeset.figures import DIGITS
from symbackprop.typeset.names import Glyph
from symbackprop.typeset.numbers import Worked
from symbackprop.verify import check_equalities
from symbackprop.verify.worked import RATE, work_out


def explained(  # noqa: PLR0913 (what is derived, how it is written, what is put through it)
    backward: Backward,
    views: Sequence[View] = VIEWS,
    names: Mapping[str, str] | None = None,
    *,
    title: Title = "",
    folded: bool = True,
    numbers: NumberSet | None = None,
    digits: int = DIGITS,
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
        Whether blocks that repeat another one are folded; on a page with numbers none is, as
        each has numbers of its own.
    numbers
        What to put through the derivation.
    digits
        How many digits of a number are shown.

    Raises
    ------
    VerificationError
        If two sides of an equality differ; names the step.
    UnknownNameError, OptionError
        If a name is not on the page, or two symbols would look the same.
    DataError, EquationError, OptionError
        If the numbers cannot be put through; see `work_out`.
    """
    shown = shown_names(backward, names or {})
    worked = None if numbers is None else _worked(backward, numbers, digits, shown)
    composer = Composer(backward, views, shown)
    matrices = [composer.writers[view] for view in composer.views if view != "index"]
    checked = check_equalities(backward, matrices)
    return composer.page(title, folded=folded and worked is None, checked=checked, numbers=worked)


def _worked(
    backward: Backward, numbers: NumberSet, digits: int, names: Mapping[str, Glyph]
) -> Worked:
    rate = RATE if numbers.rate is None else numbers.rate
    worked = work_out(backward, numbers.point, rate=rate, digits=digits, names=names)
    worked = replace(worked, seed=numbers.seed)
    if numbers.annotate is None:
        return worked
    return numbers.annotate(backward, numbers.point, worked)
