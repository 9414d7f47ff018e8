from __future__ import annotations

import json
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.generators.model import MaskedGenerator
from pairsmith.settings import load_settings
from pairsmith.stages.generator_kinds import FILES, KINDS, detect_kind, generator_kind
from tests.generators.conftest import TEST_CONFIG
from tests.generators.diffusers import tiny_pipelines


@pytest.mark.parametrize("name", list(KINDS))
def test_every_kind_goes_by_its_name_and_is_told_by_its_file(name: str) -> None:
    kind = generator_kind(name)
    assert kind.name == name
    assert kind.file in FILES
    assert kind.sampling().to_dict()
    if kind.training is not None:
        assert set(kind.training.presets) == {"tiny", "small", "paper"}
        for values in kind.training.presets.values():
            load_settings(kind.training.settings, values)


def test_a_folder_tells_its_kind(tmp_path: Path) -> None:
    MaskedGenerator(TEST_CONFIG).save_pretrained(tmp_path / "masked")
    tiny_pipelines.save(tmp_path / "sd3", tiny_pipelines.sd3)
    assert detect_kind(str(tmp_path / "masked")).name == "masked"
    assert detect_kind(str(tmp_path / "sd3")).name == "diffusers"


def test_what_is_no_generator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no generator of a known kind"):
        detect_kind(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(InputError, match="masked, flow, autoregressive, diffusers, scenes"):
        detect_kind(str(tmp_path))
    with pytest.raises(InputError, match="no such folder"):
        detect_kind(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="'gan' is none of masked"):
        generator_kind("gan")
