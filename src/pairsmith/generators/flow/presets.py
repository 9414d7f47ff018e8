"""Named sizes of the flow-matching generator. Synth² and SynthVLM have no such model, so all are ours.

They are the masked generator's sizes: between the two, only the way of drawing differs.
"""

from __future__ import annotations

from typing import Any

from pairsmith.generators import presets as masked
from pairsmith.generators.config import GeneratorConfig
from pairsmith.generators.flow.config import FlowConfig


def _like(config: GeneratorConfig, **changes: Any) -> FlowConfig:
    shared = {name: value for name, value in config.to_dict().items() if name in FlowConfig.model_fields}
    return FlowConfig(**{**shared, "dropout": 0.0, **changes})


PAPER = _like(masked.PAPER, code_dim=256)
SMALL = _like(masked.SMALL, code_dim=256)
TINY = _like(masked.TINY, prediction="codes", gate_start=0.5)

PRESETS: dict[str, FlowConfig] = {"paper": PAPER, "small": SMALL, "tiny": TINY}
