"""TeX in tests: a document is set by TeX, or the test is skipped, but never in CI."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tools import needed

#: By how much a page may be too wide before a reader sees it, in points.
SLACK = 5.0


def set_by_tex(source: str, folder: Path, program: str = "pdflatex") -> str:
    """TeX's log of a document; fails at the first error, with its line."""
    (folder / "page.tex").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [
            needed(program),
            *("-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"),
        ],
        cwd=folder,
        # Lines of the log are not broken; a font that would have to be made is an error.
        env={**os.environ, "max_print_line": "1000", "MKTEXPK": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    log = (folder / "page.log").read_text("utf-8", errors="replace")
    assert not done.returncode, "\n".join(re.findall(r"^!.*(?:\n.*){0,8}", log, re.MULTILINE)[:1])
    assert "Missing character" not in log
    return log


def has_tex_file(name: str) -> bool:
    """Whether a TeX program would find a package."""
    found = subprocess.run([needed("kpsewhich"), name], capture_output=True, check=False)
    return not found.returncode


def article(body: str, packages: str = "amsmath,amssymb") -> str:
    """A document to set a few formulas in."""
    return (
        f"\\documentclass{{article}}\n\\usepackage{{{packages}}}\n\\allowdisplaybreaks\n"
        f"\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )


def overfull(log: str) -> list[str]:
    """What leaves the page, with the lines of the document."""
    found = re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)(.*)", log)
    return [f"{points}pt{place}" for points, place in found if float(points) > SLACK]
