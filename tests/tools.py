"""Programs that tests run beside Python; `.ci/packages.txt` names the Debian packages."""

from __future__ import annotations

import os
import shutil

import pytest


def needed(program: str) -> str:
    """Where a program is. Without it a test is skipped and says so; in CI it fails."""
    found = shutil.which(program)
    if found is None:
        message = f"{program} is not installed; .ci/packages.txt names the packages"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
