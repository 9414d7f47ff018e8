"""Pictures: small, without metadata, and the models' own."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pairsmith.pairs import PairStore
from pairsmith.report.pictures import Picture, choose_rows, compare, from_pixels, thumbnail
from pairsmith.tokenizer import VQTokenizer


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture.source.partition(",")[2])))


def photo(size: tuple[int, int]) -> bytes:
    image = Image.effect_noise(size, 80).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = "at home"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif, comment=b"secret place")
    return buffer.getvalue()


@pytest.mark.parametrize("size", [(1600, 900), (900, 1600), (40, 30)])
def test_thumbnails_are_small_whole_and_without_metadata(size: tuple[int, int]) -> None:
    picture = thumbnail(photo(size), "a photo", "jpeg")
    assert picture is not None
    image = opened(picture)
    assert image.format == "JPEG"
    assert (picture.width, picture.height) == image.size
    assert max(image.size) == min(160, max(size))
    assert image.size[0] / image.size[1] == pytest.approx(size[0] / size[1], rel=0.02)
    assert not dict(image.getexif())
    assert "comment" not in image.info


@pytest.mark.parametrize("data", [None, b"", b"not a picture", photo((50, 50))[:300]])
def test_unreadable_pictures_are_none(data: bytes | None) -> None:
    assert thumbnail(data, "nothing", "jpeg") is None


def test_pixels_survive_as_png() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype(np.float32) / 255
    found = np.asarray(opened(from_pixels(pixels, "noise", "png")))
    assert np.array_equal(found, np.rint(pixels.transpose(1, 2, 0) * 255).astype(np.uint8))


def test_pixels_that_are_no_numbers_are_black() -> None:
    found = np.asarray(opened(from_pixels(np.full((3, 4, 4), np.nan, np.float32), "nothing", "png")))
    assert not found.any()


def test_axes_come_in_equal_parts(scene_run: Path) -> None:
    test = PairStore(scene_run / "tokens" / "test")
    ids = test.ids()
    chosen = choose_rows(test, ["unknown", *ids], 8)
    axes = [test.pair(int(position)).axis for position in test.positions(chosen)]
    assert axes == ["seen"] * 4 + ["held-out"] * 4
    assert choose_rows(test, ids[:1], 8) == ids[:1]


def test_columns_hold_what_the_models_make(scene_run: Path) -> None:
    test = PairStore(scene_run / "tokens" / "test")
    tokenizer = VQTokenizer.from_pretrained(scene_run / "models" / "tokenizer")
    generated = json.loads((scene_run / "evaluation" / "generator.json").read_text())
    columns = compare(test, generated, tokenizer, "png")
    assert len(columns) == 8
    row = test.ids().index(choose_rows(test, test.ids(), 8)[5])
    pair, column = test.pair(row), columns[5]
    assert column.caption == generated["captions"][row]
    assert column.real is not None
    assert column.copy is not None
    assert column.drawn is not None
    assert np.array_equal(np.asarray(opened(column.real)), np.asarray(Image.open(io.BytesIO(pair.image or b""))))
    for picture, tokens in ((column.copy, pair.tokens), (column.drawn, generated["tokens"][row])):
        wanted = tokenizer.decode(torch.tensor(np.asarray(tokens, np.int64))[None])[0]
        found = np.asarray(opened(picture), np.float32) / 255
        assert np.abs(found.transpose(2, 0, 1) - wanted.numpy()).max() <= 0.51 / 255


def test_without_models_there_are_real_pictures_alone(scene_run: Path) -> None:
    test = PairStore(scene_run / "tokens" / "test")
    for column in compare(test, None, None, "png", 4):
        assert column.real is not None
        assert column.copy is column.drawn is None
        assert column.caption
