"""What the documents say is what the code does."""

from __future__ import annotations

import doctest
import importlib.util
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    """docs/build_document.py, loaded from where it stands."""
    spec = importlib.util.spec_from_file_location(
        "build_document", ROOT / "docs" / "build_document.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tutorial_page_is_current(builder: ModuleType, request: pytest.FixtureRequest) -> None:
    text = builder.whole()
    if request.config.getoption("--update"):
        builder.PAGE.write_text(text, encoding="utf-8")
    assert builder.PAGE.read_text("utf-8") == text, "run python docs/build_document.py"


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


def test_the_examples_in_the_readme_run() -> None:
    failures, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert tried > 5
    assert failures == 0


@pytest.mark.parametrize(
    "name", ["symbackprop", "symbackprop.derivation", "symbackprop.library.sequential"]
)
def test_the_examples_in_docstrings_run(name: str) -> None:
    failures, tried = doctest.testmod(import_module(name))
    assert tried
    assert failures == 0


def test_the_architecture_page_names_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {path.name for path in (ROOT / "symbackprop").iterdir() if path.is_dir()}
    for room in rooms - {"__pycache__"}:
        assert f"`{room}/`" in text
