"""SynthVLM: from web pairs to a LLaVA trained on drawn pictures (Liu et al., 2024, arXiv 2407.20756).

Captions of web pairs are curated by rules and by how well they fit their original pictures; a diffusion model draws
them; CLIPScore and SSIM choose the best pairs; and a LLaVA's projector learns from those, before all of it learns from
instructions. Trained on the selected pairs it is compared with ones trained on all, on as many drawn at random, on the
top half by each score alone, and on as many real pairs.

Every stage leaves a folder or a file behind and is passed over when that is finished: a stopped run goes on where it
was. Started by `torchrun`, all processes train together and the first one does everything else (`place`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pairsmith.curation.scoring import score_pairs
from pairsmith.evaluation import write_environment, write_metrics
from pairsmith.pairs import PairStore
from pairsmith.recipes.finished import finished_store
from pairsmith.recipes.place import Place, open_place
from pairsmith.recipes.reporter import Reporter, Silent
from pairsmith.recipes.run_files import begin, save_json
from pairsmith.recipes.synthvlm import arms, examination
from pairsmith.recipes.synthvlm.curate import curate, examine_curation
from pairsmith.recipes.synthvlm.data import Data, own_data, scene_data
from pairsmith.recipes.synthvlm.models import open_generator, pair_scores
from pairsmith.recipes.synthvlm.pairs import ArmPairs, Stores, choose, choose_and_keep
from pairsmith.recipes.synthvlm.requirements import check_models
from pairsmith.recipes.synthvlm.results import collect_metrics
from pairsmith.recipes.synthvlm.settings import Arm, SynthvlmSettings
from pairsmith.stages.render import render_captions


def run_synthvlm(
    settings: SynthvlmSettings, out: Path, *, real: Path | None = None, reporter: Reporter | None = None
) -> Path:
    """Run the recipe, or what is left of it.

    Args:
        settings: of every stage.
        out: the run's folder.
        real: the user's own pairs (any importable folder or file) instead of scenes.
        reporter: shows the run; of several processes, that of the first.

    Returns:
        The path of `metrics.json`; the report is made from the folder by `pairsmith.report`.

    Raises:
        InputError: `out` holds a run with other settings, a model cannot be had, or the own pairs cannot be used.
    """
    settings = settings.with_seeds()
    check_models(settings, out, own_pairs=real is not None)
    with open_place(settings) as place:
        place.only_first(lambda: begin(settings, out, real))
        _run(settings, out, real, place, (reporter if place.first else None) or Silent())
    return out / "metrics.json"


def _run(settings: SynthvlmSettings, out: Path, real: Path | None, place: Place, reporter: Reporter) -> None:
    with reporter.stage("data"):
        data = place.in_turn(
            lambda: scene_data(settings, out / "data") if real is None else own_data(settings, real, out / "data")
        )

    with reporter.stage("curation of captions"):
        place.only_first(lambda: score(settings, data.source, out, place, reporter, originals=True))
        curated = place.in_turn(lambda: curate(settings, data.source, out / "captions", place.device.type, reporter))

    with reporter.stage("images"):
        drawn = place.in_turn(lambda: draw(settings, curated, out, place, reporter))

    with reporter.stage("scores"):
        place.only_first(lambda: score(settings, drawn, out, place, reporter, originals=False))

    stores = Stores(data.source, curated, drawn)
    with reporter.stage("selection and examination of pairs"):
        place.only_first(lambda: examine(settings, data, stores, out / "evaluation"))

    quiz = arms.scene_quiz(data.world, data.test, settings.seed) if data.world is not None else None
    for seed in range(settings.seeds):
        for arm in settings.arms:
            with reporter.stage(f"LLaVA: {arm}, seed {seed}"):
                train_and_look(settings, arm, seed, data, stores, quiz, out, place, reporter)

    place.only_first(lambda: write_metrics(out / "metrics.json", collect_metrics(settings, out)))
    place.only_first(lambda: write_environment(out / "environment.json"))


def score(
    settings: SynthvlmSettings, store: PairStore, out: Path, place: Place, reporter: Reporter, *, originals: bool
) -> None:
    """Give the pairs of a store their scores; those that are there are not computed again."""
    score_pairs(
        store,
        pair_scores(settings, out / "models", place.device.type, originals=originals),
        threads=settings.scoring.workers,
        progress=reporter.rows("scores of real pairs" if originals else "scores of drawn pairs"),
    )


def draw(settings: SynthvlmSettings, curated: PairStore, out: Path, place: Place, reporter: Reporter) -> PairStore:
    """The generator's pictures of the curated captions; it is not opened where they are drawn."""
    found = finished_store(out / "images", captions=curated.fingerprint)
    if found is not None:
        return found
    return render_captions(
        curated,
        open_generator(settings, out / "models", place.device.type),
        out / "images",
        repeat=settings.images.repeat,
        shard_rows=settings.images.shard_rows,
        batch_rows=settings.images.batch_rows,
        progress=reporter.rows("images"),
    )


def examine(settings: SynthvlmSettings, data: Data, stores: Stores, folder: Path) -> None:
    """Write curation.json and pairs.json: what became of the captions, and what the arms' pairs are like."""
    if not (folder / "curation.json").is_file():
        save_json(folder / "curation.json", examine_curation(stores.source, stores.curated, data.world is not None))
    if (folder / "pairs.json").is_file():
        return
    named: tuple[Arm, ...] = ("real", "curated", "all", "random", "selected", "clip", "ssim")
    pairs: Mapping[str, ArmPairs] = {arm: choose(settings, arm, stores) for arm in named}
    found = {
        "counts": {arm: len(chosen.positions) for arm, chosen in pairs.items()},
        "scores": examination.compare_pairs(settings, pairs),
    }
    if data.world is not None:
        found |= examination.examine_pictures(settings, data.world, stores.source, stores.drawn)
        found["shown"] = examination.shown_by_arm(pairs)
        found["kinds"] = examination.kinds_by_arm(pairs)
        found["telling_apart"] = examination.telling_apart(settings, stores.drawn)
    save_json(folder / "pairs.json", found)


def train_and_look(
    settings: SynthvlmSettings,
    arm: Arm,
    seed: int,
    data: Data,
    stores: Stores,
    quiz: arms.Quiz | None,
    out: Path,
    place: Place,
    reporter: Reporter,
) -> None:
    """Train one LLaVA in both stages, unless its figures are there, and write what it says about the test images."""
    name = f"{arm}-{seed}"
    file, folder = out / "evaluation" / "arms" / f"{name}.json", out / "llava" / name
    if place.is_there(file):
        return
    pairs = place.in_turn(lambda: choose_and_keep(settings, arm, stores, seed))
    found: dict = {"arm": arm, "seed": seed, "pairs": len(pairs.positions)}
    llava = arms.train_stage_1(settings, pairs, seed, out / "models", folder / "stage-1", place, reporter)
    place.only_first(lambda: found.update(stage_1=arms.look(settings, data, llava, 1, place, quiz)))
    if settings.stage_2 is not None and data.instructions is not None:
        tuned = arms.train_stage_2(settings.stage_2, data, seed, llava, folder / "stage-2", place, reporter)
        place.only_first(lambda: found.update(stage_2=arms.look(settings, data, tuned, 2, place, quiz)))
    place.only_first(lambda: save_json(file, found))
