"""The writer: a value of the plan as one Python expression.

Here, and only here, named axes become positions: an operand that is stored in another
order is transposed, one that lacks an axis gets a ``None`` in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import isfinite

import sympy as sp

from symbackprop.calculus.nodes import Extent, Index
from symbackprop.compile.code import (
    AND,
    ATOM,
    COMPARISON,
    MATMUL,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Axes,
    Code,
    common,
    letters,
    ordered,
)
from symbackprop.compile.plan import (
    RELATIONS,
    Constant,
    Contract,
    First,
    Join,
    Load,
    Map,
    Places,
    Positions,
    Put,
    Reduce,
    Scatter,
    Size,
    Spread,
    Value,
)
from symbackprop.compile.reading import Reading
from symbackprop.language import PRIMITIVES, Spelling


class Writer(Reading):
    """Writes expressions for one backend; see `Reading` for its parameters."""

    def right_side(self, value: Value, axes: Axes) -> Code:
        """What is assigned to a tensor that is stored with these axes."""
        return self._aligned(self._write(value, axes), axes)

    def own(self, value: Value, axes: Axes) -> Code:
        """The same for a tensor that is returned: no view of one that the caller holds."""
        code = self.right_side(value, axes)
        seen = value
        while isinstance(seen, Put) and all(window.is_split for _, window in seen.targets):
            seen = seen.argument  # a reshape
        if not isinstance(seen, Load) or seen.host or seen.gathers:
            return code  # an array of its own
        return replace(code, text=self._backend.copied(code.at(ATOM)), level=ATOM, parts=())

    def allocated(self, extents: Sequence[Extent], zeros: bool) -> str:
        """An array to be filled."""
        return self._backend.allocated(self._sizes(extents), zeros, self._like)

    # --- one kind of value each -----------------------------------------------------

    def _write(self, value: Value, want: Axes) -> Code:
        match value:
            case Constant():
                if not isfinite(value.value):
                    self.requirements.modules.add("math")
                return _number(value.value)
            case Size():
                return self.size_code(value.value)
            case Load():
                return self._load(value, want)
            case Positions():
                extent = self.size_code(value.axis.size).text
                text = self._backend.positions(extent, value.whole, self._like)
                return Code(text, axes=value.axes)
            case Reduce():
                return self._reduce(value, want)
            case Contract():
                return self._contract(value, want)
            case Scatter():
                return self._scatter(value, want)
            case Places():
                return self._places(value, want)
            case Put():
                return self._put(value, want)
            case Join():
                return self._join(value, want)
            case Spread():
                return self._spread(value)
        assert isinstance(value, Map)  # noqa: S101 (all other kinds are above)
        return self._map(value, want)

    def _reduce(self, value: Reduce, want: Axes) -> Code:
        if isinstance(value, First):
            return self._first(value, want)
        argument = self._write(value.argument, (*want, *value.over))
        kept = tuple(axis for axis in argument.axes if axis not in value.over)
        places = [i for i, axis in enumerate(argument.axes) if axis in value.over]
        text = self._backend.reduction(value.kind, argument.text, places if kept else None)
        return Code(text, axes=kept)

    def _first(self, value: First, want: Axes) -> Code:
        """``np.argmax(x.reshape(N, P, -1), axis=-1)``: several axes are read as one."""
        kept = ordered(value.axes, want)
        code = self._exactly(value.argument, (*kept, *value.over))
        text = code.text
        if kept and len(value.over) > 1:
            count = sp.Mul(*(axis.size for axis in value.over))
            extents = [self.size(extent) for extent in (*(axis.size for axis in kept), count)]
            text = f"{code.at(ATOM)}.reshape({', '.join(extents)})"
        return Code(self._backend.reduction(value.kind, text, [-1] if kept else None), axes=kept)

    def _spread(self, value: Spread) -> Code:
        (argument,) = value.children
        shape = self._shape(value.axes)
        code = self._write(argument, value.axes)
        if argument.host:
            return Code(self._backend.filled(shape, code.text, self._like), axes=value.axes)
        text = self._backend.spread(self._aligned(code, value.axes).text, shape)
        return Code(text, axes=value.axes)

    def _scatter(self, value: Scatter, want: Axes) -> Code:
        labels = self._load(value.labels, want)
        (rows,) = value.children
        kept = ordered((axis for axis in rows.axes if axis not in labels.axes), want)
        axes = (*labels.axes, *kept)
        code = self._aligned(self._write(rows, axes), axes)
        extent = self.size_code(value.axis.size).text
        spelled = self._backend.scattered(code.text, labels.text, extent)
        return Code(self._spelled(spelled, []), axes=(value.axis, *kept))

    # --- contractions ---------------------------------------------------------------

    def _contract(self, value: Contract, want: Axes) -> Code:
        left, right = value.children
        rows = [axis for axis in left.axes if axis not in right.axes]
        columns = [axis for axis in right.axes if axis not in left.axes]
        batch = [axis for axis in value.axes if axis in left.axes and axis in right.axes]
        result = ordered(value.axes, want)
        stacked = self._stacked(value, batch, rows, columns, result)
        if stacked is not None:
            return stacked
        if batch or len(value.over) != 1 or len(rows) > 1 or len(columns) > 1:
            return self._einsum(value, want)
        if columns and result[0] == columns[0]:
            left, right, rows, columns = right, left, columns, rows
        if not rows or not columns:
            return self._by_vector(value, result)
        first = self._exactly(left, (*rows, *value.over))
        second = self._exactly(right, (*value.over, *columns))
        return _matmul(first, second, (*rows, *columns))

    def _stacked(
        self,
        value: Contract,
        batch: Sequence[Index],
        rows: Sequence[Index],
        columns: Sequence[Index],
        result: Axes,
    ) -> Code | None:
        """Matrix products over leading axes: ``Q @ K.transpose(0, 2, 1)``, ``x @ W.T``."""
        left, right = value.children
        if len(value.over) != 1 or not result or not rows or not columns:
            return None
        if result[-1] in rows:
            left, right, rows, columns = right, left, columns, rows
        leading = result[: len(batch)]
        if len(columns) != 1 or result[-1] != columns[0] or set(leading) != set(batch):
            return None
        if (not batch and len(rows) < 2) or (batch and len(rows) != 1):
            return None
        first = self._exactly(left, (*result[:-1], *value.over))
        second = self._exactly(right, (*leading, *value.over, *columns))
        return _matmul(first, second, result)

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
        result = ordered(value.axes, want)
        named = letters((*result, *value.over))
        written = ["".join(named[axis] for axis in axes) for axes in (left.axes, right.axes)]
        pattern = f"{','.join(written)}->{''.join(named[axis] for axis in result)}"
        return Code(self._backend.einsum(pattern, left.text, right.text), axes=result)

    # --- pointwise ------------------------------------------------------------------

    def _sum(self, value: Map, want: Axes) -> Code:
        negative = [isinstance(c, Map) and c.operation == "neg" for c in value.children]
        codes = [
            self._write(child.children[0] if minus else child, want)
            for child, minus in zip(value.children, negative, strict=True)
        ]
        axes = common(codes, value.axes, want)
        parts: list[str] = []
        for code, minus in zip(codes, negative, strict=True):
            operand = self._aligned(code, axes)
            written = operand.at(SUM + 1 if parts or minus else SUM)
            signed = operand.level == SIGN
            sign = "-" if minus != signed else "+"
            parts.append(f"{sign} {written.removeprefix('-') if signed else written}")
        first = parts[0]
        parts[0] = first[2:] if first.startswith("+") else f"-{first[2:]}"
        return Code(" ".join(parts), SUM, axes, tuple(parts))

    def _map(self, value: Map, want: Axes) -> Code:
        if value.operation == "add":
            return self._sum(value, want)
        codes = [self._write(child, want) for child in value.children]
        axes = common(codes, value.axes, want)
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
        if operation == "select" and value.children[0].host:
            condition, yes, no = texts
            hosts = [child.host for child in value.children]
            return Code(self._backend.choice(condition, yes, no, hosts))
        if operation == "select":
            return self._call(self._backend.selection(*texts), texts)
        if operation == "number":
            truth = operands[0]
            return Code(
                f"float({truth.text})" if value.host else self._backend.cast(truth.at(ATOM))
            )
        if operation == "sqrt" and value.host:
            self.requirements.modules.add("math")
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

    def _call(self, text: str, arguments: Sequence[str]) -> Code:
        """A call that may be broken at its arguments."""
        return Code(text, call=(text.partition("(")[0], *arguments))

    def _spelled(self, spelling: Spelling, arguments: Sequence[str]) -> str:
        text = spelling.code.format(*arguments) if arguments else spelling.code
        if spelling.helper:
            self.requirements.helpers[spelling.helper] = None
        if "math." in text + spelling.helper:
            self.requirements.modules.add("math")
        return text


# --- forms of pointwise operations -----------------------------------------------------


def _matmul(first: Code, second: Code, axes: Axes) -> Code:
    left = first.text if first.level == MATMUL else first.at(ATOM)
    return Code(f"{left} @ {second.at(ATOM)}", MATMUL, axes)


def _negation(value: Map, operands: Sequence[Code]) -> Code:
    (operand,) = operands
    if operand.level != PRODUCT:
        return Code(f"-{operand.at(PRODUCT)}", SIGN)
    parts = (f"-{operand.parts[0]}", *operand.parts[1:])
    return Code(f"-{operand.text}", PRODUCT, parts=parts)


def _product(value: Map, operands: Sequence[Code]) -> Code:
    first, *others = operands
    parts = (first.at(PRODUCT), *(f"* {other.at(PRODUCT + 1)}" for other in others))
    return Code(" ".join(parts), PRODUCT, parts=parts)


def _quotient(value: Map, operands: Sequence[Code]) -> Code:
    above, below = operands
    factors = above.parts if above.level == PRODUCT and above.parts else (above.at(PRODUCT),)
    parts = (*factors, f"/ {below.at(PRODUCT + 1)}")
    return Code(" ".join(parts), PRODUCT, parts=parts)


def _power(value: Map, operands: Sequence[Code]) -> Code:
    base, exponent = operands
    written = exponent.text
    if isinstance(value.children[1], Constant):
        written = _exponent(value.children[1].value)
    elif exponent.level <= POWER:
        written = f"({written})"
    return Code(f"{base.at(POWER + 1)} ** {written}", POWER)


def _relation(value: Map, operands: Sequence[Code]) -> Code:
    left, right = (
        _exponent(child.value) if isinstance(child, Constant) else operand.at(SUM)
        for child, operand in zip(value.children, operands, strict=True)
    )
    return Code(f"{left} {value.operation} {right}", COMPARISON)


def _denial(value: Map, operands: Sequence[Code]) -> Code:
    (operand,) = operands
    return (
        Code(f"not {operand.at(ATOM)}", AND) if value.host else Code(f"~{operand.at(ATOM)}", SIGN)
    )


def _conjunction(value: Map, operands: Sequence[Code]) -> Code:
    sign = "and" if value.host else "&"
    first, *others = (operand.at(ATOM) for operand in operands)
    parts = (first, *(f"{sign} {other}" for other in others))
    return Code(" ".join(parts), AND, parts=parts)


_FORMS: Mapping[str, Callable[[Map, Sequence[Code]], Code]] = {
    "neg": _negation,
    "mul": _product,
    "div": _quotient,
    "pow": _power,
    "and": _conjunction,
    "not": _denial,
}


def _number(value: Fraction | float) -> Code:
    text = repr(float(value)) if isfinite(value) else f"{'-' if value < 0 else ''}math.inf"
    return Code(text, SIGN if value < 0 else ATOM)


def _exponent(value: Fraction | float) -> str:
    """A number where a whole one may stay whole."""
    return str(int(value)) if value == int(value) else repr(float(value))
