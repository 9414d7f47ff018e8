"""SugarCrepe++: the published files, ITT and TOT by hand, chance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.image_text.sugarcrepe import CrepeItem
from pairsmith.evaluation.image_text.sugarcrepe_pp import SUBSETS, load_sugarcrepe_pp, sugarcrepe_pp_scores
from tests.evaluation.image_text.encoders import TableEncoder, shade_bytes

COUNTS = {"replace_att": 788, "replace_obj": 1652, "replace_rel": 1406, "swap_att": 666, "swap_obj": 245}


def test_the_published_files_have_the_published_items(shared: Path) -> None:
    folder = shared / "goldens" / "sugarcrepe_pp" / "data"
    items = load_sugarcrepe_pp(folder)
    assert {name: len(own) for name, own in items.items()} == COUNTS
    raw = json.loads((folder / "swap_att.json").read_text())[5]
    item = items["swap_att"][5]
    assert (*item.captions, item.negative) == (raw["caption"], raw["caption2"], raw["negative_caption"])
    assert len({item.filename for own in items.values() for item in own}) == 1542


def test_image_and_text_tests_by_hand(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(shade_bytes(1))
    texts = {"near": [1, 0.1, 0], "nearer": [1, 0, 0], "far": [0, 1, 0], "up": [0.5, 0, 1], "up too": [0.6, 0, 1]}
    encoder = TableEncoder({1: [1, 0.2, 0]}, texts)
    items = {
        "swap_att": [
            CrepeItem("0", "1.png", ("near", "nearer"), "far"),  # both right
            CrepeItem("1", "1.png", ("near", "far"), "up"),  # P1 right, P2 wrong; texts: near-up > near-far
        ],
        "swap_obj": [CrepeItem("0", "1.png", ("up", "up too"), "near")],  # image wrong, texts right
    }
    found = sugarcrepe_pp_scores(encoder, items, tmp_path).scores
    assert found["sugarcrepe_pp_itt_swap_att"].values.tolist() == [100, 0]
    assert found["sugarcrepe_pp_p1_swap_att"].values.tolist() == [100, 100]
    assert found["sugarcrepe_pp_p2_swap_att"].values.tolist() == [100, 0]
    assert found["sugarcrepe_pp_tot_swap_att"].values.tolist() == [100, 0]
    assert found["sugarcrepe_pp_itt_swap_obj"].value == 0
    assert found["sugarcrepe_pp_tot_swap_obj"].value == 100
    assert found["sugarcrepe_pp_itt"].value == pytest.approx(25)  # over files
    assert found["sugarcrepe_pp_itt_micro"].value == pytest.approx(100 / 3)
    assert found["sugarcrepe_pp_tot"].value == pytest.approx(75)
    text_only = sugarcrepe_pp_scores(encoder, items, None).scores
    assert not [key for key in text_only if "tot" not in key]
    assert text_only["sugarcrepe_pp_tot"].value == found["sugarcrepe_pp_tot"].value


def test_a_tie_is_a_failure(tmp_path: Path) -> None:
    """In each item the image cannot choose between one true caption and the false one, nor can the texts."""
    (tmp_path / "1.png").write_bytes(shade_bytes(1))
    encoder = TableEncoder({1: [2, 0, 0]}, {"same": [1, 1, 0], "right": [1, 0, 0], "false": [1, 0, 1]})
    items = {
        "swap_att": [
            CrepeItem("0", "1.png", ("same", "right"), "false"),
            CrepeItem("1", "1.png", ("right", "same"), "false"),
        ]
    }
    found = sugarcrepe_pp_scores(encoder, items, tmp_path)
    values = {kind: found.scores[f"sugarcrepe_pp_{kind}_swap_att"].values.tolist() for kind in ("p1", "p2")}
    assert values == {"p1": [0, 100], "p2": [100, 0]}
    assert found.scores["sugarcrepe_pp_itt"].value == found.scores["sugarcrepe_pp_tot"].value == 0
    assert found.ties == 4


def test_chance_is_a_third(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(shade_bytes(1))
    rng = np.random.default_rng(0)
    texts = {f"{i}{kind}": rng.normal(size=32) for i in range(3000) for kind in "pqn"}
    encoder = TableEncoder({1: rng.normal(size=32)}, texts)  # type: ignore[dict-item]
    items = {SUBSETS[0]: [CrepeItem(str(i), "1.png", (f"{i}p", f"{i}q"), f"{i}n") for i in range(3000)]}
    found = sugarcrepe_pp_scores(encoder, items, tmp_path).scores
    assert found["sugarcrepe_pp_itt"].value == pytest.approx(100 / 3, abs=3)
    assert found["sugarcrepe_pp_tot"].value == pytest.approx(100 / 3, abs=3)


def test_doubled_items_are_named(tmp_path: Path) -> None:
    entry = {"id": 4, "filename": "a.png", "caption": "x", "caption2": "y", "negative_caption": "z"}
    (tmp_path / "swap_obj.json").write_text(json.dumps([entry, entry]))
    with pytest.raises(InputError, match=r"swap_obj.json: item '4' occurs twice"):
        load_sugarcrepe_pp(tmp_path)
