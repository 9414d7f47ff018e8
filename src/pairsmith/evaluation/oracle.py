"""The oracle: a small network trained on unlimited rendered scenes, which says what a picture of a scene shows.

It examines the generator: are its pictures faithful to their captions? What synthetic pairs are worth depends on it.
Its own ceiling is measured on true pictures that went through the tokenizer, and is reported beside every figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pairsmith.scenes import World, draw
from pairsmith.scenes.world import Scene
from pairsmith.seeds import numpy_generator, torch_generator

ATTRIBUTES = ("class", "colour", "size", "count", "relation", "background", "exact")
_PLACES = 3  # an object's column and row are 0, 1 or 2, in half cells
_WIDTHS = (32, 64, 96, 128)


class SceneOracle(nn.Module):
    """Convolutions down to a 4 x 4 grid, then one answer for each of the 3 x 3 places where an object can be.

    Args:
        world: whose words it knows.
        seed: of the initial weights.
    """

    def __init__(self, world: World, seed: int = 0) -> None:
        super().__init__()
        settings = world.settings
        self.names = (None, *settings.classes)
        self.colours, self.sizes, self.backgrounds = settings.colours, settings.sizes, settings.backgrounds
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            layers: list[nn.Module] = []
            for before, after in zip((3, *_WIDTHS), _WIDTHS, strict=False):
                layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
            layers += [nn.Conv2d(_WIDTHS[-1], _WIDTHS[-1], 3, padding=1), nn.SiLU(), nn.AdaptiveAvgPool2d(4)]
            self.body = nn.Sequential(*layers)
            outputs = len(self.names) + len(self.colours) + len(self.sizes)
            self.places = nn.Conv2d(_WIDTHS[-1], outputs, 2)
            self.background = nn.Linear(_WIDTHS[-1], len(self.backgrounds))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pixels [B, 3, S, S] in [0, 1] -> logits of class [B, K+1, 3, 3], colour, size, and background [B, b]."""
        features = self.body(pixels * 2 - 1)  # [B, C, 4, 4]
        parts = self.places(features).split((len(self.names), len(self.colours), len(self.sizes)), dim=1)
        return *parts, self.background(features.mean((2, 3)))

    def targets(self, scenes: Sequence[Scene]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The right answers: class [B, 3, 3] (0: nothing), colour and size (-1: nothing), background [B]."""
        shape = (len(scenes), _PLACES, _PLACES)
        names = torch.zeros(shape, dtype=torch.long)
        colours, sizes = torch.full(shape, -1), torch.full(shape, -1)
        for number, scene in enumerate(scenes):
            for thing in scene.objects:
                names[number, thing.row, thing.column] = self.names.index(thing.name)
                colours[number, thing.row, thing.column] = self.colours.index(thing.colour)
                sizes[number, thing.row, thing.column] = self.sizes.index(thing.size)
        return names, colours, sizes, torch.tensor([self.backgrounds.index(scene.background) for scene in scenes])

    @torch.no_grad()
    def examine(self, pixels: Tensor, scenes: Sequence[Scene]) -> dict[str, np.ndarray]:
        """Do pictures show what they should?

        Args:
            pixels: [B, 3, S, S] in [0, 1].
            scenes: what each should show, without jitter.

        Returns:
            Attribute -> float64 [B]: the share of the scene's objects with the right class, colour and size in the
            right place; 1 or 0 for the number of objects, for both objects of a pair in their places (NaN for other
            scenes), the background, and all of it at once.
        """
        self.eval()
        names, colours, sizes, backgrounds = self.targets(scenes)
        found_names, found_colours, found_sizes, found_backgrounds = (x.argmax(1).cpu() for x in self(pixels))
        shown = names > 0  # [B, 3, 3]
        objects = shown.sum((1, 2)).float()

        def share(right: Tensor) -> Tensor:
            return (right & shown).sum((1, 2)) / objects

        class_share, colour_share = share(found_names == names), share(found_colours == colours)
        size_share = share(found_sizes == sizes)
        count = ((found_names > 0).sum((1, 2)) == objects).float()
        background = (found_backgrounds == backgrounds).float()
        is_pair = torch.tensor([scene.kind == "pair" for scene in scenes])
        exact = torch.stack([class_share, colour_share, size_share, count, background]).eq(1).all(0).float()
        values = {
            "class": class_share,
            "colour": colour_share,
            "size": size_share,
            "count": count,
            "relation": torch.where(is_pair, class_share.eq(1).float(), torch.nan),
            "background": background,
            "exact": exact,
        }
        return {name: value.double().numpy() for name, value in values.items()}


@dataclass(frozen=True)
class OracleTraining:
    """How long the oracle trains; `batch` pictures are rendered anew for every one of `steps` steps."""

    steps: int = 300
    batch: int = 64
    learning_rate: float = 2e-3
    seed: int = 0


def train_oracle(
    world: World, training: OracleTraining, progress: Callable[[int, int], None] | None = None
) -> SceneOracle:
    """An oracle for a world, trained on pictures that are drawn once and never seen again.

    Pictures are blurred and made noisy a little, so that the oracle forgives a decoder's softness but not wrong shapes.
    """
    oracle = SceneOracle(world, training.seed)
    optimizer = torch.optim.AdamW(oracle.parameters(), lr=training.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, training.learning_rate, total_steps=training.steps)
    oracle.train()
    for step in range(training.steps):
        rng = numpy_generator(training.seed, f"oracle/{step}")
        scenes = [world.sample(rng) for _ in range(training.batch)]
        pixels = degrade(render(scenes, world.settings.image_size), torch_generator(training.seed, f"oracle/{step}"))
        loss = torch.zeros(())
        for logits, targets in zip(oracle(pixels), oracle.targets(scenes), strict=True):
            loss = loss + functional.cross_entropy(logits, targets, ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress is not None:
            progress(step + 1, training.steps)
    return oracle.eval()


def render(scenes: Sequence[Scene], image_size: int) -> Tensor:
    """True pictures, float32 [B, 3, S, S] in [0, 1]."""
    pictures = np.stack([draw(scene, image_size) for scene in scenes])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def degrade(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Each picture blurred by its own amount, with a little noise; [B, 3, S, S] in [0, 1] -> the same."""
    amount = torch.rand(len(pixels), 1, 1, 1, generator=generator)
    blurred = functional.avg_pool2d(pixels, 3, stride=1, padding=1, count_include_pad=False)
    noise = torch.randn(pixels.shape, generator=generator) * 0.03
    return (torch.lerp(pixels, blurred, amount) + noise).clamp(0, 1)
