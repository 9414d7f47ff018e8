"""What is fed with wrong inputs: every reader of files that come from outside, with right files to start from.

A reader may take an input or refuse it with an `InputError`; whatever else it raises is a fault.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from pairsmith.errors import InputError
from pairsmith.pairs import decode_image, encode_image, load_pixels
from tests.fuzz.hostile_pictures import mutate_picture
from tests.fuzz.mutations import Random, mutate_bytes, mutate_json, random_bytes
from tests.fuzz.odd_tables import odd_table
from tests.fuzz.sources import (
    COCO,
    KARPATHY,
    LLAVA,
    PARQUETS,
    feed_annotations,
    feed_folder,
    feed_llava,
    feed_parquet,
    feed_tar,
    make_tar,
)
from tests.fuzz.stores import feed_manifest, feed_shard, feed_sidecar, make_manifest, make_shard, make_sidecar
from tests.fuzz.target import Make, Target, picture


def _often(part: float, one: Make, other: Make) -> Make:
    return lambda draw: one(draw) if draw.random() < part else other(draw)


# === Pictures ===

SEEDS = [picture(1, format, 12) for format in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")]
SEEDS += [encode_image(Image.new("RGB", (40, 30)), "png")]


def _make_picture(draw: Random) -> bytes:
    return mutate_picture(draw.choice(SEEDS), draw)


def _feed_picture(data: bytes, folder: Path, draw: Random) -> int:
    image = decode_image(data)
    if image.mode != "RGB":
        raise AssertionError(f"the decoded picture is {image.mode}")
    if image.width * image.height < 10**6:
        encode_image(image)
    load_pixels(data, 16)
    return 1


# === Results ===

RESULTS = [
    {
        "annotations": [{"image_id": n, "id": n, "caption": "a cat"} for n in range(3)],
        "images": [{"id": 0, "file_name": "x"}],
    },
    [{"image_id": n, "caption": "a cat"} for n in range(3)],
    {"questions": [{"question_id": n, "image_id": n, "question": "why?"} for n in range(3)]},
    {"annotations": [{"question_id": n, "image_id": n, "answers": [{"answer": "yes"}] * 10} for n in range(3)]},
    [{"question_id": n, "answer": "yes"} for n in range(3)],
    KARPATHY,
]


def _feed_results(data: bytes, folder: Path, draw: Random) -> int:
    from pairsmith.evaluation import files

    (folder / "x.json").write_bytes(data)
    read = 0
    for load in RESULT_READERS:
        try:
            read += len(getattr(files, load)(folder / "x.json"))
        except InputError:
            continue
    return read


RESULT_READERS = (
    "load_references",
    "load_image_names",
    "load_caption_results",
    "load_vqa_results",
    "load_vqa_questions",
    "load_vqa_annotations",
)


TARGETS: dict[str, Target] = {
    "manifest": Target(make_manifest, feed_manifest),
    "shard": Target(_often(0.8, make_shard, odd_table), feed_shard),
    "sidecar": Target(_often(0.7, make_sidecar, odd_table), feed_sidecar),
    "parquet": Target(_often(0.7, lambda draw: mutate_bytes(draw.choice(PARQUETS), draw), odd_table), feed_parquet),
    "tar": Target(_often(0.95, make_tar, random_bytes), feed_tar),
    "coco": Target(lambda draw: mutate_json(COCO, draw), feed_annotations("coco")),
    "karpathy": Target(lambda draw: mutate_json(KARPATHY, draw), feed_annotations("karpathy")),
    "llava": Target(lambda draw: mutate_json(LLAVA, draw), feed_llava),
    "results": Target(lambda draw: mutate_json(draw.choice(RESULTS), draw), _feed_results),
    "picture": Target(_often(0.95, _make_picture, random_bytes), _feed_picture),
    "folder": Target(_often(0.8, _make_picture, random_bytes), feed_folder),
}
