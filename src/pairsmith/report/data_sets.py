"""The page of data sets side by side: the paper's table, spreads of scores, a map, and a judge's preference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pairsmith
from pairsmith.curation.data_sets import Compared, DataSet
from pairsmith.curation.preference import Preference
from pairsmith.report.numbers import DASH, count, decimal, percent, signed, spread
from pairsmith.report.page import PALETTE, render, save
from pairsmith.report.pictures import thumbnail
from pairsmith.report.score_charts import Points, Values, point_map, value_histogram
from pairsmith.report.selection import Example
from pairsmith.report.tables import Cell, Group, Row, Table

COLOURS = ("real", "synthetic", "pixels", "gold", "model")
SHOWN = 6  # pictures of each set
_MEASURES = ["clip", "ssim", "clip + 0.5 * ssim"]  # of the paper's table
PUBLISHED_TITLE = "Published (ViT-B/32 of OpenAI, 336 pixels), as digests of the paper give it"
# Its means as digests of it give them; the sums of the first three rows are computed.
PUBLISHED = (
    ("COCO-Caption", "0.31", "0.73", "0.675"),
    ("BLIP-LCS", "0.32", "0.75", "0.695"),
    ("ShareGPT4V", "0.32", "0.79", "0.715"),
    ("SynthVLM-100K", "0.36", "0.86", "0.79"),
)


def write_data_set_page(
    sets: Sequence[DataSet],
    found: Mapping[str, Mapping[str, Compared]],
    path: Path,
    *,
    places: Mapping[str, NDArray[np.float64]] | None = None,
    method: str = "t-SNE",
    preferences: Sequence[Preference] = (),
) -> Path:
    """Write the page as one HTML file.

    Args:
        sets: the sets.
        found: from `compare_sets`.
        path: the file.
        places: from `project`; None: no map.
        method: how the map was made.
        preferences: from `prefer`.
    """
    colours = {one.name: COLOURS[number % len(COLOURS)] for number, one in enumerate(sets)}
    charts = [
        (measure, value_histogram(
            [Values(name, colours[name], one.values) for name, one in by_set.items()], measure, f"Spread of {measure}"
        ))
        for measure, by_set in found.items()
    ]  # fmt: skip
    points = [Points(name, colours[name], own) for name, own in (places or {}).items()]
    html = render(
        "data_sets.html.j2",
        version=pairsmith.__version__,
        palette=PALETTE,
        names=[one.name for one in sets],
        sizes=[(one.name, count(len(one))) for one in sets],
        table_=_table(sets, found, colours),
        entries=list(colours.items()),
        charts=charts,
        map=point_map(points, f"{method} map of the sets' embeddings") if points else None,
        method=method,
        preference=_preferences(preferences) if preferences else None,
        examples=[(one.name, _examples(one, found)) for one in sets],
    )
    return save(path, html)


def _table(sets: Sequence[DataSet], found: Mapping[str, Mapping[str, Compared]], colours: Mapping[str, str]) -> Table:
    rows = []
    for one in sets:
        cells = [Cell(count(len(one)))]
        for by_set in found.values():
            own = by_set[one.name]
            cell = Cell(decimal(own.interval.value, 4), spread(own.interval, 4))
            if own.difference is not None:
                ends = spread(own.difference, 4, sign=True)
                clear = own.difference.low is not None and (
                    own.difference.low > 0 or (own.difference.high is not None and own.difference.high < 0)
                )
                words = f"{signed(own.difference.value, 4)} from {sets[0].name}" + (f" ({ends})" if ends else "")
                cell = Cell(cell.text, cell.detail, words, "clear" if clear else "unclear")
            cells.append(cell)
        cells.append(
            Cell(count(max(by_set[one.name].missing for by_set in found.values())) if found else Cell(DASH).text)
        )
        rows.append(Row(one.name, cells, colours[one.name]))
    groups = [Group("These sets", ["Pairs", *found, "Without a score"], rows)]
    note = "Means with 95 % intervals over captions. A difference is marked clear where its interval leaves out 0."
    if list(found) == _MEASURES:
        blank = Cell(DASH)
        published = [Row(name, [blank, *map(Cell, values), blank]) for name, *values in PUBLISHED]
        titles = ["Pairs", "CLIPScore", "SSIM", "CLIPScore + 0.5 SSIM", ""]
        groups.append(Group(PUBLISHED_TITLE, titles,
                            published, True))  # fmt: skip
        note += " Published figures compare only with scores of the same model and sizes."
    return Table("Scores of the sets", groups, note)


def _preferences(preferences: Sequence[Preference]) -> Table:
    rows = []
    for one in preferences:
        judged = one.wins + one.losses + one.ties
        parts = [Cell(percent(part / judged, 1), count(part)) for part in (one.wins, one.ties, one.losses)]
        share = Cell(percent(one.share.value, 1), _ends(one))
        swayed = Cell(percent(one.swayed / judged, 1), count(one.swayed))
        cells = [Cell(count(judged)), *parts, share, swayed, Cell(count(one.failed))]
        rows.append(Row(f"{one.first} against {one.second}", cells))
    titles = ["Judged", "Wins", "Ties", "Losses", "Wins + half of ties", "Order decided", "No answer"]
    note = (
        "Each comparison was asked twice with the order swapped; a win needs both answers. Where both answers named "
        "the same place, the order decided, and it counts as a tie."
    )
    return Table("What a judge prefers, without being told which set is which", [Group("", titles, rows)], note)


def _ends(one: Preference) -> str:
    if one.share.low is None or one.share.high is None:
        return ""
    return f"{percent(one.share.low, 1)} to {percent(one.share.high, 1)}"


def _examples(one: DataSet, found: Mapping[str, Mapping[str, Compared]]) -> list[Example]:
    """Rows spread evenly over the set, in its order."""
    positions = one.positions[np.linspace(0, len(one) - 1, min(SHOWN, len(one))).astype(int)]
    table = one.store.take(positions, ["caption", "image"])
    rows = zip(table.column("caption").to_pylist(), table.column("image").to_pylist(), strict=True)
    return [
        Example(thumbnail(image["bytes"] if image else None, f"Picture of: {caption}", "jpeg"), caption or "", [])
        for caption, image in rows
    ]
