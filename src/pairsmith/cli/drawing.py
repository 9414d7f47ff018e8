"""Loads the generator of `pairsmith render`, whatever its kind, and what it needs beside it."""

from __future__ import annotations

from functools import partial

from pairsmith.generators.text import TextEncoder
from pairsmith.recipes.synth2.models import load_language_model
from pairsmith.stages.generator_kinds.kind import MakeTextEncoder


def text_encoder_of(language_model: str | None, device: str) -> MakeTextEncoder | None:
    """Makes text encoders of a language model, which is loaded when the first is asked for; can be sent to workers."""
    return None if language_model is None else partial(_make, language_model, device)


def _make(language_model: str, device: str, max_text: int, layer: int) -> TextEncoder:
    lm, hf_tokenizer = load_language_model(language_model)
    return TextEncoder(lm.to(device), hf_tokenizer, max_length=max_text, layer=layer)
