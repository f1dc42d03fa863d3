"""Local derivatives: one equation's right side by each tensor that it reads.

They are what the chain rule multiplies. The rest of the system is held fixed, so each
is the Jacobian of a system of that one equation alone, whose deltas are then read off:
``∂a[n,j]/∂z[m,l] = a[m,l]·(1 − a[m,l])·δ(n,m)·δ(j,l)`` is ``∂a[n,j]/∂z[n,j]``, and 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symbackprop.calculus.records import Backward
from symbackprop.calculus.sweep import derive_jacobian
from symbackprop.language import (
    BaseCase,
    Equation,
    Role,
    System,
    Tensor,
    affine_form,
    element_name,
    elements,
    free_indices,
    fresh_name,
    index_name,
)


@dataclass(frozen=True)
class LocalDerivative:
    """The derivative of one element by another that its equation reads.

    Attributes
    ----------
    of, by
        The two elements: ``z[n,j]`` and ``W[j,i]``. A place of `by` may be affine in the
        indices of `of`; by elements at any other places the derivative is 0.
    value
        The derivative, in the system's tensors.
    """

    of: sp.Expr
    by: sp.Expr
    value: sp.Expr

    @property
    def indices(self) -> tuple[sp.Idx, ...]:
        """The indices that the value depends on, in the order of the two elements."""
        found = dict.fromkeys(
            idx
            for element in (self.of, self.by)
            for place in getattr(element, "indices", ())
            for idx in sorted(free_indices(place), key=index_name)
        )
        return tuple(idx for idx in found if idx in free_indices(self.value))


def local_derivatives(
    system: System, name: str, by: Collection[str]
) -> tuple[LocalDerivative, ...]:
    """The derivatives of a tensor's equation by the tensors it reads, in order of reading.

    Parameters
    ----------
    system
        The equations.
    name
        The tensor whose equation it is.
    by
        The tensors of real numbers to differentiate by; others are held fixed.

    Returns
    -------
    tuple of LocalDerivative
        Without those that are 0 throughout.
    """
    equation = system.definitions[name]
    alone = _Alone(system, equation)
    read = [read for read in alone.read if read in by]
    found = [alone.derivative(other) for other in read]
    return tuple(local for local in found if local.value != 0)


class _Alone:
    """A system of one equation: what it reads is given."""

    def __init__(self, system: System, equation: Equation) -> None:
        self._system = system
        self._equation = equation
        #: By name of a stand-in, the tensor it stands for.
        self._named: dict[str, str] = {}
        self.read = self._all_read()
        self._copies: dict[str, str] = {}
        self._of = equation.name
        if equation.name in self.read:
            self._of = self._stand_in(equation.name)
        self._only = self._built()

    def derivative(self, name: str) -> LocalDerivative:
        by = self._copies.get(name, name)
        backward = derive_jacobian(self._only, self._of, [by])
        jacobian = backward.gradients[by]
        rank = len(backward.outputs)
        value, solved = _solved(_whole(jacobian.rhs, backward), jacobian.indices[:rank])
        below = tuple(solved.get(idx, idx) for idx in jacobian.indices[rank:])
        above = jacobian.indices[:rank]
        return LocalDerivative(
            self._system.tensors[self._equation.name][above],
            self._system.tensors[name][below],
            self._renamed(value),
        )

    def _all_read(self) -> tuple[str, ...]:
        """What the equation reads, in base cases of what it reads too."""
        found = dict.fromkeys(self._equation.used_names)
        waiting = list(found)
        while waiting:
            names = [
                element_name(e) for case in self._base(waiting.pop()) for e in elements(case.rhs)
            ]
            waiting += [name for name in names if name not in found]
            found.update(dict.fromkeys(names))
        return tuple(found)

    def _base(self, name: str) -> tuple[BaseCase, ...]:
        equation = self._system.definitions.get(name)
        return equation.base if equation else ()

    # --- the system ------------------------------------------------------------------

    def _stand_in(self, name: str) -> str:
        fresh = fresh_name({*self._system.tensors, *self._named}, [f"{name}'"])
        self._named[fresh] = name
        return fresh

    def _built(self) -> System:
        """What is read is given; what has base cases is a copy of something given."""
        equations = []
        given: dict[str, Tensor] = {}
        for name in self.read:
            tensor = self._system.tensors[name]
            base = self._base(name)
            if not base:
                given[name] = _fed(tensor)
                continue
            copy = self._copies[name] = self._stand_in(name)
            given[name], given[copy] = tensor, _fed(replace(tensor, name=copy))
            equations.append(Equation(tensor.element, given[copy].element, base))
        result = replace(
            self._system.tensors[self._equation.name],
            name=self._of,
            indices=self._equation.indices,
        )
        equations.append(Equation(result.element, self._equation.rhs))
        return System(equations, [*given.values(), result], minimize=None)

    def _renamed(self, expr: sp.Expr) -> sp.Expr:
        """The expression with every stand-in replaced by the tensor it stands for."""
        mapping = {}
        for element in elements(expr):
            name = self._named.get(element_name(element))
            if name is not None:
                places = element.indices if isinstance(element, sp.Indexed) else ()
                mapping[element] = self._system.tensors[name][places]
        return expr.xreplace(mapping)


def _fed(tensor: Tensor) -> Tensor:
    return replace(tensor, role=Role.INPUT) if tensor.role is Role.INTERMEDIATE else tensor


def _whole(expr: sp.Expr, backward: Backward) -> sp.Expr:
    """An expression in which no adjoint stands by its name."""
    equations = {equation.name: equation for equation in backward.adjoints.values()}
    while True:
        named = [e for e in elements(expr) if element_name(e) in equations]
        if not named:
            return expr
        expr = expr.xreplace({e: _inserted(e, equations[element_name(e)]) for e in named})


def _inserted(element: sp.Expr, equation: Equation) -> sp.Expr:
    """An equation's right side at the places of an element."""
    places = element.indices if isinstance(element, sp.Indexed) else ()
    return equation.rhs.xreplace(dict(zip(equation.indices, places, strict=True)))


# --- deltas --------------------------------------------------------------------------


def _solved(expr: sp.Expr, outputs: Sequence[sp.Idx]) -> tuple[sp.Expr, Mapping[sp.Idx, sp.Expr]]:
    """The factor that deltas multiply, and where it says the other indices are."""
    solved: dict[sp.Idx, sp.Expr] = {}
    while True:
        step = next(_solutions(expr, outputs), None)
        if step is None:
            return expr, solved
        delta, idx, place = step
        rest = sp.Mul(*(factor for factor in sp.Mul.make_args(expr) if factor != delta))
        expr = rest.xreplace({idx: place})
        solved[idx] = place


def _solutions(
    expr: sp.Expr, outputs: Sequence[sp.Idx]
) -> Iterator[tuple[sp.Expr, sp.Idx, sp.Expr]]:
    """Deltas among the factors, each with an index that it says the place of."""
    for factor in sp.Mul.make_args(expr):
        if not isinstance(factor, sp.KroneckerDelta):
            continue
        form = affine_form(factor.args[0] - factor.args[1])
        for idx, step in form[0].items() if form else ():
            place = sp.expand(idx - step * (factor.args[0] - factor.args[1]))
            if abs(step) == 1 and idx not in outputs and free_indices(place) <= set(outputs):
                yield factor, idx, place
