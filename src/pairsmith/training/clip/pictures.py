"""The pictures of a store as CLIP training sees them: read, cropped, resized; kept in memory where they are small."""

from __future__ import annotations

import numpy as np

from pairsmith.errors import InputError
from pairsmith.pairs.store import PairStore
from pairsmith.seeds import numpy_generator
from pairsmith.training.clip.crops import CropSettings, cropped_pixels

IN_MEMORY = 1 << 30  # bytes up to which all pictures of a store are kept


class CroppedPictures:
    """Crops of a store's pictures.

    Crops that are the same each time are made once. Where all pictures of the store fit, they are kept in memory: as
    they are fed if they are always cropped alike, else encoded.

    Args:
        store: the pairs.
        size: pixels a side.
        crop: which part of a picture is seen.
        interpolation: of resizing.
        seed: of the crops.
    """

    def __init__(self, store: PairStore, size: int, crop: CropSettings, interpolation: str, seed: int) -> None:
        self._store, self._size, self._crop = store, size, crop
        self._interpolation, self._seed = interpolation, seed
        self._encoded: list[bytes | None] | None = None
        self._keeps_encoded = sum(shard.bytes for shard in store.manifest.shards) <= IN_MEMORY
        self._keeps_crops = crop.fixed and len(store) * 3 * size * size <= IN_MEMORY
        self._crops: np.ndarray | None = None  # uint8 [len(store), 3, size, size], of the rows that are known
        self._known = np.zeros(len(store) if self._keeps_crops else 0, np.bool_)

    def read(self, rows: np.ndarray, epoch: int, views: int) -> np.ndarray:
        """
        Args:
            rows: int64 [N], positions in the store, those of a caption one after the other.
            epoch: and
            views: pictures of a caption in a batch; both take part in drawing the crops.

        Returns:
            uint8 [N, 3, size, size].

        Raises:
            InputError: a row has no picture, or as `decode_image`.
        """
        if not self._keeps_crops:
            return self._cut(rows, epoch, views)
        if self._crops is None:
            self._crops = np.empty((len(self._store), 3, self._size, self._size), np.uint8)
        new = np.unique(rows[~self._known[rows]])
        if new.size:
            self._crops[new] = self._cut(new, epoch, views)
            self._known[new] = True
            if self._encoded is not None:
                for row in new.tolist():
                    self._encoded[row] = None  # it is not cropped again
        return self._crops[rows]

    def _cut(self, rows: np.ndarray, epoch: int, views: int) -> np.ndarray:
        crops = []
        for place, (row, data) in enumerate(zip(rows.tolist(), self._data(rows), strict=True)):
            rng = numpy_generator(self._seed, f"row {row}", f"crop/{epoch}/{place % views}")
            crops.append(cropped_pixels(data, self._size, self._crop, rng, self._interpolation))
        return np.stack(crops)

    def _data(self, rows: np.ndarray) -> list[bytes]:
        if self._keeps_encoded:
            if self._encoded is None:
                self._encoded = self._bytes(np.arange(len(self._store)))
            found = [self._encoded[row] for row in rows.tolist()]
        else:
            found = self._bytes(rows)
        for row, data in zip(rows.tolist(), found, strict=True):
            if data is None:
                name = self._store.pair(row).id
                raise InputError(f"{self._store.folder}: row {name} has no picture; render the pairs with --images")
        return [data for data in found if data is not None]

    def _bytes(self, rows: np.ndarray) -> list[bytes | None]:
        return [image and image["bytes"] for image in self._store.take(rows, ["image"]).column("image").to_pylist()]
