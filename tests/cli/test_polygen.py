"""PolyGen's commands: the plan as text, dry runs, and one sentence for what users can get wrong."""

from __future__ import annotations

import json

import yaml

from tests.cli.test_errors import only_sentence


def test_the_plan_of_the_paper(pairsmith, tmp_path):
    out = tmp_path / "plan"
    result = pairsmith("plan", "polygen", "--set", "budget=1000", "--bits-per-pixel", "2", "--out", out)
    assert result.exit_code == 0, result.stderr
    for words in ("Stable Diffusion 1.5", "50 x 2", "1,125", "4,500", "as tokens", "as JPEG"):
        assert words in result.stdout
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["plan.pictures"]["value"] == 4500
    assert metrics["plan.storage.encoded_bytes"]["value"] == 4500 * 256 * 256 * 2 / 8
    assert yaml.safe_load((out / "settings.yaml").read_text())["assumptions"]["bits_per_pixel"] == 2


def test_dry_runs_make_nothing(pairsmith, tmp_path):
    out = tmp_path / "run"
    result = pairsmith("run", "polygen", "--seeds", "2", "--set", "budget=64", "--out", out, "--dry-run")
    shown = yaml.safe_load(result.stdout)
    assert (shown["seeds"], shown["budget"]) == (2, 64)
    assert not out.exists()
    (tmp_path / "settings.yaml").write_text(result.stdout)
    again = pairsmith("run", "polygen", "--config", tmp_path / "settings.yaml", "--out", out, "--dry-run")
    assert again.stdout == result.stdout


def test_bad_input_is_one_sentence(pairsmith, tmp_path):
    out = tmp_path / "run"
    for arguments, words in (
        (("run", "polygen", "--preset", "huge", "--out", out), "there is no preset 'huge'"),
        (("run", "polygen", "--set", "budgets=3", "--out", out), "did you mean 'budget'"),
        (("run", "polygen", "--preset", "paper", "--out", out), "tests.transfer"),
        (("plan", "polygen", "--preset", "tiny"), "costs are counted for pipelines of diffusers"),
    ):
        assert words in only_sentence(pairsmith(*arguments))
    assert not out.exists()
