"""The efficiency measurement of paper §4.2.4 and Table 5: training from embeddings against training from pixels.

Both paths draw the same synthetic tokens in the step and train the same VLM on the same batches; the pixel path decodes
them to 8-bit pictures and encodes those again. Rounds of the two alternate, so that a slow moment of the machine hits
both, and stages are timed on their own, so that the ratio is explained.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.several_seeds import repeated
from pairsmith.recipes.synth2.arms import Ingredients, feed_of, make_task
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.training.distributed import Ranks
from pairsmith.training.meter import Meter
from pairsmith.training.step import Stepper
from pairsmith.training.synthesis import Synthesizer
from pairsmith.training.tasks.vlm import VLMTask, quantise_pixels


@dataclass(frozen=True)
class Speed:
    """Attributes:
    steps_per_second: of "embedding" and "pixels": the median over rounds.
    ratio: embedding over pixels: the geometric mean of the rounds' own ratios, with its t-interval over rounds.
    stages: milliseconds a step of each stage, timed on its own.
    token_agreement: share of tokens that survive decoding and encoding.
    bytes_per_image: stored as tokens, and as raw 8-bit pixels.
    """

    steps_per_second: dict[str, float]
    ratio: Interval
    stages: dict[str, float]
    token_agreement: float
    bytes_per_image: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "steps_per_second": self.steps_per_second,
            "ratio": asdict(self.ratio),
            "stages_ms": self.stages,
            "token_agreement": self.token_agreement,
            "bytes_per_image": self.bytes_per_image,
        }


def measure_speed(settings: Synth2Settings, parts: Ingredients, synthesizer: Synthesizer) -> Speed:
    """Time both paths with synthesis on the fly; the models are fresh and are thrown away.

    The steps are those of the training loop, with the precision, clipping and micro-batches of `vlm_training`.
    """
    device, seed = parts.tokenizer.codebook.device, settings.vlm_training.seed
    feed = feed_of(settings, "synthetic", parts, seed, online=True)
    tasks = {
        "embedding": make_task(settings, "synthetic", parts, seed, synthesizer),
        "pixels": make_task(settings, "pixels", parts, seed, synthesizer),
    }
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        steppers = {
            name: Stepper(task, settings.vlm_training, Ranks(), device, Meter()) for name, task in tasks.items()
        }
        batches = [feed.batch(step) for step in range(settings.speed.steps)]
        rates: dict[str, list[float]] = {name: [] for name in tasks}
        for turn in range(settings.speed.rounds):
            # Who comes first changes, so that neither path always runs on a machine that the other has warmed.
            for name, stepper in sorted(steppers.items(), reverse=turn % 2 == 1):
                tasks[name].model.train()
                for step in range(settings.speed.warmup if turn == 0 else 0):
                    stepper.step(batches[step % len(batches)], step)
                started = _now(device)
                for step, batch in enumerate(batches):
                    stepper.step(batch, step)
                rates[name].append(len(batches) / (_now(device) - started))
        for stepper in steppers.values():
            stepper.check()
        stages, agreement = _stages(settings, parts, synthesizer, tasks["embedding"], batches[0])
    size = parts.tokenizer.config
    return Speed(
        {name: statistics.geometric_mean(values) for name, values in rates.items()},
        repeated([fast / slow for fast, slow in zip(rates["embedding"], rates["pixels"], strict=True)]),
        stages,
        agreement,
        {"tokens": size.num_tokens * 2, "pixels": size.image_size**2 * 3},
    )


def _stages(
    settings: Synth2Settings, parts: Ingredients, synthesizer: Synthesizer, task: VLMTask, batch: Any
) -> tuple[dict[str, float], float]:
    synthetic, device = batch[1], parts.tokenizer.codebook.device
    encoder = synthesizer.text_encoder
    tokens = synthesizer.tokens(synthetic["caption"], synthetic["group"], synthetic["epoch"])
    pixels = quantise_pixels(parts.tokenizer.decode(tokens))
    again = parts.tokenizer.encode(pixels)
    # A batch of the size that the VLM is trained on, its tokens drawn already.
    prepared = task.prepare(batch, device)
    half_precision = settings.vlm_training.precision == "bf16"

    def train_vlm() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=half_precision):
            loss = task.loss(prepared, "main", 0, torch.Generator())
        (loss.sum / loss.count).backward()

    timed: dict[str, Callable[[], Any]] = {
        "embed captions": lambda: encoder.encode(synthetic["caption"]),
        "draw tokens": lambda: synthesizer.tokens(synthetic["caption"], synthetic["group"], synthetic["epoch"]),
        "decode to pixels": lambda: quantise_pixels(parts.tokenizer.decode(tokens)),
        "encode pixels": lambda: parts.tokenizer.encode(pixels),
        "VLM forward and backward": train_vlm,
    }
    stages = {name: _milliseconds(action, settings.speed.rounds, device) for name, action in timed.items()}
    stages["draw tokens"] = max(0.0, stages["draw tokens"] - stages["embed captions"])
    return stages, float((again == tokens).float().mean())


def _milliseconds(action: Callable[[], Any], times: int, device: torch.device) -> float:
    found = []
    for _ in range(times):
        started = _now(device)
        action()
        found.append((_now(device) - started) * 1000)
    return statistics.median(found)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
