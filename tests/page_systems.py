"""Systems written by hand whose derivations have to read well, for the tests of typesetting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import sympy as sp

import symbackprop.language as sb

Written: TypeAlias = tuple[sb.System, Sequence[str]]

N, T, D, E, H, W, V, A = sb.sizes("N T D E H W V A")
n, t, s, r = sb.index("n", N), sb.index("t", T), sb.index("s", T), sb.index("r", T)
d, e, j, k = sb.index("d", D), sb.index("e", E), sb.index("j", H), sb.index("k", H)
c, o, q = sb.index("c", 3), sb.index("o", 5), sb.index("q", 2)
L = sb.Tensor("L")


def summed(tensor: sb.Tensor) -> sb.Equation:
    """A loss that sends a given gradient, the tensor's own name in capitals, back to it."""
    return sb.Equation(L, sp.Sum(upstream(tensor).element * tensor.element, *tensor.indices))


def upstream(tensor: sb.Tensor) -> sb.Tensor:
    return sb.input("G", *tensor.indices)


def squared(tensor: sb.Tensor) -> sb.Equation:
    return sb.Equation(L, sp.Sum(tensor.element**2, *tensor.indices) / N)


def system(equations: Sequence[sb.Equation], tensors: Sequence[sb.Tensor]) -> Written:
    """The system, and what to differentiate by: parameters, then real inputs but upstream."""
    kinds = (sb.Role.PARAMETER, sb.Role.INPUT)
    real = [t for t in tensors if t.role in kinds and t.domain is sb.Domain.REAL and t.name != "G"]
    wanted = [t.name for t in sorted(real, key=lambda t: kinds.index(t.role))]
    return sb.System(equations, tensors, minimize="L"), wanted


def nielsen() -> Written:
    """A: two layers, with the activation and the cost left open."""
    sigma, cost = sp.Function("sigma", real=True), sp.Function("c", real=True)
    x, a1, a2 = sb.input("x", n, d), sb.Tensor("a1", (n, j)), sb.Tensor("a2", (n, e))
    w1, w2 = sb.parameter("W1", j, d), sb.parameter("W2", e, j)
    b1, b2 = sb.parameter("b1", j), sb.parameter("b2", e)
    z1 = sb.Tensor("z1", (n, j), error_symbol=r"\delta^{(1)}")
    z2 = sb.Tensor("z2", (n, e), error_symbol=r"\delta^{(2)}")
    equations = [
        sb.Equation(z1, sp.Sum(x[n, d] * w1[j, d], d) + b1[j]),
        sb.Equation(a1, sigma(z1[n, j])),
        sb.Equation(z2, sp.Sum(a1[n, j] * w2[e, j], j) + b2[e]),
        sb.Equation(a2, sigma(z2[n, e])),
        sb.Equation(L, sp.Sum(cost(a2[n, e]), n, e)),
    ]
    return sb.System(equations, [x, w1, b1, w2, b2, z1, z2], minimize="L"), ["W1", "b1", "W2", "b2"]


def softmax_regression() -> Written:
    """C: labels, and half of lambda times the squared weights."""
    x, w, b = sb.input("x", n, d), sb.parameter("W", e, d), sb.parameter("b", e)
    y, strength = sb.target("y", n, domain="label", classes=E), sb.hyperparameter("lambda")
    z, p, g = sb.Tensor("z", (n, e)), sb.Tensor("p", (n, e)), sb.index("g", E)
    loss = -sp.Sum(sp.log(p[n, y[n]]), n) / N
    equations = [
        sb.Equation(z, sp.Sum(x[n, d] * w[e, d], d) + b[e]),
        sb.Equation(p, sp.exp(z[n, e]) / sp.Sum(sp.exp(z[n, g]), g)),
        sb.Equation(L, loss + strength[()] / 2 * sp.Sum(w[e, d] ** 2, e, d)),
    ]
    return sb.System(equations, [x, y, w, b, strength], minimize="L"), ["W", "b"]


def relu_neuron() -> Written:
    """E: one neuron, its mean squared error."""
    x, w, b, y = sb.input("x", n, d), sb.parameter("w", d), sb.parameter("b"), sb.target("y", n)
    z, error = sb.Tensor("z", (n,)), sb.Tensor("e", (n,))
    equations = [
        sb.Equation(z, sp.Sum(w[d] * x[n, d], d) + b[()]),
        sb.Equation(error, sb.relu(z[n]) - y[n]),
        sb.Equation(L, sp.Sum(error[n] ** 2, n) / N),
    ]
    return sb.System(equations, [x, y, w, b], minimize="L"), ["w", "b"]


def penalised_network() -> Written:
    """F: H = relu(XW1), U = HW2, a given gradient of U, and lambda times squared weights."""
    x, w1, w2 = sb.input("X", n, d), sb.parameter("W1", d, j), sb.parameter("W2", j, e)
    z, hidden, out = sb.Tensor("Z", (n, j)), sb.Tensor("H", (n, j)), sb.Tensor("U", (n, e))
    strength, given = sb.hyperparameter("lambda"), upstream(out)
    squares = sp.Sum(w1[d, j] ** 2, d, j) + sp.Sum(w2[j, e] ** 2, j, e)
    equations = [
        sb.Equation(z, sp.Sum(x[n, d] * w1[d, j], d)),
        sb.Equation(hidden, sb.relu(z[n, j])),
        sb.Equation(out, sp.Sum(hidden[n, j] * w2[j, e], j)),
        sb.Equation(L, sp.Sum(given[n, e] * out[n, e], n, e) + strength[()] * squares),
    ]
    return sb.System(equations, [x, w1, w2, given, strength], minimize="L"), ["W1", "W2"]


def product() -> Written:
    """F: the operation AB; its gradients are GBᵀ and AᵀG."""
    a, b, c_ = sb.parameter("A", n, d), sb.parameter("B", d, e), sb.Tensor("C", (n, e))
    equations = [sb.Equation(c_, sp.Sum(a[n, d] * b[d, e], d)), summed(c_)]
    return system(equations, [a, b, upstream(c_)])


def linear_rnn() -> Written:
    """G: backpropagation through time, for one example, its state linear."""
    x, h0, y = sb.input("x", t, d), sb.input("h0", j), sb.target("y", t, q)
    w_hx, w_hh = sb.parameter("W_hx", j, d), sb.parameter("W_hh", j, k)
    w_qh = sb.parameter("W_qh", q, j)
    h, out = sb.Tensor("h", (t, j)), sb.Tensor("o", (t, q))
    step = sp.Sum(w_hx[j, d] * x[t, d], d) + sp.Sum(w_hh[j, k] * h[t - 1, k], k)
    equations = [
        sb.Equation(h, step, (sb.BaseCase(h[-1, j], h0[j]),)),
        sb.Equation(out, sp.Sum(w_qh[q, j] * h[t, j], j)),
        sb.Equation(L, sp.Sum((out[t, q] - y[t, q]) ** 2, t, q) / T),
    ]
    return system(equations, [x, y, h0, w_hx, w_hh, w_qh])


def two_back() -> Written:
    """G: a recurrence that looks back two steps, and whose last state is the result."""
    x, h0, h1 = sb.input("x", n, t, d), sb.input("h0", n, j), sb.input("h1", n, j)
    w, u, v = sb.parameter("W", j, d), sb.parameter("U", j, k), sb.parameter("V", j, k)
    b = sb.parameter("b", j)
    h = sb.Tensor("h", (n, t, j))
    z = sb.Tensor("z", (n, t, j), error_symbol=r"\delta")
    sums = sp.Sum(h[n, t - 1, k] * u[j, k], k) + sp.Sum(h[n, t - 2, k] * v[j, k], k)
    cases = sb.BaseCase(h[n, -1, j], h1[n, j]), sb.BaseCase(h[n, -2, j], h0[n, j])
    equations = [
        sb.Equation(z, sp.Sum(x[n, t, d] * w[j, d], d) + sums + b[j]),
        sb.Equation(h, sp.tanh(z[n, t, j]), cases),
        sb.Equation(L, sp.Sum(h[n, T - 1, j] ** 2, n, j) / N),
    ]
    return system(equations, [x, h0, h1, w, u, v, b, z])


def lstm() -> Written:
    """H: all four gates, cell and state."""
    x, h0, c0 = sb.input("x", t, n, d), sb.input("h0", n, j), sb.input("c0", n, j)
    h, cell = sb.Tensor("h", (t, n, j)), sb.Tensor("c", (t, n, j))
    tensors, equations, gates = [x, h0, c0], [], {}
    for name in "ifgo":
        w, u = sb.parameter(f"W_{name}", j, d), sb.parameter(f"U_{name}", j, k)
        b = sb.parameter(f"b_{name}", j)
        z, gate = sb.Tensor(f"a_{name}", (t, n, j)), sb.Tensor(name, (t, n, j))
        sums = sp.Sum(x[t, n, d] * w[j, d], d) + sp.Sum(h[t - 1, n, k] * u[j, k], k)
        squash = sp.tanh if name == "g" else sb.sigmoid
        equations += [sb.Equation(z, sums + b[j]), sb.Equation(gate, squash(z[t, n, j]))]
        tensors += [w, u, b]
        gates[name] = gate[t, n, j]
    i, f, g, out = gates.values()
    kept = f * cell[t - 1, n, j] + i * g
    equations += [
        sb.Equation(cell, kept, (sb.BaseCase(cell[-1, n, j], c0[n, j]),)),
        sb.Equation(h, out * sp.tanh(cell[t, n, j]), (sb.BaseCase(h[-1, n, j], h0[n, j]),)),
        squared(h),
    ]
    return system(equations, tensors)


def attention(masked: bool = False) -> Written:
    """I: one head; its output's gradient is given."""
    queries, keys = sb.parameter("Q", t, d), sb.parameter("K", s, d)
    values, tau = sb.parameter("V", s, e), sb.hyperparameter("tau", value=0.5)
    scores, weights = sb.Tensor("S", (t, s)), sb.Tensor("P", (t, s))
    out = sb.Tensor("O", (t, e))
    score = tau[()] * sp.Sum(queries[t, d] * keys[s, d], d)
    equations = [
        sb.Equation(scores, sp.Piecewise((score, s <= t), (-sp.oo, True)) if masked else score),
        sb.Equation(weights, sp.exp(scores[t, s]) / sp.Sum(sp.exp(scores[t, r]), r)),
        sb.Equation(out, sp.Sum(weights[t, s] * values[s, e], s)),
        summed(out),
    ]
    return system(equations, [queries, keys, values, tau, upstream(out)])


def masked_attention() -> Written:
    """I, where nothing is seen that comes later."""
    return attention(masked=True)


def _scaled(x: sb.Tensor, moment: sp.Expr, factor: sb.Tensor) -> list[sb.Equation]:
    w, b = sb.parameter("w", d), sb.parameter("b", d)
    normal, y = sb.Tensor("x_hat", (n, d)), sb.Tensor("y", (n, d))
    own = factor.element
    return [
        sb.Equation(factor, 1 / sp.sqrt(moment + sb.hyperparameter("epsilon")[()])),
        sb.Equation(normal, x[n, d] * own),
        sb.Equation(y, normal[n, d] * w[d] + b[d]),
        summed(y),
    ]


def _norm(along: sp.Idx, divisor: sp.Expr) -> Written:
    """Rows or columns of x made 0 in mean and 1 in variance."""
    x = sb.input("x", n, d)
    (other,) = {n, d} - {along}
    mean, var = sb.Tensor("mu", (other,)), sb.Tensor("v", (other,))
    factor, centred = sb.Tensor("r", (other,)), sb.Tensor("c", (n, d))
    equations = [
        sb.Equation(mean, sp.Sum(x[n, d], along) / sb.size_of(along)),
        sb.Equation(centred, x[n, d] - mean[other]),
        sb.Equation(var, sp.Sum(centred[n, d] ** 2, along) / divisor),
        *_scaled(centred, var[other], factor),
    ]
    return system(equations, [x, *_affine()])


def _affine() -> list[sb.Tensor]:
    w, b = sb.parameter("w", d), sb.parameter("b", d)
    return [w, b, sb.hyperparameter("epsilon", value=1e-5), sb.input("G", n, d)]


def layer_norm() -> Written:
    """J."""
    return _norm(d, D)


def batch_norm() -> Written:
    """C: the variance over N."""
    return _norm(n, N)


def bessel_norm() -> Written:
    """D: the variance over N - 1."""
    return _norm(n, N - 1)


def rms_norm() -> Written:
    """J, without the mean."""
    x, moment, factor = sb.input("x", n, d), sb.Tensor("v", (n,)), sb.Tensor("r", (n,))
    mean = sb.Equation(moment, sp.Sum(x[n, d] ** 2, d) / D)
    return system([mean, *_scaled(x, moment[n], factor)], [x, *_affine()])


def convolution(stride: int = 1) -> Written:
    """K: 3 × 3, padded by 1."""
    rows, columns = (H, W) if stride == 1 else (sp.floor((size - 1) / 2) + 1 for size in (H, W))
    p, q = sb.index("p", rows), sb.index("q", columns)
    h, w, u, v = sb.index("h", H), sb.index("w", W), sb.index("u", 3), sb.index("v", 3)
    x, kernel, b = sb.input("x", n, c, h, w), sb.parameter("K", o, c, u, v), sb.parameter("b", o)
    z = sb.Tensor("z", (n, o, p, q))
    seen = x[n, c, stride * p + u - 1, stride * q + v - 1]
    equations = [
        sb.Equation(z, sp.Sum(seen * kernel[o, c, u, v], c, u, v) + b[o]),
        summed(z),
    ]
    return system(equations, [x, kernel, b, upstream(z)])


def strided_convolution() -> Written:
    """K, every second place."""
    return convolution(2)


def max_pool(over: Any = sb.MaxOver) -> Written:
    """The greatest of 2 × 2."""
    h, w, u, v = sb.index("h", 2 * H), sb.index("w", 2 * W), sb.index("u", 2), sb.index("v", 2)
    p, q = sb.index("p", H), sb.index("q", W)
    x, z = sb.input("x", n, c, h, w), sb.Tensor("z", (n, c, p, q))
    largest = over(x[n, c, 2 * p + u, 2 * q + v], u, v)
    return system([sb.Equation(z, largest), summed(z)], [x, upstream(z)])


def flattened() -> Written:
    """An image as a row, beside another row."""
    h, w, f = sb.index("h", H), sb.index("w", W), sb.index("f", 3 * H * W)
    m, v = sb.index("m", 3 * H * W + D), sb.index("v", 2)
    x, side = sb.input("x", n, c, h, w), sb.input("s", n, d)
    weights = sb.parameter("A", v, m)
    row, both, z = sb.Tensor("a", (n, f)), sb.Tensor("b", (n, m)), sb.Tensor("z", (n, v))
    place = sp.KroneckerDelta(f, (c * H + h) * W + w)
    first = sp.Sum(row[n, f] * sp.KroneckerDelta(m, f), f)
    second = sp.Sum(side[n, d] * sp.KroneckerDelta(m, d + 3 * H * W), d)
    equations = [
        sb.Equation(row, sp.Sum(x[n, c, h, w] * place, c, h, w)),
        sb.Equation(both, first + second),
        sb.Equation(z, sp.Sum(both[n, m] * weights[v, m], m)),
        squared(z),
    ]
    return system(equations, [x, side, weights])


def block() -> Written:
    """A block such as GPT's: embedding, attention of A heads, residual, tied output."""
    h, g, v, u = sb.index("h", A), sb.index("g", E), sb.index("v", V), sb.index("u", V)
    token, y = (
        make(name, n, t, domain=sb.Domain.LABEL, classes=V)
        for make, name in ((sb.input, "token"), (sb.target, "y"))
    )
    table, place, tau = sb.parameter("C", v, d), sb.parameter("B", t, d), sb.hyperparameter("tau")
    maps = [sb.parameter(f"W_{name}", h, g, d) for name in "qkv"]
    merge = sb.parameter("W_o", d, h, g)
    x, res = (sb.Tensor(name, (n, t, d)) for name in "xr")
    queries, keys, values, out = (sb.Tensor(name, (n, h, t, g)) for name in "QKVO")
    scores, weights = (sb.Tensor(name, (n, h, t, s)) for name in "SP")
    logits, probs = (sb.Tensor(name, (n, t, v)) for name in "zp")
    score = tau[()] * sp.Sum(queries[n, h, t, g] * keys[n, h, s, g], g)
    total = sp.Sum(sp.exp(scores[n, h, t, r]), r)
    mixed = sp.Sum(out[n, h, t, g] * merge[d, h, g], h, g)
    equations = [
        sb.Equation(x, table[token[n, t], d] + place[t, d]),
        *(
            sb.Equation(made, sp.Sum(x[n, t, d] * w[h, g, d], d))
            for made, w in zip((queries, keys, values), maps, strict=True)
        ),
        sb.Equation(scores, sp.Piecewise((score, s <= t), (-sp.oo, True))),
        sb.Equation(weights, sp.exp(scores[n, h, t, s]) / total),
        sb.Equation(out, sp.Sum(weights[n, h, t, s] * values[n, h, s, g], s)),
        sb.Equation(res, x[n, t, d] + mixed),
        sb.Equation(logits, sp.Sum(res[n, t, d] * table[v, d], d)),
        sb.Equation(probs, sp.exp(logits[n, t, v]) / sp.Sum(sp.exp(logits[n, t, u]), u)),
        sb.Equation(L, -sp.Sum(sp.log(probs[n, t, y[n, t]]), n, t) / (N * T)),
    ]
    return system(equations, [token, y, table, place, *maps, merge, tau])


#: By name, the letter of ACCEPTANCE's derivation first where it has one.
SYSTEMS: dict[str, Callable[[], Written]] = {
    "c_softmax_regression": softmax_regression,
    "e_relu_neuron": relu_neuron,
    "f_penalised_network": penalised_network,
    "f_product": product,
    "c_batch_norm": batch_norm,
    "d_bessel_norm": bessel_norm,
    "g_linear_rnn": linear_rnn,
    "g_two_back": two_back,
    "h_lstm": lstm,
    "i_attention": attention,
    "i_masked_attention": masked_attention,
    "j_layer_norm": layer_norm,
    "j_rms_norm": rms_norm,
    "k_convolution": convolution,
    "k_strided_convolution": strided_convolution,
    "block": block,
    "flattened": flattened,
    "max_pool": max_pool,
    "first_max_pool": lambda: max_pool(sb.FirstMaxOver),
}

#: Those, and one with functions left open, which has no values.
PAGES: dict[str, Callable[[], Written]] = {"a_nielsen": nielsen, **SYSTEMS}


def quadratic() -> sb.System:
    """M: xᵀAx."""
    m = sb.index("m", D)
    a, x = sb.input("A", d, m), sb.parameter("x", d)
    return sb.System([sb.Equation(L, sp.Sum(x[d] * a[d, m] * x[m], d, m))], [a, x], minimize="L")


def logistic_regression() -> sb.System:
    """M: Xᵀ diag(s(1 - s)) X."""
    x, w, y = sb.input("X", n, d), sb.parameter("w", d), sb.target("y", n, domain="unit")
    z, p = sb.Tensor("z", (n,)), sb.Tensor("s", (n,))
    likelihood = y[n] * sp.log(p[n]) + (1 - y[n]) * sp.log(1 - p[n])
    equations = [
        sb.Equation(z, sp.Sum(x[n, d] * w[d], d)),
        sb.Equation(p, sb.sigmoid(z[n])),
        sb.Equation(L, -sp.Sum(likelihood, n)),
    ]
    return sb.System(equations, [x, w, y], minimize="L")


def factorisation() -> sb.System:
    """M: ‖T - UVᵀ‖² in U."""
    whole, u, v = sb.input("T", n, d), sb.parameter("U", n, q), sb.parameter("V", d, q)
    residual = whole[n, d] - sp.Sum(u[n, q] * v[d, q], q)
    equations = [sb.Equation(L, sp.Sum(residual**2, n, d))]
    return sb.System(equations, [whole, u, v], minimize="L")


def softmax_cross_entropy() -> sb.System:
    """M: diag(p) - ppᵀ, of one example."""
    z, p, y, g = sb.parameter("z", e), sb.Tensor("p", (e,)), sb.target("y", e), sb.index("g", E)
    equations = [
        sb.Equation(p, sp.exp(z[e]) / sp.Sum(sp.exp(z[g]), g)),
        sb.Equation(L, -sp.Sum(y[e] * sp.log(p[e]), e)),
    ]
    fact = sb.Fact(sp.Sum(y[e], e), 1)
    return sb.System(equations, [z, y], minimize="L", facts=[fact])


#: By name: a system, and the parameter by which its Hessian is taken.
SECOND_ORDER: dict[str, tuple[Callable[[], sb.System], str]] = {
    "m_quadratic_form": (quadratic, "x"),
    "m_logistic_regression": (logistic_regression, "w"),
    "m_factorisation": (factorisation, "U"),
    "m_softmax_cross_entropy": (softmax_cross_entropy, "z"),
}
#: Sizes that are different primes, in which the systems are evaluated.
EXTENTS = {N: 2, T: 3, D: 5, E: 7, H: 3, W: 5, V: 11, A: 2}
