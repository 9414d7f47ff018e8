"""Wrong inputs made from right ones: bytes turned, structures bent, and the tricks of hostile files.

Everything is a function of the generator that comes in, so that a single input can be made again from its number.
"""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import tarfile
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

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


# === Tar ===


def mutate_tar(members: list[tuple[str, bytes]], draw: Random) -> bytes:
    """A tar with odd names, links, devices and sizes; headers changed behind a checksum that fits."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=draw.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])) as tar:
        for name, data in members:
            header = tarfile.TarInfo(name)
            if draw.random() < 0.2:
                header.name = draw.choice([*NAMES[:10], "x" * 300, f"{draw.choice(NAMES[:5])}/{name}"]) or name
            if draw.random() < 0.2:
                header.type = draw.choice(
                    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, b"S", b"Z"]
                )
                header.linkname = draw.choice(["../secret.png", "/etc/hostname", name])
            if draw.random() < 0.1:
                header.pax_headers = {"size": str(draw.choice([-1, 2**40, "x"])), "path": "../escaped"}
            if draw.random() < 0.2:
                data = draw.choice([mutate_bytes(data, draw), b"", npy_bomb(draw), mutate_json({"caption": "a"}, draw)])
            header.size = len(data) if header.isreg() else 0
            tar.addfile(header, io.BytesIO(data) if header.isreg() else None)
    whole = bytearray(out.getvalue())
    if draw.random() < 0.3:
        _turn_header(whole, draw)
    return mutate_bytes(bytes(whole), draw) if draw.random() < 0.4 else bytes(whole)


def _turn_header(whole: bytearray, draw: Random) -> None:
    """Change bytes of one header block and mend its checksum, so that the change is believed."""
    starts = [at for at in range(0, len(whole) - 511, 512) if whole[at + 257 : at + 262] == b"ustar"]
    if starts:
        at = draw.choice(starts)
        field, width = draw.choice([(0, 100), (124, 12), (156, 1), (157, 100), (345, 155)])
        for _ in range(draw.randrange(1, 4)):
            whole[at + field + draw.randrange(width)] = draw.choice(
                [0, 0x2F, 0x2E, 0x37, 0x80, 0xFF, draw.randrange(256)]
            )
        whole[at + 148 : at + 156] = b" " * 8
        whole[at + 148 : at + 156] = b"%06o\0 " % (sum(whole[at : at + 512]) % 0o1000000)


def npy_bomb(draw: Random) -> bytes:
    """A NumPy array of a few bytes whose header promises gigabytes, or is no header at all."""
    shape = draw.choice(
        ["(1000000000000,)", "(3000000000,)", "(-1,)", "(2, 2)", "()", "(99999999999999999999,)", "('a',)"]
    )
    kind = draw.choice(["<u2", "|O", "<f8", "<U9999999", "|V8"])
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) + 1) + head + b"\n" + bytes(64)


# === Pictures ===


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


# === Parquet ===

COLUMNS = ("id", "caption", "image", "tokens", "split", "references", "seed", "settings", "status", "reason", "score")


def odd_table(draw: Random) -> bytes:
    """A sound Parquet file whose columns bear known names and unexpected types."""
    rows = draw.choice([0, 1, 3, 40])
    columns = {}
    for name in draw.sample(COLUMNS, draw.randrange(1, len(COLUMNS))):
        columns[name] = draw.choice(_MAKERS)(rows, draw)
    table = pa.table(columns)
    if draw.random() < 0.3:
        table = table.replace_schema_metadata({b"pairsmith": draw.choice([b"{}", b"[", b'{"settings": 1}', b"null"])})
    return parquet_bytes(table)


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file."""
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd", write_page_checksum=False)
    return out.getvalue()


def _texts(rows: int, draw: Random) -> pa.Array:
    return pa.array(
        [draw.choice(["a", "", None, "\0", "train", "x" * 999, "../secret.png"]) for _ in range(rows)], pa.string()
    )


def _not_unicode(rows: int, draw: Random) -> pa.Array:
    offsets = np.arange(rows + 1, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(b"\xff" * (rows + 1)))


_MAKERS: tuple[Callable[[int, Random], pa.Array], ...] = (
    _texts,
    _texts,
    _not_unicode,
    lambda rows, draw: pa.nulls(rows, pa.string()),
    lambda rows, draw: pa.nulls(rows, pa.list_(pa.string())),
    lambda rows, draw: _texts(rows, draw).dictionary_encode(),
    lambda rows, draw: pa.array([[None, "b"]] * rows, pa.list_(pa.string())),
    lambda rows, draw: pa.array([[["b"]]] * rows, pa.list_(pa.list_(pa.string()))),
    lambda rows, draw: pa.array([draw.choice([b"", b"\x89PNG", None]) for _ in range(rows)], pa.binary()),
    lambda rows, draw: pa.array([{"bytes": draw.choice([None, b"x"]), "path": "../secret.png"}] * rows),
    lambda rows, draw: pa.array([{"bytes": "text"}] * rows, pa.struct([("bytes", pa.string())])),
    lambda rows, draw: pa.array([{"path": "x"}] * rows, pa.struct([("path", pa.string())])),
    lambda rows, draw: pa.array([[1, draw.randrange(65536)]] * rows, pa.list_(pa.uint16(), 2)),
    lambda rows, draw: pa.array([[1] * draw.randrange(3) for _ in range(rows)], pa.list_(pa.uint16())),
    lambda rows, draw: pa.array([draw.choice([None, [1.5]]) for _ in range(rows)], pa.list_(pa.float64())),
    lambda rows, draw: pa.array([draw.choice([1, None, -(2**63)]) for _ in range(rows)], pa.int64()),
    lambda rows, draw: pa.array([2**64 - 1] * rows, pa.uint64()),
    lambda rows, draw: pa.array([float("nan")] * rows, pa.float64()),
    lambda rows, draw: pa.array([2**62] * rows, pa.timestamp("ns")),
    lambda rows, draw: pa.array([2**50] * rows, pa.timestamp("us", tz="No/Where")),
    lambda rows, draw: pa.array([True] * rows),
)
