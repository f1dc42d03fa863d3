"""The writer: a value of the plan as one Python expression.

Here, and only here, named axes become positions: an operand that is stored in another
order is transposed, one that lacks an axis gets a ``None`` in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from string import ascii_letters

import sympy as sp

from symbackprop.calculus.nodes import Index
from symbackprop.compile.backend import Backend
from symbackprop.compile.identifiers import Namespace
from symbackprop.compile.plan import (
    RELATIONS,
    Constant,
    Contract,
    Load,
    Map,
    Positions,
    Reduce,
    Scatter,
    Size,
    Spread,
    Value,
)
from symbackprop.errors import CompileError
from symbackprop.language import PRIMITIVES, Spelling

Axes = tuple[Index, ...]

# How tightly an expression holds together; matmul is kept apart from * for the reader.
_TERNARY, _COMPARISON, _AND, _SUM, _MATMUL, _PRODUCT, _SIGN, _POWER, _ATOM = range(9)


@dataclass(frozen=True)
class Code:
    """Source of an expression.

    Attributes
    ----------
    text, level
        The source, and how tightly it holds together.
    axes
        Its axes by position.
    parts
        Where a long expression may be broken: its summands or factors, each with the
        operator before it.
    """

    text: str
    level: int = _ATOM
    axes: Axes = ()
    parts: tuple[str, ...] = ()

    def at(self, level: int) -> str:
        """The source, in parentheses unless it holds together at least that tightly."""
        return self.text if self.level >= level else f"({self.text})"


@dataclass
class Requirements:
    """What written expressions need at the top of their module.

    Attributes
    ----------
    helpers
        Sources of helper functions, each once.
    math
        Whether Python's ``math`` is used.
    sizes
        The symbolic sizes that are mentioned.
    """

    helpers: dict[str, None] = field(default_factory=dict)
    math: bool = False
    sizes: dict[sp.Symbol, None] = field(default_factory=dict)


class Writer:
    """Writes expressions for one backend.

    Parameters
    ----------
    backend
        Whose spellings to use.
    names
        From tensors and sizes to identifiers.
    like
        The identifier of an array argument, for what must be on its device.
    """

    def __init__(self, backend: Backend, names: Namespace, like: str) -> None:
        self._backend = backend
        self._names = names
        self._like = like
        self.requirements = Requirements()

    def right_side(self, value: Value, axes: Axes) -> Code:
        """What is assigned to a tensor that is stored with these axes."""
        return self._aligned(self._write(value, axes), axes)

    def own(self, value: Value, axes: Axes) -> Code:
        """The same for a tensor that is returned: no view of one that the caller holds."""
        code = self.right_side(value, axes)
        if not isinstance(value, Load) or value.host:
            return code
        if any(isinstance(place, Load) for place in value.places):
            return code  # a gather makes an array anew
        return replace(code, text=self._backend.copied(code.at(_ATOM)), level=_ATOM, parts=())

    def size(self, extent: sp.Expr) -> str:
        """A size, as a Python expression that holds together as an atom."""
        if extent.is_Integer:
            return str(extent)
        if extent.is_Symbol:
            self.requirements.sizes[extent] = None
            return self._names.name(extent, str(extent))
        sign = {sp.Add: " + ", sp.Mul: " * "}.get(extent.func)
        if sign is None:
            raise CompileError(
                f"the size {extent} is not a sum or a product of whole sizes",
                remedy="give it a letter of its own",
            )
        return f"({sign.join(self.size(part) for part in extent.args)})"

    # --- one kind of value each -----------------------------------------------------

    def _write(self, value: Value, want: Axes) -> Code:
        match value:
            case Constant():
                return _number(value.value)
            case Size():
                return Code(self.size(value.value))
            case Load():
                return self._load(value, want)
            case Positions():
                extent = self.size(value.axis.size)
                text = self._backend.positions(extent, value.whole, self._like)
                return Code(text, axes=value.axes)
            case Reduce():
                return self._reduce(value, want)
            case Contract():
                return self._contract(value, want)
            case Scatter():
                return self._scatter(value, want)
            case Spread():
                return self._spread(value)
        assert isinstance(value, Map)  # noqa: S101 (all other kinds are above)
        return self._map(value, want)

    def _load(self, value: Load, want: Axes) -> Code:
        name = self._names.name(value.name)
        if value.plain:
            return Code(name, axes=value.axes)
        selecting = [place for place in value.places if isinstance(place, Load)]
        slices = [place for place in value.places if isinstance(place, Index)]
        apart = len(set(slices)) == len(slices) and len(value.places) == len(slices) + 1
        if apart and not any(set(p.axes) & set(slices) for p in selecting):
            return self._slice(name, value)
        axes = _ordered(value.axes, want)
        places = [self._place(place, axes) for place in value.places]
        return Code(f"{name}[{', '.join(places)}]", axes=axes)

    def _slice(self, name: str, value: Load) -> Code:
        """One place is selected, all other axes are whole: ``W[:, y]``."""
        parts: list[str] = []
        axes: list[Index] = []
        for place in value.places:
            if isinstance(place, Index):
                parts.append(":")
                axes.append(place)
            elif isinstance(place, Load):
                code = self._load(place, ())
                parts.append(code.text)
                axes.extend(code.axes)
            else:
                parts.append(str(place))
        while parts[-1] == ":":
            parts.pop()
        return Code(f"{name}[{', '.join(parts)}]", axes=tuple(axes))

    def _place(self, place: Index | int | Load, axes: Axes) -> str:
        if isinstance(place, int):
            return str(place)
        chosen = Positions(place, whole=True) if isinstance(place, Index) else place
        return self._aligned(self._write(chosen, axes), axes).text

    def _reduce(self, value: Reduce, want: Axes) -> Code:
        argument = self._write(value.argument, (*want, *value.over))
        kept = tuple(axis for axis in argument.axes if axis not in value.over)
        places = [i for i, axis in enumerate(argument.axes) if axis in value.over]
        text = self._backend.reduction(value.kind, argument.text, places if kept else None)
        return Code(text, axes=kept)

    def _spread(self, value: Spread) -> Code:
        (argument,) = value.children
        shape = self._shape(value.axes)
        code = self._write(argument, value.axes)
        if argument.host:
            return Code(self._backend.filled(shape, code.text, self._like), axes=value.axes)
        text = self._backend.spread(self._aligned(code, value.axes).text, shape)
        return Code(text, axes=value.axes)

    def _shape(self, axes: Axes) -> str:
        extents = [self.size(axis.size) for axis in axes]
        return f"({', '.join(extents)}{',' if len(extents) == 1 else ''})"

    def _scatter(self, value: Scatter, want: Axes) -> Code:
        labels = self._load(value.labels, want)
        (rows,) = value.children
        kept = _ordered((axis for axis in rows.axes if axis not in labels.axes), want)
        axes = (*labels.axes, *kept)
        code = self._aligned(self._write(rows, axes), axes)
        extent = self.size(value.axis.size)
        spelled = self._backend.scattered(code.text, labels.text, extent)
        return Code(self._spelled(spelled, []), axes=(value.axis, *kept))

    # --- contractions ---------------------------------------------------------------

    def _contract(self, value: Contract, want: Axes) -> Code:
        left, right = value.children
        rows = [axis for axis in left.axes if axis not in right.axes]
        columns = [axis for axis in right.axes if axis not in left.axes]
        batch = [axis for axis in value.axes if axis in left.axes and axis in right.axes]
        if batch or len(value.over) != 1 or len(rows) > 1 or len(columns) > 1:
            return self._einsum(value, want)
        result = _ordered(value.axes, want)
        if columns and result[0] == columns[0]:
            left, right, rows, columns = right, left, columns, rows
        if not rows or not columns:
            return self._by_vector(value, result)
        first = self._exactly(left, (*rows, *value.over))
        second = self._exactly(right, (*value.over, *columns))
        return _matmul(first, second, (*rows, *columns))

    def _by_vector(self, value: Contract, result: Axes) -> Code:
        """A product with a vector, on whichever side the matrix need not be transposed."""
        vector, matrix = sorted(value.children, key=lambda child: len(child.axes))
        first = self._write(vector, value.over)
        second = self._write(matrix, (*result, *value.over))
        if second.axes[-1] in value.over:
            first, second = second, first
        return _matmul(first, second, result)

    def _einsum(self, value: Contract, want: Axes) -> Code:
        left, right = (self._write(child, want) for child in value.children)
        result = _ordered(value.axes, want)
        letters = _letters((*result, *value.over))
        written = ["".join(letters[axis] for axis in axes) for axes in (left.axes, right.axes)]
        pattern = f"{','.join(written)}->{''.join(letters[axis] for axis in result)}"
        return Code(self._backend.einsum(pattern, left.text, right.text), axes=result)

    def _exactly(self, value: Value, axes: Axes) -> Code:
        return self._aligned(self._write(value, axes), axes)

    # --- pointwise ------------------------------------------------------------------

    def _sum(self, value: Map, want: Axes) -> Code:
        negative = [isinstance(c, Map) and c.operation == "neg" for c in value.children]
        codes = [
            self._write(child.children[0] if minus else child, want)
            for child, minus in zip(value.children, negative, strict=True)
        ]
        axes = _common(codes, value.axes, want)
        parts: list[str] = []
        for code, minus in zip(codes, negative, strict=True):
            operand = self._aligned(code, axes)
            written = operand.at(_SUM + 1 if parts or minus else _SUM)
            signed = operand.level == _SIGN
            sign = "-" if minus != signed else "+"
            parts.append(f"{sign} {written.removeprefix('-') if signed else written}")
        first = parts[0]
        parts[0] = first[2:] if first.startswith("+") else f"-{first[2:]}"
        return Code(" ".join(parts), _SUM, axes, tuple(parts))

    def _map(self, value: Map, want: Axes) -> Code:
        if value.operation == "add":
            return self._sum(value, want)
        codes = [self._write(child, want) for child in value.children]
        axes = _common(codes, value.axes, want)
        operands = [self._aligned(code, axes) for code in codes]
        special: Callable[[Map, Sequence[Code]], Code] | None = _FORMS.get(value.operation)
        if special is None and value.operation in RELATIONS:
            special = _relation
        code = special(value, operands) if special else self._called(value, operands)
        return replace(code, axes=axes)

    def _called(self, value: Map, operands: Sequence[Code]) -> Code:
        """A function, in Python's own spelling between plain numbers."""
        texts = [operand.text for operand in operands]
        operation = value.operation
        if operation == "select":
            return Code(self._backend.selection(*texts))
        if operation == "number":
            truth = operands[0]
            return Code(
                f"float({truth.text})" if value.host else self._backend.cast(truth.at(_ATOM))
            )
        if operation == "sqrt" and value.host:
            self.requirements.math = True
            return Code(f"math.sqrt({texts[0]})")
        if operation == "sqrt":
            return Code(self._backend.root(texts[0]))
        spelling = self._backend.spelling(operation)
        numbers = [child.host for child in value.children]
        if operation in ("maximum", "minimum") and any(numbers) and not value.host:
            array, limit = texts if numbers[1] else texts[::-1]
            return Code(self._backend.limited(operation, array, limit))
        if value.host:
            spelling = PRIMITIVES[operation].spellings["python"]
        return Code(self._spelled(spelling, texts))

    def _spelled(self, spelling: Spelling, arguments: Sequence[str]) -> str:
        text = spelling.code.format(*arguments) if arguments else spelling.code
        if spelling.helper:
            self.requirements.helpers[spelling.helper] = None
        self.requirements.math |= "math." in text + spelling.helper
        return text

    def _aligned(self, code: Code, axes: Axes) -> Code:
        """The expression, so that it broadcasts against an array with these axes."""
        order = tuple(axis for axis in axes if axis in code.axes)
        if order != code.axes:
            places = [code.axes.index(axis) for axis in order]
            code = Code(self._backend.transposition(code.at(_ATOM), places), axes=order)
        if not order:
            return code
        tail = axes[axes.index(order[0]) :]
        if tail == order:
            return code
        marks = ", ".join(":" if axis in order else "None" for axis in tail)
        return Code(f"{code.at(_ATOM)}[{marks}]", axes=tail)


# --- forms of pointwise operations -----------------------------------------------------


def _matmul(first: Code, second: Code, axes: Axes) -> Code:
    left = first.text if first.level == _MATMUL else first.at(_ATOM)
    return Code(f"{left} @ {second.at(_ATOM)}", _MATMUL, axes)


def _negation(value: Map, operands: Sequence[Code]) -> Code:
    (operand,) = operands
    if operand.level != _PRODUCT:
        return Code(f"-{operand.at(_PRODUCT)}", _SIGN)
    parts = (f"-{operand.parts[0]}", *operand.parts[1:])
    return Code(f"-{operand.text}", _PRODUCT, parts=parts)


def _product(value: Map, operands: Sequence[Code]) -> Code:
    first, *others = operands
    parts = (first.at(_PRODUCT), *(f"* {other.at(_PRODUCT + 1)}" for other in others))
    return Code(" ".join(parts), _PRODUCT, parts=parts)


def _quotient(value: Map, operands: Sequence[Code]) -> Code:
    above, below = operands
    factors = above.parts if above.level == _PRODUCT and above.parts else (above.at(_PRODUCT),)
    parts = (*factors, f"/ {below.at(_PRODUCT + 1)}")
    return Code(" ".join(parts), _PRODUCT, parts=parts)


def _power(value: Map, operands: Sequence[Code]) -> Code:
    base, exponent = operands
    written = exponent.text
    if isinstance(value.children[1], Constant):
        written = _exponent(value.children[1].value)
    elif exponent.level <= _POWER:
        written = f"({written})"
    return Code(f"{base.at(_POWER + 1)} ** {written}", _POWER)


def _relation(value: Map, operands: Sequence[Code]) -> Code:
    left, right = (
        _exponent(child.value) if isinstance(child, Constant) else operand.at(_SUM)
        for child, operand in zip(value.children, operands, strict=True)
    )
    return Code(f"{left} {value.operation} {right}", _COMPARISON)


def _conjunction(value: Map, operands: Sequence[Code]) -> Code:
    joined = " and " if value.host else " & "
    return Code(joined.join(operand.at(_ATOM) for operand in operands), _AND)


_FORMS: Mapping[str, Callable[[Map, Sequence[Code]], Code]] = {
    "neg": _negation,
    "mul": _product,
    "div": _quotient,
    "pow": _power,
    "and": _conjunction,
}


def _number(value: Fraction | float) -> Code:
    text = repr(float(value))
    return Code(text, _SIGN if value < 0 else _ATOM)


def _exponent(value: Fraction | float) -> str:
    """A number where a whole one may stay whole."""
    return str(int(value)) if value == int(value) else repr(float(value))


# --- axes --------------------------------------------------------------------------------


def _ordered(axes: Iterable[Index], want: Axes) -> Axes:
    """Axes in the wanted order; those nobody asked for come last."""
    given = tuple(axes)
    return (*(a for a in want if a in given), *(a for a in given if a not in want))


def _common(codes: Sequence[Code], axes: Axes, want: Axes) -> Axes:
    """The order of axes in which an operation is computed: that of a full operand."""
    wanted = _ordered(axes, want)
    full = [code.axes for code in codes if len(code.axes) == len(axes)]
    return wanted if not full or wanted in full else full[0]


def _letters(axes: Sequence[Index]) -> dict[Index, str]:
    """A letter for each axis, its own if that is free."""
    letters: dict[Index, str] = {}
    for axis in axes:
        wish = axis.hint if len(axis.hint) == 1 and axis.hint in ascii_letters else ""
        free = (letter for letter in (wish, *ascii_letters) if letter not in letters.values())
        letters[axis] = next(letter for letter in free if letter)
    return letters
