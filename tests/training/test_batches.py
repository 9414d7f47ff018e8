"""Splitting keeps every row once and in order, in any structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from pairsmith.training.batches import move_batch, split_batch


@dataclass
class Rows:
    tokens: torch.Tensor
    captions: list[str]
    size: int


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_pieces_put_together_are_the_batch(parts):
    batch = {"a": Rows(torch.arange(7), list("abcdefg"), 5), "b": (np.arange(7), None, torch.tensor(2.0))}
    pieces = split_batch(batch, parts)
    assert len(pieces) == parts
    assert torch.cat([piece["a"].tokens for piece in pieces]).tolist() == list(range(7))
    assert "".join("".join(piece["a"].captions) for piece in pieces) == "abcdefg"
    assert np.concatenate([piece["b"][0] for piece in pieces]).tolist() == list(range(7))
    assert all(piece["a"].size == 5 and piece["b"][1] is None and piece["b"][2] == 2.0 for piece in pieces)
    sizes = [len(piece["a"].tokens) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1
    assert all(len(piece["a"].tokens) == len(piece["a"].captions) for piece in pieces)


def test_both_sides_of_a_mixed_batch_are_spread():
    pieces = split_batch((torch.arange(6), torch.arange(3)), 3)
    assert [(len(real), len(synthetic)) for real, synthetic in pieces] == [(2, 1)] * 3


def test_move_turns_arrays_into_tensors_and_leaves_text():
    moved = move_batch({"x": np.zeros((2, 3), np.float32), "t": ["a", "b"], "l": [torch.ones(1)]}, torch.device("cpu"))
    assert isinstance(moved["x"], torch.Tensor)
    assert moved["x"].dtype == torch.float32
    assert moved["t"] == ["a", "b"]
    assert moved["l"][0].item() == 1.0
