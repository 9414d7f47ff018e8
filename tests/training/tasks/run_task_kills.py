"""Trains every real task straight through and again with a kill, each in a process of its own.

Run as `python -m tests.training.tasks.run_task_kills FOLDER`; test_resume.py reads what is left in FOLDER. All runs
accumulate, keep a moving average and draw dropout, and all are killed in the middle of an epoch of their data.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo  # every optimiser imports it, which takes seconds: once here, not in every child
from transformers import LlamaForCausalLM  # noqa: F401, likewise

from pairsmith.generators.autoregressive import AutoregressiveSettings
from pairsmith.generators.flow import FlowSettings
from pairsmith.generators.masking import MaskingSettings
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.feed import Feed, MixedFeed, PairSource
from pairsmith.recipes.synth2.arms import CaptionSource
from pairsmith.recipes.synth2.pixels import PixelSource
from pairsmith.tokenizer.config import DiscriminatorConfig, TokenizerLossConfig
from pairsmith.tokenizer.discriminator import PatchDiscriminator
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.tokenizer.perceptual import PerceptualLoss, RandomConvPyramid
from pairsmith.training import Task, TrainingSettings, train
from pairsmith.training.tasks.autoregressive import AutoregressiveTask
from pairsmith.training.tasks.flow import FlowTask
from pairsmith.training.tasks.generator import GeneratorTask
from pairsmith.training.tasks.language_model import LanguageModelTask
from pairsmith.training.tasks.tokenizer import TokenizerTask
from pairsmith.training.tasks.vlm import VLMTask
from pairsmith.vlm.model import VisionLanguageModel
from tests.captions.tiny import tiny_llama, tiny_tokenizer
from tests.generators.autoregressive.models import CONFIG as AUTOREGRESSIVE
from tests.generators.autoregressive.models import make_autoregressive
from tests.generators.flow.models import CONFIG as FLOW
from tests.generators.flow.models import make_flow
from tests.pairs.importers.samples import picture
from tests.stages.models import CAPTIONS, make_synthesizer, make_tokenizer
from tests.training.kills import die, forked, outcome
from tests.training.tasks.test_vlm import CONFIG

SETTINGS = TrainingSettings(
    steps=9,
    batch_size=4,
    micro_batch=2,
    learning_rate=1e-2,
    warmup_steps=2,
    decay="cosine",
    ema=0.9,
    log_every=2,
    checkpoint_every=3,
    device="cpu",
)
KILLED_AT = 7  # one step after the checkpoint of step 6
ROWS = 11  # no multiple of a batch, so that epochs end inside of batches
CAPTION_ROWS = 5  # of synthetic captions: step 7 is in their third epoch


def store(folder: Path, count: int) -> PairStore:
    """Captions with tokens and pictures; made once, opened by later processes."""
    draw = np.random.default_rng(count)
    pairs = [
        Pair(
            id=imported_id("test", str(number)),
            caption=CAPTIONS[number],
            group=f"group {number}",
            tokens=draw.integers(0, 32, 16).astype(np.uint16),
            image=picture(number, (16, 16), "PNG"),
        )
        for number in range(count)
    ]
    return PairStore.write(folder, pairs, settings={"count": count}, num_tokens=16)


def vlm(data: Path) -> tuple[Task, Any]:
    """Half real, half synthetic pairs whose pictures are drawn in the step."""
    hf_tokenizer, tokenizer = tiny_tokenizer(), make_tokenizer()
    config = CONFIG.model_copy(update={"dropout": 0.2})
    model = VisionLanguageModel(config, tiny_llama(len(hf_tokenizer)), tokenizer.codebook, tokenizer)
    real = Feed(PairSource(store(data / "real", ROWS), ["caption", "tokens"]), SETTINGS.batch_size, 1)
    synthetic = Feed(CaptionSource(store(data / "captions", CAPTION_ROWS)), SETTINGS.batch_size, 2)
    return VLMTask(model, hf_tokenizer, 16, make_synthesizer()), MixedFeed(real, synthetic, 0.5)


def generator(data: Path) -> tuple[Task, Any]:
    """With text features that are kept in memory, which a new process has to make again."""
    synthesizer = make_synthesizer()
    model, encoder = synthesizer.generator, synthesizer.text_encoder
    feed = Feed(PairSource(store(data / "real", ROWS), ["caption", "tokens"]), SETTINGS.batch_size, 1)
    return GeneratorTask(model, encoder, MaskingSettings(caption_dropout=0.5), cached_captions=ROWS), feed


def flow(data: Path) -> tuple[Task, Any]:
    """Whose noise levels, noise and dropped captions all come from the step's generator."""
    encoder = make_synthesizer().text_encoder
    sizes = {"text_dim": encoder.dim, "max_text": encoder.max_length, "codebook_size": 32}
    model = make_flow(FLOW.model_copy(update=sizes), noisy=False)
    feed = Feed(PairSource(store(data / "real", ROWS), ["caption", "tokens"]), SETTINGS.batch_size, 1)
    return FlowTask(model, encoder, FlowSettings(caption_dropout=0.5), cached_captions=ROWS), feed


def autoregressive(data: Path) -> tuple[Task, Any]:
    """With dropout, and dropped captions, which come from the step's generator."""
    encoder = make_synthesizer().text_encoder
    sizes = {"text_dim": encoder.dim, "max_text": encoder.max_length, "codebook_size": 32, "dropout": 0.2}
    model = make_autoregressive(AUTOREGRESSIVE.model_copy(update=sizes), noisy=False)
    feed = Feed(PairSource(store(data / "real", ROWS), ["caption", "tokens"]), SETTINGS.batch_size, 1)
    return AutoregressiveTask(model, encoder, AutoregressiveSettings(caption_dropout=0.5), cached_captions=ROWS), feed


def tokenizer(data: Path) -> tuple[Task, Any]:
    """With running codes that are first placed at step 2 and restart, an adversary and a perceptual term."""
    config = make_tokenizer().config.model_copy(update={"restart_threshold": 0.5})
    losses = TokenizerLossConfig(
        perceptual="random-pyramid",
        adversarial_weight=0.1,
        discriminator_start=1,
        adversarial_start=2,
        adversarial_warmup=4,
        r1_weight=1.0,
    )
    judge = PatchDiscriminator(DiscriminatorConfig(channels=8, levels=2, norm_groups=4))
    perceptual = PerceptualLoss(RandomConvPyramid(4, 2))
    task = TokenizerTask(VQTokenizer(config), losses, judge, perceptual, discriminator_rate=0.5, autoencoder_steps=2)
    return task, Feed(PixelSource(store(data / "real", ROWS), 16, data / "pixels.u8"), SETTINGS.batch_size, 1)


def language_model(data: Path) -> tuple[Task, Any]:
    """A Llama on captions alone."""
    hf_tokenizer = tiny_tokenizer()
    feed = Feed(PairSource(store(data / "real", ROWS), ["caption"]), SETTINGS.batch_size, 1)
    return LanguageModelTask(tiny_llama(len(hf_tokenizer)).requires_grad_(True), hf_tokenizer, 16), feed


TASKS: dict[str, Callable[[Path], tuple[Task, Any]]] = {
    "vlm": vlm,
    "generator": generator,
    "flow": flow,
    "autoregressive": autoregressive,
    "tokenizer": tokenizer,
    "language-model": language_model,
}


def run(name: str, folder: Path, out: Path, killed: bool) -> None:
    """Train in this process; `killed`: until the second micro-batch of the last phase of step `KILLED_AT`."""
    task, feed = TASKS[name](folder / "data")
    loss, calls = task.loss, [0]

    def fatal(batch: Any, phase: str, step: int, source: torch.Generator) -> Any:
        if (phase, step) == (task.phases[-1], KILLED_AT):
            calls[0] += 1
            if calls[0] == 2:
                die()
        return loss(batch, phase, step, source)

    if killed:
        task.loss = fatal  # type: ignore[method-assign]
    train(task, feed, SETTINGS, out)


def main(folder: Path) -> None:
    """All tasks; each leaves NAME/straight, NAME/killed and the outcomes of its processes."""
    for name in TASKS:
        out = folder / name
        plans = (("straight", False), ("killed", True), ("killed", False))
        outcomes = [
            outcome(forked(lambda name=name, out=out / where, killed=killed: run(name, folder, out, killed)))
            for where, killed in plans
        ]
        (out / "outcomes.txt").write_text(" ".join(map(str, outcomes)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
