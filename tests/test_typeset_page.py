"""The page of a derivation: repeated blocks, what it costs, what a step changed."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import symbackprop as sb
from symbackprop.typeset import Composer, shown_names
from symbackprop.typeset.arrange import arrange
from symbackprop.typeset.changes import marked
from symbackprop.typeset.costs import multiplications
from symbackprop.typeset.names import latex_glyph
from symbackprop.typeset.order import Context
from symbackprop.typeset.page import Entry, Fold, Page, Row, Section
from symbackprop.typeset.text import END, MARK, text

n, i, j = sb.index("n", "N"), sb.index("i", "D"), sb.index("j", "H")
x, w = sb.input("x", n, i), sb.parameter("W", j, i)
a = sb.Tensor("a", (n, j))


def deep(depth: int, width: int = 7) -> Page:
    hidden = [layer for _ in range(depth) for layer in (sb.Linear(width, width), sb.ReLU())]
    net = sb.Sequential(sb.Linear(5, width), sb.ReLU(), *hidden, sb.Linear(width, 3))
    return Composer(sb.derive(net.system(sb.MSELoss())).backward, ("index", "row")).page()


def folds(section: Section) -> list[Fold]:
    return [entry for entry in section.entries if isinstance(entry, Fold)]


# --- repeated blocks ------------------------------------------------------------------


def test_a_long_networks_page_is_as_long_as_a_short_ones() -> None:
    short, long = deep(4), deep(20)
    for page in (short, long):
        for section in (page.forward, page.backward, page.gradients):
            (fold,) = folds(section)
            assert fold.like not in range(fold.first, fold.last + 1)
    for one, other in zip(short.sections("key"), long.sections("key"), strict=True):
        assert len(one.entries) == len(other.entries)
    assert len(short.given) == len(long.given)
    assert len(short.summary) == len(long.summary)


def test_what_is_folded_is_what_the_shown_block_says() -> None:
    page = deep(6)
    (fold,) = folds(page.forward)
    assert (fold.like, fold.first, fold.last) == (1, 2, 6)
    assert [entry.name for entry in fold.entries] == [
        f"{letter}{layer}" for layer in range(3, 8) for letter in "za"
    ]
    said = [tuple(map(text, letters)) for letters in fold.renamed]
    assert said == [("z2", "z3", "z7"), ("a2", "a3", "a7")]
    # The last block's adjoints meet the output layer, so another one is the model.
    (fold,) = folds(page.backward)
    assert (fold.like, fold.first, fold.last) == (5, 4, 1)


def test_every_equation_is_on_the_page_once_folded_or_not() -> None:
    net = sb.Sequential(
        sb.GPT(vocab_size=5, block_size=2, n_layer=4, n_head=2, n_embd=4), sb.Flatten(0, 1)
    )
    composer = Composer(sb.derive(net.system(sb.CrossEntropyLoss())).backward)
    plain, folded = composer.page(folded=False), composer.page()
    pairs = zip(plain.sections("key"), folded.sections("key"), strict=True)
    for one, other in pairs:
        assert folds(other)
        assert [e.name for e in one.all_entries()] == [e.name for e in other.all_entries()]
    assert not any(folds(section) for section in plain.sections("key"))


def test_blocks_that_differ_are_not_folded() -> None:
    def plain() -> list[Any]:
        return [layer for _ in range(2) for layer in (sb.Linear(7, 7), sb.ReLU())]

    net = sb.Sequential(*plain(), sb.Linear(7, 7), sb.Tanh(), *plain())
    page = Composer(sb.derive(net.system(sb.MSELoss())).backward).page()
    assert not folds(page.forward)
    net = sb.Sequential(*plain(), sb.Linear(7, 5), sb.ReLU(), sb.Linear(5, 7), sb.ReLU(), *plain())
    page = Composer(sb.derive(net.system(sb.MSELoss())).backward).page()
    assert not folds(page.forward)


# --- the summary ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rhs", "cost"),
    [
        (sp.Sum(x[n, i] * w[j, i], i), "N*D*H"),
        (sp.Sum(x[n, i] * w[j, i], i) + a[n, j] ** 2, "N*D*H + N*H"),
        (sp.exp(a[n, j]) / sp.Sum(sp.exp(a[n, j]), j), "N*H + 3*N*H"),
        (-a[n, j], "0"),
    ],
)
def test_products_are_counted(rhs: sp.Expr, cost: str) -> None:
    sizes = {name: sb.size(name) for name in "NDH"}
    expected = sp.Integer(0)
    for term in cost.split(" + "):
        expected += sp.prod(
            [sizes[word] if word in sizes else sp.Integer(int(word)) for word in term.split("*")]
        )
    assert multiplications(sb.Equation(a, rhs)) == expected


def test_the_summary_has_a_row_for_every_derivative() -> None:
    net = sb.Sequential(sb.Linear("D", "H"), sb.Sigmoid(), sb.Linear("H", "K"))
    derivation = sb.derive(net.system(sb.MSELoss()))
    page = Composer(derivation.backward).page()
    shown = [row for row in page.summary if isinstance(row, Row)]
    rows = {row.gradient.subject: row for row in shown if row.gradient}
    assert set(rows) == {*derivation.adjoints, *derivation.gradients}
    assert rows["W1"].forward.name == "z1"
    assert [text(size) for size in rows["W1"].shape] == ["H", "D"]
    assert text(rows["W1"].cost) == "N·D·H"


# --- marks ----------------------------------------------------------------------------


def shown(expr: sp.Expr, other: sp.Expr) -> tuple[str, str]:
    context = Context({t.name: t for t in (x, w, a)}).binding((n, j))
    sides = marked(arrange(expr, context), arrange(other, context))
    return tuple(text(side).replace(MARK, "«").replace(END, "»") for side in sides)


def test_what_a_step_changed_is_marked_and_nothing_else() -> None:
    value, folded = sb.sigmoid(x[n, i]), a[n, i]
    assert shown(value * (1 - value) * w[j, i], folded * (1 - folded) * w[j, i]) == (
        "W[j,i]·«σ(x[n,i])»·(1 − «σ(x[n,i])»)",
        "«a[n,i]»·W[j,i]·(1 − «a[n,i]»)",
    )


def test_nothing_is_marked_where_nothing_stays() -> None:
    assert shown(x[n, i], a[n, j]) == ("x[n,i]", "a[n,j]")


# --- other names ----------------------------------------------------------------------


def test_symbols_are_shown_under_other_names_everywhere() -> None:
    net = sb.Sequential(sb.Linear("D", "H"))
    backward = sb.derive(net.system(sb.MSELoss())).backward
    names = {"W1": latex_glyph("\\Theta"), "N": latex_glyph("B"), "dz1": latex_glyph("e")}
    page = Composer(backward, ("index", "row"), names).page()
    entries: dict[str, Entry] = {e.name: e for s in page.sections("key") for e in s.all_entries()}
    gradient = entries["dW1"].views
    assert [text(side) for side in gradient["row"].left] == ["∂L/∂Θ"]
    assert text(gradient["row"].right) == "eᵀ·x"
    assert "B" in text(entries["dz1"].views["index"].right)
    assert {text(given.letter) for given in page.given if not isinstance(given, Fold)} >= {"Θ"}


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ({"V1": "V"}, "unknown symbol 'V1'"),
        ({"W1": "x"}, "W1 would look like x"),
        ({"W1": "A", "b1": "A"}, "would look like"),
    ],
)
def test_a_name_nobody_has_and_two_symbols_alike_are_refused(
    renamed: dict[str, str], message: str
) -> None:
    backward = sb.derive(sb.Sequential(sb.Linear("D", "H")).system(sb.MSELoss())).backward
    with pytest.raises(sb.SymbackpropError, match=message):
        shown_names(backward, renamed)


def test_two_symbols_may_change_places() -> None:
    backward = sb.derive(sb.Sequential(sb.Linear("D", "H")).system(sb.MSELoss())).backward
    assert set(shown_names(backward, {"x": "y", "y": "x"})) == {"x", "y"}
