"""What users can set wrongly is told before any work begins."""

from __future__ import annotations

import pytest

from pairsmith.errors import InputError
from pairsmith.recipes.place import Place
from pairsmith.recipes.polygen.arms import baseline_arm, make_arms
from pairsmith.recipes.polygen.makers import check_generators, open_generator, train_generators, training_settings
from pairsmith.recipes.polygen.presets import PRESETS, load_preset
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.polygen.suite import check_tests
from pairsmith.recipes.reporter import Silent
from pairsmith.settings import load_settings
from pairsmith.stages.generator_kinds import generator_kind
from tests.recipes.polygen.tiny import GENERATORS, small_settings


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("arms=[single, single]", "none twice"),
        ("baseline=diffusion", "no generator 'diffusion'"),
        ("clip.views=2", "follow from the arm"),
        ("clip.training.batch_size=7", "no whole number of captions"),
        ("writer.kind=transformers", "not about scenes"),
        ("writer.kind=server", "base_url"),
        ("tokenizer=folder", "belong together"),
        ("generators=[{name: a, kind: flow}, {name: a, kind: masked}]", "same name"),
        ("generators=[{name: A}]", "generators.0.name"),
    ],
)
def test_settings_that_do_not_fit(override, words):
    with pytest.raises(InputError, match=words):
        small_settings(override)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "x", "kind": "gan"}, r"generators.0 \(x\): generator kind 'gan'"),
        ({"name": "x", "kind": "diffusers"}, "come trained"),
        ({"name": "x", "sampling": {"step": 1}}, "unknown setting 'step'"),
        ({"name": "x", "preset": "huge"}, "preset 'huge'"),
        ({"name": "x", "training": {"training": {"stepz": 1}}}, "stepz"),
        ({"name": "x", "tokenizer": "/no/such/folder"}, r"generators.0 \(x\): .*/no/such/folder"),
        ({"name": "x", "kind": "scenes", "tokenizer": "any"}, "draw no tokens: leave its tokenizer out"),
        ({"name": "x", "kind": "scenes", "sampling": {"wrongly": 1}}, "unknown setting 'wrongly'"),
    ],
)
def test_generators_are_checked_first(entry, words):
    base = {**small_settings().to_dict(), "generators": [entry]}
    with pytest.raises(InputError, match=words):
        check_generators(load_settings(PolygenSettings, base))


def test_drawings_of_scenes_need_no_source_and_are_of_the_runs_world(tmp_path, monkeypatch):
    base = {**small_settings("world.classes=[star, ring]").to_dict(), "generators": [{"name": "x", "kind": "scenes"}]}
    settings = load_settings(PolygenSettings, base)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenes").mkdir()  # a folder of that name changes nothing
    check_generators(settings)
    renderer = open_generator(settings.generators[0], settings, tmp_path, None, "cpu")
    assert renderer.identity().sampling["world"]["classes"] == ["star", "ring"]
    assert renderer.name == "x"
    assert train_generators(settings, tmp_path, Place(), False, 1, Silent()) is None


def test_tests_in_folders_need_their_folders(tmp_path):
    with pytest.raises(InputError, match=r"tests\.transfer"):
        check_tests(load_preset("paper").tests)
    there = f"tests.transfer=[{tmp_path}]"
    with pytest.raises(InputError, match=r"tests\.zero_shot"):
        check_tests(load_preset("paper", overrides=[there]).tests)


def test_presets_are_whole():
    for settings in PRESETS.values():
        check_generators(settings.with_seeds())
    paper = make_arms(PRESETS["paper"])
    assert [arm.name for arm in paper if arm.views == 1] == [
        f"single_{name}" for name in ("sd_1_5", "sd_2_1", "pixart_alpha", "sdxl_turbo")
    ]
    assert all(arm.views == 4 for arm in paper if not arm.name.startswith("single"))
    assert all(arm.clip(PRESETS["paper"]).views == arm.views for arm in paper)
    assert all(arm.clip(PRESETS["tiny"]).views == 1 for arm in make_arms(PRESETS["tiny"]))
    training = PRESETS["paper"].clip.training
    assert (training.batch_size, training.learning_rate, training.weight_decay) == (4096, 5e-4, 0.5)
    with pytest.raises(InputError, match="tiny, small, paper"):
        load_preset("huge")


def test_arms_take_loss_and_curriculum_from_their_name():
    settings = small_settings(
        "arms=[single, repeated, mixed, ensemble, negclip, negatives, negatives_constant, negatives_step]"
    )
    arms = {arm.name: arm for arm in make_arms(settings)}
    assert list(arms)[:5] == ["single_masked", "single_flow", "repeated_masked", "repeated_flow", "mixed"]
    assert {name: arm.clip(settings).loss.negatives for name, arm in arms.items()} == {
        **dict.fromkeys(list(arms)[:5], "none"),
        "ensemble": "none",
        "negclip": "texts",
        **dict.fromkeys(("negatives", "negatives_constant", "negatives_step"), "images"),
    }
    shapes = [arms[name].clip(settings).curriculum.shape for name in list(arms)[-4:]]
    assert shapes == ["constant", "linear", "constant", "step"]
    assert arms["repeated_flow"].allocation(settings).weights == {"flow": 1.0}
    assert arms["repeated_flow"].views == arms["ensemble"].views
    assert arms["negatives"].clip(settings).views == len(GENERATORS)
    assert baseline_arm(settings) == "single_masked"


def test_a_generator_is_seeded_by_the_run_unless_it_has_a_seed_of_its_own():
    settings = load_preset("tiny", overrides=["seed=7"])
    seeds = {
        entry.name: training_settings(entry, generator_kind(entry.kind), settings).training.seed
        for entry in settings.generators
    }
    # The flow generator is the one that ships, which another seed would not be.
    assert seeds == {"masked": 7, "flow": 0, "autoregressive": 7}


def test_all_arms_take_equal_steps_however_many_pictures_of_a_caption_a_batch_shows():
    every = "arms=[single, repeated, mixed, ensemble, negclip, negatives, negatives_constant, negatives_step]"
    for views in ("batch_views=null", "batch_views=1"):
        settings = small_settings(every, views, "budget=26")  # 26 pictures in batches of 8: four steps an epoch
        found = {arm.name: arm.clip(settings) for arm in make_arms(settings)}
        steps = {one.resolved(10**6).steps for one in found.values()}
        assert steps == {settings.clip.epochs * 4}
    assert found["ensemble"].views == 1
    assert found["negatives"].curriculum.epochs == 2 * settings.clip.curriculum.epochs
    assert found["negatives_step"].curriculum.epochs == settings.clip.curriculum.epochs
