"""The server's key goes to the server and nowhere else; the address is no part of what is stored."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pairsmith.captions import CaptionSettings, ConceptBank, Request, ServerConnection, reason_counts, write_captions
from pairsmith.errors import InputError
from tests.captions.stub_server import Reply, make_writer, message, prompt_of

KEY = "sk-very-secret-0123456789"


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(
    serve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", KEY)

    def reply(body: dict[str, Any], times: int) -> Reply:
        if "cat" in prompt_of(body):
            return 400, {"error": {"message": f"key {KEY} may not ask for cats"}}
        return 200, message(f"This is an image of a dog. {body['seed']}.")

    stub = serve(reply)
    writer = make_writer(stub.url, api_key_variable="MY_KEY")
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
    described = json.dumps(make_writer("http://127.0.0.1:1/v1", concurrency=7).describe())
    assert described == json.dumps(make_writer("http://127.0.0.1:2/v1").describe())
    assert "127.0.0.1" not in described


def test_a_missing_key_and_a_leaking_address_are_refused() -> None:
    with pytest.raises(InputError, match="ABSENT_KEY"):
        make_writer("http://127.0.0.1:1/v1", api_key_variable="ABSENT_KEY").write([Request("x", 1)])
    for address in ("http://me:pass@host/v1", "http://:pass@host", "https://host/v1?key=1", "host:8000", "ftp://host"):
        with pytest.raises(ValidationError):
            ServerConnection(base_url=address)
