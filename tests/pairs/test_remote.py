"""Stores at addresses: on `memory://`, which stands for an object store, and on `file://`, which is a plain folder."""

from __future__ import annotations

import pickle
import uuid
from pathlib import Path

import fsspec
import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore, PairWriter
from pairsmith.pairs.feed import Feed, PairSource
from pairsmith.pairs.garbage import find_garbage, remove_garbage
from pairsmith.pairs.remote import RemotePath, as_folder
from pairsmith.pairs.scores import read_scores, sidecar_names, write_scores
from pairsmith.pairs.verify import repair, verify
from tests.pairs.rows import folder_bytes, make_pairs

OPTIONS = {"settings": {"a": 1}, "shard_rows": 10}


@pytest.fixture
def address() -> str:
    """A folder of its own; memory file systems last as long as the process."""
    return f"memory://bucket-{uuid.uuid4().hex}/store"


def remote_bytes(address: str) -> dict[str, bytes]:
    system, place = fsspec.core.url_to_fs(address)
    return {Path(name).name: system.cat_file(name) for name in system.find(place)}


def test_a_store_in_memory_has_the_bytes_of_one_on_the_disk(address: str, tmp_path: Path) -> None:
    remote = PairStore.write(address, make_pairs(24), **OPTIONS)
    local = PairStore.write(tmp_path / "store", make_pairs(24), **OPTIONS)
    assert remote_bytes(address) == {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    assert list(remote.iter_pairs()) == list(local.iter_pairs())
    assert remote.take([23, 0]).equals(local.take([23, 0]))
    assert remote.fingerprint == local.fingerprint
    assert str(remote.folder) == address


def test_it_feeds_verifies_and_keeps_scores(address: str) -> None:
    store = PairStore.write(address, make_pairs(24), **OPTIONS)
    write_scores(store, "clip", store.ids(), np.arange(24), {})
    assert sidecar_names(PairStore(address)) == ["clip"]
    assert read_scores(PairStore(address), "clip").tolist() == list(range(24))
    assert len(Feed(PairSource(store, ["caption"]), 8, seed=0).batch(0)["caption"]) == 8
    assert len(pickle.loads(pickle.dumps(store))) == 24
    assert verify(address).problems == ()


def test_only_what_the_manifest_names_counts_there_too(address: str) -> None:
    with PairWriter(address, settings={"a": 1}, layout={"shard_rows": 10}) as writer:
        writer.write_shard(0, make_pairs(10))
        assert len(PairStore(address, partial=True)) == 10
        (as_folder(address) / "part-00001.parquet").system.pipe_file(f"{writer.folder.place}/part-00001.parquet", b"x")
    assert len(PairStore(address, partial=True)) == 10
    assert [one.kind for one in find_garbage(address)] == ["unlisted"]
    assert len(remove_garbage(address)) == 1
    PairStore.write(address, make_pairs(24), **OPTIONS)
    assert verify(address).problems == ()


def test_a_put_that_fails_leaves_what_was_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PairStore.write(address, make_pairs(10), **OPTIONS)
    before = remote_bytes(address)

    def broken(self: RemotePath, local: Path) -> None:
        raise OSError("the line is dead")

    monkeypatch.setattr(RemotePath, "put", broken)
    with pytest.raises(InputError, match=r"memory://.*scores/clip\.parquet: cannot be written \(the line is dead\)"):
        write_scores(PairStore(address), "clip", PairStore(address).ids(), np.zeros(10), {})
    assert remote_bytes(address) == before


def test_damage_is_found_and_made_again(address: str) -> None:
    PairStore.write(address, make_pairs(24), **OPTIONS)
    before = remote_bytes(address)
    system, place = fsspec.core.url_to_fs(address)
    system.pipe_file(f"{place}/part-00001.parquet", before["part-00001.parquet"][:-1])
    with pytest.raises(InputError, match=r"part-00001\.parquet is torn"):
        PairStore(address)
    repair(address)
    PairStore.write(address, make_pairs(24), **OPTIONS)
    assert remote_bytes(address) == before


def test_a_missing_lock_is_told(address: str, caplog: pytest.LogCaptureFixture) -> None:
    PairStore.write(address, make_pairs(3), **OPTIONS)
    assert "object storage has no locks" in caplog.text


def test_file_addresses_are_plain_folders(tmp_path: Path) -> None:
    store = PairStore.write(f"file://{tmp_path}/store", make_pairs(12), **OPTIONS)
    assert store.folder == tmp_path / "store"
    assert folder_bytes(tmp_path / "store") == folder_bytes(PairStore(tmp_path / "store").folder)


def test_an_address_that_went_through_a_path_is_still_one(address: str) -> None:
    PairStore.write(address, make_pairs(3), **OPTIONS)
    assert len(PairStore(Path(address))) == 3  # as commands hand it over: memory:/bucket/store


@pytest.mark.parametrize("name", ["store", "/a/b", "C:/a", "a:b", "../x"])
def test_other_names_are_local(name: str) -> None:
    assert as_folder(name) == Path(name)


def test_unknown_schemes_are_refused() -> None:
    with pytest.raises(InputError, match=r"nowhere://a/b: cannot be reached"):
        PairStore("nowhere://a/b")
    with pytest.raises(InputError, match="is not a pair store"):
        PairStore("memory://empty/store")
