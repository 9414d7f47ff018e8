"""`pairsmith evaluate captions` and `vqa`: sentences and answers against what people wrote."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.console import plural, say
from pairsmith.cli.evaluate import AllowPartial, Out, Seed


class VqaMode(StrEnum):
    """Protocols of VQA accuracy."""

    always = "always"
    official_2021 = "official-2021"
    evalai = "evalai"


def register(commands: typer.Typer) -> None:
    """Add the commands of this module."""
    commands.command("captions")(evaluate_captions)
    commands.command("vqa")(evaluate_vqa)
    commands.command("vqa-submission")(write_vqa_submission)


def evaluate_captions(
    references: Annotated[
        Path,
        typer.Option(
            "--references",
            metavar="PATH",
            help="Human captions: COCO annotations (JSON), a Karpathy JSON, or a pair store.",
        ),
    ],
    predictions: Annotated[
        list[str],
        typer.Option(
            "--results",
            "--predictions",
            metavar="PATH",
            help="Captions to score: COCO results (JSON with image_id and caption), or a pair store. Repeat it to "
            "compare several models, as NAME=FILE or FILE.",
        ),
    ],
    out: Out = None,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME", help="Split of a Karpathy file: train, restval, val or test."),
    ] = None,
    tokenize: Annotated[
        bool,
        typer.Option(
            "--tokenize/--no-tokenize",
            help="Apply the Penn Treebank tokeniser, as the official scores do; without "
            "it, captions are taken as tokenised already, words between blanks.",
        ),
    ] = True,
    meteor: Annotated[bool, typer.Option("--meteor", help="METEOR too, by the reference program; needs Java.")] = False,
    spice: Annotated[
        bool, typer.Option("--spice", help="SPICE too, by the reference program; needs Java and its models.")
    ] = False,
    write_results: Annotated[
        Path | None,
        typer.Option(
            "--write-results",
            metavar="FILE.json",
            help="Also write the captions as COCO results, which evaluation servers and other programs take; for one "
            "model.",
        ),
    ] = None,
    allow_partial: AllowPartial = False,
    seed: Seed = 0,
) -> None:
    """Score captions against people's captions.

    CIDEr, BLEU and ROUGE-L, times 100, with 95 % intervals over images. In the file: cider_d (what papers call
    CIDEr), cider (without clipping and length penalty), bleu_1 to bleu_4, rouge_l; of several models with the model's
    name before, and the paired differences from the first.
    """
    from pairsmith.cli.caption_files import read_predictions, read_references
    from pairsmith.cli.errors import naming
    from pairsmith.cli.figures import finish, model_names
    from pairsmith.cli.java_metrics import add_java_metrics
    from pairsmith.cli.results import described
    from pairsmith.errors import InputError
    from pairsmith.evaluation.captions import caption_scores
    from pairsmith.evaluation.files import write_caption_results
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.evaluation.score import Score

    models = model_names(predictions)
    if write_results is not None and len(models) > 1:
        raise InputError(f"--write-results is for one model, and there are {len(models)}: give one --results")
    known = read_references(references, split)
    scores: dict[str, dict[str, Score]] = {}
    extra: dict[str, dict[str, Metric]] = {}
    for name, path in models.items():
        captions = read_predictions(Path(path), known)
        with naming(path):
            found = caption_scores(known, captions, tokenize=tokenize, allow_partial=allow_partial, seed=seed)
        scores[name] = found.scores
        extra[name] = {}
        if write_results is not None:
            write_caption_results(write_results, captions)
        say(f"{name}: {plural(found.images, 'image')}, {plural(found.references, 'reference')}")
        if found.skipped_images:
            say(f"{plural(found.skipped_images, 'image')} without prediction left out")
        add_java_metrics(known, captions, scores[name], extra[name], tokenize=tokenize, meteor=meteor, spice=spice)
    settings = {
        "references": described(references),
        "results": {name: described(path) for name, path in models.items()},
        "split": split,
        "tokenizer": "ptb" if tokenize else "none",
        "allow_partial": allow_partial,
        "seed": seed,
    }
    finish(scores, extra, out, settings, seed=seed)


def evaluate_vqa(
    annotations: Annotated[
        Path,
        typer.Option(
            "--annotations", metavar="FILE", help="People's answers (JSON): VQAv2, OK-VQA, VizWiz or TextVQA."
        ),
    ],
    predictions: Annotated[
        list[str],
        typer.Option(
            "--results",
            "--predictions",
            metavar="PATH",
            help="Answers to score: JSON with question_id (VizWiz: image) and answer. Repeat it to compare several "
            "models, as NAME=FILE or FILE.",
        ),
    ],
    questions: Annotated[
        Path | None,
        typer.Option(
            "--questions",
            metavar="FILE",
            help="VQA questions (JSON), to check that the annotations are of the same split.",
        ),
    ] = None,
    mode: Annotated[
        VqaMode,
        typer.Option(
            "--mode",
            help="always: answers are always normalised, annotators left out by position; official-2021: as the "
            "official program since March 2021, which normalises answers only where people disagree; evalai: as "
            "always, with the normaliser of EvalAI, which scores TextVQA.",
        ),
    ] = VqaMode.always,
    stem: Annotated[
        bool, typer.Option("--stem", help="Stem the words of both sides (plurals, -ing); for OK-VQA.")
    ] = False,
    raw_answers: Annotated[
        bool, typer.Option("--raw-answers", help="Score against what people wrote, OK-VQA's raw_answer.")
    ] = False,
    question_types: Annotated[
        bool, typer.Option("--question-types", help="Tell every question type too; VQAv2 has 65.")
    ] = False,
    out: Out = None,
    allow_partial: AllowPartial = False,
    seed: Seed = 0,
) -> None:
    """Score answers to questions about images.

    VQA accuracy times 100, with a 95 % interval over images. In the file: accuracy, accuracy.KIND for every answer
    type, and with --question-types accuracy.question.KIND for every question type.
    """
    from pairsmith.cli.errors import naming
    from pairsmith.cli.figures import finish, metric_key, model_names
    from pairsmith.cli.results import described
    from pairsmith.errors import InputError
    from pairsmith.evaluation.score import Score
    from pairsmith.evaluation.vqa import vqa_accuracy
    from pairsmith.evaluation.vqa_files import load_question_ids, load_vqa_answers, load_vqa_truth

    answered = load_vqa_truth(annotations, "raw_answer" if raw_answers else "answer")
    if questions is not None:
        asked = set(load_question_ids(questions))
        stray = next((entry["question_id"] for entry in answered if entry["question_id"] not in asked), None)
        if stray is not None:
            raise InputError(f"{annotations}: question {stray!r} is not in {questions}; give files of one split")
        open_questions = asked - {entry["question_id"] for entry in answered}
        if open_questions and not allow_partial:
            raise InputError(
                f"{questions}: {len(open_questions)} of {len(asked)} questions have no answers in {annotations}; give "
                "files of one split, or --allow-partial"
            )
    models = model_names(predictions)
    scores: dict[str, dict[str, Score]] = {}
    for name, path in models.items():
        said = load_vqa_answers(Path(path))
        with naming(path):
            result = vqa_accuracy(answered, said, mode.value, stem=stem, allow_partial=allow_partial, seed=seed)
        say(f"{name}: {plural(result.questions, 'question')}, protocol {result.mode}{', stemmed' if stem else ''}")
        kinds = {f"accuracy.{metric_key(kind)}": score for kind, score in result.per_answer_type.items()}
        if question_types:
            kinds |= {
                f"accuracy.question.{metric_key(kind)}": score for kind, score in result.per_question_type.items()
            }
        scores[name] = {"accuracy": result.score, **kinds}
    settings = {
        "questions": described(questions),
        "annotations": described(annotations),
        "results": {name: described(path) for name, path in models.items()},
        "mode": mode.value,
        "stem": stem,
        "raw_answers": raw_answers,
        "allow_partial": allow_partial,
        "seed": seed,
    }
    finish(scores, {}, out, settings, seed=seed)


def write_vqa_submission(
    questions: Annotated[
        Path,
        typer.Option(
            "--questions", metavar="FILE", help="All questions of the test: VQAv2, OK-VQA, VizWiz or TextVQA (JSON)."
        ),
    ],
    answers: Annotated[
        Path,
        typer.Option(
            "--results",
            "--predictions",
            metavar="PATH",
            help="The answers: JSON with question_id or image, and answer.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The file to hand in.")],
) -> None:
    """Write the file that the EvalAI server scores.

    For tests without published answers. Every question has to have an answer; they are written in the order of the
    questions.
    """
    from pairsmith.evaluation.vqa_files import load_question_ids, load_vqa_answers, write_submission

    asked = load_question_ids(questions)
    write_submission(out, asked, load_vqa_answers(answers))
    say(f"Written: {out}, {plural(len(asked), 'answer')}")
