"""PDF by whichever TeX program is there, and what is said when it cannot be made."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tools import needed

from symbackprop.errors import OptionError, PaperError
from symbackprop.interop import pdf
from symbackprop.interop.pdf import needs_unicode

ENGLISH = r"\documentclass{article}\begin{document}$a$ \ref{x}\section{a}\label{x}\end{document}"
CHINESE = r"\documentclass{ctexart}\begin{document}误差项\end{document}"

WRITES = "open('derivation.pdf', 'w').write(' '.join(sys.argv[1:]))"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts programs of these names, with these bodies, where programs are looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(**bodies: str) -> None:
        for name, body in bodies.items():
            program = tmp_path / name
            program.write_text(f"#!{sys.executable}\nimport sys, os, time\n{body}\n")
            program.chmod(0o755)

    return install


def test_the_first_program_that_is_there_is_taken(programs) -> None:
    programs(xelatex=WRITES)
    assert b"-no-shell-escape" in pdf.pdf(ENGLISH)
    assert b"-halt-on-error" in pdf.pdf(ENGLISH)
    programs(pdflatex="sys.exit(1)", latexmk=WRITES)
    made = pdf.pdf(ENGLISH)
    assert made.startswith(b"-norc -pdf ")
    assert b"-latexoption=-no-shell-escape" in made
    programs(tectonic=WRITES)
    assert b"--untrusted" in pdf.pdf(ENGLISH)


def test_chinese_is_set_by_a_program_that_has_the_letters(programs) -> None:
    programs(pdflatex=WRITES, latexmk=WRITES)
    with pytest.raises(OptionError, match="that can set Chinese is installed") as caught:
        pdf.pdf(CHINESE)
    assert "looked for tectonic, latexmk, xelatex" in caught.value.what
    assert "texlive-lang-chinese" in caught.value.remedy
    programs(xelatex="sys.exit(1)")
    assert pdf.pdf(CHINESE).startswith(b"-norc -xelatex ")


def test_without_any_program_it_is_said_what_to_install(programs) -> None:
    with pytest.raises(OptionError, match="no TeX program is installed") as caught:
        pdf.pdf(ENGLISH)
    assert "looked for tectonic, latexmk, pdflatex, xelatex" in caught.value.what
    assert "texlive-latex-base" in caught.value.remedy
    assert "--format tex" in caught.value.remedy


def failing(log: str) -> str:
    return f"open('derivation.log', 'w').write({log!r}); sys.exit(1)"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            failing(
                "This is pdfTeX\n! Undefined control sequence.\n<x> y\nl.7 \\nosuch\n! Later\n"
            ),
            r"pdflatex stopped: Undefined control sequence. l.7 \\nosuch$",
        ),
        (failing("! Emergency stop.\n"), "pdflatex stopped: Emergency stop.$"),
        (failing("! LaTeX Error: File `ctex.sty' not found.\n"), "texlive-lang-chinese"),
        ("print('error: no bundle'); sys.exit(1)", "pdflatex stopped: no bundle$"),
        ("pass", "pdflatex stopped: it wrote no PDF and named no error"),
        (
            f"{WRITES}; open('derivation.log', 'w').write('Missing character: There is no Ж in f')",
            "the fonts have no Ж",
        ),
        ("time.sleep(60)", "pdflatex did not end within 0.5 seconds"),
    ],
    ids=["undefined", "stop", "package", "output", "silent", "letter", "endless"],
)
def test_what_stops_it_is_told(programs, monkeypatch, body: str, message: str) -> None:
    programs(pdflatex=body)
    monkeypatch.setattr(pdf, "TIME_LIMIT", 0.5 if "sleep" in body else 60)
    with pytest.raises(PaperError) as caught:
        pdf.pdf(ENGLISH)
    text = f"{caught.value.what}\n{caught.value.remedy}"
    assert re.search(message, text, re.MULTILINE), text


def test_it_is_run_until_nothing_moves(programs) -> None:
    count = """
with open('runs', 'a+') as runs:
    runs.write('x')
    done = runs.tell()
open('derivation.log', 'w').write('Rerun to get' if done < 3 else 'Output written')
open('derivation.pdf', 'w').write(str(done))
"""
    programs(pdflatex=count)
    assert pdf.pdf(ENGLISH) == b"3"


@pytest.mark.parametrize("program", ["tectonic", "latexmk", "pdflatex", "xelatex"])
def test_a_real_program_makes_pdf(monkeypatch, program: str) -> None:
    if program != "pdflatex":
        monkeypatch.delenv("CI", raising=False)  # CI installs the smallest of them
    needed(program)
    monkeypatch.setattr(pdf, "PROGRAMS", [p for p in pdf.PROGRAMS if p.name == program])
    assert pdf.pdf(ENGLISH).startswith(b"%PDF")


def test_tex_cannot_run_programs(monkeypatch, tmp_path: Path) -> None:
    needed("pdflatex")
    monkeypatch.setattr(pdf, "PROGRAMS", [p for p in pdf.PROGRAMS if p.name == "pdflatex"])
    page = r"\immediate\write18{touch " + str(tmp_path / "made") + "}"
    pdf.pdf(ENGLISH.replace("$a$", f"{page}$a$"))
    assert not (tmp_path / "made").exists()


def test_letters_beyond_those_of_tex_need_other_fonts() -> None:
    assert not needs_unicode("naïve façade, Øre, ß")
    assert all(map(needs_unicode, ("误差", "Ж", "⊙", "–", "×")))
