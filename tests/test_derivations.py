"""Derivations that must come out exactly, by rules alone (published forms named per test)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import sympy as sp

import symbackprop.language as sb
import symbackprop.library as lib
from symbackprop.calculus import ALL_RULES, Backward, derive_backward
from symbackprop.calculus.convert import from_sympy
from symbackprop.calculus.rewrite import expand
from symbackprop.errors import EquationError, UnknownNameError

N, D, H, K = sb.sizes("N D H K")
n, i, h, k = (sb.index(*pair) for pair in (("n", N), ("i", D), ("h", H), ("k", K)))
j = sb.index("j", K)
x = sb.input("x", n, i)
y = sb.target("y", n, k)
labels = sb.target("y", n, domain="label", classes=K)
W1, b1 = sb.parameter("W1", h, i), sb.parameter("b1", h)
W2, b2 = sb.parameter("W2", k, h), sb.parameter("b2", k)
z1, a1 = sb.intermediate("z1", n, h), sb.intermediate("a1", n, h)
z2, a2 = sb.intermediate("z2", n, k), sb.intermediate("a2", n, k)
p = sb.intermediate("p", n, k)
L = sb.intermediate("L")
sigma = sp.Function("sigma", real=True)
sigma_prime = sp.Function("sigma'", real=True)


def softmax(element: sp.Expr) -> sp.Expr:
    return sp.exp(element[n, k]) / sp.Sum(sp.exp(element[n, j]), j)


def two_layers(activation, *rest: sb.Equation, target: sb.Tensor = y, facts=()) -> sb.System:
    """x → z1 → a1 → z2, then whatever follows."""
    return sb.System(
        [
            sb.Equation(z1, sp.Sum(x[n, i] * W1[h, i], i) + b1[h]),
            sb.Equation(a1, activation(z1[n, h])),
            sb.Equation(z2, sp.Sum(a1[n, h] * W2[k, h], h) + b2[k]),
            *rest,
        ],
        [x, target, W1, b1, W2, b2],
        minimize="L",
        facts=facts,
    )


def adjoint(backward: Backward, name: str) -> sp.Expr:
    """The element of an adjoint tensor, to write expected equations with."""
    return backward.tensors[f"d{name}"]


def same(derived: sb.Equation, expected: sp.Expr) -> bool:
    """Whether two expressions agree as written, up to the order of terms and bound letters."""
    return from_sympy(derived.rhs) == from_sympy(expected)


def equal(derived: sb.Equation, expected: sp.Expr) -> bool:
    """Whether two expressions agree once multiplied out."""
    return expand(from_sympy(derived.rhs)) == expand(from_sympy(expected))


MSE = sb.Equation(L, sp.Sum((z2[n, k] - y[n, k]) ** 2, n, k) / N)


class TestNielsen:
    """ACCEPTANCE A: BP1–BP4, with σ and the cost left unspecified."""

    cost = sp.Function("c", real=True)
    cost_prime = sp.Function("c'", real=True)

    @pytest.fixture(scope="class")
    @classmethod
    def backward(cls) -> Backward:
        return derive_backward(
            two_layers(
                sigma,
                sb.Equation(a2, sigma(z2[n, k])),
                sb.Equation(L, sp.Sum(cls.cost(a2[n, k]), n, k)),
            )
        )

    def test_bp1(self, backward: Backward) -> None:
        expected = self.cost_prime(a2[n, k]) * sigma_prime(z2[n, k])
        assert same(backward.adjoints["z2"], expected)

    def test_bp2(self, backward: Backward) -> None:
        delta2 = adjoint(backward, "z2")
        expected = sp.Sum(W2[k, h] * delta2[n, k], k) * sigma_prime(z1[n, h])
        assert same(backward.adjoints["z1"], expected)

    def test_bp3(self, backward: Backward) -> None:
        delta1, delta2 = adjoint(backward, "z1"), adjoint(backward, "z2")
        assert same(backward.gradients["b1"], sp.Sum(delta1[n, h], n))
        assert same(backward.gradients["b2"], sp.Sum(delta2[n, k], n))

    def test_bp4(self, backward: Backward) -> None:
        delta1, delta2 = adjoint(backward, "z1"), adjoint(backward, "z2")
        assert same(backward.gradients["W1"], sp.Sum(delta1[n, h] * x[n, i], n))
        assert same(backward.gradients["W2"], sp.Sum(delta2[n, k] * a1[n, h], n))


def test_nielsen_cross_entropy_cancels_sigma_prime() -> None:
    log_likelihood = y[n, k] * sp.log(a2[n, k]) + (1 - y[n, k]) * sp.log(1 - a2[n, k])
    backward = derive_backward(
        two_layers(
            sb.sigmoid,
            sb.Equation(a2, sb.sigmoid(z2[n, k])),
            sb.Equation(L, -sp.Sum(log_likelihood, n, k) / N),
        )
    )
    assert same(backward.adjoints["z2"], (a2[n, k] - y[n, k]) / N)


def test_softmax_cross_entropy_uses_the_declared_fact() -> None:
    fact = sb.Fact(sp.Sum(y[n, k], k), 1)
    backward = derive_backward(
        two_layers(
            sp.tanh,
            sb.Equation(p, softmax(z2)),
            sb.Equation(L, -sp.Sum(y[n, k] * sp.log(p[n, k]), n, k) / N),
            facts=[fact],
        )
    )
    assert same(backward.adjoints["z2"], (p[n, k] - y[n, k]) / N)
    used = [step for step in backward.steps if step.rule == "use-fact"]
    assert [step.target for step in used] == ["z2"]
    assert used[0].used == (str(fact),)


def test_softmax_cross_entropy_without_the_fact_keeps_the_sum() -> None:
    backward = derive_backward(
        two_layers(
            sp.tanh,
            sb.Equation(p, softmax(z2)),
            sb.Equation(L, -sp.Sum(y[n, k] * sp.log(p[n, k]), n, k) / N),
        )
    )
    expected = (p[n, k] * sp.Sum(y[n, j], j) - y[n, k]) / N
    assert equal(backward.adjoints["z2"], expected)


def test_log_softmax_followed_by_nll() -> None:
    """e^z/Σe^z is recognised as the exponential of the log-probability that was computed."""
    backward = derive_backward(
        two_layers(
            sp.tanh,
            sb.Equation(p, z2[n, k] - sp.log(sp.Sum(sp.exp(z2[n, j]), j))),
            sb.Equation(L, -sp.Sum(p[n, labels[n]], n) / N),
            target=labels,
        )
    )
    assert same(backward.adjoints["z2"], (sp.exp(p[n, k]) - sp.KroneckerDelta(k, labels[n])) / N)


def test_cs231n_softmax_with_labels_and_weight_penalty() -> None:
    """ACCEPTANCE C: (p - 1(y = k))/N, dW = Xᵀ dscores + λW."""
    strength = sb.hyperparameter("lambda", value=0.5)
    penalty = strength[()] / 2 * sp.Sum(W2[k, h] ** 2, k, h)
    system = sb.System(
        [
            *two_layers(sb.relu, MSE).equations[:3],
            sb.Equation(p, softmax(z2)),
            sb.Equation(L, -sp.Sum(sp.log(p[n, labels[n]]), n) / N + penalty),
        ],
        [x, labels, W1, b1, W2, b2, strength],
        minimize="L",
    )
    backward = derive_backward(system)
    dz2 = adjoint(backward, "z2")
    assert same(backward.adjoints["z2"], (p[n, k] - sp.KroneckerDelta(k, labels[n])) / N)
    assert same(
        backward.gradients["W2"],
        sp.Sum(dz2[n, k] * a1[n, h], n) + strength[()] * W2[k, h],
    )


def test_document_mse() -> None:
    """ACCEPTANCE N: MSE = (1/n) Σ (yᵢ - ŷᵢ)², so ∂MSE/∂ŷᵢ = 2(ŷᵢ - yᵢ)/n."""
    prediction, truth = sb.input("ŷ", n), sb.target("y", n)
    system = sb.System(
        [sb.Equation(L, sp.Sum((truth[n] - prediction[n]) ** 2, n) / N)],
        [prediction, truth],
        minimize="L",
    )
    backward = derive_backward(system, wrt=["ŷ"])
    assert same(backward.gradients["ŷ"], 2 * (prediction[n] - truth[n]) / N)


def test_relu_mask_is_of_its_own_input() -> None:
    backward = derive_backward(two_layers(sb.relu, MSE))
    dz2 = adjoint(backward, "z2")
    expected = sp.Sum(W2[k, h] * dz2[n, k], k) * sb.bracket(z1[n, h] > 0)
    assert same(backward.adjoints["z1"], expected)


def test_parr_and_howard_neuron() -> None:
    """ACCEPTANCE E: ∂C/∂w = (2/N) Σ eᵢxᵢ over the i with w·xᵢ + b > 0."""
    w, b, truth = sb.parameter("w", i), sb.parameter("b"), sb.target("y", n)
    z, e = sb.intermediate("z", n), sb.intermediate("e", n)
    system = sb.System(
        [
            sb.Equation(z, sp.Sum(w[i] * x[n, i], i) + b[()]),
            sb.Equation(e, sb.relu(z[n]) - truth[n]),
            sb.Equation(L, sp.Sum(e[n] ** 2, n) / N),
        ],
        [x, truth, w, b],
        minimize="L",
    )
    backward = derive_backward(system)
    dz = adjoint(backward, "z")
    assert same(backward.adjoints["z"], 2 * e[n] * sb.bracket(z[n] > 0) / N)
    assert same(backward.gradients["w"], sp.Sum(dz[n] * x[n, i], n))
    assert same(backward.gradients["b"], sp.Sum(dz[n], n))


def test_goodfellow_two_layers_with_penalty() -> None:
    """ACCEPTANCE F: ∂J/∂W2 = HᵀG + 2λW2, with J = loss + λ Σ W²."""
    strength = sb.hyperparameter("lambda", value=0.5)
    whole = MSE.rhs + strength[()] * (sp.Sum(W1[h, i] ** 2, h, i) + sp.Sum(W2[k, h] ** 2, k, h))
    system = sb.System(
        [*two_layers(sb.relu, MSE).equations[:3], sb.Equation(L, whole)],
        [x, y, W1, b1, W2, b2, strength],
        minimize="L",
    )
    backward = derive_backward(system)
    dz1, dz2 = adjoint(backward, "z1"), adjoint(backward, "z2")
    assert same(
        backward.gradients["W2"],
        sp.Sum(dz2[n, k] * a1[n, h], n) + 2 * strength[()] * W2[k, h],
    )
    assert same(
        backward.gradients["W1"],
        sp.Sum(dz1[n, h] * x[n, i], n) + 2 * strength[()] * W1[h, i],
    )


class TestContributionsAreCountedOnce:
    """ACCEPTANCE, traps: a tensor used twice gets both contributions, once each."""

    v = sb.parameter("v", i)

    def gradient(self, *equations: sb.Equation) -> sb.Equation:
        return derive_backward(sb.System(equations, [self.v], minimize="L")).gradients["v"]

    def test_sum_with_itself(self) -> None:
        u = sb.intermediate("u", i)
        gradient = self.gradient(
            sb.Equation(u, sp.tanh(self.v[i])), sb.Equation(L, sp.Sum(u[i] + u[i], i))
        )
        assert equal(gradient, 2 * (1 - u[i] ** 2))

    def test_two_equations_use_one_tensor(self) -> None:
        u, w = sb.intermediate("u", i), sb.intermediate("w", i)
        gradient = self.gradient(
            sb.Equation(u, sp.sin(self.v[i])),
            sb.Equation(w, sp.cos(self.v[i])),
            sb.Equation(L, sp.Sum(u[i] * w[i], i)),
        )
        assert equal(gradient, w[i] * sp.cos(self.v[i]) - u[i] * sp.sin(self.v[i])) or equal(
            gradient, w[i] ** 2 - u[i] ** 2
        )

    def test_square_of_a_function(self) -> None:
        s = sb.sigmoid(self.v[i])
        gradient = self.gradient(sb.Equation(L, sp.Sum(s**2, i)))
        assert equal(gradient, 2 * s**2 * (1 - s))

    def test_tied_weights(self) -> None:
        """x → Wx → Wᵀ(Wx): both uses of W contribute."""
        W = sb.parameter("W", h, i)
        u, r = sb.intermediate("u", n, h), sb.intermediate("r", n, i)
        system = sb.System(
            [
                sb.Equation(u, sp.Sum(W[h, i] * x[n, i], i)),
                sb.Equation(r, sp.Sum(W[h, i] * u[n, h], h)),
                sb.Equation(L, sp.Sum((r[n, i] - x[n, i]) ** 2, n, i) / N),
            ],
            [x, W],
            minimize="L",
        )
        backward = derive_backward(system)
        du, dr = adjoint(backward, "u"), adjoint(backward, "r")
        assert same(
            backward.gradients["W"],
            sp.Sum(dr[n, i] * u[n, h], n) + sp.Sum(du[n, h] * x[n, i], n),
        )

    def test_quadratic_form(self) -> None:
        """∂(vᵀAv)/∂v = (A + Aᵀ)v."""
        m = sb.index("m", D)
        A = sb.input("A", i, m)
        system = sb.System(
            [sb.Equation(L, sp.Sum(self.v[i] * A[i, m] * self.v[m], i, m))],
            [A, self.v],
            minimize="L",
        )
        gradient = derive_backward(system).gradients["v"]
        assert same(gradient, sp.Sum(A[i, m] * self.v[m], m) + sp.Sum(A[m, i] * self.v[m], m))

    def test_sum_of_traces_is_not_zero(self) -> None:
        """SymPy 1.14's matrix diff gives 0 for tr(A) + tr(B)."""
        m = sb.index("m", D)
        A, B = sb.parameter("A", i, m), sb.parameter("B", i, m)
        trace = sp.Sum(A[i, i], i) + sp.Sum(B[i, i], i)
        system = sb.System([sb.Equation(L, trace)], [A, B], minimize="L")
        backward = derive_backward(system)
        assert same(backward.gradients["A"], sp.KroneckerDelta(i, m))
        assert same(backward.gradients["B"], sp.KroneckerDelta(i, m))


def test_log_sum_exp_gives_the_softmax() -> None:
    v = sb.parameter("v", k)
    total = sp.Sum(sp.exp(v[k]), k)
    system = sb.System([sb.Equation(L, sp.log(total))], [v], minimize="L")
    gradient = derive_backward(system).gradients["v"]
    assert same(gradient, sp.exp(v[k]) / sp.Sum(sp.exp(v[j]), j))


def test_sum_of_a_softmax_has_no_gradient() -> None:
    """The rows of the softmax Jacobian sum to 0."""
    v, s = sb.parameter("v", k), sb.intermediate("s", k)
    system = sb.System(
        [
            sb.Equation(s, sp.exp(v[k]) / sp.Sum(sp.exp(v[j]), j)),
            sb.Equation(L, sp.Sum(s[k], k)),
        ],
        [v],
        minimize="L",
    )
    assert derive_backward(system).gradients["v"].rhs == 0


def test_maximum_shares_its_cotangent_among_the_places_that_attain_it() -> None:
    v = sb.parameter("v", k)
    system = sb.System([sb.Equation(L, sb.MaxOver(v[k], k))], [v], minimize="L")
    gradient = derive_backward(system).gradients["v"]
    ties = sp.Sum(sb.bracket(sp.Eq(v[j], L[()])), j)
    assert same(gradient, sb.bracket(sp.Eq(v[k], L[()])) / ties)


def test_embedding_gradient_is_a_scatter_add() -> None:
    E = sb.parameter("E", k, h)
    e = sb.intermediate("e", n, h)
    system = sb.System(
        [
            sb.Equation(e, E[labels[n], h]),
            sb.Equation(L, sp.Sum(e[n, h] ** 2, n, h)),
        ],
        [labels, E],
        minimize="L",
    )
    gradient = derive_backward(system).gradients["E"]
    assert same(gradient, 2 * sp.Sum(e[n, h] * sp.KroneckerDelta(k, labels[n]), n))


def test_deltas_in_forward_equations() -> None:
    """‖A - I‖² in A is 2(A - I); Σ z² at the labels is 2z there and 0 elsewhere."""
    m = sb.index("m", K)
    A, v = sb.parameter("A", k, m), sb.parameter("v", n, k)
    identity = sp.Sum((A[k, m] - sp.KroneckerDelta(k, m)) ** 2, k, m)
    gradient = derive_backward(sb.System([sb.Equation(L, identity)], [A], minimize="L"))
    assert equal(gradient.gradients["A"], 2 * (A[k, m] - sp.KroneckerDelta(k, m)))
    at_labels = sp.Sum(sp.KroneckerDelta(k, labels[n]) * v[n, k] ** 2, n, k)
    gradient = derive_backward(sb.System([sb.Equation(L, at_labels)], [labels, v], minimize="L"))
    assert equal(gradient.gradients["v"], 2 * v[n, k] * sp.KroneckerDelta(k, labels[n]))


def test_fixed_position() -> None:
    v = sb.parameter("v", i)
    system = sb.System([sb.Equation(L, v[0] ** 2)], [v], minimize="L")
    gradient = derive_backward(system).gradients["v"]
    assert equal(gradient, 2 * v[i] * sp.KroneckerDelta(0, i)) or equal(
        gradient, 2 * v[0] * sp.KroneckerDelta(0, i)
    )


def test_names_that_clash_with_sympy_and_python() -> None:
    """N, S, E, I, lambda, 误差 are names like any other."""
    S, E, I = (sb.parameter(name, i) for name in ("S", "E", "I"))  # noqa: E741
    error, rate = sb.intermediate("误差", i), sb.parameter("lambda", i)
    system = sb.System(
        [
            sb.Equation(error, S[i] * E[i] + I[i] * rate[i]),
            sb.Equation(L, sp.Sum(error[i] ** 2, i)),
        ],
        [S, E, I, rate],
        minimize="L",
    )
    backward = derive_backward(system)
    delta = adjoint(backward, "误差")
    assert same(backward.gradients["lambda"], delta[i] * I[i])
    assert same(backward.gradients["S"], delta[i] * E[i])


def test_softmax_in_three_equations_is_the_softmax() -> None:
    e, s, q = sb.intermediate("e", n, k), sb.intermediate("s", n), sb.intermediate("q", n, k)
    backward = derive_backward(
        two_layers(
            sp.tanh,
            sb.Equation(e, sp.exp(z2[n, k])),
            sb.Equation(s, sp.Sum(e[n, k], k)),
            sb.Equation(q, e[n, k] / s[n]),
            sb.Equation(L, -sp.Sum(sp.log(q[n, labels[n]]), n) / N),
            target=labels,
        )
    )
    assert same(backward.adjoints["z2"], (q[n, k] - sp.KroneckerDelta(k, labels[n])) / N)


def normalized(axis: sp.Idx, divisor: sp.Expr) -> Backward:
    """(u - mean)/√(var + ε) along an axis, then scale and shift; dy arrives from above."""
    u, g = sb.parameter("u", n, i), sb.input("dy", n, i)
    gain, shift = sb.parameter("gain", i), sb.parameter("shift", i)
    kept = i if axis is n else n
    m, r, v = (sb.intermediate(name, kept) for name in "mrv")
    c, hat, out = (sb.intermediate(name, n, i) for name in ("c", "hat", "out"))
    size = sb.size_of(axis)
    return derive_backward(
        sb.System(
            [
                sb.Equation(m, sp.Sum(u[n, i], axis) / size),
                sb.Equation(c, u[n, i] - m[kept]),
                sb.Equation(v, sp.Sum(c[n, i] ** 2, axis) / divisor),
                sb.Equation(r, (v[kept] + sp.Rational(1, 100000)) ** sp.Rational(-1, 2)),
                sb.Equation(hat, c[n, i] * r[kept]),
                sb.Equation(out, gain[i] * hat[n, i] + shift[i]),
                sb.Equation(L, sp.Sum(g[n, i] * out[n, i], n, i)),
            ],
            [u, g, gain, shift],
            minimize="L",
        ),
        wrt=["u", "gain", "shift"],
    )


def test_layer_norm_backward_in_one_line() -> None:
    """ACCEPTANCE J: dx = rstd·(dn - mean(dn) - x̂·mean(dn⊙x̂)), dw = Σ dy⊙x̂, db = Σ dy."""
    backward = normalized(i, D)
    hat, r, g = backward.tensors["hat"], backward.tensors["r"], backward.tensors["dy"]
    dn = backward.tensors["dhat"]
    assert same(backward.adjoints["hat"], g[n, i] * backward.tensors["gain"][i])
    along = sp.Sum(dn[n, i] * hat[n, i], i)
    assert equal(
        backward.gradients["u"],
        r[n] * (dn[n, i] - sp.Sum(dn[n, i], i) / D - hat[n, i] * along / D),
    )
    assert same(backward.gradients["gain"], sp.Sum(g[n, i] * hat[n, i], n))
    assert same(backward.gradients["shift"], sp.Sum(g[n, i], n))


@pytest.mark.parametrize("divisor", [N, N - 1], ids=["biased", "Bessel"])
def test_batch_norm_backward_in_one_line(divisor: sp.Expr) -> None:
    """ACCEPTANCE C and D: the last term has 1/N, or 1/(N - 1) with Bessel's correction."""
    backward = normalized(n, divisor)
    hat, r, g = backward.tensors["hat"], backward.tensors["r"], backward.tensors["dy"]
    gain, dn = backward.tensors["gain"], backward.tensors["dhat"]

    def published(last: sp.Expr) -> sp.Expr:
        along = sp.Sum(g[n, i] * hat[n, i], n)
        centred = g[n, i] - sp.Sum(g[n, i], n) / N
        return gain[i] * r[i] * (centred - hat[n, i] * along / last)

    def in_dy(element: sp.Expr) -> sp.Expr:
        return g[element.indices] * gain[element.indices[1]]

    derived = backward.gradients["u"]
    written_out = derived.rhs.replace(
        lambda node: isinstance(node, sp.Indexed) and node.base == dn.symbol, in_dy
    )
    expanded = expand(from_sympy(written_out))
    assert expanded == expand(from_sympy(published(divisor)))
    (wrong,) = {N, N - 1} - {divisor}
    assert expanded != expand(from_sympy(published(wrong)))


@pytest.mark.parametrize("features", [5, "K"])
def test_a_norm_after_a_layer_has_its_one_line_too(features: Any) -> None:
    """Σx̂ is 0 whatever the norm's input is made of; no bias before a batch norm is learned."""
    for norm in (lib.LayerNorm(5), lib.BatchNorm1d(features)):
        system = lib.Sequential(lib.Linear("D", norm_size(norm)), norm).system(lib.MSELoss())
        backward = derive_backward(system)
        assert not set(backward.adjoints["z1"].used_names) & {"dc2", "dm2", "dv2", "dr2"}
        assert "dxhat2" in backward.adjoints["z1"].used_names
    assert backward.gradients["b1"].rhs == 0


def norm_size(norm: Any) -> Any:
    return norm.normalized_shape if isinstance(norm, lib.LayerNorm) else norm.num_features


def masked_attention(seen: sp.Basic, *more: sb.Tensor) -> Backward:
    """One head whose scores are -∞ where a condition fails; its output's gradient is given."""
    t, s, r = (sb.index(letter, "T") for letter in "tsr")
    d, e = sb.index("d", D), sb.index("e", H)
    Q, K_, V = sb.parameter("Q", t, d), sb.parameter("K", s, d), sb.parameter("V", s, e)
    bias, G = sb.parameter("kb", d), sb.input("G", t, e)
    S, P, out = sb.intermediate("S", t, s), sb.intermediate("P", t, s), sb.intermediate("O", t, e)
    score = sp.Sum(Q[t, d] * (K_[s, d] + bias[d]), d)
    system = sb.System(
        [
            sb.Equation(S, sp.Piecewise((score, seen), (-sp.oo, True))),
            sb.Equation(P, sp.exp(S[t, s]) / sp.Sum(sp.exp(S[t, r]), r)),
            sb.Equation(out, sp.Sum(P[t, s] * V[s, e], s)),
            sb.Equation(L, sp.Sum(out[t, e] * G[t, e], t, e)),
        ],
        [Q, K_, V, bias, G, *more],
        minimize="L",
    )
    return derive_backward(system)


class TestMasks:
    """ACCEPTANCE I with a mask: it is absorbed where no row of the softmax can be empty."""

    t, s = sb.index("t", "T"), sb.index("s", "T")

    def test_a_causal_mask_is_absorbed_and_the_key_bias_has_no_gradient(self) -> None:
        backward = masked_attention(self.s <= self.t)
        assert backward.gradients["kb"].rhs == 0
        assert not backward.gradients["Q"].rhs.atoms(sb.bracket)
        assert "absorb-mask" in {step.rule for step in backward.steps}

    def test_rowsum_is_proved(self) -> None:
        backward = masked_attention(self.s <= self.t)
        t, s, e = *(self.t, self.s), sb.index("e", H)
        G, out, P, V = (backward.tensors[name] for name in ("G", "O", "P", "V"))
        row = sp.Sum(G[t, e] * out[t, e], e)
        expected = P[t, s] * (sp.Sum(G[t, e] * V[s, e], e) - row)
        assert equal(backward.adjoints["S"], expected)
        assert "swap-sums" in {step.rule for step in backward.steps}

    def test_a_mask_that_leaves_a_row_empty_stays(self) -> None:
        backward = masked_attention(self.s < self.t)
        assert backward.gradients["Q"].rhs.atoms(sb.bracket)

    def test_a_mask_made_of_data_stays(self) -> None:
        open_ = sb.input("open", self.s)
        backward = masked_attention(sp.And(self.s <= self.t, open_[self.s] > 0), open_)
        assert len(backward.gradients["Q"].rhs.atoms(sb.bracket)) == 2


def deep(depth: int) -> sb.System:
    """A chain of tanh layers of symbolic widths."""
    equations, tensors = [], [x]
    previous, width = x, i
    for layer in range(1, depth + 1):
        here = sb.index("j" if layer % 2 else "i", f"D{layer}")
        W, b = sb.parameter(f"W{layer}", here, width), sb.parameter(f"b{layer}", here)
        z, a = sb.intermediate(f"z{layer}", n, here), sb.intermediate(f"a{layer}", n, here)
        affine = sp.Sum(previous[n, width] * W[here, width], width) + b[here]
        equations += [sb.Equation(z, affine), sb.Equation(a, sp.tanh(z[n, here]))]
        tensors += [W, b]
        previous, width = a, here
    equations.append(sb.Equation(L, sp.Sum(previous[n, width] ** 2, n, width) / N))
    return sb.System(equations, tensors, minimize="L")


def test_a_hundred_layers_derive_with_the_same_equations_as_two() -> None:
    backward = derive_backward(deep(100))
    assert len(backward.gradients) == 200
    assert {sb.element_name(e) for e in sb.elements(backward.adjoints["z1"].rhs)} == {
        "dz2",
        "W2",
        "a1",
    }
    widest = max(len(str(equation)) for equation in backward.adjoints.values())
    assert widest <= max(len(str(e)) for e in derive_backward(deep(3)).adjoints.values()) + 20


class TestSteps:
    @pytest.fixture(scope="class")
    @classmethod
    def backward(cls) -> Backward:
        return derive_backward(two_layers(sb.relu, MSE))

    def test_steps_chain_from_the_adjoint_to_its_equation(self, backward: Backward) -> None:
        for name, equation in {**backward.adjoints, **backward.gradients}.items():
            own = [step for step in backward.steps if step.target == name]
            assert own[0].rule == "chain-rule"
            assert own[0].before == own[0].lhs == equation.lhs
            for earlier, later in pairwise(own):
                assert earlier.after == later.before
            assert own[-1].after == equation.rhs

    def test_every_step_names_a_rule(self, backward: Backward) -> None:
        assert {step.rule for step in backward.steps} <= set(ALL_RULES)


class TestErrors:
    def test_nothing_to_differentiate_by(self) -> None:
        system = sb.System([sb.Equation(L, sp.Sum(x[n, i], n, i))], [x], minimize="L")
        with pytest.raises(EquationError, match="nothing to differentiate by"):
            derive_backward(system)

    def test_unknown_name_suggests_the_nearest(self) -> None:
        with pytest.raises(UnknownNameError, match="did you mean 'W1'"):
            derive_backward(two_layers(sb.relu, MSE), wrt=["W_1"])

    def test_labels_have_no_derivative(self) -> None:
        system = sb.System(
            [sb.Equation(L, sp.Sum(W2[labels[n], h], n, h))], [labels, W2], minimize="L"
        )
        with pytest.raises(EquationError, match="labels"):
            derive_backward(system, wrt=["y"])

    def test_a_tensor_the_objective_does_not_use_has_gradient_zero(self) -> None:
        unused = sb.parameter("unused", i)
        system = sb.System([sb.Equation(L, sp.Sum(x[n, i], n, i))], [x, unused], minimize="L")
        assert derive_backward(system).gradients["unused"].rhs == 0
