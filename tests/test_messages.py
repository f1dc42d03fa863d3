"""Errors in Chinese: every message there is has its words, and its values are carried over."""

import os
import re
import subprocess
import sys
from errno import EACCES, EEXIST, EISDIR, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR, EROFS
from pathlib import Path

import pytest
from message_templates import Messages, has_words

from symbackprop.errors import SymbackpropError, UnknownNameError
from symbackprop.interop.equation_text import parse_system
from symbackprop.typeset import LANGUAGES
from symbackprop.typeset.words.errors import CATALOGUES, told, translated
from symbackprop.typeset.words.zh_messages import MESSAGES, SYSTEM, WITHIN

ROOT = Path(__file__).resolve().parents[1]
FOUND = Messages(sorted([*(ROOT / "symbackprop").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]))
ALL = {**MESSAGES, **WITHIN}
IDEOGRAPH = r"[\u4e00-\u9fff]"


def test_every_message_in_the_sources_has_chinese_words() -> None:
    assert len(FOUND.templates) > 500
    missing = {text: places for text, places in FOUND.templates.items() if text not in ALL}
    assert not missing, missing


def test_chinese_has_no_message_that_no_source_has() -> None:
    assert len(ALL) == len(MESSAGES) + len(WITHIN)
    assert not ALL.keys() - FOUND.templates.keys()


def test_every_error_says_something_in_words() -> None:
    # What Python says of an argument, after the name of the class that it is one of.
    assert FOUND.wordless == ["model_text.py: {}: {words}"]


def holes(english: str) -> list[bool]:
    """For each value of a message, whether it has words of its own."""
    return [hole == "words" for hole in re.findall(r"\{(words)?\}", english)]


def filled(chinese: str, values: list[str]) -> str:
    """A Chinese message with values; one without any may hold braces of its own."""
    following = iter(values)
    place = r"\{(\d?)\}" if values else "(?!)"
    return re.sub(place, lambda m: values[int(m[1])] if m[1] else next(following), chinese)


@pytest.mark.parametrize(("english", "chinese"), ALL.items())
def test_a_message_has_all_values_of_the_english_one(english: str, chinese: str) -> None:
    if holes(english):
        places = re.findall(r"\{(\d?)\}", chinese)
        numbers = [int(place) if place else count for count, place in enumerate(places)]
        assert sorted(numbers) == list(range(len(holes(english))))
        assert all(places) or not any(places), "numbers on all of them or on none"
    assert "{words}" not in chinese


@pytest.mark.parametrize(("english", "chinese"), MESSAGES.items())
def test_a_message_is_found_with_its_values(english: str, chinese: str) -> None:
    """No other message is taken for it, and what is filled in arrives where it belongs."""
    names = [f"'q{number}'" for number, _ in enumerate(holes(english))]
    given = iter("tensor" if w else name for w, name in zip(holes(english), names, strict=True))
    said = re.sub(r"\{(words)?\}", lambda _: next(given), english)
    words = ["张量" if w else name for w, name in zip(holes(english), names, strict=True)]
    assert translated(said, "zh") == filled(chinese, words)


def test_chinese_messages_are_chinese() -> None:
    for english, chinese in ALL.items():
        # Words that are filled in are Chinese as well.
        plain = filled(chinese, ["词" if worded else "x" for worded in holes(english)])
        assert re.search(IDEOGRAPH, plain) or plain == "0", english
        assert not re.search(rf"{IDEOGRAPH}[,;:!?()]|[,;!?]{IDEOGRAPH}", plain), chinese
        assert not re.search(rf"{IDEOGRAPH}[A-Za-z0-9]|[A-Za-z0-9]{IDEOGRAPH}", plain), chinese
    for words in SYSTEM.values():
        assert re.fullmatch(rf"{IDEOGRAPH}+", words)


def test_what_the_system_says_of_files_is_what_it_says() -> None:
    codes = (EACCES, EEXIST, EISDIR, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR, EROFS)
    assert {os.strerror(code) for code in codes} == SYSTEM.keys()


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        # A list of words, of which some are signs.
        (
            "expected a name, '(' or the end of the line, found 'by', which is a word of the "
            "language",
            "这里应为名称、'(' 或行尾，却是 'by'，它是保留字",
        ),
        # Words within words.
        (
            "'x' is a parameter here, but already an input in line 2",
            "'x' 在这里是参数，但第 2 行已用作输入",
        ),
        ("let the model end with 3 outputs", "让模型的末尾给出 3 个输出"),
        ("unknown argument of Linear 'bais'", "没有名为 'bais' 的 Linear 的参数"),
        # Names are carried over, even where they are words.
        ("size input is given twice", "大小 input 给出了两次"),
        ("'target' is defined twice", "'target' 定义了两次"),
        # So is what Python says, whatever it says.
        ("Linear: could not convert string to float: 'a, b and c'", None),
        (
            "cannot read 'a.eqs': one thing or another, and a name",
            "无法读取 'a.eqs'：one thing or another, and a name",
        ),
        (
            "cannot read 'a.eqs': No such file or directory",
            "无法读取 'a.eqs'：没有这个文件或文件夹",
        ),
        # Places and formulas among words.
        (
            "step 2 of 3 for z1, 'factor', does not hold: 0.25 is not 0.5",
            "z1 的第 2 步（共 3 步，'factor'）不成立：0.25 不等于 0.5",
        ),
        (
            "δ1[n, k] at n = 0, k = 1: x[n]*y = Sum(x[n], (i, 0, 3)), at random numbers with N = 2",
            "δ1[n, k] 在 n = 0, k = 1 处：x[n]*y = Sum(x[n], (i, 0, 3))，取随机数，其中 N = 2",
        ),
        ("i = 3, row 1, column 2, at random numbers", "i = 3，第 1 行，第 2 列，取随机数"),
        ("z[n, k] = Sum(x[n, i]*W[k, i], (i, 0, 9))", None),
        ("--data digits", None),
    ],
)
def test_messages_in_chinese(english: str, chinese: str | None) -> None:
    assert translated(english, "zh") == (chinese or english)
    assert translated(english, "en") == english


def test_an_error_is_told_with_place_and_remedy() -> None:
    text = "index n:N\ninput x[n]\nL = sum[n](y[n])\nminimize L\n"
    with pytest.raises(UnknownNameError) as caught:
        parse_system(text, "数据.eqs")
    assert told(caught.value, "en") == str(caught.value)
    assert told(caught.value, "zh") == (
        "没有名为 'y' 的张量\n"
        "  位置：L = sum[n](y[n])   （数据.eqs，第 3 行，第 12 列）\n"
        "                   ^\n"
        "  建议：可用的有：L, x"
    )


def test_every_language_but_english_has_messages() -> None:
    assert {*CATALOGUES, "en"} == set(LANGUAGES)


def test_a_message_without_words_of_its_own_stays_as_it_is() -> None:
    error = SymbackpropError("quite unheard of", where="x", remedy="dream on")
    assert told(error, "zh") == "quite unheard of\n  位置：x\n  建议：dream on"


# --- how messages are found -------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "templates"),
    [
        ('raise ModelError(f"no {kind!r} of {n} rows", where="--size")', ["no {} of {} rows"]),
        ('raise ModelError("large" + (f" by {n}" if n else ""))', ["large by {}", "large"]),
        ('raise ModelError("it is", remedy="up" if n else f"go {n}")', ["it is", "up", "go {}"]),
        ('error.remedy = error.remedy or "look"', ["look"]),
        (
            'hint = "try me: " if n else ""\n    raise ModelError(f"{hint}known")',
            ["try me: known", "known"],
        ),
        (
            'found = "the end"\n    found += ", so far"\n    raise ModelError(found)',
            ["the end", "the end, so far"],
        ),
        (
            'raise ModelError(f"give {TABLE[n]} twice")',
            ["a cat", "a dog", "a cow", "an ox", "give {words} twice"],
        ),
        ('raise ModelError(f"see {helper(n)}")', ["line {}", "see {words}"]),
        ("raise ModelError(f\"one of {', '.join(names)}\")", ["one of {}"]),
        ("raise ModelError(f\"one of {' or '.join(names)}\")", ["{} or {words}", "one of {words}"]),
        ('refuse("a ring", n)', ["a ring", "{words} is round", "so it is"]),
        (
            'try: ...\n    except OSError as oops: raise ModelError(f"cannot: {oops}")',
            ["cannot: {words}"],
        ),
    ],
)
def test_messages_are_found_in_sources(tmp_path: Path, source: str, templates: list[str]) -> None:
    path = tmp_path / "source.py"
    refuse = (
        'def refuse(what: str, n: int, remedy: str = "so it is"):\n'
        '    raise ModelError(f"{what} is round", remedy=remedy)\n'
    )
    path.write_text(
        "class SymbackpropError(Exception): ...\n"
        "class ModelError(SymbackpropError): ...\n"
        'TABLE = {1: "a cat", 2: "a dog", 3: "a cow", 4: "an ox"}\n'
        'def helper(n: int) -> str:\n    return f"line {n}"\n'
        f"def run(n, names, error, kind):\n    {source}\n" + refuse * ("refuse" in source)
    )
    assert set(Messages([path]).templates) == set(templates)


def test_words_are_told_from_names_and_options() -> None:
    assert has_words("give {} twice")
    assert not any(map(has_words, ("--size", "Linear", "{}[{}]", "LinearWarmup({})", "W1")))


# --- the command ------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "loaded"), [("en", False), ("zh", True)])
def test_a_mistyped_command_loads_only_the_words_it_needs(language: str, loaded: bool) -> None:
    code = (
        "import sys\nfrom symbp.main import cli\n"
        f"try:\n    cli(['derrive', '--lang', '{language}'])\n"
        "except SystemExit as exit:\n    assert exit.code == 2\n"
        "rooms = {'sympy', 'symbackprop.typeset', 'symbackprop.typeset.words.zh_messages'}\n"
        "print(sorted(rooms & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli")])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert bool(done.stdout.strip() != "[]") is loaded
    assert done.stderr.startswith("错误：没有名为 'derrive' 的命令" if loaded else "error: unknown")
