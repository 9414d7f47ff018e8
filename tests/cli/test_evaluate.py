"""Figures of the command line are those of the golden files."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

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


def test_scored_captions_can_be_written_as_coco_results(pairsmith, stores, tmp_path):
    arguments = ("evaluate", "captions", "--references", stores["single"], "--write-results", tmp_path / "r.json")
    assert pairsmith(*arguments, "--results", stores["predicted"]).exit_code == 0
    written = json.loads((tmp_path / "r.json").read_text())
    assert written == [
        {"image_id": "a", "caption": "a red dog runs"},
        {"image_id": "b", "caption": "a blue cat sits"},
    ]
    two = ("--results", f"a={stores['predicted']}", "--results", f"b={stores['predicted']}")
    assert "--write-results is for one model" in only_sentence(pairsmith(*arguments, *two))


def test_two_predictions_for_an_image_are_refused(pairsmith, stores):
    arguments = ("evaluate", "captions", "--references", stores["single"], "--results", stores["doubled"])
    assert "two predictions for image 'a'" in only_sentence(pairsmith(*arguments))


def test_models_side_by_side_with_marked_differences(pairsmith, shared, tmp_path):
    folder = shared / "goldens" / "coco_val2017"
    results = json.loads((folder / "fakecap_overlap_results.json").read_text())
    worse = [{**entry, "caption": "a dog"} for entry in results]
    nearly = [{**entry, "caption": entry["caption"] + ("" if i else " here")} for i, entry in enumerate(results)]
    for name, content in (("worse", worse), ("nearly", nearly)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    result = pairsmith(
        "evaluate", "captions", "--references", folder / "captions_val2017.json", "--allow-partial",
        "--results", f"first={folder / 'fakecap_overlap_results.json'}",
        "--results", tmp_path / "worse.json", "--results", f"near={tmp_path / 'nearly.json'}",
        "--out", tmp_path / "all",
    )  # fmt: skip
    assert result.exit_code == 0
    metrics = json.loads((tmp_path / "all" / "metrics.json").read_text())
    assert metrics["first.cider_d"]["value"] == pytest.approx(62.7722, abs=1e-3)
    difference = metrics["worse.minus_first.cider_d"]
    assert difference["high"] < 0
    near = metrics["near.minus_first.bleu_4"]
    assert near["low"] <= 0 <= near["high"]
    rows = {line.split()[0]: line for line in result.output.splitlines() if line.strip()}
    assert rows["bleu_4"].count("=") == 1  # the near one only
    assert "=: not significantly different from first" in result.output
    items = pq.read_table(tmp_path / "all" / "items.parquet").to_pydict()
    assert set(items["model"]) == {"first", "worse", "near"}
    own = [
        v
        for m, k, v in zip(items["model"], items["metric"], items["value"], strict=True)
        if (m, k) == ("first", "cider_d")
    ]
    assert len(own) == 126
    assert np.mean(own) == pytest.approx(metrics["first.cider_d"]["value"])


def test_meteor_is_the_reference_programs_or_a_reason(pairsmith, shared, tmp_path, monkeypatch):
    folder = shared / "goldens" / "coco_val2017"
    arguments = (
        "evaluate", "captions", "--references", folder / "captions_val2017.json", "--allow-partial",
        "--meteor", "--spice", "--results", folder / "fakecap_overlap_results.json", "--out", tmp_path / "m.json",
    )  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))
    result = pairsmith(*arguments)
    assert result.exit_code == 0
    assert "METEOR is left out: METEOR needs Java" in result.stderr
    assert "SPICE is left out: SPICE needs Java" in result.stderr
    assert not {"meteor", "spice"} & set(json.loads((tmp_path / "m.json").read_text()))


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


def test_vqa_normalises_always_by_default_and_tells_answer_types(pairsmith, shared, tmp_path):
    folder = shared / "goldens" / "vqa"
    result = pairsmith(
        "evaluate", "vqa", "--questions", folder / "textvqa_val_questions_vqa_format.json",
        "--annotations", folder / "textvqa_val_annotations_vqa_format.json",
        "--results", folder / "textvqa_majority_results.json", "--out", tmp_path / "m.json",
    )  # fmt: skip
    assert result.exit_code == 0
    metrics = json.loads((tmp_path / "m.json").read_text())
    assert metrics["accuracy"]["value"] == pytest.approx(98.45, abs=0.006)
    kinds = [key for key in metrics if key.startswith("accuracy.")]
    assert sum(metrics[key]["n"] for key in kinds) == metrics["accuracy"]["n"] == 5000
    assert "protocol always" in result.output
    settings = yaml.safe_load((tmp_path / "m.settings.yaml").read_text())
    assert settings["mode"] == "always"
    assert len(settings["annotations"]["sha256"]) == 64
    assert (tmp_path / "m.environment.json").is_file()


def test_a_submission_is_complete_or_refused(pairsmith, shared, tmp_path):
    folder = shared / "goldens" / "vqa"
    arguments = ("evaluate", "vqa-submission", "--questions", folder / "textvqa_val_questions_vqa_format.json")
    out = tmp_path / "submission.json"
    result = pairsmith(*arguments, "--results", folder / "textvqa_majority_results.json", "--out", out)
    assert result.exit_code == 0
    assert "5,000 answers" in result.output
    assert len(json.loads(out.read_text())) == 5000
    (tmp_path / "few.json").write_text(json.dumps(json.loads(out.read_text())[:10]))
    sentence = only_sentence(pairsmith(*arguments, "--results", tmp_path / "few.json", "--out", tmp_path / "none.json"))
    assert "4990 of 5000 questions have no answer" in sentence
    assert not (tmp_path / "none.json").exists()


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
    assert set(metrics) == {"fid", "cmmd", "kid", "kid_std", "precision", "recall"}
    assert metrics["fid"]["n"] == min(len(features) for features in sets)
    assert metrics["precision"]["low"] <= metrics["precision"]["value"] <= metrics["precision"]["high"]


def test_features_need_their_key_and_pictures_a_network(pairsmith, tmp_path):
    np.savez(tmp_path / "a.npz", feature=np.zeros((3, 2)))
    sentence = only_sentence(
        pairsmith("evaluate", "fid", "--real", tmp_path / "a.npz", "--generated", tmp_path / "a.npz")
    )
    assert "no array 'features', but feature" in sentence
    folder = tmp_path / "pictures"
    folder.mkdir()
    sentence = only_sentence(pairsmith("evaluate", "fid", "--real", folder, "--generated", folder))
    assert "holds no images" in sentence
    Image.new("RGB", (4, 4)).save(folder / "a.png")
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
