"""Pictures inside a page: small copies as data URIs, and test pictures beside what the models make of them.

Photographs become JPEG of at most 160 pixels a side, drawn pictures PNG, whose few colours JPEG would smear.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pairsmith.errors import InputError
from pairsmith.pairs import Pair, PairStore
from pairsmith.pairs.images import decode_image, encode_image, load_pixels
from pairsmith.tokenizer.model import VQTokenizer

Format = Literal["png", "jpeg"]
MAX_SIDE = 160
_QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """An image of the page: its source, what it shows for those who do not see it, and its size in pixels."""

    source: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class Column:
    """A test picture, the tokenizer's copy of it, and the generator's picture of its caption; None: not there."""

    caption: str
    axis: str
    real: Picture | None
    copy: Picture | None
    drawn: Picture | None


def thumbnail(data: bytes | None, alt: str, format: Format) -> Picture | None:
    """A small copy of a whole encoded picture; None where there is no readable one."""
    try:
        return _embed(decode_image(data or b""), alt, format)
    except InputError:
        return None


def from_pixels(pixels: Tensor | np.ndarray, alt: str, format: Format) -> Picture:
    """A picture of float [3, H, W] in [0, 1]."""
    array = np.nan_to_num(np.asarray(pixels, np.float32)).clip(0, 1).transpose(1, 2, 0)  # [H, W, 3]
    return _embed(Image.fromarray((array * 255 + 0.5).astype(np.uint8)), alt, format)


def choose_rows(store: PairStore, ids: Sequence[str], number: int) -> list[str]:
    """The first `number` of the ids that are in the store, the axes in equal parts where there are several."""
    columns = store.table(["id", "axis"]).to_pydict()
    axes = dict(zip(columns["id"], columns["axis"], strict=True))
    known = [name for name in ids if name in axes]
    groups: dict[str, list[str]] = {}
    for name in known:
        groups.setdefault(axes[name] or "", []).append(name)
    share = -(-number // max(1, len(groups)))
    return [name for group in sorted(groups, reverse=True) for name in groups[group][:share]][:number]


def compare(
    test: PairStore,
    generated: Mapping[str, Any] | None,
    tokenizer: VQTokenizer | None,
    format: Format,
    number: int = 8,
) -> list[Column]:
    """Columns for the picture comparison (paper Figure 6).

    Args:
        test: rows with images, tokens and captions.
        generated: "test_ids", "captions" and "tokens" of what the generator drew; None: it drew nothing.
        tokenizer: decodes; None: real pictures alone.
        format: of the embedded pictures.
        number: columns at most.
    """
    made = generated or {}
    ids = [str(name) for name in made.get("test_ids") or test.ids()]
    rows = choose_rows(test, ids, number)
    captions = dict(zip(ids, made.get("captions") or [], strict=False))
    tokens = dict(zip(ids, made.get("tokens") or [], strict=False))
    columns = []
    for name, position in zip(rows, test.positions(rows), strict=True):
        pair = test.pair(int(position))
        caption = str(captions.get(name) or (pair.references[0] if pair.references else pair.caption))
        copied = _decode(tokenizer, pair.tokens)
        drawn = _decode(tokenizer, tokens.get(name))
        columns.append(
            Column(
                caption=caption,
                axis=pair.axis or "",
                real=_square(pair, f"Test picture: {caption}", format),
                copy=None if copied is None else from_pixels(copied, "The same picture through the tokenizer", format),
                drawn=None if drawn is None else from_pixels(drawn, f"The generator's picture of: {caption}", format),
            )
        )
    return columns


def _square(pair: Pair, alt: str, format: Format) -> Picture | None:
    """The centred square that the tokenizer sees."""
    try:
        return from_pixels(load_pixels(pair.image or b"", MAX_SIDE if format == "jpeg" else 64), alt, format)
    except InputError:
        return None


def _decode(tokenizer: VQTokenizer | None, tokens: Any) -> Tensor | None:
    """Tokens [N] -> pixels [3, H, W] in [0, 1]; None where either is missing or they do not fit."""
    if tokenizer is None or tokens is None or len(tokens) == 0:
        return None
    try:
        return tokenizer.decode(torch.from_numpy(np.asarray(tokens, np.int64))[None])[0]
    except InputError:
        return None


def _embed(image: Image.Image, alt: str, format: Format) -> Picture:
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    encoded = base64.b64encode(encode_image(image, format, _QUALITY)).decode("ascii")
    return Picture(f"data:image/{format};base64,{encoded}", alt, image.width, image.height)
