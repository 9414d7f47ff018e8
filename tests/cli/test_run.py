"""The whole recipe from the command line, as small as it gets: a few steps of everything."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.cli.test_errors import only_sentence

MINIATURE = {
    "arms": ["baseline", "synthetic", "gold"],
    "data": {"real": 24, "pictures": 24, "text": 60, "test": 12},
    "tokenizer": {"continuous_steps": 1},
    "tokenizer_training": {"steps": 3, "batch_size": 4, "warmup_steps": 1},
    "language_model_training": {"steps": 3, "batch_size": 8, "warmup_steps": 1},
    "generator_training": {"steps": 3, "batch_size": 8, "warmup_steps": 1},
    "synthesis": {"captions": 24},
    "captions": {"prompt": {"min_words": 0, "max_words": 60}, "attempts": 1, "checks": {"max_tokens": None}},
    "vlm_training": {"steps": 3, "batch_size": 8, "warmup_steps": 1},
    "evaluation": {"every": 2, "clusters": 3, "oracle_steps": 2, "oracle_batch": 4, "faithfulness": 6},
    "speed": {"steps": 1, "rounds": 1, "warmup": 0},
}


@pytest.fixture
def config(tmp_path):
    """The settings as a file."""
    file = tmp_path / "miniature.yaml"
    file.write_text(yaml.safe_dump(MINIATURE))
    return file


def test_a_run_from_data_to_report(pairsmith, config, tmp_path):
    out = tmp_path / "run"
    arguments = ("run", "synth2", "--from-scratch", "--config", config, "--out", out)
    result = pairsmith(*arguments)
    assert result.exit_code == 0, result.stderr
    assert (out / "report.html").stat().st_size > 10_000
    metrics = json.loads((out / "metrics.json").read_text())
    assert {"synth2.baseline.cider", "synth2.synthetic.cider", "synth2.speed.embedding_over_pixel"} <= set(metrics)
    assert f"Report:  {out / 'report.html'}" in result.stdout
    assert "times as fast as through pixels" in result.stdout
    # An untrained language model writes no sentence of the world: there are no true pictures, and the run goes on.
    assert "Gold is left out" in result.stderr
    assert "not a sentence about a scene" in result.stderr
    assert "Gold was left out: not one of 24 written captions" in (out / "report.html").read_text()
    assert not any(".gold." in key for key in metrics)
    stages = [line.split("  ")[1] for line in result.stderr.splitlines() if line.endswith("begins")]
    assert stages[0] == "data: begins"
    assert stages[-1] == "report: begins"
    assert pairsmith("report", out).stdout == f"Report: {out / 'report.html'}\n"
    assert "seed" in only_sentence(pairsmith(*arguments, "--set", "seed=5"))


def test_a_dry_run_shows_settings_and_makes_nothing(pairsmith, config, tmp_path):
    out = tmp_path / "run"
    result = pairsmith("run", "synth2", "--config", config, "--seeds", 3, "--out", out, "--dry-run")
    shown = yaml.safe_load(result.stdout)
    assert shown["seeds"] == 3
    assert shown["vlm_training"]["steps"] == 3
    assert shown["vlm_training"]["clip"] == 1.0  # of the preset
    assert not out.exists()


def test_synthvlm_from_data_to_report(pairsmith, tmp_path):
    small = {
        "seeds": 1,
        "arms": ["selected", "random"],
        "source": {"pairs": 40, "test": 6},
        "instructions": {"scenes": 4},
        "images": {"flow": {"steps": 2}},
        "stage_1": {"training": {"steps": 2, "batch_size": 4}},
        "stage_2": {"training": {"steps": 2, "batch_size": 2}},
        "evaluation": {"max_new_tokens": 4, "oracle_steps": 2, "oracle_batch": 4},
    }
    config, out = tmp_path / "small.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(small))
    result = pairsmith("run", "synthvlm", "--config", config, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert (out / "report.html").stat().st_size > 10_000
    assert "Selected minus random after stage 1:" in result.stdout
    assert f"Report:  {out / 'report.html'}" in result.stdout
    again = pairsmith("report", out)
    assert again.exit_code == 0, again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--preset", "paper"), "give --real"),
        (("--preset", "huge"), "there is no preset 'huge'"),
        (("--real", "nowhere"), "nowhere"),
        (("--set", "arms=[best]"), "arms"),
    ],
)
def test_synthvlm_refuses_in_one_sentence(pairsmith, tmp_path, arguments, words):
    result = pairsmith("run", "synthvlm", *arguments, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert words in only_sentence(result)
