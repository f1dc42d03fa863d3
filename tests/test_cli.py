"""The command line: what each command prints, where, with which exit code."""

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner
from tools import needed

from symbackprop.verify import Report, Row
from symbackprop.verify.report import TOLERANCES
from symbp.main import Commands, cli

ROOT = Path(__file__).resolve().parents[1]


def symbp(*arguments, ok=0):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == ok, result.output
    assert "Traceback" not in result.output
    return result


def process(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}"},
        **options,
    )


# --- the group --------------------------------------------------------------------------


@pytest.mark.parametrize("command", Commands.names)
def test_every_command_explains_itself_with_examples(command):
    shown = symbp(command, "--help")
    assert f"symbp {command}" in shown.stdout
    assert re.search(r"\n  Examples:\n    \S.*\n    \S", shown.stdout)  # each on its own line
    assert command in symbp("--help").stdout


def test_version():
    assert re.fullmatch(r"symbp, version \d+\.\d+\.\d+\n", symbp("--version").stdout)


def test_a_command_that_is_not_there_is_met_with_a_suggestion():
    result = symbp("deriv", ok=2)
    assert "unknown command 'deriv'" in result.stderr
    assert "did you mean 'derive'?" in result.stderr
    assert not result.stdout


def test_it_runs_as_a_module_and_imports_no_framework_to_derive():
    code = (
        "import sys; from symbp.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'torch', 'numba', 'sklearn', 'scipy', 'rich'} & set(sys.modules)))"
    )
    done = process("-c", code, "derive", "--format", "latex")
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert process("-m", "symbp", "derive", "--format", "latex").stdout in done.stdout


def test_output_that_nobody_reads_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "symbp", "derive", "--level", "all"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}"},
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_a_defect_is_told_in_one_block_and_traced_on_demand(monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("out of luck")

    monkeypatch.setattr("symbp.derive.derive_backward", fail)
    result = symbp("derive", ok=70)
    assert result.stderr.startswith("error: RuntimeError: out of luck\n")
    assert "--debug" in result.stderr
    assert not result.stdout
    traced = CliRunner().invoke(cli, ["--debug", "derive"])
    assert traced.exit_code == 70
    assert "Traceback" in traced.stderr
    assert traced.stderr.endswith(result.stderr)


def test_a_full_disk_is_no_defect(monkeypatch):
    def fill(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("symbp.derive.deliver", fill)
    assert symbp("derive", ok=2).stderr == "error: [Errno 28] No space left on device\n"


def test_an_interruption_is_no_defect(monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("symbp.derive.derive_backward", interrupt)
    assert symbp("derive", ok=130).stderr == "error: interrupted\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell):
    assert "_SYMBP_COMPLETE" in symbp("completion", shell).stdout


def test_completion_completes():
    words = {"COMP_WORDS": "symbp de", "COMP_CWORD": "1", "_SYMBP_COMPLETE": "bash_complete"}
    result = CliRunner().invoke(cli, env=words, prog_name="symbp")
    assert result.stdout.splitlines() == ["plain,derive"]


# --- derive -----------------------------------------------------------------------------


def test_derive_shows_the_document_s_network():
    result = symbp("derive")
    for name in ("W1", "b1", "W2", "b2"):
        assert name in result.stdout
    assert not result.stderr
    default = symbp("derive", "Linear(10, 20) ReLU Linear(20, 1)", "--loss", "MSELoss")
    assert default.stdout == result.stdout


def on_a_terminal(columns, *arguments, **variables):
    """What a command prints on a terminal of so many columns."""
    reading, writing = pty.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: os.environ[name] for name in os.environ if name not in {"COLUMNS", "NO_COLOR"}}
    path = f"{ROOT}{os.pathsep}{ROOT / 'cli'}"
    with subprocess.Popen(
        [sys.executable, "-m", "symbp", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**kept, "PYTHONPATH": path, "TERM": "xterm", **variables},
    ) as process:
        os.close(writing)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
            while part := os.read(reading, 4096):
                shown += part
        os.close(reading)
        assert process.wait() == 0, process.stderr.read()
    return shown.decode().replace("\r\n", "\n")


def test_derive_uses_a_terminal_s_width_and_colours():
    model = ["Linear(3, 5) Tanh Linear(5, 2)", "--level", "all"]
    printed = symbp("derive", *model).stdout
    shown = on_a_terminal(60, "derive", *model)
    assert "\x1b[1mGradients\x1b[0m" in shown
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines()
    assert max(map(len, lines)) <= 60 < max(map(len, printed.splitlines())) <= 80
    assert "\x1b" not in printed
    # https://no-color.org
    assert on_a_terminal(80, "derive", *model, NO_COLOR="1") == printed


def test_derive_formats_notations_and_steps_differ():
    shown = {
        arguments: symbp("derive", *arguments.split()).stdout
        for arguments in (
            "--format text",
            "--format latex",
            "--format markdown",
            "--format json",
            "--format latex --notation index",
            "--format latex --level result",
            "--format latex --level all",
        )
    }
    assert len(set(shown.values())) == len(shown)
    assert "\\frac" in shown["--format latex"]
    assert "\\" not in shown["--format text"]
    assert len(shown["--format latex --level all"]) > len(shown["--format latex --level result"])


def test_derive_as_a_page_to_open_in_a_browser(tmp_path):
    path = tmp_path / "page.html"
    options = ["--format", "html", "--lang", "zh", "--notation", "index", "--level", "all"]
    symbp("derive", "Linear(2, 3) Tanh", *options, "-o", str(path))
    page = path.read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert '<html lang="zh-CN" data-notation="index" data-level="all"' in page
    # A reader can choose the other notations.
    assert {"index", "row", "column"} <= set(re.findall(r'name="notation" value="(\w+)"', page))


def test_derive_as_json():
    document = json.loads(symbp("derive", "--format", "json").stdout)
    assert [gradient["of"] for gradient in document["gradients"]] == ["W1", "b1", "W2", "b2"]
    assert document["views"] == ["row"]
    for gradient in document["gradients"]:
        assert set(gradient["equation"]) == {"index", "row"}
        assert gradient["steps"]
    assert document["title"] == "Linear(10, 20) ReLU Linear(20, 1)"


def test_derive_by_chosen_tensors():
    document = json.loads(symbp("derive", "--wrt", "x", "--wrt", "b2", "--format", "json").stdout)
    assert [gradient["of"] for gradient in document["gradients"]] == ["x", "b2"]


def test_derive_into_a_file(tmp_path):
    file = tmp_path / "gradients.tex"
    file.write_text("old")
    result = symbp("derive", "--format", "latex", "-o", file)
    assert not result.output
    assert file.read_text("utf-8") == symbp("derive", "--format", "latex").stdout
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o666 & ~umask()


def test_what_an_output_path_leads_to_stays_what_it_is(tmp_path):
    file, link, device = tmp_path / "file", tmp_path / "link", Path(os.devnull)
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    symbp("derive", "-o", link)
    assert link.is_symlink()
    assert file.read_text("utf-8") == symbp("derive").stdout
    assert file.stat().st_mode & 0o777 == 0o640
    symbp("derive", "-o", device)
    assert device.is_char_device()


def test_a_pipe_may_be_the_output():
    result = process("-m", "symbp", "derive", "-o", "/dev/stdout")
    assert (result.returncode, result.stdout) == (0, symbp("derive").stdout)


def test_a_command_that_fails_leaves_the_old_file(tmp_path):
    file = tmp_path / "gradients.tex"
    file.write_text("old")
    symbp("derive", "Linear(3,", "-o", file, ok=2)
    assert file.read_text() == "old"


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("model", ["Linear(D, H) Sigmoid Linear(H, K)", "Linear(7, 5), Tanh(),"])
def test_derive_takes_open_sizes_and_other_losses(model):
    result = symbp("derive", model, "--loss", "CrossEntropyLoss(label_smoothing=0.1)")
    assert "W1" in result.stdout


BAD_MODELS = [
    ("__import__('os').getcwd()", "found '.'"),
    ("__import__('os')", "unknown layer '__import__'"),
    ("Linaer(3, 5)", "did you mean 'Linear'?"),
    ("Linear(3, 5) ReLU Linear(7, 2)", "Linear(3, 5) gives 5 features"),
    ("Linear(3)", "Linear needs out_features"),
    ("Linear(3, 5", "found the end"),
    ("", "names no layer"),
]


@pytest.mark.parametrize("command", ["derive", "emit", "verify", "train"])
@pytest.mark.parametrize(("model", "message"), BAD_MODELS)
def test_models_that_cannot_be_read(command, model, message):
    result = symbp(command, model, ok=2)
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert not result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["derive", "--wrt", "W11"], "did you mean 'W1'?"),
        (["derive", "--loss", "MSLoss"], "did you mean 'MSELoss'?"),
        (["derive", "--loss", "MSELoss(reduction=average)"], "'average' is not one of"),
        (["derive", "--loss", "MSELoss L1Loss"], "one loss is needed"),
        (["derive", "--notation", "tensor"], "--notation"),
        (["emit", "--backend", "jax"], "--backend"),
        (["verify", "--jsn"], "--json"),
        (["derive", "one", "two"], "two"),
    ],
)
def test_options_that_cannot_be_used(arguments, message):
    result = symbp(*arguments, ok=2)
    assert message in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("command", ["derive", "emit", "verify", "train"])
def test_errors_are_told_in_the_language_asked_for(command, monkeypatch):
    told = symbp(command, "Linear(3,", "--lang", "zh", ok=2).stderr
    assert re.match(r"错误：.+\n  位置：.+\n {15}  \^\n  建议：", told)
    monkeypatch.setenv("SYMBP_LANG", "zh")
    assert symbp(command, "Linear(3,", ok=2).stderr == told
    # Whichever option comes first.
    assert symbp(command, "--size", "N", "--lang", "en", ok=2).stderr.startswith(
        "error: " if command in {"derive", "verify", "train"} else "Usage: "
    )


def test_a_language_that_is_not_there_is_met_with_those_there_are(monkeypatch):
    expected = (
        "error: unknown language 'cn'\n  in: --lang\n  try: did you mean 'en'? known: en, zh\n"
    )
    assert symbp("derive", "--lang", "cn", ok=2).stderr == expected
    monkeypatch.setenv("SYMBP_LANG", "cn")
    assert symbp("verify", ok=2).stderr == expected
    monkeypatch.setenv("SYMBP_LANG", "zh")
    assert symbp("deriv", ok=2).stderr.startswith("错误：")


@pytest.mark.parametrize("command", ["derive", "emit"])
def test_files_that_cannot_be_written(command, tmp_path):
    (tmp_path / "file").touch()
    for place in ("none/out.txt", "file/out.txt"):
        result = symbp(command, "-o", tmp_path / place, ok=2)
        assert "cannot write" in result.stderr
        assert "try: " in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# --- emit -------------------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "other"), [("numpy", "torch"), ("torch", "numpy")])
def test_emitted_modules_stand_alone(backend, other, tmp_path):
    file = tmp_path / "network.py"
    symbp("emit", "Linear(3, 5) Tanh Linear(5, 2)", "--backend", backend, "-o", file)
    assert (
        file.read_text("utf-8")
        == symbp("emit", "Linear(3, 5) Tanh Linear(5, 2)", "--backend", backend).stdout
    )
    blocked = ["symbackprop", "sympy"] + ([other] if backend == "numpy" else [])
    code = f"import sys\nfor name in {blocked}: sys.modules[name] = None\nimport network\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- verify -----------------------------------------------------------------------------


def test_verify_shows_a_row_per_gradient_and_oracle():
    document = json.loads(symbp("verify", "Linear(3, 5) ReLU Linear(5, 2)", "--json").stdout)
    assert document["ok"] is True
    rows = {(row["gradient"], row["subject"], row["oracle"]) for row in document["rows"]}
    for name in ("W1", "b1", "W2", "b2"):
        for oracle in ("expanded", "differences", "autograd"):
            assert (name, "equations", oracle) in rows
        for backend in ("numpy", "torch"):
            assert (name, backend, "autograd") in rows
    shown = symbp("verify", "Linear(3, 5) ReLU Linear(5, 2)")
    assert "all hold" in shown.stdout
    assert not shown.stderr


def test_verify_speaks_chinese_and_its_json_does_not():
    shown = symbp("verify", "Linear(2, 1)", "--lang", "zh").stdout
    assert shown.startswith("梯度  验证对象  对照        误差     容许误差\n")
    assert "\n\n全部通过；误差最大的一项：" in shown
    assert not re.search("FAILED|checked|against|tolerance|both sides", shown)
    document = symbp("verify", "Linear(2, 1)", "--lang", "zh", "--json").stdout
    assert {row["oracle"] for row in json.loads(document)["rows"]} == set(TOLERANCES)


def test_verify_exits_with_1_if_a_row_fails(monkeypatch):
    class Wrong:
        def verify(self, seed, sizes):
            return Report([Row("W1", "equations", "autograd", 0.5, 1e-10)])

    monkeypatch.setattr("symbp.verify.derive", lambda system: Wrong())
    assert "FAILED" in symbp("verify", ok=1).stdout
    assert json.loads(symbp("verify", "--json", ok=1).stdout)["ok"] is False


# --- formats that are files ---------------------------------------------------------------


def test_derive_as_an_article():
    article = symbp("derive", "--format", "tex", "--level", "all").stdout
    assert article.startswith("\\documentclass")
    assert article.rstrip().endswith("\\end{document}")
    assert "ctexart" in symbp("derive", "--format", "tex", "--lang", "zh").stdout


def test_derive_as_pdf(tmp_path):
    needed("pdflatex")
    file = tmp_path / "derivation.pdf"
    assert not symbp("derive", "--format", "pdf", "-o", file).output
    assert file.read_bytes().startswith(b"%PDF")
    printed = CliRunner().invoke(cli, ["derive", "--format", "pdf"])
    assert printed.stdout_bytes.startswith(b"%PDF")


def test_a_pdf_that_cannot_be_made_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "derivation.pdf"
    file.write_bytes(b"old")
    monkeypatch.setenv("PATH", str(tmp_path))
    result = symbp("derive", "--format", "pdf", "-o", file, ok=2)
    assert "looked for tectonic, latexmk, pdflatex, xelatex" in result.stderr
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_pdf_is_not_thrown_at_a_terminal(monkeypatch):
    monkeypatch.setattr("symbp.derive.pdf", lambda _: b"%PDF")
    monkeypatch.setattr("symbp.common.is_terminal", lambda: True)
    result = symbp("derive", "--format", "pdf", ok=2)
    assert "a terminal cannot show it" in result.stderr
    assert "-o derivation.pdf" in result.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (r"W1=\input{x}", r"\input is not a command that symbols are made of"),
        ("W1=W^{(1)", "a { is never closed"),
        ("W1=W^^5c", "no content"),
    ],
)
def test_symbols_that_are_no_symbols(name, message):
    result = symbp("derive", "--name", name, ok=2)
    assert message in result.stderr
    assert f"--name {name}" in result.stderr
