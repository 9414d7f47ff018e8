"""The plug-in for lmms-eval, by its own registry and requests where it is installed, else by stand-ins for them."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lmms_eval.api.instance import Instance
from PIL import Image

from pairsmith.bridges.lmms_eval import PairsmithVLM, manifest
from pairsmith.errors import InputError
from pairsmith.evaluation.features import resize_pixels
from pairsmith.tokenizer import VQTokenizer
from pairsmith.vlm import (
    AdapterConfig,
    GatedAttentionConfig,
    ResamplerConfig,
    VisionLanguageModel,
    VLMConfig,
    caption,
)
from tests.bridges import stand_in
from tests.tokenizer.conftest import small_config
from tests.vlm.conftest import WORDS, make_lm, open_gates

PICTURES = [Image.fromarray(np.random.default_rng(i).integers(0, 256, (20, 20, 3), dtype=np.uint8)) for i in range(4)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    root = tmp_path_factory.mktemp("models")
    pixels = VQTokenizer(small_config()).eval()
    pixels.save_pretrained(root / "tokenizer")
    config = VLMConfig(
        codebook_size=24, code_dim=6, grid=4, codebook_norm="whiten",
        adapter=AdapterConfig(layers=1, heads=2, width=16, mlp_width=32),
        resampler=ResamplerConfig(layers=1, heads=2, width=24, latents=3, mlp_width=48, latents_from_media=True),
        gated=GatedAttentionConfig(heads=2, head_width=8, feed_forward_ratio=2.0),
    )  # fmt: skip
    model = open_gates(VisionLanguageModel(config, make_lm(6, vocab_size=len(WORDS)), pixels.codebook, pixels))
    model.save_pretrained(root / "vlm")
    words = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<bos>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<bos>", eos_token="<eos>", pad_token="<eos>", unk_token="<bos>"
    ).save_pretrained(root / "words")
    return {name: root / name for name in ("tokenizer", "vlm", "words")}


def _requests(kind: str, second: Any, count: int = 4) -> list[Instance]:
    return [
        Instance(
            request_type=kind,  # type: ignore[arg-type]
            arguments=("what is it ?", second, lambda doc: [doc["image"]], number, "task", "test"),
            idx=0,
            metadata={"task": "task", "doc_id": number, "repeats": 1},  # type: ignore[dict-item]
        )
        for number in range(count)
    ]


def _model(folders: dict[str, Path], **options: Any) -> PairsmithVLM:
    model = PairsmithVLM(
        str(folders["vlm"]), str(folders["tokenizer"]), str(folders["words"]), prompt="{question}", **options
    )
    model.task_dict["task"] = {"test": [{"image": picture} for picture in PICTURES]}
    return model


@pytest.mark.skipif(not stand_in.INSTALLED, reason="lmms-eval is not installed")
def test_the_registry_finds_the_class_by_its_name() -> None:
    from lmms_eval.models.registry_v2 import ModelRegistryV2

    registry = ModelRegistryV2()
    registry.register_manifest(manifest())
    assert registry.get_model_class("pairsmith_vlm") is PairsmithVLM


def test_the_manifest_names_the_class_and_the_package_declares_it() -> None:
    found = manifest()
    module, name = str(found.simple_class_path).rsplit(".", 1)
    assert found.model_id == "pairsmith_vlm"
    assert getattr(importlib.import_module(module), name) is PairsmithVLM
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    module, name = project["entry-points"]["lmms_eval.models"]["pairsmith"].split(":")
    assert getattr(importlib.import_module(module), name) is manifest


def test_answers_are_our_own_whatever_the_batch(folders: dict[str, Path]) -> None:
    options = {"max_new_tokens": 4, "until": ["\n"]}
    found = _model(folders, batch_size=3).generate_until(_requests("generate_until", options))
    assert found == _model(folders).generate_until(_requests("generate_until", options))
    pixels = VQTokenizer.from_pretrained(folders["tokenizer"]).eval()
    model = VisionLanguageModel.from_pretrained(folders["vlm"], tokenizer=pixels)
    from transformers import AutoTokenizer

    from pairsmith.vlm import GenerationSettings

    shown = torch.stack([torch.from_numpy(resize_pixels(picture, 16)) for picture in PICTURES])
    expected = caption(
        model, AutoTokenizer.from_pretrained(folders["words"]), pixels=shown, prompt="what is it ?",
        settings=GenerationSettings(mode="beam", beams=3, max_new_tokens=4),
    )  # fmt: skip
    assert found == expected
    assert any(found)


def test_answers_end_at_the_stop_text(folders: dict[str, Path]) -> None:
    whole = _model(folders, beams=1).generate_until(_requests("generate_until", {"max_new_tokens": 6}, 1))[0]
    stop = whole.split()[1]
    cut = _model(folders, beams=1).generate_until(_requests("generate_until", {"max_new_tokens": 6, "until": stop}, 1))[
        0
    ]
    assert cut == whole.split(stop)[0].strip()


def test_likelihoods_are_those_of_the_model_and_greedy_text_is_greedy(folders: dict[str, Path]) -> None:
    model = _model(folders, beams=1)
    said = model.generate_until(_requests("generate_until", {"max_new_tokens": 3}, 1))[0]
    (value, greedy), (other, _) = (
        model.loglikelihood(_requests("loglikelihood", text, 1))[0] for text in (said, "red red red")
    )
    assert greedy
    assert other < value < 0
    pixels = VQTokenizer.from_pretrained(folders["tokenizer"]).eval()
    vlm = VisionLanguageModel.from_pretrained(folders["vlm"], tokenizer=pixels).eval()
    ids = [WORDS.index(word) for word in ["<bos>", "what", "is", "it", "?", *said.split()]]
    shown = torch.from_numpy(resize_pixels(PICTURES[0], 16))[None]
    with torch.no_grad():
        logits = vlm(torch.tensor([ids]), pixels=shown).logits[0].log_softmax(-1)
    expected = sum(float(logits[place - 1, ids[place]]) for place in range(5, len(ids)))
    assert value == pytest.approx(expected, rel=1e-5)


def test_several_pictures_and_rounds_are_refused(folders: dict[str, Path]) -> None:
    model = _model(folders)
    request = Instance(
        request_type="generate_until",
        arguments=("what is it ?", {}, lambda doc: PICTURES[:2], 0, "task", "test"),
        idx=0,
        metadata={"task": "task", "doc_id": 0, "repeats": 1},  # type: ignore[dict-item]
    )
    with pytest.raises(InputError, match="one picture a question, and task task gives 2"):
        model.generate_until([request])
    with pytest.raises(InputError, match="several rounds"):
        model.generate_until_multi_round([])
