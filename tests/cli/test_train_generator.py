"""Training a generator or a larger decoder, and drawing with what was trained."""

from __future__ import annotations

import json

import pytest

from pairsmith.pairs import PairStore
from pairsmith.tokenizer import VQTokenizer
from tests.cli.other_models import save_other_lm
from tests.cli.test_errors import only_sentence


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
