"""SugarCrepe (Hsieh et al., 2023): does a model prefer the true caption to one with a thing added, replaced or swapped?

An item is right when cos(image, caption) > cos(image, negative), strictly and in float32: a tie is a failure, or else a
model that answers nothing would be perfect (CLIP_benchmark counts ties as right). No prompt template. The values of the
groups add, replace and swap are over their items (the authors' rule); `_macro` are over their files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import SHARE
from pairsmith.evaluation.files import read_json
from pairsmith.evaluation.image_text.dual_encoder import DualEncoder, picture_features, text_features
from pairsmith.evaluation.pictures import named_pictures
from pairsmith.evaluation.score import Score, mean_score

SUBSETS = ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")
PERCENT = 100.0


@dataclass(frozen=True)
class CrepeItem:
    """One test: an image, captions that are true of it, and one that is not."""

    id: str
    filename: str
    captions: tuple[str, ...]  # one in SugarCrepe, two in SugarCrepe++
    negative: str


@dataclass(frozen=True, eq=False)
class CrepeResult:
    """Scores in percent, and how many comparisons ended in a tie."""

    scores: dict[str, Score]
    ties: int


def load_sugarcrepe(folder: Path) -> dict[str, list[CrepeItem]]:
    """The items of the files that are in a folder, subset -> items.

    Raises:
        InputError: none of the seven files, or an entry without one of its keys.
    """
    return load_crepe_files(folder, SUBSETS, ("caption",), dict)


def load_crepe_files(
    folder: Path, subsets: Sequence[str], caption_keys: Sequence[str], kind: type[dict] | type[list]
) -> dict[str, list[CrepeItem]]:
    """Items of SugarCrepe's (an object by key) or SugarCrepe++'s (a list) files; see `load_sugarcrepe`."""
    folder = Path(folder)
    found = {name: folder / f"{name}.json" for name in subsets if (folder / f"{name}.json").is_file()}
    if not found:
        raise InputError(f"{folder}: holds none of the files {', '.join(f'{name}.json' for name in subsets)}")
    return {name: _read_items(path, caption_keys, kind) for name, path in found.items()}


def sugarcrepe_scores(
    encoder: DualEncoder, items: Mapping[str, Sequence[CrepeItem]], images: Path, *, batch_size: int = 64
) -> CrepeResult:
    """`sugarcrepe_{subset}`, `sugarcrepe_{group}` and `_macro`, and over everything `sugarcrepe` and `_macro`.

    Args:
        items: as loaded.
        images: the folder of pictures, COCO's val2017 for the published files.

    Raises:
        InputError: missing pictures.
    """
    flat = [item for own in items.values() for item in own]
    seen = picture_features(encoder, named_pictures(images, [item.filename for item in flat]), batch_size)
    positive = text_features(encoder, [item.captions[0] for item in flat])
    negative = text_features(encoder, [item.negative for item in flat])
    right, wrong = cosines(seen, positive), cosines(seen, negative)
    return CrepeResult(
        grouped_scores("sugarcrepe", items, right > wrong, group=lambda subset: subset.partition("_")[0]),
        int((right == wrong).sum()),
    )


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of each row of two feature matrices of length 1, float32 [N]."""
    return np.einsum("nd,nd->n", first, second, dtype=np.float32)


def grouped_scores(
    name: str, items: Mapping[str, Sequence[CrepeItem]], correct: np.ndarray, group: Any = None
) -> dict[str, Score]:
    """Scores of subsets, of groups of them and of all, over items and (`_macro`) over files.

    Args:
        name: of the metric; keys start with it.
        items: by subset.
        correct: for the items of all subsets in order, [N].
        group: subset -> its group; None forms no groups.
    """
    subsets = [subset for subset, own in items.items() for _ in own]
    ids = [f"{subset}/{item.id}" for subset, own in items.items() for item in own]
    images = [item.filename for own in items.values() for item in own]
    sizes = {subset: len(own) for subset, own in items.items()}
    scores: dict[str, Score] = {}

    def add(key: str, members: list[str], macro: bool) -> None:
        places = [place for place, subset in enumerate(subsets) if subset in members]
        scores[key] = mean_score(
            correct[places],
            [ids[place] for place in places],
            images=[images[place] for place in places],
            weights=[1 / sizes[subsets[place]] for place in places] if macro else None,
            scale=PERCENT,
            bounds=SHARE,
        )

    for subset in items:
        add(f"{name}_{subset}", [subset], False)
    groups = dict.fromkeys(group(subset) for subset in items) if group else {}
    for one in groups:
        members = [subset for subset in items if group(subset) == one]
        if len(members) > 1:
            add(f"{name}_{one}", members, False)
            add(f"{name}_{one}_macro", members, True)
    add(name, list(items), False)
    add(f"{name}_macro", list(items), True)
    return scores


def _read_items(path: Path, caption_keys: Sequence[str], kind: type[dict] | type[list]) -> list[CrepeItem]:
    content = read_json(path)
    if not isinstance(content, kind) or not content:
        raise InputError(f"{path}: must hold a JSON {'object' if kind is dict else 'list'} of items")
    entries = content.items() if isinstance(content, dict) else enumerate(content)
    items, seen = [], set()
    for key, entry in entries:
        if not isinstance(entry, dict):
            raise InputError(f"{path}: item {key!r} must be an object")
        for name in ("filename", *caption_keys, "negative_caption"):
            if not isinstance(entry.get(name), str) or not entry[name].strip():
                raise InputError(f"{path}: item {key!r} has no text {name!r}")
        own = str(entry.get("id", key))
        if own in seen:
            raise InputError(f"{path}: item {own!r} occurs twice")
        seen.add(own)
        captions = tuple(entry[name] for name in caption_keys)
        items.append(CrepeItem(own, entry["filename"], captions, entry["negative_caption"]))
    return items
