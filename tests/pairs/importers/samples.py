"""Small pictures, tars and annotation files that the tests of the importers build on."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pairsmith.pairs.importers.rows import Record, Source


def picture(seed: int = 0, size: tuple[int, int] = (24, 16), format: str = "JPEG") -> bytes:
    """An encoded picture of noise, (width, height) pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format)
    return out.getvalue()


def huge_picture() -> bytes:
    """A PNG of a few bytes whose header promises 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> Path:
    """A tar with these members in this order."""
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return path


def sample(key: str, caption: str, seed: int = 0) -> list[tuple[str, bytes]]:
    """The members of one sample in the layout of img2dataset."""
    details = json.dumps({"key": key, "caption": caption, "status": "success"})
    return [(f"{key}.jpg", picture(seed)), (f"{key}.txt", caption.encode()), (f"{key}.json", details.encode())]


def write_coco(folder: Path, captions: dict[str, list[str]], split: str = "train2017") -> Path:
    """A root folder in COCO's official layout; returns the annotation file."""
    (folder / split).mkdir(parents=True)
    (folder / "annotations").mkdir(exist_ok=True)
    content: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": []}
    for number, (name, texts) in enumerate(captions.items(), start=1):
        (folder / split / name).write_bytes(picture(number))
        content["images"].append({"id": number, "file_name": name})
        for text in texts:
            content["annotations"].append({"id": len(content["annotations"]), "image_id": number, "caption": text})
    path = folder / "annotations" / f"captions_{split}.json"
    path.write_text(json.dumps(content))
    return path


class ListSource(Source):
    """A source of given records."""

    format = "list"
    name = "given"

    def __init__(self, *records: Record) -> None:
        self._records = records

    def fingerprint(self) -> str:
        return "0" * 16

    def records(self):
        yield from self._records
