"""`pairsmith captions`: a language model writes captions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.caption_options import Concepts, Domains, KeyVariable, NewStore, ServerModel
from pairsmith.cli.caption_output import cache_folder, say_reasons
from pairsmith.cli.console import note, plural, say
from pairsmith.cli.options import ConfigFile, Device, DeviceOption, DryRun, Overrides, ShardRows, command_settings
from pairsmith.cli.progress import open_display
from pairsmith.cli.runtime import prepare_torch
from pairsmith.cli.scale import (
    Executor,
    ExecutorOption,
    MaxFailures,
    RankOption,
    RetryFailed,
    Workers,
    World,
    make_execution,
    stage_device,
    tell_failed,
    unfinished,
    watched,
)

if TYPE_CHECKING:
    from pairsmith.captions.concepts import ConceptBank
    from pairsmith.captions.settings import CaptionSettings
    from pairsmith.pairs import Pair, PairStore


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("captions")(captions)


def captions(
    out: NewStore = None,
    writer: Annotated[
        str,
        typer.Option(
            "--writer",
            metavar="MODEL",
            help="Who writes: smollm2 (comes as a package), the folder or hub id of a causal language model, "
            "or the address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1.",
        ),
    ] = "smollm2",
    model: ServerModel = None,
    key_variable: KeyVariable = None,
    free: Annotated[
        bool,
        typer.Option(
            "--free", help="The local model was trained on captions and writes freely: no prompt, no concepts."
        ),
    ] = False,
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt",
            metavar="NAME",
            help="A built-in prompt: synth2-class, synthclip, synclr-concept, synclr-background, synclr-relation or "
            "polygen-base; your own goes into --config. [default: synth2-class]",
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="Rows to write, accepted or not.")] = 1000,
    concepts: Concepts = None,
    domains: Domains = None,
    preview: Annotated[
        int | None,
        typer.Option("--preview", metavar="N", min=1, help="Only write and print the first N rows; no store."),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(
            "--reader",
            metavar="MODEL",
            help="Tokenizer of the model that will read the captions, a folder or hub id; needed when "
            "captions.checks.max_tokens is set.",
        ),
    ] = None,
    shard_rows: ShardRows = 1000,
    executor: ExecutorOption = Executor.local,
    workers: Workers = 1,
    rank: RankOption = None,
    world: World = None,
    retry_failed: RetryFailed = False,
    max_failures: MaxFailures = None,
    device: DeviceOption = Device.auto,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Let a language model write captions.

    For every row a concept is drawn, the model writes about it, and what it writes is checked. A caption that fails is
    tried again; after the last attempt its row is kept as "filtered", with the reason.
    """
    from pairsmith.cli import caption_job
    from pairsmith.cli.caption_models import read_bank
    from pairsmith.errors import InputError
    from pairsmith.pairs.remote import as_folder
    from pairsmith.settings import merge

    base = caption_job.base_settings(writer, model, free, key_variable, prompt)
    base = merge(caption_job.CaptionJob().to_dict(), base)  # so that one setting of a prompt can be changed alone
    job = command_settings(caption_job.CaptionJob, base, config, overrides, dry_run)
    if out is None and preview is None:
        raise InputError("give --out FOLDER for the captions, or --preview N to see a few first")
    prepare_torch()
    from pairsmith.captions.stage import preview as preview_captions
    from pairsmith.captions.stage import write_captions

    bank = None
    if job.captions.prompt.uses_concept:
        bank = read_bank(concepts, domains)
    elif concepts is not None or domains:
        raise InputError("--concepts and --domain: this prompt names no concept")
    where = stage_device(device.value, executor, rank, workers)
    execution = make_execution(executor, workers, rank, world, retry_failed, max_failures, where)
    made_by = caption_job.make_writer(writer, free, job, where, cache_folder(out))
    usage = getattr(made_by, "usage", None)  # of servers
    hf_tokenizer = None
    if reader is not None:
        hf_tokenizer = _load_reader(reader)
    if preview is not None:
        for row in preview_captions(bank, made_by, preview, job.captions, reader=hf_tokenizer):
            _show(row)
        if usage is not None:
            note(usage.sentence())
        return
    assert out is not None
    tell_failed(out, execution)
    with open_display() as display, display.stage("captions"):
        meter = display.rows("captions")

        def told(done: int, total: int, failed: int) -> None:
            meter(done, total, failed)
            if usage is not None and done < total:
                meter.note = usage.sentence()

        store = write_captions(
            out,
            bank,
            made_by,
            count,
            job.captions,
            reader=hf_tokenizer,
            shard_rows=shard_rows,
            execution=watched(execution, display, "captions"),
            progress=told,
        )
    if store.folder != as_folder(out) or not store.manifest.complete:  # of drafts, or of some of the shards
        say(unfinished(store) or f"{store.folder}: all drafts are made; another rank writes {out}")
        return
    say_reasons(store)
    _say_coverage(store, bank, job.captions)
    if usage is not None and usage.tries:
        note(usage.sentence())
    say(f"{out}: {plural(len(store), 'caption')} ok")


def _load_reader(source: str) -> object:
    from transformers import AutoTokenizer

    from pairsmith.captions.causal_model import CausalModel
    from pairsmith.errors import InputError

    if source == "smollm2":
        return CausalModel.smollm2().loaded()[1]
    try:
        return AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise InputError(f"--reader {source}: {str(error).splitlines()[0]}") from error


def _say_coverage(store: PairStore, bank: ConceptBank | None, settings: CaptionSettings) -> None:
    """How much of concepts crossed with axes was asked for, and how much came out well."""
    from pairsmith.captions.axes import coverage

    axes = settings.used_axes()
    if not axes:
        return
    concepts = len(bank) if bank is not None else 1
    for name, status in (("asked for", None), ("ok", "ok")):
        rows = store.iter_pairs(["concept", "axis"], status=status)  # type: ignore[arg-type]
        found = coverage(((row.concept, row.axis) for row in rows), concepts, axes)
        say(f"  concepts crossed with axes, {name}: {found.cells:,} of {found.planned:,} ({found.share:.1%})")


def _show(row: Pair) -> None:
    about = f"[{row.concept}] " if row.concept else ""
    say(f"{about}{row.caption or '-'}" + ("" if row.status == "ok" else f"  ({row.status}, {row.reason})"))
