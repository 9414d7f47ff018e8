"""What makes one row of captions: its concept, its axis, its prompt, its seeds, and the checks of what was written.

Row i draws all of it from (run seed, i) alone, so rows can be made in any order, by any number of processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pairsmith.captions.axes import AxisPlan
from pairsmith.captions.checks import check_caption, reason_code
from pairsmith.captions.cleaning import clean, strip_prefix, whole_sentences
from pairsmith.captions.concepts import ConceptBank
from pairsmith.captions.settings import CaptionSettings
from pairsmith.captions.writer import Request, WriteFailure, Writer
from pairsmith.errors import InputError, PairsmithError
from pairsmith.pairs import Pair, pair_id
from pairsmith.seeds import row_seed
from pairsmith.settings import canonical_json


@dataclass(frozen=True)
class RowPlan:
    """Everything that makes a row of its number; picklable when the writer is."""

    bank: ConceptBank | None
    writer: Writer
    settings: CaptionSettings
    reader: Any
    generator: str
    made_by: str  # the rows' column `settings`
    axes: AxisPlan | None  # where the prompt asks for values of semantic axes

    @classmethod
    def make(cls, bank: ConceptBank | None, writer: Writer, settings: CaptionSettings, reader: Any) -> RowPlan:
        """The plan of a store.

        Raises:
            InputError: a bank or a reader that the settings need is missing, or axes are set for a prompt without.
        """
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
        """The rows of these numbers.

        Raises:
            WriterStopped: the writer raised something.
        """
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
            raise WriterStopped(error) from error
        if len(answers) != len(requests):
            raise WriterStopped(
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


class WriterStopped(BaseException):
    """Carries a writer's error past the row by row retries of a batch, which are for single bad rows."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error

    def __reduce__(self) -> tuple[type[WriterStopped], tuple[Exception]]:
        return WriterStopped, (self.error,)


def _row_name(number: int) -> str:
    return f"caption/{number}"


def _tokenizer_digest(hf_tokenizer: Any) -> str:
    """16 hex digits of a tokenizer of `transformers`."""
    backend = getattr(hf_tokenizer, "backend_tokenizer", None)
    text = backend.to_str() if backend is not None else canonical_json(hf_tokenizer.get_vocab())
    return hashlib.sha256(text.encode()).hexdigest()[:16]
