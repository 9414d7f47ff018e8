"""Dual encoders (CLIP): open_clip's models, losses as pure functions, and the curriculum of hard negatives."""

from __future__ import annotations

from pairsmith.clip.losses import Negatives, clip_loss, multi_positive_clip_loss, negative_clip_loss
from pairsmith.clip.ranking import rank_loss
from pairsmith.clip.triplet import multi_positive_triplet_loss, triplet_clip_loss
from pairsmith.clip.views import stablerep_plus_loss, view_loss
from pairsmith.clip.weighted import weighted_clip_loss

__all__ = [
    "Negatives",
    "clip_loss",
    "multi_positive_clip_loss",
    "multi_positive_triplet_loss",
    "negative_clip_loss",
    "rank_loss",
    "stablerep_plus_loss",
    "triplet_clip_loss",
    "view_loss",
    "weighted_clip_loss",
]
