"""Symbols shown under other names than they have: W1 as W^{(1)}, N as B."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp
from sympy.core.function import AppliedUndef

from symbackprop.calculus import Backward
from symbackprop.errors import OptionError, UnknownNameError
from symbackprop.language import index_name
from symbackprop.typeset.names import Glyph
from symbackprop.typeset.order import Context
from symbackprop.typeset.symbols import symbol_from_latex


def shown_names(backward: Backward, renamed: Mapping[str, str]) -> dict[str, Glyph]:
    r"""The symbols of a page that are shown otherwise than their names say.

    Parameters
    ----------
    backward
        The derivation.
    renamed
        LaTeX by the name of a tensor, an adjoint (``dz1``), an index, a size or a function
        left open.

    Raises
    ------
    UnknownNameError
        On a name that nothing on the page has.
    OptionError
        If something is no symbol, or two things would look the same.
    """
    known = dict.fromkeys(_names(backward))
    for name in renamed:
        if name not in known:
            raise UnknownNameError("symbol", name, known, where="--name")
    names = {
        name: symbol_from_latex(latex, where=f"--name {name}={latex}")
        for name, latex in renamed.items()
    }
    if names:
        _refuse_clashes(backward, names, known)
    return names


def _names(backward: Backward) -> Iterator[str]:
    """The names of everything that has a symbol of its own."""
    yield from backward.tensors
    for equation in backward.system.equations:
        for expr in equation.expressions:
            yield from (call.func.__name__ for call in expr.atoms(AppliedUndef))
    for expr in _shown(backward):
        yield from sorted(index_name(idx) for idx in expr.atoms(sp.Idx))
    yield from map(str, backward.system.sizes)


def _shown(backward: Backward) -> Iterator[sp.Expr]:
    derived = (*backward.adjoints.values(), *backward.gradients.values())
    for equation in (*backward.system.equations, *derived):
        yield from (equation.lhs, *equation.expressions)


def _refuse_clashes(
    backward: Backward, names: Mapping[str, Glyph], known: Mapping[str, None]
) -> None:
    context = Context(backward.tensors, backward.of, names=names)
    seen: dict[str, str] = {}
    # What has its own name comes first, so that the message is about what was renamed.
    for name in sorted(known, key=lambda name: name in names):
        tensor = backward.tensors.get(name)
        if tensor is not None and tensor.adjoint_of and name not in names:
            continue  # written as a derivative, or by an error's symbol
        look = (context.letter(tensor) if tensor else context.symbol(name, layered=False)).latex()
        other = seen.setdefault(look, name)
        if other != name and name in names:
            raise OptionError(
                f"{name} would look like {other}: both are shown as {look}",
                where="--name",
                remedy="give it another symbol, or give the other one a new one too",
            )
