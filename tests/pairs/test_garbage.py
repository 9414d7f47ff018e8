from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import PairStore, PairWriter
from pairsmith.pairs.garbage import find_garbage, remove_garbage
from pairsmith.pairs.scores import write_scores
from pairsmith.pairs.verify import verify
from tests.pairs.rows import folder_bytes, make_pairs

LEFT = {
    "part-00001.parquet.tmp-77": "temporary",
    "part-00009.parquet": "unlisted",
    "scores/clip.parquet.tmp-4": "temporary",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = PairStore.write(tmp_path / "store", make_pairs(20), settings={"a": 1}, shard_rows=10)
    write_scores(store, "clip", store.ids(), np.zeros(20), {})
    return store.folder


def test_a_clean_store_has_none(folder: Path) -> None:
    assert find_garbage(folder) == []
    assert remove_garbage(folder) == []


def test_it_is_shown_before_and_only_it_goes(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    before = folder_bytes(folder)
    for name in LEFT:
        (folder / name).write_bytes(b"torn")
    found = find_garbage(folder)
    assert {str(one.path.relative_to(folder)): one.kind for one in found} == LEFT
    assert {one.bytes for one in found} == {4}
    assert all((folder / name).exists() for name in LEFT)
    assert remove_garbage(folder) == found
    assert folder_bytes(folder) == before
    assert verify(folder).ok


def test_a_folder_that_is_being_written_is_left_alone(folder: Path) -> None:
    pytest.importorskip("fcntl")
    (folder / "part-00009.parquet").write_bytes(b"just renamed, about to be listed")
    writer = PairWriter(folder, settings={"a": 1}, layout={"shard_rows": 10})
    with pytest.raises(InputError, match="another process"):
        remove_garbage(folder)
    writer.close()
    assert (folder / "part-00009.parquet").exists()


def test_another_folder_is_never_cleaned(tmp_path: Path) -> None:
    (tmp_path / "part-00001.parquet").touch()
    with pytest.raises(InputError, match="is not a pair store"):
        remove_garbage(tmp_path)
    assert (tmp_path / "part-00001.parquet").exists()
