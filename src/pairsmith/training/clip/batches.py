"""Batches of captions with several pictures each and their hard negatives, as a pure function of the step."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from pairsmith.clip.curriculum import NONE, CurriculumSettings, EpochOrder, pair_share
from pairsmith.clip.model import Tokenize
from pairsmith.errors import InputError
from pairsmith.pairs.caption_sets import CaptionSet
from pairsmith.pairs.store import PairStore
from pairsmith.seeds import numpy_generator
from pairsmith.training.clip.crops import CropSettings
from pairsmith.training.clip.pictures import CroppedPictures

NegativeUse = Literal["none", "texts", "images"]


class ClipBatches:
    """This rank's part of every batch.

    Args:
        store: the pairs.
        captions: of the store.
        tokenize: texts -> ids.
        batch_size: pictures of a global batch.
        views: pictures of each caption in a batch. A caption with more shows others in the next epoch, until all were
            shown equally often; one with fewer repeats some.
        negatives: "none": hard negatives play no part. "texts": captions bring the text of their negative along, twice
            the curriculum's share of them. "images": negatives have pictures and meet their bases by the curriculum.
        curriculum: how often.
        image_size: pixels a side.
        crop: which part of a picture is seen.
        interpolation: of resizing.
        seed: of order, views and crops.
        rank, world: this process among all; every rank gets equally many captions.

    Raises:
        InputError: sizes that do not divide, fewer captions than a batch holds, or no negatives where they are wanted.
    """

    def __init__(
        self,
        store: PairStore,
        captions: CaptionSet,
        tokenize: Tokenize,
        *,
        batch_size: int,
        views: int,
        negatives: NegativeUse,
        curriculum: CurriculumSettings,
        image_size: int,
        crop: CropSettings,
        interpolation: str = "bilinear",
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if batch_size % (views * world):
            raise InputError(
                f"a batch of {batch_size} pictures cannot be {views} of each caption on each of {world} ranks; "
                f"take a multiple of {views * world}"
            )
        if negatives == "texts" and not any(captions.negatives):
            raise InputError(f"{store.folder} has no hard negatives; make them with `pairsmith negatives`")
        if negatives == "images" and (captions.partners == NONE).all():
            raise InputError(
                f"{store.folder} has no hard negative with pictures beside its base; render negatives too, or train "
                "with loss.negatives=texts"
            )
        self.captions = captions
        self.batch_size, self.rank, self.world = batch_size, rank, world
        self.order = EpochOrder(
            captions.partners if negatives == "images" else np.full(len(captions), NONE),
            batch_size // views,
            curriculum,
            seed,
        )
        self._tokenize = tokenize
        self._views, self._negatives, self._curriculum = views, negatives, curriculum
        self._seed = seed
        self._pictures = CroppedPictures(store, image_size, crop, interpolation, seed)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every caption is seen."""
        return self.order.steps_per_epoch

    def batch(self, step: int) -> dict[str, Any]:
        """This rank's T captions and T * views pictures.

        Returns:
            pixels: uint8 [I, 3, S, S], the views of a caption one after the other.
            image_captions, text_captions: int64 [I], [T] labels.
            image_negative, text_negative: bool [I], [T]: negatives whose base is in the global batch.
            tokens: int64 [T, L].
            With negatives as texts, also negative_tokens [T, L], negative_valid bool [T], negative_captions and
            negative_kinds int64 [T].
        """
        epoch = self.order.epoch(step)
        everyone = self.order.captions(step)
        share = len(everyone) // self.world
        mine = slice(self.rank * share, (self.rank + 1) * share)
        own, known = everyone[mine], self.captions
        meets = np.isin(known.partners[own], everyone) & known.is_negative[own] & (self._negatives == "images")
        labels = known.labels[own]
        rows = np.concatenate([self.shown(number, epoch) for number in own.tolist()])
        batch = {
            "pixels": torch.from_numpy(self._pictures.read(rows, epoch, self._views)),
            "image_captions": torch.from_numpy(labels.repeat(self._views)),
            "text_captions": torch.from_numpy(labels),
            "image_negative": torch.from_numpy(meets.repeat(self._views)),
            "text_negative": torch.from_numpy(meets),
            "tokens": self._tokenize([known.captions[number] for number in own]),
        }
        if self._negatives == "texts":
            texts = [known.negatives[number] for number in own]
            bring = int(2 * pair_share(epoch, self._curriculum) * len(everyone))
            valid = np.array([bool(text) for text in texts]) & (np.arange(len(everyone))[mine] < bring)
            batch |= {
                "negative_tokens": self._tokenize(texts),
                "negative_valid": torch.from_numpy(valid),
                "negative_captions": torch.from_numpy(known.negative_labels[own]),
                "negative_kinds": torch.from_numpy(known.negative_kinds[own]),
            }
        return batch

    def shown(self, number: int, epoch: int) -> np.ndarray:
        """Positions in the store of the pictures that a caption shows in an epoch, int64 [views]."""
        rows = self.captions.views(number)
        if len(rows) > self._views:
            rows = numpy_generator(self._seed, f"caption {number}", "views").permutation(rows)
        return rows[(epoch * self._views + np.arange(self._views)) % len(rows)]
