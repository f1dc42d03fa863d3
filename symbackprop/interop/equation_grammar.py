"""The grammar of equation files, and what is said of a text that does not follow it.

>>> (statement,) = parse("z[n,k] = sum[i](x[n,i]*W[k,i]) + b[k]")
>>> statement.equation.left.name
'z'

A statement ends where its line ends. It goes on over lines inside brackets, after
an operator or a comma, and where the next line begins with an operator or `with`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, v_args
from lark.lark import PostLex

from symbackprop.errors import EquationError, SymbackpropError, UnknownNameError
from symbackprop.interop.equation_names import REDUCTIONS
from symbackprop.interop.equation_syntax import (
    Assignment,
    Call,
    Claim,
    Declaration,
    Definition,
    Domain,
    Element,
    Item,
    Letter,
    Node,
    Number,
    Objective,
    Operation,
    Reduction,
    Setting,
    Where,
)
from symbackprop.interop.pointing import pointer

_GRAMMAR = r"""
start: (line (_NEWLINE line)*)?

?line: INDEX letter ("," letter)*                   -> indices
     | (INPUT | TARGET | PARAMETER) declared ("," declared)* -> declarations
     | (CONSTANT | HYPERPARAMETER) setting ("," setting)* -> settings
     | assignment ("with" assignment ("," assignment)*)? -> definition
     | FACT sum "=" sum                             -> claim
     | MINIMIZE NAME                                -> objective

letter: NAME (":" sum)?
declared: element (":" domain)?
domain: NAME ("<" sum)?
setting: NAME ("=" sum)?
assignment: element "=" sum

?sum: product ((PLUS | MINUS) product)*            -> chain
?product: signed ((STAR | SLASH | FLOOR) signed)*  -> chain
?signed: MINUS signed                              -> prefix
       | PLUS signed                               -> unchanged
       | power
?power: atom (POWER signed)?                       -> chain
?atom: NUMBER                                      -> number
     | element
     | element "(" sum ")"                         -> reduction
     | NAME "(" (sum ("," sum)*)? ")"              -> call
     | WHERE "(" any "," sum "," sum ")"           -> where
     | "(" sum ")"

element: NAME ("[" item ("," item)* "]")?
item: sum (":" sum)?

?any: all (OR all)*                                -> chain
?all: decided (AND decided)*                       -> chain
?decided: NOT decided                              -> prefix
        | sum ((COMPARISON | EQUAL | LESS) sum)+   -> comparison
        | "(" any ")"

INDEX: "index"
INPUT: "input"
TARGET: "target"
PARAMETER: "parameter"
CONSTANT: "constant"
HYPERPARAMETER: "hyperparameter"
FACT: "fact"
MINIMIZE: "minimize"
WHERE: "where"
AND: "and"
OR: "or"
NOT: "not"
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
FLOOR: "//"
POWER: "^" | "**"
LESS: "<"
EQUAL: "="
COMPARISON: "<=" | ">=" | ">" | "==" | "!="
NAME: /[^\W\d⁰¹²³⁴-⁹](?:[^\W⁰¹²³⁴-⁹]|[\u0300-\u036f])*['′]*/
NUMBER: /(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/
_NEWLINE: /\n/
%ignore /[^\S\n]+/
%ignore /#[^\n]*/
"""

#: The words that begin a statement.
STATEMENTS = (
    "index",
    "input",
    "target",
    "parameter",
    "hyperparameter",
    "constant",
    "fact",
    "minimize",
)
_WORDS = (*STATEMENTS, "with", "where", "and", "or", "not")

# Lines go on after these, and where the next line begins with these.
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "FLOOR", "POWER"}
_RELATIONS = {"COMPARISON", "LESS"}
_OPEN, _CLOSE = {"LPAR": "(", "LSQB": "["}, {"RPAR", "RSQB"}
_UNFINISHED = {*_OPERATORS, *_RELATIONS, *_OPEN, "COMMA", "COLON", "EQUAL", "WITH"}
_CONTINUED = {*_OPERATORS, "WITH"}
_DEEPEST = 100


def parse(text: str, source: str = "") -> tuple[Node, ...]:
    r"""The statements of a text.

    Parameters
    ----------
    text
        Lines end with ``\n``.
    source
        Where it comes from, for messages.

    Raises
    ------
    EquationError
        Where the text does not follow the grammar, with the place and what was expected.
    UnknownNameError
        If a line begins with a word that begins no statement.
    """
    try:
        statements: tuple[Node, ...] = _parser().parse(text)  # type: ignore[assignment]
    except UnexpectedInput as error:
        raise _unreadable(text, source, error) from None
    except _TooDeepError as error:
        raise EquationError(
            f"more than {_DEEPEST} brackets are open at once",
            where=pointer(text, error.position, source),
            remedy="define parts of it in equations of their own",
        ) from None
    return statements


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Reader(), postlex=_Lines())


class _TooDeepError(Exception):
    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class _Lines(PostLex):
    """Keeps the line ends that end statements."""

    always_accept = ("_NEWLINE",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The tokens, with one line end between two statements and no others."""
        depth, last, held = 0, "", None
        for token in stream:
            if token.type == "_NEWLINE":
                if last and last not in _UNFINISHED and not depth:
                    held = held or token
                continue
            if held is not None and token.type not in _CONTINUED:
                yield held
            held = None
            depth += (token.type in _OPEN) - (token.type in _CLOSE and depth > 0)
            if depth > _DEEPEST:
                raise _TooDeepError(_place(token))
            last = token.type
            yield token


def _place(token: Token) -> int:
    return token.start_pos or 0


def _name(token: Token) -> str:
    """A name in the one spelling of those that look alike."""
    return unicodedata.normalize("NFC", token).replace("′", "'")


@v_args(inline=True)
class _Reader(Transformer[Token, Any]):
    """From the parser's reductions to nodes; it is called while the parser goes along."""

    def start(self, *lines: Any) -> tuple[Node, ...]:
        return tuple(node for line in lines for node in line)

    # --- statements ---

    def indices(self, _: Token, *letters: Letter) -> tuple[Node, ...]:
        return letters

    def letter(self, name: Token, size: Node | None = None) -> Letter:
        return Letter(_place(name), _name(name), size)

    def declarations(self, role: Token, *declared: Any) -> tuple[Node, ...]:
        return tuple(
            Declaration(element.start, str(role), element, domain) for element, domain in declared
        )

    def declared(self, element: Element, domain: Domain | None = None) -> Any:
        return element, domain

    def domain(self, name: Token, below: Node | None = None) -> Domain:
        return Domain(_place(name), _name(name), below)

    def settings(self, kind: Token, *settings: Any) -> tuple[Node, ...]:
        return tuple(Setting(_place(name), str(kind), _name(name), v) for name, v in settings)

    def setting(self, name: Token, value: Node | None = None) -> Any:
        return name, value

    def assignment(self, left: Element, right: Node) -> Assignment:
        return Assignment(left.start, left, right)

    def definition(self, equation: Assignment, *bases: Assignment) -> tuple[Node, ...]:
        return (Definition(equation.start, equation, bases),)

    def claim(self, word: Token, left: Node, right: Node) -> tuple[Node, ...]:
        return (Claim(_place(word), left, right),)

    def objective(self, _: Token, name: Token) -> tuple[Node, ...]:
        return (Objective(_place(name), _name(name)),)

    # --- expressions ---

    def number(self, token: Token) -> Node:
        return Number(_place(token), str(token))

    def element(self, name: Token, *items: Item) -> Element:
        return Element(_place(name), _name(name), items)

    def item(self, expression: Node, size: Node | None = None) -> Item:
        return Item(expression.start, expression, size)

    def reduction(self, head: Element, body: Node) -> Node:
        return Reduction(head.start, head.name, head.items, body)

    def call(self, name: Token, *arguments: Node) -> Node:
        return Call(_place(name), _name(name), arguments)

    def where(self, word: Token, condition: Node, holds: Node, otherwise: Node) -> Node:
        return Where(_place(word), condition, holds, otherwise)

    def prefix(self, operator: Token, operand: Node) -> Node:
        return Operation(_place(operator), (str(operator),), (operand,))

    def unchanged(self, _: Token, operand: Node) -> Node:
        return operand

    def chain(self, first: Node, *rest: Any) -> Node:
        if not rest:
            return first
        return Operation(first.start, tuple(map(str, rest[::2])), (first, *rest[1::2]))

    comparison = chain


# --- messages ---------------------------------------------------------------------------

# What a reader calls each terminal of the grammar, apart from those named together.
_TERMINALS = {
    "NAME": "a name",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "COMMA": "','",
    "COLON": "':'",
    "EQUAL": "'='",
    "LESS": "'<'",
    "_NEWLINE": "the end of the line",
    "$END": "the end of the line",
}
# Terminals that a reader thinks of together: if the first are expected, all are named so.
_TOGETHER = (
    ({"INDEX", "MINIMIZE"}, "a statement", {"NAME", "_NEWLINE", "$END"}),
    ({"NUMBER"}, "an expression", {"NAME", "LPAR", "WHERE", "PLUS", "MINUS", "NOT"}),
    ({"PLUS", "STAR"}, "an operator", {"LSQB", "LPAR"}),
    (_RELATIONS, "a comparison such as '<='", {"EQUAL"}),
    ({"AND", "OR"}, "'and' or 'or'", set[str]()),
)
# How each statement is written.
_FORMS = {
    "index": "index n:N, i:10",
    "input": "input x[n,i], token[n] : integer < V",
    "target": "target y[n,k]",
    "parameter": "parameter W[k,i], b[k]",
    "hyperparameter": "hyperparameter lambda = 0.1",
    "constant": "constant eps = 1e-5",
    "fact": "fact sum[k](y[n,k]) = 1",
    "minimize": "minimize L",
}
_EQUATION = "z[n,k] = sum[i](x[n,i]*W[k,i]) + b[k]"
_LONGEST = 20
# A sum whose body is not in parentheses.
_BARE = re.compile(rf"\b(?:{'|'.join(REDUCTIONS)})\[[^][\n]*\]\s*$")


def _unreadable(text: str, source: str, error: UnexpectedInput) -> SymbackpropError:
    if isinstance(error, UnexpectedCharacters):
        position = error.pos_in_stream or 0
        return EquationError(
            f"the character {error.char!r} means nothing here",
            where=pointer(text, position, source),
            remedy="write names with letters, digits and _, and operators + - * / // ^",
        )
    token: Token = error.token  # type: ignore[attr-defined]
    at_end = token.type == "$END"
    position = (token.end_pos or len(text)) if at_end else _place(token)
    where = pointer(text, position, source)
    line = text[text.rfind("\n", 0, position) + 1 : position].split()
    word = line[0] if len(line) == 1 and line[0].isidentifier() else ""
    if token.type == "NAME" and word and word not in STATEMENTS:
        start = text.rfind(word, 0, position)
        return UnknownNameError("statement", word, STATEMENTS, where=pointer(text, start, source))
    bare = _BARE.search(text[:position])
    if bare and token.type in {"NAME", "NUMBER", "WHERE"}:
        what, remedy = "'('", f"write {bare[0].rstrip()}(…), with all that belongs to it inside"
    else:
        what = _wanted(error.accepts or error.expected)  # type: ignore[attr-defined]
        form = _FORMS.get((line or [""])[0], _EQUATION)
        remedy = _unclosed(text, position) or f"write {form}"
    found = {"$END": "the end", "_NEWLINE": "the end of the line"}.get(token.type)
    found = found or repr(str(token) if len(token) <= _LONGEST else f"{token[:_LONGEST]}…")
    if str(token) in _WORDS and "name" in what:
        found += ", which is a word of the language"
    return EquationError(f"expected {what}, found {found}", where=where, remedy=remedy)


def _wanted(expected: Iterable[str]) -> str:
    """What was expected, in a reader's words."""
    left, words = set(expected), list[str]()
    for sign, word, together in _TOGETHER:
        if sign <= left:
            words.append(word)
            left -= sign | together
    words.extend(sorted({_TERMINALS[name] for name in left if name in _TERMINALS}))
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _unclosed(text: str, position: int) -> str:
    """What to do about a bracket of an earlier line that is still open, if there is one."""
    before = re.sub(r"#[^\n]*", lambda comment: " " * len(comment[0]), text[:position])
    stack: list[int] = []
    for place, char in enumerate(before):
        if char in "([":
            stack.append(place)
        elif char in ")]" and stack:
            stack.pop()
    if not stack or "\n" not in before[stack[-1] :].strip(" "):
        return ""
    line = before.count("\n", 0, stack[-1]) + 1
    column = stack[-1] - before.rfind("\n", 0, stack[-1])
    return f"close the {before[stack[-1]]!r} of line {line}, column {column}"
