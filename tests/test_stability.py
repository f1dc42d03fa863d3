"""Stability: every rule is an identity, and extreme numbers stay finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import symbackprop as sb
from symbackprop.calculus import derive_backward
from symbackprop.calculus.convert import SympyWriter, from_sympy, to_index
from symbackprop.calculus.nodes import Func, Node
from symbackprop.calculus.normal import (
    Largest,
    Poly,
)
from symbackprop.compile import (
    BACKENDS,
    STABILITY_RULES,
    Program,
    compile_backward,
    compile_equations,
)
from symbackprop.compile.stability import stabilize
from symbackprop.language import (
    Domain,
    Equation,
    MaxOver,
    index,
    input,
    intermediate,
    sigmoid,
    softplus,
    target,
)

BOTH = pytest.mark.parametrize("backend", BACKENDS)
n, k, m = index("n", "N"), index("k", 3), index("m", 3)
z, c = input("z", n, k), input("c", k)
y = target("y", n, domain=Domain.LABEL, classes=sp.Integer(3))
e, s, p, q = (intermediate("e", n, k), intermediate("s", n), intermediate("p", n, k),
              intermediate("q", n, k))  # fmt: skip
a, g = intermediate("a", n, k), intermediate("g", n, k)
TENSORS = {tensor.name: tensor for tensor in (z, c, y, e, s, p, q, a, g)}
NAIVE = {
    "e": Equation(e[n, k], sp.exp(z[n, k])),
    "s": Equation(s[n], sp.Sum(e[n, m], m)),
    "q": Equation(q[n, k], e[n, k] / s[n]),
    "p": Equation(p[n, k], sp.exp(z[n, k]) / sp.Sum(sp.exp(z[n, m]), m)),
    "a": Equation(a[n, k], sigmoid(z[n, k])),
    "g": Equation(g[n, k], 1 / (1 + sp.exp(-z[n, k]))),
}
DEFINITIONS = {
    name: (tuple(to_index(idx) for idx in equation.indices), from_sympy(equation.rhs))
    for name, equation in NAIVE.items()
}
LARGEST = MaxOver(z[n, m], m)
SHIFTED = sp.Sum(sp.exp(z[n, m] - LARGEST.subs(m, index("l", 3))), m)


def stable(expr: sp.Expr) -> Poly:
    return stabilize(from_sympy(expr), DEFINITIONS)


@pytest.mark.parametrize(
    ("naive", "expected"),
    [
        (1 / (1 + sp.exp(z[n, k])), sigmoid(-z[n, k])),
        (1 / (1 + sp.exp(-z[n, k])) ** 2, sigmoid(z[n, k]) ** 2),
        (sp.exp(z[n, k]) / (1 + sp.exp(z[n, k])), sigmoid(z[n, k])),
        (
            sp.exp(-z[n, k]) / (1 + sp.exp(-z[n, k])) ** 2,
            sigmoid(-z[n, k]) * sigmoid(z[n, k]),
        ),
        (sp.log(sigmoid(z[n, k])), -softplus(-z[n, k])),
        (sp.log(1 - sigmoid(z[n, k])), -softplus(z[n, k])),
        (sp.log(a[n, k]), -softplus(-z[n, k])),
        (sp.log(1 - a[n, k]), -softplus(z[n, k])),
        (sp.log(g[n, k]), -softplus(-z[n, k])),
        (sp.log(1 - g[n, k]), -softplus(z[n, k])),
        (sp.log(1 + sp.exp(-z[n, k])), softplus(-z[n, k])),
        (c[k] * sp.log(1 + sp.exp(z[n, k])) ** 2, c[k] * softplus(z[n, k]) ** 2),
        (sp.log(e[n, k]), z[n, k]),
        (sp.log(3 * sp.exp(z[n, k])), sp.log(3) + z[n, k]),
    ],
    ids=str,
)
def test_what_a_rule_makes(naive: sp.Expr, expected: sp.Expr) -> None:
    assert stable(naive) == from_sympy(expected)


def test_log_sum_exp_is_shifted_by_the_largest_exponent() -> None:
    for naive in (sp.log(sp.Sum(sp.exp(z[n, m]), m)), sp.log(s[n])):
        found = stable(naive)
        assert from_sympy(LARGEST).terms[0] in found.terms
        assert found == from_sympy(LARGEST + sp.log(SHIFTED))


def test_softmax_is_shifted_above_and_below_the_line() -> None:
    shifted = sp.exp(z[n, k] - LARGEST) / SHIFTED
    assert stable(NAIVE["p"].rhs) == from_sympy(shifted)
    assert stable(NAIVE["q"].rhs) == from_sympy(shifted)
    product = sp.exp(z[n, k]) * sp.exp(z[n, 0]) / sp.Sum(sp.exp(z[n, m]), m) ** 2
    assert stable(product) == from_sympy(
        sp.Mul(sp.exp(z[n, k] - LARGEST), sp.exp(z[n, 0] - LARGEST), evaluate=False) / SHIFTED**2
    )


def test_what_is_shifted_already_is_left_alone() -> None:
    for expr in (sp.exp(z[n, k] - LARGEST) / SHIFTED, LARGEST + sp.log(SHIFTED)):
        assert stable(expr) == from_sympy(expr)


def test_a_logarithm_is_not_split_where_a_factor_may_be_negative() -> None:
    """log (1 - eᶻ)² is a real number for z > 0, and 2·log(1 - eᶻ) is not."""
    for expr in (
        sp.log((1 - sp.exp(z[n, k])) ** 2),
        sp.log((1 - sp.exp(z[n, k])) ** 2 * sp.exp(z[n, k])),
        sp.log(-2 * sp.exp(z[n, k])),
        sp.log(c[k] ** 2 * sp.exp(z[n, k])),
    ):
        assert stable(expr) == from_sympy(expr)


@pytest.mark.parametrize(
    "expr",
    [
        sp.exp(z[n, k]) / sp.Sum(sp.exp(z[n, m]), m),
        sp.Sum(c[m] * sp.exp(z[n, m]), m) / sp.Sum(sp.exp(z[n, m]), m),
        sp.exp(z[n, k]) / sp.Sum(c[m] ** 2 * sp.exp(2 * z[n, m]), m) ** 2,
        1 / sp.Sum(sp.exp(z[n, m]), m),
        sp.log(sp.Sum(c[m] ** 2 * sp.exp(-z[n, m]), m)),
        sp.log(p[n, k]),
        sp.log(q[n, k]),
        sp.log(p[n, y[n]] ** 2 * e[n, k]),
        sp.log(2 * sp.exp(z[n, k]) / (sp.exp(c[k]) * s[n])),
        sp.Sum(sp.log(sp.Sum(sp.exp(z[n, m]), m)) * z[n, k], n, k),
        sp.log(c[k] ** 2 + 1),
        e[n, k] ** 2 / s[n] ** 3,
    ],
    ids=str,
)
def test_the_rules_are_identities(expr: sp.Expr) -> None:
    """Where nothing overflows, what the rules leave has the value of what they met."""
    writer = SympyWriter(TENSORS)
    rewritten = writer.expression(stable(expr))
    given = {"z": np.random.default_rng(3).normal(size=(5, 3)), "c": np.array([0.3, -1.2, 0.7]),
             "y": np.array([0, 2, 1, 2, 0])}  # fmt: skip
    np.testing.assert_allclose(value(rewritten, given), value(expr, given), rtol=1e-12)


def value(expr: sp.Expr, given: Mapping[str, Any]) -> Any:
    """The value at n = 1, k = 2, by SymPy."""
    names = {"e", "s", "p", "q", "a", "g"}
    while names & {str(x.base.label) for x in expr.atoms(sp.Indexed)}:
        for element in expr.atoms(sp.Indexed):
            if str(element.base.label) in names:
                equation = NAIVE[str(element.base.label)]
                places = dict(zip(equation.indices, element.indices, strict=True))
                fresh = {m: index("r", 3)} if m in element.indices else {}
                rhs = equation.rhs.xreplace(fresh).xreplace(places)
                expr = expr.xreplace({element: rhs})
    return float(_number(expr, {n: 1, k: 2}, given))


def _number(expr: sp.Expr, places: Mapping[sp.Idx, int], given: Mapping[str, Any]) -> Any:
    if isinstance(expr, sp.Sum | MaxOver):
        limits = expr.limits
        inner = [dict(places)]
        for idx, _, upper in limits:
            count = int(upper.subs({sp.Symbol("N", integer=True, positive=True): 5})) + 1
            inner = [{**place, idx: number} for place in inner for number in range(count)]
        values = [_number(expr.function, place, given) for place in inner]
        return sum(values) if isinstance(expr, sp.Sum) else max(values)
    if isinstance(expr, sp.Indexed):
        position = tuple(int(_number(place, places, given)) for place in expr.indices)
        return given[str(expr.base.label)][position]
    if isinstance(expr, sp.Idx):
        return places[expr]
    if not expr.args:
        return expr
    values = [_number(argument, places, given) for argument in expr.args]
    if expr.func is sigmoid:
        return 1 / (1 + sp.exp(-values[0]))
    if expr.func is softplus:
        return sp.log(1 + sp.exp(values[0]))
    return expr.func(*values)


def test_rules_have_names_and_shapes() -> None:
    names = [rule.name for rule in STABILITY_RULES]
    assert len(set(names)) == len(names)
    assert all("→" in rule.shape for rule in STABILITY_RULES)


# --- extreme numbers ------------------------------------------------------------------------

EXTREME = np.array(
    [[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4], [1e4, 9999.0, -1e4], [-3.0, 1e4, 2.0]],
    dtype=np.float32,
)
LABELS = np.array([1, 0, 2, 1, 0])


def identity_values(logits: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs and parameters with which a linear layer's output is `logits`."""
    width = logits.shape[1]
    return {
        "x": logits,
        "W1": np.eye(width, dtype=np.float32),
        "b1": np.zeros(width, dtype=np.float32),
    }


@BOTH
@pytest.mark.parametrize(
    "layers",
    [(sb.CrossEntropyLoss(),), (sb.LogSoftmax(), sb.NLLLoss())],
    ids=["CrossEntropyLoss", "NLLLoss of LogSoftmax"],
)
def test_cross_entropy_of_extreme_logits(layers: tuple[Any, ...], backend: str) -> None:
    *activations, loss = layers
    system = sb.Sequential(sb.Linear(3, 3), *activations).system(loss)
    compiled = compile_backward(derive_backward(system, ["x", "b1"]), backend, dtype="float32")
    with np.errstate(all="raise", under="ignore"):
        found, gradients = compiled(identity_values(EXTREME) | {"y": LABELS})
    logits = torch.tensor(EXTREME, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS))
    expected.backward()
    assert np.isfinite(found)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected.item(), rel=1e-6)
    assert logits.grad is not None
    np.testing.assert_allclose(gradients["x"], logits.grad.numpy(), rtol=1e-6, atol=1e-7)
    assert np.isfinite(gradients["b1"]).all()


@BOTH
@pytest.mark.parametrize(
    "layers", [(sb.Sigmoid(), sb.BCELoss()), (sb.BCEWithLogitsLoss(),)], ids=str
)
def test_binary_cross_entropy_of_extreme_logits(layers: tuple[Any, ...], backend: str) -> None:
    *activations, loss = layers
    system = sb.Sequential(sb.Linear(3, 3), *activations).system(loss)
    compiled = compile_backward(derive_backward(system, ["x"]), backend, dtype="float32")
    chosen = (LABELS[:, None] == np.arange(3)).astype(np.float32)
    with np.errstate(all="raise", under="ignore"):
        found, gradients = compiled(identity_values(EXTREME) | {"y": chosen})
    logits = torch.tensor(EXTREME, requires_grad=True)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(chosen))
    expected.backward()
    assert found == pytest.approx(expected.item(), rel=1e-6)
    assert logits.grad is not None
    np.testing.assert_allclose(gradients["x"], logits.grad.numpy(), rtol=1e-6, atol=1e-9)


@BOTH
def test_a_softmax_written_step_by_step_is_as_stable(backend: str) -> None:
    """e = exp(z), s = Σe, q = e/s, L = -Σ log q[n, y[n]], as a beginner writes it."""
    objective = intermediate("L")
    loss = Equation(objective[()], -sp.Sum(sp.log(q[n, y[n]]), n))
    tensors = TENSORS | {"L": objective}
    program = Program((NAIVE["e"], NAIVE["s"], NAIVE["q"], loss), tensors, ("L", "q"))
    compiled = compile_equations(program, backend, dtype="float32")
    with np.errstate(all="raise", under="ignore"):
        found = compiled({"z": EXTREME, "y": LABELS})
    logits = torch.tensor(EXTREME)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS), reduction="sum")
    assert found["L"] == pytest.approx(expected.item(), rel=1e-6)
    np.testing.assert_allclose(found["q"], torch.softmax(logits, 1), rtol=1e-6)


@BOTH
@pytest.mark.parametrize(
    ("layer", "reference"),
    [
        (sb.ELU(), torch.nn.functional.elu),
        (sb.SiLU(), torch.nn.functional.silu),
        (sb.Softplus(), torch.nn.functional.softplus),
        (sb.GELU(), torch.nn.functional.gelu),
        (sb.Tanh(), torch.tanh),
        (sb.Sigmoid(), torch.sigmoid),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_activations_of_extreme_numbers(layer: Any, reference: Any, backend: str) -> None:
    """What overflows in the branch that is not taken leaks neither inf nor nan."""
    system = sb.Sequential(sb.Linear(3, 3), layer).system(sb.MSELoss(reduction="sum"))
    compiled = compile_backward(derive_backward(system, ["b1"]), backend, dtype="float32")
    zeros = np.zeros_like(EXTREME)
    numbers = EXTREME / 10
    with np.errstate(all="raise", under="ignore"):
        found, gradients = compiled(identity_values(numbers) | {"y": zeros})
    inputs = torch.tensor(numbers, requires_grad=True)
    expected = (reference(inputs) ** 2).sum()
    expected.backward()
    assert found == pytest.approx(expected.item(), rel=1e-5)
    assert inputs.grad is not None
    np.testing.assert_allclose(gradients["b1"], inputs.grad.numpy().sum(0), rtol=1e-4, atol=1e-6)


def test_the_maximum_is_found_once_for_loss_and_gradient() -> None:
    backward = derive_backward(sb.Sequential(sb.Linear(5, 3)).system(sb.CrossEntropyLoss()))
    source = compile_backward(backward).source.split("def predict")[0]
    assert source.count("np.max(") == source.count("np.exp(") == source.count("np.log(") == 1


def test_no_normal_form_keeps_a_naive_exponential_under_a_logarithm() -> None:
    def walk(node: Node) -> list[Node]:
        return [node, *(inner for child in node.children for inner in walk(child))]

    for name in ("p", "q"):
        nodes = walk(stable(sp.log(TENSORS[name][n, k])))
        assert any(isinstance(node, Largest) for node in nodes)
        exponents = [x.arguments[0] for x in nodes if isinstance(x, Func) and x.name == "exp"]
        assert all(any(isinstance(x, Largest) for x in walk(u)) for u in exponents)
