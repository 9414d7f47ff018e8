"""A mistyped name is told before any work begins, and what is done needs no model any more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.recipes.synthvlm.recipe import run_synthvlm
from pairsmith.recipes.synthvlm.requirements import check_models
from pairsmith.recipes.synthvlm.settings import SynthvlmSettings
from pairsmith.settings import load_settings
from tests.recipes.synthvlm.tiny import own_settings

VERDICT = "curation.filters.verdict={}"
ITM = "curation.filters.scores=[{name: blip_itm, least: 0.5}]"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def right(models: Path) -> SynthvlmSettings:
    return own_settings(models)


@pytest.mark.parametrize(
    ("setting", "value", "others"),
    [
        ("images.generator", "FOLDER/pipelin", []),
        ("images.generator", "FOLDER/lm", []),
        ("images.diffusers.refiner", "FOLDER/refiner", []),
        ("scoring.clip.model", "FOLDER/open_clipp", []),
        ("scoring.clip.model", "FOLDER/lm", []),
        ("scoring.clip.model", "ViT-B-32", []),
        ("scoring.clip.model", "ViT-B-23:openai", []),
        ("scoring.clip.model", "ViT-B-32-quickgelu:opena", []),
        ("curation.judge.model", "FOLDER/judge", [VERDICT, "curation.judge.kind=transformers"]),
        ("curation.perplexity_model", "FOLDER/lm2", ["curation.filters.perplexity={}"]),
        ("scoring.itm.model", "FOLDER/blip", [ITM]),
        ("stage_1.parts.vision_tower", "FOLDER/towers", []),
    ],
)
def test_a_mistyped_name_is_told_before_any_work(
    right: SynthvlmSettings, models: Path, shared: Path, tmp_path: Path, setting: str, value: str, others: list[str]
) -> None:
    overrides = [*others, f"{setting}={value.replace('FOLDER', str(models))}"]
    settings = load_settings(SynthvlmSettings, right.to_dict(), None, overrides)
    with pytest.raises(InputError, match=f"setting '{setting}'"):
        run_synthvlm(settings, tmp_path / "out", real=shared / "coco-mini")
    assert not (tmp_path / "out").exists()


def test_right_names_pass(right: SynthvlmSettings, models: Path, tmp_path: Path) -> None:
    known = [
        VERDICT, f"curation.judge={{kind: transformers, model: {models / 'lm'}}}", "curation.filters.perplexity={}",
        f"curation.perplexity_model={models / 'lm'}", "scoring.clip.model=ViT-B-32-quickgelu:openai",
    ]  # fmt: skip
    check_models(load_settings(SynthvlmSettings, right.to_dict(), None, known), tmp_path, own_pairs=True)


def test_what_is_done_needs_no_model_any_more(tmp_path: Path) -> None:
    settings = own_settings(tmp_path / "models")
    out = tmp_path / "out"
    shutil.rmtree(tmp_path / "models" / "pipeline")
    with pytest.raises(InputError, match=r"'images\.generator'"):
        check_models(settings, out, own_pairs=True)
    PairStore.write(out / "images", [Pair(id="a", caption="a red ball")], settings={})
    check_models(settings, out, own_pairs=True)
    shutil.rmtree(tmp_path / "models" / "open_clip")
    with pytest.raises(InputError, match=r"'scoring\.clip\.model'"):
        check_models(settings, out, own_pairs=True)
    (out / "evaluation").mkdir()
    (out / "evaluation" / "pairs.json").write_text(json.dumps({}))
    check_models(settings, out, own_pairs=True)
