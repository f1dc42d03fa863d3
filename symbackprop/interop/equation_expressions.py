"""From what an equation file says to SymPy expressions, name by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import singledispatchmethod
from itertools import pairwise
from typing import Any, NoReturn

import sympy as sp

from symbackprop.errors import ShapeError
from symbackprop.interop.equation_names import FUNCTIONS, NUMBERS, REDUCTIONS, Names
from symbackprop.interop.equation_numbers import (
    exact,
    is_sensible,
    may_apply,
    may_raise,
)
from symbackprop.interop.equation_syntax import (
    Call,
    Element,
    Item,
    Node,
    Number,
    Operation,
    Reduction,
    Where,
)
from symbackprop.language import Domain, Tensor, size, size_of
from symbackprop.language.positions import affine_form, is_size_arithmetic

# So deep that no formula anybody reads is deeper, and SymPy's recursion is not at its end.
_DEEPEST = 60

_RELATIONS = {
    "<": sp.StrictLessThan,
    "<=": sp.LessThan,
    ">": sp.StrictGreaterThan,
    ">=": sp.GreaterThan,
    "=": sp.Eq,
    "==": sp.Eq,
    "!=": sp.Ne,
}
_INFINITE = (sp.oo, -sp.oo)


@dataclass(frozen=True)
class Scope:
    """Where an expression stands.

    Attributes
    ----------
    names
        What the file declares.
    letters
        The indices in force: those on the left side, and those of the sums around.
    everywhere
        Whether all declared indices are in force: a fact holds for each value of them.
    kind
        What an unknown name is taken for.
    depth
        How many expressions are around this one.
    """

    names: Names
    letters: Mapping[str, sp.Idx]
    everywhere: bool = False
    kind: str = "name"
    depth: int = 0

    # --- values ---

    def value(self, node: Node) -> sp.Expr:
        """A node as a SymPy expression that has a finite value.

        Raises
        ------
        EquationError, ShapeError, UnknownNameError
            At the place of the text where something is wrong.
        """
        value = self.extended(node)
        if value in _INFINITE:
            raise self.names.wrong(
                "infinity is no number to compute with",
                node.start,
                "use it as a value of where(condition, a, -inf) alone",
            )
        return value

    def extended(self, node: Node) -> sp.Expr:
        """As `value`, but infinity may be the whole of it."""
        try:
            value = self._inside(node)._read(node)
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            # Of numbers that SymPy cannot compare, such as max(relu(2), 1).
            raise self.names.wrong(
                "this cannot be computed exactly",
                node.start,
                "write the numbers in it out, or make them parameters",
            ) from error
        if value.has(sp.nan, sp.zoo) or (value.is_number and value.is_extended_real is False):
            raise self.names.wrong(
                "this is not a real number",
                node.start,
                "look for a division by 0, or a root or logarithm of a negative number",
            )
        if not is_sensible(value):
            self._too_large(node)
        return value

    def _inside(self, node: Node) -> Scope:
        if self.depth > _DEEPEST:
            raise self.names.wrong(
                "this stands too deep inside other expressions",
                node.start,
                "define parts of it in equations of their own",
            )
        return replace(self, depth=self.depth + 1)

    @singledispatchmethod
    def _read(self, node: Node) -> sp.Expr:
        raise NotImplementedError(type(node))

    @_read.register
    def _number(self, node: Number) -> sp.Expr:
        value = exact(node.text)
        if value is None:
            self._too_large(node)
        return value

    @_read.register
    def _operation(self, node: Operation) -> sp.Expr:
        if len(node.operands) == 1:
            return -self.extended(node.operands[0])
        operands = [self.value(operand) for operand in node.operands]
        kinds = set(node.operators)
        if kinds <= {"+", "-"}:
            signs = [1, *(1 if operator == "+" else -1 for operator in node.operators)]
            return sp.Add(*(s * operand for s, operand in zip(signs, operands, strict=True)))
        if kinds <= {"^", "**"}:
            if not may_raise(*operands):
                self._too_large(node)
            return operands[0] ** operands[1]
        result = operands[0]
        for operator, operand in zip(node.operators, operands[1:], strict=True):
            if operand == 0 and operator != "*":
                raise self.names.wrong("this divides by 0", node.start, "divide by another number")
            result = result * operand if operator == "*" else result / operand
            if not is_sensible(result) or (operator == "//" and not may_apply("floor", result)):
                self._too_large(node)
            result = sp.floor(result) if operator == "//" else result
        return result

    @_read.register
    def _call(self, node: Call) -> sp.Expr:
        self._check_call(node)
        if node.name == "delta":
            return sp.KroneckerDelta(*(self._place(argument, None) for argument in node.arguments))
        arguments = [self.value(argument) for argument in node.arguments]
        if not may_apply(node.name, arguments[0]):
            self._too_large(node)
        return FUNCTIONS[node.name][1](*arguments)

    def _check_call(self, node: Call) -> None:
        kind = self.names.kind(node.name)
        if node.name in REDUCTIONS and (node.name not in FUNCTIONS or len(node.arguments) == 1):
            raise self.names.wrong(
                f"{node.name} runs over indices, and none are given",
                node.start,
                f"write {node.name}[i](…)",
            )
        if node.name not in FUNCTIONS and node.name != "delta":
            if kind:
                raise self.names.wrong(
                    f"{node.name!r} is {kind}, not a function",
                    node.start,
                    "write positions in [ ], and * between factors",
                )
            raise self.names.unknown(
                "function", node.name, node.start, {*FUNCTIONS, "delta", "where", *REDUCTIONS}
            )
        arity = 2 if node.name == "delta" else FUNCTIONS[node.name][0]
        if len(node.arguments) != arity:
            raise self.names.wrong(
                f"{node.name} takes {arity} argument{'s' * (arity > 1)}, not {len(node.arguments)}",
                node.start,
                f"write {node.name}({', '.join('ab'[:arity])})",
            )

    @_read.register
    def _where(self, node: Where) -> sp.Expr:
        condition = self.condition(node.condition)
        return sp.Piecewise(
            (self.extended(node.holds), condition), (self.extended(node.otherwise), sp.true)
        )

    @_read.register
    def _reduction(self, node: Reduction) -> sp.Expr:
        if node.name not in REDUCTIONS:
            if kind := self.names.kind(node.name):
                raise self.names.wrong(
                    f"{node.name!r} is {kind}, not something that runs over indices",
                    node.start,
                    "write * before a parenthesis to multiply",
                )
            raise self.names.unknown("reduction", node.name, node.start, REDUCTIONS)
        inside, bound = self, []
        for item in node.items:
            idx = inside._bound(item)
            bound.append(idx)
            inside = replace(inside, letters={**inside.letters, str(idx.label): idx})
        return REDUCTIONS[node.name](inside.value(node.body), *bound)

    def _bound(self, item: Item) -> sp.Idx:
        """The index that ``i`` or ``j:K`` of a sum stands for."""
        names, node = self.names, item.expression
        if not isinstance(node, Element) or node.items:
            raise names.wrong("this is no index", item.start, "write a letter: sum[i](…)")
        if node.name in self.letters:
            raise names.wrong(
                f"index {node.name} is already in force here",
                item.start,
                f"run over another letter: sum[j:{size_of(self.letters[node.name])}](…)",
            )
        declared = names.letters.get(node.name)
        if item.size is None:
            if declared is None:
                raise names.unknown("index", node.name, item.start, names.letters)
            return declared
        over = self.size(item.size)
        if declared is None and names.kind(node.name):
            raise names.wrong(
                f"{node.name!r} is {names.kind(node.name)}, not an index",
                item.start,
                "run over another letter",
            )
        if declared is not None and size_of(declared) != over:
            raise names.wrong(
                f"index {node.name} runs over {size_of(declared)}, not {over}",
                item.start,
                "run over another letter",
                ShapeError,
            )
        return sp.Idx(sp.Symbol(node.name, integer=True), over)

    @_read.register
    def _element(self, node: Element) -> sp.Expr:
        if node.name in self.names.tensors:
            return self._tensor_element(node, self.names.tensors[node.name])
        if node.items:
            self._refuse_positions(node)
        return self._name(node)

    # --- names ---

    def _name(self, node: Element) -> sp.Expr:
        names, name = self.names, node.name
        in_force = self._in_force(name)
        if in_force is not None:
            if name in names.sizes:
                raise names.wrong(
                    f"{name} is an index here, and a size as well",
                    node.start,
                    f"give the index a name of its own, such as i in index i:{name}",
                )
            return in_force
        for known in (NUMBERS, names.constants, names.sizes):
            if name in known:
                return known[name]
        if name in names.letters:
            raise names.wrong(
                f"index {name} is not in force here",
                node.start,
                f"sum over it, sum[{name}](…), or write it on the left side",
            )
        raise names.unknown(self.kind, name, node.start)

    def _in_force(self, name: str) -> sp.Idx | None:
        known = self.letters.get(name)
        if known is None and self.everywhere and name not in self.names.sizes:
            return self.names.letters.get(name)
        return known

    def _refuse_positions(self, node: Element) -> None:
        names = self.names
        if names.kind(node.name):
            raise names.wrong(
                f"{node.name!r} is {names.kind(node.name)}, so it has no positions",
                node.start,
                f"write {node.name} alone",
            )
        if node.name in REDUCTIONS:
            raise names.wrong(
                f"{node.name}[…] is not followed by what it runs over",
                node.start,
                f"write {node.name}[i](…), with all that belongs to it in the parentheses",
            )
        raise names.unknown("tensor", node.name, node.start, names.tensors)

    # --- elements and positions ---

    def _tensor_element(self, node: Element, tensor: Tensor) -> sp.Expr:
        if len(node.items) != len(tensor.shape):
            axes = f"{len(tensor.shape)} {'axis' if len(tensor.shape) == 1 else 'axes'}"
            letters = ",".join(str(idx.label) for idx in tensor.indices)
            raise self.names.wrong(
                f"{node.name!r} has {axes if tensor.shape else 'no axes'}, "
                f"but {len(node.items) or 'no'} position{'s' * (len(node.items) != 1)} here",
                node.start,
                f"write it as {node.name}[{letters}]" if letters else f"write {node.name} alone",
                ShapeError,
            )
        places = []
        for item, extent in zip(node.items, tensor.shape, strict=True):
            if item.size is not None:
                raise self.names.wrong(
                    "a position has no size", item.start, "write ':' in sum[j:K](…) alone"
                )
            places.append(self._place(item.expression, extent))
        return tensor[tuple(places)]

    def _place(self, node: Node, extent: sp.Expr | None) -> sp.Expr:
        """A position along an axis of that size, or an argument of delta."""
        if isinstance(node, Element):
            if not node.items and (idx := self._in_force(node.name)) is not None:
                if extent is not None and size_of(idx) != extent:
                    raise self.names.wrong(
                        f"this axis has size {extent}, but index {node.name} "
                        f"runs over {size_of(idx)}",
                        node.start,
                        "make the sizes agree, or use another index",
                        ShapeError,
                    )
                return idx
            if node.name in self.names.tensors:
                return self._label(node, extent)
        place = self.value(node)
        if affine_form(place) is None:
            raise self.names.wrong(
                "this is no position",
                node.start,
                "write an index, a whole number, labels such as token[n,t], or a sum of indices "
                "times whole numbers, such as 2*p+u-1",
            )
        return place

    def _label(self, node: Element, extent: sp.Expr | None) -> sp.Expr:
        tensor = self.names.tensors[node.name]
        if tensor.domain is not Domain.LABEL:
            raise self.names.wrong(
                f"{node.name!r} does not hold whole numbers, so it is no position",
                node.start,
                f"declare it as labels: input {node.name}[…] : integer < {extent or 'K'}",
            )
        if extent is not None and tensor.classes != extent:
            raise self.names.wrong(
                f"this axis has size {extent}, but {node.name!r} holds labels of "
                f"{tensor.classes} classes",
                node.start,
                "make the sizes agree",
                ShapeError,
            )
        return self.value(node)

    # --- sizes and conditions ---

    def size(self, node: Node) -> sp.Expr:
        """A node as a size: a positive integer, a name, or arithmetic of them."""
        value = Scope(self.names, {}, kind="size").value(node)
        if not is_size_arithmetic(value) or (value.is_number and value < 1):
            raise self.names.wrong(
                f"{value} is not a size",
                node.start,
                "write a positive whole number, a name, or + - * // of them",
                ShapeError,
            )
        return size(value)

    def condition(self, node: Node) -> Any:
        """A node as a condition."""
        if not isinstance(node, Operation):
            raise NotImplementedError(type(node))
        inside = self._inside(node)
        first = node.operators[0]
        if first in {"and", "or", "not"}:
            combine = {"and": sp.And, "or": sp.Or, "not": sp.Not}[first]
            return combine(*(inside.condition(operand) for operand in node.operands))
        operands = [inside.value(operand) for operand in node.operands]
        return sp.And(
            *(
                _RELATIONS[operator](left, right)
                for operator, (left, right) in zip(node.operators, pairwise(operands), strict=True)
            )
        )

    def _too_large(self, node: Node) -> NoReturn:
        raise self.names.wrong(
            "this number is too large or too small to compute with",
            node.start,
            "float64 holds numbers between 1e-308 and 1e308",
        )
