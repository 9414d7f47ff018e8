"""n-gram counts of all captions of an evaluation at once, as integer arrays: what CIDEr and BLEU are computed from.

Words become integers, an n-gram becomes (number of its first n-1 words, last word), and one stable sort per n yields
the counts of every caption. On 5,000 images this is ten times faster than dictionaries of tuples.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError

Integers = NDArray[np.int64]
Candidates = Mapping[Hashable, str | Sequence[str]] | Sequence[str]
References = Mapping[Hashable, Sequence[str]] | Sequence[Sequence[str]]


def align(candidates: Candidates, references: References) -> tuple[list[str], list[Sequence[str]]]:
    """Candidates and references as two lists in the same order.

    Args:
        candidates: one caption an image: a sequence, or a mapping from image id to the caption (or to a list that holds
            just it).
        references: at least one caption an image, in the same form. Images without a candidate are left out.

    Raises:
        InputError: different lengths, a candidate without references, an image with no reference or several candidates.
    """
    if isinstance(candidates, Mapping) != isinstance(references, Mapping):
        raise InputError("candidates and references must both be mappings from image ids or both be sequences")
    if isinstance(candidates, Mapping) and isinstance(references, Mapping):
        missing = [name for name in candidates if name not in references]
        if missing:
            raise InputError(f"image {missing[0]!r} has a candidate but no references ({len(missing)} such images)")
        names: Sequence[Hashable] = list(candidates)
        texts: list[str | Sequence[str]] = list(candidates.values())
        groups = [references[name] for name in names]
    else:
        texts, groups = list(candidates), list(references)  # type: ignore[arg-type]
        names = range(len(texts))
        if len(texts) != len(groups):
            raise InputError(
                f"{len(texts)} candidates but references of {len(groups)} images: give one of each an image"
            )
    captions = []
    for name, text, group in zip(names, texts, groups, strict=True):
        if isinstance(group, str) or len(group) == 0:
            raise InputError(f"image {name!r}: the references must be a list of at least one caption")
        if not isinstance(text, str):
            if len(text) != 1:
                raise InputError(f"image {name!r} has {len(text)} candidates; exactly one is scored")
            text = text[0]
        captions.append(text)
    return captions, groups


@dataclass(frozen=True)
class NGramCounts:
    """Counts of the n-grams of one n: an entry is one n-gram of one caption, sorted by (n-gram, caption)."""

    grams: Integers  # [E] which n-gram, 0..distinct-1
    sentences: Integers  # [E] which caption
    counts: Integers  # [E] how often, at least 1
    distinct: int


@dataclass(frozen=True)
class CaptionTable:
    """All captions of an evaluation. Captions 0..images-1 are the candidates, the references follow image by image."""

    images: int
    image_of: Integers  # [S] image of each caption
    lengths: Integers  # [S] words
    words: Integers  # [W] word numbers of all captions, one after the other
    vocabulary_size: int

    @property
    def references_of(self) -> Integers:
        """Number of references of each image, [images]."""
        return np.bincount(self.image_of[self.images :], minlength=self.images)

    def ngrams(self, largest: int) -> Iterator[NGramCounts]:
        """The counts for n = 1 .. `largest`."""
        total = len(self.words)
        sentence_of = np.repeat(np.arange(len(self.lengths)), self.lengths)  # [W]
        ends = np.cumsum(self.lengths)
        words_left = np.repeat(ends, self.lengths) - np.arange(
            total
        )  # [W] words up to the caption's end, itself included
        positions = np.arange(total)
        keys = numbers = self.words  # numbers: the n-gram that starts at each of `positions`
        for length in range(1, largest + 1):
            if length > 1:
                keep = words_left[positions] >= length
                positions = positions[keep]
                keys = numbers[keep] * self.vocabulary_size + self.words[positions + length - 1]
            order, sorted_keys = _stable_sort(keys)  # captions stay in order inside each n-gram
            sentences = sentence_of[positions[order]]
            new_gram = np.ones(len(order), dtype=bool)
            new_gram[1:] = sorted_keys[1:] != sorted_keys[:-1]
            new_entry = new_gram.copy()
            new_entry[1:] |= sentences[1:] != sentences[:-1]
            grams = np.cumsum(new_gram) - 1
            starts = np.flatnonzero(new_entry)
            yield NGramCounts(
                grams=grams[starts],
                sentences=sentences[starts],
                counts=np.diff(starts, append=len(order)),
                distinct=int(grams[-1]) + 1 if len(grams) else 0,
            )
            numbers = np.empty_like(keys)
            numbers[order] = grams


def _stable_sort(keys: Integers) -> tuple[Integers, Integers]:
    """(order, sorted keys), equal keys in their first order."""
    largest = int(keys.max(initial=0)) + 1
    shift = len(keys).bit_length()
    if largest.bit_length() + shift < 63:  # sorting key and position as one integer is several times faster
        joined = np.sort((keys << shift) | np.arange(len(keys)))
        return joined & ((1 << shift) - 1), joined >> shift
    order = np.argsort(keys, kind="stable")
    return order, keys[order]


def caption_table(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionTable:
    """Number the words of tokenised captions (split at white space)."""
    numbers: dict[str, int] = {}
    lengths: list[int] = []
    words: list[str] = []
    for caption in candidates:
        tokens = caption.split()
        words += tokens
        lengths.append(len(tokens))
    for group in references:
        for caption in group:
            tokens = caption.split()
            words += tokens
            lengths.append(len(tokens))
    for word in set(words):
        numbers[word] = len(numbers)
    images = len(candidates)
    groups = np.repeat(np.arange(images), [len(group) for group in references])
    return CaptionTable(
        images=images,
        image_of=np.concatenate([np.arange(images), groups]),
        lengths=np.asarray(lengths, dtype=np.int64),
        words=np.fromiter(map(numbers.__getitem__, words), dtype=np.int64, count=len(words)),
        vocabulary_size=max(len(numbers), 1),
    )


def match_candidates(counts: NGramCounts, table: CaptionTable) -> tuple[Integers, Integers]:
    """Reference entries whose n-gram is in their image's candidate: (indices of them, indices of the candidates')."""
    is_candidate = counts.sentences < table.images
    candidate_entries = np.flatnonzero(is_candidate)
    reference_entries = np.flatnonzero(~is_candidate)
    # Both lists are sorted by (n-gram, image), so one pass of binary searches over growing keys pairs them.
    wanted = counts.grams[reference_entries] * table.images + table.image_of[counts.sentences[reference_entries]]
    present = counts.grams[candidate_entries] * table.images + counts.sentences[candidate_entries]
    if not len(present):
        return reference_entries[:0], candidate_entries[:0]
    place = np.minimum(np.searchsorted(present, wanted), len(present) - 1)
    found = present[place] == wanted
    return reference_entries[found], candidate_entries[place[found]]
