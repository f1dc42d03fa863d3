"""Modules: planned functions as the text of one self-contained Python file."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import sympy as sp

from symbackprop.calculus.nodes import Extent, whole
from symbackprop.compile.backend import Backend
from symbackprop.compile.identifiers import Namespace
from symbackprop.compile.plan import Array, Assignment, Loop
from symbackprop.compile.program import Plan
from symbackprop.compile.writer import Writer
from symbackprop.errors import CompileError
from symbackprop.language import PRIMITIVES, Domain, Equation, Tensor
from symbackprop.typeset import columns, text_equation

# Lines are broken where they would be longer than this.
_WIDTH = 100
_CHECK = '''\
def _check_shapes(**arrays):
    """Raise ValueError where a shape does not fit SHAPES; a letter is any one size."""
    sizes = {}
    for name, array in arrays.items():
        shape, expected = tuple(array.shape), SHAPES[name]
        fits = len(shape) == len(expected) and all(
            extent == (sizes.setdefault(size, extent) if isinstance(size, str) else size)
            for extent, size in zip(shape, expected)
        )
        if not fits:
            raise ValueError(f"{name} has shape {shape}, expected {expected} with {sizes}")'''
_CHECK_EXTENT = '''\
def _check_extent(name, array, axis, extent):
    """Raise ValueError where an axis has not the size that other arrays make it have."""
    if array.shape[axis] != extent:
        shape, expected = tuple(array.shape), SHAPES[name]
        size = f"{expected[axis]} = {extent}"
        raise ValueError(f"{name} has shape {shape}, expected {expected} with {size}")'''


@dataclass(frozen=True)
class Returned:
    """What a function returns: single tensors, then dictionaries from key to tensor."""

    single: tuple[str, ...] = ()
    keyed: Mapping[str, str] | None = None

    def has(self, name: str) -> bool:
        """Whether a tensor is among them."""
        return name in self.single or name in (self.keyed or {}).values()


@dataclass(frozen=True)
class Function:
    """A function of an emitted module.

    Attributes
    ----------
    name
        Its identifier.
    summary
        The first line of its docstring.
    plan
        What it computes.
    returned
        What it returns.
    objective
        The scalar that derivatives are of, for the comments.
    """

    name: str
    summary: str
    plan: Plan
    returned: Returned
    objective: str = "L"


@dataclass(frozen=True)
class Module:
    """The text of a module, and how its functions are called.

    Attributes
    ----------
    source
        The text.
    parameters
        By function, the names of the tensors it takes, in order.
    """

    source: str
    parameters: Mapping[str, tuple[str, ...]]


def write_module(
    functions: Sequence[Function], backend: Backend, dtype: str, summary: str
) -> Module:
    """Write functions as one module that needs only the backend's library."""
    names = Namespace(_reserved(functions, backend))
    arguments = {t.name: t for f in functions for t in f.plan.program.arguments}
    for name in arguments:
        names.name(name)
    bodies: list[str] = []
    helpers: dict[str, None] = {}
    modules: set[str] = set()
    for function in functions:
        body = _FunctionWriter(function, backend, names)
        bodies.append(body.text())
        helpers |= body.requirements.helpers
        modules |= body.requirements.modules
    arrays = [t for t in arguments.values() if t.name not in _hosts(functions)]
    parts = [
        _header(summary, backend, modules),
        f"DTYPE = {backend.dtypes[dtype]}",
        *([_shape_table(arrays, names), _CHECK] if arrays else []),
        *helpers,
        *bodies,
    ]
    return Module(
        _spaced(parts),
        {f.name: tuple(t.name for t in f.plan.program.arguments) for f in functions},
    )


def _spaced(parts: Sequence[str]) -> str:
    """Two blank lines around functions, one between other things."""
    text = parts[0]
    for before, part in pairwise(parts):
        function = re.match(r"def |@", part) or "\ndef " in before or before.startswith("def ")
        text += ("\n\n\n" if function else "\n\n") + part
    return text + "\n"


def _header(summary: str, backend: Backend, modules: Collection[str]) -> str:
    lines = [
        f'"""{summary}',
        "",
        f"Written by symbackprop; needs only {backend.title}.",
        '"""',
        "",
        *(f"import {module}" for module in sorted(modules)),
        *([""] if modules else []),
        backend.import_line,
    ]
    return "\n".join(lines)


def _hosts(functions: Sequence[Function]) -> frozenset[str]:
    return frozenset().union(*(function.plan.hosts for function in functions))


def _reserved(functions: Sequence[Function], backend: Backend) -> Iterator[str]:
    """The names an emitted module has for itself."""
    yield from ("DTYPE", "SHAPES", "itertools", "math", backend.module)
    yield from (function.name for function in functions)
    for primitive in PRIMITIVES.values():
        for spelling in primitive.spellings.values():
            yield from re.findall(r"^(?:def )?(\w+)", spelling.helper, re.MULTILINE)


def _shape_table(arrays: Sequence[Tensor], names: Namespace) -> str:
    rows = [f'    "{names.name(t.name)}": {_shape_text(t.shape, quoted=True)},' for t in arrays]
    return "\n".join(["SHAPES = {", *rows, "}"])


def _shape_text(shape: Sequence[sp.Expr], *, quoted: bool = False) -> str:
    extents = [str(e) if e.is_Integer or not quoted else f'"{_printable(str(e))}"' for e in shape]
    return f"({', '.join(extents)}{',' if len(extents) == 1 else ''})"


def _printable(text: str) -> str:
    """Text that cannot leave a comment, a docstring or a string."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    return kept.replace("\\", "/").replace('"', "'")


class _FunctionWriter:
    def __init__(self, function: Function, backend: Backend, names: Namespace) -> None:
        self._function = function
        self._plan = function.plan
        self._backend = backend
        self._names = names
        self._arguments = self._plan.program.arguments
        self._arrays = [t for t in self._arguments if t.name not in self._plan.hosts]
        like = names.name(self._arrays[0].name) if self._arrays else ""
        self._writer = Writer(backend, names, like)
        self.requirements = self._writer.requirements
        #: While the body of a loop is written: the arrays it fills, and its counter.
        self._filled: dict[str, Array] = {}
        self._counter = sp.Symbol("")

    def text(self) -> str:
        """The whole function."""
        body = list(self._body())
        lines = [
            *self._backend.decorators(self._plan.guarded),
            *_call(f"def {self._function.name}", self._identifiers(self._arguments), ":"),
            *(f"    {line}".rstrip() for line in (*self._docstring(), *self._opening(), *body)),
        ]
        return "\n".join(lines)

    def _identifiers(self, tensors: Sequence[Tensor]) -> list[str]:
        return [self._names.name(tensor.name) for tensor in tensors]

    def _docstring(self) -> list[str]:
        rows = [
            (
                self._names.name(tensor.name),
                _printable(_shape_text(tensor.shape)) if tensor.indices else "number",
                self._meaning(tensor),
            )
            for tensor in self._arguments
        ]
        return [f'"""{self._function.summary}', "", *columns(rows), '"""']

    def _meaning(self, tensor: Tensor) -> str:
        if tensor.domain is Domain.LABEL:
            return f"{tensor.role.value}: labels below {_printable(str(tensor.classes))}"
        default = "" if tensor.value is None else f", usually {tensor.value!r}"
        return f"{tensor.role.value}{default}"

    def _opening(self) -> list[str]:
        """Shape checks, and the sizes the body mentions; to be called after the body."""
        lines: list[str] = []
        if self._arrays:
            keywords = [f"{name}={name}" for name in self._identifiers(self._arrays)]
            lines += _call("_check_shapes", keywords)
        checks = list(self._extent_checks())
        missing = dict(self.requirements.sizes)
        for tensor in self._arrays:
            targets = ["_"] * len(tensor.shape)
            for place, extent in enumerate(tensor.shape):
                if extent in missing:
                    del missing[extent]
                    targets[place] = self._writer.size(extent)
            if set(targets) - {"_"}:
                comma = "," if len(targets) == 1 else ""
                lines.append(f"{', '.join(targets)}{comma} = {self._names.name(tensor.name)}.shape")
        for extent in list(missing):
            solution = self._solved(extent)
            if solution:
                del missing[extent]
                lines.append(f"{self._writer.size(extent)} = {solution}")
        if missing:
            raise CompileError(
                f"the size {next(iter(missing))} is the size of no array that is given",
                remedy="give it as a number, or give an array that has it as an axis",
            )
        return [*lines, *checks]

    def _solved(self, symbol: sp.Symbol) -> str:
        """A size from an axis that is a multiple of it and a number: ``W.shape[0] // 4``."""
        for tensor in self._arrays:
            for axis, extent in enumerate(tensor.shape):
                slope = extent.coeff(symbol) if extent.free_symbols == {symbol} else sp.S.Zero
                rest = sp.expand(extent - slope * symbol)
                if slope.is_Integer and slope > 0 and rest.is_Integer:
                    whole = f"{self._names.name(tensor.name)}.shape[{axis}]"
                    shifted = f"({whole} {'-' if rest > 0 else '+'} {abs(rest)})" if rest else whole
                    return f"{shifted} // {slope}" if slope != 1 else shifted
        return ""

    def _extent_checks(self) -> Iterator[str]:
        """Checks of the axes whose sizes are expressions of other sizes."""
        for tensor in self._arrays:
            name = self._names.name(tensor.name)
            for axis, extent in enumerate(tensor.shape):
                if not extent.is_Integer and not extent.is_Symbol:
                    self.requirements.helpers[_CHECK_EXTENT] = None
                    size = self._writer.size_code(extent).text
                    yield f'_check_extent("{name}", {name}, {axis}, {size})'

    def _body(self) -> Iterator[str]:
        section = None
        waiting: list[Assignment] = []
        for line in self._plan.lines:
            if isinstance(line, Assignment):
                waiting.append(line)
                if line.equation is None:
                    continue
            if line.origin != section:
                section = line.origin
                yield ""
                if section:
                    yield f"# --- {section}"
            if isinstance(line, Assignment):
                yield from self._commented(waiting)
            else:
                yield from self._loop(line, waiting)
            waiting = []
        yield ""
        yield from self._return()

    def _commented(self, lines: Sequence[Assignment]) -> Iterator[str]:
        """Lines under the equation that the last of them computes."""
        (equation,) = (line.equation for line in lines if line.equation is not None)
        yield from self._comment(equation)
        for assignment in lines:
            yield from self._assigned(assignment)

    def _comment(self, equation: Equation) -> Iterator[str]:
        text = text_equation(
            equation, self._plan.program.tensors, objective=self._function.objective
        )
        yield f"# {_printable_comment(text)}"

    # --- loops ----------------------------------------------------------------------

    def _loop(self, loop: Loop, before: Sequence[Assignment]) -> Iterator[str]:
        """Equations that recur together, step by step."""
        counter = self._names.name(loop.counter, loop.index.hint)
        self._writer.counters[loop.counter] = counter
        for array in loop.arrays:
            self._names.name(array.tensor)  # before the whole array asks for a similar one
        equations = [line.equation for line in loop.lines if line.equation is not None]
        single = len(equations) == 1
        yield from (
            self._comment(equations[0])
            if single
            else (f"# {', '.join(equation.name for equation in equations)}, step by step",)
        )
        for line in before:
            yield from self._assigned(line)
        for array in loop.arrays:
            yield from self._allocated(array)
        self._filled, self._counter = {array.tensor: array for array in loop.arrays}, loop.counter
        steps = f"range({self._writer.size_code(loop.index.size).text})"
        yield f"for {counter} in {f'reversed({steps})' if loop.backwards else steps}:"
        waiting: list[Assignment] = []
        for line in loop.lines:
            waiting.append(line)
            if line.equation is not None:
                written = chain.from_iterable(map(self._assigned, waiting))
                comment = () if single else self._comment(line.equation)
                yield from (f"    {text}" for text in (*comment, *written))
                waiting = []
        self._filled = {}
        for array in loop.arrays:
            if array.name != array.tensor:
                whole = self._part(array, array.before, array.axes[array.place].size)
                yield f"{self._names.name(array.tensor)} = {whole}"

    def _allocated(self, array: Array) -> Iterator[str]:
        """The array of a tensor that a loop computes, with what stands outside its range."""
        extents = [axis.size for axis in array.axes]
        extents[array.place] = array.length
        name = self._names.name(array.name)
        yield f"{name} = {self._writer.allocated(extents, array.zeros)}"
        for row, axes, value in array.rows:
            written = self._writer.right_side(value, axes)
            yield f"{self._at(array, self._writer.size_code(row).text)} = {written.text}"

    def _part(self, array: Array, start: Extent, count: sp.Expr) -> str:
        stop = sp.expand(start + count)
        first = "" if start == 0 else self._writer.size_code(start).text
        last = "" if stop == array.length else self._writer.size_code(stop).text
        return self._at(array, f"{first}:{last}")

    def _at(self, array: Array, mark: str) -> str:
        """Part of an array along the axis of its loop."""
        return f"{self._names.name(array.name)}[{', '.join([*[':'] * array.place, mark])}]"

    def _assigned(self, line: Assignment) -> list[str]:
        array = self._filled.get(line.name)
        if array is None:
            target = self._names.name(line.name)
            own = self._function.returned.has(line.name)
        else:
            place = whole(array.before + self._counter)
            target, own = self._at(array, self._writer.size_code(place).text), False
        written = self._writer.own if own else self._writer.right_side
        value = written(line.value, line.axes)
        text = f"{target} = {value.text}"
        if len(text) + 4 <= _WIDTH:
            return [text]
        if value.call:
            function, *arguments = value.call
            return [f"{target} = {function}(", *(f"    {each}," for each in arguments), ")"]
        if len(value.parts) < 2:
            return [text]
        opening = f"{target} = ("
        return [opening, *(f"    {part}" for part in value.parts), ")"]

    def _return(self) -> list[str]:
        returned = self._function.returned
        singles = [self._names.name(name) for name in returned.single]
        if returned.keyed is None:
            return [f"return {', '.join(singles)}"]
        entries = [
            f"{_quoted(key)}: {self._names.name(name)}" for key, name in returned.keyed.items()
        ]
        opening = ", ".join([*singles, ""]) + "{"
        return _wrapped(f"return {opening}", entries, "}")


def _printable_comment(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _quoted(text: str) -> str:
    # JSON's escapes mean the same in Python
    return json.dumps(text, ensure_ascii=False)


def _call(opening: str, arguments: Sequence[str], end: str = "") -> list[str]:
    return _wrapped(f"{opening}(", arguments, f"){end}")


def _wrapped(opening: str, parts: Sequence[str], closing: str) -> list[str]:
    """One line, or as many as needed to keep it from running over the page."""
    single = f"{opening}{', '.join(parts)}{closing}"
    if len(single) + 4 <= _WIDTH:
        return [single]
    lines = [opening]
    for part in parts:
        last = lines[-1]
        if len(lines) == 1 or len(last) + len(part) + 6 > _WIDTH:
            lines.append(f"    {part},")
        else:
            lines[-1] = f"{last} {part},"
    return [*lines, closing]
