"""Pictures as bytes, as RGB images and as pixel arrays; what comes from outside is distrusted here and only here."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from pairsmith.errors import InputError

MAX_PIXELS = 64_000_000

# Formats that decode without outside programs; a file in any other format is "not an image" to Pairsmith.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
# What Pillow's decoders raise on broken data.
_BROKEN = (OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, EOFError, struct.error, zlib.error)
_WHITE = (255, 255, 255, 255)


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The first frame of an encoded picture as RGB: upright (EXIF), transparency laid on white, 16 bits scaled to 8.

    Args:
        data: PNG, JPEG, WebP, GIF, BMP, TIFF or PPM bytes.
        max_pixels: largest width * height; checked in the header, before anything is decoded. Pillow's own limit
            (`PIL.Image.MAX_IMAGE_PIXELS`, twice over) holds besides.

    Raises:
        InputError: not an image, too many pixels, truncated or damaged, or floating-point pixels (unknown scale).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
        except Image.UnidentifiedImageError as error:
            raise InputError(
                f"{len(data)} bytes are not an image in one of the formats {', '.join(_FORMATS)}"
            ) from error
        except Image.DecompressionBombError as error:
            raise InputError(f"the image is too large to decode ({error})") from error
        except _BROKEN as error:
            raise InputError(f"the image's header is damaged ({error})") from error
    width, height = image.size
    if width * height > max_pixels:
        raise InputError(f"the image has {width} x {height} pixels, more than the {max_pixels} allowed")
    kind = image.format or "image"
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
        rgb = _to_rgb(image)
    except InputError:
        raise
    except _BROKEN as error:
        raise InputError(f"the {kind} data are truncated or damaged ({error})") from error
    rgb.info = {}  # neither comments nor colour profiles travel on into what is encoded from this image
    return rgb


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise InputError("the image has floating-point pixels, whose scale is unknown: convert it to 8 or 16 bits")
    if image.mode.startswith("I"):  # 16-bit grey, or 32-bit integers that hold 16-bit grey
        grey = np.asarray(image).astype(np.float64) / 257.0
        return Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer).convert("RGB")
    return image.copy() if image.mode == "RGB" else image.convert("RGB")


def encode_image(image: Image.Image, format: Literal["png", "jpeg", "webp"] = "png", quality: int = 95) -> bytes:
    """The picture's bytes without metadata; equal pixels give equal bytes.

    Args:
        image: any mode that RGB can be made from.
        format: "png" is lossless and ignores `quality`.
        quality: 1..100; "webp" at 100 is lossless.

    Raises:
        InputError: unknown format or quality.
    """
    if format not in ("png", "jpeg", "webp"):
        raise InputError(f"image format {format!r} is none of png, jpeg, webp")
    if not 1 <= quality <= 100:
        raise InputError(f"image quality {quality} is outside 1..100")
    rgb = _to_rgb(image)
    rgb.info = {}
    out = io.BytesIO()
    if format == "png":
        rgb.save(out, "PNG")
    elif format == "jpeg":
        rgb.save(out, "JPEG", quality=quality)
    else:
        rgb.save(out, "WEBP", quality=quality, lossless=quality == 100)
    return out.getvalue()


def load_pixels(data: bytes, size: int, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Encoded picture to model input: the largest centred square, resized with antialiasing (bicubic).

    Args:
        data: encoded picture, as for `decode_image`.
        size: side of the result in pixels.

    Returns:
        float32 [3, size, size] in 0..1, channels red, green, blue.

    Raises:
        InputError: as `decode_image`.
    """
    image = decode_image(data, max_pixels)
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    if image.size != (size, size):
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    pixels = np.asarray(image, np.float32) / np.float32(255)  # [S, S, 3]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))  # [3, S, S]
