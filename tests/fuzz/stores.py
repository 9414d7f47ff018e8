"""Wrong stores: a right one with its manifest, a shard or a sidecar replaced."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.manifest import Manifest
from pairsmith.pairs.scores import read_embeddings, read_score_column, read_selection, write_embeddings, write_scores
from pairsmith.pairs.verify import repair, verify
from tests.fuzz.mutations import NAMES, Random, mutate_bytes, mutate_json
from tests.fuzz.target import check_pair, picture


def _pairs() -> list[Pair]:
    return [
        Pair(
            id=imported_id("fuzz", str(number)),
            caption=f"caption {number}",
            references=("a", "b"),
            image=picture(number),
            image_path=f"{number}.png",
            tokens=np.arange(4) + number,
            seed=number,
        )
        for number in range(12)
    ]


class StoreTarget:
    """A store of two shards with one of its files replaced."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def template(self, folder: Path) -> dict[str, bytes]:
        """The right files, made once."""
        if not self.files:
            made = folder / "template"
            store = PairStore.write(made, _pairs(), settings={"a": [1, {"b": None}]}, shard_rows=8, num_tokens=4)
            write_scores(
                store, "clip", store.ids(), np.arange(12.0), {"model": "x"}, reasons=[None] * 12, twins=store.ids()
            )
            write_embeddings(store, "dino", store.ids(), np.ones((12, 3)), {})
            self.files = {
                str(path.relative_to(made)): path.read_bytes() for path in sorted(made.rglob("*")) if path.is_file()
            }
            shutil.rmtree(made)
        return self.files

    def write(self, folder: Path, **changed: bytes) -> Path:
        """A copy of the store with changed files (names with `_` for `.`)."""
        for name, data in {**self.files, **changed}.items():
            path = folder / "store" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder / "store"


STORE = StoreTarget()


def make_manifest(draw: Random) -> bytes:
    """A manifest with wrong values; half of them with the fingerprint that fits."""
    content = json.loads(STORE.files["manifest.json"])
    if draw.random() < 0.2:
        shard = draw.choice(content["shards"])
        shard["name"] = draw.choice(NAMES)
        shard["bytes"] = draw.choice([shard["bytes"], 0, -1])
        return json.dumps(content).encode("utf-8", "surrogatepass")
    data = mutate_json(content, draw)
    if draw.random() < 0.5:  # somebody who knows the format makes the fingerprint fit
        try:
            changed = json.loads(data)
            changed["fingerprint"] = Manifest.model_validate(changed).origin_fingerprint()
            data = json.dumps(changed).encode()
        except (ValueError, TypeError, RecursionError):
            pass
    return data


def feed_manifest(data: bytes, folder: Path, draw: Random) -> int:
    """Verify, perhaps repair, and read a store with this manifest."""
    store = STORE.write(folder, **{"manifest.json": data})
    report = verify(store)
    if draw.random() < 0.3:
        repair(store, retry_failed=draw.random() < 0.5)
    opened = PairStore(store, partial=True)
    return report.rows * 0 + _read_store(opened)


def _read_store(store: PairStore) -> int:
    store.counts()
    rows = sum(check_pair(pair) for pair in store.iter_pairs(status=None))
    store.positions(store.ids())
    if len(store):
        store.take([0, len(store) - 1])
        store.pair(0)
        store.column_matrix("tokens")
    return rows


def feed_shard(data: bytes, folder: Path, draw: Random) -> int:
    """Verify and read a store with this file for its first shard."""
    manifest = json.loads(STORE.files["manifest.json"])
    entry = manifest["shards"][0]
    entry["bytes"] = len(data)
    if draw.random() < 0.7:
        entry["sha256"] = hashlib.sha256(data).hexdigest()
    changed = {"part-00000.parquet": data, "manifest.json": json.dumps(manifest).encode()}
    store = STORE.write(folder, **changed)
    verify(store)
    return _read_store(PairStore(store))


def make_shard(draw: Random) -> bytes:
    """A shard with bytes turned."""
    return mutate_bytes(STORE.files[draw.choice(["part-00000.parquet", "part-00001.parquet"])], draw)


def feed_sidecar(data: bytes, folder: Path, draw: Random) -> int:
    """Read a store with this file for its scores, embeddings and selection."""
    store = PairStore(
        STORE.write(
            folder,
            **{"scores/clip.parquet": data, "embeddings/dino.parquet": data, "selections/best.parquet": data},
        )
    )
    refused = 0
    for read in (
        lambda: read_score_column(store, "clip"),
        lambda: read_embeddings(store, "dino"),
        lambda: read_selection(store, "best").positions(store),
    ):
        try:
            read()
        except InputError:
            refused += 1
    return 3 - refused


def make_sidecar(draw: Random) -> bytes:
    """A sidecar with bytes turned."""
    return mutate_bytes(STORE.files[draw.choice(["scores/clip.parquet", "embeddings/dino.parquet"])], draw)
