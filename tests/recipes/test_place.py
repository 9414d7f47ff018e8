"""Where the recipe computes: one device for all models, and the processes of torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.evaluation import read_metrics
from pairsmith.recipes.place import Place, open_place
from pairsmith.recipes.run_files import read_arms
from pairsmith.recipes.synth2.recipe import run_synth2
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.distributed import Ranks
from pairsmith.training.logging import read_lines
from tests.recipes.synth2.tiny import scene_settings

ROOT = Path(__file__).resolve().parents[2]


def test_two_processes_make_one_run(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "tests.recipes.run_recipe_ranks", str(tmp_path / "run"),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, timeout=600, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout.decode()[-4000:]
    assert "synth2.synthetic.cider" in read_metrics(tmp_path / "run")
    assert {entry["arm"] for entry in read_arms(tmp_path / "run")} == {"baseline", "synthetic"}
    # The same rows of the same order went into every step as in a run of one process: so did their number.
    line = read_lines(tmp_path / "run" / "vlm" / "baseline-0" / "training" / "log.jsonl")[-1]
    assert line["samples_seen"] == 16


def test_what_cannot_be_shared_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match=r"tokenizer_training\.batch_size.* 3 processes"):
        run_synth2(scene_settings(), tmp_path / "out")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"vlm_training\.parallel.*ddp"):
        run_synth2(scene_settings("vlm_training.parallel=fsdp2"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_trainings_get_the_place_they_run_at() -> None:
    training = scene_settings().vlm_training
    alone = Place(torch.device("cuda", 0)).training(training)
    assert (alone.device, alone.parallel) == ("cuda", "none")
    shared = Place(torch.device("cpu"), Ranks(1, 2)).training(training)
    assert (shared.device, shared.parallel) == ("cpu", "ddp")
    assert shared.resume_settings() == training.resume_settings()


def test_the_device_is_the_recipes_alone() -> None:
    with pytest.raises(InputError, match=r"vlm_training\.device has no say.*set device"):
        scene_settings("vlm_training.device=cpu")
    with open_place(scene_settings("device=cpu")) as place:
        assert place.device == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_is_refused_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cuda is not available"):
        run_synth2(scene_settings("device=cuda"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mode", ["stored", "online"])
def test_the_recipe_runs_on_cuda(tmp_path: Path, mode: str) -> None:
    settings = scene_settings("device=cuda", f"synthesis.mode={mode}", "vlm_training.precision=bf16")
    run_synth2(settings, tmp_path / "out", from_scratch=True)
    assert read_metrics(tmp_path / "out")["synth2.speed.embedding_over_pixel"].value > 0
    assert VQTokenizer.from_pretrained(tmp_path / "out" / "models" / "tokenizer").codebook.device.type == "cpu"
