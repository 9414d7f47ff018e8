"""What the recipe measures beside caption scores: the tokenizer, the generator's faithfulness, truth, and diversity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pairsmith.evaluation import co_cluster, embed_captions, extract, frechet, tokenizer_extractor
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.oracle import ATTRIBUTES, OracleTraining, SceneOracle, render, train_oracle
from pairsmith.evaluation.scene_truth import caption_truth
from pairsmith.pairs import PairStore
from pairsmith.recipes.percentages import percent_interval
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_of
from pairsmith.seeds import numpy_generator, row_seed
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.tokenizer.usage import CodeUsage, psnr
from pairsmith.training.synthesis import Synthesizer

FRECHET = "frechet_own_features"
"""Name of a Fréchet distance in the tokenizer's own features, which is not to be compared with FID, of Inception's."""
_BATCH = 50


def tokenizer_quality(tokenizer: VQTokenizer, pixels: Tensor) -> dict[str, float]:
    """PSNR in dB, codebook usage, and the Fréchet distance of reconstructions in the tokenizer's own feature space.

    Args:
        tokenizer: the VQ-GAN.
        pixels: [n, 3, S, S] in [0, 1], pictures it was not trained on.
    """
    tokens = encode(tokenizer, pixels)
    decoded = decode(tokenizer, tokens)
    usage = CodeUsage(tokenizer.config.codebook_size)
    usage.update(tokens)
    found = {"psnr": float(psnr(decoded, pixels).mean()), **asdict(usage.report())}
    return {**found, FRECHET: picture_distance(tokenizer, pixels, decoded), "pictures": len(pixels)}


def encode(tokenizer: VQTokenizer, pixels: Tensor) -> Tensor:
    """Tokens [n, N] of pictures [n, 3, S, S], a batch at a time on the tokenizer's device; both on the CPU."""
    device = tokenizer.codebook.device
    return torch.cat([tokenizer.encode(batch.to(device)).cpu() for batch in pixels.split(_BATCH)])


def decode(tokenizer: VQTokenizer, tokens: Tensor) -> Tensor:
    """Pictures [n, 3, S, S] of tokens [n, N], as `encode`."""
    device = tokenizer.codebook.device
    return torch.cat([tokenizer.decode(batch.to(device)).cpu() for batch in tokens.split(_BATCH)])


def picture_distance(tokenizer: VQTokenizer, real: Tensor, made: Tensor) -> float:
    """Fréchet distance between pictures [n, 3, S, S] in the tokenizer's feature space (not Inception's)."""
    extractor = tokenizer_extractor(tokenizer, tokenizer.config.image_size, tokenizer.codebook.device)
    features = [extract(list(pictures.numpy()), extractor, _BATCH) for pictures in (real, made)]
    return frechet(*features).distance


def draw_test_captions(test: PairStore, synthesizer: Synthesizer, count: int) -> tuple[Tensor, list[str]]:
    """The generator's tokens [n, N], on the CPU, for the first reference of `count` test rows, and those captions."""
    pairs = [test.pair(position) for position in range(min(count, len(test)))]
    captions = [pair.references[0] if pair.references else pair.caption for pair in pairs]
    ids = [pair.id for pair in pairs]
    starts = range(0, len(ids), _BATCH)
    parts = [synthesizer.tokens(captions[at : at + _BATCH], ids[at : at + _BATCH]).cpu() for at in starts]
    return torch.cat(parts), captions


def make_oracle(
    settings: Synth2Settings, world: World, progress: Callable[[int, int], None] | None = None
) -> SceneOracle:
    """The oracle of the built-in world."""
    sizes = settings.evaluation
    seed = row_seed(settings.seed, "oracle")
    return train_oracle(world, OracleTraining(sizes.oracle_steps, sizes.oracle_batch, seed=seed), progress)


def faithfulness(
    oracle: SceneOracle, tokenizer: VQTokenizer, test: PairStore, drawn: Tensor
) -> dict[str, dict[str, dict[str, Interval]]]:
    """Do the generator's pictures show what their captions say?

    Args:
        oracle: who looks.
        tokenizer: decodes.
        test: the rows whose captions were drawn, in order.
        drawn: [n, N] the generator's tokens.

    Returns:
        "generator" and "ceiling" (true pictures through the tokenizer) -> "seen" and "held-out" -> attribute.
    """
    pairs = [test.pair(position) for position in range(len(drawn))]
    scenes = [scene_of(pair) for pair in pairs]
    true = render(scenes, tokenizer.config.image_size)
    pictures = {
        "generator": decode(tokenizer, drawn),
        "ceiling": decode(tokenizer, encode(tokenizer, true)),
    }
    axes = np.array([pair.axis for pair in pairs])
    return {
        name: _by_axis({key: value for key, value in oracle.examine(pixels, scenes).items() if key in ATTRIBUTES}, axes)
        for name, pixels in pictures.items()
    }


def truth(test: PairStore, captions: dict[str, str]) -> dict[str, dict[str, Interval]]:
    """How often the captions of scenes are right: "all", "seen" and "held-out" -> attribute."""
    pairs = list(test.iter_pairs(["id", "caption", "axis", "settings"]))
    values = caption_truth([captions[pair.id] for pair in pairs], [scene_of(pair) for pair in pairs])
    return {"all": _intervals(values)} | _by_axis(values, np.array([pair.axis for pair in pairs]))


def _by_axis(values: dict[str, np.ndarray], axes: np.ndarray) -> dict[str, dict[str, Interval]]:
    return {axis: _intervals({k: v[axes == axis] for k, v in values.items()}) for axis in ("seen", "held-out")}


def _intervals(values: dict[str, np.ndarray]) -> dict[str, Interval]:
    found = {name: percent_interval(column) for name, column in values.items()}
    return {name: interval for name, interval in found.items() if interval is not None}


def diversity(
    settings: Synth2Settings, lm: Any, hf_tokenizer: Any, sets: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """Concentration and entropy of caption sets, clustered together (paper A.3, Table 8, Figure 4).

    Of sets larger than `evaluation.diversity_sample` so many captions are drawn by the run's seed.

    Returns:
        Set -> {"shares": [k], "concentration_3", "concentration_5", "entropy_bits": {"mean", "std"}, "captions"}.
    """
    sizes = settings.evaluation
    cut = {name: draw_sample(captions, sizes.diversity_sample, settings.seed, name) for name, captions in sets.items()}
    smallest = min(map(len, cut.values()))
    embedded = {name: embed_captions(lm, hf_tokenizer, captions, device=lm.device) for name, captions in cut.items()}
    spreads = co_cluster(embedded, clusters=min(sizes.clusters, smallest))
    return {
        name: {
            "shares": spread.shares[0].tolist(),
            "captions": spread.captions,
            **{
                key: {"mean": getattr(spread, key).mean, "std": getattr(spread, key).std}
                for key in ("concentration_3", "concentration_5", "entropy_bits")
            },
        }
        for name, spread in spreads.items()
    }


def draw_sample(captions: Sequence[str], count: int, seed: int, name: str) -> list[str]:
    """`count` of the captions in their order, drawn without replacement; all of them where there are no more."""
    if len(captions) <= count:
        return list(captions)
    rows = numpy_generator(seed, name, "diversity").permutation(len(captions))[:count]
    return [captions[row] for row in sorted(rows.tolist())]
