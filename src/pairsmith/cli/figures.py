"""How `evaluate` tells figures: a table with intervals, models side by side, and the files of `--out`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairsmith.cli.console import say, table
from pairsmith.errors import InputError

if TYPE_CHECKING:
    from pairsmith.evaluation.bootstrap import Interval
    from pairsmith.evaluation.comparison import Compared
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.evaluation.score import Score

SAME = "="  # marks a figure that does not differ significantly from the first model's
ITEMS_NAME = "items.parquet"


def model_names(sources: Sequence[str]) -> dict[str, str]:
    """Name -> source of `NAME=SOURCE` or bare sources, whose last part is the name; names as metric keys have them.

    Raises:
        InputError: two models of one name.
    """
    found: dict[str, str] = {}
    for source in sources:
        given, separator, rest = source.partition("=")
        if separator and re.fullmatch(r"[\w.-]+", given):
            name, path = given, rest
        else:
            name, path = re.sub(r"\.(json|npz)$", "", Path(source.rstrip("/")).name), source
        key = metric_key(name)
        if key in found:
            raise InputError(f"two models are called {key!r}: name them, as in a={found[key]} b={path}")
        found[key] = path
    return found


def metric_key(name: str) -> str:
    """A name as metric keys have it: lower-case letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "unnamed"


def finish(
    models: Mapping[str, Mapping[str, Score]],
    extra: Mapping[str, Mapping[str, Metric]],
    out: Path | None,
    settings: Mapping[str, Any],
    *,
    seed: int = 0,
    digits: int = 2,
) -> None:
    """Print a table of all models and write the figures.

    Args:
        models: model -> metric -> score; what has an interval and can be compared.
        extra: model -> metric -> figure without one.
        out: as for `write_result`; metrics of one model keep their names, those of several begin with the model's.
        settings: how the figures came about.
        seed: of the bootstrap.
        digits: printed after the point.
    """
    from pairsmith.evaluation.comparison import compare
    from pairsmith.evaluation.metrics_file import Metric

    names = list(dict.fromkeys([*models, *extra]))
    compared = compare(models, seed) if any(models.values()) else {}
    figures: dict[str, Metric] = {}
    for name in names:
        start = f"{name}." if len(names) > 1 else ""
        for metric, row in compared.items():
            figures[f"{start}{metric}"] = Metric.of(row[name].interval)
        for metric, found in extra.get(name, {}).items():
            figures[f"{start}{metric}"] = found
    for name in names[1:]:
        for metric, row in compared.items():
            difference = row[name].difference
            if difference is not None:
                figures[f"{name}.minus_{names[0]}.{metric}"] = Metric.of(difference)
    _print(names, compared, extra, digits)
    if out is not None:
        from pairsmith.cli.results import write_result

        files = write_result(out, figures, settings)
        if compared and files[0].parent == out:
            files.append(_write_items(out / ITEMS_NAME, models))
        for file in files:
            say(f"Written: {file}")


def _print(
    names: Sequence[str],
    compared: Mapping[str, Mapping[str, Compared]],
    extra: Mapping[str, Mapping[str, Metric]],
    digits: int,
) -> None:
    rows: list[list[str]] = []
    marked = False
    for metric, row in compared.items():
        cells = []
        for name in names:
            text = _cell(row[name].interval, digits)
            if row[name].difference is not None:
                same = not row[name].significant
                marked |= same
                text += f" {SAME}" if same else "  "
            cells.append(text)
        rows.append([metric, str(row[names[0]].interval.n), *cells])
    for metric in dict.fromkeys(metric for own in extra.values() for metric in own):
        found_by = {name: own[metric] for name, own in extra.items() if metric in own}
        cells = [_cell(found_by[name], digits) if name in found_by else "-" for name in names]
        counts = dict.fromkeys(str(found.n) for found in found_by.values())  # one number where all are equal
        rows.append([metric, "/".join(counts), *cells])
    head = ["metric", "N", *(names if len(names) > 1 else ["value (95 % interval)"])]
    for line in table([head, *rows], right=[1]):
        say(line)
    if marked:
        say(f"{SAME}: not significantly different from {names[0]} (paired bootstrap over images, 95 %)")


def _cell(found: Interval | Metric, digits: int) -> str:
    if found.low is None or found.high is None:
        return f"{found.value:.{max(digits, 4)}f}"
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def _write_items(path: Path, models: Mapping[str, Mapping[str, Score]]) -> Path:
    """The score of every item: model, metric, item, value; for looking at single cases and for later comparisons."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {"model": [], "metric": [], "item": [], "value": []}
    for model, metrics in models.items():
        for metric, score in metrics.items():
            columns["model"] += [model] * score.n
            columns["metric"] += [metric] * score.n
            columns["item"] += [str(name) for name in score.ids]
            columns["value"] += score.values.tolist()
    pq.write_table(pa.table(columns), path)
    return path
