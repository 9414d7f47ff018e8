"""Choosing pairs by their scores: rules in a fixed order, each counting what it leaves.

    rows with every score -> thresholds -> best of each caption -> one of each kind of near-duplicates -> top K

Same scores, settings and seed give the same rows in the same order: ties are broken by id, and a random draw comes from
the seed and the row's id alone. Nothing is chosen silently: rows without a score are counted with their reasons.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pairsmith.curation.diversity import cluster_quotas, facility_location
from pairsmith.curation.expression import Expression, parse_expression, parse_threshold
from pairsmith.errors import InputError
from pairsmith.pairs import PairStore
from pairsmith.pairs.outcome import commonest_reasons
from pairsmith.pairs.scores import ScoreColumn, Selection, read_embeddings, read_score_column
from pairsmith.pairs.sidecars import EMBEDDINGS_FOLDER, sidecar_settings
from pairsmith.seeds import row_seed
from pairsmith.settings import Settings, fingerprint

RANDOM = "random"  # in a sum: a number of its own for every row, uniform in 0..1, from the seed and the row's id
Floats = NDArray[np.float64]


class Diversity(Settings):
    """How unlike rows are chosen."""

    by: Literal["facility-location", "clusters"] = Field(description="covering all rows, or equal parts of clusters")
    embeddings: str = Field(default="embedding", description="name of the embeddings of the store")
    quality_weight: float = Field(
        default=0.0, ge=0, description="facility-location: weight of the ranking sum, scaled to 0..1, beside coverage"
    )
    part: int = Field(
        default=2000, ge=1, description="facility-location: rows compared with each other; more are dealt into parts"
    )
    clusters: int = Field(default=100, ge=2, description="clusters: how many")


class SelectionSettings(Settings):
    """Which pairs are chosen."""

    by: str = Field(description="what rows are ranked by: a sum of scores; the higher, the better; random is one")
    normalize: Literal["none", "min-max", "z-score"] = Field(
        default="none", description="what is done to each score before it enters the sum, over all rows that have it"
    )
    thresholds: tuple[str, ...] = Field(default=(), description="comparisons that must hold, on scores as they are")
    best_of_caption: int | None = Field(
        default=None, ge=1, description="keep so many pictures of every caption (rows of one group); null keeps all"
    )
    best_by: str | None = Field(default=None, description="what is best within a caption; null: as `by`")
    near_duplicates: str | None = Field(
        default=None, description="name of a near-duplicate score: the best of each kind stays"
    )
    top: int | None = Field(default=None, ge=1, description="keep so many rows")
    fraction: float | None = Field(
        default=None, gt=0, le=1, description="keep this part of the rows that the rules before left, rounded up"
    )
    diversity: Diversity | None = Field(default=None, description="choose unlike rows instead of the first in rank")
    seed: int = Field(default=0, description="of random draws")

    @model_validator(mode="after")
    def _one_number(self) -> SelectionSettings:
        if self.top is not None and self.fraction is not None:
            raise ValueError("top and fraction are two answers to one question: give one of them")
        if self.diversity is not None and self.top is None and self.fraction is None:
            raise ValueError("diversity needs a number of rows: give top or fraction")
        return self


PRESETS: dict[str, dict[str, Any]] = {
    # SynthVLM: best picture of each caption by CLIPScore, then the top tenth by cosine + 0.5 SSIM (100K of 1M).
    "synthvlm": {"by": "clip + 0.5 * ssim", "best_of_caption": 1, "best_by": "clip", "fraction": 0.1},
}


@dataclass(frozen=True)
class RuleCount:
    """What one rule did: rows before and after it."""

    rule: str
    before: int
    after: int

    @property
    def dropped(self) -> int:
        """Rows that it took out."""
        return self.before - self.after


@dataclass(frozen=True, eq=False)
class Explanation:
    """Everything about a selection that can be shown.

    Attributes:
        selection: the chosen rows.
        rules: in the order in which they were applied.
        missing: score -> rows without it, and their commonest reasons.
        scores: score -> values of all rows, [len(store)], NaN where missing.
        ranking: what rows were ranked by, [len(store)]; NaN where a score is missing.
        chosen: positions, best first.
        candidates: positions of the rows with every score, best first.
    """

    selection: Selection
    rules: tuple[RuleCount, ...]
    missing: Mapping[str, tuple[int, Sequence[str]]]
    scores: Mapping[str, Floats]
    ranking: Floats
    chosen: NDArray[np.int64]
    candidates: NDArray[np.int64]


@dataclass
class _State:
    """Positions that are left, best first, and what the rules did."""

    left: NDArray[np.int64]
    rules: list[RuleCount] = field(default_factory=list)

    def keep(self, rule: str, left: NDArray[np.int64]) -> None:
        self.rules.append(RuleCount(rule, len(self.left), len(left)))
        self.left = left


def select_pairs(store: PairStore, settings: SelectionSettings) -> Explanation:
    """Choose pairs of a store.

    Raises:
        InputError: a score, embedding or name that is not there, an expression that cannot be read, or no row left.
    """
    ranked_by = parse_expression(settings.by)
    best_by = parse_expression(settings.best_by or settings.by)
    thresholds = [parse_threshold(text) for text in settings.thresholds]
    wanted = dict.fromkeys([*ranked_by.names, *best_by.names, *(name for one in thresholds for name in one.names)])
    ids = store.ids()
    columns = {name: _column(store, name, ids, settings.seed) for name in wanted}
    scores = {name: column.values for name, column in columns.items()}
    place_of_id = np.empty(len(ids), np.int64)
    place_of_id[np.argsort(np.array(ids, dtype=np.str_), kind="stable")] = np.arange(len(ids))
    normal = {name: _normalized(values, settings.normalize) for name, values in scores.items()}
    ranking = _ranking(ranked_by, normal)
    within = ranking if settings.best_by is None else _ranking(best_by, normal)

    usable = np.isfinite(ranking) & np.isfinite(within)
    for values in scores.values():
        usable &= np.isfinite(values)
    ranked = np.lexsort((place_of_id, -np.where(usable, ranking, 0.0)))
    state = _State(np.arange(len(ids)))
    state.keep("every score is there", ranked[usable[ranked]])
    candidates = state.left
    for threshold in thresholds:
        state.keep(threshold.text, state.left[threshold.holds(scores)[state.left]])
    if settings.best_of_caption is not None:
        count = settings.best_of_caption
        keep = _best_of_groups(store, ids, state.left, within, place_of_id, count)
        state.keep(f"best {count} of each caption by {settings.best_by or settings.by}", keep)
    if settings.near_duplicates is not None:
        state.keep(
            f"one of each kind by {settings.near_duplicates}", _one_of_kind(store, settings.near_duplicates, state.left)
        )
    _take_top(store, settings, state, ranking)
    missing = {
        name: (int(np.isnan(column.values).sum()), commonest_reasons(reason for reason in column.reasons if reason))
        for name, column in columns.items()
    }
    if not len(state.left):
        told = "; ".join(f"{rule.rule}: {rule.after:,} of {rule.before:,}" for rule in state.rules)
        lacking = "; ".join(f"{count:,} rows lack {name}" for name, (count, _) in missing.items() if count)
        raise InputError(
            f"{store.folder}: no pair is left ({told}{'; ' + lacking if lacking else ''}): loosen a rule, or score the "
            "pairs first"
        )
    counts = {
        "rows": len(ids),
        "missing": {name: count for name, (count, _) in missing.items()},
        "rules": [{"rule": rule.rule, "before": rule.before, "after": rule.after} for rule in state.rules],
        "chosen": len(state.left),
    }
    described = {"selection": settings.to_dict(), "inputs": _inputs(store, settings, columns)}
    chosen = Selection([ids[at] for at in state.left], ranking[state.left], described, counts)
    return Explanation(chosen, tuple(state.rules), missing, scores, ranking, state.left, candidates)


def _column(store: PairStore, name: str, ids: Sequence[str], seed: int) -> ScoreColumn:
    if name == RANDOM:
        draws = np.array([row_seed(seed, row_id, "selection") for row_id in ids], np.float64) / 2.0**63
        return ScoreColumn(draws, [None] * len(ids), None, {"seed": seed})
    return read_score_column(store, name)


def _normalized(values: Floats, how: str) -> Floats:
    """Scores scaled over the rows that have them; a score that is the same everywhere becomes 0."""
    there = values[np.isfinite(values)]
    if how == "none" or not len(there):
        return values
    if how == "min-max":
        low, width = there.min(), there.max() - there.min()
    else:
        low, width = there.mean(), there.std()
    return (values - low) / (width if width > 0 else 1.0)


def _ranking(expression: Expression, scores: Mapping[str, Floats]) -> Floats:
    values = expression.value(scores)
    return np.where(np.isfinite(values), values, np.nan)


def _best_of_groups(
    store: PairStore, ids: Sequence[str], left: NDArray[np.int64], within: Floats, place_of_id: NDArray[np.int64],
    count: int,
) -> NDArray[np.int64]:  # fmt: skip
    """The best `count` rows of every group, in the order of `left`; a row without a group is one of its own."""
    groups = store.column("group").to_pylist()
    _, number = np.unique(
        np.array([f"g{groups[at]}" if groups[at] else f"i{ids[at]}" for at in left], dtype=np.str_), return_inverse=True
    )
    order = np.lexsort((place_of_id[left], -within[left], number))  # within a group, best first
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    turn = np.arange(len(order)) - np.repeat(starts, sizes)
    keep = np.zeros(len(left), bool)
    keep[order[turn < count]] = True
    return left[keep]


def _one_of_kind(store: PairStore, name: str, left: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row in rank of every kind; rows without the score have no known twin and stay."""
    column = read_score_column(store, name)
    if column.twins is None:
        raise InputError(
            f"the score {name!r} knows no twins: name one that `pairsmith score --score near_duplicate` made"
        )
    _, first = np.unique(column.twins[left], return_index=True)
    return left[np.sort(first)]


def _take_top(store: PairStore, settings: SelectionSettings, state: _State, ranking: Floats) -> None:
    if settings.top is None and settings.fraction is None:
        return
    if settings.top is not None:
        count, what = min(settings.top, len(state.left)), f"top {settings.top:,}"
    else:
        assert settings.fraction is not None
        count, what = math.ceil(settings.fraction * len(state.left) - 1e-9), f"top {settings.fraction:.4g} of the rest"
    diversity = settings.diversity
    if diversity is None:
        state.keep(f"{what} by {settings.by}", state.left[:count])
        return
    vectors = read_embeddings(store, diversity.embeddings)[state.left]
    there = np.isfinite(vectors).all(axis=1)
    if not there.all():
        state.keep(f"embeddings {diversity.embeddings} are there", state.left[there])
        vectors, count = vectors[there], min(count, len(state.left))
    quality = ranking[state.left]
    if not len(state.left):
        return
    if diversity.by == "facility-location":
        rows = facility_location(
            vectors, count, quality=quality, quality_weight=diversity.quality_weight, part=diversity.part,
            seed=settings.seed,
        )  # fmt: skip
    else:
        rows = cluster_quotas(vectors, count, quality, clusters=diversity.clusters, seed=settings.seed)
    state.keep(f"{what} by {diversity.by}", state.left[rows])


def _inputs(store: PairStore, settings: SelectionSettings, columns: Mapping[str, ScoreColumn]) -> dict[str, str]:
    """What the choice was made from: fingerprints of how scores and embeddings were computed."""
    found = {name: fingerprint(dict(column.settings)) for name, column in columns.items()}
    if settings.near_duplicates is not None:
        found[settings.near_duplicates] = fingerprint(dict(read_score_column(store, settings.near_duplicates).settings))
    if settings.diversity is not None:
        made = sidecar_settings(store, EMBEDDINGS_FOLDER, settings.diversity.embeddings)
        found[f"embeddings/{settings.diversity.embeddings}"] = fingerprint(made)
    return found
