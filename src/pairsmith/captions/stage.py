"""The caption stage: concepts in, a pair store of captions out.

Row i draws its concept and its texts from (run seed, i) alone. A text that fails a check is asked for again with
another seed, and a row that uses up its attempts keeps its last text as "filtered", with the reason. Duplicates are a
matter of the whole store, so rows are first made as drafts, in the folder `<out>.drafts` beside `out`, and then copied
with later duplicates filtered. The drafts may be deleted once `out` is finished, but then mending a broken shard means
writing every caption again.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pairsmith.captions.axes import AxisPlan
from pairsmith.captions.checks import check_caption, reason_code
from pairsmith.captions.cleaning import clean, strip_prefix, whole_sentences
from pairsmith.captions.concepts import ConceptBank
from pairsmith.captions.duplicates import first_occurrences
from pairsmith.captions.settings import CaptionSettings
from pairsmith.captions.writer import Request, WriteFailure, Writer
from pairsmith.errors import InputError, PairsmithError
from pairsmith.execution import RowFactory, run_stage
from pairsmith.pairs import Pair, PairStore, pair_id
from pairsmith.pairs.outcome import check_outcome
from pairsmith.seeds import row_seed
from pairsmith.settings import canonical_json

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
    workers: int = 1,
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
        workers: processes, each with a writer of its own.
        progress: called with (rows done, all rows, failed rows) at the start and after every batch; several workers
            tell whole shards.

    Returns:
        The store, of kind "captions": column `generator` holds the writer's name, `concept` what was asked for.

    Raises:
        InputError: a count below 1, a missing bank or reader, `out` made with other settings.
        WriterUnavailable: the writer cannot go on; finished shards are kept.
        NothingMade: all rows are written, but no caption was accepted.
    """
    if count < 1:
        raise InputError(f"the number of captions must be at least 1, not {count}")
    out = Path(out)
    plan = _Plan.make(bank, writer, settings or CaptionSettings(), reader)
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
            workers=workers,
            describe=plan.blank_row,
            progress=progress,
            drafts=drafts,
        )

    try:
        if plan.settings.duplicates == "keep":
            return make(out)
        drafts = out.with_name(f"{out.name}.drafts")
        store = PairStore.write(
            out,
            _without_duplicates(lambda: make(drafts, drafts=True)),  # a finished store asks for no draft
            settings=stored,
            inputs=plan.inputs(),
            kind="captions",
            shard_rows=shard_rows,
        )
        return check_outcome(store, f"delete {out} and {drafts}, or use another --out")
    except _WriterStopped as stopped:
        raise stopped.error from None


def preview(
    bank: ConceptBank | None,
    writer: Writer,
    count: int,
    settings: CaptionSettings | None = None,
    *,
    reader: Any = None,
) -> list[Pair]:
    """The first `count` rows that `write_captions` would make with the same arguments, without a store."""
    plan = _Plan.make(bank, writer, settings or CaptionSettings(), reader)
    try:
        rows = plan.make_rows(range(count))
    except _WriterStopped as stopped:
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


@dataclass(frozen=True)
class _Plan:
    """Everything that makes a row of its number; picklable when the writer is."""

    bank: ConceptBank | None
    writer: Writer
    settings: CaptionSettings
    reader: Any
    generator: str
    made_by: str  # the rows' column `settings`
    axes: AxisPlan | None  # where the prompt asks for values of semantic axes

    @classmethod
    def make(cls, bank: ConceptBank | None, writer: Writer, settings: CaptionSettings, reader: Any) -> _Plan:
        if settings.prompt.uses_concept and bank is None:
            raise InputError(f"the prompt {settings.prompt.name!r} names a concept: give a bank of concepts")
        if settings.axes and not settings.prompt.uses_axis:
            raise InputError(f"the prompt {settings.prompt.name!r} has no [value], so captions.axes cannot be used")
        if settings.checks.max_tokens is not None and reader is None:
            raise InputError("checks.max_tokens needs the tokenizer of the model that will read the captions")
        axes = settings.used_axes()
        made_by = canonical_json(
            {
                "prompt": settings.prompt.to_dict(),
                "strip_prefix": settings.strip_prefix,
                "writer": writer.describe(),
            }
        )
        return cls(
            bank if settings.prompt.uses_concept else None,
            writer,
            settings,
            reader if settings.checks.max_tokens is not None else None,
            writer.name,
            made_by,
            AxisPlan(len(bank) if bank is not None else 1, axes, settings.seed) if axes else None,
        )

    def inputs(self) -> dict[str, str]:
        """Fingerprints of what the captions come from."""
        inputs = {} if self.bank is None else {"concepts": self.bank.fingerprint}
        if self.reader is not None:
            inputs["reader"] = _tokenizer_digest(self.reader)
        return inputs

    def make_rows(self, numbers: Sequence[int]) -> list[Pair]:
        """The rows of these numbers."""
        rows: dict[int, Pair] = {}
        pending = list(numbers)
        for attempt in range(self.settings.attempts):
            answers = self._ask(pending, attempt)
            for number, answer in zip(pending, answers, strict=True):
                rows[number] = self._judge(number, self._seed(number, attempt), answer)
            pending = [number for number in pending if rows[number].status != "ok"]
            if not pending:
                break
        return [rows[number] for number in numbers]

    def blank_row(self, number: int) -> Pair:
        """The row of a number without a caption yet, to be marked as failed."""
        return self._row(number, self._seed(number, 0), "", "failed", "not written")

    def _ask(self, numbers: Sequence[int], attempt: int) -> list[str | WriteFailure]:
        prompt = self.settings.prompt
        requests = [
            Request(
                self._prompt_text(number), self._seed(number, attempt), prompt.prefix, prompt.head, prompt.in_context
            )
            for number in numbers
        ]
        try:
            answers = self.writer.write(requests)
        except Exception as error:
            raise _WriterStopped(error) from error
        if len(answers) != len(requests):
            raise _WriterStopped(
                PairsmithError(f"{self.generator} gave {len(answers)} answers to {len(requests)} requests")
            )
        return answers

    def _judge(self, number: int, seed: int, answer: str | WriteFailure) -> Pair:
        """The row of an answer, whatever it is worth."""
        prompt, checks = self.settings.prompt, self.settings.checks
        text = clean(answer.text if isinstance(answer, WriteFailure) else answer)
        kept = whole_sentences(text, prompt.max_words) if prompt.sentence else text
        if isinstance(answer, WriteFailure) and (kept == text or reason_code(answer.reason) != "unfinished"):
            return self._row(number, seed, text, "filtered" if text else "failed", answer.reason)
        text = kept
        reason = check_caption(text, prompt, self._concept(number), checks, self._count_tokens)
        if reason is not None:
            return self._row(number, seed, text, "filtered", reason)
        return self._row(number, seed, self._final(text), "ok", "")

    def _final(self, text: str) -> str:
        return strip_prefix(text, self.settings.prompt.prefix) if self.settings.strip_prefix else text

    def _row(self, number: int, seed: int, caption: str, status: str, reason: str) -> Pair:
        return Pair(
            id=pair_id(caption, self.generator, "", self.made_by, seed),
            caption=caption,
            concept=self._concept(number),
            axis=self._axis_label(number),
            generator=self.generator,
            seed=seed,
            settings=self.made_by,
            status=status,
            reason=reason,
        )

    def _concept(self, number: int) -> str | None:
        if self.bank is None:
            return None
        if self.axes is not None and self.bank.uniform:
            return self.bank.names[self.axes.cell(number).concept]
        return self.bank.sample(self.settings.seed, _row_name(number))

    def _axis(self, number: int) -> tuple[str, str]:
        """Name and value of the row's axis; empty where the prompt asks for none."""
        if self.axes is None:
            return "", ""
        if self.bank is not None and self.bank.uniform:
            cell = self.axes.cell(number)
            return cell.axis.name, cell.value
        axis, value = self.axes.value_for(number)
        return axis.name, value

    def _axis_label(self, number: int) -> str | None:
        name, value = self._axis(number)
        return f"{name}: {value}" if name else None

    def _prompt_text(self, number: int) -> str:
        return self.settings.prompt.fill(self._concept(number), *self._axis(number))

    def _seed(self, number: int, attempt: int) -> int:
        return row_seed(self.settings.seed, _row_name(number), f"text/{attempt}")

    def _count_tokens(self, text: str) -> int:
        """Of the caption as it will be read: without its prefix if that is dropped."""
        return len(self.reader(self._final(text))["input_ids"])


class _WriterStopped(BaseException):
    """Carries a writer's error past the row by row retries of a batch, which are for single bad rows."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _row_maker(plan: _Plan) -> Callable[[Sequence[int]], list[Pair]]:
    return plan.make_rows


def _row_name(number: int) -> str:
    return f"caption/{number}"


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


def _tokenizer_digest(hf_tokenizer: Any) -> str:
    """16 hex digits of a tokenizer of `transformers`."""
    backend = getattr(hf_tokenizer, "backend_tokenizer", None)
    text = backend.to_str() if backend is not None else canonical_json(hf_tokenizer.get_vocab())
    return hashlib.sha256(text.encode()).hexdigest()[:16]
