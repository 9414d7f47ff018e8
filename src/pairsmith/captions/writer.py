"""What writes captions: the contract between the stage and a language model, wherever that runs.

A writer answers every request with a text, or says why there is none; it raises only when it cannot go on at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pairsmith.errors import PairsmithError


class WriterUnavailable(PairsmithError):
    """The writer can write nothing at all (server down, key refused): the stage stops, and finished shards stay."""


@dataclass(frozen=True)
class Request:
    """One caption asked for.

    Attributes:
        prompt: the text to send, or to go on from.
        seed: 63 bits; equal requests give equal texts, as far as the writer can.
        start: how the caption must begin; a writer that can makes the model go on from it.
        head: what the prompts of the run all begin with; a writer that can has the model read it once.
        in_context: the prompt is a list of worked examples, to be gone on with: the answer is the rest of its line.
        images: encoded pictures (PNG or JPEG) to look at before the prompt, for writers whose model sees.
    """

    prompt: str
    seed: int
    start: str = ""
    head: str = ""
    in_context: bool = False
    images: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class WriteFailure:
    """Why there is no caption, or none that can be used.

    Attributes:
        reason: `code` or `code: detail`.
        text: what was written all the same (an unfinished text), if anything.
    """

    reason: str
    text: str = ""


class Writer(Protocol):
    """Writes captions."""

    @property
    def name(self) -> str:
        """What goes into the column `generator`."""

    def describe(self) -> dict[str, Any]:
        """Everything that decides what is written, as JSON values: no addresses, no keys. Cheap: loads no model."""

    def write(self, requests: Sequence[Request]) -> list[str | WriteFailure]:
        """One answer a request, in their order.

        Raises:
            WriterUnavailable: nothing can be written, for a reason that no single request bears.
        """
