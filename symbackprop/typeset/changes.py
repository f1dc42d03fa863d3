"""What a step changed: the parts of two formulas that differ, marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from symbackprop.typeset.formula import Bracket, Element, Formula, Marked, Partial


def marked(before: Formula, after: Formula) -> tuple[Formula, Formula]:
    """Two formulas, what is gone marked in the first and what is new in the second.

    A part that occurs in the other formula too, wherever, is not marked; of an element
    with a letter that stays, only the positions are. Where nothing stays, or things only
    move about, there are no marks; nor where a derivative is first written out.
    """
    if isinstance(before, Element | Partial):
        return before, after
    sides = _Parts(before), _Parts(after)
    found = sides[1].without(before), sides[0].without(after)
    whole = isinstance(found[0], Marked) and isinstance(found[1], Marked)
    return (before, after) if whole else (_plain_if_whole(found[0]), _plain_if_whole(found[1]))


def _plain_if_whole(formula: Formula) -> Formula:
    return formula.body if isinstance(formula, Marked) else formula


class _Parts:
    """All parts of a formula, to find out what of another one is among them."""

    def __init__(self, formula: Formula) -> None:
        self._parts = set(_parts(formula))
        self._letters = {_letter(part) for part in self._parts if _is_symbol(part)}

    def without(self, formula: Formula) -> Formula:
        """A formula with the largest parts marked that are not among these."""
        if formula in self._parts:
            return formula
        lost = _is_symbol(formula) and _letter(formula) not in self._letters
        if lost or isinstance(formula, Bracket):
            return Marked(formula)
        kids = list(_kids(formula))
        marks = [self.without(kid) for kid in kids]
        gone = [isinstance(mark, Marked) for mark in marks]
        if marks == kids or (all(gone) and not isinstance(formula, Element)):
            return Marked(formula)
        found: Formula = _with_kids(formula, iter(marks))
        return found


def _is_symbol(formula: Formula) -> bool:
    return isinstance(formula, Element | Partial)


def _letter(formula: Any) -> Any:
    """A symbol without its positions: of a derivative, what is differentiated by what."""
    if isinstance(formula, Partial):
        return _letter(formula.objective), _letter(formula.of)
    return formula.glyph


def _parts(formula: Formula) -> Iterator[Formula]:
    yield formula
    for kid in _kids(formula):
        yield from _parts(kid)


def _kids(node: Any) -> Iterator[Formula]:
    """The formulas directly inside a formula, in order."""
    for field in fields(node):
        yield from _formulas(getattr(node, field.name))


def _formulas(value: Any) -> Iterator[Formula]:
    if isinstance(value, tuple):
        for part in value:
            yield from _formulas(part)
    elif _is_formula(value):
        yield value


def _with_kids(node: Any, kids: Iterator[Formula]) -> Any:
    """A formula with others in the place of those directly inside it."""
    return replace(
        node, **{field.name: _replaced(getattr(node, field.name), kids) for field in fields(node)}
    )


def _replaced(value: Any, kids: Iterator[Formula]) -> Any:
    if isinstance(value, tuple):
        return tuple(_replaced(part, kids) for part in value)
    return next(kids) if _is_formula(value) else value


def _is_formula(value: Any) -> bool:
    return is_dataclass(value) and type(value).__module__ == Marked.__module__
