"""The captions of a store with their pictures: what multi-positive and hard-negative training draw batches of.

A caption is what rows of one group say; its pictures are those rows. A caption and its hard negative are partners where
the negative has pictures too, that is, rows of its own whose caption is the negative and whose negative is the caption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError
from pairsmith.pairs.store import PairStore

BASE_KIND = "base"
"""`negative_kind` of a row that shows a hard negative: what stands in its column `negative` is the base caption."""
NO_CAPTION = -1

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class CaptionSet:
    """Captions numbered 0 to N - 1, in the order of their first rows.

    Attributes:
        captions: texts, [N].
        labels: [N]; captions with equal texts have equal labels.
        rows: positions in the store of all pictures, caption by caption; caption n has `rows[starts[n]:starts[n + 1]]`.
        starts: [N + 1].
        partners: [N], the number of the negative of a base that has pictures, of the base of such a negative;
            `NO_CAPTION` elsewhere.
        is_negative: [N] bool: whether the caption is another's hard negative.
        negatives: the hard-negative text of each caption, empty where there is none, [N].
        negative_labels: [N], the label of that text where some caption says it, else `NO_CAPTION`.
        negative_kinds: [N], places in `kinds`.
        kinds: names of the kinds of negatives.
    """

    captions: list[str]
    labels: Numbers
    rows: Numbers
    starts: Numbers
    partners: Numbers
    is_negative: NDArray[np.bool_]
    negatives: list[str]
    negative_labels: Numbers
    negative_kinds: Numbers
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)

    def views(self, number: int) -> Numbers:
        """Positions in the store of a caption's pictures."""
        return self.rows[self.starts[number] : self.starts[number + 1]]


def read_captions(store: PairStore) -> CaptionSet:
    """The captions of the "ok" rows of a store.

    Raises:
        InputError: no rows, or a row without caption.
    """
    columns = [store.column(name).to_pylist() for name in ("id", "group", "caption", "negative", "negative_kind")]
    numbers: dict[tuple[str, str], int] = {}
    members: list[list[int]] = []
    captions: list[str] = []
    negatives: list[str] = []
    kinds: list[str] = []
    for position, (row_id, group, caption, negative, kind) in enumerate(zip(*columns, strict=True)):
        if not caption:
            raise InputError(f"{store.folder}: row {row_id} has no caption, so there is nothing to learn from it")
        number = numbers.setdefault((group or row_id, caption), len(captions))
        if number == len(captions):
            captions.append(caption)
            negatives.append(negative or "")
            kinds.append((kind or "") if negative else "")
            members.append([])
        members[number].append(position)
    if not captions:
        raise InputError(f"{store.folder} has no row of status ok to train on")
    names = tuple(sorted(set(kinds)))
    label_of: dict[str, int] = {}
    labels = np.array([label_of.setdefault(caption, len(label_of)) for caption in captions], np.int64)
    is_negative = np.array([kind == BASE_KIND for kind in kinds])
    return CaptionSet(
        captions=captions,
        labels=labels,
        rows=np.array([position for own in members for position in own], np.int64),
        starts=np.cumsum([0, *(len(own) for own in members)], dtype=np.int64),
        partners=_partners(captions, negatives, is_negative),
        is_negative=is_negative,
        negatives=negatives,
        negative_labels=np.array([label_of.get(text, NO_CAPTION) if text else NO_CAPTION for text in negatives]),
        negative_kinds=np.array([names.index(kind) for kind in kinds], np.int64),
        kinds=names,
    )


def _partners(captions: list[str], negatives: list[str], is_negative: NDArray[np.bool_]) -> Numbers:
    """Each base with the first free caption that says its negative and calls it its base, and the other way round."""
    partners = np.full(len(captions), NO_CAPTION, np.int64)
    waiting: dict[tuple[str, str], list[int]] = {}
    for number in np.flatnonzero(is_negative)[::-1].tolist():
        waiting.setdefault((negatives[number], captions[number]), []).append(number)
    for number in np.flatnonzero(~is_negative).tolist():
        found = waiting.get((captions[number], negatives[number]))
        if found:
            partners[number] = other = found.pop()
            partners[other] = number
    return partners
