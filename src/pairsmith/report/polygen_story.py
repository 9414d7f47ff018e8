"""What a PolyGen run found, in sentences that its own figures decide, and what it does not show."""

from __future__ import annotations

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.recipes.polygen.comparison import delta, difference
from pairsmith.report.numbers import PERCENT, count, decimal, interval_of, plural, signed, spread
from pairsmith.report.polygen_run import PolygenRun

CITATION = (
    "Brusini, Sbrolli, Lomurno, Yamasaki, Matteucci: PolyGen: Fully Synthetic Vision-Language Training via "
    "Multi-Generator Ensembles. arXiv 2602.01370, 2026. Delta MTL and the baseline's recipe: Hammoud et al., "
    "SynthCLIP, arXiv 2402.01832, 2024."
)
CLAIMED_DELTA, CLAIMED_COMPOSITION = 19.0, 9.1


def headline(run: PolygenRun) -> str:
    """The first sentence: the ensemble against the best single generator."""
    ensemble, best = run.scores.get("ensemble"), run.best
    if ensemble is None or best is None:
        return "The arms that are to be compared have no results yet."
    found = delta(ensemble, best)
    verdict = _verdict(found)
    return (
        f"At {count(run.settings.budget)} pictures an arm, {plural(len(run.generators), 'generator')} on fewer "
        f"captions {verdict} over the best single one ({run.label(best.name)}): {_percent(found)} in Δ MTL."
    )


def composition(run: PolygenRun) -> str:
    """The second sentence: hard negatives."""
    negatives, best, ensemble = run.scores.get("negatives"), run.best, run.scores.get("ensemble")
    if negatives is None or best is None:
        return ""
    key = "sugarcrepe_pp_itt"
    over = difference(negatives, best, key)
    text = f"With hard negatives under the ramp, SugarCrepe++ (ITT) moves by {_points(over)} against it"
    if ensemble is not None:
        text += f", {_points(difference(negatives, ensemble, key))} against the ensemble without"
    constant = run.scores.get("negatives_constant")
    if constant is not None:
        text += f", {_points(difference(negatives, constant, key))} against the same without a curriculum"
    return f"{text}."


def beside_the_paper() -> str:
    """What the paper claims, and of what."""
    return (
        f"The paper reports +{CLAIMED_DELTA:g}{PERCENT} over SynthCLIP on aggregate multi-task benchmarks and "
        f"+{CLAIMED_COMPOSITION:g}{PERCENT} on SugarCrepe++, with ViT-B/16 and pictures by diffusion models; whether "
        "the latter is relative is not known. Figures here stand beside these for their direction, not for their size."
    )


def probe(run: PolygenRun) -> str:
    """Can generators be told apart before and after ensemble training?"""
    chance = 100 / max(1, len(run.generators))
    singles = [value for name, value in run.probes.items() if name.startswith("single_")]
    ensemble = run.probes.get("ensemble")
    if not singles or ensemble is None:
        return ""
    low, high = (decimal(pick(value.value for value in singles)) for pick in (min, max))
    span = low if low == high else f"{low} to {high}"
    return (
        f"A linear classifier names the generator of a picture in {span}{PERCENT} of cases from the features of "
        f"encoders trained on one generator, in {decimal(ensemble.value)}{PERCENT} ({spread(ensemble)}) from the "
        f"ensemble's; chance is {decimal(chance)}{PERCENT}."
    )


def limits(run: PolygenRun) -> list[str]:
    """What the figures do not show."""
    found = [
        "The paper's generators, number of captions, final loss and share of negatives are not published: they are "
        "settings here, and other choices may do better or worse.",
        "The best single generator is the one with the largest Δ MTL on these very tests, so a gain in Δ MTL over it "
        "is rather too small than too large. On other figures another single generator may be better.",
        "A batch holds as many pictures in every arm, so with several pictures a caption it holds fewer captions to "
        "tell apart. The arm `mixed`, one picture a caption by all generators in turn, sets the two effects apart.",
        "Intervals hold the choice of test items and, with several seeds, that of the encoder's seed. Captions, "
        "generators and pictures are the same for all seeds: another draw of them would move the figures, too.",
        "Δ MTL is a mean of relative changes: the task on which the baseline is worst weighs most, and a task near its "
        "ceiling can gain next to nothing.",
        "Few-shot episodes are counted as if they were independent of the probe's pictures, which they are drawn from.",
    ]
    if run.settings.on_scenes:
        found.insert(
            0,
            "Drawn scenes are a toy: few shapes, few colours, a small grammar, encoders of two layers. What helps here "
            "need not help on photographs.",
        )
        found.append("A scene is drawn in one way alone, so pictures of combinations that were seen may come again.")
    if run.settings.seeds == 1:
        found.append("With one seed an arm, differences hold the luck of one training, which no interval here covers.")
    failed = sum(own.get("failed", 0) for own in (run.result("budgets") or {}).values())
    if failed:
        found.append(f"{plural(failed, 'row')} of the arms could not be drawn and teach nothing.")
    return found


def truth(run: PolygenRun) -> str:
    """How often each generator draws what it is told."""
    found = (run.result("generators") or {}).get("generators") or {}
    exact = {name: interval_of(own["truth"].get("exact")) for name, own in found.items() if name in run.generators}
    said = [f"{run.generators[name]} {decimal(value.value)}{PERCENT}" for name, value in exact.items() if value]
    return f"Pictures that show everything their caption says: {', '.join(said)}." if said else ""


def _verdict(found: Interval) -> str:
    if found.low is None or found.high is None:
        return "change"
    if found.low > 0:
        return "gain"
    return "lose" if found.high < 0 else "give no gain that is clear"


def _percent(found: Interval) -> str:
    ends = spread(found, sign=True)
    return f"{signed(found.value)}{PERCENT}" + (f" ({ends})" if ends else "")


def _points(found: Interval) -> str:
    ends = spread(found, sign=True)
    return f"{signed(found.value)} points" + (f" ({ends})" if ends else "")
