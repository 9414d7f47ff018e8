"""Pictures with bytes turned, and PNGs whose chunks promise or hold more than a reader should take."""

from __future__ import annotations

import struct
import zlib
from functools import cache

from tests.fuzz.mutations import Random, mutate_bytes


def mutate_picture(data: bytes, draw: Random) -> bytes:
    """A picture with bytes turned; the chunks of a PNG are changed behind a checksum that fits."""
    if data.startswith(b"\x89PNG") and draw.random() < 0.6:
        return _mutate_png(data, draw)
    return mutate_bytes(data, draw)


def _mutate_png(data: bytes, draw: Random) -> bytes:
    chunks = []
    at = 8
    while at + 12 <= len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    for _ in range(draw.randrange(1, 4)):
        index = draw.randrange(len(chunks))
        kind, body = chunks[index]
        what = draw.random()
        if what < 0.6:
            chunks[index] = (kind, mutate_bytes(body, draw))
        elif what < 0.8:
            chunks.insert(index, draw.choice(extra_chunks()))
        else:
            sides = [draw.choice([0, 1, 7, 8000, 30_000, 2**31 - 1, 2**32 - 1]) for _ in range(2)]
            chunks[0] = (
                b"IHDR",
                struct.pack(">IIBBBBB", *sides, draw.choice([1, 8, 16]), draw.choice([0, 2, 3, 6]), 0, 0, 0),
            )
    return data[:8] + b"".join(_chunk(kind, body) for kind, body in chunks)


@cache
def extra_chunks() -> list[tuple[bytes, bytes]]:
    """Chunks of a PNG that promise or hold more than a reader should take."""
    packer, block = zlib.compressobj(9), bytes(2**20)
    bomb = b"".join(packer.compress(block) for _ in range(100)) + packer.flush()  # 100 MB in 100 kB
    return [
        (b"zTXt", b"note\0\0" + bomb),
        (b"iTXt", b"note\0\1\0\0\0" + bomb),
        (b"iCCP", b"icc\0\0" + bomb),
        (b"IDAT", bomb),
        (b"tRNS", bytes(300)),
        (b"eXIf", b"II*\0\xff\xff\xff\xff"),
        (b"acTL", struct.pack(">II", 2**31 - 1, 0)),
        (b"fcTL", bytes(26)),
    ]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
