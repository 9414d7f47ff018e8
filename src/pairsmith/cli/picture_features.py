"""Pictures and their features for `evaluate`: read from .npz, or taken by a VQ tokenizer or a vision model."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairsmith.cli.caption_files import is_store
from pairsmith.cli.runtime import pick_device, prepare_torch
from pairsmith.errors import InputError
from pairsmith.evaluation.features import FeatureExtractor, ModuleExtractor, extract, tokenizer_extractor
from pairsmith.evaluation.images.extractors import is_named_extractor, named_extractor
from pairsmith.evaluation.pictures import Picture, folder_pictures, load_in_order, store_pictures
from pairsmith.pairs import PairStore

FEATURES_KEY = "features"


@dataclass(frozen=True)
class Extraction:
    """How pictures become features.

    Attributes:
        tokenizer: folder or hub id.
        model: folder or hub id, or the name of an extractor; one of the two where there are pictures.
        batch_rows: pictures at a time.
        device: "auto", "cpu" or "cuda".
    """

    tokenizer: str | None
    model: str | None
    batch_rows: int
    device: str

    def extractor(self, source: Path) -> FeatureExtractor:
        """The network; `source` is for the error.

        Raises:
            InputError: none or two are named, or it cannot be loaded.
        """
        if (self.tokenizer is None) == (self.model is None):
            raise InputError(f"{source} holds pictures: give one of --tokenizer and --model to take features with")
        prepare_torch()
        device = pick_device(self.device)
        if self.tokenizer is not None:
            from pairsmith.tokenizer.model import VQTokenizer

            tokenizer = VQTokenizer.from_pretrained(self.tokenizer).to(device).eval()
            return tokenizer_extractor(tokenizer, tokenizer.config.image_size, device)
        assert self.model is not None
        if is_named_extractor(self.model):
            return named_extractor(self.model, device)
        return vision_extractor(self.model, device)


def read_features(path: Path, extraction: Extraction) -> NDArray[np.float64]:
    """Features [N, D] of a set.

    Raises:
        InputError: nothing usable at `path`.
    """
    if path.suffix == ".npz":
        return _from_file(path)
    pictures = read_pictures(path)
    return extract(load_in_order(pictures), extraction.extractor(path), extraction.batch_rows)


def read_pictures(path: Path) -> list[Picture]:
    """The pictures of a pair store or of a folder.

    Raises:
        InputError: neither of them, or a folder without images.
    """
    if is_store(path):
        return store_pictures(PairStore(path))
    if path.is_dir():
        return folder_pictures(path)
    if path.exists():
        raise InputError(f"{path}: is neither a pair store, nor a folder of images, nor an .npz file of features")
    raise InputError(f"{path}: no such file or folder")


def vision_extractor(source: str, device: str) -> ModuleExtractor:
    """A vision model of `transformers`: its image embedding, or the pooled or mean hidden state where it has none.

    Raises:
        InputError: it cannot be loaded, or takes no pictures.
    """
    from transformers import AutoImageProcessor, AutoModel

    try:
        processor = AutoImageProcessor.from_pretrained(source)
        network: Any = AutoModel.from_pretrained(source).to(device).eval()
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"vision model {source}: {str(error).splitlines()[0]}") from error
    crop = getattr(processor, "crop_size", None) or getattr(processor, "size", None) or {}
    size = dict(crop).get("height") or dict(crop).get("shortest_edge")
    if not size:
        raise InputError(f"vision model {source}: its image processor does not say how large pictures are")

    def forward(pixels: Any) -> Any:
        if hasattr(network, "get_image_features"):
            output = network.get_image_features(pixel_values=pixels)
        else:
            output = network(pixel_values=pixels)
        if hasattr(output, "shape"):
            return output
        pooled = getattr(output, "pooler_output", None)
        return pooled.flatten(1) if pooled is not None else output.last_hidden_state.mean(dim=1)

    return ModuleExtractor(
        forward, source, int(size), tuple(processor.image_mean), tuple(processor.image_std), device=device
    )


def _from_file(path: Path) -> NDArray[np.float64]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if FEATURES_KEY not in arrays:
                names = ", ".join(arrays.files) or "nothing"
                raise InputError(f"{path}: has no array {FEATURES_KEY!r}, but {names}")
            features = np.asarray(arrays[FEATURES_KEY], dtype=np.float64)
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read as .npz ({error})") from error
    if features.ndim != 2 or not features.size:
        raise InputError(f"{path}: {FEATURES_KEY!r} must be of shape [pictures, values], not {list(features.shape)}")
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise InputError(
            f"{path}: feature vector {bad[0]} holds NaN or infinity ({len(bad)} of {len(features)} such vectors): "
            "leave these pictures out, or extract their features again"
        )
    return features
