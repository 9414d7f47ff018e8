"""What kind of thing a user has brought: decided by content (magic bytes, JSON keys), never by a file name alone."""

from __future__ import annotations

import tarfile
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pairsmith.errors import InputError
from pairsmith.pairs.importers.coco import coco_annotation_files, is_coco_captions
from pairsmith.pairs.importers.files import find_json, read_json, require_path, walk_files
from pairsmith.pairs.importers.karpathy import is_karpathy
from pairsmith.pairs.manifest import MANIFEST_NAME, shard_index

Format = Literal["coco", "karpathy", "webdataset", "parquet", "folder"]

_LOOKED_AT = 500  # files of a folder whose first bytes are looked at
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK": "zip"}


def detect_format(path: Path | str) -> Format:
    """The importer that reads a file or folder.

    Raises:
        InputError: nothing there, or content that no importer reads; what was found is named.
    """
    path = require_path(path)
    return _of_folder(path) if path.is_dir() else _of_file(path)


def _of_file(path: Path) -> Format:
    kind = _magic(path)
    if kind == "json":
        return _of_json(read_json(path), path)
    if kind == "parquet" or kind == "webdataset":
        return kind
    if kind == "image":
        raise InputError(f"{path}: is a single image; name the folder of images and captions")
    for start, name in _COMPRESSED.items():
        if _head(path).startswith(start):
            raise InputError(f"{path}: is compressed ({name}); unpack it first")
    raise InputError(f"{path}: is no JSON, Parquet or tar file; see the formats that can be imported")


def _of_json(content: Any, path: Path) -> Format:
    if is_coco_captions(content):
        return "coco"
    if is_karpathy(content):
        return "karpathy"
    if isinstance(content, dict):
        keys = f"an object with the keys {', '.join(sorted(map(str, content))[:10]) or '(none)'}"
    elif isinstance(content, list) and content and isinstance(content[0], dict):
        keys = f"a list of objects with the keys {', '.join(sorted(map(str, content[0]))[:10]) or '(none)'}"
    else:
        keys = f"a {type(content).__name__}"
    raise InputError(
        f"{path}: is {keys}; captions of COCO have images[].file_name and annotations[].caption, "
        "Karpathy's files have images[].filename, .split and .sentences"
    )


def _of_folder(folder: Path) -> Format:
    files = list(islice(walk_files(folder), _LOOKED_AT))
    if not files:
        raise InputError(f"{folder}: holds no files")
    if (folder / MANIFEST_NAME).is_file() and any(shard_index(file.name) is not None for file in files):
        raise InputError(f"{folder}: is a pair store already; open it as it is")
    if any(is_coco_captions(read_json(path)) for path in coco_annotation_files(folder).values()):
        return "coco"
    kinds = {file: _magic(folder / file) for file in files}
    if "parquet" in kinds.values():
        return "parquet"
    if "webdataset" in kinds.values():
        return "webdataset"
    if find_json(folder, is_karpathy) is not None:
        return "karpathy"
    if find_json(folder, is_coco_captions) is not None:
        return "coco"
    if "image" not in kinds.values():
        raise InputError(f"{folder}: holds no images, Parquet files, tars or caption files that can be imported")
    pictures = (folder / file for file, kind in kinds.items() if kind == "image")
    if any(file.with_suffix(".txt").is_file() for file in pictures):
        return "folder"
    raise InputError(f"{folder}: holds images, but neither name.txt beside name.jpg nor a caption file")


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read(512)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _magic(path: Path) -> Literal["parquet", "webdataset", "image", "json", "other"]:
    """What a file is by its first bytes."""
    head = _head(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "image"
    if _is_tar_header(head):
        return "webdataset"
    return "json" if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[") else "other"


def _is_tar_header(head: bytes) -> bool:
    """Whether 512 bytes are a tar header: its checksum fits (old tars have no magic word)."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
