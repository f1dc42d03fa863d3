"""Lowering: from equations in normal form to values of the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

import sympy as sp

from symbackprop.calculus.normal import (
    ONE,
    Access,
    Bracket,
    Delta,
    Func,
    Group,
    Index,
    Largest,
    Node,
    Place,
    Poly,
    Term,
    Total,
)
from symbackprop.calculus.normal import Constant as NormalConstant
from symbackprop.calculus.rewrite import factor
from symbackprop.compile.contraction import contract
from symbackprop.compile.plan import Constant, Load, Map, PlanPlace, Positions, Reduce, Size, Value
from symbackprop.language import Role, Tensor

_MIRRORED = {">": "<", ">=": "<=", "==": "==", "!=": "!="}
_ZERO = Constant(Fraction(0))
_NUMBER_ONE = Constant(ONE)


class Lowering:
    """Lowers expressions over one table of tensors.

    Parameters
    ----------
    tensors
        Every tensor by name.
    hosts
        The scalars that are plain Python numbers rather than arrays.
    """

    def __init__(self, tensors: Mapping[str, Tensor], hosts: Iterable[str]) -> None:
        self._tensors = tensors
        self.hosts = set(hosts)

    def value(self, expr: Poly) -> Value:
        """The value of an expression."""
        joint = _factored(expr)
        choice = self._choice(joint)
        if choice is not None:
            return choice
        values = [self._term(term) for term in joint.terms]
        return add(values)

    def _choice(self, expr: Poly) -> Value | None:
        """``[c]·u + [not c]·v`` as one selection between u and v."""
        for term in expr.terms:
            for base, _ in term.factors:
                if isinstance(base, Bracket) and base.relation in (">", "=="):
                    yes = [t for t in expr.terms if base in t.children]
                    no = [t for t in expr.terms if base.negation in t.children]
                    if no:
                        return self._chosen(expr, base, yes, no)
        return None

    def _chosen(self, expr: Poly, base: Bracket, yes: list[Term], no: list[Term]) -> Value:
        chosen = select(
            self._condition(base),
            self.value(_without(yes, base)),
            self.value(_without(no, base.negation)),
        )
        rest = Poly(term for term in expr.terms if term not in (*yes, *no))
        return add([chosen, self.value(rest)]) if rest.terms else chosen

    # --- products -------------------------------------------------------------------

    def _term(self, term: Term) -> Value:
        coefficient = term.coefficient
        above: list[Value] = []
        below: list[Value] = []
        conditions: list[Value] = []
        for base, exponent in term.factors:
            if isinstance(base, Bracket | Delta) and exponent > 0:
                conditions.append(self._condition(base))
                continue
            sign, value = self._oriented(base, exponent, coefficient < 0)
            coefficient *= sign
            (above if exponent > 0 else below).append(power(value, abs(exponent)))
        value = quotient(abs(coefficient), above, below)
        if conditions:
            value = select(both(conditions), value, _ZERO)
        return negative(value) if coefficient < 0 else value

    def _oriented(self, base: Node, exponent: Fraction, minus: bool) -> tuple[int, Value]:
        """A factor, and the sign that turning a difference around has left."""
        if isinstance(base, Group) and exponent.denominator == 1:
            sign = (-1) ** int(exponent)
            if self._reads_backwards(base.poly, minus and sign < 0):
                return sign, self.value(-base.poly)
        return 1, self._base(base)

    def _reads_backwards(self, expr: Poly, minus: bool) -> bool:
        """Whether the sum has more minus signs than its opposite, or a target first."""
        below = [term for term in expr.terms if term.coefficient < 0]
        above = [term for term in expr.terms if term.coefficient > 0]
        if len(below) != len(above):
            return len(below) > len(above)
        compares_target = self._has_target(above), self._has_target(below)
        if compares_target[0] != compares_target[1]:
            return compares_target[0]
        return minus

    def _has_target(self, terms: Iterable[Term]) -> bool:
        names = frozenset[str]().union(*(term.names for term in terms))
        return any(self._tensors[name].role is Role.TARGET for name in names)

    def _base(self, base: Node) -> Value:
        match base:
            case Access():
                return self._load(base)
            case NormalConstant():
                return _number(base.value)
            case Index():
                return Positions(base)
            case Func():
                return self._function(base)
            case Group():
                return self.value(base.poly)
            case Total():
                return self._total(base)
            case Largest():
                return Reduce("max", self.value(base.body), base.indices)
        return Map("number", [self._condition(base)])

    def _function(self, base: Func) -> Value:
        arguments = [self.value(argument) for argument in base.arguments]
        return Map("pow" if base.name == "power" else base.name, arguments)

    def _load(self, access: Access) -> Load:
        places = tuple(self._place(place) for place in access.places)
        return Load(access.name, places, host=access.name in self.hosts)

    def _place(self, place: Place) -> PlanPlace:
        return self._load(place) if isinstance(place, Access) else place

    # --- conditions -----------------------------------------------------------------

    def _condition(self, base: Node) -> Value:
        if isinstance(base, Delta):
            return self._same(*base.places)
        assert isinstance(base, Bracket)  # noqa: S101 (callers pass brackets and deltas)
        left, right = self.value(base.left), self.value(base.right)
        if left.host and not right.host:
            return Map(_MIRRORED[base.relation], [right, left])
        return Map(base.relation, [left, right])

    def _same(self, first: Place, second: Place) -> Value:
        places = [self._position(place) for place in (first, second)]
        # A label compared with the positions of an axis reads: label == positions.
        places.sort(key=lambda value: isinstance(value, Positions))
        return Map("==", places)

    def _position(self, place: Place) -> Value:
        if isinstance(place, int):
            return Constant(Fraction(place))
        return Positions(place, whole=True) if isinstance(place, Index) else self._load(place)

    # --- sums -----------------------------------------------------------------------

    def _total(self, total: Total) -> Value:
        above: list[Value] = []
        below: list[Value] = []
        conditions: list[Value] = []
        sign = 1
        for base, exponent in total.body.factors:
            if isinstance(base, Bracket | Delta) and exponent > 0:
                conditions.append(self._condition(base))
                continue
            turned, value = self._oriented(base, exponent, sign < 0)
            sign *= turned
            (above if exponent > 0 else below).append(power(value, abs(exponent)))
        factors = guarded(divided(above, below), conditions)
        result = contract(factors, total.indices)
        return negative(result) if sign < 0 else result


# --- building values -----------------------------------------------------------------


def add(terms: list[Value]) -> Value:
    """A sum."""
    flat: list[Value] = []
    for term in terms:
        flat.extend(_summands(term))
    if not flat:
        return _ZERO
    return flat[0] if len(flat) == 1 else Map("add", _readable(flat))


def _summands(term: Value) -> list[Value]:
    if isinstance(term, Map) and term.operation == "add":
        return list(term.children)
    inner = term.children[0] if isinstance(term, Map) and term.operation == "neg" else None
    if isinstance(inner, Map) and inner.operation == "add":
        return [negative(child) for child in inner.children]
    return [term]


def negative(value: Value) -> Value:
    """The value with its sign changed."""
    if isinstance(value, Constant):
        return Constant(-value.value)
    if isinstance(value, Map) and value.operation == "neg":
        return value.children[0]
    return Map("neg", [value])


def both(conditions: list[Value]) -> Value:
    """The conjunction of conditions."""
    return conditions[0] if len(conditions) == 1 else Map("and", conditions)


def select(condition: Value, yes: Value, no: Value) -> Value:
    """`yes` where the condition holds, else `no`; neither leaks into the other."""
    if not condition.host and not (yes.host and no.host):
        return Map("select", [condition, yes, no])
    # Between plain numbers nothing can leak, and `where` would not know the dtype.
    step = Map("number", [condition])
    if _is_zero(no):
        return product([yes, step])
    return add([product([add([yes, negative(no)]), step]), no])


def _is_zero(value: Value) -> bool:
    return isinstance(value, Constant) and value.value == 0


def product(factors: list[Value]) -> Value:
    """A product, with the smaller factors multiplied first."""
    kept = [f for f in factors if not (isinstance(f, Constant) and f.value == 1)]
    if not kept:
        return _NUMBER_ONE
    if len(kept) == 1:
        return kept[0]
    ordered = sorted(kept, key=lambda f: (not f.host, len(f.axes), _plainness(f)))
    return Map("mul", ordered)


def _plainness(value: Value) -> int:
    """Sums of products before tensors, tensors before the rest: (δ @ W) * a * (1 - a)."""
    if isinstance(value, Load):
        return 1
    return 2 if isinstance(value, Map) else 0


def quotient(coefficient: Fraction, above: list[Value], below: list[Value]) -> Value:
    """``coefficient · Π above / Π below``; what is not an array is gathered in front."""
    numbers: list[Value] = [Constant(coefficient)] if coefficient != 1 else []
    numbers += [value for value in above if value.host]
    divisors = [value for value in below if value.host]
    arrays = [value for value in above if not value.host]
    lower = [value for value in below if not value.host]
    numbers, divisors = _folded(numbers, divisors)
    factors = list(arrays)
    if numbers:
        front = product(numbers)
        factors.insert(0, Map("div", [front, product(divisors)]) if divisors else front)
    value = product(factors)
    if lower:
        value = Map("div", [value, product(lower)])
    if divisors and not numbers:
        value = Map("div", [value, product(divisors)])
    return value


def _folded(numbers: list[Value], divisors: list[Value]) -> tuple[list[Value], list[Value]]:
    """Known numbers multiplied into one."""
    constants = [v.value for v in numbers if isinstance(v, Constant)]
    inverses = [v.value for v in divisors if isinstance(v, Constant)]
    folded: Fraction | float = ONE
    for value in constants:
        folded = folded * value
    for value in inverses:
        folded = folded / value
    rest = [v for v in numbers if not isinstance(v, Constant)]
    below = [v for v in divisors if not isinstance(v, Constant)]
    if isinstance(folded, Fraction) and folded.numerator == 1 and folded.denominator > 1:
        # x / 2 rather than 0.5 * x where a division is written anyway, or is exact.
        return rest, [Constant(Fraction(folded.denominator)), *below]
    return ([] if folded == 1 else [Constant(folded)]) + rest, below


def power(value: Value, exponent: Fraction) -> Value:
    """A positive rational power; whole powers are products of squares."""
    if exponent == 1:
        return value
    if isinstance(value, Constant):
        return Constant(float(value.value) ** float(exponent))
    if exponent == Fraction(1, 2):
        return Map("sqrt", [value])
    if exponent.denominator != 1 or exponent == 2 or value.host:
        return Map("pow", [value, Constant(exponent)])
    half = power(Map("pow", [value, Constant(Fraction(2))]), exponent // 2 * ONE)
    return product([value, half]) if exponent % 2 else half


def divided(above: list[Value], below: list[Value]) -> list[Value]:
    """Factors of a product, each divisor under a factor that has its axes."""
    factors = list(above)
    for divisor in below:
        place = next(
            (i for i, f in enumerate(factors) if set(divisor.axes) <= set(f.axes)), len(factors)
        )
        numerator = factors[place] if place < len(factors) else _NUMBER_ONE
        factors[place : place + 1] = [Map("div", [numerator, divisor])]
    return factors


def guarded(factors: list[Value], conditions: list[Value]) -> list[Value]:
    """Factors of a product under conditions, each put on a factor that has its axes."""
    result = list(factors)
    for condition in conditions:
        covering = [
            i for i, f in enumerate(result) if not f.host and set(condition.axes) <= set(f.axes)
        ]
        selects = not (isinstance(condition, Map) and _compares_labels(condition))
        if covering and selects:
            # A computed factor may overflow where the condition does not hold.
            place = max(covering, key=lambda i: not isinstance(result[i], Load))
            result[place] = select(condition, result[place], _ZERO)
        else:
            result.append(Map("number", [condition]))
    return result


def _compares_labels(condition: Map) -> bool:
    return any(isinstance(child, Positions) for child in condition.children)


# --- preparing expressions -------------------------------------------------------------


def _factored(expr: Poly) -> Poly:
    """Common factors in front, unless only a number would come out of unlike terms."""
    alike = len({abs(term.coefficient) for term in expr.terms}) == 1
    shared = set(expr.terms[0].children).intersection(*(t.children for t in expr.terms[1:])) if (
        expr.terms
    ) else set()
    return factor(expr) if alike or shared else expr


def _without(terms: list[Term], base: Bracket) -> Poly:
    return Poly(
        Term(term.coefficient, {b: e for b, e in term.factors if b != base}) for term in terms
    )


def _readable(values: list[Value]) -> list[Value]:
    """Terms in reading order: positive ones first, then those of more axes."""

    def rank(value: Value) -> tuple[bool, int, int]:
        negated = isinstance(value, Map) and value.operation == "neg"
        minus = negated or (isinstance(value, Constant) and value.value < 0)
        return minus, -len(value.axes), _plainness(value)

    return sorted(values, key=rank)


def _number(value: sp.Expr) -> Value:
    if value.is_Integer:
        return Constant(Fraction(int(value)))
    return Constant(float(value)) if value.is_number else Size(value)
