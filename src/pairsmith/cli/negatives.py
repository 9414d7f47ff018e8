"""`pairsmith negatives`: captions that are false of their picture by one point."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.cli.caption_options import KeyVariable, NewStore, Preview, ServerModel, Store
from pairsmith.cli.caption_output import needs_out, say_reasons
from pairsmith.cli.console import plural, say
from pairsmith.cli.options import ConfigFile, Device, DeviceOption, DryRun, Overrides, ShardRows, command_settings
from pairsmith.cli.progress import open_display

if TYPE_CHECKING:
    from pairsmith.captions.negatives.stage import EditedNegatives, NegativeStageSettings, RuleNegatives


class ParserChoice(StrEnum):
    """Who parses the captions."""

    auto = "auto"
    word_lists = "word-lists"
    spacy = "spacy"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("negatives")(negatives)


def negatives(
    store: Store,
    out: NewStore = None,
    parser: Annotated[
        ParserChoice,
        typer.Option(
            "--parser", help="Who parses: spaCy, or word lists alone; auto takes spaCy where a model is there."
        ),
    ] = ParserChoice.auto,
    spacy_model: Annotated[
        str | None,
        typer.Option(
            "--spacy-model", metavar="NAME", help="Name or folder of the spaCy model. [default: en_core_web_sm]"
        ),
    ] = None,
    writer: Annotated[
        str | None,
        typer.Option(
            "--writer",
            metavar="MODEL",
            help="Let a language model edit the captions instead of rules: smollm2, a folder or hub id, or a server's "
            "address. Every edit is verified.",
        ),
    ] = None,
    model: ServerModel = None,
    key_variable: KeyVariable = None,
    preview: Preview = None,
    shard_rows: ShardRows = 1000,
    device: DeviceOption = Device.auto,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Give every caption of a store a hard negative.

    A negative differs from its caption in one point and is false of the picture: swapped or replaced attributes,
    objects, relations, a negation, another number. Rows keep their ids; `negative_kind` names the rule.
    """
    from pairsmith.captions.negatives.stage import (
        NegativeStageSettings,
        kind_counts,
        preview_negatives,
        write_negatives,
    )
    from pairsmith.captions.rows import first_rows
    from pairsmith.pairs import PairStore

    settings = command_settings(NegativeStageSettings, {}, config, overrides, dry_run)
    folder = needs_out(out, preview)
    rows = PairStore(store)
    source = (
        _edited(writer, model, key_variable, device, out, settings)
        if writer is not None
        else _by_rules(parser, spacy_model, settings)
    )
    if preview is not None:
        for row in preview_negatives(first_rows(rows, preview), source, settings):
            say(f"{row.caption}\n  {row.negative_kind or row.reason}: {row.negative or '-'}")
        return
    with open_display() as display, display.stage("negatives"):
        made = write_negatives(
            rows, folder, source, settings, shard_rows=shard_rows, progress=display.rows("negatives")
        )
    for kind, count in kind_counts(made).items():
        say(f"  {kind}: {count:,}")
    if settings.missing == "filter":
        say_reasons(made)
    say(f"{folder}: {plural(len(made), 'row')} ok")


def _by_rules(parser: ParserChoice, spacy_model: str | None, settings: NegativeStageSettings) -> RuleNegatives:
    from pairsmith.captions.negatives import SpacyParser, WordListParser, WordLists, find_model
    from pairsmith.captions.negatives.stage import RuleNegatives

    lists = WordLists.packaged()
    name = spacy_model or find_model()
    with_spacy = parser is ParserChoice.spacy or (parser is ParserChoice.auto and name is not None)
    chosen = SpacyParser(lists, name or "en_core_web_sm") if with_spacy else WordListParser(lists)
    return RuleNegatives(chosen, lists, settings)


def _edited(
    writer: str,
    model: str | None,
    key_variable: str | None,
    device: Device,
    out: Path | None,
    settings: NegativeStageSettings,
) -> EditedNegatives:
    from pairsmith.captions.negatives import WordListParser, WordLists
    from pairsmith.captions.negatives.editor import NegativeEditor
    from pairsmith.captions.negatives.stage import EditedNegatives
    from pairsmith.cli.caption_models import named_writer
    from pairsmith.cli.caption_output import cache_folder
    from pairsmith.cli.runtime import pick_device, prepare_torch

    prepare_torch()
    made_by = named_writer(writer, model, key_variable, pick_device(device.value), cache_folder(out))
    lists = WordLists.packaged()
    return EditedNegatives(NegativeEditor(made_by, WordListParser(lists), lists), made_by.describe(), settings.seed)
