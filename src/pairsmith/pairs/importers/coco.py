"""COCO caption annotations: one JSON file with `images` and `annotations`, and a folder of images.

Accepts the JSON file itself, or a root folder in the official layout (`annotations/captions_train2017.json` beside
`train2017/`). Images come in the order of the file; the captions of one image in the order of their annotations.
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
from pairsmith.pairs.importers.rows import Record, RowSettings, Source, broken_record, iter_rows, row_count
from pairsmith.pairs.schema import Pair


def is_coco_captions(content: Any) -> bool:
    """True when parsed JSON has the keys of a COCO captions file (instances and keypoints files have no captions)."""
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        return False
    annotations = content.get("annotations")
    if not isinstance(annotations, list):
        return False
    return not annotations or (isinstance(annotations[0], dict) and {"image_id", "caption"} <= annotations[0].keys())


def coco_annotation_files(root: Path) -> dict[str, Path]:
    """Split name (`train2017`) to captions file of a root folder in the official layout; empty when it is none."""
    found: dict[str, Path] = {}
    for folder in (root / "annotations", root):
        for path in sorted(folder.glob("captions_*.json")):
            found.setdefault(path.stem.removeprefix("captions_"), path)
    return found


class CocoSource(Source):
    """COCO captions as records.

    Args:
        path: the annotation file, or a root folder in the official layout.
        images: the image folder; None looks where the official layout has it.
        split: which captions file of a root folder: its full name (`train2017`) or the beginning of one (`train`).

    Raises:
        InputError: no file, several and no split, wrong keys or types (file, key and index are named), or no images.
    """

    format = "coco"

    def __init__(self, path: Path | str, images: Path | str | None = None, split: str | None = None) -> None:
        self.path = _annotation_file(require_path(path), split)
        self.name = self.path.stem
        content = read_json(self.path)
        self._images: list[dict[str, Any]] = field(content, "images", list, "", self.path)
        self._annotations: list[dict[str, Any]] = field(content, "annotations", list, "", self.path)
        self._check()
        part = self.path.stem.removeprefix("captions_")
        here = self.path.parent
        roots = [Path(images)] if images is not None else [here.parent, here.parent / "images", here, here / "images"]
        candidates = [root / part for root in roots] + roots
        names = [[image["file_name"]] for image in self._images[:PROBED_NAMES]]
        self.images = find_image_folder(candidates, names, self.path)

    def _check(self) -> None:
        ids = set()
        for index, image in enumerate(self._images):
            identity = field(image, "id", int, f"images[{index}]", self.path)
            field(image, "file_name", str, f"images[{index}]", self.path)
            if identity in ids:
                raise InputError(f"{self.path}: images[{index}].id {identity} occurs twice")
            ids.add(identity)
        for index, annotation in enumerate(self._annotations):
            field(annotation, "image_id", int, f"annotations[{index}]", self.path)
            field(annotation, "caption", str, f"annotations[{index}]", self.path)

    def fingerprint(self) -> str:
        """Of the annotation file's content."""
        return file_fingerprint(self.path)

    def total_rows(self, settings: RowSettings) -> int:
        """All rows: everything but the pictures is in memory."""
        return sum(row_count(record, settings) for record in self.records())

    def records(self) -> Iterator[Record]:
        """One record an image; then a broken record for every caption whose image is not listed."""
        captions: dict[int, list[str]] = {image["id"]: [] for image in self._images}
        orphans = []
        for index, annotation in enumerate(self._annotations):
            if annotation["image_id"] in captions:
                captions[annotation["image_id"]].append(annotation["caption"])
            else:
                orphans.append(index)
        for image in self._images:
            name = image["file_name"]
            load = partial(read_image_file, self.images, [name])
            yield Record(str(image["id"]), tuple(captions[image["id"]]), load, image_path=name)
        for index in orphans:
            annotation = self._annotations[index]
            problem = f"annotations[{index}].image_id {annotation['image_id']} is not among the images"
            yield broken_record(f"annotations[{index}]", problem, (annotation["caption"],))


def _annotation_file(path: Path, split: str | None) -> Path:
    if path.is_file():
        if split is not None and not path.stem.removeprefix("captions_").startswith(split):
            raise InputError(f"{path}: is one split by itself; leave split {split!r} out, or name its folder")
        return path
    files = coco_annotation_files(path)
    if not files:
        found = find_json(path, is_coco_captions)
        if found is None:
            raise InputError(f"{path}: holds no COCO captions file; name the file itself")
        return found
    names = [name for name in files if name == split] or [name for name in files if name.startswith(split or "")]
    if len(names) != 1:
        asked = "no split was named" if split is None else f"the split {split!r} does not name one of them"
        raise InputError(f"{path}: holds captions of {', '.join(files)}, and {asked}; choose one with split=NAME")
    return files[names[0]]


def iter_pairs_coco(
    path: Path | str,
    images: Path | str | None = None,
    split: str | None = None,
    settings: RowSettings | None = None,
) -> Iterator[Pair]:
    """Rows of a COCO captions file, lazily; arguments and errors of `CocoSource`."""
    yield from iter_rows(CocoSource(path, images, split), settings or RowSettings())
