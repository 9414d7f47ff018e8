"""Tokenizing and rendering, with untrained models of a few thousand weights."""

from __future__ import annotations

import json
import shutil

from pairsmith.generators.text import TextEncoder
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.recipes.synth2.models import load_language_model
from tests.cli.other_models import save_other_lm
from tests.cli.test_errors import only_sentence
from tests.generators.diffusers import tiny_pipelines


def test_tokenize(pairsmith, models, pairs, tmp_path):
    out = tmp_path / "tokens"
    result = pairsmith("tokenize", pairs, "--tokenizer", models / "tokenizer", "--out", out)
    assert result.stdout == f"{out}: 3 rows ok, 4 tokens each\n"
    store = PairStore(out)
    assert store.column_matrix("tokens").shape == (3, 4)
    assert store.ids() == PairStore(pairs).ids()


def test_a_stage_without_one_usable_row_is_no_success(pairsmith, models, tmp_path):
    rows = [Pair(id=imported_id("x", str(i)), caption="a dog", image=b"no picture", generator="x") for i in range(3)]
    broken = PairStore.write(tmp_path / "broken", rows, settings={}).folder
    out = tmp_path / "tokens"
    result = pairsmith("tokenize", broken, "--tokenizer", models / "tokenizer", "--out", out)
    assert result.exit_code == 2
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert "none of its 3 rows can be used (3 failed)" in error
    assert "--retry-failed" in error
    assert PairStore(out).counts()["failed"] == 3


def test_render_and_measure(pairsmith, models, pairs, tmp_path):
    out = tmp_path / "drawn"
    models_given = (
        "--generator", models / "generator", "--tokenizer", models / "tokenizer", "--language-model", models / "lm",
    )  # fmt: skip
    result = pairsmith("render", pairs, *models_given, "--out", out, "--images", "--repeat", 2, "--set", "steps=2")
    assert result.stdout == f"{out}: 6 rows ok\n"
    store = PairStore(out)
    assert json.loads(store.pair(0).settings)["steps"] == 2
    assert store.pair(0).image is not None
    figures = tmp_path / "m.json"
    measured = pairsmith(
        "evaluate", "fid", "--real", pairs, "--generated", out, "--tokenizer", models / "tokenizer", "--out", figures
    )
    assert measured.exit_code == 0, measured.output
    assert set(json.loads(figures.read_text())) == {"fid", "cmmd", "kid", "kid_std"}
    assert "precision and recall are left out" in measured.stderr
    again = pairsmith("render", pairs, *models_given, "--out", out, "--images", "--repeat", 2, "--set", "steps=3")
    assert "steps" in only_sentence(again)


def test_a_pipeline_of_diffusers_renders_through_the_same_command(pairsmith, pairs, tmp_path):
    pipeline = tiny_pipelines.save(tmp_path / "sd3", tiny_pipelines.sd3)
    small = ("--set", "steps=2", "--set", "width=16", "--set", "height=16")
    shown = pairsmith("render", pairs, "--generator", pipeline, "--out", tmp_path / "x", "--dry-run", *small)
    assert "nsfw: fail" in shown.stdout  # the settings of its kind
    given = ("render", pairs, "--generator", pipeline, *small, "--repeat", 2)
    for name, more in (("told", ("--kind", "diffusers")), ("found", ("--batch-rows", 1, "--seed", 0))):
        result = pairsmith(*given, "--out", tmp_path / name, *more)
        assert result.exit_code == 0, result.output
        assert "6 rows ok" in result.stdout
    told, found = (list(PairStore(tmp_path / name).iter_pairs()) for name in ("told", "found"))
    assert told == found
    assert all(pair.generator == "diffusers" and pair.image is not None and pair.tokens is None for pair in told)
    assert pairsmith(*given, "--out", tmp_path / "named", "--name", "sd3").exit_code == 0
    named = list(PairStore(tmp_path / "named").iter_pairs())
    assert all(pair.generator == "sd3" for pair in named)
    assert not {pair.id for pair in named} & {pair.id for pair in told}  # pipelines of other names have other rows
    assert [pair.image for pair in named] == [pair.image for pair in told]
    wrong = pairsmith("render", pairs, "--generator", pipeline, "--out", tmp_path / "y", "--kind", "masked")
    assert "language-model" in only_sentence(wrong) or "--tokenizer" in only_sentence(wrong)


def test_the_generator_knows_which_hidden_states_it_reads(pairsmith, models, pairs, tmp_path):
    """The same weights with another text_layer in their folder draw from other features, with the same command."""
    config = json.loads((models / "generator" / "config.json").read_text())
    assert config["text_layer"] == -1
    shutil.copytree(models / "generator", tmp_path / "first-layer")
    (tmp_path / "first-layer" / "config.json").write_text(json.dumps({**config, "text_layer": 0}))
    recorded = {}
    for name, generator in (("last", models / "generator"), ("first", tmp_path / "first-layer")):
        result = pairsmith(
            "render", pairs, "--generator", generator, "--tokenizer", models / "tokenizer",
            "--language-model", models / "lm", "--out", tmp_path / name, "--set", "steps=2",
        )  # fmt: skip
        assert result.exit_code == 0
        recorded[name] = PairStore(tmp_path / name).manifest.settings["synthesis"]["text_layer"]
    assert recorded == {"last": -1, "first": 0}


def test_another_language_model_of_the_same_width_is_refused(pairsmith, models, pairs, tmp_path):
    lm, words = load_language_model(models / "lm")
    config = json.loads((models / "generator" / "config.json").read_text())
    shutil.copytree(models / "generator", tmp_path / "generator")
    known = {**config, "text_model": TextEncoder(lm, words).fingerprint()}
    (tmp_path / "generator" / "config.json").write_text(json.dumps(known))
    save_other_lm(models, tmp_path / "other-lm")

    def render(language_model):
        return pairsmith(
            "render", pairs, "--generator", tmp_path / "generator", "--tokenizer", models / "tokenizer",
            "--language-model", language_model, "--out", tmp_path / "out", "--set", "steps=2",
        )  # fmt: skip

    sentence = only_sentence(render(tmp_path / "other-lm"))
    assert str(tmp_path / "other-lm") in sentence
    assert "give the one that it was trained with" in sentence
    assert render(models / "lm").exit_code == 0


def test_models_that_do_not_belong_together_are_refused(pairsmith, models, pairs, tmp_path):
    result = pairsmith(
        "render", pairs, "--generator", models / "other-grid", "--tokenizer", models / "tokenizer",
        "--language-model", models / "lm", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "grid 4" in only_sentence(result)
    assert not (tmp_path / "out").exists()
