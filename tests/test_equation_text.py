"""Equation files: what they mean in SymPy, and how they are refused, with line and column."""

import builtins
import os
import re
from pathlib import Path

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symbackprop as sb
from symbackprop.errors import EquationError, ShapeError, SymbackpropError, UnknownNameError
from symbackprop.language import (
    ArgMaxOver,
    BaseCase,
    Domain,
    FirstMaxOver,
    MaxOver,
    Role,
    relu,
    sigmoid,
    softplus,
)

EQUATIONS = Path(__file__).parent / "equations"

N, D, K, T = sb.sizes("N D K T")
n, i, k, t = sb.index("n", N), sb.index("i", D), sb.index("k", K), sb.index("t", T)
j = sb.index("j", K)
x, y = sb.input("x", n, i), sb.target("y", n, domain="label", classes=K)
W, b, a = sb.parameter("W", k, i), sb.parameter("b", k), sb.parameter("a")
c = sb.parameter("c", t)
HEAD = """\
index n:N, i:D, k:K
index t:T
input x[n,i]
target y[n] : integer < K
parameter W[k,i], b[k], a
parameter c[t]
constant eps = 1e-5
constant big = 2/eps
"""
TAIL = "\nL = 1\nminimize L\n"


def right(text, left="z[n,k]"):
    """The right side of an equation as it is read."""
    system = sb.parse_system(f"{HEAD}{left} = {text}{TAIL}")
    return system.definitions[left.partition("[")[0]].rhs


def refused(text, name="m.eqs"):
    with pytest.raises(SymbackpropError) as caught:
        sb.parse_system(text, name)
    assert caught.value.exit_code == 2
    return caught.value


def place(error):
    """Line, column, and the text that the caret stands under."""
    shown, under = error.where.split("\n")
    line, column = map(int, re.search(r"line (\d+), column (\d+)\)$", shown).groups())
    text = shown[: shown.rindex("   (")]
    return line, column, text[under.index("^") - len("  in: ") :]


# --- meaning ----------------------------------------------------------------------------


def test_softmax_regression_is_the_system_written_with_sympy():
    y = sb.target("y", n, k)
    z, p, L = sb.intermediate("z", n, k), sb.intermediate("p", n, k), sb.intermediate("L")
    written = sb.System(
        [
            sb.Equation(z, sp.Sum(x[n, i] * W[k, i], i) + b[k]),
            sb.Equation(p, sp.exp(z[n, k]) / sp.Sum(sp.exp(z[n, j]), j)),
            sb.Equation(L, -sp.Sum(y[n, k] * sp.log(p[n, k]), n, k) / N),
        ],
        [x, y, W, b],
        minimize="L",
        facts=[sb.Fact(sp.Sum(y[n, k], k), sp.Integer(1))],
    )
    read = sb.load(EQUATIONS / "softmax.eqs")
    assert read.tensors == written.tensors
    assert read.equations == written.equations
    assert read.facts == written.facts
    assert read.objective == written.objective


def test_a_convolution_is_read_as_written():
    H, Wd = sb.sizes("H W")
    half = [sp.floor((extent - 1) / 2) + 1 for extent in (H, Wd)]
    c, o, u, v = (sb.index(*pair) for pair in [("c", 3), ("o", 8), ("u", 3), ("v", 3)])
    h, w = sb.index("H", H), sb.index("W", Wd)
    p, q = sb.index("p", half[0]), sb.index("q", half[1])
    x, kernel = sb.input("x", n, c, h, w), sb.parameter("K", o, c, u, v)
    z, L = sb.intermediate("z", n, o, p, q), sb.intermediate("L")
    read = sb.load(EQUATIONS / "convolution.eqs")
    at = x[n, c, 2 * p + u - 1, 2 * q + v - 1]
    assert read.equations == (
        sb.Equation(z, sp.Sum(kernel[o, c, u, v] * at, c, u, v)),
        sb.Equation(L, sp.Sum(relu(z[n, o, p, q]) ** 2, n, o, p, q)),
    )
    assert list(read.tensors) == ["x", "K", "z", "L"]
    assert read.tensor("x") == x
    assert read.tensor("z").shape == (N, sp.Integer(8), *half)


def test_a_recurrence_with_a_gather_and_a_mask_is_read_as_written():
    V = sb.size("V")
    s, r, q = (sb.index(letter, T) for letter in "srq")
    d, e, v = sb.index("d", D), sb.index("e", D), sb.index("v", V)
    token = sb.input("token", n, t, domain="label", classes=V)
    h0, E, U = sb.input("h0", n, d), sb.parameter("E", v, d), sb.parameter("U", e, d)
    h, S = sb.intermediate("h", t, n, d), sb.intermediate("S", n, t, s)
    A, L = sb.intermediate("A", n, t, s), sb.intermediate("L")
    step = sp.tanh(E[token[n, t], d] + sp.Sum(h[t - 1, n, e] * U[e, d], e))
    score = sp.Sum(h[t, n, d] * h[s, n, d], d) / sp.sqrt(D)
    over = sp.exp(S[n, t, r] - MaxOver(S[n, t, q], q))
    read = sb.load(EQUATIONS / "recurrence.eqs")
    assert read.equations == (
        sb.Equation(h, step, (BaseCase(h[-1, n, d], h0[n, d]),)),
        sb.Equation(S, sp.Piecewise((score, s <= t), (-sp.oo, True))),
        sb.Equation(A, sp.exp(S[n, t, s] - MaxOver(S[n, t, r], r)) / sp.Sum(over, r)),
        sb.Equation(L, sp.Sum(sp.Sum(A[n, t, s] * h[s, n, d], s) ** 2, n, t, d) / N),
    )
    assert [read.tensor(name) for name in ("token", "h0", "E", "U")] == [token, h0, E, U]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-a^2", -(a[()] ** 2)),
        ("2^-a", 2 ** -a[()]),
        ("2^3^a", 2 ** (3 ** a[()])),
        ("a**2", a[()] ** 2),
        ("-2^2", -4),
        ("7 - 2 - 1", 4),
        ("a - 1 + 1", a[()]),
        ("8/2/2*3", 6),
        ("a*2/3", sp.Rational(2, 3) * a[()]),
        ("a//2", sp.floor(a[()] / 2)),
        ("7//2//2", 1),
        ("(N-1)//2+1", sp.floor((N - 1) / 2) + 1),
        ("--a", a[()]),
        ("+a", a[()]),
        ("a*-b[k]", -a[()] * b[k]),
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("0.1", sp.Rational(1, 10)),
        ("1e-5", sp.Rational(1, 100000)),
        (".5E1", 5),
        ("2.", 2),
        ("0.1+0.2", sp.Rational(3, 10)),
        ("eps", sp.Rational(1, 100000)),
        ("big*a", 200000 * a[()]),
        ("pi*a", sp.pi * a[()]),
        ("N*D", N * D),
        ("n + 1", n + 1),
        ("b[0]", b[0]),
        ("b[K-1]", b[K - 1]),
        ("W[y[n],0]", W[y[n], 0]),
        ("b[y[n]]", b[y[n]]),
        ("c[3*n+k-2]", c[3 * n + k - 2]),
        ("c[N*k+n]", c[N * k + n]),
        ("sum[i](x[n,i]*W[k,i])", sp.Sum(x[n, i] * W[k, i], i)),
        ("sum[i, j:K](x[n,i]*b[j])", sp.Sum(x[n, i] * b[j], i, j)),
        ("sum[i:D](x[n,i])", sp.Sum(x[n, i], i)),
        ("sum[j:K](b[j]) + sum[j:D](x[n,j])", None),
        ("max[i](x[n,i])", MaxOver(x[n, i], i)),
        ("min[i](x[n,i])", -MaxOver(-x[n, i], i)),
        ("firstmax[i](x[n,i])", FirstMaxOver(x[n, i], i)),
        ("argmax[i](x[n,i])", ArgMaxOver(x[n, i], i)),
        ("mean[i,j:K](x[n,i]*b[j])", sp.Sum(x[n, i] * b[j], i, j) / (D * K)),
        ("max(a, b[k])", sp.Max(a[()], b[k])),
        ("min(a, 0)", sp.Min(a[()], 0)),
        ("delta(k, y[n])", sp.KroneckerDelta(k, y[n])),
        ("delta(k, n+1)", sp.KroneckerDelta(k, n + 1)),
        ("where(n <= k, a, -inf)", sp.Piecewise((a[()], n <= k), (-sp.oo, True))),
        ("where(a < 1 and not b[k] >= 2, 1, 2)", sp.Piecewise(
            (1, sp.And(a[()] < 1, b[k] < 2)), (2, True))),
        ("where(n = k or n == y[n], a, 0)", sp.Piecewise(
            (a[()], sp.Or(sp.Eq(n, k), sp.Eq(n, y[n]))), (0, True))),
        ("where(n != k, a, 0)", sp.Piecewise((a[()], sp.Ne(n, k)), (0, True))),
        ("where(0 < a < 1, a, 0)", sp.Piecewise((a[()], sp.And(a[()] > 0, a[()] < 1)), (0, True))),
        ("where((a+1)*2 > 3 and (n < k or n > 5), a, 0)", sp.Piecewise(
            (a[()], sp.And((a[()] + 1) * 2 > 3, sp.Or(n < k, n > 5))), (0, True))),
        ("where(1 < 2, a, b[k])", a[()]),
        ("exp(a)", sp.exp(a[()])),
        ("log(a)+ln(a)", 2 * sp.log(a[()])),
        ("sqrt(D)", sp.sqrt(D)),
        ("tanh(a)*sin(a)*cos(a)*erf(a)", sp.tanh(a[()]) * sp.sin(a[()]) * sp.cos(a[()]) * sp.erf(
            a[()])),
        ("relu(a)", relu(a[()])),
        ("sigmoid(a)", sigmoid(a[()])),
        ("softplus(a)", softplus(a[()])),
        ("sign(a)*abs(a)", sp.sign(a[()]) * sp.Abs(a[()])),
        ("floor(a)", sp.floor(a[()])),
        ("gelu(a)", a[()] * (1 + sp.erf(a[()] / sp.sqrt(2))) / 2),
        ("silu(a)", a[()] * sigmoid(a[()])),
        ("tan(a)", sp.sin(a[()]) / sp.cos(a[()])),
        ("sinh(a)", (sp.exp(a[()]) - sp.exp(-a[()])) / 2),
        ("cosh(a)", (sp.exp(a[()]) + sp.exp(-a[()])) / 2),
    ],
)  # fmt: skip
def test_expressions(text, value):
    if value is None:  # one letter for two sums
        wide = sb.index("j", D)
        value = sp.Sum(b[j], j) + sp.Sum(x[n, wide], wide)
    assert right(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "a + b[k] * 2",
        "a +\n  b[k] * 2",
        "a\n  + b[k]\n  * 2",
        "(a\n\n + # why\n b[k]\n * 2)",
        "a + b[\nk\n] * 2  # why",
        "\n\n  a + b[k] * 2",
        "a + b[k] *\r\n 2",
    ],
)
def test_an_expression_may_go_on_over_lines(text):
    assert right(text) == a[()] + 2 * b[k]


def test_statements_in_any_order_with_blank_lines_and_comments():
    lines = [line for line in HEAD.splitlines() if not line.startswith(("constant", "index"))]
    names = "index n:N, i:D,  # letters\n  k:K\n\nindex t:T\n"
    text = "\n".join(["# first", "minimize L", "L = z[0,0]", "", "z[n,k] = b[k]", names, *lines])
    system = sb.parse_system(text)
    assert [equation.name for equation in system.equations] == ["z", "L"]


def test_roles_domains_and_values():
    system = sb.parse_system(
        """
        index n:N, k:K
        constant stride = 3
        index p:N//stride, r:stride
        input x[n] : positive, m[n,k] : unit, label[n] : integer < K, s
        target y[p]
        parameter w[k], v[r] : positive
        hyperparameter lambda = 1e-1/4, mu
        L = w[0] + lambda*mu
        minimize L
        """
    )
    tensors = system.tensors
    assert [tensors[name].domain for name in ("x", "m", "label", "s", "v")] == [
        Domain.POSITIVE, Domain.UNIT, Domain.LABEL, Domain.REAL, Domain.POSITIVE,
    ]  # fmt: skip
    assert tensors["label"].classes == K
    assert tensors["y"].shape == (sp.floor(N / 3),)
    assert tensors["v"].shape == (3,)
    assert (tensors["lambda"].value, tensors["mu"].value) == (0.025, None)
    assert {name: str(tensor.role) for name, tensor in tensors.items()} == {
        **dict.fromkeys(["x", "m", "label", "s"], Role.INPUT), "y": Role.TARGET,
        **dict.fromkeys(["w", "v"], Role.PARAMETER),
        **dict.fromkeys(["lambda", "mu"], Role.HYPERPARAMETER), "L": Role.INTERMEDIATE,
    }  # fmt: skip


def test_names_are_unicode_with_primes():
    system = sb.parse_system(
        "parameter σ_1, 误差, x', x′′, E, I, S, N\nL = σ_1*误差+x'+x′′+E*I*S*N\nminimize L"
    )
    assert list(system.tensors) == ["σ_1", "误差", "x'", "x''", "E", "I", "S", "N", "L"]


def test_names_that_look_alike_are_one_name():
    system = sb.parse_system("parameter é, x′\nL = e\u0301*x'\nminimize L")
    assert len(system.definitions["L"].rhs.free_symbols) == 2


def test_names_of_functions_and_reductions_are_free_for_tensors():
    text = (
        "index n:N\ninput x[n]\nmean = mean[n](x[n])\nrelu[n] = relu(x[n])\n"
        "L = mean*relu[0]\nminimize L"
    )
    mean, relu_of = sb.intermediate("mean"), sb.intermediate("relu", n)
    x = sb.input("x", n)
    assert sb.parse_system(text).definitions["mean"].rhs == sp.Sum(x[n], n) / N
    assert sb.parse_system(text).definitions["L"].rhs == mean[()] * relu_of[0]


def test_several_base_cases_and_directions():
    text = """
    index t:T, n:N
    input x[t,n], f0[n], f1[n], g0[n]
    f[t,n] = f[t-1,n] + f[t-2,n]*x[t,n]
        with f[-1,n] = f0[n], f[-2,n] = f1[n]
    g[t,n] = tanh(g[t+1,n] + x[t,n]) with g[T,n] = g0[n]
    L = sum[n](f[T-1,n] + g[0,n])
    minimize L
    """
    f, g = sb.intermediate("f", t, n), sb.intermediate("g", t, n)
    x, f0, f1, g0 = (sb.input(*spec) for spec in [("x", t, n), ("f0", n), ("f1", n), ("g0", n)])
    system = sb.parse_system(text)
    assert system.definitions["f"].base == (
        BaseCase(f[-1, n], f0[n]), BaseCase(f[-2, n], f1[n]),
    )  # fmt: skip
    assert system.definitions["g"].base == (BaseCase(g[T, n], g0[n]),)
    assert system.definitions["L"].rhs == sp.Sum(f[T - 1, n] + g[0, n], n)
    assert system.definitions["g"].rhs == sp.tanh(g[t + 1, n] + x[t, n])


def test_a_fact_holds_for_all_values_of_its_free_indices():
    system = sb.parse_system(HEAD + "fact sum[k](W[k,i]) = 2*a" + TAIL)
    assert system.facts == (sb.Fact(sp.Sum(W[k, i], k), 2 * a[()]),)


@pytest.mark.parametrize("path", sorted(EQUATIONS.glob("*.eqs")), ids=lambda path: path.stem)
def test_every_example_is_a_system(path):
    system = sb.load(str(path))
    assert system.objective == "L"
    assert system.parameters


def test_nothing_is_evaluated(monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("text was evaluated")

    for function in ("eval", "exec"):
        monkeypatch.setattr(builtins, function, refuse)
    monkeypatch.setattr(sp.parsing.sympy_parser, "parse_expr", refuse)
    monkeypatch.setattr(os, "getcwd", refuse)
    for text in ("__import__('os').getcwd()", "os.getcwd()", "exec(1)", "Function(a)"):
        refused(f"L = {text}\nminimize L")
    system = sb.parse_system(
        "parameter getcwd, exec, lambda, class\nL = getcwd + exec*lambda*class\nminimize L"
    )
    assert len(system.parameters) == 4


# --- errors: grammar --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what", "at"),
    [
        ("index n:N i:D", "expected an operator, ',' or the end of the line, found 'i'",
         (1, 11, "i:D")),
        ("index", "expected a name, found the end", (1, 6, "")),
        ("\n\nz[n = 2", "expected ',', ':' or ']', found '='", (3, 5, "= 2")),
        ("L = 2 +", "expected an expression, found the end", (1, 8, "")),
        ("L = 2 + # more\n", "expected an expression, found the end", (1, 8, " # more")),
        ("L = 2 3", "expected an operator or the end of the line, found '3'", (1, 7, "3")),
        ("L = 2x", "expected an operator or the end of the line, found 'x'", (1, 6, "x")),
        ("L = (2]", "expected ')', found ']'", (1, 7, "]")),
        ("L = f(,)", "expected an expression or ')', found ','", (1, 7, ",)")),
        ("L = where(a, 1, 2)", "expected a comparison such as '<=', found ','", (1, 12, ", 1, 2)")),
        ("L = where(a < 1, 2)", "expected ',', found ')'", (1, 19, ")")),
        ("L = a < 1", "expected the end of the line, found '<'", (1, 7, "< 1")),
        ("x", "expected '=', found the end", (1, 2, "")),
        ("= 2", "expected a statement, found '='", (1, 1, "= 2")),
        ("L = sum[i] x[i]", "expected '(', found 'x'", (1, 12, "x[i]")),
        ("input input[n]", "expected a name, found 'input', which is a word of the language",
         (1, 7, "input[n]")),
        ("minimize L + 1", "expected the end of the line, found '+'", (1, 12, "+ 1")),
        ("L = 2 §", "the character '§' means nothing here", (1, 7, "§")),
        ("L = x²", "the character '²' means nothing here", (1, 6, "²")),
        ("L = 'a'", 'the character "\'" means nothing here', (1, 5, "'a'")),
        ("L = a.b", "the character '.' means nothing here", (1, 6, ".b")),
        ("L = " + "(" * 10_000, "more than 100 brackets are open at once", None),
        ("L = " + "[(" * 10_000, "expected", None),
    ],
)  # fmt: skip
def test_text_that_cannot_be_read_is_shown_with_what_was_expected(text, what, at):
    error = refused(text)
    assert isinstance(error, EquationError)
    assert what in error.what
    assert error.remedy
    assert "m.eqs, line" in error.where
    if at is not None:
        assert place(error) == at


def test_a_bracket_left_open_is_named_where_it_opens():
    error = refused("index i:D\nz = sum[i](a\nL = 2\nminimize L")
    assert place(error) == (3, 1, "L = 2")
    assert error.remedy == "close the '(' of line 2, column 11"


def test_an_unknown_statement_is_met_with_a_suggestion():
    error = refused("index n:N\n  inputs x[n]")
    assert isinstance(error, UnknownNameError)
    assert error.remedy.startswith("did you mean 'input'?")
    assert place(error) == (2, 3, "inputs x[n]")


def test_without_a_name_the_place_is_the_line_alone():
    error = refused("L = 2 +", "")
    assert error.where.startswith("L = 2 +   (line 1, column 8)")


def test_the_caret_stands_right_under_wide_and_combining_letters():
    error = refused("误差 = x̂ ²")
    under = error.where.split("\n")[1]
    assert under.index("^") - len("  in: ") == 4 + 3 + 1 + 1


# --- errors: meaning --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "what", "at"),
    [
        ("z[n] = W[k,0]*0", "index k is not in force here", (10, "k,0]*0")),
        ("z[n,k] = W[i,k]", "index i is not in force here", (12, "i,k]")),
        ("z[n,i] = W[i,i]", "this axis has size K, but index i runs over D", (12, "i,i]")),
        ("z[n] = b[n,0]", "'b' has 1 axis, but 2 positions here", (8, "b[n,0]")),
        ("z[n] = b*2", "'b' has 1 axis, but no positions here", (8, "b*2")),
        ("z[n] = a[0]", "'a' has no axes, but 1 position here", (8, "a[0]")),
        ("z[n] = x[y[n],0]", "this axis has size N, but 'y' holds labels of K classes",
         (10, "y[n],0]")),
        ("z[n] = b[x[n,0]]", "'x' does not hold whole numbers", (10, "x[n,0]]")),
        ("z[n,k] = b[k/2]", "this is no position", (12, "k/2]")),
        ("z[n,k] = b[k*n]", "this is no position", (12, "k*n]")),
        ("z[n,k] = b[0.5]", "this is no position", (12, "0.5]")),
        ("z[n,k] = b[k:K]", "a position has no size", (12, "k:K]")),
        ("z[n] = N[n]", "'N' is a size, so it has no positions", (8, "N[n]")),
        ("z[n] = sum(b)", "sum runs over indices, and none are given", (8, "sum(b)")),
        ("z[n] = max(a)", "max runs over indices, and none are given", (8, "max(a)")),
        ("z[n] = sum[k]*2", "sum[…] is not followed by what it runs over", (8, "sum[k]*2")),
        ("z[n] = W(3)", "'W' is a parameter, not a function", (8, "W(3)")),
        ("z[n] = b[0](3)", "'b' is a parameter, not something that runs over", (8, "b[0](3)")),
        ("z[n] = tanh(1, 2)", "tanh takes 1 argument, not 2", (8, "tanh(1, 2)")),
        ("z[n] = delta(1)", "delta takes 2 arguments, not 1", (8, "delta(1)")),
        ("z[n] = sum[n](a)", "index n is already in force here", (12, "n](a)")),
        ("z[n] = sum[k,k](a)", "index k is already in force here", (14, "k](a)")),
        ("z[n] = sum[k](sum[k](a))", "index k is already in force here", (19, "k](a))")),
        ("z[n] = sum[k:D](a)", "index k runs over K, not D", (12, "k:D](a)")),
        ("z[n] = sum[a:D](a)", "'a' is a parameter, not an index", (12, "a:D](a)")),
        ("z[n] = sum[2](a)", "this is no index", (12, "2](a)")),
        ("z[n] = sum[j:K/2](a)", "K/2 is not a size", (14, "K/2](a)")),
        ("z[n] = inf", "infinity is no number to compute with", (8, "inf")),
        ("z[n] = 1 - inf", "infinity is no number to compute with", (12, "inf")),
        ("z[n] = where(a < inf, 1, 2)", "infinity is no number", (18, "inf, 1, 2)")),
        ("z[n] = a/0", "this divides by 0", (8, "a/0")),
        ("z[n] = 0^-1", "this is not a real number", (8, "0^-1")),
        ("z[n] = a*log(0)", "this is not a real number", (10, "log(0)")),
        ("z[n] = sqrt(-2)", "this is not a real number", (8, "sqrt(-2)")),
        ("z[n] = 1e999", "too large or too small", (8, "1e999")),
        ("z[n] = 1e-999", "too large or too small", (8, "1e-999")),
        ("z[n] = 9^9^9^9", "too large or too small", (10, "9^9^9")),
        ("z[n] = exp(1e30)", "too large or too small", (8, "exp(1e30)")),
        ("z[n] = 1 + erf(2e5)", "too large or too small", (12, "erf(2e5)")),
        ("z[n] = 1e300//3", "too large or too small", (8, "1e300//3")),
        ("z[n] = a^1e300", "too large or too small", (8, "a^1e300")),
        ("z[n] = 2^1e-300", "too large or too small", (8, "2^1e-300")),
        ("z[n] = 1 + max(relu(2), a)", "cannot be computed exactly", (12, "max(relu(2), a)")),
        ("z[n] = 1e300^99", "too large or too small", (8, "1e300^99")),
        ("z[n,n] = 1", "index n is written for two axes", (5, "n] = 1")),
        ("z[n,0] = 1", "an axis is written as an index", (5, "0] = 1")),
        ("z[N] = 1", "N is a size, not an index", (3, "N] = 1")),
        ("z[j:K] = 1", "unknown index 'j'", (3, "j:K] = 1")),
        ("b[k] = 1", "'b' is defined here, but already a parameter in line 5", (1, "b[k] = 1")),
        ("N = 1", "'N' is defined here, but already a size in line 1", (1, "N = 1")),
        ("pi = 3", "'pi' always stands for a number", (1, "pi = 3")),
        ("L = 2", "'L' is defined twice: first in line 9", None),
        ("z[n] = z[n]", "define each other in a circle", (1, "z[n] = z[n]")),
        ("z[t] = z[t-1] + z[t+1]", "in a circle", (1, "z[t] = z[t-1] + z[t+1]")),
        ("z[t] = z[t-1] with b[-1] = 0", "a base case of 'b' stands at", (20, "b[-1] = 0")),
        ("z[t] = z[t-1] with z[t] = 0", "one fixed position", (20, "z[t] = 0")),
        ("z[t,n] = z[t-1,n] with z[-1,n] = b[k]", "index k is not in force", (36, "k]")),
        ("z[t] = z[t-1] with z[0] = 0", "position 0 of z[0] may lie in", (1, None)),
        ("input q[n] : integr < K", "unknown domain 'integr'", (14, "integr < K")),
        ("input q[n] : integer", "how many values", (14, "integer")),
        ("input q[n] : unit < 3", "'unit' has no upper end", (21, "3")),
        ("parameter q[n] : integer < K", "a parameter holds real numbers", (18, "integer < K")),
        ("input q[3]", "an axis is written as an index", (9, "3]")),
        ("input q[n:N]", "the size of an index is not said here", (9, "n:N]")),
        ("index q:0", "0 is not a size", (9, "0")),
        ("index q:Q-Q", "0 is not a size", (9, "Q-Q")),
        ("index q:N/2", "N/2 is not a size", (9, "N/2")),
        ("index q:n", "index n is not in force here", (9, "n")),
        ("index n:N", "'n' is an index twice: first in line 1", None),
        ("index N", "'N' is an index here, but already a size in line 1", (7, "N")),
        ("index H\nz[H] = H", "H is an index here, and a size as well", (8, "H")),
        ("constant q", "the constant q has no value", (10, "q")),
        ("hyperparameter q = N", "the value of q is no number: N", (20, "N")),
        ("hyperparameter q = inf", "infinity is no number", (20, "inf")),
        ("minimize L", "there are two things to minimize", None),
        ("fact n = inf", "infinity", (10, "inf")),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_shown_at_its_place(line, what, at):
    error = refused(HEAD + line + TAIL)
    assert what in error.what
    assert error.remedy
    first = HEAD.count("\n") + 1
    if at is not None:
        line_number, column, under = place(error)
        assert line_number == first + line.count("\n")
        assert column == at[0]
        assert at[1] is None or under == at[1]


@pytest.mark.parametrize(
    ("line", "what", "suggestion", "column"),
    [
        ("z[n,k] = sum[i](x[n,i]*w[k,i])", "unknown tensor 'w'", "'W'", 24),
        ("z[n] = epps", "unknown name 'epps'", "'eps'", 8),
        ("z[n] = tanhh(a)", "unknown function 'tanhh'", "'tanh'", 8),
        ("z[n] = smu[k](b[k])", "unknown reduction 'smu'", "'sum'", 8),
        ("z[n] = sum[kk](b[0])", "unknown index 'kk'", "'k'", 12),
        ("z[n] = sum[j:KK](b[0])", "unknown size 'KK'", "'K'", 14),
        ("input lab[n] : integer < KK", "unknown size 'KK'", "'K'", 26),
    ],
)
def test_unknown_names_are_met_with_a_suggestion(line, what, suggestion, column):
    error = refused(HEAD + line + TAIL)
    assert isinstance(error, UnknownNameError)
    assert error.what == what
    assert error.remedy.startswith(f"did you mean {suggestion}?")
    assert place(error)[:2] == (HEAD.count("\n") + 1, column)


@pytest.mark.parametrize(
    ("text", "what", "at"),
    [
        (f"{HEAD}L = 2", "nothing is minimized", (9, 6, "")),
        (f"{HEAD}L = 2\nminimize M", "unknown objective 'M'", (10, 10, "M")),
        (f"{HEAD}L = 2\nminimize a", "'a' is a parameter, and no equation defines it",
         (10, 10, "a")),
        (f"{HEAD}z[n,k] = 2\nminimize z", "'z' is not a single number but one for each n, k",
         (10, 10, "z")),
    ],
)  # fmt: skip
def test_what_is_minimized_is_one_number(text, what, at):
    error = refused(text)
    assert error.what == what
    assert place(error) == at


def test_sizes_that_disagree_are_a_shape_error():
    assert isinstance(refused(HEAD + "z[n,i] = W[i,i]" + TAIL), ShapeError)
    assert isinstance(refused(HEAD + "z[n] = b[n,0]" + TAIL), ShapeError)


@pytest.mark.parametrize(
    "expression",
    ["-" * 500 + "1", "2^" * 500 + "1", "where(" + "not " * 500 + "1 < 2, 1, 2)",
     "exp(" * 99 + "1" + ")" * 99],
)  # fmt: skip
def test_deep_expressions_are_refused(expression):
    assert "too deep" in refused(f"L = {expression}\nminimize L").what


def test_long_expressions_are_fine():
    text = "index n:N\ninput x[n]\nL = " + " + ".join(["x[0]*2"] * 3000) + "\nminimize L"
    assert sb.parse_system(text).definitions["L"].rhs == 6000 * sb.input("x", n)[0]


# --- files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "there are no equations"),
        (b"# nothing\n\n", "there are no equations"),
        (b"L = 1\nM = \xff\n", "not text in UTF-8: line 2 holds the byte 0xff"),
        (b"L = 1\0", "the character '\\x00' means nothing here"),
        (b"#" * 1_000_001, "more than 1,000,000 bytes"),
    ],
)
def test_files_that_cannot_be_used(content, what, tmp_path):
    path = tmp_path / "bad.eqs"
    path.write_bytes(content)
    with pytest.raises(EquationError) as caught:
        sb.load(path)
    assert what in caught.value.what
    assert "bad.eqs" in caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["none.eqs", "folder.eqs", "nul\0.eqs"])
def test_paths_that_lead_to_no_file(name, tmp_path):
    (tmp_path / "folder.eqs").mkdir()
    with pytest.raises(EquationError, match="cannot read") as caught:
        sb.load(tmp_path / name)
    assert caught.value.remedy


def test_a_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "windows.eqs"
    path.write_bytes(b"\xef\xbb\xbfparameter a\r\nL = a^2 +\r\n  1\r\nminimize L\r\n")
    assert sb.load(path).definitions["L"].rhs == a[()] ** 2 + 1


# --- Hypothesis -------------------------------------------------------------------------

_FRAGMENTS = st.sampled_from(
    [*"nikt:,+-*/^()[]=<>0123 \n#", "//", "**", "==", "<=", "!=", "sum[k](", "sum[j:K](", "max(",
     "where(", "exp(", "log(", "sqrt(", "floor(", "sign(", "delta(", "b[k]", "x[n,i]", "W[k,i]",
     "y[n]", "a", "eps", "inf", "pi", "1e-5", "1e300", "0.1", " and ", " or ", " not ", " with ",
     "\nindex ", "\ninput ", "\nfact ", "\nminimize L", "\nL = ", "\nz[n,k] = ", "z[n,k]",
     "z[n-1,k]", "relu(", "tanh(", "integer < K", "T", "N", "²", "§"]
)  # fmt: skip


@given(st.lists(_FRAGMENTS, max_size=25).map("".join), st.booleans())
@settings(max_examples=400, deadline=None)
def test_whatever_is_written_is_read_or_refused(text, with_head):
    try:
        system = sb.parse_system(f"{HEAD}{text}" if with_head else text)
    except SymbackpropError as error:
        assert error.exit_code == 2
        assert error.where
    else:
        assert system.objective


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_random_characters_are_refused(text):
    with pytest.raises(SymbackpropError):
        sb.parse_system(text)


_ATOMS = st.sampled_from(
    [("a", a[()]), ("b[k]", b[k]), ("x[n,0]", x[n, 0]), ("b[y[n]]", b[y[n]]), ("N", N),
     ("c[2*n-k+1]", c[2 * n - k + 1]), ("n", n), ("0.25", sp.Rational(1, 4)), ("3", sp.Integer(3))]
)  # fmt: skip


def _grown(inner):
    """Pairs of a text and what it means, from smaller ones; the printer knows no precedence."""
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: (f"({p[0][0]}) + ({p[1][0]})", p[0][1] + p[1][1])),
        pairs.map(lambda p: (f"({p[0][0]}) - ({p[1][0]})", p[0][1] - p[1][1])),
        pairs.map(lambda p: (f"({p[0][0]})*({p[1][0]})", p[0][1] * p[1][1])),
        inner.map(lambda p: (f"({p[0]})/(2+a^2)", p[1] / (2 + a[()] ** 2))),
        inner.map(lambda p: (f"-({p[0]})", -p[1])),
        inner.map(lambda p: (f"({p[0]})^2", p[1] ** 2)),
        inner.map(lambda p: (f"tanh({p[0]})", sp.tanh(p[1]))),
        inner.map(lambda p: (f"relu({p[0]})", relu(p[1]))),
        inner.map(lambda p: (f"sum[i](x[n,i]*({p[0]}))", sp.Sum(x[n, i] * p[1], i))
                  if "[i]" not in p[0] else p),
        pairs.map(lambda p: (
            f"where(n <= k, {p[0][0]}, {p[1][0]})", sp.Piecewise((p[0][1], n <= k), (p[1][1], True))
        )),
    )  # fmt: skip


@given(st.recursive(_ATOMS, _grown, max_leaves=8))
@settings(max_examples=200, deadline=None)
def test_expressions_that_are_written_out_are_read_back(pair):
    text, value = pair
    assert right(text) == value
