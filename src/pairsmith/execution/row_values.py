"""Values of a batch of rows: where one row makes the whole batch fail, the others still get theirs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from pairsmith.errors import InputError, PairsmithError

logger = logging.getLogger(__name__)

_NO_NUMBER = "the score is not a finite number"


class ScoreFailures(Exception):
    """Some rows of a batch have no score: the values of all [B, ...] with anything in their places, and the reasons."""

    def __init__(self, values: np.ndarray, reasons: Mapping[int, str]) -> None:
        super().__init__(next(iter(reasons.values()), ""))
        self.values = values
        self.reasons = dict(reasons)


class RowBatch(Protocol):
    """Rows that are computed together."""

    @property
    def ids(self) -> Sequence[str]:
        """Of the rows, [B]."""

    def __len__(self) -> int: ...

    def part(self, rows: Sequence[int]) -> Any:
        """Some of the rows, as a batch of the same kind."""


BatchType = TypeVar("BatchType", bound=RowBatch)


def compute_rows(
    compute: Callable[[BatchType], np.ndarray],
    batch: BatchType,
    *,
    stops: tuple[type[Exception], ...] = (),
    finite: bool = True,
) -> tuple[list[np.ndarray], dict[int, str]]:
    """The values of a batch, one a row, and the reasons of the rows that have none.

    Args:
        compute: batch -> [B] or [B, D]. What it raises, but for `ScoreFailures`, has the batch tried again in halves,
            and a row that fails alone has failed.
        batch: at least one row.
        stops: errors that are no row's own and pass through.
        finite: whether a value that is no finite number is a failure.

    Raises:
        InputError: another number of values than rows.
    """
    try:
        values = np.asarray(compute(batch))
        reasons: dict[int, str] = {}
    except ScoreFailures as failures:
        values, reasons = np.asarray(failures.values), failures.reasons
    except stops:
        raise
    except Exception as error:
        if len(batch) == 1:
            logger.debug("row %s has no score", batch.ids[0], exc_info=error)
            return [np.zeros(())], {0: reason_of(error)}
        logger.info("%d rows failed together and are tried in halves", len(batch))
        half = len(batch) // 2
        first, failed = compute_rows(compute, batch.part(range(half)), stops=stops, finite=finite)
        rest = batch.part(range(half, len(batch)))
        second, others = compute_rows(compute, rest, stops=stops, finite=finite)
        shape = next((one for one in first + second if one.ndim), first[0])
        rows = [one if one.shape == shape.shape else np.zeros_like(shape) for one in first + second]
        return rows, failed | {half + at: reason for at, reason in others.items()}
    if values.ndim == 1:
        values = values.astype(np.float64)
    if len(values) != len(batch):
        raise InputError(f"a score gave {len(values)} values for {len(batch)} rows")
    if finite and values.dtype.kind == "f":
        for at in np.flatnonzero(~np.isfinite(values.reshape(len(batch), -1)).all(axis=1)):
            reasons.setdefault(int(at), _NO_NUMBER)
    return list(values), reasons


def reason_of(error: BaseException) -> str:
    """An error in one line: our own sentences as they are, others with their kind."""
    message = (str(error).strip() or type(error).__name__).splitlines()[0]
    return message if isinstance(error, PairsmithError) else f"{type(error).__name__}: {message}"
