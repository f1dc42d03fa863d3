"""What was checked, against what, and how far apart the two were."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from html import escape

from symbackprop.errors import VerificationError
from symbackprop.typeset import WORDS, columns, phrase
from symbackprop.typeset.words.errors import translated

#: The largest relative error each oracle allows.
TOLERANCES: Mapping[str, float] = {
    "expanded": 1e-40,
    "differences": 1e-20,
    "autograd": 1e-10,
    "torch.nn": 1e-10,
    "steps": 1e-40,
}


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

    def text(self, language: str = "en") -> str:
        """The comparison in a line.

        Raises
        ------
        UnknownNameError
            On an unknown language.
        """
        gradient, subject, oracle, error, tolerance, state, note = self.cells(language)
        line = phrase("report-row", language).format(
            gradient=gradient,
            subject=subject,
            oracle=oracle,
            error=error,
            tolerance=tolerance,
            state=state,
        )
        return line + (phrase("report-note", language).format(note=note) if note else "")

    def cells(self, language: str = "en") -> tuple[str, ...]:
        """What the columns of a report say of it."""
        return (
            self.gradient,
            _named("subject", self.subject, language),
            _named("oracle", self.oracle, language),
            f"{self.error:.1e}",
            f"{self.tolerance:.0e}",
            phrase("report-ok" if self.ok else "report-failed", language),
            translated(self.note, language),
        )

    def __str__(self) -> str:
        return self.text()


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

    def text(self, language: str = "en") -> str:
        """The report as a table, with what its oracles are and how it came out.

        Raises
        ------
        UnknownNameError
            On an unknown language.
        """
        worst = self.worst
        if worst is None:
            return phrase("report-nothing", language)
        lines = columns([_header(language), *(row.cells(language) for row in self.rows)])
        told = (*self._meanings(language), "", self._verdict(worst, language))
        return "\n".join([*lines, "", *told])

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        """The report as a notebook shows it: a table, and what the oracles are."""
        worst = self.worst
        if worst is None:
            return f"<p>{phrase('report-nothing')}</p>"
        head = "".join(f'<th scope="col">{name}</th>' for name in _header())
        body = "".join(_html_row(row) for row in self.rows)
        told = "".join(f"<li>{escape(meaning)}</li>" for meaning in self._meanings())
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<ul>{told}</ul><p>{escape(self._verdict(worst))}</p>"
        )

    def _meanings(self, language: str = "en") -> list[str]:
        """What each oracle that was asked is."""
        colon = phrase("colon", language)
        return [
            f"{_named('oracle', oracle, language)}{colon}{_named('meaning', oracle, language)}"
            for oracle in dict.fromkeys(row.oracle for row in self.rows)
        ]

    def _verdict(self, worst: Row, language: str = "en") -> str:
        return phrase("report-holds" if self.ok else "report-fails", language).format(
            failed=len(self.failures), count=len(self.rows), worst=worst.text(language)
        )

    def to_json(self) -> str:
        """The report as JSON: ``ok``, the worst row and all rows.

        An error that is infinite or not a number is written as null.
        """
        rows = [_record(row) for row in self.rows]
        worst = None if self.worst is None else _record(self.worst)
        return json.dumps({"ok": self.ok, "worst": worst, "rows": rows}, indent=2)


def _header(language: str = "en") -> tuple[str, ...]:
    heads = ("gradient", "subject", "oracle", "error", "tolerance")
    return (*(phrase(f"report-{head}", language) for head in heads), "", "")


def _html_row(row: Row) -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row.cells())
    return f"<tr>{cells}</tr>" if row.ok else f'<tr style="font-weight: bold">{cells}</tr>'


def _named(part: str, name: str, language: str) -> str:
    """What a reader calls a subject or an oracle; its own name if the catalogue has no other."""
    key = f"report-{part}-{name}"
    return phrase(key, language) if key in WORDS["en"] else name


def _record(row: Row) -> dict[str, object]:
    error = row.error if math.isfinite(row.error) else None
    return {**asdict(row), "error": error, "ok": row.ok}
