"""All kinds of image generators, by name: the one place to add another.

A kind is a module of this folder with a `KIND`. Modules are imported when their kind is asked for, so that naming the
kinds costs nothing.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from pairsmith.errors import InputError
from pairsmith.model_folder import CONFIG_FILE, find_folder
from pairsmith.stages.generator_kinds.kind import GeneratorKind

KINDS = {
    "masked": "pairsmith.stages.generator_kinds.masked",
    "flow": "pairsmith.stages.generator_kinds.flow",
    "autoregressive": "pairsmith.stages.generator_kinds.autoregressive",
    "diffusers": "pairsmith.stages.generator_kinds.diffusers",
    "scenes": "pairsmith.stages.generator_kinds.scenes",
}
FILES = (CONFIG_FILE, "model_index.json")  # by one of which every kind is told


def generator_kind(name: str) -> GeneratorKind:
    """The kind of a name.

    Raises:
        InputError: there is none.
    """
    if name not in KINDS:
        raise InputError(f"generator kind {name!r} is none of {', '.join(KINDS)}")
    return import_module(KINDS[name]).KIND


def detect_kind(source: str, revision: str | None = None) -> GeneratorKind:
    """The kind of the generator in a folder or on the hub, by the settings file that it has.

    Raises:
        InputError: no such folder or hub name, or no kind's.
    """
    folder = find_folder(source, revision, "a generator", FILES)
    for name in KINDS:
        if any((folder / file).is_file() for file in FILES) and _has(folder, kind := generator_kind(name)):
            return kind
    raise InputError(
        f"{source}: this is no generator of a known kind ({', '.join(KINDS)}); their folders hold {' or '.join(FILES)}"
    )


def _has(folder: Path, kind: GeneratorKind) -> bool:
    try:
        values = json.loads((folder / kind.file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and all(values.get(key) == value for key, value in kind.marks.items())
