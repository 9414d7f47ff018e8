"""Stage: pictures to tokens. A store with images in, a store with the same rows and their VQ ids out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pairsmith.errors import InputError
from pairsmith.execution import ALONE, Execution, MakeRows, RowFactory, run_stage
from pairsmith.execution.tally import Progress
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.images import load_pixels
from pairsmith.pairs.schema import table_to_pairs
from pairsmith.tokenizer.model import VQTokenizer


@dataclass(frozen=True)
class TokenizerRecipe:
    """How a tokenizer is opened.

    Attributes:
        source: folder or hub name.
        device: that is to do the work.
    """

    source: str
    device: str = "cpu"

    def open(self) -> VQTokenizer:
        """Load it, in eval mode.

        Raises:
            InputError: it cannot be loaded.
        """
        return VQTokenizer.from_pretrained(self.source).to(self.device).eval()


def tokenize_images(
    store: PairStore,
    tokenizer: VQTokenizer | TokenizerRecipe,
    out: Path,
    *,
    keep_images: bool = False,
    shard_rows: int = 1000,
    batch_rows: int = 64,
    execution: Execution = ALONE,
    progress: Progress | None = None,
) -> PairStore:
    """Give every "ok" row with an image its tokens.

    Args:
        store: rows with images.
        tokenizer: whose ids are wanted, on the device that is to do the work; or how to open it, which several workers
            need.
        out: folder of the new store; its rows keep their ids.
        keep_images: whether the pictures are copied too; tokens alone take 2 bytes each.
        shard_rows, batch_rows: rows a shard, and pictures encoded at a time.
        execution: workers, each with a tokenizer of its own; rank; failures.
        progress: called with (rows done, all rows, failed rows).

    Raises:
        InputError: an open tokenizer for several workers, and as `run_stage`.
    """
    recipe = tokenizer if isinstance(tokenizer, TokenizerRecipe) else None
    if recipe is None and not execution.here:
        raise InputError("every worker opens the tokenizer itself: give a TokenizerRecipe")
    opened = tokenizer.open() if isinstance(tokenizer, TokenizerRecipe) else tokenizer
    num_tokens, identity = opened.config.num_tokens, opened.fingerprint()
    make_rows: MakeRows | RowFactory = partial(_encode, store, opened, keep_images)
    if recipe is not None and not execution.here:
        del opened  # the workers want its memory
        make_rows = RowFactory(partial(_open, store, recipe, keep_images))
    return run_stage(
        out,
        len(store),
        make_rows,
        settings={"stage": "tokenize", "keep_images": keep_images},
        inputs={"pairs": store.fingerprint, "tokenizer": identity},
        shard_rows=shard_rows,
        batch_rows=batch_rows,
        num_tokens=num_tokens,
        tokenizer=identity,
        execution=execution,
        describe=store.pair,
        progress=progress,
    )


def _open(store: PairStore, recipe: TokenizerRecipe, keep_images: bool) -> MakeRows:
    """In a worker."""
    return partial(_encode, store, recipe.open(), keep_images)


def _encode(store: PairStore, tokenizer: VQTokenizer, keep_images: bool, positions: Sequence[int]) -> list[Pair]:
    """The rows of a batch of positions."""
    pairs = table_to_pairs(store.take(positions))
    pixels = np.stack([load_pixels(_picture(pair), tokenizer.config.image_size) for pair in pairs])
    on_device = torch.from_numpy(pixels).to(tokenizer.codebook.device)
    tokens = tokenizer.encode(on_device).cpu().numpy().astype(np.uint16)  # [B, N]
    return [
        replace(pair, tokens=row) if keep_images else replace(pair, tokens=row, image=None, image_path=None)
        for pair, row in zip(pairs, tokens, strict=True)
    ]


def _picture(pair: Pair) -> bytes:
    if pair.image is None:
        raise InputError("the row has no picture")
    return pair.image
