from __future__ import annotations

import pytest
from pydantic import ValidationError

from pairsmith.tokenizer import PRESETS, TINY, TokenizerConfig, TokenizerLossConfig, TokenizerPreset
from tests.tokenizer.conftest import small_config


def test_tokens_follow_from_size_and_levels() -> None:
    config = TokenizerConfig()
    assert (config.downsample, config.grid, config.num_tokens) == (16, 16, 256)
    assert (TINY.model.downsample, TINY.model.grid, TINY.model.num_tokens) == (16, 4, 16)


@pytest.mark.parametrize(
    "changes",
    [
        {"image_size": 18},
        {"quantizer": "fsq"},
        {"fsq_levels": (4, 3, 2)},
        {"quantizer": "fsq", "fsq_levels": (5, 5)},
        {"quantizer": "fsq", "fsq_levels": (24, 1)},
        {"codebook_size": 70_000},
        {"no_such_field": 1},
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        small_config(**changes)


def test_an_untrained_discriminator_may_not_steer() -> None:
    with pytest.raises(ValidationError, match="before discriminator_start"):
        TokenizerLossConfig(discriminator_start=10, adversarial_start=5)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_pass_their_own_validation(name: str) -> None:
    preset = PRESETS[name]
    assert TokenizerPreset.model_validate(preset.model_dump()) == preset
