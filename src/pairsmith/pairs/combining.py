"""Sealed stores made into new ones: several merged, one split, a sample, scores joined in. Nothing old is changed.

Every new store is written shard by shard, with one shard and the ids of all rows in memory. What it is made from and
how stands in its manifest: the same call on a finished folder returns at once, on an unfinished one it makes the shards
that are missing, and equal calls make equal bytes. Rows keep every column, their ids and their status. Scores,
embeddings and selections of the sources come along for the rows that do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pairsmith.errors import InputError
from pairsmith.pairs.carrying import Part, carry_sidecars, check_sidecars
from pairsmith.pairs.manifest import Manifest
from pairsmith.pairs.remote import RemotePath, as_folder
from pairsmith.pairs.store import PairStore
from pairsmith.pairs.writer import PairWriter
from pairsmith.seeds import row_seed

Duplicates = Literal["refuse", "first"]
Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass(frozen=True)
class Combined:
    """Attributes:
    store: what was made.
    duplicates: rows left out, because an earlier row has their id.
    """

    store: PairStore
    duplicates: int = 0


def merge_stores(
    sources: Sequence[Path | str],
    out: Path | str,
    *,
    duplicates: Duplicates = "refuse",
    shard_rows: int = 1000,
    progress: Progress | None = None,
) -> Combined:
    """All rows of several sealed stores, one store after the other.

    Args:
        sources: at least one; their rows must be of one kind, with tokens of one tokenizer.
        out: folder of the new store.
        duplicates: "refuse" ids that occur twice, or keep the "first" row of each and count the others.
        shard_rows: rows a shard.
        progress: called after every shard.

    Raises:
        InputError: stores that do not fit together (the difference is named), an id that occurs twice, or an `out`
            that was made otherwise.
    """
    if not sources:
        raise InputError("there is nothing to merge: name at least one store")
    stores = [PairStore(source) for source in sources]
    _check_alike(stores)
    part, left_out = _without_repetitions(stores, duplicates)
    settings = {"stage": "merge", "duplicates": duplicates}
    inputs = {f"store-{number:03d}": store.fingerprint for number, store in enumerate(stores)}
    return Combined(_write(part, out, settings, inputs, shard_rows, progress), left_out)


def split_store(
    source: Path | str,
    out: Path | str,
    parts: Mapping[str, float],
    *,
    seed: int = 0,
    by: Literal["group", "id"] = "group",
    shard_rows: int = 1000,
    progress: Progress | None = None,
) -> dict[str, PairStore]:
    """Divide a sealed store into `out`/<name> for every part; each row goes to exactly one.

    A row's part depends on the seed and its group (or its id) alone, not on the other rows: rows of one group stay
    together, so that no caption is in training and test, and a store that grows keeps the parts of its old rows.

    Args:
        source: the store.
        out: folder of the new stores.
        parts: name -> share of the rows; the shares add up to 1.
        seed: another seed divides otherwise.
        by: "group" keeps the rows of a group together (a row without one stands alone); "id" divides row by row.
        shard_rows, progress: as `merge_stores`.

    Raises:
        InputError: shares that do not add up to 1, unfit names, a part without rows, or as `merge_stores`.
    """
    shares = parts.values()
    if not all(share > 0 for share in shares) or not abs(sum(shares) - 1) <= 1e-6:  # nor NaN, which is neither
        told = ", ".join(f"{name}={share:g}" for name, share in parts.items()) or "none"
        raise InputError(f"the shares of a split are above 0 and add up to 1, not {told}")
    for name in parts:
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            raise InputError(f"the part {name!r} must be of letters, digits, '_' and '-': it names a folder")
    store = PairStore(source)
    places = np.array([_place(key, seed, "split") for key in _keys(store, by)])  # [rows], in 0..1
    borders = np.cumsum(list(parts.values()))
    borders[-1] = 1.0 + 1e-9
    numbers = np.searchsorted(borders, places, side="right")  # [rows]
    taken = {name: np.flatnonzero(numbers == number) for number, name in enumerate(parts)}
    for name, rows in taken.items():  # before anything is written
        if not len(rows):
            raise InputError(
                f"{source}: the part {name!r} of {parts[name]:g} has no rows; the store is too small for it"
            )
    made: dict[str, PairStore] = {}
    for name, rows in taken.items():
        settings = {"stage": "split", "parts": dict(parts), "part": name, "seed": seed, "by": by}
        made[name] = _write(
            [(store, rows)], Path(out) / name, settings, {"store": store.fingerprint}, shard_rows, progress
        )
    return made


def sample_store(
    source: Path | str,
    out: Path | str,
    rows: int,
    *,
    seed: int = 0,
    shard_rows: int = 1000,
    progress: Progress | None = None,
) -> PairStore:
    """`rows` rows of status "ok" of a sealed store, drawn without replacement, in the order of the store.

    A larger sample of the same seed holds the smaller one.

    Raises:
        InputError: more rows than the store has, or as `merge_stores`.
    """
    store = PairStore(source)
    if not 1 <= rows <= len(store):
        raise InputError(f"{source} has {len(store):,} rows of status ok: a sample takes 1 to that many, not {rows:,}")
    places = np.array([_place(name, seed, "sample") for name in store.ids()])
    ok = store.row_numbers()
    chosen = np.sort(ok[np.argsort(places, kind="stable")[:rows]])
    settings = {"stage": "sample", "rows": rows, "seed": seed}
    return _write([(store, chosen)], out, settings, {"store": store.fingerprint}, shard_rows, progress)


def _place(key: str, seed: int, purpose: str) -> float:
    """Where a key stands between 0 and 1, evenly and for ever."""
    return row_seed(seed, key, purpose) / 2**63


def _keys(store: PairStore, by: str) -> Iterator[str]:
    """For every row what decides its part; read shard by shard."""
    for table in store.shard_tables(["id", "group"]):
        ids, groups = table.column("id").to_pylist(), table.column("group").to_pylist()
        yield from ids if by == "id" else (group or row for group, row in zip(groups, ids, strict=True))


def _check_alike(stores: Sequence[PairStore]) -> None:
    first = stores[0]
    for store in stores[1:]:
        for name in ("kind", "num_tokens", "tokenizer"):
            mine, theirs = getattr(first.manifest, name), getattr(store.manifest, name)
            if mine != theirs:
                raise InputError(
                    f"{store.folder} does not fit {first.folder}: {name} is {theirs!r} there and {mine!r} here"
                )


def _without_repetitions(stores: Sequence[PairStore], duplicates: Duplicates) -> tuple[Part, int]:
    """Every store with the rows that come first with their id, and the number of the others."""
    seen: set[bytes] = set()  # 16 bytes an id instead of the text
    part, left_out = [], 0
    for store in stores:
        new: list[np.ndarray] = []
        start = 0
        for table in store.shard_tables(["id"]):
            keep = np.ones(len(table), bool)
            for at, name in enumerate(table.column("id").to_pylist()):
                key = hashlib.blake2b(name.encode(), digest_size=16).digest()
                if key in seen:
                    if duplicates == "refuse":
                        raise InputError(
                            f"{store.folder}: the id {name} occurs twice among the stores to merge; "
                            "drop later rows of equal ids with duplicates='first' (--duplicates first)"
                        )
                    keep[at] = False
                seen.add(key)
            new.append(np.flatnonzero(keep) + start)
            left_out += int((~keep).sum())
            start += len(table)
        part.append((store, np.concatenate([np.zeros(0, np.int64), *new])))
    return part, left_out


def _write(
    part: Part,
    out: Path | str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    shard_rows: int,
    progress: Progress | None,
) -> PairStore:
    """A store of the rows of a part; shards that exist are passed over without reading their rows."""
    if shard_rows < 1:
        raise InputError(f"shard_rows must be at least 1, not {shard_rows}")
    model: Manifest = part[0][0].manifest
    total = sum(len(rows) for _, rows in part)
    check_new(out, [store for store, _ in part])
    with PairWriter(
        out,
        settings=settings,
        inputs=inputs,
        kind=model.kind,
        num_tokens=model.num_tokens,
        tokenizer=model.tokenizer,
        layout={"items": total, "shard_rows": shard_rows},
    ) as writer:
        if not writer.complete:
            check_sidecars(part)  # before hours of copying
            for index in writer.missing(-(-total // shard_rows)):
                first = index * shard_rows
                writer.write_shard(index, _rows_between(part, first, min(first + shard_rows, total)))
                if progress:
                    progress(min(first + shard_rows, total), total)
            carry_sidecars(part, PairStore(out, partial=True))
            writer.seal()
    return PairStore(out)


def check_new(out: Path | str, sources: Sequence[PairStore]) -> None:
    """See that a store is not to be made of itself.

    Raises:
        InputError: `out` is one of the sources.
    """
    folder = as_folder(out)
    for store in sources:
        if folder == store.folder or (not isinstance(folder, RemotePath) and _same_folder(folder, store.folder)):
            raise InputError(f"{out} is one of the stores that are read: give a new folder for what is made of them")


def _same_folder(one: Path, other: Path) -> bool:
    return not isinstance(other, RemotePath) and one.exists() and one.samefile(other)


def _rows_between(part: Part, first: int, end: int) -> pa.Table:
    """Rows `first` to `end` of all rows of the part, in order."""
    tables: list[pa.Table] = []
    start = 0
    for store, rows in part:
        wanted = rows[max(0, first - start) : max(0, end - start)]
        if len(wanted):
            tables.append(store.take_rows(wanted))
        start += len(rows)
    return pa.concat_tables(tables)
