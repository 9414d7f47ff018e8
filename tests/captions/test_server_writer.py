"""The server writer against a stub on this machine: requests, answers, repetitions, counts."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import pytest

from pairsmith.captions import Request, ServerConnection, ServerWriter, ServerWriterSettings, WriteFailure
from tests.captions.stub_server import Reply, make_writer, message, prompt_of


def test_answers_come_in_the_order_of_the_requests(serve) -> None:
    def reply(body: dict[str, Any], times: int) -> Reply:
        time.sleep(0.002 * (9 - int(prompt_of(body))))
        return 200, message(prompt_of(body))

    stub = serve(reply)
    requests = [Request(str(number), seed=2**40 + number) for number in range(10)]
    writer = make_writer(stub.url, {"system": "be plain", "temperature": 0.5, "extra": {"min_p": 0.1}}, concurrency=3)
    assert writer.write(requests) == [str(number) for number in range(10)]
    assert 2 <= stub.most_busy <= 3
    body = next(body for body in stub.bodies if prompt_of(body) == "4")
    assert body["messages"][0] == {"role": "system", "content": "be plain"}
    assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == ("m", 0.5, 0.95, 128)
    assert (body["seed"], body["min_p"]) == ((2**40 + 4) % 2**31, 0.1)
    assert set(stub.keys) == {"Bearer none"}


def test_fields_that_some_servers_refuse_can_be_left_out(serve) -> None:
    stub = serve(lambda body, times: (200, message("a")))
    make_writer(stub.url, {"send_seed": False, "new_limit_field": True}).write([Request("x", 1)])
    assert "seed" not in stub.bodies[0]
    assert "max_tokens" not in stub.bodies[0]
    assert stub.bodies[0]["max_completion_tokens"] == 128


@pytest.mark.parametrize(
    "first",
    [
        (429, {"error": {"message": "slow down"}}, {"Retry-After": "0.005"}),
        (500, {"error": {"message": "oops"}}),
        (503, b"<html>busy</html>"),
        (200, b'{"choices": [{"mess'),
        (200, {"choices": []}),
        (200, b"[]"),
        (200, b"null"),
    ],
)
def test_what_may_pass_is_tried_again(serve, first: Reply) -> None:
    stub = serve(lambda body, times: first if times < 2 else (200, message("a dog")))
    assert make_writer(stub.url).write([Request("x", 1)]) == ["a dog"]
    assert len(stub.bodies) == 3


@pytest.mark.parametrize(
    ("reply", "reason", "tries"),
    [
        ((429, {"error": {"message": "slow down"}}), "HTTP 429: ", 3),
        ((500, {"error": {"message": "oops"}}), "HTTP 500: ", 3),
        ((200, b'{"choices": [{"mess'), "garbled answer: ", 3),
        ((400, {"error": {"message": "prompt too long"}}), "HTTP 400: ", 1),
        ((422, {"detail": "bad"}), "HTTP 422: ", 1),
        ((200, message("")), "empty: ", 1),
        ((200, message(None)), "empty: ", 1),
        ((200, message("A dog", "content_filter")), "refused: ", 1),
        ((200, message("A dog and", "length")), "unfinished: ", 1),
    ],
)
def test_a_row_fails_with_its_own_reason(serve, reply: Reply, reason: str, tries: int) -> None:
    stub = serve(lambda body, times: reply if prompt_of(body) == "bad" else (200, message("fine")))
    good, bad, other = make_writer(stub.url).write([Request("good", 1), Request("bad", 2), Request("other", 3)])
    assert (good, other) == ("fine", "fine")
    assert isinstance(bad, WriteFailure)
    assert bad.reason.startswith(reason)
    assert len(stub.bodies) == 2 + tries
    if reason == "unfinished: ":
        assert bad.text == "A dog and"


def test_a_slow_answer_times_out(serve) -> None:
    stub = serve(lambda body, times: (time.sleep(1.5 if prompt_of(body) == "slow" else 0), (200, message("a")))[1])
    fast, slow = make_writer(stub.url, timeout=0.3, retries=0).write([Request("fast", 1), Request("slow", 2)])
    assert fast == "a"
    assert slow == WriteFailure("time-out: no answer within 0.3 s")


def test_waiting_never_exceeds_its_bound(serve) -> None:
    stub = serve(lambda body, times: (429, {}, {"Retry-After": "3600"}) if times == 0 else (200, message("a")))
    started = time.monotonic()
    assert make_writer(stub.url, longest_wait=0.05).write([Request("x", 1)]) == ["a"]
    assert time.monotonic() - started < 20


def test_what_was_answered_is_not_asked_for_again(serve, tmp_path: Path) -> None:
    stub = serve(lambda body, times: (500, {}) if prompt_of(body) == "bad" and times < 3 else (200, message("fine")))
    requests = [Request("good", 1), Request("bad", 2)]

    def writer() -> ServerWriter:
        connection = ServerConnection(base_url=stub.url, first_wait=0.001, longest_wait=0.01, retries=2)
        return ServerWriter(ServerWriterSettings(model="m"), connection, tmp_path / "cache")

    first = writer()
    good, bad = first.write(requests)
    assert good == "fine"
    assert isinstance(bad, WriteFailure)
    assert bad.reason.startswith("HTTP 500")
    assert len(stub.bodies) == 4
    second = writer()
    assert second.write(requests) == ["fine", "fine"]  # a failure is no answer: it is tried again
    assert len(stub.bodies) == 5
    assert (second.usage.cached, second.usage.answers) == (1, 1)
    assert pickle.loads(pickle.dumps(second)).write(requests) == ["fine", "fine"]
    assert len(stub.bodies) == 5


def test_tokens_tries_and_cost_are_counted(serve) -> None:
    def reply(body: dict[str, Any], times: int) -> Reply:
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        return (503, {}) if times == 0 else (200, {**message("a"), "usage": usage})

    stub = serve(reply)
    writer = make_writer(stub.url, input_price=2.0, output_price=10.0)
    writer.write([Request(str(number), number) for number in range(5)])
    usage = writer.usage
    assert (usage.answers, usage.tries, usage.input_tokens, usage.output_tokens) == (5, 10, 500, 50)
    assert usage.cost == pytest.approx(500 * 2e-6 + 50 * 1e-5)
    assert "5 tries repeated, 500 tokens in, 50 out, cost 0.0015" in usage.sentence()
