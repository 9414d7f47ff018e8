"""Gold is there where captions have true pictures, and left out, aloud, where none has."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.recipes.synth2.data import Data
from pairsmith.recipes.synth2.models import Models
from pairsmith.recipes.synth2.recipe import true_pictures
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_pair
from pairsmith.tokenizer import TokenizerConfig, VQTokenizer
from tests.recipes.synth2.tiny import scene_settings

SETTINGS = scene_settings()
WORLD = World(SETTINGS.world)
SCENES = [scene_pair(WORLD, "text", row, seed=0).caption for row in range(2)]


def gold(folder: Path, captions: list[str], *, world: World | None = WORLD, arms: str = "[baseline, gold]"):
    store = PairStore.write(
        folder / "captions", [Pair(id=imported_id("t", text), caption=text) for text in captions], settings={}
    )
    data = Data(store, store, store, None, world)
    tokenizer = VQTokenizer(
        TokenizerConfig(image_size=64, channels=8, blocks=1, norm_groups=4, code_dim=16, codebook_size=64)
    ).eval()
    trained = Models(tokenizer, None, None, None)  # type: ignore[arg-type]
    return true_pictures(scene_settings(f"arms={arms}"), data, trained, store, folder / "gold")


def test_captions_without_a_true_picture_are_left_out_with_their_reason(tmp_path: Path) -> None:
    store = gold(tmp_path, [*SCENES, "a dog barks"])
    assert store is not None
    assert store.counts() == {"ok": 2, "filtered": 0, "failed": 1}


def test_without_any_true_picture_there_is_no_gold_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(2):  # a resumed run finds the finished store and says the same
        caplog.clear()
        assert gold(tmp_path, ["a dog barks", "cats"]) is None
        assert "Gold is left out" in caplog.text
        assert "not a sentence about a scene (2)" in caplog.text
    assert PairStore(tmp_path / "gold").counts()["failed"] == 2


def test_nothing_is_drawn_for_gold_where_nobody_asked_for_it(tmp_path: Path) -> None:
    assert gold(tmp_path, SCENES, arms="[baseline]") is None
    assert gold(tmp_path, SCENES, world=None) is None
    assert not (tmp_path / "gold").exists()
