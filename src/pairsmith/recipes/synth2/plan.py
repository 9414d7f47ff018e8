"""What a preset of Synth² would take: parameters, FLOPs, memory, storage and days, from models that take no memory.

How work is counted stands in `work` and `recipes.work`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import AutoConfig, PretrainedConfig

from pairsmith.captions.causal_model import CausalModel
from pairsmith.errors import InputError
from pairsmith.evaluation.metrics_file import Metric
from pairsmith.generators.model import MaskedGenerator
from pairsmith.recipes.synth2.published_sizes import PAPER_PARTS, PAPER_TOTALS, Check, published_checks
from pairsmith.recipes.synth2.scenes_llama import SPECIAL_TOKENS, scenes_llama
from pairsmith.recipes.synth2.settings import PAPERS_LANGUAGE_MODEL, Synth2Settings
from pairsmith.recipes.synth2.work import generator_stage, tokenizer_stage, vlm_stage
from pairsmith.recipes.work import Devices, Stage, count_parameters
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_pairs
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.vlm.accounting import parameter_table
from pairsmith.vlm.presets import PAPER_B, PAPER_L_PLUS, chinchilla_400m

TOKEN_BYTES = 2


@dataclass(frozen=True)
class Part:
    """A part's parameters here and, where it is known, in the paper, with the place."""

    name: str
    parameters: int
    paper: float | None = None
    source: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything that `pairsmith plan` prints.

    Attributes:
        parts: of tokenizer, generator and VLM, in the order of the data.
        totals: "vlm" and, for the paper's own sizes, "vlm_l_plus".
        checks: sizes against the paper's.
        stages: tokenizer, generator, VLM.
        captions: synthetic captions of the preset.
        token_bytes, pixel_bytes: of one picture.
        devices: for days.
    """

    parts: tuple[Part, ...]
    totals: tuple[Part, ...]
    checks: tuple[Check, ...]
    stages: tuple[Stage, ...]
    captions: int
    token_bytes: int
    pixel_bytes: int
    devices: Devices

    def metrics(self) -> dict[str, Metric]:
        """Under the names of the contract."""
        tokenizer, generator = (
            sum(part.parameters for part in self.parts if part.name.startswith(model))
            for model in ("tokenizer", "generator")
        )
        found = {"plan.tokenizer.parameters": tokenizer, "plan.generator.parameters": generator}
        found |= {f"plan.{part.name}.parameters": part.parameters for part in self.totals}
        return {name: Metric(float(value), 1) for name, value in found.items()}


def plan_synth2(settings: Synth2Settings, devices: Devices | None = None) -> Plan:
    """Plan the recipe with these settings.

    Raises:
        InputError: the language model's settings cannot be found.
    """
    lm_config = language_model_config(settings)
    text_width = lm_config.get_text_config().hidden_size
    sizes = settings.tokenizer.model
    generator_config = settings.generator.model_copy(
        update={
            "codebook_size": sizes.codebook_size,
            "grid": sizes.grid,
            "text_dim": text_width,
            **({"code_dim": sizes.code_dim} if settings.generator.codebook_tied else {}),
        }
    )
    shared = {"codebook_size": sizes.codebook_size, "code_dim": sizes.code_dim, "grid": sizes.grid}
    vlm_config = settings.vlm.model_copy(update=shared)
    with torch.device("meta"):
        tokenizer, generator = VQTokenizer(sizes), MaskedGenerator(generator_config)
    for model in (tokenizer, generator):
        model.requires_grad_(False)  # they are only run forward
    table = dict(parameter_table(vlm_config, lm_config, sizes))
    lm_parameters = table.pop("language model embeddings") + table.pop("language model layers")
    codebook = table.pop("codebook")
    encoder = table.pop("VQ encoder")
    published = settings.vlm == PAPER_B
    layers = sum(weight.numel() for name, weight in generator.blocks.named_parameters() if ".cross_" not in name)

    def part(name: str, count: int) -> Part:
        return Part(name, count, *(PAPER_PARTS.get(name, (None, "")) if published else (None, "")))

    parts = (
        part("tokenizer: encoder", encoder),
        part("tokenizer: codebook", codebook),
        part("tokenizer: decoder", count_parameters(tokenizer.decoder)),
        part("generator: self-attention and MLPs", layers),
        part("generator: cross-attention, text, tokens, head", count_parameters(generator) - layers),
        *(part(name, count) for name, count in table.items()),
        part("language model", lm_parameters),
    )
    trainable = sum(table.values())
    totals = [_total("vlm", trainable + encoder + codebook + lm_parameters, published)]
    if published:
        large = sum(count for _, count in parameter_table(PAPER_L_PLUS.model_copy(update=shared), lm_config, sizes))
        totals.append(_total("vlm_l_plus", large, True))
    gated = sum(count for name, count in table.items() if name.startswith("gated"))
    stages = (
        tokenizer_stage(settings, tokenizer),
        generator_stage(settings, generator, lm_parameters),
        vlm_stage(settings, vlm_config, generator, lm_parameters, trainable, gated, encoder + codebook),
    )
    return Plan(
        parts=parts,
        totals=tuple(totals),
        checks=published_checks(settings),
        stages=stages,
        captions=settings.synthesis.captions,
        token_bytes=sizes.num_tokens * TOKEN_BYTES,
        pixel_bytes=sizes.image_size**2 * 3,
        devices=devices or Devices(),
    )


def language_model_config(settings: Synth2Settings) -> PretrainedConfig:
    """The sizes of the frozen language model, without its weights.

    Raises:
        InputError: a source that is neither known, nor a folder, nor a hub id.
    """
    sizes = settings.language_model
    if sizes.source == PAPERS_LANGUAGE_MODEL:
        return chinchilla_400m()
    if sizes.source == "scenes":
        text = scene_pairs(World(settings.world), "text", min(settings.data.text, 2000), seed=settings.seed)
        words = {word for pair in text for word in pair.caption.split()}
        return scenes_llama(sizes, len(words) + len(SPECIAL_TOKENS))
    source, options = sizes.source, {}
    if source == "smollm2":
        packaged = CausalModel.smollm2()
        source, options = packaged.source, {"gguf_file": packaged.gguf_file}
    try:
        return AutoConfig.from_pretrained(source, **options)
    except (OSError, ValueError) as error:
        raise InputError(f"language model {sizes.source}: {str(error).splitlines()[0]}") from error


def _total(name: str, parameters: int, published: bool) -> Part:
    return Part(name, parameters, *(PAPER_TOTALS[name] if published else (None, "")))
