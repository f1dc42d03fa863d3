"""Matrix notation means what the index equation means: both are evaluated and compared."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from balanced import check_latex
from evaluate import evaluate
from matrix_value import MatrixValue
from numpy.typing import NDArray

import symbackprop.language as sb
import symbackprop.library as lib
from symbackprop.calculus import derive_backward
from symbackprop.errors import ShapeError
from symbackprop.typeset import Convention, latex_equation, matrix_form, matrix_latex, matrix_text
from symbackprop.typeset import matrix as mx

Array = NDArray[Any]
CONVENTIONS: tuple[Convention, ...] = ("row", "column")


def compare(
    equations: Iterable[sb.Equation],
    values: Mapping[str, Any],
    tensors: Mapping[str, sb.Tensor],
    sizes: Mapping[sp.Expr, int],
) -> set[str]:
    """Check every equation that has a matrix form; the names of those that do."""
    matched: set[str] = set()
    for equation in equations:
        for convention in CONVENTIONS:
            form = matrix_form(equation, tensors, convention)
            if form is None:
                continue
            meaning = MatrixValue(values, sizes)
            np.testing.assert_allclose(
                meaning(form.right),
                meaning(form.left),
                rtol=1e-10,
                atol=1e-12,
                err_msg=str(equation),
            )
            latex = matrix_latex(equation, tensors, convention)
            assert latex is not None
            check_latex(latex)
            assert matrix_text(equation, tensors, convention) is not None
            matched.add(equation.name)
    return matched


def draw(tensor: sb.Tensor, sizes: Mapping[sp.Expr, int], rng: np.random.Generator) -> Array:
    shape = tuple(int(extent.subs(sizes)) for extent in tensor.shape)
    if tensor.domain is sb.Domain.LABEL:
        return rng.integers(0, int(tensor.classes), shape)
    if tensor.domain in (sb.Domain.UNIT, sb.Domain.POSITIVE):
        return rng.uniform(0.1, 0.9, shape)
    return rng.normal(size=shape)


def derived(system: sb.System) -> tuple[set[str], set[str]]:
    """All equations of a derivation, compared: (those with a matrix form, all)."""
    backward = derive_backward(system, [tensor.name for tensor in system.parameters])
    equations = {
        e.name: e
        for e in (*system.equations, *backward.adjoints.values(), *backward.gradients.values())
    }
    # No `System`: adjoints hold Kronecker deltas, which no user writes.
    whole: Any = SimpleNamespace(
        given=system.given,
        hyperparameters=system.hyperparameters,
        equations=equations.values(),
        tensor=backward.tensors.__getitem__,
    )
    sizes = {sb.size("N"): 11}
    rng = np.random.default_rng(7)
    values = evaluate(whole, {t.name: draw(t, sizes, rng) for t in system.given})
    return compare(equations.values(), values, backward.tensors, sizes), set(equations)


# --- the library, derived and compared ----------------------------------------------------

ACTIVATIONS = {
    "ReLU": lib.ReLU(),
    "GELU": lib.GELU(),
    "SiLU": lib.SiLU(),
    "Sigmoid": lib.Sigmoid(),
    "Tanh": lib.Tanh(),
    "Softmax": lib.Softmax(dim=1),
    "LogSoftmax": lib.LogSoftmax(dim=1),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_layers_equations_all_have_matrix_forms_that_agree(name: str) -> None:
    net = lib.Sequential(lib.Linear(7, 5), ACTIVATIONS[name], lib.Linear(5, 3))
    matched, all_names = derived(net.system(lib.MSELoss(), [lib.L2(0.3), lib.L1(0.2)]))
    assert matched == all_names


@pytest.mark.parametrize("name", ["LeakyReLU", "ELU", "Softplus"])
def test_branches_have_no_matrix_form_but_their_derivatives_do(name: str) -> None:
    net = lib.Sequential(lib.Linear(7, 5), lib.LAYERS[name](), lib.Linear(5, 3))
    matched, all_names = derived(net.system(lib.MSELoss()))
    assert all_names - matched == {"a1"}


LOSSES = {
    "MSELoss(sum)": (lib.MSELoss(reduction="sum"), ()),
    "L1Loss": (lib.L1Loss(), ()),
    "BCELoss": (lib.BCELoss(), (lib.Sigmoid(),)),
    "BCEWithLogitsLoss": (lib.BCEWithLogitsLoss(), ()),
    "CrossEntropyLoss": (lib.CrossEntropyLoss(), ()),
    "CrossEntropyLoss(smooth)": (lib.CrossEntropyLoss(label_smoothing=0.1), ()),
    "NLLLoss": (lib.NLLLoss(), (lib.LogSoftmax(dim=1),)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_losss_equations_all_have_matrix_forms_that_agree(name: str) -> None:
    loss, layers = LOSSES[name]
    matched, all_names = derived(lib.Sequential(lib.Linear(7, 5), *layers).system(loss))
    assert matched == all_names


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_an_optimizers_update_has_a_matrix_form_that_agrees(name: str) -> None:
    weights = sb.parameter("W", sb.index("j", 5), sb.index("i", 7))
    gradient = sb.Tensor("dW", weights.indices, adjoint_of="W")
    system = lib.OPTIMIZERS[name](lr=0.1, weight_decay=0.2).system(weights, gradient)
    rng = np.random.default_rng(3)
    given = [t for t in system.given if t.value is None]
    values = evaluate(system, {t.name: draw(t, {}, rng) for t in given})
    values |= {t.name: np.asarray(t.value) for t in system.given if t.value is not None}
    assert compare(system.equations, values, system.tensors, {}) == set(system.definitions)


# --- networks of factors, at random -------------------------------------------------------

EXTENTS = {"n": 3, "i": 5, "j": 2, "k": 7}
AXES = {name: sb.index(name, "N" if name == "n" else extent) for name, extent in EXTENTS.items()}


def random_factor(rng: random.Random, tensors: dict[str, sb.Tensor]) -> sp.Expr:
    axes = rng.sample(sorted(AXES), rng.choice([1, 2, 2]))
    name = f"T{len(tensors)}"
    role = rng.choice([sb.input, sb.parameter])
    tensors[name] = role(name, *(AXES[a] for a in axes), domain=sb.Domain.POSITIVE)
    element = tensors[name][tuple(AXES[a] for a in axes)]
    shape = rng.random()
    if shape < 0.5:
        return element
    if shape < 0.6:
        return element**2
    if shape < 0.7:
        return 1 / element
    if shape < 0.8:
        return sp.tanh(element)
    if shape < 0.9:
        return 1 - element
    return sb.bracket(element > sp.Rational(1, 2))


def random_equation(rng: random.Random) -> tuple[sb.Equation, dict[str, sb.Tensor]]:
    # Something that tells the batch size, even where no factor has it.
    tensors = {"batch": sb.input("batch", AXES["n"])}
    terms = []
    left = rng.sample(sorted(AXES), rng.choice([0, 1, 2, 2]))
    for _ in range(rng.choice([1, 1, 2])):
        factors = [random_factor(rng, tensors) for _ in range(rng.choice([1, 2, 3, 4]))]
        term = sp.Mul(*factors, sp.Rational(rng.choice([-2, 1, 1, 3]), rng.choice([1, 2])))
        bound = [idx for idx in sb.free_indices(term) if idx.name not in left]
        terms.append(sp.Sum(term, *sorted(bound, key=str)) if bound else term)
    out = sb.Tensor("out", tuple(AXES[name] for name in left))
    return sb.Equation(out.element, sp.Add(*terms)), tensors


@pytest.mark.parametrize("seed", range(80))
def test_random_products_agree_where_they_have_a_form(seed: int) -> None:
    equation, tensors = random_equation(random.Random(seed))  # noqa: S311
    system = sb.System([equation], tensors.values(), minimize=None)
    sizes = {sb.size("N"): EXTENTS["n"]}
    rng = np.random.default_rng(seed)
    values = evaluate(system, {t.name: draw(t, sizes, rng) for t in tensors.values()})
    compare([equation], values, system.tensors, sizes)


def test_most_random_products_have_a_form() -> None:
    forms = []
    for seed in range(80):
        equation, tensors = random_equation(random.Random(seed))  # noqa: S311
        system = sb.System([equation], tensors.values(), minimize=None)
        forms.append(matrix_form(equation, system.tensors))
    assert sum(form is not None for form in forms) >= 60


# --- the forms of textbooks ---------------------------------------------------------------

n, i, j, k, m = (*AXES.values(), sb.index("m", 7))
SIZE = sb.size("N")
x, y = sb.input("x", n, i), sb.target("y", n, k)
W1, b1, W2 = sb.parameter("W1", j, i), sb.parameter("b1", j), sb.parameter("W2", k, j)
gamma, v = sb.parameter("gamma", j), sb.input("v", n)
labels = sb.target("c", n, domain=sb.Domain.LABEL, classes=sp.Integer(7))
z1 = sb.Tensor("z1", (n, j), error_symbol=r"\delta^{(1)}")
z2 = sb.Tensor("z2", (n, k), error_symbol=r"\delta^{(2)}")
a1, a2, loss = sb.Tensor("a1", (n, j)), sb.Tensor("a2", (n, k)), sb.Tensor("C")
dz1, dz2, da2, dw1, dw2, db1 = (
    sb.Tensor("d" + t.name, t.indices, adjoint_of=t.name) for t in (z1, z2, a2, W1, W2, b1)
)
cube = sb.Tensor("cube", (n, j, k))
TENSORS = {
    t.name: t
    for t in (
        *(x, y, W1, b1, W2, gamma, v, labels, z1, z2, a1, a2, loss, cube),
        *(dz1, dz2, da2, dw1, dw2, db1),
    )
}
sigma, sigma_prime = sp.Function("sigma"), sp.Function("sigma'")

NIELSEN = [
    (
        sb.Equation(dz2[n, k], da2[n, k] * sigma_prime(z2[n, k])),
        r"\delta^{(2)} = \frac{\partial C}{\partial z^{(2)}} = "
        r"\frac{\partial C}{\partial a^{(2)}} \odot \sigma'\left(z^{(2)}\right)",
    ),
    (
        sb.Equation(dz1[n, j], sp.Sum(dz2[n, k] * W2[k, j], k) * sigma_prime(z1[n, j])),
        r"\delta^{(1)} = \frac{\partial C}{\partial z^{(1)}} = "
        r"\left({W^{(2)}}^{\top} \delta^{(2)}\right) \odot \sigma'\left(z^{(1)}\right)",
    ),
    (
        sb.Equation(db1[j], sp.Sum(dz1[n, j], n)),
        r"\frac{\partial C}{\partial b^{(1)}} = \delta^{(1)} \mathbf{1}",
    ),
    (
        sb.Equation(dw2[k, j], sp.Sum(dz2[n, k] * a1[n, j], n)),
        r"\frac{\partial C}{\partial W^{(2)}} = \delta^{(2)} {a^{(1)}}^{\top}",
    ),
]


@pytest.mark.parametrize(("equation", "latex"), NIELSEN, ids=["BP1", "BP2", "BP3", "BP4"])
def test_nielsens_four_equations_in_columns(equation: sb.Equation, latex: str) -> None:
    assert matrix_latex(equation, TENSORS, "column", objective="C") == latex


def test_nielsens_equations_for_one_example_are_matrices_times_vectors() -> None:
    z, a, w = sb.Tensor("z2", (k,)), sb.Tensor("a1", (j,)), sb.parameter("w2", k, j)
    bias = sb.parameter("b2", k)
    given = sb.input("a1", j)
    tensors = {t.name: t for t in (z, given, w, bias)}
    equation = sb.Equation(z[k], sp.Sum(w[k, j] * a[j], j) + bias[k])
    for convention in CONVENTIONS:
        assert matrix_latex(equation, tensors, convention) == (
            r"z^{(2)} = w^{(2)} a^{(1)} + b^{(2)}"
        )


FORMS = [
    (z1[n, j], sp.Sum(x[n, i] * W1[j, i], i) + b1[j], "x·W1ᵀ + ones·b1ᵀ", "W1·x + b1·onesᵀ"),
    (z1[n, j], a1[n, j] * gamma[j], "a1·diag(γ)", "diag(γ)·a1"),
    (z1[n, j], a1[n, j] * v[n], "diag(v)·a1", "a1·diag(v)"),
    (z1[n, j], v[n] * gamma[j], "v·γᵀ", "γ·vᵀ"),
    (z1[n, j], sb.bracket(a1[n, j] > 0), "[a1 > 0]", "[a1 > 0]"),
    (z1[n, j], a1[n, j] ** 2, "a1^⊙2", "a1^⊙2"),
    (z1[n, j], 1 - a1[n, j], "1 − a1", "1 − a1"),
    (z2[n, k], a2[n, k] / y[n, k], "a2 ⊘ y", "a2 ⊘ y"),
    (
        a2[n, k],
        sp.exp(z2[n, k]) / sp.Sum(sp.exp(z2[n, m]), m),
        "diag(exp(z2)·ones)⁻¹·exp(z2)",
        "exp(z2)·diag((exp(z2))ᵀ·ones)⁻¹",
    ),
    (
        z2[n, k],
        (a2[n, k] - sp.KroneckerDelta(k, labels[n])) / SIZE,
        "1/N · (a2 − onehot(c))",
        "1/N · (a2 − onehot(c))",
    ),
    (loss[()], sp.Sum((a2[n, k] - y[n, k]) ** 2, n, k), "‖a2 − y‖²", "‖a2 − y‖²"),
    (loss[()], sp.Sum(v[n] ** 2, n), "‖v‖²", "‖v‖²"),
    (loss[()], sp.Sum(a2[n, k] * y[n, k], n, k), "onesᵀ·(y ⊙ a2)·ones", "onesᵀ·(y ⊙ a2)·ones"),
    (loss[()], sp.Sum(b1[j] * gamma[j], j), "b1ᵀ·γ", "b1ᵀ·γ"),
    (loss[()], sp.Sum(v[n] * z1[n, j] * gamma[j], n, j), "vᵀ·z1·γ", "γᵀ·z1·v"),
    (
        loss[()],
        -sp.Sum(sp.log(a2[n, labels[n]]), n) / SIZE,
        "−1/N · onesᵀ·log((a2 ⊙ onehot(c))·ones)",
        None,
    ),
]


@pytest.mark.parametrize(("left", "right", "row", "column"), FORMS, ids=lambda v: str(v)[:30])
def test_textbook_forms(left: sp.Expr, right: sp.Expr, row: str, column: str | None) -> None:
    equation = sb.Equation(left, right)
    for convention, expected in zip(CONVENTIONS, (row, column), strict=True):
        text = matrix_text(equation, TENSORS, convention)
        if expected is not None:
            assert text is not None
            assert text.partition(" = ")[2] == expected


# --- no form ------------------------------------------------------------------------------

WITHOUT = [
    sb.Equation(loss[()], sp.Sum(cube[n, j, k], n, j, k)),
    sb.Equation(v[n], a2[n, 0]),
    sb.Equation(v[n], sb.MaxOver(a2[n, k], k)),
    sb.Equation(a1[n, j], sp.Piecewise((z1[n, j], z1[n, j] > 0), (0, True))),
    # a summed index between three others
    sb.Equation(cube[n, j, k], sp.Sum(x[n, i] * W1[j, i], i) * W2[k, j]),
]


@pytest.mark.parametrize("equation", WITHOUT, ids=str)
def test_what_has_no_matrix_form_falls_back_to_indices(equation: sb.Equation) -> None:
    for convention in CONVENTIONS:
        assert matrix_latex(equation, TENSORS, convention) is None
        assert latex_equation(equation, TENSORS, "matrix", convention) == latex_equation(
            equation, TENSORS, "index"
        )


def test_matrices_that_do_not_fit_cannot_be_put_together() -> None:
    left, right = mx.Leaf("x", n, i), mx.Leaf("W1", j, i)
    with pytest.raises(ShapeError, match="a matrix product"):
        mx.Chain((left, right))
    with pytest.raises(ShapeError, match="Hadamard"):
        mx.Hadamard((left, right))
    with pytest.raises(ShapeError, match="Plus"):
        mx.Plus(((False, left), (True, mx.Transpose(left))))
    with pytest.raises(ShapeError, match="an equation"):
        mx.MatrixEquation(mx.Leaf("z1", n, j), left)
    with pytest.raises(ShapeError, match="a diagonal"):
        mx.Diagonal(left)
    with pytest.raises(ShapeError, match="a scalar factor"):
        mx.Scaled(left, right)
