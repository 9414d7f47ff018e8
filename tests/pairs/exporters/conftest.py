"""Stores that the tests of the exporters share."""

from __future__ import annotations

import os

import numpy as np
import pytest

from pairsmith.pairs import Pair, PairStore, pair_id
from tests.pairs.importers.samples import picture

# Read by `datasets` and `huggingface_hub` when they are imported: no test talks to the hub.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch):
    """No test here cuts the power, and on a busy disk waiting for fsync takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def make_pair(number, **columns):
    """A rendered pair with every column filled."""
    caption = f"caption {number}: ein Hündchen – 小狗 | <b>"
    return Pair(
        **{
            "id": pair_id(caption, "muse", "1", {}, number),
            "caption": caption,
            "group": f"g{number // 2}",
            "negative": f"negative {number}",
            "negative_kind": "swap",
            "concept": "dog",
            "axis": "colour",
            "image": picture(number, format=("PNG", "JPEG", "WEBP")[number % 3]),
            "generator": ("muse", "flow")[number % 2],
            "seed": number,
            "settings": '{"steps": 8}',
        }
        | columns
    )


@pytest.fixture
def store(tmp_path):
    """Seven "ok" rows with pictures of three formats, among a filtered and a failed one."""
    pairs = [make_pair(number) for number in range(7)]
    pairs.insert(2, make_pair(10, status="filtered", reason="empty caption"))
    pairs.insert(5, make_pair(11, status="failed", reason="torn", image=None))
    return PairStore.write(tmp_path / "store", pairs, settings={"recipe": "tiny"}, shard_rows=4)


@pytest.fixture
def token_store(tmp_path):
    """Five rows with tokens and no pictures."""
    pairs = [make_pair(number, image=None, tokens=np.arange(4, dtype=np.uint16) + number) for number in range(5)]
    return PairStore.write(
        tmp_path / "token-store", pairs, settings={"recipe": "tiny"}, num_tokens=4, tokenizer="0123456789abcdef"
    )
