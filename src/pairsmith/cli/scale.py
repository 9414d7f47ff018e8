"""Options of commands that can be run by many: executor, workers, rank, retries and the budget of failures."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.console import note, plural
from pairsmith.cli.runtime import pick_device

if TYPE_CHECKING:
    from pairsmith.cli.progress import Display
    from pairsmith.execution import Execution
    from pairsmith.pairs import PairStore


class Executor(StrEnum):
    """What workers are."""

    local = "local"
    ray = "ray"


ExecutorOption = Annotated[
    Executor, typer.Option("--executor", help="Workers are processes of this machine, or actors of a Ray cluster.")
]
Workers = Annotated[
    int,
    typer.Option("--workers", metavar="N", min=1, help="How many; each loads its own model. The store stays the same."),
]
RankOption = Annotated[
    str | None,
    typer.Option(
        "--rank",
        metavar="R",
        help="This process makes only its share of the shards: a number from 0, or auto for a Slurm array or torchrun.",
    ),
]
World = Annotated[int | None, typer.Option("--world", metavar="N", min=1, help="How many ranks there are.")]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Make the rows again that failed before, and only those.")
]
MaxFailures = Annotated[
    str | None,
    typer.Option(
        "--max-failures",
        metavar="N|SHARE",
        help="Stop when more rows fail: 100, 5% or 0.05. [default: never]",
    ),
]


def make_execution(
    executor: Executor,
    workers: int,
    rank: str | None = None,
    world: int | None = None,
    retry_failed: bool = False,
    max_failures: str | None = None,
    device: str = "cpu",
) -> Execution:
    """The execution that the options say.

    Raises:
        InputError: options that do not go together, or Ray is not installed.
    """
    from pairsmith.execution import Execution, FailureBudget, Rank
    from pairsmith.execution.ray_workers import check_ray

    if executor is Executor.ray:
        check_ray()
    return Execution(
        executor=executor.value,
        workers=workers,
        rank=Rank.parse(rank, world),
        retry_failed=retry_failed,
        max_failures=None if max_failures is None else FailureBudget.parse(max_failures),
        cuda=device.startswith("cuda"),
    )


def stage_device(wanted: str, executor: Executor, rank: str | None = None, workers: int = 1) -> str:
    """Where the models of a stage go whose workers alone load them.

    Actors of Ray find their GPU where they run: the machine that starts them needs none.

    Raises:
        InputError: as `pick_device`.
    """
    if executor is Executor.ray and wanted == "cuda":
        return wanted
    device = pick_device(wanted)
    if executor is Executor.ray and wanted == "auto" and device == "cpu":
        note("this machine has no GPU, so Ray's actors take none: --device cuda gives each of them one")
    return rank_device(device, rank, workers)


def rank_device(device: str, rank: str | None, workers: int) -> str:
    """The device of this process: of several that torchrun launched on a machine, each takes the GPU of its number."""
    local = os.environ.get("LOCAL_RANK", "")
    if device != "cuda" or rank != "auto" or workers > 1 or not local.isdigit():
        return device
    return f"cuda:{local}"


def watched(execution: Execution, display: Display, name: str) -> Execution:
    """The execution with its workers on a display; one local worker needs no table."""
    from dataclasses import replace

    return execution if execution.here else replace(execution, watch=display.workers(name))


def tell_failed(out: Path, execution: Execution) -> None:
    """Before rows are made again: how many, and why they failed."""
    from pairsmith.pairs import PairStore
    from pairsmith.pairs.manifest import MANIFEST_NAME
    from pairsmith.pairs.outcome import commonest_reasons
    from pairsmith.pairs.remote import as_folder

    if not execution.retry_failed or not (as_folder(out) / MANIFEST_NAME).is_file():
        return
    failed = PairStore(out, partial=True).iter_pairs([], status="failed")
    reasons = [row.reason for row in failed]
    if not reasons:
        note(f"{out}: no row has failed")
        return
    note(f"{out}: {plural(len(reasons), 'failed row')} to make again")
    for reason in commonest_reasons(reasons):
        note(f"  {reason}")


def unfinished(store: PairStore) -> str | None:
    """What a rank that is not the last says instead of a result; None of a finished store."""
    manifest = store.manifest
    if manifest.complete:
        return None
    items, shard_rows = manifest.layout["items"], manifest.layout["shard_rows"]
    shards = plural(-(-items // shard_rows), "shard")
    return f"{store.folder}: {len(manifest.shards):,} of {shards} are made; the rank that ends last completes the store"
