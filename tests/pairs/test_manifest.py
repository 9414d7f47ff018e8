from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.manifest import FORMAT_VERSION, Manifest, ShardEntry, shard_index, shard_name


def made(**changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "kind": "pairs",
        "settings": {"guidance": {"scale": 2.0}, "sizes": (1, 2)},
        "inputs": {"captions": "abc"},
        "tokenizer": "t",
        "num_tokens": 16,
        "layout": {"shard_rows": 10},
    }
    return Manifest.make(**(values | changes))


def entry(index: int) -> ShardEntry:
    return ShardEntry(name=shard_name(index), rows=10, bytes=100, sha256="0" * 64)


def test_saved_manifests_load_equal_and_with_equal_bytes(tmp_path: Path) -> None:
    manifest = made().with_shard(entry(1)).with_shard(entry(0))
    manifest.save(tmp_path)
    first = (tmp_path / "manifest.json").read_bytes()
    assert Manifest.load(tmp_path) == manifest
    Manifest.load(tmp_path).save(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == first
    assert [shard.name for shard in manifest.shards] == ["part-00000.parquet", "part-00001.parquet"]


def test_shard_names_and_indices_belong_together() -> None:
    for index in (0, 7, 99_999, 100_000):
        assert shard_index(shard_name(index)) == index
    for name in ("part-1.parquet", "part-00001.parquet.tmp-3", "part-000001.parquet", "x.parquet"):
        assert shard_index(name) is None


def test_shards_beyond_five_digits_stay_in_order() -> None:
    manifest = made()
    for index in (100_000, 99_999, 20):
        manifest = manifest.with_shard(entry(index))
    assert [shard_index(shard.name) for shard in manifest.shards] == [20, 99_999, 100_000]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {"guidance": {"scale": 3.0}, "sizes": [1, 2]}}, "guidance.scale (was 2.0, now 3.0)"),
        ({"settings": {"sizes": [1, 2]}}, "guidance (was {'scale': 2.0}, now 'absent')"),
        ({"inputs": {"captions": "abd"}}, "inputs.captions (was 'abc', now 'abd')"),
        ({"tokenizer": None}, "tokenizer (was 't', now None)"),
        ({"num_tokens": 4}, "num_tokens (was 16, now 4)"),
        ({"kind": "captions"}, "kind (was 'pairs', now 'captions')"),
        ({"layout": {"shard_rows": 5}}, "layout.shard_rows (was 10, now 5)"),
    ],
)
def test_the_first_difference_is_named(changes: dict[str, Any], words: str) -> None:
    assert made().difference(made(**changes)) == words


def test_tuples_and_lists_are_the_same_settings() -> None:
    assert made().difference(made(settings={"sizes": [1, 2], "guidance": {"scale": 2.0}})) is None


def test_how_rows_fall_to_shards_is_not_part_of_the_fingerprint() -> None:
    assert made().fingerprint == made(layout={}).fingerprint != made(num_tokens=4).fingerprint


def test_settings_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(InputError, match="not plain JSON"):
        made(settings={"a": object()})


def test_a_newer_format_is_refused_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"format_version": FORMAT_VERSION + 1, "unheard": "of"}))
    with pytest.raises(InputError, match="format_version 2, this Pairsmith reads up to 1"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "no format_version"),
        ("{}", "no format_version"),
        ('{"format_version": 1, "shards": [{"name": "part-00000.parquet"}]}', "'shards.0.rows' is wrong"),
        ('{"format_version": 1, "num_tokens": 4294967296}', "'num_tokens' is wrong"),
        ('{"format_version": 1, "shards": [{"name": "part-00000.parquet", "rows": 1e30}]}', "'shards.0.rows' is wrong"),
        ("[" * 200_000, "cannot be read"),
        ('{"format_version": 1, "extra": 2}', "'extra' is wrong"),
    ],
)
def test_unreadable_manifests_are_explained(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=words):
        Manifest.load(tmp_path)


def test_settings_changed_by_hand_are_noticed(tmp_path: Path) -> None:
    made().save(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"scale": 2.0', '"scale": 3.0'))
    with pytest.raises(InputError, match="changed by hand"):
        Manifest.load(tmp_path)


def test_a_folder_without_manifest_is_no_store(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="is not a pair store"):
            Manifest.load(folder)


@pytest.mark.parametrize("name", ["../canary.txt", "/etc/hostname", "canary.txt", "", "a\0b", "\ud800", "x" * 300])
def test_a_manifest_names_shards_and_no_other_file(tmp_path: Path, name: str) -> None:
    made().with_shard(entry(0)).save(tmp_path)
    path = tmp_path / "manifest.json"
    content = json.loads(path.read_text())
    content["shards"][0]["name"] = name
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="is not the name of a shard"):
        Manifest.load(tmp_path)


def test_a_shard_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    made().model_copy(update={"shards": (entry(0), entry(0))}).save(tmp_path)
    with pytest.raises(InputError, match="names a shard twice"):
        Manifest.load(tmp_path)


def test_settings_that_no_file_can_hold_are_noticed(tmp_path: Path) -> None:
    made().save(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"captions": "abc"', '"captions": "\\ud800"'))
    with pytest.raises(InputError, match="was changed by hand"):
        Manifest.load(tmp_path)
