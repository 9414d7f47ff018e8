"""The top of a report: the large figures, and the facts of the run."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.report import figures, reproduce, tables
from pairsmith.report.arms import LABELS, difference, relative_gain
from pairsmith.report.numbers import (
    DASH,
    PERCENT,
    count,
    decimal,
    interval_of,
    plural,
    signed_percent,
    spread,
)
from pairsmith.report.paper_tables import Sizes
from pairsmith.report.run_folder import WORLD_ARMS, RunFolder


@dataclass(frozen=True)
class Card:
    """A large figure at the top."""

    label: str
    value: str
    detail: str
    remark: str
    colour: str
    kind: str = ""
    unclear: bool = False


def cards(run: RunFolder) -> list[Card]:
    """CIDEr of the arms, the gain and the speed."""
    found = []
    for name in ("baseline", "synthetic", *(() if run.own_pairs else WORLD_ARMS)):
        arm = run.arms.get(name)
        if arm is None or arm.cider is None:
            found.append(Card(LABELS[name], DASH, "CIDEr", "no results", name))
        else:
            spread_over = plural(len(arm.seeds), "seed")
            found.append(Card(LABELS[name], decimal(arm.cider.value), "CIDEr", spread(arm.cider), name, spread_over))
    gain = None
    if {"baseline", "synthetic"} <= set(run.arms):
        gain = relative_gain(run.arms["synthetic"], run.arms["baseline"])
        against = difference(run.arms["synthetic"], run.arms["baseline"])
    if gain is None:
        found.append(Card("Gain", DASH, "Synth² over Baseline", "cannot be said", "synthetic"))
    else:
        unclear = against is None or against.overlap
        kind = tables.NOT_SIGNIFICANT if unclear else "intervals apart"
        ends = spread(gain, 0, sign=True)
        found.append(
            Card(
                "Gain",
                signed_percent(gain.value),
                "Synth² over Baseline",
                ends and f"{ends}{PERCENT}",
                "synthetic",
                kind,
                unclear,
            )
        )
    ratio = interval_of((run.result("speed") or {}).get("ratio"))
    value = DASH if ratio is None else f"{decimal(ratio.value, 2)}×"
    found.append(Card("Speed", value, "embedding ÷ pixel path", spread(ratio, 2) or "not measured", "pixels"))
    return found


def cider_bars(run: RunFolder) -> Markup | None:
    """CIDEr of every arm with its interval."""
    rows = [
        figures.Bar(arm.label, arm.name, arm.cider, _with_ends(arm.cider))
        for arm in run.arms.values()
        if arm.cider is not None
    ]
    return figures.bars(rows, "CIDEr on the test images", "CIDEr of every arm with its 95 % interval") if rows else None


def facts(run: RunFolder, sizes: Sizes) -> list[tuple[str, str]]:
    """What was run, as pairs of a name and a value."""
    captions = run.captions
    config = run.tokenizer.config if run.tokenizer else None
    steps, batch = run.setting("vlm_training.steps"), run.setting("vlm_training.batch_size")
    found = [
        ("Preset", reproduce.preset_text(run)),
        ("Real pairs", count(sizes.real)),
        ("Test images", count(len(run.test)) if run.test else DASH),
        ("Captions written", count(sum(captions.counts().values())) if captions else DASH),
        ("Captions kept", count(len(captions)) if captions else DASH),
        ("Synthetic pairs", count(sizes.synthetic)),
        ("True pictures (Gold)", count(sizes.true_pictures)) if not run.own_pairs else ("", ""),
        ("Picture", f"{config.image_size} × {config.image_size} pixels, {config.num_tokens} tokens, "
                    f"{count(config.codebook_size)} codes" if config else DASH),
        ("Language model", _language_model(run)),
        ("Each VLM", f"{count(steps)} steps of {count(batch)} pairs"),
        ("Seeds an arm", count(run.setting("seeds"))),
        ("Hardware", run.hardware),
        ("Software", run.software(("torch", "transformers"))),
    ]  # fmt: skip
    return [fact for fact in found if fact[0]]


def _language_model(run: RunFolder) -> str:
    source = str(run.setting("language_model.source") or DASH)
    known = {"scenes": "a small one that knows the built-in world's sentences", "smollm2": "SmolLM2-135M-Instruct"}
    return f"{known.get(source, source)}, frozen"


def _with_ends(value: Interval) -> str:
    ends = spread(value)
    return f"{decimal(value.value)} ({ends})" if ends else decimal(value.value)
