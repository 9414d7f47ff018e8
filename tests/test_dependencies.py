"""What `pyproject.toml` asks users to install is what the code imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMPORT_NAMES = {"scikit-learn": "sklearn", "open_clip_torch": "open_clip", "pillow": "PIL", "pyyaml": "yaml"}
OF_EXTRAS = {"lmms_eval", "peft", "ray", "spacy"}  # imported where they are asked for, and nowhere else
# Needed by a library when we ask it for something, and imported by none of our files.
INDIRECT = {
    "gguf": "transformers reads GGUF files with it",
    "accelerate": "transformers loads GGUF models with it",
    "tensorboard": "torch.utils.tensorboard writes with it",
}


def imported_names() -> set[str]:
    names: set[str] = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names


def declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [re.split(r"[\s<>=!~\[;]", entry, maxsplit=1)[0] for entry in project["dependencies"]]


def test_every_dependency_is_used() -> None:
    used = imported_names()
    missing = [
        name
        for name in declared()
        if name not in INDIRECT and IMPORT_NAMES.get(name, name).replace("-", "_") not in used
    ]
    assert not missing


def test_every_import_is_declared() -> None:
    allowed = {IMPORT_NAMES.get(name, name).replace("-", "_") for name in declared()} | OF_EXTRAS | {"pairsmith"}
    assert imported_names() - allowed - set(sys.stdlib_module_names) == set()


@pytest.mark.parametrize("name", sorted(INDIRECT))
def test_indirect_dependencies_are_declared(name: str) -> None:
    assert name in declared()
