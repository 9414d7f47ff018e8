"""Settings of the recipe: one seed for all stages, no setting without effect, and what is asked before work begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.images import load_pixels
from pairsmith.recipes.settings import look_up
from pairsmith.recipes.synth2.arms import CaptionSource
from pairsmith.recipes.synth2.captioning import make_writer, readable
from pairsmith.recipes.synth2.measure import draw_sample
from pairsmith.recipes.synth2.pixels import PixelSource
from pairsmith.recipes.synth2.presets import PRESETS, load_preset, preset
from pairsmith.recipes.synth2.recipe import run_synth2
from tests.pairs.importers.samples import picture
from tests.recipes.synth2.tiny import scene_settings


def test_one_seed_reaches_every_stage_unless_it_has_its_own() -> None:
    settings = load_preset("tiny", overrides=["seed=7", "captions.seed=5"])
    seeded = (*settings.SEEDED, *settings.trainings())
    assert len(settings.trainings()) == 4
    values = settings.to_dict()
    assert {path: look_up(values, path)["seed"] for path in seeded} == dict.fromkeys(seeded, 7) | {"captions": 5}
    assert preset("tiny").with_seeds() == preset("tiny")  # the shipped weights were made with seed 0
    small = load_preset("small", own_pairs=True, overrides=["seed=2"])
    assert small.language_model_training is None
    assert small.vlm_training.seed == 2


@pytest.mark.parametrize(
    ("change", "source"),
    [
        ("generator.codebook_size=99", "tokenizer.model.codebook_size"),
        ("generator.text_layer=-3", "language_model.text_layer"),
        ("vlm.grid=3", "tokenizer.model.image_size"),
    ],
)
def test_a_size_that_follows_from_another_setting_is_refused(change: str, source: str) -> None:
    with pytest.raises(InputError, match=rf"setting '{change.partition('=')[0]}' follows from {source}"):
        load_preset("tiny", overrides=[change])


def test_a_derived_size_may_be_repeated(tmp_path: Path) -> None:
    load_preset("tiny", overrides=["tokenizer.model.codebook_size=512", "generator.codebook_size=512"])


def test_sampling_reaches_a_server_and_its_answers_are_kept(tmp_path: Path) -> None:
    server = ("writer.kind=server", "writer.base_url=http://127.0.0.1:1/v1", "writer.model=m")
    settings = scene_settings(*server, "writer.sampling={temperature: 0.3, max_new_tokens: 17}")
    writer = make_writer(settings, None, tmp_path / "answers")  # type: ignore[arg-type]
    described = writer.describe()
    assert (described["temperature"], described["max_new_tokens"]) == (0.3, 17)
    assert vars(writer)["_cache_folder"] == tmp_path / "answers"
    with pytest.raises(InputError, match="base_url belongs to kind server"):
        scene_settings("writer.base_url=http://127.0.0.1:1/v1")


@pytest.mark.parametrize("name", PRESETS)
def test_no_caption_is_admitted_that_the_generator_would_cut(name: str) -> None:
    for own_pairs in (False, True):
        if own_pairs or name == "tiny":
            settings = preset(name, own_pairs=own_pairs)
            assert (readable(settings).checks.max_tokens or 0) <= settings.generator.max_text
    strict = scene_settings("captions.checks.max_tokens=3")
    assert readable(strict) == strict.captions


def test_missing_perceptual_weights_stop_the_run_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    settings = load_preset("small", own_pairs=True)
    with pytest.raises(InputError, match=rf"{tmp_path}/hub/.*resnet50-0676ba61\.pth.*losses\.perceptual to none"):
        run_synth2(settings, tmp_path / "out", real=tmp_path)
    assert not (tmp_path / "out").exists()


def test_pixels_are_read_from_disk_as_they_were_decoded(tmp_path: Path) -> None:
    pairs = [Pair(id=imported_id("x", str(i)), caption="", image=picture(i, (20, 20))) for i in range(5)]
    store = PairStore.write(tmp_path / "pictures", pairs, settings={})
    source = PixelSource(store, 16, tmp_path / "work" / "pixels.u8")
    found = source.collate([3, 0, 3], [0, 0, 1])["pixels"]
    wanted = [(load_pixels(store.pair(row).image or b"", 16) * 255 + 0.5).astype(np.uint8) for row in (3, 0, 3)]
    assert np.array_equal(found, wanted)
    assert (tmp_path / "work" / "pixels.u8").stat().st_size == 5 * 3 * 16 * 16
    assert not isinstance(found, np.memmap)
    again = PixelSource(store, 16, tmp_path / "work" / "pixels.u8")
    assert np.array_equal(again.collate([3, 0, 3], [0, 0, 1])["pixels"], found)


def test_captions_to_be_drawn_in_the_step_are_seeded_as_stored_ones(tmp_path: Path) -> None:
    texts = ["a dog", "a cat"]
    store = PairStore.write(
        tmp_path / "captions", [Pair(id=imported_id("x", text), caption=text) for text in texts], settings={}
    )
    assert CaptionSource(store).collate([1, 0], [0, 2]) == {
        "caption": ["a cat", "a dog"],
        "group": [store.ids()[1], store.ids()[0]],
        "epoch": [0, 2],
    }


def test_a_sample_of_captions_is_drawn_by_the_seed() -> None:
    captions = [str(number) for number in range(100)]
    drawn = draw_sample(captions, 10, 0, "real")
    assert len(set(drawn)) == 10
    assert drawn == draw_sample(captions, 10, 0, "real") != draw_sample(captions, 10, 1, "real")
    assert drawn != captions[:10]
    assert draw_sample(captions[:4], 10, 0, "real") == captions[:4]
