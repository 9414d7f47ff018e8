"""Frozen language models of several families with gated blocks between their layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    GPT2Config,
    GPTNeoXConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    Qwen2Config,
    Qwen3Config,
)

from pairsmith.errors import InputError
from pairsmith.vlm import VisionLanguageModel
from pairsmith.vlm.language_model import GatedLayer
from tests.vlm.conftest import make_lm, open_gates

LAYERS = 3
_SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "initializer_range": 0.5,
}
FAMILIES: dict[str, Any] = {
    "llama": lambda: LlamaConfig(**_SIZES),
    "mistral": lambda: MistralConfig(**_SIZES, num_key_value_heads=1),
    "qwen2": lambda: Qwen2Config(**_SIZES, num_key_value_heads=1),
    "qwen3": lambda: Qwen3Config(**_SIZES, num_key_value_heads=1, head_dim=8),
    "gpt2": lambda: GPT2Config(
        vocab_size=40,
        n_embd=16,
        n_layer=LAYERS,
        n_head=2,
        n_positions=32,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.5,
    ),
    "gpt_neox": lambda: GPTNeoXConfig(**_SIZES),
    "opt": lambda: OPTConfig(
        vocab_size=40,
        hidden_size=16,
        word_embed_proj_dim=16,
        ffn_dim=32,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        max_position_embeddings=32,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        init_std=0.5,
    ),
}


def make_family(name: str) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(FAMILIES[name]()).eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_new_vlm_gives_the_language_models_own_logits(
    family: str, make_vlm: Callable[..., VisionLanguageModel], input_ids: torch.Tensor, tokens: torch.Tensor
) -> None:
    lm = make_family(family)
    mask = torch.ones_like(input_ids)
    mask[1, 4:] = 0  # right padding
    with torch.no_grad():
        own = lm(input_ids=input_ids, attention_mask=mask).logits
    model = make_vlm(gates=None, lm=lm)
    logits = model(input_ids, mask, tokens=tokens).logits
    assert torch.equal(logits[mask.bool()], own[mask.bool()])
    open_gates(model)
    opened = model(input_ids, mask, tokens=tokens).logits
    assert not torch.allclose(opened, logits, atol=1e-3)
    with torch.no_grad():  # the model that was handed in knows nothing of the gates
        assert torch.equal(lm(input_ids=input_ids, attention_mask=mask).logits, own)


@pytest.mark.parametrize("family", FAMILIES)
def test_left_padding_does_not_change_a_text(
    family: str, make_vlm: Callable[..., VisionLanguageModel], input_ids: torch.Tensor, tokens: torch.Tensor
) -> None:
    model = make_vlm(lm=make_family(family))
    plain = model(input_ids, tokens=tokens).logits
    padded = torch.cat([torch.zeros(3, 2, dtype=torch.long), input_ids], 1)
    mask = torch.cat([torch.zeros(3, 2, dtype=torch.long), torch.ones_like(input_ids)], 1)
    assert torch.allclose(model(padded, mask, tokens=tokens).logits[:, 2:], plain, atol=1e-5)


def test_family_that_keeps_keywords_to_itself_is_refused(
    make_vlm: Callable[..., VisionLanguageModel], input_ids: torch.Tensor, tokens: torch.Tensor
) -> None:
    lm = AutoModelForCausalLM.from_config(
        BloomConfig(vocab_size=40, hidden_size=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=1, pad_token_id=1)
    )
    with pytest.raises(InputError, match="choose another family"):
        make_vlm(lm=lm)(input_ids, tokens=tokens)


def test_family_that_rescales_logits_is_refused(make_vlm: Callable[..., VisionLanguageModel]) -> None:
    lm = AutoModelForCausalLM.from_config(GraniteConfig(**_SIZES, logits_scaling=8.0))
    with pytest.raises(InputError, match="logits_scaling"):
        make_vlm(lm=lm)


def test_handed_in_model_keeps_its_weights_names_and_layers(make_vlm: Callable[..., VisionLanguageModel]) -> None:
    lm = make_lm()
    names = list(lm.state_dict())
    model = make_vlm(lm=lm)
    assert list(lm.state_dict()) == names
    assert not any(isinstance(module, GatedLayer) for module in lm.modules())
    assert model.language_model.original is lm
    shared = {parameter.data_ptr() for parameter in lm.parameters()}
    assert shared <= {parameter.data_ptr() for parameter in model.parameters()}


@pytest.mark.parametrize(
    ("every_n", "expected"), [(1, [True] * 3), (2, [True, False, True]), (3, [True, False, False])]
)
def test_gated_blocks_stand_before_every_nth_layer(
    every_n: int, expected: list[bool], make_vlm: Callable[..., VisionLanguageModel], config: Any
) -> None:
    model = make_vlm(lm=make_lm(num_hidden_layers=3), gated=config.gated.model_copy(update={"every_n": every_n}))
    layers = [module for module in model.modules() if isinstance(module, GatedLayer)]
    assert [layer.block is not None for layer in layers] == expected
    indices = [layer.block.index for layer in layers if layer.block is not None]
    assert indices == list(range(sum(expected)))


def test_language_model_stays_frozen_and_in_eval_mode(make_vlm: Callable[..., VisionLanguageModel]) -> None:
    lm = make_lm(attention_dropout=0.5)
    model = make_vlm(lm=lm, dropout=0.1).train()
    assert model.training
    assert not any(module.training for module in lm.modules())
    assert not any(parameter.requires_grad for parameter in lm.parameters())
    blocks = model.language_model.gated_blocks()
    assert all(block.dropout.training for block in blocks)
    model.eval()
    assert not any(module.training for module in model.modules())
