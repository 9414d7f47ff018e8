"""Masked decoding in blocks of one shape: no batch changes a row, and nothing is computed twice or row by row."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from pairsmith.generators import MaskedGenerator, sample
from pairsmith.generators.orders import Order
from pairsmith.generators.schedules import commit_counts
from tests.generators.conftest import TEXT_LAYERS_CONFIG, make_model, make_text
from tests.generators.watchers import Operations, make_settings, recorder_of

ORDERS = get_args(Order)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_a_row_is_the_same_in_any_batch(model: MaskedGenerator, order: Order, tied: bool) -> None:
    model = make_model(TEXT_LAYERS_CONFIG) if tied else model
    settings = make_settings(order=order, block_rows=16)
    text, text_mask = make_text(64)
    seeds = [1000 + row for row in range(64)]
    whole = sample(model, text, text_mask, settings, seeds)
    seven = sample(model, text[20:27], text_mask[20:27], settings, seeds[20:27])
    assert torch.equal(seven, whole[20:27])
    for row in (0, 23, 63):
        length = int(text_mask[row].sum())  # less padding is no difference either
        alone = sample(model, text[row : row + 1, :length], text_mask[row : row + 1, :length], settings, [seeds[row]])
        assert torch.equal(alone[0], whole[row])
    shuffled = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    again = sample(model, text[shuffled], text_mask[shuffled], settings, [seeds[row] for row in shuffled.tolist()])
    assert torch.equal(again, whole[shuffled])


def test_logits_of_a_row_are_bitwise_the_same_anywhere_in_a_block(model: MaskedGenerator) -> None:
    text, text_mask = make_text(64)
    tokens = torch.randint(0, 12, (64, 16), generator=torch.Generator().manual_seed(0))
    positions = torch.arange(5).expand(16, -1)
    reference: dict[int, Tensor] = {}
    for seed in range(4):
        for rows in torch.randperm(64, generator=torch.Generator().manual_seed(seed)).split(16):
            logits = model(tokens[rows], model.encode_text(text[rows], text_mask[rows]), positions)
            for place, row in enumerate(rows.tolist()):
                assert torch.equal(reference.setdefault(row, logits[place]), logits[place])


@pytest.mark.parametrize("order", ORDERS)
def test_all_blocks_are_computed_in_the_same_shapes(model: MaskedGenerator, order: Order) -> None:
    # Rounding may differ between shapes, and only seldom tips a token: so look at the shapes themselves.
    text, text_mask = make_text(9)
    shapes = []
    for rows in (1, 4, 9):
        recorder = recorder_of(model)
        sample(recorder, text[:rows], text_mask[:rows], make_settings(order=order), range(rows))
        blocks = -(-rows // 4)
        assert recorder.encoded == [4] * blocks
        assert recorder.seen == recorder.seen[:6] * blocks
        shapes.append(recorder.seen[:6])
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize("order", ORDERS)
def test_nothing_is_computed_row_by_row(model: MaskedGenerator, order: Order) -> None:
    counts = []
    for rows in (2, 2, 7):  # the first time, tables are made that are kept
        with Operations() as operations:
            sample(model, *make_text(rows), make_settings(order=order, block_rows=rows), range(rows))
        counts.append(operations.count)
    assert counts[1] == counts[2] > 100


def test_one_forward_a_step_text_encoded_once_head_only_where_needed(model: MaskedGenerator) -> None:
    text, text_mask = make_text(4)
    counts = commit_counts(16, 6, "cosine")
    recorder = recorder_of(model)
    sample(recorder, text, text_mask, make_settings(guidance_schedule="linear"), range(4))
    assert recorder.encoded == [4]
    masked = [16 - sum(counts[:step]) for step in range(6)]
    # The ramp has no weight at step 0: caption rows only; afterwards caption and null rows in one call.
    assert recorder.seen == list(zip([4, 8, 8, 8, 8, 8], masked, strict=True))
    recorder = recorder_of(model)
    sample(
        recorder, text, text_mask, make_settings(order="halton", guidance=1.0, guidance_formula="diffusers"), range(4)
    )
    assert [rows for rows, _ in recorder.seen] == [4] * 6
    assert all(width <= count + 1 for (_, width), count in zip(recorder.seen, counts, strict=True))
