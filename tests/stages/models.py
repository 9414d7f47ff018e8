"""Random tiny models and a caption store for the stages' tests, importable by processes that are to be killed."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from pairsmith.generators.autoregressive import AutoregressiveSamplingSettings
from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.model import MaskedGenerator
from pairsmith.generators.sampling import SamplingSettings
from pairsmith.generators.text import TextEncoder
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.atomic import CRASH_VARIABLE
from pairsmith.stages.render import render_captions
from pairsmith.stages.token_renderer import TokenRenderer
from pairsmith.tokenizer.config import TokenizerConfig
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.synthesis import Synthesizer
from tests.captions.tiny import tiny_llama, tiny_tokenizer
from tests.generators.autoregressive.models import CONFIG, make_autoregressive

CAPTIONS = [
    f"a {size} {colour} {thing}"
    for size in ("big", "small")
    for colour in ("red", "blue")
    for thing in ("dog", "cat", "car", "tree", "house")
]


def make_tokenizer() -> VQTokenizer:
    config = TokenizerConfig(
        image_size=16, channels=8, multipliers=(1, 1, 1), blocks=1, norm_groups=4, code_dim=8, codebook_size=32
    )
    return VQTokenizer(config).eval()


def make_synthesizer(seed: int = 0) -> Synthesizer:
    hf_tokenizer = tiny_tokenizer()
    encoder = TextEncoder(tiny_llama(len(hf_tokenizer)), hf_tokenizer, max_length=8)
    config = GeneratorConfig(
        layers=1, heads=2, width=16, mlp_width=32, codebook_size=32, grid=4, text_dim=encoder.dim, max_text=8
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        generator = MaskedGenerator(config).eval()
    return Synthesizer(generator, encoder, SamplingSettings(steps=4, block_rows=8), seed)


def make_autoregressive_synthesizer(seed: int = 0) -> Synthesizer:
    encoder = make_synthesizer().text_encoder
    sizes = {"codebook_size": 32, "text_dim": encoder.dim, "max_text": encoder.max_length}
    generator = make_autoregressive(CONFIG.model_copy(update=sizes))
    return Synthesizer(generator, encoder, AutoregressiveSamplingSettings(guidance=2.0, block_rows=8), seed)


MAKERS = {"masked": make_synthesizer, "autoregressive": make_autoregressive_synthesizer}


def make_captions(folder: Path) -> PairStore:
    pairs = [Pair(id=imported_id("test", text), caption=text) for text in CAPTIONS]
    return PairStore.write(folder, pairs, settings={"captions": "test"})


def render(captions: Path, out: Path, images: bool = False, kind: str = "masked", **options) -> PairStore:
    torch.set_num_threads(1)
    renderer = TokenRenderer(MAKERS[kind](), make_tokenizer(), images=images, name=kind)
    return render_captions(PairStore(captions), renderer, out, **{"shard_rows": 8, **options})


def render_until_crash(captions: Path, out: Path, crash_at: str, kind: str = "masked") -> None:
    os.environ[CRASH_VARIABLE] = crash_at
    render(captions, out, images=True, kind=kind)
