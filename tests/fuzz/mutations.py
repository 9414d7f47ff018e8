"""Wrong inputs made from right ones: bytes turned, and the values of JSON files bent.

Everything is a function of the generator that comes in, so that a single input can be made again from its number.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

Random = random.Random

LONGEST = 400_000  # bytes of an input, so that a duplicated slice does not grow without end
_NUMBERS = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)

NAMES = (
    "../secret.png",
    "../../secret.png",
    "/etc/hostname",
    "..",
    ".",
    "",
    "a/../../secret.png",
    "~/x.png",
    "C:\\x.png",
    "..\\secret.png",
    "a\0b.png",
    "x" * 300,
    "\ud800.png",
    "link.png",
    "part-00000.parquet",
    "part-00001.parquet/../../canary.txt",
    "../canary.txt",
)
"""File names that would lead out of a folder, or that no file system takes."""


# === Bytes ===


def mutate_bytes(data: bytes, draw: Random) -> bytes:
    """One to about ten small changes anywhere."""
    out = bytearray(data)
    for _ in range(1 + int(draw.expovariate(0.5))):
        draw.choice(_CHANGES)(out, draw)
    return bytes(out[:LONGEST])


def random_bytes(draw: Random) -> bytes:
    """Rubbish of any length up to 2 kB, perhaps behind the first bytes of a known format."""
    magic = draw.choice(
        [b"", b"PAR1", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF", b"GIF89a", b"II*\0", b"{", b"["]
    )
    return magic + draw.randbytes(draw.randrange(2048))


def _flip(out: bytearray, draw: Random) -> None:
    if out:
        out[draw.randrange(len(out))] ^= 1 << draw.randrange(8)


def _set(out: bytearray, draw: Random) -> None:
    if out:
        out[draw.randrange(len(out))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])


def _number(out: bytearray, draw: Random) -> None:
    size = draw.choice([2, 4, 8])
    if len(out) >= size:
        at = draw.randrange(len(out) - size + 1)
        value = draw.choice(_NUMBERS) % 2 ** (8 * size)
        out[at : at + size] = value.to_bytes(size, draw.choice(["little", "big"]))


def _cut(out: bytearray, draw: Random) -> None:
    del out[draw.randrange(len(out) + 1) :]


def _remove(out: bytearray, draw: Random) -> None:
    at = draw.randrange(len(out) + 1)
    del out[at : at + draw.randrange(1, 64)]


def _repeat(out: bytearray, draw: Random) -> None:
    at = draw.randrange(len(out) + 1)
    out[at:at] = bytes(out[at : at + draw.randrange(1, 600)]) * draw.randrange(1, 4)


def _insert(out: bytearray, draw: Random) -> None:
    at = draw.randrange(len(out) + 1)
    out[at:at] = draw.randbytes(draw.randrange(1, 16))


_CHANGES: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip,
    _flip,
    _set,
    _number,
    _cut,
    _remove,
    _repeat,
    _insert,
)


# === JSON ===


def mutate_json(content: Any, draw: Random) -> bytes:
    """A JSON file with some values replaced, moved or taken away, or a text that few parsers like."""
    if draw.random() < 0.02:
        return draw.choice(_HARD_TEXTS)
    changed = copy.deepcopy(content)
    for _ in range(1 + int(draw.expovariate(0.7))):
        changed = _bend(changed, draw)
    text = json.dumps(changed, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
    return mutate_bytes(text, draw) if draw.random() < 0.15 else text


_HARD_TEXTS = (
    b"[" * 200_000,
    b'{"images":' * 50_000,
    b"1" * 6000,
    b'{"images": ' + b"9" * 6000 + b"}",
    b"\xff\xfe{\0}\0",
    b"\xef\xbb\xbf{}",
    b"nan",
    b"[1e999999]",
    b'{"format_version": 1, "format_version": 2}',
    b'"\\ud800"',
    b"",
)


def odd_value(draw: Random) -> Any:
    """A value that stands where it should not."""
    return draw.choice(
        [
            None, True, -1, 0, 2**31, 2**63, -(2**70), 10**40, 1.5, 1e308, float("nan"), float("inf"), "", " ", "\0",
            "\u2028", "\ud800", "x" * 5000, "<script>alert(1)</script>", "<image>", "12", [], {}, [[]], [None], {"": 0},
            [0] * 50, {"id": 1}, _nested(60), draw.choice(NAMES), draw.choice(NAMES),
        ]
    )  # fmt: skip


def _nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def _bend(value: Any, draw: Random) -> Any:
    """`value` with one change in a part chosen by walking down at random."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(list(value))
        what = draw.random()
        if what < 0.7:
            value[key] = _bend(value[key], draw)
        elif what < 0.8:
            del value[key]
        else:
            value[draw.choice([key.upper(), "", "id", "images", "caption", "shards"])] = value[key]
        return value
    if isinstance(value, list) and value and draw.random() < 0.85:
        at = draw.randrange(len(value))
        what = draw.random()
        if what < 0.7:
            value[at] = _bend(value[at], draw)
        elif what < 0.8:
            del value[at]
        else:
            value.insert(at, copy.deepcopy(draw.choice(value)))
        return value
    return odd_value(draw)
