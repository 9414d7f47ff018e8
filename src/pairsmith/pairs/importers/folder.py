"""A folder of pictures with captions beside them: `name.jpg` and `name.txt`, at any depth."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pairsmith.errors import InputError
from pairsmith.pairs.importers.files import (
    listing_fingerprint,
    read_image_file,
    require_path,
    source_name,
    split_captions,
    walk_files,
)
from pairsmith.pairs.importers.rows import Record, RowSettings, Source, iter_rows
from pairsmith.pairs.importers.splits import ALL, NAMES, require_one_split
from pairsmith.pairs.schema import Pair

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"))
MAX_TEXT_BYTES = 2**20  # a larger text file is no caption


class FolderSource(Source):
    """Pictures of a folder, in the order of their paths, as records.

    A picture without a text file gives a row that is filtered for its empty caption.

    Args:
        path: the folder.
        split: takes the subfolder of this name; `all` takes everything.
        caption_per_line: each line of a `.txt` is a caption of its own; otherwise the file is one caption.

    Raises:
        InputError: no such folder, no picture in it, or the subfolders of several splits and none chosen.
    """

    format = "folder"

    def __init__(self, path: Path | str, split: str | None = None, caption_per_line: bool = False) -> None:
        root = require_path(path)
        if not root.is_dir():
            raise InputError(f"{root}: is a file; name the folder of images and captions")
        if split is None:
            require_one_split((entry.name for entry in root.iterdir() if entry.is_dir() and entry.name in NAMES), root)
        self.folder = root if split is None or split == ALL else require_path(root / split)
        self.name = source_name(root) if split is None else f"{source_name(root)}:{split}"
        self.caption_per_line = caption_per_line
        if next(self._pictures(), None) is None:
            raise InputError(f"{self.folder}: holds no image files ({', '.join(sorted(IMAGE_SUFFIXES))})")

    def _pictures(self) -> Iterator[Path]:
        return (file for file in walk_files(self.folder) if file.suffix.lower() in IMAGE_SUFFIXES)

    def fingerprint(self) -> str:
        """Of the names and sizes of all files."""
        return listing_fingerprint(self.folder, walk_files(self.folder))

    def records(self) -> Iterator[Record]:
        """One record a picture."""
        for file in self._pictures():
            name = file.as_posix()
            yield Record(name, self._captions(file), partial(read_image_file, self.folder, [name]), image_path=name)

    def _captions(self, file: Path) -> tuple[str, ...]:
        texts = (self.folder / file.with_suffix(suffix) for suffix in (".txt", ".TXT"))
        text = next((path for path in texts if path.is_file()), None)
        if text is None:
            return ()
        try:
            with open(text, "rb") as handle:
                return split_captions(handle.read(MAX_TEXT_BYTES), self.caption_per_line)
        except OSError as error:
            raise InputError(f"{text}: cannot be read ({error.strerror})") from error


def iter_pairs_folder(
    path: Path | str, split: str | None = None, settings: RowSettings | None = None
) -> Iterator[Pair]:
    """Rows of a folder of pictures and text files, lazily; arguments and errors of `FolderSource`."""
    settings = settings or RowSettings()
    yield from iter_rows(FolderSource(path, split, settings.caption_per_line), settings)
