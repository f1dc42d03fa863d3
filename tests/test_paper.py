"""What TeX makes of our LaTeX: it compiles, stays on the page, and names are only names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from balanced import check_latex
from tex import article, overfull, set_by_tex

from symbackprop.errors import OptionError
from symbackprop.typeset.names import glyph
from symbackprop.typeset.symbols import symbol_from_latex
from symbackprop.typeset.widths import width

GOLDEN = sorted((Path(__file__).parent / "golden" / "typeset").glob("*.tex"))


def displayed(path: Path) -> str:
    """A golden file as the body of a section; one that is a list of formulas, each displayed."""
    latex = path.read_text("utf-8")
    if r"\begin{align*}" not in latex:
        latex = "\n".join(f"\\[{line}\\]" for line in latex.splitlines())
    return f"\\section{{{path.stem.replace('_', ' ')}}}\n{latex}"


def rows() -> list[str]:
    """Every row of the golden files, its columns side by side."""
    found: dict[str, None] = {}
    for path in GOLDEN:
        for line in path.read_text("utf-8").splitlines():
            row = re.sub(r" \\\\(\[1ex\])?$", "", line).partition("&& ")[0]
            if row and not row.startswith(("%", r"\begin{align*}", r"\end{align*}")):
                found[row.replace("&", "", 1) if "&=" in row or r"&\in" in row else row] = None
    return [row for row in found if not row.startswith(("&", r"\quad"))]


def test_the_golden_latex_compiles_and_stays_on_the_page(tmp_path: Path) -> None:
    assert len(GOLDEN) > 25
    log = set_by_tex(article("\n".join(map(displayed, GOLDEN))), tmp_path)
    assert not overfull(log)


def test_widths_are_near_those_of_tex(tmp_path: Path) -> None:
    formulas = [row for row in rows() if row.count("&") == row.count(r"\begin{cases}") * 2]
    assert len(formulas) > 300
    boxes = "\n".join(
        f"\\sbox0{{$\\displaystyle {row}$}}\\typeout{{WIDTH \\the\\wd0}}" for row in formulas
    )
    log = set_by_tex(article(boxes), tmp_path)
    measured = [float(points) / 10 for points in re.findall(r"WIDTH ([\d.]+)pt", log)]
    for row, ems in zip(formulas, measured, strict=True):
        # What is narrow is never broken.
        assert 0.85 * ems - 0.3 < width(row) < 1.15 * ems + 0.5, row


NAMES = [
    "W1", "a_b", "a_b_c", "50%", "100% & #1", "误差", "误差 #1", "naïve", "λ2", "x_{é}",
    r"\input{secret}", r"x_{\input secret}", r"x^{\write18{ls}}", "^^5cinput", "`ls`", "\\",
    "x^{%}", "x_{a_b_c}", "delta^{(l)}", "x_{t+1}", "W''_1", "x^'", "a'b", '"', "<>|", "~",
    "{", "}", "$x$", "a\n\nb", "a\x00b",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_brings_no_command_of_its_own(name: str) -> None:
    written = glyph(name).latex("ij")
    check_latex(written)
    commands = set(re.findall(r"\\[A-Za-z]+", written))
    known = {r"\mathrm", r"\text", r"\backslash", r"\wedge", r"\sim", r"\delta", r"\lambda"}
    assert commands <= known, written
    assert not re.search(r"(?<!\\)[%#$~]|\^\^|\n", written), written


def test_names_of_any_characters_can_be_set(tmp_path: Path) -> None:
    plain = [name for name in NAMES if "误" not in name]
    body = "\n\n".join(f"${glyph(name).latex('ij')} x$" for name in plain)
    (tmp_path / "secret.tex").write_text(r"\errmessage{read}")
    set_by_tex(article(body), tmp_path)


SYMBOLS = {
    r"W^{(1)}": "W1", r"\mathbf{W}^{(1)}_{hh}": "W1_hh", r"\hat{\theta}": "θ̂", r"\hat y": "ŷ",
    r"\text{误差}": "误差", r"\mathcal{L}": "L", r"\Delta W": "ΔW", r"W'": "W'", r"W'^{2}": "W'^2",
    r"\nabla_{\theta}": "∇_θ", r"{x_1}y": "x₁y", r"w_{\text{in}}^\star": "w^⋆_in", "λ": "λ",
    "W ^ { (1) }": "W1", r"\boldsymbol\theta_0": "θ₀", r"x_1'": "x'₁", r"x_{t-1}": "x_t-1",
    r"\mathrm{a\_b}": "a_b", r"\ell": "ℓ", r"W^\top": "W^⊤", r"\overline{xy}": "x̄y",
}  # fmt: skip


@pytest.mark.parametrize(("latex", "text"), SYMBOLS.items())
def test_a_symbol_given_in_latex_is_read(latex: str, text: str) -> None:
    symbol = symbol_from_latex(latex)
    assert symbol.text == text
    check_latex(symbol.latex("ij"))


def test_symbols_given_in_latex_can_be_set_with_indices(tmp_path: Path) -> None:
    latex = [symbol for symbol in SYMBOLS if symbol.isascii() or symbol == "λ"]
    body = "\n\n".join(f"${symbol_from_latex(symbol).latex('ij')} x$" for symbol in latex)
    set_by_tex(article(body), tmp_path)


REFUSED = {
    r"\input{x}": r"\\input is not a command", r"\write18{ls}": "write is not a command",
    r"\def\x{}": "def is not a command", r"\verb|x|": "not a command", "x\\": "not a command",
    r"\csname x\endcsname": "not a command", r"\mathrm{\input x}": "not a command",
    r"x_{\fi}": "not a command", r"\begin{x}": "not a command", r"x\\y": "not a command",
    r"\left(x": "not a command", "W^^5c": "no content", r"x\mathrm": "no content",
    r"\text{\input{a}}": "letters, digits and punctuation", r"\text{$x$}": r"not '{\$x\$}'",
    "$x$": r"has '\$'", "x%y": "has '%'", "x&y": "has '&'", "x#1": "has '#'", "x~": "has '~'",
    "x\ny": "has", "x\x00": "has", "误差": "has '误'", "a+b": "outside a script",
    "}{": "closes nothing", "{x": "never closed", "{" * 9 + "x" + "}" * 9: "nest more",
    "": "no letter", "12": "no letter", "x" * 200: "longer than", "x_1 y": "follows its scripts",
    "x_": "no content", r"x\hat": "no content", "x^{}": "no content", "_x": "nothing stands before",
    "x_a_b": "two _", "x^2'": "a prime stands after", "x'_1^2": "two \\^",
}  # fmt: skip


@pytest.mark.parametrize(("latex", "why"), REFUSED.items(), ids=lambda text: text[:20])
def test_what_is_no_symbol_is_refused(latex: str, why: str) -> None:
    with pytest.raises(OptionError, match=why) as caught:
        symbol_from_latex(latex)
    assert caught.value.where == "--name"
    assert caught.value.remedy
