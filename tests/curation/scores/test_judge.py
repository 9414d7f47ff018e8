"""Marks of a judge: what is sent, how answers are read, and a server on this machine."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairsmith.captions.request_cache import RequestCache
from pairsmith.captions.server_settings import ServerConnection, ServerWriterSettings
from pairsmith.captions.server_writer import ServerWriter
from pairsmith.captions.writer import Request, WriteFailure, WriterUnavailable
from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.scores.judge import Judge, JudgeSettings
from pairsmith.curation.scoring import score_pairs
from pairsmith.errors import InputError
from pairsmith.pairs import decode_image
from pairsmith.pairs.scores import read_score_column, read_scores
from tests.captions.stub_server import Stub, message
from tests.curation.stores import picture_store


class Answers:
    """Answers by the caption's number."""

    name = "answers"

    def __init__(self, answers: Sequence[Any]) -> None:
        self.answers = answers
        self.requests: list[Request] = []

    def describe(self) -> dict[str, Any]:
        return {"kind": "answers"}

    def write(self, requests: Sequence[Request]) -> list[Any]:
        self.requests += requests
        numbers = [int(request.prompt.partition("Caption: picture ")[2].split()[0]) for request in requests]
        return [self.answers[number] for number in numbers]


def test_answers_become_marks_or_reasons(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 7)
    answers = ["7", "I would say 8.5 of 10.", "none", "11", "-1", WriteFailure("time-out: 1 s"),
               WriteFailure("unfinished: no end", "3 because")]  # fmt: skip
    writer = Answers(answers)
    score_pairs(store, {"judge": Judge(JudgeSettings(), SharedModels(), writer)}, batch_rows=4)
    found = read_score_column(store, "judge")
    np.testing.assert_array_equal(found.values, [7, 8.5, np.nan, np.nan, np.nan, np.nan, 3])
    assert found.reasons == [
        None, None, "no mark: 'none'", "mark out of range: 11", "mark out of range: -1", "no mark: time-out: 1 s", None,
    ]  # fmt: skip
    assert "[" not in writer.requests[0].prompt
    assert "from 0 (not at all) to 10" in writer.requests[0].prompt
    assert len({request.seed for request in writer.requests}) == 7


def test_pictures_are_sent_small_or_not_at_all(tmp_path: Path) -> None:
    store = picture_store(tmp_path, 2, size=64)
    writer = Answers(["1", "2"])
    score_pairs(store, {"judge": Judge(JudgeSettings(side=32), SharedModels(), writer)})
    assert {decode_image(request.images[0]).size for request in writer.requests} == {(32, 32)}
    blind = Answers(["1", "2"])
    score_pairs(store, {"blind": Judge(JudgeSettings(sees=False), SharedModels(), blind)})
    assert {request.images for request in blind.requests} == {()}


def test_a_server_sees_the_picture_and_is_asked_once(tmp_path: Path, serve: Any) -> None:
    def reply(body: dict[str, Any], times: int) -> tuple[int, Any]:
        picture, text = body["messages"][-1]["content"]
        data = base64.b64decode(picture["image_url"]["url"].removeprefix("data:image/jpeg;base64,"))
        grey = np.asarray(decode_image(data).convert("L")).mean()
        return 200, message(f"{grey / 25.6:.2f}" if "picture" in text["text"] else "what?")

    stub: Stub = serve(reply)
    store = picture_store(tmp_path / "store", 4)

    def judge(name: str) -> Judge:
        connection = ServerConnection(base_url=stub.url, first_wait=0.001, retries=1)
        writer = ServerWriter(ServerWriterSettings(model="m"), connection, tmp_path / "cache")
        return Judge(JudgeSettings(prompt=f"{name} [caption]"), SharedModels(), writer)

    score_pairs(store, {"judge": judge("mark")})
    values = read_scores(store, "judge")
    expected = [np.asarray(decode_image(pair.image).convert("L")).mean() / 25.6 for pair in store.iter_pairs()]
    np.testing.assert_allclose(values, expected, atol=0.2)
    assert len(stub.bodies) == 4
    score_pairs(store, {"again": judge("mark")})  # the same questions: answered from the cache
    assert len(stub.bodies) == 4
    np.testing.assert_array_equal(read_scores(store, "again"), values)


def test_pictures_are_part_of_a_request(tmp_path: Path) -> None:
    cache = RequestCache(tmp_path, {})
    cache.put(Request("mark", 1, images=(b"a",)), "3")
    assert cache.get(Request("mark", 1, images=(b"a",))) == "3"
    assert cache.get(Request("mark", 1, images=(b"b",))) is None
    assert cache.get(Request("mark", 1)) is None


def test_nobody_to_ask(tmp_path: Path, serve: Any) -> None:
    with pytest.raises(InputError, match="someone to ask"):
        Judge(JudgeSettings(), SharedModels())
    with pytest.raises(InputError, match="placeholder"):
        Judge(JudgeSettings(prompt="well?"), SharedModels(), Answers([]))
    stub = serve(lambda body, times: (401, {"error": {"message": "no"}}))
    writer = ServerWriter(ServerWriterSettings(model="m"), ServerConnection(base_url=stub.url))
    with pytest.raises(WriterUnavailable, match="refuses the key"):
        score_pairs(picture_store(tmp_path, 2), {"judge": Judge(JudgeSettings(), SharedModels(), writer)})
