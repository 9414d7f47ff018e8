"""The caption stage makes the same rows however it is run: in batches, stopped, by workers, ranks, or again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pairsmith.captions import (
    CaptionSettings,
    ConceptBank,
    Request,
    WriteFailure,
    WriterUnavailable,
    write_captions,
)
from pairsmith.errors import InputError
from pairsmith.execution import Execution, Rank
from tests.captions.scripted_answers import BANK, good_caption, moody_answer, shard_bytes
from tests.captions.tiny import ScriptedWriter


@pytest.mark.parametrize("duplicates", ["filter", "keep"])
def test_batches_and_interruptions_do_not_change_a_byte(tmp_path: Path, duplicates: str) -> None:
    settings = CaptionSettings.model_validate({"duplicates": duplicates, "attempts": 2})
    whole = write_captions(tmp_path / "whole", BANK, ScriptedWriter(moody_answer), 60, settings, shard_rows=20)
    pieces = write_captions(
        tmp_path / "pieces", BANK, ScriptedWriter(moody_answer), 60, settings, shard_rows=20, batch_rows=7
    )
    assert shard_bytes(whole.folder) == shard_bytes(pieces.folder)

    answered: Iterator[int] = iter(range(75))

    def dying(request: Request) -> str | WriteFailure:
        if next(answered, None) is None:
            raise WriterUnavailable("the server is gone")
        return moody_answer(request)

    broken = tmp_path / "broken"
    with pytest.raises(WriterUnavailable, match="gone"):
        write_captions(broken, BANK, ScriptedWriter(dying), 60, settings, shard_rows=20, batch_rows=5)
    writer = ScriptedWriter(moody_answer)
    resumed = write_captions(broken, BANK, writer, 60, settings, shard_rows=20, batch_rows=5)
    assert shard_bytes(whole.folder) == shard_bytes(resumed.folder)
    assert sum(writer.calls) < 70  # the finished shards were not written again


def test_workers_make_the_same_bytes(tmp_path: Path) -> None:
    alone = write_captions(tmp_path / "alone", BANK, ScriptedWriter(moody_answer), 30, shard_rows=10)
    shared = write_captions(
        tmp_path / "shared", BANK, ScriptedWriter(moody_answer), 30, shard_rows=10, execution=Execution(workers=2)
    )
    assert shard_bytes(alone.folder) == shard_bytes(shared.folder)


def test_a_finished_store_comes_back_at_once_without_its_drafts(tmp_path: Path) -> None:
    out = tmp_path / "captions"
    first = write_captions(out, BANK, ScriptedWriter(good_caption), 20)
    for path in sorted((tmp_path / "captions.drafts").rglob("*"), reverse=True):
        path.unlink()
    writer = ScriptedWriter(good_caption)
    again = write_captions(out, BANK, writer, 20)
    assert writer.calls == []
    assert again.fingerprint == first.fingerprint


def test_other_settings_writers_or_concepts_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "captions"
    write_captions(out, BANK, ScriptedWriter(good_caption), 20)
    with pytest.raises(InputError, match="seed"):
        write_captions(out, BANK, ScriptedWriter(good_caption), 20, CaptionSettings(seed=1))
    with pytest.raises(InputError, match="version"):
        write_captions(out, BANK, ScriptedWriter(good_caption, version=1), 20)
    with pytest.raises(InputError, match="concepts"):
        write_captions(out, ConceptBank(["dog"]), ScriptedWriter(good_caption), 20)


@pytest.mark.parametrize("duplicates", ["filter", "keep"])
def test_ranks_write_the_bytes_of_one_process(tmp_path: Path, duplicates: str) -> None:
    settings = CaptionSettings.model_validate({"duplicates": duplicates})
    alone = write_captions(tmp_path / "alone", BANK, ScriptedWriter(moody_answer), 30, settings, shard_rows=10)
    out = tmp_path / "ranks"
    for number in (1, 0):
        rank = Execution(rank=Rank(number, 2))
        made = write_captions(out, BANK, ScriptedWriter(moody_answer), 30, settings, shard_rows=10, execution=rank)
        assert made.manifest.complete == (number == 0)
    assert made.folder == out
    assert shard_bytes(made.folder) == shard_bytes(alone.folder)


@pytest.mark.parametrize("duplicates", ["filter", "keep"])
def test_captions_that_failed_are_asked_for_again_alone(tmp_path: Path, duplicates: str) -> None:
    settings = CaptionSettings.model_validate({"duplicates": duplicates, "attempts": 1})
    whole = write_captions(tmp_path / "whole", BANK, ScriptedWriter(good_caption), 30, settings, shard_rows=10)

    def away(request: Request) -> str | WriteFailure:
        return WriteFailure("HTTP 500: oops") if request.seed % 3 == 0 else good_caption(request)

    out = tmp_path / "out"
    failed = write_captions(out, BANK, ScriptedWriter(away), 30, settings, shard_rows=10).counts()["failed"]
    assert failed > 0
    writer, retry = ScriptedWriter(good_caption), Execution(retry_failed=True)
    made = write_captions(out, BANK, writer, 30, settings, shard_rows=10, execution=retry)
    assert sum(writer.calls) == failed
    assert shard_bytes(made.folder) == shard_bytes(whole.folder)
    write_captions(out, BANK, writer, 30, settings, shard_rows=10, execution=retry)
    assert sum(writer.calls) == failed


def test_failed_captions_without_their_drafts_are_not_written_again(tmp_path: Path) -> None:
    settings = CaptionSettings(attempts=1)
    out = tmp_path / "out"
    write_captions(out, BANK, ScriptedWriter(moody_answer), 30, settings)
    shutil.rmtree(tmp_path / "out.drafts")
    with pytest.raises(InputError, match="is not there any more"):
        write_captions(out, BANK, ScriptedWriter(moody_answer), 30, settings, execution=Execution(retry_failed=True))
