"""Numbers put through a derivation: what is recorded of them, and the lines it makes.

`Worked` holds formulas and numbers, no markup and no words; `lines_of` lays out one of
its quantities as lines that every format writes alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice, product
from math import prod
from typing import Literal, TypeAlias

from symbackprop.typeset.figures import DIGITS, figure, is_exact
from symbackprop.typeset.formula import Dots, Formula, Number, Table, Total, Transposed
from symbackprop.typeset.text import text

Position: TypeAlias = tuple[int, ...]
Sign: TypeAlias = Literal["=", "~", "<-"]

_MATRIX = 2  # axes
_WIDTH = 72

#: Of an axis that is longer, a corner is shown.
FULL = 8
_CORNER = 4
#: Of a tensor of more than two axes, so many matrices.
_SLICES = 6
_FEWEST_SLICES = 2
#: The characters that a sign and two brackets take.
_AROUND = 5
#: No table shows fewer digits, however wide it is.
_FEWEST_DIGITS = 3


@dataclass(frozen=True)
class Values:
    """Elements of a tensor by position: all of them, or those that are shown.

    Attributes
    ----------
    shape
        The tensor's.
    entries
        Numbers to 50 digits.
    """

    shape: tuple[int, ...]
    entries: Mapping[Position, Decimal]

    @property
    def complete(self) -> bool:
        """Whether every element is there."""
        return len(self.entries) == prod(self.shape)


@dataclass(frozen=True)
class Instance:
    """One element, worked out: its formula with the numbers in it, and what that makes.

    Attributes
    ----------
    left
        The element, ``z[0]``.
    right
        The formula with its numbers, None where it would be too long.
    value
        The result.
    exact
        Whether all numbers of the formula are shown as they are.
    """

    left: Formula
    right: Formula | None
    value: Decimal
    exact: bool


@dataclass(frozen=True)
class Quantity:
    """A tensor or a derivative, its formula and its numbers.

    Attributes
    ----------
    name
        Of the tensor; of a local derivative both tensors' names, ``a1/z1``.
    left, right
        The formula: a chain of left sides and a right side, None for what is given.
    letters
        What stands left of the numbers: by the positions on all axes but the last two,
        the letter with these positions.
    values
        The numbers.
    instances
        Elements that are worked out, in order.
    sign
        ``=``, ``<-`` for an update, or ``~`` if the numbers were rounded before.
    digits
        How many digits of a number are shown.
    """

    name: str
    left: tuple[Formula, ...]
    right: Formula | None
    letters: Mapping[Position, Formula]
    values: Values
    instances: tuple[Instance, ...] = ()
    sign: Sign = "="
    digits: int = DIGITS


@dataclass(frozen=True)
class Remark:
    """A sentence: its key in `words`, and what stands for the names in braces in it."""

    key: str
    used: Mapping[str, Formula | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """How numbers are laid out.

    Attributes
    ----------
    width
        The characters that a line may take.
    flipped
        The names of tensors whose matrices stand transposed.
    """

    width: int = _WIDTH
    flipped: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Worked:
    """A derivation with numbers put through it, and a step of gradient descent.

    Attributes
    ----------
    sizes
        What the symbolic sizes are, by name.
    given
        What was given, by tensor name.
    equations
        What was computed, by name of the tensor on the left: forward tensors, adjoints and
        gradients.
    local
        By name of a forward tensor, the derivatives of its equation by what it reads.
    updates
        The new parameters, by name.
    rate
        The learning rate.
    after
        The objective after the step, None if there was nothing to update.
    flipped
        Tensors that the column convention shows transposed.
    figures
        Some of these numbers again, to compare with others' work, rounded as there.
    remarks
        What else is to be said.
    seed
        Of drawn numbers, None of given ones.
    digits
        How many digits are shown.
    """

    sizes: Mapping[str, Quantity]
    given: Mapping[str, Quantity]
    equations: Mapping[str, Quantity]
    local: Mapping[str, tuple[Quantity, ...]]
    updates: Mapping[str, Quantity]
    rate: Quantity
    after: Quantity | None
    flipped: frozenset[str] = frozenset()
    figures: tuple[Quantity, ...] = ()
    remarks: tuple[Remark, ...] = ()
    seed: int | None = None
    digits: int = DIGITS

    def layout(self, view: str, width: int = _WIDTH) -> Layout:
        """How numbers stand beside formulas in a notation, on lines of some width."""
        return Layout(width, self.flipped if view == "column" else frozenset())


@dataclass(frozen=True)
class NumberLine:
    """``first sign formula sign formula …``; a table may stand at the end of it.

    Attributes
    ----------
    first, links
        What is said.
    kind
        A formula, the numbers of a tensor, or an element that is worked out.
    shape
        The whole tensor's, where a part of it is shown.
    depth
        1 of what is said about a local derivative, 0 of anything else.
    word
        What it is, by its key in `words`, where the formulas do not say it.
    """

    first: Formula
    links: tuple[tuple[Sign, Formula], ...]
    kind: Literal["formula", "values", "instance"]
    shape: tuple[int, ...] = ()
    depth: int = 0
    word: str = ""


# --- lines ---------------------------------------------------------------------------


def given_lines(worked: Worked, layout: Layout) -> Iterator[NumberLine]:
    """The sizes, and the numbers of what was given."""
    for quantity in (*worked.sizes.values(), *worked.given.values()):
        yield from lines_of(quantity, layout)


def lines_beside(worked: Worked, name: str, layout: Layout) -> Iterator[NumberLine]:
    """What stands beside the equation of a tensor: its numbers, then local derivatives."""
    if name in worked.equations:
        yield from lines_of(worked.equations[name], layout)
    for quantity in worked.local.get(name, ()):
        yield from _formula_lines(quantity)
        yield from (replace(line, depth=1) for line in lines_of(quantity, layout))


def closing_lines(worked: Worked, layout: Layout) -> Iterator[tuple[str, list[NumberLine]]]:
    """What the numbers end with: headings by their keys in `words`, and lines below them."""
    sections = {
        "numbers-update": _update_lines(worked, layout),
        "numbers-figures": (e for q in worked.figures for e in _value_lines(q, layout)),
    }
    for heading, lines in sections.items():
        if found := list(lines):
            yield heading, found


def _update_lines(worked: Worked, layout: Layout) -> Iterator[NumberLine]:
    """The step: the learning rate, each new parameter, and the objective after it."""
    if worked.after is None:
        return
    yield from (replace(line, word="numbers-rate") for line in lines_of(worked.rate, layout))
    for quantity in worked.updates.values():
        yield from _formula_lines(quantity)
        yield from (replace(line, depth=1) for line in lines_of(quantity, layout))
    yield from (replace(e, word="numbers-after") for e in _value_lines(worked.after, layout))


def sentences(worked: Worked) -> Iterator[Remark]:
    """What is to be said of the numbers."""
    yield Remark("numbers-rounded", {"digits": str(worked.digits)})
    if worked.seed is not None:
        yield Remark("numbers-drawn", {"seed": str(worked.seed)})
    yield from worked.remarks


def _formula_lines(quantity: Quantity) -> Iterator[NumberLine]:
    """The formula of a quantity, unless it is given."""
    if quantity.right is not None:
        first, *others = quantity.left
        links: list[tuple[Sign, Formula]] = [("=", other) for other in others]
        yield NumberLine(first, (*links, (quantity.sign, quantity.right)), "formula")


def lines_of(quantity: Quantity, layout: Layout) -> Iterator[NumberLine]:
    """The numbers of a quantity: elements that are worked out, then the whole of it."""
    for instance in quantity.instances:
        yield _instance_line(instance, quantity.sign, quantity.digits)
    worked_out = len(quantity.instances) == len(quantity.values.entries)
    said = worked_out and len(quantity.values.shape) < _MATRIX
    if not (said or _is_number(quantity.right)):
        yield from _value_lines(quantity, layout)


def _is_number(formula: Formula | None) -> bool:
    """Whether a formula is a number already."""
    if isinstance(formula, Total) and len(formula.terms) == 1:
        return _is_number(formula.terms[0][1])
    return isinstance(formula, Number)


def _instance_line(instance: Instance, sign: Sign, digits: int) -> NumberLine:
    value = figure(instance.value, digits)
    last: Sign = "=" if instance.exact and is_exact(instance.value, digits) else "~"
    if instance.right is None or text(instance.right) == text(value):
        first = sign if sign == "<-" else last
        return NumberLine(instance.left, ((first, value),), "instance")
    middle: Sign = sign if sign == "<-" or instance.exact else "~"
    return NumberLine(instance.left, ((middle, instance.right), (last, value)), "instance")


def _value_lines(quantity: Quantity, layout: Layout) -> Iterator[NumberLine]:
    values = quantity.values
    for leading, letter in quantity.letters.items():
        part = {p[len(leading) :]: v for p, v in values.entries.items() if _within(p, leading)}
        flipped = quantity.name in layout.flipped and len(values.shape) == _MATRIX
        grid = _Grid.of(part, values.shape[len(leading) :], flipped=flipped)
        width = layout.width - len(text(letter)) - _AROUND
        digits = grid.digits(quantity.digits, width)
        exact = all(is_exact(value, digits) for value in part.values())
        sign: Sign = "~" if quantity.sign == "=" and not exact else quantity.sign
        last = leading == list(quantity.letters)[-1]
        shape = () if values.complete or not last else values.shape
        yield NumberLine(letter, ((sign, grid.formula(digits, width)),), "values", shape)


def _within(position: Position, leading: Position) -> bool:
    return position[: len(leading)] == leading


# --- tables --------------------------------------------------------------------------


def leading_positions(shape: tuple[int, ...]) -> tuple[Position, ...]:
    """The positions on all axes but the last two of which a matrix is shown."""
    every = list(islice(product(*map(range, shape[:-2])), _SLICES + 1))
    return tuple(every if len(every) <= _SLICES else every[:_FEWEST_SLICES])


def shown_positions(shape: tuple[int, ...]) -> Iterator[Position]:
    """The positions of a tensor that are shown: all of a small one, else a corner."""
    last = [range(extent if extent <= FULL else _CORNER) for extent in shape[-2:]]
    for leading in leading_positions(shape):
        yield from ((*leading, *place) for place in product(*last))


@dataclass(frozen=True)
class _Grid:
    """A matrix, a vector or one number, of which some rows and columns are shown.

    A vector is a row that is transposed, as it takes less room than a column.
    """

    rows: tuple[tuple[Decimal, ...], ...]
    rank: int
    more_rows: bool
    more_columns: bool

    @classmethod
    def of(
        cls, entries: Mapping[Position, Decimal], shape: tuple[int, ...], *, flipped: bool
    ) -> _Grid:
        height, width = (1,) * (2 - len(shape)) + shape
        by_row: dict[int, list[Decimal]] = {}
        for position, value in entries.items():
            by_row.setdefault(position[0] if len(shape) > 1 else 0, []).append(value)
        rows = tuple(map(tuple, by_row.values()))
        if flipped:
            rows, height, width = tuple(zip(*rows, strict=True)), width, height
        return cls(rows, len(shape), len(rows) < height, len(rows[0]) < width)

    def digits(self, most: int, width: int) -> int:
        """As many digits as fit, if at least a few do."""
        few = min(most, _FEWEST_DIGITS)
        wanted = range(most, few, -1)
        return next((d for d in wanted if self._columns(d, width) == self._width), few)

    @property
    def _width(self) -> int:
        return len(self.rows[0])

    def _columns(self, digits: int, width: int) -> int:
        """How many columns fit into a width, one at least."""
        taken = 0
        for count, column in enumerate(zip(*self.rows, strict=True)):
            taken += 2 + max(len(text(figure(value, digits))) for value in column)
            if taken > width and count:
                return count
        return self._width

    def formula(self, digits: int, width: int) -> Formula:
        """The numbers, with dots for what is not shown."""
        if not self.rank:
            return figure(self.rows[0][0], digits)
        columns = self._columns(digits, width)
        more = self.more_columns or columns < self._width
        rows = [
            (*(figure(value, digits) for value in row[:columns]), *([Dots()] if more else []))
            for row in self.rows
        ]
        if self.more_rows:
            corner = [Dots("both")] if more else []
            rows.append((*[Dots("down")] * columns, *corner))
        table = Table(tuple(rows))
        return Transposed(table) if self.rank == 1 else table
