"""Pages on a screen: nothing wider than it, formulas broken where they read on, colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest
from page_systems import PAGES

from symbackprop.calculus import derive_backward
from symbackprop.typeset import LANGUAGES, LEVELS, Checked, Composer, Page, text_page
from symbackprop.typeset.changes import _kids, _with_kids
from symbackprop.typeset.colours import painted
from symbackprop.typeset.columns import columns, display_width
from symbackprop.typeset.formula import Formula, Marked
from symbackprop.typeset.text import END, MARK, text
from symbackprop.typeset.wrapping import TIE, equation, formula, sentence

CHECKED = Checked(50, 2, {"N": 7, "D": 11, "H": 13, "K": 3, "T": 17}, 24, 3e-77)
ESCAPE = re.compile(r"\x1b\[[\d;]*m")
VIEWS = ("index", "row")


@cache
def page(name: str) -> Page:
    return Composer(derive_backward(*PAGES[name]()), VIEWS).page(checked=CHECKED)


def squeezed(lines: list[str]) -> str:
    return "".join("".join(lines).split())


# --- whole pages --------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_no_line_of_a_page_is_wider_than_the_screen(name: str) -> None:
    for view in VIEWS:
        for language in LANGUAGES:
            for width in (80, 64):
                lines = text_page(page(name), view, "all", language, width=width).splitlines()
                assert max(map(display_width, lines)) <= width
                assert not any(TIE in line or line != line.rstrip() for line in lines)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["c_batch_norm", "i_attention", "h_lstm"])
def test_colours_change_nothing_but_the_colour(name: str, level) -> None:
    plain = text_page(page(name), "row", level)
    assert not re.search(f"[\x1b{MARK}{END}]", plain)
    coloured = text_page(page(name), "row", level, colour=True)
    assert ESCAPE.sub("", coloured) == plain
    assert "\x1b[1mGradients\x1b[0m\n" in coloured
    for line in coloured.splitlines():  # what a line begins it also ends
        codes = ESCAPE.findall(line)
        assert [code == "\x1b[0m" for code in codes] == [False, True] * (len(codes) // 2)


def test_results_titles_and_changes_each_have_their_colour() -> None:
    bold, title, result, changed, end = (f"\x1b[{code}m" for code in ("1", "36", "32", "1;35", "0"))
    shown = text_page(page("c_softmax_regression"), "index", "all", colour=True)
    assert f"{bold}Gradients{end}\n" in shown
    assert f"{title}Kronecker delta:{end} each delta picks one term out of its sum" in shown
    # The last line of a gradient is a result, and the step to it has changed an index.
    assert f"\n    {result}= Σₙ ∂L/∂{end}{changed}z[n,e]{end}\n" in shown
    assert shown.count(result) == 4, "one piece of ∂L/∂b, three of ∂L/∂W"
    plain = text_page(page("c_softmax_regression"), "index", "key", colour=True)
    assert f"\n  {result}∂L/∂b[e] = Σₙ ∂L/∂z[n,e]{end}\n" in plain
    assert changed not in plain


def marked_anywhere(formula: Formula) -> Iterator[Formula]:
    """A formula with a mark around one of its parts, for each of them."""
    kids = list(_kids(formula))
    for place, kid in enumerate(kids):
        for mark in (Marked(kid), *marked_anywhere(kid)):
            yield _with_kids(formula, iter([*kids[:place], mark, *kids[place + 1 :]]))


@pytest.mark.parametrize("name", ["c_softmax_regression", "j_layer_norm", "max_pool", "block"])
def test_a_mark_in_text_changes_nothing_around_it(name: str) -> None:
    seen = set()
    for section in page(name).sections("all"):
        for entry in section.all_entries():
            sides = [*(move.after for move in entry.moves), entry.shown("row").right]
            for plain in sides:
                for mark in marked_anywhere(plain):
                    seen.add(text(mark))
                    assert re.sub(f"[{MARK}{END}]", "", text(mark)) == text(plain)
    assert len(seen) > 100


def test_a_mark_goes_on_over_lines_and_not_into_their_margins() -> None:
    assert painted([f"  a {MARK}b", f"    c{END} d"]) == [
        "  a \x1b[1;35mb\x1b[0m",
        "    \x1b[1;35mc\x1b[0m d",
    ]


# --- sentences ----------------------------------------------------------------------------


def test_a_sentence_hangs_and_keeps_formulas_together() -> None:
    words = f"the system declares Σₖ{TIE}p[n,k]{TIE}={TIE}1 of every row"
    assert sentence(words, 30, "  ", "    ") == [
        "  the system declares",
        "    Σₖ p[n,k] = 1 of every row",
    ]
    # What is tied and wider than a line is broken all the same.
    assert sentence(words, 16)[2:4] == ["Σₖ p[n,k] = 1 of", "every row"]
    assert sentence(words, 9)[2:5] == ["declares", "Σₖ p[n,k]", "= 1 of"]


def test_a_chinese_sentence_ends_a_line_anywhere_but_before_a_stop() -> None:
    words = "对所有用到 z1 的等式求和（每一个），再相加。"
    lines = sentence(words, 12)
    assert all(display_width(line) <= 12 for line in lines)
    assert squeezed(lines) == squeezed([words])
    assert not any(line[0] in "，。）" or line[-1] in "（" for line in lines)
    assert lines[0] == "对所有用到"
    assert max(map(len, lines)) < 12, "a Chinese character takes two places"


def test_formatting_characters_take_no_place() -> None:
    assert display_width(f"{MARK}链{END} â") == 4
    assert columns([("链式", "a"), ("abcd", "b"), ("a", "c")]) == ["链式  a", "abcd  b", "a     c"]


# --- formulas -----------------------------------------------------------------------------


def test_rows_of_a_sum_begin_with_signs_under_the_equals_sign() -> None:
    right = "∂L/∂r[n,t,d] + Σ_{h,g} (∂L/∂Q[n,h,t,g])·W[h,g,d] − Σ_{h,g} b[h]·V[h,g,d]"
    assert equation("∂L/∂x", right, 50, 2) == [
        "  ∂L/∂x = ∂L/∂r[n,t,d]",
        "        + Σ_{h,g} (∂L/∂Q[n,h,t,g])·W[h,g,d]",
        "        − Σ_{h,g} b[h]·V[h,g,d]",
    ]
    assert equation("∂L/∂x", right, 90, 2) == [f"  ∂L/∂x = {right}"]
    assert equation("", right, 50, 4)[1].startswith("    + Σ_{h,g}")


def test_a_long_left_side_has_a_line_of_its_own() -> None:
    left, right = "δ1[n,j] = ∂L/∂z1[n,j]", "Σₘ (a[m] − b[m])·[j = m]·[n = n']"
    assert equation(left, right, 54) == [left, f"  = {right}"]
    assert equation(left, right, 60) == [f"{left} = {right}"]


def test_a_term_is_broken_between_factors_only_where_nothing_else_helps() -> None:
    assert formula("aaaa·bbbb + cccc·dddd", 14) == ["aaaa·bbbb", "+ cccc·dddd"]
    assert formula("aaaa·bbbb·cccc + d", 10) == ["aaaa·bbbb", "  ·cccc", "+ d"]
    # A row with the rest of one term and another whole one would read wrongly.
    assert formula("aaaaaa·bbbbbb + c·d", 12) == ["aaaaaa", "  ·bbbbbb", "+ c·d"]


def test_parentheses_are_broken_inside_if_they_are_long() -> None:
    long = "r[d]·(∂L/∂x[n,d] − 1/N · Σₙ ∂L/∂x[n,d] − y[n,d])"
    assert formula(long, 44) == ["r[d]·(∂L/∂x[n,d] − 1/N · Σₙ ∂L/∂x[n,d]", "  − y[n,d])"]
    short = "(∂L/∂a[n,j])·σ(z[n,j])·(1 − σ(z[n,j]))·[n = m]"
    assert formula(short, 44) == ["(∂L/∂a[n,j])·σ(z[n,j])·(1 − σ(z[n,j]))", "  ·[n = m]"]


def test_no_row_begins_inside_positions_nor_without_need_in_conditions() -> None:
    assert formula("a[2 + b − c,d]_{x + y}", 8) == ["a[2 + b − c,d]_{x + y}"]
    assert formula("(aaaaaa + bbbb)·[ccc = d]", 18) == ["(aaaaaa + bbbb)", "  ·[ccc = d]"]
    # A condition that has no line to itself is broken all the same.
    assert formula("[cccccc + d = eeeeee]", 14) == ["[cccccc + d", "  = eeeeee]"]
    cases = "{aaaa + bbbb if c ≤ d; e otherwise}"
    assert formula(cases, 26) == ["{aaaa + bbbb if c ≤ d;", "  e otherwise}"]


@pytest.mark.parametrize("width", [24, 40, 80])
@pytest.mark.parametrize("name", ["j_layer_norm", "h_lstm", "k_strided_convolution"])
def test_broken_formulas_are_whole(name: str, width: int) -> None:
    for section in page(name).sections("all"):
        for entry in section.all_entries():
            for move in entry.moves:
                written = text(move.after)
                assert squeezed(formula(written, width)) == squeezed([written])
                assert squeezed(equation("x", written, width)) == squeezed([f"x={written}"])
