"""`pairsmith evaluate`: captions, answers and pictures against what people wrote and took."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairsmith.cli.console import plural, say
from pairsmith.cli.options import BatchRows, Device, DeviceOption

if TYPE_CHECKING:
    from pairsmith.evaluation.bootstrap import Interval
    from pairsmith.evaluation.metrics_file import Metric

commands = typer.Typer(help="Measure captions, answers and pictures.", no_args_is_help=True, rich_markup_mode=None)
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Where to write the figures: a file that ends in .json, or a folder for metrics.json. "
        "[default: only print]",
    ),
]
AllowPartial = Annotated[
    bool, typer.Option("--allow-partial", help="Score only what has a prediction; without this, gaps are an error.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the 1,000 resamples behind the 95 % intervals.")]


class VqaMode(StrEnum):
    """Protocols of VQA accuracy."""

    official_2021 = "official-2021"
    always = "always"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(commands, name="evaluate")


@commands.command("captions")
def evaluate_captions(
    references: Annotated[
        Path,
        typer.Option("--references", help="Human captions: COCO annotations (JSON), a Karpathy JSON, or a pair store."),
    ],
    predictions: Annotated[
        Path,
        typer.Option(
            "--results",
            "--predictions",
            help="Captions to score: COCO results (JSON with image_id and caption), or a pair store.",
        ),
    ],
    out: Out = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Split of a Karpathy file: train, restval, val or test.")
    ] = None,
    tokenize: Annotated[
        bool,
        typer.Option(
            "--tokenize/--no-tokenize",
            help="Apply the Penn Treebank tokeniser, as the official scores do; without "
            "it, captions are taken as tokenised already, words between blanks.",
        ),
    ] = True,
    allow_partial: AllowPartial = False,
    seed: Seed = 0,
) -> None:
    """Score captions against people's captions.

    CIDEr, BLEU and ROUGE-L, times 100, with 95 % intervals over images. In the file: cider_d (what papers call
    CIDEr), cider (without clipping and length penalty), bleu_1 to bleu_4, rouge_l.
    """
    from pairsmith.cli.caption_files import read_predictions, read_references
    from pairsmith.evaluation.captions import caption_scores

    known = read_references(references, split)
    scores = caption_scores(
        known, read_predictions(predictions, known), tokenize=tokenize, allow_partial=allow_partial, seed=seed
    )
    say(f"{plural(scores.images, 'image')}, {plural(scores.references, 'reference')}")
    if scores.skipped_images:
        say(f"{plural(scores.skipped_images, 'image')} without prediction left out")
    _finish(scores.metrics, out, {"references": str(references), "predictions": str(predictions), "tokenize": tokenize})


@commands.command("vqa")
def evaluate_vqa(
    questions: Annotated[Path, typer.Option("--questions", help="VQA questions (JSON).")],
    annotations: Annotated[Path, typer.Option("--annotations", help="VQA annotations with people's answers (JSON).")],
    predictions: Annotated[
        Path, typer.Option("--results", "--predictions", help="Answers to score (JSON with question_id and answer).")
    ],
    mode: Annotated[
        VqaMode,
        typer.Option(
            "--mode",
            help="official-2021: as the official program since March 2021, which normalises answers only where "
            "people disagree; always: answers are always normalised.",
        ),
    ] = VqaMode.official_2021,
    out: Out = None,
    allow_partial: AllowPartial = False,
    seed: Seed = 0,
) -> None:
    """Score answers to questions about images.

    VQA accuracy times 100, with a 95 % interval over questions. In the file: accuracy.
    """
    from pairsmith.errors import InputError
    from pairsmith.evaluation.files import load_vqa_annotations, load_vqa_questions, load_vqa_results
    from pairsmith.evaluation.vqa import vqa_accuracy

    asked = load_vqa_questions(questions)
    answered = load_vqa_annotations(annotations)
    stray = next((entry["question_id"] for entry in answered if entry["question_id"] not in asked), None)
    if stray is not None:
        raise InputError(f"{annotations}: question {stray!r} is not in {questions}; give files of one split")
    result = vqa_accuracy(answered, load_vqa_results(predictions), mode.value, allow_partial=allow_partial, seed=seed)
    say(f"{plural(result.questions, 'question')}, protocol {result.mode}")
    for kind, interval in result.per_answer_type.items():
        say(f"  {kind}: {interval.value:.2f} of {plural(interval.n, 'question')}")
    _finish({"accuracy": result.accuracy}, out, {"annotations": str(annotations), "mode": mode.value})


@commands.command("fid")
def evaluate_fid(
    real: Annotated[
        Path,
        typer.Option(
            "--real", help="Real pictures: a pair store, a folder of images, or features as .npz (key features)."
        ),
    ],
    generated: Annotated[Path, typer.Option("--generated", help="Generated pictures, in the same forms.")],
    out: Out = None,
    tokenizer: Annotated[
        str | None, typer.Option("--tokenizer", help="Take features from this VQ tokenizer: a folder or hub id.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Take features from this vision model: a folder or hub id, such as facebook/dinov2-base, or "
            "openai/clip-vit-large-patch14-336 for CMMD as published.",
        ),
    ] = None,
    batch_rows: BatchRows = 32,
    device: DeviceOption = Device.auto,
) -> None:
    """Measure how far generated pictures are from real ones.

    Fréchet distance and CMMD (times 1000) of the same features. Features from .npz files are taken as they are;
    pictures need --tokenizer or --model. A Fréchet distance is called FID only when the features are Inception's,
    and compares only at equal numbers of pictures. In the file: fid, cmmd.
    """
    from pairsmith.cli.picture_features import Extraction, read_features
    from pairsmith.evaluation.cmmd import cmmd
    from pairsmith.evaluation.frechet import frechet
    from pairsmith.evaluation.metrics_file import Metric

    extraction = Extraction(tokenizer, model, batch_rows, device.value)
    ours, theirs = read_features(real, extraction), read_features(generated, extraction)
    result = frechet(ours, theirs)
    count = min(result.first_count, result.second_count)
    say(f"{result.first_count:,} real and {result.second_count:,} generated, {result.width} values each")
    _finish(
        {"fid": Metric(result.distance, count), "cmmd": Metric(cmmd(ours, theirs), count)},
        out,
        {"real": str(real), "generated": str(generated), "tokenizer": tokenizer, "model": model},
    )


def _finish(metrics: Mapping[str, Interval | Metric], out: Path | None, settings: Mapping[str, Any]) -> None:
    for name, metric in metrics.items():
        span = "" if metric.low is None or metric.high is None else f"  ({metric.low:.2f} to {metric.high:.2f})"
        say(f"  {name}: {metric.value:.4f}{span}")
    if out is not None:
        from pairsmith.cli.results import write_result

        for file in write_result(out, metrics, settings):
            say(f"Written: {file}")
