"""For any sizes, workers and kills, a store ends byte for byte as one worker would have made it undisturbed."""

from __future__ import annotations

import multiprocessing
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pairsmith.pairs import PairStore
from pairsmith.pairs.atomic import CRASH_POINTS
from pairsmith.pairs.verify import verify
from tests.execution.stages import run, run_until_crash
from tests.pairs.rows import folder_bytes

CRASHES = st.builds("{}:{}".format, st.sampled_from(CRASH_POINTS), st.integers(1, 6))
# Workers are fresh processes that import everything anew, so few of the examples have two.
WORKERS = st.sampled_from([1, 1, 1, 1, 1, 1, 1, 2])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    items=st.integers(1, 40),
    shard_rows=st.integers(1, 15),
    lives=st.lists(st.tuples(CRASHES, st.integers(1, 9), WORKERS), max_size=4),
    last_batch=st.integers(1, 9),
)
def test_any_kills_leave_the_store_of_an_undisturbed_run(
    items: int, shard_rows: int, lives: list[tuple[str, int, int]], last_batch: int
) -> None:
    captions = [f"caption {number}" for number in range(items)]  # some of which fail
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pairsmith.execution.stage"])
    with tempfile.TemporaryDirectory() as undisturbed, tempfile.TemporaryDirectory() as killed:
        run(Path(undisturbed), items=captions, shard_rows=shard_rows, batch_rows=1)
        ids = PairStore(undisturbed).ids(None)
        for crash_at, batch_rows, workers in lives:
            changes = {"items": captions, "shard_rows": shard_rows, "batch_rows": batch_rows, "workers": workers}
            process = context.Process(target=run_until_crash, args=(Path(killed), crash_at), kwargs=changes)
            process.start()
            process.join()
            if (Path(killed) / "manifest.json").is_file():  # what can be seen is whole, and in its place
                assert set(PairStore(killed, partial=True).ids(None)) <= set(ids)
                assert {problem.kind for problem in verify(killed).problems} <= {"temporary", "unlisted"}
        run(Path(killed), items=captions, shard_rows=shard_rows, batch_rows=last_batch)
        assert folder_bytes(Path(killed)) == folder_bytes(Path(undisturbed))
        assert verify(killed).problems == ()
