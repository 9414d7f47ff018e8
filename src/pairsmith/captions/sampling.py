"""Batched sampling from a causal language model in which a row's text does not depend on its neighbours.

A batch has a fixed number of slots. Every step feeds each slot one token, of its prompt or drawn, and a slot whose text
has ended begins the next row at once, so that short texts do not wait for long ones. What all prompts begin with is
read once and shared by all slots.

A row's random numbers come from its own seed and are drawn on the CPU. Rounding is the other way in which a batch
shows: matrix and attention kernels differ by shape. So all steps of a batch have the same shape, however many slots are
in use: the cache has as many columns as the prompt, padded to a multiple of `pad_multiple` (by at least one), and
`max_new_tokens` need, and rows of different padded lengths never share a batch.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from pairsmith.errors import InputError
from pairsmith.settings import Settings

# So many of the likeliest tokens are ranked first; only a flatter distribution than that needs more in order.
_RANKED = (256, 2048)


class SamplingSettings(Settings):
    """How a language model writes. The captions' paper names no values; these are common for varied short texts."""

    temperature: float = Field(
        default=0.8, ge=0, description="of the tokens' distribution; 0 takes the likeliest token"
    )
    top_p: float = Field(default=0.95, gt=0, le=1, description="draw among the likeliest tokens of this mass; 1 is all")
    max_new_tokens: int = Field(default=96, ge=1, description="tokens after which a text counts as unfinished")
    block_rows: int = Field(default=32, ge=1, description="rows computed together; rounding depends on it")
    pad_multiple: int = Field(
        default=32, ge=1, description="room for prompts comes in multiples of this many tokens; rounding depends on it"
    )


@dataclass(frozen=True)
class Continuation:
    """What the model wrote after one prompt.

    Attributes:
        tokens: ids without the stop token.
        stop: the stop token that ended it; None when none came within `max_new_tokens`.
    """

    tokens: list[int]
    stop: int | None

    @property
    def finished(self) -> bool:
        """Whether the text has an end."""
        return self.stop is not None


def sample_continuations(
    model: Any,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[int],
    stop_ids: Sequence[int],
    settings: SamplingSettings,
    shared: Sequence[int] | None = None,
) -> list[Continuation]:
    """Continue every prompt with draws from its own seed.

    Args:
        model: a causal LM of `transformers`, in eval mode, all of whose layers are attention.
        prompts: token ids, at least one a row.
        seeds: one a row.
        stop_ids: tokens that end a text.
        settings: how to draw.
        shared: how many of its first tokens each prompt has in common with others (fewer than all): they are read once.
            It must follow from the row alone, as rounding depends on it. None shares nothing.

    Returns:
        One continuation a prompt, in their order.

    Raises:
        InputError: the model cannot be told positions, or its attention window is shorter than prompt and text.
    """
    groups: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for row, prompt in enumerate(prompts):
        head = tuple(prompt[: shared[row]]) if shared is not None else ()
        groups.setdefault((_padded_length(len(prompt), settings.pad_multiple), head), []).append(row)
    written: dict[int, Continuation] = {}
    for (length, head), rows in sorted(groups.items()):
        columns = length + settings.max_new_tokens
        _check_model(model, columns)
        texts = [_Text(row, list(prompts[row][len(head) :]), seeds[row], settings.max_new_tokens) for row in rows]
        _write_group(model, texts, head, columns, frozenset(stop_ids), settings)
        written.update({text.row: text.continuation() for text in texts})
    return [written[row] for row in range(len(prompts))]


def _padded_length(length: int, multiple: int) -> int:
    return -(-(length + 1) // multiple) * multiple


def _check_model(model: Any, columns: int) -> None:
    if "position_ids" not in inspect.signature(model.forward).parameters:
        raise InputError("this kind of language model takes no positions, so it cannot write here: use a server")
    window = getattr(model.config, "sliding_window", None)
    if window is not None and columns > window:
        raise InputError(f"prompt and text may take {columns} tokens, but the model attends to the last {window} only")


class _Text:
    """A row's text in the making.

    Args:
        row: the row's number.
        tokens: what is left of the prompt behind the shared part.
        seed: of the row.
        most: most new tokens.
    """

    def __init__(self, row: int, tokens: list[int], seed: int, most: int) -> None:
        self.row = row
        self._tokens = tokens
        self._begin = len(tokens)
        self._uniforms: list[float] = _uniforms(seed, most).tolist()
        self._stop: int | None = None
        self.read = 0  # tokens that the model has seen

    @property
    def next_token(self) -> int:
        """What the model sees next."""
        return self._tokens[self.read]

    @property
    def draws(self) -> bool:
        """Whether a token is drawn after the next one is read."""
        return self.read == len(self._tokens) - 1

    @property
    def uniform(self) -> float:
        """The random number of the next draw."""
        return self._uniforms[len(self._tokens) - self._begin]

    def take(self, token: int, stops: frozenset[int]) -> bool:
        """Add a drawn token; returns whether the text has ended."""
        if token in stops:
            self._stop = token
            return True
        self._tokens.append(token)
        return len(self._tokens) - self._begin == len(self._uniforms)

    def continuation(self) -> Continuation:
        """What was written."""
        return Continuation(self._tokens[self._begin :], self._stop)


@torch.inference_mode()
def _write_group(
    model: Any,
    texts: Sequence[_Text],
    head: Sequence[int],
    columns: int,
    stops: frozenset[int],
    settings: SamplingSettings,
) -> None:
    """Write all texts to their ends, `block_rows` at a time."""
    from pairsmith.captions.slot_cache import SlotCache  # with transformers, which settings alone do without

    device = model.device
    # Some models have no option for the one column of logits that counts.
    options = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
    cache = SlotCache(settings.block_rows, columns, device)
    if head:
        read = model(torch.tensor([list(head)], device=device), use_cache=True, **options)
        cache.fill(read.past_key_values)
    waiting = list(texts[::-1])
    slots: list[_Text | None] = [None] * settings.block_rows
    while True:
        slots = [text if text is not None or not waiting else waiting.pop() for text in slots]
        if not any(slots):
            return
        # An empty slot reads something in the first free column, which the text that comes there writes anew.
        tokens = torch.tensor([0 if text is None else text.next_token for text in slots], device=device)  # [B]
        at = torch.tensor([len(head) + (0 if text is None else text.read) for text in slots], device=device)  # [B]
        cache.stand_at(at)
        output = model(
            tokens[:, None],
            attention_mask=cache.mask(model.dtype),
            position_ids=at[:, None],
            past_key_values=cache,
            use_cache=True,
            **options,
        )
        drawing = [slot for slot, text in enumerate(slots) if text is not None and text.draws]
        for text in slots:
            if text is not None:
                text.read += 1
        if not drawing:
            continue
        uniforms = torch.tensor([_of(slots, slot).uniform for slot in drawing], dtype=torch.float64, device=device)
        logits = output.logits[drawing, -1].float()  # [R, V]
        drawn = draw_tokens(logits, uniforms, settings.temperature, settings.top_p).tolist()
        for slot, token in zip(drawing, drawn, strict=True):
            if _of(slots, slot).take(token, stops):
                slots[slot] = None


def _of(slots: Sequence[_Text | None], slot: int) -> _Text:
    text = slots[slot]
    assert text is not None
    return text


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
    for count in (*(count for count in _RANKED if count < vocabulary), vocabulary):
        ranked, ids = probabilities.topk(count, dim=-1)  # [B, R]
        before = ranked.double().cumsum(dim=-1) - ranked
        if count == vocabulary or bool((before[:, -1] >= top_p).all()):
            break
    ids, order = ids.sort(dim=-1)
    return torch.where(before < top_p, ranked, 0).gather(1, order), ids
