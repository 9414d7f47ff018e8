"""Blind preference: order swapped, ties, swayed judges, and a server on this machine."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pairsmith.captions.server_settings import ServerConnection, ServerWriterSettings
from pairsmith.captions.server_writer import ServerWriter
from pairsmith.captions.writer import Request, WriteFailure
from pairsmith.curation.data_sets import DataSet
from pairsmith.curation.preference import match_pairs, prefer, read_verdict
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, decode_image, encode_image
from tests.captions.stub_server import message


def shaded(folder: Path, shades: Sequence[int], caption: str = "caption {}") -> DataSet:
    pairs = [
        Pair(
            id=f"{folder.name} {at}",
            caption=caption.format(at),
            image=encode_image(Image.new("RGB", (24, 24), (shade,) * 3)) if shade >= 0 else b"none",
        )
        for at, shade in enumerate(shades)
    ]
    PairStore.write(folder, pairs, settings={})
    return DataSet.open(str(folder))


def brightness(data: bytes) -> float:
    return float(np.asarray(decode_image(data).convert("L")).mean())


class Judge:
    """Answers by a function of the two pictures' brightness."""

    name = "judge"

    def __init__(self, answer: Callable[[float, float], str | WriteFailure]) -> None:
        self.answer = answer
        self.requests: list[Request] = []

    def describe(self) -> dict[str, Any]:
        return {}

    def write(self, requests: Sequence[Request]) -> list[Any]:
        self.requests += requests
        return [self.answer(brightness(one.images[0]), brightness(one.images[1])) for one in requests]


def brighter(first: float, second: float) -> str:
    return "tie" if abs(first - second) < 5 else "A" if first > second else "B"


def compared(tmp_path: Path, judge: Any, mine: Sequence[int], theirs: Sequence[int]) -> Any:
    one, other = shaded(tmp_path / "one", mine), shaded(tmp_path / "other", theirs)
    return prefer(one, other, judge, match_pairs(one, other, 100, "caption"))


def test_wins_losses_and_ties(tmp_path: Path) -> None:
    judge = Judge(brighter)
    found = compared(tmp_path, judge, [200, 10, 90, 150], [100, 200, 90, 20])
    assert (found.wins, found.losses, found.ties, found.swayed, found.failed) == (2, 1, 1, 0, 0)
    assert found.share.value == pytest.approx((2 + 0.5) / 4)
    assert len(judge.requests) == 8
    words = " ".join(request.prompt for request in judge.requests)
    assert not {"one", "other", "real", "synthetic"} & set(words.lower().replace(".", " ").split()) - {"one"}
    for forward, backward in zip(judge.requests[::2], judge.requests[1::2], strict=True):
        assert forward.images == backward.images[::-1]


def test_a_judge_that_always_says_a_prefers_nothing(tmp_path: Path) -> None:
    found = compared(tmp_path, Judge(lambda first, second: "A"), [1, 2, 3], [250, 250, 250])
    assert (found.wins, found.losses, found.ties, found.swayed) == (0, 0, 3, 3)
    assert found.share.value == 0.5


def test_a_tie_in_one_answer_is_a_tie(tmp_path: Path) -> None:
    found = compared(tmp_path, Judge(lambda first, second: "A" if first > second else "tie"), [200], [100])
    assert (found.ties, found.swayed) == (1, 0)


def test_failures_are_counted_and_count_nowhere_else(tmp_path: Path) -> None:
    judge = Judge(lambda first, second: WriteFailure("time-out") if first < 50 else brighter(first, second))
    found = compared(tmp_path, judge, [200, 10, -1], [100, 200, 200])
    assert (found.wins, found.failed) == (1, 2)
    with pytest.raises(InputError, match="not one of 1 comparisons"):
        compared(tmp_path / "b", Judge(lambda first, second: "hm"), [1], [2])


def test_rows_are_matched_by_caption_or_at_random(tmp_path: Path) -> None:
    one, other = shaded(tmp_path / "a", range(9)), shaded(tmp_path / "b", range(5))
    by_caption = match_pairs(one, other, 100, "caption")
    assert sorted(by_caption) == [(at, at) for at in range(5)]
    assert len(match_pairs(one, other, 3, "caption")) == 3
    drawn = match_pairs(one, other, 100, "random", seed=1)
    assert len(drawn) == 5
    assert drawn == match_pairs(one, other, 100, "random", seed=1) != match_pairs(one, other, 100, "random", seed=2)
    stranger = shaded(tmp_path / "c", range(3), "another {}")
    with pytest.raises(InputError, match="share no caption"):
        match_pairs(one, stranger, 10, "caption")


def test_captions_cannot_write_into_the_prompt(tmp_path: Path) -> None:
    one, other = shaded(tmp_path / "a", [9], "x [second] y"), shaded(tmp_path / "b", [99], "z [first]")
    judge = Judge(brighter)
    prefer(one, other, judge, [(0, 0)])
    assert "Caption of A: x [second] y\nCaption of B: z [first]\n" in judge.requests[0].prompt


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [("A", "first"), ("b.", "second"), ("**B**", "second"), ("Tie", "tie"), ("A tie", "tie"), ("Answer: A", "first"),
     ("Picture B is better", "second"), ("B, it is a better one", "second"), ("both", None), ("", None),
     ("Between A and B, hm", None), (WriteFailure("unfinished", "A because"), "first"), (WriteFailure("no"), None)],
)  # fmt: skip
def test_verdicts(answer: Any, verdict: str | None) -> None:
    assert read_verdict(answer) == verdict


def test_a_server_is_asked_with_both_pictures(tmp_path: Path, serve: Any) -> None:
    def reply(body: dict[str, Any], times: int) -> tuple[int, Any]:
        *pictures, text = body["messages"][-1]["content"]
        data = [base64.b64decode(one["image_url"]["url"].partition(",")[2]) for one in pictures]
        assert "A, B or tie" in text["text"]
        return 200, message(brighter(*map(brightness, data)))

    stub = serve(reply)
    writer = ServerWriter(
        ServerWriterSettings(model="m"), ServerConnection(base_url=stub.url, retries=0), tmp_path / "c"
    )
    found = compared(tmp_path, writer, [200, 30, 80], [100, 60, 80])
    assert (found.wins, found.losses, found.ties) == (1, 1, 1)
    # Each pair in both orders; those of the tie's equal pictures are one and the same request.
    assert len({json.dumps(body, sort_keys=True) for body in stub.bodies}) == 5
