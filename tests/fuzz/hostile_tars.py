"""Tars with the tricks of hostile files: names that lead out, links, devices, and sizes that are not so."""

from __future__ import annotations

import io
import struct
import tarfile

from tests.fuzz.mutations import NAMES, Random, mutate_bytes, mutate_json


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
