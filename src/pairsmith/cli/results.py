"""Where a command's `--out` goes: one JSON file, or a folder with settings and environment beside the figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pairsmith.evaluation.bootstrap import Interval
    from pairsmith.evaluation.metrics_file import Metric


def write_result(
    out: Path, metrics: Mapping[str, Metric | Interval], settings: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write figures, and into a folder also how they came about; returns the files.

    Args:
        out: a path that ends in `.json` is a file, any other a folder, which is made.
        metrics: for `metrics.json`.
        settings: for `settings.yaml`.
    """
    import yaml

    from pairsmith.evaluation.metrics_file import ENVIRONMENT_NAME, METRICS_NAME, write_environment, write_metrics

    if out.suffix == ".json" and not out.is_dir():
        out.parent.mkdir(parents=True, exist_ok=True)
        write_metrics(out, metrics)
        return [out]
    out.mkdir(parents=True, exist_ok=True)
    write_metrics(out, metrics)
    write_environment(out)
    files = [out / METRICS_NAME, out / ENVIRONMENT_NAME]
    if settings is not None:
        files.append(out / "settings.yaml")
        files[-1].write_text(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True), encoding="utf-8")
    return files
