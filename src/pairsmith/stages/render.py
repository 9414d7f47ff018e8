"""Stage: captions to synthetic images, as tokens and, where wanted, as pictures (paper §3.2.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from pairsmith.execution import run_stage
from pairsmith.pairs import Pair, PairStore, pair_id
from pairsmith.pairs.images import encode_image
from pairsmith.settings import canonical_json
from pairsmith.stages.allocation import Allocation
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.synthesis import Synthesizer

Progress = Callable[[int, int, int], None]


def render_captions(
    captions: PairStore,
    synthesizer: Synthesizer,
    tokenizer: VQTokenizer,
    out: Path,
    *,
    images: bool = False,
    repeat: int = 1,
    name: str = "masked",
    allocation: Allocation | None = None,
    shard_rows: int = 1000,
    batch_rows: int = 64,
    progress: Progress | None = None,
) -> PairStore:
    """Draw every "ok" caption with the masked generator.

    Args:
        captions: rows with captions.
        synthesizer: generator, text encoder and how to decode.
        tokenizer: whose codes the generator draws; decodes them where `images`.
        out: folder of the new store. A row's `group` is the caption's id, so that renderings of one caption belong
            together; its tokens depend on caption, generator, settings and seed alone.
        images: whether decoded pictures are stored too (PNG).
        repeat: pictures a caption, each with a seed of its own.
        name: of the generator, in the rows.
        allocation: what this generator is to draw, instead of every caption `repeat` times.
        shard_rows, batch_rows: rows a shard, and captions drawn at a time.
        progress: called with (rows done, all rows, failed rows).

    Raises:
        InputError: the generator was trained with another tokenizer, an allocation of other captions or without this
            generator, and as `run_stage`.
    """
    synthesizer.generator.check_codes(tokenizer)
    described = synthesizer.settings()
    settings_text = canonical_json(described["sampling"])
    items = [(position, turn) for position in range(len(captions)) for turn in range(repeat)]
    inputs = {"captions": captions.fingerprint, "tokenizer": tokenizer.fingerprint()}
    if allocation is not None:
        items = allocation.turns(captions, name)
        inputs["allocation"] = allocation.fingerprint()

    def blank(item: tuple[int, int]) -> Pair:
        position, turn = item
        pair = captions.pair(position)
        key = pair_id(pair.caption, name, described["generator"], settings_text, turn)
        return replace(pair, id=f"{key[:24]}{pair.id[:8]}", group=pair.id, generator=name, settings=settings_text)

    def make_rows(batch: Sequence[tuple[int, int]]) -> list[Pair]:
        blanks = [blank(item) for item in batch]
        tokens = synthesizer.tokens(
            [pair.caption for pair in blanks], [pair.group for pair in blanks], [turn for _, turn in batch]
        )  # [B, N]
        pictures = to_png(tokenizer.decode(tokens)) if images else [None] * len(batch)
        rows = tokens.cpu().numpy().astype(np.uint16)
        return [
            replace(pair, tokens=row, image=picture, seed=synthesizer.seed)
            for pair, row, picture in zip(blanks, rows, pictures, strict=True)
        ]

    return run_stage(
        out,
        items,
        make_rows,
        settings={"stage": "render", "synthesis": described, "images": images, "repeat": repeat, "name": name},
        inputs=inputs,
        shard_rows=shard_rows,
        batch_rows=batch_rows,
        num_tokens=tokenizer.config.num_tokens,
        tokenizer=tokenizer.fingerprint(),
        describe=blank,
        progress=progress,
    )


def to_png(pixels: Tensor) -> list[bytes]:
    """PNG bytes of each picture of float [B, 3, H, W] in [0, 1]."""
    arrays = (pixels.clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy() * 255 + 0.5).astype(np.uint8)
    return [encode_image(Image.fromarray(array)) for array in arrays]
