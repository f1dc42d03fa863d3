"""What equations look like: names, order, parentheses, whole derivations."""

import re

import pytest
import sympy as sp
from balanced import check_latex
from layer_cases import cases

import symbackprop.language as sb
import symbackprop.library as lib
from symbackprop.calculus import Backward, derive_backward
from symbackprop.errors import EquationError, OptionError, UnknownNameError
from symbackprop.typeset import (
    LEVELS,
    columns,
    latex_derivation,
    latex_equation,
    latex_expression,
    markdown_derivation,
    phrase,
    text_derivation,
    text_equation,
    text_expression,
)
from symbackprop.typeset.names import glyph, latex_glyph, tensor_glyph

n, i, j = sb.index("n", "N"), sb.index("i", 7), sb.index("j", 5)
k, m = sb.index("k", 3), sb.index("m", 3)
primed = sb.index("n'", "N")
SIZE = sb.size("N")


def _adjoint(tensor: sb.Tensor) -> sb.Tensor:
    return sb.Tensor("d" + tensor.name, tensor.indices, adjoint_of=tensor.name)


x, y = sb.input("x", n, i), sb.target("y", n, k)
labels = sb.target("c", n, domain=sb.Domain.LABEL, classes=sp.Integer(3))
W1, b1 = sb.parameter("W1", j, i), sb.parameter("b1", j)
W2, b2 = sb.parameter("W2", k, j), sb.parameter("b2", k)
lam, eta, beta1 = (sb.hyperparameter(name) for name in ("lambda", "eta", "beta1"))
eps, t = sb.hyperparameter("epsilon"), sb.input("t")
z1 = sb.Tensor("z1", (n, j), error_symbol=r"\delta^{(1)}")
z2 = sb.Tensor("z2", (n, k), error_symbol=r"\delta^{(2)}")
a1, p, loss = sb.Tensor("a1", (n, j)), sb.Tensor("p", (n, k)), sb.Tensor("L")
m_hat, v_hat = sb.Tensor("m_hat", (j, i)), sb.Tensor("v_hat", (j, i))
dz1, dz2, da1, dw1, dp = map(_adjoint, (z1, z2, a1, W1, p))
TENSORS = {
    tensor.name: tensor
    for tensor in (
        *(x, y, labels, W1, b1, W2, b2, lam, eta, beta1, eps, t, z1, a1, z2, p, loss),
        *(m_hat, v_hat, dp, dz2, da1, dz1, dw1),
    )
}
sigma, sigma_prime = sp.Function("sigma"), sp.Function("sigma'")
l_, e_, b_, s_ = lam[()], eps[()], beta1[()], eta[()]
decimal = sp.Rational


def show(expr: sp.Expr) -> tuple[str, str]:
    return (
        latex_expression(expr, TENSORS, ["n", "j", "k", "i"]),
        text_expression(expr, TENSORS, ["n", "j", "k", "i"]),
    )


# --- names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "latex", "text"),
    [
        ("W1", "W^{(1)}", "W1"),
        ("z12", "z^{(12)}", "z12"),
        ("lambda", r"\lambda", "λ"),
        ("beta_1", r"\beta_1", "β₁"),
        ("out", r"\mathrm{out}", "out"),
        ("W_hh", "W_{hh}", "W_hh"),
        ("h_out", r"h_{\mathrm{out}}", "h_out"),
        ("y_hat", r"\hat{y}", "ŷ"),
        ("z1_hat", r"\hat{z}^{(1)}", "ẑ1"),
        ("delta^{(l)}", r"\delta^{(l)}", "δ^{(l)}"),
        ("误差", r"\text{误差}", "误差"),
        ("误差 #1", r"\text{误差}\mathrm{\ \#1}", "误差 #1"),
        ("N", "N", "N"),
        ("S", "S", "S"),
        ("E", "E", "E"),
        ("I", "I", "I"),
        ("a_b_c", r"\mathrm{a\_b\_c}", "a_b_c"),
        ("100%", r"\mathrm{100\%}", "100%"),
        (r"x\y", r"\mathrm{x\backslash{}y}", r"x\y"),
        ("{", r"\mathrm{\{}", "{"),
        ("σ", r"\sigma", "σ"),
        ("sigma'", r"\sigma'", "σ'"),
    ],
)
def test_names_are_read_as_on_a_blackboard(name: str, latex: str, text: str) -> None:
    assert glyph(name).latex() == latex
    assert glyph(name).text == text


def test_a_hyperparameters_digits_are_a_subscript() -> None:
    assert tensor_glyph(beta1).latex() == r"\beta_1"
    assert tensor_glyph(sb.parameter("beta1", j)).latex() == r"\beta^{(1)}"


def test_a_tensors_own_latex_wins_and_its_subscript_meets_its_indices() -> None:
    weights = sb.parameter("W", j, i, latex=r"\Theta_{hh}")
    tensors = {"W": weights}
    assert latex_expression(weights[j, i], tensors) == r"\Theta_{hh,\,ji}"
    assert text_expression(weights[j, i], tensors) == "W[j,i]"


@pytest.mark.parametrize(
    ("latex", "text"),
    [(r"\delta^{(1)}", "δ1"), (r"\hat{y}", "ŷ"), (r"\beta_1", "β_1"), (r"{W}'", "W'")],
)
def test_given_latex_has_a_text(latex: str, text: str) -> None:
    assert latex_glyph(latex).text == text


def test_names_of_singletons_stay_letters_in_equations() -> None:
    names = [sb.input(name, n) for name in ("S", "E", "I", "N", "误差", "delta^{(l)}")]
    total = sp.Add(*(tensor[n] for tensor in names))
    latex = latex_expression(total, {tensor.name: tensor for tensor in names})
    assert latex == r"S_n + E_n + I_n + N_n + \text{误差}_n + \delta^{(l)}_n"
    check_latex(latex)


# --- expressions --------------------------------------------------------------------------

EXPRESSIONS = [
    # a sum, weights last; a gathered position; a number as a position
    (
        sp.Sum(x[n, i] * W1[j, i], i) + b1[j],
        r"\sum_{i} x_{ni} W^{(1)}_{ji} + b^{(1)}_j",
        "Σᵢ x[n,i]·W1[j,i] + b1[j]",
    ),
    (p[n, labels[n]], r"p_{n,\,c_n}", "p[n,c[n]]"),
    (p[n, 0], r"p_{n,\,0}", "p[n,0]"),
    # consecutive sums share a sign, in the order of the body's indices
    (
        -sp.Sum(sp.Sum(y[n, k] * sp.log(p[n, k]), k), n) / SIZE,
        r"-\frac{1}{N} \sum_{n,k} y_{nk} \log p_{nk}",
        "−1/N · Σₙₖ y[n,k]·log(p[n,k])",
    ),
    # coefficients: one fraction, collected, decimals where they were typed
    (p[n, k] / SIZE - y[n, k] / SIZE, r"\frac{1}{N} \left(p_{nk} - y_{nk}\right)", None),
    (2 * (p[n, k] - y[n, k]), r"2 \left(p_{nk} - y_{nk}\right)", "2·(p[n,k] − y[n,k])"),
    (l_ / 2 * sp.Sum(W1[j, i] ** 2, j, i), None, "λ/2 · Σⱼᵢ W1[j,i]²"),
    (decimal(1, 100) * z1[n, j], r"0.01 z^{(1)}_{nj}", "0.01·z1[n,j]"),
    (decimal(1, 4) * z1[n, j], r"\frac{z^{(1)}_{nj}}{4}", "z1[n,j]/4"),
    (z1[n, j] / 3, r"\frac{z^{(1)}_{nj}}{3}", "z1[n,j]/3"),
    (p[n, k] / (10 * SIZE), r"\frac{p_{nk}}{10 N}", "p[n,k]/(10·N)"),
    (decimal("1e-8") + z1[n, j], r"10^{-8} + z^{(1)}_{nj}", "1e-8 + z1[n,j]"),
    (decimal("3e-5") * z1[n, j], r"3 \cdot 10^{-5} z^{(1)}_{nj}", "3e-5·z1[n,j]"),
    (sp.Integer(0), "0", "0"),
    (-z1[n, j], r"-z^{(1)}_{nj}", "−z1[n,j]"),
    # signs: predictions before targets, what is added before what is subtracted
    (p[n, k] - y[n, k], "p_{nk} - y_{nk}", "p[n,k] − y[n,k]"),
    (
        -2 * sp.Sum((y[n, k] - z2[n, k]) * W2[k, j], k) / SIZE,
        r"\frac{2}{N} \sum_{k} \left(z^{(2)}_{nk} - y_{nk}\right) W^{(2)}_{kj}",
        None,
    ),
    (
        (y[n, k] - z2[n, k]) * (p[n, k] ** 2 - 1) / SIZE,
        r"\frac{1}{N} \left(z^{(2)}_{nk} - y_{nk}\right) \left(1 - p_{nk}^2\right)",
        None,
    ),
    ((z2[n, k] - y[n, k]) * (p[n, k] ** 2 - 1), None, "(z2[n,k] − y[n,k])·(p[n,k]² − 1)"),
    (1 - y[n, k], "1 - y_{nk}", None),
    (sp.exp(z1[n, j]) - 1, r"e^{z^{(1)}_{nj}} - 1", "exp(z1[n,j]) − 1"),
    # errors, values, functions, masks
    (
        sp.Sum(dz2[n, k] * W2[k, j], k) * sb.bracket(z1[n, j] > 0),
        r"\left(\sum_{k} \delta^{(2)}_{nk} W^{(2)}_{kj}\right) \left[z^{(1)}_{nj} > 0\right]",
        "(Σₖ δ2[n,k]·W2[k,j])·[z1[n,j] > 0]",
    ),
    (da1[n, j] * z1[n, j], r"\frac{\partial L}{\partial a^{(1)}_{nj}} z^{(1)}_{nj}", None),
    (
        a1[n, j] * (1 - a1[n, j]) * dz1[n, j],
        r"\delta^{(1)}_{nj} a^{(1)}_{nj} \left(1 - a^{(1)}_{nj}\right)",
        None,
    ),
    (l_ * W1[j, i] + sp.Sum(dz1[n, j] * x[n, i], n), None, "Σₙ δ1[n,j]·x[n,i] + λ·W1[j,i]"),
    (sp.log(p[n, k]) * sb.bracket(z1[n, j] > 0), None, "log(p[n,k])·[z1[n,j] > 0]"),
    (
        sp.log(p[n, k]) * sp.tanh(p[n, k]),
        r"\log\left(p_{nk}\right) \tanh\left(p_{nk}\right)",
        None,
    ),
    # deltas do not look like errors
    (
        p[n, k] - sp.KroneckerDelta(k, labels[n]),
        r"p_{nk} - \left[k = c_n\right]",
        "p[n,k] − [k = c[n]]",
    ),
    # powers, roots, exponents
    (a1[n, j] ** 2, r"\left(a^{(1)}_{nj}\right)^2", "a1[n,j]²"),
    (p[n, k] ** 2, "p_{nk}^2", "p[n,k]²"),
    (p[n, k] ** 12, "p_{nk}^{12}", "p[n,k]¹²"),
    (sp.log(p[n, k]) ** 2, r"\left(\log p_{nk}\right)^2", "(log(p[n,k]))²"),
    (sigma(p[n, k]) ** 2, r"\sigma\left(p_{nk}\right)^2", "σ(p[n,k])²"),
    (sp.sqrt(v_hat[j, i]) + e_, r"\sqrt{\hat{v}_{ji}} + \epsilon", "√v̂[j,i] + ε"),
    (sp.sqrt(2 / sp.pi) * p[n, k], r"\sqrt{\frac{2}{\pi}} p_{nk}", "√(2/π)·p[n,k]"),
    (p[n, k] ** sp.Rational(3, 2), r"p_{nk}^{\frac32}", "p[n,k]^(3/2)"),
    (sp.exp(-z1[n, j]), r"e^{-z^{(1)}_{nj}}", "exp(−z1[n,j])"),
    # fractions that hold tensors
    (
        sp.exp(z2[n, k]) / sp.Sum(sp.exp(z2[n, m]), m),
        r"\frac{e^{z^{(2)}_{nk}}}{\sum_{m} e^{z^{(2)}_{nm}}}",
        "exp(z2[n,k])/(Σₘ exp(z2[n,m]))",
    ),
    (-y[n, k] / (SIZE * p[n, k]), r"-\frac{y_{nk}}{N p_{nk}}", "−y[n,k]/(N·p[n,k])"),
    (
        W1[j, i] - s_ * m_hat[j, i] / (sp.sqrt(v_hat[j, i]) + e_),
        r"W^{(1)}_{ji} - \frac{\eta \hat{m}_{ji}}{\sqrt{\hat{v}_{ji}} + \epsilon}",
        "W1[j,i] − η·m̂[j,i]/(√v̂[j,i] + ε)",
    ),
    (m_hat[j, i] / (1 - b_ ** t[()]), r"\frac{\hat{m}_{ji}}{1 - \beta_1^t}", "m̂[j,i]/(1 − β1^t)"),
    (
        b_ * m_hat[j, i] + (1 - b_) * dw1[j, i],
        r"\beta_1 \hat{m}_{ji} + \left(1 - \beta_1\right) \frac{\partial L}{\partial W^{(1)}_{ji}}",
        "β1·m̂[j,i] + (1 − β1)·(∂L/∂W1[j,i])",
    ),
    (sp.Sum(p[n, k], k) / sp.Sum(y[n, k], k), r"\frac{\sum_{k} p_{nk}}{\sum_{k} y_{nk}}", None),
    # functions, maxima, branches
    (sb.relu(z1[n, j]), r"\operatorname{relu}\left(z^{(1)}_{nj}\right)", "relu(z1[n,j])"),
    (sigma_prime(z1[n, j]), r"\sigma'\left(z^{(1)}_{nj}\right)", "σ'(z1[n,j])"),
    (sp.Abs(p[n, k] - y[n, k]), r"\left|p_{nk} - y_{nk}\right|", "|p[n,k] − y[n,k]|"),
    (sp.Max(0, z1[n, j]), r"\max(0, z^{(1)}_{nj})", "max(0, z1[n,j])"),
    (sb.MaxOver(p[n, k], k), r"\max_{k} p_{nk}", "maxₖ p[n,k]"),
    (sb.FirstMaxOver(p[n, k], k), r"\max_{k} p_{nk}", "maxₖ p[n,k]"),
    (
        sb.ArgMaxOver(p[n, k], n, k),
        r"\operatorname*{arg\,max}_{n,k} p_{nk}",
        "argmaxₙₖ p[n,k]",
    ),
    (
        sp.Sum(p[n, k] + y[n, k], k),
        r"\sum_{k} \left(p_{nk} + y_{nk}\right)",
        "Σₖ (p[n,k] + y[n,k])",
    ),
    (
        sp.Piecewise((p[n, k], p[n, k] > 0), (decimal(1, 100) * p[n, k], True)),
        r"\begin{cases} p_{nk} & p_{nk} > 0 \\ 0.01 p_{nk} & \text{otherwise} \end{cases}",
        "{p[n,k] if p[n,k] > 0; 0.01·p[n,k] otherwise}",
    ),
    (sb.bracket(p[n, k] >= 0), r"\left[p_{nk} \ge 0\right]", "[p[n,k] ≥ 0]"),
    (
        sb.bracket(sp.And(p[n, k] > 0, y[n, k] < 1)),
        r"\left[p_{nk} > 0,\; y_{nk} < 1\right]",
        "[p[n,k] > 0, y[n,k] < 1]",
    ),
    (
        sb.bracket(sp.Or(p[n, k] > 0, sp.And(y[n, k] < 1, p[n, k] > -1))),
        r"\left[\left(p_{nk} > -1,\; y_{nk} < 1\right) \lor p_{nk} > 0\right]",
        "[(p[n,k] > −1, y[n,k] < 1) or p[n,k] > 0]",
    ),
]


@pytest.mark.parametrize(("expr", "latex", "text"), EXPRESSIONS, ids=lambda v: str(v)[:40])
def test_expressions(expr: sp.Expr, latex: str | None, text: str | None) -> None:
    shown_latex, shown_text = show(expr)
    check_latex(shown_latex)
    if latex is not None:
        assert shown_latex == latex
    if text is not None:
        assert shown_text == text


def test_what_is_not_of_the_language_is_refused() -> None:
    with pytest.raises(EquationError, match="no typeset form"):
        show(sp.gamma(p[n, k]))
    with pytest.raises(EquationError, match="no typeset form"):
        show(sp.Integral(p[n, k], (lam[()], 0, 1)))


def test_an_unusual_index_gets_commas_and_a_spelled_out_subscript() -> None:
    q, out = sb.index("q", 2), sb.index("out", 3)
    tensor = sb.input("A", q, out)
    latex, text = (
        f(sp.Sum(tensor[q, out], q), {"A": tensor}) for f in (latex_expression, text_expression)
    )
    assert latex == r"\sum_{q} A_{q,\,\mathrm{out}}"
    assert text == "Σ_q A[q,out]"
    assert show(sp.Sum(x[primed, i], primed)) == (r"\sum_{n'} x_{n'i}", "Σₙ' x[n',i]")


# --- equations ----------------------------------------------------------------------------


def test_an_adjoints_own_equation_shows_its_abbreviation_and_the_derivative() -> None:
    equation = sb.Equation(dz2[n, k], (p[n, k] - y[n, k]) / SIZE)
    assert latex_equation(equation, TENSORS) == (
        r"\delta^{(2)}_{nk} = \frac{\partial L}{\partial z^{(2)}_{nk}} "
        r"= \frac{1}{N} \left(p_{nk} - y_{nk}\right)"
    )
    assert text_equation(equation, TENSORS) == ("δ2[n,k] = ∂L/∂z2[n,k] = 1/N · (p[n,k] − y[n,k])")


def test_the_objective_is_named_as_the_system_names_it() -> None:
    equation = sb.Equation(dw1[j, i], sp.Sum(dz1[n, j] * x[n, i], n))
    assert latex_equation(equation, TENSORS, objective="C") == (
        r"\frac{\partial C}{\partial W^{(1)}_{ji}} = \sum_{n} \delta^{(1)}_{nj} x_{ni}"
    )


def test_derivatives_of_derivatives_nest() -> None:
    tensors = {**TENSORS, "ddW1": sb.Tensor("ddW1", (j, i), adjoint_of="dW1")}
    assert text_expression(tensors["ddW1"][j, i], tensors) == "∂L/∂(∂L/∂W1[j,i])"
    check_latex(latex_expression(tensors["ddW1"][j, i], tensors))


@pytest.mark.parametrize(("notation", "convention"), [("tensor", "row"), ("matrix", "diagonal")])
def test_unknown_ways_of_writing_are_refused(notation: str, convention: str) -> None:
    with pytest.raises(OptionError, match="not a way to write"):
        latex_equation(sb.Equation(loss[()], 0), TENSORS, notation, convention)  # type: ignore[arg-type]


# --- derivations --------------------------------------------------------------------------


def _backward(*layers: lib.Layer, loss: lib.Loss) -> Backward:
    system = lib.Sequential(*layers).system(loss)
    return derive_backward(system, [tensor.name for tensor in system.parameters])


@pytest.fixture(scope="module")
def document():
    return _backward(lib.Linear(10, 20), lib.ReLU(), lib.Linear(20, 1), loss=lib.MSELoss())


@pytest.fixture(scope="module")
def classifier():
    layers = lib.Linear(7, 5), lib.Sigmoid(), lib.Linear(5, 3)
    return _backward(*layers, loss=lib.CrossEntropyLoss())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("notation", ["index", "matrix"])
def test_the_documents_network_on_paper(document, golden, notation, level) -> None:
    name = f"typeset/document_{notation}_{level}"
    latex = latex_derivation(document, notation, level)
    check_latex(latex)
    golden(f"{name}.tex", latex)
    golden(f"{name}.txt", text_derivation(document, notation, level))


@pytest.mark.parametrize("convention", ["row", "column"])
def test_a_classifier_in_both_conventions(classifier, golden, convention) -> None:
    markdown = markdown_derivation(classifier, "matrix", "key", convention)
    for block in re.findall(r"```math\n(.*?)\n```", markdown, re.DOTALL):
        check_latex(block)
    golden(f"typeset/classifier_{convention}.md", markdown)
    text = text_derivation(classifier, "matrix", "key", convention)
    golden(f"typeset/classifier_{convention}.txt", text)


def test_adam_on_paper(golden) -> None:
    weights = sb.parameter("W1", j, i, latex="W^{(1)}")
    system = lib.Adam(weight_decay=0.1).system(weights, _adjoint(weights))
    lines = [latex_equation(equation, system.tensors) for equation in system.equations]
    for line in lines:
        check_latex(line)
    golden("typeset/adam.tex", "\n".join(lines))


@pytest.mark.parametrize("name", lib.LAYERS)
def test_every_layer_has_a_page_that_tex_can_set(name: str) -> None:
    case = cases(name)[0]
    net = lib.Sequential(case.layer)
    system = net.system(lib.MSELoss(), batch=case.batch, shape=case.shape)
    parameters = [tensor.name for tensor in system.parameters]
    wanted = parameters or [t.name for t in system.inputs if t.domain is not sb.Domain.LABEL]
    backward = derive_backward(system, wanted)
    for notation in ("index", "matrix"):
        check_latex(latex_derivation(backward, notation, "all"))


def test_only_the_errors_that_gradients_mention_are_shown_without_steps(document) -> None:
    shown = text_derivation(document)
    assert "∂L/∂a1" not in shown
    assert shown.count("\n  δ") == 2
    assert text_derivation(document, level="key").count("∂L/∂a1[n,j] =") == 1


def test_every_step_is_shown_with_its_rule_once_it_changes_something(classifier) -> None:
    shown = text_derivation(classifier, level="all")
    rules = {step.rule for step in classifier.steps}
    assert {"chain-rule", "contract-delta", "fold-definition", "inline-adjoint"} <= rules
    for rule in rules:
        assert f"        {phrase(rule)}: " in shown
    lines = [line for line in shown.splitlines() if re.match(r" +[^·/+− ].* = |    = ", line)]
    assert len(lines) == len(set(lines)), "no line repeats the one above"


def test_unknown_detail_and_language_are_refused(document) -> None:
    with pytest.raises(OptionError, match="level of detail"):
        text_derivation(document, level="some")
    with pytest.raises(UnknownNameError, match="language 'xx'"):
        text_derivation(document, level="key", language="xx")


def test_tables_line_up_whatever_script_their_words_are_in() -> None:
    accented = "e\u0301"
    lines = columns([("误差", "a", "1"), ("y", "bb", "2"), (accented, "", "")])
    assert lines == ["误差  a   1", "y     bb  2", accented]
    assert columns([]) == []
