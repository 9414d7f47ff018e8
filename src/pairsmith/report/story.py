"""The sentences of a report: what was run, what came out and what it does not show, in plain words.

They take no side: a fall is called a fall, and what a run cannot tell apart is not told apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pairsmith.recipes.synth2.measure import FRECHET
from pairsmith.report.arms import LABELS, ArmResult, difference
from pairsmith.report.numbers import count, data_size, decimal, finite, percent, plural, signed, significant, spread
from pairsmith.report.paper_tables import Sizes
from pairsmith.report.published import CLUSTERS, GENERATOR_FID
from pairsmith.report.run_folder import RunFolder

_WRITERS = {
    "language-model": "the same frozen language model that speaks in the VLM",
    "transformers": "an instruction-tuned language model",
    "server": "a language model behind a server",
}


def what_was_run(run: RunFolder, sizes: Sizes) -> list[str]:
    """Paragraphs for someone who has not read the paper."""
    if run.own_pairs:
        data, unpaired = f"The real pairs are your own, from “{run.source}”", ""
    else:
        data = "The real pairs are drawn scenes of a built-in world, whose content is known exactly"
        unpaired = (
            " Tokenizer and language model have seen further pictures and sentences, never together; among them are "
            "the combinations that no pair shows."
        )
    real = f": {plural(sizes.real, 'pair')} to learn from" if sizes.real is not None else ""
    test = ""
    if run.test is not None:
        test = f", and {plural(len(run.test), 'image')} held back for the test"
        references = [len(row) for row in run.test.column("references").to_pylist() if row]
        if references:
            mean = decimal(sum(references) / len(references)).removesuffix(".0")
            test += f", with {mean} reference caption{'' if mean == '1' else 's'} each"
    writer = _WRITERS.get(str(run.setting("writer.kind")), "a language model")
    wanted = finite(run.setting("synthesis.captions"))
    asked = "captions" if wanted is None else plural(int(wanted), "caption")
    fraction = finite(run.setting("synthesis.fraction"))
    share = "" if fraction is None else f" {percent(fraction)} of every batch is synthetic, except for Baseline."
    on_the_fly = run.setting("synthesis.mode") == "online"
    made = "anew in every epoch" if on_the_fly else "once"
    return [
        "Can a vision-language model (VLM) learn from image–text pairs that other models made up? This run follows "
        "Synth²: a tokenizer turns pictures into a few discrete tokens; a language model writes captions; a masked "
        "generator draws them as tokens; and the VLM learns from these tokens, so that synthetic pictures need "
        "not be rendered.",
        f"{data}{real}{test}. The generator was trained on these real pairs alone.{unpaired} "
        f"{writer[:1].upper()}{writer[1:]} was asked for {asked}, and those kept were "
        f"drawn {made}.{share} All VLMs take equally many steps of equally large batches from the same seeds.",
    ]


def headline(arms: Mapping[str, ArmResult]) -> str:
    """The result in a sentence."""
    ciders = {name: arms[name].cider if name in arms else None for name in ("baseline", "synthetic")}
    missing = [LABELS[name] for name, cider in ciders.items() if cider is None]
    if missing:
        return f"{' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no results, so nothing is compared."
    before, after = (cider.value for cider in ciders.values() if cider is not None)
    found = difference(arms["synthetic"], arms["baseline"])
    assert found is not None
    moved = f"from {decimal(before)} to {decimal(after)}"
    direction = "rose" if found.value.value > 0 else "fell"
    if not found.overlap:
        return f"With synthetic pairs in every batch, CIDEr {direction} {moved}; the two intervals lie apart."
    if found.clear_by_image:
        return (
            f"With synthetic pairs in every batch, CIDEr {direction} {moved}. The two intervals overlap, so this is "
            f"not significant by that test; image by image the difference is {signed(found.value.value)} "
            f"({spread(found.value, sign=True)})."
        )
    if decimal(before) == decimal(after):
        return f"With synthetic pairs in every batch, CIDEr stayed at {decimal(after)}."
    return f"With synthetic pairs in every batch, CIDEr went {moved}: not significant, this run cannot tell them apart."


def gold_share(arms: Mapping[str, ArmResult]) -> str:
    """How much of what true pictures would bring the synthetic ones bring."""
    if not {"baseline", "synthetic", "gold"} <= set(arms):
        return ""
    possible, reached = difference(arms["gold"], arms["baseline"]), difference(arms["synthetic"], arms["baseline"])
    if possible is None or reached is None or possible.overlap or possible.value.value <= 0:
        return ""
    share = reached.value.value / possible.value.value
    return (
        f"True pictures of the same captions (Gold) bring {signed(possible.value.value)} CIDEr; the generated ones "
        f"bring {signed(reached.value.value)}, {percent(share)} of that."
    )


def gold_left_out(run: RunFolder) -> str:
    """Why there is no Gold, where it was asked for."""
    if "gold" not in run.wanted_arms or "gold" in run.arms:
        return ""
    store = run.store("gold")
    rows = 0 if store is None else sum(store.counts().values())
    if store is None or not rows or len(store):
        return ""
    return (
        f"Gold was left out: not one of {plural(rows, 'written caption')} is a sentence of the built-in world's "
        "language, so there are no true pictures of them."
    )


def parity(arms: Mapping[str, ArmResult]) -> str:
    """When Synth² passes Baseline's last point (paper Figure 5)."""
    baseline, synthetic = arms.get("baseline"), arms.get("synthetic")
    if not baseline or not synthetic or len(baseline.curve) < 2 or len(synthetic.curve) < 2:
        return "The learning curves are too short to say when one arm overtakes the other."
    goal, last = baseline.curve[-1].mean, baseline.curve[-1].step
    step = next((point.step for point in synthetic.curve if point.mean >= goal), None)
    if step is None:
        return f"Synth² does not reach Baseline's last CIDEr ({decimal(goal)}) in this run."
    return (
        f"Synth² reaches Baseline's last CIDEr ({decimal(goal)}, after {count(last)} steps) at the point after "
        f"{count(step)} steps, {percent(step / last)} of them."
    )


def speed(found: Mapping[str, Any]) -> str:
    """What the stage times say about the ratio."""
    ratio = finite((found.get("ratio") or {}).get("value"))
    stages = {name: time for name, value in (found.get("stages_ms") or {}).items() if (time := finite(value))}
    if ratio is None:
        return "The ratio of the two paths was not measured."
    text = f"Training from embeddings runs at {decimal(ratio, 2)} times the rate of training from pixels."
    extra = stages.get("decode to pixels", 0.0) + stages.get("encode pixels", 0.0)
    rest = sum(stages.values()) - extra
    if extra and rest > 0:
        text += (
            f" Decoding to pixels and encoding them again takes {decimal(extra, 0)} ms beside the {decimal(rest, 0)} "
            f"ms of all other stages timed here, which alone would make a ratio of {decimal(1 + extra / rest, 2)}."
        )
    agreement = finite(found.get("token_agreement"))
    if agreement is not None:
        text += f" {percent(agreement, 1)} of the tokens come back as they were from the way through pixels."
    sizes = {name: finite(size) for name, size in (found.get("bytes_per_image") or {}).items()}
    tokens, pixels = sizes.get("tokens"), sizes.get("pixels")
    if tokens and pixels:
        text += (
            f" A picture takes {data_size(tokens)} as tokens and {data_size(pixels)} as raw pixels, "
            f"{count(pixels / tokens)} times as much."
        )
    return text


def diversity(sets: Mapping[str, Mapping[str, Any]], clusters: int) -> str:
    """Which set of captions is spread more evenly."""
    found = {name: finite((values.get("entropy_bits") or {}).get("mean")) for name, values in sets.items()}
    synthetic, real = found.get("synthetic"), found.get("real")
    if synthetic is None or real is None:
        return "Only one set of captions was measured."
    stds = [finite((sets[name].get("entropy_bits") or {}).get("std")) or 0.0 for name in ("synthetic", "real")]
    if abs(synthetic - real) <= sum(stds):
        compared = "Synthetic and real captions are spread alike"
    else:
        compared = f"Synthetic captions are spread {'more' if synthetic > real else 'less'} evenly than real ones"
    return (
        f"{compared}: {decimal(synthetic, 2)} against {decimal(real, 2)} bits, of {decimal(math.log2(clusters), 2)} "
        f"that an even spread over {clusters} clusters has."
    )


def quality(run: RunFolder) -> list[str]:
    """The tokenizer and the generator in figures."""
    sentences = []
    tokenizer, generator = run.result("tokenizer"), run.result("generator")
    if tokenizer:
        sentences.append(
            f"The tokenizer gives test pictures back at {decimal(tokenizer.get('psnr'))} dB (PSNR) and uses "
            f"{percent(tokenizer.get('usage'))} of its codes; the Fréchet distance of its copies is "
            f"{significant(tokenizer.get(FRECHET))}."
        )
    if generator:
        sentences.append(
            f"The generator's {plural(generator.get('pictures'), 'picture')} of test captions lie at a Fréchet "
            f"distance of {significant(generator.get(FRECHET))}. Both distances are taken in the tokenizer's own "
            f"features, so they cannot be compared with distances between Inception's features, such as the paper's "
            f"{GENERATOR_FID}."
        )
        cut = finite(generator.get("text_truncated"))
        if cut:
            sentences.append(f"{100 * cut:.2g} % of the captions were longer than the generator reads, and were cut.")
    return sentences


def truth(arms: Mapping[str, ArmResult]) -> str:
    """Held-out combinations: the test of composition."""
    exact = {
        name: value for name, arm in arms.items() if (value := arm.truth.get("held-out", {}).get("exact")) is not None
    }
    if not {"baseline", "synthetic"} <= set(exact):
        return ""
    ours, base = exact["synthetic"], exact["baseline"]
    return (
        f"Of scenes with a combination that no real pair shows, Synth² describes {percent(ours.value / 100, 1)} "
        f"exactly ({spread(ours)}), Baseline {percent(base.value / 100, 1)} ({spread(base)})."
    )


def image_overlap(run: RunFolder) -> str | None:
    """How many test images occur twice, or among the training pairs."""
    found = run.result("overlap") or {}
    tested, distinct, trained = (finite(found.get(key)) for key in ("test", "distinct", "in_training"))
    if tested is None or distinct is None or trained is None or (distinct == tested and not trained):
        return None
    sentence = (
        f"Of the {count(tested)} test images, {count(distinct)} differ from one another, and {count(trained)} are also "
        "images of real training pairs"
    )
    if run.own_pairs:
        return f"{sentence}."
    return (
        f"{sentence}: a scene is drawn in one way alone, and combinations that real pairs show come again in the test. "
        "What was held out is in no real pair."
    )


def limits(run: RunFolder) -> list[str]:
    """What the figures do not show."""
    found = []
    if run.own_pairs:
        found.append(
            "The pairs, the models and the training are small beside the paper's; so are the effects to expect."
        )
    else:
        found.append(
            "Drawn scenes are a toy: few classes, few colours, a small grammar. What helps here need not help on "
            "photographs, and CIDEr runs far higher than on human captions."
        )
    if left_out := gold_left_out(run):
        found.append(left_out)
    if overlap := image_overlap(run):
        found.append(overlap)
    if any(len(arm.seeds) == 1 for arm in run.arms.values()) or not run.arms:
        found.append("With one seed an arm, differences hold the luck of one training, which no interval here covers.")
    found += [
        "Intervals resample test images with CIDEr's word frequencies held fixed; they say how much the choice of "
        "images matters and nothing else. Overlapping intervals are called not significant, which is a cautious test.",
        "Speed depends on the machine and its load; the ratio of the two paths depends on the sizes of the models.",
        f"Entropy and concentration depend on the number of clusters and on the language model that embeds the "
        f"captions; the paper's are over {CLUSTERS} clusters with another model.",
        "The synthetic part of a batch, and how long the generator was trained, move the result: other choices may do "
        "better or worse.",
    ]
    return found
