"""Scores of a store in one pass: values, reasons, resuming after kills, and pairs that nothing touches."""

from __future__ import annotations

import multiprocessing
import signal
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsmith.captions.writer import WriterUnavailable
from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import Batch, ScoreFailures
from pairsmith.curation.scores.blur import BlurSettings, Sharpness
from pairsmith.curation.scoring import NothingScored, score_pairs
from pairsmith.errors import InputError
from pairsmith.execution import Execution, FailureBudget, TooManyFailures
from pairsmith.pairs import Pair, PairStore, imported_id, sidecars
from pairsmith.pairs.scores import read_embeddings, read_score_column, read_scores, sidecar_names
from pairsmith.pairs.verify import verify
from tests.curation.stores import Brightness, Length, picture_store, score_until_crash, smooth_picture
from tests.pairs.rows import folder_bytes


def test_values_stand_by_the_rows_whatever_the_sizes(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 10)
    expected = [np.asarray(smooth_picture(number).convert("L")).mean() for number in range(10)]
    for name, (batch, part, threads) in {"a": (1, 1, 1), "b": (4, 3, 2), "c": (64, 1000, 3)}.items():
        summary = score_pairs(store, {name: Brightness()}, batch_rows=batch, part_rows=part, threads=threads)[name]
        np.testing.assert_allclose(read_scores(store, name), expected)
        assert (summary.scored, summary.failed, summary.computed) == (10, 0, 10)
        assert summary.values == pytest.approx((np.mean(expected), np.min(expected), np.max(expected)))


def test_nothing_but_sidecars_is_written(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 10)
    before = folder_bytes(tmp_path)
    score_pairs(store, {"brightness": Brightness()})
    after = folder_bytes(tmp_path)
    assert set(after) - set(before) == {"scores/brightness.parquet"}
    assert {name: after[name] for name in before} == before
    assert verify(tmp_path).problems == ()


def test_a_finished_score_is_not_computed_again(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 10)
    score_pairs(store, {"brightness": Brightness()})
    before = folder_bytes(tmp_path)
    again = Brightness()
    summary = score_pairs(store, {"brightness": again, "length": Length()})
    assert again.computed == []
    assert again.loaded == 0
    assert summary["brightness"].computed == 0
    assert summary["length"].computed == 10
    after = folder_bytes(tmp_path)
    assert {name: after[name] for name in before} == before


def test_failed_rows_keep_their_reason_and_can_be_tried_again(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 10, broken=[3])
    summary = score_pairs(store, {"brightness": Brightness(fail="picture 7"), "length": Length()}, batch_rows=5)
    found = read_score_column(store, "brightness")
    assert np.flatnonzero(np.isnan(found.values)).tolist() == [3, 7]
    assert "not an image" in str(found.reasons[3])
    assert found.reasons[7] == "ValueError: no brightness of picture 7"
    assert summary["brightness"].failed == 2
    assert np.isfinite(read_scores(store, "length")).all()  # captions need no picture
    again = Brightness()
    assert score_pairs(store, {"brightness": again})["brightness"].computed == 0
    summary = score_pairs(store, {"brightness": again}, execution=Execution(retry_failed=True))
    assert again.computed == [store.ids()[7]]
    assert summary["brightness"].failed == 1


def test_a_score_may_say_itself_which_rows_have_none(tmp_path: Path) -> None:
    class Picky(Length):
        def compute(self, batch: Batch) -> np.ndarray:
            odd = {at: "odd" for at, caption in enumerate(batch.captions) if int(caption[-1]) % 2}
            raise ScoreFailures(np.ones(len(batch)), odd)

    class NaN(Length):
        def compute(self, batch: Batch) -> np.ndarray:
            return np.where([caption.endswith("4") for caption in batch.captions], np.nan, 2.0)

    store = picture_store(tmp_path, 10)
    score_pairs(store, {"picky": Picky(), "nan": NaN()}, batch_rows=4)
    assert read_score_column(store, "picky").reasons == [None, "odd"] * 5
    assert read_score_column(store, "nan").reasons[4] == "the score is not a finite number"


def test_no_score_at_all_is_no_success(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 5, broken=range(5))
    with pytest.raises(NothingScored, match=r"not an image.*retry-failed"):
        score_pairs(store, {"brightness": Brightness()})
    assert read_score_column(store, "brightness").reasons[0] is not None


def test_other_settings_need_another_name(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 5)
    score_pairs(store, {"brightness": Brightness()})
    with pytest.raises(InputError, match=r"other settings: version \(was 0, now 1\)"):
        score_pairs(store, {"brightness": Brightness(version=1)})


def test_rows_that_came_later_are_added(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 10)
    score_pairs(store, {"brightness": Brightness()})
    whole = folder_bytes(tmp_path)
    path = tmp_path / "scores" / "brightness.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 6), path)
    again = Brightness()
    score_pairs(store, {"brightness": again})
    assert again.computed == store.ids()[6:]
    assert folder_bytes(tmp_path) == whole


def test_vectors_become_embeddings(tmp_path: Path) -> None:
    class Corners(Brightness):
        def compute(self, batch: Batch) -> np.ndarray:
            return np.stack([grey[0, :3] for grey in batch.views["grey"]]).astype(np.float32)

    store = picture_store(tmp_path, 8, broken=[0, 1, 2])
    score_pairs(store, {"corners": Corners()}, batch_rows=2, part_rows=2)
    vectors = read_embeddings(store, "corners")
    assert vectors.shape == (8, 3)
    assert np.isnan(vectors[:3]).all()
    np.testing.assert_array_equal(vectors[5], np.asarray(smooth_picture(5).convert("L"))[0, :3])
    assert sidecar_names(store, "scores") == []
    assert score_pairs(store, {"corners": Corners()})["corners"].computed == 0


def test_a_judge_that_has_gone_stops_the_run_and_parts_stay(tmp_path: Path) -> None:
    class Gone(Length):
        def compute(self, batch: Batch) -> np.ndarray:
            if "picture 8" in batch.captions:
                raise WriterUnavailable("the server has gone")
            return super().compute(batch)

    store = picture_store(tmp_path, 10)
    with pytest.raises(WriterUnavailable):
        score_pairs(store, {"length": Gone()}, batch_rows=2, part_rows=2)
    counted = score_pairs(store, {"length": Length()}, batch_rows=2)["length"]
    assert (counted.computed, counted.scored) == (2, 10)


@pytest.mark.parametrize("crash_at", ["rows-made:1", "renamed:1", "rows-made:2", "renamed:2"])
def test_killed_and_resumed_is_as_never_killed(tmp_path: Path, crash_at: str) -> None:
    whole = picture_store(tmp_path / "whole", 20)
    score_pairs(whole, {"brightness": Brightness(), "length": Length()}, batch_rows=3, part_rows=6)
    store = picture_store(tmp_path / "killed", 20)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pairsmith.curation.scoring"])
    process = context.Process(target=score_until_crash, args=(store.folder, crash_at))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    kept = {"rows-made:1": 0, "renamed:1": 6, "rows-made:2": 6, "renamed:2": 12}[crash_at]
    again = Brightness()
    score_pairs(PairStore(store.folder), {"brightness": again, "length": Length()}, batch_rows=4, part_rows=5)
    assert len(again.computed) == 20 - kept
    assert folder_bytes(store.folder) == folder_bytes(whole.folder)


def test_parts_of_other_settings_are_refused(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 10)
    with pytest.raises(KeyboardInterrupt):
        score_pairs(store, {"brightness": Brightness()}, batch_rows=2, part_rows=2, progress=_stop_after(6))
    with pytest.raises(InputError, match="unfinished score with other settings"):
        score_pairs(store, {"brightness": Brightness(version=1)})
    again = Brightness()
    score_pairs(store, {"brightness": again})
    assert len(again.computed) == 6


def test_progress_counts_rows(tmp_path: Path) -> None:
    calls: list[tuple[int, int, int]] = []
    store = picture_store(tmp_path, 10, broken=[9])
    score_pairs(store, {"brightness": Brightness()}, batch_rows=4, progress=lambda *told: calls.append(told))
    assert calls == [(0, 10, 0), (4, 10, 0), (8, 10, 0), (10, 10, 1)]


def _stop_after(rows: int):
    def progress(done: int, total: int, failed: int) -> None:
        if done >= rows:
            raise KeyboardInterrupt

    return progress


def test_workers_give_the_bytes_of_one_process(tmp_path: Path) -> None:
    alone = picture_store(tmp_path / "alone", 20, broken=[3])
    shared = picture_store(tmp_path / "shared", 20, broken=[3])
    sharpness = Sharpness(BlurSettings(), SharedModels())
    for store, execution in ((alone, Execution()), (shared, Execution(workers=2))):
        summary = score_pairs(store, {"blur": sharpness}, part_rows=6, execution=execution)["blur"]
        assert (summary.scored, summary.failed) == (19, 1)
    assert folder_bytes(alone.folder) == folder_bytes(shared.folder)


def test_too_many_rows_without_a_score_stop_the_run(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 20, broken=[1, 8, 9])
    with pytest.raises(TooManyFailures, match="3 of 20 rows have failed, and 2 may"):
        score_pairs(store, {"blur": Brightness()}, part_rows=5, execution=Execution(max_failures=FailureBudget(rows=2)))
    again = Brightness()
    score_pairs(store, {"blur": again}, part_rows=5)
    assert len(again.computed) == 10  # the finished parts were kept


def test_vectors_are_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    width, rows = 20_000, 400
    monkeypatch.setattr(sidecars, "_GROUP_BYTES", 1 << 20)
    monkeypatch.setattr(sidecars, "_CHECKED_ROWS", 20)

    class Wide(Length):
        def compute(self, batch: Batch) -> np.ndarray:
            numbers = [float(caption.split()[-1]) for caption in batch.captions]
            return np.repeat(np.array(numbers, np.float32)[:, None], width, axis=1)

    pairs = [Pair(id=imported_id("x", str(n)), caption=f"picture {n}", generator="x") for n in range(rows)]
    store = PairStore.write(tmp_path, pairs, settings={})
    usual, watched = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    tracemalloc.start()
    pa.set_memory_pool(watched)
    try:
        score_pairs(store, {"wide": Wide()}, part_rows=20, batch_rows=20)
        score_pairs(store, {"wide": Wide()})  # finds all finished
        most = tracemalloc.get_traced_memory()[1] + watched.max_memory()
    finally:
        pa.set_memory_pool(usual)
        tracemalloc.stop()
    assert most < rows * width * 4 / 2  # half of all vectors
    found = read_embeddings(store, "wide")
    assert found.shape == (rows, width)
    assert (found[:, [0, -1]] == np.arange(rows)[:, None]).all()


class Corner(Length):
    """A vector of bytes, but for the pictures that are named."""

    def __init__(self, fails: str = "") -> None:
        super().__init__()
        self._fails = fails

    def compute(self, batch: Batch) -> np.ndarray:
        failures = {at: "no corner" for at, caption in enumerate(batch.captions) if caption.split()[-1] in self._fails}
        if failures:
            raise ScoreFailures(np.full((len(batch.captions), 2), 7, np.uint8), failures)
        return np.full((len(batch.captions), 2), 7, np.uint8)


def test_a_vector_of_integers_is_nan_where_there_is_none(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 3)
    score_pairs(store, {"corner": Corner("1")})
    np.testing.assert_array_equal(read_embeddings(store, "corner"), [[7, 7], [np.nan, np.nan], [7, 7]])


def test_vectors_that_all_failed_at_first_are_finished_once_they_are_there(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 3)
    with pytest.raises(NothingScored):
        score_pairs(store, {"corner": Corner("012")})
    assert sidecar_names(store) == ["corner"]
    summary = score_pairs(store, {"corner": Corner()}, execution=Execution(retry_failed=True))["corner"]
    assert (summary.scored, summary.failed) == (3, 0)
    assert sidecar_names(store) == []
    assert (read_embeddings(store, "corner") == 7).all()
    again = score_pairs(store, {"corner": Corner()})["corner"]
    assert (again.scored, again.computed) == (3, 0)
