"""Stores on object storage: addresses such as `s3://bucket/store`, through fsspec, with the few operations of a path.

What holds there, and what does not:

- A file is sent whole, by one put, after it was made on the local disk. Object stores (S3, GCS, Azure, `memory://`)
  show an object only when all of it has arrived, so nothing needs to be renamed; the manifest, put last, is the one
  commit point, as it is on a disk. On remote *file systems* (SFTP, SMB) a put that is cut off can leave half a file: a
  shard is then not in the manifest and is made again, a manifest is refused as unreadable.
- Nothing locks a folder there. Two writers of one store must be ruled out by whoever starts them.

`file://` addresses are ordinary folders, with every guarantee of a local disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

import fsspec

from pairsmith.errors import InputError

# Two letters at least, or C:/ would be one. `Path` has turned the two slashes into one where it came first.
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.DOTALL)


def as_folder(folder: Path | str) -> Path:
    """A local path, or for an address with a scheme (`memory://a/b`) a `RemotePath`, which does what stores ask of one.

    Raises:
        InputError: an unknown scheme, or one whose package is not installed.
    """
    if isinstance(folder, RemotePath):
        return cast(Path, folder)
    found = _ADDRESS.fullmatch(str(folder))
    if found is None:
        return Path(folder)
    scheme, rest = found.groups()
    if scheme in ("file", "local"):
        return Path("/" + rest)
    try:
        system, place = fsspec.core.url_to_fs(f"{scheme}://{rest}")
    except (ValueError, ImportError, OSError) as error:
        raise InputError(f"{scheme}://{rest}: cannot be reached ({error})") from error
    return cast(Path, RemotePath(system, scheme, PurePosixPath(place)))


@dataclass(frozen=True)
class RemotePath:
    """A file or folder of an fsspec file system, under the names that `pathlib.Path` has for the same things."""

    system: Any
    scheme: str
    place: PurePosixPath

    def __str__(self) -> str:
        return f"{self.scheme}://{str(self.place).lstrip('/')}"

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(self.system, self.scheme, self.place / name)

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def stem(self) -> str:
        return self.place.stem

    @property
    def parent(self) -> RemotePath:
        return RemotePath(self.system, self.scheme, self.place.parent)

    def exists(self) -> bool:
        return bool(self.system.exists(str(self.place)))

    def is_file(self) -> bool:
        return bool(self.system.isfile(str(self.place)))

    def is_symlink(self) -> bool:
        return False

    def stat(self) -> SimpleNamespace:
        """With `st_size`, in bytes."""
        return SimpleNamespace(st_size=int(self.system.info(str(self.place))["size"]))

    def open(self, mode: str = "rb") -> BinaryIO:
        return cast(BinaryIO, self.system.open(str(self.place), mode))

    def read_bytes(self) -> bytes:
        return cast(bytes, self.system.cat_file(str(self.place)))

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Where the storage has folders at all."""
        self.system.makedirs(str(self.place), exist_ok=True)

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self.system.rm_file(str(self.place))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def iterdir(self) -> Iterator[RemotePath]:
        self.system.invalidate_cache(str(self.place))
        for entry in self.system.ls(str(self.place), detail=False):
            yield self / PurePosixPath(entry).name

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """Files right here whose names fit; none where there is no such folder."""
        if self.exists():
            yield from (path for path in self.iterdir() if fnmatch(path.name, pattern))

    def put(self, local: Path) -> None:
        """Send a local file whole."""
        self.system.put_file(str(local), str(self.place))
        self.system.invalidate_cache(str(self.place.parent))
