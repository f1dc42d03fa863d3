"""Functions left unspecified, such as ``sigma`` in a textbook's σ(z), made concrete.

What a derivation says of an abstract function must hold of every function, so it is
checked on one that has no symmetry to hide behind: ``sin(u) + c·u²``, with a c of its
own for each name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from zlib import crc32

import sympy as sp
from sympy.core.function import AppliedUndef

from symbackprop.calculus.records import Backward
from symbackprop.errors import EquationError
from symbackprop.language import BaseCase, Equation


def concrete(backward: Backward) -> Backward:
    """The same derivation with a concrete function in place of every abstract one.

    Raises
    ------
    EquationError
        If an abstract function has more than one argument.
    """
    system = backward.system
    expressions = [expr for equation in system.equations for expr in equation.expressions]
    if not any(expr.atoms(AppliedUndef) for expr in expressions):
        return backward
    return replace(
        backward,
        system=system.replaced(_equation(equation) for equation in system.equations),
        gradients=_equations(backward.gradients),
        adjoints=_equations(backward.adjoints),
        steps=tuple(
            replace(step, before=instance(step.before), after=instance(step.after))
            for step in backward.steps
        ),
    )


def _equations(equations: Mapping[str, Equation]) -> dict[str, Equation]:
    return {name: _equation(equation) for name, equation in equations.items()}


def _equation(equation: Equation) -> Equation:
    base = tuple(BaseCase(case.lhs, instance(case.rhs)) for case in equation.base)
    return Equation(equation.lhs, instance(equation.rhs), base)


def instance(expr: sp.Expr) -> sp.Expr:
    """The expression with ``sin(u) + c·u²`` for each abstract function of u.

    A prime at the end of a function's name stands for a derivative: ``sigma'`` is that
    of ``sigma``.
    """
    if isinstance(expr, AppliedUndef):
        if len(expr.args) != 1:
            raise EquationError(
                f"{expr.func.__name__} is an abstract function of {len(expr.args)} arguments",
                where=str(expr),
                remedy="write it as a function of one argument to have it verified",
            )
        return open_instance(str(expr.func.__name__), instance(expr.args[0]))
    if not expr.has(AppliedUndef):
        return expr
    return expr.func(*(instance(argument) for argument in expr.args))


def open_instance(name: str, argument: sp.Expr) -> sp.Expr:
    """``sin(u) + c·u²``, or its derivative of the order of a name's primes, at an argument."""
    base = name.rstrip("'")
    u = sp.Dummy(real=True)
    steepness = sp.Rational(1000 + crc32(base.encode()) % 9001, 30000)
    curve = sp.sin(u) + steepness * u**2
    return sp.diff(curve, u, len(name) - len(base)).xreplace({u: argument})
