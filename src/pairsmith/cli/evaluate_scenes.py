"""`pairsmith evaluate scenes` and `delta-mtl`: everything at once on the built-in scenes, and many figures in one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.console import say
from pairsmith.cli.evaluate import Out, Seed
from pairsmith.cli.evaluate_encoders import MODEL_OPTION
from pairsmith.cli.options import BatchRows, Device, DeviceOption

if TYPE_CHECKING:
    from pairsmith.evaluation.image_text.dual_encoder import DualEncoder
    from pairsmith.evaluation.score import Score


def register(commands: typer.Typer) -> None:
    """Add the commands of this module."""
    commands.command("scenes")(evaluate_scenes)
    commands.command("delta-mtl")(evaluate_delta_mtl)


def evaluate_scenes(
    data: Annotated[
        Path, typer.Option("--data", metavar="FOLDER", help="Folder of the tests; made first where there is nothing.")
    ],
    model: Annotated[list[str] | None, MODEL_OPTION] = None,
    images: Annotated[
        int, typer.Option("--images", metavar="N", min=20, help="Scenes of a folder that is made.")
    ] = 500,
    image_size: Annotated[
        int, typer.Option("--image-size", metavar="PIXELS", min=16, help="Pixels a side of a made picture.")
    ] = 64,
    data_seed: Annotated[
        int, typer.Option("--data-seed", metavar="N", min=0, help="Seed of a folder that is made.")
    ] = 0,
    out: Out = None,
    batch_rows: BatchRows = 64,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Measure dual encoders on the built-in scenes.

    Nothing to download: retrieval, zero-shot, linear probe, few-shot, SugarCrepe and SugarCrepe++ in percent, and
    for every model but the first its Delta MTL against the first (the mean relative change of five of these).
    Without --model only the folder is made: pictures, COCO captions, VQAv2 questions, SugarCrepe files and a
    CLIP_benchmark folder.
    """
    from pairsmith.scenes import World, WorldSettings
    from pairsmith.scenes.benchmark_files import TRUTH_NAME, write_scene_benchmark

    if not (data / TRUTH_NAME).is_file():
        world = World(WorldSettings(image_size=image_size))
        write_scene_benchmark(data, world, images=images, seed=data_seed)
        say(f"Written: {data}")
    if not model:
        return
    from pairsmith.cli.encoders import measure
    from pairsmith.cli.figures import finish
    from pairsmith.cli.results import described
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.evaluation.scene_suite import MTL_TASKS, scene_suite_scores, suite_delta_mtl

    def work(encoder: DualEncoder) -> dict[str, Score]:
        return scene_suite_scores(encoder, data, batch_size=batch_rows, seed=seed)

    models, scores = measure(model, device.value, work)
    values = {name: {metric: score.value for metric, score in own.items()} for name, own in scores.items()}
    first = next(iter(values.values()))
    extra = {
        name: {"delta_mtl": Metric(suite_delta_mtl(own, first), len(MTL_TASKS))}
        for name, own in values.items()
        if own is not first
    }
    settings = {"models": models, "data": str(data), "truth": described(data / TRUTH_NAME), "seed": seed}
    finish(scores, extra, out, settings, seed=seed)


def evaluate_delta_mtl(
    metrics: Annotated[
        list[str],
        typer.Option(
            "--metrics", metavar="PATH", help="metrics.json of a model, or its folder. Repeat it, as NAME=FILE or FILE."
        ),
    ],
    baseline: Annotated[
        Path, typer.Option("--baseline", metavar="PATH", help="metrics.json of the baseline, or its folder.")
    ],
    task: Annotated[
        list[str],
        typer.Option(
            "--task",
            metavar="KEY",
            help="A key that both files have; repeat it. A leading - says that lower is better.",
        ),
    ],
    out: Out = None,
) -> None:
    """Mean relative change over a baseline, in percent.

    Delta MTL (SynthCLIP, appendix G): the mean over tasks of (model - baseline) / baseline, with the sign turned
    where lower is better. In the file: delta_mtl, and where higher is always better task_mean, the plain mean over
    tasks, as DataComp averages its 38.
    """
    from pairsmith.cli.figures import finish, model_names
    from pairsmith.cli.results import described
    from pairsmith.errors import InputError
    from pairsmith.evaluation.image_text.aggregates import delta_mtl, task_mean
    from pairsmith.evaluation.metrics_file import Metric, read_metrics

    lower = [name[1:] for name in task if name.startswith("-")]
    tasks = [name.removeprefix("-") for name in task]

    def chosen(path: Path) -> dict[str, float]:
        found = read_metrics(path)
        missing = [name for name in tasks if name not in found]
        if missing:
            raise InputError(f"{path}: has no figure {missing[0]!r}")
        return {name: found[name].value for name in tasks}

    models = model_names(metrics)
    base = chosen(baseline)
    extra: dict[str, dict[str, Metric]] = {}
    for name, path in models.items():
        values = chosen(Path(path))
        extra[name] = {"delta_mtl": Metric(delta_mtl(values, base, lower), len(tasks))}
        if not lower:
            extra[name]["task_mean"] = Metric(task_mean(values), len(tasks))
    settings = {
        "baseline": described(baseline),
        "metrics": {name: described(path) for name, path in models.items()},
        "tasks": tasks,
        "lower_is_better": lower,
    }
    finish({}, extra, out, settings)
