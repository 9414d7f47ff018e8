"""`pairsmith score`: give the pairs of a store their scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.caption_options import KeyVariable
from pairsmith.cli.console import note, plural, say
from pairsmith.cli.options import (
    BatchRows,
    ConfigFile,
    Device,
    DeviceOption,
    DryRun,
    Overrides,
    PartRows,
    command_settings,
)
from pairsmith.cli.scale import Executor, ExecutorOption, MaxFailures, Workers, make_execution, stage_device, watched
from pairsmith.cli.stores import Store

if TYPE_CHECKING:
    from pairsmith.captions.writer import Writer
    from pairsmith.curation.scoring import ScoreSummary

JudgeAddress = Annotated[
    str | None,
    typer.Option(
        "--judge", metavar="ADDRESS", help="OpenAI-compatible server of the judge, as http://127.0.0.1:8000/v1."
    ),
]
JudgeModel = Annotated[
    str | None, typer.Option("--judge-model", metavar="NAME", help="The judge's model on that server.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("score")(score)


def score(
    store: Store,
    scores: Annotated[
        list[str],
        typer.Option(
            "--score",
            metavar="SCORE[=NAME]",
            help="clip, ssim, itm, aesthetic, judge, blur, nsfw, near_duplicate or embedding; repeat for more. NAME is "
            "the file's name, by default the score's.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="open_clip model of clip, embedding and near_duplicate: a folder, ARCHITECTURE:WEIGHTS or hf-hub:ID. "
            "[default: ViT-B-32-quickgelu:openai]",
        ),
    ] = None,
    judge: JudgeAddress = None,
    judge_model: JudgeModel = None,
    key_variable: KeyVariable = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Compute again the rows that failed before.")
    ] = False,
    batch_rows: BatchRows = 64,
    part_rows: PartRows = 1000,
    executor: ExecutorOption = Executor.local,
    workers: Workers = 1,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", metavar="N", min=1, help="Threads of each worker that decode pictures. [default: all cores]"
        ),
    ] = None,
    max_failures: MaxFailures = None,
    device: DeviceOption = Device.auto,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Score the pairs of a store.

    All scores are computed in one pass over the pictures, into STORE/scores/NAME.parquet (embedding: into
    STORE/embeddings); no pair is touched. A stopped command goes on where it was. A row that cannot be scored keeps the
    reason. --set reaches every setting, as clip.weight=2.5 or ssim.base=null; --dry-run shows them all.
    """
    from pairsmith.curation.registry import SCORES, ScoringSettings, make_score, parse_names

    names = parse_names(scores)
    base = {kind: {"model": model} for kind in ("clip", "embedding", "near_duplicate")} if model else {}
    settings = command_settings(ScoringSettings, base, config, overrides, dry_run)
    from pairsmith.cli.progress import open_display
    from pairsmith.cli.runtime import prepare_torch
    from pairsmith.cores import usable_cores
    from pairsmith.curation.encoders import SharedModels
    from pairsmith.curation.scoring import score_pairs
    from pairsmith.pairs import PairStore

    rows = PairStore(store)
    prepare_torch()
    where = stage_device(device.value, executor)
    execution = make_execution(executor, workers, retry_failed=retry_failed, max_failures=max_failures, device=where)
    models = SharedModels(where)
    writer = None
    if any(SCORES[kind].asks for kind in names.values()):
        writer = judge_writer(judge, judge_model, key_variable, store / "scores" / ".answers")
    made = {name: make_score(kind, getattr(settings, kind), models, writer) for name, kind in names.items()}
    with open_display() as display, display.stage("score"):
        found = score_pairs(
            rows,
            made,
            batch_rows=batch_rows,
            part_rows=part_rows,
            threads=threads or max(1, usable_cores() // workers),
            execution=watched(execution, display, "score"),
            progress=display.rows("score"),
        )
    for name, summary in found.items():
        say(f"{name}: {_sentence(summary)}")
        for reason in summary.reasons:
            note(f"  {reason}")


def judge_writer(
    address: str | None, model: str | None, key_variable: str | None, cache: Path, tokens: int = 64
) -> Writer:
    """A judge behind a server; what it answered once is kept in `cache` and not asked again.

    Raises:
        InputError: no address, or no model.
    """
    from pairsmith.captions.server_settings import ServerConnection, ServerWriterSettings
    from pairsmith.captions.server_writer import ServerWriter
    from pairsmith.errors import InputError
    from pairsmith.settings import load_settings

    if address is None or model is None:
        raise InputError("a judge needs --judge ADDRESS (an OpenAI-compatible server) and --judge-model NAME")
    connection = load_settings(ServerConnection, {"base_url": address, "api_key_variable": key_variable})
    settings = ServerWriterSettings(model=model, temperature=0.0, top_p=1.0, max_new_tokens=tokens)
    return ServerWriter(settings, connection, cache)


def _sentence(summary: ScoreSummary) -> str:
    parts = [f"{plural(summary.scored, 'row')} scored"]
    if summary.failed:
        parts.append(f"{summary.failed:,} failed")
    if not summary.computed:
        parts.append("all found finished")
    if summary.values is not None:
        mean, least, most = summary.values
        parts.append(f"mean {mean:.4f} (from {least:.4f} to {most:.4f})")
    return ", ".join(parts)
