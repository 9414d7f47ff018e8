"""Text features of a tiny random language model: explicit masks, independence of the batch, reported truncation."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from pairsmith.errors import InputError
from pairsmith.generators import TextEncoder

WORDS = ["<unk>", "<eos>", "a", "red", "blue", "circle", "square", "on", "green", "field"]
CAPTIONS = ["a red circle", "a blue square on a green field", "a"]


@pytest.fixture(scope="module")
def hf_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer without a padding token."""
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<eos>")


@pytest.fixture(scope="module")
def lm() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=10, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    return LlamaForCausalLM(config)


def test_features_are_the_hidden_states_of_each_caption_alone(lm: LlamaForCausalLM, hf_tokenizer: object) -> None:
    for layer in (-1, -2):
        encoder = TextEncoder(lm, hf_tokenizer, max_length=8, layer=layer, block_rows=2)
        features, mask = encoder.encode(CAPTIONS)
        assert features.shape == (3, 8, 16)
        assert features.dtype == torch.float32
        assert mask.sum(dim=1).tolist() == [3, 7, 1]
        for row, ids in enumerate(([2, 3, 5], [2, 4, 6, 7, 2, 8, 9], [2])):
            states = lm(torch.tensor([ids]), output_hidden_states=True).hidden_states[layer][0]
            assert torch.allclose(features[row][mask[row]], states, atol=1e-5)
        assert not features[~mask].any()


def test_features_do_not_depend_on_the_batch(lm: LlamaForCausalLM, hf_tokenizer: object) -> None:
    encoder = TextEncoder(lm, hf_tokenizer, max_length=8, block_rows=4)
    together, _ = encoder.encode(CAPTIONS * 3)
    for row, caption in enumerate(CAPTIONS):
        alone, _ = encoder.encode([caption])
        assert torch.equal(alone[0], together[row])


def test_all_blocks_are_computed_in_the_same_shape(lm: LlamaForCausalLM, hf_tokenizer: object) -> None:
    encoder = TextEncoder(lm, hf_tokenizer, max_length=8, block_rows=4)
    shapes = []
    hook = encoder.lm.register_forward_pre_hook(
        lambda module, arguments, options: shapes.append(tuple(options["input_ids"].shape)), with_kwargs=True
    )
    for rows in (1, 4, 5):
        encoder.encode((CAPTIONS * 2)[:rows])
    hook.remove()
    assert shapes == [(4, 8)] * 4


def test_truncation_is_counted(lm: LlamaForCausalLM, hf_tokenizer: object) -> None:
    encoder = TextEncoder(lm, hf_tokenizer, max_length=4)
    assert encoder.truncated == 0
    _, mask = encoder.encode(CAPTIONS)
    assert mask.sum(dim=1).tolist() == [3, 4, 1]
    assert encoder.truncated == pytest.approx(1 / 3)
    assert encoder.tokenize(CAPTIONS).truncated.tolist() == [False, True, False]


def test_language_model_is_frozen_and_stays_in_eval_mode(lm: LlamaForCausalLM, hf_tokenizer: object) -> None:
    encoder = TextEncoder(lm, hf_tokenizer, max_length=8)
    assert not any(weight.requires_grad for weight in lm.parameters())
    lm.train()
    features, _ = encoder.encode(CAPTIONS)
    assert not encoder.lm.training
    assert not features.requires_grad
    assert encoder.dim == 16


def test_empty_captions_and_no_captions(lm: LlamaForCausalLM, hf_tokenizer: object) -> None:
    encoder = TextEncoder(lm, hf_tokenizer, max_length=8)
    features, mask = encoder.encode(["", "a red circle"])
    assert torch.isfinite(features).all()
    assert mask.sum(dim=1).tolist() == [0, 3]
    features, mask = encoder.encode([])
    assert features.shape == (0, 8, 16)
    assert mask.shape == (0, 8)


def test_layers_that_do_not_exist_are_named(lm: LlamaForCausalLM, hf_tokenizer: object) -> None:
    with pytest.raises(InputError, match="3 hidden states"):
        TextEncoder(lm, hf_tokenizer, layer=-4)
