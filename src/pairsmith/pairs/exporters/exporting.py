"""One entrance to all exporters, by the name of the format."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from pairsmith.errors import InputError
from pairsmith.pairs.exporters.coco import CocoExport, export_coco
from pairsmith.pairs.exporters.llava import LlavaExport, export_llava
from pairsmith.pairs.exporters.output import Progress
from pairsmith.pairs.exporters.parquet import ParquetExport, export_parquet
from pairsmith.pairs.exporters.webdataset import WebDatasetExport, export_webdataset
from pairsmith.pairs.store import PairStore
from pairsmith.settings import Settings, load_settings

EXPORTERS: dict[str, tuple[type[Settings], Callable[..., Path]]] = {
    "webdataset": (WebDatasetExport, export_webdataset),
    "parquet": (ParquetExport, export_parquet),
    "llava": (LlavaExport, export_llava),
    "coco": (CocoExport, export_coco),
}


def export_pairs(
    store: PairStore | Path | str,
    out: Path | str,
    format: str,
    *,
    ids: Collection[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Path:
    """Export the "ok" rows of a store; returns the folder, which appears when everything is written.

    Args:
        store: the store or its folder.
        out: a folder that is not there yet, or empty.
        format: webdataset, parquet, llava or coco.
        ids: only these rows, such as a selection.
        progress: called with (rows done, rows in all).
        options: fields of the format's settings by name (`samples_per_tar=10000`, `licence="cc-by-4.0"` ...).

    Raises:
        InputError: an unknown format or option, rows that the format cannot hold, or an `out` that is in use.
    """
    if format not in EXPORTERS:
        raise InputError(f"export format {format!r} is none of {', '.join(EXPORTERS)}")
    settings_class, export = EXPORTERS[format]
    opened = store if isinstance(store, PairStore) else PairStore(store)
    return export(opened, out, load_settings(settings_class, options), ids, progress)
