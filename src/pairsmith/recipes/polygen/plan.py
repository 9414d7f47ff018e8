"""What a preset of PolyGen would take: captions, pictures by each generator, dual encoders, and storage.

Work in FLOPs, time on the stated devices (`recipes.work`). A picture that several arms show is drawn once; what each
arm would take alone stands beside it. Tokenizer, language model and generators that are trained here are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from pairsmith.clip.model import build, complete
from pairsmith.errors import InputError
from pairsmith.evaluation.metrics_file import Metric
from pairsmith.generators.diffusers.settings import DiffusersSettings
from pairsmith.recipes.diffusion_work import PictureWork, picture_work
from pairsmith.recipes.polygen.arms import Arm, make_arms, repeated_arm
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.work import TRAINED, Devices, Stage, count_parameters, forward_flops, shape_only
from pairsmith.settings import Settings, load_settings
from pairsmith.stages.dealing import quotas


class Assumptions(Settings):
    """What the preset does not say and a cost needs."""

    writer_parameters: float = 7.24e9
    """Of the language model that writes captions: Mistral-7B."""
    editor_parameters: float = 8.03e9
    """Of the one that writes hard negatives: Llama-3.1-8B."""
    prompt_tokens: int = 70
    """Read for a caption or a negative."""
    caption_tokens: int = 25
    """Written for one."""
    picture_side: int = 256
    """Pixels a side of a stored picture (SynthCLIP: 256)."""
    bits_per_pixel: float = 1.5
    """Of a stored JPEG."""
    tokens: int = 256
    """Of a picture of that side: one for 16 x 16 pixels, 2 bytes each."""


@dataclass(frozen=True)
class Drawn:
    """What one generator draws.

    Attributes:
        name: of the generator.
        work: of a picture.
        pictures: for all arms together, each once.
        alone: arm -> pictures of it.
    """

    name: str
    work: PictureWork
    pictures: int
    alone: Mapping[str, int]

    @property
    def flops(self) -> int:
        """Of all its pictures."""
        return self.work.flops * self.pictures


@dataclass(frozen=True)
class Plan:
    """Everything that `pairsmith plan polygen` prints.

    Attributes:
        captions: base captions that are written, and as many negatives.
        caption_flops, negative_flops: of writing them.
        drawn: by generator.
        training: of one dual encoder; `runs` are trained.
        runs: arms times seeds.
        budget: pictures of an arm.
        arms: names.
        copies: pictures in the arms' own stores, which hold those that they show once more, without tokens.
        pixel_bytes, raw_bytes, token_bytes: of one stored picture: encoded, raw 8-bit, as tokens.
        devices: for days.
    """

    captions: int
    caption_flops: float
    negative_flops: float
    drawn: tuple[Drawn, ...]
    training: Stage
    runs: int
    budget: int
    arms: tuple[str, ...]
    copies: int
    pixel_bytes: float
    raw_bytes: int
    token_bytes: int
    devices: Devices

    @property
    def pictures(self) -> int:
        """Drawn in all."""
        return sum(one.pictures for one in self.drawn)

    @property
    def drawing_flops(self) -> int:
        """Of all pictures."""
        return sum(one.flops for one in self.drawn)

    @property
    def training_flops(self) -> float:
        """Of all dual encoders."""
        return self.training.flops * self.runs

    @property
    def flops(self) -> float:
        """Of everything."""
        return self.caption_flops + self.negative_flops + self.drawing_flops + self.training_flops

    def metrics(self) -> dict[str, Metric]:
        """Under the names of the contract."""
        found: dict[str, float] = {
            "plan.clip.parameters": self.training.trained,
            "plan.clip.flops": self.training.flops,
            "plan.clip.runs": self.runs,
            "plan.captions.flops": self.caption_flops,
            "plan.negatives.flops": self.negative_flops,
            "plan.pictures": self.pictures,
            "plan.pictures.flops": self.drawing_flops,
            "plan.storage.encoded_bytes": self.pictures * self.pixel_bytes,
            "plan.storage.token_bytes": self.pictures * self.token_bytes,
            "plan.storage.arm_copies_bytes": self.copies * self.pixel_bytes,
            "plan.flops": self.flops,
            "plan.device_days": self.devices.seconds(self.flops) * self.devices.count / 86_400,
        }
        for one in self.drawn:
            found[f"plan.generator.{one.name}.parameters"] = one.work.parameters
            found[f"plan.generator.{one.name}.flops_per_picture"] = one.work.flops
            found[f"plan.generator.{one.name}.pictures"] = one.pictures
            found[f"plan.generator.{one.name}.flops"] = one.flops
        return {name: Metric(float(value), 1) for name, value in found.items()}


def plan_polygen(
    settings: PolygenSettings, devices: Devices | None = None, assumptions: Assumptions | None = None
) -> Plan:
    """Plan the recipe with these settings.

    Raises:
        InputError: a generator whose cost cannot be counted, or an architecture that cannot be built.
    """
    assumed = assumptions or Assumptions()
    arms = make_arms(settings)
    counts = {arm.name: arm_pictures(arm, settings.budget) for arm in arms}
    drawn = []
    for entry in settings.generators:
        if entry.kind != "diffusers" or entry.source is None:
            raise InputError(
                f"generator {entry.name}: costs are counted for pipelines of diffusers by hub name, as in the presets "
                "small and paper"
            )
        work = picture_work(entry.source, load_settings(DiffusersSettings, entry.sampling))
        alone = {arm: own[entry.name] for arm, own in counts.items() if entry.name in own}
        drawn.append(Drawn(entry.name, work, drawn_once(entry.name, arms, counts), alone))
    written = assumed.prompt_tokens + assumed.caption_tokens
    edited = settings.negatives.by == "editor"
    return Plan(
        captions=settings.caption_count,
        caption_flops=0.0 if settings.on_scenes else 2 * assumed.writer_parameters * written * settings.caption_count,
        negative_flops=2 * assumed.editor_parameters * written * settings.caption_count if edited else 0.0,
        drawn=tuple(drawn),
        training=clip_stage(settings),
        runs=len(arms) * settings.seeds,
        budget=settings.budget,
        arms=tuple(arm.name for arm in arms),
        copies=sum(sum(own.values()) for own in counts.values()),
        pixel_bytes=assumed.picture_side**2 * assumed.bits_per_pixel / 8,
        raw_bytes=assumed.picture_side**2 * 3,
        token_bytes=assumed.tokens * 2,
        devices=devices or Devices(),
    )


def arm_pictures(arm: Arm, budget: int) -> dict[str, int]:
    """Generator -> pictures of an arm; negatives are drawn by the generators of their captions."""
    sides = 2 if arm.negatives == "images" else 1
    return {name: sides * count for name, count in quotas(arm.weights, budget // sides).items() if count}


def drawn_once(generator: str, arms: list[Arm], counts: Mapping[str, Mapping[str, int]]) -> int:
    """Pictures of a generator for all arms, shared ones once.

    A single arm draws the first captions of the common order, as many as there are pictures, so that it has whatever
    base picture another arm wants; negatives are drawn beside it, once for all curricula. What a repeated arm draws of
    a caption after the first picture is its own. Without the single arm the largest arms of either kind are taken,
    which is the least that can be said.
    """
    firsts, later, negatives = [0], 0, [0]
    for arm in arms:
        own = counts[arm.name].get(generator, 0)
        if arm.name == repeated_arm(generator):
            captions = -(-own // arm.views)
            firsts.append(captions)
            later = own - captions
        elif arm.negatives == "images":
            firsts.append(own // 2)
            negatives.append(own // 2)
        else:
            firsts.append(own)
    return max(firsts) + later + max(negatives)


def clip_stage(settings: PolygenSettings) -> Stage:
    """Training one dual encoder on the budget: every picture, and its caption, forward and backward.

    Multi-positive arms read fewer captions; they are counted as if they read one a picture.
    """
    clip = settings.clip
    architecture = complete(clip.model.architecture)
    with torch.device("meta"):
        model = build(architecture)
    model.eval().requires_grad_(False)
    side = int(architecture["vision_cfg"]["image_size"])
    text = torch.zeros(1, model.context_length, dtype=torch.int64, device="meta")
    pair = forward_flops(lambda: model.encode_image(shape_only(1, 3, side, side)))
    pair += forward_flops(lambda: model.encode_text(text))
    batch = clip.training.batch_size
    steps = clip.training.steps if clip.epochs is None else clip.epochs * -(-settings.budget // batch)
    return Stage(
        "CLIP, each arm and seed", float(TRAINED * pair * batch), steps, count_parameters(model), 0, "both towers"
    )
