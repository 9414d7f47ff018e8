"""`pairsmith tokenize` and `pairsmith render`: pictures to tokens, and captions to tokens and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.options import (
    BatchRows,
    ConfigFile,
    Device,
    DeviceOption,
    DryRun,
    Overrides,
    ShardRows,
    command_settings,
)
from pairsmith.cli.progress import open_display
from pairsmith.cli.runtime import pick_device, prepare_torch
from pairsmith.cli.scale import (
    Executor,
    ExecutorOption,
    MaxFailures,
    RankOption,
    RetryFailed,
    Workers,
    World,
    make_execution,
    rank_device,
    tell_failed,
    unfinished,
    watched,
)
from pairsmith.cli.stores import Store, counts_sentence

TokenizerSource = Annotated[
    str, typer.Option("--tokenizer", metavar="MODEL", help="VQ tokenizer: a folder, or the id of one on the hub.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("tokenize")(tokenize)
    app.command("render")(render)


def tokenize(
    store: Store,
    tokenizer: TokenizerSource,
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder of the new store; one that was stopped goes on.")
    ],
    keep_images: Annotated[
        bool, typer.Option("--keep-images", help="Copy the pictures too; tokens alone take 2 bytes each.")
    ] = False,
    shard_rows: ShardRows = 1000,
    batch_rows: BatchRows = 64,
    executor: ExecutorOption = Executor.local,
    workers: Workers = 1,
    rank: RankOption = None,
    world: World = None,
    retry_failed: RetryFailed = False,
    max_failures: MaxFailures = None,
    device: DeviceOption = Device.auto,
) -> None:
    """Turn the pictures of a store into tokens.

    The rows of the new store keep their ids. A picture that cannot be read becomes a row of status "failed".
    """
    prepare_torch()
    from pairsmith.cli.console import say
    from pairsmith.pairs import PairStore
    from pairsmith.stages.tokenize import TokenizerRecipe, tokenize_images

    source = PairStore(store)
    where = rank_device(pick_device(device.value), rank, workers)
    execution = make_execution(executor, workers, rank, world, retry_failed, max_failures, where)
    tell_failed(out, execution)
    with open_display() as display, display.stage("tokenize"):
        made = tokenize_images(
            source,
            TokenizerRecipe(tokenizer, where),
            out,
            keep_images=keep_images,
            shard_rows=shard_rows,
            batch_rows=batch_rows,
            execution=watched(execution, display, "tokenize"),
            progress=display.rows("tokenize"),
        )
    say(unfinished(made) or f"{out}: {counts_sentence(made.counts())}, {made.manifest.num_tokens} tokens each")


def render(
    captions: Annotated[Path, typer.Argument(metavar="CAPTIONS", help="Folder of a store with captions.")],
    generator: Annotated[
        str,
        typer.Option(
            "--generator",
            metavar="MODEL",
            help="A generator of Pairsmith or a text-to-image pipeline of diffusers: folder or hub id.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder of the new store; one that was stopped goes on.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="masked, flow, autoregressive, diffusers, or scenes: the built-in world's own drawings (--generator "
            "scenes); auto tells the kind by the generator's files.",
        ),
    ] = "auto",
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", metavar="MODEL", help="VQ tokenizer that a generator of tokens was trained with."),
    ] = None,
    language_model: Annotated[
        str | None,
        typer.Option(
            "--language-model",
            metavar="MODEL",
            help="Frozen language model that it was trained with: smollm2, a folder, or a hub id.",
        ),
    ] = None,
    images: Annotated[
        bool,
        typer.Option("--images", help="Also decode tokens and store pictures (PNG). Diffusers always gives pictures."),
    ] = False,
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", min=1, help="Pictures of each caption, all different.")
    ] = 1,
    allocation: Annotated[
        Path | None,
        typer.Option(
            "--allocation", metavar="FILE", help="Draw what this file of `plan images` gives the generator, instead."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Another seed draws other pictures.")] = 0,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Of the generator, in rows and allocation. [default: its kind]"),
    ] = None,
    shard_rows: ShardRows = 1000,
    batch_rows: BatchRows = 64,
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
    """Draw captions with a generator.

    Generators trained here give rows with tokens, and with --images the pictures decoded from them; pipelines of
    diffusers give rows with pictures, which `pairsmith tokenize` turns into tokens. Settings for --set and --config
    are those of the kind, such as guidance; --dry-run shows them.
    """
    from pairsmith.stages.generator_kinds import detect_kind, generator_kind

    chosen = detect_kind(generator) if kind == "auto" else generator_kind(kind)
    sampling = command_settings(chosen.sampling, {}, config, overrides, dry_run)
    prepare_torch()
    from pairsmith.cli.console import say
    from pairsmith.cli.drawing import text_encoder_of
    from pairsmith.pairs import PairStore
    from pairsmith.stages.allocation import Allocation
    from pairsmith.stages.generator_kinds.kind import RenderRequest
    from pairsmith.stages.generator_kinds.recipe import GeneratorRecipe
    from pairsmith.stages.render import render_captions

    source = PairStore(captions)
    plan = None if allocation is None else Allocation.load(allocation)
    where = rank_device(pick_device(device.value), rank, workers)
    execution = make_execution(executor, workers, rank, world, retry_failed, max_failures, where)
    text = text_encoder_of(language_model, where)
    request = RenderRequest(generator, sampling, seed, where, name, images, tokenizer, language_model, text)
    recipe = GeneratorRecipe(chosen.name, request)
    renderer = recipe.open() if execution.here else None
    tell_failed(out, execution)
    with open_display() as display, display.stage("render"):
        made = render_captions(
            source,
            renderer or recipe,
            out,
            repeat=repeat,
            allocation=plan,
            shard_rows=shard_rows,
            batch_rows=batch_rows,
            execution=watched(execution, display, "render"),
            progress=display.rows("render"),
        )
    say(unfinished(made) or f"{out}: {counts_sentence(made.counts())}")
    for remark in renderer.remarks() if renderer is not None else ():
        say(remark)
