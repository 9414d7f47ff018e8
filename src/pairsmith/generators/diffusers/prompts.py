"""What becomes of a caption that is longer than a pipeline's text encoders read.

Each encoder cuts for itself: CLIP reads 77 tokens, T5 and Gemma as many as the pipeline asks for. So SD 3 may read
with one encoder what the two others lose. Nothing is split or rephrased here; what was cut is said.
"""

from __future__ import annotations

import inspect
from typing import Any

from transformers import CLIPTokenizer, PreTrainedTokenizerBase

UNLIMITED = 1_000_000  # tokenizers without a limit say something like 10**30


def text_limits(pipeline: Any, max_text: int | None) -> dict[str, int]:
    """Name of each tokenizer with a known limit -> tokens it keeps, begin and end marks included.

    Args:
        pipeline: of diffusers.
        max_text: what the pipeline is told as `max_sequence_length`; None: its default.
    """
    parameter = inspect.signature(pipeline.__call__).parameters.get("max_sequence_length")
    default = None if parameter is None or not isinstance(parameter.default, int) else parameter.default
    limits = {}
    for name, tokenizer in _tokenizers(pipeline).items():
        asked = None if isinstance(tokenizer, CLIPTokenizer) else max_text or default
        limit = asked or tokenizer.model_max_length
        if limit < UNLIMITED:
            limits[name] = int(limit)
    return limits


def cut_note(pipeline: Any, limits: dict[str, int], caption: str) -> str:
    """What the text encoders lose of a caption: "" or "cut: 93 tokens, of which tokenizer reads 77; ..."."""
    losses = []
    for name, tokenizer in _tokenizers(pipeline).items():
        if name not in limits:
            continue
        length = len(tokenizer(caption, truncation=False, verbose=False)["input_ids"])
        if length > limits[name]:
            losses.append(f"{length} tokens, of which {name} reads {limits[name]}")
    return f"cut: {'; '.join(losses)}" if losses else ""


def _tokenizers(pipeline: Any) -> dict[str, Any]:
    return {name: part for name, part in pipeline.components.items() if isinstance(part, PreTrainedTokenizerBase)}
