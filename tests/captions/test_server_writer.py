"""The server writer against a stub on this machine: answers, refusals, patience, and keys that stay secret."""

from __future__ import annotations

import json
import logging
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pairsmith.captions import (
    CaptionSettings,
    ConceptBank,
    Request,
    ServerConnection,
    ServerWriter,
    ServerWriterSettings,
    WriteFailure,
    WriterUnavailable,
    reason_counts,
    write_captions,
)
from pairsmith.errors import InputError

KEY = "sk-very-secret-0123456789"
Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]


class Stub:
    """A server whose replies are a function of (request body, how often this prompt came)."""

    def __init__(self, reply: Callable[[dict[str, Any], int], Reply]) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.busy = self.most_busy = 0
        lock = threading.Lock()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    times = sum(other["messages"] == body["messages"] for other in stub.bodies)
                    stub.bodies.append(body)
                    stub.keys.append(self.headers.get("Authorization"))
                    stub.busy += 1
                    stub.most_busy = max(stub.most_busy, stub.busy)
                try:
                    status, content, *headers = reply(body, times)
                finally:
                    with lock:
                        stub.busy -= 1
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(data)))
                    for name, value in (headers[0] if headers else {}).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    pass  # the client did not wait

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[dict[str, Any], int], Reply]], Stub]]:
    stubs: list[Stub] = []

    def start(reply: Callable[[dict[str, Any], int], Reply]) -> Stub:
        stub = Stub(reply)
        threading.Thread(target=stub.server.serve_forever, args=(0.02,), daemon=True).start()
        stubs.append(stub)
        return stub

    yield start
    for stub in stubs:
        stub.server.shutdown()
        stub.server.server_close()


def _message(text: Any, finish: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


def _prompt(body: dict[str, Any]) -> str:
    return body["messages"][-1]["content"]


def _writer(url: str, settings: dict[str, Any] | None = None, **connection: Any) -> ServerWriter:
    patience = {"first_wait": 0.001, "longest_wait": 0.01, "retries": 2, "timeout": 20, **connection}
    return ServerWriter(
        ServerWriterSettings(**{"model": "m", **(settings or {})}), ServerConnection(base_url=url, **patience)
    )


def test_answers_come_in_the_order_of_the_requests(serve) -> None:
    stub = serve(lambda body, times: (time.sleep(0.002 * (9 - int(_prompt(body)))), (200, _message(_prompt(body))))[1])
    requests = [Request(str(number), seed=2**40 + number) for number in range(10)]
    writer = _writer(stub.url, {"system": "be plain", "temperature": 0.5, "extra": {"min_p": 0.1}}, concurrency=3)
    assert writer.write(requests) == [str(number) for number in range(10)]
    assert 2 <= stub.most_busy <= 3
    body = next(body for body in stub.bodies if _prompt(body) == "4")
    assert body["messages"][0] == {"role": "system", "content": "be plain"}
    assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == ("m", 0.5, 0.95, 128)
    assert (body["seed"], body["min_p"]) == ((2**40 + 4) % 2**31, 0.1)
    assert set(stub.keys) == {"Bearer none"}


def test_fields_that_some_servers_refuse_can_be_left_out(serve) -> None:
    stub = serve(lambda body, times: (200, _message("a")))
    _writer(stub.url, {"send_seed": False, "new_limit_field": True}).write([Request("x", 1)])
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
    stub = serve(lambda body, times: first if times < 2 else (200, _message("a dog")))
    assert _writer(stub.url).write([Request("x", 1)]) == ["a dog"]
    assert len(stub.bodies) == 3


@pytest.mark.parametrize(
    ("reply", "reason", "tries"),
    [
        ((429, {"error": {"message": "slow down"}}), "HTTP 429: ", 3),
        ((500, {"error": {"message": "oops"}}), "HTTP 500: ", 3),
        ((200, b'{"choices": [{"mess'), "garbled answer: ", 3),
        ((400, {"error": {"message": "prompt too long"}}), "HTTP 400: ", 1),
        ((422, {"detail": "bad"}), "HTTP 422: ", 1),
        ((200, _message("")), "empty: ", 1),
        ((200, _message(None)), "empty: ", 1),
        ((200, _message("A dog", "content_filter")), "refused: ", 1),
        ((200, _message("A dog and", "length")), "unfinished: ", 1),
    ],
)
def test_a_row_fails_with_its_own_reason(serve, reply: Reply, reason: str, tries: int) -> None:
    stub = serve(lambda body, times: reply if _prompt(body) == "bad" else (200, _message("fine")))
    good, bad, other = _writer(stub.url).write([Request("good", 1), Request("bad", 2), Request("other", 3)])
    assert (good, other) == ("fine", "fine")
    assert isinstance(bad, WriteFailure)
    assert bad.reason.startswith(reason)
    assert len(stub.bodies) == 2 + tries
    if reason == "unfinished: ":
        assert bad.text == "A dog and"


def test_a_slow_answer_times_out(serve) -> None:
    stub = serve(lambda body, times: (time.sleep(1.5 if _prompt(body) == "slow" else 0), (200, _message("a")))[1])
    fast, slow = _writer(stub.url, timeout=0.3, retries=0).write([Request("fast", 1), Request("slow", 2)])
    assert fast == "a"
    assert slow == WriteFailure("time-out: no answer within 0.3 s")


def test_waiting_never_exceeds_its_bound(serve) -> None:
    stub = serve(lambda body, times: (429, {}, {"Retry-After": "3600"}) if times == 0 else (200, _message("a")))
    started = time.monotonic()
    assert _writer(stub.url, longest_wait=0.05).write([Request("x", 1)]) == ["a"]
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_an_unknown_model_stops_at_once(serve, status: int) -> None:
    stub = serve(lambda body, times: (status, {"error": {"message": "no"}}))
    with pytest.raises(WriterUnavailable, match=f"HTTP {status}"):
        _writer(stub.url, concurrency=1).write([Request(str(number), number) for number in range(50)])
    assert len(stub.bodies) <= 3


def test_a_server_that_dies_stops_the_writer_after_many_failures(serve) -> None:
    stub = serve(lambda body, times: (200, _message("a")))
    writer = _writer(stub.url, give_up_after=4, concurrency=2)
    assert writer.write([Request("x", 1)]) == ["a"]
    writer._client.close()  # else the connection that is open would still be served
    writer._client = None
    stub.server.shutdown()
    stub.server.server_close()
    with pytest.raises(WriterUnavailable, match=r"4 requests in a row got no answer.*no connection"):
        writer.write([Request(str(number), number) for number in range(50)])


def test_a_server_that_was_never_there_is_told_by_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    writer = _writer(f"http://127.0.0.1:{port}/v1", concurrency=2)
    with pytest.raises(
        WriterUnavailable, match=rf"http://127.0.0.1:{port}/v1 cannot be reached \(no connection: .*start"
    ):
        writer.write([Request(str(number), number) for number in range(50)])
    assert writer.usage.tries <= 2 * 3  # of one request a thread, not of twenty


def test_a_refused_connection_is_tried_again_once_the_server_was_met(serve) -> None:
    stub = serve(lambda body, times: (200, _message("a")))
    writer = _writer(stub.url, retries=2)
    assert writer.write([Request("x", 1)]) == ["a"]
    writer._client.close()
    writer._client = None
    stub.server.shutdown()
    stub.server.server_close()
    failure = writer.write([Request("y", 2)])[0]
    assert isinstance(failure, WriteFailure)
    assert failure.reason.startswith("no connection")
    assert writer.usage.tries == 1 + 3


def test_failures_apart_from_each_other_do_not_stop_it(serve) -> None:
    stub = serve(lambda body, times: (200, _message("a")) if int(_prompt(body)) % 3 else (500, {}))
    writer = _writer(stub.url, give_up_after=3, concurrency=1, retries=0)
    answers = writer.write([Request(str(number), number) for number in range(30)])
    assert sum(isinstance(answer, WriteFailure) for answer in answers) == 10


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(
    serve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", KEY)

    def reply(body: dict[str, Any], times: int) -> Reply:
        if "cat" in _prompt(body):
            return 400, {"error": {"message": f"key {KEY} may not ask for cats"}}
        return 200, _message(f"This is an image of a dog. {body['seed']}.")

    stub = serve(reply)
    writer = _writer(stub.url, api_key_variable="MY_KEY")
    settings = CaptionSettings.model_validate({"prompt": {"name": "p", "template": "[object]"}, "attempts": 1})
    store = write_captions(tmp_path / "store", ConceptBank(["cat", "dog"]), writer, 40, settings, shard_rows=10)
    assert set(stub.keys) == {f"Bearer {KEY}"}
    assert set(reason_counts(store)) == {"ok", "HTTP 400"}
    failed = next(row for row in store.iter_pairs(status="failed"))
    assert "[key] may not ask for cats" in failed.reason
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
    assert store.table(status=None).to_pandas().to_string().count(KEY) == 0
    assert KEY not in caplog.text
    assert KEY not in json.dumps(writer.describe()) + repr(writer) + str(vars(writer)["_settings"])
    assert KEY.encode() not in pickle.dumps(writer)


def test_the_address_is_no_part_of_the_settings(serve) -> None:
    described = json.dumps(_writer("http://127.0.0.1:1/v1", concurrency=7).describe())
    assert described == json.dumps(_writer("http://127.0.0.1:2/v1").describe())
    assert "127.0.0.1" not in described


def test_a_missing_key_and_a_leaking_address_are_refused() -> None:
    with pytest.raises(InputError, match="ABSENT_KEY"):
        _writer("http://127.0.0.1:1/v1", api_key_variable="ABSENT_KEY").write([Request("x", 1)])
    for address in ("http://me:pass@host/v1", "http://:pass@host", "https://host/v1?key=1", "host:8000", "ftp://host"):
        with pytest.raises(ValidationError):
            ServerConnection(base_url=address)


def test_what_was_answered_is_not_asked_for_again(serve, tmp_path: Path) -> None:
    stub = serve(lambda body, times: (500, {}) if _prompt(body) == "bad" and times < 3 else (200, _message("fine")))
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
        return (503, {}) if times == 0 else (200, {**_message("a"), "usage": usage})

    stub = serve(reply)
    writer = _writer(stub.url, input_price=2.0, output_price=10.0)
    writer.write([Request(str(number), number) for number in range(5)])
    usage = writer.usage
    assert (usage.answers, usage.tries, usage.input_tokens, usage.output_tokens) == (5, 10, 500, 50)
    assert usage.cost == pytest.approx(500 * 2e-6 + 50 * 1e-5)
    assert "5 tries repeated, 500 tokens in, 50 out, cost 0.0015" in usage.sentence()


class Killed(Exception):
    """Stands for a process that dies in the middle."""


def _wild(body: dict[str, Any], times: int) -> Reply:
    """Fails, stalls, limits the rate and talks rubbish, then answers what the request decides."""
    seed = body["seed"]
    mood = (seed + 7 * times) % 9 if times < 3 else 8
    if mood == 0 and times == 0:
        time.sleep(2.5)  # longer than the client waits
    trouble: dict[int, Reply] = {
        1: (429, {"error": {"message": "slow down"}}, {"Retry-After": "0.005"}),
        2: (500, b"<html>oops"),
        3: (200, b'{"choices": [{"mess'),
        4: (200, b"\x00\xff rubbish"),
        5: (200, {"choices": [{"message": {"content": 7}}]}),
        6: (503, {}),
    }
    if mood in trouble:
        return trouble[mood]
    if seed % 11 == 0:
        return 400, {"error": {"message": "never"}}
    return 200, _message(f"A photo of {_prompt(body)} number {seed}.")


def test_a_wild_server_loses_no_row_and_doubles_none(serve, tmp_path: Path) -> None:
    bank = ConceptBank([f"thing{letter}" for letter in "abcdefgh"])
    settings = CaptionSettings.model_validate({"prompt": {"name": "p", "template": "[object]"}, "attempts": 1})
    calm = serve(lambda body, times: _wild(body, 99))
    expected = write_captions(tmp_path / "calm", bank, _writer(calm.url), 90, settings, shard_rows=15, batch_rows=15)
    wild = serve(_wild)

    def writer() -> ServerWriter:
        connection = ServerConnection(
            base_url=wild.url, first_wait=0.001, longest_wait=0.01, retries=6, timeout=2, concurrency=8,
            give_up_after=1000,
        )  # fmt: skip
        return ServerWriter(ServerWriterSettings(model="m"), connection, tmp_path / "cache")

    for end in (20, 50):  # killed twice on the way

        def stop(done: int, total: int, failed: int, end: int = end) -> None:
            if done >= end:
                raise Killed

        with pytest.raises(Killed):
            write_captions(tmp_path / "wild", bank, writer(), 90, settings, shard_rows=15, batch_rows=15, progress=stop)
    store = write_captions(tmp_path / "wild", bank, writer(), 90, settings, shard_rows=15, batch_rows=15)
    rows, others = list(store.iter_pairs(status=None)), list(expected.iter_pairs(status=None))
    assert len(rows) == 90
    assert [row.seed for row in rows] == [row.seed for row in others]  # none lost, none moved
    assert [(row.id, row.caption, row.status) for row in rows] == [(row.id, row.caption, row.status) for row in others]
    assert reason_counts(store) == reason_counts(expected)
    assert set(reason_counts(store)) == {"ok", "HTTP 400"}
    answered = [body["seed"] for body in wild.bodies if body["seed"] % 11]
    good = {row.seed % 2**31 for row in rows if row.status == "ok"}
    assert good <= set(answered)
    assert len({row.id for row in rows if row.status == "ok"}) == len(good)
