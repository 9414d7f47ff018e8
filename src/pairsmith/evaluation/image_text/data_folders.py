"""Test data in folders: classified or captioned pictures in CLIP_benchmark's layout, class folders, pair stores.

CLIP_benchmark: `{train,test}/nshards.txt` and `{n}.tar` with a picture and `.cls` a sample, `classnames.txt`,
`zeroshot_classification_templates.txt` (one a line, `{c}` for the class). Class folders: `SPLIT/CLASS/*.jpg`, or
`CLASS/*.jpg` for a single split; the two text files may lie beside them. A pair store: picture and `concept`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pairsmith.errors import InputError
from pairsmith.evaluation.files import read_json
from pairsmith.evaluation.image_text.classification import ClassificationSet, Templates
from pairsmith.evaluation.image_text.retrieval import RetrievalSet
from pairsmith.evaluation.pictures import SUFFIXES, Picture, folder_pictures, store_pictures
from pairsmith.pairs.importers.tar_samples import TarSample, read_member, tar_samples
from pairsmith.pairs.manifest import MANIFEST_NAME
from pairsmith.pairs.store import PairStore

CLASSES_NAME = "classnames.txt"
TEMPLATES_NAME = "zeroshot_classification_templates.txt"
TYPE_NAME = "dataset_type.txt"
SHARDS_NAME = "nshards.txt"
_EXTENSIONS = frozenset(suffix[1:] for suffix in SUFFIXES)


def read_classification(folder: Path, split: str = "test", classes: Sequence[str] | None = None) -> ClassificationSet:
    """A split of classified pictures.

    Args:
        folder: one of the three kinds of folder.
        split: "train", "test" or what the folder has; a pair store has none and gives all its rows.
        classes: names in the order of the labels, where the data must agree with another set (a probe's training set).

    Raises:
        InputError: no such data, no such split, or a class that `classes` lacks.
    """
    folder = Path(folder)
    if (folder / MANIFEST_NAME).is_file():
        return _from_store(PairStore(folder), classes)
    if (folder / split / SHARDS_NAME).is_file():
        return _from_webdataset(folder, split, classes)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    others = sorted(path.parent.name for path in folder.glob(f"*/{SHARDS_NAME}"))
    if others:
        raise InputError(f"{folder}: has no split {split!r}; its splits are {', '.join(others)}")
    root = folder / split if (folder / split).is_dir() else folder
    return _from_class_folders(folder, root, split, classes)


def read_templates(path: Path) -> Templates:
    """Prompt templates from text (one a line) or JSON (a list, or a list for each class).

    Raises:
        InputError: no such file, nothing in it, or JSON of another form.
    """
    if Path(path).suffix != ".json":
        found = _lines(Path(path))
        if not found:
            raise InputError(f"{path}: holds no prompt templates")
        return found
    content = read_json(path)
    lists = list(content.values()) if isinstance(content, dict) else [content]
    if not lists or not all(
        isinstance(one, list) and one and all(isinstance(text, str) for text in one) for one in lists
    ):
        raise InputError(f"{path}: must hold a list of prompt templates, or such a list for each class")
    return content


def read_webdataset_retrieval(folder: Path, split: str = "test") -> RetrievalSet:
    """Images with their captions, one a line in each sample's `.txt`, from a CLIP_benchmark folder."""
    ids, pictures, captions = [], [], []
    for tar, sample in _samples(Path(folder), split, "txt"):
        picture = _picture(tar, sample)
        text = read_member(tar, *sample.members["txt"]).decode("utf-8", errors="replace")
        ids.append(picture.name)
        pictures.append(picture)
        captions.append(tuple(line for line in text.splitlines() if line.strip()))
    return RetrievalSet(tuple(ids), tuple(pictures), tuple(captions))


def is_webdataset(folder: Path, split: str = "test") -> bool:
    """Whether a folder is one of CLIP_benchmark's."""
    return (Path(folder) / split / SHARDS_NAME).is_file()


def _from_webdataset(folder: Path, split: str, classes: Sequence[str] | None) -> ClassificationSet:
    own = _lines(folder / CLASSES_NAME)
    if own is None:
        raise InputError(f"{folder}: has no {CLASSES_NAME}, so its labels mean nothing")
    pictures, labels = [], []
    for tar, sample in _samples(folder, split, "cls"):
        text = read_member(tar, *sample.members["cls"]).decode("utf-8", errors="replace").strip()
        if not text.isdecimal() or int(text) >= len(own):
            raise InputError(f"{tar}: sample {sample.key!r} has class {text!r}, not a number below {len(own)}")
        pictures.append(_picture(tar, sample))
        labels.append(int(text))
    if classes is not None and list(classes) != own:
        raise InputError(f"{folder}: its classes are not those of the other set")
    return ClassificationSet(tuple(pictures), np.array(labels), tuple(own), _lines(folder / TEMPLATES_NAME) or ())


def _from_class_folders(folder: Path, root: Path, split: str, classes: Sequence[str] | None) -> ClassificationSet:
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    if not folders:
        raise InputError(
            f"{folder}: holds neither shards ({split}/{SHARDS_NAME}), nor a pair store, nor a folder for each class"
        )
    names = _lines(folder / CLASSES_NAME)
    if names is not None and len(names) != len(folders):
        raise InputError(f"{folder}: {CLASSES_NAME} names {len(names)} classes, and {root} has {len(folders)} folders")
    own = names or [path.name for path in folders]
    pictures: list[Picture] = []
    labels: list[str] = []
    for name, path in zip(own, folders, strict=True):
        found = folder_pictures(path)
        pictures += found
        labels += [name] * len(found)
    return _labelled(pictures, labels, classes or own, str(root), _lines(folder / TEMPLATES_NAME) or ())


def _from_store(store: PairStore, classes: Sequence[str] | None) -> ClassificationSet:
    labels = store.column("concept").to_pylist()
    missing = [name for name, label in zip(store.ids(), labels, strict=True) if not label]
    if missing:
        raise InputError(f"{store.folder}: row {missing[0]} has no concept, which is the class here")
    return _labelled(store_pictures(store), labels, classes or sorted(set(labels)), str(store.folder), ())


def _labelled(
    pictures: Sequence[Picture], labels: Sequence[str], classes: Sequence[str], where: str, templates: Sequence[str]
) -> ClassificationSet:
    place = {name: number for number, name in enumerate(classes)}
    strange = next((label for label in labels if label not in place), None)
    if strange is not None:
        raise InputError(f"{where}: class {strange!r} is none of the {len(place)} classes of the other set")
    return ClassificationSet(
        tuple(pictures), np.array([place[label] for label in labels]), tuple(classes), tuple(templates)
    )


def _samples(folder: Path, split: str, extension: str) -> Iterator[tuple[Path, TarSample]]:
    counted = _lines(folder / split / SHARDS_NAME)
    if not counted or not counted[0].isdecimal():
        raise InputError(f"{folder / split / SHARDS_NAME}: must hold the number of shards")
    for shard in range(int(counted[0])):
        tar = folder / split / f"{shard}.tar"
        if not tar.is_file():
            raise InputError(f"{tar}: is missing; {SHARDS_NAME} promises {counted[0]} shards")
        for sample in tar_samples(tar, _EXTENSIONS | {extension}):
            if extension not in sample.members or not _EXTENSIONS & set(sample.members):
                raise InputError(f"{tar}: sample {sample.key!r} needs a picture and a .{extension}")
            yield tar, sample


def _picture(tar: Path, sample: TarSample) -> Picture:
    extension = min(_EXTENSIONS & set(sample.members))
    return Picture(f"{tar.name}/{sample.key}", partial(read_member, tar, *sample.members[extension]))


def _lines(path: Path) -> list[str] | None:
    """Lines of a text file without surrounding blanks; None where there is no file."""
    if not path.is_file():
        return None
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
