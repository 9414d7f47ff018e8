"""The caption stage: concepts in, a pair store of captions out.

Row i draws its concept and its texts from (run seed, i) alone. A text that fails a check is asked for again with
another seed, and a row that uses up its attempts keeps its last text as "filtered", with the reason. Duplicates are a
matter of the whole store, so rows are first made as drafts, in the folder `<out>.drafts` beside `out`, and then copied
with later duplicates filtered. The drafts may be deleted once `out` is finished, but then mending a broken shard means
writing every caption again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pairsmith.captions.checks import reason_code
from pairsmith.captions.concepts import ConceptBank
from pairsmith.captions.duplicates import first_occurrences
from pairsmith.captions.row_plan import RowPlan, WriterStopped
from pairsmith.captions.settings import CaptionSettings
from pairsmith.captions.writer import Writer
from pairsmith.errors import InputError
from pairsmith.execution import ALONE, Execution, RowFactory, run_stage
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.lock import FolderBusy
from pairsmith.pairs.outcome import check_outcome
from pairsmith.pairs.reopening import is_complete, reopen

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, int], None]


def write_captions(
    out: Path | str,
    bank: ConceptBank | None,
    writer: Writer,
    count: int,
    settings: CaptionSettings | None = None,
    *,
    reader: Any = None,
    shard_rows: int = 1000,
    batch_rows: int = 256,
    execution: Execution = ALONE,
    progress: Progress | None = None,
) -> PairStore:
    """Write `count` rows of captions; resumable, and at once back when they are there already.

    Args:
        out: folder of the store.
        bank: concepts to draw from; None where the prompt names none.
        writer: the language model. Whatever it raises stops the stage: what cannot be written for a row's own sake
            comes back as a `WriteFailure` and makes a row of status "failed", or "filtered" if there is a text.
        count: rows, whether their captions are accepted or not.
        settings: prompt, checks, attempts, seed.
        reader: tokenizer of the model that will read the captions; needed for `settings.checks.max_tokens`.
        shard_rows: rows a shard.
        batch_rows: rows that are given to the writer together.
        execution: workers, each with a writer of its own; rank; failures.
        progress: called with (rows done, all rows, failed rows) at the start and after every batch.

    Returns:
        The store, of kind "captions": column `generator` holds the writer's name, `concept` what was asked for. Of a
        rank that is not the last, the store of drafts so far.

    Raises:
        InputError: a count below 1, a missing bank or reader, `out` made with other settings.
        WriterUnavailable: the writer cannot go on; finished shards are kept.
        NothingMade: all rows are written, but no caption was accepted.
        TooManyFailures: as `run_stage`.
    """
    if count < 1:
        raise InputError(f"the number of captions must be at least 1, not {count}")
    out = Path(out)
    plan = RowPlan.make(bank, writer, settings or CaptionSettings(), reader)
    described = plan.settings.to_dict()
    if not described["axes"]:
        del described["axes"]  # without axes a store is as it was before there were any, and goes on
    stored = {"captions": described, "writer": writer.describe()}

    def make(folder: Path, drafts: bool = False) -> PairStore:
        return run_stage(
            folder,
            count,
            RowFactory(partial(_row_maker, plan)),
            settings=stored,
            inputs=plan.inputs(),
            kind="captions",
            shard_rows=shard_rows,
            batch_rows=batch_rows,
            execution=execution,
            describe=plan.blank_row,
            progress=progress,
            drafts=drafts,
        )

    drafts = out.with_name(f"{out.name}.drafts")
    try:
        if plan.settings.duplicates == "keep":
            return make(out)
        if execution.retry_failed and is_complete(out) and PairStore(out).counts()["failed"]:
            _retry(out, drafts, execution, lambda: make(drafts, drafts=True))
        elif execution.rank is not None and not is_complete(out):
            made = make(drafts, drafts=True)
            if not made.manifest.complete:
                return made  # the rank that makes the last draft goes on from here
        store = PairStore.write(
            out,
            _without_duplicates(lambda: make(drafts, drafts=True)),  # a finished store asks for no draft
            settings=stored,
            inputs=plan.inputs(),
            kind="captions",
            shard_rows=shard_rows,
        )
        return check_outcome(store, f"delete {out} and {drafts}, or use another --out")
    except WriterStopped as stopped:
        raise stopped.error from None
    except FolderBusy:
        if execution.rank is None or not is_complete(drafts):
            raise
        return PairStore(drafts)  # another rank found all drafts made, too, and is at the rest already


def preview(
    bank: ConceptBank | None,
    writer: Writer,
    count: int,
    settings: CaptionSettings | None = None,
    *,
    reader: Any = None,
) -> list[Pair]:
    """The first `count` rows that `write_captions` would make with the same arguments, without a store."""
    plan = RowPlan.make(bank, writer, settings or CaptionSettings(), reader)
    try:
        rows = plan.make_rows(range(count))
    except WriterStopped as stopped:
        raise stopped.error from None
    if plan.settings.duplicates == "keep":
        return rows
    good = [row for row in rows if row.status == "ok"]
    return list(_mark_duplicates(rows, first_occurrences(row.caption for row in good), [row.id for row in good]))


def reason_counts(rows: PairStore | Iterable[Pair]) -> dict[str, int]:
    """How many rows are "ok" and how many fell to each reason, most frequent first; the values sum to all rows."""
    if isinstance(rows, PairStore):
        rows = rows.iter_pairs([], status=None)
    counts = Counter("ok" if row.status == "ok" else reason_code(row.reason) for row in rows)
    return dict(counts.most_common())


def _retry(out: Path, drafts: Path, execution: Execution, make_drafts: Callable[[], PairStore]) -> None:
    """Write the failed drafts again and have the finished store made anew of all drafts.

    A caption that came late may be a duplicate, or have one, so no shard of the store can be kept.
    """
    if execution.rank is not None:
        raise InputError("--retry-failed for captions without duplicates is for one process: leave out --rank")
    if not is_complete(drafts):
        raise InputError(
            f"{drafts} is not there any more, and without them the failed rows of {out} cannot be written again: "
            "use another --out"
        )
    make_drafts()
    reopen(out)


def _row_maker(plan: RowPlan) -> Callable[[Sequence[int]], list[Pair]]:
    return plan.make_rows


def _without_duplicates(make_drafts: Callable[[], PairStore]) -> Iterator[Pair]:
    drafts = make_drafts()
    first = first_occurrences(row.caption for row in drafts.iter_pairs(["caption"]))
    yield from _mark_duplicates(drafts.iter_pairs(status=None), first, drafts.column("id"))


def _mark_duplicates(rows: Iterable[Pair], first: Sequence[int] | Any, ids: Sequence[Any] | Any) -> Iterator[Pair]:
    """All rows; the good ones are filtered where `first` names an earlier good one, whose id is in `ids`."""
    position = 0
    for row in rows:
        if row.status == "ok":
            if first[position] != position:
                row = replace(row, status="filtered", reason=f"duplicate: of {ids[int(first[position])]}")
            position += 1
        yield row
