"""The stages that need models, with untrained ones of a few thousand weights."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from pairsmith.generators import GeneratorConfig, MaskedGenerator
from pairsmith.generators.text import TextEncoder
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.recipes.synth2.models import load_language_model, word_tokenizer
from pairsmith.tokenizer import TokenizerConfig, VQTokenizer
from tests.cli.test_errors import only_sentence
from tests.generators.diffusers import tiny_pipelines
from tests.pairs.importers.samples import picture
from tests.pairs.rows import folder_bytes

CAPTIONS = ["a red circle", "two blue squares", "a star"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of a tokenizer (32 pixels, 4 tokens), a generator and a language model that fit together."""
    folder = tmp_path_factory.mktemp("models")
    sizes = TokenizerConfig(
        image_size=32, channels=8, multipliers=(1, 1, 1, 1, 1), blocks=1, norm_groups=4, code_dim=8, codebook_size=16
    )
    VQTokenizer(sizes).eval().save_pretrained(folder / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GeneratorConfig(
            layers=1, heads=2, width=16, mlp_width=16, codebook_size=16, grid=2, text_dim=16, max_text=8
        )
        MaskedGenerator(config).save_pretrained(folder / "generator")
        MaskedGenerator(config.model_copy(update={"grid": 4})).save_pretrained(folder / "other-grid")
        words = word_tokenizer(CAPTIONS)
        lm = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
                max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2,
            )
        )  # fmt: skip
        lm.save_pretrained(folder / "lm")
        words.save_pretrained(folder / "lm")
    return folder


@pytest.fixture
def pairs(tmp_path):
    """Three captions with pictures."""
    rows = [
        Pair(id=imported_id("x", str(i)), caption=caption, image=picture(i), generator="x")
        for i, caption in enumerate(CAPTIONS)
    ]
    return PairStore.write(tmp_path / "pairs", rows, settings={"test": 1}).folder


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


def test_a_larger_decoder_draws_the_same_tokens(pairsmith, models, pairs, tmp_path):
    out = tmp_path / "sharper"
    arguments = ("finetune-decoder", pairs, "--tokenizer", models / "tokenizer", "--out", out, "--set", "channels=8")
    quick = ("--set", "blocks=1", "--set", "training.steps=2", "--set", "training.batch_size=2")
    result = pairsmith(*arguments, *quick, "--set", "training.tensorboard=false")
    assert result.stdout == f"{out}: decoder of 8 channels and 1 block at each resolution, same tokens\n"
    found = []
    for tokenizer in (models / "tokenizer", out):
        tokens = tmp_path / f"tokens-{len(found)}"
        assert pairsmith("tokenize", pairs, "--tokenizer", tokenizer, "--out", tokens).exit_code == 0
        found.append(PairStore(tokens).column_matrix("tokens"))
    assert (found[0] == found[1]).all()
    dry = pairsmith("finetune-decoder", pairs, "--tokenizer", "x", "--out", "y", "--dry-run").stdout
    assert "channels: 256\nblocks: 4\n" in dry


def save_other_lm(models, folder):
    """A language model of the same width with other weights."""
    shutil.copytree(models / "lm", folder)
    lm, _ = load_language_model(folder)
    lm.base_model.layers[0].mlp.up_proj.weight.data.mul_(2)
    lm.save_pretrained(folder)
    return folder


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


@pytest.mark.parametrize("kind", ["masked", "flow", "autoregressive"])
def test_a_generator_is_trained_and_renders(pairsmith, models, pairs, tmp_path, kind):
    partners = ("--tokenizer", models / "tokenizer", "--language-model", models / "lm")
    tokens = tmp_path / "tokens"
    assert pairsmith("tokenize", pairs, "--tokenizer", models / "tokenizer", "--out", tokens).exit_code == 0
    sizes = {"layers": 1, "heads": 2, "width": 16, "mlp_width": 16, "text_layers": 1, "max_text": 8}
    small = [f"generator.{name}={value}" for name, value in sizes.items()]
    small += ["training.steps=2", "training.batch_size=2", "training.tensorboard=false"]
    given = [
        "train",
        "generator",
        tokens,
        *partners,
        "--kind",
        kind,
        *(word for item in small for word in ("--set", item)),
    ]
    made = pairsmith(*given, "--out", tmp_path / "made")
    assert made.exit_code == 0, made.output
    weights = (tmp_path / "made" / "model.safetensors").read_bytes()
    again = pairsmith(*given, "--out", tmp_path / "made")  # finished: nothing is trained anew
    assert again.stdout == made.stdout
    assert (tmp_path / "made" / "model.safetensors").read_bytes() == weights
    config = json.loads((tmp_path / "made" / "config.json").read_text())
    assert (config["grid"], config["codebook_size"], config["code_dim"], config["text_layer"]) == (2, 16, 8, 1)
    rendered = pairsmith(
        "render", pairs, "--generator", tmp_path / "made", *partners, "--images", "--out", tmp_path / "drawn",
        "--set", "guidance=2",
    )  # fmt: skip
    assert rendered.exit_code == 0, rendered.output
    drawn = list(PairStore(tmp_path / "drawn").iter_pairs())
    assert [pair.generator for pair in drawn] == [kind] * 3
    assert all(pair.image is not None and pair.tokens is not None for pair in drawn)
    refused = pairsmith(*given, "--out", tmp_path / "made", "--set", "training.learning_rate=0.5")
    assert "learning_rate" in only_sentence(refused)
    refused = pairsmith(
        "render", pairs, "--generator", tmp_path / "made", "--tokenizer", models / "tokenizer",
        "--language-model", save_other_lm(models, tmp_path / "other-lm"), "--out", tmp_path / "x",
        "--set", "guidance=2",
    )  # fmt: skip
    assert "give the one that it was trained with" in only_sentence(refused)


def test_training_a_generator_needs_tokens_of_the_tokenizer(pairsmith, models, pairs, tmp_path):
    rest = ("--language-model", models / "lm", "--out", tmp_path / "made", "--set", "generator.max_text=8")
    without = pairsmith("train", "generator", pairs, "--tokenizer", models / "tokenizer", *rest)
    assert "pairsmith tokenize first" in only_sentence(without)
    tokens = tmp_path / "tokens"
    assert pairsmith("tokenize", pairs, "--tokenizer", models / "tokenizer", "--out", tokens).exit_code == 0
    tokenizer = VQTokenizer.from_pretrained(models / "tokenizer")
    VQTokenizer(tokenizer.config.model_copy(update={"seed": 9})).save_pretrained(tmp_path / "other")
    other = pairsmith("train", "generator", tokens, "--tokenizer", tmp_path / "other", *rest)
    assert "give the one that made them" in only_sentence(other)
    assert "come trained" in only_sentence(
        pairsmith("train", "generator", tokens, "--tokenizer", "x", *rest, "--kind", "diffusers")
    )
    assert not (tmp_path / "made").exists()


def test_models_that_do_not_belong_together_are_refused(pairsmith, models, pairs, tmp_path):
    result = pairsmith(
        "render", pairs, "--generator", models / "other-grid", "--tokenizer", models / "tokenizer",
        "--language-model", models / "lm", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "grid 4" in only_sentence(result)
    assert not (tmp_path / "out").exists()


def test_captions_by_a_free_writer(pairsmith, models, tmp_path):
    writer = ("captions", "--writer", models / "lm", "--free", "--set", "captions.attempts=1")
    short = ("--set", "free.sampling.max_new_tokens=8", "--set", "free.sampling.block_rows=4")
    shown = pairsmith(*writer, *short, "--preview", 3)
    assert shown.exit_code == 0
    assert len(shown.stdout.splitlines()) == 3
    out = tmp_path / "captions"
    assert pairsmith(*writer, *short, "--count", 5, "--out", out).exit_code == 0
    assert sum(PairStore(out).counts().values()) == 5
    rows = [row.caption for row in PairStore(out).iter_pairs(status=None)]
    assert all(text in shown.stdout for text in rows[:3])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--writer", "http://127.0.0.1:9/v1", "--preview", "1"), "name its model with --model"),
        (("--writer", "smollm2", "--model", "x", "--preview", "1"), "for servers"),
        (("--writer", "no/such/folder", "--concepts", "no-such.txt", "--preview", "1"), "no-such.txt"),
        ((), "--out FOLDER"),
        (("--set", "captions.prompt.max_word=3"), "captions.prompt.max_words"),
    ],
)
def test_bad_options_of_captions(pairsmith, arguments, words):
    assert words in only_sentence(pairsmith("captions", *arguments))


def test_workers_and_ranks_render_the_bytes_of_one_process(pairsmith, models, pairs, tmp_path):
    given = [
        *("render", pairs, "--generator", models / "generator", "--tokenizer", models / "tokenizer"),
        *("--language-model", models / "lm", "--set", "steps=2", "--shard-rows", 1),
    ]
    assert pairsmith(*given, "--out", tmp_path / "alone").stdout == f"{tmp_path / 'alone'}: 3 rows ok\n"
    whole = folder_bytes(tmp_path / "alone")
    result = pairsmith(*given, "--out", tmp_path / "two", "--workers", 2)
    assert result.stdout == f"{tmp_path / 'two'}: 3 rows ok\n", result.output
    assert folder_bytes(tmp_path / "two") == whole
    ranks = tmp_path / "ranks"
    result = pairsmith(*given, "--out", ranks, "--rank", 0, "--world", 2)
    assert result.stdout == f"{ranks}: 2 of 3 shards are made; the rank that ends last completes the store\n"
    result = pairsmith(*given, "--out", ranks, "--rank", 1, "--world", 2)
    assert result.stdout == f"{ranks}: 3 rows ok\n"
    assert folder_bytes(ranks) == whole
    for options, words in (
        (("--rank", 2, "--world", 2), "ranks go from 0"),
        (("--max-failures", "x"), "number of rows"),
    ):
        result = pairsmith(*given, "--out", tmp_path / "bad", *options)
        assert result.exit_code == 2
        assert words in only_sentence(result)


def test_failed_rows_are_shown_and_made_again(pairsmith, models, tmp_path):
    rows = [
        Pair(id=imported_id("x", str(i)), caption="a dog", image=b"no picture" if i == 1 else picture(i), generator="x")
        for i in range(3)
    ]
    broken = PairStore.write(tmp_path / "broken", rows, settings={}).folder
    given = ["tokenize", broken, "--tokenizer", models / "tokenizer", "--out", tmp_path / "out"]
    stopped = pairsmith(*given, "--max-failures", 0)
    assert stopped.exit_code == 2
    assert "1 of 3 rows have failed, and 0 may: " in only_sentence(stopped)
    assert pairsmith(*given, "--max-failures", "34%").exit_code == 0
    result = pairsmith(*given, "--retry-failed")
    assert "1 failed row to make again" in result.stderr
    assert "not an image" in result.stderr
    assert result.stdout == f"{tmp_path / 'out'}: 2 rows ok, 1 failed, 4 tokens each\n"
