"""metrics.json and environment.json: the contract that other programs read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.bootstrap import Interval
from pairsmith.evaluation.metrics_file import Metric, read_environment, read_metrics, write_environment, write_metrics


def test_the_file_is_flat_with_four_fields(tmp_path: Path) -> None:
    metrics = {"synth2.gold.cider": Interval(41.5, 40.0, 43.0, 200), "plan.vlm.parameters": Metric(632_000_000, 1)}
    write_metrics(tmp_path, metrics)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "synth2.gold.cider": {"value": 41.5, "n": 200, "low": 40.0, "high": 43.0},
        "plan.vlm.parameters": {"value": 632_000_000, "n": 1, "low": None, "high": None},
    }
    assert read_metrics(tmp_path / "metrics.json") == {key: Metric.of(value) for key, value in metrics.items()}
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]


@pytest.mark.parametrize(
    ("key", "metric", "message"),
    [
        ("a.b", Metric(float("nan"), 1), "'a.b': value is nan"),
        ("a.b", Metric(float("inf"), 1), "value is inf"),
        ("a.b", Metric(1.0, 1, 0.0, float("nan")), "high is nan"),
        ("a.b", Metric(1.0, 1, 0.0, None), "one end of an interval"),
        ("a.b", Metric(1.0, 1, 2.0, 0.0), "upside down"),
        ("a.b", Metric(1.0, -1), "n is -1"),
        ("a.b", Metric(1.0, 1.5), "n is 1.5"),  # type: ignore[arg-type]
        ("A b", Metric(1.0, 1), "'A b' must be lower-case"),
        ("a..b", Metric(1.0, 1), "'a..b'"),
    ],
)
def test_bad_numbers_never_reach_the_file(tmp_path: Path, key: str, metric: Metric, message: str) -> None:
    file = tmp_path / "m.json"
    write_metrics(file, {"good": Metric(1.0, 1)})
    before = file.read_bytes()
    with pytest.raises(InputError, match=message):
        write_metrics(file, {"good": Metric(2.0, 1), key: metric})
    assert file.read_bytes() == before


def test_a_failing_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.json"
    write_metrics(file, {"good": Metric(1.0, 1)})

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_metrics(file, {"good": Metric(2.0, 1)})
    assert read_metrics(file)["good"].value == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense", "cannot be read as JSON"),
        ("[]", "JSON object"),
        ('{"a": 1}', "'a' must hold exactly"),
        ('{"a": {"value": 1, "n": 1, "low": null}}', "'a' must hold exactly"),
        ('{"a": {"value": "x", "n": 1, "low": null, "high": null}}', "not a number"),
        ('{"a": {"value": NaN, "n": 1, "low": null, "high": null}}', "m.json: metric 'a': value is nan"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "m.json"
    file.write_text(content)
    with pytest.raises(InputError, match=message):
        read_metrics(file)


def test_environment_tells_versions_and_hardware(tmp_path: Path) -> None:
    write_environment(tmp_path, {"recipe": "synth2"})
    found = read_environment(tmp_path)
    assert found["recipe"] == "synth2"
    assert found["packages"]["numpy"]
    assert found["hardware"]["cores"] >= 1
    assert set(found) == {"python", "packages", "commit", "system", "hardware", "recipe"}
