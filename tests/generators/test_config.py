from __future__ import annotations

import pytest

from pairsmith.generators.autoregressive.config import AutoregressiveConfig
from pairsmith.generators.config import GeneratorConfig, TextToTokensConfig
from pairsmith.generators.flow.config import FlowConfig


def test_every_kind_says_whether_it_is_built_on_the_tokenizers_codes() -> None:
    assert FlowConfig().uses_codebook
    for kind in (GeneratorConfig, AutoregressiveConfig):
        assert not kind().uses_codebook
        assert kind(codebook_tied=True, code_dim=8).uses_codebook
    with pytest.raises(TypeError, match="uses_codebook"):
        TextToTokensConfig()  # type: ignore[abstract]
