"""Embeddings of captions for the filter of near repetitions: made part by part, each kept until the filter is done.

A killed run leaves its finished parts beside the input store, and the next one embeds only the captions that no part
holds. The vectors themselves lie in a file that the operating system pages in and out, so memory holds one part and the
blocks that are being compared, however many captions there are.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from pairsmith.captions.filters.set_filters import unit_vectors
from pairsmith.captions.rows import Progress
from pairsmith.errors import InputError
from pairsmith.execution.parts import Parts, ScoredRows
from pairsmith.pairs import PairStore
from pairsmith.pairs.remote import RemotePath
from pairsmith.pairs.scores import SCORES_FOLDER
from pairsmith.settings import fingerprint

logger = logging.getLogger(__name__)

Embed = Callable[[Sequence[str]], ArrayLike]
"""Captions -> [N, D]; a caption's vector must not depend on those that come with it."""


class CaptionVectors:
    """Unit vectors of a store's captions, to be used as a context in which all that needs them is done.

    Args:
        embed: the embedder; None where nobody will ask for vectors.
        folder: of finished parts (`parts_folder`); None keeps none.
        part_rows: captions that are embedded at once, and that a killed run loses at most.
        progress: called with (captions done, all captions, 0) after every part.
    """

    def __init__(
        self,
        embed: Embed | None,
        folder: Path | None = None,
        part_rows: int = 1000,
        progress: Progress | None = None,
    ) -> None:
        self._embed, self._folder, self._part_rows, self._progress = embed, folder, part_rows, progress
        self._parts: Parts | None = None

    def __call__(self, captions: Sequence[str], ids: Sequence[str]) -> np.ndarray:
        """Embed what no part holds.

        Args:
            captions: [N].
            ids: of their rows, [N], all different.

        Returns:
            float32 [N, D], each of length 1; [0, 0] of no captions.

        Raises:
            InputError: not one vector a caption, one without direction, vectors of different widths, ids that are not
                different, another process that is at the same parts, or parts that cannot be written.
        """
        embed = self._embed
        assert embed is not None
        places = {name: at for at, name in enumerate(ids)}
        if len(places) < len(ids):
            raise InputError("captions can be embedded only where every row has an id of its own")
        if self._folder is not None and self._parts is None and len(ids):
            self._parts = Parts(self._folder, {})
        vectors: np.ndarray | None = None
        missing = np.ones(len(ids), bool)

        def put(at: np.ndarray, found: np.ndarray) -> None:
            nonlocal vectors
            if vectors is None:
                vectors = self._empty(len(ids), found.shape[1])
            if found.shape[1] != vectors.shape[1]:
                raise InputError(f"embeddings have {vectors.shape[1]} and {found.shape[1]} numbers: give one embedder")
            vectors[at] = found
            missing[at] = False

        for part in self._parts.read() if self._parts is not None else ():
            known = [row for row, name in enumerate(part.ids) if name in places]
            if known:
                put(np.array([places[part.ids[row]] for row in known]), part.values[known])
        left = np.flatnonzero(missing)
        for start in range(0, len(left), self._part_rows):
            some = left[start : start + self._part_rows]
            made = unit_vectors(embed([captions[at] for at in some]), len(some))
            if self._parts is not None:
                self._parts.add(ScoredRows([ids[at] for at in some], made, [None] * len(some)))
            put(some, made)
            if self._progress is not None:
                self._progress(len(ids) - int(missing.sum()), len(ids), 0)
        return np.zeros((0, 0), np.float32) if vectors is None else vectors

    def _empty(self, rows: int, width: int) -> np.ndarray:
        """float32 [rows, width]: in a file without a name where parts are kept, else in memory."""
        if self._parts is None:
            return np.empty((rows, width), np.float32)
        with tempfile.TemporaryFile(dir=self._folder) as file:  # gone with the last array that shows it
            return np.memmap(file, np.float32, "w+", shape=(rows, width))

    def __enter__(self) -> CaptionVectors:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Take the parts away if all went well, else leave them to the next run."""
        if self._parts is not None:
            if kind is None:
                self._parts.remove()
            else:
                self._parts.release()
            self._parts = None


def parts_folder(store: PairStore, embedder: str) -> Path | None:
    """Where parts of a store's embeddings lie, one folder for each embedder.

    Returns:
        None where nothing can be kept: the store cannot be written to, or the embedder has no name to know it by.
    """
    if not embedder or isinstance(store.folder, RemotePath) or not os.access(store.folder, os.W_OK):
        logger.warning("%s: embeddings are not kept, and a run that is stopped makes them anew", store.folder)
        return None
    known = fingerprint({"embedder": embedder, "store": store.fingerprint})
    return store.folder / SCORES_FOLDER / f".caption-embeddings-{known}"
