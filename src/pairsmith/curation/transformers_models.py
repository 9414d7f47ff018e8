"""Models of `transformers` that scores use: loaded with one sentence for what a user can mend."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from pairsmith.curation.score import View
from pairsmith.errors import InputError


def load_parts(source: str, revision: str | None, *classes: Any) -> list[Any]:
    """What each class's `from_pretrained` gives for a folder or hub id.

    Raises:
        InputError: nothing of the kind, or it cannot be loaded.
    """
    if not source:
        raise InputError("no model is named; give a folder or the id of a model on the hub")
    options = {} if revision is None else {"revision": revision}
    try:
        return [one.from_pretrained(source, **options) for one in classes]
    except Exception as error:  # transformers, the hub client and safetensors raise their own kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"model {source}: cannot be loaded ({reason})") from error


def pixel_view(processor: Any) -> View:
    """The transform of an image processor as a view: picture -> float32 [3, H, W]."""

    def view(picture: Image.Image) -> np.ndarray:
        return np.asarray(processor(picture, return_tensors="np")["pixel_values"][0], np.float32)

    return view
