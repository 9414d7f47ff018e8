"""Synth²: from captions to a trained, measured VLM (Sharifzadeh et al., 2024).

Real pairs are scarce. A tokenizer turns pictures into tokens; a language model that has seen no picture writes
captions; a masked generator, trained on the real pairs alone, draws them as tokens; and a VLM learns from real and
synthetic tokens. It is compared with Baseline (real pairs alone) and, on scenes, with Gold (true pictures of the same
captions).

Every stage leaves a folder behind and is passed over when its folder is finished: a stopped run goes on where it was.
Started by `torchrun`, all processes train together and the first one does everything else (`place`).
"""

from __future__ import annotations

import logging
from pathlib import Path

from pairsmith.evaluation import write_environment, write_metrics
from pairsmith.pairs import PairStore
from pairsmith.pairs.outcome import NothingMade, commonest_reasons
from pairsmith.recipes.place import Place, open_place
from pairsmith.recipes.reporter import Reporter, Silent
from pairsmith.recipes.run_files import begin, save_json
from pairsmith.recipes.synth2 import arms, measure, models
from pairsmith.recipes.synth2.captioning import write_synthetic_captions
from pairsmith.recipes.synth2.data import Data, own_data, scene_data
from pairsmith.recipes.synth2.examination import examine
from pairsmith.recipes.synth2.models import Models
from pairsmith.recipes.synth2.requirements import check_requirements
from pairsmith.recipes.synth2.results import collect_metrics
from pairsmith.recipes.synth2.settings import Synth2Settings
from pairsmith.recipes.synth2.shipped import check_from_scratch, take_shipped
from pairsmith.recipes.synth2.speed import measure_speed
from pairsmith.stages.render import render_captions
from pairsmith.stages.token_renderer import TokenRenderer
from pairsmith.stages.tokenize import tokenize_images
from pairsmith.training.synthesis import Synthesizer

logger = logging.getLogger(__name__)


def run_synth2(
    settings: Synth2Settings,
    out: Path,
    *,
    real: Path | None = None,
    from_scratch: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Run the recipe, or what is left of it.

    Args:
        settings: of every stage.
        out: the run's folder.
        real: the user's own pairs (any importable folder or file) instead of scenes.
        from_scratch: train tokenizer and language model here even where trained ones ship with the package.
        reporter: shows the run; of several processes, that of the first.

    Returns:
        The path of `metrics.json`; the report is made from the folder by `pairsmith.report`.

    Raises:
        InputError: `out` holds a run with other settings, something that the run needs cannot be had, or the own pairs
            cannot be used.
    """
    settings = settings.with_seeds()
    check_requirements(settings, out, own_pairs=real is not None)
    with open_place(settings) as place:
        place.only_first(lambda: begin(settings, out, real))
        _run(settings, out, real, from_scratch, place, (reporter if place.first else None) or Silent())
    return out / "metrics.json"


def _run(
    settings: Synth2Settings, out: Path, real: Path | None, from_scratch: bool, place: Place, reporter: Reporter
) -> None:
    with reporter.stage("data"):
        data = place.in_turn(
            lambda: scene_data(settings, out / "data") if real is None else own_data(settings, real, out / "data")
        )

    with reporter.stage("tokenizer and language model"):
        if from_scratch:
            place.only_first(lambda: check_from_scratch(out / "models"))
        elif data.world is not None:
            place.only_first(lambda: take_shipped(settings, out / "models"))
        trained = models.pretrained_models(settings, data.pictures, data.text, out / "models", place, reporter)
        real_pairs = place.in_turn(lambda: tokenize_images(data.real, trained.tokenizer, out / "tokens" / "real"))
        test = place.in_turn(
            lambda: tokenize_images(data.test, trained.tokenizer, out / "tokens" / "test", keep_images=True)
        )

    with reporter.stage("generator"):  # §3.2: on the very pairs that the VLM is trained on
        generator = models.train_generator(
            settings,
            real_pairs,
            trained.tokenizer,
            trained.encoder,
            out / "models" / "generator",
            place,
            reporter.training("generator"),
        )
        synthesizer = Synthesizer(generator, trained.encoder, settings.sampling, settings.seed)

    with reporter.stage("captions"):  # §3.1
        captions = place.in_turn(lambda: write_synthetic_captions(settings, trained, out / "captions", reporter))

    with reporter.stage("synthetic images"):  # §3.2.2
        synthetic = place.in_turn(
            lambda: synthetic_pictures(settings, trained, captions, synthesizer, out / "synthetic", reporter)
        )
        gold = place.in_turn(lambda: true_pictures(settings, data, trained, captions, out / "gold"))

    with reporter.stage("examination of tokenizer, generator and captions"):
        place.only_first(lambda: examine(settings, data, trained, synthesizer, test, captions, out / "evaluation"))

    parts = arms.Ingredients(
        trained.lm, trained.hf_tokenizer, trained.tokenizer, real_pairs, test, captions, synthetic, gold
    )
    online = synthesizer if settings.synthesis.mode == "online" else None
    for seed in range(settings.seeds):
        for arm in settings.arms:
            if arm == "gold" and gold is None:
                continue
            with reporter.stage(f"VLM: {arm}, seed {seed}"):  # §3.3
                train_and_score(settings, arm, seed, parts, online, data, out, place, reporter)

    with reporter.stage("speed of both paths"):  # §4.2.4
        file = out / "evaluation" / "speed.json"
        if not place.is_there(file):
            place.only_first(lambda: save_json(file, measure_speed(settings, parts, synthesizer).to_dict()))

    place.only_first(lambda: write_metrics(out / "metrics.json", collect_metrics(settings, out)))
    place.only_first(lambda: write_environment(out / "environment.json"))


def synthetic_pictures(
    settings: Synth2Settings,
    trained: Models,
    captions: PairStore,
    synthesizer: Synthesizer,
    out: Path,
    reporter: Reporter,
) -> PairStore | None:
    """The captions with the generator's tokens; None where every training step draws its own."""
    if settings.synthesis.mode == "online":
        return None
    return render_captions(
        captions,
        TokenRenderer(synthesizer, trained.tokenizer),
        out,
        shard_rows=settings.synthesis.shard_rows,
        batch_rows=settings.synthesis.batch_rows,
        progress=reporter.rows("synthetic images"),
    )


def true_pictures(
    settings: Synth2Settings, data: Data, trained: Models, captions: PairStore, out: Path
) -> PairStore | None:
    """Gold's pairs: the captions with their true pictures; None where the arm is not wanted or no caption has one."""
    if data.world is None or "gold" not in settings.arms:
        return None
    try:
        return arms.render_truth(captions, data.world, trained.tokenizer, out)
    except NothingMade:
        reasons = commonest_reasons(row.reason for row in PairStore(out).iter_pairs([], status=None))
        logger.warning("Gold is left out, for no written caption has a true picture: %s", "; ".join(reasons))
        return None


def train_and_score(
    settings: Synth2Settings,
    arm: arms.Arm,
    seed: int,
    parts: arms.Ingredients,
    synthesizer: Synthesizer | None,
    data: Data,
    out: Path,
    place: Place,
    reporter: Reporter,
) -> None:
    """Train one VLM, unless its scores are there, and write model, captions and scores."""
    name = f"{arm}-{seed}"
    file = out / "evaluation" / "arms" / f"{name}.json"
    if place.is_there(file):
        return
    trained = arms.train_arm(
        settings,
        arm,
        parts,
        seed,
        out / "vlm" / name / "training",
        place,
        synthesizer=synthesizer,
        progress=reporter.training(f"VLM {name}"),
    )

    def save() -> None:
        trained.model.save_pretrained(out / "vlm" / name)
        scores = arms.score(trained.captions, parts.test)
        found = {
            "arm": arm,
            "seed": seed,
            "metrics": scores.metrics,
            "per_image": {"cider_d": scores.per_image["cider_d"].tolist()},
            "truth": measure.truth(parts.test, trained.captions) if data.world is not None else {},
            "captions": trained.captions,
            "curve": trained.result.evaluations,
            "steps_per_second": trained.result.steps_per_second,
        }
        save_json(file, found)

    place.only_first(save)
