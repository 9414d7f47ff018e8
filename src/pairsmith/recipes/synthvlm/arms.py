"""The LLaVAs to compare: all take equal steps from the same start; only the pairs of stage 1 differ.

stage 1   the projector alone, on the arm's pairs
stage 2   projector and language model, on the same instructions for all arms
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pairsmith.evaluation import CaptionScores, caption_scores
from pairsmith.evaluation.scene_truth import caption_truth
from pairsmith.evaluation.vqa import VqaResult, vqa_accuracy
from pairsmith.pairs import PairStore, decode_image
from pairsmith.pairs.conversations import ConversationFile, PairConversations
from pairsmith.recipes.place import Place
from pairsmith.recipes.reporter import Reporter
from pairsmith.recipes.synth2.measure import truth
from pairsmith.recipes.synthvlm.data import Data
from pairsmith.recipes.synthvlm.models import new_llava
from pairsmith.recipes.synthvlm.pairs import ArmPairs
from pairsmith.recipes.synthvlm.settings import SynthvlmSettings
from pairsmith.scenes import World
from pairsmith.scenes.datasets import scene_of
from pairsmith.scenes.questions import vqa_files
from pairsmith.training.llava.run import MakeModel, train_llava
from pairsmith.training.llava.settings import LlavaSettings
from pairsmith.training.llava.source import Conversations
from pairsmith.vlm.llava.answering import answer, caption
from pairsmith.vlm.llava.loading import load_llava

SEED_STRIDE = 1000  # so that consecutive seeds share no orders


@dataclass(frozen=True)
class Quiz:
    """Questions about the test images: VQAv2 entries, and the row of each question's image."""

    questions: Sequence[Mapping[str, Any]]
    annotations: Sequence[Mapping[str, Any]]


def scene_quiz(world: World, test: PairStore, seed: int) -> Quiz:
    """Questions about drawn test scenes; `image_id` is the row."""
    scenes = [scene_of(pair) for pair in test.iter_pairs(["settings"])]
    questions, annotations = vqa_files(enumerate(scenes), world.settings, seed=seed)
    return Quiz(questions["questions"], annotations["annotations"])


def train_stage_1(
    settings: SynthvlmSettings,
    pairs: ArmPairs,
    seed: int,
    models: Path,
    out: Path,
    place: Place,
    reporter: Reporter,
) -> Path:
    """Train the projector on an arm's pairs; returns the folder of the LLaVA.

    Args:
        settings: of the recipe.
        pairs: of the arm.
        seed: number of the repetition, from 0.
        models: folder of the run's models.
        out: of the training run.
        place: where it computes.
        reporter: shown the training.
    """
    stage = _at(settings.stage_1, seed, place)
    data = PairConversations(pairs.store, pairs.positions)
    return _train(stage, data, new_llava(settings, models, stage.training.seed), out, reporter)


def train_stage_2(
    settings: LlavaSettings, data: Data, seed: int, start: Path, out: Path, place: Place, reporter: Reporter
) -> Path:
    """Train on the instructions, from the LLaVA of stage 1; returns the folder of the LLaVA."""
    assert data.instructions is not None
    assert data.pictures is not None
    rows = ConversationFile(data.instructions, data.pictures, settings.check)
    return _train(_at(settings, seed, place), rows, partial(load_llava, start), out, reporter)


def look(settings: SynthvlmSettings, data: Data, llava: Path, stage: int, place: Place, quiz: Quiz | None) -> dict:
    """What a LLaVA writes about the test images, and how good it is.

    Returns:
        "captions": row id -> text; "metrics": caption metrics ×100; "per_image": {"cider_d": [n], "vqa": [n]};
        "truth": axis -> attribute -> interval ×100; "vqa": kind of question -> interval ×100, with "all"; "answers":
        question -> text. What there is no truth or no quiz for is empty.
    """
    model, processor = load_llava(llava)
    model.to(place.device)  # type: ignore[arg-type]
    wanted = settings.evaluation
    options: dict[str, Any] = {
        "max_new_tokens": wanted.max_new_tokens, "beams": wanted.beams, "batch_size": wanted.batch_rows
    }  # fmt: skip
    rows = list(data.test.iter_pairs(["id", "references", "image", "axis", "settings"]))
    pictures: list[Callable[[], Any]] = [partial(decode_image, row.image or b"") for row in rows]
    if stage == 1:
        texts = caption(model, processor, pictures, **options)
    else:
        texts = answer(model, processor, pictures, [wanted.prompt] * len(rows), **options)
    captions = {row.id: text for row, text in zip(rows, texts, strict=True)}
    scores: CaptionScores = caption_scores({row.id: list(row.references) for row in rows}, dict(captions.items()))
    found: dict[str, Any] = {
        "captions": captions,
        "metrics": scores.metrics,
        "per_image": {"cider_d": scores.per_image["cider_d"].tolist()},
        "truth": {},
        "vqa": {},
    }
    if data.world is not None:
        found["truth"] = truth(data.test, captions)
        facts = caption_truth(texts, [scene_of(row) for row in rows])
        found["per_image"]["exact"] = (100 * facts["exact"]).tolist()
    if quiz is not None and stage == 2:
        at = [int(item["image_id"]) for item in quiz.questions]
        answers = answer(
            model, processor, [pictures[row] for row in at], [item["question"] for item in quiz.questions], **options
        )
        given = {item["question_id"]: text for item, text in zip(quiz.questions, answers, strict=True)}
        result = vqa_accuracy(list(quiz.annotations), given, "official-2021")
        kinds = {name.replace(" ", "_"): score.interval() for name, score in result.per_question_type.items()}
        found["vqa"] = {"all": result.accuracy, **kinds}
        found["per_image"]["vqa"] = per_image_accuracy(result, quiz, len(rows)).tolist()
    return found


def per_image_accuracy(result: VqaResult, quiz: Quiz, images: int) -> np.ndarray:
    """Shares of the images in the accuracy, float64 [images]: their mean is the accuracy over all questions, ×100."""
    totals = np.zeros(images)
    values = result.per_question
    for item in quiz.questions:
        totals[int(item["image_id"])] += values[item["question_id"]]
    return totals * images / len(quiz.questions)


def _train(settings: LlavaSettings, data: Conversations, make: MakeModel, out: Path, reporter: Reporter) -> Path:
    return train_llava(settings, data, make, out, reporter.training(f"{out.parent.name}, {out.name}")).model


def _at(settings: LlavaSettings, seed: int, place: Place) -> LlavaSettings:
    training = place.training(settings.training)
    own = training.model_copy(update={"seed": training.seed + seed * SEED_STRIDE})
    return settings.model_copy(update={"training": own})
