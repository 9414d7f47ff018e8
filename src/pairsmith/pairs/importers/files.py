"""Reading what users bring: JSON with errors that name key and index, and image paths that cannot leave their folder.

File names inside an annotation file are data from strangers, so they are checked as text before any file is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pairsmith.errors import InputError

MAX_IMAGE_BYTES = 256 * 2**20  # an encoded picture larger than this is taken for a mistake and not read into memory
PROBED_NAMES = 50  # images looked for before an image folder is believed to be the right one

_TYPE_NAMES = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


def require_path(path: Path | str) -> Path:
    """`path` as a Path.

    Raises:
        InputError: nothing is there.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    return path


def source_name(path: Path) -> str:
    """The last part of a path without its suffix, also for `.`: names a source alike on every machine."""
    absolute = Path(os.path.abspath(path))
    return absolute.name if absolute.is_dir() else absolute.stem


def read_json(path: Path) -> Any:
    """The parsed content of a JSON file.

    Raises:
        InputError: the file is missing, unreadable or not JSON; line and column of the first fault are named.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg})"
        ) from error
    except (ValueError, RecursionError) as error:  # other encodings, endless nesting, numbers of thousands of digits
        raise InputError(f"{path}: is not valid JSON ({error})") from error


def find_json(folder: Path, fits: Callable[[Any], bool]) -> Path | None:
    """The JSON file of `folder` or `folder/annotations` whose content fits, told by its keys and not by its name.

    Raises:
        InputError: several fit.
    """
    found = []
    for path in sorted((*folder.glob("*.json"), *folder.glob("annotations/*.json"))):
        try:
            content = read_json(path)
        except InputError:  # some other tool's file; not ours to complain about
            continue
        if fits(content):
            found.append(path)
    if len(found) > 1:
        raise InputError(f"{folder}: holds several caption files, name one: {', '.join(path.name for path in found)}")
    return found[0] if found else None


def field(mapping: Any, key: str, kind: type, where: str, path: Path) -> Any:
    """`mapping[key]`, checked to be of `kind` (dict, list, str or int).

    Args:
        where: the place of `mapping` in the file, as in `images[3]`; empty for the top.

    Raises:
        InputError: `mapping` is no object, the key is missing or its value has another type; names file, place, key.
    """
    if not isinstance(mapping, dict):
        raise InputError(f"{path}: {where or 'the top of the file'} is {_named(mapping)}, not an object")
    place = f"{where}.{key}" if where else key
    if key not in mapping:
        raise InputError(f"{path}: {place} is missing")
    value = mapping[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{path}: {place} is {_named(value)}, not {_TYPE_NAMES[kind]}")
    return value


def _named(value: Any) -> str:
    return _TYPE_NAMES.get(type(value), "null" if value is None else f"a {type(value).__name__}")


def unsafe_name(name: str) -> str:
    """Why a relative file name must not be opened, or "" when it stays inside its folder."""
    if not name:
        return "empty file name"
    if "\0" in name or "\\" in name:
        return f"file name {name!r} holds a character that no file name here may have"
    if name.startswith(("/", "~")) or re.match(r"[A-Za-z]:", name):
        return f"file name {name!r} is not relative to the image folder"
    if ".." in PurePosixPath(name).parts:
        return f"file name {name!r} leaves the image folder"
    return ""


def read_image_file(folder: Path, names: Sequence[str]) -> bytes:
    """The bytes of the first of `names` that exists under `folder`.

    Raises:
        InputError: a name would leave the folder, none exists, or the file is no regular file or too large.
    """
    for name in names:
        problem = unsafe_name(name)
        if problem:
            raise InputError(problem)
        try:
            path = folder / name
            if not path.is_file():
                continue
            size = path.stat().st_size
            if size > MAX_IMAGE_BYTES:
                raise InputError(f"image file {name} has {size:,} bytes, more than {MAX_IMAGE_BYTES:,}")
            return path.read_bytes()
        except (OSError, UnicodeError) as error:  # also a name that the file system cannot hold
            raise InputError(f"image file {name} cannot be read ({error})") from error
    raise InputError(f"image file not found: {names[0]}")


def find_image_folder(candidates: Iterable[Path], names: Sequence[Sequence[str]], path: Path) -> Path:
    """The first candidate folder that holds one of the first listed images.

    A wrong folder would otherwise turn a whole data set into failed rows.

    Args:
        candidates: folders, the most likely first.
        names: for every image the file names under which it may be found.
        path: the annotation file, for the message.

    Raises:
        InputError: no candidate holds any of them.
    """
    folders = list(dict.fromkeys(candidates))
    probes = [name for choices in names[:PROBED_NAMES] for name in choices if not unsafe_name(name)]
    for folder in folders:
        if folder.is_dir() and (not probes or any(_exists(folder / name) for name in probes)):
            return folder
    looked = ", ".join(str(folder) for folder in folders)
    example = f" (such as {probes[0]})" if probes else ""
    raise InputError(f"{path}: its images{example} are not in {looked}; name their folder with images=FOLDER")


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, UnicodeError):
        return False


def walk_files(folder: Path) -> Iterator[Path]:
    """All visible regular files under `folder`, relative to it, in the sorted order of their names, lazily."""
    yield from _walk(folder, PurePosixPath())


def _walk(folder: Path, prefix: PurePosixPath) -> Iterator[Path]:
    try:
        entries = sorted((folder / prefix).iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder / prefix}: cannot be listed ({error.strerror})") from error
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        if entry.is_dir() and not entry.is_symlink():  # a linked folder could lead round in a circle
            yield from _walk(folder, prefix / entry.name)
        elif entry.is_file():
            yield Path(prefix / entry.name)


def listing_fingerprint(folder: Path, files: Iterable[Path]) -> str:
    """16 hex digits over names and sizes: tells that a source has changed without reading gigabytes."""
    digest = hashlib.sha256()
    for name in files:
        digest.update(f"{name.as_posix()}\0{(folder / name).stat().st_size}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def file_fingerprint(path: Path) -> str:
    """The first 16 hex digits of the SHA-256 of a file's content."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:16]


def storable(text: str) -> str:
    """`text` as UTF-8 can hold it: lone surrogates (JSON escapes, file names in other encodings) become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def clean_text(text: str) -> str:
    """A caption as one line: outer blanks removed, line breaks of any script turned into one blank.

    Unicode line separators inside captions shift whole result files of line-based tools.
    """
    lines = (line.strip() for line in storable(text).replace("\0", " ").splitlines())
    return " ".join(line for line in lines if line)


def split_captions(data: bytes, per_line: bool) -> tuple[str, ...]:
    """The captions in the bytes of a text file: the whole of it, or each line that is not blank."""
    text = data.decode("utf-8-sig", "replace")
    return tuple(line for line in text.splitlines() if line.strip()) if per_line else (text,)
