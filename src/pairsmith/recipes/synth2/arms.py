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
from pairsmith.recipes.place import Place
from pairsmith.recipes.synth2.models import new_vlm
from pairsmith.recipes.synth2.settings import Arm, Synth2Settings
from pairsmith.scenes import World
from pairsmith.scenes.datasets import render_caption
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.distributed import Ranks
from pairsmith.training.logging import Progress
from pairsmith.training.loop import TrainResult, train
from pairsmith.training.synthesis import Synthesizer
from pairsmith.training.tasks.vlm import VLMTask
from pairsmith.vlm.generation import caption
from pairsmith.vlm.model import VisionLanguageModel

_ALONE = Ranks()
ARM_SEED_STRIDE = 1000  # so that consecutive seeds share neither orders nor dropout


@dataclass(frozen=True)
class Ingredients:
    """What VLMs are made of.

    Attributes:
        lm, hf_tokenizer: the frozen language model and its tokenizer.
        tokenizer: the frozen VQ-GAN.
        real: pairs with tokens.
        test: rows with tokens and references.
        captions: GenPair: what the language model wrote.
        synthetic: those captions with the generator's tokens; None where pictures are drawn in the step.
        gold: the same captions with the tokens of their true pictures; None with own pairs.
    """

    lm: Any
    hf_tokenizer: Any
    tokenizer: VQTokenizer
    real: PairStore
    test: PairStore
    captions: PairStore
    synthetic: PairStore | None
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


class CaptionSource:
    """Written captions, whose pictures are made in the step: {"caption", "group", "epoch"}.

    The group, which seeds a picture, is the caption's id, as in a store of rendered captions; with the epoch, pictures
    differ from epoch to epoch.
    """

    def __init__(self, captions: PairStore) -> None:
        self._source = PairSource(captions, ["caption", "id"])

    def __len__(self) -> int:
        return len(self._source)

    def collate(self, indices: Sequence[int], epochs: Sequence[int]) -> dict[str, Any]:
        found = self._source.collate(indices, epochs)
        return {"caption": found["caption"], "group": found["id"], "epoch": list(epochs)}


def render_truth(captions: PairStore, world: World, tokenizer: VQTokenizer, out: Path) -> PairStore:
    """Gold: every caption's true picture, as tokens; a caption that is no sentence about a scene becomes "failed"."""

    def make_rows(positions: Sequence[int]) -> list[Pair]:
        pairs = [captions.pair(position) for position in positions]
        pictures = np.stack([render_caption(pair.caption, world.settings) for pair in pairs])
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        tokens = tokenizer.encode(pixels.to(tokenizer.codebook.device)).cpu().numpy().astype(np.uint16)  # [B, N]
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


def feed_of(
    settings: Synth2Settings, arm: Arm, parts: Ingredients, seed: int, ranks: Ranks = _ALONE, *, online: bool = False
) -> MixedFeed:
    """The batches of an arm: of every batch `synthesis.fraction` is synthetic, nothing of Baseline's.

    Args:
        settings: the recipe.
        arm: whose batches.
        parts: the stores.
        seed: of their orders.
        ranks: this process among those that train together.
        online: synthetic rows are captions, to be drawn in the step.
    """
    batch_size, place = settings.vlm_training.batch_size, ranks[:2]
    real = Feed(PairSource(parts.real, ["caption", "tokens"]), batch_size, seed, *place)
    if arm == "baseline":
        return MixedFeed(real, real, 0.0)
    source: Source
    if online:
        source = CaptionSource(parts.captions)
    else:
        store = parts.gold if arm == "gold" else parts.synthetic
        if store is None:
            raise InputError(f"the arm {arm} needs a store of its synthetic pairs, and there is none")
        source = PairSource(store, ["caption", "tokens"])
    return MixedFeed(real, Feed(source, batch_size, seed + 1, *place), settings.synthesis.fraction)


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
    place: Place,
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
        place: where it computes.
        synthesizer: makes the synthetic images in the step where the settings say "online".
        progress: shown the training.
    """
    own_seed = settings.vlm_training.seed + seed * ARM_SEED_STRIDE
    training = place.training(settings.vlm_training).model_copy(update={"seed": own_seed})
    online = synthesizer is not None and arm in ("synthetic", "pixels")
    task = make_task(settings, arm, parts, own_seed, synthesizer if online else None)

    def evaluate(step: int) -> dict[str, float]:
        return {"cider": score(write_test_captions(settings, task.model, parts), parts.test)["cider_d"].value}

    result = train(
        task,
        feed_of(settings, arm, parts, own_seed, place.ranks, online=online),
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
    found = {"real": parts.real, "test": parts.test, "gold": parts.gold}
    found["synthetic"] = parts.captions if parts.synthetic is None else parts.synthetic
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
