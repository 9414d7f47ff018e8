"""Batched sampling from a causal language model in which a row's text does not depend on its neighbours.

A row's random numbers come from its own seed and are drawn on the CPU. Rounding is the other way in which a batch
shows: matrix and attention kernels differ by shape. So every block has the same number of rows, prompts are padded on
the left to a multiple of `pad_multiple` (and by at least one, so that all blocks take the path with a mask), and rows
of different padded lengths never share a block.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from pairsmith.settings import Settings

# So many of the likeliest tokens are ranked first; only a flatter distribution than that needs all of them in order.
_RANKED = 512


class SamplingSettings(Settings):
    """How a language model writes. The captions' paper names no values; these are common for varied short texts."""

    temperature: float = Field(
        default=0.8, ge=0, description="of the tokens' distribution; 0 takes the likeliest token"
    )
    top_p: float = Field(default=0.95, gt=0, le=1, description="draw among the likeliest tokens of this mass; 1 is all")
    max_new_tokens: int = Field(default=96, ge=1, description="tokens after which a text counts as unfinished")
    block_rows: int = Field(default=16, ge=1, description="rows computed together; rounding depends on it")
    pad_multiple: int = Field(default=32, ge=1, description="prompts are padded to multiples of this many tokens")


@dataclass(frozen=True)
class Continuation:
    """What the model wrote after one prompt.

    Attributes:
        tokens: ids without the stop token.
        finished: whether a stop token came within `max_new_tokens`.
    """

    tokens: list[int]
    finished: bool


def sample_continuations(
    model: Any,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[int],
    stop_ids: Sequence[int],
    settings: SamplingSettings,
) -> list[Continuation]:
    """Continue every prompt with draws from its own seed.

    Args:
        model: a causal LM of `transformers`, in eval mode.
        prompts: token ids, at least one a row.
        seeds: one a row.
        stop_ids: tokens that end a text.
        settings: how to draw.

    Returns:
        One continuation a prompt, in their order.
    """
    lengths = [_padded_length(len(prompt), settings.pad_multiple) for prompt in prompts]
    written: dict[int, Continuation] = {}
    for length in sorted(set(lengths)):
        rows = [row for row, other in enumerate(lengths) if other == length]
        for start in range(0, len(rows), settings.block_rows):
            block = rows[start : start + settings.block_rows]
            filled = block + block[:1] * (settings.block_rows - len(block))
            made = _sample_block(
                model, [prompts[row] for row in filled], length, [seeds[row] for row in filled], stop_ids, settings
            )
            written.update(zip(block, made, strict=False))
    return [written[row] for row in range(len(prompts))]


def _padded_length(length: int, multiple: int) -> int:
    return -(-(length + 1) // multiple) * multiple


@torch.inference_mode()
def _sample_block(
    model: Any,
    prompts: Sequence[Sequence[int]],
    length: int,
    seeds: Sequence[int],
    stop_ids: Sequence[int],
    settings: SamplingSettings,
) -> list[Continuation]:
    device = model.device
    steps = settings.max_new_tokens
    ids = torch.full((len(prompts), length), prompts[0][0])  # [B, L]; what stands in masked columns does not matter
    mask = torch.ones(len(prompts), length + steps, dtype=torch.long)  # [B, L + T]
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt) :] = torch.tensor(prompt)
        mask[row, : length - len(prompt)] = 0
    uniforms = torch.stack([_uniforms(seed, steps) for seed in seeds], dim=1)  # [T, B]
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)  # [B, L + T]
    ids, mask, uniforms, positions = (tensor.to(device) for tensor in (ids, mask, uniforms, positions))
    stops = torch.tensor(list(stop_ids), device=device)  # [S]
    drawn = torch.empty(len(prompts), steps, dtype=torch.long, device=device)  # [B, T]
    ended = torch.full((len(prompts),), steps, device=device)  # [B], the step of the stop token
    known = inspect.signature(model.forward).parameters  # models without positions or with other heads lack an option
    cache = None
    new_ids, end = ids, length
    step = 0
    for step in range(steps):
        options = {"position_ids": positions[:, end - new_ids.shape[1] : end], "logits_to_keep": 1}
        output = model(
            new_ids,
            attention_mask=mask[:, :end],
            past_key_values=cache,
            use_cache=True,
            **{name: value for name, value in options.items() if name in known},
        )
        cache = output.past_key_values
        tokens = draw_tokens(output.logits[:, -1].float(), uniforms[step], settings.temperature, settings.top_p)  # [B]
        drawn[:, step] = tokens
        ended = torch.where(torch.isin(tokens, stops), ended.clamp(max=step), ended)
        if bool((ended <= step).all()):
            break
        new_ids, end = tokens[:, None], end + 1
    rows, ends = drawn[:, : step + 1].tolist(), ended.tolist()
    return [Continuation(row[:stop], stop < steps) for row, stop in zip(rows, ends, strict=True)]


def _uniforms(seed: int, count: int) -> Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)  # [T]


def draw_tokens(logits: Tensor, uniforms: Tensor, temperature: float, top_p: float) -> Tensor:
    """One token a row by inverse CDF, tokens in the order of their ids.

    Args:
        logits: [B, V] float32.
        uniforms: [B] float64 in [0, 1).
        temperature: 0 takes the likeliest token.
        top_p: 1 draws among all.

    Returns:
        [B] int64.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits / temperature, dim=-1)  # [B, V]
    if top_p < 1:
        probabilities, ids = _nucleus(probabilities, top_p)  # [B, R], [B, R]
    else:
        ids = torch.arange(logits.shape[-1], device=logits.device).expand(len(logits), -1)
    cumulative = probabilities.double().cumsum(dim=-1)
    total = cumulative[:, -1]
    threshold = torch.minimum(uniforms * total, torch.nextafter(total, torch.zeros_like(total)))
    index = torch.searchsorted(cumulative, threshold[:, None], right=True).clamp(max=ids.shape[-1] - 1)  # [B, 1]
    return ids.gather(1, index)[:, 0]


def _nucleus(probabilities: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The smallest set of likeliest tokens whose mass reaches `top_p`: masses (0 outside) and ids, by ascending id."""
    vocabulary = probabilities.shape[-1]
    for count in (min(_RANKED, vocabulary), vocabulary):
        ranked, ids = probabilities.topk(count, dim=-1)  # [B, R]
        before = ranked.double().cumsum(dim=-1) - ranked
        if count == vocabulary or bool((before[:, -1] >= top_p).all()):
            break
    ids, order = ids.sort(dim=-1)
    return torch.where(before < top_p, ranked, 0).gather(1, order), ids
