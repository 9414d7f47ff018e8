"""Batches: what is in them, what repeats, and that ranks and restarts change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pairsmith.clip.curriculum import CurriculumSettings
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.caption_sets import read_captions
from pairsmith.training.clip.batches import ClipBatches
from pairsmith.training.clip.crops import CropSettings
from tests.training.clip.data import make_store

HALF = CurriculumSettings(shape="constant", share=0.5)


def tokenize(texts):
    return torch.tensor([[len(text), sum(map(ord, text))] for text in texts])


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> PairStore:
    return make_store(tmp_path_factory.mktemp("store"), views=3)


def make(store: PairStore, **changes) -> ClipBatches:
    options = {
        "batch_size": 8, "views": 2, "negatives": "images", "curriculum": HALF, "image_size": 16,
        "crop": CropSettings(), "seed": 1,
    }  # fmt: skip
    return ClipBatches(store, read_captions(store), tokenize, **(options | changes))


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_what_a_batch_holds(store):
    batch = make(store).batch(0)
    assert batch["pixels"].shape == (8, 3, 16, 16)
    assert batch["pixels"].dtype == torch.uint8
    assert batch["image_captions"].tolist() == batch["text_captions"].repeat_interleave(2).tolist()
    assert batch["tokens"].shape == (4, 2)
    assert int(batch["text_negative"].sum()) == 2  # p = 0.5: two bases and their two negatives
    assert batch["image_negative"].tolist() == batch["text_negative"].repeat_interleave(2).tolist()


def test_pictures_belong_to_their_captions(store):
    feed = make(store, crop=CropSettings(area=(1.0, 1.0)))
    captions = feed.captions
    batch = feed.batch(3)
    for row, label in enumerate(batch["image_captions"].tolist()):
        upper, lower = captions.captions[captions.labels.tolist().index(label)].split(" above ")
        pixels = batch["pixels"][row].float()
        for part, name in ((pixels[:, :8], upper), (pixels[:, 8:], lower)):
            red, green, blue = part.mean((1, 2)).tolist()
            brightest = {"red": red, "green": green, "blue": blue}
            assert name == "white" if min(red, green, blue) > 200 else max(brightest, key=brightest.get) == name


def test_ranks_lie_end_to_end(store):
    whole = make(store).batch(5)
    parts = [make(store, rank=rank, world=2).batch(5) for rank in range(2)]
    for name in whole:
        assert torch.equal(torch.cat([part[name] for part in parts]), whole[name])


def test_a_batch_depends_on_the_step_alone(store):
    first, second = make(store), make(store)
    late = first.batch(7)
    assert equal(second.batch(7), late)
    assert not equal(first.batch(8), late)
    assert not equal(make(store, seed=2).batch(7), late)


@pytest.mark.parametrize("views", [1, 2, 3])
def test_every_picture_is_shown_equally_often(store, views):
    feed = make(store, views=views, batch_size=4 * views)
    for number in range(len(feed.captions)):
        shown = np.concatenate([feed.shown(number, epoch) for epoch in range(3)])
        assert sorted(shown.tolist()) == sorted(feed.captions.views(number).tolist() * views)
        assert all(len(set(feed.shown(number, epoch).tolist())) == views for epoch in range(6))


def test_captions_with_few_pictures_repeat_them(store):
    feed = make(store, views=4, batch_size=8)
    own = feed.captions.views(0).tolist()
    assert sorted(set(feed.shown(0, 0).tolist())) == sorted(own)
    assert len(feed.shown(0, 0)) == 4


def test_texts_of_negatives_come_as_the_curriculum_says(store):
    for share, expected in ((0.0, 0), (0.25, 2), (0.5, 4)):
        feed = make(store, negatives="texts", curriculum=CurriculumSettings(shape="constant", share=share))
        batch = feed.batch(2)
        assert int(batch["negative_valid"].sum()) == expected
        assert not batch["text_negative"].any()
        captions = feed.captions
        for label, negative in zip(batch["text_captions"].tolist(), batch["negative_captions"].tolist(), strict=True):
            base, false = captions.captions[captions.labels.tolist().index(label)], captions.labels.tolist()
            assert captions.captions[false.index(negative)] == " above ".join(reversed(base.split(" above ")))


def test_single_negatives_count_as_any_caption(store):
    feed = make(store, curriculum=CurriculumSettings(shape="constant", share=0.0), batch_size=4, views=2)
    batches = [feed.batch(step) for step in range(feed.steps_per_epoch)]
    met = [int(batch["text_negative"].sum()) for batch in batches]
    labels = torch.cat([batch["text_captions"] for batch in batches])
    assert len(labels.unique()) == len(feed.captions)
    assert sum(met) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 7}, "take a multiple of 2"),
        ({"batch_size": 8, "world": 3}, "take a multiple of 6"),
        ({"batch_size": 40}, "batches of 20 captions cannot be filled from 12"),
    ],
)
def test_bad_sizes(store, changes, message):
    with pytest.raises(InputError, match=message):
        make(store, **changes)


def test_missing_negatives_and_pictures_are_said(tmp_path: Path):
    rows = [Pair(id=str(number), caption=f"caption {number}") for number in range(9)]
    bare = PairStore.write(tmp_path / "bare", rows, settings={})
    with pytest.raises(InputError, match="no hard negatives; make them with `pairsmith negatives`"):
        make(bare, negatives="texts")
    with pytest.raises(InputError, match=r"loss\.negatives=texts"):
        make(bare, negatives="images")
    with pytest.raises(InputError, match=r"row \d has no picture; render"):
        make(bare, negatives="none").batch(0)
