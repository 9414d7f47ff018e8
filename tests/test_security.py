"""What SECURITY.md promises of the source as a whole: nothing runs what is read, and dependencies are pinned."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "src").rglob("*.py"))
# Ways to run what a file says, or to write where an archive says.
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "dill.load", "marshal.loads", "shelve.open"),
    *("yaml.load", "yaml.full_load", "yaml.unsafe_load", "os.system", "os.popen", "subprocess.getoutput"),
    *("pandas.read_pickle", "shutil.unpack_archive"),
}
FORBIDDEN_METHODS = {"extract", "extractall"}  # of tars and zips
REQUIRED = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}


def calls(text: str) -> Iterator[tuple[str, ast.Call]]:
    """(dotted name, call) for every call of a named function or method."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            parts: list[str] = []
            function: ast.expr = node.func
            while isinstance(function, ast.Attribute):
                parts.insert(0, function.attr)
                function = function.value
            yield ".".join(([function.id] if isinstance(function, ast.Name) else ["?"]) + parts), node


def faults(text: str) -> list[str]:
    """What a source file does that it must not."""
    found = []
    for name, call in calls(text):
        keywords = {item.arg: getattr(item.value, "value", None) for item in call.keywords}
        if name in FORBIDDEN or ("." in name and name.rsplit(".", 1)[1] in FORBIDDEN_METHODS):
            found.append(f"line {call.lineno}: {name}")
        if keywords.get("shell"):
            found.append(f"line {call.lineno}: {name} through a shell")
        if name in REQUIRED and keywords.get(REQUIRED[name][0]) is not REQUIRED[name][1]:
            found.append(f"line {call.lineno}: {name} without {REQUIRED[name][0]}={REQUIRED[name][1]}")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "src" / "pairsmith")))
def test_nothing_runs_what_a_file_says(file: Path) -> None:
    assert faults(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "pickle.loads(data)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "yaml.load(text)",
        "tar.extractall(folder)",
        "subprocess.run(command, shell=True)",
        "eval(text)",
    ],
)
def test_each_of_these_would_be_found(text: str) -> None:
    assert len(faults(text)) == 1


def pinned() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    found = [re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][^\s;]*)", line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def test_every_package_that_is_installed_for_the_project_is_pinned() -> None:
    pins = pinned()
    waiting = [Requirement("pairsmith[dev]")]
    seen: set[str] = set()
    missing = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (key := f"{name}{sorted(requirement.extras)}") in seen:
            continue
        seen.add(key)
        if name not in pins and name != "pairsmith":
            missing.add(name)
        try:
            texts = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        extras = ["", *requirement.extras]
        for text in texts:
            next_one = Requirement(text)
            if next_one.marker is None or any(next_one.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(next_one)
    assert missing <= {"pip", "setuptools"}, "pin these in constraints.txt"
