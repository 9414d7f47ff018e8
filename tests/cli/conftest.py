"""What tests of commands share: a runner, and small models that fit together."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from typer.testing import CliRunner, Result

from pairsmith.cli import app
from pairsmith.generators import GeneratorConfig, MaskedGenerator
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.recipes.synth2.models import word_tokenizer
from pairsmith.tokenizer import TokenizerConfig, VQTokenizer
from tests.pairs.importers.samples import picture

Pairsmith = Callable[..., Result]
CAPTIONS = ["a red circle", "two blue squares", "a star"]


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, whatever commands would choose; and nobody cuts the power, so nothing waits for the disk."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def pairsmith() -> Pairsmith:
    """Runs a command; anything but an exit code is an error of the test."""

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
def pairs(tmp_path: Path) -> Path:
    """Three captions with pictures."""
    rows = [
        Pair(id=imported_id("x", str(i)), caption=caption, image=picture(i), generator="x")
        for i, caption in enumerate(CAPTIONS)
    ]
    return PairStore.write(tmp_path / "pairs", rows, settings={"test": 1}).folder
