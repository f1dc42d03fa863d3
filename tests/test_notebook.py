"""Notebooks: valid, they run, and make the same system again; what Jupyter shows of things."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import sympy as sp
from balanced import check_latex
from layer_cases import cases
from page_systems import PAGES
from test_cli import process, symbp

import symbackprop as sb
import symbackprop.library as lib
from symbackprop.calculus import derive_backward
from symbackprop.explanation import explained
from symbackprop.interop.notebook import equations_source, network_source, notebook
from symbackprop.verify import Report, Row

ROOT = Path(__file__).resolve().parents[1]


def code_of(content: str) -> str:
    """The code cells of a notebook; each one's last line shown as a notebook shows it."""
    cells = nbformat.reads(content, as_version=4).cells
    lines = []
    for cell in cells:
        if cell.cell_type == "code":
            *before, last = cell.source.splitlines()
            shown = last if re.match(r"\s|print", last) else f"shown.append(({last}))"
            lines += [*before, shown if re.fullmatch(r"\w+", last) else last]
    return "\n".join(["shown = []", *lines])


@pytest.mark.parametrize(
    "arguments",
    [
        ("Linear(3, 4) Tanh Linear(4, K)", "--loss", "CrossEntropyLoss(label_smoothing=0.1)"),
        ("Conv2d(3, 2, 3) ReLU Flatten", "--input", "3,5,H", "--lang", "zh", "--level", "all"),
        ("examples/lstm.eqs", "--wrt", "W", "--wrt", "x", "--level", "result"),
    ],
)
def test_a_notebook_is_valid_and_runs(arguments, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    content = symbp("derive", *arguments, "--format", "ipynb").stdout
    nbformat.validate(nbformat.reads(content, as_version=4))
    assert json.loads(content)["nbformat_minor"] == 5
    ending = """
assert report.ok, report
assert {"System", "Derivation", "Report"} < {type(thing).__name__ for thing in shown}
for name, gradient in gradients.items():
    direction = rng.choice([-1.0, 1.0], size=np.shape(gradient))
    assert abs(np.sum(gradient * direction) - difference(name, direction)) < 1e-6
print("done", *gradients)
"""
    done = process("-c", f"{code_of(content)}\n{ending}")
    assert done.returncode == 0, done.stderr
    printed, last = done.stdout.splitlines()[:-1], done.stdout.splitlines()[-1]
    assert len(printed) == len(last.split()) - 1  # a line for each gradient
    for line in printed:
        _, ours, other = line.split()
        assert float(ours) == pytest.approx(float(other), abs=1e-6)


def test_a_notebook_computes_with_the_numbers_of_its_page() -> None:
    content = symbp("derive", "--example", "mazur", "--format", "ipynb").stdout
    assert "'x': np.array([0.05, 0.1])," in code_of(content)
    done = process("-c", f"{code_of(content)}\nprint('objective', objective)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("objective 0.29837110876")
    labels = symbp(
        *("derive", "Linear(2, 3)", "--loss", "CrossEntropyLoss"),
        *("--numbers", "auto", "--format", "ipynb"),
    ).stdout
    assert re.search(r"'y': np.array\(\[\d+(, \d+)*\]\)", code_of(labels))
    assert process("-c", code_of(labels)).returncode == 0


def test_a_notebook_with_a_function_left_open_has_no_numbers() -> None:
    backward = derive_backward(*PAGES["a_nielsen"]())
    content = notebook(
        explained(backward),
        "row",
        "key",
        "en",
        "system = None",
        runs=not backward.system.open_functions,
    )
    assert "derivation.compile" not in content
    assert "derivation.verify()" in content


@pytest.mark.parametrize("name", lib.LAYERS)
def test_code_makes_the_same_layer_again(name: str) -> None:
    for case in cases(name):
        network = lib.Sequential(case.layer, lib.Identity())
        system = network.system(lib.MSELoss(), batch=case.batch, shape=case.shape)
        source = network_source(system.origin).partition("\nsystem")[0]
        made: dict[str, object] = {"sb": sb}
        exec(source, made)  # noqa: S102 (our own code, in a test)
        assert made["network"] == network


def test_code_keeps_sizes_that_are_left_open_and_the_axes() -> None:
    network = lib.Sequential(lib.Linear("D", 3), lib.Sequential(lib.ReLU(), lib.Linear(3, "K")))
    system = network.system(lib.CrossEntropyLoss(weight=(1.0, 2.0, 0.5, 1.0, 3.0)), shape=(5, "D"))
    source = network_source(system.origin, (5, "D"))
    assert "sb.Linear('D', 3)" in source
    assert "shape=(5, 'D')" in source
    made: dict[str, object] = {"sb": sb}
    exec(source, made)  # noqa: S102 (our own code, in a test)
    assert made["system"].equations == system.equations


@pytest.mark.parametrize(
    "text",
    [
        "index n:N\ninput x[n]\n",
        '# a "quoted" name, and """\nindex n:N\n',
        "# C:\\new\\table\nindex n:N",
        '# ends in a quote"',
        "# 误差\r\nindex n:N\r\n",
        "# \x00 \x85 \u2028 \x0c\nindex n:N\n",
    ],
)
def test_the_text_of_a_file_comes_back_from_code(text: str) -> None:
    made: dict[str, object] = {"sb": type("Reader", (), {"parse_system": staticmethod(str)})}
    exec(equations_source(text), made)  # noqa: S102 (what is executed is a literal)
    assert str(made["system"]).splitlines() in (text.splitlines(), ["", *text.splitlines()])


def test_names_in_code_stay_text(tmp_path: Path) -> None:
    """Whatever stands in an equation file, the notebook's code only reads it."""
    file = tmp_path / "x.eqs"
    ending = '# """); open("made", "w") #\nminimize L\n'
    file.write_text(f"index n:N\ninput x[n]\nparameter w\nL = sum[n](w*x[n]) {ending}")
    content = symbp("derive", file, "--format", "ipynb").stdout
    done = subprocess.run(
        [sys.executable, "-c", code_of(content)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "made").exists()


# --- what Jupyter shows -------------------------------------------------------------------


def mathematics(shown: str) -> None:
    parts = re.findall(r"\$\$\n(.*?)\n\$\$", shown, re.DOTALL)
    assert parts
    assert not re.sub(r"\$\$\n(.*?)\n\$\$", "", shown, flags=re.DOTALL).strip()
    for part in parts:
        assert part.startswith(r"\begin{aligned}")
        check_latex(part)


@pytest.mark.parametrize("name", PAGES)
def test_systems_equations_and_derivations_show_themselves(name: str) -> None:
    system, wrt = PAGES[name]()
    derivation = sb.derive(system, wrt)
    things = [system, *system.equations, derivation, derivation.gradients, derivation.adjoints]
    for thing in [*things, *derivation.gradients.values()]:
        if thing is not derivation.adjoints or len(thing):
            mathematics(thing._repr_latex_())


def test_what_is_shown_is_what_it_is() -> None:
    derivation = sb.derive(sb.Sequential(sb.Linear("D", "K")).system(sb.MSELoss()))
    assert r"W^{(1)} &\in \mathbb{R}^{K \times D}" in derivation.system._repr_latex_()
    assert r"z^{(1)}_{nk} &= \sum" in derivation.system._repr_latex_().replace("nj", "nk")
    assert r"\frac{\partial L}{\partial W^{(1)}" in derivation._repr_latex_()
    x = sb.input("x", sb.index("i", "D"))
    alone = sb.Equation(sb.intermediate("y"), sp.Sum(x[sb.index("i", "D")], sb.index("i", "D")))
    assert r"y &= \sum_{i} x_i" in alone._repr_latex_()


def test_a_notebook_shows_systems_before_anything_is_derived() -> None:
    code = (
        "import sys, types; sys.modules['IPython'] = types.ModuleType('IPython')\n"
        "import symbackprop as sb\n"
        "system = sb.Sequential(sb.Linear(2, 3)).system(sb.MSELoss())\n"
        "print(system._repr_latex_()[:2])\n"
    )
    assert process("-c", code).stdout.strip() == "$$"
    plain = code.splitlines()[1:]
    assert process(
        "-c", "\n".join(["import sys", *plain[:-1], "print(system._repr_latex_())"])
    ).stdout


def test_a_report_is_a_table_in_which_names_are_only_names() -> None:
    rows = [
        Row("<b>W</b>", "numpy", "autograd", 1e-12, 1e-10),
        Row("b", "equations", "steps", float("nan"), 1e-40, note="step 3 & more"),
    ]
    shown = Report(rows)._repr_html_()
    assert shown.count("<tr") == 3
    assert "&lt;b&gt;W&lt;/b&gt;" in shown
    assert "<b>" not in shown
    assert "step 3 &amp; more" in shown
    assert "FAILED" in shown
    assert "1 of 2 FAILED" in shown
    assert Report([])._repr_html_() == "<p>nothing was verified</p>"
