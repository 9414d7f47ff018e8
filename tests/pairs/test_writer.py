from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore, PairWriter
from pairsmith.pairs.atomic import HashingFile
from pairsmith.pairs.schema import pairs_to_table
from tests.pairs.rows import NUM_TOKENS, folder_bytes, make_pairs

SETTINGS = {"model": {"steps": 8}}


def open_writer(folder: Path, **changes: Any) -> PairWriter:
    values: dict[str, Any] = {"settings": SETTINGS, "inputs": {"captions": "abc"}, "num_tokens": NUM_TOKENS}
    return PairWriter(folder, **(values | changes))


def test_shards_in_any_order_and_in_any_form_make_the_same_store(tmp_path: Path) -> None:
    pairs = make_pairs(30)
    with open_writer(tmp_path / "a") as writer:
        assert writer.missing(3) == [0, 1, 2]
        for index in range(3):
            writer.write_shard(index, pairs[index * 10 : (index + 1) * 10])
        writer.seal()
    with open_writer(tmp_path / "b") as writer:
        for index in (2, 0, 1):
            writer.write_shard(index, pairs_to_table(pairs[index * 10 : (index + 1) * 10]))
        writer.seal()
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    assert sorted(os.listdir(tmp_path / "a")) == [
        "README.md",
        "manifest.json",
        *(f"part-0000{index}.parquet" for index in range(3)),
    ]
    assert list(PairStore(tmp_path / "a").iter_pairs()) == pairs


def test_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.write_shard(1, make_pairs(2))
        assert writer.missing(3) == [0, 2]
    with open_writer(tmp_path) as writer:
        assert writer.missing(3) == [0, 2]
        with pytest.raises(InputError, match="has a shard 1, but only 1 shards"):
            writer.missing(1)
        with pytest.raises(InputError, match=r"cannot be sealed: shards \[0\] are missing"):
            writer.seal()


def test_a_sealed_store_is_not_written_to(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.write_shard(0, make_pairs(2))
        writer.seal()
    before = folder_bytes(tmp_path)
    with open_writer(tmp_path) as writer:
        assert writer.complete
        assert writer.missing(1) == []
        with pytest.raises(InputError, match="complete"):
            writer.write_shard(0, make_pairs(2))
    assert folder_bytes(tmp_path) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {"model": {"steps": 9}}}, r"model.steps \(was 8, now 9\)"),
        ({"inputs": {"captions": "x"}}, "inputs.captions"),
        ({"num_tokens": 9}, "num_tokens"),
        ({"tokenizer": "t"}, "tokenizer"),
        ({"kind": "captions"}, "kind"),
    ],
)
def test_a_store_made_otherwise_is_refused_and_left_alone(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with open_writer(tmp_path) as writer:
        writer.write_shard(0, make_pairs(2))
    before = folder_bytes(tmp_path)
    with pytest.raises(InputError, match=words):
        open_writer(tmp_path, **changes)
    assert folder_bytes(tmp_path) == before
    open_writer(tmp_path).close()  # and the refusal holds no lock


def test_orphans_are_swept_and_unlisted_shards_made_again(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        entry = writer.write_shard(0, make_pairs(2))
    (tmp_path / "part-00001.parquet").write_bytes(b"renamed, but its writer died before the manifest was written")
    (tmp_path / "part-00002.parquet.tmp-999").write_bytes(b"half")
    with open_writer(tmp_path) as writer:
        assert writer.missing(2) == [1]
        assert not (tmp_path / "part-00002.parquet.tmp-999").exists()
        again = writer.write_shard(1, make_pairs(2))
        writer.seal()
    assert again.sha256 == entry.sha256
    assert len(PairStore(tmp_path)) == 4


def test_two_writers_of_one_folder_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with open_writer(tmp_path), pytest.raises(InputError, match="another process"):
        open_writer(tmp_path)
    open_writer(tmp_path).close()


def test_shards_without_a_manifest_are_not_adopted(tmp_path: Path) -> None:
    (tmp_path / "part-00000.parquet").touch()
    with pytest.raises(InputError, match=r"holds shards but no manifest\.json"):
        open_writer(tmp_path)


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        open_writer(tmp_path / "file")


def test_a_full_disk_costs_only_the_shard_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_writer(tmp_path / "whole") as writer:
        writer.write_shard(0, make_pairs(9))
        writer.write_shard(1, make_pairs(9))
        writer.seal()

    written = HashingFile.write

    def full(self: HashingFile, data: bytes) -> int:
        if self.bytes_written + len(data) > 2000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written(self, data)

    writer = open_writer(tmp_path / "cut")
    writer.write_shard(0, make_pairs(9))
    before = folder_bytes(tmp_path / "cut")
    with monkeypatch.context() as patch:
        patch.setattr(HashingFile, "write", full)
        with pytest.raises(InputError, match=r"part-00001.parquet: no space left"):
            writer.write_shard(1, make_pairs(9))
    assert folder_bytes(tmp_path / "cut") == before
    writer.write_shard(1, make_pairs(9))
    writer.seal()
    assert folder_bytes(tmp_path / "cut") == folder_bytes(tmp_path / "whole")


# Writes shards until the disk is full, and tells the error.
_FILL = """
import sys, resource
from pathlib import Path
from pairsmith.errors import InputError
from tests.pairs.rows import make_pairs
from tests.pairs.test_writer import open_writer
writer = open_writer(Path(sys.argv[1]))
writer.write_shard(0, make_pairs(40))
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    for index in range(1, 100):
        writer.write_shard(index, make_pairs(400))
except InputError as error:
    print(error)
"""


def fill(folder: Path, *arguments: str) -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(folder), *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout


def check_filled(folder: Path) -> None:
    assert not [name for name in os.listdir(folder) if ".tmp" in name]
    store = PairStore(folder, partial=True)
    assert store.take([0, 39]).num_rows == 2


def test_a_limit_on_the_size_of_files_is_survived(tmp_path: Path) -> None:
    assert "no space left" in fill(tmp_path / "store", "30000")
    check_filled(tmp_path / "store")


def test_a_really_full_disk_is_survived(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        assert "no space left" in fill(disk / "store")
        check_filled(disk / "store")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_rows_that_do_not_fit_leave_no_trace(tmp_path: Path) -> None:
    with open_writer(tmp_path, num_tokens=NUM_TOKENS + 1) as writer:
        before = folder_bytes(tmp_path)
        with pytest.raises(InputError, match="6 tokens, but this store is for 7"):
            writer.write_shard(0, make_pairs(2))
    assert folder_bytes(tmp_path) == before
