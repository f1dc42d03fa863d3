"""Building values of the plan: sums, products, quotients, powers and selections.

Whoever builds a value here gets it in the form an engineer would write: known numbers
folded, signs in front, the smaller factors of a product first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import isinf

from symbackprop.calculus.nodes import ONE, Extent, Index, whole
from symbackprop.compile.plan import (
    Constant,
    Join,
    Load,
    Map,
    Places,
    Positions,
    Put,
    Reduce,
    Size,
    Spread,
    Value,
    Window,
    walk,
)

ZERO = Constant(Fraction(0))
_ONE = Constant(ONE)
_COMPLEMENTS = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}


# --- sums ---------------------------------------------------------------------------------


def add(terms: Iterable[Value]) -> Value:
    """A sum, in reading order."""
    flat: list[Value] = []
    constant: Fraction | float = Fraction(0)
    for term in terms:
        for summand in _summands(term):
            if isinstance(summand, Constant):
                constant = constant + summand.value
            else:
                flat.append(summand)
    if constant:
        flat.append(Constant(constant))
    if len(flat) < 2:
        return flat[0] if flat else ZERO
    if all(map(_is_negative, flat)):
        return negative(add(negative(summand) for summand in flat))
    large, small = _by_magnitude(flat)
    if len(large) > 1 and small:
        return Map("add", [Map("add", _readable(large)), *_readable(small)])
    return Map("add", _readable([*large, *small]))


def joined(terms: Sequence[Value]) -> Join | None:
    """A sum of values that lie side by side along an axis, as one value; None of any other."""
    if len(terms) < 2:
        return None
    pieces = [_piece(unsigned(term)) for term in terms]
    found = [piece for piece in pieces if piece is not None]
    if len(found) < len(terms) or len({axis for axis, *_ in found}) != 1:
        return None
    axis = found[0][0]
    waiting = list(zip(found, terms, strict=True))
    ordered: list[tuple[Index, Value]] = []
    end: Extent = 0
    while waiting:
        following = next((w for w in waiting if whole(w[0][1] - end) == 0), None)
        if following is None:
            return None
        waiting.remove(following)
        (_, _, own, value), term = following
        ordered.append((own, value if unsigned(term) is term else negative(value)))
        end = whole(end + own.size)
    if whole(end - axis.size) != 0 or len({frozenset({*v.axes} - {o}) for o, v in ordered}) != 1:
        return None
    return Join([value for _, value in ordered], [own for own, _ in ordered], axis)


def _piece(term: Value) -> tuple[Index, Extent, Index, Value] | None:
    """The axis along which a value is 0 but for one stretch; where that begins, and itself."""
    if isinstance(term, Put) and len(term.targets) == 1:
        ((axis, window),) = term.targets
        if len(window.steps) == 1 and window.steps[0][1] == 1:
            return axis, window.start, window.axes[0], term.argument
    if isinstance(term, Load):
        moved = [(n, p) for n, p in enumerate(term.places) if isinstance(p, Window)]
        if len(moved) == 1 and [step for _, step in moved[0][1].steps] == [1]:
            ((place, window),) = moved
            own = Index(window.axes[0].name, window.extent).fresh()
            places = (*term.places[:place], own, *term.places[place + 1 :])
            return window.axes[0], whole(-window.start), own, Load(term.name, places)
    return None


def _summands(term: Value) -> list[Value]:
    if isinstance(term, Map) and term.operation == "add":
        return [inner for child in term.children for inner in _summands(child)]
    inner = unsigned(term)
    if inner is not term and isinstance(inner, Map) and inner.operation == "add":
        return [negative(child) for child in _summands(inner)]
    return [term]


def _by_magnitude(values: list[Value]) -> tuple[list[Value], list[Value]]:
    """Beside a maximum that was subtracted for stability, logarithms are small terms.

    They are added last, after the large ones have cancelled.
    """
    inner = [unsigned(value) for value in values]
    if not any(isinstance(value, Reduce) and value.kind == "max" for value in inner):
        return values, []
    small = [v for v, i in zip(values, inner, strict=True) if is_map(i, "log")]
    return [value for value in values if value not in small], small


def _readable(values: list[Value]) -> list[Value]:
    """Terms in reading order: positive ones first, then those of more axes."""

    def rank(value: Value) -> tuple[bool, int, int]:
        return _is_negative(value), -len(value.axes), _plainness(value)

    return sorted(values, key=rank)


def _is_negative(value: Value) -> bool:
    return is_map(value, "neg") or (isinstance(value, Constant) and value.value < 0)


def negative(value: Value) -> Value:
    """The value with its sign changed."""
    if isinstance(value, Constant):
        return Constant(-value.value)
    inner = unsigned(value)
    return Map("neg", [value]) if inner is value else inner


def unsigned(value: Value) -> Value:
    """The value without the minus in front of it."""
    return value.children[0] if is_map(value, "neg") else value


def is_map(value: Value, *operations: str) -> bool:
    """Whether a value is one of these pointwise operations."""
    return isinstance(value, Map) and value.operation in operations


def is_trivial(value: Value) -> bool:
    """Whether naming it would save nothing."""
    if isinstance(value, Load):
        # A slice or another shape is a view.
        windows = [place for place in value.places if isinstance(place, Window)]
        is_view = all(w.is_slice or w.is_split for w in windows) and not value.gathers
        return value.plain or (bool(windows) and is_view)
    if isinstance(value, Constant | Size | Positions | Places | Spread):
        return True
    if isinstance(value, Map):
        simple = value.host and value.operation in ("add", "mul", "div")
        parts = (unsigned(child) for child in value.children)
        return value.operation == "neg" or (simple and all(map(is_trivial, parts)))
    return False


def storage_order(value: Value, wanted: Sequence[Index]) -> tuple[Index, ...]:
    """The order of axes in which a value is kept: as what it is made of has them."""
    own = set(value.axes)
    leaves = [inner.axes for inner in walk(value) if isinstance(inner, Load)]
    fullest = max(leaves, key=lambda axes: len(own.intersection(axes)), default=())
    order = dict.fromkeys((*fullest, *wanted, *value.axes))
    return tuple(axis for axis in order if axis in own)


# --- selections ---------------------------------------------------------------------------


def both(conditions: Sequence[Value]) -> Value:
    """The conjunction of conditions."""
    return conditions[0] if len(conditions) == 1 else Map("and", conditions)


def select(condition: Value, yes: Value, no: Value) -> Value:
    """`yes` where the condition holds, else `no`; neither leaks into the other."""
    if not condition.host and not (yes.host and no.host):
        branches = [yes, no]
        if any(is_map(b, "neg") for b in branches) and all(map(_has_minus, branches)):
            opposite = [add([negative(s) for s in _summands(b)]) for b in branches]
            return negative(Map("select", [condition, *opposite]))
        return Map("select", [condition, *branches])
    if not condition.host and (_is_infinite(yes) or _is_infinite(no)):
        # 0·∞ is no number; of what is finite an array is made, for its dtype.
        if _is_infinite(no):
            return Map("select", [condition, _where(condition, yes), no])
        return Map("select", [condition, yes, _where(complement(condition), no)])
    # Between plain finite numbers nothing can leak, and a `where` of them would not have the
    # dtype of the arrays.
    chosen = [product([yes, Map("number", [condition])])]
    if not is_zero(no):
        chosen.append(product([no, Map("number", [complement(condition)])]))
    return add(chosen)


def _is_infinite(value: Value) -> bool:
    inner = unsigned(value)
    return isinstance(inner, Constant) and isinf(inner.value)


def _where(condition: Value, value: Value) -> Value:
    """An array that has a number where a condition holds."""
    if is_zero(value):
        return Map("number", [complement(condition)])
    return product([value, Map("number", [condition])])


def _has_minus(value: Value) -> bool:
    return any(is_map(summand, "neg") for summand in _summands(value))


def complement(condition: Value) -> Value:
    """The condition that holds where this one does not."""
    if isinstance(condition, Map) and condition.operation in _COMPLEMENTS:
        return Map(_COMPLEMENTS[condition.operation], condition.children)
    return Map("not", [condition])


def is_zero(value: Value) -> bool:
    """Whether a value is the constant 0."""
    return isinstance(value, Constant) and value.value == 0


# --- products -----------------------------------------------------------------------------


def product(factors: Iterable[Value]) -> Value:
    """A product, the smaller factors first; the sign in front."""
    flat: list[Value] = []
    bare, minus = without_signs(list(factors))
    for factor in bare:
        flat.extend(factor.children if is_map(factor, "mul") else [factor])
    kept = [f for f in flat if not (isinstance(f, Constant) and f.value == 1)]
    if len(kept) > 1:
        ordered = sorted(kept, key=lambda f: (not f.host, len(f.axes), _plainness(f)))
        value: Value = Map("mul", ordered)
    else:
        value = kept[0] if kept else _ONE
    return negative(value) if minus else value


def _plainness(value: Value) -> int:
    """Sums of products before tensors, tensors before the rest: (δ @ W) * a * (1 - a)."""
    if isinstance(value, Load):
        return 1
    return 2 if isinstance(value, Map) else 0


def quotient(coefficient: Fraction, above: Sequence[Value], below: Sequence[Value]) -> Value:
    """``coefficient · Π above / Π below``; what is not an array is gathered in front."""
    above, above_minus = without_signs(above)
    below, below_minus = without_signs(below)
    arrays = [value for value in above if not value.host]
    divisors = [value for value in below if not value.host]
    folded = _folded(coefficient, above, below)
    front = [value for value in above if value.host and not isinstance(value, Constant)]
    under = [value for value in below if value.host and not isinstance(value, Constant)]
    if isinstance(folded, Fraction) and _is_written_below(folded, bool(arrays or front), under):
        under.insert(0, Constant(Fraction(folded.denominator)))
        folded = Fraction(folded.numerator)
    front.insert(0, Constant(folded))
    scale = product(front)
    beneath = product(under)
    if _ONE.pattern not in (scale.pattern, beneath.pattern):
        scale, beneath = Map("div", [scale, beneath]), _ONE
    value = product([scale, *arrays])
    for divisor in (product(divisors), beneath):
        if divisor.pattern != _ONE.pattern:
            value = Map("div", [value, divisor])
    return negative(value) if above_minus != below_minus else value


def _is_written_below(value: Fraction, has_above: bool, under: Sequence[Value]) -> bool:
    """Whether to write x / 2 and 2 / (3 * N) rather than 0.5 * x and 0.6666… / N."""
    if value.numerator == 1:
        return has_above
    return bool(under) and 10**9 % value.denominator != 0


def without_signs(factors: Sequence[Value]) -> tuple[list[Value], bool]:
    """Factors without the minus signs in front, and whether a minus is left of them."""
    bare = [unsigned(factor) for factor in factors]
    signs = sum(after is not before for after, before in zip(bare, factors, strict=True))
    return bare, signs % 2 == 1


def _folded(
    coefficient: Fraction, above: Sequence[Value], below: Sequence[Value]
) -> Fraction | float:
    """All known numbers as one."""
    folded: Fraction | float = coefficient
    for value in above:
        folded = folded * value.value if isinstance(value, Constant) else folded
    for value in below:
        folded = folded / value.value if isinstance(value, Constant) else folded
    return folded


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
    even = power(Map("pow", [value, Constant(Fraction(2))]), Fraction(exponent // 2))
    return product([value, even]) if exponent % 2 else even


def divided(above: Sequence[Value], below: Sequence[Value]) -> list[Value]:
    """Factors of a product, each divisor under a factor that has its axes."""
    factors = list(above)
    for divisor in below:
        place = next(
            (i for i, f in enumerate(factors) if set(divisor.axes) <= set(f.axes)), len(factors)
        )
        numerator = factors[place] if place < len(factors) else _ONE
        factors[place : place + 1] = [Map("div", [numerator, divisor])]
    return factors


def guarded(factors: Sequence[Value], conditions: Sequence[Value]) -> list[Value]:
    """Factors of a product under conditions, each put on a factor that has its axes."""
    result = list(factors)
    for condition in conditions:
        covering = [
            i for i, f in enumerate(result) if not f.host and set(condition.axes) <= set(f.axes)
        ]
        if covering:
            # A computed factor may overflow where the condition does not hold.
            place = max(covering, key=lambda i: not isinstance(result[i], Load))
            result[place] = select(condition, result[place], ZERO)
        else:
            result.append(Map("number", [condition]))
    return result
