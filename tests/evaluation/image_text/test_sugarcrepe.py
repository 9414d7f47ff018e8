"""SugarCrepe: the published files, the published counts and the authors' rule for groups."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.image_text.sugarcrepe import (
    SUBSETS,
    CrepeItem,
    grouped_scores,
    load_sugarcrepe,
    sugarcrepe_scores,
)
from tests.evaluation.image_text.encoders import TableEncoder, shade_bytes


def _group(subset: str) -> str:
    return subset.partition("_")[0]


def test_the_published_files_have_the_published_items(shared: Path) -> None:
    folder = shared / "goldens" / "sugarcrepe"
    items = load_sugarcrepe(folder / "data")
    expected = json.loads((folder / "expected.json").read_text())["counts_current_repo"]
    assert {name: len(own) for name, own in items.items()} == expected
    assert tuple(items) == SUBSETS
    raw = json.loads((folder / "data" / "swap_obj.json").read_text())
    assert "108" not in raw  # keys have a gap
    item = items["swap_obj"][-1]
    assert (item.captions[0], item.negative) == (raw[item.id]["caption"], raw[item.id]["negative_caption"])


@pytest.mark.parametrize(("order", "short"), [("positive-first", "pos"), ("negative-first", "neg")])
def test_per_sample_results_give_the_published_counts(shared: Path, order: str, short: str) -> None:
    folder = shared / "goldens" / "sugarcrepe"
    expected = json.loads((folder / "expected.json").read_text())["gpt4v_counts"]
    items, correct = {}, []
    for subset in SUBSETS:
        content = json.loads((folder / "gpt4v" / order / f"gpt4v-{subset}.json").read_text())
        content = {
            key: entry for key, entry in content.items() if isinstance(entry, dict)
        }  # a file may hold its accuracy too
        items[subset] = [CrepeItem(key, e["filename"], (e["caption"],), "x") for key, e in content.items()]
        correct += [bool(entry["correct"]) for entry in content.values()]
    scores = grouped_scores("sugarcrepe", items, np.array(correct), _group)
    for subset in SUBSETS:
        right, count = expected[subset][short]
        assert scores[f"sugarcrepe_{subset}"].n == count
        assert scores[f"sugarcrepe_{subset}"].value == pytest.approx(100 * right / count, abs=5e-3)


@pytest.mark.parametrize(
    ("table", "model", "grouped"),
    [
        ("published_table_percent", "openai:ViT-B-32", "ViT-B-32 pretrained"),
        ("issue3_percent", "ViT-B-32 normal fine-tune", "ViT-B-32 CLIP finetuned"),
    ],
)
def test_groups_are_over_items_as_published(shared: Path, table: str, model: str, grouped: str) -> None:
    expected = json.loads((shared / "goldens" / "sugarcrepe" / "expected.json").read_text())
    counts, accuracies = expected["counts_published_version"], expected[table][model]
    items, correct = {}, []
    for subset in SUBSETS:
        items[subset] = [CrepeItem(str(i), f"{subset}-{i}.jpg", ("x",), "y") for i in range(counts[subset])]
        right = round(accuracies[subset] * counts[subset] / 100)
        correct += [True] * right + [False] * (counts[subset] - right)
    scores = grouped_scores("sugarcrepe", items, np.array(correct), _group)
    published = expected["published_group_percent"][grouped]
    for group in ("replace", "swap", "add"):
        assert scores[f"sugarcrepe_{group}"].value == pytest.approx(published[group], abs=5e-3)
    if grouped == "ViT-B-32 pretrained":
        assert scores["sugarcrepe_replace_macro"].value == pytest.approx(80.07, abs=5e-3)
    assert scores["sugarcrepe"].n == 7512
    mean = np.mean([accuracies[subset] for subset in SUBSETS])
    assert scores["sugarcrepe_macro"].value == pytest.approx(mean, abs=1e-2)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two subsets of three items on two pictures."""
    entries = [("a.png", "true", "false"), ("b.png", "true", "false"), ("b.png", "same", "same too")]
    for name in ("swap_att", "add_obj"):
        content = {
            str(7 * place): {"filename": file, "caption": caption, "negative_caption": negative}
            for place, (file, caption, negative) in enumerate(entries)
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "images").mkdir()
    for shade, name in ((1, "a.png"), (2, "b.png")):
        (tmp_path / "images" / name).write_bytes(shade_bytes(shade))
    return tmp_path


def test_a_tie_is_a_failure(data: Path) -> None:
    texts = {"true": [1, 0], "false": [0, 1], "same": [1, 1], "same too": [2, 2]}
    encoder = TableEncoder({1: [2, 1], 2: [1, 2]}, texts)
    found = sugarcrepe_scores(encoder, load_sugarcrepe(data), data / "images")
    assert found.scores["sugarcrepe_swap_att"].values.tolist() == [100, 0, 0]
    assert found.ties == 2
    assert found.scores["sugarcrepe"].n == 6
    assert found.scores["sugarcrepe"].units == ("a.png", "b.png")
    assert sorted(encoder.seen) == [1, 2]  # each picture once
    assert not {"sugarcrepe_swap", "sugarcrepe_add"} & set(found.scores)  # groups of one file say nothing new


def test_missing_pictures_files_and_keys_are_named(data: Path) -> None:
    encoder = TableEncoder({}, {})
    (data / "images" / "b.png").unlink()
    with pytest.raises(InputError, match=r"1 of 2 images are not in .*images, the first is 'b.png'"):
        sugarcrepe_scores(encoder, load_sugarcrepe(data), data / "images")
    with pytest.raises(InputError, match=r"holds none of the files add_att.json"):
        load_sugarcrepe(data / "images")
    (data / "swap_att.json").write_text(json.dumps({"3": {"filename": "a.png", "caption": "x"}}))
    with pytest.raises(InputError, match=r"swap_att.json: item '3' has no text 'negative_caption'"):
        load_sugarcrepe(data)
    (data / "swap_att.json").write_text("[]")
    with pytest.raises(InputError, match=r"swap_att.json: must hold a JSON object"):
        load_sugarcrepe(data)
