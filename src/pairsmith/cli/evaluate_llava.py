"""`pairsmith evaluate llava`: captions and answers of a LLaVA, scored beside what not looking would score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairsmith.cli.console import say
from pairsmith.cli.evaluate import Seed
from pairsmith.cli.options import BatchRows, Device, DeviceOption
from pairsmith.cli.progress import open_display
from pairsmith.cli.runtime import pick_device, prepare_torch

if TYPE_CHECKING:
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.evaluation.score import Score


def register(commands: typer.Typer) -> None:
    """Add the commands of this module."""
    commands.command("llava")(evaluate_llava)


def evaluate_llava(
    model: Annotated[str, typer.Option("--model", help="Folder or hub id of a LLaVA.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for captions.json, answers.json and metrics.json.")],
    images: Annotated[Path, typer.Option("--images", help="Folder of the pictures.")],
    references: Annotated[
        Path, typer.Option("--references", help="COCO annotations: names the pictures, and gives captions to score by.")
    ],
    questions: Annotated[Path | None, typer.Option("--questions", help="VQAv2 questions about them.")] = None,
    annotations: Annotated[Path | None, typer.Option("--annotations", help="VQAv2 annotations of them.")] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="truth.json of a folder of scenes: are the captions true?")
    ] = None,
    prompt: Annotated[str, typer.Option("--prompt", help="What asks for a caption.")] = "describe the picture",
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", min=1, help="Longest answer.")] = 32,
    beams: Annotated[int, typer.Option("--beams", min=1, help="Of the search; 1 is greedy.")] = 1,
    batch_rows: BatchRows = 32,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Let a LLaVA write captions and answers, and score them.

    CIDEr, BLEU and ROUGE-L of the captions and of the same captions swapped between pictures (swapped_...), VQA
    accuracy in mode official-2021 and that of the commonest answer of each question's kind (majority.accuracy), all
    times 100.
    """
    prepare_torch()
    from pairsmith.cli.figures import finish
    from pairsmith.cli.results import described
    from pairsmith.errors import InputError
    from pairsmith.evaluation.captions import caption_scores
    from pairsmith.evaluation.chance import swapped_captions
    from pairsmith.evaluation.files import load_image_names, load_references, write_caption_results
    from pairsmith.evaluation.image_text.retrieval_files import image_pictures
    from pairsmith.vlm.llava.answering import answer
    from pairsmith.vlm.llava.loading import load_llava

    if (questions is None) != (annotations is None):
        raise InputError("--questions and --annotations belong together: give both or neither")
    llava, processor = load_llava(model)
    place: Any = pick_device(device.value)
    llava.to(place)
    out.mkdir(parents=True, exist_ok=True)
    known = load_references(references, None)
    pictures = {name: picture.load for name, picture in image_pictures(references, images, list(known)).items()}
    options: dict[str, Any] = {"max_new_tokens": max_new_tokens, "beams": beams, "batch_size": batch_rows}
    with open_display() as display:
        with display.stage("captions"):
            texts = answer(
                llava, processor, list(pictures.values()), [prompt] * len(pictures), **options,
                progress=display.rows("captions"),
            )  # fmt: skip
        captions = dict(zip(pictures, texts, strict=True))
        write_caption_results(out / "captions.json", captions)
        scores: dict[str, Score] = dict(caption_scores(known, captions, seed=seed).scores)
        swapped = caption_scores(known, swapped_captions(captions, seed), seed=seed).scores
        scores["swapped_cider_d"] = swapped["cider_d"]
        extra: dict[str, Metric] = {}
        if truth is not None:
            extra |= _truth(truth, captions, load_image_names(references))
        if questions is not None and annotations is not None:
            with display.stage("answers"):
                scores |= _answers(
                    questions, annotations, out, seed,
                    lambda asked: answer(
                        llava, processor, [pictures[item.image_id] for item in asked],
                        [item.question for item in asked], **options, progress=display.rows("answers"),
                    ),
                )  # fmt: skip
    settings = {
        "model": model,
        "references": described(references),
        "questions": described(questions),
        "annotations": described(annotations),
        "prompt": prompt,
        **options,
        "seed": seed,
    }
    finish({"llava": scores}, {"llava": extra}, out, settings, seed=seed)
    say(f"Captions and answers: {out}")


def _answers(questions: Path, annotations: Path, out: Path, seed: int, ask: Any) -> dict[str, Score]:
    from pairsmith.evaluation.chance import majority_answers
    from pairsmith.evaluation.files import load_vqa_annotations, load_vqa_questions, write_answers
    from pairsmith.evaluation.vqa import vqa_accuracy

    asked = load_vqa_questions(questions)
    entries = [entry for entry in load_vqa_annotations(annotations) if entry["question_id"] in asked]
    answers = dict(zip(asked, ask(list(asked.values())), strict=True))
    write_answers(out / "answers.json", answers)
    found = vqa_accuracy(entries, answers, "official-2021", seed=seed)
    chance = vqa_accuracy(entries, majority_answers(entries), "official-2021", seed=seed)
    kinds = {f"accuracy.{kind.replace(' ', '_')}": score for kind, score in found.per_question_type.items()}
    majorities = {
        f"majority.accuracy.{kind.replace(' ', '_')}": score for kind, score in chance.per_question_type.items()
    }
    return {"accuracy": found.score, **kinds, "majority.accuracy": chance.score, **majorities}


def _truth(path: Path, captions: dict, names: dict) -> dict[str, Metric]:
    import json

    import numpy as np

    from pairsmith.evaluation.bootstrap import mean_interval
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.evaluation.scene_truth import caption_truth
    from pairsmith.scenes.world import Scene

    scenes = {name: Scene.from_dict(value) for name, value in json.loads(path.read_text()).items()}
    found = caption_truth(list(captions.values()), [scenes[names[image]] for image in captions])
    return {
        f"truth.{name}": Metric.of(mean_interval(100 * column[~np.isnan(column)], bounds=(0.0, 100.0)))
        for name, column in found.items()
    }
