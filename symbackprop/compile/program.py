"""Programs: which equations to compute for which outputs, lowered to a plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isinf

import sympy as sp

from symbackprop.calculus.convert import from_sympy, to_index
from symbackprop.calculus.nodes import Index
from symbackprop.calculus.normal import Poly, rename
from symbackprop.calculus.rewrite import Definition
from symbackprop.compile.build import is_map
from symbackprop.compile.loops import stepped
from symbackprop.compile.lowering import Lowering
from symbackprop.compile.plan import (
    Array,
    Assignment,
    Constant,
    Line,
    Load,
    Loop,
    Spread,
    Value,
    walk,
)
from symbackprop.compile.sharing import Names, shared
from symbackprop.compile.stability import stabilize
from symbackprop.compile.stores import Store, stores_of
from symbackprop.errors import EquationError, UnknownNameError
from symbackprop.language import Domain, Equation, Group, Role, Tensor, grouped, size_of

# Operations whose result may be infinite where a selection does not look.
_RISKY = ("exp", "log", "div", "pow", "sqrt")


@dataclass(frozen=True)
class Program:
    """Equations in order of computation, and what is wanted of them.

    Attributes
    ----------
    equations
        Each uses what is given or what stands before it.
    tensors
        Every tensor they mention, by name.
    outputs
        Names of the tensors that are wanted; equations they do not need are dropped.
    origins
        By name of the tensor an equation defines: what it is for.
    """

    equations: tuple[Equation, ...]
    tensors: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    origins: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        defined: set[str] = set()
        for group in self.groups:
            together = {equation.name for equation in group.equations}
            for equation in group.equations:
                for used in self.uses[equation.name]:
                    if used not in self.tensors:
                        raise UnknownNameError("tensor", used, self.tensors, where=str(equation))
                    if used in self.uses and used not in defined | together:
                        raise EquationError(
                            f"{used!r} is used before it is computed",
                            where=str(equation),
                            remedy="put its equation first",
                        )
            defined |= together
        for name in self.outputs:
            if name not in self.tensors:
                raise UnknownNameError("output", name, self.uses)

    @cached_property
    def uses(self) -> Mapping[str, tuple[str, ...]]:
        """By name of the tensor it defines: the tensors an equation mentions, in order."""
        return {equation.name: equation.used_names for equation in self.equations}

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The equations in order, those that recur together as one where the last of them is."""
        group_of = {e.name: group for group in grouped(self.equations) for e in group.equations}
        last = {group_of[e.name].equations[0].name: e.name for e in self.equations}
        return tuple(
            group_of[e.name]
            for e in self.equations
            if last[group_of[e.name].equations[0].name] == e.name
        )

    @cached_property
    def live_groups(self) -> tuple[Group, ...]:
        """The groups that the outputs need."""
        wanted = set(self.outputs)
        kept: list[Group] = []
        for group in reversed(self.groups):
            if any(equation.name in wanted for equation in group.equations):
                kept.append(group)
                wanted.update(*(self.uses[equation.name] for equation in group.equations))
        return tuple(reversed(kept))

    @property
    def live(self) -> tuple[Equation, ...]:
        """The equations that the outputs need."""
        return tuple(equation for group in self.live_groups for equation in group.equations)

    @cached_property
    def arguments(self) -> tuple[Tensor, ...]:
        """The tensors that must be given, in the order of the table."""
        used = {name for equation in self.live for name in self.uses[equation.name]}
        used.update(self.outputs)
        given = [t for name, t in self.tensors.items() if name not in self.uses]
        missing = self._sizes(used).difference(*(t.shape for t in given if t.name in used))
        for tensor in given:
            # An array that only lends its size: Σₙ 1 is N, whatever x holds.
            lent = missing & set(tensor.shape)
            if lent and tensor.role is not Role.INTERMEDIATE:
                used.add(tensor.name)
                missing -= lent
        return tuple(t for t in given if t.name in used)

    def _sizes(self, used: Collection[str]) -> frozenset[sp.Expr]:
        """The symbolic sizes that the equations and the tensors used mention."""
        extents = {extent for tensor in self.tensors.values() for extent in tensor.shape}
        mentioned: set[sp.Expr] = set()
        for equation in self.live:
            for idx in (*equation.indices, *_indices(equation)):
                mentioned |= size_of(idx).free_symbols
            for expr in equation.expressions:
                mentioned |= expr.free_symbols
        for tensor in self.tensors.values():
            if tensor.name in used:
                mentioned.update(*(extent.free_symbols for extent in tensor.shape))
        return frozenset(mentioned & {extent for extent in extents if extent.is_Symbol})


def _indices(equation: Equation) -> Iterator[sp.Idx]:
    for expr in equation.expressions:
        yield from expr.atoms(sp.Idx)


@dataclass(frozen=True)
class Plan:
    """A lowered program.

    Attributes
    ----------
    program
        What was lowered.
    lines
        Assignments and loops in order.
    hosts
        The scalars that are plain Python numbers.
    guarded
        Whether a selection leaves out values that may overflow.
    """

    program: Program
    lines: tuple[Line, ...]
    hosts: frozenset[str]
    guarded: bool


def is_host(tensor: Tensor) -> bool:
    """Whether a given tensor is passed as a plain number: a scalar that is not learned."""
    scalar = not tensor.indices and tensor.domain is not Domain.LABEL
    return scalar and tensor.role in (Role.HYPERPARAMETER, Role.INPUT)


def lower(program: Program) -> Plan:
    """Lower a program: stabilise its equations, plan each, compute shared values once."""
    definitions = {
        equation.name: (tuple(to_index(idx) for idx in equation.indices), from_sympy(equation.rhs))
        for equation in program.equations
    }
    groups = _stable(program, definitions)
    stores = stores_of(groups)
    hosts = (tensor.name for tensor in program.arguments if is_host(tensor))
    lowering = Lowering(program.tensors, hosts, stores)
    lines: list[Line] = []
    for group, exprs in groups:
        origin = program.origins.get(group.equations[0].name, "")
        if any(equation.name in stores for equation in group.equations):
            lines.append(_loop(group, exprs, lowering, stores, origin))
            continue
        ((equation, expr),) = zip(group.equations, exprs, strict=True)
        axes, _ = definitions[equation.name]
        value = _filling(lowering.value(expr), axes)
        if value.host:
            lowering.hosts.add(equation.name)
        lines.append(Assignment(equation.name, axes, value, origin, equation))
    names = Names(
        {line.name for line in _assignments(lines)}
        | {v.name for line in _assignments(lines) for v in walk(line.value) if isinstance(v, Load)}
    )
    steps = list(stepped(lines, names.of))
    values = [inner for line in _assignments(steps) for inner in walk(line.value)]
    guarded = any(map(_is_risky, values)) or any(
        isinstance(value, Constant) and isinf(value.value) for value in values
    )
    return Plan(program, tuple(shared(steps, names)), frozenset(lowering.hosts), guarded)


def _assignments(lines: Iterable[Line]) -> Iterator[Assignment]:
    for line in lines:
        yield from line.lines if isinstance(line, Loop) else (line,)


def _loop(
    group: Group,
    exprs: Sequence[Poly],
    lowering: Lowering,
    stores: Mapping[str, Store],
    origin: str,
) -> Loop:
    """A group of equations, computed along one index."""
    first = group.equations[0]
    running = to_index(first.indices[stores[first.name].axis]).fresh()
    arrays: list[Array] = []
    lines: list[Assignment] = []
    for equation, expr in zip(group.equations, exprs, strict=True):
        store = stores[equation.name]
        own = tuple(to_index(idx) for idx in equation.indices)
        axes = (*own[: store.axis], running, *own[store.axis + 1 :])
        rows = tuple(
            (store.row(case), case.indices, lowering.value(case.expression)) for case in store.cases
        )
        lowering.running = running
        value = lowering.value(rename(expr, {own[store.axis]: running}))
        lowering.running = None
        lines.append(Assignment(equation.name, axes, value, origin, equation))
        arrays.append(
            Array(
                equation.name,
                store.name,
                axes,
                store.axis,
                store.before,
                store.length,
                rows,
                store.has_zeros,
            )
        )
    counter = sp.Symbol(f"step {running.hint}", integer=True, nonnegative=True)
    return Loop(running, counter, group.direction < 0, tuple(arrays), tuple(lines), origin)


def _stable(
    program: Program, definitions: Mapping[str, Definition]
) -> list[tuple[Group, list[Poly]]]:
    """The groups that are needed once all are stable; log(p) no longer needs p."""
    wanted = set(program.outputs)
    kept: list[tuple[Group, list[Poly]]] = []
    for group in reversed(program.live_groups):
        if any(equation.name in wanted for equation in group.equations):
            exprs = [stabilize(definitions[e.name][1], definitions) for e in group.equations]
            wanted.update(*(expr.names for expr in exprs))
            for equation in group.equations:
                wanted.update(*(from_sympy(case.rhs).names for case in equation.base))
            kept.append((group, exprs))
    return kept[::-1]


def _filling(value: Value, axes: Sequence[Index]) -> Value:
    """The value with all axes of the tensor it is assigned to."""
    return value if set(value.axes) == set(axes) else Spread(value, axes)


def _is_risky(value: Value) -> bool:
    """Whether a selection has a branch that may overflow where it is not taken."""
    return is_map(value, "select") and any(
        is_map(inner, *_RISKY) for branch in value.children[1:] for inner in walk(branch)
    )
