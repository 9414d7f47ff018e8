"""Draws what captions of the built-in world say, rightly or, as often as is asked for, wrongly: a generator whose
strength is known, to find out how good a real one has to be.

A wrong picture differs from its caption as SugarCrepe's negatives do: another class, colour, size, number or relation,
or two objects that exchange their colours or places.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pydantic import Field

from pairsmith.scenes import Scene, WorldSettings, read
from pairsmith.scenes.compositional import RULES
from pairsmith.scenes.draw import draw
from pairsmith.seeds import numpy_generator
from pairsmith.settings import Settings, fingerprint
from pairsmith.stages.renderer import Drawing, Identity
from pairsmith.stages.token_renderer import BLOCK_ROWS, decode_blocks, to_png
from pairsmith.tokenizer.model import VQTokenizer

UNREADABLE = "not a sentence about a scene"
_MISTAKES = tuple(name for name in RULES if not name.startswith("add_"))  # these show another scene of the same kind


class SceneDrawing(Settings):
    """How scenes are drawn."""

    wrong: float = Field(default=0.0, ge=0, le=1, description="share of pictures that show another scene")
    through: str | None = Field(
        default=None,
        description="a tokenizer, by folder or hub name, whose copy of the picture is kept: with its decoder's marks",
    )
    world: WorldSettings = Field(default=WorldSettings(), description="size of the pictures, words of wrong ones")


class SceneRenderer:
    """The scenes of captions for the render stage; rows hold pictures (PNG) and no tokens.

    Args:
        settings: how to draw.
        tokenizer: of `settings.through`, on its device.
        seed: of what is drawn wrongly, and how.
        name: of the generator, in the rows.
    """

    def __init__(
        self, settings: SceneDrawing, tokenizer: VQTokenizer | None = None, seed: int = 0, name: str = "scenes"
    ) -> None:
        self.settings, self.seed, self.name = settings, seed, name
        self._tokenizer = tokenizer

    def identity(self) -> Identity:
        tokenizer = None if self._tokenizer is None else self._tokenizer.fingerprint()
        sampling = {**self.settings.to_dict(), "through": tokenizer}
        return Identity(
            revision=fingerprint(sampling),
            sampling=sampling,
            settings={"sampling": sampling, "seed": self.seed, "name": self.name},
            inputs={} if tokenizer is None else {"tokenizer": tokenizer},
        )

    def draw(self, captions: Sequence[str], ids: Sequence[str], turns: Sequence[int]) -> list[Drawing]:
        shown = [self._scene(*one) for one in zip(captions, ids, turns, strict=True)]
        pictures = [draw(scene, self.settings.world.image_size) for scene, _ in shown if scene is not None]
        encoded = iter(to_png(self._copied(np.stack(pictures))) if pictures else [])
        return [
            Drawing(failure=UNREADABLE) if scene is None else Drawing(image=next(encoded), note=mistake)
            for scene, mistake in shown
        ]

    def remarks(self) -> list[str]:
        return []

    def _scene(self, caption: str, row_id: str, turn: int) -> tuple[Scene | None, str]:
        """What is drawn, and how it differs from the caption, if it does."""
        facts = read(caption)
        if facts is None:
            return None, ""
        scene = facts.scene()
        rng = numpy_generator(self.seed, row_id, f"{self.name}/scene/{turn}")  # two of them err apart
        if rng.random() >= self.settings.wrong:
            return scene, ""
        for name in rng.permutation(_MISTAKES):
            said = RULES[name](scene, self.settings.world, rng)
            other = None if said is None else read(said[1])
            if other is not None and other != facts:
                return other.scene(), f"wrong: {name}"
        return scene, ""  # a world with one word of each kind leaves nothing to get wrong

    def _copied(self, pictures: np.ndarray) -> torch.Tensor:
        """uint8 [B, S, S, 3] -> float [B, 3, S, S] in [0, 1], on the CPU or the tokenizer's device."""
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(255)
        if self._tokenizer is None:
            return pixels
        pixels = pixels.to(self._tokenizer.last_weight.device)
        tokens = []
        for start in range(0, len(pixels), BLOCK_ROWS):  # always as many: a last bit can decide which code is nearest
            rows = torch.arange(start, start + BLOCK_ROWS, device=pixels.device).clamp(max=len(pixels) - 1)
            tokens.append(self._tokenizer.encode(pixels[rows]))
        return decode_blocks(self._tokenizer, torch.cat(tokens)[: len(pixels)])
