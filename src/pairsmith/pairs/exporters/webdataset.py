"""WebDataset tars in the layout of img2dataset, which open_clip and `webdataset` read as they are.

A sample is `000000000.jpg` (png, webp), `.txt` (the caption) and `.json` (provenance, references, the negative); rows
that have tokens and no picture carry `.npy`, uint16 [N], instead. Equal rows give equal tars: headers hold no time,
user or machine.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from pairsmith.errors import InputError
from pairsmith.pairs.exporters.output import Progress, export_rows, flush, new_folder, portable_picture
from pairsmith.pairs.schema import Pair
from pairsmith.pairs.store import PairStore
from pairsmith.settings import Settings

# Columns that travel in the JSON; with them an import gives the same rows again.
_COLUMNS = (
    "id",
    "group",
    "negative",
    "negative_kind",
    "concept",
    "axis",
    "generator",
    "seed",
    "settings",
    "image_path",
)


class WebDatasetExport(Settings):
    """Options of `export_webdataset`."""

    samples_per_tar: int = Field(default=1000, ge=1, le=10_000, description="samples a tar; img2dataset uses 10,000")


def export_webdataset(
    store: PairStore,
    out: Path | str,
    settings: WebDatasetExport | None = None,
    ids: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the "ok" rows as `00000.tar`, `00001.tar` ...; returns the folder.

    Args:
        ids: only these rows.
        progress: called with (rows done, rows in all).

    Raises:
        InputError: a row has neither image nor tokens, an unknown id, no rows, or `out` is in use.
    """
    per_tar = (settings or WebDatasetExport()).samples_per_tar
    with new_folder(out) as folder:
        rows = export_rows(store, ids, progress)
        shard = 0
        while (first := next(rows, None)) is not None:
            with (folder / f"{shard:05d}.tar").open("wb") as file:
                with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                    for index, pair in enumerate(chain([first], islice(rows, per_tar - 1))):
                        _add(tar, f"{shard:05d}{index:04d}", pair, store)
                flush(file)
            shard += 1
    return Path(out)


def _add(tar: tarfile.TarFile, key: str, pair: Pair, store: PairStore) -> None:
    for extension, data in _members(key, pair, store):
        header = tarfile.TarInfo(f"{key}.{extension}")  # time, user and group are 0 and empty
        header.size = len(data)
        tar.addfile(header, io.BytesIO(data))


def _members(key: str, pair: Pair, store: PairStore) -> Iterator[tuple[str, bytes]]:
    details: dict[str, Any] = {"key": key, "caption": pair.caption}
    if pair.image is not None:
        picture = portable_picture(pair, "WebDataset")
        sha256 = hashlib.sha256(picture.data).hexdigest()
        details |= {"width": picture.width, "height": picture.height, "sha256": sha256}
        yield picture.extension, picture.data
    elif pair.tokens is not None:
        details |= {"num_tokens": len(pair.tokens), "tokenizer": store.manifest.tokenizer}
        array = io.BytesIO()
        np.save(array, pair.tokens, allow_pickle=False)
        yield "npy", array.getvalue()
    else:
        raise InputError(f"pair {pair.id} has neither image nor tokens; render the pairs first")
    details |= {name: getattr(pair, name) for name in _COLUMNS}
    details["references"] = list(pair.references)
    yield "txt", pair.caption.encode()
    yield "json", json.dumps(details, ensure_ascii=False).encode()
