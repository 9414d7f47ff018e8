"""The sentences of a SynthVLM report: what was run, what came out and why, and what it does not show.

They take no side: what a run cannot tell apart is not told apart, and a selection that loses is said to lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.report.numbers import (
    DASH,
    count,
    decimal,
    interval_of,
    percent,
    plural,
    signed,
    spread,
)
from pairsmith.report.overview import Card
from pairsmith.report.synthvlm_run import LABELS, STAGE_LABELS, SynthvlmRun
from pairsmith.report.tables import is_clear


def headline(run: SynthvlmRun) -> str:
    """Selected against random, after the first stage and after the last."""
    found = run.differences.get(("selected", "random"), {})
    said = [
        f"{_verdict(found[stage, 'cider'])} {STAGE_LABELS[stage]}" for stage in run.stages if (stage, "cider") in found
    ]
    if not said:
        return "Selected and random pairs have not both been trained on yet: nothing can be said about the selection."
    told = ", and ".join(said)
    return f"Trained on the selected pairs, beside as many at random, the model's captions {told}."


def _verdict(value: Interval) -> str:
    ends = spread(value, sign=True)
    if not is_clear(value):
        return f"cannot be told apart ({signed(value.value)} CIDEr, {ends})"
    return f"are {'better' if value.value > 0 else 'worse'} by {decimal(abs(value.value))} CIDEr ({ends})"


def why(run: SynthvlmRun) -> str:
    """What the oracle says about the pairs of both; empty with own pairs."""
    shown, areas = run.pairs.get("shown", {}), run.pairs.get("telling_apart", {})
    exact = {arm: interval_of(shown.get(arm, {}).get("exact")) for arm in ("selected", "random", "all")}
    selected, drawn = exact["selected"], exact["all"]
    if selected is None or drawn is None:
        return ""
    text = (
        f"Of all drawn pictures {decimal(drawn.value)} % show exactly what their captions say, of the selected ones "
        f"{decimal(selected.value)} %."
    )
    if areas:
        told = ", ".join(
            f"{name} {decimal(areas[key], 2)}"
            for key, name in (("clip", "CLIPScore"), ("ssim", "SSIM"), ("weighted", "their sum"))
            if key in areas
        )
        text += f" Scores tell right pictures from wrong ones by so much (1: always, 0.5: by chance): {told}."
    return text


def cards(run: SynthvlmRun) -> list[Card]:
    """CIDEr after stage 1 of the main arms, and selected minus random after each stage."""
    found = []
    first = run.stages[0] if run.stages else ""
    for arm in ("selected", "random", "all", "real"):
        if arm not in run.settings.arms:
            continue
        value = run.arms[first][arm].cider if first and arm in run.arms[first] else None
        detail = f"CIDEr {STAGE_LABELS[first]}" if first else "CIDEr"
        seeds = plural(len({one["seed"] for one in run.entries if one["arm"] == arm}), "seed")
        found.append(
            Card(LABELS[arm], DASH, detail, "no results", arm)
            if value is None
            else Card(LABELS[arm], decimal(value.value), detail, spread(value), arm, seeds)
        )
    for stage in run.stages:
        value = run.differences.get(("selected", "random"), {}).get((stage, "cider"))
        if value is not None:
            clear = is_clear(value)
            words = "interval leaves out 0" if clear else "interval holds 0"
            found.append(
                Card("Selected − random", signed(value.value), f"CIDEr {STAGE_LABELS[stage]}",
                     spread(value, sign=True), "selected", words, not clear)
            )  # fmt: skip
    return found


def what_was_run(run: SynthvlmRun) -> list[str]:
    """Paragraphs for someone who has not read the paper."""
    settings, steps = run.settings, {step["step"]: step for step in run.curation.get("steps", [])}
    if run.own_pairs:
        found = f"The source pairs are your own, from “{run.source}”."
    else:
        source = settings.source
        found = (
            f"The source pairs are drawn scenes of a built-in world, and some are bad as pairs of the web are: of "
            f"{count(source.pairs)}, {percent(source.swapped)} have the caption of another picture, "
            f"{percent(source.fragments)} a piece of theirs, and {percent(source.advertising)} one that advertises."
        )
    left = steps.get("after scores against the original")
    kept = f" {plural(left['pairs'], 'caption')} came through." if left else ""
    repeat = settings.images.repeat
    pictures = "one picture of each" if repeat == 1 else f"{repeat} pictures of each"
    generator = "a small flow-matching model of the built-in world" if not run.own_pairs else settings.images.generator
    stage_2 = (
        " Stage 2 trains the language model too, on the same instructions for all arms."
        if "stage_2" in run.stages
        else " There is no stage 2 in this run."
    )
    return [
        "Which image–text pairs should a vision-language model learn from? This run follows SynthVLM: captions are "
        "curated, a diffusion model draws them, and of the drawn pairs the best by two scores are kept. CLIPScore "
        "says how well picture and caption fit; SSIM how little a picture loses on its way through the VLM's input "
        "size.",
        f"{found} Captions passed rules and were then ranked by CLIPScore with their original pictures; the best "
        f"share was kept.{kept} The generator, {generator}, drew {pictures}.",
        f"Every arm is a LLaVA. Stage 1 trains only its projector, for {count(settings.stage_1.training.steps)} steps "
        f"of {count(settings.stage_1.training.batch_size)} of the arm's pairs, so what it then says about pictures "
        f"shows most directly what the pairs are worth.{stage_2} Selected: the better picture of each caption, then "
        f"the best K by {settings.selection.by}; random and real: K pairs, drawn anew for every seed; all: every drawn "
        f"pair; top by a score: the best {percent(settings.selection.half)} of all pairs by that score alone.",
    ]


def facts(run: SynthvlmRun, preset: str) -> list[tuple[str, str]]:
    """What was run, as pairs of a name and a value."""
    settings = run.settings
    counts: Mapping[str, Any] = run.pairs.get("counts", {})
    steps = [step["pairs"] for step in run.curation.get("steps", [])]
    test = run.store("data/test")
    flow = settings.images.flow
    drawing = (
        f"{flow.steps} steps, guidance {flow.guidance:g}"
        if not run.own_pairs
        else f"{settings.images.diffusers.steps or 'its own number of'} steps"
    )
    stages = [settings.stage_1, *([settings.stage_2] if settings.stage_2 and "stage_2" in run.stages else [])]
    return [
        ("Preset", preset),
        ("Source pairs", count(steps[0]) if steps else DASH),
        ("Curated captions", count(steps[-1]) if steps else DASH),
        ("Drawn pairs", count(counts.get("all")) if counts else DASH),
        ("K", count(counts.get("selected")) if counts else DASH),
        ("Generator", f"{settings.images.generator}, {drawing}"),
        ("Scorer", settings.scoring.clip.model),
        ("LLaVA", f"{settings.stage_1.parts.vision_tower} and {settings.stage_1.parts.language_model}"),
        ("Training", "; ".join(f"{count(s.training.steps)} × {count(s.training.batch_size)}" for s in stages)),
        ("Seeds an arm", count(settings.seeds)),
        ("Test images", count(len(test)) if test else DASH),
        ("Hardware", run.hardware),
        ("Software", run.software(("torch", "transformers", "diffusers"))),
    ]


def limits(run: SynthvlmRun) -> list[str]:
    """What the figures do not show."""
    found = []
    if run.own_pairs:
        found.append("Pairs, models and training are small beside the paper's; so are the effects to expect.")
    else:
        found += [
            "Drawn scenes are a toy: few classes, few colours, a small grammar. What helps here need not help on "
            "photographs, and CIDEr runs far higher than on human captions.",
            "Scorer, generator and vision tower have learnt from scenes of the same kind, as CLIP and SDXL have from "
            "the web; they have not seen these pairs, but scenes repeat.",
            "SSIM rewards smooth pictures with few details. On scenes that means few and small objects, which has "
            "nothing to do with whether a picture is right.",
        ]
    if run.settings.seeds == 1:
        found.append("With one seed an arm, differences hold the luck of one training, which no interval here covers.")
    else:
        found.append(
            f"{plural(run.settings.seeds, 'seed')} say little about the spread of seeds, so intervals are wide. Seeds "
            "change the training and the random draws of pairs; curation and pictures are the same for all."
        )
    if set(run.settings.arms) - {one["arm"] for one in run.entries}:
        found.append("Arms are missing, so the comparison is not complete.")
    found += [
        "All arms take equal steps, so arms with fewer pairs see each of them more often.",
        "Intervals resample test images with CIDEr's word frequencies held fixed. Several differences are shown, and "
        "none is corrected for being one of several.",
        "Other shares, another generator, other noise may turn the result: it holds for these settings.",
    ]
    return found
