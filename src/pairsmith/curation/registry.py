"""All scores by name: adding one is a file in `scores/` and a line here.

A line names the settings and the class, which takes (settings, shared models); a score that asks a writer is marked as
such and takes it as a third argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, create_model

from pairsmith.captions.writer import Writer
from pairsmith.curation.encoders import SharedModels
from pairsmith.curation.score import PairScore
from pairsmith.curation.scores.aesthetic import Aesthetic, AestheticSettings
from pairsmith.curation.scores.blur import BlurSettings, Sharpness
from pairsmith.curation.scores.clip import ClipScore, ClipSettings
from pairsmith.curation.scores.embedding import EmbeddingSettings, PictureEmbedding
from pairsmith.curation.scores.itm import ImageTextMatching, ItmSettings
from pairsmith.curation.scores.judge import Judge, JudgeSettings
from pairsmith.curation.scores.near_duplicate import NearDuplicate, NearDuplicateSettings
from pairsmith.curation.scores.nsfw import Nsfw, NsfwSettings
from pairsmith.curation.scores.ssim import SelfSsim, SsimSettings
from pairsmith.errors import InputError
from pairsmith.settings import Settings


@dataclass(frozen=True)
class ScoreKind:
    """A score: its settings, its class, and whether it asks a writer."""

    settings: type[Settings]
    make: Any
    asks: bool = False


SCORES: dict[str, ScoreKind] = {
    "clip": ScoreKind(ClipSettings, ClipScore),
    "ssim": ScoreKind(SsimSettings, SelfSsim),
    "itm": ScoreKind(ItmSettings, ImageTextMatching),
    "aesthetic": ScoreKind(AestheticSettings, Aesthetic),
    "judge": ScoreKind(JudgeSettings, Judge, asks=True),
    "blur": ScoreKind(BlurSettings, Sharpness),
    "nsfw": ScoreKind(NsfwSettings, Nsfw),
    "near_duplicate": ScoreKind(NearDuplicateSettings, NearDuplicate),
    "embedding": ScoreKind(EmbeddingSettings, PictureEmbedding),
}

# One settings object for all scores: `clip.model`, `ssim.base` ...
ScoringSettings: type[Settings] = create_model(
    "ScoringSettings",
    __base__=Settings,
    **{
        name: (kind.settings, Field(default=kind.settings(), description=(kind.settings.__doc__ or "").strip()))
        for name, kind in SCORES.items()
    },  # type: ignore[call-overload]
)


def make_score(kind: str, settings: Settings, models: SharedModels, writer: Writer | None = None) -> PairScore:
    """A score by its name.

    Args:
        settings: of this kind.
        models: what scores share.
        writer: for a score that asks one.

    Raises:
        InputError: no score of that name, or one that lacks a part it needs.
    """
    if kind not in SCORES:
        raise InputError(f"there is no score {kind!r}; there are {', '.join(SCORES)}")
    made = SCORES[kind]
    return made.make(settings, models, writer) if made.asks else made.make(settings, models)


def parse_names(arguments: Sequence[str]) -> dict[str, str]:
    """Sidecar name -> score, of "clip" or "clip=clip-l14" (the score clip under the name clip-l14).

    Raises:
        InputError: an unknown score, or a name twice.
    """
    names: dict[str, str] = {}
    for argument in arguments:
        kind, _, name = argument.partition("=")
        name = name or kind
        if kind not in SCORES:
            raise InputError(f"there is no score {kind!r}; there are {', '.join(SCORES)}")
        if name in names:
            raise InputError(f"two scores would be written as {name!r}: name one, as in {kind}=other")
        names[name] = kind
    return names
