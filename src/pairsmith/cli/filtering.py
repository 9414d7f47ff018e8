"""`pairsmith filter`, `pairsmith balance`: which captions stay."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairsmith.cli.caption_options import (
    Concepts,
    Domains,
    Embedder,
    KeyVariable,
    NewStore,
    Preview,
    ServerModel,
    Store,
)
from pairsmith.cli.caption_output import cache_folder, needs_out, say_reasons
from pairsmith.cli.console import plural, say
from pairsmith.cli.options import (
    ConfigFile,
    Device,
    DeviceOption,
    DryRun,
    Overrides,
    PartRows,
    ShardRows,
    command_settings,
)
from pairsmith.cli.progress import open_display
from pairsmith.cli.scale import (
    Executor,
    ExecutorOption,
    MaxFailures,
    Workers,
    make_execution,
    tell_failed,
    watched,
)

if TYPE_CHECKING:
    from pairsmith.captions.balance import ConceptSpread
    from pairsmith.captions.filters import FilterModels, FilterSettings
    from pairsmith.pairs import PairStore


class FilterPreset(StrEnum):
    """Complete sets of filters."""

    default = "default"
    synthvlm = "synthvlm"
    synthvlm_image = "synthvlm-image"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("filter")(filter_command)
    app.command("balance")(balance)


def filter_command(
    store: Store,
    out: NewStore = None,
    preset: Annotated[
        FilterPreset,
        typer.Option(
            "--preset",
            help="default: rules that need no model; synthvlm: its published thresholds, with filters that need "
            "--perplexity-model and --writer; synthvlm-image: with its limits on the scores clip and blip_itm against "
            "the captions' original images, too.",
        ),
    ] = FilterPreset.default,
    perplexity_model: Annotated[
        str | None,
        typer.Option(
            "--perplexity-model", metavar="MODEL", help="Language model for perplexity: smollm2, a folder or hub id."
        ),
    ] = None,
    writer: Annotated[
        str | None,
        typer.Option(
            "--writer",
            metavar="MODEL",
            help="Who gives the verdict: smollm2, a folder or hub id, or a server's address.",
        ),
    ] = None,
    model: ServerModel = None,
    key_variable: KeyVariable = None,
    embedder: Embedder = "smollm2",
    preview: Preview = None,
    shard_rows: ShardRows = 1000,
    part_rows: PartRows = 1000,
    executor: ExecutorOption = Executor.local,
    workers: Workers = 1,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask the models again about the captions that failed before.")
    ] = False,
    max_failures: MaxFailures = None,
    device: DeviceOption = Device.auto,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Filter captions by rules, repetition and models.

    Every row comes through: what a filter drops becomes "filtered", with the reason. Perplexity and verdict are shared
    by --workers and kept in STORE/scores; a caption whose model call failed becomes "failed". --dry-run shows the
    filters and their thresholds, --set changes them: `--set perplexity=null` turns one off, and scores that lie beside
    the store, such as clip, are filtered with --set 'scores=[{name: clip, least: 0.28}]'.
    """
    from pairsmith.captions.filters import FilterSettings, filter_captions, filter_reasons, published
    from pairsmith.captions.rows import first_rows
    from pairsmith.pairs import PairStore

    base = FilterSettings() if preset is FilterPreset.default else published(preset is FilterPreset.synthvlm_image)
    settings = command_settings(FilterSettings, base.to_dict(), config, overrides, dry_run)
    folder = needs_out(out, preview)
    rows = PairStore(store)
    models, where = _filter_models(settings, perplexity_model, writer, model, key_variable, embedder, device, out)
    execution = make_execution(executor, workers, retry_failed=retry_failed, max_failures=max_failures, device=where)
    if preview is not None:
        reasons = filter_reasons(rows, settings, models, preview)
        for row, reason in zip(first_rows(rows, preview), reasons, strict=True):
            say(f"{row.caption}" + (f"  ({reason})" if reason else ""))
        return
    tell_failed(folder, execution)
    with open_display() as display, display.stage("filter"):
        kept = filter_captions(
            rows,
            folder,
            settings,
            models,
            shard_rows=shard_rows,
            part_rows=part_rows,
            execution=watched(execution, display, "filter"),
            scoring=display.rows("filter by models"),
            progress=display.rows("filter"),
        )
    say_reasons(kept)
    say(f"{folder}: {plural(len(kept), 'caption')} of {len(rows):,} kept")


def _filter_models(
    settings: FilterSettings,
    perplexity_model: str | None,
    writer: str | None,
    model: str | None,
    key_variable: str | None,
    embedder: str,
    device: Device,
    out: Path | None,
) -> tuple[FilterModels, str]:
    """The models that the settings need, none of which is loaded yet, and where they will run."""
    from pairsmith.captions.filters import FilterModels
    from pairsmith.errors import InputError

    near = settings.near_duplicates
    embeds = near is not None and near.cosine is not None
    if settings.perplexity is None and settings.verdict is None and not embeds:
        return FilterModels(), "cpu"
    from pairsmith.cli.caption_models import CaptionEmbedder, language_model, named_writer
    from pairsmith.cli.runtime import pick_device, prepare_torch

    if settings.perplexity is not None and perplexity_model is None:
        raise InputError("the perplexity filter needs --perplexity-model, or --set perplexity=null")
    if settings.verdict is not None and writer is None:
        raise InputError("the verdict filter needs --writer, or --set verdict=null")
    prepare_torch()
    where = pick_device(device.value)
    made_by: Any = None
    if settings.verdict is not None and writer is not None:
        made_by = named_writer(writer, model, key_variable, where, cache_folder(out))
    embed = CaptionEmbedder(embedder, where) if embeds else None
    models = FilterModels(
        perplexity=language_model(perplexity_model, where) if settings.perplexity and perplexity_model else None,
        verdict=made_by,
        embed=embed,
        embedder=embed.name if embed is not None else "",
    )
    return models, where


def balance(
    store: Store,
    out: NewStore = None,
    concepts: Concepts = None,
    domains: Domains = None,
    embedder: Embedder = "smollm2",
    preview: Preview = None,
    shard_rows: ShardRows = 1000,
    device: DeviceOption = Device.auto,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Thin a caption set so that few concepts do not fill it.

    As MetaCLIP does, a caption is kept with probability t/max(count, t), where count is that of its rarest concept and
    t is set by --set limit=N. With --set method=clusters captions are taken from clusters of embeddings in turn
    instead, until as many are chosen as --set keep=N says. Entropy and concentration over concepts are printed before
    and after.
    """
    from pairsmith.captions.balance import BalanceSettings, ConceptMatcher, concept_spread
    from pairsmith.captions.balance_stage import balance_captions, balance_reasons
    from pairsmith.cli.caption_models import CaptionEmbedder, read_bank
    from pairsmith.pairs import PairStore

    settings = command_settings(BalanceSettings, {}, config, overrides, dry_run)
    folder = needs_out(out, preview)
    rows = PairStore(store)
    bank = read_bank(concepts, domains)
    embed = None
    if settings.method == "clusters":
        from pairsmith.cli.runtime import pick_device, prepare_torch

        prepare_torch()
        embed = CaptionEmbedder(embedder, pick_device(device.value))
    matcher = ConceptMatcher(bank.names)
    if preview is not None:
        captions = rows.column("caption").to_pylist()
        reasons = balance_reasons(rows, settings, bank, embed)
        for caption, reason in list(zip(captions, reasons, strict=True))[:preview]:
            say(f"{caption}" + (f"  ({reason})" if reason else ""))
        say(f"{sum(reason is None for reason in reasons):,} of {plural(len(rows), 'caption')} would stay")
        return
    with open_display() as display, display.stage("balance"):
        kept = balance_captions(
            rows,
            folder,
            settings,
            bank=bank,
            embed=embed,
            embedder=embed.name if embed is not None else "",
            shard_rows=shard_rows,
            progress=display.rows("balance"),
        )

    def spread(one: PairStore) -> ConceptSpread:
        return concept_spread([matcher.find(caption) for caption in one.column("caption").to_pylist()])

    for name, found in (("before", spread(rows)), ("after", spread(kept))):
        say(
            f"  {name}: {plural(found.captions, 'caption')}, {plural(found.concepts, 'concept')}, entropy "
            f"{found.entropy_bits:.2f} bits, {found.top_5:.1%} of mentions are of the 5 most frequent"
        )
    say(f"{folder}: {plural(len(kept), 'caption')} of {len(rows):,} kept")
