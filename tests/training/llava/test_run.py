from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.scores import Selection, write_selection
from pairsmith.training.llava.presets import PRESETS, preset
from pairsmith.training.llava.run import FAILED, open_data, selected_positions, train_llava
from pairsmith.training.llava.settings import LlavaSettings
from pairsmith.vlm.llava.loading import load_llava
from pairsmith.vlm.llava.tuning import PROJECTOR, VISION
from tests.pairs.importers.samples import picture
from tests.vlm.llava.tiny import tiny_llava


def settings(stage: int, **changes) -> LlavaSettings:
    values = preset("tiny", stage).to_dict()
    values |= {"max_length": 200, "epochs": 1.5, "warmup_ratio": 0.4, "workers": 2, **changes}
    values["training"] |= {"batch_size": 4, "micro_batch": 2, "learning_rate": 1e-2, "device": "cpu"}
    return LlavaSettings.model_validate(values)


@pytest.fixture
def pairs(tmp_path: Path) -> PairStore:
    rows = [
        Pair(id=imported_id("t", str(at)), caption=f"a dog {at}", image=picture(at, (20, 12), "PNG")) for at in range(7)
    ]
    return PairStore.write(tmp_path / "pairs", rows, settings={})


@pytest.fixture
def instructions(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    records = []
    for at in range(8):
        (folder / "images" / f"{at}.png").write_bytes(picture(at, (20, 12), "PNG"))
        talk = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "dog " * (at + 1)}]
        records.append({"id": f"r{at}", "image": f"{at}.png", "conversations": talk})
    text = [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Me."}]
    records += [{"id": f"t{at}", "conversations": text} for at in range(3)]
    records.append({"id": "gone", "image": "gone.png", "conversations": records[0]["conversations"]})
    (folder / "data.json").write_text(json.dumps(records))
    return folder / "data.json"


def changed(before: dict, folder: Path) -> set[str]:
    state = AutoModelForImageTextToText.from_pretrained(folder).state_dict()
    assert state.keys() == before.keys()
    return {name for name, value in state.items() if not torch.equal(value, before[name])}


def test_both_stages_change_what_they_train_and_nothing_else(
    tmp_path: Path, pairs: PairStore, instructions: Path
) -> None:
    start = tiny_llava()[0].state_dict()
    one = train_llava(settings(1), open_data(pairs.folder, settings(1)), tiny_llava, tmp_path / "one")
    assert (one.rows, one.result.step) == (7, 3)  # 1.5 epochs of 7 rows in batches of 4
    projector = {name for name in start if name.startswith(PROJECTOR)}
    assert changed(start, one.model) == projector
    before = load_llava(one.model)[0].state_dict()
    data = open_data(instructions, settings(2))
    two = train_llava(settings(2), data, lambda: load_llava(one.model), tmp_path / "two")
    assert two.rows == 11
    image_row = len(before["lm_head.weight"]) - 1
    found = changed(before, two.model)
    assert found == {name for name in start if not name.startswith(VISION)}
    assert image_row == 99  # the image token is in the embeddings, whose row no text can move
    failures = [json.loads(line) for line in (tmp_path / "two" / FAILED).read_text().splitlines()]
    assert failures == [{"id": "gone", "status": "failed", "reason": "image-missing: gone.png"}]
    _, processor = load_llava(two.model)
    assert processor.image_processor.do_pad
    assert (tmp_path / "one" / FAILED).read_text() == ""


def test_lora_is_saved_merged(tmp_path: Path, instructions: Path) -> None:
    chosen = settings(2, tuning="lora", lora={"rank": 2, "alpha": 4, "dropout": 0.0})
    run = train_llava(chosen, open_data(instructions, chosen), tiny_llava, tmp_path / "run")
    found = changed(tiny_llava()[0].state_dict(), run.model)
    assert any("self_attn.q_proj" in name for name in found)
    assert not any(name.startswith(VISION) or "embed_tokens" in name or "norm" in name for name in found)


def test_a_finished_run_returns_and_another_is_refused(tmp_path: Path, pairs: PairStore) -> None:
    chosen = settings(1)
    first = train_llava(chosen, open_data(pairs.folder, chosen), tiny_llava, tmp_path / "run")
    files = {path: path.stat().st_mtime_ns for path in first.model.iterdir()}
    again = train_llava(chosen, open_data(pairs.folder, chosen), tiny_llava, tmp_path / "run")
    assert again.result.step == first.result.step
    assert {path: path.stat().st_mtime_ns for path in again.model.iterdir()} == files
    other = open_data(pairs.folder, chosen, selection=str(write_ids(tmp_path, pairs.ids()[:6])))
    for changes in ({"max_length": 100}, {"aspect": "pad"}):
        with pytest.raises(InputError, match=next(iter(changes))):
            train_llava(settings(1, **changes), open_data(pairs.folder, chosen), tiny_llava, tmp_path / "run")
    with pytest.raises(InputError):
        train_llava(settings(1, epochs=None), other, tiny_llava, tmp_path / "run")
    with pytest.raises(InputError, match="model"):
        train_llava(chosen, open_data(pairs.folder, chosen), lambda: tiny_llava(seed=5), tmp_path / "run")


def write_ids(folder: Path, ids: list[str]) -> Path:
    path = folder / "ids.txt"
    path.write_text("\n".join(ids) + "\n")
    return path


def test_a_selection_is_a_name_or_a_file_of_ids(tmp_path: Path, pairs: PairStore) -> None:
    ids = [pairs.ids()[at] for at in (4, 1)]
    parquet = write_selection(pairs, "best", Selection(ids, np.array([2.0, 1.0])))
    listed = tmp_path / "ids.json"
    listed.write_text(json.dumps(ids))
    for given in ("best", str(parquet), str(listed), str(write_ids(tmp_path, ids))):
        assert selected_positions(pairs, given).tolist() == [4, 1]
    rows = open_data(pairs.folder, settings(1), selection=str(listed)).collate([0, 1], [0, 0])
    assert [row.id for row in rows] == ids
    for content in ("[]", "{}", "[1]", "torn"):
        listed.write_text(content)
        with pytest.raises(InputError, match=r"ids\.json"):
            selected_positions(pairs, str(listed))
    with pytest.raises(InputError, match="no pair"):
        selected_positions(pairs, str(write_ids(tmp_path, ["strange"])))


def test_data_that_do_not_fit_the_stage_are_refused(tmp_path: Path, pairs: PairStore, instructions: Path) -> None:
    with pytest.raises(InputError, match="export --format llava"):
        open_data(pairs.folder, settings(2))
    with pytest.raises(InputError, match="selection"):
        open_data(instructions, settings(2), selection="best")
    many = open_data(instructions, settings(1))
    with pytest.raises(InputError, match="row t"):
        train_llava(settings(1), many, tiny_llava, tmp_path / "run")


def test_steps_follow_from_rows_and_epochs() -> None:
    paper = preset("paper", 1)
    assert paper.resolved(558_128).steps == 2181
    assert paper.resolved(558_128).warmup_steps == 66
    assert preset("paper", 2).resolved(665_298).steps == preset("paper", 2).training.steps == 5198
    assert paper.resolved(100_000).steps == paper.training.steps
    fixed = paper.model_copy(update={"epochs": None, "warmup_ratio": None})
    assert fixed.resolved(7) == paper.training


def test_the_paper_preset_is_llava_1_5() -> None:
    one, two = preset("paper", 1), preset("paper", 2)
    assert (one.training.learning_rate, one.training.batch_size, one.tuning) == (1e-3, 256, "projector")
    assert (two.training.learning_rate, two.training.batch_size, two.tuning) == (2e-5, 128, "full")
    for stage in (one, two):
        assert stage.parts.vision_tower == "openai/clip-vit-large-patch14-336"
        assert stage.parts.language_model == "lmsys/vicuna-7b-v1.5"
        assert (stage.parts.feature_layer, stage.parts.select) == (-2, "patch")
        assert (stage.training.decay, stage.warmup_ratio, stage.training.weight_decay) == ("cosine", 0.03, 0.0)
        assert (stage.epochs, stage.max_length, stage.training.precision) == (1.0, 2048, "bf16")
    assert (one.style, two.style, two.aspect, two.group) == ("plain", "vicuna_v1", "pad", True)
    lora = preset("paper-lora", 2)
    assert (lora.lora.rank, lora.lora.alpha, lora.training.learning_rate) == (128, 256, 2e-4)
    assert lora.projector_rate() == pytest.approx(0.1)


@pytest.mark.parametrize(("name", "stage"), PRESETS)
def test_presets_are_valid_settings(name: str, stage: int) -> None:
    assert LlavaSettings.model_validate(preset(name, stage).to_dict()) == preset(name, stage)


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(InputError, match="huge"):
        preset("huge", 1)
