"""How many parameters each part of a VLM has, counted on models that take no memory."""

from __future__ import annotations

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PretrainedConfig

from pairsmith.tokenizer import TokenizerConfig, VQTokenizer
from pairsmith.vlm.config import VLMConfig
from pairsmith.vlm.gated_attention import GatedBlock
from pairsmith.vlm.model import VisionLanguageModel


def parameter_table(
    config: VLMConfig, lm_config: PretrainedConfig, tokenizer_config: TokenizerConfig | None = None
) -> list[tuple[str, int]]:
    """Parts and their numbers of parameters; they add up to the whole VLM.

    Args:
        config: the VLM.
        lm_config: the language model; embeddings shared with its output layer count once.
        tokenizer_config: adds the VQ encoder, through which pixels come in; None = a VLM that takes tokens alone. The
            VQ decoder is no part of a VLM and never counted.

    Returns:
        (part, count) in the order of the data: VQ encoder, codebook, adapter, resampler, gated cross-attention, gated
        feed-forward, then the frozen language model's embeddings and layers.
    """
    with torch.device("meta"):
        lm = AutoModelForCausalLM.from_config(lm_config)
        model = VisionLanguageModel(config, lm, torch.empty(config.codebook_size, config.code_dim))
        encoder = VQTokenizer(tokenizer_config).encoder if tokenizer_config is not None else None
    blocks = [block for block in model.language_model.gated_blocks() if isinstance(block, GatedBlock)]
    feed_forward = sum(_count(block.feed_forward) + block.feed_forward_gate.numel() for block in blocks)
    embeddings = lm.get_input_embeddings().weight.numel()
    table = [
        ("codebook", model.codebook.numel()),
        ("VQ adapter", _count(model.adapter)),
        ("resampler", _count(model.resampler)),
        ("gated cross-attention", sum(map(_count, blocks)) - feed_forward),
        ("gated feed-forward", feed_forward),
        ("language model embeddings", embeddings),
        ("language model layers", _count(lm) - embeddings),
    ]
    return table if encoder is None else [("VQ encoder", _count(encoder)), *table]


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
