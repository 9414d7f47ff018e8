"""Checking a store against its manifest, byte for byte, and clearing away what is broken so that it is made again."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import is_temporary, sweep_temporaries, sync_folder
from pairsmith.pairs.lock import FolderLock
from pairsmith.pairs.manifest import MANIFEST_NAME, Manifest, ShardEntry, shard_index
from pairsmith.pairs.remote import as_folder
from pairsmith.pairs.schema import make_schema
from pairsmith.pairs.shards import ShardFile
from pairsmith.pairs.sidecars import EMBEDDINGS_FOLDER, SCORES_FOLDER, SELECTIONS_FOLDER, check_sidecar
from pairsmith.pairs.work_folder import WORK_FOLDER
from pairsmith.pairs.writer import CARD_NAME

logger = logging.getLogger(__name__)

ProblemKind = Literal[
    "missing", "torn", "changed", "unreadable", "unlisted", "temporary", "foreign", "duplicate", "damaged"
]

_GRAVE = ("missing", "torn", "changed", "unreadable", "unlisted", "duplicate", "damaged")
_BELONGS = {MANIFEST_NAME, CARD_NAME, SCORES_FOLDER, SELECTIONS_FOLDER, EMBEDDINGS_FOLDER, WORK_FOLDER}


@dataclass(frozen=True)
class Problem:
    """One thing that is not as the manifest says.

    `kind` is "missing" (no file), "torn" (another size), "changed" (another SHA-256), "unreadable" (as listed, but no
    shard of this store), "unlisted" (a shard that the manifest does not name), "temporary" (left by a killed writer),
    "foreign" (not of the store; never touched), "duplicate" (an id that several rows share) or "damaged" (scores,
    embeddings or a selection that cannot be read; never touched, for they may be somebody's own file).
    """

    kind: ProblemKind
    file: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} ({self.detail})"


@dataclass(frozen=True)
class Report:
    """What `verify` found. `rows` and `shards` are those that the manifest names."""

    folder: Path
    rows: int
    shards: int
    complete: bool
    problems: tuple[Problem, ...]

    @property
    def grave(self) -> tuple[Problem, ...]:
        """Problems that cost rows or scores, or would show a reader rows that are not the store's."""
        return tuple(problem for problem in self.problems if problem.kind in _GRAVE)

    @property
    def ok(self) -> bool:
        """Whether every row is there and unchanged; foreign and temporary files do no harm."""
        return not self.grave


def verify(folder: Path | str) -> Report:
    """Hash every shard anew and compare the folder with its manifest; read scores, embeddings and selections through.

    Raises:
        InputError: the folder is no store, or its manifest cannot be read.
    """
    folder = as_folder(folder)
    manifest = Manifest.load(folder)
    problems = [problem for entry in manifest.shards if (problem := _check_shard(folder, entry))]
    broken = {problem.file for problem in problems}
    problems += _strays(folder, manifest)
    problems += _duplicates(folder, manifest, broken)
    problems += _sidecars(folder)
    rows = sum(entry.rows for entry in manifest.shards)
    return Report(folder, rows, len(manifest.shards), manifest.complete, tuple(problems))


def repair(folder: Path | str, retry_failed: bool = False) -> Report:
    """Take broken shards out of the store, so that the stage that made it makes exactly those again.

    Removes torn and changed shards, shards that the manifest does not name, and temporary files. Foreign files stay,
    and duplicated ids are a matter for the stage's input.

    Args:
        retry_failed: take out the shards that hold "failed" rows, too.

    Returns:
        What was found before.

    Raises:
        InputError: as `verify`; the folder is being written, or cannot be.
    """
    folder = as_folder(folder)
    Manifest.load(folder)  # says clearly that a folder is no store
    with FolderLock(folder):
        report = verify(folder)
        manifest = Manifest.load(folder)
        kinds = ("missing", "torn", "changed", "unreadable", "unlisted")
        doomed = {problem.file for problem in report.problems if problem.kind in kinds}
        if retry_failed:
            whole = [entry for entry in manifest.shards if entry.name not in doomed]
            doomed.update(entry.name for entry in whole if _has_failed_rows(folder, entry))
        # The manifest first: killed in between, the store has unlisted files, and never listed ones that are gone.
        if doomed & {entry.name for entry in manifest.shards}:
            manifest.without_shards(doomed).save(folder)
        try:
            for name in sorted(doomed):
                (folder / name).unlink(missing_ok=True)
            sweep_temporaries(folder)
            sync_folder(folder)
        except OSError as error:
            raise InputError(f"{folder} cannot be cleaned ({error.strerror})") from error
    logger.info("%s: %d shards to make again", folder, len(doomed))
    return report


def _check_shard(folder: Path, entry: ShardEntry) -> Problem | None:
    path = folder / entry.name
    if not path.is_file():
        return Problem("missing", entry.name, f"{entry.rows} rows")
    size = path.stat().st_size
    if size != entry.bytes:
        return Problem("torn", entry.name, f"{size} bytes, the manifest says {entry.bytes}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry.sha256:
        return Problem("changed", entry.name, f"SHA-256 {found[:16]}, the manifest says {entry.sha256[:16]}")
    return None


def _strays(folder: Path, manifest: Manifest) -> list[Problem]:
    listed = {entry.name for entry in manifest.shards}
    problems = []
    for path in sorted(folder.iterdir(), key=str):
        if path.name in listed or path.name in _BELONGS:
            continue
        if is_temporary(path):
            problems.append(Problem("temporary", path.name, "left by a writer that was stopped"))
        elif shard_index(path.name) is not None:
            problems.append(Problem("unlisted", path.name, "a shard that the manifest does not name"))
        else:
            problems.append(Problem("foreign", path.name, "not part of the store"))
    return problems


def _duplicates(folder: Path, manifest: Manifest, broken: set[str]) -> list[Problem]:
    """For each shard with ids that an earlier row has, one problem with an example; one where none can be read."""
    seen: set[str] = set()
    problems = []
    for entry in manifest.shards:
        if entry.name in broken:
            continue
        repeated = []
        shard = ShardFile(folder, entry, make_schema(manifest.num_tokens))
        try:
            ids = shard.read(["id"]).column("id").to_pylist()
        except InputError as error:
            problems.append(Problem("unreadable", entry.name, str(error)))
            continue
        for row_id in ids:
            if row_id in seen:
                repeated.append(row_id)
            seen.add(row_id)
        if repeated:
            problems.append(Problem("duplicate", entry.name, f"{len(repeated)} ids are not new, such as {repeated[0]}"))
    return problems


def _sidecars(folder: Path) -> list[Problem]:
    """Scores, embeddings and selections that cannot be read; their pages carry checksums."""
    problems = []
    for name in (SCORES_FOLDER, EMBEDDINGS_FOLDER, SELECTIONS_FOLDER):
        inside = folder / name
        if inside.is_symlink():  # leads out of the store
            continue
        for path in sorted(inside.glob("*.parquet"), key=str):
            try:
                check_sidecar(path)
            except InputError as error:
                problems.append(Problem("damaged", f"{name}/{path.name}", str(error)))
    return problems


def _has_failed_rows(folder: Path, entry: ShardEntry) -> bool:
    return "failed" in ShardFile(folder, entry).read(["status"]).column("status").to_pylist()
