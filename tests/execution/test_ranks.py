"""Several processes that make one store: every shard once, by its owner, and the last one seals."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.execution import Rank
from pairsmith.pairs import PairStore, work_folder
from pairsmith.pairs.joint_writer import JointWriter
from pairsmith.pairs.lock import FolderBusy
from pairsmith.pairs.verify import verify
from pairsmith.pairs.work_folder import WORK_FOLDER, WorkFolder
from pairsmith.pairs.writer import make_shard
from tests.execution.stages import OPTIONS, run, run_until_crash
from tests.pairs.rows import folder_bytes, make_pairs

SMALL = {"shard_rows": 3}  # 8 shards


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("whole")
    run(folder, **SMALL)
    return folder_bytes(folder)


def run_rank(out: Path, number: int, world: int, crash_at: str = "") -> None:
    run_until_crash(out, crash_at, execution={"rank": Rank(number, world)}, **SMALL)


def begin(out: Path, number: int, world: int, crash_at: str = "") -> multiprocessing.process.BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pairsmith.execution.stage"])
    process = context.Process(target=run_rank, args=(out, number, world, crash_at))
    process.start()
    return process


def test_each_rank_makes_its_own_and_the_last_one_seals(tmp_path: Path, whole: dict[str, str]) -> None:
    first = run(tmp_path, execution={"rank": Rank(1, 2)}, **SMALL)
    assert not first.manifest.complete
    assert sorted(first.manifest.indices()) == [1, 3, 5, 7]
    with pytest.raises(InputError, match="unfinished"):
        PairStore(tmp_path)
    second = run(tmp_path, execution={"rank": Rank(0, 2)}, **SMALL)
    assert second.manifest.complete
    assert folder_bytes(tmp_path) == whole
    assert run(tmp_path, execution={"rank": Rank(0, 2)}, **SMALL).manifest.complete


def test_ranks_at_the_same_time_make_the_bytes_of_one_process(tmp_path: Path, whole: dict[str, str]) -> None:
    ranks = [begin(tmp_path, *place) for place in ((0, 2), (1, 2), (1, 2), (0, 3))]  # the last two are rivals
    for rank in ranks:
        rank.join()
        assert rank.exitcode == 0
    assert PairStore(tmp_path).manifest.complete
    assert folder_bytes(tmp_path) == whole
    assert not (tmp_path / WORK_FOLDER).exists()


@pytest.mark.parametrize("crash_at", ["staged:5", "renamed:3", "manifest-written:3", "rows-made:1"])
def test_a_killed_rank_is_made_good_by_itself_or_by_a_plain_run(
    tmp_path: Path, whole: dict[str, str], crash_at: str
) -> None:
    for name, last in (("rank", {"execution": {"rank": Rank(0, 2)}}), ("plain", {})):
        out = tmp_path / name
        killed = begin(out, 0, 2, crash_at)
        killed.join()
        assert killed.exitcode == -signal.SIGKILL
        run(out, execution={"rank": Rank(1, 2)}, **SMALL)
        run(out, **last, **SMALL)
        assert folder_bytes(out) == whole
        assert verify(out).problems == ()


def test_a_shard_has_one_owner_and_the_second_to_come_loses(tmp_path: Path) -> None:
    about = {"shards": 1, "settings": {}, "num_tokens": 6}
    with JointWriter(tmp_path, **about) as one, JointWriter(tmp_path, **about) as other:
        assert one.claim(0)
        assert not other.claim(0)
        for writer, count in ((one, 3), (other, 2)):  # a worker of `other` that was given up for dead goes on
            staged = writer.work_folder / f"made-{count}"
            staged.mkdir()
            writer.publish(make_shard(staged, 0, make_pairs(count), 6, staged=True), staged)
    assert [shard.rows for shard in PairStore(tmp_path).manifest.shards] == [3]
    assert verify(tmp_path).problems == ()


def test_a_plain_run_and_ranks_keep_out_of_each_other_s_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairsmith.pairs.joint_writer._PATIENCE", 0.2)
    about = {"settings": OPTIONS["settings"], "inputs": OPTIONS["inputs"], "num_tokens": 3}
    layout = {"items": 23, "shard_rows": 3}
    with JointWriter(tmp_path, shards=8, layout=layout, **about), pytest.raises(FolderBusy, match="another process"):
        run(tmp_path, **SMALL)
    from pairsmith.pairs import PairWriter

    with PairWriter(tmp_path, layout=layout, **about), pytest.raises(FolderBusy, match="another process"):
        run(tmp_path, execution={"rank": Rank(0, 2)}, **SMALL)


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    mine = WorkFolder(tmp_path)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_claim_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert mine.claim(3)
    mine.leave()
    assert not (tmp_path / WORK_FOLDER).exists()


def _claim_and_die(folder: Path) -> None:
    assert WorkFolder(folder).claim(3)
    os.kill(os.getpid(), signal.SIGKILL)


def test_one_who_leaves_spares_a_folder_that_another_is_removing(tmp_path: Path) -> None:
    leaving = WorkFolder(tmp_path)
    (tmp_path / WORK_FOLDER / "writers.lock").unlink()  # the other's last file; a third writer may come in at once
    (tmp_path / WORK_FOLDER / "made-by-a-third").mkdir()
    leaving.leave()
    assert (tmp_path / WORK_FOLDER / "made-by-a-third").is_dir()


def test_one_who_leaves_spares_a_folder_that_was_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaving = WorkFolder(tmp_path)
    newcomers: list[WorkFolder] = []
    can_lock = work_folder._can_lock

    def exchange(descriptor: int) -> bool:
        """Another who leaves takes the folder away, and a newcomer makes one, between opening and locking."""
        if not newcomers:
            shutil.rmtree(tmp_path / WORK_FOLDER)
            newcomers.append(WorkFolder(tmp_path))
            assert newcomers[0].claim(3)
        return can_lock(descriptor)

    monkeypatch.setattr(work_folder, "_can_lock", exchange)
    leaving.leave()
    late = WorkFolder(tmp_path)
    assert not late.claim(3)  # the newcomer still is its one owner
    for one in (late, newcomers[0]):
        one.leave()
    assert not (tmp_path / WORK_FOLDER).exists()


def test_a_work_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / WORK_FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link"):
        WorkFolder(tmp_path / "store")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_ranks_come_from_options_or_from_the_launcher() -> None:
    array = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1"}
    array["SLURM_ARRAY_TASK_STEP"] = "2"  # --array=1-7:2
    torchrun = {"RANK": "1", "WORLD_SIZE": "2"}
    assert Rank.parse(None, None, array) is None  # never without being asked
    assert Rank.parse("1", 3, array) == Rank(1, 3)
    assert Rank.parse("auto", None, array) == Rank(3, 4)
    assert Rank.parse("auto", None, torchrun) == Rank(1, 2)
    assert Rank.parse("auto", None, array | torchrun) == Rank(7, 8)
    for rank, world, words in (
        ("2", 2, "ranks go from 0"),
        ("x", 2, "give a number from 0, or auto"),
        ("\u00b2", 2, "give a number from 0, or auto"),
        ("1", None, "needs --world"),
        (None, 2, "give --rank too"),
        ("auto", 2, "leave out --world"),
        ("auto", None, "neither SLURM_ARRAY_TASK_ID"),
    ):
        with pytest.raises(InputError, match=words):
            Rank.parse(rank, world, {})
    for lacking in ("RANK", "WORLD_SIZE"):  # half of torchrun's beside a whole array
        with pytest.raises(InputError, match=f"{lacking} is not set"):
            Rank.parse("auto", None, array | {name: value for name, value in torchrun.items() if name != lacking})


def test_every_shard_belongs_to_one_rank() -> None:
    for world in (1, 2, 5):
        owners = [[rank for rank in range(world) if Rank(rank, world).owns(shard)] for shard in range(11)]
        assert {len(one) for one in owners} == {1}
