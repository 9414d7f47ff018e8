"""Diversity of caption sets: limits, balance of the sets, and embeddings that ignore padding."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.evaluation.diversity import co_cluster, concentration, embed_captions, entropy_bits


@pytest.mark.parametrize("clusters", [1, 4, 20])
def test_uniform_spread_has_the_largest_entropy(clusters: int) -> None:
    uniform = np.full(clusters, 1 / clusters)
    assert entropy_bits(uniform) == pytest.approx(math.log2(clusters))
    assert concentration(uniform, 1) == pytest.approx(1 / clusters)


def test_limits_of_the_paper() -> None:
    assert entropy_bits(np.full(20, 0.05)) == pytest.approx(4.32, abs=5e-3)
    assert concentration(np.full(20, 0.05), 5) == pytest.approx(0.25)
    assert entropy_bits([1.0, 0.0, 0.0]) == 0
    assert concentration([0.1, 0.5, 0.4], 2) == pytest.approx(0.9)


def _blobs(per_cluster: list[int], seed: int = 0) -> np.ndarray:
    """Points around the corners of a simplex: as many tight clusters as entries."""
    generator = np.random.default_rng(seed)
    corners = np.repeat(np.eye(len(per_cluster)), per_cluster, axis=0)
    return corners + generator.normal(0, 0.01, size=corners.shape)


def test_known_shares_are_found() -> None:
    result = co_cluster({"even": _blobs([50] * 4), "one-sided": _blobs([170, 10, 10, 10], 1)}, clusters=4)
    even, narrow = result["even"], result["one-sided"]
    np.testing.assert_allclose(even.shares, 0.25)
    assert even.entropy_bits.mean == pytest.approx(2.0)
    assert even.entropy_bits.std == pytest.approx(0.0)
    assert even.concentration_3.mean == pytest.approx(0.75)
    assert narrow.concentration_3.mean == pytest.approx(190 / 200)
    assert narrow.entropy_bits.mean == pytest.approx(entropy_bits([0.85, 0.05, 0.05, 0.05]))


def test_sets_are_cut_to_equal_size_and_shares_sum_to_one() -> None:
    generator = np.random.default_rng(0)
    sets = {"large": generator.normal(size=(300, 6)), "small": generator.normal(1.0, 1.0, size=(60, 6))}
    result = co_cluster(sets, clusters=5, seeds=(0, 1))
    for diversity in result.values():
        assert diversity.captions == 60
        assert diversity.shares.shape == (2, 5)
        np.testing.assert_allclose(diversity.shares.sum(axis=1), 1)
        np.testing.assert_allclose(diversity.shares * 60, np.round(diversity.shares * 60))
    assert result["large"].entropy_bits.std > 0  # seeds draw and start differently


def test_same_seeds_give_the_same_result() -> None:
    sets = {"a": np.random.default_rng(0).normal(size=(80, 4)), "b": np.random.default_rng(1).normal(size=(50, 4))}
    first, again = (co_cluster(sets, clusters=6, seeds=(7,)) for _ in range(2))
    for name in sets:
        np.testing.assert_array_equal(first[name].shares, again[name].shares)


def test_a_dominant_dimension_does_not_hide_the_clusters() -> None:
    points = _blobs([40] * 4)
    drowned = np.column_stack([points, 1000 + np.random.default_rng(0).normal(0, 30, len(points))])
    result = co_cluster({"a": drowned, "b": drowned[::-1].copy()}, clusters=4, seeds=(0,))
    assert result["a"].entropy_bits.mean > 1.9


def test_bad_sets_are_named() -> None:
    with pytest.raises(InputError, match="'b' has 5 captions, fewer than the 20 clusters"):
        co_cluster({"a": np.ones((30, 3)), "b": np.ones((5, 3))})
    with pytest.raises(InputError, match="same model"):
        co_cluster({"a": np.ones((30, 3)), "b": np.ones((30, 4))})
    with pytest.raises(InputError, match="'a' hold NaN"):
        co_cluster({"a": np.full((30, 3), np.nan)})
    with pytest.raises(InputError, match="no caption sets"):
        co_cluster({})


class _Batch(dict):
    def to(self, device: object) -> _Batch:
        return self


class _Tokenizer:
    """One token a letter, padded with zeros on the side it is told to."""

    pad_token = "_"

    def __call__(self, texts: list[str], *, max_length: int, padding_side: str, **options: object) -> _Batch:
        rows = [[ord(letter) for letter in text][:max_length] for text in texts]
        width = max(map(len, rows))
        assert padding_side == "right"
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        return _Batch(input_ids=ids, attention_mask=(ids > 0).long())


class _Causal(torch.nn.Module):
    """Hidden states that depend on all earlier tokens, padding included."""

    def forward(self, input_ids: torch.Tensor, **options: object) -> SimpleNamespace:
        seen = input_ids.float().cumsum(dim=1)
        return SimpleNamespace(hidden_states=(torch.zeros(1), torch.stack([seen, input_ids.float()], dim=-1)))


def test_embedding_is_the_mean_over_words_only() -> None:
    captions = ["ab", "abcdef", "b"]
    together = embed_captions(_Causal(), _Tokenizer(), captions)
    alone = np.concatenate([embed_captions(_Causal(), _Tokenizer(), [caption]) for caption in captions])
    np.testing.assert_allclose(together, alone)
    np.testing.assert_allclose(together[0], [(97 + 97 + 98) / 2, 97.5])
    assert together.dtype == np.float32
    np.testing.assert_allclose(embed_captions(_Causal(), _Tokenizer(), captions, batch_size=2), together)
    np.testing.assert_allclose(embed_captions(_Causal(), _Tokenizer(), ["abc"], max_length=2), together[:1])


def test_captions_that_cannot_be_embedded_are_named() -> None:
    with pytest.raises(InputError, match="no captions"):
        embed_captions(_Causal(), _Tokenizer(), [])
    with pytest.raises(InputError, match="caption number 3"):
        embed_captions(_Causal(), _Tokenizer(), ["a", "b", "c", "", "d"], batch_size=2)
    with pytest.raises(InputError, match="padding token"):
        embed_captions(_Causal(), SimpleNamespace(pad_token=None), ["a"])
