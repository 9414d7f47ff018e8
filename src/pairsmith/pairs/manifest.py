"""The manifest: what a store was made from, and the size and hash of every shard that counts.

A shard is part of the store from the moment the manifest names it, and only then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from pairsmith.errors import InputError
from pairsmith.pairs.atomic import atomic_file
from pairsmith.settings import Settings, canonical_json, fingerprint, first_difference

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"

_SHARD = re.compile(r"part-(\d{5,})\.parquet$")


def shard_name(index: int) -> str:
    """File name of the shard `index`, counted from 0."""
    return f"part-{index:05d}.parquet"


def shard_index(name: str) -> int | None:
    """The index in a shard's file name; None when `name` is not one."""
    found = _SHARD.match(name)
    return int(found[1]) if found and shard_name(int(found[1])) == name else None


class ShardEntry(Settings):
    """One finished shard. Its name is a shard's and nothing else: a manifest from strangers names no other file."""

    name: str  # file name inside the store
    rows: int = Field(ge=0, lt=2**40)
    bytes: int = Field(ge=0, lt=2**60)  # size of the file
    sha256: str = Field(pattern="^[0-9a-f]{64}$")  # of the file

    @field_validator("name")
    @classmethod
    def _is_shard(cls, name: str) -> str:
        if shard_index(name) is None:
            raise ValueError(f"{name!r} is not the name of a shard")
        return name


class Manifest(Settings):
    """Everything about a store but its rows. `make` fills the fingerprint; `load` checks it."""

    format_version: int = FORMAT_VERSION
    kind: str = "pairs"  # what the rows are: captions, pairs ...
    settings: dict[str, Any] = Field(default_factory=dict)  # of the stage that made the rows, in full
    inputs: dict[str, str] = Field(default_factory=dict)  # name -> fingerprint of each thing the rows came from
    tokenizer: str | None = None  # fingerprint of the tokenizer that the tokens belong to
    num_tokens: int | None = Field(default=None, ge=0, le=2**20)  # tokens a row; None where they vary or are absent
    layout: dict[str, int] = Field(default_factory=dict)  # how rows fall to shards: shard_rows, items
    fingerprint: str = ""  # of kind, settings, inputs, tokenizer and num_tokens; 16 hex digits
    shards: tuple[ShardEntry, ...] = ()  # by index
    complete: bool = False  # sealed: every shard is here

    @classmethod
    def make(
        cls,
        kind: str,
        settings: Mapping[str, Any] | Settings,
        inputs: Mapping[str, str],
        tokenizer: str | None,
        num_tokens: int | None,
        layout: Mapping[str, int],
    ) -> Manifest:
        """An empty manifest. Settings become plain JSON, so that what is compared is what is stored.

        Raises:
            InputError: settings that JSON cannot hold.
        """
        try:
            plain = json.loads(canonical_json(settings))
        except (TypeError, ValueError) as error:
            raise InputError(f"the store's settings are not plain JSON values ({error})") from error
        made = cls(
            kind=kind,
            settings=plain,
            inputs=dict(inputs),
            tokenizer=tokenizer,
            num_tokens=num_tokens,
            layout=dict(layout),
        )
        return made.model_copy(update={"fingerprint": made.origin_fingerprint()})

    def origin_fingerprint(self) -> str:
        """The fingerprint that `fingerprint` has to equal."""
        return fingerprint({name: getattr(self, name) for name in _ORIGIN})

    def difference(self, other: Manifest) -> str | None:
        """The first thing in which the work behind `other` differs from this, with both values; None when equal."""
        for part in (*_ORIGIN, "layout"):
            path = "" if part == "settings" else part
            found = first_difference(getattr(self, part), getattr(other, part), path)
            if found:
                return found
        return None

    def indices(self) -> set[int]:
        """The indices of the finished shards."""
        return {index for shard in self.shards if (index := shard_index(shard.name)) is not None}

    def with_shard(self, entry: ShardEntry) -> Manifest:
        """This manifest with `entry` added, or replaced where its name is there already."""
        others = [shard for shard in self.shards if shard.name != entry.name]
        return self.model_copy(update={"shards": _by_index([*others, entry])})

    def without_shards(self, names: Iterable[str]) -> Manifest:
        """This manifest without the named shards, and so no longer complete."""
        dropped = set(names)
        kept = [shard for shard in self.shards if shard.name not in dropped]
        return self.model_copy(update={"shards": _by_index(kept), "complete": False})

    def save(self, folder: Path, reached: Callable[[str], None] = lambda name: None) -> None:
        """Write `folder/manifest.json` atomically; equal manifests give equal bytes."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        with atomic_file(folder / MANIFEST_NAME, reached) as file:
            file.write(text.encode())

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read `folder/manifest.json`.

        Raises:
            InputError: there is none, it is unreadable, of a newer format, or changed by hand.
        """
        path = folder / MANIFEST_NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise InputError(f"{folder} is not a pair store: it has no {MANIFEST_NAME}") from error
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{path} cannot be read ({error})") from error
        version = content.get("format_version") if isinstance(content, dict) else None
        if not isinstance(version, int) or isinstance(version, bool):
            raise InputError(f"{path} is not the manifest of a pair store: it has no format_version")
        if version > FORMAT_VERSION:
            raise InputError(
                f"{path} has format_version {version}, this Pairsmith reads up to {FORMAT_VERSION}: install a newer one"
            )
        try:
            manifest = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{path}: entry {where!r} is wrong ({first['msg']})") from error
        names = [shard.name for shard in manifest.shards]
        if len(set(names)) < len(names):
            raise InputError(f"{path} names a shard twice")
        try:
            sound = manifest.fingerprint == manifest.origin_fingerprint()
        except ValueError:  # texts that no file can hold
            sound = False
        if not sound:
            raise InputError(f"{path} was changed by hand: its fingerprint does not fit its settings")
        return manifest


# What makes two stores the same work, in the order in which a difference is looked for.
_ORIGIN = ("kind", "settings", "inputs", "tokenizer", "num_tokens")


def _by_index(shards: Iterable[ShardEntry]) -> tuple[ShardEntry, ...]:
    return tuple(sorted(shards, key=lambda shard: (len(shard.name), shard.name)))
