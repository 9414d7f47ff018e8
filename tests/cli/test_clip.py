"""Commands about dual encoders: allocations, training, and telling generators apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.stages.allocation import Allocation
from tests.cli.conftest import Pairsmith
from tests.training.clip.data import CONFIG, make_store


@pytest.fixture(scope="module")
def captions(tmp_path_factory) -> Path:
    rows = [
        Pair(id=imported_id("t", str(n)), caption=f"a dog {n}", negative=f"a cat {n}", negative_kind="object")
        for n in range(12)
    ]
    folder = tmp_path_factory.mktemp("captions") / "store"
    PairStore.write(folder, rows, settings={})
    return folder


def test_a_budget_is_planned_and_shown(pairsmith: Pairsmith, captions, tmp_path):
    assert pairsmith("negative-rows", captions, "--out", tmp_path / "rows").exit_code == 0
    result = pairsmith(
        "plan", "images", tmp_path / "rows", "--generator", "masked", "--generator", "flow=1", "--budget", 16,
        "--views", 2, "--negatives", "--out", tmp_path / "plan.parquet",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "8 captions, 2 generators each" in result.output
    assert "4 captions of them are hard negatives" in result.output
    assert [line.split() for line in result.output.splitlines() if line.startswith("masked")] == [["masked", "8", "8"]]
    assert Allocation.load(tmp_path / "plan.parquet").counts() == {"flow": 8, "masked": 8}


def test_bad_budgets_are_said(pairsmith: Pairsmith, captions, tmp_path):
    for arguments, message in (
        (["--generator", "a", "--budget", "13"], "take a budget of at most 12"),
        (["--generator", "a=x", "--budget", "2"], "'x' is no number"),
        (["--generator", "a", "--generator", "a=2", "--budget", "2"], "comes twice"),
        (["--generator", "a=-1", "--budget", "2"], "shares must be 0 or more"),
        (["--generator", "a", "--budget", "2", "--negatives"], "pairsmith negative-rows"),
    ):
        result = pairsmith("plan", "images", captions, *arguments)
        assert result.exit_code == 2
        assert message in result.output


def test_a_model_is_trained_and_measured(pairsmith: Pairsmith, tmp_path):
    store = make_store(tmp_path / "store", views=4)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump({"model": CONFIG.to_dict()}))
    common = ["train", "clip", store.folder, "--out", tmp_path / "run", "--config", tmp_path / "small.yaml"]
    changes = ["training.steps=3", "training.batch_size=8", "training.warmup_steps=0", "loss.negatives=images",
               "views=2", "training.tensorboard=false"]  # fmt: skip
    options = [word for change in changes for word in ("--set", change)]
    shown = pairsmith(*common, *options, "--dry-run")
    assert yaml.safe_load(shown.output)["views"] == 2
    assert not (tmp_path / "run").exists()
    for _ in range(2):  # the second time it is finished already
        result = pairsmith(*common, *options)
        assert result.exit_code == 0, result.output
        assert "Steps: 3, loss " in result.output
    rows = [
        Pair(id=imported_id(name, pair.id), caption=pair.caption, image=pair.image, generator=name)
        for name in ("one", "other")
        for pair in store.iter_pairs()
    ]
    PairStore.write(tmp_path / "drawn", rows, settings={})
    result = pairsmith(
        "evaluate", "generators", "--store", tmp_path / "drawn", "--model", tmp_path / "run" / "model",
        "--out", tmp_path / "m.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "chance is 50.0 %" in result.output
    found = json.loads((tmp_path / "m.json").read_text())["generator_probe"]
    assert found["value"] == pytest.approx(50)  # the same pictures under two names
    refused = pairsmith(*common, *options, "--set", "training.steps=4", "--set", "views=1")
    assert refused.exit_code == 2
    assert pairsmith("train", "clip", store.folder, "--out", tmp_path / "x", "--preset", "huge").exit_code == 2
