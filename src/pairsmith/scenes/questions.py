"""Questions about scenes in the VQAv2 files' format: ten human-like answers a question, mostly agreeing.

Ten annotators answer; each one, with a small probability, writes an equivalent form ("2" for "two", "grey" for "gray")
or a wrong answer of the right kind, so that the accuracy formula's leave-one-out and normalisation matter as they do on
real data.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pairsmith.scenes.grammar import NUMBERS
from pairsmith.scenes.world import Scene, WorldSettings
from pairsmith.seeds import numpy_generator

_EQUIVALENT = {"gray": "grey", "yes": "Yes.", "no": "No.", **{word: str(number) for number, word in NUMBERS.items()}}
_SLIP = 0.08  # probability that an annotator answers wrongly
_VARIANT = 0.15  # probability that an annotator writes an equivalent form


def questions_about(
    scene: Scene, settings: WorldSettings, rng: np.random.Generator
) -> list[tuple[str, str, str, list]]:
    """Questions with a certain answer: (question, answer, answer type, other possible answers)."""
    first = scene.objects[0]
    plural = "crosses" if first.name == "cross" else first.name + "s"
    numbers = list(NUMBERS.values())
    found = [("what color is the background?", scene.background, "other", list(settings.backgrounds))]
    if scene.kind == "pair":
        second = scene.objects[1]
        where = "to the left of" if scene.relation == "left" else "above"
        if first.name != second.name:
            found.append((f"what color is the {first.name}?", first.colour, "other", list(settings.colours)))
            found.append((f"what is {where} the {second.name}?", first.name, "other", list(settings.classes)))
            found.append((f"how many {plural} are there?", NUMBERS[1], "number", numbers))
    else:
        thing, verb = (first.name, "is") if scene.kind == "single" else (plural, "are")
        found.append((f"what color {verb} the {thing}?", first.colour, "other", list(settings.colours)))
        found.append((f"how many {plural} are there?", NUMBERS[len(scene.objects)], "number", numbers))
    shown = {o.name for o in scene.objects}
    absent = [name for name in settings.classes if name not in shown]
    asked, answer = (
        (first.name, "yes") if rng.random() < 0.5 or not absent else (absent[rng.integers(len(absent))], "no")
    )
    article = "an" if asked[0] in "aeiou" else "a"
    found.append((f"is there {article} {asked}?", answer, "yes/no", ["yes", "no"]))
    return found


def vqa_files(scenes: Iterable[tuple[int, Scene]], settings: WorldSettings, *, seed: int) -> tuple[dict, dict]:
    """VQAv2-style files about scenes.

    Args:
        scenes: (image id, scene).
        settings: the world the scenes come from, for plausible wrong answers.
        seed: seed of questions and annotators.

    Returns:
        the contents of the questions file and of the annotations file.
    """
    questions, annotations = [], []
    for image_id, scene in scenes:
        rng = numpy_generator(seed, f"questions/{image_id}")
        for number, (question, truth, answer_type, others) in enumerate(questions_about(scene, settings, rng)):
            question_id = image_id * 10 + number
            answers = [_annotate(truth, others, rng) for _ in range(10)]
            questions.append({"image_id": image_id, "question": question, "question_id": question_id})
            annotations.append(
                {
                    "question_id": question_id,
                    "image_id": image_id,
                    "question_type": " ".join(question.split()[:2]),
                    "answer_type": answer_type,
                    "multiple_choice_answer": truth,
                    "answers": [
                        {"answer": answer, "answer_confidence": "yes", "answer_id": i + 1}
                        for i, answer in enumerate(answers)
                    ],
                }
            )
    head = {"info": {"description": "Pairsmith scenes"}, "data_type": "scenes", "data_subtype": "test"}
    return (
        head | {"task_type": "Open-Ended", "questions": questions},
        head | {"annotations": annotations},
    )


def _annotate(truth: str, others: list[str], rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < _SLIP:
        wrong = [answer for answer in others if answer != truth]
        return wrong[rng.integers(len(wrong))] if wrong else truth
    return _EQUIVALENT.get(truth, truth) if draw < _SLIP + _VARIANT else truth
