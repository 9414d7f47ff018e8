from __future__ import annotations

import pytest

from pairsmith.evaluation.chance import majority_answers, swapped_captions
from pairsmith.evaluation.vqa import vqa_accuracy


def entry(number: int, kind: str, *answers: str) -> dict:
    return {"question_id": number, "question_type": kind, "answers": [{"answer": answer} for answer in answers]}


def test_every_kind_gets_its_commonest_answer() -> None:
    entries = [
        entry(1, "how many", "two", "two", "three"),
        entry(2, "how many", "three", "two", "four"),
        entry(3, "is there", "no", "no", "yes"),
    ]
    assert majority_answers(entries) == {1: "two", 2: "two", 3: "no"}
    always = vqa_accuracy(entries, {1: "three", 2: "three", 3: "yes"}).score.value
    assert vqa_accuracy(entries, majority_answers(entries)).score.value > always


def test_ties_do_not_depend_on_the_order() -> None:
    entries = [entry(1, "what", "red"), entry(2, "what", "blue")]
    assert set(majority_answers(entries).values()) == set(majority_answers(entries[::-1]).values()) == {"blue"}


@pytest.mark.parametrize("count", [2, 3, 50])
def test_swapped_captions_are_the_same_ones_and_none_stays(count: int) -> None:
    captions = {f"image {number}": f"caption {number}" for number in range(count)}
    swapped = swapped_captions(captions)
    assert sorted(swapped.values()) == sorted(captions.values())
    assert all(swapped[name] != caption for name, caption in captions.items())
    assert swapped == swapped_captions(captions)
