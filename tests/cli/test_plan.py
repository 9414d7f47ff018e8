"""The plan counts what the paper counts."""

from __future__ import annotations

import json

import pytest
import yaml

from pairsmith.recipes.synth2.plan import plan_synth2
from pairsmith.recipes.synth2.presets import PRESETS
from pairsmith.recipes.work import Devices
from pairsmith.tokenizer import VQTokenizer


def test_paper_totals(pairsmith, tmp_path):
    result = pairsmith("plan", "synth2", "--preset", "paper", "--out", tmp_path / "plan")
    assert result.exit_code == 0
    metrics = json.loads((tmp_path / "plan" / "metrics.json").read_text())
    assert metrics["plan.vlm.parameters"]["value"] == pytest.approx(632e6, rel=0.05)
    assert metrics["plan.vlm_l_plus.parameters"]["value"] == pytest.approx(890e6, rel=0.05)
    assert {"plan.generator.parameters", "plan.tokenizer.parameters"} <= set(metrics)
    assert yaml.safe_load((tmp_path / "plan" / "settings.yaml").read_text())["vlm"]["codebook_size"] == 8192
    assert metrics["plan.generator.parameters"]["value"] == pytest.approx(127.6e6, rel=1e-3)
    assert " no " not in result.stdout.partition("Published sizes")[2].partition("Work")[0]  # every size is the paper's
    assert "512 MB" in result.stdout  # a million pairs as tokens, 512 bytes each


def test_tiny_is_counted_part_by_part():
    settings = PRESETS["tiny"]
    plan = plan_synth2(settings)
    parts = {part.name: part.parameters for part in plan.parts}
    model = VQTokenizer(settings.tokenizer.model)
    assert parts["tokenizer: encoder"] == sum(p.numel() for p in model.encoder.parameters())
    assert parts["tokenizer: decoder"] == sum(p.numel() for p in model.decoder.parameters())
    assert [total.name for total in plan.totals] == ["vlm"]
    assert plan.totals[0].parameters == sum(
        count for name, count in parts.items() if name != "tokenizer: decoder" and not name.startswith("generator")
    )
    assert all(part.paper is None for part in plan.parts)
    assert all(stage.flops_per_step > 0 for stage in plan.stages)
    assert any(not check.same for check in plan.checks)


def test_flops_grow_with_batch_and_synthesis():
    settings = PRESETS["tiny"]
    training = settings.vlm_training.model_copy(update={"batch_size": settings.vlm_training.batch_size * 2})
    online = settings.synthesis.model_copy(update={"mode": "online"})
    once, double, drawn = (
        plan_synth2(changed).stages[-1].flops_per_step
        for changed in (
            settings,
            settings.model_copy(update={"vlm_training": training}),
            settings.model_copy(update={"synthesis": online}),
        )
    )
    assert double == pytest.approx(2 * once)
    assert drawn > once


def test_time_follows_the_stated_rule():
    assert Devices(count=8, peak=1e15, utilisation=0.5).seconds(4e15) == pytest.approx(1.0)


def test_dry_run_prints_settings_that_can_be_read_again(pairsmith, tmp_path):
    shown = pairsmith("plan", "synth2", "--preset", "small", "--set", "seeds=3", "--dry-run").stdout
    assert yaml.safe_load(shown)["seeds"] == 3
    (tmp_path / "settings.yaml").write_text(shown)
    again = pairsmith("plan", "synth2", "--preset", "small", "--config", tmp_path / "settings.yaml", "--dry-run").stdout
    assert again == shown


def test_synthvlm_states_hours_storage_and_cost(pairsmith, tmp_path):
    result = pairsmith(
        "plan", "synthvlm", "--price", "10", "--assume", "bits_per_pixel=2", "--out", tmp_path / "p.json"
    )
    assert result.exit_code == 0, result.stderr
    metrics = json.loads((tmp_path / "p.json").read_text())
    assert metrics["plan.cost"]["value"] == pytest.approx(10 * metrics["plan.gpu_hours"]["value"])
    for words in (
        "drawing: 1,000,000 pictures x (60 steps x 2 passes x",
        "stage 1",
        "stage 2",
        "262.1 GB",
        "Assumptions",
    ):
        assert words in result.stdout


@pytest.mark.parametrize(("arguments", "words"), [(("--preset", "tiny"), "no matter for a plan"),
                                                  (("--assume", "prices=1"), "did you mean 'price'")])  # fmt: skip
def test_synthvlm_plans_that_cannot_be_made(pairsmith, arguments, words):
    result = pairsmith("plan", "synthvlm", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
