"""A stub of a chat server on this machine, and a writer without patience that talks to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pairsmith.captions import ServerConnection, ServerWriter, ServerWriterSettings

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


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients talk to this machine directly."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def serve(no_proxy: None) -> Iterator[Callable[[Callable[[dict[str, Any], int], Reply]], Stub]]:
    """Starts stubs from their replies."""
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


def message(text: Any, finish: str = "stop") -> dict[str, Any]:
    """A chat completion with this text."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


def prompt_of(body: dict[str, Any]) -> str:
    """The last message of a request."""
    return body["messages"][-1]["content"]


def make_writer(url: str, settings: dict[str, Any] | None = None, **connection: Any) -> ServerWriter:
    """A writer that waits for next to nothing."""
    patience = {"first_wait": 0.001, "longest_wait": 0.01, "retries": 2, "timeout": 20, **connection}
    return ServerWriter(
        ServerWriterSettings(**{"model": "m", **(settings or {})}), ServerConnection(base_url=url, **patience)
    )
