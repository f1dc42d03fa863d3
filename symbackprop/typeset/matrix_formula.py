r"""From a matrix expression to a `Formula`, which both notations can write.

⊙ and ⊘ multiply and divide entry by entry; a bold 1 is the vector of ones, with a
subscript the one-hot matrix of labels; a function of a matrix applies to every entry, and a
number added to a matrix is added to every entry.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symbackprop.language import Primitive
from symbackprop.typeset.arrange import arrange, as_base, element_position, symbol_formula
from symbackprop.typeset.formula import (
    Bracket,
    Call,
    Element,
    Entrywise,
    Formula,
    Group,
    Norm,
    Number,
    Power,
    Product,
    Reduction,
    Relation,
    Root,
    Total,
    Transposed,
)
from symbackprop.typeset.latex import latex
from symbackprop.typeset.matrix import (
    Apply,
    Chain,
    Constant,
    Diagonal,
    Hadamard,
    Identity,
    Leaf,
    Mask,
    Matrix,
    OneHot,
    Ones,
    Plus,
    Scaled,
    Slice,
    SquaredNorm,
    Steps,
    Transpose,
)
from symbackprop.typeset.matrix import Power as MatrixPower
from symbackprop.typeset.names import Glyph
from symbackprop.typeset.order import Context
from symbackprop.typeset.text import text

# What needs parentheses beside a matrix.
_LOOSE = (Total, Product, Entrywise, Reduction)

_ONES = Glyph(r"\mathbf{1}", text="ones")
_IDENTITY = Glyph("I", text="I")
_DIAGONAL = Glyph(r"\operatorname{diag}", text="diag")


def matrix_formula(matrix: Matrix, context: Context) -> Formula:
    """The formula for a matrix expression; `context` names the tensors of its leaves."""
    return _Writer(context).formula(matrix)


def left_formulas(left: Leaf, context: Context) -> tuple[Formula, ...]:
    """What is defined: an abbreviation, and what it abbreviates."""
    writer = _Writer(context)
    short, full = (writer.leaf(left.name, left.at, abbreviate=a) for a in (True, False))
    return (short,) if short == full else (short, full)


class _Writer:
    def __init__(self, context: Context) -> None:
        self._context = context

    def formula(self, matrix: Matrix) -> Formula:
        match matrix:
            case Leaf(name, at=at):
                return self.leaf(name, at)
            case Constant(value):
                return arrange(value, self._context)
            case Ones():
                return Element(_ONES)
            case OneHot(labels, at=at):
                letter = self.leaf(labels, at)
                name = f"onehot({text(letter)})"
                return Element(replace(_ONES, sub=latex(letter), text=name))
            case Identity():
                return Element(_IDENTITY)
            case Plus(terms):
                return Total(tuple((sign, self._term(term)) for sign, term in terms))
            case Scaled() | Chain() | Hadamard():
                return self._product(matrix)
        return self._operation(matrix)

    def leaf(self, name: str, at: Slice = (), *, abbreviate: bool = True) -> Formula:
        """A tensor's letter, with no more than the subscripts that pick a slice."""
        positions = tuple(element_position(place, self._context) for _, place in at)
        return symbol_formula(
            self._context.tensors[name], self._context, positions, abbreviate=abbreviate, below=True
        )

    def _product(self, matrix: Scaled | Chain | Hadamard) -> Formula:
        match matrix:
            case Scaled(scalar, body):
                first, second = self._term(scalar), self._term(body)
                leading = first.factors if isinstance(first, Product) else (first,)
                rest = second.factors if isinstance(second, Product) else (second,)
                return Product((*map(_closed, leading), *rest[:-1], _grouped(rest[-1])))
            case Chain(factors):
                return Product(tuple(self._factor(factor) for factor in factors))
            case Hadamard(factors, divisors):
                return Entrywise(
                    tuple(self._factor(factor) for factor in factors),
                    tuple(self._factor(divisor) for divisor in divisors),
                )

    def _steps(self, matrix: Steps) -> Formula:
        """A sum over subscripts; sums that follow each other share one sign."""
        indices = tuple(element_position(idx, self._context) for idx in matrix.indices)
        body = self.formula(matrix.body)
        return Reduction("sum", indices, Group(body) if isinstance(body, Total) else body)

    def _operation(self, matrix: Matrix) -> Formula:
        match matrix:
            case Steps():
                return self._steps(matrix)
            case Transpose(body):
                return Transposed(as_base(self.formula(body)))
            case MatrixPower(base, exponent):
                return self._power(base, exponent)
            case Apply(function, arguments):
                called = (
                    function if isinstance(function, Primitive) else self._context.symbol(function)
                )
                return Call(called, tuple(self.formula(argument) for argument in arguments))
            case Mask(left, sign, right):
                return Bracket(Relation(self.formula(left), sign, self.formula(right)))
            case Diagonal(vector, inverse):
                diagonal = Call(_DIAGONAL, (self.formula(vector),))
                return Power(diagonal, Total(((True, Number(sp.S.One)),))) if inverse else diagonal
            case SquaredNorm(body):
                return Norm(self.formula(body), frobenius=body.columns is not None)
        raise TypeError(type(matrix).__name__)

    def _power(self, base: Matrix, exponent: sp.Expr) -> Formula:
        if exponent == sp.Rational(1, 2):
            return Root(self.formula(base))
        raised = arrange(exponent, self._context)
        scalar = base.rows is None and base.columns is None
        return Power(as_base(self.formula(base)), raised, entrywise=not scalar)

    def _term(self, matrix: Matrix) -> Formula:
        """A matrix as a term of a sum."""
        return _grouped(self.formula(matrix))

    def _factor(self, matrix: Matrix) -> Formula:
        """A matrix as a factor: products and sums in parentheses."""
        found = self.formula(matrix)
        return Group(found) if isinstance(found, _LOOSE) else found


def _closed(formula: Formula) -> Formula:
    return Group(formula) if isinstance(formula, Entrywise | Reduction) else formula


def _grouped(formula: Formula) -> Formula:
    return Group(formula) if isinstance(formula, Total) else formula
