"""Ways through a normal form: replace leaves, rebuild bottom-up, expand, factor, weigh."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from operator import is_

from symbackprop.calculus.nodes import (
    Access,
    Affine,
    Bracket,
    Constant,
    Delta,
    Func,
    Group,
    Index,
    Node,
    Place,
    Term,
)
from symbackprop.calculus.normal import (
    Flat,
    Poly,
    Search,
    Total,
    bracket_of,
    function,
    poly,
    primitive_part,
    rename,
    search,
)
from symbackprop.calculus.ranges import surely_within

#: An expression is multiplied out only up to this many terms,
_MOST_TERMS = 64
#: and this many products, of which many may be the same term: those of (a + b)^n are 2^n.
_MOST_PRODUCTS = 512

Definition = tuple[tuple[Index, ...], Poly]


def rebuild(
    expr: Poly, base_to_poly: Callable[[Node], Poly], concerns: Callable[[Node], bool] | None = None
) -> Poly:
    """The expression with every base of every term replaced; sums of power 1 are opened.

    Terms that do not change, or that `concerns` is False of, stay as they are.
    """
    terms: list[Term] = []
    for term in expr.terms:
        changed = _rebuilt(term, base_to_poly) if concerns is None or concerns(term) else None
        terms.extend((term,) if changed is None else changed.terms)
    return resummed(expr, terms)


def resummed(expr: Poly, terms: Sequence[Term]) -> Poly:
    """The sum of terms; the expression itself where they are its own."""
    same = len(terms) == len(expr.terms) and all(map(is_, terms, expr.terms))
    return expr if same else Poly(terms)


def _rebuilt(term: Term, base_to_poly: Callable[[Node], Poly]) -> Poly | None:
    """The term with every base replaced; None if they all stay."""
    opened = Flat()
    opened.multiply_term(term)
    changed = [(base_to_poly(base), exponent) for base, exponent in opened.factors.items()]
    if all(map(stays, opened.factors, (value for value, _ in changed))):
        return None
    flat = Flat(opened.coefficient, {}, opened.bound, opened.opened)
    for value, exponent in changed:
        flat.multiply_poly(value, exponent)
    return flat.close()


def stays(base: Node, value: Poly) -> bool:
    """Whether a base is replaced by itself."""
    return value.key == base.poly.key if isinstance(base, Group) else value.atom == base


def inside(base: Node, change: Callable[[Poly], Poly]) -> Poly:
    """A base with `change` applied to each expression directly inside it."""
    match base:
        case Func():
            arguments = tuple(change(argument) for argument in base.arguments)
            same = all(map(is_, arguments, base.arguments))
            return poly(base) if same else function(base.name, arguments)
        case Bracket():
            left, right = change(base.left), change(base.right)
            same = left is base.left and right is base.right
            return poly(base) if same else bracket_of(left, base.relation, right)
        case Group():
            return change(base.poly)
        case Total():
            return change(poly(base))
        case Search():
            indices, body = base.open()
            changed = change(body)
            return poly(base) if changed is body else poly(search(type(base), indices, changed))
    return poly(base)


def replace_accesses(
    expr: Poly, value: Callable[[Access], Poly | None], names: Collection[str] | None = None
) -> Poly:
    """The expression with tensor elements replaced wherever `value` is not None.

    It is None of all tensors that are not among `names`, if these are given.
    """

    def concerns(node: Node) -> bool:
        return names is None or any(name in names for name in node.names)

    def change(base: Node) -> Poly:
        if isinstance(base, Access):
            replaced = value(base)
            return poly(base) if replaced is None else replaced
        return inside(base, walk) if concerns(base) else poly(base)

    def walk(inner: Poly) -> Poly:
        return rebuild(inner, change, concerns)

    return walk(expr)


def instantiate(definition: Definition, places: tuple[Place, ...]) -> Poly:
    """The right side of a definition at given places."""
    indices, expr = definition
    mapping: dict[Node, Place] = dict(zip(indices, places, strict=True))
    return rename(expr, {index: place for index, place in mapping.items() if index != place})


def inline(expr: Poly, definitions: Mapping[str, Definition]) -> Poly:
    """The expression with the named tensors replaced by their definitions, once."""

    def value(access: Access) -> Poly | None:
        known = definitions.get(access.name)
        if known is None or not holds_at(known, access.places):
            return None
        return instantiate(known, access.places)

    return replace_accesses(expr, value, definitions)


def holds_at(definition: Definition, places: tuple[Place, ...]) -> bool:
    """Whether a definition says what a tensor is at these places: those in its range."""
    indices, expr = definition
    return all(
        not calculates_with(expr, index)
        if isinstance(place, Access)
        else surely_within(place, index.size)
        for index, place in zip(indices, places, strict=True)
    )


def calculates_with(node: Node, index: Index) -> bool:
    """Whether an index stands in an affine place, where no label can stand."""
    if isinstance(node, Affine):
        return index in node.free
    return any(calculates_with(child, index) for child in node.children if index in child.free)


def occurrences(node: Node, name: str) -> int:
    """How often a tensor is mentioned."""
    if name not in node.names:
        return 0
    own = int(isinstance(node, Access) and node.name == name)
    return own + sum(occurrences(child, name) for child in node.children)


def expand(expr: Poly) -> Poly:
    """Products of sums multiplied out, cancelling reciprocal factors first.

    An expression that would have too many terms is returned as it is.
    """
    terms: list[Term] = []
    different: set[str] = set()
    for number, product in enumerate(chain.from_iterable(map(_products, expr.terms))):
        terms.extend(product.terms)
        different.update(term.monomial for term in product.terms)
        if len(different) > _MOST_TERMS or number >= _MOST_PRODUCTS:
            return expr
    return Poly(terms)


def _products(term: Term) -> Iterator[Poly]:
    """The terms of a product of sums, one by one: there may be more than anyone wants."""
    if Group not in term.kinds:
        return iter([Poly([term])])
    opened = Flat()
    opened.multiply_term(term)
    return _products_of(opened)


def _products_of(flat: Flat) -> Iterator[Poly]:
    groups = [
        base
        for base, exponent in flat.factors.items()
        if isinstance(base, Group) and exponent.denominator == 1 and exponent > 0
    ]
    if not groups:
        yield flat.close()
        return
    # A sum with reciprocals goes first: they cancel against the other sums.
    group = min(groups, key=lambda g: (not _has_reciprocal(g), g.key))
    rest = flat.copy()
    exponent = rest.factors.pop(group)
    rest.multiply(group, exponent - 1)
    for term in group.poly.terms:
        part = rest.copy()
        part.multiply_term(term)
        yield from _products_of(part)


def _has_reciprocal(group: Group) -> bool:
    return any(exponent < 0 for term in group.poly.terms for _, exponent in term.factors)


def factor(expr: Poly) -> Poly:
    """The common factors of all terms, times what is left as one sum."""
    if len(expr.terms) < 2:
        return expr
    common = dict(expr.terms[0].factors)
    for term in expr.terms[1:]:
        powers = dict(term.factors)
        common = {
            base: min(exponent, powers[base], key=abs)
            for base, exponent in common.items()
            if base in powers and exponent * powers[base] > 0
        }
    content, _ = primitive_part(expr)
    plain = any(term.coefficient.denominator == 1 for term in expr.terms)
    if not common and (abs(content) == 1 or (content.denominator != 1 and plain)):
        return expr  # a + b/5 reads better than (5a + b)/5
    result = Flat()
    for base, exponent in common.items():
        result.multiply_poly(poly(base), exponent)
    rest: list[Term] = []
    for term in expr.terms:
        left = Flat(term.coefficient)
        for base, exponent in term.factors:
            left.multiply(base, exponent - common.get(base, Fraction(0)))
        rest.append(Term(left.coefficient, left.factors))
    result.multiply_poly(Poly(rest))
    return result.close()


def cost(expr: Poly) -> float:
    """How much there is to read: roughly, the number of symbols, sums counting more."""
    return sum(_term_cost(term) for term in expr.terms) + 0.5 * max(0, len(expr.terms) - 1)


def _term_cost(term: Term) -> float:
    total = 0.0 if abs(term.coefficient) == 1 else 0.5
    for base, exponent in term.factors:
        total += _base_cost(base) + (0.0 if exponent == 1 else 0.5)
    return total or 0.5


def _base_cost(base: Node) -> float:
    match base:
        case Constant():
            return 0.5
        case Access() | Delta():
            return 1.0
        case Func():
            return 1.0 + sum(cost(argument) for argument in base.arguments)
        case Bracket():
            return 0.5 + cost(base.left) + cost(base.right)
        case Group():
            return 0.5 + cost(base.poly)
        case Total():
            return 1.0 + len(base.indices) + _term_cost(base.body)
        case Search():
            return 1.0 + len(base.indices) + cost(base.body)
    return 1.0
