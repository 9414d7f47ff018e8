"""What is fed with wrong inputs: every reader of files that come from outside, with right files to start from.

A reader may take an input or refuse it with an `InputError`; whatever else it raises is a fault.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, decode_image, encode_image, imported_id, load_pixels
from pairsmith.pairs.conversations import ConversationFile
from pairsmith.pairs.importers import import_pairs
from pairsmith.pairs.importers.importing import ImportSettings, open_source
from pairsmith.pairs.importers.rows import iter_rows
from pairsmith.pairs.manifest import Manifest
from pairsmith.pairs.scores import read_embeddings, read_score_column, read_selection, write_embeddings, write_scores
from pairsmith.pairs.verify import repair, verify
from tests.fuzz.mutations import (
    NAMES,
    Random,
    mutate_bytes,
    mutate_json,
    mutate_picture,
    mutate_tar,
    odd_table,
    parquet_bytes,
    random_bytes,
)

SECRET = encode_image(Image.new("RGB", (5, 3), (1, 2, 3)))
"""A picture outside of every source: rows must never hold it."""
Make = Callable[[Random], bytes]
Feed = Callable[[bytes, Path, Random], int]


@dataclass(frozen=True)
class Target:
    """One kind of input.

    Attributes:
        make: a wrong input from a generator.
        feed: reads it in an empty folder and returns the number of rows that came out.
    """

    make: Make
    feed: Feed


def picture(number: int, format: str = "PNG", side: int = 8) -> bytes:
    """A small picture of noise."""
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format)
    return out.getvalue()


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


def _often(part: float, one: Make, other: Make) -> Make:
    return lambda draw: one(draw) if draw.random() < part else other(draw)


def _rows(source: Path, folder: Path, draw: Random, format: str = "auto", **more: Any) -> int:
    """Import; every eighth time all the way into a store."""
    if draw.random() < 0.125:
        store = import_pairs(source, folder / "out", format, shard_rows=3, **more)
        return sum(_check(pair) for pair in store.iter_pairs(status=None))
    images = more.pop("images", None)
    settings = ImportSettings(format=format, captions=draw.choice(["pairs", "references"]), **more)
    opened = open_source(source, settings, images)
    opened.fingerprint()
    opened.total_rows(settings)
    return sum(_check(pair) for pair in iter_rows(opened, settings))


def _check(pair: Pair) -> int:
    if pair.image == SECRET:
        raise AssertionError("a row holds a picture from outside its source")
    return 1


# === Stores ===


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


def _make_manifest(draw: Random) -> bytes:
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


def _feed_manifest(data: bytes, folder: Path, draw: Random) -> int:
    store = STORE.write(folder, **{"manifest.json": data})
    report = verify(store)
    if draw.random() < 0.3:
        repair(store, retry_failed=draw.random() < 0.5)
    opened = PairStore(store, partial=True)
    return report.rows * 0 + _read_store(opened)


def _read_store(store: PairStore) -> int:
    store.counts()
    rows = sum(_check(pair) for pair in store.iter_pairs(status=None))
    store.positions(store.ids())
    if len(store):
        store.take([0, len(store) - 1])
        store.pair(0)
        store.column_matrix("tokens")
    return rows


def _feed_shard(data: bytes, folder: Path, draw: Random) -> int:
    manifest = json.loads(STORE.files["manifest.json"])
    entry = manifest["shards"][0]
    entry["bytes"] = len(data)
    if draw.random() < 0.7:
        entry["sha256"] = hashlib.sha256(data).hexdigest()
    changed = {"part-00000.parquet": data, "manifest.json": json.dumps(manifest).encode()}
    store = STORE.write(folder, **changed)
    verify(store)
    return _read_store(PairStore(store))


def _make_shard(draw: Random) -> bytes:
    return mutate_bytes(STORE.files[draw.choice(["part-00000.parquet", "part-00001.parquet"])], draw)


def _feed_sidecar(data: bytes, folder: Path, draw: Random) -> int:
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


def _make_sidecar(draw: Random) -> bytes:
    return mutate_bytes(STORE.files[draw.choice(["scores/clip.parquet", "embeddings/dino.parquet"])], draw)


# === Sources of importers ===


def _parquet_seeds() -> Iterator[bytes]:
    images = [{"bytes": picture(n), "path": f"{n}.png"} for n in range(5)]
    captions = [f"caption {n}" for n in range(5)]
    yield parquet_bytes(pa.table({"image": images, "caption": captions}))
    yield parquet_bytes(pa.table({"image": [one["bytes"] for one in images], "text": [[c, c] for c in captions]}))
    tokens = pa.array([[1, 2, 3]] * 5, pa.list_(pa.uint16(), 3))
    yield parquet_bytes(pa.table({"tokens": tokens, "caption": captions, "split": ["train"] * 5}))
    out = io.BytesIO()
    table = pa.table({"image": images * 8, "caption": captions * 8})
    pq.write_table(table, out, row_group_size=7, compression="snappy", use_dictionary=["caption"])
    yield out.getvalue()


PARQUETS = list(_parquet_seeds())


def _feed_parquet(data: bytes, folder: Path, draw: Random) -> int:
    (folder / "x.parquet").write_bytes(data)
    return _rows(folder / "x.parquet", folder, draw, draw.choice(["auto", "parquet"]))


MEMBERS: list[tuple[str, bytes]] = []
for _number in range(4):
    MEMBERS += [
        (f"{_number:03d}.jpg", picture(_number, "JPEG")),
        (f"{_number:03d}.txt", f"caption {_number}".encode()),
        (f"{_number:03d}.json", json.dumps({"caption": "x", "seed": 1, "references": []}).encode()),
    ]
_ROW = io.BytesIO()
np.save(_ROW, np.arange(6, dtype=np.uint16))
TOKEN_MEMBERS = [(f"{n:03d}.{end}", data) for n in range(4) for end, data in (("npy", _ROW.getvalue()), ("txt", b"a"))]


def _make_tar(draw: Random) -> bytes:
    return mutate_tar(draw.choice([MEMBERS, TOKEN_MEMBERS]), draw)


def _feed_tar(data: bytes, folder: Path, draw: Random) -> int:
    (folder / "x.tar").write_bytes(data)
    return _rows(folder / "x.tar", folder, draw, draw.choice(["auto", "webdataset"]))


COCO = {
    "images": [{"id": n, "file_name": f"{n}.png", "width": 8, "height": 8} for n in range(3)],
    "annotations": [{"id": n, "image_id": n // 2, "caption": f"caption {n}"} for n in range(6)],
}
KARPATHY = {
    "dataset": "coco",
    "images": [
        {
            "filename": f"{n}.png",
            "filepath": ".",
            "imgid": n,
            "cocoid": n,
            "split": "train",
            "sentences": [{"raw": f"caption {n}", "tokens": ["caption"], "imgid": n, "sentid": n}],
        }
        for n in range(3)
    ],
}
LLAVA = [
    {
        "id": str(n),
        "image": f"{n}.png",
        "conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A thing."}],
    }
    for n in range(3)
]


def _pictures(folder: Path) -> Path:
    images = folder / "images"
    images.mkdir()
    for number in range(3):
        (images / f"{number}.png").write_bytes(PICTURES[number])
    return images


PICTURES = [picture(number) for number in range(3)]


def _feed_annotations(format: str) -> Feed:
    def feed(data: bytes, folder: Path, draw: Random) -> int:
        (folder / "captions_train.json").write_bytes(data)
        return _rows(
            folder / "captions_train.json", folder, draw, draw.choice(["auto", format]), images=_pictures(folder)
        )

    return feed


def _feed_llava(data: bytes, folder: Path, draw: Random) -> int:
    (folder / "x.json").write_bytes(data)
    file = ConversationFile(folder / "x.json", _pictures(folder), draw.choice(["exists", "decode"]))
    for conversation in file.collate(range(len(file)), [0] * len(file)):
        if SECRET in conversation.pictures:
            raise AssertionError("a conversation holds a picture from outside its folder")
    return len(file)


def _feed_folder(data: bytes, folder: Path, draw: Random) -> int:
    source = folder / "source"
    source.mkdir()
    (source / "0.png").write_bytes(data)
    (source / draw.choice(["0.txt", "0.TXT", "1.txt"])).write_bytes(draw.choice([random_bytes(draw), b"a dog\r\n\x0c"]))
    name = os.fsencode(source) + b"/" + draw.choice([b"\xff\xfe.jpg", b"a b.jpg", "é.jpg".encode(), b"-rf.gif"])
    with open(name, "wb") as file:
        file.write(draw.choice([data, picture(1)]))
    (source / "self").symlink_to(source)
    return _rows(source, folder, draw, draw.choice(["auto", "folder"]), caption_per_line=False)


# === Pictures ===

SEEDS = [picture(1, format, 12) for format in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")]
SEEDS += [encode_image(Image.new("RGB", (40, 30)), "png")]


def _make_picture(draw: Random) -> bytes:
    return mutate_picture(draw.choice(SEEDS), draw)


def _feed_picture(data: bytes, folder: Path, draw: Random) -> int:
    image = decode_image(data)
    if image.mode != "RGB":
        raise AssertionError(f"the decoded picture is {image.mode}")
    if image.width * image.height < 10**6:
        encode_image(image)
    load_pixels(data, 16)
    return 1


# === Results ===

RESULTS = [
    {
        "annotations": [{"image_id": n, "id": n, "caption": "a cat"} for n in range(3)],
        "images": [{"id": 0, "file_name": "x"}],
    },
    [{"image_id": n, "caption": "a cat"} for n in range(3)],
    {"questions": [{"question_id": n, "image_id": n, "question": "why?"} for n in range(3)]},
    {"annotations": [{"question_id": n, "image_id": n, "answers": [{"answer": "yes"}] * 10} for n in range(3)]},
    [{"question_id": n, "answer": "yes"} for n in range(3)],
    KARPATHY,
]


def _feed_results(data: bytes, folder: Path, draw: Random) -> int:
    from pairsmith.evaluation import files

    (folder / "x.json").write_bytes(data)
    read = 0
    for load in RESULT_READERS:
        try:
            read += len(getattr(files, load)(folder / "x.json"))
        except InputError:
            continue
    return read


RESULT_READERS = (
    "load_references",
    "load_image_names",
    "load_caption_results",
    "load_vqa_results",
    "load_vqa_questions",
    "load_vqa_annotations",
)


TARGETS: dict[str, Target] = {
    "manifest": Target(_make_manifest, _feed_manifest),
    "shard": Target(_often(0.8, _make_shard, odd_table), _feed_shard),
    "sidecar": Target(_often(0.7, _make_sidecar, odd_table), _feed_sidecar),
    "parquet": Target(_often(0.7, lambda draw: mutate_bytes(draw.choice(PARQUETS), draw), odd_table), _feed_parquet),
    "tar": Target(_often(0.95, _make_tar, random_bytes), _feed_tar),
    "coco": Target(lambda draw: mutate_json(COCO, draw), _feed_annotations("coco")),
    "karpathy": Target(lambda draw: mutate_json(KARPATHY, draw), _feed_annotations("karpathy")),
    "llava": Target(lambda draw: mutate_json(LLAVA, draw), _feed_llava),
    "results": Target(lambda draw: mutate_json(draw.choice(RESULTS), draw), _feed_results),
    "picture": Target(_often(0.95, _make_picture, random_bytes), _feed_picture),
    "folder": Target(_often(0.8, _make_picture, random_bytes), _feed_folder),
}
