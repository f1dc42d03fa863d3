"""The page as an article: what is on it, that TeX sets it, and that nothing leaves the page."""

from __future__ import annotations

import re
import shutil
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import sympy as sp
from balanced import check_latex
from page_systems import PAGES
from tex import has_tex_file, overfull, set_by_tex

import symbackprop.language as sb
import symbackprop.library as lib
from symbackprop.calculus import derive_backward
from symbackprop.explanation import explained
from symbackprop.interop.examples import example
from symbackprop.interop.pdf import needs_unicode
from symbackprop.typeset import LANGUAGES, LEVELS, VIEWS, WORDS, Page
from symbackprop.typeset.page_article import article_page
from symbackprop.typeset.sentences import escaped


@cache
def page(name: str) -> Page:
    return explained(derive_backward(*PAGES[name]()), title=name)


@cache
def deep() -> Page:
    """Twelve layers alike, most of which are folded."""
    layers = [part for _ in range(12) for part in (lib.Linear("D", "D"), lib.Tanh())]
    system = lib.Sequential(*layers).system(lib.MSELoss())
    return explained(derive_backward(system), title="12 × Linear & Tanh, 100% #1")


def mathematics(article: str) -> list[str]:
    """All mathematics of a document."""
    body = article.partition(r"\begin{document}")[2]
    shown = re.findall(
        r"\\begin\{align\*\}.*?\\end\{align\*\}|(?<!\\)\\\[.*?(?<!\\)\\\]", body, re.DOTALL
    )
    inline = re.findall(r"(?<!\\)\$(.*?)(?<!\\)\$", re.sub(r"\\text\{[^{}]*\}", "", body))
    return [*(part.removeprefix(r"\[").removesuffix(r"\]") for part in shown), *inline]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_an_article_in_every_notation_and_language(name: str) -> None:
    for view, level, language in product(VIEWS, LEVELS, LANGUAGES):
        article = article_page(page(name), view, level, language)
        assert article.count(r"\begin{") == article.count(r"\end{")
        for part in mathematics(article):
            check_latex(part)
        if language == "en":
            assert not needs_unicode(article), "pdfTeX lacks a letter of it"


def test_a_step_is_shown_with_its_rule_a_sentence_and_what_changed() -> None:
    article = article_page(page("c_softmax_regression"), "row", "all")
    assert article.count(r"\rulename{Chain rule:}") > 3
    # at length once, in short afterwards
    assert article.count("so one index can replace the other") == 1
    assert article.count("each delta picks one term out of its sum") > 3
    assert re.search(r"\\changed\{.*?\} &= .*\\changed\{", article)
    assert r"\boxed{\frac{\partial L}{\partial W}" in article


def test_what_the_page_has_around_its_equations() -> None:
    article = article_page(deep(), "row", "key")
    for heading in ("Given", "Forward", "Backward", "Gradients", "Summary", "Notation"):
        assert rf"\section*{{{heading}}}" in article
    assert r"12 $\times$ Linear \& Tanh, 100\% \#1" in article
    assert r"\dots\ blocks 2 to 11 as block 1" in article
    assert "(denominator layout)" in article
    result = article_page(deep(), "row", "result")
    assert "Forward}" not in result
    assert "longtable}\n" not in result.partition(r"\begin{document}")[2]


@pytest.mark.parametrize(
    ("name", "view", "level"),
    [
        ("block", "row", "all"),
        ("h_lstm", "index", "all"),
        ("c_batch_norm", "column", "all"),
        ("k_strided_convolution", "row", "key"),
        ("first_max_pool", "row", "result"),
        ("deep", "row", "all"),
    ],
)
def test_tex_sets_it_and_nothing_leaves_the_page(name, view, level, tmp_path: Path) -> None:
    article = article_page(deep() if name == "deep" else page(name), view, level)
    assert not overfull(set_by_tex(article, tmp_path))
    log = set_by_tex(article, tmp_path)  # the table's columns are settled now
    assert not overfull(log)
    assert "mktexpk" not in log


@pytest.mark.parametrize("name", ["c_softmax_regression", "h_lstm"])
def test_tex_sets_it_in_chinese(name: str, tmp_path: Path) -> None:
    if not shutil.which("xelatex") or not has_tex_file("ctexart.cls"):
        pytest.skip("Chinese needs xelatex and ctex")
    log = set_by_tex(article_page(page(name), "row", "all", "zh"), tmp_path, "xelatex")
    assert not overfull(log)


def test_a_chinese_name_in_an_english_article(tmp_path: Path) -> None:
    n = sb.index("n", "N")
    x, w, loss = sb.input("误差", n), sb.parameter("50%_{1}"), sb.Tensor("L")
    system = sb.System([sb.Equation(loss, sp.Sum(w[()] * x[n] ** 2, n))], [x, w], minimize="L")
    article = article_page(explained(derive_backward(system)), "row", "all")
    assert r"\usepackage[UTF8,scheme=plain]{ctex}" in article
    if not shutil.which("xelatex") or not has_tex_file("ctex.sty"):
        pytest.skip("Chinese names need xelatex and ctex")
    set_by_tex(article, tmp_path, "xelatex")


def test_english_words_need_no_letters_that_tex_lacks() -> None:
    for key, words in WORDS["en"].items():
        if not key.startswith("control-"):  # what only a page with buttons says
            assert not needs_unicode(escaped(words)), words


def test_numbers_stand_beside_the_equations(tmp_path: Path) -> None:
    known = example("mazur")
    system = known.system()
    backward = derive_backward(system, known.wrt)
    whole = explained(backward, ("row",), numbers=known.numbers(system))
    article = article_page(whole, "row", "all")
    assert "0.29102777369" in article.replace(r"\,", "")
    assert not overfull(set_by_tex(article, tmp_path))
