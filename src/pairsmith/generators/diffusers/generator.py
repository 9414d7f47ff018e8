"""Draws prompts with a pipeline of `diffusers`, so that a row's picture depends on its prompt and seed alone.

Three things could tie a picture to its batch. Noise: every row has a CPU generator of its own, for the first latents
and for all that a stochastic scheduler draws. Padding: pipelines pad prompts to a fixed length (one that pads to the
longest of the batch needs `block_rows` 1). Rounding: kernels differ with the number of rows, so rows are computed in
blocks of one fixed size. Only running out of memory changes that size, and then the rows say so.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pairsmith.errors import InputError
from pairsmith.generators.diffusers.loading import LoadedPipelines, load_pipelines
from pairsmith.generators.diffusers.prompts import cut_note, text_limits
from pairsmith.generators.diffusers.settings import DiffusersSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """Attributes:
    pixels: [H, W, 3] uint8.
    finite: False where the model gave something that is no number, which happens to fp16; `pixels` are then void.
    flagged: True where the safety checker objects.
    cut: what the text encoders lost of the prompt; "" where nothing.
    block_rows: rows it was computed with.
    """

    pixels: np.ndarray
    finite: bool
    flagged: bool
    cut: str
    block_rows: int


class DiffusersGenerator:
    """A pipeline, and where wanted a refiner, at work.

    Args:
        pipelines: loaded and placed.
        settings: how to draw.
        device: where the pipelines are.

    Raises:
        InputError: the pipeline does not know a setting that was given.

    Attributes:
        block_rows: rows computed together; as in the settings until memory runs out.
    """

    def __init__(self, pipelines: LoadedPipelines, settings: DiffusersSettings, device: str = "cpu") -> None:
        self.pipelines = pipelines
        self.settings = settings
        self.device = device
        self.block_rows = settings.block_rows
        self._known = set(inspect.signature(pipelines.base.__call__).parameters)
        self._limits = text_limits(pipelines.base, settings.max_text)
        given = {
            "negative_prompt": bool(settings.negative_prompt),
            "max_sequence_length": settings.max_text is not None,
            "denoising_end": pipelines.refiner is not None,
            "guidance_scale": settings.guidance is not None,
            "width": settings.width is not None,
        }
        names = {"max_sequence_length": "max_text", "denoising_end": "refiner", "guidance_scale": "guidance"}
        for parameter, wanted in given.items():
            if wanted and parameter not in self._known:
                raise InputError(
                    f"setting {names.get(parameter, parameter)!r}: {type(pipelines.base).__name__} has no "
                    f"{parameter}; leave it out"
                )

    @classmethod
    def from_pretrained(
        cls, source: str | Path, settings: DiffusersSettings | None = None, device: str = "cpu"
    ) -> DiffusersGenerator:
        """Load by folder or hub name; raises InputError as `load_pipelines`."""
        settings = settings or DiffusersSettings()
        return cls(load_pipelines(source, settings, device), settings, device)

    def fingerprint(self) -> str:
        """16 hex digits that change with any weight, tokenizer or scheduler."""
        return self.pipelines.fingerprint

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
        """One picture a prompt.

        Args:
            prompts: B texts.
            seeds: B seeds of at most 63 bits; equal prompt, seed and settings give the same pixels in any batch.

        Raises:
            InputError: out of memory with a single row.
        """
        pictures: list[Picture] = []
        while len(pictures) < len(prompts):
            rows = slice(len(pictures), len(pictures) + self.block_rows)
            drawn = self._try_block(prompts[rows], seeds[rows])
            if drawn is None:
                self._shrink()
            else:
                pictures += drawn
        return pictures

    def _try_block(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture] | None:
        """The pictures, or None where memory ran out; by then the failed attempt has let go of what it held."""
        try:
            return self._draw_block(prompts, seeds)
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
            return None

    def _shrink(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.block_rows == 1:
            raise InputError(
                "out of memory with one picture at a time: set a smaller width and height, a smaller precision, or "
                "offload to 'model' or 'sequential'"
            )
        logger.warning("out of memory with %d pictures at a time: going on with half", self.block_rows)
        self.block_rows //= 2

    @torch.no_grad()
    def _draw_block(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
        wanted = len(prompts)
        chosen = [min(row, wanted - 1) for row in range(self.block_rows)]  # the last row fills the block
        padded = [prompts[row] for row in chosen]
        generators = [torch.Generator().manual_seed(int(seeds[row])) for row in chosen]
        pixels = self._run(padded, generators).float()  # [block_rows, 3, H, W]
        finite = pixels.isfinite().flatten(1).all(dim=1).tolist()
        arrays = (pixels.nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        flags = self._flags(arrays)
        return [
            Picture(
                arrays[row], finite[row], flags[row], cut_note(self.pipelines.base, self._limits, text), self.block_rows
            )
            for row, text in enumerate(prompts)
        ]

    def _run(self, prompts: list[str], generators: list[torch.Generator]) -> Tensor:
        """[B, 3, H, W] in [0, 1] from the base, or from base and refiner."""
        settings, base, refiner = self.settings, self.pipelines.base, self.pipelines.refiner
        common: dict[str, Any] = {"prompt": prompts, "generator": generators}
        if settings.steps is not None:
            common["num_inference_steps"] = settings.steps
        if settings.guidance is not None:
            common["guidance_scale"] = settings.guidance
        if settings.negative_prompt:
            common["negative_prompt"] = [settings.negative_prompt] * len(prompts)
        own: dict[str, Any] = {}
        if settings.width is not None:
            own |= {"width": settings.width, "height": settings.height}
            if "use_resolution_binning" in self._known:
                own["use_resolution_binning"] = False  # it would draw the nearest size of its own list, and resize
        if settings.max_text is not None:
            own["max_sequence_length"] = settings.max_text
        if "clean_caption" in self._known:
            own["clean_caption"] = False  # what it does depends on which packages are installed
        if refiner is None:
            return base(**common, **own, output_type="pt").images
        share = settings.high_noise_fraction
        latents = base(**common, **own, denoising_end=share, output_type="latent").images
        return refiner(**common, image=latents, denoising_start=share, output_type="pt").images

    def _flags(self, arrays: np.ndarray) -> list[bool]:
        """What the safety checker says of uint8 [B, H, W, 3]."""
        checker = self.pipelines.safety_checker
        if checker is None:
            return [False] * len(arrays)
        images = [Image.fromarray(array) for array in arrays]
        inputs = self.pipelines.feature_extractor(images, return_tensors="pt").pixel_values
        weights = next(checker.parameters())
        _, flags = checker(
            clip_input=inputs.to(weights.device, weights.dtype), images=[array.copy() for array in arrays]
        )
        return [bool(flag) for flag in flags]


def _out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "can't allocate memory" in str(error)  # how torch says it on the CPU
