"""Golden files: texts a test compares with, rewritten by ``pytest --update``."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Several workers share few cores; OpenMP threads that spin for each other bring them to a halt.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with ``tests/golden/NAME``, or write it there under --update."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
        assert path.is_file(), f"no golden file {name}: run pytest --update and read it"
        assert text + "\n" == path.read_text(encoding="utf-8")

    return check
