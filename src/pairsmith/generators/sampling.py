"""Masked decoding = order x schedule x guidance: all tokens start as MASK, every step commits some for good.

A row's picture depends on its caption, its seed and the settings alone: its random numbers come from its own seed and
are drawn on the CPU, and rows are computed in blocks of one fixed size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from pairsmith.errors import InputError
from pairsmith.generators.categorical import draw_tokens
from pairsmith.generators.guidance import GuidanceFormula, GuidanceSchedule, extra_weight, guided_logits
from pairsmith.generators.orders import (
    Order,
    choice_noise_scale,
    fixed_order,
    gumbel,
    most_confident,
    unknown_first,
)
from pairsmith.generators.row_blocks import draw_in_blocks
from pairsmith.generators.schedules import Schedule, commit_table
from pairsmith.settings import Settings

if TYPE_CHECKING:
    from pairsmith.generators.conditioning import TextContext
    from pairsmith.generators.model import MaskedGenerator


class SamplingSettings(Settings):
    """How pictures are decoded; the defaults are Synth² §4 and table A.1.3 where the paper gives a value."""

    steps: int = Field(default=24, ge=1, description="refinement steps, at most the number of tokens; §4")
    schedule: Schedule = Field(default="cosine", description="how many tokens each step commits; §3.2.2")
    order: Order = Field(default="confidence", description="which positions a step commits; §3.2.2")
    choice_temperature: float = Field(
        default=32.5,
        ge=0,
        description="Gumbel noise on confidences at the start, falling linearly to 0; choice only; §4",
    )
    halton_roll: bool = Field(default=True, description="each row starts at its own place of the Halton sequence")
    guidance: float = Field(default=4.0, ge=0, description="scale of `guidance_formula`; §4")
    guidance_formula: GuidanceFormula = Field(
        default="muse",
        description="muse: (1+t) cond - t null; diffusers: null + s (cond - null); the paper does not say",
    )
    guidance_schedule: GuidanceSchedule = Field(
        default="linear", description="linear ramp from none (Muse §2.7) or constant; the paper does not say"
    )
    temperature: float = Field(default=1.0, gt=0, description="of the tokens' distribution")
    top_k: int | None = Field(default=None, ge=1, description="draw among the k likeliest codes")
    top_p: float | None = Field(default=None, gt=0, le=1, description="draw among the likeliest codes of this mass")
    block_rows: int = Field(
        default=16, ge=1, description="rows computed together; part of the settings, see the module's note"
    )


@dataclass(frozen=True)
class DecodeState:
    """The picture so far, for a block of rows.

    Attributes:
        tokens: [B, N] int64, `mask_id` where nothing is committed yet.
        committed_at: [B, N] int64, the step that committed a position, KNOWN where it was given, PENDING until then.
    """

    tokens: Tensor
    committed_at: Tensor

    KNOWN = -1
    PENDING = -2

    @classmethod
    def start(cls, known: Tensor, mask_id: int) -> DecodeState:
        """From tokens [B, N] that hold `mask_id` where unknown."""
        return cls(known, torch.where(known == mask_id, cls.PENDING, cls.KNOWN))

    @property
    def pending(self) -> Tensor:
        """[B, N] bool, True where nothing is committed yet."""
        return self.committed_at == self.PENDING

    def select(self, rows: Tensor) -> DecodeState:
        """The state of some rows, [b] int64."""
        return DecodeState(self.tokens[rows], self.committed_at[rows])

    def commit(self, positions: Tensor, tokens: Tensor, chosen: Tensor, step: int) -> DecodeState:
        """Write `tokens` [B, M] at `positions` [B, M] (distinct in a row) where `chosen` [B, M] bool."""
        new_tokens = torch.where(chosen, tokens, self.tokens.gather(1, positions))
        new_steps = self.committed_at.gather(1, positions).masked_fill(chosen, step)
        return DecodeState(
            self.tokens.scatter(1, positions, new_tokens), self.committed_at.scatter(1, positions, new_steps)
        )


@dataclass(frozen=True)
class RowNoise:
    """All random numbers of a block, uniform in [0, 1), each row's from its own seed.

    Attributes:
        order: [B, N], for random orders and rolls.
        token: [B, S, N], S the number of steps, or 1 for fixed orders, which visit a position only once.
        choice: [B, S, N], for the confidence order's choice.
    """

    order: Tensor
    token: Tensor
    choice: Tensor

    @classmethod
    def draw(cls, seeds: Sequence[int], num_tokens: int, steps: int, device: torch.device) -> RowNoise:
        """Draw on the CPU, where all machines agree, then move."""
        rows = [
            torch.rand(1 + 2 * steps, num_tokens, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds
        ]
        noise = torch.stack(rows).to(device)  # [B, 1 + 2 * S, N]
        return cls(noise[:, 0], noise[:, 1 : 1 + steps], noise[:, 1 + steps :])


def sample(
    model: MaskedGenerator,
    text: Tensor,
    text_mask: Tensor,
    settings: SamplingSettings,
    seeds: Sequence[int],
    known: Tensor | None = None,
) -> Tensor:
    """Make one picture a row, as tokens.

    Args:
        model: the generator; used in eval mode, its mode is restored.
        text: [B, L, text_dim] float features, L up to the model's max_text.
        text_mask: [B, L] bool, True for real text tokens.
        settings: the decoder.
        seeds: B seeds of 63 bits at most; equal caption, seed and settings give the same tokens in any batch.
        known: [B, N] int64 tokens that must stay, `model.mask_id` where to paint; None paints everything.

    Returns:
        [B, N] int64 codes in raster order, without any MASK, on the model's device.

    Raises:
        InputError: the numbers of rows differ, `known` is of the wrong shape or range, or the model's logits are not
            finite.
    """
    return sample_states(model, text, text_mask, settings, seeds, known).tokens


def sample_states(
    model: MaskedGenerator,
    text: Tensor,
    text_mask: Tensor,
    settings: SamplingSettings,
    seeds: Sequence[int],
    known: Tensor | None = None,
) -> DecodeState:
    """As `sample`, but the final state, which also tells at which step each position was committed."""
    device = model.row_positions.device
    if known is None:
        known = torch.full((len(seeds), model.config.num_tokens), model.mask_id)
    start = DecodeState.start(_checked(model, len(seeds), known).to(device).long(), model.mask_id)
    states = draw_in_blocks(
        model,
        text,
        text_mask,
        seeds,
        settings.block_rows,
        lambda text, text_mask, seeds, rows: _decode_block(
            model, text, text_mask, settings, seeds, start.select(rows.to(device))
        ),
    )
    if not states:
        return start
    tokens = torch.cat([state.tokens for state in states])[: len(seeds)]
    committed_at = torch.cat([state.committed_at for state in states])[: len(seeds)]
    return DecodeState(tokens, committed_at)


def _decode_block(
    model: MaskedGenerator,
    text: Tensor,
    text_mask: Tensor,
    settings: SamplingSettings,
    seeds: Sequence[int],
    state: DecodeState,
) -> DecodeState:
    num_tokens, device = model.config.num_tokens, text.device
    table = commit_table(num_tokens, settings.steps, settings.schedule)  # [N + 1, T]
    steps = table.shape[1]
    counts = table.to(device)[state.pending.sum(dim=1)]  # [B, T]: rows may start with different numbers of tokens
    noise = RowNoise.draw(seeds, num_tokens, 1 if settings.order != "confidence" else steps, device)
    predict = _Predictor(model, text, text_mask, settings, steps)

    if settings.order == "confidence":
        # Widths are the most that any row could need, so that shapes are fixed by the settings alone.
        left = torch.arange(num_tokens + 1)[:, None] - table.cumsum(dim=1) + table
        widths = left.amax(dim=0).tolist()
        for step, width in enumerate(widths):
            positions = (~state.pending).to(torch.uint8).argsort(dim=1, stable=True)[:, :width]  # [B, M]
            logits = predict(state.tokens, positions, step)  # [B, M, K]
            tokens = _draw(logits, noise.token[:, step].gather(1, positions), settings)
            log_probabilities = functional.log_softmax(logits, dim=-1).gather(-1, tokens[..., None])[..., 0]
            scale = choice_noise_scale(step, steps, settings.choice_temperature)
            confidences = log_probabilities + scale * gumbel(noise.choice[:, step].gather(1, positions))
            chosen = most_confident(confidences, state.pending.gather(1, positions), counts[:, step])
            state = state.commit(positions, tokens, chosen, step)
        predict.check()
        return state

    order = fixed_order(settings.order, model.config.grid, noise.order, settings.halton_roll)
    order = unknown_first(order, ~state.pending)  # [B, N]
    done = torch.zeros_like(counts[:, 0])  # [B]
    for step, width in enumerate(table.amax(dim=0).tolist()):
        offsets = torch.arange(width, device=device)
        # Places past the end wrap around: distinct within a row, and never chosen.
        positions = order.gather(1, (done[:, None] + offsets) % num_tokens)  # [B, M]
        logits = predict(state.tokens, positions, step)  # [B, M, K]
        tokens = _draw(logits, noise.token[:, 0].gather(1, positions), settings)
        state = state.commit(positions, tokens, offsets < counts[:, step, None], step)
        done = done + counts[:, step]
    predict.check()
    return state


class _Predictor:
    """Guided logits of a block; text is encoded once, the null branch runs only at steps where it has weight."""

    def __init__(
        self, model: MaskedGenerator, text: Tensor, text_mask: Tensor, settings: SamplingSettings, steps: int
    ) -> None:
        self.model = model
        self.context = model.encode_text(text, text_mask)
        self.weights = [
            extra_weight(settings.guidance, step, steps, settings.guidance_formula, settings.guidance_schedule)
            for step in range(steps)
        ]
        self.finite = torch.ones((), dtype=torch.bool, device=text.device)
        self.both: TextContext | None = None
        if any(self.weights):
            self.both = self.context.concatenate(model.null_context(text.shape[0], text.shape[1]))

    def __call__(self, tokens: Tensor, positions: Tensor, step: int) -> Tensor:
        """[B, N] tokens and [B, M] positions -> [B, M, K] float32 logits."""
        weight = self.weights[step]
        if not weight or self.both is None:
            logits = self.model(tokens, self.context, positions)
        else:
            cond, null = self.model(tokens.repeat(2, 1), self.both, positions.repeat(2, 1)).chunk(2)
            logits = guided_logits(cond, null, weight)
        self.finite = self.finite & logits.isfinite().all()
        return logits

    def check(self) -> None:
        """Once a block, as it waits for the device.

        Raises:
            InputError: some logits so far were not finite.
        """
        if not bool(self.finite):
            raise InputError("the generator's logits are not finite numbers: its training diverged, use other weights")


def _draw(logits: Tensor, uniforms: Tensor, settings: SamplingSettings) -> Tensor:
    return draw_tokens(logits, uniforms, settings.temperature, settings.top_k, settings.top_p)


def _checked(model: MaskedGenerator, rows: int, known: Tensor) -> Tensor:
    num_tokens = model.config.num_tokens
    if known.shape != (rows, num_tokens):
        raise InputError(f"known tokens have shape {list(known.shape)}; give [{rows}, {num_tokens}]")
    if rows and (int(known.min()) < 0 or int(known.max()) > model.mask_id):
        raise InputError(f"known tokens must lie in 0 to {model.mask_id - 1}, or be {model.mask_id} where to paint")
    return known
