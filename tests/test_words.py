"""The catalogues: complete in every language, and fit to stand on a page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_systems import PAGES

import symbackprop.language as sb
from symbackprop.calculus import ALL_RULES, derive_backward
from symbackprop.errors import UnknownNameError
from symbackprop.typeset import LANGUAGES, WORDS, Composer, phrase, text_derivation
from symbackprop.typeset.page_article import article_page
from symbackprop.typeset.page_latex import latex_page
from symbackprop.typeset.page_markdown import markdown_page
from symbackprop.typeset.page_text import text_page

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "symbackprop").rglob("*.py"), *(ROOT / "cli").rglob("*.py")])
#: Latin words that a Chinese page has too.
INTERNATIONAL = {
    *("argmax", "LaTeX", "Esc", "symbackprop", "symbp", "debug"),
    *("sympy", "diff", "torch", "autograd", "float", "nn"),
}

each_language = pytest.mark.parametrize("language", LANGUAGES)


def names_in_braces(words: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", words))


@each_language
def test_every_rule_has_words_in_every_language(language: str) -> None:
    entries = [rule + entry for rule in ALL_RULES for entry in ("", ".brief", ".why")]
    missing = [key for key in entries if key not in WORDS[language]]
    assert not missing, f"no words in {language!r} for {missing}"


@each_language
def test_a_language_says_what_english_says(language: str) -> None:
    words, english = WORDS[language], WORDS["en"]
    assert set(words) == set(english)
    assert all(found.strip() for found in words.values())
    for key in english:
        assert names_in_braces(words[key]) == names_in_braces(english[key]), key


@each_language
def test_every_role_and_every_key_in_the_source_has_words(language: str) -> None:
    trees = [ast.parse(path.read_text("utf-8")) for path in SOURCES]
    keys = {*sb.Role, *(key for tree in trees for key in _keys(tree))}
    assert {"given", "note-bracket", "matrix-form", "base"} <= keys
    assert keys <= WORDS[language].keys()


def _keys(tree: ast.AST) -> Iterator[str]:
    """The keys that are written out where a phrase is asked for."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        # A function, or a method of a writer.
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in {"phrase", "Reason", "text_reason", "_word", "_heading", "_part"}:
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield first.value


def test_chinese_is_chinese() -> None:
    for key, words in WORDS["zh"].items():
        plain = re.sub(r"\{\w+\}", "", words)
        if key != "language-tag":
            assert set(re.findall(r"[A-Za-z]{2,}", plain)) <= INTERNATIONAL, words
            assert not re.search(r"[,;:!?()]", plain), f"a narrow stop in {words}"
    for key, words in WORDS["en"].items():
        assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", words), key


def test_chinese_stands_apart_from_formulas_and_latin() -> None:
    ideograph = r"[\u4e00-\u9fff]"
    for key, found in WORDS["zh"].items():
        # The sizes that were tried come in parentheses of their own.
        words = found.replace("{sizes}", "") if key == "checked" else found
        assert not re.search(rf"{ideograph}[{{A-Za-z0-9]|[}}A-Za-z0-9]{ideograph}", words), words


@each_language
def test_reasons_need_no_escape_in_latex(language: str) -> None:
    beside_formulas = [*sb.Role, "base", *ALL_RULES, *(f"{rule}.brief" for rule in ALL_RULES)]
    for key in beside_formulas:
        words = re.sub(r"\{used\}", "", phrase(key, language))
        assert not re.search(r"[#$%&_^~\\{}]", words), key


@each_language
@pytest.mark.parametrize("name", ["c_batch_norm", "i_attention"])
def test_every_step_is_explained_with_what_it_used(language: str, name: str) -> None:
    backward = derive_backward(*PAGES[name]())
    page = text_derivation(backward, level="all", language=language)
    assert not names_in_braces(page)
    for rule in {step.rule for step in backward.steps}:
        assert f"        {phrase(rule, language)}{phrase('colon', language)}" in page


def test_a_chinese_page_has_chinese_words() -> None:
    page = text_derivation(derive_backward(*PAGES["c_batch_norm"]()), level="all", language="zh")
    assert page.startswith("已知\n")
    assert "链式法则：对所有用到 r 的等式求和" in page
    assert "克罗内克 δ：每个克罗内克 δ 从求和中选出一项" in page


def test_an_unknown_language_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownNameError) as caught:
        phrase("given", "zn")
    assert caught.value.what == "unknown language 'zn'"
    assert caught.value.where == "--lang zn"
    assert caught.value.remedy == "did you mean 'zh'? known: en, zh"


def test_an_unknown_rule_has_no_words() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'factor'"):
        phrase("facto")


@pytest.mark.parametrize("write", [text_page, latex_page, markdown_page, article_page])
def test_the_words_in_formulas_are_of_the_pages_language(write) -> None:
    page = Composer(derive_backward(*PAGES["i_masked_attention"]())).page()
    assert "otherwise" in write(page, "index", "key", "en")
    shown = write(page, "index", "key", "zh")
    assert "其他" in shown
    assert "otherwise" not in shown
    assert " if " not in shown
