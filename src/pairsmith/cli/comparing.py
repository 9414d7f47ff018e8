"""`pairsmith compare`: data sets side by side, real and synthetic."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pairsmith.cli.caption_options import KeyVariable
from pairsmith.cli.console import plural, say, table
from pairsmith.cli.scoring import JudgeAddress, JudgeModel, judge_writer


class MapMethod(StrEnum):
    """How embeddings are laid out in the plane."""

    tsne = "tsne"
    umap = "umap"
    none = "none"


class Matching(StrEnum):
    """Which rows a judge compares."""

    caption = "caption"
    random = "random"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("compare")(compare)


def compare(
    sets: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]STORE[@SELECTION]...",
            help="Scored pair stores, or selections of them; the others are compared with the first.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder for datasets.html, metrics.json and settings.yaml.")
    ],
    scores: Annotated[
        list[str] | None,
        typer.Option("--score", metavar="NAME", help="Scores of the table; repeat for more. [default: clip, ssim]"),
    ] = None,
    by: Annotated[str, typer.Option("--by", metavar="SUM", help="A weighted sum as a last column.")] = (
        "clip + 0.5 * ssim"
    ),
    embeddings: Annotated[
        str, typer.Option("--embeddings", metavar="NAME", help="Name of the embeddings of the map.")
    ] = "embedding",
    method: Annotated[
        MapMethod, typer.Option("--map", help="How the map is laid out; umap needs the extra [umap].")
    ] = MapMethod.tsne,
    map_rows: Annotated[
        int, typer.Option("--map-rows", metavar="N", min=5, help="Rows of each set on the map, drawn by seed.")
    ] = 1000,
    judge: JudgeAddress = None,
    judge_model: JudgeModel = None,
    key_variable: KeyVariable = None,
    judged: Annotated[
        int, typer.Option("--judged", metavar="N", min=1, help="Comparisons that the judge makes, each twice.")
    ] = 1000,
    match: Annotated[
        Matching, typer.Option("--match", help="Compare rows of one caption, or rows drawn at random.")
    ] = Matching.caption,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of draws, maps and intervals.")] = 0,
) -> None:
    """Compare data sets, say a real and a synthetic one.

    Means of scores with 95 % intervals over captions and their difference from the first set, a map of the sets'
    embeddings, and, with --judge, which set a vision-language model prefers, asked blind and in both orders.
    """
    from pairsmith.cli.progress import open_display
    from pairsmith.cli.results import write_result
    from pairsmith.curation.data_sets import DataSet, compare_sets
    from pairsmith.curation.preference import match_pairs, prefer
    from pairsmith.curation.projection import project, set_vectors
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.pairs.sidecars import EMBEDDINGS_FOLDER, sidecar_names
    from pairsmith.report.data_sets import write_data_set_page

    writer = None if judge is None else judge_writer(judge, judge_model, key_variable, out / "answers", tokens=16)
    opened = [DataSet.open(argument) for argument in sets]
    out.mkdir(parents=True, exist_ok=True)
    names = scores or ["clip", "ssim"]
    places = None
    preferences = []
    with open_display() as display:
        with display.stage("scores"):
            found = compare_sets(opened, names, by, seed)
        there = all(embeddings in sidecar_names(one.store, EMBEDDINGS_FOLDER) for one in opened)
        if method is not MapMethod.none and there:
            with display.stage("map"):
                places = project(set_vectors(opened, embeddings, map_rows, seed), method.value, seed=seed)
        if writer is not None:
            for other in opened[1:]:
                with display.stage(f"judging {opened[0].name} and {other.name}"):
                    pairs = match_pairs(other, opened[0], judged, match.value, seed)
                    meter = display.rows("judge")
                    preferences.append(prefer(other, opened[0], writer, pairs, seed=seed, progress=meter))
    rows = [["set", "pairs", *found]]
    metrics: dict[str, Any] = {}
    for one in opened:
        row = [one.name, f"{len(one):,}"]
        for measure, by_set in found.items():
            interval = by_set[one.name].interval
            row.append(
                f"{interval.value:.4f}"
                + ("" if interval.low is None else f" [{interval.low:.4f}, {interval.high:.4f}]")
            )
            metrics[f"datasets.{_key(one.name)}.{_key(measure) if measure != by else 'weighted'}"] = interval
        rows.append(row)
    for text in table(rows, right=(1,)):
        say(text)
    for pref in preferences:
        total = pref.wins + pref.losses + pref.ties
        say(
            f"{pref.first} against {pref.second}: {pref.wins} won, {pref.ties} even, {pref.losses} lost of "
            f"{plural(total, 'comparison')}; the order alone decided {pref.swayed}, {pref.failed} without answer"
        )
        key = f"datasets.{_key(pref.first)}.preferred_to_{_key(pref.second)}"
        metrics[key] = pref.share
        for name, value in (("wins", pref.wins), ("ties", pref.ties), ("losses", pref.losses), ("swayed", pref.swayed)):
            metrics[f"{key}.{name}"] = Metric(value / total, total)
    settings = {
        "sets": list(sets), "scores": names, "by": by, "embeddings": embeddings, "map": method.value,
        "map_rows": map_rows, "judge_model": judge_model, "judged": judged, "match": match.value, "seed": seed,
    }  # fmt: skip
    for path in write_result(out, metrics, settings):
        say(str(path))
    title = {"tsne": "t-SNE", "umap": "UMAP", "none": ""}[method.value]
    page = write_data_set_page(
        opened, found, out / "datasets.html", places=places, method=title, preferences=preferences
    )
    say(f"Page: {page}")


def _key(name: str) -> str:
    """A name as a part of a metric's key."""
    return "".join(char if char.isalnum() and char.isascii() else "_" for char in name.lower()).strip("_") or "set"
