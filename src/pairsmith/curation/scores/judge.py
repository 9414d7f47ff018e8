"""A language model's mark for a pair: asked through any writer, of the caption alone or with the picture.

A vision-language model behind an OpenAI-compatible server sees the picture as a data URI; the answer's first number
is the mark. What cannot be read as a mark within the range is a failed row, not a low one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from pairsmith.captions.writer import Request, WriteFailure, Writer
from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import Batch, ScoreFailures, View
from pairsmith.errors import InputError
from pairsmith.pairs import encode_image
from pairsmith.seeds import row_seed
from pairsmith.settings import Settings

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_SHOWN = 80  # characters of an answer that a reason quotes
PROMPT = (
    "Here is a picture and a caption for it.\nCaption: [caption]\n\n"
    "Mark how well the caption describes the picture, from [least] (not at all) to [most] (completely and without a "
    "mistake). Answer with the number alone."
)


class JudgeSettings(Settings):
    """What is asked."""

    prompt: str = Field(default=PROMPT, description="with the placeholders [caption], [least] and [most]")
    least: float = Field(default=0.0, description="lowest mark")
    most: float = Field(default=10.0, description="highest mark")
    sees: bool = Field(default=True, description="whether the picture is sent; false for language models")
    side: int = Field(default=512, ge=16, description="longer side of the picture that is sent, in pixels")
    format: Literal["jpeg", "png"] = Field(default="jpeg", description="how it is sent")


def picture_bytes(picture: Image.Image, side: int, format: Literal["jpeg", "png"]) -> bytes:
    """An encoded copy whose longer side is at most `side` pixels."""
    copy = picture.copy()
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    return encode_image(copy, format, 90)


class Judge:
    """Marks of a judge, between `least` and `most`.

    Args:
        settings: what is asked.
        models: unused; a judge runs elsewhere.
        writer: who answers.
    """

    def __init__(self, settings: JudgeSettings, models: SharedModels, writer: Writer | None = None) -> None:
        if writer is None:
            raise InputError("the score judge needs someone to ask: --judge ADDRESS --judge-model NAME")
        if "[caption]" not in settings.prompt:
            raise InputError("the judge's prompt needs the placeholder [caption]")
        self._settings, self._writer = settings, writer

    def describe(self) -> dict[str, Any]:
        """The settings and who answers."""
        return {"score": "judge", **self._settings.to_dict(), "writer": self._writer.describe()}

    def load(self) -> None:
        """Nothing to load: the writer does that itself."""

    def views(self) -> Mapping[str, View]:
        """The picture that is sent."""
        return {self._name: self._view} if self._settings.sees else {}

    def compute(self, batch: Batch) -> np.ndarray:
        """float64 [B].

        Raises:
            ScoreFailures: no answer, or no mark in it.
            WriterUnavailable: nobody answers at all.
        """
        settings = self._settings
        frame = settings.prompt.replace("[least]", f"{settings.least:g}").replace("[most]", f"{settings.most:g}")
        requests = [
            Request(
                frame.replace("[caption]", caption),
                row_seed(0, name, "judge"),
                images=(batch.views[self._name][at],) if settings.sees else (),
            )
            for at, (name, caption) in enumerate(zip(batch.ids, batch.captions, strict=True))
        ]
        values = np.zeros(len(batch))
        reasons: dict[int, str] = {}
        for at, answer in enumerate(self._writer.write(requests)):
            mark = self._mark(answer)
            if isinstance(mark, str):
                reasons[at] = mark
            else:
                values[at] = mark
        if reasons:
            raise ScoreFailures(values, reasons)
        return values

    def _mark(self, answer: str | WriteFailure) -> float | str:
        """The mark, or the reason why there is none; an answer cut off after its number is good enough."""
        text = answer.text if isinstance(answer, WriteFailure) else answer
        found = _NUMBER.search(text)
        if found is None:
            reason = answer.reason if isinstance(answer, WriteFailure) else f"{text.strip()[:_SHOWN]!r}"
            return f"no mark: {reason}"
        mark = float(found.group())
        if not self._settings.least <= mark <= self._settings.most:
            return f"mark out of range: {mark:g}"
        return mark

    @property
    def _name(self) -> str:
        return f"sent {self._settings.side} {self._settings.format}"

    def _view(self, picture: Image.Image) -> bytes:
        return picture_bytes(picture, self._settings.side, self._settings.format)
