"""The stage of filters: a pair store in, the same rows out, some of them "filtered" with a reason.

Filters look at a caption in the order of their settings, and the first reason counts. What a language model has to say
is kept as scores beside the input store, so that it is computed once; workers may compute it. A caption of which the
model could say nothing, for its call failed, becomes "failed" and can be tried again. Embeddings are kept in parts
until the filter is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.filters.caption_scores import (
    CaptionBatch,
    CaptionScore,
    Perplexity,
    Verdict,
    keep_caption_scores,
    known_values,
)
from pairsmith.captions.filters.caption_vectors import CaptionVectors, Embed, parts_folder
from pairsmith.captions.filters.number_rules import apply_score, apply_values, not_yes, too_surprising
from pairsmith.captions.filters.set_filters import common_ngrams, exact_duplicates, near_duplicates, near_vectors
from pairsmith.captions.filters.settings import FilterSettings
from pairsmith.captions.filters.text_filters import text_filters
from pairsmith.captions.rows import Progress, pass_rows
from pairsmith.captions.writer import Writer
from pairsmith.errors import InputError
from pairsmith.execution import ALONE, Execution
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.reopening import is_complete, reopen
from pairsmith.pairs.scores import SCORES_FOLDER, read_scores, sidecar_names

_PERPLEXITY = "perplexity"
_VERDICT = "verdict"


@dataclass(frozen=True)
class FilterModels:
    """The models that some filters need.

    Attributes:
        perplexity: a language model.
        verdict: a writer that answers yes or no.
        embed: captions -> [N, D]; works in this process alone.
        embedder: what to call `embed` in a store's settings; without a name, a stopped run embeds all captions anew.

    Workers are sent the first two as they are, so these must not have been loaded by then.
    """

    perplexity: CausalModel | None = None
    verdict: Writer | None = None
    embed: Embed | None = None
    embedder: str = ""


def filter_captions(
    store: PairStore,
    out: Path | str,
    settings: FilterSettings,
    models: FilterModels | None = None,
    *,
    shard_rows: int = 1000,
    part_rows: int = 1000,
    execution: Execution = ALONE,
    scoring: Progress | None = None,
    progress: Progress | None = None,
) -> PairStore:
    """Filter a store's captions; resumable, and so is what models compute for it.

    Args:
        store: any pair store; rows that are not "ok" come through as they are.
        out: folder of the new store; rows keep their ids.
        settings: which filters, and their limits.
        models: what filters by models need.
        shard_rows: rows a shard.
        part_rows: captions whose perplexity, verdict and embedding a killed run or worker loses at most.
        execution: workers of the first two, each with models of its own; failures. Another number of workers changes
            nothing in what is made.
        scoring: called with (captions done, all captions, captions that lack a score) while models compute.
        progress: called with (rows done, all rows, failed rows) while rows are written.

    Raises:
        InputError: a filter without its model or score, `out` made with other settings, or ranks are asked for.
        NothingScored: a model could say nothing of any caption.
        TooManyFailures: as `run_scores`; finished parts are kept.
        WriterUnavailable: who gives the verdicts has gone; finished parts are kept.
    """
    models = models or FilterModels()
    _check(store, settings, models)
    if execution.rank is not None:
        raise InputError("filters look at all captions of a store in one process: use workers, not ranks")
    scores = _model_scores(settings, models)

    def keep_scores(execution: Execution) -> None:
        if scores:
            keep_caption_scores(store, scores, part_rows=part_rows, execution=execution, progress=scoring)

    def make(execution: Execution) -> PairStore:
        def change(rows: Iterator[Pair]) -> Iterable[Pair]:
            keep_scores(execution)
            refusals = iter(_refusals(store, settings, models, None, vectors))
            for row in rows:
                refusal = next(refusals) if row.status == "ok" else None
                yield row if refusal is None else replace(row, status=refusal.status, reason=refusal.reason)

        folder = _parts_folder(store, settings, models)
        with CaptionVectors(models.embed, folder, part_rows, scoring) as vectors:
            return pass_rows(
                store,
                out,
                change,
                settings={"stage": "filter", "filters": settings.to_dict(), "models": _describe(settings, models)},
                shard_rows=shard_rows,
                progress=progress,
            )

    again = execution.retry_failed and is_complete(Path(out))
    made = make(execution)  # at once where it is finished
    if again and made.counts()["failed"] > store.counts()["failed"]:
        keep_scores(execution)
        reopen(made.folder)  # whole: a caption that gets its answer late may take another's place in the best share
        made = make(replace(execution, retry_failed=False))
    return made


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
    scores = _model_scores(settings, models)
    if scores and first is None:
        keep_caption_scores(store, scores, part_rows=1000, execution=ALONE, progress=None)
    folder = _parts_folder(store, settings, models) if first is None else None
    with CaptionVectors(models.embed, folder) as vectors:
        refusals = _refusals(store, settings, models, first, vectors)
    return [None if refusal is None else refusal.reason for refusal in refusals]


@dataclass(frozen=True)
class _Refusal:
    """What becomes of a caption that does not stay, and why."""

    reason: str
    status: Literal["filtered", "failed"] = "filtered"


def _refusals(
    store: PairStore, settings: FilterSettings, models: FilterModels, first: int | None, vectors: CaptionVectors
) -> list[_Refusal | None]:
    """As `filter_reasons`; the scores by models of all rows are there, unless only some are looked at."""
    captions: list[str] = store.column("caption").to_pylist()[:first]
    ids = store.ids()[:first]
    reasons: list[str | None] = _by_text(captions, ids, settings, vectors)
    failed: dict[int, str] = {}
    scores = _model_scores(settings, models)
    for name, score in scores.items():
        values, unknown = known_values(store, name, score, CaptionBatch(ids, captions))
        for at, why in unknown.items():
            if reasons[at] is None:
                reasons[at] = failed[at] = f"{name}: {why}"
        if name == _PERPLEXITY and settings.perplexity is not None:
            most = settings.perplexity.most
            apply_values(reasons, values, partial(too_surprising, most), values <= most)
        else:
            apply_values(reasons, values, not_yes, values == 1)
    for rule in settings.scores:
        apply_score(reasons, read_scores(store, rule.name)[:first], rule)
    return [
        None if reason is None else _Refusal(reason, "failed" if at in failed else "filtered")
        for at, reason in enumerate(reasons)
    ]


def _by_text(
    captions: Sequence[str], ids: Sequence[str], settings: FilterSettings, vectors: CaptionVectors
) -> list[str | None]:
    """The reasons that the texts themselves and each other's likeness give."""
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
        cosine = near.cosine
        apply(lambda texts, names: near_vectors(vectors(texts, names), names, cosine) if texts else [])
    if settings.ngrams is not None:
        cap = settings.ngrams
        apply(lambda texts, names: common_ngrams(texts, cap))
    return reasons


def _check(store: PairStore, settings: FilterSettings, models: FilterModels) -> None:
    if settings.perplexity is not None and models.perplexity is None:
        raise InputError("the perplexity filter needs a language model")
    if settings.verdict is not None and models.verdict is None:
        raise InputError("the verdict filter needs a language model that answers")
    if settings.verdict is not None and "[caption]" not in settings.verdict.prompt:
        raise InputError("the verdict's prompt needs the placeholder [caption]")
    if settings.near_duplicates and settings.near_duplicates.cosine is not None and models.embed is None:
        raise InputError("near_duplicates.cosine needs an embedder")
    names = sidecar_names(store, SCORES_FOLDER)
    for rule in settings.scores:
        if rule.name not in names:
            raise InputError(f"{store.folder} has no scores called {rule.name!r}; it has {', '.join(names) or 'none'}")


def _parts_folder(store: PairStore, settings: FilterSettings, models: FilterModels) -> Path | None:
    """Where embeddings are kept on the way; None where there are none."""
    near = settings.near_duplicates
    return parts_folder(store, models.embedder) if near is not None and near.cosine is not None else None


def _describe(settings: FilterSettings, models: FilterModels) -> dict[str, Any]:
    described: dict[str, Any] = {}
    if settings.perplexity is not None and models.perplexity is not None:
        described["perplexity"] = models.perplexity.identity()
    if settings.verdict is not None and models.verdict is not None:
        described["verdict"] = models.verdict.describe()
    if settings.near_duplicates and settings.near_duplicates.cosine is not None:
        described["embedder"] = models.embedder
    return described


def _model_scores(settings: FilterSettings, models: FilterModels) -> dict[str, CaptionScore]:
    """The scores by models that the settings ask for, in their order."""
    scores: dict[str, CaptionScore] = {}
    if settings.perplexity is not None:
        assert models.perplexity is not None
        scores[_PERPLEXITY] = Perplexity(models.perplexity)
    if settings.verdict is not None:
        assert models.verdict is not None
        scores[_VERDICT] = Verdict(models.verdict, settings.verdict)
    return scores
