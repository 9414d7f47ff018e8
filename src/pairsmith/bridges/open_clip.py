"""Our dual encoders in open_clip and CLIP_benchmark: folders that both load as they are; see `clip.saving`."""

from __future__ import annotations

from pairsmith.clip.saving import save_open_clip

__all__ = ["save_open_clip"]
