from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pairsmith.errors import InputError
from pairsmith.pairs.images import decode_image, encode_image, load_pixels
from tests.pairs.rows import picture


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def huge_png(side: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"no pixels") + chunk(b"IEND", b"")


def test_png_and_lossless_webp_keep_every_pixel() -> None:
    image = picture(1, (17, 9))
    for data in (encode_image(image), encode_image(image, "webp", 100)):
        assert np.array_equal(np.asarray(decode_image(data)), np.asarray(image))


def test_jpeg_keeps_smooth_pictures_nearly() -> None:
    ramp = np.linspace(0, 255, 32, dtype=np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (32, 1))] * 3, -1))
    again = np.asarray(decode_image(encode_image(image, "jpeg", 95)), int)
    assert np.abs(again - np.asarray(image, int)).max() < 8


@pytest.mark.parametrize("side", [30_000, 12_000, 8_001])
def test_too_many_pixels_are_refused_from_the_header(side: int) -> None:
    # The pixel data are rubbish: an error about them would show that they had been decoded.
    with pytest.raises(InputError, match=r"too large|more than the 64000000 allowed"):
        decode_image(huge_png(side))


def test_the_pixel_limit_is_exact() -> None:
    data = encode_image(picture(1, (10, 10)))
    assert decode_image(data, max_pixels=100).size == (10, 10)
    with pytest.raises(InputError, match="10 x 10 pixels, more than the 99"):
        decode_image(data, max_pixels=99)


@pytest.mark.parametrize("data", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"not an image|damaged"):
        decode_image(data)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_truncated_file_is_refused(format: str) -> None:
    data = encode_image(picture(3, (64, 64)), format)
    for cut in (len(data) // 4, len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(InputError):
            decode_image(data[:cut])


@pytest.mark.filterwarnings("ignore::UserWarning")  # the TIFF reader warns of damage before it gives up
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]), st.floats(0, 1), st.integers(0, 255))
def test_damaged_files_give_an_image_or_an_input_error(format: str, where: float, value: int) -> None:
    data = bytearray(saved(picture(4, (16, 16)), format))
    data[int(where * (len(data) - 1))] = value
    with contextlib.suppress(InputError):
        assert decode_image(bytes(data)).mode == "RGB"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.floats(0, 0.9999))
def test_a_prefix_never_gives_another_picture(format: str, part: float) -> None:
    data = saved(picture(5, (16, 16)), format)
    whole = np.asarray(decode_image(data))
    with contextlib.suppress(InputError):
        assert np.array_equal(np.asarray(decode_image(data[: int(part * len(data))])), whole)


def test_exif_orientation_is_applied_once() -> None:
    upright = picture(6, (12, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    data = saved(upright.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    image = decode_image(data)
    assert image.size == (12, 8)
    assert np.array_equal(np.asarray(image), np.asarray(upright))
    assert np.array_equal(np.asarray(decode_image(encode_image(image))), np.asarray(upright))


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    clear.putpixel((1, 0), (255, 0, 0, 255))
    assert [decode_image(saved(clear, "PNG")).getpixel((at, 0)) for at in (0, 1)] == [(255, 255, 255), (255, 0, 0)]
    grey = Image.new("LA", (1, 1), (0, 0))
    assert decode_image(saved(grey, "PNG")).getpixel((0, 0)) == (255, 255, 255)


def test_a_palette_with_a_transparent_colour_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 255, 0, 255, 0])
    image.putpixel((1, 0), 1)
    data = saved(image, "PNG", transparency=0)
    assert [decode_image(data).getpixel((at, 0)) for at in (0, 1)] == [(255, 255, 255), (0, 255, 0)]


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    grey = Image.fromarray(np.array([[0, 128, 257 * 200, 65535]], np.uint16))
    pixels = np.asarray(decode_image(saved(grey, "PNG")))[0, :, 0]
    assert pixels.tolist() == [0, 0, 200, 255]


@pytest.mark.parametrize(
    ("mode", "format"), [("1", "PNG"), ("L", "PNG"), ("P", "GIF"), ("CMYK", "JPEG"), ("YCbCr", "JPEG")]
)
def test_other_modes_become_rgb(mode: str, format: str) -> None:
    white = Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode)
    assert decode_image(saved(white, format)).getpixel((4, 4)) == (255, 255, 255)


def test_floating_point_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="floating-point"):
        decode_image(saved(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"))


def test_metadata_do_not_travel() -> None:
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_text("comment", "secret")
    image = picture(7)
    data = saved(image, "PNG", pnginfo=note, icc_profile=b"x" * 200)
    assert encode_image(decode_image(data)) == encode_image(image)
    assert encode_image(Image.open(io.BytesIO(data)), "jpeg") == encode_image(image, "jpeg")


def test_encoding_names_what_is_wrong() -> None:
    with pytest.raises(InputError, match="'tiff' is none of"):
        encode_image(picture(1), "tiff")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="quality 0"):
        encode_image(picture(1), "jpeg", 0)


def test_pixels_are_the_centred_square() -> None:
    image = Image.new("RGB", (30, 10), (255, 0, 0))
    image.paste((0, 0, 255), (10, 0, 20, 10))
    pixels = load_pixels(encode_image(image), 10)
    assert pixels.shape == (3, 10, 10)
    assert pixels.dtype == np.float32
    assert np.array_equal(pixels, np.broadcast_to(np.float32([0, 0, 1])[:, None, None], (3, 10, 10)))


def test_reducing_averages() -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    pixels = load_pixels(encode_image(Image.fromarray(board)), 8)
    assert np.abs(pixels - 0.5).max() < 0.02  # without antialiasing it would be 0 or 1


def test_transparency_of_colours_that_the_palette_lacks_is_damage() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 7, 1, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", header), (b"tRNS", bytes(300)), (b"PLTE", bytes(9)), (b"IDAT", zlib.compress(bytes(8)))]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts) + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="PNG data are truncated or damaged"):
        decode_image(data)
