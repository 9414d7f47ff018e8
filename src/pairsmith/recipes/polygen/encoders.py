"""Training the dual encoder of an arm, and its figures in a file of the run.

clip/ARM-SEED/                  training/ and model/, which open_clip loads
evaluation/arms/ARM-SEED.json   figures with intervals, and what each test item adds to the main ones
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.image_text.open_clip_encoder import OpenClipEncoder, load_open_clip
from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.pairs import PairStore
from pairsmith.recipes.place import Place
from pairsmith.recipes.polygen import suite
from pairsmith.recipes.polygen.arms import Arm
from pairsmith.recipes.polygen.drawing import ARMS
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.polygen.suite import score_encoder, unit_scores
from pairsmith.recipes.reporter import Reporter
from pairsmith.recipes.run_files import save_json
from pairsmith.recipes.side_by_side import do_all
from pairsmith.training.clip.run import MODEL_FOLDER, train_dual_encoder

FOLDER = "clip"
SEED_STRIDE = 1000  # so that consecutive seeds share neither orders nor views
COMPOSITIONAL = ("sugarcrepe_macro", "sugarcrepe_pp_itt", "sugarcrepe_pp_tot")


def model_folder(out: Path, arm: str, seed: int) -> Path:
    """Where the trained model of an arm and a seed lies."""
    return out / FOLDER / f"{arm}-{seed}" / MODEL_FOLDER


def load_encoder(out: Path, arm: str, seed: int, device: str) -> OpenClipEncoder:
    """The trained model of an arm and a seed."""
    return load_open_clip(str(model_folder(out, arm, seed)), device)


@dataclass(frozen=True)
class Encoder:
    """One dual encoder to be trained."""

    arm: Arm
    seed: int

    def __str__(self) -> str:
        return f"{self.arm.name}-{self.seed}"


def train_encoders(
    settings: PolygenSettings, arms: Sequence[Arm], out: Path, place: Place, at_once: int, reporter: Reporter
) -> None:
    """Train a dual encoder for each arm and seed whose figures are not there, and write them.

    Args:
        settings: of the recipe.
        arms: whose stores lie in the run.
        out: the run's folder, with the drawn tests.
        place: where it computes.
        at_once: encoders trained at a time, as `do_all`.
        reporter: shows the trainings.
    """
    wanted = [Encoder(arm, seed) for seed in range(settings.seeds) for arm in arms]
    missing = [encoder for encoder in wanted if not place.is_there(_figures(out, encoder))]
    if missing:
        with reporter.stage(f"CLIP: {len(missing)} encoders"):
            do_all(partial(_trainer, settings, out, place), missing, min(at_once, len(wanted)), place, reporter)


def _figures(out: Path, encoder: Encoder) -> Path:
    return out / "evaluation" / "arms" / f"{encoder}.json"


def _trainer(settings: PolygenSettings, out: Path, place: Place, reporter: Reporter) -> Callable[[Encoder], None]:
    return lambda encoder: _train_and_score(settings, encoder, out, place, reporter)


def _train_and_score(settings: PolygenSettings, encoder: Encoder, out: Path, place: Place, reporter: Reporter) -> None:
    """The seed's number is the same for all arms, so that they start and are shuffled alike."""
    arm, seed = encoder.arm, encoder.seed
    wanted = arm.clip(settings)
    own_seed = wanted.training.seed + seed * SEED_STRIDE
    training = place.training(wanted.training).model_copy(update={"seed": own_seed})
    result = train_dual_encoder(
        PairStore(out / ARMS / arm.name),
        wanted.model_copy(update={"training": training}),
        out / FOLDER / str(encoder),
        progress=reporter.training(f"CLIP {encoder}"),
    )

    def score() -> None:
        found = score_encoder(load_encoder(out, arm.name, seed, place.device.type), settings, out / suite.FOLDER)
        save_json(
            _figures(out, encoder),
            {
                "arm": arm.name,
                "seed": seed,
                "metrics": {key: asdict(over_sets([one.interval() for one in own])) for key, own in found.items()},
                "units": {key: unit_scores(own).to_dict() for key, own in found.items() if key in kept_keys(found)},
                "steps": result.step,
                "steps_per_second": result.steps_per_second,
                "loss": result.history[-1]["loss"] if result.history else None,
            },
        )

    place.only_first(score)


def kept_keys(found: Iterable[str]) -> set[str]:
    """The figures whose items are kept: those that arms are compared by."""
    return {
        key
        for key in found
        if key in MTL_TASKS.values()
        or key in COMPOSITIONAL
        or (key.startswith("sugarcrepe_pp_") and key.partition("pp_")[2].startswith(("itt_", "tot_")))
        or (key.startswith("sugarcrepe_") and key.count("_") == 2 and not key.endswith("_macro"))
    }


def over_sets(values: Sequence[Interval]) -> Interval:
    """The mean over test sets, which are independent of one another: their half widths are added as squares."""
    value, n = statistics.fmean(item.value for item in values), sum(item.n for item in values)
    if len(values) == 1:
        return values[0]
    halves = [(item.high - item.low) / 2 for item in values if item.low is not None and item.high is not None]
    if len(halves) < len(values):
        return Interval(value, None, None, n)
    half = math.hypot(*halves) / len(values)
    return Interval(value, value - half, value + half, n)
