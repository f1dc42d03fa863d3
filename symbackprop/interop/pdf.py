"""PDF from a LaTeX document, by whichever TeX program is installed.

The document is compiled in a folder of its own that is deleted afterwards, with the
shell closed to it (``-no-shell-escape``), and under a time limit.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from unicodedata import normalize

from symbackprop.errors import OptionError, PaperError

#: How long one run of a program may take, in seconds. Tectonic's first run downloads.
TIME_LIMIT = 300
# Longer tables than two runs can align do not occur.
_MOST_RUNS = 4

_NAME = "derivation"
_QUIET = ("-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape")
_INSTALL = (
    "install one: on Debian and Ubuntu `apt install texlive-latex-base`, for Chinese "
    "`apt install texlive-xetex texlive-lang-chinese`; elsewhere TeX Live, MiKTeX or Tectonic; "
    "or write LaTeX, which needs none of them: --format tex"
)
_COMPILE_IT_YOURSELF = "write LaTeX instead, --format tex, and compile it to see what is wrong"
# So that a message is not broken in the middle of a word.
_WHOLE_LINES = {"max_print_line": "1000", "error_line": "254", "half_error_line": "238"}


@dataclass(frozen=True)
class _Program:
    """A program that makes PDF.

    `unicode` tells whether it can set letters of any script, `rerun` whether it must be run
    again until nothing moves; `arguments` are made for a document that needs such letters,
    or not.
    """

    name: str
    unicode: bool
    arguments: Callable[[bool], tuple[str, ...]]
    rerun: bool = False

    def found(self, unicode: bool) -> str | None:
        """Where it is, if it is installed and can set such a document."""
        if unicode and not self.unicode:
            return None
        if self.name == "latexmk" and which("xelatex" if unicode else "pdflatex") is None:
            return None
        return which(self.name)


def _latexmk(unicode: bool) -> tuple[str, ...]:
    # -norc: somebody's own settings may run anything.
    return ("-norc", "-xelatex" if unicode else "-pdf", *map(_passed_on, _QUIET))


def _passed_on(option: str) -> str:
    return f"-latexoption={option}"


#: In the order in which they are looked for.
PROGRAMS = (
    _Program("tectonic", True, lambda _: ("--untrusted", "--keep-logs")),
    _Program("latexmk", True, _latexmk),
    _Program("pdflatex", False, lambda _: _QUIET, rerun=True),
    _Program("xelatex", True, lambda _: _QUIET, rerun=True),
)


def pdf(source: str) -> bytes:
    """A LaTeX document as PDF.

    Parameters
    ----------
    source
        The whole document. One with letters that pdfTeX has no fonts for, such as
        Chinese ones, is set by a program that runs XeTeX.

    Raises
    ------
    OptionError
        If no program that can set the document is installed.
    PaperError
        If TeX stops at an error, or does not end; with the first error it reports.
    """
    unicode = needs_unicode(source)
    for program in PROGRAMS:
        place = program.found(unicode)
        if place is not None:
            with tempfile.TemporaryDirectory(prefix="symbackprop-") as folder:
                return _made(program, place, source, Path(folder))
    able = [program.name for program in PROGRAMS if program.unicode or not unicode]
    letters = " that can set Chinese" if unicode else ""
    raise OptionError(
        f"no TeX program{letters} is installed: looked for {', '.join(able)}",
        remedy=_INSTALL,
    )


def needs_unicode(source: str) -> bool:
    """Whether a document has letters that pdfTeX's first fonts lack: more than é and ß."""
    return any(not char.isascii() and not _is_accented(char) for char in source)


def _is_accented(char: str) -> bool:
    """Whether TeX builds a letter from one of ASCII and an accent, or has it, as ß."""
    return char < "\u0100" and (normalize("NFD", char)[0].isascii() or char in "ßÆæØø")


def _made(program: _Program, place: str, source: str, folder: Path) -> bytes:
    """Run a program until nothing moves, in a folder of its own."""
    (folder / f"{_NAME}.tex").write_text(source, encoding="utf-8")
    command = [place, *program.arguments(needs_unicode(source)), f"{_NAME}.tex"]
    for _ in range(_MOST_RUNS if program.rerun else 1):
        log = _run(program.name, command, folder)
        if not re.search(r"Rerun to|have changed", log):
            break
    lost = re.search(r"Missing character: There is no (\S+)", log)
    if lost:
        raise PaperError(
            f"the fonts have no {lost[1]}, so the page would lack it",
            remedy="show the tensor it belongs to by another symbol, as in --name W=W",
        )
    return (folder / f"{_NAME}.pdf").read_bytes()


def _run(name: str, command: list[str], folder: Path) -> str:
    """One run of a program; what it logs.

    Raises
    ------
    PaperError
        If it fails, or does not end in time.
    """
    try:
        done = subprocess.run(  # noqa: S603 (a program of a fixed name, with fixed arguments)
            command,
            cwd=folder,
            env={**os.environ, **_WHOLE_LINES},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PaperError(
            f"{name} did not end within {TIME_LIMIT} seconds", remedy=_COMPILE_IT_YOURSELF
        ) from error
    log = folder / f"{_NAME}.log"
    told = log.read_bytes() if log.exists() else done.stdout
    text = told.decode("utf-8", errors="replace")
    if done.returncode or not (folder / f"{_NAME}.pdf").exists():
        raise _stopped(name, text)
    return text


def _stopped(name: str, log: str) -> PaperError:
    """The error for a run that made no PDF, with the first thing that TeX complains of."""
    first = _complaint(log)
    missing = re.search(r"File `([^']+)' not found", first)
    remedy = _COMPILE_IT_YOURSELF
    if missing:
        remedy = (
            f"install the TeX package that has {missing[1]}: on Debian and Ubuntu it is in "
            "texlive-latex-base or, for Chinese, in texlive-lang-chinese"
        )
    return PaperError(f"{name} stopped: {first}", remedy=remedy)


def _complaint(log: str) -> str:
    """The first error in a log, its line of the document with it."""
    found = re.search(r"^(?:! |error: )(.*(?:\n(?!l\.\d).*){0,8}?\nl\.\d.*|.*)", log, re.MULTILINE)
    if found is None:
        return "it wrote no PDF and named no error"
    lines = found[1].splitlines()
    place = [line for line in lines[1:] if line.startswith("l.")]
    return " ".join([lines[0].strip(), *place])
