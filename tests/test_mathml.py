"""MathML: every kind of formula, every kind of symbol, and agreement with LaTeX."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import get_args

import pytest
import sympy as sp
from mathml_reader import check_mathml, signs_of_latex, signs_of_mathml
from page_systems import PAGES, SECOND_ORDER

import symbackprop.language as sb
from symbackprop.calculus import Backward, derive_backward, derive_hessian
from symbackprop.language import PRIMITIVES
from symbackprop.typeset import formula as tree
from symbackprop.typeset.arrange import arrange
from symbackprop.typeset.equations import EquationWriter
from symbackprop.typeset.formula import Call, Element, Formula, Number
from symbackprop.typeset.latex import latex
from symbackprop.typeset.mathml import OTHERWISE, math, mathml
from symbackprop.typeset.mathml_symbols import symbol
from symbackprop.typeset.names import glyph, latex_glyph, tensor_glyph
from symbackprop.typeset.order import Context

LEFT, RIGHT = '<mo stretchy="false">(</mo>', '<mo stretchy="false">)</mo>'
TIMES, APPLY, COMMA = "<mo>\u2062</mo>", "<mo>\u2061</mo>", "<mo>\u2063</mo>"
n, j, x, y, z = (Element(glyph(letter)) for letter in "njxyz")
one, two, half = Number(sp.S.One), Number(sp.Integer(2)), Number(sp.Rational(1, 2))
Z1 = Element(tensor_glyph(sb.Tensor("z1")), (n, j))
LESS = tree.Relation(n, "<", j)

#: By kind of node: a formula, and its MathML.
KINDS: dict[type, tuple[Formula, str]] = {
    tree.Number: (Number(sp.Rational(1, 100)), "<mn>0.01</mn>"),
    tree.Element: (
        Z1,
        '<msubsup data-name="z1"><mi>z</mi>'
        f"<mrow><mi>n</mi>{COMMA}<mi>j</mi></mrow>"
        f"<mrow>{LEFT}<mn>1</mn>{RIGHT}</mrow></msubsup>",
    ),
    tree.Partial: (
        tree.Partial(x, y, "dy"),
        '<mfrac data-name="dy"><mrow><mi>∂</mi><mi>x</mi></mrow>'
        "<mrow><mi>∂</mi><mi>y</mi></mrow></mfrac>",
    ),
    tree.Product: (tree.Product((x, two)), "<mrow><mi>x</mi><mo>⋅</mo><mn>2</mn></mrow>"),
    tree.Fraction: (tree.Fraction(one, x), "<mfrac><mn>1</mn><mi>x</mi></mfrac>"),
    tree.Total: (
        tree.Total(((True, x), (False, y))),
        "<mrow><mo>−</mo><mi>x</mi><mo>+</mo><mi>y</mi></mrow>",
    ),
    tree.Power: (tree.Power(x, two), "<msup><mi>x</mi><mn>2</mn></msup>"),
    tree.Transposed: (
        tree.Transposed(Element(glyph("x"), (n,))),
        "<msubsup><mi>x</mi><mi>n</mi><mi>⊤</mi></msubsup>",
    ),
    tree.Entrywise: (
        tree.Entrywise((x, y), (z,)),
        "<mrow><mi>x</mi><mo>⊙</mo><mi>y</mi><mo>⊘</mo><mi>z</mi></mrow>",
    ),
    tree.Norm: (
        tree.Norm(x, frobenius=True),
        '<msubsup><mrow><mo form="prefix">‖</mo><mi>x</mi><mo form="postfix">‖</mo></mrow>'
        "<mi>F</mi><mn>2</mn></msubsup>",
    ),
    tree.Root: (tree.Root(x), "<msqrt><mi>x</mi></msqrt>"),
    tree.Reduction: (
        tree.Reduction("sum", (n, j), x),
        "<mrow><munder><mo>∑</mo><mrow><mi>n</mi><mo>,</mo><mi>j</mi></mrow></munder>"
        "<mi>x</mi></mrow>",
    ),
    tree.Call: (
        Call(PRIMITIVES["relu"], (x,)),
        f"<mrow><mi>relu</mi>{APPLY}<mrow>{LEFT}<mi>x</mi>{RIGHT}</mrow></mrow>",
    ),
    tree.Group: (tree.Group(x), f"<mrow>{LEFT}<mi>x</mi>{RIGHT}</mrow>"),
    tree.Relation: (LESS, "<mrow><mi>n</mi><mo>&lt;</mo><mi>j</mi></mrow>"),
    tree.Tuple: (
        tree.Tuple((n, j)),
        f"<mrow>{LEFT}<mrow><mi>n</mi><mo>,</mo><mi>j</mi></mrow>{RIGHT}</mrow>",
    ),
    tree.Joined: (
        tree.Joined((x, tree.Joined((y, z), "or")), "and"),
        f"<mrow><mi>x</mi><mo>,</mo><mrow>{LEFT}"
        f"<mrow><mi>y</mi><mo>∨</mo><mi>z</mi></mrow>{RIGHT}</mrow></mrow>",
    ),
    tree.Bracket: (
        tree.Bracket(LESS),
        '<mrow><mo stretchy="false">[</mo><mrow><mi>n</mi><mo>&lt;</mo><mi>j</mi></mrow>'
        '<mo stretchy="false">]</mo></mrow>',
    ),
    tree.Cases: (
        tree.Cases(((x, LESS), (y, None))),
        '<mrow><mo>{</mo><mtable class="cases">'
        "<mtr><mtd><mi>x</mi></mtd>"
        "<mtd><mrow><mi>n</mi><mo>&lt;</mo><mi>j</mi></mrow></mtd></mtr>"
        f"<mtr><mtd><mi>y</mi></mtd><mtd>{OTHERWISE}</mtd></mtr></mtable></mrow>",
    ),
    tree.Figure: (tree.Figure("0.3775"), "<mn>0.3775</mn>"),
    tree.Dots: (tree.Dots("down"), "<mo>⋮</mo>"),
    tree.Table: (
        tree.Table(((one, two), (x, tree.Dots()))),
        '<mrow><mo>[</mo><mtable class="numbers">'
        "<mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr>"
        "<mtr><mtd><mi>x</mi></mtd><mtd><mo>⋯</mo></mtd></mtr></mtable><mo>]</mo></mrow>",
    ),
    tree.Marked: (tree.Marked(x), '<mrow class="changed"><mi>x</mi></mrow>'),
}


def test_every_kind_of_formula_is_shown_here() -> None:
    assert set(KINDS) == set(get_args(Formula))
    assert all(type(formula) is kind for kind, (formula, _) in KINDS.items())


@pytest.mark.parametrize("kind", get_args(Formula), ids=lambda kind: kind.__name__)
def test_a_kind_of_formula(kind: type) -> None:
    formula, expected = KINDS[kind]
    assert mathml(formula) == expected
    check(formula)


def check(formula: Formula) -> None:
    found = check_mathml(math([formula]))
    assert signs_of_mathml(found) == signs_of_latex(latex(formula)), latex(formula)


MORE: list[Formula] = [
    tree.Figure("1.5", -7),
    tree.Figure("1", 12),
    tree.Figure("∞"),
    tree.Dots("both"),
    tree.Transposed(tree.Table(((one, tree.Total(((True, two),))),))),
    tree.Relation(x, "~", two),
    tree.Relation(x, "<-", tree.Total(((False, x), (True, y)))),
    Number(sp.Rational(3, 200000)),
    Number(sp.Rational(1, 100000)),
    tree.Partial(tree.Partial(x, y), tree.Partial(x, z)),
    tree.Partial(x, tree.Partial(x, z)),
    tree.Product((two, x), tight=True),
    tree.Power(Z1, two),
    tree.Power(x, two, entrywise=True),
    tree.Transposed(Z1),
    tree.Transposed(tree.Group(tree.Total(((False, x), (True, y))))),
    tree.Norm(x, frobenius=False),
    tree.Reduction("max", (n,), x),
    Call(PRIMITIVES["log"], (x,), bare=True),
    Call(glyph("sigma'"), (x, y)),
    Element(glyph("a_in"), (tree.Total(((False, n), (True, one))), j)),
    Element(glyph("W1"), (Element(glyph("n'")), j)),
    *(Call(record, (x, y)[: record.arity]) for record in PRIMITIVES.values()),
    *(tree.Relation(x, sign, y) for sign in (">", ">=", "<=", "=", "!=")),
]  # fmt: skip


@pytest.mark.parametrize("formula", MORE, ids=latex)
def test_what_else_a_formula_may_hold(formula: Formula) -> None:
    check(formula)


def test_a_power_of_a_symbol_stands_above_its_subscripts() -> None:
    squared = tree.Power(Element(glyph("x"), (n,)), two)
    assert mathml(squared) == "<msubsup><mi>x</mi><mi>n</mi><mn>2</mn></msubsup>"
    assert mathml(tree.Power(Z1, two)).startswith(f"<msup><mrow>{LEFT}<msubsup")


def test_products_and_functions_are_read_aloud() -> None:
    assert TIMES in mathml(tree.Product((x, y)))
    assert TIMES in mathml(tree.Product((two, x), tight=True))
    assert mathml(Call(PRIMITIVES["log"], (x,), bare=True)) == (
        '<mrow><mi>log</mi><mo rspace="0.17em">\u2061</mo><mi>x</mi></mrow>'
    )


def test_a_mark_changes_nothing_around_it() -> None:
    index, layer = Element(glyph("n'")), Element(glyph("W1"))
    for formula, changed, part in (
        (Element(glyph("z"), (index, j)), Element(glyph("z"), (tree.Marked(index), j)), index),
        (tree.Product((x, two)), tree.Product((x, tree.Marked(two))), two),
        (tree.Power(layer, two), tree.Power(tree.Marked(layer), two), layer),
    ):
        mark = mathml(tree.Marked(part))
        assert mathml(changed).replace(mark, mathml(part)) == mathml(formula)
        mark = latex(tree.Marked(part))
        assert latex(changed).replace(mark, latex(part)) == latex(formula)


def test_fences_stretch_around_what_is_tall() -> None:
    assert mathml(tree.Group(tree.Fraction(one, x))).startswith("<mrow><mo>(</mo><mfrac>")


def test_signs_of_positions_stand_close() -> None:
    place = tree.Total(((False, n), (True, one)))
    assert '<mo lspace="0" rspace="0">−</mo>' in mathml(Element(glyph("h"), (place,)))


def test_an_equality_is_one_formula() -> None:
    assert math([x, y], display=True) == (
        '<math display="block"><mi>x</mi><mo>=</mo><mi>y</mi></math>'
    )


# --- symbols --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("W", "W"), ("W1", "W(1)"), ("lambda", "λ"), ("beta_1", "β1"), ("y_hat", "y^"),
        ("x_bar", "x¯"), ("out_tilde", "out~"), ("权重", "权重"), ("z_隐藏", "z隐藏"),
        ("h'", "h′"), ("W_{hx}", "Whx"), ("gamma_max", "γmax"), ("a<b", "a<b"), ("a&b", "a&b"),
        ("W_1^2", "W12"), ("Omega", "Ω"), ("naïve", "naïve"), ("w_é", "wé"), ("1st", "1st"),
        ("a_b_c", "a_b_c"), ("σ2", "σ(2)"),
    ],
)  # fmt: skip
def test_a_name_is_shown_whole(name: str, shown: str) -> None:
    tensor = sb.Tensor(name)
    written = mathml(Element(tensor_glyph(tensor)))
    found = check_mathml(written)
    assert sorted("".join(found.itertext())) == sorted(shown)
    assert found.get("data-name") == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\mathbf{1}", '<mi>𝟏</mi>'),
        (r"\mathbf{1}_{c_t}", "<msub><mi>𝟏</mi><msub><mi>c</mi><mi>t</mi></msub></msub>"),
        (r"\mathcal{L}", "<mi>ℒ</mi>"),
        (r"\boldsymbol{Wx}", "<mi>𝑾𝒙</mi>"),
        (r"\mathbb{R}", "<mi>ℝ</mi>"),
        (r"\ell", "<mi>ℓ</mi>"),
        (r"\Gamma", '<mi mathvariant="normal">Γ</mi>'),
        (r"\mathrm{d}", '<mi mathvariant="normal">d</mi>'),
        (r"\mathrm{softmax}", "<mi>softmax</mi>"),
        (r"\text{权重}", "<mtext>权重</mtext>"),
        ("x_{10}", "<msub><mi>x</mi><mn>10</mn></msub>"),
        ("{x}'", "<mrow><mi>x</mi><mo>′</mo></mrow>"),
        ("'", "<mo>′</mo>"),
        (r"x\,y", "<mrow><mi>x</mi><mi>y</mi></mrow>"),
        (r"\left(a\right)", f"<mrow>{LEFT}<mi>a</mi>{RIGHT}</mrow>"),
        (r"\somecommand", "<mi>somecommand</mi>"),
        ("^2", "<msup><mrow></mrow><mn>2</mn></msup>"),
        ("x^", "<mi>x</mi>"),
        ("<", "<mo>&lt;</mo>"),
    ],
)  # fmt: skip
def test_a_symbol_given_as_latex(text: str, expected: str) -> None:
    assert symbol(text) == expected
    check_mathml(symbol(text))


def test_a_prime_stands_beside_a_superscript() -> None:
    assert mathml(Element(latex_glyph("W'^{(1)}"), (n,))) == (
        "<msubsup><mrow><mi>W</mi><mo>′</mo></mrow><mi>n</mi>"
        f"<mrow>{LEFT}<mn>1</mn>{RIGHT}</mrow></msubsup>"
    )


@pytest.mark.parametrize("text", ["{", "}", "_", "^", "\\", "a_", "\\hat", "x^{", "\\mathrm"])
def test_latex_that_is_cut_off_breaks_no_page(text: str) -> None:
    check_mathml(f"<math>{symbol(text)}</math>")


def test_a_name_cannot_leave_its_attribute() -> None:
    written = mathml(Element(tensor_glyph(sb.Tensor('x"><script>'))))
    assert "<script" not in written
    assert unescape(check_mathml(written).get("data-name", "")) == 'x"><script>'


# --- agreement ------------------------------------------------------------------------------


def formulas(backward: Backward) -> Iterator[Formula]:
    """All that a page of a derivation shows."""
    equations = [
        *backward.system.equations,
        *backward.adjoints.values(),
        *backward.gradients.values(),
    ]
    for notation, convention in (("index", "row"), ("matrix", "row"), ("matrix", "column")):
        writer = EquationWriter(backward.tensors, notation, convention, backward.of)  # type: ignore[arg-type]
        for equation in equations:
            yield from writer.sides(equation)
    for step in backward.steps:
        places = step.lhs.indices if isinstance(step.lhs, sp.Indexed) else ()
        context = Context(backward.tensors, backward.of).binding(places)
        yield arrange(step.before, context)
        yield arrange(step.after, context)


@pytest.mark.parametrize("name", [*PAGES, *SECOND_ORDER])
def test_what_latex_shows_mathml_shows(name: str) -> None:
    if name in PAGES:
        backward = derive_backward(*PAGES[name]())
    else:
        make, wrt = SECOND_ORDER[name]
        backward = derive_hessian(make(), wrt)
    for formula in formulas(backward):
        check(formula)
    names = {name for f in formulas(backward) for name in names_in(f)}
    # What is defined or given can be found by its name, and nothing else has one.
    assert names <= set(backward.tensors)
    assert {equation.name for equation in backward.gradients.values()} <= names


def names_in(formula: Formula) -> Iterator[str]:
    for element in check_mathml(mathml(formula)).iter():
        if "data-name" in element.attrib:
            yield element.attrib["data-name"]
