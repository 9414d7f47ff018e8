"""Figures of the command line are those of the golden files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pairsmith.evaluation import write_metrics
from pairsmith.pairs import Pair, PairStore, imported_id
from tests.cli.test_errors import only_sentence

NAMES = {
    "cider_d": "CIDEr",
    "cider": "CIDEr_no_D (vrama91 undefended)",
    "bleu_1": "Bleu_1",
    "bleu_4": "Bleu_4",
    "rouge_l": "ROUGE_L",
}


@pytest.mark.parametrize("option", ["--results", "--predictions"])
def test_captions_agree_with_the_goldens(pairsmith, shared, tmp_path, option):
    folder = shared / "goldens" / "coco_val2017"
    out = tmp_path / "m.json"
    result = pairsmith(
        "evaluate", "captions", "--references", folder / "captions_val2017.json",
        option, folder / "fakecap_overlap_results.json", "--allow-partial", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0
    metrics = json.loads(out.read_text())
    expected = json.loads((folder / "fakecap_overlap_expected.json").read_text())
    assert set(metrics) == {"cider_d", "cider", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l"}
    for own, original in NAMES.items():
        assert metrics[own]["value"] == pytest.approx(100 * expected["corpus"][original], abs=1e-6)
        assert metrics[own]["n"] == expected["n_images"]


@pytest.fixture
def stores(tmp_path):
    """References of two images, once a row an image, once a row a caption; and predictions by id and by group."""

    def write(name, rows):
        pairs = [Pair(id=imported_id(name, str(i)), generator="x", **row) for i, row in enumerate(rows)]
        return PairStore.write(tmp_path / name, pairs, settings={"name": name}).folder

    captions = {"a": ("a red dog runs", "the dog"), "b": ("a blue cat sits", "one cat")}
    return {
        "gathered": write("gathered", [{"caption": c[0], "references": c, "group": g} for g, c in captions.items()]),
        "single": write("single", [{"caption": text, "group": g} for g, c in captions.items() for text in c]),
        "predicted": write("predicted", [{"caption": c[0], "group": g} for g, c in captions.items()]),
        "doubled": write("doubled", [{"caption": text, "group": g} for g, c in captions.items() for text in c]),
    }


def test_stores_are_matched_by_group_or_id(pairsmith, stores, tmp_path):
    outs = [tmp_path / "by-group.json", tmp_path / "by-id.json"]
    by_id = tmp_path / "by-id"
    rows = [
        Pair(id=pair.id, caption=pair.references[0], generator="x")
        for pair in PairStore(stores["gathered"]).iter_pairs()
    ]
    PairStore.write(by_id, rows, settings={"name": "by id"})
    assert pairsmith(
        "evaluate", "captions", "--references", stores["single"], "--results", stores["predicted"], "--out", outs[0]
    ).exit_code == 0  # fmt: skip
    assert pairsmith(
        "evaluate", "captions", "--references", stores["gathered"], "--results", by_id, "--out", outs[1]
    ).exit_code == 0  # fmt: skip
    first, second = (json.loads(out.read_text()) for out in outs)
    assert first == second
    assert first["bleu_1"]["value"] == pytest.approx(100, abs=1e-3)


def test_two_predictions_for_an_image_are_refused(pairsmith, stores):
    arguments = ("evaluate", "captions", "--references", stores["single"], "--results", stores["doubled"])
    assert "two predictions for image 'a'" in only_sentence(pairsmith(*arguments))


def test_missing_predictions_are_refused(pairsmith, shared):
    folder = shared / "goldens" / "coco_val2017"
    arguments = ("--references", folder / "captions_val2017.json", "--results", folder / "fakecap_overlap_results.json")
    assert "4874 of 5000 images have no prediction" in only_sentence(pairsmith("evaluate", "captions", *arguments))


@pytest.mark.parametrize("mode", ["official-2021", "always"])
def test_vqa_agrees_with_the_goldens(pairsmith, shared, tmp_path, mode):
    folder = shared / "goldens" / "vqa"
    expected = {"official-2021": 65.34, "always": 87.40}[mode]
    result = pairsmith(
        "evaluate", "vqa", "--questions", folder / "textvqa_val_questions_vqa_format.json",
        "--annotations", folder / "textvqa_val_annotations_vqa_format.json",
        "--results", folder / "textvqa_second_annotator_title_period_results.json", "--mode", mode, "--out", tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0
    accuracy = json.loads((tmp_path / "metrics.json").read_text())["accuracy"]
    assert accuracy["value"] == pytest.approx(expected, abs=0.006)
    assert (tmp_path / "settings.yaml").is_file()
    assert (tmp_path / "environment.json").is_file()


def test_fid_agrees_with_the_goldens(pairsmith, shared, tmp_path):
    folder = shared / "goldens" / "frechet_cmmd"
    with np.load(folder / "small.npz") as arrays:
        sets = [arrays[name] for name in sorted(arrays.files)]
    for name, features in zip(("a", "b"), sets, strict=True):
        np.savez(tmp_path / f"{name}.npz", features=features)
    out = tmp_path / "m.json"
    assert pairsmith(
        "evaluate", "fid", "--real", tmp_path / "a.npz", "--generated", tmp_path / "b.npz", "--out", out
    ).exit_code == 0  # fmt: skip
    metrics = json.loads(out.read_text())
    expected = json.loads((folder / "expected.json").read_text())["small"]
    assert metrics["fid"]["value"] == pytest.approx(expected["frechet_torch_fidelity_eigvals"], rel=1e-6)
    assert metrics["cmmd"]["value"] == pytest.approx(expected["cmmd_on_l2_normalised_float64"], abs=1e-4)


def test_features_need_their_key_and_pictures_a_network(pairsmith, tmp_path):
    np.savez(tmp_path / "a.npz", feature=np.zeros((3, 2)))
    sentence = only_sentence(
        pairsmith("evaluate", "fid", "--real", tmp_path / "a.npz", "--generated", tmp_path / "a.npz")
    )
    assert "no array 'features', but feature" in sentence
    folder = tmp_path / "pictures"
    folder.mkdir()
    sentence = only_sentence(pairsmith("evaluate", "fid", "--real", folder, "--generated", folder))
    assert "--tokenizer" in sentence
    (tmp_path / "bad.npz").write_bytes(b"PK nonsense")
    sentence = only_sentence(pairsmith("evaluate", "fid", "--real", tmp_path / "bad.npz", "--generated", folder))
    assert "bad.npz" in sentence


def test_headlines_name_what_was_measured(tmp_path):
    from pairsmith.cli.headlines import headlines
    from pairsmith.evaluation import Metric, read_metrics

    metrics = {
        "synth2.baseline.cider": Metric(40.0, 10, 38.0, 42.0),
        "synth2.synthetic.cider": Metric(50.0, 10, 48.0, 52.0),
        "synth2.gain.relative": Metric(25.0, 10),
        "synth2.speed.embedding_over_pixel": Metric(1.25, 1, 1.2, 1.3),
    }
    write_metrics(tmp_path, metrics)
    lines = headlines(read_metrics(tmp_path))
    assert lines == [
        "CIDEr  40.0 (95 % interval 38.0 to 42.0)  Baseline, real pairs alone",
        "CIDEr  50.0 (95 % interval 48.0 to 52.0)  Synth², real and synthetic pairs",
        "Gain of synthetic pairs over Baseline: +25.0 %",
        "Training from embeddings is 1.25 (1.20 to 1.30) times as fast as through pixels",
    ]
    assert headlines({}) == []
