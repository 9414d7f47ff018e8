"""What a PolyGen run found, in sentences that its own figures decide, and what it does not show."""

from __future__ import annotations

from pairsmith.evaluation.bootstrap import Interval
from pairsmith.recipes.polygen.comparison import DELTA
from pairsmith.recipes.polygen.examination import TRUE
from pairsmith.report.numbers import PERCENT, count, decimal, finite, interval_of, plural, signed, spread
from pairsmith.report.polygen_run import BEST_RULE, PolygenRun
from pairsmith.report.tables import NOT_SIGNIFICANT, is_clear

CITATION = (
    "Brusini, Sbrolli, Lomurno, Yamasaki, Matteucci: PolyGen: Fully Synthetic Vision-Language Training via "
    "Multi-Generator Ensembles. arXiv 2602.01370, 2026. Delta MTL and the baseline's recipe: Hammoud et al., "
    "SynthCLIP, arXiv 2402.01832, 2024."
)
ITT = "sugarcrepe_pp_itt"
CLAIMED_DELTA, CLAIMED_COMPOSITION = 19.0, 9.1


def headline(run: PolygenRun) -> str:
    """The first sentence: the ensemble against the best single generator."""
    found = run.over_best(run.scores.get("ensemble"), DELTA)
    if found is None:
        return "The ensemble and the single generators cannot be compared yet: not all of them have results."
    views = f", {run.settings.view_count} pictures a caption," if run.settings.view_count > 1 else ""
    text = (
        f"At {count(run.settings.budget)} pictures an arm, the ensemble of {plural(len(run.generators), 'generator')}"
        f"{views} {_verdict(found.value)} the best single generator ({run.label(found.over)}): "
        f"{_percent(found.value)} in the mean over five tasks (Δ MTL)."
    )
    if found.seeds == 1:
        text += " Of one seed each: what another training would change is not in the interval."
    lacking = [run.label(name) for name in run.singles if name not in run.scores]
    if lacking:
        text += f" Another may turn out to be the best: without results are {'; '.join(lacking)}."
    return text


def composition(run: PolygenRun) -> str:
    """The second sentence: hard negatives."""
    negatives, ensemble = run.scores.get("negatives"), run.scores.get("ensemble")
    if negatives is None or ITT not in negatives.metrics:
        return ""
    over = run.over_best(negatives, ITT)
    against = [
        (over.value, f"the best single generator ({run.label(over.over)})") if over else (None, ""),
        (run.gap(negatives, ensemble, ITT), "the ensemble without negatives"),
        (run.gap(negatives, run.scores.get("negatives_constant"), ITT), "the same without a ramp"),
    ]
    said = [f"{_points(value)} against {words}" for value, words in against if value is not None]
    right = _with_ends(negatives.metrics[ITT])
    text = f"With hard negatives under the ramp the ensemble gets {right} of SugarCrepe++ ITT right"
    return f"{text}: {'; '.join(said)}." if said else f"{text}."


def seeds_note(run: PolygenRun) -> str:
    """What the intervals do and do not cover."""
    if not run.most_seeds:
        return ""
    if run.most_seeds == 1:
        return (
            "Intervals are 95 % intervals over test items. One seed an arm: how much another training would change is "
            "not known and not in them."
        )
    return (
        f"Intervals are 95 % intervals over test items and over seeds of the encoder ({run.most_seeds} an arm): the "
        "variances of both are added. Differences are taken on the same items and seeds."
    )


def fewer_seeds(run: PolygenRun) -> str:
    """Arms with fewer seeds than were asked for; empty where there is none."""
    said = [
        f"{run.label(name)} ({len(arm.seeds)})"
        for name, arm in run.scores.items()
        if len(arm.seeds) < run.settings.seeds
    ]
    if not said:
        return ""
    return (
        f"Fewer than the {run.settings.seeds} seeds asked for have results: {'; '.join(said)}. Two arms are compared "
        "over the seeds that both have. Of one seed, an interval covers test items alone: it is too narrow beside the "
        "others."
    )


def beside_the_paper() -> str:
    """What the paper claims, and of what."""
    return (
        f"The paper reports +{CLAIMED_DELTA:g}{PERCENT} over SynthCLIP on aggregate multi-task benchmarks and "
        f"+{CLAIMED_COMPOSITION:g}{PERCENT} on SugarCrepe++, with ViT-B/16 and pictures by diffusion models; whether "
        "the latter is relative is not known. SynthCLIP's part, one generator and no negatives, is played here by the "
        "baseline. Figures here stand beside these for their direction, not for their size."
    )


def probe(run: PolygenRun) -> str:
    """How well generators can be told apart by the features of single encoders and of the ensemble's."""
    singles = [run.probes[name] for name in run.singles if name in run.probes]
    ensemble = run.probes.get("ensemble")
    if not singles or ensemble is None:
        return ""
    low, high = (decimal(pick(value.value for value in singles)) for pick in (min, max))
    span = low if low == high else f"{low} to {high}"
    text = (
        f"A linear classifier names the generator of a picture in {span}{PERCENT} of cases from the features of "
        f"encoders trained on one generator, in {_with_ends(ensemble)} from the ensemble's"
    )
    chance = finite((run.result("probe-ensemble-0") or {}).get("chance"))
    return f"{text}." if chance is None else f"{text}; chance is {decimal(chance)}{PERCENT}."


def limits(run: PolygenRun) -> list[str]:
    """What the figures do not show."""
    found = [
        "The paper's generators, number of captions, final loss and share of negatives are not published: they are "
        "settings here, and other choices may do better or worse.",
        BEST_RULE,
        "A batch holds as many pictures in every arm, so with several pictures a caption it holds fewer captions to "
        "tell apart. The arm `mixed`, one picture a caption by all generators in turn, sets the two effects apart.",
        "Intervals cover the choice of test items and, with several seeds, that of the encoder's seed. Captions, "
        "generators and pictures are the same for all seeds: another draw of them would move the figures, too. Of "
        "many comparisons some leave out 0 by luck: intervals are not widened for their number.",
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
        found.append(
            "The built-in world draws a scene in one way alone, so a test picture of a combination that was not held "
            "out may equal one that a generator was trained on."
        )
    if run.most_seeds == 1:
        found.append("With one seed an arm, differences hold the luck of one training, which no interval here covers.")
    failed = sum(own.get("failed", 0) for own in (run.result("budgets") or {}).values())
    if failed:
        found.append(f"{plural(failed, 'row')} of the arms could not be drawn and teach nothing.")
    return found


def truth(run: PolygenRun) -> str:
    """How often each generator draws what it is told, and what the oracle says of pictures that are right."""
    found = (run.result("generators") or {}).get("generators") or {}
    exact = {name: interval_of(own["truth"].get("exact")) for name, own in found.items()}
    said = [f"{name} {_with_ends(value)}" for key, name in run.generators.items() if (value := exact.get(key))]
    if not said:
        return ""
    text = f"Pictures that show everything their caption says, as an oracle sees them: {', '.join(said)}."
    ceiling = exact.get(TRUE)
    return text if ceiling is None else f"{text} Of true pictures it says so in {_with_ends(ceiling)}."


def _verdict(found: Interval) -> str:
    clear = is_clear(found)
    if clear is None:
        return "stands, without an interval, beside"
    if not clear:
        return "cannot be told apart from"
    return "is better than" if found.value > 0 else "is worse than"


def _percent(found: Interval) -> str:
    return f"{signed(found.value)}{PERCENT}{_ends(found, sign=True)}"


def _points(found: Interval) -> str:
    words = f", {NOT_SIGNIFICANT}" if is_clear(found) is False else ""
    return f"{signed(found.value)} points{_ends(found, sign=True)}{words}"


def _with_ends(found: Interval) -> str:
    return f"{decimal(found.value)}{PERCENT}{_ends(found)}"


def _ends(found: Interval, sign: bool = False) -> str:
    ends = spread(found, sign=sign)
    return f" ({ends})" if ends else ""
