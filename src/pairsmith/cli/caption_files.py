"""References and predictions for `evaluate captions`, from the JSON files of COCO and Karpathy or from pair stores."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path

from pairsmith.errors import InputError
from pairsmith.evaluation.files import load_caption_results, load_references
from pairsmith.pairs import PairStore
from pairsmith.pairs.manifest import MANIFEST_NAME


def read_references(path: Path, split: str | None = None) -> dict[Hashable, list[str]]:
    """References by image.

    Args:
        path: COCO annotations, a Karpathy file, or a pair store. A store's row with references is an image of its own,
            named by its id; rows without are one image for each group, named by the group (by the id where there is
            none), whose captions are its references.
        split: of a Karpathy file.

    Raises:
        InputError: none of these, or a split of something without splits.
    """
    if not is_store(path):
        return load_references(path, split)
    if split is not None:
        raise InputError(f"{path}: a pair store has no splits, so --split {split} cannot be taken")
    references: dict[Hashable, list[str]] = {}
    for pair in PairStore(path).iter_pairs(["id", "caption", "references", "group"]):
        if pair.references:
            references[pair.id] = list(pair.references)
        else:
            references.setdefault(pair.group or pair.id, []).append(pair.caption)
    return references


def read_predictions(path: Path, references: Mapping[Hashable, object]) -> dict[Hashable, str]:
    """Predicted captions by image.

    Args:
        path: COCO results (`[{"image_id", "caption"}]`), or a pair store, whose rows are named by their id or, where
            only that is known to the references, by their group.
        references: by image, to choose between the two.

    Raises:
        InputError: neither of the two, or two predictions for one image.
    """
    if not is_store(path):
        return load_caption_results(path)
    predictions: dict[Hashable, str] = {}
    for pair in PairStore(path).iter_pairs(["id", "caption", "group"]):
        name = pair.group if pair.id not in references and pair.group in references else pair.id
        if name in predictions:
            raise InputError(f"{path}: has two predictions for image {name!r}")
        predictions[name] = pair.caption
    return predictions


def is_store(path: Path) -> bool:
    """Whether a path is the folder of a pair store."""
    return (path / MANIFEST_NAME).is_file()
