"""The efficiency measurement of paper §4.2.4 and Table 5: training from embeddings against training from pixels.

Both paths draw the same synthetic tokens in the step and train the same VLM on the same batches; the pixel path decodes
them to 8-bit pictures and encodes those again. Rounds of the two alternate, so that a slow moment of the machine hits
both, and stages are timed on their own, so that the ratio is explained.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pairsmith.recipes.synth2.arms import Ingredients, feed_of, make_task
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.training.synthesis import Synthesizer
from pairsmith.training.tasks.vlm import VLMTask, quantise_pixels


@dataclass(frozen=True)
class Speed:
    """Attributes:
    steps_per_second: of "embedding" and "pixels": the median over rounds.
    ratio: embedding over pixels, the median of the rounds' own ratios, with the least and the greatest.
    stages: milliseconds a step of each stage, timed on its own.
    token_agreement: share of tokens that survive decoding and encoding.
    bytes_per_image: stored as tokens, and as raw 8-bit pixels.
    """

    steps_per_second: dict[str, float]
    ratio: tuple[float, float, float]
    stages: dict[str, float]
    token_agreement: float
    bytes_per_image: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        median, low, high = self.ratio
        return {
            "steps_per_second": self.steps_per_second,
            "ratio": {"median": median, "low": low, "high": high},
            "stages_ms": self.stages,
            "token_agreement": self.token_agreement,
            "bytes_per_image": self.bytes_per_image,
        }


def measure_speed(settings: Synth2Settings, parts: Ingredients, synthesizer: Synthesizer) -> Speed:
    """Time both paths with synthesis on the fly; the models are fresh and are thrown away."""
    feed = feed_of(settings, "synthetic", parts, settings.seed, online=True)
    tasks = {
        "embedding": make_task(settings, "synthetic", parts, settings.seed, synthesizer),
        "pixels": make_task(settings, "pixels", parts, settings.seed, synthesizer),
    }
    optimizers = {name: _optimizer(task, settings) for name, task in tasks.items()}
    batches = [feed.batch(step) for step in range(settings.speed.steps)]
    rates: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(settings.speed.rounds):
        for name, task in tasks.items():
            for step in range(settings.speed.warmup if turn == 0 else 0):
                _step(task, optimizers[name], batches[step % len(batches)])
            started = _now()
            for batch in batches:
                _step(task, optimizers[name], batch)
            rates[name].append(len(batches) / (_now() - started))
    ratios = [fast / slow for fast, slow in zip(rates["embedding"], rates["pixels"], strict=True)]
    stages, agreement = _stages(settings, parts, synthesizer, tasks["embedding"], batches[0])
    size = parts.tokenizer.config
    return Speed(
        {name: statistics.median(values) for name, values in rates.items()},
        (statistics.median(ratios), min(ratios), max(ratios)),
        stages,
        agreement,
        {"tokens": size.num_tokens * 2, "pixels": size.image_size**2 * 3},
    )


def _optimizer(task: VLMTask, settings: Synth2Settings) -> torch.optim.Optimizer:
    parameters = [item.parameter for item in task.parameters("main")]
    return torch.optim.AdamW(parameters, lr=settings.vlm_training.learning_rate, fused=True)


def _step(task: VLMTask, optimizer: torch.optim.Optimizer, batch: Any) -> None:
    task.model.train()
    with torch.no_grad():
        prepared = task.prepare(batch, task.model.device)
    loss = task.loss(prepared, "main", 0, torch.Generator())
    optimizer.zero_grad()
    (loss.sum / loss.count).backward()
    optimizer.step()


def _stages(
    settings: Synth2Settings, parts: Ingredients, synthesizer: Synthesizer, task: VLMTask, batch: Any
) -> tuple[dict[str, float], float]:
    synthetic = batch[1]
    encoder = synthesizer.text_encoder
    tokens = synthesizer.tokens(synthetic["caption"], synthetic["group"], synthetic["epoch"])
    pixels = quantise_pixels(parts.tokenizer.decode(tokens))
    again = parts.tokenizer.encode(pixels)
    prepared = task.prepare((batch[0], {**synthetic, "tokens": tokens}), task.model.device)

    def train_vlm() -> None:
        loss = task.loss(prepared, "main", 0, torch.Generator())
        (loss.sum / loss.count).backward()

    timed: dict[str, Callable[[], Any]] = {
        "embed captions": lambda: encoder.encode(synthetic["caption"]),
        "draw tokens": lambda: synthesizer.tokens(synthetic["caption"], synthetic["group"], synthetic["epoch"]),
        "decode to pixels": lambda: quantise_pixels(parts.tokenizer.decode(tokens)),
        "encode pixels": lambda: parts.tokenizer.encode(pixels),
        "VLM forward and backward": train_vlm,
    }
    stages = {name: _milliseconds(action, settings.speed.rounds) for name, action in timed.items()}
    stages["draw tokens"] = max(0.0, stages["draw tokens"] - stages["embed captions"])
    return stages, float((again == tokens).float().mean())


def _milliseconds(action: Callable[[], Any], times: int) -> float:
    found = []
    for _ in range(times):
        started = _now()
        action()
        found.append((_now() - started) * 1000)
    return statistics.median(found)


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
