"""`pairsmith select`: choose the pairs worth keeping, and say why these."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairsmith.cli.console import plural, say, table
from pairsmith.cli.options import ConfigFile, DryRun, Overrides, command_settings
from pairsmith.cli.stores import Store

if TYPE_CHECKING:
    from pairsmith.curation.selection import Explanation

_BARS = " ▁▂▃▄▅▆▇█"


class SelectionPreset(StrEnum):
    """Published selections."""

    synthvlm = "synthvlm"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("select")(select)


def select(
    store: Store,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="SUM",
            help="What rows are ranked by, a sum of scores as 'clip + 0.5 * ssim'; random draws by the seed.",
        ),
    ] = None,
    preset: Annotated[
        SelectionPreset | None,
        typer.Option(
            "--preset",
            help="synthvlm: the best picture of each caption by clip, then the top tenth by clip + 0.5 * ssim.",
        ),
    ] = None,
    thresholds: Annotated[
        list[str] | None,
        typer.Option("--threshold", metavar="COMPARISON", help="What must hold, as 'ssim > 0.5'; repeat for more."),
    ] = None,
    best_of_caption: Annotated[
        int | None,
        typer.Option("--best-of-caption", metavar="N", min=1, help="Keep so many pictures of every caption."),
    ] = None,
    near_duplicates: Annotated[
        str | None,
        typer.Option("--near-duplicates", metavar="NAME", help="Near-duplicate score; the best of each kind stays."),
    ] = None,
    top: Annotated[int | None, typer.Option("--top", metavar="N", min=1, help="Keep so many rows.")] = None,
    fraction: Annotated[
        float | None,
        typer.Option("--fraction", metavar="PART", help="Keep this part (0 to 1) of the rows that other rules left."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of random draws. [default: 0]")] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Write STORE/selections/NAME.parquet; needed unless --explain."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what every rule kept, and write a page with the best and the worst.")
    ] = False,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page", metavar="FILE", help="Where --explain writes its page. [default: STORE/selections/NAME.html]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Also copy the chosen pairs into a store of their own, best first."
        ),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Choose pairs by their scores.

    Rules apply in this order: every score is there, --threshold, --best-of-caption, --near-duplicates, --top or
    --fraction. Ties are broken by id, so the same scores and settings choose the same rows. More settings, for --set:
    normalize (none, min-max, z-score), best_by, and diversity.by (facility-location, clusters) with
    diversity.embeddings, .quality_weight, .part and .clusters.
    """
    from pairsmith.curation.selection import PRESETS, SelectionSettings
    from pairsmith.errors import InputError

    given: dict[str, Any] = {
        "by": by, "thresholds": thresholds, "best_of_caption": best_of_caption, "near_duplicates": near_duplicates,
        "top": top, "fraction": fraction, "seed": seed,
    }  # fmt: skip
    base: dict[str, Any] = dict(PRESETS[preset.value]) if preset is not None else {}
    if top is not None:
        base.pop("fraction", None)
    base |= {key: value for key, value in given.items() if value is not None}
    if "by" not in base and config is None and not any(one.startswith("by=") for one in overrides or []):
        raise InputError("say what rows are ranked by, as --by 'clip + 0.5 * ssim', or take --preset synthvlm")
    settings = command_settings(SelectionSettings, base, config, overrides, dry_run)
    if name is None and not explain:
        raise InputError("name the selection with --name, or only look at it with --explain")
    from pairsmith.curation.selection import select_pairs
    from pairsmith.pairs import PairStore
    from pairsmith.pairs.scores import write_selection
    from pairsmith.report.selection import write_selection_page

    rows = PairStore(store)
    found = select_pairs(rows, settings)
    if explain:
        for text in explained(found):
            say(text)
    if name is not None:
        path = write_selection(rows, name, found.selection)
        say(f"{plural(len(found.chosen), 'pair')} of {len(rows):,}: {path}")
    if explain:
        target = page or store / "selections" / f"{name or 'explained'}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        say(f"Page: {write_selection_page(rows, found, target, name or '')}")
    if out is not None:
        from pairsmith.cli.progress import open_display
        from pairsmith.curation.subset import copy_selection

        with open_display() as display, display.stage("copy"):
            copied = copy_selection(rows, found.selection, out, progress=display.rows("copy"))
        say(f"{plural(len(copied), 'pair')} copied to {out}")


def explained(found: Explanation) -> list[str]:
    """Lines: what every rule kept, what is missing, and how each score is spread before and after."""
    import numpy as np

    rows = [["rule", "before", "kept", "dropped"]]
    rows += [[rule.rule, f"{rule.before:,}", f"{rule.after:,}", f"{rule.dropped:,}"] for rule in found.rules]
    lines = [*table(rows, right=(1, 2, 3)), ""]
    for name, (count, reasons) in found.missing.items():
        if count:
            lines.append(f"{plural(count, 'row')} without {name}: {'; '.join(reasons) or 'not computed'}")
    rows = [["score", "all: mean", "least", "most", "spread", "kept: mean", "spread"]]
    for name, values in {**found.scores, "ranking": found.ranking}.items():
        there = values[np.isfinite(values)]
        if not len(there):
            continue
        kept = values[found.chosen]
        low, high = float(there.min()), float(there.max())
        rows.append(
            [
                name,
                f"{there.mean():.4f}",
                f"{low:.4f}",
                f"{high:.4f}",
                spark(there, low, high),
                f"{kept.mean():.4f}",
                spark(kept, low, high),
            ]
        )
    return [*lines, *table(rows, right=(1, 2, 3, 5))]


def spark(values: Any, low: float, high: float, bins: int = 16) -> str:
    """A histogram in one line of characters."""
    import numpy as np

    counts, _ = np.histogram(values, bins=bins, range=(low, high if high > low else low + 1))
    most = max(1, int(counts.max()))
    return "".join(_BARS[-(-int(count) * (len(_BARS) - 1) // most)] for count in counts)
