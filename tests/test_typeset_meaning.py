"""What is printed is what was derived: the formula on the page is evaluated, sign by sign."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from evaluate import evaluate
from matrix_value import ExpressionValue, element
from page_systems import EXTENTS, SYSTEMS

import symbackprop.language as sb
import symbackprop.library as lib
from symbackprop.calculus import Backward, derive_backward
from symbackprop.typeset.arrange import arrange
from symbackprop.typeset.formula import (
    Bracket,
    Call,
    Cases,
    Element,
    Formula,
    Fraction,
    Group,
    Number,
    Partial,
    Power,
    Product,
    Reduction,
    Relation,
    Root,
    Total,
    Tuple,
)
from symbackprop.typeset.names import latex_glyph, tensor_glyph
from symbackprop.typeset.order import Context

_SIGNS = {
    ">": float.__gt__, ">=": float.__ge__, "<": float.__lt__, "<=": float.__le__,
    "=": float.__eq__, "!=": float.__ne__,
}  # fmt: skip
BATCH = 3
#: Those whose steps have few enough terms to be read one by one.
STEPPED = {"g_linear_rnn", "g_two_back", "i_masked_attention"}
SIZES = {size.name: extent for size, extent in EXTENTS.items()}
CONSTANTS = {"π": math.pi, "∞": math.inf}


class FormulaValue:
    """The value of a formula, from nothing but what stands on the page."""

    def __init__(self, backward: Backward, values: Mapping[str, Any], sizes: dict[str, int]):
        self.values, self.sizes = values, sizes
        self.named: dict[str, str] = {}
        for tensor in backward.tensors.values():
            self.named[tensor_glyph(tensor).text] = tensor.name
        for tensor in backward.tensors.values():
            if tensor.adjoint_of:
                primal = backward.tensors[tensor.adjoint_of]
                short = latex_glyph(primal.error_symbol).text if primal.error_symbol else ""
                self.named[short or f"∂{tensor_glyph(primal).text}"] = tensor.name

    def __call__(self, formula: Formula, at: Mapping[str, int]) -> float:
        match formula:
            case Number(value):
                return float(value)
            case Element(glyph, positions):
                return self.element(glyph.text, positions, at)
            case Partial(_, Element(glyph, positions)):
                return self.element(f"∂{glyph.text}", positions, at)
            case Total(terms):
                return sum((-1) ** negative * self(term, at) for negative, term in terms)
            case Product(factors):
                return math.prod(self(factor, at) for factor in factors)
            case Fraction(numerator, denominator):
                return self(numerator, at) / self(denominator, at)
            case Power(base, exponent):
                return self(base, at) ** self(exponent, at)
            case Root(body) | Group(body):
                inner = self(body, at)
                return math.sqrt(inner) if isinstance(formula, Root) else inner
        return self.other(formula, at)

    def other(self, formula: Formula, at: Mapping[str, int]) -> float:
        match formula:
            case Reduction(operator, indices, body):
                names = [idx.glyph.text for idx in indices]
                ranges = [range(self.sizes[name]) for name in names]
                terms = [
                    self(body, {**at, **dict(zip(names, places, strict=True))})
                    for places in product(*ranges)
                ]
                if operator == "argmax":
                    return terms.index(max(terms))
                return {"sum": math.fsum, "max": max}[operator](terms)
            case Call(function, arguments):
                return float(function.value(*(self(argument, at) for argument in arguments)))
            case Bracket(Relation(Tuple(places), "=", Reduction(_, indices, _) as search)):
                extents = [self.sizes[idx.glyph.text] for idx in indices]
                at_places = [round(self(place, at)) for place in places]
                return float(np.ravel_multi_index(at_places, extents) == self(search, at))
            case Bracket(Relation(left, sign, right)):
                return float(_SIGNS[sign](float(self(left, at)), float(self(right, at))))
            case Cases(branches):
                for value, holds in branches:
                    if holds is None or self(Bracket(holds), at):
                        return self(value, at)
        raise AssertionError(formula)

    def element(self, name: str, positions: tuple[Formula, ...], at: Mapping[str, int]) -> float:
        known = {**CONSTANTS, **self.sizes, **at}
        if not positions and name in known:
            return known[name]
        places = tuple(round(self(place, at)) for place in positions)
        return element(self.values, self.named[name], places)


NETWORKS = {
    "relu, MSE, penalties": ((lib.Linear(7, 5), lib.ReLU(), lib.Linear(5, 2)), lib.MSELoss()),
    "tanh, L1": ((lib.Linear(7, 5), lib.Tanh(), lib.Linear(5, 2)), lib.L1Loss()),
    "gelu, Huber": ((lib.Linear(7, 5), lib.GELU(), lib.Linear(5, 2)), lib.HuberLoss()),
    "elu, BCE": ((lib.Linear(7, 5), lib.ELU(), lib.Linear(5, 2)), lib.BCEWithLogitsLoss()),
    "softmax, MSE": ((lib.Linear(7, 5), lib.Softmax(dim=1)), lib.MSELoss()),
    "sigmoid, CE": ((lib.Linear(7, 5), lib.Sigmoid(), lib.Linear(5, 2)), lib.CrossEntropyLoss()),
    "smoothed CE": ((lib.Linear(7, 5),), lib.CrossEntropyLoss(label_smoothing=0.1)),
}


def draw(tensor: sb.Tensor, rng: np.random.Generator) -> Any:
    shape = tuple(map(extent, tensor.shape))
    if tensor.domain is sb.Domain.LABEL:
        return rng.integers(0, int(tensor.classes), shape)
    unit = tensor.domain is not sb.Domain.REAL
    return rng.uniform(0.1, 0.9, shape) if unit else rng.normal(size=shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_printed_line_has_the_value_of_what_was_derived(name: str) -> None:
    layers, loss = NETWORKS[name]
    penalties = [lib.L2(0.3)] if "penalties" in name else []
    system = lib.Sequential(*layers).system(loss, penalties)
    backward = derive_backward(system, [tensor.name for tensor in system.parameters])
    equations = [*system.equations, *backward.adjoints.values(), *backward.gradients.values()]
    sides = [(step.lhs, side) for step in backward.steps for side in (step.before, step.after)]
    probes = [probe(f"probe{place}", lhs, side) for place, (lhs, side) in enumerate(sides)]
    tables = {**backward.tensors, **{tensor.name: tensor for tensor, _ in probes}}
    whole: Any = SimpleNamespace(
        given=system.given,
        hyperparameters=system.hyperparameters,
        equations=[*equations, *(equation for _, equation in probes)],
        tensor=tables.__getitem__,
    )
    rng = np.random.default_rng(5)
    values = evaluate(whole, {t.name: draw(t, rng) for t in system.given})
    for equation in whole.equations:
        found = values[equation.name]
        names = [idx.name for idx in equation.indices]
        last = {axis: extent - 1 for axis, extent in zip(names, found.shape, strict=True)}
        formula = arrange(equation.rhs, Context(backward.tensors, "L", tuple(names)))
        printed = FormulaValue(backward, values, extents(equation))(formula, last)
        expected = float(found[tuple(last.values())])
        assert printed == pytest.approx(expected, rel=1e-9, abs=1e-12), str(equation)


def probe(name: str, lhs: sp.Expr, side: sp.Expr) -> tuple[sb.Tensor, sb.Equation]:
    """One side of a step as an equation of its own."""
    tensor = sb.Tensor(name, tuple(getattr(lhs, "indices", ())))
    return tensor, sb.Equation(tensor.element, side)


def extents(equation: sb.Equation) -> dict[str, int]:
    indices = {*equation.indices, *equation.rhs.atoms(sp.Idx)}
    return {"N": BATCH, **{idx.name: extent(sb.size_of(idx)) for idx in indices}}


def extent(size: sp.Expr) -> int:
    return int(size.subs({sb.size("N"): BATCH}))


@pytest.mark.parametrize("name", SYSTEMS)
def test_moving_positions_mean_what_was_derived(name: str) -> None:
    """Every equation and step, read off the page at a few places, with any numbers for tensors."""
    backward = derive_backward(*SYSTEMS[name]())
    rng = np.random.default_rng(11)
    values: dict[str, Any] = {}
    for tensor in backward.tensors.values():
        shape = tuple(int(size.subs(EXTENTS)) for size in tensor.shape)
        if tensor.domain is sb.Domain.LABEL:
            values[tensor.name] = rng.integers(0, int(tensor.classes.subs(EXTENTS)), shape)
        else:
            values[tensor.name] = rng.uniform(0.2, 0.9, shape)
    if name == "max_pool":  # whose gradient divides by the number of places that hold the maximum
        n, c, h, w = values["x"].shape
        values["z"] = values["x"].reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))
    equations = [*backward.system.equations, *backward.adjoints.values()]
    sides = [(e.lhs, e.rhs) for e in (*equations, *backward.gradients.values())]
    if name in STEPPED:
        sides += [(step.lhs, side) for step in backward.steps for side in (step.before, step.after)]
    meaning = ExpressionValue(values, EXTENTS)
    for lhs, side in sides:
        free = list(getattr(lhs, "indices", ()))
        used = {idx.name: int(sb.size_of(idx).subs(EXTENTS)) for idx in side.atoms(sp.Idx)}
        page = FormulaValue(backward, values, {**SIZES, **used})
        formula = arrange(side, Context(backward.tensors, "L", tuple(i.name for i in free)))
        for _ in range(3):
            at = {idx: int(rng.integers(int(sb.size_of(idx).subs(EXTENTS)))) for idx in free}
            printed = page(formula, {idx.name: place for idx, place in at.items()})
            assert printed == pytest.approx(meaning(side, at), rel=1e-9, abs=1e-12), str(side)
