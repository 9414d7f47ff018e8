"""Wrong sources of importers: Parquet files, tars, annotations, conversations and folders."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pairs.conversations import ConversationFile
from pairsmith.pairs.importers import import_pairs
from pairsmith.pairs.importers.importing import ImportSettings, open_source
from pairsmith.pairs.importers.rows import iter_rows
from tests.fuzz.hostile_tars import mutate_tar
from tests.fuzz.mutations import Random, random_bytes
from tests.fuzz.odd_tables import parquet_bytes
from tests.fuzz.target import SECRET, Feed, check_pair, picture


def _rows(source: Path, folder: Path, draw: Random, format: str = "auto", **more: Any) -> int:
    """Import; every eighth time all the way into a store."""
    if draw.random() < 0.125:
        store = import_pairs(source, folder / "out", format, shard_rows=3, **more)
        return sum(check_pair(pair) for pair in store.iter_pairs(status=None))
    images = more.pop("images", None)
    settings = ImportSettings(format=format, captions=draw.choice(["pairs", "references"]), **more)
    opened = open_source(source, settings, images)
    opened.fingerprint()
    opened.total_rows(settings)
    return sum(check_pair(pair) for pair in iter_rows(opened, settings))


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


def feed_parquet(data: bytes, folder: Path, draw: Random) -> int:
    """Import a Parquet file."""
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


def make_tar(draw: Random) -> bytes:
    """A wrong tar of pictures or of tokens."""
    return mutate_tar(draw.choice([MEMBERS, TOKEN_MEMBERS]), draw)


def feed_tar(data: bytes, folder: Path, draw: Random) -> int:
    """Import a tar."""
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


def feed_annotations(format: str) -> Feed:
    """Import an annotation file of a format."""

    def feed(data: bytes, folder: Path, draw: Random) -> int:
        (folder / "captions_train.json").write_bytes(data)
        return _rows(
            folder / "captions_train.json", folder, draw, draw.choice(["auto", format]), images=_pictures(folder)
        )

    return feed


def feed_llava(data: bytes, folder: Path, draw: Random) -> int:
    """Read a conversation file and its pictures."""
    (folder / "x.json").write_bytes(data)
    file = ConversationFile(folder / "x.json", _pictures(folder), draw.choice(["exists", "decode"]))
    for conversation in file.collate(range(len(file)), [0] * len(file)):
        if SECRET in conversation.pictures:
            raise AssertionError("a conversation holds a picture from outside its folder")
    return len(file)


def feed_folder(data: bytes, folder: Path, draw: Random) -> int:
    """Import a folder with this picture, odd texts, odd names and a link to itself."""
    source = folder / "source"
    source.mkdir()
    (source / "0.png").write_bytes(data)
    (source / draw.choice(["0.txt", "0.TXT", "1.txt"])).write_bytes(draw.choice([random_bytes(draw), b"a dog\r\n\x0c"]))
    name = os.fsencode(source) + b"/" + draw.choice([b"\xff\xfe.jpg", b"a b.jpg", "é.jpg".encode(), b"-rf.gif"])
    with open(name, "wb") as file:
        file.write(draw.choice([data, picture(1)]))
    (source / "self").symlink_to(source)
    return _rows(source, folder, draw, draw.choice(["auto", "folder"]), caption_per_line=False)
