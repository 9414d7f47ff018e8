"""LLaVA's training format: `llava.json`, a list of conversations, and `images/` that its records point into.

Every record has one instruction with one `<image>` marker, first or last as in LLaVA's own files, and the caption as
the answer. Which instruction a record gets is drawn from its id, so it never depends on order or on other rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from pydantic import Field

from pairsmith.pairs.exporters.output import (
    JsonArray,
    Progress,
    export_rows,
    new_folder,
    portable_picture,
)
from pairsmith.pairs.schema import Pair
from pairsmith.pairs.store import PairStore
from pairsmith.seeds import numpy_generator
from pairsmith.settings import Settings

MARKER = "<image>"

PROMPTS = (
    "Describe this picture in one sentence.",
    "What does the picture show, in short?",
    "Write a brief caption for the image.",
    "Say in a few words what can be seen here.",
    "Sum up the content of the image briefly.",
    "Give a short and plain description of the photo.",
)


class LlavaExport(Settings):
    """Options of `export_llava`."""

    prompts: tuple[str, ...] = Field(default=PROMPTS, min_length=1, description="instructions to draw from")
    seed: int = Field(default=0, description="of the draw of instructions")


def export_llava(
    store: PairStore,
    out: Path | str,
    settings: LlavaExport | None = None,
    ids: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the "ok" rows for LLaVA and its relatives; returns the folder. Equal pictures are stored once.

    Args:
        ids: only these rows.
        progress: called with (rows done, rows in all).

    Raises:
        InputError: a row without image, an unknown id, no rows, or `out` is in use.
    """
    settings = settings or LlavaExport()
    with new_folder(out) as folder, JsonArray(folder / "llava.json") as records:
        for pair in export_rows(store, ids, progress):
            records.add(_record(pair, _save_image(folder / "images", pair), settings))
    return Path(out)


def _save_image(folder: Path, pair: Pair) -> str:
    """Store the picture under its digest, in one of 256 subfolders; the name relative to `folder`."""
    picture = portable_picture(pair, "LLaVA")
    digest = hashlib.sha256(picture.data).hexdigest()
    name = f"{digest[:2]}/{digest[:32]}.{picture.extension}"
    path = folder / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.data)
    return name


def _record(pair: Pair, image: str, settings: LlavaExport) -> dict[str, object]:
    draw = numpy_generator(settings.seed, pair.id, "llava-prompt")
    prompt = settings.prompts[draw.integers(len(settings.prompts))].replace(MARKER, "").strip()
    asked = f"{MARKER}\n{prompt}" if draw.integers(2) else f"{prompt}\n{MARKER}"
    answer = pair.caption.replace(MARKER, "").strip()  # a second marker would ask for a second picture
    conversations = [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]
    return {"id": pair.id, "image": image, "conversations": conversations}
