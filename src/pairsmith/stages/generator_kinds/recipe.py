"""How a generator of any kind is opened, in this process or in a worker."""

from __future__ import annotations

from dataclasses import dataclass

from pairsmith.stages.generator_kinds import generator_kind
from pairsmith.stages.generator_kinds.kind import RenderRequest
from pairsmith.stages.renderer import Renderer


@dataclass(frozen=True)
class GeneratorRecipe:
    """A kind by its name, and what it is opened with; `request.text_encoder` must be a function of a module."""

    kind: str
    request: RenderRequest

    def open(self) -> Renderer:
        """Load it.

        Raises:
            InputError: as the kind's `open`.
        """
        return generator_kind(self.kind).open(self.request)
