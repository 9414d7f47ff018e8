"""A PolyGen run's folder as its report reads it: arms with all seeds, budgets, generators, examples.

A piece that the run does not have is None or empty; what is there is what the run measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.pairs import Pair
from pairsmith.pairs.caption_sets import BASE_KIND
from pairsmith.recipes.polygen.arms import Arm, baseline_arm, make_arms, single_arm
from pairsmith.recipes.polygen.comparison import DELTA, ArmScores, best_single, common_seeds, delta, difference
from pairsmith.recipes.polygen.drawing import ARMS
from pairsmith.recipes.polygen.presets import PRESETS
from pairsmith.recipes.polygen.results import read_arm_scores, read_probes
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.report.run_base import RunBase
from pairsmith.settings import load_settings

_LABELS = {
    "mixed": "Mixed, a picture a caption",
    "ensemble": "Ensemble",
    "negclip": "Negatives as texts",
    "negatives": "Negatives, ramp",
    "negatives_constant": "Negatives, constant",
    "negatives_step": "Negatives, step",
}

BEST_RULE = (
    "The best single generator is chosen figure by figure on these very tests, so a gain over it is rather too small "
    "than too large."
)


@dataclass(frozen=True)
class Gap:
    """A figure against that of another arm, `over`; `seeds` that both have."""

    over: str
    value: Interval
    seeds: int


@dataclass(frozen=True)
class ExampleGroup:
    """A caption and its negative with all their pictures: (generator, encoded picture)."""

    caption: str
    pictures: tuple[tuple[str, bytes | None], ...]
    negative: str
    kind: str
    negative_pictures: tuple[tuple[str, bytes | None], ...]


class PolygenRun(RunBase):
    """One run.

    Args:
        out: its folder.

    Raises:
        InputError: no run was begun there, or its settings or results cannot be read.
    """

    RECIPE = PolygenSettings.RECIPE
    presets = PRESETS

    def __init__(self, out: Path) -> None:
        super().__init__(out)
        self.settings = load_settings(PolygenSettings, self.values)
        self.arms: list[Arm] = make_arms(self.settings)
        try:
            self.scores: dict[str, ArmScores] = read_arm_scores(self.settings, out)
            self.probes: dict[str, Interval] = read_probes(self.settings, out)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{out / 'evaluation'} holds a file that cannot be read ({error}); run again") from error

    def label(self, arm: str) -> str:
        """An arm for people."""
        kind, _, generator = arm.partition("_")
        if kind == "repeated":
            return f"{self.generators[generator]} alone, {self.settings.view_count} pictures a caption"
        return _LABELS.get(arm) or f"{self.generators[generator]} alone"

    @property
    def generators(self) -> dict[str, str]:
        """Name -> name for people."""
        return {one.name: one.name.replace("_", " ").capitalize() for one in self.settings.generators}

    @property
    def baseline(self) -> ArmScores | None:
        """The arm that delta MTL is relative to."""
        return self.scores.get(baseline_arm(self.settings))

    def best(self, figure: str = DELTA) -> ArmScores | None:
        """The single arm that is best at a figure, of those that have results; None without the baseline."""
        baseline = self.baseline
        if baseline is None:
            return None
        known = [name for name in self.singles if name in self.scores and common_seeds(self.scores[name], baseline)]
        name = best_single(self.scores, known, baseline, figure)
        return None if name is None else self.scores[name]

    @property
    def most_seeds(self) -> int:
        """Of the arms that have results; 0 while none has."""
        return max((len(arm.seeds) for arm in self.scores.values()), default=0)

    @property
    def singles(self) -> list[str]:
        """Arms of one generator each, whether the settings ask for them or not."""
        return [single_arm(name) for name in self.generators]

    def gap(self, arm: ArmScores | None, other: ArmScores | None, figure: str) -> Interval | None:
        """A figure of an arm against another's, over the seeds that both have and on the same items.

        Args:
            arm, other: which; None has no results.
            figure: `DELTA`, then in percent; or a key of `ArmScores.units`, then the difference in points.

        Returns:
            None where either lacks results, where they share no seed, for an arm against itself, and for delta MTL
            over an arm that has nothing right in some task.
        """
        if arm is None or other is None or arm.name == other.name or not common_seeds(arm, other):
            return None
        if figure == DELTA:
            return delta(arm, other)
        return difference(arm, other, figure) if figure in arm.units and figure in other.units else None

    def over_best(self, arm: ArmScores | None, figure: str) -> Gap | None:
        """A figure of an arm against that of the single arm that is best at it; as `gap`."""
        best = self.best(figure)
        found = self.gap(arm, best, figure)
        return (
            None
            if arm is None or best is None or found is None
            else Gap(best.name, found, len(common_seeds(arm, best)))
        )

    def examples(self) -> list[ExampleGroup]:
        """The first captions of an arm with negatives, or of the ensemble, with what everyone drew of them."""
        names = [arm.name for arm in self.arms if arm.negatives == "images"] + ["ensemble", "mixed"]
        store = next((found for name in names if (found := self.store(f"{ARMS}/{name}")) is not None), None)
        if store is None:
            return []
        bases: dict[str, list[Pair]] = {}
        falses: dict[tuple[str, str], list[Pair]] = {}
        for row in store.iter_pairs():
            if row.negative_kind == BASE_KIND:
                falses.setdefault((row.negative or "", row.caption), []).append(row)
            else:
                bases.setdefault(row.group or row.id, []).append(row)
        groups: list[ExampleGroup] = []
        for rows in list(bases.values())[: self.settings.examination.examples]:
            first = rows[0]
            beside = falses.get((first.caption, first.negative or ""), [])
            groups.append(
                ExampleGroup(
                    first.caption,
                    _pictures(rows),
                    first.negative or "",
                    (first.negative_kind or "").replace("_", " "),
                    _pictures(beside[: len(rows)]),
                )
            )
        return groups


def _pictures(rows: list[Pair]) -> tuple[tuple[str, bytes | None], ...]:
    return tuple((row.generator or "", row.image) for row in rows)
