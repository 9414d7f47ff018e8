"""A Synth² run's folder as its report reads it: settings, results, stores and logs, each None or empty where missing.

With the user's own pairs, whatever belongs to the built-in world is left out here, once, and cannot reach the page.
"""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.evaluation.metrics_file import Metric
from pairsmith.pairs import PairStore
from pairsmith.recipes.settings import RecipeSettings, look_up
from pairsmith.recipes.synth2.presets import PRESETS, preset
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.report.arms import LABELS, ArmResult, join_seeds
from pairsmith.report.numbers import plural
from pairsmith.report.run_base import RunBase
from pairsmith.report.training_time import TrainingTime, training_time
from pairsmith.tokenizer.model import VQTokenizer

logger = logging.getLogger(__name__)

# Settings and results that only the built-in world gives a meaning.
WORLD_SETTINGS = (
    "world",
    "data.real",
    "data.class_exponent",
    "data.colour_exponent",
    "data.pictures",
    "data.text",
    "language_model.width",
    "language_model.layers",
    "language_model.heads",
    "language_model_training",
    "evaluation.oracle_steps",
    "evaluation.oracle_batch",
)
WORLD_ARMS = ("gold",)
_WORLD_KEYS = (".gold.", ".truth.", ".faithfulness.")


class RunFolder(RunBase):
    """One run of the Synth² recipe; its `values` are the settings that played a part.

    Args:
        out: its folder.

    Raises:
        InputError: no run was begun there, or one of its files cannot be read.
    """

    RECIPE = Synth2Settings.RECIPE

    def __init__(self, out: Path) -> None:
        super().__init__(out)
        if self.own_pairs:
            self.values = _without_world(self.values)
        self.arms: dict[str, ArmResult] = {
            name: arm for name, arm in join_seeds(self.entries).items() if not (self.own_pairs and name in WORLD_ARMS)
        }

    @property
    def presets(self) -> dict[str, RecipeSettings]:
        """Those for scenes, or those for own pairs."""
        found: dict[str, RecipeSettings] = {}
        for name in PRESETS:
            try:
                found[name] = preset(name, own_pairs=self.own_pairs)
            except InputError:  # a preset for own pairs alone
                continue
        return found

    def setting(self, path: str) -> Any:
        """A setting by its dotted name; None where there is none."""
        return look_up(self.values, path)

    @property
    def wanted_arms(self) -> tuple[str, ...]:
        """The arms that the settings ask for."""
        wanted = self.setting("arms")
        return tuple(name for name in LABELS if isinstance(wanted, (list, tuple)) and name in wanted)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """`metrics.json`; empty while the run is unfinished."""
        found = super().metrics
        if self.own_pairs:
            return {key: value for key, value in found.items() if not any(word in key for word in _WORLD_KEYS)}
        return found

    @cached_property
    def test(self) -> PairStore | None:
        """The test images with their tokens and references."""
        return self.store("tokens/test")

    @cached_property
    def captions(self) -> PairStore | None:
        """What the language model wrote."""
        return self.store("captions")

    @cached_property
    def tokenizer(self) -> VQTokenizer | None:
        """The VQ-GAN, on the CPU."""
        folder = self.out / "models" / "tokenizer"
        if not (folder / "config.json").is_file():
            return None
        try:
            return VQTokenizer.from_pretrained(folder)
        except InputError as error:
            logger.warning("%s is left out of the report: %s", folder, error)
            return None

    def training_times(self) -> list[TrainingTime]:
        """Every training that left a log, in the order of the recipe."""
        found = []
        for name in ("tokenizer", "language_model", "generator"):
            found.append(training_time(name.replace("_", " ").capitalize(), [self.out / "models" / name]))
        for arm in self.arms.values():
            folders = [self.out / "vlm" / f"{arm.name}-{seed}" for seed in arm.seeds]
            found.append(training_time(f"VLM {arm.label}, {plural(len(folders), 'seed')}", folders))
        return [time for time in found if time]


def _without_world(settings: dict[str, Any]) -> dict[str, Any]:
    def kept(values: dict[str, Any], prefix: str) -> dict[str, Any]:
        return {
            key: kept(value, f"{prefix}{key}.") if isinstance(value, dict) else value
            for key, value in values.items()
            if f"{prefix}{key}" not in WORLD_SETTINGS
        }

    found = kept(settings, "")
    if isinstance(found.get("arms"), list):
        found["arms"] = [name for name in found["arms"] if name not in WORLD_ARMS]
    return found
