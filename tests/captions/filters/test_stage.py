"""The stage: every row with its reason, models and scores consulted once, the same bytes again."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from pairsmith.captions import Request, reason_counts
from pairsmith.captions.filters import FilterModels, FilterSettings, ScoreRule, filter_captions, filter_reasons
from pairsmith.captions.filters.model_filters import perplexities, verdicts
from pairsmith.captions.filters.settings import NearDuplicates, PerplexityLimit, VerdictRequest
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.scores import read_scores, write_scores
from tests.captions.tiny import ScriptedWriter, tiny_model

TEXTS = [
    "A brown dog runs over the grass of a park.",
    "a brown dog runs over the grass of a park",
    "Two cats sleep on a blue couch by a window.",
    "Two cats sleep on a blue couch by the window.",
    "Buy this blue couch now at our store.",
    "A red bus stops in front of a house.",
]
PLAIN = FilterSettings(near_duplicates=None)


def _store(folder: Path) -> PairStore:
    rows = [Pair(id=f"{at:032x}", caption=text, seed=at) for at, text in enumerate(TEXTS)]
    rows.insert(2, Pair(id="f" * 32, caption="nothing", status="failed", reason="HTTP 500: oops"))
    return PairStore.write(folder, rows, settings={}, shard_rows=3)


def test_every_row_comes_through_with_its_reason(tmp_path: Path) -> None:
    pytest.importorskip("datasketch")
    store = _store(tmp_path / "in")
    settings = FilterSettings(near_duplicates=NearDuplicates(jaccard=0.7))
    out = filter_captions(store, tmp_path / "out", settings, shard_rows=3)
    assert [row.id for row in out.iter_pairs(status=None)] == [row.id for row in store.iter_pairs(status=None)]
    counts = {"ok": 3, "duplicate": 1, "near duplicate": 1, "advertising": 1, "HTTP 500": 1}
    assert reason_counts(out) == counts
    assert out.column("caption").to_pylist() == [TEXTS[0], TEXTS[2], TEXTS[5]]
    again = filter_captions(store, tmp_path / "again", settings, shard_rows=3)
    assert [shard.sha256 for shard in out.manifest.shards] == [shard.sha256 for shard in again.manifest.shards]
    with pytest.raises(InputError, match="near_duplicates"):
        filter_captions(store, tmp_path / "out", PLAIN, shard_rows=3)


def test_scores_have_limits_and_a_best_share(tmp_path: Path) -> None:
    store = _store(tmp_path / "in")
    values = [0.1, 0.9, 0.3, 0.5, 0.4, math.nan]
    write_scores(store, "clip", store.ids(), values, {})
    off = FilterSettings(near_duplicates=None, exact_duplicates=False, advertising=False)
    limited = off.model_copy(update={"scores": (ScoreRule(name="clip", least=0.28),)})
    assert [reason is None for reason in filter_reasons(store, limited)] == [False, True, True, True, True, False]
    both = off.model_copy(update={"scores": (ScoreRule(name="clip", least=0.28), ScoreRule(name="clip", keep_top=0.4))})
    reasons = filter_reasons(store, both)
    assert [reason is None for reason in reasons] == [False, True, False, True, False, False]  # 2 of the 4 left
    assert reasons[2] == "score clip: not in the top 40%"
    assert reasons[5] == "score clip: none"
    absent = off.model_copy(update={"scores": (ScoreRule(name="itm", least=0.8),)})
    with pytest.raises(InputError, match=r"no scores called 'itm'; it has clip"):
        filter_reasons(store, absent)


def test_perplexity_is_by_hand_the_mean_loss() -> None:
    model = tiny_model()
    network, hf_tokenizer = model.loaded()
    captions = ["a red dog runs", "the big cat", ""]
    values = perplexities(model, captions, batch=2)
    for caption, value in zip(captions[:2], values, strict=False):
        ids = [hf_tokenizer.bos_token_id, *hf_tokenizer(caption, add_special_tokens=False)["input_ids"]]
        logits = network(input_ids=np_tensor(ids)).logits[0, :-1].detach().double().log_softmax(dim=-1)
        loss = -sum(float(logits[at, token]) for at, token in enumerate(ids[1:])) / (len(ids) - 1)
        assert value == pytest.approx(math.exp(loss), rel=1e-4)
    assert values[2] == math.inf


def np_tensor(ids: list[int]):
    import torch

    return torch.tensor([ids])


def test_perplexity_is_computed_once_and_kept(tmp_path: Path) -> None:
    store, model = _store(tmp_path / "in"), tiny_model()
    settings = PLAIN.model_copy(update={"perplexity": PerplexityLimit(most=1e-9)})
    filter_captions(store, tmp_path / "out", settings, FilterModels(perplexity=model))
    assert np.isfinite(read_scores(store, "perplexity")).all()
    assert "perplexity" in reason_counts(PairStore(tmp_path / "out"))
    with pytest.raises(InputError, match="other settings"):
        filter_reasons(store, settings, FilterModels(perplexity=tiny_model(seed=1)))
    with pytest.raises(InputError, match="language model"):
        filter_reasons(store, settings)


def test_verdicts_are_yes_no_or_neither() -> None:
    answers = {"one": "Yes.", "two": " **no**, it is not", "three": "Perhaps", "four": "YES"}
    writer = ScriptedWriter(lambda request: answers[request.prompt])
    got = verdicts(writer, list(answers), list("abcd"), VerdictRequest(prompt="[caption]"))
    assert got[:2].tolist() == [1.0, 0.0]
    assert math.isnan(got[2])
    assert got[3] == 1.0
    with pytest.raises(InputError, match=r"\[caption\]"):
        verdicts(writer, ["one"], ["a"], VerdictRequest(prompt="good?"))


def test_a_verdict_against_is_a_reason(tmp_path: Path) -> None:
    def answer(request: Request) -> str:
        return "No." if "bus" in request.prompt else "hm" if "Buy" in request.prompt else "Yes"

    settings = FilterSettings(near_duplicates=None, advertising=False, verdict=VerdictRequest())
    reasons = filter_reasons(_store(tmp_path / "in"), settings, FilterModels(verdict=ScriptedWriter(answer)))
    assert [reason for reason in reasons if reason and reason.startswith("verdict")] == [
        "verdict: no answer",
        "verdict: no",
    ]


def test_a_preview_asks_for_its_rows_alone_and_keeps_nothing(tmp_path: Path) -> None:
    store, writer, model = _store(tmp_path / "in"), ScriptedWriter(lambda request: "No."), tiny_model()
    settings = PLAIN.model_copy(update={"perplexity": PerplexityLimit(most=1e9), "verdict": VerdictRequest()})
    models = FilterModels(perplexity=model, verdict=writer)
    before = sorted(store.folder.rglob("*"))
    shown = filter_reasons(store, settings, models, first=3)
    assert writer.calls == [3]
    assert sorted(store.folder.rglob("*")) == before
    whole = filter_reasons(store, settings, models)
    assert shown == whole[:3] == ["verdict: no", f"duplicate: of {0:032x}", "verdict: no"]
    assert filter_reasons(store, settings, models, first=3) == shown  # of what is kept now
    assert writer.calls == [3, 6]


def test_embeddings_find_near_repetitions(tmp_path: Path) -> None:
    near = NearDuplicates(jaccard=None, cosine=0.99)
    models = FilterModels(embed=lambda texts: [[1.0, float("dog" in text)] for text in texts], embedder="dogs")
    reasons = filter_reasons(_store(tmp_path / "in"), FilterSettings(near_duplicates=near), models)
    assert sum(reason is None for reason in reasons) == 2  # one with a dog, one without
    with pytest.raises(InputError, match="embedder"):
        filter_reasons(_store(tmp_path / "two"), FilterSettings(near_duplicates=near))
