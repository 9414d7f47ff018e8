"""Walking a WebDataset tar: members with one key make a sample; nothing is ever unpacked to disk.

Only headers are read here; the bytes of a member are read later, by offset. A tar that was cut off (its writer was
killed, a copy was broken) gives its complete samples and then an error that says where it is torn.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pairsmith.errors import InputError

_BLOCK = 512  # tar works in blocks of this many bytes
_NAME = re.compile(r"^((?:.*/)?[^./][^./]*)\.([^/]+)$")  # key = path up to the first dot of the last part


@dataclass
class TarSample:
    """The members of one key.

    Attributes:
        key: path without extensions.
        members: extension in lower case to (offset of the data, size), both in bytes.
    """

    key: str
    members: dict[str, tuple[int, int]] = field(default_factory=dict)


def read_member(path: Path, offset: int, size: int) -> bytes:
    """The bytes of one member.

    Raises:
        InputError: the file cannot be read or ends too early.
    """
    try:
        with open(path, "rb") as handle:
            handle.seek(offset)
            data = handle.read(size)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) != size:
        raise InputError(f"{path}: ends at byte {offset + len(data)}, inside a member")
    return data


def tar_samples(path: Path, extensions: frozenset[str]) -> Iterator[TarSample]:
    """The complete samples of a tar in its order; members with other extensions are passed over.

    The last sample before a tear counts as complete when another sample begins after it, or when it has all the kinds
    of members of the one before it.

    Raises:
        InputError: after the complete samples, when the tar is torn or damaged; at once, when it is no tar.
    """
    sample: TarSample | None = None
    kinds: set[str] = set()  # of the sample before
    size = path.stat().st_size
    tear = ""
    cut_key = ""
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else tarfile keeps every header it has seen
                key, extension = _split_name(member)
                if member.size < 0 or member.offset_data < 0:
                    tear = f"member {member.name!r} has a size below zero"
                    break
                if member.offset_data + member.size > size:
                    tear, cut_key = f"member {member.name!r} is cut off", key
                    break
                if extension not in extensions:
                    continue
                if sample is not None and sample.key != key:
                    yield sample
                    kinds, sample = set(sample.members), None
                sample = sample or TarSample(key)
                sample.members.setdefault(extension, (member.offset_data, member.size))
            if not tear and not _closed(path, tar.offset):
                tear = f"damaged or cut off at byte {tar.offset}"
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        tear = str(error)
    if sample is not None:
        same_kinds = bool(kinds) and kinds <= set(sample.members)
        if not tear or (cut_key != sample.key if cut_key else same_kinds):
            yield sample
            sample = None
    if tear:
        lost = f", sample {sample.key!r} is lost" if sample is not None else ""
        raise InputError(f"{path.name} is torn: {tear}{lost}; the complete samples before it were kept")


def _split_name(member: tarfile.TarInfo) -> tuple[str, str]:
    """Key and extension of a plain file; two empty texts for links, folders, devices and names without extension."""
    found = _NAME.match(member.name)
    if found is None or not member.isreg() or member.issparse():
        return "", ""
    return found[1], found[2].lower()


def _closed(path: Path, offset: int) -> bool:
    """True when the block after the last member is the block of zeros that ends an archive."""
    with open(path, "rb") as handle:
        handle.seek(offset)
        return handle.read(_BLOCK) == bytes(_BLOCK)
