"""The nodes of the normal form: what an expression is made of.

A node is immutable and known by its key; see `normal` for what they add up to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar

import sympy as sp

if TYPE_CHECKING:
    from symbackprop.calculus.normal import Poly

ONE = Fraction(1)

#: A whole number, or an expression of sizes that stands for one.
Extent: TypeAlias = "int | sp.Expr"


Value = TypeVar("Value")


class Lazy(Generic[Value]):
    """A property computed once: what `cached_property` does, without Python 3.11's lock."""

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, owner: type | None = None) -> Value:
        value: Value = self.compute(node)
        node.__dict__[self.name] = value
        return value


class Node:
    """An immutable expression; its key decides equality, hashing and order."""

    key: str
    #: What two nodes of one type must share besides their children.
    head: str = ""

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Node) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.key

    @Lazy
    def free(self) -> frozenset[Index]:
        """The indices that no binder inside binds."""
        return _union([child.free for child in self.children])

    @Lazy
    def names(self) -> frozenset[str]:
        """The tensors mentioned, labels among them."""
        return _union([child.names for child in self.children])

    @Lazy
    def kinds(self) -> frozenset[type]:
        """The kinds of node this is made of."""
        return frozenset((type(self),)).union(*[child.kinds for child in self.children])

    @Lazy
    def height(self) -> int:
        """The largest canonical number of a bound index inside."""
        return max([child.height for child in self.children], default=0)

    @property
    def children(self) -> tuple[Node, ...]:
        """The nodes directly inside."""
        return ()

    def untouched(self, mapping: Mapping[Node, Place]) -> bool:
        """Whether nothing that is to be replaced occurs inside."""
        for replaced in mapping:
            if isinstance(replaced, Index):
                if replaced.number <= self.height if replaced.number else replaced in self.free:
                    return False
            elif not self.names.isdisjoint(replaced.names):
                return False
        return True

    def renumbered(self, mapping: Mapping[Node, Place]) -> Self:
        """The node with indices replaced and its structure kept, for numbering bound ones."""
        changed: Self = self if self.untouched(mapping) else self._renumbered(mapping)
        return changed

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Any:
        """The same, of what contains something to replace."""
        raise NotImplementedError(type(self))


Member = TypeVar("Member")


def _union(sets: list[frozenset[Member]]) -> frozenset[Member]:
    """All members; of one set, or of equal ones, that set itself."""
    if not sets:
        return frozenset()
    first, *others = sets
    return first.union(*others) if others else first


@lru_cache(maxsize=4096)
def written(size: sp.Expr) -> str:
    """A size as text."""
    return str(size)


class Index(Node):
    """An index; `number` is 0 for a free one, else the canonical number of a bound one."""

    _serial = count(1)

    def __init__(self, name: str, size: sp.Expr, number: int = 0, hint: str = "") -> None:
        self.name = name
        self.size = size
        self.number = number
        self.hint = hint or name
        self.key = f"{name}:{written(size)}"

    @Lazy
    def free(self) -> frozenset[Index]:
        """A bound index is not free, whoever binds it."""
        return frozenset() if self.number else frozenset((self,))

    @property
    def height(self) -> int:
        """Its own canonical number."""
        return self.number

    def fresh(self) -> Index:
        """A new index over the same range, remembering this one's letter."""
        return Index(f"{self.hint}~{next(Index._serial):09d}", self.size, hint=self.hint)

    def bound(self, number: int) -> Index:
        """The canonical name under which a binder holds this index."""
        return Index(f"#{number}", self.size, number, self.hint)

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Index:
        replaced = mapping.get(self, self)
        assert isinstance(replaced, Index)  # noqa: S101 (numbering puts indices for indices)
        return replaced


class Affine(Node):
    """A place that moves with indices, ``2·p + u - 1``, or depends on a size, ``T - 1``.

    Never a mere index and never a whole number: `affine` makes those. Coefficients and
    the offset are whole numbers or expressions of sizes.
    """

    def __init__(self, terms: Mapping[Index, Extent], offset: Extent = 0) -> None:
        self.terms = tuple(sorted(terms.items(), key=lambda item: item[0].key))
        self.offset = offset
        moving = (f"{coefficient}*{index.key}" for index, coefficient in self.terms)
        self.key = f"<{'+'.join((*moving, str(offset)))}>"

    @property
    def children(self) -> tuple[Node, ...]:
        """The indices it moves with."""
        return tuple(index for index, _ in self.terms)


def whole(value: sp.Expr | int) -> Extent:
    """A whole number as Python's, anything else multiplied out."""
    if isinstance(value, int):
        return value
    expanded = sp.expand(value)
    return int(expanded) if expanded.is_Integer else expanded


def affine(terms: Mapping[Index, Extent], offset: Extent) -> Index | Affine | int:
    """The place ``Σ coefficient·index + offset``, as simple as it is."""
    kept = {index: coefficient for index, coefficient in terms.items() if coefficient != 0}
    if not kept and isinstance(offset, int):
        return offset
    if len(kept) == 1 and offset == 0:
        ((index, coefficient),) = kept.items()
        if coefficient == 1:
            return index
    return Affine(kept, offset)


def linear(place: Index | Affine | int) -> tuple[dict[Index, Extent], Extent]:
    """The coefficients of a place, and its offset."""
    if isinstance(place, Index):
        return {place: 1}, 0
    if isinstance(place, Affine):
        return dict(place.terms), place.offset
    return {}, place


def combined(
    parts: Iterable[tuple[Index | Affine | int, Extent]], offset: Extent = 0
) -> Index | Affine | int:
    """The place ``Σ factor·place + offset``."""
    total: dict[Index, Extent] = {}
    for place, factor in parts:
        terms, constant = linear(place)
        for index, coefficient in terms.items():
            total[index] = whole(total.get(index, 0) + coefficient * factor)
        offset = offset + constant * factor
    return affine(total, whole(offset))


class Access(Node):
    """A tensor element; its places are indices, whole numbers, affine or label elements.

    Outside a tensor's range an element is 0, or what a base case of the tensor says.
    """

    def __init__(self, name: str, places: tuple[Place, ...] = ()) -> None:
        self.name = name
        self.places = places
        self.key = f"{name}[{','.join([place_key(place) for place in places])}]"

    @Lazy
    def children(self) -> tuple[Node, ...]:
        """Places that are nodes."""
        return tuple(place for place in self.places if isinstance(place, Node))

    @Lazy
    def names(self) -> frozenset[str]:
        """Its own name and those of its labels."""
        return super().names | {self.name}

    @Lazy
    def kinds(self) -> frozenset[type]:
        """The kinds of node this is made of; whole numbers among the places count as one."""
        fixed = any(isinstance(place, int) for place in self.places)
        return super().kinds | {int} if fixed else super().kinds

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Access:
        return Access(self.name, tuple([rename_place(place, mapping) for place in self.places]))


Place: TypeAlias = Index | Access | Affine | int


def place_key(place: Place) -> str:
    """The key of a place."""
    return place.key if isinstance(place, Node) else str(place)


def rename_place(place: Place, mapping: Mapping[Node, Place]) -> Place:
    """A place with indices (or whole labels) replaced."""
    if isinstance(place, int):
        return place
    if place in mapping:
        return mapping[place]
    if isinstance(place, Access):
        return Access(place.name, tuple([rename_place(p, mapping) for p in place.places]))
    if isinstance(place, Affine):
        return combined([(_moved(i, mapping), c) for i, c in place.terms], place.offset)
    return place


def _moved(index: Index, mapping: Mapping[Node, Place]) -> Index | Affine | int:
    """What an index in an affine place is replaced by; a label cannot stand there."""
    place = mapping.get(index, index)
    if isinstance(place, Access):
        raise TypeError(f"{place!r} is a label, which cannot be calculated with")
    return place


class Constant(Node):
    """A size symbol, π, a root's radicand: a positive number without indices."""

    def __init__(self, value: sp.Expr) -> None:
        self.value = value
        self.key = f"'{value}'"


class Delta(Node):
    """Kronecker's delta of two places."""

    def __init__(self, first: Place, second: Place) -> None:
        if isinstance(first, Affine) or isinstance(second, Affine):
            first, second = _apart(first, second)
        first, second = sorted((first, second), key=place_key)
        self.places = (first, second)
        self.key = f"δ({place_key(self.places[0])},{place_key(self.places[1])})"

    @property
    def children(self) -> tuple[Node, ...]:
        """Places that are nodes."""
        return tuple(place for place in self.places if isinstance(place, Node))

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Delta:
        return Delta(*(rename_place(place, mapping) for place in self.places))


def _apart(first: Place, second: Place) -> tuple[Place, Place]:
    """Two equal places, written the same way however their equation was written."""
    if isinstance(first, Access) or isinstance(second, Access):
        return first, second
    gap, opposite = combined([(first, 1), (second, -1)]), combined([(second, 1), (first, -1)])
    for one in (gap, opposite):
        terms, offset = linear(one)
        if len(terms) == 1 and next(iter(terms.values())) == 1:
            return next(iter(terms)), affine({}, whole(-offset))
    if not isinstance(gap, int) and len(linear(gap)[0]) == 2 and linear(gap)[1] == 0:
        (one, here), (other, there) = linear(gap)[0].items()
        if (here, there) in ((1, -1), (-1, 1)):
            return one, other
    return min(gap, opposite, key=place_key), 0


class Func(Node):
    """A function applied to expressions; primes after its name count unknown derivatives."""

    def __init__(self, name: str, arguments: tuple[Poly, ...]) -> None:
        self.name = self.head = name
        self.arguments = arguments
        self.key = f"{name}({','.join(argument.key for argument in arguments)})"

    @property
    def children(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Func:
        return Func(self.name, tuple([each.renumbered(mapping) for each in self.arguments]))


class Bracket(Node):
    """Iverson's bracket of ``left relation right``; relations are ``>``, ``>=``, ``==``, ``!=``."""

    OPPOSITE: Mapping[str, str] = {"==": "!=", "!=": "=="}

    def __init__(self, left: Poly, relation: str, right: Poly) -> None:
        self.left = left
        self.relation = self.head = relation
        self.right = right
        self.key = f"[{left.key}{relation}{right.key}]"

    @property
    def children(self) -> tuple[Node, ...]:
        """Both sides."""
        return (self.left, self.right)

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Bracket:
        left, right = self.left.renumbered(mapping), self.right.renumbered(mapping)
        return Bracket(left, self.relation, right)

    @property
    def negation(self) -> Bracket:
        """The bracket that is 1 exactly where this one is 0."""
        if self.relation in self.OPPOSITE:
            return Bracket(self.left, self.OPPOSITE[self.relation], self.right)
        return Bracket(self.right, ">=" if self.relation == ">" else ">", self.left)


class Group(Node):
    """A sum of terms used as a factor: ``(a - y)`` in ``(a - y)^2``."""

    def __init__(self, poly: Poly) -> None:
        self.poly = poly
        self.key = f"({poly.key})"

    @property
    def children(self) -> tuple[Node, ...]:
        """The sum inside."""
        return (self.poly,)

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Group:
        return Group(self.poly.renumbered(mapping))


class Binder(Node):
    """A body under bound indices with canonical names."""

    sign = ""

    def __init__(self, indices: tuple[Index, ...], body: Node) -> None:
        self.indices = indices
        self.body = body
        self.key = f"{self.sign}{{{','.join(i.key for i in indices)}}}({body.key})"

    @property
    def children(self) -> tuple[Node, ...]:
        """The indices and the body."""
        return (*self.indices, self.body)

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Binder:
        return type(self)(self.indices, self.body.renumbered(mapping))


class Term(Node):
    """A coefficient times powers of bases."""

    def __init__(self, coefficient: Fraction, factors: Mapping[Node, Fraction]) -> None:
        self.coefficient = coefficient
        self.factors = tuple(sorted(factors.items(), key=lambda item: item[0].key))
        self.monomial = "·".join(
            [
                base.key if exponent is ONE or exponent == 1 else f"{base.key}^{exponent}"
                for base, exponent in self.factors
            ]
        )
        self.key = f"{1 if coefficient is ONE else coefficient}·{self.monomial}"

    @Lazy
    def children(self) -> tuple[Node, ...]:
        """The bases."""
        return tuple(base for base, _ in self.factors)

    def _renumbered(self, mapping: Mapping[Node, Place]) -> Term:
        factors: dict[Node, Fraction] = {}
        for base, exponent in self.factors:
            renamed = base.renumbered(mapping)  # two may become one, where an index is blanked
            factors[renamed] = factors.get(renamed, 0) + exponent
        return Term(self.coefficient, factors)

    def scaled(self, by: Fraction) -> Term:
        """The term with its coefficient multiplied."""
        return Term(self.coefficient * by, dict(self.factors))
