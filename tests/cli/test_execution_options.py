"""Options of how a stage is run: workers, ranks, and failures."""

from __future__ import annotations

import pytest
import torch

from pairsmith.cli.scale import Executor, stage_device
from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, imported_id
from tests.cli.test_errors import only_sentence
from tests.pairs.importers.samples import picture
from tests.pairs.rows import folder_bytes


def test_workers_and_ranks_render_the_bytes_of_one_process(pairsmith, models, pairs, tmp_path):
    given = [
        *("render", pairs, "--generator", models / "generator", "--tokenizer", models / "tokenizer"),
        *("--language-model", models / "lm", "--set", "steps=2", "--shard-rows", 1),
    ]
    assert pairsmith(*given, "--out", tmp_path / "alone").stdout == f"{tmp_path / 'alone'}: 3 rows ok\n"
    whole = folder_bytes(tmp_path / "alone")
    result = pairsmith(*given, "--out", tmp_path / "two", "--workers", 2)
    assert result.stdout == f"{tmp_path / 'two'}: 3 rows ok\n", result.output
    assert folder_bytes(tmp_path / "two") == whole
    ranks = tmp_path / "ranks"
    result = pairsmith(*given, "--out", ranks, "--rank", 0, "--world", 2)
    assert result.stdout == f"{ranks}: 2 of 3 shards are made; the rank that ends last completes the store\n"
    result = pairsmith(*given, "--out", ranks, "--rank", 1, "--world", 2)
    assert result.stdout == f"{ranks}: 3 rows ok\n"
    assert folder_bytes(ranks) == whole
    for options, words in (
        (("--rank", 2, "--world", 2), "ranks go from 0"),
        (("--max-failures", "x"), "number of rows"),
    ):
        result = pairsmith(*given, "--out", tmp_path / "bad", *options)
        assert result.exit_code == 2
        assert words in only_sentence(result)


def test_failed_rows_are_shown_and_made_again(pairsmith, models, tmp_path):
    rows = [
        Pair(id=imported_id("x", str(i)), caption="a dog", image=b"no picture" if i == 1 else picture(i), generator="x")
        for i in range(3)
    ]
    broken = PairStore.write(tmp_path / "broken", rows, settings={}).folder
    given = ["tokenize", broken, "--tokenizer", models / "tokenizer", "--out", tmp_path / "out"]
    stopped = pairsmith(*given, "--max-failures", 0)
    assert stopped.exit_code == 2
    assert "1 of 3 rows have failed, and 0 may: " in only_sentence(stopped)
    assert pairsmith(*given, "--max-failures", "34%").exit_code == 0
    result = pairsmith(*given, "--retry-failed")
    assert "1 failed row to make again" in result.stderr
    assert "not an image" in result.stderr
    assert result.stdout == f"{tmp_path / 'out'}: 2 rows ok, 1 failed, 4 tokens each\n"


def test_actors_of_ray_may_have_gpus_where_this_machine_has_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert stage_device("cuda", Executor.ray) == "cuda"
    assert stage_device("auto", Executor.ray) == "cpu"
    with pytest.raises(InputError, match="finds no CUDA device here"):
        stage_device("cuda", Executor.local)


def test_ray_without_a_gpu_here_is_told_of(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    stage_device("auto", Executor.ray)
    assert "--device cuda gives each of them one" in capsys.readouterr().err
    stage_device("cpu", Executor.ray)
    stage_device("auto", Executor.local)
    assert not capsys.readouterr().err


def test_of_several_processes_on_a_machine_each_takes_its_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert stage_device("auto", Executor.local, rank="auto") == "cuda:3"
    assert stage_device("auto", Executor.local, rank="auto", workers=2) == "cuda"
    assert stage_device("cpu", Executor.local, rank="auto") == "cpu"
