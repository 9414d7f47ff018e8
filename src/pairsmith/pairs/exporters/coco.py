"""COCO captions: `annotations/captions_SPLIT.json` and the images in a folder named like the split.

Rows with the same picture (bytes) become one image with several annotations; the references of an evaluation row become
annotations in place of its caption. An image keeps the number at the end of its file name as its id, so a COCO store
goes out with the ids it came with; other images get the next free number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from itertools import count
from pathlib import Path, PurePosixPath

from pydantic import Field

from pairsmith.pairs.exporters.output import (
    JsonArray,
    Progress,
    export_rows,
    join_json,
    new_folder,
    portable_picture,
)
from pairsmith.pairs.schema import Pair
from pairsmith.pairs.store import PairStore
from pairsmith.settings import Settings


class CocoExport(Settings):
    """Options of `export_coco`."""

    split: str = Field(default="train", pattern=r"^[A-Za-z0-9_-]+$", description="names the image folder and the file")


def export_coco(
    store: PairStore,
    out: Path | str,
    settings: CocoExport | None = None,
    ids: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the "ok" rows in the official layout; returns the folder.

    Args:
        ids: only these rows.
        progress: called with (rows done, rows in all).

    Raises:
        InputError: a row without image, an unknown id, no rows, or `out` is in use.
    """
    split = (settings or CocoExport()).split
    with new_folder(out) as folder:
        (folder / split).mkdir()
        (folder / "annotations").mkdir()
        numbers = _Numbers()
        image_ids: dict[bytes, int] = {}  # digest of a picture -> its id
        with_references: set[int] = set()
        with JsonArray(folder / "images.part") as images, JsonArray(folder / "annotations.part") as annotations:
            for pair in export_rows(store, ids, progress):
                picture = portable_picture(pair, "COCO")
                digest = hashlib.sha256(picture.data).digest()
                if digest not in image_ids:
                    image_ids[digest] = numbers.take(pair)
                    name = f"{image_ids[digest]:012d}.{picture.extension}"
                    (folder / split / name).write_bytes(picture.data)
                    size = {"width": picture.width, "height": picture.height}
                    images.add({"id": image_ids[digest], "file_name": name, **size, "pair_id": pair.id})
                image_id = image_ids[digest]
                if image_id in with_references:  # several rows of one evaluation image share its references
                    continue
                if pair.references:
                    with_references.add(image_id)
                for caption in pair.references or (pair.caption,):
                    annotations.add({"image_id": image_id, "id": annotations.count + 1, "caption": caption})
        # Old versions of the official evaluation code want all four of these keys.
        info = {"description": f"exported from the pair store {store.fingerprint}"}
        head = {"info": info, "type": "captions", "licenses": []}
        arrays = {"images": images, "annotations": annotations}
        join_json(folder / "annotations" / f"captions_{split}.json", head, arrays)
    return Path(out)


class _Numbers:
    """Ids for images, each given out once."""

    def __init__(self) -> None:
        self._used: set[int] = set()
        self._free = count(1)

    def take(self, pair: Pair) -> int:
        """The number that ends the picture's file name when it is still free, else the next free one."""
        found = re.search(r"[0-9]{1,15}$", PurePosixPath(pair.image_path or "").stem)
        number = int(found[0]) if found else 0
        if number < 1 or number in self._used:
            number = next(number for number in self._free if number not in self._used)
        self._used.add(number)
        return number
