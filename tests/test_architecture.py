"""The house keeps its plan: rooms import only from rooms above, nothing heavy loads early."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: From the top of the house down; a room imports from itself and from those before it.
ROOMS = (
    "errors",
    "language",
    "library",
    "calculus",
    "typeset",
    "compile",
    "verify",
    "train",
    "interop",
    "explanation",
    "derivation",
    "__init__",
)
#: What may be imported inside a function, because not every use needs it.
LAZY = {"torch", "numba", "sklearn"}
SOURCES = sorted((ROOT / "symbackprop").rglob("*.py"))
COMMANDS = sorted((ROOT / "cli").rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "symbackprop").with_suffix("").parts
    return parts[0]


def imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""


def type_checking_only(tree: ast.Module) -> set[ast.AST]:
    guarded: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            guarded.update(child for body in node.body for child in ast.walk(body))
    return guarded


def test_every_room_is_on_the_plan() -> None:
    assert {room_of(path) for path in SOURCES} == set(ROOMS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_only_from_rooms_above(path: Path) -> None:
    allowed = ROOMS[: ROOMS.index(room_of(path)) + 1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        for name in imported(node):
            if name.split(".")[0] == "symbackprop":
                room = [*name.split("."), "__init__"][1]
                assert room in allowed, f"{path.name}:{node.lineno} imports {name}"  # type: ignore[attr-defined]
            assert name.split(".")[0] != "symbp", f"{path} imports the command line"


@pytest.mark.parametrize("path", SOURCES + COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_stand_at_the_top_but_for_heavy_frameworks(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    guarded = type_checking_only(tree)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                names = {name.split(".")[0] for name in imported(node)}
                assert names <= LAZY, f"{path.name}:{function.lineno} imports {names} inside"
    for node in tree.body:
        if node not in guarded:
            names = {name.split(".")[0] for name in imported(node)}
            assert not names & LAZY, f"{path.name} imports {names & LAZY} when it is loaded"


@pytest.mark.parametrize("path", SOURCES + COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_is_evaluated(path: Path) -> None:
    """SymPy's string parsers and Python's eval never see text; exec runs generated source only."""
    source = path.read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            assert name not in {"eval", "parse_expr", "literal_eval"}
            if name == "exec":
                assert path.parent.name == "compile"
            if name == "sympify":
                assert any(
                    keyword.arg == "strict" and getattr(keyword.value, "value", False)
                    for keyword in node.keywords
                ), f"{path.name}:{node.lineno}: sympify without strict=True would parse text"


def test_importing_the_package_loads_no_framework() -> None:
    code = (
        "import sys, symbackprop\n"
        "print(sorted({'torch', 'numba', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_public_names_are_loaded_when_they_are_used() -> None:
    """The same names as before a use, and only the rooms they need."""
    code = (
        "import sys, symbackprop as sb\n"
        "assert not {'sympy', 'numpy'} & set(sys.modules)\n"
        "assert all(getattr(sb, name) is not None for name in dir(sb))\n"
        "assert {'derive', 'Linear', 'System', 'Report'} <= set(dir(sb))\n"
        "assert sb.errors.EquationError\n"
        "try:\n    sb.Convolution\n"
        "except AttributeError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "module 'symbackprop' has no attribute 'Convolution'"
