"""Scores joined into columns: a copy of a sealed store whose Parquet files hold `score_<name>` behind every row.

For programs that read Parquet and know no sidecars (DuckDB, pandas, `datasets`): one file opens with rows and scores
side by side. It stays a pair store; what the scores were made with stands in its manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import crash_point
from pairsmith.pairs.carrying import carry_sidecars, check_sidecars
from pairsmith.pairs.combining import Progress, check_new
from pairsmith.pairs.scores import read_score_column, sidecar_names
from pairsmith.pairs.shards import write_shard_file
from pairsmith.pairs.store import PairStore
from pairsmith.pairs.writer import PairWriter

PREFIX = "score_"


def join_scores(
    source: Path | str, out: Path | str, names: Sequence[str] = (), *, progress: Progress | None = None
) -> PairStore:
    """Copy a store shard by shard with columns of scores (float64, null where a row has none).

    A finished folder is opened at once; in an unfinished one the missing shards are made. Sidecars come along.

    Args:
        source: the store.
        out: folder of the new one.
        names: which scores; none takes all there are.
        progress: called after every shard with (rows done, all rows).

    Raises:
        InputError: there are no such scores, or an `out` that was made otherwise.
    """
    store = PairStore(source)
    wanted = list(dict.fromkeys(names)) or sidecar_names(store)
    if not wanted:
        raise InputError(f"{source} has no scores to join: run `pairsmith score` first")
    columns = {name: read_score_column(store, name) for name in wanted}
    manifest = store.manifest
    total = sum(entry.rows for entry in manifest.shards)
    check_new(out, [store])
    with PairWriter(
        out,
        settings={"stage": "join", "scores": {name: dict(column.settings) for name, column in columns.items()}},
        inputs={"store": store.fingerprint, **{f"{PREFIX}{name}": _digest(columns[name].values) for name in wanted}},
        kind=manifest.kind,
        num_tokens=manifest.num_tokens,
        tokenizer=manifest.tokenizer,
        layout={"items": total},
    ) as writer:
        if not writer.complete:
            part = [(store, np.arange(total))]
            check_sidecars(part)
            missing = set(writer.missing(len(manifest.shards)))
            ok, start = store.row_numbers(), 0
            for index, table in enumerate(store.shard_tables()):
                rows = slice(*np.searchsorted(ok, [start, start + len(table)]))  # positions of this shard's ok rows
                if index in missing:
                    for name in wanted:
                        values = np.full(len(table), np.nan)
                        values[ok[rows] - start] = columns[name].values[rows]
                        table = table.append_column(f"{PREFIX}{name}", pa.array(values, mask=np.isnan(values)))
                    reached = partial(_reached, index + 1)
                    writer.add(write_shard_file(writer.folder, index, table, reached))
                start += len(table)
                if progress:
                    progress(start, total)
            carry_sidecars(part, PairStore(out, partial=True))
            writer.seal()
    return PairStore(out)


def _reached(occurrence: int, name: str) -> None:
    crash_point(name, occurrence)


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, "<f8").tobytes()).hexdigest()[:16]
