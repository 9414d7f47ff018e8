"""How many rows may fail before a run is given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pairsmith.errors import InputError
from pairsmith.pairs.outcome import commonest_reasons


class TooManyFailures(InputError):
    """More rows have failed than are allowed; the shards that are finished stay."""


@dataclass(frozen=True)
class FailureBudget:
    """A number of rows, or a share of all that the run is to make; 0 allows none.

    Attributes:
        rows: number; None where there is a share.
        share: 0..1; None where there is a number.
    """

    rows: int | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> FailureBudget:
        """Of "100" (rows), "0.05" or "5%" (a share).

        Raises:
            InputError: none of these.
        """
        try:
            if text.endswith("%"):
                budget = cls(share=float(text[:-1]) / 100)
            elif text.isdigit():
                return cls(rows=int(text))
            else:
                budget = cls(share=float(text))
        except ValueError:
            budget = cls(share=-1.0)
        if budget.share is None or not 0 <= budget.share <= 1:
            raise InputError(f"--max-failures {text}: give a number of rows (100) or a share of them (5% or 0.05)")
        return budget

    def allowed(self, rows: int) -> int:
        """How many of so many rows may fail."""
        if self.rows is not None:
            return self.rows
        return int((self.share or 0.0) * rows)


class ShardGivenUp(Exception):
    """A shard in which more rows fail than the run has left; told by whoever makes it.

    Args:
        reasons: of the failed rows so far, with their numbers.
    """

    def __init__(self, reasons: Mapping[str, int]) -> None:
        super().__init__(dict(reasons))
        self.reasons = dict(reasons)


def too_many(allowed: int, rows: int, reasons: Counter[str]) -> TooManyFailures:
    """The error for people, of the reasons of all rows that failed, with their numbers."""
    told = "; ".join(commonest_reasons(reasons.elements()))
    return TooManyFailures(
        f"{reasons.total():,} of {rows:,} rows have failed, and {allowed:,} may: {told}. Finished shards "
        "are kept: mend the cause and run the same command again (--retry-failed for the rows that failed before), "
        "or allow more with --max-failures"
    )
