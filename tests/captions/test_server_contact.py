"""When the server writer gives a server up: refused keys, servers that die, servers that were never there."""

from __future__ import annotations

import socket

import pytest

from pairsmith.captions import Request, WriteFailure, WriterUnavailable
from tests.captions.stub_server import make_writer, message, prompt_of


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_an_unknown_model_stops_at_once(serve, status: int) -> None:
    stub = serve(lambda body, times: (status, {"error": {"message": "no"}}))
    with pytest.raises(WriterUnavailable, match=f"HTTP {status}"):
        make_writer(stub.url, concurrency=1).write([Request(str(number), number) for number in range(50)])
    assert len(stub.bodies) <= 3


def test_a_server_that_dies_stops_the_writer_after_many_failures(serve) -> None:
    stub = serve(lambda body, times: (200, message("a")))
    writer = make_writer(stub.url, give_up_after=4, concurrency=2)
    assert writer.write([Request("x", 1)]) == ["a"]
    writer._client.close()  # else the connection that is open would still be served
    writer._client = None
    stub.server.shutdown()
    stub.server.server_close()
    with pytest.raises(WriterUnavailable, match=r"[45] requests in a row got no answer.*no connection"):
        writer.write([Request(str(number), number) for number in range(50)])


def test_a_server_that_was_never_there_is_told_by_its_address(no_proxy) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    writer = make_writer(f"http://127.0.0.1:{port}/v1", concurrency=2)
    with pytest.raises(
        WriterUnavailable, match=rf"http://127.0.0.1:{port}/v1 cannot be reached \(no connection: .*start"
    ):
        writer.write([Request(str(number), number) for number in range(50)])
    assert writer.usage.tries <= 2 * 3  # of one request a thread, not of twenty


def test_a_refused_connection_is_tried_again_once_the_server_was_met(serve) -> None:
    stub = serve(lambda body, times: (200, message("a")))
    writer = make_writer(stub.url, retries=2)
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
    stub = serve(lambda body, times: (200, message("a")) if int(prompt_of(body)) % 3 else (500, {}))
    writer = make_writer(stub.url, give_up_after=3, concurrency=1, retries=0)
    answers = writer.write([Request(str(number), number) for number in range(30)])
    assert sum(isinstance(answer, WriteFailure) for answer in answers) == 10
