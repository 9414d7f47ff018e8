"""Any open_clip model as a dual encoder: a folder in open_clip's layout, a named architecture with weights, the hub.

The folder is what `open_clip` itself loads as `local-dir:FOLDER` (`open_clip_config.json` and the weights), so a model
measured here can be measured by CLIP_benchmark as it is. The picture transform comes with the model: a model trained
with ImageNet's mean and deviation scores far lower with CLIP's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from pairsmith.errors import InputError

if TYPE_CHECKING:
    import torch

CONFIG_NAME = "open_clip_config.json"


class OpenClipEncoder:
    """An open_clip model with its tokenizer and its picture transform.

    Args:
        model: has `encode_image` and `encode_text`; put into eval mode.
        tokenizer: texts -> token ids [B, L].
        transform: RGB picture -> pixels [3, S, S].
        name: network and weights.
        device: where it runs; the model is moved there.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        tokenizer: Callable[[list[str]], torch.Tensor],
        transform: Callable[[Image.Image], torch.Tensor],
        name: str,
        device: str = "cpu",
    ) -> None:
        self.name = name
        self.model: Any = model.to(device).eval()
        self.tokenizer, self.transform, self._device = tokenizer, transform, device

    def encode_images(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """Pictures -> [B, D]."""
        import torch

        pixels = torch.stack([self.transform(image) for image in images])
        return self.model.encode_image(pixels.to(self._device))

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Texts -> [B, D]; longer ones are cut to the model's context."""
        from pairsmith.evaluation.image_text.short_texts import encode_texts

        return encode_texts(self.model, self.tokenizer(list(texts)).to(self._device))


def load_open_clip(source: str, device: str = "cpu") -> OpenClipEncoder:
    """A model in float32.

    Args:
        source: a folder with `open_clip_config.json`; `ARCHITECTURE:WEIGHTS`, where the weights are a name that
            open_clip knows or a file; or `hf-hub:ID`.
        device: where it runs.

    Raises:
        InputError: nothing of the kind, or it cannot be loaded.
    """
    import open_clip
    from safetensors import SafetensorError

    folder = Path(source)
    options: dict[str, Any] = {"precision": "fp32", "device": device}
    if folder.is_dir():
        if not (folder / CONFIG_NAME).is_file():
            raise InputError(f"{source}: has no {CONFIG_NAME}; a model folder in open_clip's layout is wanted")
        name = f"local-dir:{folder.resolve()}"
    elif source.startswith("hf-hub:"):
        name = source
    else:
        name, separator, weights = source.partition(":")
        if not separator or not weights:
            raise InputError(
                f"model {source!r} is neither a folder, nor hf-hub:ID, nor ARCHITECTURE:WEIGHTS as in "
                "ViT-B-32:laion2b_s34b_b79k"
            )
        if name not in open_clip.list_models():
            raise InputError(f"open_clip knows no architecture {name!r}; see open_clip.list_models()")
        options["pretrained"] = weights
    try:
        model, _, transform = open_clip.create_model_and_transforms(name, **options)
        tokenizer = open_clip.get_tokenizer(name)
    except (RuntimeError, OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"model {source}: {str(error).splitlines()[0] if str(error) else repr(error)}") from error
    return OpenClipEncoder(model, tokenizer, transform, source, device)
