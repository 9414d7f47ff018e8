"""A LLaVA of real classes with random weights, small enough to be made anew by every test."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from pairsmith.vlm.llava.assembly import assemble
from pairsmith.vlm.llava.loading import Parts

SIZE, PATCH = 16, 8


def byte_tokenizer(prefix: str = "always") -> PreTrainedTokenizerFast:
    """Characters with Llama's word-start sign, its <s>, </s> and <unk>; no pad token, as Vicuna's."""
    letters = "▁\n" + "".join(chr(code) for code in range(33, 127))
    vocabulary = {token: number for number, token in enumerate(["<unk>", "<s>", "</s>", *letters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme=prefix, split=False), pre_tokenizers.Split("", "isolated")]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=prefix)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def tiny_lm(vocabulary: int, seed: int = 0, **options: Any) -> LlamaForCausalLM:
    """A random 2-layer Llama."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        initializer_range=0.2,
        **options,
    )
    return LlamaForCausalLM(config).eval()


def clip_tower() -> CLIPVisionModel:
    """A random 3-layer CLIP tower of 4 patches."""
    torch.manual_seed(1)
    return CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            image_size=SIZE,
            patch_size=PATCH,
            initializer_range=0.2,
        )
    ).eval()


def siglip_tower() -> SiglipVisionModel:
    """A random 2-layer SigLIP tower of 4 patches."""
    torch.manual_seed(2)
    config = SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIZE,
        patch_size=PATCH,
    )
    return SiglipVisionModel(config).eval()


def tiny_parts(tower: Any = None, **options: Any) -> Parts:
    """Parts of a LLaVA."""
    hf_tokenizer = byte_tokenizer()
    return Parts(tower or clip_tower(), tiny_lm(len(hf_tokenizer), **options), hf_tokenizer)


def tiny_llava(tower: Any = None, **options: Any) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A whole one; the options are those of `assemble`."""
    return assemble(tiny_parts(tower), **options)
