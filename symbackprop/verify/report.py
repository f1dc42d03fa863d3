"""What was checked, against what, and how far apart the two were."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from html import escape

from symbackprop.errors import VerificationError
from symbackprop.typeset import columns

#: The largest relative error each oracle allows.
TOLERANCES: Mapping[str, float] = {
    "expanded": 1e-40,
    "differences": 1e-20,
    "autograd": 1e-10,
    "torch.nn": 1e-10,
    "steps": 1e-40,
}

_MEANING: Mapping[str, str] = {
    "expanded": "the equations expanded to scalars, sympy.diff, 80 digits",
    "differences": "central finite differences, 80 digits",
    "autograd": "torch.autograd in float64",
    "torch.nn": "the torch.nn modules of the same names",
    "steps": "both sides of every step of the derivation, 80 digits",
}

_HEADER = ("gradient", "checked", "against", "error", "tolerance", "", "")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes
    ----------
    gradient
        The tensor by which the objective was differentiated, or the objective's own
        name where its value was compared.
    subject
        What was checked: ``"equations"``, or the name of a compiled backend.
    oracle
        What it was checked against; see `TOLERANCES`.
    error
        The largest difference of two elements, divided by the largest element that the
        oracle finds; in float64, for a gradient that is 0 throughout, by the largest
        of all gradients. Infinite if the two could not be compared.
    tolerance
        What the error may be.
    note
        Why they could not be compared, or which step is the first wrong one.
    """

    gradient: str
    subject: str
    oracle: str
    error: float
    tolerance: float
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the error is within the tolerance; never if it is not a number."""
        return self.error <= self.tolerance

    @property
    def severity(self) -> float:
        """The error as a multiple of the tolerance."""
        return math.inf if math.isnan(self.error) else self.error / self.tolerance

    def __str__(self) -> str:
        state = "ok" if self.ok else "FAILED"
        return (
            f"{self.gradient}: {self.subject} against {self.oracle}: error {self.error:.1e}, "
            f"tolerance {self.tolerance:.0e}: {state}" + (f" ({self.note})" if self.note else "")
        )


@dataclass(frozen=True)
class Report:
    """All comparisons of one derivation.

    Attributes
    ----------
    rows
        One for each gradient, subject and oracle.
    """

    rows: tuple[Row, ...]

    def __init__(self, rows: Iterable[Row]) -> None:
        object.__setattr__(self, "rows", tuple(rows))

    @property
    def ok(self) -> bool:
        """Whether there was something to check and all of it holds."""
        return bool(self.rows) and all(row.ok for row in self.rows)

    @property
    def worst(self) -> Row | None:
        """The row whose error is the largest multiple of its tolerance; None without rows."""
        return max(self.rows, key=lambda row: row.severity, default=None)

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows that do not hold."""
        return tuple(row for row in self.rows if not row.ok)

    def raise_if_failed(self) -> None:
        """Stop here unless everything holds.

        Raises
        ------
        VerificationError
            Naming the worst gradient and the oracle it differs from.
        """
        if self.ok:
            return
        worst = self.worst
        if worst is None:
            raise VerificationError(
                "nothing was verified: the derivation has no gradients",
                remedy="derive with respect to at least one tensor",
            )
        raise VerificationError(
            f"the gradient of {worst.gradient} is wrong: {worst.subject} and "
            f"{worst.oracle} differ by {worst.error:.1e}, "
            f"where {worst.tolerance:.0e} is allowed",
            where=worst.note,
            remedy=f"print the report: {len(self.failures)} of its "
            f"{len(self.rows)} comparisons fail",
        )

    def __str__(self) -> str:
        worst = self.worst
        if worst is None:
            return "nothing was verified"
        lines = columns([_HEADER, *(_cells(row) for row in self.rows)])
        return "\n".join([*lines, "", *self._meanings(), "", f"{self._verdict()}; worst: {worst}"])

    def _repr_html_(self) -> str:
        """The report as a notebook shows it: a table, and what the oracles are."""
        if not self.rows:
            return "<p>nothing was verified</p>"
        head = "".join(f'<th scope="col">{name}</th>' for name in _HEADER)
        body = "".join(_html_row(row) for row in self.rows)
        told = "".join(f"<li>{escape(meaning)}</li>" for meaning in self._meanings())
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<ul>{told}</ul><p>{self._verdict()}; worst: {escape(str(self.worst))}</p>"
        )

    def _meanings(self) -> list[str]:
        """What each oracle that was asked is."""
        used = dict.fromkeys(row.oracle for row in self.rows)
        return [f"{oracle}: {_MEANING.get(oracle, oracle)}" for oracle in used]

    def _verdict(self) -> str:
        return "all hold" if self.ok else f"{len(self.failures)} of {len(self.rows)} FAILED"

    def to_json(self) -> str:
        """The report as JSON: ``ok``, the worst row and all rows.

        An error that is infinite or not a number is written as null.
        """
        rows = [_record(row) for row in self.rows]
        worst = None if self.worst is None else _record(self.worst)
        return json.dumps({"ok": self.ok, "worst": worst, "rows": rows}, indent=2)


def _html_row(row: Row) -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in _cells(row))
    return f"<tr>{cells}</tr>" if row.ok else f'<tr style="font-weight: bold">{cells}</tr>'


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.gradient,
        row.subject,
        row.oracle,
        f"{row.error:.1e}",
        f"{row.tolerance:.0e}",
        "ok" if row.ok else "FAILED",
        row.note,
    )


def _record(row: Row) -> dict[str, object]:
    error = row.error if math.isfinite(row.error) else None
    return {**asdict(row), "error": error, "ok": row.ok}
