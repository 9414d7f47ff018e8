"""Trains small VLMs over real ranks, their synthetic images made or decoded in the step; writes what came out as JSON.

Run as `torchrun --nproc-per-node N -m tests.training.tasks.run_vlm_ranks FOLDER`; test_vlm.py compares the numbers of
two processes with those of one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from pairsmith.generators.text import TextEncoder
from pairsmith.training import Ranks, TrainingSettings, load_weights, read_ranks, train
from pairsmith.training.synthesis import Synthesizer
from pairsmith.training.tasks.vlm import VLMTask
from pairsmith.vlm.config import AdapterConfig, GatedAttentionConfig, ResamplerConfig, VLMConfig
from pairsmith.vlm.model import VisionLanguageModel
from tests.captions.tiny import tiny_llama, tiny_tokenizer
from tests.stages.models import CAPTIONS, make_synthesizer, make_tokenizer
from tests.training.ranks import run_all

SCENARIOS = [f"{images}-{parallel}" for images in ("pixels", "online") for parallel in ("ddp", "fsdp2")]
CONFIG = VLMConfig(
    codebook_size=32,
    code_dim=8,
    grid=4,
    adapter=AdapterConfig(layers=1, heads=2, width=16, mlp_width=32),
    resampler=ResamplerConfig(layers=1, heads=2, width=16, latents=4, mlp_width=32),
    gated=GatedAttentionConfig(heads=2, head_width=8),
)
ROWS = 4  # of each kind in a global batch


class PairFeed:
    """Real and synthetic rows that are a pure function of (step, row); rank r of w has the r-th share of each."""

    def __init__(self, ranks: Ranks) -> None:
        self.rank, self.world = ranks.rank, ranks.world

    def batch(self, step: int) -> tuple[dict[str, Any], dict[str, Any]]:
        share = ROWS // self.world
        return self._side(step, 0, share), self._side(step, 1, share)

    def _side(self, step: int, kind: int, share: int) -> dict[str, Any]:
        rows = [
            (step * 7 + kind * 3 + row) % len(CAPTIONS) for row in range(self.rank * share, (self.rank + 1) * share)
        ]
        tokens = torch.stack(
            [torch.randint(0, 32, (16,), generator=torch.Generator().manual_seed(row)) for row in rows]
        )
        names = [CAPTIONS[row] for row in rows]
        return {"caption": names, "tokens": tokens, "group": names, "epoch": [step] * share}


def make_task(images: str) -> VLMTask:
    """A VLM whose language model is the synthesizer's text encoder as well, as in the recipe."""
    hf_tokenizer, tokenizer = tiny_tokenizer(), make_tokenizer()
    lm = tiny_llama(len(hf_tokenizer))
    model = VisionLanguageModel(CONFIG, lm, tokenizer.codebook, tokenizer)
    synthesizer = None
    if images == "online":
        made = make_synthesizer()
        synthesizer = Synthesizer(made.generator, TextEncoder(lm, hf_tokenizer, max_length=8), made.sampling, 0)
    return VLMTask(model, hf_tokenizer, 16, synthesizer, synthetic_pixels=images == "pixels")


def run(name: str, out: Path) -> dict[str, Any]:
    """One scenario: loss curve and final weights."""
    images, parallel = name.split("-")
    settings = TrainingSettings(
        steps=2,
        batch_size=2 * ROWS,
        learning_rate=1e-3,
        log_every=1,
        device="cpu",
        parallel=parallel,
        tensorboard=False,
    )
    task = make_task(images)
    result = train(task, PairFeed(read_ranks()), settings, out)
    fresh = make_task(images)
    load_weights(out, fresh.modules)
    trained = [item.parameter for item in fresh.parameters("main")]
    kinds = {type(parameter).__name__ for parameter in task.model.parameters()}
    return {
        "losses": [[line["loss"], line["real"], line["synthetic"]] for line in result.history],
        "weights": [parameter.flatten().tolist() for parameter in trained],
        "kinds": sorted(kinds),
    }


if __name__ == "__main__":
    run_all(SCENARIOS, run, Path(sys.argv[1]))
