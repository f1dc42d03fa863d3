"""Local derivatives, read off equations: multiplied along the chain they are the adjoints."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import mpmath
import pytest
import sympy as sp
from number_systems import EQUATIONS, SYSTEMS, softmax_network

import symbackprop as sb
from symbackprop.calculus import Backward, derive_backward
from symbackprop.calculus.local import LocalDerivative, local_derivatives
from symbackprop.language import Domain, Role, element_name, size_of
from symbackprop.typeset import text_expression
from symbackprop.verify.arithmetic import Decimals
from symbackprop.verify.evaluate import Evaluator
from symbackprop.verify.sampling import Point
from symbackprop.verify.tables import Derived, Forward
from symbackprop.verify.worked import easy_point


def test_local_derivatives_are_read_off() -> None:
    system = softmax_network()
    found = {
        local.by.base.label.name: (
            str(local.of), str(local.by), text_expression(local.value, system.tensors, "nkl")
        )
        for name in ("a1", "z2", "p")
        for local in local_derivatives(system, name, system.tensors)
        if isinstance(local.by, sp.Indexed)
    }  # fmt: skip
    assert found["z1"] == ("a1[n, j]", "z1[n, j]", "1 − a1[n,j]²")
    assert found["a1"] == ("z2[n, k]", "a1[n, j]", "W2[k,j]")
    assert found["W2"] == ("z2[n, k]", "W2[k, j]", "a1[n,j]")
    assert found["b2"] == ("z2[n, k]", "b2[k]", "1")


def test_local_derivative_of_a_softmax() -> None:
    system = sb.load(EQUATIONS / "softmax.eqs")
    (local,) = local_derivatives(system, "p", ["z"])
    assert str(local.of) == "p[n, k]"
    row, column = local.by.indices
    assert (str(row.label), size_of(column)) == ("n", size_of(local.of.indices[1]))
    by = str(column.label)
    assert text_expression(local.value, system.tensors, f"nk{by}") in (
        f"p[n,{by}]·([k = {by}] − p[n,k])", f"p[n,k]·([k = {by}] − p[n,{by}])",
    )  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS)
def test_local_derivatives_multiplied_along_the_chain_are_the_adjoints(system: sb.System) -> None:
    real = [
        t.name for t in system.given if t.domain is not Domain.LABEL and t.role is not Role.MASK
    ]
    wanted = [name for name in real if name in read_by(system)]
    backward = derive_backward(system, wanted)
    point = easy_point(backward)
    with mpmath.workdps(60):
        chain = Chain(backward, Derived(backward, Forward(system, point)), point)
        for equation in system.equations:
            for local in local_derivatives(system, equation.name, chain.summed):
                chain.pull(local)
        for name, summed in chain.summed.items():
            for place, value in chain.adjoint(name).items():
                assert abs(summed.get(place, 0) - value) < 1e-40, (name, place)


def read_by(system: sb.System) -> set[str]:
    return {name for equation in system.equations for name in equation.used_names}


class Chain:
    """What local derivatives send back, added up element by element."""

    def __init__(self, backward: Backward, derived: Derived, point: Point) -> None:
        self.backward, self.derived = backward, derived
        self.sizes = dict(point.sizes)
        self.evaluator = Evaluator(Decimals(), derived, point.sizes)
        names = {*backward.adjoints, *backward.gradients} - {backward.of}
        self.summed: dict[str, dict[tuple[int, ...], Any]] = {name: {} for name in names}

    def adjoint(self, name: str) -> Mapping[Any, Any]:
        if name == self.backward.of:
            return {(): 1}
        equations = (self.backward.adjoints, self.backward.gradients)
        found = [e[name] for e in equations if name in e]
        return self.derived[found[0].name] if found else {}

    def pull(self, local: LocalDerivative) -> None:
        of, by = (getattr(element, "indices", ()) for element in (local.of, local.by))
        free = sorted({idx for place in (*of, *by) for idx in place.atoms(sp.Idx)}, key=str)
        value = self.evaluator.function(local.value, free)
        arriving = self.adjoint(element_name(local.of))
        target = element_name(local.by)
        shape = [self.whole(extent) for extent in self.backward.tensors[target].shape]
        for at in product(*(range(self.whole(size_of(idx))) for idx in free)):
            places = dict(zip(free, map(sp.Integer, at), strict=True))
            here, there = (tuple(self.whole(p.xreplace(places)) for p in s) for s in (of, by))
            if all(0 <= n < extent for n, extent in zip(there, shape, strict=True)):
                sent = arriving.get(here, 0) * value(at)
                self.summed[target][there] = self.summed[target].get(there, 0) + sent

    def whole(self, size: sp.Expr) -> int:
        return int(size.xreplace(self.sizes))
