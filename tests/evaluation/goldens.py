"""Loading of the golden files that several test modules of this room share; read once, so not to be changed."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

RESULT_SETS = ("fakecap_overlap", "shifted", "constant_a_a_a")


@functools.cache
def read_lines(path: Path) -> list[Any]:
    """One JSON value a line."""
    with path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


@functools.cache
def coco_tokens(shared: Path, name: str) -> tuple[list[str], list[list[str]], dict[str, Any]]:
    """Candidates and references of a result set as the original's tokens, and its expected scores."""
    folder = shared / "goldens" / "ptb_tokens"
    files = ("coco_val2017.jsonl", "fakecap_constant_clipscore.jsonl")
    tokens = {line["in"]: line["out"] for file in files for line in read_lines(folder / file)}
    references, results, expected = coco_raw(shared, name)
    ids = expected["image_ids"]
    return (
        [tokens[results[image]] for image in ids],
        [[tokens[caption] for caption in references[image]] for image in ids],
        expected,
    )


@functools.cache
def coco_raw(shared: Path, name: str) -> tuple[dict[int, list[str]], dict[int, str], dict[str, Any]]:
    """References and results of a result set as raw captions by image id, and its expected scores."""
    folder = shared / "goldens" / "coco_val2017"
    expected = json.loads((folder / f"{name}_expected.json").read_text())
    references: dict[int, list[str]] = {image: [] for image in expected["image_ids"]}
    for annotation in json.loads((folder / "captions_val2017.json").read_text())["annotations"]:
        if annotation["image_id"] in references:
            references[annotation["image_id"]].append(annotation["caption"])
    results = {
        entry["image_id"]: entry["caption"] for entry in json.loads((folder / f"{name}_results.json").read_text())
    }
    return references, results, expected
