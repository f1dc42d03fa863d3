"""PyTorch-like text for networks, losses, optimizers and schedules.

>>> [call.name for call in parse("Linear(10, 20) ReLU Linear(20, 1)")]
['Linear', 'ReLU', 'Linear']

Only literals are read: whole and decimal numbers, True, False, None, quoted
text, tuples of these, and bare names, which stand for themselves (a symbolic
size in ``Linear(D, H)``). Nothing is ever evaluated.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, v_args

from symbackprop.errors import ModelError, SymbackpropError, UnknownNameError
from symbackprop.interop.pointing import pointer
from symbackprop.library.records import Registry

T = TypeVar("T")

_GRAMMAR = r"""
start: (call ","?)*
call: NAME ("(" (argument ("," argument)* ","?)? ")")?
argument: NAME "=" value -> named
        | value          -> positional
?value: NUMBER           -> number
      | NAME             -> name
      | TEXT             -> text
      | "(" value ")"
      | "(" ")"          -> tuple
      | "(" value "," (value ("," value)* ","?)? ")" -> tuple

NAME: /[^\W\d]\w*/
NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
TEXT: /"[^"\n]*"|'[^'\n]*'/
%ignore /\s+/
"""

_WORDS = {"True": True, "False": False, "None": None}
# What a reader calls each terminal of the grammar.
_TERMINALS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "TEXT": "quoted text",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "EQUAL": "'='",
    "$END": "the end",
}


@dataclass(frozen=True)
class Argument:
    """One argument as written: ``bias=False``, or ``10`` with an empty name."""

    name: str
    value: Any


@dataclass(frozen=True)
class Call:
    """One name with its arguments, as written.

    Attributes
    ----------
    name
        ``Linear``.
    arguments
        Their values are int, float, bool, None, str, or tuples of these.
    position
        Where the name starts in the text, counted from 0.
    """

    name: str
    arguments: tuple[Argument, ...]
    position: int


@v_args(inline=True)
class _Reader(Transformer[Token, Any]):
    """From the syntax tree to calls and plain values."""

    def start(self, *calls: Call) -> tuple[Call, ...]:
        return calls

    def call(self, name: Token, *arguments: Argument) -> Call:
        return Call(str(name), arguments, name.start_pos or 0)

    def named(self, name: Token, value: Any) -> Argument:
        return Argument(str(name), value)

    def positional(self, value: Any) -> Argument:
        return Argument("", value)

    def number(self, token: Token) -> int | float:
        return int(token) if token.lstrip("+-").isdigit() else float(token)

    def name(self, token: Token) -> Any:
        return _WORDS.get(token, str(token))

    def text(self, token: Token) -> str:
        return str(token[1:-1])

    def tuple(self, *values: Any) -> Any:
        return values


_PARSER = Lark(_GRAMMAR, parser="lalr", transformer=_Reader())


def parse(text: str) -> tuple[Call, ...]:
    """The calls a text consists of, separated by white space or commas.

    Raises
    ------
    ModelError
        Where the text is not of that form, with the place and what was expected.
    """
    try:
        calls: tuple[Call, ...] = _PARSER.parse(text)  # type: ignore[assignment]
    except UnexpectedInput as error:
        raise _unreadable(text, error) from None
    return calls


def read_all(text: str, registry: Registry[type[T]]) -> list[T]:
    """What each call of the text makes, by the registry of that kind.

    Parameters
    ----------
    text
        ``"Linear(10, 20) ReLU Linear(20, 1)"``.
    registry
        Name to class, such as `symbackprop.library.LAYERS`.

    Raises
    ------
    ModelError
        If the text is empty or cannot be read, or arguments do not fit.
    UnknownNameError
        If a name is not in the registry, or an argument not among the parameters.
    """
    calls = parse(text)
    if not calls:
        raise ModelError(
            f"the text names no {registry.kind}",
            where=repr(text),
            remedy=f"write one of: {', '.join(sorted(registry))}",
        )
    return [_make(call, registry, text) for call in calls]


def read_one(text: str, registry: Registry[type[T]]) -> T:
    """What a text of a single call makes: ``"CrossEntropyLoss(label_smoothing=0.1)"``.

    Raises
    ------
    ModelError
        As `read_all`, and if the text holds more than one call.
    """
    more = parse(text)[1:]
    if more:
        raise ModelError(
            f"one {registry.kind} is needed, not {1 + len(more)}",
            where=pointer(text, more[0].position),
            remedy=f"keep one {registry.kind}, with its arguments in parentheses",
        )
    return read_all(text, registry)[0]


# --- making what was named --------------------------------------------------------------


def _make(call: Call, registry: Registry[type[T]], text: str) -> T:
    where = pointer(text, call.position)
    if call.name not in registry:
        raise UnknownNameError(registry.kind, call.name, registry, where=where)
    factory = registry[call.name]
    signature = inspect.signature(factory)
    usage = f"write {call.name}({', '.join(map(_parameter, signature.parameters.values()))})"
    try:
        bound = _bind(call, list(signature.parameters), signature)
        return factory(*bound.args, **bound.kwargs)
    except UnknownNameError as error:
        error.where = error.where or where
        raise
    except SymbackpropError as error:
        # The same error, shown at its place in the text.
        error.where = where
        error.remedy = error.remedy or usage
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ModelError(f"{call.name}: {error}", where=where, remedy=usage) from error


def _bind(call: Call, takes: Sequence[str], signature: inspect.Signature) -> inspect.BoundArguments:
    """The call's arguments by parameter, with everything that does not fit named."""
    positional = [argument.value for argument in call.arguments if not argument.name]
    named: dict[str, Any] = {}
    for argument in call.arguments:
        if not argument.name:
            if named:
                raise ModelError(f"{call.name}: {argument.value!r} follows a named argument")
        elif argument.name not in takes:
            raise UnknownNameError(f"argument of {call.name}", argument.name, takes)
        elif argument.name in named or argument.name in takes[: len(positional)]:
            raise ModelError(f"{call.name}: {argument.name} is given twice")
        else:
            named[argument.name] = argument.value
    if len(positional) > len(takes):
        most = f"{len(takes)} argument{'' if len(takes) == 1 else 's'}" if takes else "no arguments"
        raise ModelError(f"{call.name} takes {most}, but {len(positional)} are given")
    bound = signature.bind_partial(*positional, **named)
    missing = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty and name not in bound.arguments
    ]
    if missing:
        raise ModelError(f"{call.name} needs {' and '.join(missing)}")
    return bound


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return parameter.name
    return f"{parameter.name}={parameter.default!r}"


# --- messages ---------------------------------------------------------------------------


def _unreadable(text: str, error: UnexpectedInput) -> ModelError:
    if isinstance(error, UnexpectedCharacters):
        position, found, expected = error.pos_in_stream or 0, repr(error.char), error.allowed
    else:
        token = error.token  # type: ignore[attr-defined]
        at_end = token.type == "$END"
        position = len(text) if at_end else token.start_pos or 0
        found = "the end" if at_end else repr(str(token))
        expected = error.accepts or error.expected  # type: ignore[attr-defined]
    wanted = " or ".join(sorted(_TERMINALS[name] for name in expected or () if name in _TERMINALS))
    return ModelError(
        f"the text cannot be read: expected {wanted}, found {found}",
        where=pointer(text, position),
        remedy='write names and arguments, as in "Linear(10, 20) ReLU Linear(20, 1)"',
    )
