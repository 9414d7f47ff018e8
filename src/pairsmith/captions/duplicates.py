"""Captions that say the same but for case, punctuation and accents, over a whole store.

The first row in the store's order keeps its caption. That is a pure function of the rows, so it comes out the same
however the captions were made: in one go, resumed, by one worker or many.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

import numpy as np

from pairsmith.captions.cleaning import words


def caption_key(caption: str) -> str:
    """What two captions share when they are duplicates: their words in lower case without accents."""
    plain = unicodedata.normalize("NFKD", caption)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(words(plain.casefold().replace("-", " ").replace("'", "").replace("’", "")))


def first_occurrences(captions: Iterable[str]) -> np.ndarray:
    """For every caption the position of the first one like it.

    Args:
        captions: in the order in which earlier ones win; not held in memory, 8 bytes of each are.

    Returns:
        int64 [n]; result[i] == i where caption i is the first of its kind, else the position of that first one.
    """
    keys = np.fromiter((_hash(caption_key(caption)) for caption in captions), np.uint64)  # [n]
    _, first, kind = np.unique(keys, return_index=True, return_inverse=True)
    return first[kind].astype(np.int64)


def _hash(key: str) -> int:
    """64 bits: among 100 million captions the chance that any two different ones meet is 3 in 10,000."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
