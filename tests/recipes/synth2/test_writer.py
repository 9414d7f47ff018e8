"""A caption server: asked with the key of the environment, and never without an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.recipes.synth2.captioning import make_writer
from tests.recipes.synth2.tiny import scene_settings

SERVER = ("writer.kind=server", "writer.base_url=http://127.0.0.1:1/v1", "writer.model=m")


@pytest.mark.parametrize("key", ["k3y", None])
def test_the_key_comes_from_the_environment_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if key:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    settings = scene_settings(*SERVER)
    writer = make_writer(settings, None, tmp_path / "answers")  # type: ignore[arg-type]
    assert vars(writer)["_connection"].api_key_variable == ("OPENAI_API_KEY" if key else None)
    assert "k3y" not in str(writer.describe()) + str(settings.to_dict())


def test_a_server_without_an_address_is_refused_with_the_settings() -> None:
    with pytest.raises(InputError, match=r"writer.*needs base_url"):
        scene_settings("writer.kind=server")
