"""The templates of every error's message, found by reading the sources.

A template is the text of an f-string with ``{}`` for each value that is filled in, and ``{words}``
where what is filled in has words of its own: those are templates too. What a helper function
returns, what callers hand to a parameter, and what a name was bound to are followed; a choice
between a few texts in one place gives a template for each.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from pathlib import Path

FAMILY = "SymbackpropError"
#: The parts of an error, with their places among the arguments of the family's constructor.
PARTS = {"what": 0, "where": None, "remedy": None}
#: What else becomes words: the note of a report's row, and what an error is made of.
SINKS = {
    "Row": [(5, "note")],
    "ValueError": [(0, "")],
    "_RefusedError": [(0, "why"), (1, "remedy")],
}
#: What holds names that a user or a program gives, and no words.
CODE = {"name", "names", "key", "letter", "language", "_FORMS", "_EQUATION"}
#: Attributes and methods that give words, and what they are handed to.
POOLED = {"kind": {"Registry", "Scope", "_claim"}}
# As many texts in one place give a template each; more are words of their own.
_FEW = 3
_VALUE, _WORDS = "{}", "{words}"


@dataclass(frozen=True)
class Scope:
    """Where an expression stands."""

    module: "Module"
    function: ast.FunctionDef | None = None
    outer: "Scope | None" = None


@dataclass(eq=False)
class Module:
    """One source file."""

    tree: ast.Module
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    classes: dict[ast.FunctionDef, str] = field(default_factory=dict)
    calls: dict[str, list[tuple[Scope, ast.Call]]] = field(default_factory=dict)
    nodes: list[tuple[Scope, ast.AST]] = field(default_factory=list)
    constants: dict[str, ast.expr] = field(default_factory=dict)


class Messages:
    """All templates of the sources.

    Attributes
    ----------
    templates
        From each to the places that have it.
    wordless
        What is wrong, where a source says it without words.
    """

    def __init__(self, sources: Iterable[Path]) -> None:
        self.templates: dict[str, list[str]] = {}
        self.wordless: list[str] = []
        self._modules = {path: _module(path) for path in sources}
        self._family = self._find_family()
        self._makers = {f"type[{name}]" for name in self._family}
        self._active: set[tuple[int, str]] = set()
        self._place = ""
        for path, module in self._modules.items():
            for scope, node in module.nodes:
                self._place = f"{path.name}:{getattr(node, 'lineno', 0)}"
                for part, expr in self._said(node, scope):
                    texts = self.texts(expr, scope)
                    self._keep(texts)
                    if part == "what" and not any(has_words(t.replace(_WORDS, "")) for t in texts):
                        self.wordless.append(f"{path.name}: {' '.join(texts)}")

    # --- where messages are made ---

    def _find_family(self) -> set[str]:
        bases = {
            node.name: {ast.unparse(base) for base in node.bases}
            for module in self._modules.values()
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ClassDef)
        }
        family = {FAMILY}
        while more := {n for n, b in bases.items() if b & family} - family:
            family |= more
        return family

    def _said(self, node: ast.AST, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
        """The expressions that become parts of an error here, and which parts."""
        if isinstance(node, ast.Call):
            name = _called(node)
            for number, part in SINKS.get(name, ()):
                yield from ((part, value) for value in _argument(node, number, part))
            # Such as kind(what, where=…), where a parameter says which error it is.
            maker = _parameters(scope.function).get(name, "") in self._makers
            if name in self._family or maker or _is_super(node):
                for part, number in PARTS.items():
                    yield from ((part, value) for value in _argument(node, number, part))
        elif isinstance(node, ast.Assign):
            target = node.targets[0]
            if isinstance(target, ast.Attribute) and not ast.unparse(target).startswith("self."):
                yield from ((part, node.value) for part in PARTS if part == target.attr)

    def _keep(self, texts: Iterable[str], *, nested: bool = False) -> None:
        for text in (re.sub(r"(\{\}){2,}", _VALUE, text) for text in texts):
            within = nested and _WORDS in text.strip() != _WORDS
            if within or has_words(text.replace(_WORDS, "")):
                places = self.templates.setdefault(text, [])
                if self._place not in places:
                    places.append(self._place)

    # --- what an expression says ---

    def texts(self, expr: ast.expr | None, scope: Scope) -> list[str]:
        """What an expression may be, as templates."""
        match expr:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                return _products(self._part(part, scope) for part in parts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                both = [self.texts(left, scope), self.texts(right, scope)]
                return _products(both) if both != [[_VALUE], [_VALUE]] else [_VALUE]
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mult()):
                return ["", text] if text.strip() else [_VALUE]
            case ast.Attribute(attr=name) if name in POOLED:
                return self._pool(name)
            case ast.Attribute(attr="what"):
                return [_WORDS]
            case ast.Attribute(attr="role"):
                return self._roles
            case ast.Name(id=name):
                return self._named(name, scope)
            case ast.Call():
                return self._call(expr, scope)
        choices = _choices(expr)
        return _unique(text for choice in choices for text in self.texts(choice, scope)) or [_VALUE]

    def _part(self, part: ast.expr, scope: Scope) -> list[str]:
        if isinstance(part, ast.Constant):
            return [str(part.value)]
        assert isinstance(part, ast.FormattedValue)
        if part.conversion == ord("r") or part.format_spec is not None:
            return [_VALUE]
        found = self.texts(part.value, scope)
        here = isinstance(part.value, ast.IfExp | ast.BinOp) or (
            isinstance(part.value, ast.Name)
            and part.value.id in _bound(scope.function, scope.module)
        )
        if here and len(found) <= _FEW and any(map(_has_letters, found)):
            return found
        self._keep(found, nested=True)
        return [_WORDS if any(map(has_words, found)) else _VALUE]

    def _named(self, name: str, scope: Scope) -> list[str]:
        if name in CODE:
            return [_VALUE]
        key = (id(scope.function), name)
        if key in self._active:
            return []
        self._active.add(key)
        try:
            if name in _caught(scope.function):
                return [_WORDS]
            bound = _bound(scope.function, scope.module).get(name)
            if bound:
                found: list[str] = []
                for value, added in bound:
                    texts = self.texts(value, scope)
                    found += _products([list(found), texts]) if added else texts
                return _unique(found)
            if name in _parameters(scope.function):
                return self._handed(scope, name)
            if scope.outer is not None and scope.outer.function is not None:
                return self._named(name, scope.outer)
            if name in scope.module.constants:
                found = self.texts(scope.module.constants[name], Scope(scope.module))
                # A constant that is a single word is a name.
                return [_VALUE if text.isidentifier() else text for text in found]
            return [_VALUE]
        finally:
            self._active.discard(key)

    def _call(self, call: ast.Call, scope: Scope) -> list[str]:
        name = _called(call)
        if name in POOLED:
            return self._pool(name)
        if name == "join" and isinstance(call.func, ast.Attribute):
            return self._joined(call, scope)
        if name == "format" and isinstance(call.func, ast.Attribute):
            return self.texts(call.func.value, scope)
        if name in {"sorted", "list", "reversed", "rstrip", "lstrip", "strip"}:
            inner = call.args[0] if call.args else getattr(call.func, "value", None)
            return self.texts(inner, scope)
        module = scope.module
        if name not in module.functions:
            homes = [other for other in self._modules.values() if name in other.functions]
            module = homes[0] if len(homes) == 1 else module
        function = module.functions.get(name)
        if function is None or name in CODE or (id(function), "") in self._active:
            return [_VALUE]
        if ast.unparse(function.returns or ast.Constant("")) not in {"str", "'str'"}:
            return [_VALUE]
        return self._returned(module, function)

    def _returned(self, module: Module, function: ast.FunctionDef) -> list[str]:
        """What a function returns."""
        self._active.add((id(function), ""))
        try:
            return _unique(
                text
                for node in ast.walk(function)
                if isinstance(node, ast.Return)
                for text in self.texts(node.value, Scope(module, function))
            )
        finally:
            self._active.discard((id(function), ""))

    def _joined(self, call: ast.Call, scope: Scope) -> list[str]:
        if isinstance(split := call.args[0], ast.Call) and _called(split) == "split":
            return self.texts(split.func.value, scope)  # type: ignore[attr-defined]
        between = self.texts(call.func.value, scope)  # type: ignore[attr-defined]
        found = self.texts(call.args[0], scope)
        # A single word is a name to choose.
        worded = [text for text in found if has_words(text) and " " in text]
        self._keep(worded)
        hole = _WORDS if worded else _VALUE
        joints = [f"{hole}{sign}{_WORDS}" for sign in between if worded or has_words(sign)]
        for joint in joints:
            self.templates.setdefault(joint, []).append(self._place)
        return [_WORDS if joints else _VALUE]

    # --- what comes from elsewhere ---

    def _handed(self, scope: Scope, name: str) -> list[str]:
        """What callers hand to a parameter, and its default."""
        function = scope.function
        assert function is not None
        kind = _parameters(function)[name]
        if kind.endswith(("Error", "Exception")):
            return [_WORDS]
        if kind in self._texts_of_classes:
            home, method = self._texts_of_classes[kind]
            return self._returned(home, method)
        if "str" not in kind:
            return [_VALUE]
        default = _default(function, name)
        found = [] if default is None else self.texts(default, Scope(scope.module))
        positions = [a.arg for a in function.args.args if a.arg not in {"self", "cls"}]
        number = positions.index(name) if name in positions else None
        called = scope.module.classes.get(function, function.name)
        homes = [scope.module] if called.startswith("_") else self._modules.values()
        for within, call in (pair for home in homes for pair in home.calls.get(called, [])):
            for value in _argument(call, number, name):
                found += self.texts(value, within)
        return _unique(found) or [_VALUE]

    def _pool(self, name: str) -> list[str]:
        """Whatever is handed on under a name."""
        return _unique(
            text
            for module in self._modules.values()
            for called in POOLED[name]
            for within, call in module.calls.get(called, [])
            for value in _argument(call, {"Registry": 0, "_claim": 1}.get(called), name)
            for text in self.texts(value, within)
        ) + [
            node.value.value
            for module in self._modules.values()
            for _, node in module.nodes
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and node.target.id == name
            and isinstance(getattr(node.value, "value", None), str)
        ]

    @cached_property
    def _texts_of_classes(self) -> dict[str, tuple[Module, ast.FunctionDef]]:
        """From a class to how it is written, where it says so itself."""
        return {
            node.name: (module, method)
            for module in self._modules.values()
            for _, node in module.nodes
            if isinstance(node, ast.ClassDef)
            for method in node.body
            if isinstance(method, ast.FunctionDef) and method.name == "__str__"
        }

    @cached_property
    def _roles(self) -> list[str]:
        return [
            statement.value.value
            for module in self._modules.values()
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ClassDef) and node.name == "Role"
            for statement in node.body
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        ]


def has_words(text: str) -> bool:
    """Whether a text has English words; options, classes and signs are none."""
    plain = re.sub(r"\{\}|--[\w-]+|[\w.]*[A-Z_.][\w.]*", " ", text)
    return bool(re.search(r"[a-z]{2,}", plain))


def _has_letters(text: str) -> bool:
    return bool(re.search(r"[A-Za-z]", text))


# --- reading a source ---------------------------------------------------------------------


def _module(path: Path) -> Module:
    tree = ast.parse(path.read_text("utf-8"))
    module = Module(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            module.functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            constructors = (n for n in node.body if getattr(n, "name", "") == "__init__")
            module.classes |= {n: node.name for n in constructors if isinstance(n, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            module.constants[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            module.constants[node.target.id] = node.value
    module.nodes = list(_within(module))
    for scope, node in module.nodes:
        if isinstance(node, ast.Call):
            module.calls.setdefault(_called(node), []).append((scope, node))
    return module


def _within(module: Module) -> Iterator[tuple[Scope, ast.AST]]:
    """Every node, with the function that it stands in."""
    waiting: list[tuple[Scope, ast.AST]] = [(Scope(module), module.tree)]
    while waiting:
        scope, node = waiting.pop()
        yield scope, node
        inner = Scope(module, node, scope) if isinstance(node, ast.FunctionDef) else scope
        waiting.extend((inner, child) for child in ast.iter_child_nodes(node))


def _choices(expr: ast.expr | None) -> list[ast.expr]:
    """The expressions of which an expression is one, or holds some."""
    match expr:
        case ast.IfExp(body=first, orelse=second):
            return [first, second]
        case ast.BoolOp(values=values) | ast.Dict(values=values):
            return values
        case ast.List(elts=values) | ast.Tuple(elts=values) | ast.Set(elts=values):
            return values
        case ast.GeneratorExp(elt=item) | ast.ListComp(elt=item) | ast.SetComp(elt=item):
            return [item]
        case ast.Subscript(value=ast.Name() as table):
            return [table]
    return []


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _is_super(call: ast.Call) -> bool:
    named = {keyword.arg for keyword in call.keywords}
    return ast.unparse(call.func) == "super().__init__" and "where" in named


def _argument(call: ast.Call, number: int | None, name: str) -> Iterator[ast.expr]:
    if number is not None and number < len(call.args):
        yield call.args[number]
    yield from (keyword.value for keyword in call.keywords if keyword.arg == name)


@cache
def _parameters(function: ast.FunctionDef | None) -> dict[str, str]:
    """From each parameter to its annotation."""
    if function is None:
        return {}
    return {
        a.arg: ast.unparse(a.annotation) if a.annotation else ""
        for a in [*function.args.args, *function.args.kwonlyargs]
    }


def _default(function: ast.FunctionDef, name: str) -> ast.expr | None:
    plain, defaults = function.args.args, function.args.defaults
    pairs = [
        *zip(plain[len(plain) - len(defaults) :], defaults, strict=True),
        *zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True),
    ]
    return {argument.arg: default for argument, default in pairs}.get(name)


@cache
def _caught(function: ast.FunctionDef | None) -> set[str]:
    """The errors that a function catches: what Python or the system says of them are words."""
    nodes = ast.walk(function) if function is not None else ()
    return {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}


@cache
def _bound(
    function: ast.FunctionDef | None, module: Module
) -> dict[str, list[tuple[ast.expr, bool]]]:
    """By name, what a function binds to it, and whether that is added to what it was."""
    found: dict[str, list[tuple[ast.expr, bool]]] = {}
    for node in ast.walk(function) if function is not None else ():
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AugAssign | ast.NamedExpr | ast.AnnAssign) and node.value:
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.For):
            over = module.constants.get(getattr(node.iter, "id", ""), node.iter)
            pairs = [(node.target, item) for item in getattr(over, "elts", ())]
        elif isinstance(node, ast.Call) and _called(node) in {"append", "extend"}:
            assert isinstance(node.func, ast.Attribute)
            pairs = [(node.func.value, node.args[0])]
        for target, value in pairs:
            targets, values = [target], [value]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                targets, values = target.elts, value.elts
            for each, bound in zip(targets, values, strict=True):
                if isinstance(each, ast.Name):
                    found.setdefault(each.id, []).append((bound, isinstance(node, ast.AugAssign)))
    return found


def _products(parts: Iterable[list[str]]) -> list[str]:
    return _unique("".join(choice) for choice in product(*parts))


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
