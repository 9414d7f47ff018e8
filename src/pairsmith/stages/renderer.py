"""What the render stage asks of a generator: an identity for the manifest, and drawings of captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Identity:
    """What decides the rows that a renderer makes, in JSON types.

    Attributes:
        revision: fingerprint of the generator's weights; with `sampling` it goes into the ids of rows.
        sampling: how it draws; every row keeps it in its column `settings`.
        settings: all that must be the same for a run to be resumed; goes into the manifest.
        inputs: name -> fingerprint of what else is read, such as the tokenizer.
        num_tokens: tokens a row; None where rows hold pictures only.
        tokenizer: fingerprint of the tokenizer whose tokens the rows hold.
    """

    revision: str
    sampling: Mapping[str, Any]
    settings: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    num_tokens: int | None = None
    tokenizer: str | None = None


@dataclass(frozen=True)
class Drawing:
    """What became of one caption.

    Attributes:
        tokens: [N] uint16 VQ ids, or None.
        image: the encoded picture, or None.
        note: of an "ok" row, something worth knowing (such as a caption that was cut); it goes into `reason`.
        failure: why there is neither picture nor tokens; empty where all went well.
        changed: entries of the identity's `sampling` that were different for this row.
    """

    tokens: np.ndarray | None = None
    image: bytes | None = None
    note: str = ""
    failure: str = ""
    changed: Mapping[str, Any] = field(default_factory=dict)


class Renderer(Protocol):
    """A generator at work.

    Attributes:
        name: of the generator, in the rows and in their ids.
        seed: of all pictures.
    """

    name: str
    seed: int

    def identity(self) -> Identity:
        """What decides its rows."""
        ...

    def draw(self, captions: Sequence[str], ids: Sequence[str], turns: Sequence[int]) -> list[Drawing]:
        """One drawing a caption, which must depend on (caption, seed, id, turn) and on nothing else in the batch.

        Args:
            captions: B texts.
            ids: of the captions' rows.
            turns: 0 for the first picture of a caption, 1 for the second ...
        """
        ...

    def remarks(self) -> list[str]:
        """Sentences about what was drawn so far, for people; empty where there is nothing to say."""
        ...


class RendererRecipe(Protocol):
    """How a generator is opened: settings, names and paths, small enough to be sent to every worker."""

    def open(self) -> Renderer:
        """The generator, loaded and ready to draw.

        Raises:
            InputError: it cannot be loaded.
        """
        ...
