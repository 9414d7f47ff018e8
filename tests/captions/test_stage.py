"""The caption stage: every row accounted for, with what was asked and what became of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pairsmith.captions import (
    FREE_PROMPT,
    CaptionSettings,
    LanguageModelWriter,
    LanguageModelWriterSettings,
    Request,
    SamplingSettings,
    WriteFailure,
    preview,
    reason_counts,
    write_captions,
)
from pairsmith.captions.cleaning import words
from pairsmith.errors import InputError, PairsmithError
from pairsmith.pairs import PairStore
from pairsmith.pairs.outcome import NothingMade
from tests.captions.scripted_answers import BANK, good_caption, moody_answer, shard_bytes
from tests.captions.tiny import ScriptedWriter, tiny_model, tiny_tokenizer


@pytest.mark.parametrize("duplicates", ["filter", "keep"])
def test_a_stage_without_one_accepted_caption_says_why(tmp_path: Path, duplicates: str) -> None:
    settings = CaptionSettings.model_validate({"duplicates": duplicates, "attempts": 1})
    writer = ScriptedWriter(lambda request: "I'm sorry, I cannot do that.")
    with pytest.raises(NothingMade, match="none of its 8 rows can be used"):
        write_captions(tmp_path / "out", BANK, writer, 8, settings)
    assert PairStore(tmp_path / "out").counts() == {"ok": 0, "filtered": 8, "failed": 0}


def test_rows_hold_what_was_asked_and_what_made_them(tmp_path: Path) -> None:
    settings = CaptionSettings(seed=3)
    store = write_captions(tmp_path / "captions", BANK, ScriptedWriter(good_caption), 25, settings, shard_rows=10)
    assert isinstance(store, PairStore)
    assert store.manifest.kind == "captions"
    assert len(store) == 25
    for number, row in enumerate(store.iter_pairs()):
        assert row.concept == BANK.sample(3, f"caption/{number}")
        assert row.concept in row.caption
        assert row.caption.startswith("This is an image of a")
        assert row.generator == "scripted"
        assert json.loads(row.settings)["writer"] == {"kind": "scripted", "version": 0}
        remade = ScriptedWriter(good_caption).write(
            [Request(settings.prompt.fill(row.concept), row.seed, settings.prompt.prefix)]
        )
        assert remade == [row.caption]
    assert len(set(store.ids())) == 25


def test_a_bad_text_is_asked_for_again_with_another_seed(tmp_path: Path) -> None:
    writer = ScriptedWriter(moody_answer)
    store = write_captions(tmp_path / "captions", BANK, writer, 200, CaptionSettings(attempts=3), batch_rows=200)
    assert writer.calls[0] == 200
    assert len(writer.calls) == 3
    assert writer.calls[0] > writer.calls[1] > writer.calls[2]
    counts = reason_counts(store)
    assert sum(counts.values()) == 200
    assert counts["ok"] == len(store)
    assert set(counts) == {"ok", "HTTP 500", "refusal", "unfinished"}
    assert len(store) == pytest.approx(200 * (1 - 0.6**3), abs=20)
    kept = {row.reason: row for row in store.iter_pairs(status=None) if row.status != "ok"}
    assert kept["HTTP 500: oops"].status == "failed"
    assert kept["HTTP 500: oops"].caption == ""
    assert kept["unfinished: no end within 9 tokens"].status == "filtered"
    assert kept["unfinished: no end within 9 tokens"].caption == "This is an image of a"


def test_what_follows_the_length_asked_for_is_cut_at_a_sentence() -> None:
    def answer(request: Request) -> str | WriteFailure:
        good = good_caption(request)
        if request.seed % 2:
            return WriteFailure("unfinished: no end within 96 tokens", f"{good} And then there is")
        return f"{good} {'It is one of many others like it. ' * 8}"

    rows = preview(BANK, ScriptedWriter(answer), 20, CaptionSettings(attempts=1))
    assert {row.status for row in rows} == {"ok"}
    for row in rows:
        assert row.caption.endswith(" sky." if row.seed % 2 else " like it.")
        assert len(words(row.caption)) <= 50
    broken = ScriptedWriter(lambda request: WriteFailure("HTTP 500: oops", f"{good_caption(request)} And"))
    assert {row.reason for row in preview(BANK, broken, 3, CaptionSettings(attempts=1))} == {"HTTP 500: oops"}


def test_one_attempt_is_one_attempt(tmp_path: Path) -> None:
    writer = ScriptedWriter(moody_answer)
    rows = preview(BANK, writer, 60, CaptionSettings(attempts=1))
    assert writer.calls == [60]
    assert 10 < sum(row.status == "ok" for row in rows) < 40


def test_the_concept_does_not_change_with_the_attempt() -> None:
    once = preview(BANK, ScriptedWriter(moody_answer), 60, CaptionSettings(attempts=1))
    often = preview(BANK, ScriptedWriter(moody_answer), 60, CaptionSettings(attempts=9))
    assert [row.concept for row in once] == [row.concept for row in often]
    for before, after in zip(once, often, strict=True):
        assert before.status != "ok" or before == after


def test_the_first_of_equal_captions_stays_across_shards(tmp_path: Path) -> None:
    settings = CaptionSettings.model_validate(
        {"prompt": {"name": "p", "template": "[object]", "sentence": False}, "checks": {"concept": False}}
    )
    answers = ["a dog", "A dog!", "two dogs", "a  Dog"]
    writer = ScriptedWriter(lambda request: answers[request.seed % 4])
    store = write_captions(tmp_path / "captions", BANK, writer, 50, settings, shard_rows=8)
    rows = list(store.iter_pairs(status=None))
    assert len(rows) == 50
    assert len(store) == 2
    assert reason_counts(store) == {"ok": 2, "duplicate": 48}
    firsts = {row.id for row in rows if row.status == "ok"}
    assert {row.reason for row in rows if row.status == "filtered"} == {f"duplicate: of {first}" for first in firsts}
    assert preview(BANK, writer, 50, settings) == rows
    kept = write_captions(
        tmp_path / "kept", BANK, writer, 50, settings.model_copy(update={"duplicates": "keep"}), shard_rows=8
    )
    assert len(kept) == 50
    assert not (tmp_path / "kept.drafts").exists()


def test_the_prefix_is_checked_and_then_dropped(tmp_path: Path) -> None:
    settings = CaptionSettings(strip_prefix=True)
    rows = preview(BANK, ScriptedWriter(good_caption), 10, settings)
    assert all(row.status == "ok" for row in rows)
    assert all(row.caption.startswith("A ") for row in rows)
    bare = ScriptedWriter(lambda request: good_caption(request).removeprefix(request.start))
    assert {row.reason.partition(":")[0] for row in preview(BANK, bare, 10, settings)} == {"prefix missing"}


def test_the_readers_tokens_are_counted_without_the_dropped_prefix() -> None:
    reader = tiny_tokenizer()
    length = len(reader(preview(BANK, ScriptedWriter(good_caption), 1)[0].caption)["input_ids"])
    limited = {"checks": {"max_tokens": length - 1}, "attempts": 1}
    with pytest.raises(InputError, match="tokenizer"):
        preview(BANK, ScriptedWriter(good_caption), 1, CaptionSettings.model_validate(limited))
    row = preview(BANK, ScriptedWriter(good_caption), 1, CaptionSettings.model_validate(limited), reader=reader)[0]
    assert row.reason == f"too many tokens: {length} of at most {length - 1}"
    stripped = CaptionSettings.model_validate({**limited, "strip_prefix": True})
    assert preview(BANK, ScriptedWriter(good_caption), 1, stripped, reader=reader)[0].status == "ok"


def test_a_writer_that_raises_or_miscounts_stops_the_stage(tmp_path: Path) -> None:
    def broken(request: Request) -> str:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_captions(tmp_path / "a", BANK, ScriptedWriter(broken), 20)
    writer = ScriptedWriter(good_caption)
    writer.write = lambda requests: ["one"]  # type: ignore[method-assign]
    with pytest.raises(PairsmithError, match="1 answers to 20 requests"):
        write_captions(tmp_path / "b", BANK, writer, 20)


def test_arguments_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        write_captions(tmp_path / "a", BANK, ScriptedWriter(good_caption), 0)
    with pytest.raises(InputError, match="bank"):
        write_captions(tmp_path / "a", None, ScriptedWriter(good_caption), 5)
    assert not (tmp_path / "a").exists()


def test_progress_tells_rows_as_they_come(tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []
    settings = CaptionSettings(attempts=1)
    write_captions(
        tmp_path / "a", BANK, ScriptedWriter(moody_answer), 30, settings, shard_rows=10, batch_rows=5,
        progress=lambda done, total, failed: told.append((done, total, failed)),
    )  # fmt: skip
    assert [done for done, _, _ in told] == list(range(0, 31, 5))
    assert {total for _, total, _ in told} == {30}
    assert told[-1][2] == sum(
        row.status == "failed" for row in preview(BANK, ScriptedWriter(moody_answer), 30, settings)
    )


def test_a_caption_model_writes_a_store_without_concepts(tmp_path: Path) -> None:
    sampling = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=20, block_rows=16, pad_multiple=4)
    writer = LanguageModelWriter(tiny_model(), LanguageModelWriterSettings(sampling=sampling))
    settings = CaptionSettings.model_validate({"prompt": FREE_PROMPT, "checks": {"repetition": False, "meta": False}})
    store = write_captions(tmp_path / "a", None, writer, 40, settings, shard_rows=15, batch_rows=15)
    other = write_captions(tmp_path / "b", None, writer, 40, settings, shard_rows=15, batch_rows=4)
    assert shard_bytes(store.folder) == shard_bytes(other.folder)
    assert len(store) > 5
    assert all(row.concept is None and row.generator == "tiny" for row in store.iter_pairs(status=None))
