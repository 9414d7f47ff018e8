"""Tiny stand-ins for language models: a random Llama with a word-level tokenizer, and writers that need no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from pairsmith.captions import CausalModel, Request, WriteFailure

WORDS = [
    "a", "an", "the", "red", "blue", "green", "dog", "cat", "car", "tree", "house", "on", "under", "beside", "of",
    "in", "with", "and", "this", "is", "image", "big", "small", "old", "bench", "street", "sky", "park", "lake",
    "runs", "sits", "stands", "two", "three", ".", ",", ":",
]  # fmt: skip
CHAT = (
    "{% for m in messages %}{{ m['role'] + ' : ' + m['content'] + ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant : ' }}{% endif %}"
)


def tiny_tokenizer(chat: bool = False) -> Any:
    """A word-level tokenizer over WORDS with <bos>, <eos> and <unk>."""
    vocabulary = {word: index for index, word in enumerate(["<unk>", "<bos>", "<eos>", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>"
    )
    if chat:
        wrapped.chat_template = CHAT
    return wrapped


def tiny_llama(vocabulary: int, seed: int = 0, scale: float = 0.3) -> Any:
    """A random 2-layer Llama whose distributions are far from flat."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=None,
            initializer_range=scale,
            max_position_embeddings=512,
        )
    )
    return model.eval()


def tiny_model(chat: bool = False, seed: int = 0) -> CausalModel:
    """Model and tokenizer in memory."""
    hf_tokenizer = tiny_tokenizer(chat)
    return CausalModel.in_memory(tiny_llama(len(hf_tokenizer), seed), hf_tokenizer, "tiny")


class ScriptedWriter:
    """Answers by a function of the request; remembers the sizes of the calls."""

    name = "scripted"

    def __init__(self, answer: Callable[[Request], str | WriteFailure], version: int = 0) -> None:
        self.answer = answer
        self.version = version
        self.calls: list[int] = []

    def describe(self) -> dict[str, Any]:
        return {"kind": "scripted", "version": self.version}

    def write(self, requests: Sequence[Request]) -> list[str | WriteFailure]:
        self.calls.append(len(requests))
        return [self.answer(request) for request in requests]
