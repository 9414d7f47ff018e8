"""Settings of the VLM."""

from __future__ import annotations

import pytest

from pairsmith.errors import InputError
from pairsmith.settings import load_settings
from pairsmith.vlm import PRESETS, VLMConfig


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="not a multiple of heads"):
        load_settings(VLMConfig, overrides=["adapter.heads=7"])
    with pytest.raises(InputError, match="not a multiple of heads"):
        load_settings(VLMConfig, overrides=["resampler.width=1000", "resampler.heads=7"])


def test_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"resampler\.latents"):
        load_settings(VLMConfig, overrides=["resampler.latent=3"])


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json_and_validation(name: str) -> None:
    assert VLMConfig.model_validate(PRESETS[name].to_dict()) == PRESETS[name]
