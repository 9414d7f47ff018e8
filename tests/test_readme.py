"""The README's examples do what they say, and all commands of the documents are commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from pairsmith.cli import app
from pairsmith.pairs import PairStore
from tests.pairs.rows import make_pairs

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def calls(text: str) -> list[list[str]]:
    """The arguments of each call of the program in a document's shell blocks, with or without torchrun before it."""
    indented = re.findall(r"^    .*", text, re.MULTILINE)
    lines = "\n".join([*blocks(text, "bash"), *indented]).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if re.match(r" *(pairsmith|torchrun) ", line)]
    return [line[line.index("pairsmith") + 1 :] for line in words if "pairsmith" in line]


PYTHON = blocks(TEXT, "python")
CALLS = calls(TEXT)
DOCUMENTED = {" ".join(call): call for path in sorted((ROOT / "docs").glob("*.md")) for call in calls(path.read_text())}
COMMANDS = sorted(set(re.findall(r"`pairsmith ([a-z-]+)", TEXT)))


def test_there_are_examples() -> None:
    assert len(PYTHON) >= 2
    assert len(CALLS) >= 4
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.split()[1])
def test_python(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(tmp_path)
    PairStore.write("runs/tiny/synthetic", make_pairs(2), settings={})
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [*([*call, "--dry-run"] for call in CALLS), *([name, "--help"] for name in COMMANDS)]
)
def test_commands(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("arguments", DOCUMENTED.values(), ids=DOCUMENTED)
def test_commands_of_the_documents_are_understood(arguments: list[str]) -> None:
    """Names, options and their values; nothing is run."""
    command, context = get_command(app), None
    while hasattr(command, "get_command"):
        name = arguments[0] if context else "pairsmith"
        arguments = arguments[1:] if context else arguments
        context = command.make_context(name, list(arguments), parent=context)
        command = command.get_command(context, arguments[0])
        assert command is not None, arguments
    command.make_context(arguments[0], list(arguments[1:]), parent=context)
