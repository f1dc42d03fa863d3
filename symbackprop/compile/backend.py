"""What the compiler asks of a backend: how it spells things, and how its arrays are handled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from symbackprop.errors import CompileError
from symbackprop.language import PRIMITIVES, Spelling


class Backend(ABC):
    """An array library that plans are written for.

    The spelling methods take and return source text. Arguments are atoms: names, calls,
    or in parentheses. Axes are positions; `like` is an array of the function's arguments
    (empty if it has none), for libraries whose arrays live on a device.
    """

    #: The name users choose it by, and under which primitives keep their spellings.
    name: ClassVar[str]
    #: The library as it is named in prose.
    title: ClassVar[str]
    #: The line that imports it, and the name this binds.
    import_line: ClassVar[str]
    module: ClassVar[str]
    #: How the module's ``DTYPE`` is written, by name of the dtype.
    dtypes: ClassVar[Mapping[str, str]]
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    #: The helpers ``_window`` and ``_put``: reading at, and adding up at, affine places.
    window: ClassVar[str]
    put: ClassVar[str]

    def spelling(self, primitive: str) -> Spelling:
        """How a primitive is written.

        Raises
        ------
        CompileError
            If the primitive is unknown, or has no spelling for this backend.
        """
        record = PRIMITIVES.get(primitive)
        if record is None:
            raise CompileError(
                f"{primitive} is a function without a value",
                remedy="write it with the functions of symbackprop.PRIMITIVES",
            )
        if self.name not in record.spellings:
            raise CompileError(
                f"{primitive} has no spelling for the backend {self.name!r}",
                remedy=f"add one to its record, or use {', '.join(record.spellings)}",
            )
        return record.spellings[self.name]

    # --- spelling -------------------------------------------------------------------

    @abstractmethod
    def decorators(self, guarded: bool) -> Sequence[str]:
        """Lines above a function; `guarded` where unselected branches may overflow."""

    @abstractmethod
    def reduction(self, kind: str, argument: str, axes: Sequence[int] | None) -> str:
        """The ``sum`` or ``max`` over axes, over all of them if None."""

    @abstractmethod
    def transposition(self, argument: str, order: Sequence[int]) -> str:
        """The axes in another order."""

    @abstractmethod
    def selection(self, condition: str, yes: str, no: str) -> str:
        """`yes` where the condition holds, else `no`."""

    @abstractmethod
    def choice(self, condition: str, yes: str, no: str, hosts: Sequence[bool]) -> str:
        """The same where the condition is Python's, as are those that `hosts` says."""

    @abstractmethod
    def limited(self, operation: str, array: str, limit: str) -> str:
        """``maximum`` or ``minimum`` of an array and a plain number."""

    @abstractmethod
    def cast(self, condition: str) -> str:
        """1 where the condition holds, 0 elsewhere, in the module's dtype."""

    @abstractmethod
    def root(self, argument: str) -> str:
        """The square root."""

    @abstractmethod
    def positions(self, extent: str, whole: bool, like: str) -> str:
        """0, 1, … up to `extent`, as labels if `whole`, else in the module's dtype."""

    @abstractmethod
    def filled(self, shape: str, value: str, like: str) -> str:
        """An array full of one number."""

    @abstractmethod
    def allocated(self, shape: str, zeros: bool, like: str) -> str:
        """An array to be filled, of zeros if asked for."""

    @abstractmethod
    def spread(self, argument: str, shape: str) -> str:
        """An array repeated up to a shape."""

    @abstractmethod
    def copied(self, argument: str) -> str:
        """An array of its own with the same elements."""

    @abstractmethod
    def einsum(self, pattern: str, left: str, right: str) -> str:
        """A contraction of two arrays."""

    @abstractmethod
    def scattered(self, values: str, labels: str, extent: str) -> Spelling:
        """Rows of values added up at the labels of their leading axes."""

    @abstractmethod
    def joined(self, arrays: str, axis: int) -> str:
        """Arrays side by side along an axis."""

    # --- arrays ---------------------------------------------------------------------

    @abstractmethod
    def check_device(self, device: str) -> None:
        """Raise `CompileError` if the device is not there."""

    @abstractmethod
    def owns(self, value: Any) -> bool:
        """Whether a value is one of the library's own arrays (NumPy's are everybody's)."""

    @abstractmethod
    def array(self, value: Any, dtype: str, device: str) -> Any:
        """A value as an array of the library; `dtype` is ``"int64"`` for labels."""

    @abstractmethod
    def to_numpy(self, value: Any) -> Any:
        """One of the library's arrays as NumPy's."""
