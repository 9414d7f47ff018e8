"""What a preset of Synth² would take: parameters, FLOPs, memory, storage and days, from models that take no memory.

Rules of the counts.
FLOPs: a multiplication with an addition counts two. Our own networks are run on the meta device and their matrix
products, convolutions and attentions counted; a trained network costs three forward passes a step, one forward and two
backward. The frozen language model costs 2 FLOPs a weight and token forward and, inside the VLM, as many backward,
since gradients pass through it to the gated blocks; its attention over few tokens is left out. A gated block counts 2
FLOPs a weight and text token forward, tripled. Real pictures come as
tokens. Discriminator, perceptual net and optimiser are left out.
Memory: weights, gradients and the two moments of AdamW, all float32; activations, which depend on the micro-batch, are
not in it.
Days: all FLOPs of all steps, divided by what the stated devices do at the stated utilisation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, LlamaConfig, PretrainedConfig

from pairsmith.captions.causal_model import CausalModel
from pairsmith.errors import InputError
from pairsmith.evaluation.metrics_file import Metric
from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.model import MaskedGenerator
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_pairs
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.throughput import count_flops
from pairsmith.vlm.accounting import parameter_table
from pairsmith.vlm.adapter import VQAdapter
from pairsmith.vlm.config import VLMConfig
from pairsmith.vlm.presets import PAPER_B, PAPER_L_PLUS, chinchilla_400m
from pairsmith.vlm.resampler import PerceiverResampler

FLOAT_BYTES = 4
TOKEN_BYTES = 2
SPECIAL_TOKENS = 4  # of the scenes' word tokenizer
TRAINED = 3  # forward passes that a training step of a network costs: one forward, two backward

# Parameters that the paper states, or that follow from a model it names: (part, millions, where from).
PAPER_TOTALS = {"vlm": (632e6, "Tables 4 and 9"), "vlm_l_plus": (890e6, "Table 9")}
PAPER_PARTS = {
    "generator": (86e6, "ViT-B, before cross-attention, embeddings and head"),
    "VQ adapter": (86e6, "ViT-B"),
    "language model": (400e6, "Chinchilla 400m"),
}


@dataclass(frozen=True)
class Devices:
    """The hardware that days are stated for.

    Attributes:
        name: of one device.
        count: devices.
        peak: dense bf16 FLOP/s of one, from its data sheet.
        utilisation: share of the peak that training reaches.
    """

    name: str = "H100"
    count: int = 8
    peak: float = 989e12
    utilisation: float = 0.4

    def seconds(self, flops: float) -> float:
        """Time for so many FLOPs."""
        return flops / (self.count * self.peak * self.utilisation)


@dataclass(frozen=True)
class Part:
    """A part's parameters here and, where it is known, in the paper, with the place."""

    name: str
    parameters: int
    paper: float | None = None
    source: str = ""


@dataclass(frozen=True)
class Check:
    """A size that the paper gives and ours."""

    name: str
    where: str
    paper: Any
    ours: Any

    @property
    def same(self) -> bool:
        return _plain(self.paper) == _plain(self.ours)


@dataclass(frozen=True)
class Stage:
    """What training one model takes.

    Attributes:
        name: of the model.
        flops_per_step: of the whole batch; `detail` says what it consists of.
        steps: of the run.
        trained, frozen: parameters held in memory.
    """

    name: str
    flops_per_step: float
    steps: int
    trained: int
    frozen: int
    detail: str = ""

    @property
    def flops(self) -> float:
        """Of the whole run."""
        return self.flops_per_step * self.steps

    @property
    def memory(self) -> dict[str, int]:
        """Bytes of weights, gradients and optimiser states."""
        return {
            "weights": (self.trained + self.frozen) * FLOAT_BYTES,
            "gradients": self.trained * FLOAT_BYTES,
            "AdamW states": 2 * self.trained * FLOAT_BYTES,
        }


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
        tokenizer = sum(part.parameters for part in self.parts if part.name.startswith("tokenizer"))
        generator = next(part.parameters for part in self.parts if part.name == "generator")
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

    def part(name: str, count: int) -> Part:
        return Part(name, count, *(PAPER_PARTS.get(name, (None, "")) if published else (None, "")))

    parts = (
        part("tokenizer: encoder", encoder),
        part("tokenizer: codebook", codebook),
        part("tokenizer: decoder", _count(tokenizer.decoder)),
        part("generator", _count(generator)),
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
        _tokenizer_stage(settings, tokenizer),
        _generator_stage(settings, generator, lm_parameters),
        _vlm_stage(settings, vlm_config, generator, lm_parameters, trainable, gated, encoder + codebook),
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
    if sizes.source == "chinchilla-400m":
        return chinchilla_400m()
    if sizes.source == "scenes":
        text = scene_pairs(World(settings.world), "text", min(settings.data.text, 2000), seed=settings.seed)
        words = {word for pair in text for word in pair.caption.split()}
        return LlamaConfig(
            vocab_size=len(words) + SPECIAL_TOKENS,
            hidden_size=sizes.width,
            intermediate_size=sizes.width * 8 // 3 // 8 * 8,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            tie_word_embeddings=False,
        )
    source, options = sizes.source, {}
    if source == "smollm2":
        packaged = CausalModel.smollm2()
        source, options = packaged.source, {"gguf_file": packaged.gguf_file}
    try:
        return AutoConfig.from_pretrained(source, **options)
    except (OSError, ValueError) as error:
        raise InputError(f"language model {sizes.source}: {str(error).splitlines()[0]}") from error


def published_checks(settings: Synth2Settings) -> tuple[Check, ...]:
    """Every size and number that the paper states, beside ours."""
    tokenizer, optimization = settings.tokenizer.model, settings.tokenizer.optimization
    losses, generator, sampling = settings.tokenizer.losses, settings.generator, settings.sampling
    resampler, drawing, learning = settings.vlm.resampler, settings.generator_training, settings.vlm_training
    rows: list[tuple[str, str, Any, Any]] = [
        ("image side, pixels", "§4.1.2", 256, tokenizer.image_size),
        ("pixels a token, along a side", "§4.1.2", 16, tokenizer.downsample),
        ("tokens an image", "§4.1.2", 256, tokenizer.num_tokens),
        ("codebook", "Table 6", 8192, tokenizer.codebook_size),
        ("tokenizer: base channels", "A.1.1", 128, tokenizer.channels),
        ("tokenizer: blocks a resolution", "A.1.1", 2, tokenizer.blocks),
        ("tokenizer: perceptual weight", "Table 6", 0.05, losses.perceptual_weight),
        ("tokenizer: adversarial weight", "Table 6", 0.01, losses.adversarial_weight),
        ("tokenizer: learning rate", "Table 6", 1e-4, optimization.learning_rate),
        ("tokenizer: discriminator's rate", "Table 6", 1e-4, optimization.discriminator_learning_rate),
        ("tokenizer: betas of Adam", "Table 6", (0.9, 0.99), optimization.betas),
        ("tokenizer: batch", "Table 6", 256, optimization.batch_size),
        ("tokenizer: warm-up steps", "Table 6", 10_000, optimization.warmup_steps),
        ("tokenizer: decay", "Table 6", "cosine", optimization.decay),
        ("tokenizer: steps", "Table 6", 500_000, optimization.steps),
        ("generator: layers", "A.1.3", 12, generator.layers),
        ("generator: heads", "A.1.3", 12, generator.heads),
        ("generator: width", "A.1.3", 768, generator.width),
        ("generator: MLP width", "A.1.3", 3072, generator.mlp_width),
        ("generator: dropout", "A.1.3", 0.1, generator.dropout),
        ("generator: text tokens", "A.1.3", 64, generator.max_text),
        ("generator: guidance scale", "A.1.3", 4.0, sampling.guidance),
        ("generator: refinement steps", "§4.1.2", 24, sampling.steps),
        ("generator: choice temperature", "A.1.3", 32.5, sampling.choice_temperature),
        ("resampler: layers", "Table 7", 6, resampler.layers),
        ("resampler: heads", "Table 7", 16, resampler.heads),
        ("resampler: width", "Table 7", 1024, resampler.width),
        ("resampler: latents", "§4.1.2", 64, resampler.latents),
        ("cross-attention before every n-th LM layer", "§4.1.2", 1, settings.vlm.gated.every_n),
    ]
    for name, training in (("generator", drawing), ("VLM", learning)):
        rows += [
            (f"{name}: learning rate", "A.1.2", 1e-4, training.learning_rate),
            (f"{name}: warm-up steps", "A.1.2", 5_000, training.warmup_steps),
            (f"{name}: weight decay", "A.1.2", 1e-4, training.weight_decay),
            (f"{name}: gradient clip", "A.1.2", 1.0, training.clip),
            (f"{name}: batch", "§4.1.2", 512, training.batch_size),
            (f"{name}: steps", "§4.1.2", 500_000, training.steps),
        ]
    rows += [
        ("synthetic captions (GenPair)", "Table 3", 1_000_000, settings.synthesis.captions),
        ("clusters of the diversity measure", "A.3", 20, settings.evaluation.clusters),
    ]
    return tuple(Check(*row) for row in rows)


def _total(name: str, parameters: int, published: bool) -> Part:
    return Part(name, parameters, *(PAPER_TOTALS[name] if published else (None, "")))


def _tokenizer_stage(settings: Synth2Settings, tokenizer: VQTokenizer) -> Stage:
    training, sizes = settings.tokenizer_training, settings.tokenizer.model
    latents = _meta(1, sizes.code_dim, sizes.grid, sizes.grid)
    forward = _flops(lambda: tokenizer.encoder(_meta(1, 3, sizes.image_size, sizes.image_size)))
    forward += _flops(lambda: tokenizer.decoder(latents))
    return Stage(
        "tokenizer",
        TRAINED * forward * training.batch_size,
        training.steps,
        _count(tokenizer),
        0,
        "encoder and decoder",
    )


def _generator_stage(settings: Synth2Settings, generator: MaskedGenerator, lm_parameters: int) -> Stage:
    training, config = settings.generator_training, generator.config
    a_row = TRAINED * (_pass_flops(generator) + _text_flops(generator)) + 2 * lm_parameters * config.max_text
    return Stage(
        "generator",
        a_row * training.batch_size,
        training.steps,
        _count(generator),
        lm_parameters,
        "the generator, and the captions through the frozen language model",
    )


def _vlm_stage(
    settings: Synth2Settings,
    config: VLMConfig,
    generator: MaskedGenerator,
    lm_parameters: int,
    trainable: int,
    gated: int,
    encoder: int,
) -> Stage:
    training, text = settings.vlm_training, settings.language_model.max_text
    with torch.device("meta"):
        adapter = VQAdapter(config.adapter, config.code_dim, config.grid, 0.0)
        resampler = PerceiverResampler(config.resampler, config.adapter.width, 0.0)
    adapter.requires_grad_(False)
    resampler.requires_grad_(False)
    image = _flops(lambda: adapter(_meta(1, config.num_tokens, config.code_dim)))
    image += _flops(lambda: resampler(_meta(1, 1, config.num_tokens, config.adapter.width)))
    a_row = TRAINED * (image + 2 * gated * text) + 2 * (2 * lm_parameters * text)
    flops = a_row * training.batch_size
    frozen, detail = lm_parameters + encoder, "on stored tokens"
    if settings.synthesis.mode == "online":
        guided = 2 if settings.sampling.guidance else 1
        drawn = settings.sampling.steps * guided * _pass_flops(generator) + _text_flops(generator)
        drawn += 2 * lm_parameters * generator.config.max_text
        synthesis = drawn * settings.synthesis.fraction * training.batch_size
        detail = (
            f"{synthesis / (flops + synthesis):.0%} of it draws synthetic images in the step "
            f"({settings.sampling.steps} refinement steps, {guided} passes each)"
        )
        flops += round(synthesis)
        frozen += _count(generator)
    return Stage("VLM, each arm with synthetic pairs", flops, training.steps, trainable, frozen, detail)


def _pass_flops(generator: MaskedGenerator) -> int:
    """Of one picture through the generator once, its text's keys and values made before."""
    config = generator.config
    blocks = generator
    if config.codebook_tied:  # tied embeddings want a codebook; the blocks are those of free ones
        with torch.device("meta"):
            blocks = MaskedGenerator(config.model_copy(update={"codebook_tied": False}))
        blocks.requires_grad_(False)
    tokens = torch.zeros(1, config.num_tokens, dtype=torch.long, device="meta")
    context = _text_context(generator)
    head = sum(parameter.numel() for parameter in generator.head.parameters() if parameter.dim() >= 2)
    if config.codebook_tied and config.code_dim is not None:
        head += config.codebook_size * config.code_dim
    return _flops(lambda: blocks.hidden_states(tokens, context)) + 2 * head * config.num_tokens


def _text_flops(generator: MaskedGenerator) -> int:
    """Of the keys and values of one caption."""
    return _flops(lambda: _text_context(generator))


def _text_context(generator: MaskedGenerator) -> Any:
    config: GeneratorConfig = generator.config
    mask = torch.ones(1, config.max_text, dtype=torch.bool, device="meta")
    return generator.encode_text(_meta(1, config.max_text, config.text_dim), mask)


def _flops(call: Callable[[], object]) -> int:
    with torch.no_grad():
        return count_flops(call)


def _meta(*shape: int) -> Tensor:
    return torch.empty(*shape, device="meta")


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value
