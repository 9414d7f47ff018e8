"""Files that users bring: real ones, formats, and errors that name entry and key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pairsmith.errors import InputError
from pairsmith.evaluation.files import (
    detect_kind,
    load_caption_results,
    load_image_names,
    load_references,
    load_vqa_annotations,
    load_vqa_questions,
    load_vqa_results,
    read_json,
    write_caption_results,
)


def _write(folder: Path, content: Any) -> Path:
    path = folder / "file.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("coco_val2017/captions_val2017.json", "caption-annotations"),
        ("coco_val2017/shifted_results.json", "caption-results"),
        ("formats/karpathy_coco_head.json", "karpathy"),
        ("formats/karpathy_flickr_head.json", "karpathy"),
        ("vqa/textvqa_val_questions_vqa_format.json", "vqa-questions"),
        ("vqa/textvqa_val_annotations_vqa_format.json", "vqa-annotations"),
        ("vqa/OpenEnded_mscoco_train2014_fake_results.json", "vqa-results"),
    ],
)
def test_real_files_are_recognised_by_their_keys(shared: Path, name: str, kind: str) -> None:
    path = shared / "goldens" / name
    assert detect_kind(read_json(path), path) == kind


def test_real_captions_and_results_load(shared: Path) -> None:
    folder = shared / "goldens" / "coco_val2017"
    references = load_references(folder / "captions_val2017.json")
    assert (len(references), sum(map(len, references.values()))) == (5000, 25014)
    assert load_caption_results(folder / "shifted_results.json").keys() == references.keys()


def test_karpathy_files_give_raw_sentences_by_image_id(shared: Path) -> None:
    folder = shared / "goldens" / "formats"
    coco = load_references(folder / "karpathy_coco_head.json", "test")
    assert list(coco) == [391895]
    assert coco[391895][1] == "Man riding a motor bike on a dirt road on the countryside."
    flickr = load_references(folder / "karpathy_flickr_head.json", "train")
    assert list(flickr) == ["2513260012_03d33305cf"]
    with pytest.raises(InputError, match="has no images of split 'val'; its splits are test"):
        load_references(folder / "karpathy_coco_head.json", "val")
    with pytest.raises(InputError, match="say which split"):
        load_references(folder / "karpathy_coco_head.json")


def test_real_vqa_files_load(shared: Path) -> None:
    folder = shared / "goldens" / "vqa"
    questions = load_vqa_questions(folder / "textvqa_val_questions_vqa_format.json")
    annotations = load_vqa_annotations(folder / "textvqa_val_annotations_vqa_format.json")
    results = load_vqa_results(folder / "textvqa_majority_results.json")
    assert len(questions) == len(annotations) == len(results) == 5000
    assert questions[34602].question == "what is the brand of this camera?"
    assert questions[34602].image_id == "003a8ae2ef43b901"


def test_results_come_back_as_written(tmp_path: Path) -> None:
    captions = {1: "a café", 2: ""}
    write_caption_results(tmp_path / "r.json", captions)
    assert load_caption_results(tmp_path / "r.json") == captions


IMAGE = {"filename": "7.jpg", "split": "test", "sentences": [{"raw": "a"}]}


@pytest.mark.parametrize(
    ("load", "content", "message"),
    [
        (
            load_caption_results,
            [{"image_id": 1, "caption": "a"}, {"image_id": 1, "caption": "b"}],
            "entry 1: image_id 1 occ",
        ),
        (load_caption_results, [{"image_id": 1, "caption": "a"}, {"image_id": 2}], "entry 1 has no 'caption'"),
        (load_caption_results, [{"image_id": 1, "caption": 5}], "entry 0: 'caption' must be text"),
        (load_caption_results, [{"image_id": [1], "caption": "a"}], "entry 0: 'image_id' must be a number or text"),
        (load_caption_results, [{"image_id": 1, "caption": "a"}, "b"], "entry 1 must be an object"),
        (load_caption_results, [{"question_id": 1, "answer": "a"}], "holds VQA results .* but caption results"),
        (load_vqa_results, [{"question_id": 1, "answer": "a"}] * 2, "entry 1: question_id 1 occurs twice"),
        (load_vqa_results, [{}], "none of the known files"),
        (
            load_references,
            {"annotations": [{"image_id": 1, "caption": "a"}, {"caption": "b"}]},
            r"annotations\[1\] has no 'im",
        ),
        (load_references, {"annotations": [{"id": 3, "image_id": 1, "caption": "a"}] * 2}, "caption id 3 occurs twice"),
        (
            lambda path: load_references(path, "test"),
            {"annotations": [{"image_id": 1, "caption": "a"}]},
            "have no splits",
        ),
        (lambda path: load_references(path, "test"), {"images": [IMAGE, IMAGE]}, r"images\[1\]: image 7 occurs twice"),
        (
            lambda path: load_references(path, "test"),
            {"images": [{**IMAGE, "sentences": [{"raw": "a"}, {"tokens": []}]}]},
            r"images\[0\].sentences\[1\] has no 'raw'",
        ),
        (load_vqa_questions, {"questions": [{"question": "a", "question_id": 1}]}, r"questions\[0\] has no 'image_id'"),
        (
            load_vqa_questions,
            {"questions": [{"question": "a", "question_id": 1, "image_id": 2}] * 2},
            r"questions\[1\]: question_id 1 occurs twice",
        ),
        (load_vqa_annotations, {"annotations": [{"question_id": 1, "answers": []}]}, r"annotations\[0\]: \"answers\""),
        (
            load_vqa_annotations,
            {"annotations": [{"question_id": 1, "answers": [{"answer": "a"}, {}]}]},
            r"annotations\[0\]: answers\[1\] has no 'answer'",
        ),
        (
            load_vqa_annotations,
            {"annotations": [{"question_id": 1, "answers": [{"answer": "a"}]}] * 2},
            "1 occurs twice",
        ),
    ],
)
def test_errors_name_file_entry_and_key(
    tmp_path: Path, load: Callable[[Path], object], content: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(_write(tmp_path, content))
    assert "file.json" in str(caught.value)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.json: cannot be read"):
        load_caption_results(tmp_path / "nowhere.json")
    for text in ("[{", "[" * 200_000, "9" * 6000):
        (tmp_path / "broken.json").write_text(text)
        with pytest.raises(InputError, match=r"broken.json: is not valid JSON"):
            load_caption_results(tmp_path / "broken.json")


@pytest.mark.parametrize("value", [{}, [], None, True])
def test_ids_that_are_no_ids_are_named(tmp_path: Path, value: Any) -> None:
    captions = {"annotations": [{"id": value, "image_id": 1, "caption": "a"}]}
    with pytest.raises(InputError, match=r"annotations\[0\]: 'id' must be a number or text"):
        load_references(_write(tmp_path, captions))
    image = {"split": "val", "filename": "a.jpg", "cocoid": value, "sentences": [{"raw": "a"}]}
    with pytest.raises(InputError, match=r"images\[0\]: 'cocoid' must be a number or text"):
        load_references(_write(tmp_path, {"images": [image]}), "val")


def test_an_empty_file_of_predictions_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("[]")
    for load in (load_caption_results, load_vqa_results):
        with pytest.raises(InputError, match=r"r.json: holds an empty list, so there is nothing to score"):
            load(tmp_path / "r.json")


def test_file_names_of_images_by_id(shared: Path) -> None:
    folder = shared / "goldens"
    names = load_image_names(folder / "coco_val2017" / "captions_val2017.json")
    assert len(names) == 5000
    assert names[179765] == "000000179765.jpg"
    assert load_image_names(folder / "formats" / "karpathy_coco_head.json", "test") == {
        391895: "COCO_val2014_000000391895.jpg"
    }
