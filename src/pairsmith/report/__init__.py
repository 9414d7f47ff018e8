"""Reports: a run folder, or a store of captions, as one HTML page that needs nothing beside it."""

from __future__ import annotations

from pairsmith.report.caption_store import write_caption_report
from pairsmith.report.recipes import write_report

__all__ = ["write_caption_report", "write_report"]
