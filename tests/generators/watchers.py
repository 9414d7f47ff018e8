"""A generator that keeps what it was asked, and a count of tensor operations."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pairsmith.generators import MaskedGenerator, SamplingSettings, TextContext


def make_settings(**changes: Any) -> SamplingSettings:
    """Six steps in blocks of four rows."""
    return SamplingSettings(**{"steps": 6, "block_rows": 4, **changes})


class Recorder(MaskedGenerator):
    """Counts calls and keeps what the model was shown."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.encoded: list[int] = []
        self.seen: list[tuple[int, int]] = []
        self.inputs: list[Tensor] = []

    def encode_text(self, *arguments: Any, **options: Any) -> TextContext:
        self.encoded.append(len(arguments[0]))
        return super().encode_text(*arguments, **options)

    def forward(self, tokens: Tensor, context: TextContext, positions: Tensor | None = None) -> Tensor:
        assert positions is not None
        self.seen.append((len(tokens), positions.shape[1]))
        self.inputs.append(tokens)
        return super().forward(tokens, context, positions)


class Operations(TorchDispatchMode):
    """Counts tensor operations; drawing a row's own random numbers is not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        self.count += not function.overloadpacket.__name__.startswith("rand")
        return function(*arguments, **(options or {}))


def recorder_of(model: MaskedGenerator) -> Recorder:
    """A recorder with the same weights."""
    recorder = Recorder(model.config).eval()
    recorder.load_state_dict(model.state_dict())
    return recorder
