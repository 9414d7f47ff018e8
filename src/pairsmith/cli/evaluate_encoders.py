"""`pairsmith evaluate clipscore`, `retrieval`, `zero-shot`, `probe` and `few-shot`: dual encoders on standard tests."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.console import plural, say
from pairsmith.cli.evaluate import Out, Seed
from pairsmith.cli.options import BatchRows, Device, DeviceOption

if TYPE_CHECKING:
    from pairsmith.evaluation.image_text.dual_encoder import DualEncoder
    from pairsmith.evaluation.score import Score

MODEL_OPTION = typer.Option(
    "--model",
    metavar="MODEL",
    help="Dual encoder: a folder in open_clip's layout, ARCHITECTURE:WEIGHTS as in ViT-B-32:laion2b_s34b_b79k, or "
    "hf-hub:ID. Repeat it to compare several, as NAME=MODEL or MODEL.",
)
Models = Annotated[list[str], MODEL_OPTION]
Images = Annotated[
    Path | None,
    typer.Option(
        "--images", metavar="FOLDER", help="Folder of the pictures that a JSON file names; COCO's val2017, say."
    ),
]
Classified = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Classified pictures: a CLIP_benchmark WebDataset folder, folders of a name for each class, or a pair "
        "store (the concept is the class).",
    ),
]


class ProbeSolver(StrEnum):
    """How a linear probe is fitted."""

    lbfgs = "lbfgs"
    adamw = "adamw"


def register(commands: typer.Typer) -> None:
    """Add the commands of this module."""
    commands.command("clipscore")(evaluate_clipscore)
    commands.command("retrieval")(evaluate_retrieval)
    commands.command("zero-shot")(evaluate_zero_shot)
    commands.command("probe")(evaluate_probe)
    commands.command("few-shot")(evaluate_few_shot)


def evaluate_clipscore(
    model: Models,
    results: Annotated[
        Path,
        typer.Option(
            "--results",
            "--predictions",
            metavar="PATH",
            help="Captions to score: COCO results (JSON), or a pair store with pictures.",
        ),
    ],
    references: Annotated[
        Path | None,
        typer.Option(
            "--references",
            metavar="PATH",
            help="For JSON results: COCO annotations or Karpathy JSON, which name the files.",
        ),
    ] = None,
    images: Images = None,
    split: Annotated[str | None, typer.Option("--split", metavar="NAME", help="Split of a Karpathy file.")] = None,
    out: Out = None,
    batch_rows: BatchRows = 64,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Score captions by their pictures: CLIPScore.

    CLIPScore and RefCLIPScore as Hessel et al. define them, on their scale (0 to 2.5; a good caption has about 0.8
    with ViT-B/32 of OpenAI, the published model). In the file: clipscore, and ref_clipscore where there are references.
    """
    from pairsmith.cli.captioned_pictures import captioned_pictures
    from pairsmith.cli.encoders import measure_and_tell
    from pairsmith.evaluation.image_text.clipscore import clip_scores

    found = captioned_pictures(results, references, images, split)

    def work(encoder: DualEncoder) -> dict[str, Score]:
        return clip_scores(encoder, found.pictures, found.captions, found.references, batch_size=batch_rows).scores()

    settings = {"references": references, "results": results, "images": images, "split": split}
    measure_and_tell(model, device.value, work, out, settings, seed, digits=4)


def evaluate_retrieval(
    model: Models,
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="FOLDER",
            help="Images with captions: COCO annotations or a Karpathy JSON (with --images), a CLIP_benchmark "
            "WebDataset folder, or a pair store.",
        ),
    ],
    images: Images = None,
    split: Annotated[
        str | None, typer.Option("--split", metavar="NAME", help="Split of a Karpathy file or a folder.")
    ] = None,
    out: Out = None,
    batch_rows: BatchRows = 64,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Find images by captions, and captions by images.

    Recall at 1, 5 and 10 in percent, counted as CLIP_benchmark does: a query counts when any of its positives is
    among the nearest. In the file: image_retrieval_r1, text_retrieval_r1 and so on.
    """
    from pairsmith.cli.encoders import measure_and_tell
    from pairsmith.evaluation.image_text.retrieval import retrieval_scores
    from pairsmith.evaluation.image_text.retrieval_files import read_retrieval

    found = read_retrieval(data, images, split)
    say(f"{plural(len(found.ids), 'image')}, {plural(len(found.texts), 'caption')}")

    def work(encoder: DualEncoder) -> dict[str, Score]:
        return retrieval_scores(encoder, found, batch_size=batch_rows)

    measure_and_tell(model, device.value, work, out, {"data": data, "images": images, "split": split}, seed)


def evaluate_zero_shot(
    model: Models,
    data: Classified,
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Split of the data.")] = "test",
    templates: Annotated[
        Path | None,
        typer.Option(
            "--templates",
            metavar="FILE",
            help="Prompts: text, one a line with {c} for the class, or JSON, a list of these or a list for each class. "
            "[default: those of the data]",
        ),
    ] = None,
    out: Out = None,
    batch_rows: BatchRows = 64,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Classify pictures by prompts alone.

    In the file, in percent: zero_shot_acc1, zero_shot_acc5 (with five classes or more), and
    zero_shot_mean_per_class_recall.
    """
    from pairsmith.cli.encoders import measure_and_tell
    from pairsmith.evaluation.image_text.data_folders import read_classification, read_templates
    from pairsmith.evaluation.image_text.zero_shot import zero_shot_scores

    found = read_classification(data, split)
    prompts = read_templates(templates) if templates else ()
    say(f"{plural(len(found.pictures), 'picture')} of {plural(len(found.classes), 'class', 'classes')}")

    def work(encoder: DualEncoder) -> dict[str, Score]:
        return zero_shot_scores(encoder, found, prompts, batch_size=batch_rows)

    measure_and_tell(model, device.value, work, out, {"data": data, "split": split, "templates": templates}, seed)


def evaluate_probe(
    model: Models,
    data: Classified,
    train_split: Annotated[str, typer.Option("--train-split", help="Pictures to fit on.")] = "train",
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Pictures to test on.")] = "test",
    validation_split: Annotated[
        str | None,
        typer.Option(
            "--validation-split",
            help="Pictures to choose the regularisation on; without them, L-BFGS holds out a fifth of every class.",
        ),
    ] = None,
    solver: Annotated[
        ProbeSolver,
        typer.Option("--solver", help="lbfgs: logistic regression as CLIP's probes; adamw: as CLIP_benchmark's."),
    ] = ProbeSolver.lbfgs,
    shots: Annotated[
        int | None, typer.Option("--shots", min=1, help="Training pictures of each class. [default: all]")
    ] = None,
    out: Out = None,
    batch_rows: BatchRows = 64,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Fit a linear classifier on frozen picture features.

    In the file, in percent: linear_probe_acc1, linear_probe_acc5, linear_probe_mean_per_class_recall.
    """
    from pairsmith.cli.encoders import measure_and_tell
    from pairsmith.cli.runtime import pick_device
    from pairsmith.evaluation.image_text.data_folders import read_classification
    from pairsmith.evaluation.image_text.transfer import probe_scores

    train = read_classification(data, train_split)
    test = read_classification(data, split, train.classes)
    held = None if validation_split is None else read_classification(data, validation_split, train.classes)
    say(f"{plural(len(train.pictures), 'picture')} to fit on, {len(test.pictures):,} to test on")
    place = pick_device(device.value)
    chosen: list[str] = []

    def work(encoder: DualEncoder) -> dict[str, Score]:
        scores, found = probe_scores(
            encoder, train, test, validation=held, solver=solver.value, shots=shots, batch_size=batch_rows, seed=seed,
            device=place,
        )  # fmt: skip
        chosen.append(f"{encoder.name}: regularisation {found.regularisation:.4g}")
        return scores

    settings = {
        "data": data, "train_split": train_split, "split": split, "validation_split": validation_split,
        "solver": solver.value, "shots": shots,
    }  # fmt: skip
    measure_and_tell(model, device.value, work, out, settings, seed)
    for line in chosen:
        say(line)


def evaluate_few_shot(
    model: Models,
    data: Classified,
    train_split: Annotated[str, typer.Option("--train-split", help="Pictures to learn from.")] = "train",
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Pictures to test on.")] = "test",
    ways: Annotated[int, typer.Option("--ways", min=2, help="Classes of an episode.")] = 5,
    shots: Annotated[int, typer.Option("--shots", min=1, help="Training pictures of each class.")] = 5,
    queries: Annotated[int, typer.Option("--queries", min=1, help="Test pictures of each class.")] = 6,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Episodes; the interval is over them.")] = 5000,
    out: Out = None,
    batch_rows: BatchRows = 64,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Classify by the nearest mean of a few pictures.

    Over many episodes of a few classes. In the file, in percent: few_shot_acc1.
    """
    from pairsmith.cli.encoders import measure_and_tell
    from pairsmith.evaluation.image_text.data_folders import read_classification
    from pairsmith.evaluation.image_text.transfer import few_shot_scores

    train = read_classification(data, train_split)
    test = read_classification(data, split, train.classes)

    def work(encoder: DualEncoder) -> dict[str, Score]:
        return few_shot_scores(
            encoder, train, test, ways=ways, shots=shots, queries=queries, episodes=episodes, batch_size=batch_rows,
            seed=seed,
        )  # fmt: skip

    settings = {
        "data": data, "train_split": train_split, "split": split, "ways": ways, "shots": shots, "queries": queries,
        "episodes": episodes,
    }  # fmt: skip
    measure_and_tell(model, device.value, work, out, settings, seed)
