"""What models say of captions: by any number of workers, after kills, and of captions whose call failed."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import numpy as np
import pytest

from pairsmith.captions.filters import FilterModels, FilterSettings, filter_captions
from pairsmith.captions.filters.settings import PerplexityLimit
from pairsmith.captions.writer import WriterUnavailable
from pairsmith.errors import InputError
from pairsmith.execution import Execution, FailureBudget, Rank, TooManyFailures
from pairsmith.pairs import PairStore
from pairsmith.pairs.scores import read_score_column, read_scores
from tests.captions.filters.writers import COUNT, NotingWriter, asked, judge, judge_until_crash, numbered
from tests.pairs.rows import folder_bytes


def _whole(folder: Path) -> dict[str, bytes]:
    return {f"{name}/{path}": data for name in ("in", "out") for path, data in folder_bytes(folder / name).items()}


def test_workers_give_the_bytes_of_one_process(tmp_path: Path) -> None:
    for name, execution in (("alone", Execution()), ("shared", Execution(workers=2))):
        numbered(tmp_path / name / "in")
        judge(tmp_path / name, NotingWriter(tmp_path / name / "asked", refused=[5], broken=[8]), execution)
        assert asked(tmp_path / name / "asked") == [number for number in range(COUNT) if number != 8]
    assert PairStore(tmp_path / "alone" / "out").counts() == {"ok": 11, "filtered": 7, "failed": 3}
    assert _whole(tmp_path / "alone") == _whole(tmp_path / "shared")


@pytest.mark.parametrize("crash_at", ["rows-made:2", "renamed:2"])
def test_killed_and_resumed_asks_only_for_what_is_missing(tmp_path: Path, crash_at: str) -> None:
    numbered(tmp_path / "whole" / "in")
    judge(tmp_path / "whole", NotingWriter(tmp_path / "whole" / "asked"))
    killed = tmp_path / "killed"
    numbered(killed / "in")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pairsmith.captions.filters"])
    process = context.Process(target=judge_until_crash, args=(killed, crash_at))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert asked(killed / "asked") == list(range(12))
    kept = {"rows-made:2": 6, "renamed:2": 12}[crash_at]
    judge(killed, NotingWriter(killed / "again"))
    assert asked(killed / "again") == list(range(kept, COUNT))
    assert _whole(killed) == _whole(tmp_path / "whole")


def test_a_caption_whose_call_failed_has_its_reason_and_is_asked_about_again(tmp_path: Path) -> None:
    store = numbered(tmp_path / "in")
    out = judge(tmp_path, NotingWriter(tmp_path / "asked", refused=[5], broken=[8]))
    failed = {row.id: row.reason for row in out.iter_pairs([], status="failed")}
    assert failed == {
        f"{5:032x}": "verdict: HTTP 400: refused",
        f"{8:032x}": "verdict: ValueError: no tokens for this caption",
        "f" * 32: "HTTP 500: oops",
    }
    assert read_score_column(store, "verdict").reasons[5] == "HTTP 400: refused"
    mended = NotingWriter(tmp_path / "again")
    judge(tmp_path, mended)
    assert asked(tmp_path / "again") == []
    made = judge(tmp_path, mended, Execution(retry_failed=True))
    assert asked(tmp_path / "again") == [5, 8]
    assert made.counts() == {"ok": 13, "filtered": 7, "failed": 1}
    numbered(tmp_path / "fresh" / "in")
    fresh = judge(tmp_path / "fresh", NotingWriter(tmp_path / "fresh" / "asked"))
    assert [shard.sha256 for shard in made.manifest.shards] == [shard.sha256 for shard in fresh.manifest.shards]


def test_other_settings_are_refused_before_a_finished_store_is_taken_up_again(tmp_path: Path) -> None:
    store = numbered(tmp_path / "in")
    judge(tmp_path, NotingWriter(tmp_path / "asked", refused=[5]))
    before = folder_bytes(tmp_path / "out")
    with pytest.raises(InputError):
        filter_captions(store, tmp_path / "out", FilterSettings(), execution=Execution(retry_failed=True))
    assert folder_bytes(tmp_path / "out") == before


def test_too_many_failed_captions_stop_the_run(tmp_path: Path) -> None:
    numbered(tmp_path / "in")
    with pytest.raises(TooManyFailures, match="2 of 20 rows have failed, and 1 may"):
        judge(
            tmp_path,
            NotingWriter(tmp_path / "asked", refused=[1, 2]),
            Execution(max_failures=FailureBudget(rows=1)),
        )
    assert asked(tmp_path / "asked") == list(range(6))
    judge(tmp_path, NotingWriter(tmp_path / "again"))
    assert asked(tmp_path / "again") == list(range(6, COUNT))


def test_a_server_that_has_gone_fails_no_caption(tmp_path: Path) -> None:
    numbered(tmp_path / "in")
    with pytest.raises(WriterUnavailable):
        judge(tmp_path, NotingWriter(tmp_path / "asked", gone=14))
    out = judge(tmp_path, NotingWriter(tmp_path / "again"))
    assert asked(tmp_path / "again") == list(range(12, COUNT))
    assert out.counts() == {"ok": 13, "filtered": 7, "failed": 1}


def test_ranks_are_refused(tmp_path: Path) -> None:
    numbered(tmp_path / "in")
    with pytest.raises(InputError, match="workers, not ranks"):
        judge(tmp_path, NotingWriter(tmp_path / "asked"), Execution(rank=Rank(0, 2)))


def test_perplexity_in_workers_is_to_the_bit_that_of_one_process(tmp_path: Path) -> None:
    from pairsmith.captions import CausalModel
    from tests.captions.tiny import tiny_llama, tiny_tokenizer

    words = tiny_tokenizer()
    tiny_llama(len(words)).save_pretrained(tmp_path / "lm")
    words.save_pretrained(tmp_path / "lm")
    settings = FilterSettings(near_duplicates=None, perplexity=PerplexityLimit(most=1e9))
    for name, part_rows, workers in (("alone", 6, 1), ("shared", 7, 2)):
        store = numbered(tmp_path / name / "in")
        models = FilterModels(perplexity=CausalModel(tmp_path / "lm"))
        filter_captions(
            store, tmp_path / name / "out", settings, models, part_rows=part_rows, execution=Execution(workers=workers)
        )
        assert np.isfinite(read_scores(store, "perplexity")).all()
    assert _whole(tmp_path / "alone") == _whole(tmp_path / "shared")


def test_neighbours_do_not_change_a_perplexity(tmp_path: Path) -> None:
    from pairsmith.captions.filters.model_filters import perplexities
    from tests.captions.tiny import tiny_model

    model = tiny_model()
    captions = ["a red dog runs", "the big cat " * 9, "", "two old cats sit on a bench by the lake", "a dog"]
    together = perplexities(model, captions, batch=4)
    alone = [perplexities(model, [caption], batch=4)[0] for caption in captions]
    assert together.tolist() == alone
