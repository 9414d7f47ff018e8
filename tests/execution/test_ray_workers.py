"""Ray's actors: the bytes of one process, whoever is killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pairsmith.errors import InputError, PairsmithError
from pairsmith.execution import RowFactory
from pairsmith.execution.ray_workers import RayPool, check_ray
from pairsmith.pairs import Pair, PairStore
from tests.execution.seen_gpus import VARIABLE, ask, build_seen_gpus
from tests.execution.stages import build_broken, build_dying_once, run
from tests.pairs.rows import folder_bytes

ray = pytest.importorskip("ray", reason="Ray is not installed")

ROOT = Path(__file__).parents[2]
ON_RAY = {"executor": "ray"}


def make_rows_holding(lock: Any, captions: Sequence[str]) -> list[Pair]:
    return []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("whole")
    run(folder)
    return folder_bytes(folder)


@pytest.fixture(scope="module")
def cluster(whole: dict[str, str]):  # type: ignore[no-untyped-def]
    """One small cluster for all tests, that workers of the tests' modules can be sent to."""
    ray.init(
        address="local",
        num_cpus=3,
        num_gpus=2,  # Ray believes it
        include_dashboard=False,
        object_store_memory=80 * 2**20,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}},
    )
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_actors_make_the_bytes_of_one_process(tmp_path: Path, whole: dict[str, str]) -> None:
    run(tmp_path, workers=2, execution=ON_RAY)
    assert folder_bytes(tmp_path) == whole


@pytest.mark.usefixtures("cluster")
def test_an_actor_killed_once_costs_its_shard_s_time_and_nothing_else(tmp_path: Path, whole: dict[str, str]) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    run(tmp_path / "out", make_rows=RowFactory(partial(build_dying_once, notes)), workers=2, execution=ON_RAY)
    assert (notes / "killed").exists()
    assert folder_bytes(tmp_path / "out") == whole
    made = [path.name.rpartition("-")[0] for path in notes.glob("caption *")]
    assert {caption for caption in made if made.count(caption) > 1} <= {f"caption {number}" for number in range(10, 20)}


@pytest.mark.usefixtures("cluster")
def test_each_actor_has_a_gpu_of_its_own_and_no_more_actors_are_ready_than_there_are_gpus() -> None:
    with closing(RayPool(build_seen_gpus, 3, cuda=True)) as pool:
        assert sorted(ask(pool, 3, ready=2).values()) == ["0", "1"]
        waiting = [number for number in range(3) if number in pool._pending.values()]
        assert len(waiting) == 1
        assert ray.available_resources().get("GPU", 0) == 0


@pytest.mark.usefixtures("cluster")
def test_what_cannot_be_opened_or_sent_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="the model's folder is missing"):
        run(tmp_path, make_rows=RowFactory(build_broken), workers=2, execution=ON_RAY)
    with pytest.raises(PairsmithError, match="cannot be sent to workers"):
        run(tmp_path, make_rows=partial(make_rows_holding, threading.Lock()), workers=2, execution=ON_RAY)


def test_a_killed_driver_is_started_again_and_completes(tmp_path: Path, whole: dict[str, str]) -> None:
    code = (
        "import sys; from functools import partial; from pathlib import Path\n"
        "from pairsmith.execution import RowFactory\n"
        "from tests.execution.stages import build_slow_after, run\n"
        "run(Path(sys.argv[1]), make_rows=RowFactory(partial(build_slow_after, 'caption 9')), workers=2,\n"
        "    execution={'executor': 'ray'})"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    environment.pop("RAY_ADDRESS", None)
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", code, str(out)], cwd=ROOT, env=environment) as driver:
        for _ in range(1200):
            if (out / "manifest.json").exists() and PairStore(out, partial=True).manifest.shards:
                break
            assert driver.poll() is None
            time.sleep(0.1)
        driver.send_signal(signal.SIGKILL)
    assert not PairStore(out, partial=True).manifest.complete
    run(out)
    assert folder_bytes(out) == whole


def test_a_ray_of_this_machine_without_a_gpu_is_told_and_not_waited_for() -> None:
    code = (
        "from pairsmith.errors import InputError\n"
        "from pairsmith.execution.ray_workers import RayPool\n"
        "from tests.execution.seen_gpus import build_seen_gpus\n"
        "try: RayPool(build_seen_gpus, 1, cuda=True)\n"
        "except InputError as error: print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), VARIABLE: ""}
    environment.pop("RAY_ADDRESS", None)
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert told.stdout.startswith("Ray finds no GPU on this machine: use --device cpu"), told.stderr


def test_a_machine_without_ray_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'pairsmith\[ray\]'"):
        check_ray()
