"""Tables 2, 3, 5 and 8 of the paper: a run's rows in the paper's columns, the paper's own under them, set apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairsmith.report.arms import ArmResult
from pairsmith.report.numbers import (
    DASH,
    count,
    decimal,
    finite,
    interval_of,
    percent,
    signed,
    signed_percent,
    significant,
)
from pairsmith.report.published import BASELINE, CLUSTERS, TABLE_2, TABLE_3, TABLE_5, PublishedArm
from pairsmith.report.tables import Cell, Group, Row, Table, cell, from_baseline, seeds_cell

OURS = "This run"
PAPER = "Paper, CC12M scale – other data, other test sets: not comparable in absolute terms"


@dataclass(frozen=True)
class Sizes:
    """Pairs that the arms were trained on; None: unknown."""

    real: int | None
    synthetic: int | None
    true_pictures: int | None = None


def table_2(arms: Mapping[str, ArmResult], sizes: Sizes) -> Table:
    """Synthetic against original pictures of the same captions."""
    synthetic = {"baseline": None, "synthetic": sizes.synthetic, "gold": sizes.true_pictures}
    rows = [
        Row(
            arms[name].label,
            [Cell(_or_dash(sizes.real)), Cell(_or_dash(pairs)), *_scores(arms[name], arms.get("baseline"))],
            name,
        )
        for name, pairs in synthetic.items()
        if name in arms
    ]
    ours = ("Real pairs", "Added pairs", "CIDEr", "From Baseline", "BLEU-4", "ROUGE-L", "Seeds")
    return Table(
        "Synthetic against true pictures of the same captions, after Table 2 of the paper",
        [
            Group(OURS, ours, rows),
            Group(
                PAPER,
                ("Real pairs", "Added pairs", "CIDEr COCO", "From Baseline", "CIDEr Flickr-30k", "VQAv2", "OKVQA"),
                [Row(arm.method, [*_published_data(arm), *_published_scores(arm)]) for arm in TABLE_2],
                published=True,
            ),
        ],
        "Gold adds true pictures of the very captions that Synth² adds with generated ones.",
    )


def table_3(arms: Mapping[str, ArmResult], sizes: Sizes, spread_of: Mapping[str, Any] | None) -> Table:
    """Fully synthetic pairs, with the diversity of their captions."""
    rows = []
    for name in ("baseline", "synthetic"):
        if name in arms:
            added = sizes.synthetic if name == "synthetic" else None
            diverse = _diversity(spread_of) if name == "synthetic" else [Cell(DASH), Cell(DASH)]
            pairs = [Cell(_or_dash(sizes.real)), Cell(_or_dash(added))]
            scores = _scores(arms[name], arms.get("baseline"))
            rows.append(Row(arms[name].label, [*pairs, *diverse, *scores], name))
    ours = ("Real pairs", "Added pairs", "Top-5 clusters", "Entropy, bits", "CIDEr", "From Baseline", "BLEU-4")
    theirs = (*ours[:4], "CIDEr COCO", "From Baseline", "CIDEr Flickr-30k", "VQAv2", "OKVQA")
    return Table(
        "Fully synthetic pairs, after Table 3 of the paper",
        [
            Group(OURS, (*ours, "ROUGE-L", "Seeds"), rows),
            Group(
                PAPER,
                theirs,
                [
                    Row(
                        arm.method,
                        [
                            *_published_data(arm),
                            Cell(percent(arm.concentration_5, 1)),
                            Cell(decimal(arm.entropy_bits, 2)),
                            *_published_scores(arm),
                        ],
                    )
                    for arm in TABLE_3
                ],
                published=True,
            ),
        ],
        "Top-5 clusters: part of the added captions in their five fullest clusters; less is more diverse.",
    )


def table_5(arms: Mapping[str, ArmResult], speed: Mapping[str, Any] | None) -> Table:
    """Embedding against pixel path: steps per second and CIDEr."""
    rates = (speed or {}).get("steps_per_second") or {}
    rows = []
    for path, arm, name in (("embedding", "synthetic", "From embeddings"), ("pixels", "pixels", "From pixels")):
        result = arms.get(arm)
        change = from_baseline(result, arms.get("synthetic")) if arm == "pixels" and result else Cell(DASH)
        cider = cell(result.cider) if result else Cell(DASH, "not trained")
        rows.append(Row(name, [Cell(significant(rates.get(path))), cider, change], arm))
    fast = interval_of((speed or {}).get("ratio"))
    rows.append(Row("Embeddings ÷ pixels", [cell(fast, 2), Cell(""), Cell("")]))
    theirs = TABLE_5["embedding"].steps_per_second / TABLE_5["pixels"].steps_per_second
    published = [
        Row(row.path, [Cell(decimal(row.steps_per_second, 2)), Cell(decimal(row.coco)), Cell(decimal(row.vqa))])
        for row in TABLE_5.values()
    ]
    return Table(
        "Training from embeddings and from pixels, after Table 5 of the paper",
        [
            Group(OURS, ("Steps/s", "CIDEr", "Against embeddings"), rows),
            Group(
                PAPER,
                ("Steps/s", "CIDEr COCO", "VQAv2, finetuned"),
                [*published, Row("Embeddings ÷ pixels", [Cell(decimal(theirs, 2)), Cell(""), Cell("")])],
                published=True,
            ),
        ],
        "Steps per second with pictures drawn in the step. The interval of the ratio is over the rounds of this "
        "measurement; it says nothing of other machines.",
    )


def diversity_table(sets: Mapping[str, Mapping[str, Any]], clusters: int) -> Table:
    """Concentration and entropy of caption sets, after Table 8."""
    names = {"synthetic": "Synthetic captions", "real": "Real captions"}
    rows = [
        Row(title, [_share(sets[name], "concentration_3"), *_diversity(sets[name])], name)
        for name, title in names.items()
        if name in sets
    ]
    uniform = [percent(min(1.0, top / clusters), 1) for top in (3, 5)]
    rows.append(Row("Evenly spread", [*map(Cell, uniform), Cell(decimal(math.log2(clusters), 2))]))
    published = [
        Row(
            arm.synthetic or arm.real.partition("+")[2],
            [
                Cell(percent(arm.concentration_3, 1)),
                Cell(percent(arm.concentration_5, 1)),
                Cell(decimal(arm.entropy_bits, 2)),
            ],
        )
        for arm in TABLE_3
        if arm.entropy_bits is not None
    ]
    columns = ("Top-3 clusters", "Top-5 clusters", "Entropy, bits")
    return Table(
        "Diversity of captions, after Table 8 of the paper",
        [
            Group(f"{OURS}, {clusters} clusters", columns, rows),
            Group(f"{PAPER}; {CLUSTERS} clusters", columns, published, published=True),
        ],
        "Part of the captions in the fullest three and five clusters (less is more diverse), and entropy over all "
        "clusters (more is more diverse). ±: standard deviation over starts of the clustering.",
    )


def _scores(arm: ArmResult, baseline: ArmResult | None) -> list[Cell]:
    bleu, rouge = (cell(arm.metrics.get(name)) for name in ("bleu_4", "rouge_l"))
    return [cell(arm.cider), from_baseline(arm, baseline), bleu, rouge, seeds_cell(arm)]


def _published_data(arm: PublishedArm) -> list[Cell]:
    synthetic = Cell(arm.synthetic_pairs, arm.synthetic) if arm.synthetic else Cell(DASH)
    return [Cell(arm.real_pairs, arm.real), synthetic]


def _published_scores(arm: PublishedArm) -> list[Cell]:
    change = Cell(DASH)
    if arm is not BASELINE:
        gain = 100 * (arm.coco / BASELINE.coco - 1)
        change = Cell(f"{signed(arm.coco - BASELINE.coco)} ({signed_percent(gain)})")
    return [Cell(decimal(arm.coco)), change, *(Cell(decimal(value)) for value in (arm.flickr, arm.vqa, arm.okvqa))]


def _diversity(found: Mapping[str, Any] | None) -> list[Cell]:
    entropy = (found or {}).get("entropy_bits") or {}
    deviation = finite(entropy.get("std"))
    detail = "" if deviation is None else f"± {decimal(deviation, 2)}"
    return [_share(found, "concentration_5"), Cell(decimal(entropy.get("mean"), 2), detail)]


def _share(found: Mapping[str, Any] | None, key: str) -> Cell:
    values = (found or {}).get(key) or {}
    deviation = finite(values.get("std"))
    return Cell(percent(values.get("mean"), 1), "" if deviation is None else f"± {decimal(100 * deviation, 1)}")


def _or_dash(number: int | None) -> str:
    return DASH if number is None else count(number)
