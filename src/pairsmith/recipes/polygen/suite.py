"""What an arm's dual encoder is worth: SynthCLIP's five tasks, SugarCrepe and SugarCrepe++.

On scenes the tests are drawn, half of them with combinations that no generator saw pairs of; else they are the user's
folders, in the layouts that the field uses. A task with several sets is the mean over its sets.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairsmith.errors import InputError
from pairsmith.evaluation.image_text.data_folders import read_classification
from pairsmith.evaluation.image_text.dual_encoder import DualEncoder
from pairsmith.evaluation.image_text.remembering import RememberingEncoder
from pairsmith.evaluation.image_text.retrieval import retrieval_scores
from pairsmith.evaluation.image_text.retrieval_files import read_retrieval
from pairsmith.evaluation.image_text.sugarcrepe import load_sugarcrepe, sugarcrepe_scores
from pairsmith.evaluation.image_text.sugarcrepe_pp import load_sugarcrepe_pp, sugarcrepe_pp_scores
from pairsmith.evaluation.image_text.transfer import few_shot_scores, probe_scores
from pairsmith.evaluation.image_text.zero_shot import zero_shot_scores
from pairsmith.evaluation.scene_suite import MTL_TASKS
from pairsmith.evaluation.score import Score, weighted_mean
from pairsmith.recipes.polygen.settings import PolygenSettings, SuiteSettings
from pairsmith.scenes import World
from pairsmith.scenes.benchmark_files import write_scene_benchmark
from pairsmith.settings import fingerprint

FOLDER = "tests"
_FROM_FOLDERS = ("transfer", "zero_shot", "retrieval", "sugarcrepe", "sugarcrepe_pp", "crepe_images")


@dataclass(frozen=True)
class UnitScores:
    """A figure as the mean of what each unit adds to it.

    Attributes:
        units: 16 hex digits that stand for the units (pictures, episodes ...) and their order.
        values: [U]; their mean is the figure.
    """

    units: str
    values: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """JSON types; four decimals of a percentage are more than a picture can move it by."""
        return {"units": self.units, "values": [round(value, 4) for value in self.values.tolist()]}


def unit_scores(scores: Sequence[Score]) -> UnitScores:
    """The mean of one or several scores, unit by unit; a (weighted) mean is taken at its linear form.

    Several sets are taken as given, not as drawn from others: what their means differ by is in no unit, so an interval
    over the units is that of independent sets.

    Raises:
        InputError: a score that is no mean.
    """
    parts = []
    total = sum(len(score.units) for score in scores)
    mean = statistics.fmean(score.value for score in scores)
    for score in scores:
        if score.statistic is not weighted_mean:
            raise InputError("a figure of several seeds must be a mean over its units")
        weights = score.rows[:, 1]
        change = (score.rows[:, 0] - score.value * weights) / weights.mean()  # [U], mean 0
        parts.append(mean + change * total / (len(scores) * len(change)))
    names = [[str(unit) for unit in score.units] for score in scores]
    return UnitScores(fingerprint(names), np.concatenate(parts))


def check_tests(tests: SuiteSettings) -> None:
    """Whether the tests can be read: on scenes there is nothing to ask for.

    Raises:
        InputError: a folder that is not named, or not there.
    """
    if tests.source == "scenes":
        return
    for name in _FROM_FOLDERS:
        value = getattr(tests, name)
        if not value:
            raise InputError(f"setting 'tests.{name}': tests in folders need it; see `pairsmith evaluate --help`")
        for folder in [value] if isinstance(value, str) else value:
            if not Path(folder).is_dir():
                raise InputError(f"setting 'tests.{name}': {folder}: no such folder")


def prepare_tests(settings: PolygenSettings, folder: Path) -> None:
    """Draw the tests of scenes, unless they are there; the folder appears when it is complete."""
    if settings.tests.source != "scenes" or folder.is_dir():
        return
    incoming = folder.with_name(f"{folder.name}.incoming")
    write_scene_benchmark(
        incoming,
        World(settings.world),
        images=settings.tests.images,
        per_class=settings.tests.per_class,
        seed=settings.seed,
    )
    incoming.rename(folder)


def scene_folders(folder: Path, tests: SuiteSettings) -> SuiteSettings:
    """The drawn tests as if they were the user's folders."""
    return tests.model_copy(
        update={
            "transfer": (str(folder / "classification"),),
            "zero_shot": str(folder / "classification"),
            "retrieval": (str(folder / "retrieval"),),
            "sugarcrepe": str(folder / "sugarcrepe"),
            "sugarcrepe_pp": str(folder / "sugarcrepe_pp"),
            "crepe_images": str(folder / "images"),
        }
    )


def score_encoder(encoder: DualEncoder, settings: PolygenSettings, folder: Path) -> dict[str, list[Score]]:
    """All figures in percent; several scores where a task has several sets.

    Args:
        encoder: a trained dual encoder.
        settings: of the recipe.
        folder: of the drawn tests.

    Raises:
        InputError: a test cannot be read.
    """
    tests = scene_folders(folder, settings.tests) if settings.tests.source == "scenes" else settings.tests
    encoder = RememberingEncoder(encoder)
    options: dict[str, Any] = {"batch_size": tests.batch_rows}
    found: dict[str, list[Score]] = {}

    def add(scores: Mapping[str, Score]) -> None:
        for name, score in scores.items():
            found.setdefault(name, []).append(score)

    for one in tests.transfer:
        train, test = (read_classification(Path(one), split) for split in ("train", "test"))
        add(probe_scores(encoder, train, test, seed=settings.seed, **options)[0])
        add(few_shot_scores(encoder, train, test, episodes=tests.episodes, seed=settings.seed, **options))
    for one in tests.retrieval:
        add(retrieval_scores(encoder, read_retrieval(Path(one)), **options))
    assert tests.zero_shot is not None  # see `check_tests`
    assert tests.sugarcrepe is not None
    assert tests.sugarcrepe_pp is not None
    assert tests.crepe_images is not None
    add(zero_shot_scores(encoder, read_classification(Path(tests.zero_shot)), **options))
    pictures = Path(tests.crepe_images)
    add(sugarcrepe_scores(encoder, load_sugarcrepe(Path(tests.sugarcrepe)), pictures, **options).scores)
    add(sugarcrepe_pp_scores(encoder, load_sugarcrepe_pp(Path(tests.sugarcrepe_pp)), pictures, **options).scores)
    missing = [key for key in MTL_TASKS.values() if key not in found]
    if missing:
        raise InputError(f"the tests give no {missing[0]}, which delta MTL needs")
    return found
