"""The closed set of elementwise functions, one record each.

A record holds everything the project knows of a primitive: its SymPy class, its
derivative (SymPy's own unless PyTorch chooses another value at a kink), whether
it is positive, how it is typeset, and how each backend spells it. A layer is
never a primitive; it is equations.

>>> PRIMITIVES["relu"].derivative(0, (sp.Symbol("u", real=True),))
bracket(u > 0)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import mpmath
import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits


class bracket(sp.Function):  # noqa: N801 (reads as mathematics, like sympy.exp)
    """Iverson's bracket: 1 where the condition holds, 0 elsewhere."""

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, condition: Any) -> sp.Expr | None:
        """Decide a condition without variables."""
        if condition in (sp.true, sp.false):
            return sp.Integer(1 if condition == sp.true else 0)
        return None


class relu(sp.Function):  # noqa: N801
    """max(u, 0), with derivative [u > 0]: 0 at 0, as in PyTorch."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative [u > 0]."""
        return bracket(sp.StrictGreaterThan(self.args[0], 0))


class sigmoid(sp.Function):  # noqa: N801
    """1/(1 + exp(-u))."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative σ(u)(1 - σ(u))."""
        return self * (1 - self)


class softplus(sp.Function):  # noqa: N801
    """log(1 + exp(u))."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative σ(u)."""
        return sigmoid(self.args[0])


class MaxOver(ExprWithLimits):
    """The largest value over bound indices: ``MaxOver(z[n, k], k)``.

    Its derivative is shared equally by all places where the maximum is attained,
    as in `torch.amax`.
    """

    is_commutative = True
    is_real = True


class FirstMaxOver(MaxOver):
    """The largest value over bound indices, with the derivative of its first place.

    The value is that of `MaxOver`. The whole derivative belongs to the first place where
    the maximum is attained, as in PyTorch's pools: ``FirstMaxOver(x[n, 2*p + u], u)``. Of
    several indices the last runs fastest.
    """


class ArgMaxOver(ExprWithLimits):
    """The first place where the largest value over bound indices is attained.

    Places are counted from 0, the last index running fastest: ``V*u + v`` for
    ``ArgMaxOver(x[u, v], u, v)``, V being the size of v. Its derivative is 0.
    """

    is_commutative = True
    is_real = True


#: What binds indices.
BINDERS = (sp.Sum, MaxOver, ArgMaxOver)


@dataclass(frozen=True)
class Spelling:
    """How one backend writes a primitive.

    Attributes
    ----------
    code
        A format string, ``{0}``, ``{1}`` for the arguments.
    helper
        Source of a function the code calls, put at the top of the emitted module.
    """

    code: str
    helper: str = ""


@dataclass(frozen=True, eq=False)
class Primitive:
    """All that is known of one elementwise function; there is one record of each.

    Attributes
    ----------
    name
        The name in equations and messages.
    function
        The SymPy class.
    latex, text
        Format strings for LaTeX and Unicode, ``{0}``, ``{1}`` for the arguments;
        arguments come unparenthesised.
    mathml
        The same for MathML, each argument one element; empty where a name is followed by
        the arguments in parentheses, as `text` says.
    spellings
        Backend name to `Spelling`; ``"python"`` spells it between plain numbers.
    value
        The value at mpmath numbers, in any precision.
    partials
        One function per argument, from the arguments to the partial derivative;
        left empty where SymPy's own derivative is the right one everywhere.
    positive
        Whether every value is greater than 0.
    parity
        -1 for an odd function, f(-u) = -f(u); 1 for an even one; 0 for neither.
    kinks
        Places where the derivative jumps (for unary functions) or, for binary
        ones, differences of the arguments at which it does.
    """

    name: str
    function: Callable[..., sp.Expr]
    latex: str
    text: str
    spellings: Mapping[str, Spelling]
    value: Callable[..., Any]
    partials: tuple[Callable[..., sp.Expr], ...] = ()
    positive: bool = False
    parity: int = 0
    kinks: tuple[float, ...] = ()
    arity: int = field(default=1)
    mathml: str = ""

    def derivative(self, position: int, arguments: tuple[sp.Expr, ...]) -> sp.Expr:
        """The partial derivative by the argument at `position`, at real `arguments`."""
        if self.partials:
            return self.partials[position](*arguments)
        return self.function(*arguments).diff(arguments[position])


def _spell(
    numpy: str, torch: str, python: str, helpers: Mapping[str, str] | None = None
) -> dict[str, Spelling]:
    codes = {"numpy": numpy, "torch": torch, "python": python}
    return {name: Spelling(code, (helpers or {}).get(name, "")) for name, code in codes.items()}


def _larger(first: sp.Expr, second: sp.Expr) -> sp.Expr:
    # PyTorch's maximum gives each argument half at a tie.
    return bracket(sp.StrictGreaterThan(first, second)) + sp.Rational(1, 2) * bracket(
        sp.Eq(first, second, evaluate=False)
    )


_ERF_HELPER = "_erf = np.vectorize(math.erf, otypes=[np.float64])"
_SIGMOID_HELPER = """\
def _sigmoid(u):
    # exp of a number that is never positive cannot overflow
    e = np.exp(-np.abs(u))
    return np.where(u >= 0, 1.0, e) / (1.0 + e)"""
_SOFTPLUS_TORCH = """\
def _softplus(u):
    # exp of a number that is never positive cannot overflow
    return torch.relu(u) + torch.log1p(torch.exp(-torch.abs(u)))"""
_SIGMOID_PYTHON = """\
def _number_sigmoid(u):
    # exp of a number that is never positive cannot overflow
    e = math.exp(-abs(u))
    return (1.0 if u >= 0 else e) / (1.0 + e)"""
_SOFTPLUS_PYTHON = """\
def _number_softplus(u):
    # exp of a number that is never positive cannot overflow
    return max(u, 0.0) + math.log1p(math.exp(-abs(u)))"""

_RECORDS = (
    Primitive(
        "exp", sp.exp, r"e^{{{0}}}", "exp({0})",
        _spell("np.exp({0})", "torch.exp({0})", "math.exp({0})"), mpmath.exp, positive=True,
        mathml="<msup><mi>e</mi>{0}</msup>",
    ),
    Primitive(
        "log", sp.log, r"\log {0}", "log({0})",
        _spell("np.log({0})", "torch.log({0})", "math.log({0})"), mpmath.log,
    ),
    Primitive(
        "tanh", sp.tanh, r"\tanh {0}", "tanh({0})",
        _spell("np.tanh({0})", "torch.tanh({0})", "math.tanh({0})"), mpmath.tanh, parity=-1,
    ),
    Primitive(
        "sin", sp.sin, r"\sin {0}", "sin({0})",
        _spell("np.sin({0})", "torch.sin({0})", "math.sin({0})"), mpmath.sin, parity=-1,
    ),
    Primitive(
        "cos", sp.cos, r"\cos {0}", "cos({0})",
        _spell("np.cos({0})", "torch.cos({0})", "math.cos({0})"), mpmath.cos, parity=1,
    ),
    Primitive(
        "erf", sp.erf, r"\operatorname{{erf}} {0}", "erf({0})",
        _spell(
            "_erf({0}).astype(DTYPE)", "torch.erf({0})", "math.erf({0})", {"numpy": _ERF_HELPER}
        ),
        mpmath.erf, parity=-1,
    ),
    Primitive(
        "relu", relu, r"\operatorname{{relu}} {0}", "relu({0})",
        _spell("np.maximum({0}, 0.0)", "torch.relu({0})", "max({0}, 0.0)"),
        lambda u: u if u > 0 else mpmath.mpf(0), kinks=(0.0,),
    ),
    Primitive(
        "sigmoid", sigmoid, r"\sigma {0}", "σ({0})",
        _spell(
            "_sigmoid({0})", "torch.sigmoid({0})", "_number_sigmoid({0})",
            {"numpy": _SIGMOID_HELPER, "python": _SIGMOID_PYTHON},
        ),
        lambda u: 1 / (1 + mpmath.exp(-u)), positive=True,
    ),
    Primitive(
        "softplus", softplus, r"\operatorname{{softplus}} {0}", "softplus({0})",
        _spell(
            "np.logaddexp(0.0, {0})", "_softplus({0})", "_number_softplus({0})",
            {"torch": _SOFTPLUS_TORCH, "python": _SOFTPLUS_PYTHON},
        ),
        lambda u: mpmath.log(1 + mpmath.exp(u)), positive=True,
    ),
    Primitive(
        "abs", sp.Abs, r"\left|{0}\right|", "|{0}|",
        _spell("np.abs({0})", "torch.abs({0})", "abs({0})"), mpmath.fabs,
        partials=(sp.sign,), kinks=(0.0,), parity=1,
        mathml='<mrow><mo form="prefix">|</mo>{0}<mo form="postfix">|</mo></mrow>',
    ),
    Primitive(
        "sign", sp.sign, r"\operatorname{{sign}} {0}", "sign({0})",
        _spell("np.sign({0})", "torch.sign({0})", "math.copysign(float({0} != 0), {0})"),
        mpmath.sign,
        partials=(lambda u: sp.Integer(0),), kinks=(0.0,), parity=-1,
    ),
    Primitive(
        "floor", sp.floor, r"\left\lfloor {0} \right\rfloor", "⌊{0}⌋",
        _spell("np.floor({0})", "torch.floor({0})", "math.floor({0})"), mpmath.floor,
        partials=(lambda u: sp.Integer(0),), kinks=(0.0, 1.0),
        mathml="<mrow><mo>⌊</mo>{0}<mo>⌋</mo></mrow>",
    ),
    Primitive(
        "maximum", sp.Max, r"\max({0}, {1})", "max({0}, {1})",
        _spell("np.maximum({0}, {1})", "torch.maximum({0}, {1})", "max({0}, {1})"), max,
        partials=(_larger, lambda a, b: _larger(b, a)), kinks=(0.0,), arity=2,
    ),
    Primitive(
        "minimum", sp.Min, r"\min({0}, {1})", "min({0}, {1})",
        _spell("np.minimum({0}, {1})", "torch.minimum({0}, {1})", "min({0}, {1})"), min,
        partials=(lambda a, b: _larger(b, a), _larger), kinks=(0.0,), arity=2,
    ),
    Primitive(
        "power", sp.Pow, r"{0}^{{{1}}}", "{0}^{1}",
        _spell("({0}) ** ({1})", "({0}) ** ({1})", "({0}) ** ({1})"), mpmath.power, arity=2,
        mathml="<msup>{0}{1}</msup>",
    ),
)  # fmt: skip

#: Every elementwise function the language knows, by name. `power` stands for powers
#: whose exponent is not a number, as in Adam's β₁ᵗ; numeric powers are arithmetic.
PRIMITIVES: Mapping[str, Primitive] = {record.name: record for record in _RECORDS}

_BY_CLASS = {record.function: record for record in _RECORDS}


def primitive_of(expr: sp.Expr) -> Primitive | None:
    """The record of an expression's outermost function, or None if it has none."""
    return _BY_CLASS.get(expr.func)
