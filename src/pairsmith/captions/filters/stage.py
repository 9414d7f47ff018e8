"""The stage of filters: a pair store in, the same rows out, some of them "filtered" with a reason.

Filters look at a caption in the order of their settings, and the first reason counts. What a language model has to say
is kept as scores beside the input store, so that it is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.filters.model_filters import perplexities, verdicts
from pairsmith.captions.filters.set_filters import common_ngrams, exact_duplicates, near_duplicates, near_embeddings
from pairsmith.captions.filters.settings import FilterSettings, ScoreRule
from pairsmith.captions.filters.text_filters import text_filters
from pairsmith.captions.rows import Progress, pass_rows
from pairsmith.captions.writer import Writer
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.scores import SCORES_FOLDER, read_scores, sidecar_names, write_scores

_WRITTEN = 256  # captions given to a writer at a time


@dataclass(frozen=True)
class FilterModels:
    """The models that some filters need.

    Attributes:
        perplexity: a language model.
        verdict: a writer that answers yes or no.
        embed: captions -> [N, D].
        embedder: what to call `embed` in a store's settings.
    """

    perplexity: CausalModel | None = None
    verdict: Writer | None = None
    embed: Callable[[Sequence[str]], ArrayLike] | None = None
    embedder: str = ""


def filter_captions(
    store: PairStore,
    out: Path | str,
    settings: FilterSettings,
    models: FilterModels | None = None,
    *,
    shard_rows: int = 1000,
    progress: Progress | None = None,
) -> PairStore:
    """Filter a store's captions; resumable.

    Args:
        store: any pair store; rows that are not "ok" come through as they are.
        out: folder of the new store; rows keep their ids.
        settings: which filters, and their limits.
        models: what filters by models need.
        shard_rows: rows a shard.
        progress: called with (rows done, all rows, failed rows).

    Raises:
        InputError: a filter without its model or score, `out` made with other settings.
    """
    models = models or FilterModels()
    _check(store, settings, models)

    def change(rows: Iterator[Pair]) -> Iterable[Pair]:
        reasons = iter(filter_reasons(store, settings, models))
        for row in rows:
            reason = next(reasons) if row.status == "ok" else None
            yield row if reason is None else replace(row, status="filtered", reason=reason)

    return pass_rows(
        store,
        out,
        change,
        settings={"stage": "filter", "filters": settings.to_dict(), "models": _describe(settings, models)},
        shard_rows=shard_rows,
        progress=progress,
    )


def filter_reasons(
    store: PairStore, settings: FilterSettings, models: FilterModels | None = None, first: int | None = None
) -> list[str | None]:
    """The reason against each "ok" row of a store, or None, in order of position.

    Args:
        store, settings, models: as `filter_captions`.
        first: only of so many rows, for a preview: models see no others, and what they say is not kept. A share to keep
            (`keep_top`) is then one of these rows.
    """
    models = models or FilterModels()
    _check(store, settings, models)
    captions: list[str] = store.column("caption").to_pylist()[:first]
    ids = store.ids()[:first]
    filters = text_filters(settings)
    reasons: list[str | None] = [
        next((reason for one in filters if (reason := one(caption)) is not None), None) for caption in captions
    ]

    def apply(decide: Callable[[list[str], list[str]], list[str | None]]) -> None:
        left = [at for at, reason in enumerate(reasons) if reason is None]
        for at, reason in zip(left, decide([captions[at] for at in left], [ids[at] for at in left]), strict=True):
            reasons[at] = reason

    if settings.exact_duplicates:
        apply(exact_duplicates)
    near = settings.near_duplicates
    if near is not None and near.jaccard is not None:
        jaccard = near.jaccard
        apply(lambda texts, names: near_duplicates(texts, names, jaccard, near.permutations))
    if near is not None and near.cosine is not None:
        cosine, embed = near.cosine, models.embed
        assert embed is not None
        apply(lambda texts, names: near_embeddings(embed(texts), names, cosine) if texts else [])
    if settings.ngrams is not None:
        cap = settings.ngrams
        apply(lambda texts, names: common_ngrams(texts, cap))
    if settings.perplexity is not None:
        values, most = _perplexities(store, captions, models, first is None), settings.perplexity.most
        _apply_values(reasons, values, lambda value: f"perplexity: {value:.4g} of at most {most:g}", values <= most)
    if settings.verdict is not None:
        values = _verdicts(store, captions, ids, settings, models, first is None)
        _apply_values(reasons, values, lambda value: f"verdict: {'no' if value == 0 else 'no answer'}", values == 1)
    for rule in settings.scores:
        _apply_score(reasons, read_scores(store, rule.name)[:first], rule)
    return reasons


def _apply_values(
    reasons: list[str | None], values: NDArray[np.float64], say: Callable[[float], str], good: NDArray[np.bool_]
) -> None:
    for at in np.flatnonzero(~good):
        if reasons[at] is None:
            reasons[at] = say(float(values[at]))


def _apply_score(reasons: list[str | None], values: NDArray[np.float64], rule: ScoreRule) -> None:
    """Drop what is below or above the limits, then all but the best of what is left; no score counts as too low."""
    name = rule.name
    _apply_values(reasons, values, lambda value: f"score {name}: none", ~np.isnan(values))
    if rule.least is not None:
        _apply_values(
            reasons, values, lambda value: f"score {name}: {value:.4g} of at least {rule.least:g}", values >= rule.least
        )
    if rule.most is not None:
        _apply_values(
            reasons, values, lambda value: f"score {name}: {value:.4g} of at most {rule.most:g}", values <= rule.most
        )
    if rule.keep_top is not None:
        left = [at for at, reason in enumerate(reasons) if reason is None]
        best = sorted(left, key=lambda at: (-values[at], at))[: int(np.ceil(rule.keep_top * len(left)))]
        dropped = set(left) - set(best)
        for at in dropped:
            reasons[at] = f"score {name}: not in the top {rule.keep_top:.0%}"


def _check(store: PairStore, settings: FilterSettings, models: FilterModels) -> None:
    if settings.perplexity is not None and models.perplexity is None:
        raise InputError("the perplexity filter needs a language model")
    if settings.verdict is not None and models.verdict is None:
        raise InputError("the verdict filter needs a language model that answers")
    if settings.near_duplicates and settings.near_duplicates.cosine is not None and models.embed is None:
        raise InputError("near_duplicates.cosine needs an embedder")
    names = sidecar_names(store, SCORES_FOLDER)
    for rule in settings.scores:
        if rule.name not in names:
            raise InputError(f"{store.folder} has no scores called {rule.name!r}; it has {', '.join(names) or 'none'}")


def _describe(settings: FilterSettings, models: FilterModels) -> dict[str, Any]:
    described: dict[str, Any] = {}
    if settings.perplexity is not None and models.perplexity is not None:
        described["perplexity"] = models.perplexity.identity()
    if settings.verdict is not None and models.verdict is not None:
        described["verdict"] = models.verdict.describe()
    if settings.near_duplicates and settings.near_duplicates.cosine is not None:
        described["embedder"] = models.embedder
    return described


def _perplexities(store: PairStore, captions: Sequence[str], models: FilterModels, keep: bool) -> NDArray[np.float64]:
    assert models.perplexity is not None
    known = "perplexity" in sidecar_names(store)
    values = read_scores(store, "perplexity") if known else perplexities(models.perplexity, captions)
    if known or keep:
        write_scores(store, "perplexity", store.ids(), values, models.perplexity.identity())  # refuses another model's
    return values[: len(captions)]


def _verdicts(
    store: PairStore,
    captions: Sequence[str],
    ids: Sequence[str],
    settings: FilterSettings,
    models: FilterModels,
    keep: bool,
) -> NDArray[np.float64]:
    assert models.verdict is not None
    assert settings.verdict is not None
    about = {"writer": models.verdict.describe(), "prompt": settings.verdict.prompt}
    known = "verdict" in sidecar_names(store)
    if known:
        values = read_scores(store, "verdict")
    else:
        values = np.concatenate(
            [
                verdicts(models.verdict, captions[at : at + _WRITTEN], ids[at : at + _WRITTEN], settings.verdict)
                for at in range(0, len(captions), _WRITTEN)
            ]
            or [np.zeros(0)]
        )
    if known or keep:
        write_scores(store, "verdict", store.ids(), values, about)  # refuses verdicts that were asked for otherwise
    return values[: len(captions)]
