"""What the names of an equation file stand for: every name has one meaning.

The one exception is an index without a size: ``index H`` makes an index and a size
of that name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy as sp

from symbackprop.errors import EquationError, SymbackpropError, UnknownNameError
from symbackprop.interop.pointing import pointer
from symbackprop.language import (
    PRIMITIVES,
    ArgMaxOver,
    FirstMaxOver,
    MaxOver,
    Tensor,
    index,
    sigmoid,
    size,
    size_of,
)

#: Names that stand for a number wherever they are written.
NUMBERS = {"pi": sp.pi, "inf": sp.oo}

#: Functions by name, with the number of their arguments: the primitives, and what is made of them.
FUNCTIONS = {
    **{
        record.name: (record.arity, record.function)
        for record in PRIMITIVES.values()
        if record.name not in {"maximum", "minimum", "power"}
    },
    "max": (2, sp.Max),
    "min": (2, sp.Min),
    "ln": (1, sp.log),
    "sqrt": (1, sp.sqrt),
    "tan": (1, lambda u: sp.sin(u) / sp.cos(u)),
    "sinh": (1, lambda u: (sp.exp(u) - sp.exp(-u)) / 2),
    "cosh": (1, lambda u: (sp.exp(u) + sp.exp(-u)) / 2),
    "gelu": (1, lambda u: u * (1 + sp.erf(u / sp.sqrt(2))) / 2),
    "silu": (1, lambda u: u * sigmoid(u)),
}


def _mean(body: sp.Expr, *indices: sp.Idx) -> sp.Expr:
    return sp.Sum(body, *indices) / sp.Mul(*(size_of(idx) for idx in indices))


#: What runs over indices: ``sum[i](…)``.
REDUCTIONS = {
    "sum": sp.Sum,
    "max": MaxOver,
    "min": lambda body, *indices: -MaxOver(-body, *indices),
    "mean": _mean,
    "firstmax": FirstMaxOver,
    "argmax": ArgMaxOver,
}


@dataclass
class Names:
    """The names that a text declares, and where.

    Attributes
    ----------
    text, source
        The text and where it comes from, for messages.
    sizes, letters, constants, tensors
        By name, what was declared.
    """

    text: str
    source: str
    sizes: dict[str, sp.Expr] = field(default_factory=dict)
    letters: dict[str, sp.Idx] = field(default_factory=dict)
    constants: dict[str, sp.Expr] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    _claimed: dict[str, tuple[str, int]] = field(default_factory=dict)

    # --- declaring ---

    def add_size(self, name: str, start: int) -> sp.Expr:
        """A size of that name."""
        self._claim(name, "a size", start)
        self.sizes[name] = size(name)
        return self.sizes[name]

    def add_letter(self, name: str, over: sp.Expr | None, start: int) -> None:
        """An index over a size; over one of its own name if None."""
        self._claim(name, "an index", start)
        if over is None:
            over = self.sizes[name] = size(name)
        self.letters[name] = index(name, over)

    def add_constant(self, name: str, value: sp.Expr, start: int) -> None:
        """A name for a number."""
        self._claim(name, "a constant", start)
        self.constants[name] = value

    def add_tensor(self, tensor: Tensor, kind: str, start: int) -> None:
        """A tensor; the kind is what a reader calls it, such as ``a parameter``."""
        self._claim(tensor.name, kind, start)
        self.tensors[tensor.name] = tensor

    def _claim(self, name: str, kind: str, start: int) -> None:
        if name in NUMBERS:
            raise self.wrong(f"{name!r} always stands for a number", start, "use another name")
        if name in self._claimed:
            known = self.kind(name)
            line = self.text.count("\n", 0, self._claimed[name][1]) + 1
            what = f"{name!r} is {kind} here, but already {known} in line {line}"
            if known == kind:
                what = f"{name!r} is {kind} twice: first in line {line}"
            raise self.wrong(what, start, "rename one of them")
        self._claimed[name] = (kind, start)

    def kind(self, name: str) -> str:
        """What a reader calls that which a name stands for; nothing if it is unknown."""
        return self._claimed.get(name, ("", 0))[0]

    # --- messages ---

    def where(self, start: int) -> str:
        """The place in the text."""
        return pointer(self.text, start, self.source)

    def wrong(
        self,
        what: str,
        start: int,
        remedy: str,
        kind: type[SymbackpropError] = EquationError,
    ) -> SymbackpropError:
        """An error at a place of the text."""
        return kind(what, where=self.where(start), remedy=remedy)

    def unknown(
        self, kind: str, name: str, start: int, known: Iterable[str] | None = None
    ) -> SymbackpropError:
        """An error about a name that nothing declares."""
        choices = [*self._claimed, *NUMBERS] if known is None else known
        return UnknownNameError(kind, name, choices, where=self.where(start))
