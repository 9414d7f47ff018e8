"""The registry: every score can be named, described and made; names of sidecars."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.registry import SCORES, ScoringSettings, make_score, parse_names
from pairsmith.errors import InputError
from pairsmith.settings import canonical_json, load_settings


class Silent:
    """A writer that is never asked."""

    name = "silent"

    def describe(self) -> dict[str, Any]:
        return {"kind": "silent"}


@pytest.mark.parametrize("kind", sorted(set(SCORES) - {"aesthetic", "nsfw"}))  # those two name their model themselves
def test_every_score_describes_itself_without_its_model(kind: str) -> None:
    score = make_score(kind, SCORES[kind].settings(), SharedModels(), Silent())  # type: ignore[arg-type]
    described = score.describe()
    assert described["score"] == kind
    assert canonical_json(described)


def test_settings_of_all_scores_are_one_object() -> None:
    settings = load_settings(ScoringSettings, {}, None, ["clip.weight=2.5", "ssim.base=null"])
    assert settings.clip.weight == 2.5  # type: ignore[attr-defined]
    assert settings.ssim.base is None  # type: ignore[attr-defined]
    assert set(settings.to_dict()) == set(SCORES)


def test_every_setting_is_explained() -> None:
    for kind in SCORES.values():
        assert all(field.description for field in kind.settings.model_fields.values())


def test_names_of_sidecars() -> None:
    assert parse_names(["clip", "clip=clip-l14", "ssim"]) == {"clip": "clip", "clip-l14": "clip", "ssim": "ssim"}
    with pytest.raises(InputError, match="there is no score 'beauty'"):
        parse_names(["beauty"])
    with pytest.raises(InputError, match="there is no score 'beauty'"):
        make_score("beauty", SCORES["clip"].settings(), SharedModels())
    with pytest.raises(InputError, match="two scores"):
        parse_names(["clip", "ssim=clip"])


def test_importing_the_room_loads_no_model_library() -> None:
    heavy = ("transformers", "open_clip", "sklearn")
    code = f"import sys, pairsmith.curation; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
