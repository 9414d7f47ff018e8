"""The VLMs to compare: Baseline (real pairs), Synth² (real + synthetic) and Gold (real + true pictures of captions).

All arms take equal steps of equal batches from the same seeds; only what the synthetic part of a batch holds differs.
The pixel arm is Synth² with every synthetic image decoded to pixels and encoded again (paper Table 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pairsmith.errors import InputError
from pairsmith.evaluation import CaptionScores, caption_scores
from pairsmith.execution import run_stage
from pairsmith.pairs import Pair, PairStore, pair_id
from pairsmith.pairs.feed import Feed, MixedFeed, PairSource, Source
from pairsmith.recipes.synth2.models import new_vlm
from pairsmith.recipes.synth2.settings import Arm, Synth2Settings
from pairsmith.scenes import World
from pairsmith.scenes.datasets import render_caption
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.logging import Progress
from pairsmith.training.loop import TrainResult, train
from pairsmith.training.synthesis import Synthesizer
from pairsmith.training.tasks.vlm import VLMTask
from pairsmith.vlm.generation import caption
from pairsmith.vlm.model import VisionLanguageModel

ARM_SEED_STRIDE = 1000  # so that consecutive seeds share neither orders nor dropout


@dataclass(frozen=True)
class Ingredients:
    """What VLMs are made of.

    Attributes:
        lm, hf_tokenizer: the frozen language model and its tokenizer.
        tokenizer: the frozen VQ-GAN.
        real: pairs with tokens.
        test: rows with tokens and references.
        synthetic: GenPair: written captions with the generator's tokens.
        gold: the same captions with the tokens of their true pictures; None with own pairs.
    """

    lm: Any
    hf_tokenizer: Any
    tokenizer: VQTokenizer
    real: PairStore
    test: PairStore
    synthetic: PairStore
    gold: PairStore | None


@dataclass(frozen=True)
class TrainedArm:
    """One trained VLM.

    Attributes:
        model: the VLM.
        result: of its training; `evaluations` is its learning curve.
        captions: of the test images, by row id.
    """

    model: VisionLanguageModel
    result: TrainResult
    captions: dict[str, str]


class EpochSource:
    """Another source's batches, with the epoch of every row: pictures made on the fly differ from epoch to epoch."""

    def __init__(self, source: Source[dict[str, Any]]) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, Any]:
        return {**self._source.collate(indices, epochs), "epoch": list(epochs)}


def render_truth(captions: PairStore, world: World, tokenizer: VQTokenizer, out: Path) -> PairStore:
    """Gold: every caption's true picture, as tokens; a caption that is no sentence about a scene becomes "failed"."""

    def make_rows(positions: Sequence[int]) -> list[Pair]:
        pairs = [captions.pair(position) for position in positions]
        pictures = np.stack([render_caption(pair.caption, world.settings) for pair in pairs])
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        tokens = tokenizer.encode(pixels).numpy().astype(np.uint16)
        return [replace(blank(at), tokens=row) for at, row in zip(positions, tokens, strict=True)]

    def blank(position: int) -> Pair:
        pair = captions.pair(position)
        key = pair_id(pair.caption, "scenes", "truth", world.settings.to_dict(), position)
        return replace(pair, id=key, group=pair.id, generator="scenes", settings="")

    return run_stage(
        out,
        len(captions),
        make_rows,
        settings={"stage": "truth", "world": world.settings.to_dict()},
        inputs={"captions": captions.fingerprint, "tokenizer": tokenizer.fingerprint()},
        num_tokens=tokenizer.config.num_tokens,
        tokenizer=tokenizer.fingerprint(),
        describe=blank,
    )


def feed_of(settings: Synth2Settings, arm: Arm, parts: Ingredients, seed: int, *, online: bool = False) -> MixedFeed:
    """The batches of an arm: of every batch `synthesis.fraction` is synthetic, nothing of Baseline's."""
    batch_size = settings.vlm_training.batch_size
    real = Feed(PairSource(parts.real, ["caption", "tokens"]), batch_size, seed)
    if arm == "baseline":
        return MixedFeed(real, real, 0.0)
    store = parts.gold if arm == "gold" else parts.synthetic
    if store is None:
        raise InputError("the gold arm needs true pictures of the captions, which only the built-in scenes have")
    columns = ["caption", "group"] if online else ["caption", "tokens"]
    source: Source = PairSource(store, columns)
    synthetic = Feed(EpochSource(source) if online else source, batch_size, seed + 1)
    return MixedFeed(real, synthetic, settings.synthesis.fraction)


def make_task(
    settings: Synth2Settings, arm: Arm, parts: Ingredients, seed: int, synthesizer: Synthesizer | None
) -> VLMTask:
    """A fresh VLM and its task; with a synthesizer the synthetic images are made in the step."""
    return VLMTask(
        new_vlm(settings, parts.lm, parts.tokenizer, seed),
        parts.hf_tokenizer,
        settings.language_model.max_text,
        synthesizer,
        synthetic_pixels=arm == "pixels",
    )


def train_arm(
    settings: Synth2Settings,
    arm: Arm,
    parts: Ingredients,
    seed: int,
    folder: Path,
    *,
    synthesizer: Synthesizer | None = None,
    progress: Progress | None = None,
) -> TrainedArm:
    """Train one VLM and let it caption the test images.

    Args:
        settings: the recipe.
        arm: which VLM.
        parts: what it is made of.
        seed: number of the repetition, from 0.
        folder: for its training run.
        synthesizer: makes the synthetic images in the step where the settings say "online".
        progress: shown the training.
    """
    own_seed = settings.seed + seed * ARM_SEED_STRIDE
    training = settings.vlm_training.model_copy(update={"seed": own_seed})
    online = synthesizer is not None and arm in ("synthetic", "pixels")
    task = make_task(settings, arm, parts, own_seed, synthesizer if online else None)

    def evaluate(step: int) -> dict[str, float]:
        return {"cider": score(write_test_captions(settings, task.model, parts), parts.test)["cider_d"].value}

    result = train(
        task,
        feed_of(settings, arm, parts, own_seed, online=online),
        training,
        folder,
        evaluate=evaluate,
        evaluate_every=settings.evaluation.every,
        progress=progress,
        inputs={name: store.fingerprint for name, store in stores(parts).items()},
    )
    return TrainedArm(task.model, result, write_test_captions(settings, task.model, parts))


def stores(parts: Ingredients) -> dict[str, PairStore]:
    """The stores behind the ingredients, by name."""
    found = {"real": parts.real, "test": parts.test, "synthetic": parts.synthetic, "gold": parts.gold}
    return {name: store for name, store in found.items() if store is not None}


def write_test_captions(settings: Synth2Settings, model: VisionLanguageModel, parts: Ingredients) -> dict[str, str]:
    """Captions of all test images, by row id, from their tokens."""
    tokens = torch.from_numpy(parts.test.column_matrix("tokens").astype(np.int64)).to(model.device)
    texts: list[str] = []
    for start in range(0, len(tokens), settings.evaluation.batch_rows):
        rows = tokens[start : start + settings.evaluation.batch_rows]
        texts += caption(model, parts.hf_tokenizer, tokens=rows, settings=settings.evaluation.generation)
    return dict(zip(parts.test.ids(), texts, strict=True))


def score(captions: Mapping[str, str], test: PairStore) -> CaptionScores:
    """CIDEr, BLEU and ROUGE-L against the test rows' references, on the papers' scale."""
    rows = test.iter_pairs(["id", "caption", "references"])
    return caption_scores({pair.id: list(pair.references) for pair in rows}, dict(captions.items()))
