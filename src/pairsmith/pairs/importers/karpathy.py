"""Karpathy's split files: `dataset_coco.json`, `dataset_flickr30k.json` and their like.

One JSON object with `images`, each with its `split`, `filename` and `sentences`. COCO's file adds `filepath` (the
folder of 2014) and `cocoid`, and the split `restval`: images of val2014 that papers train on. The raw sentences are
used: the `tokens` split hyphens and drop punctuation.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.pairs.importers.files import (
    PROBED_NAMES,
    field,
    file_fingerprint,
    find_image_folder,
    find_json,
    read_image_file,
    read_json,
    require_path,
)
from pairsmith.pairs.importers.rows import Record, RowSettings, Source, iter_rows, row_count
from pairsmith.pairs.schema import Pair


def is_karpathy(content: Any) -> bool:
    """True when parsed JSON has the keys of a Karpathy split file."""
    if not isinstance(content, dict) or not isinstance(content.get("images"), list) or not content["images"]:
        return False
    first = content["images"][0]
    return isinstance(first, dict) and {"filename", "split", "sentences"} <= first.keys()


class KarpathySource(Source):
    """The images of one Karpathy split as records.

    Args:
        path: the split file, or the folder that holds it.
        images: the image folder (for COCO the one that holds `train2014/` and `val2014/`, or the re-sorted `train2017/`
            and `val2017/`); None looks beside the file.
        split: `train`, `val` or `test`.
        restval_as_train: the split `train` takes `restval` along (113,287 images of COCO), as papers do; False leaves
            it out (82,783 images). `restval` itself can be asked for too.

    Raises:
        InputError: no file, wrong keys or types (file, key and index are named), an unknown split, or no images.
    """

    format = "karpathy"

    def __init__(
        self,
        path: Path | str,
        images: Path | str | None = None,
        split: str = "train",
        restval_as_train: bool = True,
    ) -> None:
        self.path = _split_file(require_path(path))
        wanted = {"train", "restval"} if split == "train" and restval_as_train else {split}
        content = read_json(self.path)
        self._images: list[dict[str, Any]] = []
        self._keys: list[str] = []
        splits: set[str] = set()
        for index, image in enumerate(field(content, "images", list, "", self.path)):
            splits.add(field(image, "split", str, f"images[{index}]", self.path))
            if image["split"] in wanted:
                self._check(image, index)
                self._images.append(image)
                self._keys.append(str(image.get("cocoid", image.get("imgid", index))))
        if not self._images:
            raise InputError(f"{path}: no image has split {split!r}; its splits are {', '.join(sorted(splits))}")
        self.name = f"{self.path.stem}:{split}"
        here = self.path.parent
        roots = [Path(images)] if images is not None else [here, here / "images", here.parent, here.parent / "images"]
        names = [_file_names(image) for image in self._images[:PROBED_NAMES]]
        self.images = find_image_folder(roots, names, self.path)

    def _check(self, image: dict[str, Any], index: int) -> None:
        where = f"images[{index}]"
        field(image, "filename", str, where, self.path)
        if "filepath" in image:
            field(image, "filepath", str, where, self.path)
        if "cocoid" in image:
            field(image, "cocoid", int, where, self.path)
        for number, sentence in enumerate(field(image, "sentences", list, where, self.path)):
            field(sentence, "raw", str, f"{where}.sentences[{number}]", self.path)

    def fingerprint(self) -> str:
        """Of the split file's content."""
        return file_fingerprint(self.path)

    def total_rows(self, settings: RowSettings) -> int:
        """All rows: everything but the pictures is in memory."""
        return sum(row_count(record, settings) for record in self.records())

    def records(self) -> Iterator[Record]:
        """One record an image of the split, in the order of the file."""
        for key, image in zip(self._keys, self._images, strict=True):
            names = _file_names(image)
            captions = tuple(sentence["raw"] for sentence in image["sentences"])
            yield Record(key, captions, partial(read_image_file, self.images, names), image_path=names[0])


def _split_file(path: Path) -> Path:
    found = path if path.is_file() else find_json(path, is_karpathy)
    if found is None:
        raise InputError(f"{path}: holds no Karpathy split file; name the file itself")
    return found


def _file_names(image: dict[str, Any]) -> list[str]:
    """Where an image may lie: as written, without its folder, or in the folders of COCO 2017 (same images by id)."""
    name = image["filename"]
    names = [name]
    if "filepath" in image:
        names.insert(0, f"{image['filepath']}/{name}")
    if "cocoid" in image:
        names += [f"{part}2017/{image['cocoid']:012d}.jpg" for part in ("train", "val")]
    return names


def iter_pairs_karpathy(
    path: Path | str,
    images: Path | str | None = None,
    split: str = "train",
    restval_as_train: bool = True,
    settings: RowSettings | None = None,
) -> Iterator[Pair]:
    """Rows of one Karpathy split, lazily; arguments and errors of `KarpathySource`."""
    yield from iter_rows(KarpathySource(path, images, split, restval_as_train), settings or RowSettings())
