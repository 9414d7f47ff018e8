"""The caption stage: every row accounted for, the same rows however they are made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pairsmith.captions import (
    FREE_PROMPT,
    CaptionSettings,
    ConceptBank,
    LanguageModelWriter,
    LanguageModelWriterSettings,
    Request,
    SamplingSettings,
    WriteFailure,
    WriterUnavailable,
    preview,
    reason_counts,
    write_captions,
)
from pairsmith.captions.cleaning import words
from pairsmith.errors import InputError, PairsmithError
from pairsmith.execution import Execution, Rank
from pairsmith.pairs import PairStore
from pairsmith.pairs.outcome import NothingMade
from tests.captions.tiny import ScriptedWriter, tiny_model, tiny_tokenizer

BANK = ConceptBank(["dog", "cat", "racing car", "owl", "tree"])
COLOURS = ("red", "blue", "green", "old", "small", "big")


def _caption(request: Request) -> str:
    """A good answer to the paper's prompt, of its seed."""
    concept = request.prompt.partition("object: ")[2].partition(".")[0]
    colours = [COLOURS[request.seed // 7**place % 6] for place in range(6)]
    return (
        f"{request.start} a {colours[0]} {concept} number {request.seed % 9973} beside a {colours[1]} bench and a "
        f"{colours[2]} wall. A {colours[3]} path leads to a {colours[4]} gate, and there is a {colours[5]} sky."
    )


def _moody(request: Request) -> str | WriteFailure:
    """Good, bad or nothing, by the seed."""
    mood = request.seed % 5
    if mood == 0:
        return WriteFailure("HTTP 500: oops")
    if mood == 1:
        return "I'm sorry, I cannot do that."
    if mood == 2:
        return WriteFailure("unfinished: no end within 9 tokens", "This is an image of a")
    return _caption(request)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*.parquet"))}


@pytest.mark.parametrize("duplicates", ["filter", "keep"])
def test_a_stage_without_one_accepted_caption_says_why(tmp_path: Path, duplicates: str) -> None:
    settings = CaptionSettings.model_validate({"duplicates": duplicates, "attempts": 1})
    writer = ScriptedWriter(lambda request: "I'm sorry, I cannot do that.")
    with pytest.raises(NothingMade, match="none of its 8 rows can be used"):
        write_captions(tmp_path / "out", BANK, writer, 8, settings)
    assert PairStore(tmp_path / "out").counts() == {"ok": 0, "filtered": 8, "failed": 0}


def test_rows_hold_what_was_asked_and_what_made_them(tmp_path: Path) -> None:
    settings = CaptionSettings(seed=3)
    store = write_captions(tmp_path / "captions", BANK, ScriptedWriter(_caption), 25, settings, shard_rows=10)
    assert isinstance(store, PairStore)
    assert store.manifest.kind == "captions"
    assert len(store) == 25
    for number, row in enumerate(store.iter_pairs()):
        assert row.concept == BANK.sample(3, f"caption/{number}")
        assert row.concept in row.caption
        assert row.caption.startswith("This is an image of a")
        assert row.generator == "scripted"
        assert json.loads(row.settings)["writer"] == {"kind": "scripted", "version": 0}
        remade = ScriptedWriter(_caption).write(
            [Request(settings.prompt.fill(row.concept), row.seed, settings.prompt.prefix)]
        )
        assert remade == [row.caption]
    assert len(set(store.ids())) == 25


def test_a_bad_text_is_asked_for_again_with_another_seed(tmp_path: Path) -> None:
    writer = ScriptedWriter(_moody)
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
        good = _caption(request)
        if request.seed % 2:
            return WriteFailure("unfinished: no end within 96 tokens", f"{good} And then there is")
        return f"{good} {'It is one of many others like it. ' * 8}"

    rows = preview(BANK, ScriptedWriter(answer), 20, CaptionSettings(attempts=1))
    assert {row.status for row in rows} == {"ok"}
    for row in rows:
        assert row.caption.endswith(" sky." if row.seed % 2 else " like it.")
        assert len(words(row.caption)) <= 50
    broken = ScriptedWriter(lambda request: WriteFailure("HTTP 500: oops", f"{_caption(request)} And"))
    assert {row.reason for row in preview(BANK, broken, 3, CaptionSettings(attempts=1))} == {"HTTP 500: oops"}


def test_one_attempt_is_one_attempt(tmp_path: Path) -> None:
    writer = ScriptedWriter(_moody)
    rows = preview(BANK, writer, 60, CaptionSettings(attempts=1))
    assert writer.calls == [60]
    assert 10 < sum(row.status == "ok" for row in rows) < 40


def test_the_concept_does_not_change_with_the_attempt() -> None:
    once = preview(BANK, ScriptedWriter(_moody), 60, CaptionSettings(attempts=1))
    often = preview(BANK, ScriptedWriter(_moody), 60, CaptionSettings(attempts=9))
    assert [row.concept for row in once] == [row.concept for row in often]
    for before, after in zip(once, often, strict=True):
        assert before.status != "ok" or before == after


@pytest.mark.parametrize("duplicates", ["filter", "keep"])
def test_batches_and_interruptions_do_not_change_a_byte(tmp_path: Path, duplicates: str) -> None:
    settings = CaptionSettings.model_validate({"duplicates": duplicates, "attempts": 2})
    whole = write_captions(tmp_path / "whole", BANK, ScriptedWriter(_moody), 60, settings, shard_rows=20)
    pieces = write_captions(
        tmp_path / "pieces", BANK, ScriptedWriter(_moody), 60, settings, shard_rows=20, batch_rows=7
    )
    assert _bytes(whole.folder) == _bytes(pieces.folder)

    answered: Iterator[int] = iter(range(75))

    def dying(request: Request) -> str | WriteFailure:
        if next(answered, None) is None:
            raise WriterUnavailable("the server is gone")
        return _moody(request)

    broken = tmp_path / "broken"
    with pytest.raises(WriterUnavailable, match="gone"):
        write_captions(broken, BANK, ScriptedWriter(dying), 60, settings, shard_rows=20, batch_rows=5)
    writer = ScriptedWriter(_moody)
    resumed = write_captions(broken, BANK, writer, 60, settings, shard_rows=20, batch_rows=5)
    assert _bytes(whole.folder) == _bytes(resumed.folder)
    assert sum(writer.calls) < 70  # the finished shards were not written again


def test_workers_make_the_same_bytes(tmp_path: Path) -> None:
    alone = write_captions(tmp_path / "alone", BANK, ScriptedWriter(_moody), 30, shard_rows=10)
    shared = write_captions(
        tmp_path / "shared", BANK, ScriptedWriter(_moody), 30, shard_rows=10, execution=Execution(workers=2)
    )
    assert _bytes(alone.folder) == _bytes(shared.folder)


def test_a_finished_store_comes_back_at_once_without_its_drafts(tmp_path: Path) -> None:
    out = tmp_path / "captions"
    first = write_captions(out, BANK, ScriptedWriter(_caption), 20)
    for path in sorted((tmp_path / "captions.drafts").rglob("*"), reverse=True):
        path.unlink()
    writer = ScriptedWriter(_caption)
    again = write_captions(out, BANK, writer, 20)
    assert writer.calls == []
    assert again.fingerprint == first.fingerprint


def test_other_settings_writers_or_concepts_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "captions"
    write_captions(out, BANK, ScriptedWriter(_caption), 20)
    with pytest.raises(InputError, match="seed"):
        write_captions(out, BANK, ScriptedWriter(_caption), 20, CaptionSettings(seed=1))
    with pytest.raises(InputError, match="version"):
        write_captions(out, BANK, ScriptedWriter(_caption, version=1), 20)
    with pytest.raises(InputError, match="concepts"):
        write_captions(out, ConceptBank(["dog"]), ScriptedWriter(_caption), 20)


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
    rows = preview(BANK, ScriptedWriter(_caption), 10, settings)
    assert all(row.status == "ok" for row in rows)
    assert all(row.caption.startswith("A ") for row in rows)
    bare = ScriptedWriter(lambda request: _caption(request).removeprefix(request.start))
    assert {row.reason.partition(":")[0] for row in preview(BANK, bare, 10, settings)} == {"prefix missing"}


def test_the_readers_tokens_are_counted_without_the_dropped_prefix() -> None:
    reader = tiny_tokenizer()
    length = len(reader(preview(BANK, ScriptedWriter(_caption), 1)[0].caption)["input_ids"])
    limited = {"checks": {"max_tokens": length - 1}, "attempts": 1}
    with pytest.raises(InputError, match="tokenizer"):
        preview(BANK, ScriptedWriter(_caption), 1, CaptionSettings.model_validate(limited))
    row = preview(BANK, ScriptedWriter(_caption), 1, CaptionSettings.model_validate(limited), reader=reader)[0]
    assert row.reason == f"too many tokens: {length} of at most {length - 1}"
    stripped = CaptionSettings.model_validate({**limited, "strip_prefix": True})
    assert preview(BANK, ScriptedWriter(_caption), 1, stripped, reader=reader)[0].status == "ok"


def test_a_writer_that_raises_or_miscounts_stops_the_stage(tmp_path: Path) -> None:
    def broken(request: Request) -> str:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_captions(tmp_path / "a", BANK, ScriptedWriter(broken), 20)
    writer = ScriptedWriter(_caption)
    writer.write = lambda requests: ["one"]  # type: ignore[method-assign]
    with pytest.raises(PairsmithError, match="1 answers to 20 requests"):
        write_captions(tmp_path / "b", BANK, writer, 20)


def test_arguments_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        write_captions(tmp_path / "a", BANK, ScriptedWriter(_caption), 0)
    with pytest.raises(InputError, match="bank"):
        write_captions(tmp_path / "a", None, ScriptedWriter(_caption), 5)
    assert not (tmp_path / "a").exists()


def test_progress_tells_rows_as_they_come(tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []
    settings = CaptionSettings(attempts=1)
    write_captions(
        tmp_path / "a", BANK, ScriptedWriter(_moody), 30, settings, shard_rows=10, batch_rows=5,
        progress=lambda done, total, failed: told.append((done, total, failed)),
    )  # fmt: skip
    assert [done for done, _, _ in told] == list(range(0, 31, 5))
    assert {total for _, total, _ in told} == {30}
    assert told[-1][2] == sum(row.status == "failed" for row in preview(BANK, ScriptedWriter(_moody), 30, settings))


def test_a_caption_model_writes_a_store_without_concepts(tmp_path: Path) -> None:
    sampling = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=20, block_rows=16, pad_multiple=4)
    writer = LanguageModelWriter(tiny_model(), LanguageModelWriterSettings(sampling=sampling))
    settings = CaptionSettings.model_validate({"prompt": FREE_PROMPT, "checks": {"repetition": False, "meta": False}})
    store = write_captions(tmp_path / "a", None, writer, 40, settings, shard_rows=15, batch_rows=15)
    other = write_captions(tmp_path / "b", None, writer, 40, settings, shard_rows=15, batch_rows=4)
    assert _bytes(store.folder) == _bytes(other.folder)
    assert len(store) > 5
    assert all(row.concept is None and row.generator == "tiny" for row in store.iter_pairs(status=None))


@pytest.mark.parametrize("duplicates", ["filter", "keep"])
def test_ranks_write_the_bytes_of_one_process(tmp_path: Path, duplicates: str) -> None:
    settings = CaptionSettings.model_validate({"duplicates": duplicates})
    alone = write_captions(tmp_path / "alone", BANK, ScriptedWriter(_moody), 30, settings, shard_rows=10)
    out = tmp_path / "ranks"
    for number in (1, 0):
        rank = Execution(rank=Rank(number, 2))
        made = write_captions(out, BANK, ScriptedWriter(_moody), 30, settings, shard_rows=10, execution=rank)
        assert made.manifest.complete == (number == 0)
    assert made.folder == out
    assert _bytes(made.folder) == _bytes(alone.folder)


@pytest.mark.parametrize("duplicates", ["filter", "keep"])
def test_captions_that_failed_are_asked_for_again_alone(tmp_path: Path, duplicates: str) -> None:
    settings = CaptionSettings.model_validate({"duplicates": duplicates, "attempts": 1})
    whole = write_captions(tmp_path / "whole", BANK, ScriptedWriter(_caption), 30, settings, shard_rows=10)

    def away(request: Request) -> str | WriteFailure:
        return WriteFailure("HTTP 500: oops") if request.seed % 3 == 0 else _caption(request)

    out = tmp_path / "out"
    failed = write_captions(out, BANK, ScriptedWriter(away), 30, settings, shard_rows=10).counts()["failed"]
    assert failed > 0
    writer, retry = ScriptedWriter(_caption), Execution(retry_failed=True)
    made = write_captions(out, BANK, writer, 30, settings, shard_rows=10, execution=retry)
    assert sum(writer.calls) == failed
    assert _bytes(made.folder) == _bytes(whole.folder)
    write_captions(out, BANK, writer, 30, settings, shard_rows=10, execution=retry)
    assert sum(writer.calls) == failed


def test_failed_captions_without_their_drafts_are_not_written_again(tmp_path: Path) -> None:
    settings = CaptionSettings(attempts=1)
    out = tmp_path / "out"
    write_captions(out, BANK, ScriptedWriter(_moody), 30, settings)
    shutil.rmtree(tmp_path / "out.drafts")
    with pytest.raises(InputError, match="is not there any more"):
        write_captions(out, BANK, ScriptedWriter(_moody), 30, settings, execution=Execution(retry_failed=True))
