"""Aggregates: the published Delta MTL, the published mean of 38 tasks, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.image_text.aggregates import delta_mtl, task_mean


@pytest.mark.parametrize("baseline", ["CC3M", "CC12M"])
def test_synthclips_delta_mtl(shared: Path, baseline: str) -> None:
    golden = json.loads((shared / "goldens" / "clip_zeroshot" / "synthclip_delta_mtl.json").read_text())
    rows = {name: dict(zip(golden["tasks"], row, strict=True)) for name, row in golden["rows"].items()}
    published = golden["published_delta_mtl"][f"vs {baseline}"]
    assert len(published) == 5
    for name, value in published.items():
        assert delta_mtl(rows[name], rows[baseline]) == pytest.approx(value, abs=golden["tolerance"])


@pytest.mark.parametrize(("file", "count"), [("openclip_results", 38), ("openclip_classification_results", 35)])
def test_the_published_means_of_many_tasks(shared: Path, file: str, count: int) -> None:
    with (shared / "goldens" / "clip_zeroshot" / f"{file}.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    head = ["name", "pretrained", "params (M)", "FLOPs (B)", f"Average perf. on {count} datasets"]
    assert len(rows) > 100
    for row in rows:
        tasks = {name: float(value) for name, value in row.items() if name not in head}
        assert len(tasks) == count
        assert task_mean(tasks) == pytest.approx(float(row[head[-1]]), abs=1e-4)


def test_signs_and_errors() -> None:
    assert delta_mtl({"fid": 5, "acc": 60}, {"fid": 10, "acc": 50}, ["fid"]) == pytest.approx(35)
    with pytest.raises(InputError, match="task 'b' has a value for the model or for the baseline"):
        delta_mtl({"a": 1}, {"a": 1, "b": 2})
    with pytest.raises(InputError, match="baseline's value of task 'a' is 0"):
        delta_mtl({"a": 1}, {"a": 0})
    with pytest.raises(InputError, match="no tasks"):
        task_mean({})
    with pytest.raises(InputError, match="task 'a' is nan"):
        task_mean({"a": float("nan")})
