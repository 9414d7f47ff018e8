from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from pairsmith.errors import InputError
from pairsmith.generators.diffusers import DiffusersGenerator, DiffusersSettings
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.atomic import CRASH_VARIABLE
from pairsmith.pairs.images import decode_image
from pairsmith.stages.picture_renderer import PictureRenderer
from pairsmith.stages.render import render_captions
from tests.generators.diffusers import tiny_pipelines
from tests.pairs.rows import folder_bytes
from tests.stages.models import CAPTIONS, make_captions


def open_renderer(pipeline: Path, **changes: Any) -> PictureRenderer:
    torch.set_num_threads(1)
    settings = DiffusersSettings(**{"steps": 2, "width": 16, "height": 16, **changes})
    return PictureRenderer(DiffusersGenerator.from_pretrained(pipeline, settings), seed=3)


def render(
    pipeline: Path, captions: Path, out: Path, batch_rows: int = 7, repeat: int = 1, **changes: Any
) -> PairStore:
    renderer = open_renderer(pipeline, **changes)
    return render_captions(PairStore(captions), renderer, out, shard_rows=8, batch_rows=batch_rows, repeat=repeat)


def render_until_crash(pipeline: Path, captions: Path, out: Path, crash_at: str) -> None:
    os.environ[CRASH_VARIABLE] = crash_at
    render(pipeline, captions, out)


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pipelines")
    return {name: tiny_pipelines.save(folder / name, make) for name, make in tiny_pipelines.PIPELINES.items()}


@pytest.fixture(scope="module")
def captions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captions")
    make_captions(folder)
    return folder


@pytest.mark.parametrize("name", list(tiny_pipelines.PIPELINES))
def test_alone_in_a_batch_of_seven_and_after_a_kill_the_bytes_are_equal(
    pipelines: dict[str, Path], captions: Path, tmp_path: Path, name: str
) -> None:
    whole = render(pipelines[name], captions, tmp_path / "whole")
    assert [pair.caption for pair in whole.iter_pairs()] == CAPTIONS
    pairs = {pair.group: pair for pair in whole.iter_pairs()}
    first = next(iter(PairStore(captions).iter_pairs()))
    PairStore.write(tmp_path / "one", [first], settings={})
    (alone,) = render(pipelines[name], tmp_path / "one", tmp_path / "alone").iter_pairs()
    assert alone == pairs[first.id]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.stages.test_picture_renderer"])
    process = context.Process(
        target=render_until_crash, args=(pipelines[name], captions, tmp_path / "killed", "renamed:2")
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    render(pipelines[name], captions, tmp_path / "killed", batch_rows=3)
    assert folder_bytes(tmp_path / "killed") == folder_bytes(tmp_path / "whole")


def test_rows_hold_pictures_of_the_stated_format_and_no_tokens(
    pipelines: dict[str, Path], captions: Path, tmp_path: Path
) -> None:
    starts = {"jpeg": b"\xff\xd8", "webp": b"RIFF", "png": b"\x89PNG"}
    sizes = {}
    for name, start in starts.items():
        store = render(pipelines["sd15"], captions, tmp_path / name, image_format=name)
        assert store.manifest.num_tokens is None
        for pair in store.iter_pairs():
            assert pair.tokens is None
            assert pair.image is not None
            assert pair.image.startswith(start)
            assert decode_image(pair.image).size == (16, 16)
            assert json.loads(pair.settings)["image_format"] == name
        sizes[name] = sum(len(pair.image or b"") for pair in store.iter_pairs())
    worse = render(pipelines["sd15"], captions, tmp_path / "worse", image_quality=10)
    assert sum(len(pair.image or b"") for pair in worse.iter_pairs()) < sizes["jpeg"]


def test_repeats_are_other_pictures_of_one_group(pipelines: dict[str, Path], captions: Path, tmp_path: Path) -> None:
    pairs = list(render(pipelines["sdxl"], captions, tmp_path, repeat=2).iter_pairs())
    assert len({pair.id for pair in pairs}) == 2 * len(CAPTIONS)
    for first, second in zip(pairs[::2], pairs[1::2], strict=True):
        assert first.group == second.group
        assert first.image != second.image


def test_long_captions_are_kept_with_a_note(pipelines: dict[str, Path], tmp_path: Path) -> None:
    long = " ".join("a" * 90)
    rows = [Pair(id=imported_id("test", text), caption=text) for text in (long, "a dog")]
    PairStore.write(tmp_path / "captions", rows, settings={})
    renderer = open_renderer(pipelines["sd15"])
    store = render_captions(PairStore(tmp_path / "captions"), renderer, tmp_path / "out")
    assert [pair.reason for pair in store.iter_pairs()] == ["cut: 92 tokens, of which tokenizer reads 77", ""]
    assert renderer.remarks() == [
        "50.0% of the captions drawn now were longer than a text encoder reads; the column `reason` of their rows says "
        "how much was cut"
    ]


def test_flagged_pictures_fail_or_are_kept_as_asked(captions: Path, tmp_path: Path) -> None:
    pipeline = tiny_pipelines.save(tmp_path / "flags", lambda: tiny_pipelines.stable_diffusion(True))
    with pytest.raises(InputError, match="nsfw: the pipeline's safety checker flagged"):  # not one row can be used
        render(pipeline, captions, tmp_path / "fail")
    rows = list(PairStore(tmp_path / "fail").iter_pairs(status=None))
    assert all(row.status == "failed" and row.image is None and row.reason.startswith("nsfw") for row in rows)
    kept = list(render(pipeline, captions, tmp_path / "keep", nsfw="keep").iter_pairs())
    assert all(row.image is not None and row.reason.startswith("nsfw") for row in kept)
    assert not any(row.reason for row in render(pipeline, captions, tmp_path / "off", nsfw="off").iter_pairs())


def test_a_row_made_with_less_memory_says_so(pipelines: dict[str, Path], captions: Path, tmp_path: Path) -> None:
    renderer = open_renderer(pipelines["sd15"])
    run = renderer.generator._run

    def limited(prompts: list[str], generators: list[torch.Generator]) -> torch.Tensor:
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(prompts, generators)

    renderer.generator._run = limited  # type: ignore[method-assign]
    store = render_captions(PairStore(captions), renderer, tmp_path)
    assert {json.loads(pair.settings)["block_rows"] for pair in store.iter_pairs()} == {2}
    assert store.manifest.settings["sampling"]["block_rows"] == 4
    assert store.counts()["ok"] == len(CAPTIONS)


def test_other_settings_are_refused_but_for_where_the_work_is_done(
    pipelines: dict[str, Path], captions: Path, tmp_path: Path
) -> None:
    render(pipelines["pixart"], captions, tmp_path)
    with pytest.raises(InputError, match="guidance"):
        render(pipelines["pixart"], captions, tmp_path, guidance=2.0)
    settings = DiffusersSettings(offload="model")
    assert settings.deciding() == DiffusersSettings().deciding()
