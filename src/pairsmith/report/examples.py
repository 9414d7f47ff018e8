"""Texts to look at: what the arms say about test images, and what the language model wrote, rejects included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pairsmith.captions.checks import reason_code
from pairsmith.pairs import PairStore
from pairsmith.report.arms import ArmResult
from pairsmith.report.numbers import decimal
from pairsmith.report.pictures import Format, Picture, thumbnail

_LONGEST = 280  # letters of a text that are shown
_REFERENCES = 5


@dataclass(frozen=True)
class Said:
    """A caption of an arm, and its CIDEr ×100 on this image."""

    arm: str
    colour: str
    text: str
    score: str


@dataclass(frozen=True)
class Example:
    """A test image, its human captions and what every arm says."""

    picture: Picture | None
    references: tuple[str, ...]
    said: tuple[Said, ...]


@dataclass
class Written:
    """Rows of one outcome: how many, and the first few as (caption, concept, full reason)."""

    count: int = 0
    samples: list[tuple[str, str, str]] = field(default_factory=list)


def shorten(text: str, longest: int = _LONGEST) -> str:
    """The text, cut where it is too long to show."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def examples(
    test: PairStore, arms: Mapping[str, ArmResult], format: Format, number: int = 6, guide: str = "synthetic"
) -> list[Example]:
    """Test images from the lowest to the highest score of one arm (or of the first there is), evenly spaced.

    Args:
        test: rows with images and references.
        arms: by name.
        format: of the embedded pictures.
        number: examples at most.
        guide: the arm by whose scores they are chosen.
    """
    if not arms or not len(test):
        return []
    ids = test.ids()
    scores = _scores(arms.get(guide, next(iter(arms.values()))), len(ids))
    order = np.arange(len(ids)) if scores is None else np.argsort(scores, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(ids) - 1, min(number, len(ids))).round().astype(int))]
    found = []
    for position in chosen:
        pair = test.pair(int(position))
        references = tuple(map(shorten, pair.references or (pair.caption,)))[:_REFERENCES]
        found.append(
            Example(
                thumbnail(pair.image, f"Test picture: {references[0] if references else ''}", format),
                references,
                tuple(_said(arm, pair.id, int(position), len(ids)) for arm in arms.values() if pair.id in arm.captions),
            )
        )
    return found


def written(captions: PairStore, samples: int = 6, rejects: int = 2) -> dict[str, Written]:
    """Every outcome of caption writing, "ok" first, then by frequency, each with its first rows."""
    found: dict[str, Written] = {"ok": Written()}
    for row in captions.iter_pairs(["concept"], status=None):
        outcome = "ok" if row.status == "ok" else reason_code(row.reason)
        entry = found.setdefault(outcome, Written())
        entry.count += 1
        if len(entry.samples) < (samples if outcome == "ok" else rejects):
            entry.samples.append((shorten(row.caption), row.concept or "", shorten(row.reason, 120)))
    rest = sorted((item for item in found.items() if item[0] != "ok"), key=lambda item: -item[1].count)
    return {"ok": found["ok"], **dict(rest)}


def _said(arm: ArmResult, row: str, position: int, rows: int) -> Said:
    scores = _scores(arm, rows)
    score = "" if scores is None else decimal(scores[position])
    return Said(arm.label, arm.name, shorten(arm.captions[row]), score)


def _scores(arm: ArmResult, rows: int) -> NDArray[np.float64] | None:
    """The first seed's score of every test image; None where they do not belong to these rows."""
    scores = arm.first_scores
    return scores if scores is not None and len(scores) == rows else None
