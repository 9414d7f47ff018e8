"""Reports: a run folder as one HTML page that needs nothing beside it."""

from __future__ import annotations

from pairsmith.report.synth2 import write_report

__all__ = ["write_report"]
