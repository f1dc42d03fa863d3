"""The reverse sweep: from a system's equations to the adjoint of every tensor.

Equations are visited last to first. Each one sends its adjoint back to every
occurrence of a tensor on its right side; what arrives at a tensor is added up and
simplified by the rules table. An adjoint that only one equation uses, and that
reads better in place, is inserted there, as textbooks do with ∂L/∂a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

import sympy as sp

from symbackprop.calculus.context import Context
from symbackprop.calculus.convert import SympyWriter, to_index
from symbackprop.calculus.deltas import is_finite_outside
from symbackprop.calculus.nodes import (
    Access,
    Affine,
    Delta,
    Index,
    Node,
    Place,
    Term,
    combined,
    rename_place,
)
from symbackprop.calculus.normal import (
    Flat,
    Poly,
    Total,
    bracket_of,
    delta,
    number,
    place_poly,
    rename,
    rename_base,
    size_poly,
)
from symbackprop.calculus.pullback import pull_back
from symbackprop.calculus.ranges import range_of, surely_nonnegative
from symbackprop.calculus.records import Backward
from symbackprop.calculus.rewrite import Definition, cost, inline, instantiate, occurrences
from symbackprop.calculus.rules import (
    CHAIN_RULE,
    INLINE_ADJOINT,
    RULES,
)
from symbackprop.calculus.views import EquationView, Rewriting, StepView
from symbackprop.errors import EquationError
from symbackprop.language import (
    Domain,
    System,
    Tensor,
    fresh_name,
    index_name,
    size_of,
)
from symbackprop.language import index as make_index

#: Rules are applied in rounds until nothing changes; no derivation needs more rounds.
_MOST_ROUNDS = 12

#: For the indices of what is differentiated by, where the outputs have its own letters.
_SPARE_LETTERS = "mjlpqrsuvw"


def derive_backward(system: System, wrt: Sequence[str] | None = None) -> Backward:
    """Derive the gradient of a system's objective.

    Parameters
    ----------
    system
        Equations with a scalar objective.
    wrt
        Names of the tensors to differentiate by; all parameters if None.

    Raises
    ------
    EquationError
        If the system has no objective, or a name is of labels.
    UnknownNameError
        If a name is not in the system.
    """
    if system.objective is None:
        raise EquationError(
            "the system has no objective to differentiate", remedy='name one: minimize="L"'
        )
    names = [t.name for t in system.parameters] if wrt is None else list(dict.fromkeys(wrt))
    if not names:
        raise EquationError(
            "there is nothing to differentiate by",
            remedy="declare a parameter, or name a tensor in wrt=[…]",
        )
    for name in names:
        _require_real(system, name)
    return _Sweep(system, system.objective, names).run()


def derive_jacobian(system: System, of: str, wrt: Sequence[str]) -> Backward:
    """Derive the derivatives of every element of one tensor by every element of others.

    It is the same sweep, with the indices of `of` left free. Kronecker deltas that are
    not summed over stay: ``∂p[n,k]/∂z[m,j] = δ(n,m)·(…)`` is diagonal in n.

    Parameters
    ----------
    system
        Equations, with or without an objective.
    of
        The name of an intermediate.
    wrt
        Names of the tensors to differentiate by.

    Raises
    ------
    EquationError
        If `of` is not computed by an equation, or a name is of labels.
    UnknownNameError
        If a name is not in the system.
    """
    if system.tensor(of).name not in system.definitions:
        raise EquationError(
            f"{of!r} is given, not computed: it has no derivatives",
            remedy=f"differentiate one of {', '.join(system.definitions)}",
        )
    names = list(dict.fromkeys(wrt))
    for name in names:
        _require_real(system, name)
    return _Sweep(system, of, names).run()


def _require_real(system: System, name: str) -> None:
    if system.tensor(name).domain is Domain.LABEL:
        raise EquationError(
            f"{name!r} holds labels; a derivative by it has no meaning",
            remedy="differentiate by a tensor of real numbers",
        )


@dataclass
class _Adjoint:
    """The adjoint of one tensor."""

    tensor: Tensor
    element: Access
    value: Poly = field(default_factory=lambda: number(0))
    rewritings: list[Rewriting] = field(default_factory=list)

    @property
    def definition(self) -> Definition:
        """The adjoint as a definition that can be inlined."""
        return tuple(p for p in self.element.places if isinstance(p, Index)), self.value


class _Sweep:
    def __init__(self, system: System, of: str, wrt: list[str]) -> None:
        self.system = system
        self.of = of
        self.wrt = wrt
        self.outputs = system.definitions[of].indices
        #: Derivatives of a derivative are told apart from those of the first objective.
        self.is_second = bool(self.outputs) or any(t.adjoint_of for t in system.tensors.values())
        self.context = Context(system)
        read = {name: self._used(expr) for name, (_, expr) in self.context.definitions.items()}
        # A tensor depends on what its base cases are made of even if it does not read them.
        self._uses = {name: used | self._used_in_base(name) for name, used in read.items()}
        self.active = self._active()
        self.leaves = {name: self.active & used for name, used in read.items()}
        #: By name of a tensor that recurs: the axes of its group.
        self.axes = {e.name: g.axes for g in system.groups for e in g.equations if g.recurrent}
        self.adjoints: dict[str, _Adjoint] = {}
        # By name of the adjoint tensor: when it was derived, and by what.
        self.place: dict[str, tuple[int, str]] = {}
        self.arriving: dict[str, list[Term]] = {}

    def _active(self) -> frozenset[str]:
        """What lies between: depends on what is differentiated by, and `of` on it."""
        active = set(self.wrt)
        for group in self.system.groups:
            names = {equation.name for equation in group.equations}
            if any(self._uses[name] & active for name in names):
                active |= names
        return frozenset(active & self._needed() | set(self.wrt))

    def _needed(self) -> set[str]:
        """The tensors that `of` depends on, itself included."""
        needed = {self.of}
        for group in reversed(self.system.groups):
            names = {equation.name for equation in group.equations}
            if names & needed:
                needed |= names.union(*(self._uses[name] for name in names))
        return needed

    def _used(self, expr: Poly) -> frozenset[str]:
        """The tensors an expression reads, those in base cases of what it reads among them."""
        return expr.names.union(*map(self._used_in_base, expr.names))

    def _used_in_base(self, name: str) -> frozenset[str]:
        """The tensors that a tensor's base cases are made of."""
        cases = self.context.beginnings.get(name, ())
        return frozenset[str]().union(*(case.value.names for case in cases))

    def run(self) -> Backward:
        taken = set(self.system.tensors)
        groups = [
            [e.name for e in reversed(group.equations)] for group in reversed(self.system.groups)
        ]
        done: set[str] = set()
        for group in [*groups, *([name] for name in self.wrt)]:
            names = [n for n in group if (n in self.active or n == self.of) and n not in done]
            done.update(names)
            for name in names:
                self.adjoints[name] = adjoint = self._new_adjoint(name, taken)
                self.place[adjoint.element.name] = (len(self.place), name)
            self._visit(names)
        return self._record()

    def _visit(self, names: Sequence[str]) -> None:
        """Settle the adjoints of one equation, or of several that recur together.

        What recurs sends back before it is settled: its adjoints refer to each other.
        """
        recurrent = any(self.leaves[n] & set(names) for n in names if n in self.leaves)
        if self.of in names:
            own = self.adjoints[self.of].element.places[len(self.outputs) :]
            self.arriving[self.of] = list(self._seed(own).close().terms)
        for name in names if recurrent else ():
            self._send_back(name, self.adjoints[name], by_name=True)
        for name in names:
            adjoint = self.adjoints[name]
            if name in self.arriving:
                self._settle(name, adjoint, frozenset(names) if recurrent else frozenset())
            if name in self.context.definitions and not recurrent and adjoint.value.terms:
                self._send_back(name, adjoint, by_name=name != self.of)

    def _seed(self, places: Sequence[Place]) -> Flat:
        """The derivative of `of` by itself: a delta for each of its indices, 1 for a scalar."""
        seed = Flat()
        for output, place in zip(self.outputs, places, strict=True):
            seed.multiply_poly(delta(to_index(output), place))
        return seed

    def _new_adjoint(self, name: str, taken: set[str]) -> _Adjoint:
        primal = self.system.tensors[name]
        new = f"d{self.of}_d{name}" if self.outputs else f"d{name}"
        while new in taken:
            new = f"d{new}"
        taken.add(new)
        indices = (*self.outputs, *self._letters_beside(primal.indices))
        derivative_of = self.of if self.is_second else ""
        tensor = Tensor(new, indices, adjoint_of=name, derivative_of=derivative_of)
        self.context.shapes[new] = tensor.shape
        return _Adjoint(tensor, Access(new, tuple(to_index(idx) for idx in indices)))

    def _letters_beside(self, indices: Sequence[sp.Idx]) -> Sequence[sp.Idx]:
        """A tensor's own indices, with other letters where the outputs have theirs."""
        if not self.outputs:
            return indices
        taken = {index_name(idx) for idx in (*self.outputs, *indices)}
        outputs = {index_name(idx) for idx in self.outputs}
        chosen = []
        for idx in indices:
            letter = index_name(idx)
            if letter in outputs:
                usual = self.system.letters.get(size_of(idx), ())
                plain = [name for name in usual if name.isalpha()]
                letter = fresh_name(taken, [*plain, *_SPARE_LETTERS])
                taken.add(letter)
            chosen.append(make_index(letter, size_of(idx)))
        return chosen

    def _send_back(self, name: str, adjoint: _Adjoint, *, by_name: bool) -> None:
        """Send an adjoint on to what its equation uses; that of `of` itself is known."""
        indices, expr = self.context.definitions[name]
        wanted = self.leaves[name]
        # Open the equation's own indices: they are summed over from here on.
        fresh = tuple(index.fresh() for index in indices)
        mapping: dict[Node, Place] = dict(zip(indices, fresh, strict=True))
        cotangent = Flat() if by_name else self._seed(fresh)
        cotangent.bound |= set(fresh)
        if by_name:
            outputs = tuple(to_index(idx) for idx in self.outputs)
            cotangent.multiply(Access(adjoint.element.name, (*outputs, *fresh)))
        axes = self.axes.get(name, {})
        for access, factor in pull_back(rename(expr, mapping), cotangent, wanted):
            self._arrive(access, factor, fresh[axes[name]] if access.name in axes else None)

    def _arrive(self, access: Access, factor: Flat, along: Index | None = None) -> None:
        """Add what one occurrence of a tensor contributes to its adjoint.

        Where it reads a base case, the contribution goes on to what the case is made of.
        """
        for case in self.context.beginnings.get(access.name, ()):
            there = factor.copy()
            there.multiply_poly(delta(access.places[case.axis], case.position))
            if not there.coefficient:
                continue
            value = case.at(access.places)
            if value is None:
                # Beside its range, in other places, the tensor is 0 there too.
                inside = tuple(index.fresh() for index in case.indices)
                there.bound |= set(inside)
                for own, other in zip(inside, case.others(access.places), strict=True):
                    there.multiply_poly(delta(own, other))
                value = instantiate((case.indices, case.value), inside)
            for inner, onward in pull_back(value, there, self.active):
                self._arrive(inner, onward)
        here = self._own_places(access.name)
        if along is not None:
            access, factor = self._at_step(access, factor, along)
        for place, index in zip(access.places, here, strict=True):
            factor.multiply_poly(delta(place, index))
        self.arriving.setdefault(access.name, []).extend(factor.close().terms)

    def _at_step(self, access: Access, factor: Flat, along: Index) -> tuple[Access, Flat]:
        """What one step of a recurrence contributes, by the step it arrives at.

        The adjoint recurs along the same axis only if, of all deltas that say at which step
        it was sent, that axis's own is solved. Rules do so where there is no other one, and
        no factor is infinite beside the range.
        """
        axis = self.axes[access.name][access.name]
        own, place = self._own_places(access.name)[axis], access.places[axis]
        if not isinstance(place, Index | Affine) or along not in place.free:
            return access, factor
        assert isinstance(own, Index)  # noqa: S101 (they are an adjoint's indices)
        step = combined([(own, 1), (place, -1), (along, 1)])
        moved = Flat(factor.coefficient, {}, factor.bound - {along})
        finite = True
        for base, exponent in factor.factors.items():
            there = rename_base(base, {along: step})
            if along in base.free and not is_finite_outside(there, exponent, self.context):
                finite = False
            moved.multiply_poly(there, exponent)
        if finite and not _is_elsewhere(along, access, factor):
            return access, factor
        places = tuple(rename_place(p, {along: step}) for p in access.places)
        if not finite:
            _require_within(moved, step, along.size)
        return Access(access.name, places), moved

    def _own_places(self, name: str) -> tuple[Place, ...]:
        """The indices that the adjoint of a tensor is written with, after the outputs."""
        indices = self._letters_beside(self.system.tensors[name].indices)
        return tuple(to_index(idx) for idx in indices)

    def _settle(self, name: str, adjoint: _Adjoint, together: frozenset[str]) -> None:
        """Add up and simplify what has arrived; what recurs together keeps its names."""
        raw = Poly(self.arriving.pop(name))
        # The derivative of `of` by itself needs no explanation.
        steps = [] if name == self.of else [Rewriting(CHAIN_RULE, None, raw, (name,))]
        value = self._simplify(raw, steps)
        tried = set(together)
        # Tensors whose adjoints nobody else asks for by name.
        needless = {name}
        # Inserting one adjoint may bring in others, nearer to the objective.
        while untried := [user for user in self._mentioned(value) if user not in tried]:
            user = untried[0]
            tried.add(user)
            superfluous = user not in self.wrt and self.leaves[user] <= needless
            candidate = self._with_inserted(value, user, superfluous)
            if candidate is not None:
                value, further = candidate
                steps += further
                needless |= {user} if superfluous else set()
        adjoint.value, adjoint.rewritings = value, steps
        self.context.adjoints[adjoint.element.name] = adjoint.definition

    def _mentioned(self, expr: Poly) -> list[str]:
        """The tensors whose adjoints an expression mentions, those nearest to them first."""
        places = list(filter(None, map(self.place.get, expr.names)))
        return [name for _, name in sorted(places, reverse=True)]

    def _with_inserted(
        self, kept: Poly, user: str, superfluous: bool
    ) -> tuple[Poly, list[Rewriting]] | None:
        """The expression with an adjoint inserted, if that reads better than naming it."""
        other = self.adjoints[user]
        if _is_summed_product(kept, other.element.name) and Total in other.value.kinds:
            return None  # it would put one sum inside another
        inlined = inline(kept, {other.element.name: other.definition})
        steps = [Rewriting(INLINE_ADJOINT, kept, inlined, (user,))]
        value = self._simplify(inlined, steps)
        # A named adjoint is an equation more to read, if nobody else needs the name; but a
        # product that is read twice reads better under a name. A sum may merge with others.
        alone = Total in other.value.kinds or occurrences(kept, other.element.name) == 1
        allowance = cost(other.value) if superfluous and alone else 0.0
        nested = _widest_sum(value) > max(_widest_sum(kept), _widest_sum(other.value))
        if nested or cost(value) > cost(kept) + allowance:
            return None
        return value, steps

    def _simplify(self, expr: Poly, steps: list[Rewriting]) -> Poly:
        idle = 0  # how many rules in a row have changed nothing
        for rule in chain.from_iterable(repeat(RULES, _MOST_ROUNDS)):
            application = rule.apply(expr, self.context)
            idle += 1
            if application.after != expr:
                used = tuple(dict.fromkeys(application.used))
                steps.append(Rewriting(rule, expr, application.after, used))
                expr = application.after
                idle = 0
            if idle == len(RULES):
                break
        return expr

    def _record(self) -> Backward:
        tensors = dict(self.system.tensors)
        tensors.update((a.tensor.name, a.tensor) for a in self.adjoints.values())
        writer = SympyWriter(tensors, self.system.letters)
        gradients = {name: self.adjoints[name] for name in self.wrt}
        between = {
            name: adjoint
            for name, adjoint in self.adjoints.items()
            if name not in gradients and (name != self.of or adjoint.rewritings)
        }
        return Backward(
            system=self.system,
            gradients=EquationView({n: (a.element, a.value) for n, a in gradients.items()}, writer),
            adjoints=EquationView({n: (a.element, a.value) for n, a in between.items()}, writer),
            tensors=tensors,
            steps=StepView(
                [
                    (name, adjoint.element, rewriting)
                    for name, adjoint in {**between, **gradients}.items()
                    for rewriting in adjoint.rewritings
                ],
                writer,
            ),
            of=self.of,
            outputs=self.outputs,
        )


def _require_within(factor: Flat, place: Place, extent: sp.Expr) -> None:
    """Multiply by the condition that a place is in a range."""
    assert isinstance(place, Index | Affine | int)  # noqa: S101 (a label is always in range)
    at = place_poly(place)
    if not surely_nonnegative(range_of(place)[0]):
        factor.multiply_poly(bracket_of(at, ">=", number(0)))
    if not surely_nonnegative(extent - 1 - range_of(place)[1]):
        factor.multiply_poly(bracket_of(size_poly(extent), ">", at))


def _is_elsewhere(along: Index, access: Access, factor: Flat) -> bool:
    """Whether more than one delta says where a step of a recurrence is."""
    moving = [p for p in access.places if isinstance(p, Index | Affine) and along in p.free]
    deltas = (base for base in factor.factors if isinstance(base, Delta))
    return bool(moving) and (len(moving) > 1 or any(along in base.free for base in deltas))


def _is_summed_product(expr: Poly, name: str) -> bool:
    """Whether a tensor is multiplied by something under a sum."""
    return any(
        isinstance(base, Total) and len(base.body.factors) > 1 and name in base.names
        for term in expr.terms
        for base, _ in term.factors
    )


def _widest_sum(expr: Poly) -> int:
    """How many indices one sum of the expression runs over, at most."""
    sums = (base for term in expr.terms for base, _ in term.factors if Total in base.kinds)
    return max((_width(base) for base in sums), default=0)


def _width(base: Node) -> int:
    own = len(base.indices) if isinstance(base, Total) else 0
    return own + max((_width(child) for child in base.children), default=0)
