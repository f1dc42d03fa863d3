"""Where a derivation is checked: small sizes, and numbers that hide nothing.

Symbolic sizes become small primes, different from each other and from the sizes
that are whole numbers already, so that a transposed tensor does not fit. Values
are multiples of a power of two: float64 and 80 digits see exactly the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise, product
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from symbackprop.errors import DataError, ShapeError, UnknownNameError, VerificationError
from symbackprop.language import (
    Domain,
    Fact,
    Role,
    System,
    Tensor,
    element_name,
    free_indices,
    size_of,
)
from symbackprop.verify.arithmetic import Arithmetic, Decimals
from symbackprop.verify.evaluate import Evaluator, Field, Table
from symbackprop.verify.exact import Sizes, extent_of

_PRIMES = (3, 5, 7, 2)  # what symbolic sizes become first
_ENLARGEMENTS = 20  # how often a size is made larger
_EXACT = 1e-40  # what two sides that are equal may differ by


@dataclass(frozen=True)
class Grain:
    """How fine drawn numbers are.

    Attributes
    ----------
    unit
        Numbers are multiples of ``1/unit``.
    finer
        What the unit is multiplied by for parameters, one for each time that the longest
        axis is four times as long.
    growth
        What the unit is multiplied by until there are `shares` units for each of several
        numbers that add up to 1.
    shares
        See `growth`.
    """

    unit: int
    finer: tuple[int, ...]
    growth: int
    shares: int

    def along(self, widest: int) -> int:
        """The unit of a parameter whose longest axis is that long."""
        quarters = (widest.bit_length() - 1) // 2
        return self.unit * self.finer[min(quarters, len(self.finer) - 1)]

    def dividing(self, count: int) -> int:
        """The unit of so many numbers that add up to 1."""
        unit = self.unit
        while unit < self.shares * count:
            unit *= self.growth
        return unit


#: For oracles: float64 and 80 digits see exactly the same numbers.
BINARY = Grain(1024, tuple(1 << halvings for halvings in range(16)), growth=2, shares=64)
#: For people: one decimal, or two.
DECIMAL = Grain(10, (1, 2, 5, 10), growth=10, shares=2)


@dataclass(frozen=True)
class Point:
    """Sizes, and one value for every element that must be fed.

    Attributes
    ----------
    sizes
        A whole number for every symbolic size.
    values
        By tensor name: object arrays of `Fraction`, or of `int` for labels.
    """

    sizes: Sizes
    values: Mapping[str, np.ndarray]

    def arrays(self) -> dict[str, np.ndarray]:
        """The values as float64 arrays, labels as int64."""
        return {
            name: value.astype(np.int64 if _is_whole(value) else np.float64)
            for name, value in self.values.items()
        }

    def tables(self, number: Callable[[int | Fraction], Any] | None = None) -> dict[str, Table]:
        """The values by position as numbers, by default mpmath's in the working precision."""
        return {name: _table(value, number or _precise) for name, value in self.values.items()}


def _is_whole(value: np.ndarray) -> bool:
    return isinstance(value.flat[0], int)


def _table(value: np.ndarray, number: Callable[[int | Fraction], Any]) -> Table:
    entries = ((position, number(entry)) for position, entry in np.ndenumerate(value))
    return Table(value.shape, entries)


def _precise(entry: int | Fraction) -> Any:
    if isinstance(entry, int):
        return entry
    return mpmath.mpf(entry.numerator) / entry.denominator


# --- sizes --------------------------------------------------------------------------


def choose_sizes(
    system: System, given: Mapping[str, int] | None = None, first: Sequence[int] = _PRIMES
) -> dict[sp.Symbol, int]:
    """A small prime for every symbolic size that is not given.

    The primes differ from each other, from the given sizes and from every size that
    is a whole number already, those of `first` first. There, 2 comes after 3, 5 and 7,
    so that ``1/N`` and ``1/2`` differ where N is the first. A size from which another one
    is computed (``floor((H - 3)/2) + 1``) is a larger prime if that one would be less than 2.

    Raises
    ------
    UnknownNameError
        If a given name is not a size of the system.
    ShapeError
        If a given size is not a positive whole number, or a size computed from it is not.
    """
    chosen = dict(given or {})
    names = {str(symbol): symbol for symbol in system.sizes}
    for name, extent in chosen.items():
        if name not in names:
            raise UnknownNameError("size", name, names)
        if not isinstance(extent, int) or extent < 1:
            raise ShapeError(
                f"size {name} cannot be {extent!r}", remedy="give a positive whole number"
            )
    taken = {int(e) for e in _extents(system) if e.is_Integer}
    taken.update(chosen.values())
    unused = (extent for extent in chain(first, _primes_above(max(first))) if extent not in taken)
    for name in names:
        if name not in chosen:
            chosen[name] = next(unused)
            taken.add(chosen[name])
    found = {symbol: chosen[name] for name, symbol in names.items()}
    return _enlarged(system, found, {names[name] for name in given or {}})


def _extents(system: System) -> list[sp.Expr]:
    """The sizes of all axes and of all summed indices, and numbers of classes."""
    found = dict.fromkeys(extent for t in system.tensors.values() for extent in t.shape)
    found.update(dict.fromkeys(t.classes for t in system.tensors.values() if t.classes))
    known = set(system.sizes)
    return list(found | {e: None for e in system.letters if e.free_symbols <= known})


def _enlarged(
    system: System, sizes: dict[sp.Symbol, int], kept: Collection[sp.Symbol]
) -> dict[sp.Symbol, int]:
    """Sizes with which those computed from them are at least 2, or at least 1."""
    computed = [e for e in _extents(system) if not e.is_Symbol and not e.is_Integer]
    for least in (2, 1):
        found = dict(sizes)
        for _ in range(_ENLARGEMENTS):
            small = [e for e in computed if extent_of(e, found) < least]
            if not small:
                return found
            free = small[0].free_symbols - set(kept)
            for symbol in sorted(free, key=str):
                taken = set(found.values())
                found[symbol] = next(p for p in _primes_above(found[symbol]) if p not in taken)
    raise ShapeError(
        f"size {small[0]} is {extent_of(small[0], sizes)} where "
        + ", ".join(f"{s} = {sizes[s]}" for s in sorted(small[0].free_symbols, key=str)),
        remedy="choose sizes with which it is at least 1",
    )


def _primes_above(number: int) -> Iterator[int]:
    while True:
        number = int(sp.nextprime(number))
        yield number


def sizes_of(system: System, arrays: Mapping[str, np.ndarray]) -> dict[sp.Symbol, int]:
    """The sizes that the arrays of the given tensors have.

    Raises
    ------
    DataError
        If a given tensor has no array.
    ShapeError
        If two arrays disagree, an array has the wrong number of axes, or no array tells
        what a size is.
    """
    for tensor in system.given:
        if tensor.name not in arrays:
            raise DataError(
                f"no value was given for {tensor.name!r}",
                remedy=f"give an array of shape {tensor.shape}",
            )
    shapes = {tensor: np.shape(arrays[tensor.name]) for tensor in system.given}
    found: dict[sp.Symbol, int] = {}
    told: dict[sp.Symbol, str] = {}
    pairs = [
        (t, *pair) for t, shape in shapes.items() for pair in zip(t.shape, shape, strict=False)
    ]
    for tensor, extent, actual in pairs:
        if extent.is_Symbol and extent not in found:
            found[extent], told[extent] = actual, tensor.name
    for tensor, extent, actual in pairs:
        solved = _solved(_filled_in(extent, found), actual)
        found.update(solved)
        told.update(dict.fromkeys(solved, tensor.name))
    for tensor, shape in shapes.items():
        _check_shape(tensor, shape, found, told)
    return found


def _filled_in(extent: sp.Expr, sizes: Sizes) -> sp.Expr:
    return extent.xreplace({symbol: sp.Integer(n) for symbol, n in sizes.items()})


def _solved(extent: sp.Expr, actual: int) -> dict[sp.Symbol, int]:
    """The size in an expression such as ``2*D + 1``, from the value of the expression."""
    symbols = extent.free_symbols
    if len(symbols) != 1:
        return {}
    (symbol,) = symbols
    slope = sp.expand(extent - extent.xreplace({symbol: sp.Integer(0)})).coeff(symbol)
    if not slope.is_Integer or slope == 0:
        return {}
    start = extent.xreplace({symbol: sp.Integer(0)})
    if sp.expand(extent - slope * symbol - start) != 0 or (actual - start) % slope:
        return {}
    return {symbol: int((actual - start) / slope)}


def _check_shape(
    tensor: Tensor, shape: tuple[int, ...], sizes: Sizes, told: Mapping[sp.Symbol, str]
) -> None:
    """Compare a shape with the sizes; `told` are the tensors that these were read from."""
    wanted = " × ".join(map(str, tensor.shape))
    if len(shape) != len(tensor.shape):
        raise ShapeError(
            f"{tensor.name!r} was given with shape {shape}, which is not of "
            f"{len(tensor.shape)} axes",
            remedy=f"give it shape {wanted}" if wanted else "give a single number",
        )
    expected = tuple(_filled_in(extent, sizes) for extent in tensor.shape)
    unknown = [extent for extent in expected if not extent.is_Integer]
    if unknown:
        raise ShapeError(
            f"{tensor.name!r} was given with shape {shape}, which does not tell what size "
            f"{unknown[0]} is made of",
            remedy=f"give it shape {tensor.shape}; each size should be that of an axis by itself",
        )
    if expected == shape:
        return
    wrong = [e for e, found, n in zip(tensor.shape, expected, shape, strict=True) if found != n]
    known = [
        f"{symbol} = {sizes[symbol]} as in {told[symbol]!r}"
        for symbol in dict.fromkeys(s for e in wrong for s in sorted(e.free_symbols, key=str))
    ]
    where = f", where {' and '.join(known)}" if known else ""
    raise ShapeError(
        f"{tensor.name!r} was given with shape {shape}, not {expected}",
        remedy=f"give it shape {wanted}{where}",
    )


# --- values -------------------------------------------------------------------------


def draw(
    system: System,
    sizes: Sizes,
    seed: int,
    grain: Grain = BINARY,
    *,
    names: Collection[str] | None = None,
) -> Point:
    """One value for every given element, of its tensor's domain; of some tensors, if named.

    Facts of the form ``Sum(T[…, k, …], k) = c`` are made to hold exactly; others must
    follow from the domains, which `check_facts` makes sure of.
    """
    rng = np.random.default_rng(seed)
    values = {
        tensor.name: _draw_tensor(tensor, _shape(tensor, sizes), sizes, rng, grain)
        for tensor in system.given
        if names is None or tensor.name in names
    }
    for fact in system.facts:
        _establish(fact, system, values, rng, grain)
    return Point(sizes, values)


def draw_element(tensor: Tensor, sizes: Sizes, rng: np.random.Generator) -> int | Fraction:
    """One value of a tensor's domain."""
    value: int | Fraction = _draw_tensor(tensor, (), sizes, rng, BINARY).item()
    return value


def _shape(tensor: Tensor, sizes: Sizes) -> tuple[int, ...]:
    return tuple(extent_of(extent, sizes) for extent in tensor.shape)


def _draw_tensor(
    tensor: Tensor, shape: tuple[int, ...], sizes: Sizes, rng: np.random.Generator, grain: Grain
) -> np.ndarray:
    unit = grain.unit
    if tensor.value is not None:
        return _filled(shape, lambda: Fraction(str(tensor.value)))
    if tensor.role is Role.MASK and tensor.keep is not None:
        keep = float(tensor.keep)
        return _filled(shape, lambda: Fraction(int(rng.random() < keep)))
    if tensor.domain is Domain.LABEL:
        assert tensor.classes is not None  # noqa: S101 (Tensor checks it)
        classes = extent_of(tensor.classes, sizes)
        return _filled(shape, lambda: int(rng.integers(classes)))
    if tensor.domain is Domain.SIGN:
        return _filled(shape, lambda: Fraction(1 if rng.integers(2) else -1))
    if tensor.domain is Domain.UNIT:
        return _filled(shape, lambda: Fraction(int(rng.integers(*_middle(unit))), unit))
    if tensor.domain is Domain.POSITIVE or tensor.role is Role.HYPERPARAMETER:
        return _filled(shape, lambda: Fraction(int(rng.integers(unit // 4, 2 * unit)), unit))
    # Pre-activations stay of order 1, where no activation is saturated.
    widest = max(shape, default=1) if tensor.role is Role.PARAMETER else 1
    return _filled(shape, lambda: Fraction(_signed(rng, unit), grain.along(widest)))


def _middle(unit: int) -> tuple[int, int]:
    """Where numbers between 0 and 1 are drawn: not near the ends."""
    least = max(1, 100 * unit // 1024)
    return least, unit - least


def _signed(rng: np.random.Generator, unit: int) -> int:
    # Not near 0, so that no factor makes a wrong term look small.
    magnitude = int(rng.integers(_middle(unit)[0], 3 * unit // 2))
    return magnitude if rng.integers(2) else -magnitude


def _filled(shape: tuple[int, ...], entry: Callable[[], int | Fraction]) -> np.ndarray:
    values = np.empty(shape, dtype=object)
    for position in np.ndindex(*shape):
        values[position] = entry()
    return values


# --- facts --------------------------------------------------------------------------


def _establish(
    fact: Fact,
    system: System,
    values: dict[str, np.ndarray],
    rng: np.random.Generator,
    grain: Grain,
) -> None:
    """Redraw the tensor of ``Sum(T[…, k, …], k) = c`` so that it holds exactly."""
    body = fact.left.function if isinstance(fact.left, sp.Sum) else None
    if not isinstance(body, sp.Indexed) or not fact.right.is_Rational:
        return
    tensor = system.tensors[element_name(body)]
    summed = {limit[0] for limit in fact.left.limits}
    axes = [axis for axis, place in enumerate(body.indices) if place in summed]
    if tensor.name not in values or len(axes) != 1:
        return
    rows = np.moveaxis(values[tensor.name], axes[0], -1)
    total = Fraction(int(fact.right.p), int(fact.right.q))
    for position in np.ndindex(*rows.shape[:-1]):
        rows[position] = [total * share for share in _shares(rows.shape[-1], rng, grain)]


def _shares(count: int, rng: np.random.Generator, grain: Grain) -> list[Fraction]:
    """Positive multiples of one part of 1 that add up to exactly 1."""
    unit = grain.dividing(count)
    cuts = sorted(int(cut) for cut in rng.choice(np.arange(1, unit), count - 1, replace=False))
    edges = [0, *cuts, unit]
    return [Fraction(high - low, unit) for low, high in pairwise(edges)]


def check_facts(
    system: System,
    fields: Mapping[str, Field],
    sizes: Sizes,
    arithmetic: Arithmetic | None = None,
) -> None:
    """Make sure that the system's facts hold of the values it is checked at.

    Raises
    ------
    VerificationError
        If one does not.
    """
    evaluator = Evaluator(arithmetic or Decimals(), fields, sizes)
    for fact in system.facts:
        free = sorted(free_indices(fact.left) | free_indices(fact.right), key=str)
        extents = (range(extent_of(size_of(idx), sizes)) for idx in free)
        for position in product(*extents):
            places = dict(zip(free, position, strict=True))
            if abs(evaluator.at(fact.left - fact.right, places)) > _EXACT:
                raise VerificationError(
                    "a declared fact does not hold of the numbers drawn to check with",
                    where=str(fact),
                    remedy="declare facts of the form Sum(T[…, k], k) = c, or give T a "
                    "domain in which the fact always holds",
                )
