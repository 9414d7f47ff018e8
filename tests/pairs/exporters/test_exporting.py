"""The one entrance: formats, options, selections and faults."""

from __future__ import annotations

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.exporters import EXPORTERS, export_pairs


@pytest.mark.parametrize("format", list(EXPORTERS))
def test_equal_stores_give_equal_exports(format, store, tmp_path):
    for name in ("1", "2"):
        assert export_pairs(store.folder, tmp_path / name, format) == tmp_path / name
    files = [
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("1", "2")
    ]
    assert files[0] == files[1]
    assert files[0]


@pytest.mark.parametrize("format", list(EXPORTERS))
def test_progress_and_selection(format, store, tmp_path):
    calls = []
    ids = [store.pair(index).id for index in (5, 0)]
    export_pairs(store, tmp_path / "out", format, ids=ids, progress=lambda *done: calls.append(done))
    assert calls == [(2, 2)]


def test_faults(store, tmp_path):
    with pytest.raises(InputError, match="'tfrecord' is none of webdataset, parquet, llava, coco"):
        export_pairs(store, tmp_path / "out", "tfrecord")
    with pytest.raises(InputError, match="did you mean 'samples_per_tar'"):
        export_pairs(store, tmp_path / "out", "webdataset", samples_per_tars=3)
    with pytest.raises(InputError, match="samples_per_tar"):
        export_pairs(store, tmp_path / "out", "webdataset", samples_per_tar=0)
    with pytest.raises(InputError, match="exists already"):
        export_pairs(store, store.folder, "coco")
    assert not (tmp_path / "out").exists()
