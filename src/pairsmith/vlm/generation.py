"""Captioning: greedy, beam and sampled decoding.

Keys and values of the media are computed once, those of the text are kept in a `transformers` cache; without the cache
the results are the same, only slower. A row never sees another row's image or text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from pydantic import Field
from torch import Tensor
from transformers import DynamicCache

from pairsmith.errors import InputError
from pairsmith.settings import Settings
from pairsmith.vlm.batch import build_prompts
from pairsmith.vlm.gated_attention import MediaContext

if TYPE_CHECKING:
    from pairsmith.vlm.model import VisionLanguageModel


class GenerationSettings(Settings):
    """How text is decoded; Synth² does not say, open Flamingo models caption with 3 beams and no length penalty."""

    mode: Literal["greedy", "beam", "sample"] = Field(default="greedy", description="greedy, beam or sample")
    max_new_tokens: int = Field(default=20, ge=1, description="tokens after the prompt at most, end token included")
    beams: int = Field(default=3, ge=1, description="beams (mode beam); 1 is greedy")
    length_penalty: float = Field(default=0.0, ge=0, description="beams are ranked by log-probability / length ** this")
    temperature: float = Field(default=1.0, gt=0, description="divides the logits (mode sample)")
    top_p: float = Field(
        default=1.0, gt=0, le=1, description="draw from the likeliest tokens of this mass (mode sample)"
    )


@dataclass(frozen=True)
class GeneratedText:
    """Attributes:
    ids: `[B, S]` int64, the new tokens; after the end token, pads.
    lengths: `[B]` int64, new tokens of each row, end token included.
    log_probability: `[B]` float64, summed over those tokens under the model (temperature 1).
    """

    ids: Tensor
    lengths: Tensor
    log_probability: Tensor


class TextStream:
    """Text that grows token by token behind fixed media, and the logits of what comes next.

    Args:
        model: the VLM.
        input_ids: `[R, T]` int64 prompts, left-padded.
        attention_mask: `[R, T]`.
        context: media of the same rows, projected; `allowed` covers the prompt, new text sees what its last token sees.
        use_cache: keep keys and values of the text.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        input_ids: Tensor,
        attention_mask: Tensor,
        context: MediaContext,
        use_cache: bool,
    ) -> None:
        self._lm = model.language_model
        self._ids, self._mask, self._context = input_ids, attention_mask.long(), context
        self._cache = DynamicCache(config=self._lm.original.config) if use_cache else None
        self._cached = 0  # positions in the cache

    def logits(self) -> Tensor:
        """`[R, V]` float64 of the next token: in double precision, equal scores mean equal logits."""
        allowed = self._context.allowed
        context = self._context if allowed is None else replace(self._context, allowed=allowed[:, self._cached :])
        hidden = self._lm(self._ids[:, self._cached :], self._mask, context, self._cache)  # [R, T - cached, W]
        if self._cache is not None:
            self._cached = self._ids.shape[1]
        return self._lm.logits(hidden[:, -1]).double()

    def append(self, ids: Tensor) -> None:
        """One token `[R]` a row."""
        self._ids = torch.cat([self._ids, ids[:, None]], 1)
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(ids), 1)], 1)
        if self._context.allowed is not None:
            allowed = torch.cat([self._context.allowed, self._context.allowed[:, -1:]], 1)
            self._context = replace(self._context, allowed=allowed)

    def repeat(self, times: int) -> None:
        """Every row `times` times in a run."""
        self._ids = self._ids.repeat_interleave(times, 0)
        self._mask = self._mask.repeat_interleave(times, 0)
        self._context = self._context.repeat(times)
        if self._cache is not None:
            self._cache.batch_repeat_interleave(times)

    def select(self, rows: Tensor) -> None:
        """Exchanges texts among rows of the same media and prompt (`rows` `[R]` int64)."""
        self._ids = self._ids[rows]
        if self._cache is not None:
            self._cache.reorder_cache(cast(torch.LongTensor, rows))


def decode(
    stream: TextStream,
    rows: int,
    settings: GenerationSettings,
    eos_id: int,
    pad_id: int,
    seeds: Sequence[int] | None = None,
) -> GeneratedText:
    """Continues a stream of `rows` rows by the settings; `seeds`, one a row, are for mode sample alone."""
    if settings.mode == "beam":
        return _beam(stream, rows, settings, eos_id, pad_id)
    if settings.mode == "greedy":
        return _one_by_one(stream, rows, lambda logits: logits.argmax(-1), settings.max_new_tokens, eos_id, pad_id)
    if seeds is None or len(seeds) != rows:
        raise InputError(f"sampled text needs one seed a row: {rows} rows, {0 if seeds is None else len(seeds)} seeds")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def draw(logits: Tensor) -> Tensor:
        uniform = torch.stack([torch.rand((), generator=generator, dtype=torch.float64) for generator in generators])
        return sample_nucleus(logits / settings.temperature, settings.top_p, uniform.to(logits.device))

    return _one_by_one(stream, rows, draw, settings.max_new_tokens, eos_id, pad_id)


def sample_nucleus(logits: Tensor, top_p: float, uniform: Tensor) -> Tensor:
    """One token a row by inverting the cumulative distribution of its most likely tokens.

    Args:
        logits: `[R, V]`.
        top_p: the smallest set of most likely tokens with at least this mass is kept; 1 keeps all.
        uniform: `[R]` in [0, 1), one draw a row.

    Returns:
        `[R]` int64.
    """
    probabilities, order = logits.softmax(-1).sort(dim=-1, descending=True, stable=True)  # [R, V]
    before = probabilities.cumsum(-1) - probabilities  # mass of the likelier tokens
    kept = torch.where(before < top_p, probabilities, 0.0)
    cumulative = kept.cumsum(-1)
    chosen = (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(-1, keepdim=True)  # [R, 1]
    last = (kept > 0).sum(-1, keepdim=True) - 1
    return order.gather(-1, torch.minimum(chosen, last)).squeeze(-1)


def _one_by_one(
    stream: TextStream, rows: int, pick: Callable[[Tensor], Tensor], steps: int, eos_id: int, pad_id: int
) -> GeneratedText:
    new: list[Tensor] = []
    running = lengths = score = None
    for _ in range(steps):
        logits = stream.logits()  # [B, V]
        if running is None or lengths is None or score is None:
            running = torch.ones(rows, dtype=torch.bool, device=logits.device)
            lengths = torch.zeros(rows, dtype=torch.long, device=logits.device)
            score = torch.zeros(rows, dtype=logits.dtype, device=logits.device)
        ids = pick(logits)
        gained = logits.log_softmax(-1).gather(-1, ids[:, None]).squeeze(-1)
        score = score + torch.where(running, gained, 0.0)
        lengths = lengths + running
        ids = torch.where(running, ids, pad_id)
        new.append(ids)
        running = running & (ids != eos_id)
        if not running.any():
            break
        stream.append(ids)
    assert lengths is not None
    assert score is not None
    return GeneratedText(torch.stack(new, 1), lengths, score)


def _beam(stream: TextStream, rows: int, settings: GenerationSettings, eos_id: int, pad_id: int) -> GeneratedText:
    """Beam search in which a finished text keeps its place in the beam until a better one pushes it out.

    So one beam is greedy decoding, and as many beams as there are texts find the best text.
    """
    beams, steps = settings.beams, settings.max_new_tokens
    logits = stream.logits()  # [B, V]
    stream.repeat(beams)
    device, vocabulary = logits.device, logits.shape[-1]
    first_row = torch.arange(rows, device=device)[:, None] * beams  # [B, 1]
    score = torch.full((rows, beams), -torch.inf, dtype=logits.dtype, device=device)
    score[:, 0] = 0.0  # at the start all beams are the same text: only one counts
    running = torch.ones(rows, beams, dtype=torch.bool, device=device)
    lengths = torch.zeros(rows, beams, dtype=torch.long, device=device)
    text = torch.empty(rows, beams, 0, dtype=torch.long, device=device)
    frozen = torch.full((vocabulary,), -torch.inf, dtype=logits.dtype, device=device)
    frozen[pad_id] = 0.0  # a finished text has one continuation: itself
    step_logits = logits.repeat_interleave(beams, 0)

    def rank(scores: Tensor, length: Tensor | int) -> Tensor:
        return scores / torch.as_tensor(length, device=device).double() ** settings.length_penalty

    for step in range(1, steps + 1):
        gained = step_logits.log_softmax(-1).unflatten(0, (rows, beams))  # [B, K, V]
        total = score[..., None] + torch.where(running[..., None], gained, frozen)  # [B, K, V]
        ranked = rank(total, (lengths + running)[..., None])  # [B, K, V]
        chosen = ranked.flatten(1).topk(beams).indices  # [B, K]
        parent, ids = chosen // vocabulary, chosen % vocabulary
        score = total.flatten(1).gather(1, chosen)
        was_running = running.gather(1, parent)
        lengths = lengths.gather(1, parent) + was_running
        running = was_running & (ids != eos_id)
        text = torch.cat([text.gather(1, parent[..., None].expand_as(text)), ids[..., None]], -1)
        # Longer text only loses log-probability: the best that a running beam can still reach.
        bound = torch.where(running, rank(score, steps), -torch.inf).amax(1)
        reached = torch.where(running, -torch.inf, rank(score, lengths)).amax(1)
        if step == steps or bool((reached >= bound).all()):
            break
        stream.select((first_row + parent).flatten())
        stream.append(ids.flatten())
        step_logits = stream.logits()
    best = rank(score, lengths).argmax(1)  # [B]
    row = torch.arange(rows, device=device)
    length = lengths[row, best]
    return GeneratedText(text[row, best, : int(length.max())], length, score[row, best])


def caption(
    model: VisionLanguageModel,
    hf_tokenizer: Any,
    *,
    tokens: Tensor | None = None,
    pixels: Tensor | None = None,
    media: Tensor | None = None,
    prompt: str | Sequence[str] | None = None,
    settings: GenerationSettings | None = None,
    seeds: Sequence[int] | None = None,
) -> list[str]:
    """Texts for images, one a row, without special tokens and outer blanks.

    Args:
        model: the VLM, on any device.
        hf_tokenizer: the language model's tokenizer.
        tokens, pixels, media: exactly one of them, as in `VisionLanguageModel.forward`.
        prompt: text to go on from, one for all rows or one a row; None = the `caption_prompt` of the model.
        settings: how to decode; None = greedy.
        seeds: one a row, for mode sample.
    """
    given = next((values for values in (tokens, pixels, media) if values is not None), None)
    rows = 0 if given is None else len(given)
    input_ids, mask = build_prompts(model.config.caption_prompt if prompt is None else prompt, hf_tokenizer, rows)
    eos_id, pad_id = hf_tokenizer.eos_token_id, hf_tokenizer.pad_token_id
    generated = model.generate(
        input_ids.to(model.device),
        mask.to(model.device),
        tokens=tokens,
        pixels=pixels,
        media=media,
        settings=settings,
        eos_id=eos_id,
        pad_id=eos_id if pad_id is None else pad_id,
        seeds=seeds,
    )
    rows_of_ids = [ids[:length] for ids, length in zip(generated.ids.tolist(), generated.lengths.tolist(), strict=True)]
    return [text.strip() for text in hf_tokenizer.batch_decode(rows_of_ids, skip_special_tokens=True)]
