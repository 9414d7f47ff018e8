"""What a preset of SynthVLM would take: GPU-hours, storage and cost of drawing, scoring and training.

FLOPs are counted on models of the meta device, a multiplication with an addition as two. Guidance costs two passes a
step. A trained network costs three forward passes a step, one frozen that gradients pass through two; layers that
recompute their activations cost one more. What cannot be counted (how much of the peak is reached, how large a picture
is on disk, how long answers are, what an hour costs) is an assumption, and all of them are settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field

from pairsmith.errors import InputError
from pairsmith.evaluation.metrics_file import Metric
from pairsmith.recipes.diffusion_work import PictureWork, picture_work
from pairsmith.recipes.synthvlm import networks
from pairsmith.recipes.synthvlm.settings import SynthvlmSettings
from pairsmith.recipes.work import FLOAT_BYTES, TRAINED, count_parameters, forward_flops, shape_only
from pairsmith.settings import Settings
from pairsmith.training.llava.settings import LlavaSettings

HOUR = 3600.0
_HALF_BYTES = 2  # of a bfloat16 number


class Assumptions(Settings):
    """What cannot be counted."""

    captions: int = Field(default=1_000_000, gt=0, description="curated captions (paper: 1M)")
    kept: float = Field(default=0.4, gt=0, le=1, description="share of scored source pairs whose captions are kept")
    peak: float = Field(default=989e12, gt=0, description="dense bf16 FLOP/s of one device; an H100's data sheet")
    drawing: float = Field(default=0.3, gt=0, le=1, description="share of the peak that drawing reaches")
    training: float = Field(default=0.4, gt=0, le=1, description="share of the peak that training reaches")
    score_rate: float = Field(default=100.0, gt=0, description="pairs a second that one device decodes and scores")
    caption_tokens: int = Field(default=30, gt=0, description="of a caption")
    instructions: int = Field(default=665_298, gt=0, description="records of stage 2 (LLaVA-1.5's mix)")
    instruction_tokens: int = Field(default=300, gt=0, description="of a record of stage 2 without its picture")
    answer_share: float = Field(default=0.5, gt=0, le=1, description="share of those that carry loss")
    bits_per_pixel: float = Field(default=3.0, gt=0, description="of a stored picture: JPEG of quality 95")
    price: float = Field(default=2.5, ge=0, description="money for one GPU-hour")


@dataclass(frozen=True)
class Work:
    """One kind of work.

    Attributes:
        name: what is done.
        sum: how its size comes about, in words and numbers.
        flops: in all; 0 where time is not counted by FLOPs.
        hours: GPU-hours.
        repeated: how often the recipe does it; the figures are of one time.
    """

    name: str
    sum: str
    flops: float
    hours: float
    repeated: int = 1


@dataclass(frozen=True)
class SynthvlmPlan:
    """Attributes:
    parts: (network, parameters, FLOPs of one forward pass and what of).
    work: drawing, scoring, both stages.
    storage: (what, sum in words, bytes).
    assumptions: what all of it rests on.
    """

    parts: tuple[tuple[str, int, float, str], ...]
    work: tuple[Work, ...]
    storage: tuple[tuple[str, str, float], ...]
    assumptions: Assumptions

    @property
    def hours(self) -> float:
        """GPU-hours of the whole recipe: all arms and seeds."""
        return sum(one.hours * one.repeated for one in self.work)

    @property
    def cost(self) -> float:
        """Of those hours."""
        return self.hours * self.assumptions.price

    def metrics(self) -> dict[str, Metric]:
        """The totals, for other programs."""
        found = {f"plan.{_key(one.name)}.gpu_hours": one.hours for one in self.work}
        found |= {"plan.gpu_hours": self.hours, "plan.cost": self.cost}
        found["plan.storage_bytes"] = sum(size for _, _, size in self.storage)
        return {name: Metric(float(value), 1) for name, value in found.items()}


def plan_synthvlm(settings: SynthvlmSettings, assumed: Assumptions | None = None) -> SynthvlmPlan:
    """Plan the recipe.

    Raises:
        InputError: a generator, vision tower or language model whose sizes are not known here.
    """
    assumed = assumed or Assumptions()
    drawing, drawn_parts, picture = _drawing(settings, assumed)
    scoring, scored_parts = _scoring(settings, assumed)
    trainings, llava_parts, parameters = _trainings(settings, assumed)
    return SynthvlmPlan(
        (*drawn_parts, *scored_parts, *llava_parts),
        (drawing, scoring, *trainings),
        _storage(settings, assumed, picture.width * picture.height, parameters),
        assumed,
    )


Part = tuple[str, int, float, str]


def _drawing(settings: SynthvlmSettings, assumed: Assumptions) -> tuple[Work, list[Part], PictureWork]:
    images = settings.images
    how = images.diffusers
    if how.refiner is not None:
        raise InputError("setting 'images.diffusers.refiner': the refiner's sizes are not known here; set it to null")
    try:
        work = picture_work(images.generator, how)
    except InputError as error:
        raise InputError(f"settings 'images': {error}") from error
    pictures = assumed.captions * images.repeat
    flops = pictures * float(work.flops)
    size = f"{work.width} x {work.height} pixels"
    parts: list[Part] = [
        (f"{work.name}: denoising network", work.parameters, work.denoiser, f"one pass, {size}"),
        (f"{work.name}: decoder of pictures", work.decoder_parameters, work.decoder, size),
        (f"{work.name}: text encoders", work.text_parameters, work.text, "a caption"),
    ]
    told = (
        f"{pictures:,} pictures x ({work.steps} steps x {work.passes} passes x {work.denoiser / 1e12:.2f} T + "
        f"{work.decoder / 1e12:.2f} T decoder + {work.text / 1e12:.3f} T text)"
    )
    return Work("drawing", told, flops, _hours(flops, assumed.peak * assumed.drawing)), parts, work


def _scoring(settings: SynthvlmSettings, assumed: Assumptions) -> tuple[Work, list[Part]]:
    vision, text = networks.clip_b_32()
    prompt = torch.zeros(1, networks.PROMPT_TOKENS, dtype=torch.long, device="meta")
    seen = forward_flops(lambda: vision(shape_only(1, 3, 224, 224)))
    read = forward_flops(lambda: text(prompt))
    originals, drawn = math.ceil(assumed.captions / assumed.kept), assumed.captions * settings.images.repeat
    pairs = originals + drawn
    told = f"({originals:,} source pairs + {drawn:,} drawn pairs) / {assumed.score_rate:g} a second and device"
    parts: list[Part] = [
        ("CLIP ViT-B/32", count_parameters(vision) + count_parameters(text), seen + read, "a picture and a caption")
    ]
    return Work("scoring", told, pairs * float(seen + read), pairs / assumed.score_rate / HOUR), parts


def _trainings(settings: SynthvlmSettings, assumed: Assumptions) -> tuple[list[Work], list[Part], tuple[int, int]]:
    """The work of both stages, the networks, and (all parameters, those of the vision tower) of a LLaVA."""
    names = settings.stage_1.parts
    for name, value, known in (
        ("vision_tower", names.vision_tower, networks.VISION_TOWERS),
        ("language_model", names.language_model, networks.LANGUAGE_MODELS),
    ):
        if value not in known:
            there = ", ".join(known)
            raise InputError(f"setting 'stage_1.parts.{name}': the sizes of {value!r} are not known here; {there} are")
    tower = networks.on_meta(networks.VISION_TOWERS[names.vision_tower])
    lm: Any = networks.on_meta(networks.LANGUAGE_MODELS[names.language_model])
    config: Any = tower.config
    side, width, wide = config.image_size, config.hidden_size, lm.config.hidden_size
    patches = (side // config.patch_size) ** 2
    with torch.device("meta"):
        projector = torch.nn.Sequential(torch.nn.Linear(width, wide), torch.nn.GELU(), torch.nn.Linear(wide, wide))
    projector.requires_grad_(False)
    seen = forward_flops(lambda: tower(shape_only(1, 3, side, side)))
    shown = forward_flops(lambda: projector(shape_only(1, patches, width)))
    parameters = (count_parameters(tower) + count_parameters(projector) + count_parameters(lm), count_parameters(tower))

    def spoken(tokens: int, answered: int) -> float:
        """FLOPs of a row through the language model and, where there is loss, through its output layer."""
        given = {"inputs_embeds": shape_only(1, tokens, wide), "attention_mask": shape_only(1, 1, tokens, tokens)}
        body = forward_flops(lambda: lm.model(**given, use_cache=False))
        return body + 2.0 * answered * wide * lm.config.vocab_size

    def work(name: str, stage: LlavaSettings, rows: int, tokens: int, answered: int, trained: bool) -> Work:
        passes = (TRAINED if trained else 2) + int(stage.checkpointing)
        language = spoken(patches + tokens, answered)
        flops = rows * (seen + TRAINED * shown + passes * language)
        told = (
            f"{rows:,} rows of {patches} + {tokens} tokens x ({passes} x {language / 1e12:.2f} T language model + "
            f"{seen / 1e12:.2f} T vision tower + {TRAINED} x {shown / 1e12:.3f} T projector)"
        )
        hours = _hours(flops, assumed.peak * assumed.training)
        return Work(name, told, flops, hours, len(settings.arms) * settings.seeds)

    first = settings.stage_1
    seen_rows = first.training.steps * first.training.batch_size
    caption = assumed.caption_tokens
    found = [work("stage 1", first, seen_rows, caption, caption, trained=False)]
    if settings.stage_2 is not None:
        answered = round(assumed.instruction_tokens * assumed.answer_share)
        rows, tuned = assumed.instructions, settings.stage_2.tuning == "full"
        found.append(work("stage 2", settings.stage_2, rows, assumed.instruction_tokens, answered, trained=tuned))
    parts: list[Part] = [
        (f"vision tower {names.vision_tower}", count_parameters(tower), seen, f"{side} x {side} pixels"),
        ("projector", count_parameters(projector), shown, f"{patches} patches"),
        (
            f"language model {names.language_model}",
            count_parameters(lm),
            spoken(patches + caption, caption),
            f"{patches + caption} tokens",
        ),
    ]
    return found, parts, parameters


def _storage(
    settings: SynthvlmSettings, assumed: Assumptions, pixels: int, parameters: tuple[int, int]
) -> tuple[tuple[str, str, float], ...]:
    pictures = assumed.captions * settings.images.repeat
    llavas = len(settings.arms) * settings.seeds
    size = parameters[0]
    first = size * (FLOAT_BYTES if settings.stage_1.save_dtype == "float32" else _HALF_BYTES)
    found = [
        (
            "drawn pictures",
            f"{pictures:,} x {pixels:,} pixels x {assumed.bits_per_pixel:g} bits / 8",
            pictures * pixels * assumed.bits_per_pixel / 8,
        ),
        ("LLaVAs of stage 1", f"{llavas} x {first / 1e9:.1f} GB", float(llavas * first)),
    ]
    if settings.stage_2 is not None:
        second = size * (FLOAT_BYTES if settings.stage_2.save_dtype == "float32" else _HALF_BYTES)
        found.append(("LLaVAs of stage 2", f"{llavas} x {second / 1e9:.1f} GB", float(llavas * second)))
        state = 3 * FLOAT_BYTES * (size - parameters[1])  # weights and AdamW's two moments of what is trained
        if settings.stage_2.tuning == "full":
            kept = settings.stage_2.training.keep
            found.append(
                ("checkpoints of stage 2", f"{llavas} x {kept} x {state / 1e9:.1f} GB", float(llavas * kept * state))
            )
    return tuple(found)


def _hours(flops: float, rate: float) -> float:
    return flops / rate / HOUR


def _key(name: str) -> str:
    return name.replace(" ", "_")
