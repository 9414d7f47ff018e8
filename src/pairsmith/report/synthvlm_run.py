"""A SynthVLM run's folder as its report reads it: each piece None or empty where it is missing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pairsmith.curation.selection import Explanation, select_pairs
from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.several_seeds import PERCENT, seeds_and_images
from pairsmith.pairs import PairStore
from pairsmith.recipes.synthvlm import results
from pairsmith.recipes.synthvlm.pairs import selection_settings
from pairsmith.recipes.synthvlm.presets import PRESETS
from pairsmith.recipes.synthvlm.settings import SynthvlmSettings
from pairsmith.report.arms import ArmResult, join_seeds
from pairsmith.report.numbers import plural
from pairsmith.report.run_base import RunBase
from pairsmith.report.training_time import TrainingTime, training_time
from pairsmith.settings import load_settings

logger = logging.getLogger(__name__)

LABELS = {
    "selected": "Selected",
    "random": "Random",
    "all": "All pairs",
    "clip": "Top by CLIPScore",
    "ssim": "Top by SSIM",
    "real": "Real",
    "curated": "Real, curated",
}
STAGE_LABELS = {"stage_1": "after stage 1", "stage_2": "after stage 2"}


class SynthvlmRun(RunBase):
    """One run.

    Args:
        out: its folder.

    Raises:
        InputError: no run was begun there, or one of its files cannot be read.
    """

    RECIPE = SynthvlmSettings.RECIPE
    presets = PRESETS

    def __init__(self, out: Path) -> None:
        super().__init__(out)
        self.settings = load_settings(SynthvlmSettings, self.values)

    @property
    def curation(self) -> Mapping[str, Any]:
        """What became of the captions; empty while that is not known."""
        return self.result("curation") or {}

    @property
    def pairs(self) -> Mapping[str, Any]:
        """What the arms' pairs are like; empty while that is not known."""
        return self.result("pairs") or {}

    @cached_property
    def stages(self) -> list[str]:
        """The stages after which the arms were looked at."""
        return results.stages_of(self.entries) if self.entries else []

    @cached_property
    def arms(self) -> dict[str, dict[str, ArmResult]]:
        """Stage -> arm -> what its models write."""
        return {
            stage: join_seeds([{"arm": one["arm"], "seed": one["seed"], **one[stage]} for one in self.entries], LABELS)
            for stage in self.stages
        }

    def figure(self, arm: str, stage: str, name: str) -> Interval | None:
        """A figure per image of an arm, such as "vqa", over seeds and images."""
        values = results.matrix([one for one in self.entries if one["arm"] == arm], stage, name)
        return None if values is None else seeds_and_images(values, PERCENT)

    @cached_property
    def differences(self) -> dict[tuple[str, str], dict[tuple[str, str], Interval]]:
        """(arm, other) -> (stage, metric) -> difference over the same images and seeds."""
        found: dict[tuple[str, str], dict[tuple[str, str], Interval]] = {}
        for arms, stage, name, value in results.differences(self.entries):
            found.setdefault(arms, {})[stage, name] = value
        return found

    @cached_property
    def drawn(self) -> PairStore | None:
        """The drawn pairs."""
        return self.store("images")

    @cached_property
    def explanation(self) -> Explanation | None:
        """The selected pairs and why these; None while there are no scores."""
        curated = self.store("captions")
        how = None if curated is None else selection_settings(self.settings, "selected", len(curated), 0)
        if self.drawn is None or how is None:
            return None
        try:
            return select_pairs(self.drawn, how)
        except InputError as error:
            logger.warning("the selection is left out of the report: %s", error)
            return None

    def training_times(self) -> list[TrainingTime]:
        """Every arm's trainings that left a log."""
        found = []
        for arm, label in LABELS.items():
            seeds = [one["seed"] for one in self.entries if one["arm"] == arm]
            for stage in self.stages:
                folders = [self.out / "llava" / f"{arm}-{seed}" / stage.replace("_", "-") for seed in seeds]
                words = f"{label}, {stage.replace('_', ' ')}, {plural(len(seeds), 'seed')}"
                found.append(training_time(words, folders) if folders else None)
        return [time for time in found if time]
