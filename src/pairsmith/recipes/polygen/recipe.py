"""PolyGen: from concepts to a dual encoder trained on several generators and on hard negatives (Brusini et al., 2026).

A language model writes captions from concepts and semantic axes, and a hard negative of each. Several generators of
unlike architecture draw them. The same number of pictures can show many captions once, as SynthCLIP does with its one
generator, or fewer captions by every generator, or half as many again and their negatives. A dual encoder is trained on
each such arm, for equal steps, and measured on five tasks and two tests of composition.

Every stage leaves a folder behind and is passed over when its folder is finished: a stopped run goes on where it was.
"""

from __future__ import annotations

from pathlib import Path

from pairsmith.evaluation import write_environment, write_metrics
from pairsmith.pairs import PairStore
from pairsmith.recipes.finished import finished_store
from pairsmith.recipes.place import Place, open_place
from pairsmith.recipes.polygen import drawing, encoders, examination, suite
from pairsmith.recipes.polygen.arms import make_arms
from pairsmith.recipes.polygen.captioning import write_rows
from pairsmith.recipes.polygen.makers import Readers, check_generators, open_generator, train_generators
from pairsmith.recipes.polygen.results import collect_metrics
from pairsmith.recipes.polygen.settings import PolygenSettings
from pairsmith.recipes.reporter import Reporter, Silent
from pairsmith.recipes.run_files import begin, save_json
from pairsmith.recipes.side_by_side import check_at_once
from pairsmith.stages.allocation import Allocation
from pairsmith.stages.joined_allocation import JoinedAllocation
from pairsmith.stages.renderer import Renderer


def run_polygen(
    settings: PolygenSettings,
    out: Path,
    *,
    from_scratch: bool = False,
    at_once: int = 1,
    reporter: Reporter | None = None,
) -> Path:
    """Run the recipe, or what is left of it.

    Args:
        settings: of every stage.
        out: the run's folder.
        from_scratch: train here even what ships trained for the built-in scenes.
        at_once: generators, then encoders, trained at a time. More than one: in processes that import the calling
            script, which guards what it does with `if __name__ == "__main__"`.
        reporter: shows the run; of several processes, that of the first.

    Returns:
        The path of `metrics.json`; the report is made from the folder by `pairsmith.report`.

    Raises:
        InputError: `out` holds a run with other settings, or something that the run needs cannot be had.
    """
    settings = settings.with_seeds()
    check_generators(settings)
    suite.check_tests(settings.tests)
    with open_place(settings) as place:
        check_at_once(at_once, place)
        place.only_first(lambda: begin(settings, out))
        _run(settings, out, from_scratch, at_once, place, (reporter if place.first else None) or Silent())
    return out / "metrics.json"


def _run(
    settings: PolygenSettings, out: Path, from_scratch: bool, at_once: int, place: Place, reporter: Reporter
) -> None:
    arms = make_arms(settings)
    device = place.device.type

    with reporter.stage("captions and hard negatives"):
        rows = place.in_turn(lambda: write_rows(settings, out, device, reporter))

    with reporter.stage("allocation"):  # before anything is drawn
        plans = place.in_turn(lambda: drawing.plan_arms(settings, arms, rows, out / drawing.ALLOCATIONS))
        unseen = place.in_turn(
            lambda: examination.choose_captions(
                settings, rows, list(plans.values()), out / examination.FOLDER / "captions"
            )
        )

    with reporter.stage("generators"):
        readers = train_generators(settings, out, place, from_scratch, at_once, reporter)

    with reporter.stage("pictures"):
        pictures, unseen_pictures = place.in_turn(
            lambda: _draw(settings, out, rows, plans, unseen, readers, device, reporter)
        )
        pairs = place.in_turn(
            lambda: {
                arm.name: drawing.gather_arm(arm, plans[arm.name], rows, pictures, out / drawing.ARMS / arm.name)
                for arm in arms
            }
        )
        budgets = {arm.name: drawing.count_drawn(plans[arm.name], pairs[arm.name]) for arm in arms}
        place.only_first(lambda: save_json(out / "evaluation" / "budgets.json", budgets))

    with reporter.stage("tests"):
        place.only_first(lambda: suite.prepare_tests(settings, out / suite.FOLDER))

    encoders.train_encoders(settings, arms, out, place, at_once, reporter)

    with reporter.stage("examination of the generators"):
        place.only_first(lambda: _examine(settings, out, unseen_pictures, device))

    place.only_first(lambda: write_metrics(out / "metrics.json", collect_metrics(settings, out)))
    place.only_first(lambda: write_environment(out / "environment.json"))


def _draw(
    settings: PolygenSettings,
    out: Path,
    rows: PairStore,
    plans: dict[str, Allocation],
    unseen: PairStore,
    readers: Readers | None,
    device: str,
    reporter: Reporter,
) -> tuple[dict[str, PairStore], dict[str, PairStore]]:
    """What every generator draws: for the arms, and for the examination.

    One generator is in memory at a time, and none that has drawn everything.
    """
    pictures: dict[str, PairStore] = {}
    others: dict[str, PairStore] = {}
    extra = examination.plan_examination(settings, unseen)
    for entry in settings.generators:
        renderer: Renderer | None = None
        wanted = [plan for plan in plans.values() if entry.name in plan.counts()]
        for stores, captions, wishes, folder in (
            (pictures, rows, wanted, out / drawing.PICTURES),
            (others, unseen, [extra], out / examination.FOLDER / drawing.PICTURES),
        ):
            if not wishes:
                continue
            drawn = finished_store(
                folder / entry.name,
                captions=captions.fingerprint,
                allocation=JoinedAllocation(wishes).fingerprint(),
            )
            if drawn is None:
                renderer = renderer or open_generator(entry, settings, out, readers, device)
                drawn = drawing.draw_pictures(settings, captions, wishes, renderer, folder / entry.name, reporter)
            stores[entry.name] = drawn
    return pictures, others


def _examine(settings: PolygenSettings, out: Path, pictures: dict[str, PairStore], device: str) -> None:
    names = [arm.name for arm in make_arms(settings)]
    file = out / "evaluation" / "generators.json"
    if not file.is_file():
        # Variety is measured in the features of an encoder that saw all generators, where there is one.
        judge = "ensemble" if "ensemble" in names else names[-1]
        found = examination.examine_generators(settings, pictures, encoders.load_encoder(out, judge, 0, device))
        save_json(file, {**found, "encoder": judge})
    if len(pictures) < 2:
        return
    for name in names:
        for seed in range(settings.seeds):
            file = out / "evaluation" / f"probe-{name}-{seed}.json"
            if not file.is_file():
                encoder = encoders.load_encoder(out, name, seed, device)
                save_json(file, examination.probe_generators(settings, pictures, encoder))
