"""What the documents say is what the code does."""

from __future__ import annotations

import doctest
import importlib.util
import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import symbackprop as sb
from symbackprop.interop.equation_grammar import STATEMENTS
from symbackprop.interop.equation_names import FUNCTIONS, NUMBERS, REDUCTIONS
from symbp import train
from symbp.main import Commands, cli

ROOT = Path(__file__).resolve().parents[1]


def loaded(name: str) -> ModuleType:
    """A module of docs/, loaded from where it stands."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    return loaded("build_document")


def test_the_tutorial_page_is_current(builder: ModuleType, request: pytest.FixtureRequest) -> None:
    text = builder.whole()
    if request.config.getoption("--update"):
        builder.PAGE.write_text(text, encoding="utf-8")
    assert builder.PAGE.read_text("utf-8") == text, "run python docs/build_document.py"


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss")
def test_the_page_of_layers_is_current(request: pytest.FixtureRequest) -> None:
    text = loaded("build_layers").whole()
    page = ROOT / "docs" / "layers.md"
    if request.config.getoption("--update"):
        page.write_text(text, encoding="utf-8")
    assert page.read_text("utf-8") == text, "run python docs/build_layers.py"


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_the_tutorial_program_has_the_same_loss_in_every_epoch(
    builder: ModuleType, backend: str
) -> None:
    here, there = builder.losses_here(backend), builder.losses_in_pytorch()
    assert len(here) == len(there) == 100
    assert here[-1] < 0.5 * here[0]
    for ours, theirs in zip(here, there, strict=True):
        assert abs(ours - theirs) <= 1e-10 * abs(theirs)


def test_cross_entropy_of_the_tutorial_is_nll_with_a_sum(builder: ModuleType) -> None:
    """ACCEPTANCE N: the tutorial's CE equals nll_loss(log ŷ, reduction="sum")."""
    p = np.array([0.2, 0.5, 0.3])
    one_hot = np.array([0.0, 1.0, 0.0])
    function = import_module("symbackprop").derive(builder.cross_entropy()).compile("numpy")
    loss, gradients = function({"y": one_hot, "yhat": p})
    log_p = torch.tensor(np.log(p)[None, :])
    expected = torch.nn.functional.nll_loss(log_p, torch.tensor([1]), reduction="sum")
    assert abs(loss - expected.item()) < 1e-15
    assert np.allclose(gradients["yhat"], [0, -2, 0], rtol=1e-15)
    softmax_again = torch.nn.CrossEntropyLoss()(torch.tensor(p[None, :]), torch.tensor([1]))
    assert abs(softmax_again.item() - loss) > 0.1


#: By the file's name, how its commands are run.
READMES = {"README.md": (), "README.zh.md": ("--lang", "zh")}

each_readme = pytest.mark.parametrize("name", READMES)


@each_readme
def test_the_examples_in_the_readme_run(name: str) -> None:
    failures, tried = doctest.testfile(str(ROOT / name), module_relative=False, encoding="utf-8")
    assert tried > 5
    assert failures == 0


def _blocks(name: str, language: str) -> list[str]:
    readme = (ROOT / name).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)


@each_readme
def test_the_derivations_in_the_readme_are_what_is_printed(name: str) -> None:
    (shown, _), (formulas,) = _blocks(name, "text"), _blocks(name, "math")
    printed = CliRunner().invoke(cli, ["derive", *READMES[name]]).stdout
    assert shown in printed
    (command,) = re.findall(r"^\(`symbp (.*)`\):$", (ROOT / name).read_text("utf-8"), re.M)
    page = CliRunner().invoke(cli, shlex.split(command)).stdout.splitlines()
    rows = [row.removesuffix(" \\\\") for row in formulas.splitlines()]
    assert set(rows) <= {row.removesuffix(" \\\\") for row in page}
    assert len(rows) == 4


def test_both_readmes_show_the_same_commands_and_examples() -> None:
    english, chinese = READMES
    for language in ("python", "math"):
        assert _blocks(english, language) == _blocks(chinese, language)
    assert _blocks(english, "console")[1] == _blocks(chinese, "console")[1]


def test_the_commands_in_the_readme_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some of them write a file, and some read what is shown
    (tmp_path / "softmax.eqs").write_text(_blocks("README.md", "text")[1], "utf-8")
    lines = [line[2:] for block in _blocks("README.md", "console") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for program, name, *arguments in commands:
        if program == "make":
            assert re.search(rf"^{name}:", makefile, re.M)
        elif name == "train":  # it takes long, and other tests train
            train.command.make_context(name, arguments)
        else:
            assert CliRunner().invoke(cli, [name, *arguments]).exit_code == 0
    assert {name for _, name, *_ in commands} >= {"demo", "test", *Commands.names} - {"completion"}


def test_the_page_of_equation_files_is_complete_and_its_example_is_a_system() -> None:
    page = (ROOT / "docs" / "equations.md").read_text("utf-8")
    (example,) = re.findall(r"^```text\n(.*?)^```$", page, re.M | re.S)
    system = sb.parse_system(example, "equations.md")
    assert sb.derive(system).verify(sizes={"N": 2, "T": 3, "D": 2}).ok
    words = set(re.findall(r"\w+", page))
    assert words >= {*STATEMENTS, *FUNCTIONS, *REDUCTIONS, *NUMBERS, "delta", "where", "with"}


def test_the_page_of_numbers_shows_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "numbers.md"
    text = page.read_text("utf-8")
    (numbers,) = re.findall(r"^```json\n(.*?)^```$", text, re.M | re.S)
    (tmp_path / "numbers.json").write_text(numbers, "utf-8")
    monkeypatch.chdir(tmp_path)
    (commands,) = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    printed = [CliRunner().invoke(cli, shlex.split(c)[2:]).stdout for c in commands.splitlines()]
    assert all(printed)
    (example,) = re.findall(r"`(z1\[0,0\] = .*?)`", " ".join(text.split()))
    assert f"    {example}\n" in printed[-1]
    failures, tried = doctest.testfile(str(page), module_relative=False)
    assert tried == 6
    assert failures == 0


def _modules_with_examples() -> list[str]:
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "symbackprop").rglob("*.py"))
        if ">>> " in path.read_text("utf-8")
    ]


@pytest.mark.parametrize("name", _modules_with_examples())
def test_the_examples_in_docstrings_run(name: str) -> None:
    failures, tried = doctest.testmod(import_module(name))
    assert tried
    assert failures == 0


def test_the_architecture_page_names_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {path.name for path in (ROOT / "symbackprop").iterdir() if path.is_dir()}
    for room in rooms - {"__pycache__"}:
        assert f"`{room}/`" in text


def test_the_architecture_page_gives_a_reason_for_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    table, _, rest = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("Development")
    table = table.rpartition("## Dependencies")[2]
    reasons = {name for row in re.findall(r"^\| (.*?) \|", table, re.M) for name in row.split(", ")}
    needed = {re.split(r"[<>=]", requirement)[0] for requirement in project["dependencies"]}
    assert reasons - {"package"} == needed
    for requirement in project["optional-dependencies"]["dev"]:
        assert re.split(r"[<>=]", requirement)[0] in rest.partition("##")[0].lower()
