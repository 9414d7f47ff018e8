"""Models that several scores share: each is loaded once, and the features of a batch are computed once.

A picture's transform is split where bytes end: resizing and cropping happen in worker threads on Pillow images, and
scaling and normalising happen on the model's device for the whole batch. The result is the transform's own to the bit,
and a quarter of the bytes travel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pairsmith.curation.score import Batch, View
from pairsmith.errors import InputError

if TYPE_CHECKING:
    import torch

    from pairsmith.evaluation.image_text.open_clip_encoder import OpenClipEncoder


class SharedModels:
    """What is loaded in one run, by kind and name.

    Args:
        device: where models run.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self._encoders: dict[str, PictureEncoder] = {}

    def encoder(self, source: str) -> PictureEncoder:
        """The open_clip model of a name or folder, as for `load_open_clip`; not loaded yet."""
        if source not in self._encoders:
            self._encoders[source] = PictureEncoder(source, self.device)
        return self._encoders[source]


class PictureEncoder:
    """An open_clip model for batches of rows.

    Args:
        source: a folder, ARCHITECTURE:WEIGHTS or hf-hub:ID.
        device: where it runs.
    """

    def __init__(self, source: str, device: str = "cpu") -> None:
        self.source, self.device = source, device
        self._encoder: OpenClipEncoder | None = None
        self._prepare: View = np.asarray
        self._finish: Callable[[torch.Tensor], torch.Tensor] | None = None

    def load(self) -> None:
        """Load the model; a second call does nothing.

        Raises:
            InputError: it cannot be loaded.
        """
        if self._encoder is None:
            from pairsmith.evaluation.image_text.open_clip_encoder import load_open_clip

            self._encoder = load_open_clip(self.source, self.device)
            self._prepare, self._finish = _split(self._encoder.transform)

    def views(self) -> Mapping[str, View]:
        """The one view that the model needs: its transform as far as bytes go."""
        return {self._view: self._view_of}

    def picture_features(self, batch: Batch) -> torch.Tensor:
        """Features of length 1 of the rows' pictures, float32 [B, D] on the model's device."""
        import torch

        key = ("picture features", self.source)
        if key not in batch.memo:
            model = self._loaded().model
            pixels = torch.from_numpy(np.stack(batch.views[self._view])).to(self.device)
            if self._finish is not None:
                pixels = self._finish(pixels)
            with torch.inference_mode():
                batch.memo[key] = _unit(model.encode_image(pixels))
        return batch.memo[key]

    def text_features(self, texts: Sequence[str]) -> torch.Tensor:
        """Features of length 1, float32 [B, D]; equal texts are encoded once."""
        import torch

        unique = list(dict.fromkeys(texts))
        place = {text: at for at, text in enumerate(unique)}
        with torch.inference_mode():
            features = _unit(self._loaded().encode_texts(unique))
        return features[[place[text] for text in texts]]

    def too_long(self, text: str) -> bool:
        """Whether the model would see only the beginning of a text.

        Raises:
            InputError: its tokenizer does not tell lengths.
        """
        tokenizer: Any = self._loaded().tokenizer
        limit = getattr(tokenizer, "context_length", None)
        if limit is None:
            raise InputError(f"the tokenizer of {self.source} does not tell how long a text is: use too_long=cut")
        if hasattr(tokenizer, "encode"):
            return len(tokenizer.encode(text)) + 2 > limit
        return len(tokenizer.tokenizer(text, truncation=False)["input_ids"]) > limit

    @property
    def _view(self) -> str:
        return f"open_clip {self.source}"

    def _view_of(self, picture: Image.Image) -> Any:
        return self._prepare(picture)

    def _loaded(self) -> OpenClipEncoder:
        self.load()
        assert self._encoder is not None
        return self._encoder


def _unit(features: torch.Tensor) -> torch.Tensor:
    """Rows of length 1; a row without a direction becomes NaN, which no score is."""
    features = features.float()
    return features / features.norm(dim=-1, keepdim=True)


def _split(transform: Any) -> tuple[View, Callable[[torch.Tensor], torch.Tensor] | None]:
    """A transform as (picture -> array, for threads) and (bytes [B, S, S, 3] -> pixels [B, 3, S, S], for the device).

    Only a sequence that ends in "to tensor, normalise" can be split; of any other all is done in the threads.
    """
    import torch
    from torchvision.transforms import Compose, Normalize, ToTensor
    from torchvision.transforms.functional import normalize

    steps = list(transform.transforms) if isinstance(transform, Compose) else []
    if len(steps) < 2 or not isinstance(steps[-1], Normalize) or not isinstance(steps[-2], ToTensor):
        return lambda picture: np.asarray(transform(picture)), None
    before, last = Compose(steps[:-2]), steps[-1]

    def prepare(picture: Image.Image) -> np.ndarray:
        return np.asarray(before(picture))  # [S, S, 3]

    def finish(pixels: torch.Tensor) -> torch.Tensor:
        floats = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(255)
        return normalize(floats, last.mean, last.std, inplace=True)

    return prepare, finish
