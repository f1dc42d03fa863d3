"""A derivation as a Jupyter notebook that can be run: read, computed, compared, verified.

The file is nbformat 4.5, written as plain data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from textwrap import indent
from typing import Any

import sympy as sp

from symbackprop.library.records import Record
from symbackprop.library.sequential import Origin
from symbackprop.typeset import JUPYTER, Level, MarkdownWriter, Page, View, latex, phrase
from symbackprop.typeset.numbers import Values
from symbackprop.typeset.page import Given

_IMPORTS = "import numpy as np\n\nimport symbackprop as sb"

_SAMPLED = "values = derivation.sample(seed=0)"

_COMPILED = """\
function = derivation.compile("numpy")
objective, gradients = function(values)
objective"""

_DIFFERENCES = """\
def difference(name, direction, step=1e-5):
    ends = []
    for sign in (1, -1):
        moved = {**values, name: values[name] + sign * step * direction}
        ends.append(function(moved)[0])
    return (ends[0] - ends[1]) / (2 * step)

rng = np.random.default_rng(1)
for name, gradient in gradients.items():
    direction = rng.choice([-1.0, 1.0], size=np.shape(gradient))
    print(f"{name}: {np.sum(gradient * direction):.8f}  {difference(name, direction):.8f}")"""

_VERIFIED = """\
report = derivation.verify()
report"""


def notebook(  # noqa: PLR0913 (a page, how it is shown, and what makes it again)
    page: Page,
    view: View,
    level: Level,
    language: str,
    source: str,
    *,
    wrt: Sequence[str] = (),
    runs: bool = True,
) -> str:
    """A page as a notebook, with the code that makes it again and puts numbers through it.

    Parameters
    ----------
    page, view, level, language
        See `typeset.text_page`.
    source
        Python that makes ``system``: `network_source` or `equations_source`.
    wrt
        What is differentiated by; all parameters if empty.
    runs
        Whether the equations have values: False where a function is left open.

    Returns
    -------
    str
        The content of an ``.ipynb`` file.
    """
    writer = _Writer(MarkdownWriter(view, level, language, JUPYTER), language)
    cells = [
        {"id": f"cell-{place}", **cell}
        for place, cell in enumerate(writer.cells(page, source, wrt, runs), start=1)
    ]
    content = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


class _Writer:
    def __init__(self, markdown: MarkdownWriter, language: str) -> None:
        self._markdown = markdown
        self._language = language

    def cells(
        self, page: Page, source: str, wrt: Sequence[str], runs: bool
    ) -> Iterator[dict[str, Any]]:
        """The notebook's cells in order."""
        parts = list(self._markdown.parts(page))
        before = ("given", "numbers", "forward")
        forward = [text for heading, text in parts if heading in before]
        derived = [text for heading, text in parts if heading not in before]
        yield _text(self._title(page))
        yield _code(_IMPORTS)
        yield _code(f"{source}\nsystem")
        yield from map(_text, forward)
        yield self._heading("notebook-derive")
        chosen = f", wrt={list(wrt)!r}" if wrt else ""
        yield _code(f"derivation = sb.derive(system{chosen})\nderivation")
        yield from map(_text, derived)
        if runs:
            yield self._heading("numbers")
            yield _code(f"{_values(page)}\n{_COMPILED}")
            yield self._heading("notebook-differences")
            yield _code(_DIFFERENCES)
        yield self._heading("notebook-verify")
        yield _code(_VERIFIED)

    def _title(self, page: Page) -> str:
        words = phrase("title", self._language)
        heading = words.replace("{objective}", self._markdown.inline(latex(page.objective)))
        title = page.titled(self._language)
        below = f"\n\n`{title}`" if title and "`" not in title else ""
        return f"# {heading}{below}"

    def _heading(self, key: str) -> dict[str, Any]:
        return _text(f"## {phrase(key, self._language)}")


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": _lines(source)}


def _code(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": _lines(source),
    }


def _lines(source: str) -> list[str]:
    return source.splitlines(keepends=True)


# --- code that makes numbers --------------------------------------------------------------


def _values(page: Page) -> str:
    """Python that makes ``values``: the numbers on the page if all are there, or drawn ones."""
    worked = page.numbers
    if worked is None or not all(given.values.complete for given in worked.given.values()):
        return _SAMPLED
    labels = {g.name for g in page.given if isinstance(g, Given) and g.role == "label"}
    arrays = [
        f"    {name!r}: np.array({_nested(given.values, whole=name in labels)}),\n"
        for name, given in worked.given.items()
    ]
    return f"values = {{\n{''.join(arrays)}}}"


def _nested(values: Values, position: tuple[int, ...] = (), *, whole: bool = False) -> str:
    """The numbers from a position on as lists of lists; labels without a point."""
    if len(position) == len(values.shape):
        number = values.entries[position]
        return str(int(number)) if whole else repr(float(number))
    parts = (
        _nested(values, (*position, place), whole=whole)
        for place in range(values.shape[len(position)])
    )
    return f"[{', '.join(parts)}]"


# --- code that makes a system -------------------------------------------------------------


def equations_source(text: str) -> str:
    """Python that makes ``system`` from the text of an equation file."""
    lines = text.splitlines()
    plain = all(line.isprintable() for line in lines) and not set('\\"') & set(text)
    if plain:
        body = "\n".join(lines)
        return f'system = sb.parse_system("""\n{body}\n""")'
    return f"system = sb.parse_system({text!r})"


def network_source(origin: Origin, shape: Sequence[int | str] | None = None) -> str:
    """Python that makes ``system`` from a network and its loss.

    Parameters
    ----------
    origin
        The network and the loss, as a system made from them keeps them.
    shape
        The axes of one example, where they were given.
    """
    axes = "" if shape is None else f", shape={tuple(shape)!r}"
    network = f"network = {_python(origin.network)}"
    return f"{network}\nsystem = network.system({_python(origin.loss)}{axes})"


def _python(value: Any) -> str:
    """A value as Python code: records by their names in `sb`, sizes by theirs."""
    match value:
        case Record():
            arguments = [
                f"{name}={_python(given)}" if name else _python(given)
                for name, given in value.written_arguments()
            ]
            return f"sb.{type(value).__name__}({_listed(arguments)})"
        case tuple():
            return f"({', '.join(map(_python, value))}{',' if len(value) == 1 else ''})"
        case sp.Integer():
            return str(value)
        case sp.Expr():
            return repr(str(value))
    return repr(value)


def _listed(arguments: list[str]) -> str:
    """Arguments in one line, or each in its own where some have arguments themselves."""
    if not any("(" in argument for argument in arguments):
        return ", ".join(arguments)
    lines = "".join(f"{argument},\n" for argument in arguments)
    return f"\n{indent(lines, '    ')}"
