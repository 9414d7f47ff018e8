"""Renders with pipelines of `diffusers`: rows hold encoded pictures and no tokens."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from pairsmith.generators.diffusers.generator import DiffusersGenerator, Picture
from pairsmith.pairs.images import encode_image
from pairsmith.seeds import row_seed
from pairsmith.stages.renderer import Drawing, Identity

FLAGGED = "nsfw: the pipeline's safety checker flagged the picture"
NOT_FINITE = "not finite: the pipeline gave values that are no numbers; precision bf16 or fp32 mends that of fp16"


class PictureRenderer:
    """A `DiffusersGenerator` for the render stage.

    Args:
        generator: the pipeline at work.
        seed: of all pictures.
        name: of the generator, in the rows; names tell several pipelines of one experiment apart.
    """

    def __init__(self, generator: DiffusersGenerator, seed: int, name: str = "diffusers") -> None:
        self.generator = generator
        self.seed = seed
        self.name = name
        self._drawn = 0
        self._cut = 0

    def identity(self) -> Identity:
        sampling = self.generator.settings.deciding()
        return Identity(
            revision=self.generator.fingerprint(),
            sampling=sampling,
            settings={
                "generator": self.generator.fingerprint(),
                "pipeline": type(self.generator.pipelines.base).__name__,
                "safety_checker": self.generator.pipelines.safety_checker is not None,
                "sampling": sampling,
                "seed": self.seed,
            },
        )

    def draw(self, captions: Sequence[str], ids: Sequence[str], turns: Sequence[int]) -> list[Drawing]:
        seeds = [row_seed(self.seed, row_id, f"image/{turn}") for row_id, turn in zip(ids, turns, strict=True)]
        pictures = self.generator.draw(captions, seeds)
        self._drawn += len(pictures)
        self._cut += sum(bool(picture.cut) for picture in pictures)
        return [self._drawing(picture) for picture in pictures]

    def remarks(self) -> list[str]:
        if not self._cut:
            return []
        return [
            f"{self._cut / self._drawn:.1%} of the captions drawn now were longer than a text encoder reads; "
            "the column `reason` of their rows says how much was cut"
        ]

    def _drawing(self, picture: Picture) -> Drawing:
        settings = self.generator.settings
        changed = {} if picture.block_rows == settings.block_rows else {"block_rows": picture.block_rows}
        if not picture.finite:
            return Drawing(failure=NOT_FINITE, changed=changed)
        if picture.flagged and settings.nsfw == "fail":
            return Drawing(failure=FLAGGED, changed=changed)
        notes = [picture.cut, f"{FLAGGED}, and it was kept" if picture.flagged else ""]
        return Drawing(
            image=encode_image(Image.fromarray(picture.pixels), settings.image_format, settings.image_quality),
            note="; ".join(note for note in notes if note),
            changed=changed,
        )
