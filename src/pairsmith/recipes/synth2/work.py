"""What training the models of Synth² takes.

Our own networks are run on the meta device and their matrix products, convolutions and attentions counted. The frozen
language model costs 2 FLOPs a weight and token forward and, inside the VLM, as many backward, since gradients pass
through it to the gated blocks; its attention over few tokens is left out. A gated block counts 2 FLOPs a weight and
text token forward, tripled. Real pictures come as tokens. Discriminator, perceptual net and optimiser are left out.
"""

from __future__ import annotations

from typing import Any

import torch

from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.model import MaskedGenerator
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.recipes.work import TRAINED, Stage, count_parameters, forward_flops, shape_only
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.vlm.adapter import VQAdapter
from pairsmith.vlm.config import VLMConfig
from pairsmith.vlm.resampler import PerceiverResampler


def tokenizer_stage(settings: Synth2Settings, tokenizer: VQTokenizer) -> Stage:
    """Training the tokenizer."""
    training, sizes = settings.tokenizer_training, settings.tokenizer.model
    latents = shape_only(1, sizes.code_dim, sizes.grid, sizes.grid)
    forward = forward_flops(lambda: tokenizer.encoder(shape_only(1, 3, sizes.image_size, sizes.image_size)))
    forward += forward_flops(lambda: tokenizer.decoder(latents))
    return Stage(
        "tokenizer",
        TRAINED * forward * training.batch_size,
        training.steps,
        count_parameters(tokenizer),
        0,
        "encoder and decoder",
    )


def generator_stage(settings: Synth2Settings, generator: MaskedGenerator, lm_parameters: int) -> Stage:
    """Training the generator."""
    training, config = settings.generator_training, generator.config
    a_row = TRAINED * (_pass_flops(generator) + _text_flops(generator)) + 2 * lm_parameters * config.max_text
    return Stage(
        "generator",
        a_row * training.batch_size,
        training.steps,
        count_parameters(generator),
        lm_parameters,
        "the generator, and the captions through the frozen language model",
    )


def vlm_stage(
    settings: Synth2Settings,
    config: VLMConfig,
    generator: MaskedGenerator,
    lm_parameters: int,
    trainable: int,
    gated: int,
    encoder: int,
) -> Stage:
    """Training the VLM of an arm with synthetic pairs."""
    training, text = settings.vlm_training, settings.language_model.max_text
    with torch.device("meta"):
        adapter = VQAdapter(config.adapter, config.code_dim, config.grid, 0.0)
        resampler = PerceiverResampler(config.resampler, config.adapter.width, 0.0)
    adapter.requires_grad_(False)
    resampler.requires_grad_(False)
    image = forward_flops(lambda: adapter(shape_only(1, config.num_tokens, config.code_dim)))
    image += forward_flops(lambda: resampler(shape_only(1, 1, config.num_tokens, config.adapter.width)))
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
        frozen += count_parameters(generator)
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
    return forward_flops(lambda: blocks.hidden_states(tokens, context)) + 2 * head * config.num_tokens


def _text_flops(generator: MaskedGenerator) -> int:
    """Of the keys and values of one caption."""
    return forward_flops(lambda: _text_context(generator))


def _text_context(generator: MaskedGenerator) -> Any:
    config: GeneratorConfig = generator.config
    mask = torch.ones(1, config.max_text, dtype=torch.bool, device="meta")
    return generator.encode_text(shape_only(1, config.max_text, config.text_dim), mask)
