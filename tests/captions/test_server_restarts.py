"""Captions from a server that misbehaves, to a stage that is killed: no row lost, none written twice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pairsmith.captions import (
    CaptionSettings,
    ConceptBank,
    ServerConnection,
    ServerWriter,
    ServerWriterSettings,
    reason_counts,
    write_captions,
)
from tests.captions.stub_server import Reply, make_writer, message, prompt_of


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
    return 200, message(f"A photo of {prompt_of(body)} number {seed}.")


def test_a_wild_server_loses_no_row_and_doubles_none(serve, tmp_path: Path) -> None:
    bank = ConceptBank([f"thing{letter}" for letter in "abcdefgh"])
    settings = CaptionSettings.model_validate({"prompt": {"name": "p", "template": "[object]"}, "attempts": 1})
    calm = serve(lambda body, times: _wild(body, 99))
    sizes = {"shard_rows": 15, "batch_rows": 15}
    expected = write_captions(tmp_path / "calm", bank, make_writer(calm.url), 90, settings, **sizes)
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
            write_captions(tmp_path / "wild", bank, writer(), 90, settings, **sizes, progress=stop)
    store = write_captions(tmp_path / "wild", bank, writer(), 90, settings, **sizes)
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
