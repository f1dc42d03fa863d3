"""Systems of equations written as text.

>>> system = parse_system('''
... index n:N, i:D
... input x[n,i]
... target y[n]
... parameter w[i]
... L = sum[n]((sum[i](w[i]*x[n,i]) - y[n])^2) / N
... minimize L
... ''')
>>> [tensor.name for tensor in system.parameters]
['w']

The text is never evaluated: SymPy objects are built from its tokens. Whatever is
wrong with it is shown at its line and column.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import singledispatchmethod
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import sympy as sp

from symbackprop.errors import EquationError, SymbackpropError, UnknownNameError
from symbackprop.interop.equation_expressions import Scope
from symbackprop.interop.equation_grammar import parse
from symbackprop.interop.equation_names import Names
from symbackprop.interop.equation_syntax import (
    Assignment,
    Claim,
    Declaration,
    Definition,
    Domain,
    Element,
    Letter,
    Node,
    Objective,
    Operation,
    Setting,
)
from symbackprop.language import BaseCase, Equation, Fact, Role, System, Tensor, size_of

# Larger than any system anybody writes.
_MOST_BYTES = 1_000_000

# What a reader calls a tensor that is declared so.
_CALLED = {"input": "an input", "target": "a target", "parameter": "a parameter"}
_ROLES = {"input": Role.INPUT, "target": Role.TARGET, "parameter": Role.PARAMETER}
_DOMAINS = ("integer", "positive", "unit")


def load(path: str | PathLike[str]) -> System:
    """Read a system from an equation file.

    Parameters
    ----------
    path
        A text file in UTF-8, by custom with a name that ends in ``.eqs``.

    Raises
    ------
    EquationError, ShapeError, UnknownNameError
        If the file cannot be read, or what it says does not hold together; with the
        line and column.
    """
    where = fspath(path)
    try:
        with Path(where).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise EquationError(
            f"cannot read {where!r}: {getattr(error, 'strerror', None) or error}",
            remedy="give the path of an equation file",
        ) from error
    if len(content) > _MOST_BYTES:
        raise EquationError(
            f"the file has more than {_MOST_BYTES:,} bytes, so it is no equation file",
            where=where,
            remedy="give a text file of equations",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise EquationError(
            f"the file is not text in UTF-8: line {line} holds the byte "
            f"0x{content[error.start]:02x}",
            where=where,
            remedy="save it as UTF-8",
        ) from error
    return parse_system(text, where)


def parse_system(text: str, name: str = "") -> System:
    """Read a system from text.

    Parameters
    ----------
    text
        Statements, one a line: ``index``, ``input``, ``target``, ``parameter``,
        ``hyperparameter``, ``constant``, equations, ``fact`` and ``minimize``.
    name
        What messages call the text, such as the path of its file.

    Raises
    ------
    EquationError, ShapeError, UnknownNameError
        If it cannot be read or does not hold together; with the line and column.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    statements = parse(text, name)
    if not statements:
        raise EquationError(
            "there are no equations",
            where=name or "the text",
            remedy="write index, input and parameter lines, equations, and minimize L",
        )
    return _Builder(Names(text, name)).build(statements)


class _Builder:
    """From statements to a system: first what is declared, then what is said of it."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._tensors: list[Tensor] = []
        self._equations: list[Equation] = []
        self._facts: list[Fact] = []
        # Each equation, base case and fact, and where it stands.
        self._places: list[tuple[Equation | BaseCase | Fact, int]] = []

    def build(self, statements: tuple[Node, ...]) -> System:
        """The system that the statements describe."""
        for kinds in ((Letter, Setting), (Declaration,)):
            for node in statements:
                if isinstance(node, kinds):
                    self._declare(node)
        definitions = [node for node in statements if isinstance(node, Definition)]
        for node in definitions:
            self._declare(node)
        for node in definitions:
            self._define(node)
        for node in statements:
            if isinstance(node, Claim):
                self._claim(node)
        objective = self._objective([n for n in statements if isinstance(n, Objective)])
        try:
            return System(
                self._equations, self._tensors, minimize=objective.name, facts=self._facts
            )
        except SymbackpropError as error:
            places = [start for said, start in self._places if str(said) == error.where]
            error.where = self._names.where(places[0] if places else objective.start)
            raise

    # --- declarations ---

    @singledispatchmethod
    def _declare(self, node: Node) -> None:
        raise NotImplementedError(type(node))

    @_declare.register
    def _letter(self, node: Letter) -> None:
        over = node.size
        if over is None or (isinstance(over, Element) and over.name == node.name):
            self._names.add_letter(node.name, None, node.start)
            return
        for name in _names_in(over):
            if not self._names.kind(name.name):
                self._names.add_size(name.name, name.start)
        self._names.add_letter(node.name, Scope(self._names, {}).size(over), node.start)

    @_declare.register
    def _setting(self, node: Setting) -> None:
        constant = node.kind == "constant"
        if node.value is None and constant:
            raise self._names.wrong(
                f"the constant {node.name} has no value",
                node.start,
                f"write constant {node.name} = 1e-5",
            )
        value = None if node.value is None else Scope(self._names, {}).value(node.value)
        if value is not None and not constant and not value.is_number:
            raise self._names.wrong(
                f"the value of {node.name} is no number: {value}",
                node.value.start if node.value else node.start,
                f"write a number: hyperparameter {node.name} = 0.1",
            )
        if constant:
            self._names.add_constant(node.name, value, node.start)
        else:
            number = None if value is None else float(value)
            tensor = Tensor(node.name, (), Role.HYPERPARAMETER, value=number)
            self._names.add_tensor(tensor, "a hyperparameter", node.start)
            self._tensors.append(tensor)

    @_declare.register
    def _given(self, node: Declaration) -> None:
        details = {} if node.domain is None else self._domain(node.role, node.domain)
        tensor = Tensor(node.element.name, self._axes(node.element), _ROLES[node.role], **details)
        self._names.add_tensor(tensor, _CALLED[node.role], node.start)
        self._tensors.append(tensor)

    def _domain(self, role: str, node: Domain) -> dict[str, Any]:
        names = self._names
        if node.name not in _DOMAINS:
            raise UnknownNameError("domain", node.name, _DOMAINS, where=names.where(node.start))
        if node.name != "integer":
            if node.below is not None:
                raise names.wrong(
                    f"'{node.name}' has no upper end to choose",
                    node.below.start,
                    f"write ': {node.name}' alone",
                )
            return {"domain": node.name}
        if role == "parameter" or node.below is None:
            raise names.wrong(
                "a parameter holds real numbers"
                if role == "parameter"
                else "it is not said how many values the integers may have",
                node.start,
                "declare labels as input or target"
                if role == "parameter"
                else "write ': integer < K', with the size of the axis they select from",
            )
        return {"domain": "label", "classes": Scope(names, {}).size(node.below)}

    @_declare.register
    def _defined(self, node: Definition) -> None:
        left = node.equation.left
        tensor = Tensor(left.name, self._axes(left))
        self._names.add_tensor(tensor, "defined", left.start)

    def _axes(self, element: Element) -> tuple[sp.Idx, ...]:
        """The indices a tensor is declared or defined with."""
        axes: list[sp.Idx] = []
        for item in element.items:
            idx = self._axis(item.expression)
            if item.size is not None:
                raise self._names.wrong(
                    "the size of an index is not said here",
                    item.start,
                    f"declare it once: index {idx.label}:{size_of(idx)}",
                )
            if idx in axes:
                raise self._names.wrong(
                    f"index {idx.label} is written for two axes",
                    item.start,
                    "declare another index of the same size for one of them",
                )
            axes.append(idx)
        return tuple(axes)

    def _axis(self, node: Node) -> sp.Idx:
        names = self._names
        if not isinstance(node, Element) or node.items:
            raise names.wrong("an axis is written as an index", node.start, "write z[n,k]")
        if node.name in names.letters:
            return names.letters[node.name]
        if node.name in names.sizes:
            over = [name for name, idx in names.letters.items() if str(size_of(idx)) == node.name]
            raise names.wrong(
                f"{node.name} is a size, not an index",
                node.start,
                "write an index that runs over it" + (f": {' or '.join(over)}" if over else ""),
            )
        raise names.unknown("index", node.name, node.start, names.letters)

    # --- equations ---

    def _define(self, node: Definition) -> None:
        tensor = self._names.tensors[node.equation.left.name]
        bases = [self._base_case(base, tensor) for base in node.bases]
        right = self._scope(tensor.indices).value(node.equation.right)
        with self._placed(node.start):
            equation = Equation(tensor.element, right, tuple(bases))
        self._equations.append(equation)
        self._places.append((equation, node.start))

    def _base_case(self, node: Assignment, tensor: Tensor) -> BaseCase:
        if node.left.name != tensor.name:
            raise self._names.wrong(
                f"a base case of {node.left.name!r} stands at the equation of {tensor.name!r}",
                node.start,
                f"write {tensor.name}[…] = …, or move it to the equation of {node.left.name!r}",
            )
        letters = {
            item.expression.name: self._names.letters[item.expression.name]
            for item in node.left.items
            if isinstance(item.expression, Element) and item.expression.name in self._names.letters
        }
        scope = self._scope(tuple(letters.values()))
        left, right = scope.value(node.left), scope.value(node.right)
        with self._placed(node.start):
            base = BaseCase(left, right)
        self._places.append((base, node.start))
        return base

    def _claim(self, node: Claim) -> None:
        scope = Scope(self._names, {}, everywhere=True)
        fact = Fact(scope.value(node.left), scope.value(node.right))
        self._facts.append(fact)
        self._places.append((fact, node.start))

    def _scope(self, indices: tuple[sp.Idx, ...]) -> Scope:
        return Scope(self._names, {str(idx.label): idx for idx in indices})

    def _objective(self, nodes: list[Objective]) -> Objective:
        names = self._names
        if not nodes:
            raise names.wrong(
                "nothing is minimized", len(names.text.rstrip()), "end with a line: minimize L"
            )
        node, *more = nodes
        if more:
            raise names.wrong(
                "there are two things to minimize", more[0].start, "minimize their sum"
            )
        tensor = names.tensors.get(node.name)
        defined = {equation.name: equation for equation in self._equations}
        if tensor is None or node.name not in defined:
            if names.kind(node.name):
                raise names.wrong(
                    f"{node.name!r} is {names.kind(node.name)}, and no equation defines it",
                    node.start,
                    "minimize what an equation defines: L = …",
                )
            raise names.unknown("objective", node.name, node.start, defined)
        if tensor.indices:
            letters = ", ".join(str(idx.label) for idx in tensor.indices)
            raise names.wrong(
                f"{node.name!r} is not a single number but one for each {letters}",
                node.start,
                "minimize a sum over its indices",
            )
        return node

    @contextmanager
    def _placed(self, start: int) -> Iterator[None]:
        """Errors that the language raises inside are shown at a place of the text."""
        try:
            yield
        except SymbackpropError as error:
            error.where = self._names.where(start)
            raise


def _names_in(node: Node) -> Iterator[Element]:
    """The names that a size consists of, from left to right."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Element):
            yield node
        elif isinstance(node, Operation):
            waiting.extend(reversed(node.operands))
