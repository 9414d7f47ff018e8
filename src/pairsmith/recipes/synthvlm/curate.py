"""Stage 1 of the paper: captions are curated by rules, a language model's verdict, and their original pictures.

rules -> repetitions -> perplexity -> verdict -> scores against the original picture -> the best share of the rest
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.filters import FilterModels, filter_captions
from pairsmith.captions.sampling import SamplingSettings
from pairsmith.captions.server_writer import ServerConnection, ServerWriter, ServerWriterSettings
from pairsmith.captions.stage import reason_counts
from pairsmith.captions.transformers_writer import TransformersWriter, TransformersWriterSettings
from pairsmith.captions.writer import Writer
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.pairs import Pair, PairStore
from pairsmith.recipes.finished import finished_store
from pairsmith.recipes.percentages import percent_interval
from pairsmith.recipes.reporter import Reporter
from pairsmith.recipes.synth2.settings import WriterSettings
from pairsmith.recipes.synthvlm.data import is_true
from pairsmith.recipes.synthvlm.settings import SynthvlmSettings

ANSWER_TOKENS = 8  # of a verdict, whose first word counts
SCORE_REASON = "score "  # what the reasons of filters by scores begin with


def curate(settings: SynthvlmSettings, source: PairStore, out: Path, device: str, reporter: Reporter) -> PairStore:
    """The source's pairs, of which those with captions worth drawing are "ok"; `source` has its scores.

    No model is asked for where they are there.

    Raises:
        NothingMade: no caption is left.
    """
    found = finished_store(out, pairs=source.fingerprint)
    if found is not None:
        return found
    filters = settings.curation.filters
    models = FilterModels()
    if filters.perplexity is not None or filters.verdict is not None:
        models = FilterModels(
            perplexity=_language_model(settings.curation.perplexity_model, device) if filters.perplexity else None,
            verdict=_judge(settings.curation.judge, device, out.with_name(f"{out.name}.answers"))
            if filters.verdict and settings.curation.judge
            else None,
        )
    return filter_captions(source, out, filters, models, progress=reporter.rows("curation"))


def examine_curation(source: PairStore, curated: PairStore, scenes: bool) -> dict[str, Any]:
    """What became of the source's captions; on scenes also the share of true ones after each step.

    Returns:
        "outcomes": as `reason_counts`; "steps": [{"step", "pairs", "true": interval ×100 or None}].
    """
    rows = list(curated.iter_pairs(["id", "caption", "settings", "status", "reason"], status=None))
    by_text = [row for row in rows if row.status == "ok" or row.reason.startswith(SCORE_REASON)]
    kept = [row for row in rows if row.status == "ok"]
    named = {"as found": rows, "after filters of the text": by_text, "after scores against the original": kept}
    steps = [
        {"step": step, "pairs": len(pairs), "true": _true_share(pairs) if scenes else None}
        for step, pairs in named.items()
    ]
    return {"outcomes": reason_counts(curated), "steps": steps}


def _true_share(pairs: list[Pair]) -> Interval | None:
    return percent_interval([is_true(pair) for pair in pairs])


def _language_model(name: str, device: str) -> CausalModel:
    return CausalModel.smollm2(device) if name == "smollm2" else CausalModel(name, device=device)


def _judge(choice: WriterSettings, device: str, answers: Path) -> Writer:
    if choice.kind == "server":
        assert choice.base_url is not None  # its settings see to that
        connection = ServerConnection.of_address(choice.base_url)
        asked = ServerWriterSettings(model=choice.model, temperature=0.0, top_p=1.0, max_new_tokens=ANSWER_TOKENS)
        return ServerWriter(asked, connection, answers)
    sampling = SamplingSettings(temperature=0.0, max_new_tokens=ANSWER_TOKENS)
    return TransformersWriter(_language_model(choice.model, device), TransformersWriterSettings(sampling=sampling))
