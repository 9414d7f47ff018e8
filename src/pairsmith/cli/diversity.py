"""`pairsmith diversity`: how evenly caption sets spread over meanings (Synth², appendix A.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.cli.caption_options import Embedder
from pairsmith.cli.console import plural, say, table
from pairsmith.cli.options import Device, DeviceOption


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("diversity")(diversity)


def diversity(
    sets: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]SET...",
            help="Caption sets: pair stores, COCO annotations (JSON), or text files with one caption on each line; "
            "NAME= says what to call one.",
        ),
    ],
    embedder: Embedder = "smollm2",
    clusters: Annotated[
        int, typer.Option("--clusters", metavar="N", min=2, help="k of k-means, over all sets together.")
    ] = 20,
    most: Annotated[
        int | None,
        typer.Option("--most", metavar="N", min=1, help="Take at most so many captions of each set, drawn by seed."),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=1, help="Runs of k-means; their spread is told.")
    ] = 3,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Folder for metrics.json; embeddings are kept in it, so that a stopped command goes on. "
            "[default: only print]",
        ),
    ] = None,
    preview: Annotated[
        int | None,
        typer.Option("--preview", metavar="N", min=1, help="Only print the first N captions of each set."),
    ] = None,
    device: DeviceOption = Device.auto,
) -> None:
    """Compare the diversity of caption sets.

    All sets are cut to the size of the smallest, embedded, and clustered together. Concentration is the share of a
    set's captions in its 3 and 5 fullest clusters (lower is more diverse), entropy is in bits (higher is more diverse).
    """
    import numpy as np

    from pairsmith.cli.caption_sets import read_sets

    captions = read_sets(sets)
    if preview is not None:
        for name, texts in captions.items():
            say(f"{name}: {plural(len(texts), 'caption')}")
            for text in texts[:preview]:
                say(f"  {text}")
        return
    from pairsmith.cli.caption_models import CaptionEmbedder
    from pairsmith.cli.progress import open_display
    from pairsmith.cli.results import write_result
    from pairsmith.cli.runtime import pick_device, prepare_torch
    from pairsmith.evaluation.diversity import co_cluster
    from pairsmith.evaluation.metrics_file import Metric

    size = min([len(texts) for texts in captions.values()] + ([most] if most else []))
    cut = {}
    for name, texts in captions.items():
        chosen = np.sort(np.random.default_rng(0).permutation(len(texts))[:size])
        cut[name] = [texts[at] for at in chosen]
    prepare_torch()
    embed = CaptionEmbedder(embedder, pick_device(device.value), None if out is None else out / "embeddings")
    with open_display() as display:
        embedded = {}
        for name, texts in cut.items():
            with display.stage(f"embedding {name}"):
                embedded[name] = embed(texts)
        with display.stage("clustering"):
            found = co_cluster(embedded, clusters=clusters, seeds=range(seeds))
    rows = [["set", "captions", "top 3", "top 5", "entropy, bits"]]
    metrics = {}
    for name, spread in found.items():
        rows.append([name, f"{spread.captions:,}"])
        for key in ("concentration_3", "concentration_5", "entropy_bits"):
            value = getattr(spread, key)
            shown = (
                f"{value.mean:.3f} ± {value.std:.3f}"
                if key == "entropy_bits"
                else f"{value.mean:.1%} ± {value.std:.1%}"
            )
            rows[-1].append(shown)
            metrics[f"diversity.{_key(name)}.{key}"] = Metric(value.mean, spread.captions)
    for line in table(rows, right=(1, 2, 3, 4)):
        say(line)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        settings = {"sets": list(sets), "embedder": embed.name, "clusters": clusters, "seeds": seeds, "captions": size}
        for path in write_result(out, metrics, settings):
            say(str(path))


def _key(name: str) -> str:
    """A name as a part of a metric's key."""
    return "".join(char if char.isalnum() else "_" for char in name.lower()).strip("_") or "set"
