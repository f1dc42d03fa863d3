"""What a user installs: the wheel's contents, and pins that cover every dependency."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import symbackprop

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = {"symbackprop": ROOT / "symbackprop", "symbp": ROOT / "cli" / "symbp"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy, so that nothing an earlier build left gets in."""
    copy = tmp_path_factory.mktemp("source")
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", ".venv", ".git", "build")
    shutil.copytree(ROOT, copy, dirs_exist_ok=True, ignore=unwanted)
    command = "wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir dist ."
    subprocess.run(
        [sys.executable, "-m", "pip", *command.split()], cwd=copy, check=True, capture_output=True
    )
    (built,) = copy.joinpath("dist").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_both_packages_and_nothing_else(wheel):
    described = f"symbackprop-{symbackprop.__version__}.dist-info"
    assert {name.split("/")[0] for name in wheel} == {*PACKAGES, described}
    expected = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in [
            *folder.rglob("*.py"),
            folder / "py.typed",
            *folder.glob("typeset/pages/**/*"),
            *folder.glob("interop/data/*"),
        ]
        if path.is_file()
    }
    assert "symbackprop/typeset/pages/fonts/OFL.txt" in expected
    assert {name for name in wheel if not name.startswith(described)} == expected
    assert wheel[f"{described}/licenses/LICENSE"].startswith(b"MIT License")
    assert b"symbp = symbp.main:main" in wheel[f"{described}/entry_points.txt"]


def names(requirements):
    return {re.match(r"[\w-]+", line)[0].lower() for line in requirements}


def test_every_dependency_is_pinned_and_its_range_stays_wide():
    pins = [
        line
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[\w-]+==[\d.]+(\.post\d+)?", pin) for pin in pins)
    assert "torch==2.13.0" in pins
    runtime = PROJECT["project"]["dependencies"]
    asked = runtime + PROJECT["project"]["optional-dependencies"]["dev"]
    assert names(asked) <= names(pins)
    assert all(">=" in requirement for requirement in asked)


def test_no_registry_is_named():
    for name in ("Makefile", "constraints.txt", "pyproject.toml", ".ci/run"):
        text = (ROOT / name).read_text("utf-8")
        assert not re.search(r"https?://|index-url|find-links", text), name


def make(goal, *definitions):
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", goal, *definitions],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MAKEFLAGS": ""},
    )
    return done.stdout


def test_ci_runs_make_test_and_make_test_runs_everything():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").splitlines()[-1] == "exec make test"
    commands = make("test")
    for tool in ("ruff check", "ruff format --check", "mypy --strict symbackprop", "pytest"):
        assert tool in commands
    assert "--constraint constraints.txt" in commands


def test_the_demo_derives_and_trains():
    commands = make("demo")
    assert commands.index("symbp derive") < commands.index("symbp train")
